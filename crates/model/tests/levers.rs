//! Levers on offers, plants, duties and goodwill: each has its sign, saturates, does nothing at size zero and moves no history.

mod common;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use common::{model, record, sum_of_terms};
use kyoso_model::calibrate::launch::with_launches;
use kyoso_model::explain;
use kyoso_model::ids::{Powertrain, year_index};
use kyoso_model::results::Results;
use kyoso_model::run::{self, Outcome, RunError};
use kyoso_model::scenario::{Scenario, Shelf, Vocabulary};
use kyoso_model::tables::{Table, Values};

fn scenario(levers: &str) -> Scenario {
    let (world, _) = model();
    let vocabulary = Vocabulary {
        parameters: world.parameters.catalogue(),
        countries: world
            .countries
            .iter()
            .map(|country| country.iso3.clone())
            .collect(),
        groups: BTreeMap::new(),
        variables: Vec::new(),
        regions: Vec::new(),
        rules: None,
        base_year: world.base_year,
    };
    let text = format!("name = \"test\"\nhorizon = 2030\n{levers}");
    let shelf = Shelf(BTreeMap::from([("test".to_owned(), text)]));
    Scenario::load("test", &shelf, &vocabulary).unwrap_or_else(|problems| panic!("{problems}"))
}

fn lever(kind: &str, countries: &str, rest: &str) -> String {
    format!("[[lever]]\nkind = \"{kind}\"\ncountries = [{countries}]\n{rest}\n")
}

fn project(scenario: &Scenario) -> Outcome {
    let (world, base) = model();
    run::run(world, base, scenario).expect("it converges")
}

fn baseline() -> &'static Outcome {
    static BASELINE: OnceLock<Outcome> = OnceLock::new();
    BASELINE.get_or_init(|| project(&scenario("")))
}

fn refused(levers: &str) -> String {
    let (world, base) = model();
    match run::run(world, base, &scenario(levers)) {
        Err(error @ RunError::Lever { .. }) => error.to_string(),
        other => panic!("{:?}", other.map(|_| ())),
    }
}

fn country(iso3: &str) -> usize {
    model().0.country(iso3).expect("a country of the pack")
}

fn made(outcome: &Outcome, iso3: &str, powertrain: Powertrain) -> f64 {
    let last = outcome.years.last().expect("years");
    last.industry.made.light[(country(iso3), powertrain.index())]
}

fn sold(outcome: &Outcome, iso3: &str, powertrain: Powertrain) -> f64 {
    let last = outcome.years.last().expect("years");
    last.countries[country(iso3)].light_new[powertrain.index()]
}

/// Light vehicles from one country to another in the last year.
fn shipped(outcome: &Outcome, from: &str, to: &str) -> f64 {
    let network = &model().1.sourcing.network;
    let e = network.exporter_of[country(from)].expect("it builds") as usize;
    let last = outcome.years.last().expect("years");
    last.sourced.flows[country(to) * network.exporters.len() + e]
}

fn exported(outcome: &Outcome, from: &str, to: &[&str]) -> f64 {
    to.iter().map(|to| shipped(outcome, from, to)).sum()
}

const GULF: &str = "\"SAU\", \"ARE\", \"AUS\"";

fn information(million: f64) -> Outcome {
    let rest = format!("usd_million = {million}\npayer = \"JPN\"\norigin = \"JPN\"");
    project(&scenario(&lever("joint_information", GULF, &rest)))
}

fn investment(capacity: f64) -> Outcome {
    let rest = format!(
        "capacity = {{ 2024 = {capacity}, 2025 = 0 }}\nmaker = \"Toyota\"\npowertrain = \"BEV\"\npayer = \"makers\""
    );
    project(&scenario(&lever("plant_investment", "\"THA\"", &rest)))
}

fn incentive(usd: f64) -> Outcome {
    let rest = format!("usd = {usd}\npowertrain = \"BEV\"\npayer = \"THA\"");
    project(&scenario(&lever("production_incentive", "\"THA\"", &rest)))
}

fn tariff(points: f64) -> Outcome {
    let rest = format!("points = {points}\norigin = \"CHN\"\npowertrain = \"BEV\"");
    project(&scenario(&lever("tariff", "\"THA\"", &rest)))
}

/// Each step does something in the stated direction, and the second of two equal steps less than the first.
fn saturates(small: f64, middle: f64, large: f64, sign: f64) {
    let (first, second) = (sign * (middle - small), sign * (large - middle));
    assert!(first > 0.0, "{small} {middle}");
    assert!(second < first, "{small} {middle} {large}");
}

