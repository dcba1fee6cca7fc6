//! Against `PyBLP` on one simulated set of markets: nests with random coefficients, logarithms of prices, a supply side, and what
//! comes after estimation.

mod common;

use common::{numbers, reference, reference_columns, terms};
use kyoso_demand::linalg::Matrix;
use kyoso_demand::*;
use serde_json::Value;

fn worst(what: &str, got: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(got.len(), expected.len(), "{what}");
    for (i, (g, e)) in got.iter().zip(expected).enumerate() {
        assert!(
            (g - e).abs() <= tolerance * e.abs().max(1.0),
            "{what} {i}: {g} is not {e}"
        );
    }
}

struct Case {
    problem: Problem,
    start: Parameters,
    expected: Value,
}

fn case(name: &str) -> Case {
    let expected = reference("sim.json")[name].clone();
    let products = reference_columns("sim_products.csv");
    let nested = name == "nested";
    let mut names = Names::default();
    if !nested {
        names.nest = "none".to_owned();
    }
    let random = if name == "curved" {
        ["1", "log(prices)", "x"]
    } else {
        ["1", "prices", "x"]
    };
    let specification = Specification {
        linear: terms(&["1", "prices", "x"]),
        random: terms(&random),
        cost: terms(&["1", "x", "z"]),
        cost_form: if nested {
            CostForm::Log
        } else {
            CostForm::Linear
        },
        names,
        ..Specification::default()
    };
    let problem = Problem::new(
        specification,
        &products,
        Some(&reference_columns("sim_agents.csv")),
    )
    .unwrap();
    let start = Parameters {
        sigma: Matrix::diagonal(&numbers(&expected["sigma"])),
        rho: if nested {
            numbers(&expected["rho0"])
        } else {
            Vec::new()
        },
        beta: vec![None, Some(-2.0), None],
        ..Parameters::default()
    };
    Case {
        problem,
        start,
        expected,
    }
}

fn hold() -> Options {
    Options {
        steps: Steps::One,
        optimiser: Optimiser::Hold,
        cost_bounds: (0.001, f64::INFINITY),
        ..Options::default()
    }
}

fn check(name: &str) {
    let Case {
        problem,
        start,
        expected,
    } = case(name);
    let e = |key: &str| numbers(&expected[key]);
    let results = problem.solve(&start, &hold()).unwrap();
    worst("delta", &results.delta, &e("delta"), 1e-12);
    worst("costs", &results.tilde_costs, &e("tilde_costs"), 1e-11);
    let relative = |a: f64, b: f64, t: f64, what: &str| {
        assert!((a / b - 1.0).abs() < t, "{what}: {a} is not {b}");
    };
    relative(
        results.objective,
        expected["objective"].as_f64().unwrap(),
        1e-10,
        "objective",
    );
    for ((g, e), label) in results
        .gradient
        .iter()
        .zip(e("gradient"))
        .zip(&results.labels)
    {
        relative(*g, e, 1e-7, label);
    }
    let errors: Vec<f64> = ["sigma_se", "rho_se", "beta_se", "gamma_se"]
        .iter()
        .flat_map(|k| e(k))
        .filter(|x| x.is_finite())
        .collect();
    // The price coefficient stands with the parameters here, with beta there.
    let mut got: Vec<f64> = results.estimates.iter().map(|e| e.error).collect();
    let price = results
        .estimates
        .iter()
        .position(|e| e.label == "beta[prices]")
        .unwrap();
    let moved = got.remove(price);
    got.insert(price + 1, moved);
    for (a, b) in got.iter().zip(&errors) {
        relative(*a, *b, 1e-3, "standard error");
    }

    let economy = results.economy();
    worst(
        "elasticities",
        &economy.elasticities("prices").unwrap()[0].data,
        &e("elasticities"),
        1e-9,
    );
    worst(
        "elasticities by x",
        &economy.elasticities("x").unwrap()[0].data,
        &e("elasticities_x"),
        1e-9,
    );
    worst(
        "aggregate",
        &economy.aggregate_elasticities(0.1),
        &e("aggregate"),
        1e-9,
    );
    // PyBLP divides ds_j/dp_k by ds_j/dp_j; diversion from j to k is ds_k/dp_j by ds_j/dp_j. Where slopes differ by agent only, the two
    // are the same.
    if name != "curved" {
        worst(
            "diversion",
            &economy.diversion()[0].data,
            &e("diversion"),
            1e-9,
        );
    }
    worst(
        "long run",
        &economy.long_run_diversion()[0].data,
        &e("long_run"),
        1e-9,
    );
    worst(
        "HHI",
        &economy
            .hhi(
                reference_columns("sim_products.csv")
                    .numbers("shares")
                    .unwrap(),
                &[],
            )
            .unwrap(),
        &e("hhi"),
        1e-9,
    );
    let today = Outcome {
        prices: problem.prices().to_vec(),
        shares: reference_columns("sim_products.csv")
            .numbers("shares")
            .unwrap()
            .to_vec(),
        verdicts: Vec::new(),
    };
    worst("profits", &economy.profits(&today), &e("profits"), 1e-10);
    let none = Counterfactual::default();
    worst(
        "pass-through",
        &economy.pass_through(&none).unwrap()[0].data,
        &e("passthrough"),
        1e-6,
    );
    if name != "curved" {
        worst(
            "surplus",
            &economy.consumer_surplus(problem.prices(), &[]).unwrap(),
            &e("cs"),
            1e-10,
        );
    }

    let firms = reference_columns("sim_products.csv")
        .labels("firm_ids")
        .unwrap();
    let merged = firms
        .into_iter()
        .map(|f| if f == "1" { "0".to_owned() } else { f })
        .collect();
    let change = Counterfactual {
        firms: merged,
        ..Counterfactual::default()
    };
    let outcome = economy.equilibrium(&change, &Pricing::default()).unwrap();
    assert!(
        outcome.verdicts.iter().all(|v| v.converged),
        "{:?}",
        outcome.verdicts[0]
    );
    worst("merger prices", &outcome.prices, &e("merger_prices"), 1e-9);
    worst("merger shares", &outcome.shares, &e("merger_shares"), 1e-9);
    if name != "curved" {
        worst(
            "merger surplus",
            &economy.consumer_surplus(&outcome.prices, &[]).unwrap(),
            &e("merger_cs"),
            1e-9,
        );
    }

    let optimal = results.optimal_instruments(&Pricing::default()).unwrap();
    worst(
        "expected prices",
        &optimal.prices,
        &e("optimal_prices"),
        1e-8,
    );
}

