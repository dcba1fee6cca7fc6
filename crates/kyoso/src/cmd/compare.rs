//! `kyoso compare`: scenarios side by side, and what makes them differ.

mod folder;
mod print;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};
use kyoso_explore::shapley::{self, ShapleyError};
use kyoso_model::compare::money::{self, Money, Region};
use kyoso_model::compare::{self as model, Indicators, Named, Part, Selection};
use kyoso_model::ids::Group;
use kyoso_model::input::{Problems, Record};
use kyoso_model::results::targets;
use kyoso_model::run::RunError;
use kyoso_model::scenario::{self, Scenario, Target, Vocabulary};
use kyoso_model::tables::Table;
use kyoso_model::world::World;
use kyoso_report::manifest::{MADE_BY, Manifest};
use kyoso_report::read::{self, Kind};
use kyoso_report::write::Format;

use super::run::override_scenario;
use super::stage::{Stage, check_words};
use crate::cli::{Choice, Common, CompareOptions};
use crate::{pack, term};

/// Variables of the printed table: heading, variable, true if its difference is also shown in percent.
const HEADLINE: [(&str, &str, bool); 7] = [
    ("sales M", "Sales|Transportation|Light-Duty Vehicle", true),
    (
        "plug-in %",
        "Sales|Transportation|Light-Duty Vehicle|Plug-in Electric [Share]",
        false,
    ),
    (
        "CO2 Mt",
        "Emissions|CO2|Well-to-Wheel|Light-Duty Vehicle",
        true,
    ),
    (
        "production M",
        "Production|Transportation|Light-Duty Vehicle",
        true,
    ),
    (
        "support bn",
        "Government Expenditure|Vehicle Subsidy",
        false,
    ),
    ("duty bn", "Government Revenue|Import Tariff", false),
    ("surplus bn", "Consumer Surplus|Light-Duty Vehicle", false),
];

/// Variables that an attribution takes apart beside those of the headline.
const ATTRIBUTED: [&str; 6] = [
    "Trade|Transportation|Light-Duty Vehicle [Volume]|Exports",
    "Emissions|CO2|Vehicle Manufacturing",
    "Labor Force|Employed|Industry|Motor Vehicles",
    "Production|Transportation|Light-Duty Vehicle|Battery-Electric",
    "Mineral Demand|Transportation|Light-Duty Vehicle|Lithium",
    "Mineral Demand|Transportation|Light-Duty Vehicle|Nickel",
];

/// Tables of money, with the columns that are read back.
const MONEY: [(&str, &[(&str, Kind)]); 2] = [
    (
        "fiscal",
        &[
            ("payer", Kind::Words),
            ("iso3", Kind::Words),
            ("instrument", Kind::Words),
            ("rule", Kind::Words),
            ("year", Kind::Integers),
            ("amount", Kind::Reals),
        ],
    ),
    (
        "profits",
        &[
            ("iso3", Kind::Words),
            ("origin", Kind::Words),
            ("year", Kind::Integers),
            ("profit", Kind::Reals),
        ],
    ),
];

/// A scenario to run, or a run to read.
enum Entry {
    Scenario(Box<Scenario>),
    Folder(PathBuf, Box<Manifest>),
}

/// A difference taken apart.
struct Split {
    scenario: usize,
    parts: Vec<Part>,
    exact: bool,
    evaluations: usize,
}

/// Everything that was found.
struct Comparison {
    /// Runs; the first is the base.
    runs: Vec<Named>,
    base_year: i32,
    horizon: i32,
    /// Cells of the differences.
    selection: Selection,
    /// Cells of the attribution, and those printed as JSON.
    attributed: Selection,
    splits: Vec<Split>,
    /// Money of each run.
    money: Vec<Money>,
    /// Regions of the differences with their countries.
    regions: Vec<Region>,
    /// Rate a year at which money is discounted to the base year.
    discount: f64,
    /// Targets of all scenarios, each name once.
    targets: Vec<Target>,
}

impl Comparison {
    fn differences(&self, selection: &Selection) -> Table {
        model::differences(&self.runs[0], &self.runs[1..], selection)
    }

    /// Targets in every run, if a scenario has any.
    fn targets(&self) -> Option<Table> {
        let tracked = || targets::table(&self.runs, &self.targets, self.base_year);
        (!self.targets.is_empty()).then(tracked)
    }

    /// Years over which money is summed.
    fn years(&self) -> Vec<i32> {
        (self.base_year + 1..=self.horizon).collect()
    }

