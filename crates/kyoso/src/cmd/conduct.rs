//! `kyoso conduct`: how makers and buyers behave, beside the literature, and whether prices are an equilibrium.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use kyoso_model::conduct::{self, Conditions, Conduct, Landmark, MarketConduct, Study};
use kyoso_model::counterfactual::{Counterfactual, counterfactual};
use kyoso_model::ids::{Origin, Segment, year_index};
use kyoso_model::run;
use kyoso_model::scenario::Scenario;
use kyoso_model::step::cost;
use kyoso_model::tables::{LongTable, Table};
use kyoso_model::world::World;
use kyoso_report::manifest::Manifest;
use kyoso_report::write;
use serde_json::{Value, json};

use super::run::default_place;
use super::stage::{Stage, check_words, rows};
use crate::cli::{Common, ConductOptions};
use crate::output::{self, Draft};
use crate::term::CheckFailed;
use crate::{pack, term};

/// Scenarios that the second result needs.
const WITHOUT: [&str; 2] = ["no-ev30", "no-ev30-duty-cut"];
/// Error of a first-order condition beyond which prices are no equilibrium.
const FIRST_ORDER: f64 = 1e-9;
/// Markets shown by size where none is asked for.
const SHOWN: usize = 12;

/// Everything that was found.
struct Found {
    landmarks: Vec<Landmark>,
    conduct: Vec<Conduct>,
    markets: Vec<MarketConduct>,
    studies: Vec<Study>,
    conditions: Vec<Conditions>,
}

pub fn conduct(common: &Common, options: &ConductOptions) -> Result<()> {
    let source = pack::source(common.data.as_deref())?;
    let stage = Stage::prepare(source.as_ref())?;
    let library = pack::Scenarios(source.as_ref());
    let scenario = Scenario::load(&options.scenario, &library, &stage.vocabulary)?;
    let mut problems = Vec::new();
    check_words(
        "country",
        &options.countries,
        &stage.vocabulary.countries,
        &mut problems,
    );
    if !problems.is_empty() {
        bail!("{}", problems.join("\n"));
    }
    let without = WITHOUT
        .iter()
        .map(|name| {
            let scenario = Scenario::load(name, &library, &stage.vocabulary)?;
            Ok(counterfactual(&stage.world, &stage.base, &scenario)?)
        })
        .collect::<Result<Vec<Counterfactual>>>()?;
    let found = find(common, &stage, &scenario, &without)?;
    let tables = tables(&stage.world, &found);
    let place = options
        .out
        .clone()
        .unwrap_or_else(|| default_place("conduct"));
    let draft = Draft::new(&place)?;
    let format: write::Format = options.format.into();
    let manifest = Manifest {
        scenario: scenario.name.clone(),
        scenario_request: options.scenario.clone(),
        inputs: stage.record.hashes.clone(),
        outputs: write::tables(draft.folder(), &tables, format)?,
        format: format.extension().to_owned(),
        seed: common.seed,
        ..output::manifest("conduct", &scenario.texts)
    };
    draft.finish_with(&manifest)?;
    if common.json {
        let all: serde_json::Map<String, Value> = tables
            .iter()
            .map(|table| (table.name.to_owned(), Value::Array(rows(table))))
            .chain([("out".to_owned(), json!(place.display().to_string()))])
            .collect();
        term::print(&format!("{:#}\n", Value::Object(all)))?;
    } else {
        let shown = shown(&stage, options);
        let mut text = landmarks_text(&found.landmarks);
        text.push_str(&conduct_text(&found, &shown, &stage.world));
        text.push_str(&conditions_text(&found.conditions, &stage.world));
        if !common.quiet {
            text.push_str(&format!("\n{}\n", place.display()));
        }
        term::print(&text)?;
    }
    let failed: Vec<&str> = found
        .landmarks
        .iter()
        .filter(|landmark| !landmark.holds())
        .map(|landmark| landmark.name)
        .collect();
    if failed.is_empty() {
        Ok(())
    } else {
        Err(CheckFailed(format!("out of range: {}", failed.join("; "))).into())
    }
}

fn find(
    common: &Common,
    stage: &Stage,
    scenario: &Scenario,
    without: &[Counterfactual],
) -> Result<Found> {
    let (world, base) = (&stage.world, &stage.base);
    let costs = cost::history(world, year_index(world.base_year));
    let all: Vec<usize> = (0..world.countries.len()).collect();
    let markets = conduct::markets(world, base, &costs);
    let outcome = run::run(world, base, scenario)?;
    let bar = term::bar(common.quiet, 1 + outcome.years.len() as u64, "conditions");
    let conditions = conduct::conditions(world, base, scenario, &outcome, &|| bar.inc(1));
    bar.finish_and_clear();
    Ok(Found {
        landmarks: conduct::landmarks(
            &stage.record,
            world,
            base,
            &markets,
            &without[0],
            &without[1],
        ),
        conduct: conduct::conduct(world, base, &costs, &all),
        studies: conduct::studies(&stage.record),
        markets,
        conditions,
    })
}