#[test]
fn random_coefficients_with_supply() {
    check("plain");
}

#[test]
fn random_coefficients_with_nests_and_supply() {
    check("nested");
}

#[test]
fn random_coefficients_on_the_logarithm_of_the_price() {
    check("curved");
}

/// Prices move with exponentials kept and multiplied; at the end everything must be as if taken anew there, with one price slope an agent
/// and with slopes that differ by product, from near and from far.
#[test]
fn shares_at_the_end_of_the_search_are_those_taken_anew() {
    for price in ["prices", "prices*x"] {
        let specification = Specification {
            linear: terms(&["1", "prices", "x"]),
            random: terms(&["1", price, "x"]),
            names: Names {
                nest: "none".to_owned(),
                ..Names::default()
            },
            ..Specification::default()
        };
        let products = reference_columns("sim_products.csv");
        let agents = reference_columns("sim_agents.csv");
        let problem = Problem::new(specification, &products, Some(&agents)).unwrap();
        let start = Parameters {
            sigma: Matrix::diagonal(&[0.5, 0.3, 0.4]),
            beta: vec![Some(1.0), Some(-2.0), Some(1.0)],
            ..Parameters::default()
        };
        let (delta, _) = problem.invert(&start, &Inversion::default()).unwrap();
        let mut economy = Economy::new(&problem, start, delta, Vec::new()).unwrap();
        economy.costs = economy.implied_costs(&Counterfactual::default()).unwrap();
        let mut change = Counterfactual {
            costs: economy.costs.iter().map(|c| 1.1 * c).collect(),
            present: vec![true; problem.products()],
            ..Counterfactual::default()
        };
        change.present[1] = false;
        let pricing = Pricing {
            tolerance: 1e-13,
            ..Pricing::default()
        };
        let near = economy.equilibrium(&change, &pricing).unwrap();
        assert!(near.verdicts.iter().all(Verdict::is_equilibrium), "{price}");
        assert_eq!(near.shares[1], 0.0);
        // Without the product: a price at which nobody buys it.
        let mut prices = near.prices.clone();
        prices[1] = 1e5;
        worst(
            price,
            &near.shares,
            &economy.shares_at(&prices).unwrap(),
            2e-15,
        );
        let far: Vec<f64> = problem.prices().iter().map(|p| 6.0 * p).collect();
        let back = economy.equilibrium_from(&far, &change, &pricing).unwrap();
        worst(price, &back.shares, &near.shares, 1e-12);
    }
}

#[test]
fn instruments_from_characteristics() {
    let r = &reference("sim.json")["instruments"];
    let products = reference_columns("sim_products.csv");
    let names = Names::default();
    let first = |columns: Vec<Vec<f64>>| -> Vec<f64> {
        (0..25)
            .flat_map(|row| columns.iter().map(move |c| c[row]).collect::<Vec<_>>())
            .collect()
    };
    let sums = blp_instruments(&terms(&["1", "x", "z"]), &products, &names).unwrap();
    worst("sums", &first(sums), &numbers(&r["blp"]), 1e-12);
    for (key, closeness, interact) in [
        ("quadratic_interact", Closeness::Quadratic, true),
        ("local", Closeness::Local, false),
        ("local_interact", Closeness::Local, true),
    ] {
        let columns = differentiation_instruments(
            &terms(&["x", "z"]),
            &products,
            &names,
            closeness,
            interact,
        )
        .unwrap();
        worst(key, &first(columns), &numbers(&r[key]), 1e-12);
    }
}

#[test]
fn integration_rules() {
    let r = &reference("sim.json")["rules"];
    for (key, rule) in [("grid", Rule::Grid(3)), ("product", Rule::Product(3))] {
        let ours = Integration::new(rule).nodes(3, 0);
        let theirs: Vec<Vec<f64>> = r[key].as_array().unwrap().iter().map(numbers).collect();
        assert_eq!(ours.weights.len(), theirs.len(), "{key}");
        for (node, weight) in ours.nodes.iter().zip(&ours.weights) {
            let same = theirs.iter().any(|t| {
                (t[0] - weight).abs() < 1e-12
                    && t[1..].iter().zip(node).all(|(a, b)| (a - b).abs() < 1e-12)
            });
            assert!(same, "{key}: {node:?} {weight}");
        }
    }
}
