//! Survey moments: Petrin's minivans against `PyBLP`, and derivatives of second choices against differences.

mod common;

use common::{numbers, reference, reference_columns, terms};
use kyoso_demand::linalg::Matrix;
use kyoso_demand::micro::{Dataset, Factor, Formula, MicroMoments, Moment, Part};
use kyoso_demand::*;

fn matrix(value: &serde_json::Value) -> Matrix {
    let rows = value.as_array().unwrap();
    Matrix::new(
        rows.len(),
        rows[0].as_array().unwrap().len(),
        numbers(value),
    )
}

fn minivans() -> (Problem, Parameters, MicroMoments) {
    let products = common::table(
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/petrin/products.csv"),
    );
    let agents = common::table(
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/petrin/agents.csv"),
    );
    let specification = Specification {
        linear: terms(&[
            "1", "hpwt", "space", "air", "mpd", "fwd", "mi", "sw", "su", "pv", "pgnp", "trend",
            "trend2",
        ]),
        random: terms(&[
            "1", "-prices", "hpwt", "space", "air", "mpd", "fwd", "mi", "sw", "su", "pv",
        ]),
        cost: terms(&[
            "1",
            "log(hpwt)",
            "log(wt)",
            "log(mpg)",
            "air",
            "fwd",
            "trend",
            "jp",
            "eu",
            "jp*trend",
            "eu*trend",
            "log(q)",
        ]),
        demographics: terms(&[
            "1",
            "low/income",
            "mid/income",
            "high/income",
            "log(fs)*fv",
            "age",
            "fs",
            "mid",
            "high",
        ]),
        cost_form: CostForm::Log,
        ..Specification::default()
    };
    let problem = Problem::new(specification, &products, Some(&agents)).unwrap();
    let r = reference("petrin_eval.json");
    let start = Parameters {
        sigma: Matrix::diagonal(&numbers(&r["settings"]["sigma0_diag"])),
        pi: matrix(&r["settings"]["pi0"]),
        ..Parameters::default()
    };
    let e = |text: &str| Expression::parse(text).unwrap();
    let mut micro = MicroMoments {
        datasets: vec![Dataset {
            name: "CEX".into(),
            observations: 29125.0,
            markets: Vec::new(),
            agents: e("1"),
            choices: Factor::one(),
            second: false,
        }],
        covariance: None,
        ..MicroMoments::default()
    };
    let part = |micro: &mut MicroMoments, agents: &str, product: &str, outside: f64| {
        micro.parts.push(Part {
            dataset: 0,
            agents: e(agents),
            choice: Factor {
                product: e(product),
                outside,
            },
            second: Factor::one(),
        });
        micro.parts.len() - 1
    };
    let values = &r["settings"]["micro_values"];
    for who in ["age", "fs"] {
        for kind in ["mi", "sw", "su", "pv"] {
            let name = format!("{who}|{kind}");
            let top = part(&mut micro, who, kind, 0.0);
            let below = part(&mut micro, "1", kind, 0.0);
            let value = values[&name].as_f64().unwrap();
            micro.moments.push(Moment {
                name,
                value,
                formula: Formula::Ratio(top, below),
            });
        }
    }
    for group in ["mid", "high"] {
        let name = format!("inside|{group}");
        let top = part(&mut micro, group, "1", 0.0);
        let below = part(&mut micro, group, "1", 1.0);
        let value = values[&name].as_f64().unwrap();
        micro.moments.push(Moment {
            name,
            value,
            formula: Formula::Ratio(top, below),
        });
    }
    (problem, start, micro)
}

