//! A logit of breakfast cereals with fixed effects of products: `cargo run --release -p kyoso-demand --example logit`.

use std::error::Error;
use std::path::Path;

use kyoso_demand::{Formulation, Options, Parameters, Problem, Specification, Table};

/// Columns of a CSV file: identifiers as labels, the rest as numbers.
fn read(path: &Path) -> Result<Table, Box<dyn Error>> {
    let mut reader = csv::Reader::from_path(path)?;
    let names = reader.headers()?.clone();
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>()?;
    let mut table = Table::new();
    for (c, name) in names.iter().enumerate() {
        let cells = rows.iter().map(|row| row[c].to_owned());
        table = if name.ends_with("_ids") {
            table.with_labels(name, cells.collect())
        } else {
            let numbers = cells.map(|cell| cell.parse()).collect::<Result<_, _>>()?;
            table.with(name, numbers)
        };
    }
    Ok(table)
}

fn main() -> Result<(), Box<dyn Error>> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/demand/nevo");
    let specification = Specification {
        linear: Formulation::parse(&["prices", "C(product_ids)"])?,
        ..Specification::default()
    };
    let products = read(&data.join("products.csv"))?;
    let problem = Problem::new(specification, &products, None)?;
    let results = problem.solve(&Parameters::default(), &Options::default())?;
    for e in &results.estimates {
        println!("{} = {:.4} ({:.4})", e.label, e.value, e.error);
    }
    let elasticities = results.economy().elasticities("prices")?;
    let own = elasticities[0][(0, 0)];
    println!("own-price elasticity of the first product: {own:.3}");
    Ok(())
}
