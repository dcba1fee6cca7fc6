//! `report.html`: one file that opens by double click, without network.
//!
//! Charts are drawn in the reader's browser by 200 lines of our own from one block of numbers. A charting
//! library was weighed: the one with embedded script adds 4.7 MB to every report and prints its charts as
//! fixed-size canvases, while ours prints as vectors at any size and the whole report stays near 2 MB.

pub mod compare;
pub mod strategy;
mod targets;

use std::collections::BTreeMap;

use kyoso_model::tables::{Table, Values};
use serde_json::{Value, json};

const TEMPLATE: &str = include_str!("report.html");
const STYLE: &str = include_str!("report.css");
const CHART: &str = include_str!("chart.js");
const SCRIPT: &str = include_str!("report.js");
const ENGLISH: &str = include_str!("../../locale/en.json");

/// What a report is made of.
#[derive(Debug, Clone)]
pub struct ReportInput<'a> {
    /// Name of the scenario.
    pub scenario: &'a str,
    /// What the scenario is.
    pub description: &'a str,
    /// Version of the program.
    pub version: &'a str,
    /// Last year of history.
    pub base_year: i32,
    /// Last year of the projection.
    pub horizon: i32,
    /// Tables of the run.
    pub tables: &'a [Table],
    /// Table `scores` of a hindcast.
    pub scores: Option<&'a Table>,
    /// Names of regions by code.
    pub names: BTreeMap<String, String>,
    /// Group of each country, by code.
    pub groups: BTreeMap<String, String>,
    /// Bibliography: key and text.
    pub sources: &'a BTreeMap<String, String>,
    /// Rows by table and basis.
    pub basis_counts: BTreeMap<String, BTreeMap<String, usize>>,
    /// Published outlooks: region, variable, year, low, high, source.
    pub outlooks: Vec<(String, String, i32, f64, f64, String)>,
    /// Identities and what is left of them.
    pub balances: Vec<(String, f64, f64)>,
    /// Warnings.
    pub warnings: &'a [String],
}

/// Renders the report.
///
/// # Errors
/// If the shipped template or texts are broken, which tests exclude.
pub fn render(input: &ReportInput) -> Result<String, minijinja::Error> {
    let texts: Value = serde_json::from_str(ENGLISH).unwrap_or_default();
    let data = json!({
        "base": input.base_year,
        "horizon": input.horizon,
        "names": input.names,
        "groups": input.groups,
        "indicators": indicators(input),
        "vehicles": vehicles(input),
        "record": makers(input),
        "scores": input.scores.map(scores),
        "basis": input.basis_counts,
        "outlooks": input.outlooks,
        "targets": targets::targets(input.tables.iter().find(|table| table.name == "targets")),
        "texts": texts["script"],
    });
    // `</` inside a script block would end it.
    let data = data.to_string().replace("</", "<\\/");
    let mut environment = minijinja::Environment::new();
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::Html);
    environment.add_template("report", TEMPLATE)?;
    let sources: Vec<(&String, &String)> = input.sources.iter().collect();
    let balances: Vec<(&String, String, String)> = input
        .balances
        .iter()
        .map(|(name, residual, tolerance)| {
            (name, format!("{residual:.1e}"), format!("{tolerance:.0e}"))
        })
        .collect();
    environment
        .get_template("report")?
        .render(minijinja::context! {
            t => template_value(texts["page"].clone()),
            style => minijinja::Value::from_safe_string(STYLE.to_owned()),
            script => minijinja::Value::from_safe_string(page_script(SCRIPT)),
            data => minijinja::Value::from_safe_string(data),
            scenario => input.scenario,
            description => input.description,
            version => input.version,
            base => input.base_year,
            horizon => input.horizon,
            sources => template_value(json!(sources)),
            balances => template_value(json!(balances)),
            warnings => template_value(json!(input.warnings)),
            has_scores => input.scores.is_some(),
            has_targets => input.tables.iter().any(|table| table.name == "targets"),
        })
}

/// The charts and the script of a page, with names of their own.
fn page_script(page: &str) -> String {
    format!("\"use strict\";\n(() => {{\n{CHART}{page}}})();\n")
}

