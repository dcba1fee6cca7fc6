//! `kyoso run`: the outlook.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Result, bail};
use kyoso_model::calibrate::launch::with_launches;
use kyoso_model::calibrate::{self, Base};
use kyoso_model::hindcast;
use kyoso_model::ids::{Drivers, Group};
use kyoso_model::input::Record;
use kyoso_model::results::Results;
use kyoso_model::run::Outcome;
use kyoso_model::scenario::{HORIZONS, Scenario};
use kyoso_model::tables::{Table, Values};
use kyoso_model::world::World;
use kyoso_report::html::{self, ReportInput};
use kyoso_report::manifest::{BalanceEntry, Manifest};
use kyoso_report::write::{self, Format};

use crate::cli::{Choice, Common, RunOptions, TableFormat};
use crate::output::{self, Draft};
use crate::pack;
use crate::term::{self, CheckFailed};

/// Everything a finished projection holds.
pub struct Finished {
    pub record: Record,
    pub world: World,
    pub base: Base,
    pub scenario: Scenario,
    pub outcome: Outcome,
    pub wall_ms: BTreeMap<String, f64>,
}

impl Finished {
    pub fn results(&self) -> Results<'_> {
        Results {
            world: &self.world,
            base: &self.base,
            scenario: &self.scenario,
            outcome: &self.outcome,
        }
    }
}

/// Time since `from`, ms, noted under a name.
fn lap(wall_ms: &mut BTreeMap<String, f64>, name: &str, from: Instant) {
    wall_ms.insert(name.to_owned(), from.elapsed().as_secs_f64() * 1e3);
}

/// Reads, calibrates and projects.
pub fn project(common: &Common, choice: &Choice) -> Result<Finished> {
    let mut wall_ms = BTreeMap::new();
    let start = Instant::now();
    let source = pack::source(common.data.as_deref())?;
    let record = Record::load(source.as_ref())?;
    lap(&mut wall_ms, "1 read and check data", start);
    let mut scenario = Scenario::load(
        &choice.scenario,
        &pack::Scenarios(source.as_ref()),
        &pack::vocabulary(&record)?,
    )?;
    override_scenario(
        &mut scenario,
        choice,
        record
            .table("sales")
            .integer("year")
            .iter()
            .copied()
            .max()
            .unwrap_or(2023),
    )?;
    let start = Instant::now();
    let mut world = World::build(&record)?;
    lap(&mut wall_ms, "2 build world", start);
    let start = Instant::now();
    let base = calibrate::calibrate(&mut world, &record);
    let launched = match with_launches(&world, &base, &scenario) {
        Cow::Owned(launched) => Some(launched),
        Cow::Borrowed(_) => None,
    };
    let base = launched.unwrap_or(base);
    lap(&mut wall_ms, "3 calibrate", start);
    let start = Instant::now();
    let outcome = kyoso_model::run::run(&world, &base, &scenario)?;
    lap(&mut wall_ms, "4 project", start);
    Ok(Finished {
        record,
        world,
        base,
        scenario,
        outcome,
        wall_ms,
    })
}

pub fn override_scenario(scenario: &mut Scenario, choice: &Choice, base_year: i32) -> Result<()> {
    if let Some(horizon) = choice.horizon {
        let (first, last) = (HORIZONS.0.max(base_year + 1), HORIZONS.1);
        if !(first..=last).contains(&horizon) {
            bail!(
                "--horizon {horizon} is out of range\n  help: expected a year from {first} to {last}"
            );
        }
        scenario.horizon = horizon;
    }
    if let Some(code) = &choice.drivers {
        let Some(drivers) = Drivers::from_code(code) else {
            bail!("unknown drivers `{code}`\n  help: expected one of SSP1, SSP2, SSP3, SSP4, SSP5");
        };
        scenario.drivers = drivers;
    }
    Ok(())
}

/// Projects, writes and prints.
pub fn run(common: &Common, options: &RunOptions) -> Result<()> {
    let start = Instant::now();
    let mut finished = project(common, &options.choice)?;
    let place = options
        .out
        .clone()
        .unwrap_or_else(|| Path::new("out").join(&finished.scenario.name));
    let scores = if options.hindcast {
        Some(scores(common, &finished.record)?)
    } else {
        None
    };
    let (manifest, tables) = write_folder(
        common,
        &options.choice,
        options.format,
        &place,
        &mut finished,
        scores.as_ref(),
        start,
    )?;
    if common.json {
        return term::print(&format!("{}\n", serde_json::to_string_pretty(&manifest)?));
    }
    term::print(&headline(
        &tables,
        &finished.world,
        finished.scenario.horizon,
    ))?;
    if !common.quiet {
        term::print(&format!(
            "\n{} ({:.0} ms): open {}\n",
            place.display(),
            start.elapsed().as_secs_f64() * 1e3,
            place.join("report.html").display()
        ))?;
        if !options.hindcast {
            term::print(
                "How far to trust it: `kyoso run --hindcast` adds scores against history to the report.\n",
            )?;
        }
    }
    match manifest
        .balances
        .iter()
        .find(|balance| balance.residual.is_nan() || balance.residual > balance.tolerance)
    {
        Some(broken) => Err(CheckFailed(format!(
            "{}: residual {:.2e} above {:.0e}",
            broken.name, broken.residual, broken.tolerance
        ))
        .into()),
        None => Ok(()),
    }
}

