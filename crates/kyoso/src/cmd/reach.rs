//! `kyoso reach`: how much of a measure a wanted outcome takes. The outcome is never written in: the measure is
//! varied until the model gives it.

use std::borrow::Cow;

use anyhow::{Result, bail};
use kyoso_explore::reach::{Found, Search, reach as search};
use kyoso_model::compare::Indicators;
use kyoso_model::run::RunError;
use kyoso_model::scenario::{
    Found as Text, HORIZONS, Library, Missing, ParameterInfo, Scenario, Setting, Vocabulary,
};
use serde_json::json;

use super::stage::{Stage, check_words};
use crate::cli::{Common, ReachOptions};
use crate::pack;
use crate::term::{self, CheckFailed};

/// Variables that say what it takes, shown where the run has them.
const TAKES: [&str; 5] = [
    "Government Expenditure|Vehicle Subsidy",
    "Government Revenue|Vehicle Excise",
    "Government Revenue|Import Tariff",
    "Consumer Surplus|Light-Duty Vehicle",
    "Emissions|CO2|Well-to-Wheel|Light-Duty Vehicle",
];

/// Name under which the setting on the command line stands in messages.
const ASKED: &str = "--with";

/// The scenario with one setting more, read as a file is.
struct With<'a> {
    shelf: &'a dyn Library,
    text: String,
}

impl Library for With<'_> {
    fn find(&self, name: &str, asked_by: Option<&str>) -> Result<Text<'_>, Missing> {
        if name == ASKED {
            return Ok(Text {
                file: ASKED.to_owned(),
                bytes: Cow::Borrowed(self.text.as_bytes()),
            });
        }
        self.shelf
            .find(name, asked_by.filter(|file| *file != ASKED))
    }

    fn names(&self) -> Vec<String> {
        self.shelf.names()
    }
}

pub fn reach(common: &Common, options: &ReachOptions) -> Result<()> {
    let source = pack::source(common.data.as_deref())?;
    let stage = Stage::prepare(source.as_ref())?;
    let library = pack::Scenarios(source.as_ref());
    let mut scenario = Scenario::load(&options.scenario, &library, &stage.vocabulary)?;
    check_question(options, &stage)?;
    scenario.horizon = options.year;
    let (info, within) = range(options, &library, &stage.vocabulary)?;
    let start = scenario
        .set
        .iter()
        .find(|(path, _)| *path == options.with)
        .map(|(_, setting)| setting.at(options.year))
        .or_else(|| {
            stage
                .world
                .parameters
                .find(&options.with)
                .map(|found| found.value)
        })
        .unwrap_or(0.0);
    let value_of = |run: &Indicators| run.get(&options.variable, &options.region, options.year);
    let before = stage.indicators(&scenario)?;
    let now = value_of(&before);
    if now.is_nan() {
        bail!(
            "{} has no value in {} in {}",
            options.variable,
            options.region,
            options.year
        );
    }
    let with = |setting: f64| {
        let mut changed = scenario.clone();
        changed.set.retain(|(path, _)| *path != options.with);
        changed
            .set
            .push((options.with.clone(), Setting::Constant(setting)));
        changed
    };
    let bar = term::bar(common.quiet, 40, "reach");
    let run = |setting: f64| {
        bar.inc(1);
        match stage.indicators(&with(setting)) {
            Ok(run) => Ok(value_of(&run)),
            // Beyond what the market bears there is no equilibrium: the search ends before.
            Err(RunError::NotConverged { .. }) => Ok(f64::NAN),
            Err(other) => Err(other),
        }
    };
    let looked = Search {
        start,
        low: within.0,
        high: within.1,
        tolerance: 1e-7 * options.value.abs().max(1.0),
    };
    let found = search(run, options.value, looked);
    bar.finish_and_clear();
    match found? {
        Found::Reached { input, output }
            if (output - options.value).abs() <= 1e-3 * options.value.abs().max(1.0) =>
        {
            let after = stage.indicators(&with(input))?;
            tell(
                common,
                options,
                &info,
                now,
                (input, output),
                [&before, &after],
            )
        }
        Found::Reached { input, output } => refuse(
            common,
            options,
            now,
            &format!(
                "the outcome jumps across it near `{}` = {}: {} there",
                options.with,
                short(input),
                short(output)
            ),
        ),
        Found::OutOfReach { least, most } => refuse(
            common,
            options,
            now,
            &format!(
                "between {} and {} ({}), as far as prices have an equilibrium, `{}` moves it from {} (at {}) to {} (at {})",
                within.0,
                within.1,
                info.unit,
                options.with,
                short(least.1),
                short(least.0),
                short(most.1),
                short(most.0)
            ),
        ),
    }
}