#[test]
fn information_moves_third_markets_and_wears_out() {
    let gulf = ["SAU", "ARE", "AUS"];
    let of = |outcome: &Outcome| exported(outcome, "THA", &gulf);
    saturates(
        of(baseline()),
        of(&information(50.0)),
        of(&information(100.0)),
        1.0,
    );
    // What is told in one place does not move another.
    let elsewhere = |outcome: &Outcome| shipped(outcome, "THA", "JPN");
    let moved = elsewhere(&information(50.0)) / elsewhere(baseline()) - 1.0;
    assert!(moved.abs() < 0.02, "{moved}");
}

#[test]
fn a_plant_builds_more_and_not_in_proportion() {
    let of = |outcome: &Outcome| made(outcome, "THA", Powertrain::BatteryElectric);
    saturates(
        of(baseline()),
        of(&investment(50_000.0)),
        of(&investment(100_000.0)),
        1.0,
    );
    let spent = |outcome: &Outcome| -> f64 {
        let years = outcome.years.iter();
        years
            .flat_map(|year| &year.industry.spending)
            .map(|(_, _, million)| million)
            .sum()
    };
    let million = spent(&investment(50_000.0));
    assert!(
        (million - 50_000.0 * 6000.0 / 1e6).abs() < 1e-6,
        "{million}"
    );
}

/// Battery-electric share of Thai sales of the last year.
fn electric(outcome: &Outcome) -> f64 {
    let last = outcome.years.last().expect("years");
    let all: f64 = last.countries[country("THA")].light_new.iter().sum();
    sold(outcome, "THA", Powertrain::BatteryElectric) / all
}

/// The same under support to buyers.
fn bought(usd: f64) -> f64 {
    let rest = format!("usd = {usd}\npowertrain = \"BEV\"\npayer = \"THA\"");
    electric(&project(&scenario(&lever(
        "purchase_incentive",
        "\"THA\"",
        &rest,
    ))))
}

#[test]
fn support_to_buyers_sells_more_and_ever_less_more() {
    saturates(electric(baseline()), bought(6_000.0), bought(12_000.0), 1.0);
}

#[test]
fn support_to_makers_brings_output_and_is_paid_for_it() {
    let of = |outcome: &Outcome| made(outcome, "THA", Powertrain::BatteryElectric);
    let paid = incentive(1000.0);
    assert!(of(&paid) > of(baseline()) * 1.01);
    // Output grows faster than in proportion while the share is small, and slower when capacity is short.
    let (large, larger, largest) = (incentive(6_000.0), incentive(12_000.0), incentive(18_000.0));
    saturates(of(&large), of(&larger), of(&largest), 1.0);
    let last = paid.years.last().expect("years");
    let (_, _, million) = last.industry.spending[0];
    assert!(
        (million - of(&paid) * 1000.0 / 1e6).abs() < 1e-9 * million,
        "{million}"
    );
    // All output cannot come from one country: the share of the world's that it makes is below one.
    let world: f64 = (0..model().0.countries.len())
        .map(|c| last.industry.made.light[(c, Powertrain::BatteryElectric.index())])
        .sum();
    assert!(of(&largest) < world);
}

#[test]
fn a_tariff_holds_imports_back_and_builds_at_home() {
    let of = |outcome: &Outcome| shipped(outcome, "CHN", "THA");
    saturates(of(baseline()), of(&tariff(0.2)), of(&tariff(0.4)), -1.0);
    assert!(
        sold(&tariff(0.2), "THA", Powertrain::BatteryElectric)
            < sold(baseline(), "THA", Powertrain::BatteryElectric)
    );
    // Taking off more duty than there is takes off all of it.
    assert!((of(&tariff(-0.9)) - of(&tariff(-1.0))).abs() < 1e-6 * of(baseline()));
}

