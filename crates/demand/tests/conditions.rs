//! Prices with known answers: monopoly and logit with tax, bounds, notches, equal makers, entry and exit.

mod common;

use common::terms;
use kyoso_demand::*;
use proptest::prelude::*;

/// Products of one market with logit demand: makers, mean utilities net of the price.
fn logit(firms: &[&str], equals: &[f64], slope: f64) -> (Problem, Parameters) {
    let n = firms.len();
    let table = Table::new()
        .with_labels("market_ids", vec!["m".into(); n])
        .with_labels("firm_ids", firms.iter().map(|f| (*f).to_owned()).collect())
        .with("shares", vec![0.5 / n as f64; n])
        .with("prices", vec![1.0; n])
        .with("equal_firms", equals.to_vec())
        .with("x", (0..n).map(|j| j as f64 * 0.1).collect());
    let specification = Specification {
        linear: terms(&["prices"]),
        ..Specification::default()
    };
    let problem = Problem::new(specification, &table, None).unwrap();
    let parameters = Parameters {
        beta: vec![Some(slope)],
        ..Parameters::default()
    };
    (problem, parameters)
}

fn solve(economy: &Economy, change: &Counterfactual) -> Outcome {
    // To all but the last digits, since closed forms are what prices are held against.
    let pricing = Pricing {
        tolerance: 1e-13,
        ..Pricing::default()
    };
    let outcome = economy.equilibrium(change, &pricing).unwrap();
    assert!(
        outcome.verdicts.iter().all(Verdict::is_equilibrium),
        "{:?}",
        outcome.verdicts
    );
    outcome
}

/// Lambert's W by Newton: the closed form of a logit monopolist's price.
fn lambert(x: f64) -> f64 {
    let mut w = x.ln_1p();
    for _ in 0..100 {
        w -= (w * w.exp() - x) / (w.exp() * (w + 1.0));
    }
    w
}

#[test]
fn monopoly_with_tax() {
    // Utility a - b p: with wedges the margin in consumer prices is (1 + W(exp(a - b c~ - 1))) / b, c~ = (1 + v) c + s.
    let (a, b, c) = (2.0, 1.5, 0.8);
    let (problem, parameters) = logit(&["f"], &[1.0], -b);
    let economy = Economy::new(&problem, parameters, vec![a - b], vec![c]).unwrap();
    for (v, s) in [(0.0, 0.0), (0.2, 0.0), (0.0, 0.3), (0.5, -0.2)] {
        let change = Counterfactual {
            ad_valorem: vec![v],
            specific: vec![s],
            ..Counterfactual::default()
        };
        let cost = (1.0 + v) * c + s;
        let expected = cost + (1.0 + lambert((a - b * cost - 1.0).exp())) / b;
        assert!((solve(&economy, &change).prices[0] - expected).abs() < 1e-11);
    }
}

#[test]
fn a_tax_on_one_of_two_products_of_a_maker() {
    // Taxes that differ within a maker: its profit on a grid has no better point than the solution.
    let (problem, parameters) = logit(&["f", "f"], &[1.0, 1.0], -1.0);
    let economy = Economy::new(&problem, parameters, vec![0.5, 0.3], vec![1.0, 1.2]).unwrap();
    let v = [0.4, 0.0];
    let change = Counterfactual {
        ad_valorem: v.to_vec(),
        ..Counterfactual::default()
    };
    let outcome = solve(&economy, &change);
    let profit = |p: &[f64]| {
        let s = economy.shares_at(p).unwrap();
        (0..2)
            .map(|j| (p[j] / (1.0 + v[j]) - [1.0, 1.2][j]) * s[j])
            .sum::<f64>()
    };
    let best = profit(&outcome.prices);
    for da in -5..=5 {
        for db in -5..=5 {
            let p = [
                outcome.prices[0] + 0.01 * f64::from(da),
                outcome.prices[1] + 0.01 * f64::from(db),
            ];
            assert!(profit(&p) <= best + 1e-12);
        }
    }
}

