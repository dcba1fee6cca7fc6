//! The report of `kyoso compare`: differences, and what made them.

use std::collections::BTreeMap;

use kyoso_model::compare::{Indicators, Named, Part, Selection};
use kyoso_model::tables::Table;
use serde_json::{Map, Value, json};

use super::targets::targets;
use super::{STYLE, page_script, short, template_value};

const TEMPLATE: &str = include_str!("compare.html");
const SCRIPT: &str = include_str!("compare.js");
const ENGLISH: &str = include_str!("../../locale/compare.en.json");

/// Accounts shown for a region: beyond that they are too small to tell.
const MOST_ACCOUNTS: usize = 30;

/// A scenario in the report.
#[derive(Debug, Clone)]
pub struct Compared<'a> {
    /// Name and indicators.
    pub run: &'a Named,
    /// What it is.
    pub description: &'a str,
    /// What it changes in the base: key, there, here.
    pub changes: Vec<[String; 3]>,
    /// Its difference taken apart.
    pub attribution: Option<Attributed<'a>>,
}

/// A difference taken apart.
#[derive(Debug, Clone, Copy)]
pub struct Attributed<'a> {
    /// Parts by group.
    pub parts: &'a [Part],
    /// The cells they are parts of.
    pub selection: &'a Selection,
    /// True if all combinations were run.
    pub exact: bool,
    /// Runs.
    pub evaluations: usize,
}

/// What the report is made of.
#[derive(Debug, Clone)]
pub struct CompareInput<'a> {
    /// Scenarios; the first is the base.
    pub scenarios: &'a [Compared<'a>],
    /// Version of the program.
    pub version: &'a str,
    /// Last year of history.
    pub base_year: i32,
    /// Last year that all scenarios have.
    pub horizon: i32,
    /// Names of regions by code.
    pub names: BTreeMap<String, String>,
    /// Group of each country, by code.
    pub groups: BTreeMap<String, String>,
    /// Variables that the user asked for, charted beside the usual ones.
    pub variables: &'a [String],
    /// Tables `targets`, `welfare` and `effectiveness`, as far as there are any.
    pub tables: &'a [Table],
    /// Rate a year at which money is discounted to the base year.
    pub discount: f64,
    /// Warnings.
    pub warnings: &'a [String],
}

/// Renders the report.
///
/// # Errors
/// If the shipped template or texts are broken, which tests exclude.
pub fn render(input: &CompareInput) -> Result<String, minijinja::Error> {
    let mut texts: Value = serde_json::from_str(ENGLISH).unwrap_or_default();
    let mut charts: Vec<(String, String)> =
        serde_json::from_value(texts["script"]["charts"].take()).unwrap_or_default();
    for variable in input.variables {
        if charts.iter().all(|(charted, _)| charted != variable) {
            charts.push((variable.clone(), variable.clone()));
        }
    }
    let units: BTreeMap<&str, &str> = input
        .scenarios
        .iter()
        .flat_map(|scenario| &scenario.run.indicators.variables)
        .map(|(variable, unit)| (variable.as_str(), unit.as_str()))
        .collect();
    let charted: Vec<&str> = charts.iter().map(|(name, _)| name.as_str()).collect();
    let runs: Vec<Value> = input
        .scenarios
        .iter()
        .map(|scenario| numbers(&scenario.run.indicators, &charted, input))
        .collect();
    let parts: Vec<Value> = input
        .scenarios
        .iter()
        .enumerate()
        .filter_map(|(i, scenario)| Some(parts(i, scenario.attribution.as_ref()?)))
        .collect();
    let scenarios: Vec<Value> = input
        .scenarios
        .iter()
        .map(|scenario| {
            json!({
                "name": scenario.run.name,
                "description": scenario.description,
                "changes": scenario.changes,
            })
        })
        .collect();
    let attributed = !parts.is_empty();
    let table = |name: &str| input.tables.iter().find(|table| table.name == name);
    let data = json!({
        "base": input.base_year,
        "horizon": input.horizon,
        "names": input.names,
        "groups": input.groups,
        "scenarios": scenarios,
        "units": units,
        "charts": charts,
        "runs": runs,
        "attribution": parts,
        "targets": targets(table("targets")),
        "money": money(table("effectiveness"), table("welfare"), input),
        "texts": texts["script"],
    });
    // `</` inside a script block would end it.
    let data = data.to_string().replace("</", "<\\/");
    let mut environment = minijinja::Environment::new();
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::Html);
    environment.add_template("compare", TEMPLATE)?;
    environment
        .get_template("compare")?
        .render(minijinja::context! {
            t => template_value(texts["page"].clone()),
            style => minijinja::Value::from_safe_string(STYLE.to_owned()),
            script => minijinja::Value::from_safe_string(page_script(SCRIPT)),
            data => minijinja::Value::from_safe_string(data),
            scenarios => template_value(json!(scenarios)),
            attributed => attributed,
            has_targets => table("targets").is_some(),
            discount => format!("{}", 100.0 * input.discount),
            version => input.version,
            base => input.base_year,
            horizon => input.horizon,
            warnings => template_value(json!(input.warnings)),
        })
}

