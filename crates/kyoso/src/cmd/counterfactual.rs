//! `kyoso counterfactual`: a recorded year solved again under other rules.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Result, bail};
use kyoso_model::calibrate;
use kyoso_model::counterfactual::{Counterfactual, Side, counterfactual as solve};
use kyoso_model::ids::Powertrain;
use kyoso_model::input::Record;
use kyoso_model::scenario::Scenario;
use kyoso_model::tables::Table;
use kyoso_model::world::World;
use kyoso_report::manifest::Manifest;
use kyoso_report::write;
use serde_json::{Value, json};

use super::stage::{Stage, check_words, rows};
use crate::cli::{Common, CounterfactualOptions};
use crate::output::{self, Draft};
use crate::{pack, term};

/// First year with enough history behind it to be solved.
const FIRST: i32 = 2012;
/// Units by which a market must move to be printed unasked.
const MOVED: f64 = 0.5;
/// Makers printed for a market.
const MAKERS: usize = 8;

pub fn counterfactual(common: &Common, options: &CounterfactualOptions) -> Result<()> {
    let source = pack::source(common.data.as_deref())?;
    let record = Record::load(source.as_ref())?;
    let vocabulary = pack::vocabulary(&record)?;
    let library = pack::Scenarios(source.as_ref());
    let scenario = Scenario::load(&options.scenario, &library, &vocabulary)?;
    let year = options.year.unwrap_or(vocabulary.base_year);
    let mut problems = Vec::new();
    if !(FIRST..=vocabulary.base_year).contains(&year) {
        problems.push(format!(
            "--year {year} is out of range\n  help: expected a year from {FIRST} to {}: later ones are no record",
            vocabulary.base_year
        ));
    }
    check_words(
        "country",
        &options.countries,
        &vocabulary.countries,
        &mut problems,
    );
    if !problems.is_empty() {
        bail!("{}", problems.join("\n"));
    }
    let mut world = World::as_of(&record, year)?;
    let base = calibrate::calibrate(&mut world, &record);
    let stage = Stage::new(record, vocabulary, world, base);
    let found = solve(&stage.world, &stage.base, &scenario)?;
    let tables = found.tables(&stage.world, &stage.base);
    let place = options.out.clone().unwrap_or_else(|| {
        let name = format!("counterfactual-{}-{year}", scenario.name);
        Path::new("out").join(name)
    });
    write_folder(common, options, &place, &tables, &scenario, &stage)?;
    let shown = shown(options, &stage.world, &found);
    if common.json {
        return term::print(&format!("{:#}\n", as_json(&tables, &shown, &stage, &place)));
    }
    let mut text = format!(
        "{year} as recorded and solved again at its own tastes under {}\n",
        scenario.name
    );
    if shown.is_empty() {
        text.push_str("no market moves: the scenario says nothing about this year\n");
    }
    for &c in &shown {
        text.push_str(&country(&stage, &found, c));
    }
    if !common.quiet {
        text.push_str(&format!("\n{}\n", place.display()));
    }
    term::print(&text)
}

/// Countries asked for, or those that move.
fn shown(options: &CounterfactualOptions, world: &World, found: &Counterfactual) -> Vec<usize> {
    let moves = |c: usize| {
        let country = &found.countries[c];
        let mut pairs = country.recorded.iter().zip(&country.solved);
        pairs.any(|(before, after)| (before.units - after.units).abs() > MOVED)
    };
    let asked = |c: usize| options.countries.contains(&world.countries[c].iso3);
    (0..world.countries.len())
        .filter(|&c| {
            if options.countries.is_empty() {
                moves(c)
            } else {
                asked(c)
            }
        })
        .collect()
}

/// Sales and mean prices of a set of offers: recorded units and price, then solved.
fn sums(pairs: &[(&Side, &Side)]) -> [f64; 4] {
    let of = |side: &dyn Fn(&(&Side, &Side)) -> Side| {
        let sides = pairs.iter().map(side);
        let (units, value) = sides.fold((0.0, 0.0), |(units, value), side| {
            (
                units + side.units,
                value + side.units * side.consumer_price_usd,
            )
        });
        [units, value / units]
    };
    let ([before, price_before], [after, price_after]) = (of(&|pair| *pair.0), of(&|pair| *pair.1));
    [before, price_before, after, price_after]
}

