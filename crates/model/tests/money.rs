//! Public money by rule, and schemes whose money runs out.

mod common;

use std::collections::BTreeMap;

use common::model;
use kyoso_model::ids::Powertrain;
use kyoso_model::results::Results;
use kyoso_model::rules::RuleChange;
use kyoso_model::rules::read::{Cell, RawRule};
use kyoso_model::run::{self, Outcome};
use kyoso_model::scenario::Scenario;

fn cells(cells: &[(&str, &str)]) -> RawRule {
    let cell = |text: &str| Cell {
        text: text.to_owned(),
        ..Cell::default()
    };
    RawRule {
        cells: cells
            .iter()
            .map(|(column, text)| ((*column).to_owned(), cell(text)))
            .collect::<BTreeMap<_, _>>(),
        ..RawRule::default()
    }
}

fn scenario(rules: Vec<RuleChange>) -> Scenario {
    Scenario {
        horizon: 2026,
        rules,
        ..Scenario::default()
    }
}

fn project(scenario: &Scenario) -> Outcome {
    let (world, base) = model();
    run::run(world, base, scenario).expect("an equilibrium")
}

/// Battery-electric sales of Thailand in 2024 and the part of claims on EV3.5 that is paid.
fn thailand(outcome: &Outcome) -> (f64, f64) {
    let (world, _) = model();
    let c = world.country("THA").expect("it is there");
    let of = &outcome.years[0].countries[c];
    let rules = outcome.rules.as_ref().unwrap_or(&world.rules);
    let budget = rules.budgets.iter().position(|name| name == "THA-EV3.5");
    let paid = of.budgets.funded[budget.expect("a budget")];
    (of.light_new[Powertrain::BatteryElectric.index()], paid)
}

fn with_budget(baht: &str) -> Scenario {
    scenario(vec![RuleChange {
        raw: cells(&[("id", "THA-039"), ("value", baht)]),
        remove: false,
    }])
}

#[test]
fn money_that_runs_out_pays_a_part_of_each_claim() {
    let (world, _) = model();
    let c = world.country("THA").expect("it is there");
    let (all, paid) = thailand(&project(&scenario(Vec::new())));
    assert!((paid - 1.0).abs() < 1e-12);
    let outcome = project(&with_budget("2000000000"));
    let (some, paid) = thailand(&outcome);
    assert!(paid > 0.05 && paid < 0.95, "{paid}");
    for year in &outcome.years {
        let of = &year.countries[c].budgets;
        for ((claims, funded), available) in
            of.claims_usd.iter().zip(&of.funded).zip(&of.available_usd)
        {
            assert!(claims * funded <= available * (1.0 + 1e-7) + 1.0);
        }
    }
    let (least, _) = thailand(&project(&with_budget("0")));
    assert!(least < some && some < all, "{least} {some} {all}");
}

#[test]
fn every_dollar_between_buyers_and_makers_has_a_rule() {
    let (world, base) = model();
    for scenario in [scenario(Vec::new()), with_budget("2000000000")] {
        let outcome = project(&scenario);
        let results = Results {
            world,
            base,
            scenario: &scenario,
            outcome: &outcome,
        };
        for balance in results.balances() {
            assert!(
                balance.residual < balance.tolerance,
                "{}: {}",
                balance.name,
                balance.residual
            );
        }
        let tables = results.tables();
        let fiscal = tables
            .iter()
            .find(|table| table.name == "fiscal")
            .expect("it is there");
        let reals = |name: &str| fiscal.reals(name).expect("numbers");
        let (words, codes) = fiscal.words("rule").expect("words");
        for row in 0..fiscal.rows() {
            let sum = reals("receipts")[row] + reals("outlays")[row] + reals("foregone")[row];
            assert!((sum - reals("amount")[row]).abs() < 1e-9 * (1.0 + sum.abs()));
            assert!(!words[codes[row] as usize].is_empty());
        }
    }
}

#[test]
fn a_standard_is_altered_like_any_rule() {
    let (world, _) = model();
    let c = world.country("GBR").expect("it is there");
    let plug_ins = |outcome: &Outcome| {
        let of = &outcome.years[2].countries[c];
        let new = &of.light_new;
        (new[Powertrain::BatteryElectric.index()]) / new.iter().sum::<f64>()
    };
    let mandates: Vec<RuleChange> = world
        .rules
        .list
        .iter()
        .filter(|rule| rule.place == "GBR" && rule.instrument.code() == "sales_mandate")
        .map(|rule| RuleChange {
            raw: cells(&[("id", &rule.id)]),
            remove: true,
        })
        .collect();
    assert!(!mandates.is_empty());
    let with = plug_ins(&project(&scenario(Vec::new())));
    let without = plug_ins(&project(&scenario(mandates)));
    assert!(without < with, "{without} {with}");
}

#[test]
fn blends_follow_the_mandates_among_the_rules() {
    let (world, _) = model();
    let c = world.country("IDN").expect("it is there");
    let esters = |outcome: &Outcome, year: i32| {
        let of = &outcome.years[(year - world.base_year - 1) as usize];
        of.countries[c].blend.biodiesel
    };
    // B35 to the end of 2024, then B40.
    let plain = project(&scenario(Vec::new()));
    assert!((esters(&plain, 2024) - 0.35).abs() < 1e-9);
    assert!((esters(&plain, 2025) - 0.40).abs() < 1e-9);
    // A lower mandate is blended in proportion, none not at all; the base year stays as recorded.
    let changed = |value: &str, remove| {
        let raw = cells(&[("id", "IDN-225"), ("value", value)]);
        project(&scenario(vec![RuleChange { raw, remove }]))
    };
    let lower = changed("0.2", false);
    assert!((esters(&lower, 2026) / 0.2 - 1.0).abs() < 0.02);
    assert!((esters(&lower, 2024) - 0.35).abs() < 1e-9);
    assert_eq!(esters(&changed("", true), 2026), 0.0);
    // Without a mandate in the base year what was blended goes on until more is asked: Brazil, B15 from August 2025.
    let brazil = world.country("BRA").expect("it is there");
    let share = |t: usize| plain.years[t].countries[brazil].blend.biodiesel;
    assert!((share(0) - 0.12).abs() < 1e-9);
    assert!(share(1) > 0.131 && share(1) < 0.134, "{}", share(1));
    assert!((share(2) - 0.15).abs() < 1e-9);
}