/// Variable -> region -> [first year, values...] from the base year to the horizon.
fn numbers(run: &Indicators, charted: &[&str], input: &CompareInput) -> Value {
    let years: Vec<i32> = (input.base_year..=input.horizon).collect();
    let of_variable = |variable: &str| -> Map<String, Value> {
        run.regions
            .iter()
            .filter_map(|region| {
                let values = run.series(variable, region, &years);
                values.iter().any(|value| value.is_finite()).then(|| {
                    let mut list = vec![json!(input.base_year)];
                    list.extend(values.into_iter().map(short));
                    (region.clone(), Value::Array(list))
                })
            })
            .collect()
    };
    charted
        .iter()
        .map(|variable| ((*variable).to_owned(), of_variable(variable)))
        .filter(|(_, regions)| !regions.is_empty())
        .map(|(variable, regions)| (variable, Value::Object(regions)))
        .collect::<Map<String, Value>>()
        .into()
}

/// Sums of money and their ratios by scenario and region, and the accounts behind them.
fn money(effectiveness: Option<&Table>, welfare: Option<&Table>, input: &CompareInput) -> Value {
    let read = || Some((sums(effectiveness?)?, accounts(welfare?, input)?));
    let (sums, accounts) = read().unwrap_or_default();
    json!({"sums": sums, "accounts": accounts})
}

/// Scenario -> region -> numbers of the table in the order of its columns.
fn sums(table: &Table) -> Option<Map<String, Value>> {
    let (scenario, region) = (table.words("scenario")?, table.words("region")?);
    let numbers: Vec<&[f64]> = table
        .columns
        .iter()
        .filter_map(|column| table.reals(column.name))
        .collect();
    let mut all = Map::new();
    for row in 0..table.rows() {
        let values: Vec<Value> = numbers.iter().map(|values| short(values[row])).collect();
        let of_scenario = all
            .entry(scenario.0[scenario.1[row] as usize].clone())
            .or_insert_with(|| json!({}));
        of_scenario[region.0[region.1[row] as usize].as_str()] = json!(values);
    }
    Some(all)
}

/// Scenario -> region -> [item, party, instrument, discounted sum of differences], the largest first.
fn accounts(table: &Table, input: &CompareInput) -> Option<Map<String, Value>> {
    let word = |name: &str, row: usize| -> Option<&str> {
        let (words, codes) = table.words(name)?;
        Some(words[codes[row] as usize].as_str())
    };
    let (years, differences) = (table.integers("year")?, table.reals("difference")?);
    let mut sums: BTreeMap<[&str; 5], f64> = BTreeMap::new();
    for row in 0..table.rows() {
        let key = [
            word("scenario", row)?,
            word("region", row)?,
            word("item", row)?,
            word("party", row)?,
            word("instrument", row)?,
        ];
        let weight = (1.0 + input.discount).powi(input.base_year - years[row]);
        *sums.entry(key).or_default() += weight * differences[row];
    }
    let mut by_size: Vec<([&str; 5], f64)> = sums.into_iter().filter(|sum| sum.1 != 0.0).collect();
    by_size.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()).then(a.0.cmp(&b.0)));
    let mut all = Map::new();
    for ([scenario, region, item, party, instrument], sum) in by_size {
        let of_scenario = all.entry(scenario).or_insert_with(|| json!({}));
        if of_scenario.get(region).is_none() {
            of_scenario[region] = json!([]);
        }
        if let Some(list) = of_scenario[region].as_array_mut()
            && list.len() < MOST_ACCOUNTS
        {
            list.push(json!([item, party, instrument, short(sum)]));
        }
    }
    Some(all)
}

/// Parts by variable and region, of cells that have them.
pub(super) fn parts(scenario: usize, attributed: &Attributed) -> Value {
    let selection = attributed.selection;
    let count = selection.years.len();
    let mut cells = Map::new();
    for (v, variable) in selection.variables.iter().enumerate() {
        let mut regions = Map::new();
        for (r, region) in selection.regions.iter().enumerate() {
            let from = (v * selection.regions.len() + r) * count;
            let there: Vec<usize> = (0..count)
                .filter(|k| {
                    attributed
                        .parts
                        .iter()
                        .all(|part| part.parts[from + k].is_finite())
                })
                .collect();
            if !there.is_empty() {
                let of = |values: &dyn Fn(&Part) -> &[f64]| -> Vec<Vec<Value>> {
                    let parts = attributed.parts.iter();
                    parts
                        .map(|part| {
                            there
                                .iter()
                                .map(|k| short(values(part)[from + k]))
                                .collect()
                        })
                        .collect()
                };
                let years: Vec<i32> = there.iter().map(|&k| selection.years[k]).collect();
                regions.insert(
                    region.clone(),
                    json!({
                        "years": years,
                        "parts": of(&|part| &part.parts),
                        "errors": of(&|part| &part.standard_errors),
                    }),
                );
            }
        }
        if !regions.is_empty() {
            cells.insert(variable.clone(), Value::Object(regions));
        }
    }
    let groups: Vec<&str> = attributed
        .parts
        .iter()
        .map(|part| part.group.as_str())
        .collect();
    json!({
        "scenario": scenario,
        "groups": groups,
        "exact": attributed.exact,
        "evaluations": attributed.evaluations,
        "cells": cells,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_of_the_page_is_in_the_locale() {
        crate::html::every_text_is_in_the_locale(TEMPLATE, SCRIPT, ENGLISH);
    }
}