/// What the offers of a launch in each of these segments sell in the last year.
fn launched(price: f64, segments: &[&str]) -> f64 {
    let (world, base) = model();
    let levers: String = segments
        .iter()
        .map(|segment| {
            let rest = format!(
                "price_usd = {price}\nfrom = 2026\nmaker = \"HyundaiKia\"\nsegment = \"{segment}\"\npowertrain = \"HEV\""
            );
            lever("launch", "\"THA\"", &rest)
        })
        .collect();
    let scenario = scenario(&levers);
    let base = &*with_launches(world, base, &scenario);
    let outcome = run::run(world, base, &scenario).expect("it converges");
    let thailand = country("THA");
    let range = base.offers.of(thailand);
    let new: Vec<usize> = (0..range.len())
        .filter(|&k| {
            let j = range.start + k;
            base.offers.base_share[j] == 0.0 && base.entrants[j].is_none()
        })
        .collect();
    assert_eq!(new.len(), segments.len());
    let units = |year: i32| -> f64 {
        let t = (year - world.base_year - 1) as usize;
        let sold = &outcome.years[t].countries[thailand].offer_units;
        new.iter().map(|&k| sold[k]).sum()
    };
    let (before, first) = (units(2025), units(2026));
    assert!(before < 1e-6 && first > 1.0, "{before} {first}");
    let (plain, before) = (baseline(), &outcome.years[0]);
    let sum = |year: &run::YearOutcome| year.countries[thailand].light_new.iter().sum::<f64>();
    assert!((sum(before) / sum(&plain.years[0]) - 1.0).abs() < 1e-9);
    units(2030)
}

#[test]
fn a_launch_sells_from_its_year_less_at_a_higher_price_and_less_beside_another() {
    let (cheap, dear) = (
        launched(12_000.0, &["small"]),
        launched(18_000.0, &["small"]),
    );
    assert!(cheap > dear && dear > 0.0, "{cheap} {dear}");
    // Two launches take buyers from each other.
    let other = launched(12_000.0, &["medium"]);
    let both = launched(12_000.0, &["small", "medium"]);
    assert!(both > cheap.max(other), "{both} {cheap} {other}");
    assert!(both < cheap + other, "{both} {cheap} {other}");
}

#[test]
fn size_zero_changes_nothing_to_the_last_bit() {
    let zero = scenario(
        &[
            lever(
                "joint_information",
                GULF,
                "usd_million = 0\npayer = \"JPN\"",
            ),
            lever(
                "plant_investment",
                "\"THA\"",
                "capacity = 0\nmaker = \"Toyota\"\npowertrain = \"BEV\"\npayer = \"makers\"",
            ),
            lever(
                "production_incentive",
                "\"THA\"",
                "usd = 0\npowertrain = \"BEV\"\npayer = \"THA\"",
            ),
            lever("tariff", "\"THA\"", "points = 0\norigin = \"any\""),
        ]
        .concat(),
    );
    assert_eq!(
        tables(&zero, &project(&zero)),
        tables(&scenario(""), baseline())
    );
}

#[test]
fn no_lever_moves_history() {
    let all = scenario(
        &[
            lever(
                "joint_information",
                GULF,
                "usd_million = 100\npayer = \"JPN\"",
            ),
            lever(
                "plant_investment",
                "\"THA\"",
                "capacity = 100000\nmaker = \"Toyota\"\npowertrain = \"BEV\"\npayer = \"makers\"",
            ),
            lever(
                "production_incentive",
                "\"THA\"",
                "usd = 3000\npowertrain = \"BEV\"\npayer = \"THA\"",
            ),
            lever("tariff", "\"THA\"", "points = 0.3\norigin = \"any\""),
        ]
        .concat(),
    );
    let (world, base) = model();
    let outcome = project(&all);
    let results = |outcome, scenario| {
        let all = Results {
            world,
            base,
            scenario,
            outcome,
        };
        all.indicators()
    };
    let past = |table: &Table| -> Vec<u64> {
        let column = |name: &str| table.columns.iter().find(|column| column.name == name);
        let (Some(years), Some(values)) = (column("year"), column("value")) else {
            panic!("indicators have years and values")
        };
        let (Values::Integers(years), Values::Reals(values)) = (&years.values, &values.values)
        else {
            panic!("years are integers, values are numbers")
        };
        let dated = years
            .iter()
            .zip(values)
            .filter(|(year, _)| **year <= world.base_year);
        dated.map(|(_, value)| value.to_bits()).collect()
    };
    let plain = scenario("");
    assert_eq!(
        past(&results(&outcome, &all)),
        past(&results(baseline(), &plain))
    );
    assert_eq!(year_index(2023), year_index(world.base_year));
}

