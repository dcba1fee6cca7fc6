//! Bad input: every problem at once, with its place; nothing panics.

mod common;

use common::{reference_columns, terms};
use kyoso_demand::linalg::Matrix;
use kyoso_demand::*;

fn products() -> Table {
    reference_columns("sim_products.csv")
}

fn specification() -> Specification {
    Specification {
        linear: terms(&["1", "prices", "x"]),
        random: terms(&["1", "x"]),
        names: Names {
            nest: "none".into(),
            ..Names::default()
        },
        ..Specification::default()
    }
}

fn error(specification: Specification, products: &Table) -> String {
    let agents = reference_columns("sim_agents.csv");
    Problem::new(specification, products, Some(&agents))
        .unwrap_err()
        .to_string()
}

fn changed(column: &str, row: usize, value: f64) -> Table {
    let mut values = products().numbers(column).unwrap().to_vec();
    values[row] = value;
    products().with(column, values)
}

#[test]
fn shares_must_leave_an_outside_good() {
    let text = error(specification(), &changed("shares", 3, 1.2));
    assert!(
        text.contains("market 0, product 3: share 1.2 is not between 0 and 1"),
        "{text}"
    );
    assert!(
        text.contains("nothing is left for the outside good"),
        "{text}"
    );
    assert!(error(specification(), &changed("shares", 0, 0.0)).contains("share 0 is not between"));
    assert!(error(specification(), &changed("shares", 0, f64::NAN)).contains("share NaN"));
    assert!(
        error(specification(), &changed("prices", 21, f64::INFINITY))
            .contains("market 1, product 1: price inf")
    );
}

#[test]
fn numbers_must_be_finite_everywhere() {
    for column in ["x", "demand_instruments0"] {
        let text = error(specification(), &changed(column, 30, f64::NAN));
        assert!(text.contains("NaN") && text.contains(column), "{text}");
    }
    let agents = reference_columns("sim_agents.csv");
    let mut nodes = agents.numbers("nodes0").unwrap().to_vec();
    nodes[11] = f64::INFINITY;
    let text = Problem::new(
        specification(),
        &products(),
        Some(&agents.with("nodes0", nodes)),
    )
    .unwrap_err()
    .to_string();
    assert!(text.contains("row 12") && text.contains("inf"), "{text}");
}

#[test]
fn identifiers_and_columns_are_checked() {
    let mut ids = products().labels("product_ids").unwrap();
    ids[1] = ids[0].clone();
    assert!(
        error(specification(), &products().with_labels("product_ids", ids))
            .contains("product 0: stands there twice")
    );
    let names = Names {
        market: "year".into(),
        nest: "none".into(),
        ..Names::default()
    };
    assert!(
        error(
            Specification {
                names,
                ..specification()
            },
            &products()
        )
        .contains("no column `year`")
    );
    let wrong = Specification {
        linear: terms(&["1", "prices", "weight"]),
        ..specification()
    };
    assert!(error(wrong, &products()).contains("column `weight`: is not in the table"));
    let text = error(
        Specification {
            linear: terms(&["1", "log(xi)"]),
            ..specification()
        },
        &products(),
    );
    assert!(
        text.contains("`log(xi)`, row") && text.contains("NaN"),
        "{text}"
    );
    let short = products().with("x", vec![1.0; 3]);
    assert!(
        error(specification(), &short).contains("products.x: has 3 values, the table 200 rows")
    );
    let collinear = Specification {
        linear: terms(&["1", "prices", "x", "2*x + 1"]),
        ..specification()
    };
    assert!(
        error(collinear, &products())
            .contains("`2*x + 1`: is a combination of the columns before it")
    );
    // Several at once.
    let both = Specification {
        linear: terms(&["1", "weight", "height"]),
        ..specification()
    };
    let text = error(both, &changed("shares", 0, 2.0));
    assert!(
        text.contains("weight") && text.contains("height") && text.contains("share 2"),
        "{text}"
    );
}

#[test]
fn agents_are_checked() {
    let agents = reference_columns("sim_agents.csv");
    let one =
        |agents: Option<&Table>| Problem::new(specification(), &products(), agents).map(|_| ());
    assert!(
        one(None)
            .unwrap_err()
            .to_string()
            .contains("random coefficients need nodes")
    );
    let mut markets = agents.labels("market_ids").unwrap();
    markets
        .iter_mut()
        .filter(|m| *m == "4")
        .for_each(|m| *m = "5".into());
    let text = one(Some(&agents.clone().with_labels("market_ids", markets)))
        .unwrap_err()
        .to_string();
    assert!(text.contains("market 4: has no agents"), "{text}");
    let mut weights = agents.numbers("weights").unwrap().to_vec();
    weights[7] = f64::NAN;
    let text = one(Some(&agents.with("weights", weights)))
        .unwrap_err()
        .to_string();
    assert!(text.contains("agents, row 8: weight NaN"), "{text}");
}