    /// Who gains and who pays, by year.
    fn welfare(&self) -> Table {
        let names: Vec<&str> = self.runs.iter().map(|run| run.name.as_str()).collect();
        money::welfare(&names, &self.money, &self.regions, &self.years())
    }

    /// What the scenarios bring and cost, summed over the years.
    fn effectiveness(&self, regions: &[Region]) -> Table {
        let (base_year, discount) = (self.base_year, self.discount);
        let years = self.years();
        money::effectiveness(
            &self.runs,
            &self.money,
            regions,
            &years,
            base_year,
            discount,
        )
    }

    fn attribution(&self) -> Option<Table> {
        let named: Vec<(String, Vec<Part>)> = self
            .splits
            .iter()
            .map(|split| (self.runs[split.scenario].name.clone(), split.parts.clone()))
            .collect();
        let units = &self.runs[0].indicators;
        (!named.is_empty()).then(|| model::attribution(&named, units, &self.attributed))
    }
}

/// Runs or reads, compares, writes and prints.
pub fn compare(common: &Common, options: &CompareOptions) -> Result<()> {
    let start = Instant::now();
    let source = pack::source(common.data.as_deref())?;
    let stage = Stage::prepare(source.as_ref())?;
    let library = pack::Scenarios(source.as_ref());
    let mut entries = entries(options, &library, &stage.vocabulary)?;
    let horizon = common_horizon(options, &mut entries, stage.world.base_year)?;
    let warnings = warnings(&entries, &stage.record);
    for warning in warnings.iter().filter(|_| !common.quiet) {
        eprintln!("warning: {warning}");
    }
    let (runs, money) = runs(&entries, &options.scenarios, &stage)?;
    let last = runs.iter().map(|run| run.indicators.years.1).min();
    let horizon = horizon.min(last.unwrap_or(horizon));
    let (selection, attributed) = selections(options, &runs, &stage.world, horizon)?;
    let splits = if options.attribute {
        splits(common, options, &entries, &stage, &attributed)?
    } else {
        Vec::new()
    };
    let comparison = Comparison {
        runs,
        base_year: stage.world.base_year,
        horizon,
        regions: stage.members(&selection.regions),
        selection,
        attributed,
        splits,
        money,
        discount: options.discount,
        targets: all_targets(&entries),
    };
    let place = options
        .out
        .clone()
        .unwrap_or_else(|| default_place(&comparison.runs));
    folder::write(
        common,
        options,
        &place,
        &comparison,
        &entries,
        &stage,
        &warnings,
    )?;
    if common.json {
        return term::print(&format!("{:#}\n", print::json(&comparison, &place)));
    }
    term::print(&print::text(&comparison, options, &stage))?;
    if !common.quiet {
        term::print(&format!(
            "\n{} ({:.0} ms): open {}\n",
            place.display(),
            start.elapsed().as_secs_f64() * 1e3,
            place.join("report.html").display()
        ))?;
    }
    Ok(())
}

/// What was named, with all problems of all files at once.
fn entries(
    options: &CompareOptions,
    library: &pack::Scenarios,
    vocabulary: &Vocabulary,
) -> Result<Vec<Entry>> {
    let mut problems = Problems::default();
    let mut entries = Vec::new();
    for request in &options.scenarios {
        let folder = Path::new(request);
        if folder.is_dir() {
            entries.push(Entry::Folder(
                folder.to_owned(),
                Box::new(manifest(folder)?),
            ));
            continue;
        }
        match Scenario::load(request, library, vocabulary) {
            Ok(scenario) => entries.push(Entry::Scenario(Box::new(scenario))),
            Err(found) => problems.0.extend(found.0),
        }
    }
    problems.0.sort();
    problems.0.dedup();
    Ok(problems.or_ok(entries)?)
}

/// The manifest of a run's folder.
fn manifest(folder: &Path) -> Result<Manifest> {
    let help = "name a scenario, or a folder that `kyoso run` wrote";
    let text = std::fs::read(folder.join("manifest.json"))
        .map_err(|_| anyhow!("{} holds no run\n  help: {help}", folder.display()))?;
    let manifest: Manifest = serde_json::from_slice(&text)
        .with_context(|| format!("{} has a broken manifest.json", folder.display()))?;
    if manifest.made_by != MADE_BY || manifest.command != "run" {
        bail!("{} holds no run\n  help: {help}", folder.display());
    }
    Ok(manifest)
}

