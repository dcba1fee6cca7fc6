//! What `kyoso compare` leaves: tables, report and manifest.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use kyoso_model::scenario::lever::Lever;
use kyoso_model::scenario::{Change, Scenario, Setting};
use kyoso_model::tables::Table;
use kyoso_report::html::compare::{Attributed, CompareInput, Compared, render};
use kyoso_report::html::strategy::{self, LeverRow, StrategyInput};
use kyoso_report::manifest::Manifest;
use kyoso_report::write;

use super::{Comparison, Entry, Stage};
use crate::cli::{Common, CompareOptions};
use crate::output::{self, Draft};

/// Tables, report and manifest in a folder that appears whole.
pub fn write(
    common: &Common,
    options: &CompareOptions,
    place: &Path,
    comparison: &Comparison,
    entries: &[Entry],
    stage: &Stage,
    warnings: &[String],
) -> Result<()> {
    let draft = Draft::new(place)?;
    let format = options.format.into();
    let mut tables = vec![comparison.differences(&comparison.selection)];
    tables.extend(comparison.attribution());
    tables.push(comparison.welfare());
    tables.push(comparison.effectiveness(&comparison.regions));
    tables.extend(comparison.targets());
    let mut outputs = write::tables(draft.folder(), &tables, format)?;
    for (name, report) in reports(options, comparison, entries, stage, warnings, &tables)? {
        let written = write::text(draft.folder(), name, report.as_bytes())?;
        outputs.insert(name.to_owned(), written);
    }
    let texts: Vec<(String, String)> = entries
        .iter()
        .flat_map(|entry| match entry {
            Entry::Scenario(scenario) => scenario.texts.clone(),
            Entry::Folder(_, manifest) => manifest.scenario_texts.clone(),
        })
        .collect();
    let names: Vec<&str> = comparison
        .runs
        .iter()
        .map(|run| run.name.as_str())
        .collect();
    let manifest = Manifest {
        scenario: names.join(", "),
        scenario_request: options.scenarios.join(", "),
        inputs: stage.record.hashes.clone(),
        outputs,
        format: format.extension().to_owned(),
        seed: common.seed,
        warnings: warnings.to_vec(),
        ..output::manifest("compare", &texts)
    };
    draft.finish_with(&manifest)
}

/// The report, and that of a strategy where a scenario has levers.
fn reports(
    options: &CompareOptions,
    comparison: &Comparison,
    entries: &[Entry],
    stage: &Stage,
    warnings: &[String],
    tables: &[Table],
) -> Result<Vec<(&'static str, String)>> {
    let scenario = |entry: &Entry| match entry {
        Entry::Scenario(scenario) => Some(scenario.as_ref().clone()),
        Entry::Folder(..) => None,
    };
    let scenarios: Vec<Option<Scenario>> = entries.iter().map(scenario).collect();
    let compared: Vec<Compared> = comparison
        .runs
        .iter()
        .zip(&scenarios)
        .enumerate()
        .map(|(i, (run, own))| Compared {
            run,
            description: own.as_ref().map_or("", |own| own.description.as_str()),
            changes: changes(scenarios[0].as_ref(), own.as_ref()),
            attribution: comparison
                .splits
                .iter()
                .find(|split| split.scenario == i)
                .map(|split| Attributed {
                    parts: &split.parts,
                    selection: &comparison.attributed,
                    exact: split.exact,
                    evaluations: split.evaluations,
                }),
        })
        .collect();
    let countries = &stage.world.countries;
    let by_code = |of: &dyn Fn(usize) -> String| -> BTreeMap<String, String> {
        let codes = countries.iter().enumerate();
        codes
            .map(|(c, country)| (country.iso3.clone(), of(c)))
            .collect()
    };
    let input = CompareInput {
        scenarios: &compared,
        version: env!("CARGO_PKG_VERSION"),
        base_year: stage.world.base_year,
        horizon: comparison.horizon,
        names: by_code(&|c| countries[c].name.clone()),
        groups: by_code(&|c| countries[c].group.code().to_owned()),
        variables: &options.variables,
        tables,
        discount: comparison.discount,
        warnings,
    };
    let mut reports = vec![("report.html", render(&input)?)];
    let with_levers =
        |own: &Option<Scenario>| own.as_ref().is_some_and(|own| !own.levers.is_empty());
    if let Some(position) = scenarios.iter().skip(1).position(with_levers)
        && let Some(own) = &scenarios[position + 1]
    {
        let levers: Vec<LeverRow> = own.levers.iter().map(lever_row).collect();
        let budgets: Vec<(String, f64)> = own
            .budgets
            .iter()
            .map(|budget| (budget.payer.clone(), budget.total_usd / 1e6))
            .collect();
        let strategy = strategy::render(&StrategyInput {
            compare: &input,
            scenario: position + 1,
            levers: &levers,
            budgets: &budgets,
        })?;
        reports.push(("strategy.html", strategy));
    }
    Ok(reports)
}

/// A lever in words.
fn lever_row(lever: &Lever) -> LeverRow {
    let size = match &lever.size {
        Setting::Constant(value) => format!("{value}, {} to {}", lever.years.0, lever.years.1),
        Setting::Path(points) => points
            .iter()
            .map(|(year, value)| format!("{year} = {value}"))
            .collect::<Vec<_>>()
            .join(", "),
    };
    let (low, high) = lever.kind.range;
    LeverRow {
        name: lever.name.clone(),
        field: lever.kind.field.to_owned(),
        kind: lever.kind.name.to_owned(),
        countries: lever.countries.join(", "),
        size: format!("{size} ({})", lever.kind.unit),
        range: format!("{low} to {high} {}", lever.kind.unit),
        payer: lever.payer.clone(),
        effect: lever.kind.effect.to_owned(),
        evidence: lever.kind.evidence.to_owned(),
    }
}

/// Key, what the base says, what the other scenario says.
fn changes(base: Option<&Scenario>, other: Option<&Scenario>) -> Vec<[String; 3]> {
    let (Some(base), Some(other)) = (base, other) else {
        return Vec::new();
    };
    let changes = base.changes(other);
    let row = |change: &Change| [change.key(), base.says(change), other.says(change)];
    changes.iter().map(row).collect()
}
