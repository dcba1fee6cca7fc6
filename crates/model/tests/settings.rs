//! Every parameter that a scenario may set changes results, and none changes history.

mod common;

use std::collections::BTreeMap;

use common::model;
use kyoso_model::results::Results;
use kyoso_model::run;
use kyoso_model::scenario::lever::Lever;
use kyoso_model::scenario::{ParameterInfo, Reach, Scenario, Setting, Shelf, Vocabulary};
use kyoso_model::tables::Values;
use rayon::prelude::*;

const HORIZON: i32 = 2028;

/// A column of real numbers with the year of each.
struct Reals {
    name: String,
    years: Vec<i32>,
    values: Vec<f64>,
}

/// Parameters that only a lever brings to bear.
const OF_LEVERS: [&str; 5] = [
    "biofuel.",
    "making.heat_pump_factor",
    "making.low_carbon_steel_cut",
    "making.measured_saving",
    "minerals.procurement",
];

/// Levers under which those parameters act.
fn levers() -> Vec<Lever> {
    let kinds = [
        ("measured_co2", "share = 1.0"),
        ("heat_electrification", "share = 0.5"),
        ("low_carbon_steel", "share = 0.5"),
        ("joint_procurement", "share = 0.5"),
        ("biofuel", "fuel = \"ethanol\"\nblend = 0.9"),
        ("biofuel", "fuel = \"hvo\"\nblend = 0.9"),
    ];
    let text: String = kinds
        .iter()
        .map(|(kind, rest)| {
            format!("[[lever]]\nkind = \"{kind}\"\ncountries = [\"THA\"]\n{rest}\n")
        })
        .collect();
    let vocabulary = Vocabulary {
        parameters: Vec::new(),
        countries: vec!["THA".to_owned()],
        groups: BTreeMap::new(),
        variables: Vec::new(),
        regions: Vec::new(),
        rules: None,
        base_year: model().0.base_year,
    };
    let shelf = Shelf(BTreeMap::from([("levers".to_owned(), text)]));
    let scenario = Scenario::load("levers", &shelf, &vocabulary);
    scenario
        .unwrap_or_else(|problems| panic!("{problems}"))
        .levers
}

/// Every real number of every table.
fn numbers(set: Vec<(String, Setting)>) -> Vec<Reals> {
    let levers = if set
        .iter()
        .any(|(path, _)| OF_LEVERS.iter().any(|head| path.starts_with(head)))
    {
        levers()
    } else {
        Vec::new()
    };
    let (world, base) = model();
    let scenario = Scenario {
        set,
        levers,
        horizon: HORIZON,
        ..Scenario::default()
    };
    let outcome = run::run(world, base, &scenario).expect("it converges");
    let results = Results {
        world,
        base,
        scenario: &scenario,
        outcome: &outcome,
    };
    let mut numbers = Vec::new();
    // Only standards that bind, levers and budgets that are there, sites that build and flows of some size have rows in these.
    let tables = results.tables();
    let changing = [
        "shadow_prices",
        "fiscal",
        "budgets",
        "offsets",
        "production",
        "trade",
    ];
    for table in tables
        .iter()
        .filter(|table| !changing.contains(&table.name))
    {
        let years = table
            .columns
            .iter()
            .find(|column| column.name == "year")
            .map(|column| &column.values);
        let Some(Values::Integers(years)) = years else {
            panic!("{} has no years", table.name)
        };
        for column in &table.columns {
            if let Values::Reals(values) = &column.values {
                let name = format!("{}.{}", table.name, column.name);
                numbers.push(Reals {
                    name,
                    years: years.clone(),
                    values: values.clone(),
                });
            }
        }
    }
    numbers
}

/// Largest relative difference.
fn moved(a: &[Reals], b: &[Reals]) -> f64 {
    let pairs = a.iter().zip(b).flat_map(|(a, b)| {
        assert_eq!(a.values.len(), b.values.len(), "{}", a.name);
        a.values.iter().zip(&b.values)
    });
    pairs
        .filter(|(a, b)| !(a.is_nan() && b.is_nan()))
        .map(|(a, b)| (a - b).abs() / (a.abs() + b.abs() + 1e-9))
        .fold(0.0, f64::max)
}

/// Columns whose numbers up to the base year differ in any bit.
fn history_moved<'a>(a: &'a [Reals], b: &[Reals]) -> Vec<&'a str> {
    let past = |column: &Reals| -> Vec<u64> {
        let dated = column.years.iter().zip(&column.values);
        dated
            .filter(|(year, _)| **year <= model().0.base_year)
            .map(|(_, value)| value.to_bits())
            .collect()
    };
    a.iter()
        .zip(b)
        .filter(|(a, b)| past(a) != past(b))
        .map(|(a, _)| a.name.as_str())
        .collect()
}

/// Path of a parameter in the country of the test, and two values that it can take.
fn samples(info: &ParameterInfo) -> (String, f64, f64) {
    if info.by_country {
        let (low, high) = (info.low.max(0.0), info.high);
        let scale = if info.path == "population" {
            6e7
        } else {
            high.min(20_000.0).max(low)
        };
        return (format!("{}.THA", info.path), 0.5 * scale, 0.6 * scale);
    }
    let value = model().0.parameters.get(&info.path);
    (
        info.path.clone(),
        value + 0.2 * (info.high - value),
        value - 0.2 * (value - info.low),
    )
}

/// What is wrong with a parameter.
fn faults(info: &ParameterInfo, baseline: &[Reals]) -> Vec<String> {
    let mut wrong = Vec::new();
    let (path, high, low) = samples(info);
    let constant = |value| numbers(vec![(path.clone(), Setting::Constant(value))]);
    let (with_high, with_low) = (constant(high), constant(low));
    if moved(&with_high, &with_low) < 1e-6 {
        wrong.push(format!("`{path}` = {high} and {low} come to the same"));
    }
    let past = history_moved(&with_high, baseline);
    if !past.is_empty() {
        wrong.push(format!("`{path}` moves history: {}", past.join(", ")));
    }
    if info.reach == Reach::Year {
        let points = vec![(2024, high), (2026, high), (2027, low)];
        let over_years = numbers(vec![(path.clone(), Setting::Path(points))]);
        if moved(&over_years, &with_high) < 1e-6 {
            wrong.push(format!("`{path}` does not follow its path over years"));
        }
    }
    wrong
}

#[test]
fn every_parameter_that_may_be_set_moves_results_and_none_moves_history() {
    let catalogue = model().0.parameters.catalogue();
    let baseline = numbers(Vec::new());
    let wrong: Vec<String> = catalogue
        .par_iter()
        .filter(|info| info.reach != Reach::Calibration)
        // One origin stands for all: the rows differ in nothing else.
        .filter(|info| !info.path.starts_with("cost.") || info.path.contains(".CHN"))
        .flat_map_iter(|info| faults(info, &baseline))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_setting_at_its_own_value_changes_nothing() {
    let baseline = numbers(Vec::new());
    for path in [
        "battery.learning_rate",
        "choice.holding_years",
        "tech.engine_improvement",
    ] {
        let value = model().0.parameters.get(path);
        let same = numbers(vec![(path.to_owned(), Setting::Constant(value))]);
        assert!(
            moved(&same, &baseline) < 1e-9,
            "{path}: {}",
            moved(&same, &baseline)
        );
    }
}
