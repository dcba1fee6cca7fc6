//! Random coefficients with a supply side, on simulated markets whose parameters are known, with optimal instruments in a second
//! round: `cargo run --release -p kyoso-demand --example supply`.

use std::error::Error;

use kyoso_demand::linalg::Matrix;
use kyoso_demand::{
    Closeness, Formulation, Integration, Options, Parameters, Pricing, Problem, Rule,
    Specification, Table, differentiation_instruments, draw_errors, draw_uniform, simulate,
};

fn main() -> Result<(), Box<dyn Error>> {
    let (markets, per_market) = (60, 6);
    let n = markets * per_market;
    let labels = |f: &dyn Fn(usize) -> usize| (0..n).map(|i| f(i).to_string()).collect();
    let table = Table::new()
        .with_labels("market_ids", labels(&|i| i / per_market))
        .with_labels("firm_ids", labels(&|i| i % 3))
        .with("size", draw_uniform(n, 1))
        .with("wage", draw_uniform(n, 2));
    let specification = Specification {
        linear: Formulation::parse(&["1", "prices", "size"])?,
        random: Formulation::parse(&["size"])?,
        cost: Formulation::parse(&["1", "size", "wage"])?,
        integration: Some(Integration::new(Rule::Product(7))),
        ..Specification::default()
    };
    let truth = Parameters {
        sigma: Matrix::diagonal(&[3.0]),
        beta: vec![Some(-1.0), Some(-2.0), Some(3.0)],
        gamma: vec![1.0, 0.5, 0.7],
        ..Parameters::default()
    };
    let (xi, omega) = draw_errors(n, 0.2, 0.2, 0.5, 3);
    let pricing = Pricing::default();
    let (products, _) = simulate(&specification, &table, None, &truth, &xi, &omega, &pricing)?;

    // Costs move prices, and so does what others offer.
    let size = Formulation::parse(&["size"])?;
    let mut instruments = vec![products.numbers("wage").unwrap_or(&[]).to_vec()];
    instruments.extend(differentiation_instruments(
        &size,
        &products,
        &specification.names,
        Closeness::Quadratic,
        false,
    )?);
    let products = products.with_numbered("demand_instruments", instruments);
    let problem = Problem::new(specification, &products, None)?;
    let start = Parameters {
        sigma: Matrix::diagonal(&[1.0]),
        beta: vec![None, Some(-1.0), None],
        ..Parameters::default()
    };
    let first = problem.solve(&start, &Options::default())?;
    let better = first.optimal_instruments(&pricing)?;
    let results = better.problem.solve(&start, &Options::default())?;
    println!("parameter          true  estimate  (std. error)");
    let known = [3.0, -2.0, -1.0, 3.0, 1.0, 0.5, 0.7];
    for (e, true_value) in results.estimates.iter().zip(known) {
        println!(
            "{:14} {true_value:8.3} {:9.3}  ({:.3})",
            e.label, e.value, e.error
        );
    }
    Ok(())
}
