//! `kyoso explain`: one number taken apart.

use anyhow::Result;

use super::run::project;
use crate::cli::{Choice, Common, ExplainOptions};
use crate::term;

pub fn explain(common: &Common, options: &ExplainOptions) -> Result<()> {
    let horizon = (options.year > kyoso_model::scenario::DEFAULT_HORIZON
        && options.year <= kyoso_model::scenario::HORIZONS.1)
        .then_some(options.year);
    let choice = Choice {
        scenario: options.scenario.clone(),
        horizon,
        drivers: None,
    };
    let finished = project(common, &choice)?;
    let found = kyoso_model::explain::explain(
        &finished.results(),
        &finished.record,
        &options.variable,
        &options.region,
        options.year,
    )?;
    if common.json {
        return term::print(&format!("{}\n", serde_json::to_string_pretty(&found)?));
    }
    let mut text = format!(
        "{} | {} | {} ({}) = {} {}\n\n{}\n\n",
        found.variable,
        found.region,
        found.year,
        found.status,
        number(found.value),
        found.unit,
        found.equation
    );
    let terms: Vec<Vec<String>> = found
        .terms
        .iter()
        .map(|term| {
            vec![
                format!("  {}", term.name),
                number(term.value),
                term.unit.clone(),
            ]
        })
        .collect();
    text.push_str(&term::columns(&terms));
    if !found.inputs.is_empty() {
        text.push_str("\ninputs\n");
        for input in &found.inputs {
            text.push_str(&format!(
                "  {} = {} [{}] {}: {}\n",
                input.what,
                number(input.value),
                input.basis,
                input.source,
                input.title
            ));
        }
    }
    term::print(&text)
}

/// Six significant digits.
fn number(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    let digits = (5 - value.abs().log10().floor() as i32).clamp(0, 9) as usize;
    format!("{value:.digits$}")
}