#[test]
fn equal_makers_are_as_many_makers() {
    // One row that stands for three makers is three rows of a third of its weight.
    let (together, parameters) = logit(&["g", "h"], &[3.0, 1.0], -2.0);
    let one = Economy::new(
        &together,
        parameters.clone(),
        vec![0.5, 0.2],
        vec![1.0, 1.1],
    )
    .unwrap();
    let (apart, _) = logit(&["a", "b", "c", "h"], &[1.0; 4], -2.0);
    let third = 0.5 - 3.0_f64.ln();
    let three = Economy::new(
        &apart,
        parameters,
        vec![third, third, third, 0.2],
        vec![1.0, 1.0, 1.0, 1.1],
    )
    .unwrap();
    let (a, b) = (
        solve(&one, &Counterfactual::default()),
        solve(&three, &Counterfactual::default()),
    );
    assert!((a.prices[0] - b.prices[0]).abs() < 1e-11 && (a.prices[1] - b.prices[3]).abs() < 1e-11);
    assert!((a.shares[0] - b.shares[..3].iter().sum::<f64>()).abs() < 1e-11);
    // Costs implied by the prices are those that made them.
    let table_costs = |economy: &Economy, outcome: &Outcome, problem: &Problem| {
        let specification = Specification {
            linear: terms(&["prices"]),
            ..Specification::default()
        };
        let n = outcome.prices.len();
        let table = Table::new()
            .with_labels("market_ids", vec!["m".into(); n])
            .with_labels(
                "firm_ids",
                if n == 2 {
                    vec!["g".into(), "h".into()]
                } else {
                    vec!["a".into(), "b".into(), "c".into(), "h".into()]
                },
            )
            .with(
                "equal_firms",
                if n == 2 { vec![3.0, 1.0] } else { vec![1.0; 4] },
            )
            .with("shares", outcome.shares.clone())
            .with("prices", outcome.prices.clone());
        let again = Problem::new(specification, &table, None).unwrap();
        let delta = economy.delta_at(&outcome.prices).unwrap();
        let _ = problem;
        Economy::new(&again, economy.parameters().clone(), delta, Vec::new())
            .unwrap()
            .implied_costs(&Counterfactual::default())
            .unwrap()
    };
    let costs = table_costs(&one, &a, &together);
    assert!(
        (costs[0] - 1.0).abs() < 1e-10 && (costs[1] - 1.1).abs() < 1e-10,
        "{costs:?}"
    );
}

#[test]
fn ceilings_and_floors_hold() {
    let (problem, parameters) = logit(&["a", "b"], &[1.0, 1.0], -1.0);
    let economy = Economy::new(&problem, parameters, vec![1.0, 1.0], vec![1.0, 1.0]).unwrap();
    let free = solve(&economy, &Counterfactual::default());
    let low = free.prices[0] - 0.3;
    let change = Counterfactual {
        ceiling: vec![low, f64::INFINITY],
        ..Counterfactual::default()
    };
    let capped = solve(&economy, &change);
    assert_eq!(capped.prices[0], low);
    assert_eq!(capped.verdicts[0].bound, [0]);
    // The rival answers a cap on the other: prices are strategic complements.
    assert!(capped.prices[1] < free.prices[1]);
    let change = Counterfactual {
        floor: vec![free.prices[0] + 0.3, 0.0],
        ..Counterfactual::default()
    };
    let raised = solve(&economy, &change);
    assert_eq!(raised.prices[0], free.prices[0] + 0.3);
    assert!(raised.prices[1] > free.prices[1]);
}

#[test]
fn a_bonus_below_a_list_price_is_taken_when_it_pays() {
    // A monopolist whose free price is above the ceiling bunches there for a large bonus and stays away for a small one.
    let (a, b, c) = (2.0, 1.0, 1.0);
    let (problem, parameters) = logit(&["f"], &[1.0], -b);
    let economy = Economy::new(&problem, parameters, vec![a - b], vec![c]).unwrap();
    let free = solve(&economy, &Counterfactual::default()).prices[0];
    let ceiling = free - 0.6;
    let share = |p: f64| (a - b * p).exp() / (1.0 + (a - b * p).exp());
    for bonus in [0.05, 0.5] {
        let notch = vec![Some(Notch { ceiling, bonus })];
        let outcome = solve(
            &economy,
            &Counterfactual {
                notch,
                ..Counterfactual::default()
            },
        );
        let at_ceiling = (ceiling - c) * share(ceiling - bonus);
        let stay_away = (free - c) * share(free);
        if at_ceiling > stay_away {
            assert!(
                (outcome.prices[0] - (ceiling - bonus)).abs() < 1e-12,
                "{outcome:?}"
            );
        } else {
            assert!((outcome.prices[0] - free).abs() < 1e-10, "{outcome:?}");
        }
    }
    // Both cases were met.
    assert!((ceiling - c) * share(ceiling - 0.05) < (free - c) * share(free));
    assert!((ceiling - c) * share(ceiling - 0.5) > (free - c) * share(free));
}

