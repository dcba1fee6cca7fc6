//! `kyoso schema`: what a scenario file or a problem file may say.

use anyhow::Result;
use kyoso_model::input::Record;
use kyoso_model::parameters::Parameters;
use kyoso_model::scenario::{ParameterInfo, Reach, json_schema};
use serde_json::{Value, json};

use crate::cli::Common;
use crate::{pack, term};

pub fn schema(common: &Common, parameters: bool, problem: bool) -> Result<()> {
    if problem {
        return term::print(&format!("{:#}\n", super::estimate::schema::json_schema()));
    }
    let record = Record::load(pack::source(common.data.as_deref())?.as_ref())?;
    let vocabulary = pack::vocabulary(&record)?;
    if !parameters {
        return term::print(&format!("{:#}\n", json_schema(&vocabulary)));
    }
    let defaults = Parameters::from_record(&record);
    let settable: Vec<&ParameterInfo> = vocabulary
        .parameters
        .iter()
        .filter(|info| info.reach != Reach::Calibration)
        .collect();
    if common.json {
        let list: Vec<Value> = settable.iter().map(|info| json(info, &defaults)).collect();
        return term::print(&format!("{:#}\n", Value::Array(list)));
    }
    let mut rows = vec![
        ["path", "value", "low", "high", "over years", "unit", "what"]
            .map(str::to_owned)
            .to_vec(),
    ];
    rows.extend(settable.iter().map(|info| row(info, &defaults)));
    term::print(&term::columns_aligned(&rows, |column| {
        (1..=3).contains(&column)
    }))
}

fn row(info: &ParameterInfo, defaults: &Parameters) -> Vec<String> {
    let bound = |value: f64| {
        if value.is_nan() {
            "-".to_owned()
        } else {
            value.to_string()
        }
    };
    let by_year = if info.reach == Reach::Year {
        "yes"
    } else {
        "no"
    };
    vec![
        if info.by_country {
            format!("{}.ISO3", info.path)
        } else {
            info.path.clone()
        },
        defaults
            .find(&info.path)
            .map_or_else(|| "data".to_owned(), |found| found.value.to_string()),
        bound(info.low),
        bound(info.high),
        by_year.to_owned(),
        info.unit.clone(),
        info.description.clone(),
    ]
}

fn json(info: &ParameterInfo, defaults: &Parameters) -> Value {
    let bound = |value: f64| (!value.is_nan()).then_some(value);
    json!({
        "path": info.path,
        "by_country": info.by_country,
        "over_years": info.reach == Reach::Year,
        "value": defaults.find(&info.path).map(|found| found.value),
        "low": bound(info.low),
        "high": bound(info.high),
        "unit": info.unit,
        "description": info.description,
    })
}