#[test]
fn minivans_at_the_start() {
    let (problem, start, micro) = minivans();
    let r = &reference("petrin_eval.json")["at_start"];
    let options = Options {
        steps: Steps::One,
        weights: Covariance::Clustered,
        errors: Covariance::Clustered,
        optimiser: Optimiser::Hold,
        ..Options::default()
    };
    let results = problem
        .solve_with(&start, &micro, &options, &mut |_| {})
        .unwrap();
    let close = |what: &str, got: f64, expected: f64, relative: f64| {
        assert!(
            (got / expected - 1.0).abs() < relative,
            "{what}: {got} is not {expected}"
        );
    };
    close(
        "objective",
        results.objective,
        r["objective"].as_f64().unwrap(),
        1e-10,
    );
    // By the largest component: single ones of PyBLP's differ by up to 4e-7, where differences of the objective agree with ours to 1e-8.
    let expected = numbers(&r["gradient"]);
    let scale = expected.iter().fold(0.0_f64, |a, g| a.max(g.abs()));
    for (got, expected) in results.gradient.iter().zip(expected) {
        assert!(
            (got - expected).abs() < 1.5e-7 * scale,
            "{got} is not {expected}"
        );
    }
    for (got, expected) in results.micro.iter().zip(numbers(&r["micro_values"])) {
        close("micro value", *got, expected, 1e-11);
    }
    let expected = reference_columns("petrin_eval_products.csv");
    for (got, expected) in results.delta.iter().zip(expected.numbers("delta").unwrap()) {
        assert!((got - expected).abs() < 1e-12 * expected.abs().max(1.0));
    }
    let errors = ["sigma_se", "pi_se", "beta_se", "gamma_se"]
        .iter()
        .flat_map(|k| numbers(&r[*k]))
        .filter(|x| x.is_finite());
    for (got, expected) in results.estimates.iter().zip(errors) {
        close(&got.label, got.error, expected, 1e-3);
    }
}

/// Second choices, with and without nests: the analytic gradient is the slope of the objective.
#[test]
fn second_choices() {
    let e = |text: &str| Expression::parse(text).unwrap();
    for nested in [false, true] {
        let mut names = Names::default();
        if !nested {
            names.nest = "none".to_owned();
        }
        let specification = Specification {
            linear: terms(&["1", "prices", "x"]),
            random: terms(&["1", "x"]),
            names,
            ..Specification::default()
        };
        let problem = Problem::new(
            specification,
            &reference_columns("sim_products.csv"),
            Some(&reference_columns("sim_agents.csv")),
        )
        .unwrap();
        let part = |agents: &str, first: &str, second: &str| Part {
            dataset: 0,
            agents: e(agents),
            choice: Factor {
                product: e(first),
                outside: 0.0,
            },
            second: Factor {
                product: e(second),
                outside: 0.3,
            },
        };
        let micro = MicroMoments {
            datasets: vec![Dataset {
                name: "second choices".into(),
                observations: 1000.0,
                markets: vec!["0".into(), "3".into()],
                agents: e("1 + nodes1^2"),
                choices: Factor::inside(),
                second: true,
            }],
            parts: vec![
                part("1", "x", "x"),
                part("1", "x", "1"),
                part("1", "1", "x"),
                part("nodes0", "1", "x"),
            ],
            moments: vec![
                Moment {
                    name: "cov(x1, x2)".into(),
                    value: 0.01,
                    formula: Formula::Covariance(0, 1, 2),
                },
                Moment {
                    name: "E[node x2]".into(),
                    value: 0.02,
                    formula: Formula::Mean(3),
                },
            ],
            covariance: None,
        };
        let at = |s: f64, rho: f64, weights: Option<Matrix>| {
            let start = Parameters {
                sigma: Matrix::diagonal(&[0.7, s]),
                rho: if nested { vec![rho] } else { Vec::new() },
                ..Parameters::default()
            };
            let options = Options {
                steps: Steps::One,
                optimiser: Optimiser::Hold,
                given_weights: weights,
                ..Options::default()
            };
            problem
                .solve_with(&start, &micro, &options, &mut |_| {})
                .unwrap()
        };
        let base = at(0.9, 0.4, None);
        let h = 1e-5;
        let w = Some(base.weights.clone());
        let slope = (at(0.9 + h, 0.4, w.clone()).objective - at(0.9 - h, 0.4, w.clone()).objective)
            / (2.0 * h);
        assert!(
            (slope / base.gradient[1] - 1.0).abs() < 1e-5,
            "{slope} {}",
            base.gradient[1]
        );
        if nested {
            let slope =
                (at(0.9, 0.4 + h, w.clone()).objective - at(0.9, 0.4 - h, w).objective) / (2.0 * h);
            assert!(
                (slope / base.gradient[2] - 1.0).abs() < 1e-5,
                "{slope} {}",
                base.gradient[2]
            );
        }
    }
}
