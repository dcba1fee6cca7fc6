//! Against `PyBLP` 1.3.0 on the same numbers: values at given parameters, optima, standard errors, prices.

mod common;

use common::{blp, data, numbers, reference, reference_columns, table, terms};
use kyoso_demand::linalg::Matrix;

use kyoso_demand::*;
use serde_json::Value;

fn close(what: &str, got: f64, expected: f64, relative: f64) {
    assert!(
        (got - expected).abs() <= relative * expected.abs().max(1e-300),
        "{what}: {got:e} is not {expected:e} (to {relative:e})"
    );
}

fn all_close(what: &str, got: &[f64], expected: &[f64], relative: f64) {
    assert_eq!(got.len(), expected.len(), "{what}");
    for (i, (g, e)) in got.iter().zip(expected).enumerate() {
        close(&format!("{what} {i}"), *g, *e, relative);
    }
}

fn worst(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f64::max)
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn matrix(value: &Value) -> Matrix {
    let rows = value.as_array().unwrap();
    let cols = rows[0].as_array().unwrap().len();
    Matrix::new(rows.len(), cols, numbers(value))
}

/// Standard errors in the order of the estimates: those of a JSON step that are not null.
fn standard_errors(step: &Value) -> Vec<f64> {
    ["sigma_se", "pi_se", "rho_se", "beta_se", "gamma_se"]
        .iter()
        .flat_map(|key| numbers(&step[*key]))
        .filter(|x| x.is_finite())
        .collect()
}

fn check_step(results: &Results, step: &Value, theta: f64) {
    close(
        "objective",
        results.objective,
        number(&step["objective"]),
        1e-7,
    );
    let expected: Vec<f64> = numbers(&step["theta"])
        .into_iter()
        .chain(numbers(&step["beta"]))
        .chain(numbers(&step["gamma"]))
        .collect();
    let got: Vec<f64> = results.estimates.iter().map(|e| e.value).collect();
    all_close("estimate", &got, &expected, theta);
    let errors: Vec<f64> = results.estimates.iter().map(|e| e.error).collect();
    all_close("standard error", &errors, &standard_errors(step), 1e-3);
}

fn blp_start() -> Parameters {
    let r = reference("blp_eval.json");
    Parameters {
        sigma: Matrix::diagonal(&numbers(&r["settings"]["sigma0_diag"])),
        pi: matrix(&r["settings"]["pi0"]),
        ..Parameters::default()
    }
}

fn blp_options() -> Options {
    Options {
        weights: Covariance::Clustered,
        errors: Covariance::Clustered,
        initial_update: true,
        cost_bounds: (0.001, f64::INFINITY),
        ..Options::default()
    }
}

#[test]
fn automobiles_at_the_start() {
    let problem = blp();
    let r = reference("blp_eval.json");
    for (key, update) in [
        ("without_initial_update", false),
        ("with_initial_update", true),
    ] {
        let options = Options {
            steps: Steps::One,
            initial_update: update,
            optimiser: Optimiser::Hold,
            ..blp_options()
        };
        let results = problem.solve(&blp_start(), &options).unwrap();
        close(
            "objective",
            results.objective,
            number(&r[key]["objective"]),
            1e-10,
        );
        all_close(
            "gradient",
            &results.gradient,
            &numbers(&r[key]["gradient"]),
            1e-7,
        );
        let errors: Vec<f64> = results.estimates.iter().map(|e| e.error).collect();
        all_close("standard error", &errors, &standard_errors(&r[key]), 1e-3);
        if update {
            let expected = reference_columns("blp_eval_products.csv");
            let column = |name| expected.numbers(name).unwrap();
            assert!(worst(&results.delta, column("delta")) < 1e-12);
            assert!(worst(&results.tilde_costs, column("tilde_costs")) < 1e-11);
            assert!(worst(&results.xi, column("xi")) < 1e-8);
            assert!(worst(&results.omega, column("omega")) < 1e-8);
        }
    }
}