fn scores(common: &Common, record: &Record) -> Result<Table> {
    let bar = term::bar(common.quiet, 2 * hindcast::ORIGINS.len() as u64, "hindcast");
    let scored = hindcast::hindcast(record, &hindcast::ORIGINS, &|done, _| {
        bar.set_position(done as u64);
    })?;
    bar.finish_and_clear();
    Ok(scored.table())
}

/// Tables, report and manifest in a folder that appears whole.
pub fn write_folder(
    common: &Common,
    choice: &Choice,
    format: TableFormat,
    place: &Path,
    finished: &mut Finished,
    scores: Option<&Table>,
    start: Instant,
) -> Result<(Manifest, Vec<Table>)> {
    let draft = Draft::new(place)?;
    let lap_start = Instant::now();
    let results = finished.results();
    let (mut tables, balances) = results.tables_and_balances();
    if let Some(scores) = scores {
        tables.push(scores.clone());
    }
    let mut wall_ms = finished.wall_ms.clone();
    lap(&mut wall_ms, "5 make tables", lap_start);
    let lap_start = Instant::now();
    let format = match format {
        TableFormat::Parquet => Format::Parquet,
        TableFormat::Csv => Format::Csv,
    };
    let (outputs, report) = rayon::join(
        || write::tables(draft.folder(), &tables, format),
        || report(finished, &tables, scores, &balances),
    );
    let mut outputs = outputs?;
    outputs.insert(
        "report.html".to_owned(),
        write::text(draft.folder(), "report.html", report?.as_bytes())?,
    );
    lap(&mut wall_ms, "6 write tables and report", lap_start);
    lap(&mut wall_ms, "7 all", start);
    let mut overrides = BTreeMap::new();
    if let Some(horizon) = choice.horizon {
        overrides.insert("horizon".to_owned(), horizon.to_string());
    }
    if let Some(drivers) = &choice.drivers {
        overrides.insert("drivers".to_owned(), drivers.clone());
    }
    let base = &finished.base;
    let manifest = Manifest {
        scenario: finished.scenario.name.clone(),
        scenario_request: choice.scenario.clone(),
        overrides,
        inputs: finished.record.hashes.clone(),
        outputs,
        format: format.extension().to_owned(),
        seed: common.seed,
        balances: balances
            .iter()
            .map(|balance| BalanceEntry {
                name: balance.name.to_owned(),
                residual: balance.residual,
                tolerance: balance.tolerance,
            })
            .collect(),
        fitted: BTreeMap::from([
            (
                "sales residual: persistence".to_owned(),
                base.residual_law.persistence,
            ),
            (
                "sales residual: elasticity to income growth".to_owned(),
                base.residual_law.cycle,
            ),
            (
                "sales residual: trend a year".to_owned(),
                base.residual_law.trend,
            ),
            (
                "adoption of BEV: log-odds a year".to_owned(),
                base.adoption.pace[2],
            ),
            (
                "adoption of PHEV: log-odds a year".to_owned(),
                base.adoption.pace[1],
            ),
            (
                "adoption of HEV: log-odds a year".to_owned(),
                base.adoption.pace[0],
            ),
            (
                "used trade: imports less exports of the base year, vehicles".to_owned(),
                base.used_discrepancy,
            ),
        ]),
        warnings: warnings(finished),
        wall_ms,
        ..output::manifest("run", &finished.scenario.texts)
    };
    draft.finish_with(&manifest)?;
    Ok((manifest, tables))
}

/// What a reader should know before he trusts a number.
fn warnings(finished: &Finished) -> Vec<String> {
    let adjusted: Vec<&str> = finished
        .base
        .stocks
        .iter()
        .zip(&finished.world.countries)
        .filter(|(stock, _)| stock.adjusted)
        .map(|(_, country)| country.iso3.as_str())
        .collect();
    let mut warnings = Vec::new();
    if !adjusted.is_empty() {
        warnings.push(format!(
            "the stock of the base year had to leave its count by more than a quarter in {} countries, where sales and survival do not support it: {}",
            adjusted.len(),
            adjusted.join(", ")
        ));
    }
    let discrepancy = finished.base.used_discrepancy / 1e6;
    warnings.push(format!("used trade: fitted imports exceed fitted exports by {discrepancy:.1} million vehicles in the base year; carried as its own item"));
    warnings
}