/// The last year that all scenarios have; scenarios to run are cut there.
fn common_horizon(options: &CompareOptions, entries: &mut [Entry], base_year: i32) -> Result<i32> {
    let choice = Choice {
        scenario: String::new(),
        horizon: options.horizon,
        drivers: None,
    };
    let mut horizon = i32::MAX;
    for entry in entries.iter_mut() {
        if let Entry::Scenario(scenario) = entry {
            override_scenario(scenario, &choice, base_year)?;
            horizon = horizon.min(scenario.horizon);
        }
    }
    for entry in entries {
        if let Entry::Scenario(scenario) = entry {
            scenario.horizon = horizon;
        }
    }
    Ok(options.horizon.map_or(horizon, |asked| asked.min(horizon)))
}

/// Folders made from other data than the scenarios beside them.
fn warnings(entries: &[Entry], record: &Record) -> Vec<String> {
    let hashes = |entry: &Entry| match entry {
        Entry::Scenario(_) => record.hashes.clone(),
        Entry::Folder(_, manifest) => manifest.inputs.clone(),
    };
    let first = entries.first().map(hashes).unwrap_or_default();
    entries
        .iter()
        .filter_map(|entry| {
            let own = hashes(entry);
            let files: BTreeSet<&String> = first.keys().chain(own.keys()).collect();
            let changed: Vec<&str> = files
                .into_iter()
                .filter(|file| first.get(*file) != own.get(*file))
                .map(String::as_str)
                .collect();
            let name = match entry {
                Entry::Scenario(scenario) => scenario.name.clone(),
                Entry::Folder(folder, _) => folder.display().to_string(),
            };
            (!changed.is_empty()).then(|| {
                format!(
                    "{name} stands on other data than the base ({}): differences come from the data too",
                    changed.join(", ")
                )
            })
        })
        .collect()
}

/// Targets of all scenarios; of two with one name, the first scenario's.
fn all_targets(entries: &[Entry]) -> Vec<Target> {
    let mut all: Vec<Target> = Vec::new();
    for entry in entries {
        if let Entry::Scenario(scenario) = entry {
            for target in &scenario.targets {
                if all.iter().all(|known| known.name != target.name) {
                    all.push(target.clone());
                }
            }
        }
    }
    all
}

/// Indicators of each entry, under names that differ.
fn runs(entries: &[Entry], requests: &[String], stage: &Stage) -> Result<(Vec<Named>, Vec<Money>)> {
    let (mut runs, mut money): (Vec<Named>, Vec<Money>) = (Vec::new(), Vec::new());
    for (entry, request) in entries.iter().zip(requests) {
        let (own, (indicators, own_money)) = match entry {
            Entry::Scenario(scenario) => (&scenario.name, stage.indicators_and_money(scenario)?),
            Entry::Folder(folder, manifest) => {
                let found = of_folder(folder, manifest, &stage.vocabulary.countries)?;
                (&manifest.scenario, found)
            }
        };
        let taken = |name: &str| runs.iter().any(|run| run.name == name);
        let mut name = own.clone();
        if taken(&name) {
            name.clone_from(request);
        }
        let mut copy = 2;
        while taken(&name) {
            name = format!("{own} ({copy})");
            copy += 1;
        }
        runs.push(Named { name, indicators });
        money.push(own_money);
    }
    Ok((runs, money))
}

/// Indicators of an earlier run, and its money as far as it wrote any.
fn of_folder(
    folder: &Path,
    manifest: &Manifest,
    countries: &[String],
) -> Result<(Indicators, Money)> {
    let format = if manifest.format == Format::Csv.extension() {
        Format::Csv
    } else {
        Format::Parquet
    };
    let columns = [
        ("region", Kind::Words),
        ("variable", Kind::Words),
        ("unit", Kind::Words),
        ("year", Kind::Integers),
        ("value", Kind::Reals),
    ];
    let table = read::table(folder, "indicators", format, &columns)?;
    let indicators = Indicators::from_tables(&[table])
        .ok_or_else(|| anyhow!("{} has no indicators", folder.display()))?;
    let mut tables = Vec::new();
    for (name, columns) in MONEY {
        let file = format!("{name}.{}", format.extension());
        if manifest.outputs.contains_key(&file) {
            tables.push(read::table(folder, name, format, columns)?);
        }
    }
    let money = Money::of(&tables, &indicators, countries);
    Ok((indicators, money))
}