#[test]
fn an_exit_is_a_market_without_the_product() {
    let (three, parameters) = logit(&["a", "b", "c"], &[1.0; 3], -1.5);
    let economy = Economy::new(
        &three,
        parameters.clone(),
        vec![0.1, 0.4, 0.9],
        vec![1.0, 1.2, 1.5],
    )
    .unwrap();
    let change = Counterfactual {
        present: vec![true, false, true],
        ..Counterfactual::default()
    };
    let exit = solve(&economy, &change);
    let (two, _) = logit(&["a", "c"], &[1.0; 2], -1.5);
    let smaller = Economy::new(&two, parameters, vec![0.1, 0.9], vec![1.0, 1.5]).unwrap();
    let without = solve(&smaller, &Counterfactual::default());
    assert_eq!(exit.shares[1], 0.0);
    assert!(
        (exit.prices[0] - without.prices[0]).abs() < 1e-11
            && (exit.prices[2] - without.prices[1]).abs() < 1e-11
    );
    let surplus = economy
        .consumer_surplus(&exit.prices, &[true, false, true])
        .unwrap()[0];
    assert!((surplus - smaller.consumer_surplus(&without.prices, &[]).unwrap()[0]).abs() < 1e-12);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// A maker's markup under logit is `1/(b (1 - its share))`, whatever the costs, utilities and wedges common to all.
    #[test]
    fn markups_of_logit_makers(
        a in prop::collection::vec(-3.0..3.0_f64, 4),
        c in prop::collection::vec(0.2..5.0_f64, 4),
        b in 0.3..4.0_f64,
        v in -0.3..0.6_f64,
        s in -0.1..0.5_f64,
    ) {
        let (problem, parameters) = logit(&["f", "f", "g", "h"], &[1.0; 4], -b);
        let delta = a.iter().map(|a| a - b).collect();
        let economy = Economy::new(&problem, parameters, delta, c.clone()).unwrap();
        let change = Counterfactual { ad_valorem: vec![v; 4], specific: vec![s; 4], ..Counterfactual::default() };
        let outcome = solve(&economy, &change);
        let of_maker = [outcome.shares[0] + outcome.shares[1], outcome.shares[0] + outcome.shares[1], outcome.shares[2], outcome.shares[3]];
        for j in 0..4 {
            let expected = (1.0 + v) * c[j] + s + 1.0 / (b * (1.0 - of_maker[j]));
            prop_assert!((outcome.prices[j] / expected - 1.0).abs() < 1e-9);
        }
    }
}

#[test]
fn vectors_of_another_length_are_named() {
    let (problem, parameters) = logit(&["f", "g", "g"], &[1.0; 3], -1.0);
    let mut economy = Economy::new(&problem, parameters, vec![0.5; 3], vec![1.0; 3]).unwrap();
    let none = Counterfactual::default();
    let (short, long) = (vec![1.0; 2], vec![1.0; 4]);
    let change = Counterfactual {
        specific: short.clone(),
        present: vec![true; 4],
        ..none.clone()
    };
    let pricing = Pricing::default();
    let told = |found: Result<Vec<f64>, Error>| found.unwrap_err().to_string();
    let prices = |economy: &Economy, start: &[f64], change: &Counterfactual| {
        let found = economy.equilibrium_from(start, change, &pricing);
        told(found.map(|outcome| outcome.prices))
    };
    assert_eq!(
        prices(&economy, &long, &change),
        "specific: has 2 values for 3 products\npresent: has 4 values for 3 products\nstart: has 4 values for 3 products"
    );
    let of_prices = "prices: has 2 values for 3 products";
    assert_eq!(told(economy.shares_at(&short)), of_prices);
    assert_eq!(told(economy.delta_at(&short)), of_prices);
    assert_eq!(
        told(economy.consumer_surplus(&short, &[true])),
        format!("{of_prices}\npresent: has 1 values for 3 products")
    );
    assert_eq!(
        told(economy.hhi(&long, &["f".to_owned()])),
        "shares: has 4 values for 3 products\nfirms: has 1 values for 3 products"
    );
    assert!(told(economy.implied_costs(&change)).starts_with("specific: has 2"));
    economy.costs = short;
    assert_eq!(
        prices(&economy, &[1.0; 3], &none),
        "costs: has 2 values for 3 products"
    );
    economy.delta = long;
    assert_eq!(
        told(economy.shares_at(&[1.0; 3])),
        "delta: has 4 values for 3 products"
    );
}

#[test]
fn numbers_that_are_none_give_a_flagged_result() {
    let (problem, parameters) = logit(&["f", "g"], &[1.0; 2], -1.0);
    let economy = Economy::new(&problem, parameters, vec![0.5; 2], vec![1.0; 2]).unwrap();
    let pricing = Pricing::default();
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let with_cost = Counterfactual {
            costs: vec![bad, 1.0],
            ..Counterfactual::default()
        };
        let outcome = economy.equilibrium(&with_cost, &pricing).unwrap();
        assert!(!outcome.verdicts[0].is_equilibrium(), "a cost of {bad}");
        // A ceiling that is no number does not bind; from a start that is none prices are found or not, but then it is said.
        let with_ceiling = Counterfactual {
            ceiling: vec![f64::NAN, f64::INFINITY],
            ..Counterfactual::default()
        };
        let found = economy
            .equilibrium_from(&[bad, 1.0], &with_ceiling, &pricing)
            .unwrap();
        assert!(
            !found.verdicts[0].converged || found.prices.iter().all(|p| p.is_finite()),
            "a start of {bad}: {found:?}"
        );
    }
}