#[test]
fn starts_and_instruments_are_checked() {
    let agents = reference_columns("sim_agents.csv");
    let problem = Problem::new(specification(), &products(), Some(&agents)).unwrap();
    let solve = |start: Parameters| {
        problem
            .solve(&start, &Options::default())
            .map(|_| ())
            .unwrap_err()
            .to_string()
    };
    assert!(
        solve(Parameters {
            sigma: Matrix::zeros(3, 3),
            ..Parameters::default()
        })
        .contains("sigma: is 3 x 3, expected 2 x 2")
    );
    assert!(
        solve(Parameters {
            rho: vec![0.5],
            ..Parameters::default()
        })
        .contains("rho: has 1 values, expected none")
    );
    assert!(
        solve(Parameters {
            beta: vec![None],
            ..Parameters::default()
        })
        .contains("beta: has 1 values, expected 3")
    );
    let bounds = vec![("sigma[y]".to_owned(), 0.0, 1.0)];
    let sigma = Matrix::diagonal(&[1.0, 1.0]);
    assert!(
        solve(Parameters {
            sigma: sigma.clone(),
            bounds,
            ..Parameters::default()
        })
        .contains("sigma[1], sigma[x]")
    );
    // Too few instruments; instruments that say the same twice.
    let bare = Problem::new(
        specification(),
        &products().without_numbered("demand_instruments"),
        Some(&agents),
    )
    .unwrap();
    let start = Parameters {
        sigma,
        ..Parameters::default()
    };
    let text = bare
        .solve(&start, &Options::default())
        .map(|_| ())
        .unwrap_err()
        .to_string();
    assert!(text.contains("5 parameters, but only 2 moments"), "{text}");
    let twice = products().with(
        "demand_instruments8",
        products().numbers("demand_instruments0").unwrap().to_vec(),
    );
    let double = Problem::new(specification(), &twice, Some(&agents)).unwrap();
    let text = double
        .solve(&start, &Options::default())
        .map(|_| ())
        .unwrap_err()
        .to_string();
    assert!(
        text.contains("instruments cannot be inverted") && text.contains("columns 9"),
        "{text}"
    );
    let clustered = Options {
        errors: Covariance::Clustered,
        ..Options::default()
    };
    let text = problem
        .solve(&start, &clustered)
        .map(|_| ())
        .unwrap_err()
        .to_string();
    assert!(text.contains("clustering_ids"), "{text}");
}

#[test]
fn what_does_not_converge_is_told_by_market() {
    let agents = reference_columns("sim_agents.csv");
    let problem = Problem::new(specification(), &products(), Some(&agents)).unwrap();
    let start = Parameters {
        sigma: Matrix::diagonal(&[1.0, 1.0]),
        ..Parameters::default()
    };
    let options = Options {
        steps: Steps::One,
        optimiser: Optimiser::Hold,
        inversion: Inversion {
            method: Method::Contraction,
            max_evaluations: 4,
            ..Inversion::default()
        },
        ..Options::default()
    };
    let results = problem.solve(&start, &options).unwrap();
    assert!(!results.converged);
    let markets: Vec<&str> = results
        .warnings
        .iter()
        .filter_map(|w| match w {
            Warning::Inversion { market, residual } if *residual > 1e-6 => Some(market.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(markets, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    // A coefficient of the price that is positive leaves no price: told, not looped over.
    let economy = Economy::new(
        &problem,
        Parameters {
            sigma: Matrix::diagonal(&[1.0, 1.0]),
            pi: Matrix::zeros(2, 0),
            beta: vec![Some(0.0), Some(0.5), Some(1.0)],
            ..Parameters::default()
        },
        results.delta.clone(),
        vec![1.0; 200],
    )
    .unwrap();
    let outcome = economy
        .equilibrium(
            &Counterfactual::default(),
            &Pricing {
                max_evaluations: 200,
                ..Pricing::default()
            },
        )
        .unwrap();
    assert!(outcome.verdicts.iter().all(|v| !v.is_equilibrium()));
    let text = economy
        .equilibrium(
            &Counterfactual {
                ad_valorem: vec![-2.0; 200],
                ceiling: vec![1.0],
                ..Counterfactual::default()
            },
            &Pricing::default(),
        )
        .unwrap_err()
        .to_string();
    assert!(
        text.contains("-2 leaves no producer price")
            && text.contains("ceiling: has 1 values for 200 products"),
        "{text}"
    );
}

#[test]
fn far_starts_do_not_overflow() {
    let agents = reference_columns("sim_agents.csv");
    let problem = Problem::new(specification(), &products(), Some(&agents)).unwrap();
    for scale in [1e-8, 30.0, 400.0] {
        let start = Parameters {
            sigma: Matrix::diagonal(&[scale, scale]),
            ..Parameters::default()
        };
        let hold = Options {
            steps: Steps::One,
            optimiser: Optimiser::Hold,
            ..Options::default()
        };
        let results = problem.solve(&start, &hold);
        let finite = results
            .as_ref()
            .is_ok_and(|r| r.delta.iter().all(|d| d.is_finite()));
        assert!(finite, "scale {scale}: {:?}", results.map(|r| r.warnings));
    }
}