/// Cells of the differences and of the attribution, by the user's wish or by default.
fn selections(
    options: &CompareOptions,
    runs: &[Named],
    world: &World,
    horizon: i32,
) -> Result<(Selection, Selection)> {
    let base = &runs[0].indicators;
    let all: Vec<String> = base
        .variables
        .iter()
        .map(|(name, _)| name.clone())
        .collect();
    let mut problems = Vec::new();
    check_words("variable", &options.variables, &all, &mut problems);
    check_words("region", &options.regions, &base.regions, &mut problems);
    for year in &options.years {
        if !(world.base_year..=horizon).contains(year) {
            problems.push(format!(
                "year {year} is out of range\n  help: expected years from {} to {horizon}",
                world.base_year
            ));
        }
    }
    if !problems.is_empty() {
        bail!("{}", problems.join("\n"));
    }
    let or = |asked: &[String], default: Vec<String>| {
        if asked.is_empty() {
            default
        } else {
            asked.to_vec()
        }
    };
    let years = |first: i32| {
        if options.years.is_empty() {
            (first..=horizon).collect()
        } else {
            options.years.clone()
        }
    };
    let usual = HEADLINE
        .iter()
        .map(|(_, variable, _)| *variable)
        .chain(ATTRIBUTED)
        .map(str::to_owned);
    let usual: Vec<String> = usual.filter(|variable| all.contains(variable)).collect();
    let selection = Selection {
        variables: or(&options.variables, all),
        regions: or(&options.regions, base.regions.clone()),
        years: years(world.base_year),
    };
    let attributed = Selection {
        variables: or(&options.variables, usual),
        regions: or(&options.regions, shown_regions(world)),
        years: years(world.base_year + 1),
    };
    Ok((selection, attributed))
}

/// World, groups, the ASEAN ten.
fn shown_regions(world: &World) -> Vec<String> {
    let groups = Group::ALL.iter().map(|group| group.code().to_owned());
    let ten = world.countries.iter().filter(|country| country.asean);
    std::iter::once("World".to_owned())
        .chain(groups)
        .chain(ten.map(|country| country.iso3.clone()))
        .collect()
}

/// Each difference from the base taken apart.
fn splits(
    common: &Common,
    options: &CompareOptions,
    entries: &[Entry],
    stage: &Stage,
    selection: &Selection,
) -> Result<Vec<Split>> {
    let mut scenarios: Vec<&Scenario> = Vec::new();
    for entry in entries {
        match entry {
            Entry::Scenario(scenario) => scenarios.push(scenario),
            Entry::Folder(folder, _) => bail!(
                "{} is a finished run: what lies between it and others cannot be run\n  help: name its scenario for --attribute",
                folder.display()
            ),
        }
    }
    let base = scenarios[0];
    let mut splits = Vec::new();
    for (i, other) in scenarios.iter().enumerate().skip(1) {
        let groups = scenario::group(base.changes(other), &options.group, &stage.vocabulary)
            .map_err(|problems| anyhow!("{problems}"))?;
        let settings = shapley::Options {
            pairs: options.pairs.into(),
            seed: common.seed,
            ..shapley::Options::default()
        };
        let bar = term::bar(
            common.quiet,
            runs_needed(groups.len(), &settings),
            "attribute",
        );
        let value = |made: shapley::Subset| {
            let made = groups.iter().enumerate().filter(|(i, _)| made.has(*i));
            let scenario = base.with_changes(made.flat_map(|(_, group)| &group.changes));
            let indicators = stage.indicators(&scenario)?;
            bar.inc(1);
            Ok(selection.values(&indicators))
        };
        let found = shapley::attribute(groups.len(), value, settings);
        bar.finish_and_clear();
        let found = found.map_err(|error: ShapleyError<RunError>| match error {
            ShapleyError::Model(error) => anyhow::Error::from(error),
            other => other.into(),
        })?;
        let names = groups.into_iter().map(|group| group.name);
        let numbers = found.parts.into_iter().zip(found.standard_errors);
        splits.push(Split {
            scenario: i,
            parts: names
                .zip(numbers)
                .map(|(group, (parts, standard_errors))| Part {
                    group,
                    parts,
                    standard_errors,
                })
                .collect(),
            exact: found.exact,
            evaluations: found.evaluations,
        });
    }
    Ok(splits)
}

/// Runs of an attribution, at most.
fn runs_needed(groups: usize, settings: &shapley::Options) -> u64 {
    if groups <= settings.exact_up_to {
        1 << groups
    } else {
        (2 * settings.pairs * (groups - 1) + 2) as u64
    }
}

fn default_place(runs: &[Named]) -> PathBuf {
    let names: Vec<&str> = runs.iter().map(|run| run.name.as_str()).collect();
    let name: String = names
        .join("-")
        .chars()
        .map(|c| if c.is_alphanumeric() { c } else { '-' })
        .collect();
    Path::new("out").join(format!("compare-{name}"))
}
