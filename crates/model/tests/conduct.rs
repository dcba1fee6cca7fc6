//! How makers and buyers behave in the base year, and whether prices are an equilibrium.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{model, record};
use kyoso_model::conduct;
use kyoso_model::counterfactual::{Counterfactual, counterfactual};
use kyoso_model::ids::{Origin, Segment, year_index};
use kyoso_model::rules::RuleChange;
use kyoso_model::rules::read::{Cell, RawRule};
use kyoso_model::run;
use kyoso_model::scenario::Scenario;
use kyoso_model::step::cost::{self, CostYear};

fn base_costs() -> CostYear {
    let (world, _) = model();
    cost::history(world, year_index(world.base_year))
}

fn removal(id: &str) -> RuleChange {
    let cell = Cell {
        text: id.to_owned(),
        ..Cell::default()
    };
    RuleChange {
        raw: RawRule {
            cells: BTreeMap::from([("id".to_owned(), cell)]),
            ..RawRule::default()
        },
        remove: true,
    }
}

/// Thailand's base year without some rules.
fn without(ids: &[&str]) -> Counterfactual {
    let (world, base) = model();
    let scenario = Scenario {
        rules: ids.iter().map(|id| removal(id)).collect(),
        ..Scenario::default()
    };
    counterfactual(world, base, &scenario).expect("an equilibrium")
}

#[test]
fn the_three_results_come_out() {
    let (world, base) = model();
    let markets = conduct::markets(world, base, &base_costs());
    let scheme = [
        "THA-001", "THA-002", "THA-005", "THA-007", "THA-008", "THA-010", "THA-011",
    ];
    let found = conduct::landmarks(
        record(),
        world,
        base,
        &markets,
        &without(&scheme),
        &without(&scheme[5..]),
    );
    let groups: BTreeSet<&str> = found.iter().map(|landmark| landmark.group).collect();
    assert_eq!(groups.len(), 3);
    for landmark in &found {
        assert!(landmark.holds(), "{landmark:?}");
    }
}

#[test]
fn behaviour_lies_within_the_literature() {
    let (world, base) = model();
    let all: Vec<usize> = (0..world.countries.len()).collect();
    let cells = conduct::conduct(world, base, &base_costs(), &all);
    let studies = conduct::studies(record());
    // Widest range that studies give.
    let range = |quantity: &str| {
        let of = studies.iter().filter(|study| study.quantity == quantity);
        of.fold((f64::INFINITY, f64::NEG_INFINITY), |range, study| {
            let (low, high) = study.range;
            (
                range.0.min(low).min(study.value),
                range.1.max(high).max(study.value),
            )
        })
    };
    let within = |value: f64, (low, high): (f64, f64)| (low..=high).contains(&value);
    let mean = |pass: &dyn Fn(&conduct::Conduct) -> bool, of: &dyn Fn(&conduct::Conduct) -> f64| {
        let (mut sum, mut units) = (0.0, 0.0);
        for cell in cells.iter().filter(|cell| pass(cell)) {
            sum += cell.units * of(cell);
            units += cell.units;
        }
        sum / units
    };
    let (own, pass_through) = (range("own_elasticity"), range("pass_through"));
    for segment in Segment::ALL.iter().map(|segment| segment.index()) {
        let here = |cell: &conduct::Conduct| cell.segment == segment;
        if cells.iter().any(here) {
            assert!(within(mean(&here, &|cell| cell.own_elasticity), own));
            assert!(within(mean(&here, &|cell| cell.pass_through), pass_through));
        }
    }
    for origin in Origin::ALL.iter().map(|origin| origin.index()) {
        let here = |cell: &conduct::Conduct| cell.origin == origin;
        assert!(within(mean(&here, &|cell| cell.own_elasticity), own));
        assert!(within(mean(&here, &|cell| cell.pass_through), pass_through));
    }
    let margin = mean(&|_| true, &|cell| cell.margin);
    assert!(within(margin, range("margin")), "{margin}");
}

#[test]
fn prices_are_an_equilibrium_and_the_only_one_found() {
    let (world, base) = model();
    let scenario = Scenario {
        horizon: world.base_year + 2,
        ..Scenario::default()
    };
    let outcome = run::run(world, base, &scenario).expect("an equilibrium");
    let tested = conduct::conditions(world, base, &scenario, &outcome, &|| ());
    assert_eq!(tested.len(), 3 * world.countries.len());
    for of in &tested {
        let iso3 = &world.countries[of.country].iso3;
        assert!(of.first_order < 1e-9, "{iso3} {of:?}");
        assert_eq!(of.not_maxima, 0, "{iso3} {of:?}");
        // From a quarter below, two fifths above and mixed.
        assert!(of.is_unique(), "{iso3} {of:?}");
        assert!(of.offers > 0 && of.makers > 0, "{iso3} {of:?}");
    }
}
