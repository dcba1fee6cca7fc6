//! The public replication data and `PyBLP`'s values on them.
#![allow(dead_code)]

use std::path::PathBuf;

use kyoso_demand::{Formulation, Problem, Specification, Table};
use serde_json::Value;

pub fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../data/demand")
        .join(name)
}

pub fn reference(name: &str) -> Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// A CSV file as a table: columns of numbers where every value is one, except identifiers.
pub fn table(path: PathBuf) -> Table {
    let mut reader = csv::Reader::from_path(path).unwrap();
    let names: Vec<String> = reader
        .headers()
        .unwrap()
        .iter()
        .map(str::to_owned)
        .collect();
    let mut columns = vec![Vec::new(); names.len()];
    for record in reader.records() {
        for (column, value) in columns.iter_mut().zip(record.unwrap().iter()) {
            column.push(value.to_owned());
        }
    }
    names
        .iter()
        .zip(columns)
        .fold(Table::new(), |table, (name, values)| {
            let numbers: Result<Vec<f64>, _> = values.iter().map(|v| v.parse()).collect();
            match numbers {
                Ok(numbers) if !name.ends_with("_ids") => table.with(name, numbers),
                _ => table.with_labels(name, values),
            }
        })
}

pub fn reference_columns(name: &str) -> Table {
    table(
        PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("tests/data")
            .join(name),
    )
}

pub fn terms(text: &[&str]) -> Formulation {
    Formulation::parse(text).unwrap()
}

pub fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        Value::Null => vec![f64::NAN],
        other => vec![other.as_f64().unwrap()],
    }
}

/// The automobiles of 1995.
pub fn blp() -> Problem {
    let specification = Specification {
        linear: terms(&["1", "hpwt", "air", "mpd", "space"]),
        random: terms(&["1", "prices", "hpwt", "air", "mpd", "space"]),
        cost: terms(&["1", "log(hpwt)", "air", "log(mpg)", "log(space)", "trend"]),
        demographics: terms(&["1/income"]),
        cost_form: kyoso_demand::CostForm::Log,
        names: kyoso_demand::Names {
            product: "car_ids".into(),
            ..Default::default()
        },
        ..Specification::default()
    };
    Problem::new(
        specification,
        &table(data("blp-1995/products.csv")),
        Some(&table(data("blp-1995/agents.csv"))),
    )
    .unwrap()
}