/// The report of a run.
fn report(
    finished: &Finished,
    tables: &[Table],
    scores: Option<&Table>,
    balances: &[kyoso_model::results::Balance],
) -> Result<String> {
    let world = &finished.world;
    let warnings = warnings(finished);
    let outlooks = finished.record.table("outlooks");
    let input = ReportInput {
        scenario: &finished.scenario.name,
        description: &finished.scenario.description,
        version: env!("CARGO_PKG_VERSION"),
        base_year: world.base_year,
        horizon: finished.scenario.horizon,
        tables,
        scores,
        names: world
            .countries
            .iter()
            .map(|country| (country.iso3.clone(), country.name.clone()))
            .collect(),
        groups: world
            .countries
            .iter()
            .map(|country| (country.iso3.clone(), country.group.code().to_owned()))
            .collect(),
        sources: &finished.record.sources,
        basis_counts: finished.record.basis_counts(),
        outlooks: (0..outlooks.rows())
            .map(|row| {
                (
                    outlooks.text("region").get(row).to_owned(),
                    outlooks.text("variable").get(row).to_owned(),
                    outlooks.integer("year")[row],
                    outlooks.real("low")[row],
                    outlooks.real("high")[row],
                    outlooks.text("note").get(row).to_owned(),
                )
            })
            .collect(),
        balances: balances
            .iter()
            .map(|balance| (balance.name.to_owned(), balance.residual, balance.tolerance))
            .collect(),
        warnings: &warnings,
    };
    Ok(html::render(&input)?)
}

/// Value of an indicator, NaN if there is none.
struct Indicators<'a> {
    values: BTreeMap<(&'a str, &'a str, i32), f64>,
}

impl<'a> Indicators<'a> {
    fn new(tables: &'a [Table]) -> Self {
        let mut values = BTreeMap::new();
        let table = tables.iter().find(|table| table.name == "indicators");
        let column = |name: &str| {
            table
                .and_then(|table| table.columns.iter().find(|column| column.name == name))
                .map(|column| &column.values)
        };
        if let (
            Some(Values::Words {
                words: regions,
                codes: region,
            }),
            Some(Values::Words {
                words: names,
                codes: variable,
            }),
            Some(Values::Integers(year)),
            Some(Values::Reals(value)),
        ) = (
            column("region"),
            column("variable"),
            column("year"),
            column("value"),
        ) {
            for row in 0..value.len() {
                values.insert(
                    (
                        names[variable[row] as usize].as_str(),
                        regions[region[row] as usize].as_str(),
                        year[row],
                    ),
                    value[row],
                );
            }
        }
        Self { values }
    }

    fn get(&self, variable: &str, region: &str, year: i32) -> f64 {
        self.values
            .get(&(variable, region, year))
            .copied()
            .unwrap_or(f64::NAN)
    }
}

/// The headline table: World, groups, the ASEAN ten.
fn headline(tables: &[Table], world: &World, horizon: i32) -> String {
    let indicators = Indicators::new(tables);
    let mut years: Vec<i32> = [world.base_year, 2030, 2035, horizon]
        .into_iter()
        .filter(|&year| year <= horizon)
        .collect();
    years.sort_unstable();
    years.dedup();
    let measures = [
        ("sales M", "Sales|Transportation|Road Vehicle", 2),
        (
            "plug-in %",
            "Sales|Transportation|Light-Duty Vehicle|Plug-in Electric [Share]",
            1,
        ),
        (
            "hybrid %",
            "Sales|Transportation|Light-Duty Vehicle|Internal Combustion|Full Hybrid [Share]",
            1,
        ),
        ("stock M", "Stocks|Transportation|Road Vehicle", 1),
        (
            "CO2 Mt",
            "Emissions|CO2|Energy|Demand|Transportation|Light-Duty Vehicle",
            0,
        ),
    ];
    let mut first = vec![String::new()];
    let mut second = vec![String::new()];
    for (name, _, _) in measures {
        for (i, year) in years.iter().enumerate() {
            first.push(if i == 0 {
                name.to_owned()
            } else {
                String::new()
            });
            second.push(year.to_string());
        }
    }
    let mut rows = vec![first, second];
    let mut line = |label: &str, region: &str| {
        let mut row = vec![label.to_owned()];
        for (_, variable, digits) in measures {
            for &year in &years {
                let value = indicators.get(variable, region, year);
                row.push(if value.is_nan() {
                    "-".to_owned()
                } else {
                    format!("{value:.digits$}")
                });
            }
        }
        rows.push(row);
    };
    line("World", "World");
    for group in Group::ALL {
        line(group.code(), group.code());
    }
    for country in world.countries.iter().filter(|country| country.asean) {
        line(&format!("  {}", country.name), &country.iso3);
    }
    format!(
        "{}\nplug-in = (BEV + PHEV) / light-duty sales; CO2 at the tailpipe of light-duty vehicles\n",
        term::columns(&rows)
    )
}

/// Where a run goes by default.
pub fn default_place(name: &str) -> PathBuf {
    Path::new("out").join(name)
}