#[test]
fn levers_that_ask_for_what_is_not_there_are_named() {
    let unknown = refused(&format!(
        "[[lever]]\nname = \"works\"\nkind = \"plant_investment\"\ncountries = [\"THA\"]\n{}",
        "capacity = 10\nmaker = \"Toyotta\"\npowertrain = \"BEV\"\npayer = \"makers\""
    ));
    assert!(
        unknown.contains("`works`") && unknown.contains("did you mean `Toyota`?"),
        "{unknown}"
    );
    let nowhere = refused(&lever(
        "plant_investment",
        "\"ISL\"",
        "capacity = 10\nmaker = \"Toyota\"\npowertrain = \"BEV\"\npayer = \"makers\"",
    ));
    assert!(nowhere.contains("no site in ISL"), "{nowhere}");
    let sold = refused(&lever(
        "launch",
        "\"THA\"",
        "price_usd = 20000\nmaker = \"Toyota\"\nsegment = \"pickup\"\npowertrain = \"ICE-diesel\"",
    ));
    assert!(sold.contains("already"), "{sold}");
}

fn tables(scenario: &Scenario, outcome: &Outcome) -> Vec<String> {
    let (world, base) = model();
    let results = Results {
        world,
        base,
        scenario,
        outcome,
    };
    results
        .tables()
        .iter()
        .map(|table| format!("{table:?}"))
        .collect()
}

#[test]
fn debts_of_offsets_are_made_good_or_paid_back() {
    let (world, base) = model();
    let plain = scenario("");
    let outcome = baseline();
    let first = &outcome.years[0].offsets;
    let byd = first
        .iter()
        .find(|debt| {
            debt.account.scheme == "EV3.0" && world.makers[debt.account.maker].code == "BYD"
        })
        .expect("it owes from 2022 and 2023");
    assert!((byd.owed - 30_779.0).abs() < 1e-9, "{}", byd.owed);
    for year in &outcome.years {
        for debt in &year.offsets {
            let left = debt.owed + debt.did.imported
                - debt.made_good
                - debt.defaulted
                - debt.account.debt.units;
            assert!(left.abs() < 1e-6, "{} {left}", year.year);
            assert!(debt.penalty_usd == 0.0 || debt.defaulted > 0.0);
            assert!(debt.defaulted * debt.account.relief_usd == 0.0 || debt.penalty_usd > 0.0);
            assert!(debt.account.withheld_usd >= 0.0);
        }
    }
    // After the last year with a ratio nobody owes any more.
    let last = outcome.years.last().expect("years");
    assert!(
        last.offsets
            .iter()
            .all(|debt| debt.account.debt.units < 1e-6)
    );
    assert!(
        last.offsets
            .iter()
            .all(|debt| debt.account.withheld_usd == 0.0)
    );
    // What makers pay back is what the treasury receives.
    let results = Results {
        world,
        base,
        scenario: &plain,
        outcome,
    };
    let fiscal = results
        .money()
        .into_iter()
        .find(|table| table.name == "fiscal")
        .expect("a table");
    let (words, codes) = fiscal.words("instrument").expect("a column");
    let amounts = fiscal.reals("amount").expect("a column");
    let sum: f64 = codes
        .iter()
        .zip(amounts)
        .filter(|(code, _)| words[**code as usize] == "production_offset")
        .map(|(_, amount)| amount)
        .sum();
    assert!(sum.abs() < 1e-9, "{sum}");
}

#[test]
fn people_making_and_minerals_are_taken_apart() {
    let (world, base) = model();
    let plain = scenario("");
    let results = Results {
        world,
        base,
        scenario: &plain,
        outcome: baseline(),
    };
    let of = |variable: &str| {
        explain::explain(&results, record(), variable, "THA", 2030).expect("it is an indicator")
    };
    let sum = |told: &explain::Explanation, names: &[&str]| -> f64 {
        let terms = told
            .terms
            .iter()
            .filter(|term| names.contains(&term.name.as_str()));
        terms.map(|term| term.value).sum()
    };
    let making = of("Emissions|CO2|Vehicle Manufacturing");
    let parts = sum(&making, &["assembly", "materials", "battery"]);
    assert!(
        (parts / making.value - 1.0).abs() < 1e-9,
        "{parts} {}",
        making.value
    );
    let nickel = of("Mineral Demand|Transportation|Light-Duty Vehicle|Nickel");
    let tonnes = sum(&nickel, &["needed here"]);
    assert!(
        (tonnes / 1e3 / nickel.value - 1.0).abs() < 1e-9,
        "{tonnes} {}",
        nickel.value
    );
    let people = of("Labor Force|Employed|Industry|Motor Vehicles");
    let needed = sum_of_terms(&people, "needed");
    assert!(
        (needed / 1e6 / people.value - 1.0).abs() < 1e-9,
        "{needed} {}",
        people.value
    );
}