/// A country by powertrain, by maker, and its money.
fn country(stage: &Stage, found: &Counterfactual, c: usize) -> String {
    let (world, offers) = (&stage.world, &stage.base.offers);
    let solved = &found.countries[c];
    let pairs: Vec<(&Side, &Side)> = solved.recorded.iter().zip(&solved.solved).collect();
    let mut by_powertrain: BTreeMap<usize, Vec<(&Side, &Side)>> = BTreeMap::new();
    let mut by_maker: BTreeMap<u16, Vec<(&Side, &Side)>> = BTreeMap::new();
    for (pair, j) in pairs.iter().zip(offers.of(c)) {
        let powertrain = offers.powertrain[j] as usize;
        by_powertrain.entry(powertrain).or_default().push(*pair);
        by_maker.entry(offers.maker[j]).or_default().push(*pair);
    }
    let heads = [
        "",
        "recorded",
        "solved",
        "difference",
        "%",
        "price",
        "solved",
    ];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    rows[0][0].clone_from(&world.countries[c].name);
    let mut line = |name: &str, pairs: &[(&Side, &Side)]| {
        let [before, price_before, after, price_after] = sums(pairs);
        let percent = 100.0 * (after - before) / before;
        let mut row = vec![
            format!("  {name}"),
            format!("{before:.0}"),
            format!("{after:.0}"),
        ];
        row.push(format!("{:+.0}", after - before));
        row.push(format!("{percent:+.1}"));
        row.extend([format!("{price_before:.0}"), format!("{price_after:.0}")]);
        rows.push(row);
    };
    for (powertrain, pairs) in &by_powertrain {
        line(Powertrain::ALL[*powertrain].code(), pairs);
    }
    let mut makers: Vec<(&u16, &Vec<(&Side, &Side)>)> = by_maker.iter().collect();
    let moved = |pairs: &[(&Side, &Side)]| {
        let [before, _, after, _] = sums(pairs);
        (after - before).abs()
    };
    makers.sort_by(|a, b| moved(b.1).total_cmp(&moved(a.1)).then(a.0.cmp(b.0)));
    for (maker, pairs) in makers.into_iter().take(MAKERS) {
        line(&world.makers[usize::from(*maker)].code, pairs);
    }
    line("all", &pairs);
    let mut money = vec![
        ["  million USD of 2023", "recorded", "solved", "difference"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for (item, [before, after]) in solved.money() {
        let number = |value: f64| format!("{value:.1}");
        money.push(vec![
            format!("  {item}"),
            number(before),
            number(after),
            format!("{:+.1}", after - before),
        ]);
    }
    format!("\n{}{}", term::columns(&rows), term::columns(&money))
}

fn as_json(tables: &[Table], shown: &[usize], stage: &Stage, place: &Path) -> Value {
    let codes: Vec<&str> = shown
        .iter()
        .map(|&c| stage.world.countries[c].iso3.as_str())
        .collect();
    let mut all = serde_json::Map::new();
    all.insert("year".to_owned(), json!(stage.world.base_year));
    all.insert("out".to_owned(), json!(place.display().to_string()));
    for table in tables {
        let of_shown = |row: &Value| {
            row["iso3"]
                .as_str()
                .is_some_and(|iso3| codes.contains(&iso3))
        };
        all.insert(
            table.name.to_owned(),
            rows(table).into_iter().filter(of_shown).collect(),
        );
    }
    Value::Object(all)
}

fn write_folder(
    common: &Common,
    options: &CounterfactualOptions,
    place: &Path,
    tables: &[Table],
    scenario: &Scenario,
    stage: &Stage,
) -> Result<()> {
    let draft = Draft::new(place)?;
    let format = options.format.into();
    let outputs = write::tables(draft.folder(), tables, format)?;
    let manifest = Manifest {
        scenario: scenario.name.clone(),
        scenario_request: options.scenario.clone(),
        overrides: BTreeMap::from([("year".to_owned(), stage.world.base_year.to_string())]),
        inputs: stage.record.hashes.clone(),
        outputs,
        format: format.extension().to_owned(),
        seed: common.seed,
        ..output::manifest("counterfactual", &scenario.texts)
    };
    draft.finish_with(&manifest)
}