fn nevo(linear: &[&str], random: &[&str], demographics: &[&str], extra: Option<Table>) -> Problem {
    let products = extra.unwrap_or_else(|| table(data("nevo/products.csv")));
    let specification = Specification {
        linear: terms(linear),
        random: terms(random),
        demographics: terms(demographics),
        ..Specification::default()
    };
    Problem::new(
        specification,
        &products,
        Some(&table(data("nevo/agents.csv"))),
    )
    .unwrap()
}

#[test]
fn logit_of_the_cereals() {
    let problem = nevo(&["prices", "C(product_ids)"], &[], &[], None);
    let r = reference("nevo_logit.json");
    for (i, steps) in [Steps::One, Steps::Two].into_iter().enumerate() {
        let results = problem
            .solve(
                &Parameters::default(),
                &Options {
                    steps,
                    ..Options::default()
                },
            )
            .unwrap();
        check_step(&results, &r["steps"][i], 2e-5);
    }
    let results = problem
        .solve(&Parameters::default(), &Options::default())
        .unwrap();
    let expected = reference_columns("nevo_logit_products.csv");
    assert!(worst(&results.delta, expected.numbers("delta").unwrap()) < 1e-12);
    assert!(worst(&results.xi, expected.numbers("xi").unwrap()) < 1e-8);
}

#[test]
fn nested_logit_of_the_cereals() {
    let products = table(data("nevo/products.csv"));
    let r = reference("nevo_nested_logit.json");
    let markets = products.labels("market_ids").unwrap();
    let mushy = products.labels("mushy").unwrap();
    for (key, nests) in [
        ("one_nest", vec!["1".to_owned(); products.rows()]),
        ("mushy_nests", mushy),
    ] {
        // Products in the market and nest, the instrument for rho.
        let count: Vec<f64> = (0..products.rows())
            .map(|i| {
                (0..products.rows())
                    .filter(|k| markets[*k] == markets[i] && nests[*k] == nests[i])
                    .count() as f64
            })
            .collect();
        let table = products
            .clone()
            .with("demand_instruments20", count)
            .with_labels("nesting_ids", nests);
        let problem = nevo(&["prices"], &[], &[], Some(table));
        let start = Parameters {
            rho: vec![0.7],
            ..Parameters::default()
        };
        for (i, steps) in [Steps::One, Steps::Two].into_iter().enumerate() {
            let options = Options {
                steps,
                ..Options::default()
            };
            let results = problem.solve(&start, &options).unwrap();
            check_step(&results, &r[key]["steps"][i], 2e-5);
        }
    }
}

#[test]
fn random_coefficients_of_the_cereals() {
    let problem = nevo(
        &["prices", "C(product_ids)"],
        &["1", "prices", "sugar", "mushy"],
        &["income", "income_squared", "age", "child"],
        None,
    );
    let r = reference("nevo_restricted.json");
    let start = Parameters {
        sigma: matrix(&r["settings"]["sigma0"]),
        pi: matrix(&r["settings"]["pi0"]),
        // BFGS has no bounds, and ends where the coefficient of sugar has the other sign.
        bounds: ["1", "prices", "sugar", "mushy"]
            .iter()
            .map(|k| (format!("sigma[{k}]"), f64::NEG_INFINITY, f64::INFINITY))
            .collect(),
        ..Parameters::default()
    };
    let hold = Options {
        steps: Steps::One,
        optimiser: Optimiser::Hold,
        ..Options::default()
    };
    let at_start = problem.solve(&start, &hold).unwrap();
    close(
        "objective",
        at_start.objective,
        number(&r["at_start"]["objective"]),
        1e-10,
    );
    all_close(
        "gradient",
        &at_start.gradient,
        &numbers(&r["at_start"]["gradient"]),
        1e-7,
    );
    let expected = reference_columns("nevo_restricted_at_start.csv");
    assert!(worst(&at_start.delta, expected.numbers("delta").unwrap()) < 1e-12);
    let one = Options {
        steps: Steps::One,
        ..Options::default()
    };
    check_step(&problem.solve(&start, &one).unwrap(), &r["steps"][0], 2e-5);
}

#[test]
fn automobiles_in_two_steps() {
    let problem = blp();
    let results = problem.solve(&blp_start(), &blp_options()).unwrap();
    assert!(results.converged, "{:?}", results.warnings);
    check_step(&results, &reference("blp_two_step.json"), 2e-5);
}