/// JSON for the template; JSON always fits.
fn template_value(value: Value) -> minijinja::Value {
    serde_json::from_value(value).unwrap_or_default()
}

/// A column of words of a table, if it has it.
fn words<'a>(table: &'a Table, name: &str) -> Option<(&'a [String], &'a [u32])> {
    table
        .columns
        .iter()
        .find(|column| column.name == name)
        .and_then(|column| match &column.values {
            Values::Words { words, codes } => Some((words.as_slice(), codes.as_slice())),
            _ => None,
        })
}

fn integers<'a>(table: &'a Table, name: &str) -> Option<&'a [i32]> {
    table
        .columns
        .iter()
        .find(|column| column.name == name)
        .and_then(|column| match &column.values {
            Values::Integers(values) => Some(values.as_slice()),
            _ => None,
        })
}

fn reals<'a>(table: &'a Table, name: &str) -> Option<&'a [f64]> {
    table
        .columns
        .iter()
        .find(|column| column.name == name)
        .and_then(|column| match &column.values {
            Values::Reals(values) => Some(values.as_slice()),
            _ => None,
        })
}

/// Five significant digits: what a chart or a table of a report can show.
fn short(value: f64) -> Value {
    if !value.is_finite() {
        return Value::Null;
    }
    if value == 0.0 {
        return json!(0);
    }
    let decimals = 4 - value.abs().log10().floor() as i32;
    // Powers of ten up to 10^22 are exact, so the quotient prints as the rounded number.
    let rounded = if (0..=22).contains(&decimals) {
        let power = 10_f64.powi(decimals);
        (value * power).round() / power
    } else if (-22..0).contains(&decimals) {
        let power = 10_f64.powi(-decimals);
        (value / power).round() * power
    } else {
        value
    };
    json!(rounded)
}

/// Variable -> region -> [first year, values...]; rows of one variable and region stand together, by year.
fn indicators(input: &ReportInput) -> Value {
    let mut result = serde_json::Map::new();
    let Some(table) = input.tables.iter().find(|table| table.name == "indicators") else {
        return json!({});
    };
    let (Some(region), Some(variable), Some(year), Some(value)) = (
        words(table, "region"),
        words(table, "variable"),
        integers(table, "year"),
        reals(table, "value"),
    ) else {
        return json!({});
    };
    let mut start = 0;
    while start < table.rows() {
        let same = |row: &usize| {
            region.1[*row] == region.1[start] && variable.1[*row] == variable.1[start]
        };
        let end = start + (start..table.rows()).take_while(same).count();
        let mut list = Vec::with_capacity(end - start + 1);
        list.push(json!(year[start]));
        for row in start..end {
            // A gap between years is a gap in the chart.
            while (list.len() as i32 - 1) < year[row] - year[start] {
                list.push(Value::Null);
            }
            list.push(short(value[row]));
        }
        let by_region = result
            .entry(variable.0[variable.1[start] as usize].clone())
            .or_insert_with(|| json!({}));
        if let Some(by_region) = by_region.as_object_mut() {
            by_region.insert(
                region.0[region.1[start] as usize].clone(),
                Value::Array(list),
            );
        }
        start = end;
    }
    Value::Object(result)
}

/// Country -> year -> rows of [segment, powertrain, price, cost of ownership, well-to-wheel, life cycle].
fn vehicles(input: &ReportInput) -> Value {
    let mut result: BTreeMap<&str, BTreeMap<i32, Vec<Value>>> = BTreeMap::new();
    let Some(table) = input.tables.iter().find(|table| table.name == "vehicles") else {
        return json!({});
    };
    if let (Some(iso3), Some(segment), Some(powertrain), Some(year)) = (
        words(table, "iso3"),
        words(table, "segment"),
        words(table, "powertrain"),
        integers(table, "year"),
    ) {
        let numbers: Vec<&[f64]> = [
            "consumer_price_usd",
            "tco_usd_per_km",
            "well_to_wheel_g_per_km",
            "life_cycle_g_per_km",
        ]
        .iter()
        .filter_map(|name| reals(table, name))
        .collect();
        for row in (0..table.rows()).filter(|&row| {
            year[row] == input.base_year || year[row] == input.horizon || year[row] == 2030
        }) {
            let mut cells = vec![json!(segment.1[row]), json!(powertrain.1[row])];
            cells.extend(numbers.iter().map(|values| short(values[row])));
            result
                .entry(iso3.0[iso3.1[row] as usize].as_str())
                .or_default()
                .entry(year[row])
                .or_default()
                .push(Value::Array(cells));
        }
        return json!({"segments": segment.0, "powertrains": powertrain.0, "rows": result});
    }
    json!({})
}

