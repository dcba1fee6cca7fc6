//! Monte Carlo study of the estimator: are known parameters recovered, and do 95 % intervals hold them 95 times in 100?
//!
//! `cargo run --release -p kyoso-demand --example monte_carlo -- [--replications 500] [--markets 100] [--makers 5] [--products 3]
//! [--seed 1995]` prints the table of docs/reference/monte-carlo.md. Data sets are independent of one another and of the number of threads.

#[path = "../tests/common/study.rs"]
mod study;

use rayon::prelude::*;
use study::{Design, replicate, summary};

fn main() -> Result<(), String> {
    let mut design = Design {
        markets: 100,
        makers: 5,
        products: 3,
        seed: 1995,
    };
    let mut replications = 500;
    let mut words = std::env::args().skip(1);
    while let Some(option) = words.next() {
        let value = words.next().ok_or(format!("`{option}` needs a number"))?;
        let number: usize = value
            .parse()
            .map_err(|_| format!("`{option} {value}`: a whole number was expected"))?;
        match option.as_str() {
            "--replications" => replications = number,
            "--markets" => design.markets = number.max(1),
            "--makers" => design.makers = number.max(1),
            "--products" => design.products = number.max(1),
            "--seed" => design.seed = number as u64,
            _ => {
                return Err(format!(
                    "unknown option `{option}`; there are --replications, --markets, --makers, --products, --seed"
                ));
            }
        }
    }
    let results: Vec<_> = (0..replications)
        .into_par_iter()
        .map(|i| replicate(&design, i))
        .collect();
    let mut found = Vec::new();
    for (i, result) in results.into_iter().enumerate() {
        match result {
            Ok(replication) => found.push(replication),
            Err(error) => eprintln!("data set {i}: {error}"),
        }
    }
    if found.len() < 2 {
        return Err("fewer than two data sets could be estimated".to_owned());
    }
    println!(
        "{replications} data sets of {} markets, {} makers with 1 to {} products each, seed {}",
        design.markets, design.makers, design.products, design.seed
    );
    println!(
        "failed {}, not converged {}\n",
        replications - found.len(),
        found.iter().filter(|r| !r.converged).count()
    );
    println!(
        "| parameter | true | mean bias | median bias | standard deviation | mean standard error | 95 % intervals that hold |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|");
    for row in summary(&found) {
        println!("{}", row.line());
    }
    Ok(())
}
