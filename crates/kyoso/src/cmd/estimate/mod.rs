//! `kyoso estimate`: demand and supply of differentiated products from a problem file.

mod after;
mod columns;
mod defects;
mod instruments;
mod json;
mod keys;
mod micro;
mod plan;
pub mod schema;
mod settings;
mod show;
mod start;
mod tables;
mod tree;
mod uses;

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::Instant;

use anyhow::{Result, bail};
use indicatif::ProgressBar;
use kyoso_demand::{Pricing, Problem, Progress, Results, Warning};
use kyoso_model::input::{Source, nearest};
use kyoso_report::manifest::Manifest;
use kyoso_report::write::{self, Format};

use self::plan::Plan;
use self::uses::Place;
use crate::cli::{Common, EstimateOptions, TableFormat};
use crate::output::{self, Draft};
use crate::pack;
use crate::term::{self, NotConverged};

/// Folder of the pack with the problems that ship.
const SHELF: &str = "demand/";

/// Names of the shipped problems.
pub fn shipped(source: &dyn Source) -> Vec<String> {
    source
        .paths()
        .iter()
        .filter_map(|path| {
            path.strip_prefix(SHELF)?
                .strip_suffix("/problem.toml")
                .map(str::to_owned)
        })
        .collect()
}

/// Paths and bytes of a shipped problem's files, below its folder, and the licence of the data.
pub fn files(source: &dyn Source, name: &str) -> Vec<(String, Vec<u8>)> {
    let folder = format!("{SHELF}{name}/");
    let mut files: Vec<(String, Vec<u8>)> = source
        .paths()
        .iter()
        .filter_map(|path| {
            let below = path.strip_prefix(&folder)?.to_owned();
            Some((below, source.read(path)?.into_owned()))
        })
        .collect();
    if let Some(readme) = source.read(&format!("{SHELF}README.md")) {
        files.push(("README.md".to_owned(), readme.into_owned()));
    }
    files
}

/// One sentence about a shipped problem.
pub fn description(source: &dyn Source, name: &str) -> String {
    let text = source
        .read(&format!("{SHELF}{name}/problem.toml"))
        .unwrap_or_default();
    String::from_utf8_lossy(&text)
        .lines()
        .find_map(|line| {
            line.strip_prefix("description = \"")?
                .strip_suffix('"')
                .map(str::to_owned)
        })
        .unwrap_or_default()
}

/// Reads, solves, shows and writes.
pub fn estimate(common: &Common, options: &EstimateOptions) -> Result<()> {
    let source = pack::source(common.data.as_deref())?;
    let started = Instant::now();
    let plan = load(source.as_ref(), &options.problem)?;
    let problem = Problem::new(
        plan.specification.clone(),
        &plan.products,
        plan.agents.as_ref(),
    )
    .map_err(|error| plan.place(&error))?;
    let mut wall_ms = BTreeMap::from([("1 read and check".to_owned(), ms(started))]);
    let solving = Instant::now();
    let first = solve(&plan, &problem, &plan.start, common.quiet)?;
    let better;
    let results = if plan.optimal {
        better = first
            .optimal_instruments(&Pricing::default())
            .map_err(|error| plan.place(&error))?;
        let mut start = plan.start.clone();
        start.sigma = first.parameters.sigma.clone();
        start.pi = first.parameters.pi.clone();
        start.rho.clone_from(&first.parameters.rho);
        for (begin, found) in start.beta.iter_mut().zip(&first.parameters.beta) {
            *begin = begin.and(*found);
        }
        solve(&plan, &better.problem, &start, common.quiet)?
    } else {
        first.clone()
    };
    wall_ms.insert("2 estimate".to_owned(), ms(solving));
    let afterwards = Instant::now();
    let found = after::compute(&results, &plan.after).map_err(|error| plan.place(&error))?;
    wall_ms.insert("3 after estimation".to_owned(), ms(afterwards));
    let mut warnings: Vec<String> = plan.notes.clone();
    warnings.extend(
        first
            .warnings
            .iter()
            .filter(|w| plan.optimal && !results.warnings.contains(w))
            .map(|w| format!("first estimation: {w}")),
    );
    warnings.extend(grouped(&results.warnings));
    warnings.extend(show::verdicts(results.problem, found.as_ref()));
    let converged = first.converged && results.converged;
    let priced = found.as_ref().is_none_or(|f| {
        f.worlds
            .iter()
            .all(|(_, w)| w.verdicts.iter().all(|v| v.converged))
    });

    let outcome = tables::Outcome {
        plan: &plan,
        results: &results,
        found: found.as_ref(),
        warnings: &warnings,
        converged: converged && priced,
    };
    if let Some(place) = &options.out {
        write_folder(&outcome, place, options.format, wall_ms)?;
    }
    if common.json {
        term::print(&format!("{:#}\n", outcome.json()))?;
    } else {
        term::print(&show::text(&outcome))?;
        if let Some(place) = options.out.as_ref().filter(|_| !common.quiet) {
            term::print(&format!(
                "\nResults by product and market: {}\n",
                place.display()
            ))?;
        }
    }
    if !common.quiet {
        for warning in &warnings {
            let _ = writeln!(std::io::stderr(), "warning: {warning}");
        }
    }
    if !converged {
        let why = if results.converged {
            &first.message
        } else {
            &results.message
        };
        return Err(NotConverged(format!(
            "the estimation did not converge: {why}\n  help: raise [optimiser] evaluations, try other values under [start], or look for parameters that the instruments do not identify"
        ))
        .into());
    }
    if !priced {
        return Err(NotConverged(
            "prices of a counterfactual did not converge; the warnings name the markets".to_owned(),
        )
        .into());
    }
    Ok(())
}