/// Country -> rows of [maker, origin, powertrain, recorded, model, what the source counts, source].
fn makers(input: &ReportInput) -> Value {
    let mut result: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    let table = input
        .tables
        .iter()
        .find(|table| table.name == "record_check");
    if let Some(table) = table
        && let (Some(iso3), Some(recorded), Some(model)) = (
            words(table, "iso3"),
            reals(table, "recorded"),
            reals(table, "model"),
        )
    {
        let word = |name: &str, row: usize| {
            words(table, name).map(|(list, codes)| list[codes[row] as usize].as_str())
        };
        for row in 0..table.rows() {
            result
                .entry(iso3.0[iso3.1[row] as usize].as_str())
                .or_default()
                .push(json!([
                    word("maker", row),
                    word("origin", row),
                    word("powertrain", row),
                    recorded[row].round(),
                    model[row].round(),
                    word("scope", row),
                    word("source", row),
                ]));
        }
    }
    json!(result)
}

/// Scores over all origins for the world, the halves and the groups.
fn scores(table: &Table) -> Value {
    let (Some(mode), Some(region), Some(variable), Some(method), Some(metric)) = (
        words(table, "mode"),
        words(table, "region"),
        words(table, "variable"),
        words(table, "method"),
        words(table, "metric"),
    ) else {
        return Value::Null;
    };
    let (Some(origin), Some(lead), Some(value), Some(n)) = (
        integers(table, "origin"),
        integers(table, "lead"),
        reals(table, "value"),
        integers(table, "n"),
    ) else {
        return Value::Null;
    };
    let rows: Vec<Value> = (0..table.rows())
        .filter(|&row| origin[row] == 0 && region.0[region.1[row] as usize].len() > 3)
        .map(|row| {
            json!([
                mode.0[mode.1[row] as usize],
                region.0[region.1[row] as usize],
                variable.0[variable.1[row] as usize],
                lead[row],
                method.0[method.1[row] as usize],
                metric.0[metric.1[row] as usize],
                short(value[row]),
                n[row]
            ])
        })
        .collect();
    Value::Array(rows)
}

/// Every text that a template and its script ask for is in the locale.
#[cfg(test)]
fn every_text_is_in_the_locale(template: &str, script: &str, locale: &str) {
    let texts: Value = serde_json::from_str(locale).expect("the locale is JSON");
    for part in template.split("{{ t.").skip(1) {
        let key = part.split([' ', '|', '}']).next().unwrap_or_default();
        assert!(texts["page"].get(key).is_some(), "{key}");
    }
    for part in page_script(script).split("T.").skip(1) {
        let key: String = part
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
            .collect();
        assert!(texts["script"].get(&key).is_some(), "{key}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_run_still_makes_a_report_without_network() {
        let sources = BTreeMap::from([("KEY".to_owned(), "A <b>bold</b> source".to_owned())]);
        let input = ReportInput {
            scenario: "baseline",
            description: "",
            version: "0",
            base_year: 2023,
            horizon: 2035,
            tables: &[],
            scores: None,
            names: BTreeMap::new(),
            groups: BTreeMap::new(),
            sources: &sources,
            basis_counts: BTreeMap::new(),
            outlooks: Vec::new(),
            balances: Vec::new(),
            warnings: &[],
        };
        let html = render(&input).expect("the template is sound");
        assert!(html.contains("A &lt;b&gt;bold"));
        for forbidden in ["src=\"http", "href=\"http", "@import", "url(http"] {
            assert!(!html.contains(forbidden), "{forbidden}");
        }
    }

    #[test]
    fn every_text_of_the_template_is_in_the_locale() {
        every_text_is_in_the_locale(TEMPLATE, SCRIPT, ENGLISH);
    }
}