/// Countries asked for, or the largest markets.
fn shown(stage: &Stage, options: &ConductOptions) -> Vec<usize> {
    let world = &stage.world;
    let mut all: Vec<usize> = (0..world.countries.len()).collect();
    if options.countries.is_empty() {
        let t = year_index(world.base_year);
        let units = |c: &usize| world.sales[(*c, t)];
        all.sort_by(|a, b| units(b).total_cmp(&units(a)));
        all.truncate(SHOWN);
    } else {
        all.retain(|&c| options.countries.contains(&world.countries[c].iso3));
    }
    all
}

fn number(value: f64, decimals: usize) -> String {
    if value.is_nan() {
        String::new()
    } else {
        format!("{value:.decimals$}")
    }
}

fn landmarks_text(landmarks: &[Landmark]) -> String {
    let mut lines = vec![["", "value", "expected", ""].map(str::to_owned).to_vec()];
    let mut group = "";
    for landmark in landmarks {
        if landmark.group != group {
            group = landmark.group;
            lines.push(vec![group.to_owned()]);
        }
        let decimals = if landmark.unit == "vehicles" { 0 } else { 2 };
        let (low, high) = landmark.range;
        lines.push(vec![
            format!("  {} {}", landmark.name, landmark.unit),
            number(landmark.value, decimals),
            format!("{} to {}", number(low, decimals), number(high, decimals)),
            if landmark.holds() { "yes" } else { "NO" }.to_owned(),
        ]);
    }
    format!(
        "Three results to look at before any other\n{}",
        term::columns(&lines)
    )
}

/// Means of cells weighted by units: elasticity, margin, pass-through, units.
fn means<'a>(cells: impl Iterator<Item = &'a Conduct>) -> [f64; 4] {
    let mut sums = [0.0; 4];
    for cell in cells {
        let of = [cell.own_elasticity, cell.margin, cell.pass_through, 1.0];
        for (sum, value) in sums.iter_mut().zip(of) {
            *sum += cell.units * value;
        }
    }
    let units = sums[3];
    [sums[0] / units, sums[1] / units, sums[2] / units, units]
}

fn line(name: String, [elasticity, margin, pass_through, units]: [f64; 4]) -> Vec<String> {
    vec![
        name,
        number(elasticity, 2),
        number(margin, 3),
        number(pass_through, 2),
        number(units * 1e-6, 2),
    ]
}

