//! Two makers of three merge: prices in equilibrium, what buyers lose and makers gain.
//! `cargo run --release -p kyoso-demand --example merger`.

use std::error::Error;

use kyoso_demand::{
    Counterfactual, Economy, Formulation, Parameters, Pricing, Problem, Specification, Table,
};

fn main() -> Result<(), Box<dyn Error>> {
    let names = ["Ant", "Bee", "Cat"].map(str::to_owned);
    let products = Table::new()
        .with_labels("market_ids", vec!["home".to_owned(); 3])
        .with_labels("product_ids", names.to_vec())
        .with_labels("firm_ids", names.to_vec())
        .with("shares", vec![0.2, 0.15, 0.1])
        .with("prices", vec![2.0, 1.8, 1.5]);
    let specification = Specification {
        linear: Formulation::parse(&["prices"])?,
        ..Specification::default()
    };
    let problem = Problem::new(specification, &products, None)?;
    // A calibrated logit: delta = ln s_j - ln s_0, costs from the observed prices.
    let outside = 1.0 - problem.shares().iter().sum::<f64>();
    let delta = problem
        .shares()
        .iter()
        .map(|s| (s / outside).ln())
        .collect();
    let parameters = Parameters {
        beta: vec![Some(-1.5)],
        ..Parameters::default()
    };
    let mut economy = Economy::new(&problem, parameters, delta, Vec::new())?;
    economy.costs = economy.implied_costs(&Counterfactual::default())?;

    let merger = Counterfactual {
        firms: ["Ant", "Ant", "Cat"].map(str::to_owned).to_vec(),
        ..Counterfactual::default()
    };
    let after = economy.equilibrium(&merger, &Pricing::default())?;
    println!("product   cost  price  after");
    for (j, name) in names.iter().enumerate() {
        println!(
            "{name:7} {:6.3} {:6.3} {:6.3}",
            economy.costs[j],
            problem.prices()[j],
            after.prices[j]
        );
    }
    let before = economy.consumer_surplus(problem.prices(), &[])?[0];
    println!(
        "consumer surplus per head: {before:.4}, after {:.4}",
        economy.consumer_surplus(&after.prices, &[])?[0]
    );
    println!(
        "HHI: {:.0}, after {:.0}; equilibrium: {}",
        economy.hhi(problem.shares(), &[])?[0],
        economy.hhi(&after.shares, &merger.firms)?[0],
        after.verdicts[0].is_equilibrium()
    );
    Ok(())
}
