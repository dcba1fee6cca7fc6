//! Prices: `PyBLP`'s mergers, and cases with known answers.

mod common;

use common::{blp, data, numbers, reference, reference_columns, table, terms};
use kyoso_demand::linalg::Matrix;
use kyoso_demand::*;

fn worst(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f64::max)
}

fn matrix(value: &serde_json::Value) -> Matrix {
    let rows = value.as_array().unwrap();
    Matrix::new(
        rows.len(),
        rows[0].as_array().unwrap().len(),
        numbers(value),
    )
}

fn cereals() -> Problem {
    let specification = Specification {
        linear: terms(&["prices", "C(product_ids)"]),
        random: terms(&["1", "prices", "sugar", "mushy"]),
        demographics: terms(&["income", "income_squared", "age", "child"]),
        ..Specification::default()
    };
    Problem::new(
        specification,
        &table(data("nevo/products.csv")),
        Some(&table(data("nevo/agents.csv"))),
    )
    .unwrap()
}

#[test]
fn merger_of_cereal_makers() {
    let problem = cereals();
    let r = reference("nevo_restricted.json");
    let step = &r["steps"][0];
    // PyBLP's own optimum, so that no optimiser stands between the prices.
    let start = Parameters {
        sigma: matrix(&step["sigma"]),
        pi: matrix(&step["pi"]),
        bounds: ["1", "prices", "sugar", "mushy"]
            .iter()
            .map(|k| (format!("sigma[{k}]"), -9.0, 9.0))
            .collect(),
        ..Parameters::default()
    };
    let hold = Options {
        steps: Steps::One,
        optimiser: Optimiser::Hold,
        ..Options::default()
    };
    let results = problem.solve(&start, &hold).unwrap();
    let economy = results.economy();
    let expected = reference_columns("nevo_restricted_products.csv");
    let column = |name| expected.numbers(name).unwrap();
    assert!(worst(&economy.costs, column("costs")) < 1e-9);
    let own: Vec<f64> = economy
        .elasticities("prices")
        .unwrap()
        .iter()
        .flat_map(|e| (0..e.rows).map(|j| e[(j, j)]).collect::<Vec<_>>())
        .collect();
    assert!(worst(&own, column("own_elasticity")) < 1e-8);
    let products = table(data("nevo/products.csv"));
    let firms = products
        .labels("firm_ids")
        .unwrap()
        .into_iter()
        .map(|f| if f == "2" { "1".to_owned() } else { f })
        .collect();
    let change = Counterfactual {
        firms,
        ..Counterfactual::default()
    };
    let merged = economy.equilibrium(&change, &Pricing::default()).unwrap();
    assert!(
        merged.verdicts.iter().all(Verdict::is_equilibrium),
        "{:?}",
        merged.verdicts[0]
    );
    assert!(
        worst(&merged.prices, column("merger_prices")) < 1e-9,
        "{:e}",
        worst(&merged.prices, column("merger_prices"))
    );
    assert!(worst(&merged.shares, column("merger_shares")) < 1e-9);
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let before = economy
        .consumer_surplus(economy.problem().prices(), &[])
        .unwrap();
    let after = economy.consumer_surplus(&merged.prices, &[]).unwrap();
    assert!((mean(&before) - r["post"]["mean_cs"].as_f64().unwrap()).abs() < 1e-9);
    assert!(
        (mean(&after) - mean(&before) - r["post"]["mean_cs_change"].as_f64().unwrap()).abs() < 1e-9
    );
}

#[test]
fn observed_prices_of_1973_and_1974_are_no_equilibrium() {
    let problem = blp();
    let r = reference("blp_eval.json");
    let start = Parameters {
        sigma: Matrix::diagonal(&numbers(&r["settings"]["sigma0_diag"])),
        pi: matrix(&r["settings"]["pi0"]),
        ..Parameters::default()
    };
    let options = Options {
        weights: Covariance::Clustered,
        errors: Covariance::Clustered,
        initial_update: true,
        cost_bounds: (0.001, f64::INFINITY),
        ..Options::default()
    };
    let results = problem.solve(&start, &options).unwrap();
    let verdicts = results
        .economy()
        .verdicts(&Counterfactual::default())
        .unwrap();
    for (market, verdict) in problem.markets().iter().zip(&verdicts) {
        assert!(verdict.converged, "{market}: {verdict:?}");
        let odd = ["1973", "1974"].contains(market);
        assert_eq!(odd, !verdict.not_maxima.is_empty(), "{market}: {verdict:?}");
        assert_eq!(
            odd,
            verdict.spectral_radius > 1.0,
            "{market}: {}",
            verdict.spectral_radius
        );
    }
    let radius = |i: usize| verdicts[i].spectral_radius;
    assert!(
        (radius(2) - 1.09).abs() < 0.005 && (radius(3) - 1.13).abs() < 0.005,
        "{} {}",
        radius(2),
        radius(3)
    );
}