fn conduct_text(found: &Found, shown: &[usize], world: &World) -> String {
    let heads = |first: &str| {
        [
            first,
            "own elasticity",
            "margin",
            "pass-through",
            "million sold",
        ]
        .map(str::to_owned)
        .to_vec()
    };
    let mut lines = vec![heads("origin")];
    for &origin in Origin::ALL {
        let cells = || found.conduct.iter().filter(|c| c.origin == origin.index());
        if cells().next().is_some() {
            lines.push(line(format!("  {}", origin.code()), means(cells())));
        }
    }
    lines.push(heads("segment"));
    for &segment in Segment::ALL {
        let cells = || {
            found
                .conduct
                .iter()
                .filter(|c| c.segment == segment.index())
        };
        if cells().next().is_some() {
            lines.push(line(format!("  {}", segment.code()), means(cells())));
        }
    }
    lines.push(line("all".to_owned(), means(found.conduct.iter())));
    let mut text = format!(
        "\nBehaviour in {}, means weighted by units\n{}",
        world.base_year,
        term::columns(&lines)
    );
    let mut lines = vec![
        [
            "country",
            "all prices +1 %: sales",
            "median margin",
            "HHI",
            "own elasticity",
            "pass-through",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    for &c in shown {
        let market = &found.markets[c];
        let [elasticity, _, pass_through, _] =
            means(found.conduct.iter().filter(|cell| cell.country == c));
        lines.push(vec![
            world.countries[c].name.clone(),
            format!("{} %", number(market.market_elasticity, 2)),
            number(market.median_margin, 3),
            number(market.hhi, 3),
            number(elasticity, 2),
            number(pass_through, 2),
        ]);
    }
    text.push('\n');
    text.push_str(&term::columns(&lines));
    let mut lines = vec![
        ["literature", "", "value", "range", "source"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for study in &found.studies {
        let (low, high) = study.range;
        let range = match (low.is_nan(), high.is_nan()) {
            (true, true) => String::new(),
            (false, true) => format!("{low} or more"),
            (true, false) => format!("{high} or less"),
            (false, false) => format!("{low} to {high}"),
        };
        lines.push(vec![
            study.quantity.replace('_', " "),
            study.market.clone(),
            study.value.to_string(),
            range,
            format!("{} ({})", study.source, study.basis),
        ]);
    }
    text.push('\n');
    text.push_str(&term::columns_aligned(&lines, |column| column == 2));
    text
}

fn conditions_text(conditions: &[Conditions], world: &World) -> String {
    let worst = conditions
        .iter()
        .map(|of| of.first_order)
        .fold(0.0, f64::max);
    let holds =
        |test: &dyn Fn(&Conditions) -> bool| conditions.iter().filter(|of| test(of)).count();
    let years: Vec<i32> = conditions.iter().map(|of| of.year).collect();
    let (first, last) = (years.iter().min(), years.iter().max());
    let mut text = format!(
        "\nPrices put to the test: {} markets of {} countries, {} to {}\n",
        conditions.len(),
        world.countries.len(),
        first.unwrap_or(&0),
        last.unwrap_or(&0)
    );
    let mut lines = Vec::new();
    let mut say = |what: &str, value: String| lines.push(vec![format!("  {what}"), value]);
    say(
        "first-order conditions hold to 1e-9 of the price",
        format!(
            "{} (worst {worst:.1e})",
            holds(&|of| of.first_order <= FIRST_ORDER)
        ),
    );
    say(
        "profits of all makers at a local maximum",
        holds(&|of| of.not_maxima == 0).to_string(),
    );
    say(
        "the same prices from starts a quarter below, two fifths above and mixed",
        holds(&|of| of.is_unique()).to_string(),
    );
    say(
        "another equilibrium, or none, from such a start",
        holds(&|of| !of.is_unique()).to_string(),
    );
    say(
        "offers above a price ceiling whose makers would earn more at it",
        conditions
            .iter()
            .map(|of| of.better_below)
            .sum::<usize>()
            .to_string(),
    );
    let passes: usize = conditions.iter().map(|of| of.evaluations).sum();
    say(
        "passes over markets until prices were solved",
        passes.to_string(),
    );
    text.push_str(&term::columns_aligned(&lines, |column| column > 0));
    let odd: Vec<&Conditions> = conditions
        .iter()
        .filter(|of| of.first_order > FIRST_ORDER || of.not_maxima > 0 || !of.is_unique())
        .collect();
    for of in odd.iter().take(SHOWN) {
        text.push_str(&format!(
            "  {} {}: first-order error {:.1e}, {} offers not at a maximum, starts {:.1e} apart\n",
            world.countries[of.country].iso3, of.year, of.first_order, of.not_maxima, of.apart
        ));
    }
    if odd.len() > SHOWN {
        text.push_str(&format!(
            "  and {} more: table market_conditions\n",
            odd.len() - SHOWN
        ));
    }
    let mut by_country: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
    for of in conditions.iter().filter(|of| of.better_below > 0) {
        let slot = by_country.entry(of.country).or_default();
        slot.0 += of.better_below;
        slot.1 += 1;
    }
    for (c, (offers, years)) in by_country {
        text.push_str(&format!(
            "  above a ceiling in {}: {offers} offers in {years} years\n",
            world.countries[c].iso3
        ));
    }
    text
}

fn tables(world: &World, found: &Found) -> Vec<Table> {
    let mut landmarks = LongTable::new(3, 3);
    for landmark in &found.landmarks {
        let (low, high) = landmark.range;
        landmarks.push(
            &[landmark.group, landmark.name, landmark.unit],
            world.base_year,
            &[landmark.value, low, high],
        );
    }
    let mut cells = LongTable::new(3, 4);
    for cell in &found.conduct {
        cells.push(
            &[
                world.countries[cell.country].iso3.as_str(),
                Origin::ALL[cell.origin].code(),
                Segment::ALL[cell.segment].code(),
            ],
            world.base_year,
            &[
                cell.units,
                cell.own_elasticity,
                cell.margin,
                cell.pass_through,
            ],
        );
    }
    let mut markets = LongTable::new(1, 4);
    for market in &found.markets {
        markets.push(
            &[world.countries[market.country].iso3.as_str()],
            world.base_year,
            &[
                market.market_elasticity,
                market.median_margin,
                market.lowest_cost_ratio,
                market.hhi,
            ],
        );
    }
    vec![
        landmarks.table(
            "landmarks",
            "Results to look at before any other, and the ranges in which they must lie",
            &[
                ("group", "which of the three"),
                ("name", "what it is"),
                ("unit", "unit"),
            ],
            &[
                ("value", "see unit", "value"),
                (
                    "low",
                    "see unit",
                    "least value at which the model is believed",
                ),
                ("high", "see unit", "greatest value"),
            ],
        ),
        cells.table(
            "conduct",
            "Behaviour in the base year by country, origin and segment, weighted by units",
            &[
                ("iso3", "country"),
                ("origin", "origin of the badge"),
                ("segment", "segment"),
            ],
            &[
                ("units", "vehicles", "new vehicles"),
                (
                    "own_elasticity",
                    "",
                    "elasticity of an offer to its own price",
                ),
                ("margin", "", "margin over producer price (Lerner index)"),
                (
                    "pass_through",
                    "",
                    "dollars on the price of the cell for a dollar on its cost, in consumer prices",
                ),
            ],
        ),
        markets.table(
            "market_conduct",
            "Markets of the base year as a whole",
            &[("iso3", "country")],
            &[
                (
                    "market_elasticity",
                    "",
                    "per cent of sales for a per cent on all prices",
                ),
                (
                    "median_margin",
                    "",
                    "median over offers of margin over producer price",
                ),
                (
                    "lowest_cost_ratio",
                    "",
                    "least marginal cost over producer price",
                ),
                ("hhi", "", "Herfindahl index of makers in units, 0-1"),
            ],
        ),
        conduct::conditions::table(world, &found.conditions),
    ]
}