/// Words and year of the question.
fn check_question(options: &ReachOptions, stage: &Stage) -> Result<()> {
    let (first, last) = (stage.world.base_year + 1, HORIZONS.1);
    let mut problems = Vec::new();
    for (what, word, known) in [
        ("variable", &options.variable, &stage.vocabulary.variables),
        ("region", &options.region, &stage.vocabulary.regions),
    ] {
        check_words(what, std::slice::from_ref(word), known, &mut problems);
    }
    if !(first..=last).contains(&options.year) {
        problems.push(format!(
            "year {} is out of range\n  help: expected a year from {first} to {last}",
            options.year
        ));
    }
    if !options.value.is_finite() {
        problems.push("the value is no finite number".to_owned());
    }
    if problems.is_empty() {
        Ok(())
    } else {
        bail!("{}", problems.join("\n"))
    }
}

/// The parameter and the range in which it may be varied.
fn range(
    options: &ReachOptions,
    library: &dyn Library,
    vocabulary: &Vocabulary,
) -> Result<(ParameterInfo, (f64, f64))> {
    let path = options.with.as_str();
    let head = path.rsplit_once('.').map_or(path, |(head, _)| head);
    let found = vocabulary.parameters.iter().find(|info| {
        if info.by_country {
            info.path == head
        } else {
            info.path == path
        }
    });
    let bound = |asked: Option<f64>, own: f64, name: &str| match asked {
        Some(asked) => Ok(asked),
        None if own.is_nan() => bail!("`{path}` has no bound of its own\n  help: give {name}"),
        None => Ok(own),
    };
    let within = match found {
        Some(info) => (
            bound(options.low, info.low, "--low")?,
            bound(options.high, info.high, "--high")?,
        ),
        None => (0.0, 0.0),
    };
    // Read as a scenario file is: unknown paths and values out of range are told in the same words.
    for value in [within.0, within.1] {
        let text = format!(
            "extends = {}\n[set]\n{} = {value:?}\n",
            serde_json::to_string(&options.scenario)?,
            serde_json::to_string(path)?
        );
        let shelf = library;
        Scenario::load(ASKED, &With { shelf, text }, vocabulary)?;
    }
    match found {
        Some(info) if within.0 < within.1 => Ok((info.clone(), within)),
        _ => bail!("--low {} is not below --high {}", within.0, within.1),
    }
}

/// The answer, and what else it moves.
fn tell(
    common: &Common,
    options: &ReachOptions,
    info: &ParameterInfo,
    now: f64,
    (input, output): (f64, f64),
    [before, after]: [&Indicators; 2],
) -> Result<()> {
    let unit = |variable: &str| {
        let found = before.variables.iter().find(|(name, _)| name == variable);
        found.map_or("", |(_, unit)| unit.as_str()).to_owned()
    };
    let takes: Vec<(&str, f64, f64)> = TAKES
        .iter()
        .map(|variable| {
            let of = |run: &Indicators| run.get(variable, &options.region, options.year);
            (*variable, of(before), of(after))
        })
        .filter(|(_, without, with)| without.is_finite() && with.is_finite())
        .collect();
    if common.json {
        let takes: Vec<_> = takes
            .iter()
            .map(|(variable, without, with)| {
                json!({"variable": variable, "unit": unit(variable), "before": without, "after": with})
            })
            .collect();
        let answer = json!({
            "reached": true, "variable": options.variable, "region": options.region, "year": options.year,
            "before": now, "after": output, "path": options.with, "value": input, "unit": info.unit, "takes": takes,
        });
        return term::print(&format!("{answer:#}\n"));
    }
    let mut text = format!(
        "{} | {} | {}: {} {} in {}, {} wanted\n\n{}\n[set]\n\"{}\" = {input:?}   # {}, every year after the base year\n\n",
        options.variable,
        options.region,
        options.year,
        short(now),
        unit(&options.variable),
        options.scenario,
        options.value,
        format_args!("reached ({}) with", short(output)),
        options.with,
        info.unit,
    );
    let mut rows = vec![
        ["it takes", "without", "with", "difference", "unit"]
            .map(str::to_owned)
            .to_vec(),
    ];
    rows.extend(takes.iter().map(|(variable, without, with)| {
        vec![
            (*variable).to_owned(),
            short(*without),
            short(*with),
            short(with - without),
            unit(variable),
        ]
    }));
    text.push_str(&term::columns_aligned(&rows, |column| {
        (1..=3).contains(&column)
    }));
    term::print(&text)
}

/// That it cannot be had, and why.
fn refuse(common: &Common, options: &ReachOptions, now: f64, why: &str) -> Result<()> {
    if common.json {
        let answer = json!({
            "reached": false, "variable": options.variable, "region": options.region, "year": options.year,
            "before": now, "path": options.with, "why": why,
        });
        term::print(&format!("{answer:#}\n"))?;
    }
    Err(CheckFailed(format!(
        "{} of {} in {} cannot be brought from {} to {}: {why}",
        options.variable,
        options.region,
        options.year,
        short(now),
        options.value
    ))
    .into())
}

/// Six significant digits.
fn short(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    let digits = (5 - value.abs().log10().floor() as i32).clamp(0, 9) as usize;
    format!("{value:.digits$}")
}