fn ms(from: Instant) -> f64 {
    from.elapsed().as_secs_f64() * 1e3
}

/// A file on disk, or a shipped problem by name.
fn load(source: &dyn Source, name: &Path) -> Result<Plan> {
    let file = name.display().to_string();
    let names = shipped(source);
    if !name.exists() && names.contains(&file) {
        let folder = format!("{SHELF}{file}");
        let path = format!("{folder}/problem.toml");
        let text = String::from_utf8_lossy(&source.read(&path).unwrap_or_default()).into_owned();
        return Ok(plan::read(
            &path,
            &file,
            text,
            &Place::Pack(source, folder),
        )?);
    }
    let name = if name.is_dir() {
        name.join("problem.toml")
    } else {
        name.to_owned()
    };
    let text = match std::fs::read(&name) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(_) => bail!(
                "{} is no text in UTF-8\n  help: name a problem file (TOML)",
                name.display()
            ),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let near = nearest(&file, names.iter().map(String::as_str));
            let help = near.map_or_else(
                || format!("name a problem file (TOML), or one of {}; `kyoso example extract {}` writes one to start from", names.join(", "), names.first().map_or("", String::as_str)),
                |near| format!("did you mean `{near}`?"),
            );
            bail!("there is no problem file {file}\n  help: {help}")
        }
        Err(error) => bail!("{} cannot be read: {error}", name.display()),
    };
    let folder = name.parent().unwrap_or(Path::new("")).to_owned();
    let stem = name
        .file_stem()
        .map_or_else(String::new, |s| s.to_string_lossy().into_owned());
    Ok(plan::read(
        &name.display().to_string(),
        &stem,
        text,
        &Place::Disk(folder),
    )?)
}

fn solve<'a>(
    plan: &Plan,
    problem: &'a Problem,
    start: &kyoso_demand::Parameters,
    quiet: bool,
) -> Result<Results<'a>> {
    let bar = if quiet || !std::io::stderr().is_terminal() {
        ProgressBar::hidden()
    } else {
        ProgressBar::new_spinner()
    };
    let started = Instant::now();
    let mut last: Option<Progress> = None;
    let results = problem.solve_with(start, &plan.micro, &plan.options, &mut |progress| {
        if let Some(done) = last
            .as_ref()
            .filter(|l| (l.step, l.start) != (progress.step, progress.start))
        {
            bar.println(line(done));
        }
        bar.set_message(format!(
            "{}  {:.1} s",
            line(progress),
            started.elapsed().as_secs_f64()
        ));
        bar.tick();
        last = Some(progress.clone());
    });
    if let Some(done) = &last {
        bar.println(line(done));
    }
    bar.finish_and_clear();
    results.map_err(|error| plan.place(&error).into())
}

fn line(p: &Progress) -> String {
    let start = if p.start > 1 {
        format!(", start {}", p.start)
    } else {
        String::new()
    };
    let failures = if p.failures > 0 {
        format!(", {} markets not inverted", p.failures)
    } else {
        String::new()
    };
    format!(
        "step {}{start}: evaluation {:3}  objective {:<14.8}  gradient {:.1e}{failures}",
        p.step, p.evaluation, p.objective, p.gradient
    )
}

/// Warnings in words; those of many markets in one line.
fn grouped(warnings: &[Warning]) -> Vec<String> {
    let mut out = Vec::new();
    let mut bounded = (0, Vec::new());
    for warning in warnings {
        match warning {
            Warning::CostsBounded { market, products } => {
                bounded.0 += products;
                bounded.1.push(market.clone());
            }
            other => out.push(other.to_string()),
        }
    }
    if bounded.0 > 0 {
        out.push(format!(
            "costs of {} products were moved to their bounds, in markets {}",
            bounded.0,
            show::few(&bounded.1)
        ));
    }
    out
}

fn write_folder(
    outcome: &tables::Outcome,
    place: &Path,
    format: TableFormat,
    wall_ms: BTreeMap<String, f64>,
) -> Result<()> {
    let draft = Draft::new(place)?;
    let format = match format {
        TableFormat::Parquet => Format::Parquet,
        TableFormat::Csv => Format::Csv,
    };
    let mut outputs = write::tables(draft.folder(), &outcome.tables(), format)?;
    let json = serde_json::to_vec_pretty(&outcome.json())?;
    outputs.insert(
        "results.json".to_owned(),
        write::text(draft.folder(), "results.json", &json)?,
    );
    let plan = outcome.plan;
    outputs.insert(
        "problem.toml".to_owned(),
        write::text(draft.folder(), "problem.toml", plan.text.as_bytes())?,
    );
    let texts = [("problem.toml".to_owned(), plan.text.clone())];
    let manifest = Manifest {
        scenario: plan.name.clone(),
        inputs: plan.inputs.clone(),
        outputs,
        format: format.extension().to_owned(),
        warnings: outcome.warnings.to_vec(),
        wall_ms,
        ..output::manifest("estimate", &texts)
    };
    draft.finish_with(&manifest)
}
