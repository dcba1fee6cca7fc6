//! Properties: shares -> delta -> shares, elasticities against differences, the same bits on any number of threads.

mod common;

use common::{reference_columns, terms};
use kyoso_demand::linalg::Matrix;
use kyoso_demand::*;
use proptest::prelude::*;

/// Two markets of random size with random characteristics, nests and shares.
fn problem(seed: u64, nested: bool, level: Option<Level>) -> Problem {
    let sizes = [1 + (seed % 7) as usize, 2 + (seed % 19) as usize];
    let n: usize = sizes.iter().sum();
    let u = draw_uniform(4 * n, seed);
    let mut shares = Vec::new();
    let mut markets = Vec::new();
    for (m, size) in sizes.iter().enumerate() {
        let raw: Vec<f64> = u[shares.len()..][..*size]
            .iter()
            .map(|x| (8.0 * x).exp())
            .collect();
        let total: f64 = raw.iter().sum::<f64>() * 1.25;
        shares.extend(raw.iter().map(|x| x / total));
        markets.extend(vec![format!("m{m}"); *size]);
    }
    let table = Table::new()
        .with_labels("market_ids", markets)
        .with_labels("firm_ids", (0..n).map(|j| (j % 3).to_string()).collect())
        .with_labels(
            if nested { "nesting_ids" } else { "group" },
            (0..n).map(|j| (j % 2).to_string()).collect(),
        )
        .with("shares", shares)
        .with(
            "prices",
            u[n..2 * n].iter().map(|x| 1.0 + 2.0 * x).collect(),
        )
        .with("x", u[2 * n..3 * n].to_vec());
    let specification = Specification {
        linear: terms(&["prices"]),
        random: terms(&["1", "prices", "x"]),
        integration: Some(Integration::new(Rule::Halton(150))),
        level,
        ..Specification::default()
    };
    Problem::new(specification, &table, None).unwrap()
}

fn parameters(sigma: [f64; 3], rho: Option<f64>) -> Parameters {
    Parameters {
        sigma: Matrix::diagonal(&sigma),
        pi: Matrix::zeros(3, 0),
        rho: rho.into_iter().collect(),
        beta: vec![Some(-3.0)],
        ..Parameters::default()
    }
}

fn economy<'a>(problem: &'a Problem, parameters: &Parameters) -> Economy<'a> {
    let delta = problem.invert(parameters, &Inversion::default()).unwrap();
    assert!(delta.1.iter().all(|i| i.converged), "{:?}", delta.1);
    let mut economy = Economy::new(problem, parameters.clone(), delta.0, Vec::new()).unwrap();
    economy.costs = economy.implied_costs(&Counterfactual::default()).unwrap();
    economy
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn shares_come_back(seed in 0_u64..10_000, a in 0.01..4.0_f64, b in 0.01..1.0_f64, c in 0.01..5.0_f64, rho in prop::option::of(0.0..0.9_f64)) {
        let problem = problem(seed, rho.is_some(), None);
        let economy = economy(&problem, &parameters([a, b, c], rho));
        let again = economy.shares_at(problem.prices()).unwrap();
        for (got, expected) in again.iter().zip(problem.shares()) {
            prop_assert!((got / expected - 1.0).abs() < 1e-11, "{got} {expected}");
        }
    }

    #[test]
    fn all_methods_of_inversion_agree(seed in 0_u64..10_000, a in 0.01..2.0_f64, rho in prop::option::of(0.0..0.7_f64)) {
        let problem = problem(seed, rho.is_some(), None);
        let p = parameters([a, 0.2, a], rho);
        let by = |method| {
            let options = Inversion { method, max_evaluations: 200_000, ..Inversion::default() };
            problem.invert(&p, &options).unwrap().0
        };
        let newton = by(Method::Newton);
        for method in [Method::Contraction, Method::Squarem, Method::Anderson] {
            for (x, y) in by(method).iter().zip(&newton) {
                prop_assert!((x - y).abs() < 1e-10, "{method:?} {x} {y}");
            }
        }
    }

    #[test]
    fn elasticities_are_slopes(seed in 0_u64..10_000, a in 0.01..2.0_f64, rho in prop::option::of(0.0..0.9_f64)) {
        let problem = problem(seed, rho.is_some(), None);
        let economy = economy(&problem, &parameters([a, 0.3, a], rho));
        let elasticities = economy.elasticities("prices").unwrap();
        let first = elasticities[0].rows;
        let p = problem.prices();
        for k in 0..first {
            let h = 1e-5;
            let (mut up, mut down) = (p.to_vec(), p.to_vec());
            up[k] *= 1.0 + h;
            down[k] *= 1.0 - h;
            let (up, down) = (economy.shares_at(&up).unwrap(), economy.shares_at(&down).unwrap());
            for j in 0..first {
                let slope = (up[j].ln() - down[j].ln()) / (2.0 * h);
                prop_assert!((slope - elasticities[0][(j, k)]).abs() < 1e-6 * slope.abs().max(1.0));
            }
        }
    }

    #[test]
    fn implied_costs_make_the_prices(seed in 0_u64..10_000, rho in prop::option::of(0.0..0.6_f64)) {
        let problem = problem(seed, rho.is_some(), None);
        let economy = economy(&problem, &parameters([0.5, 0.1, 0.5], rho));
        for verdict in economy.verdicts(&Counterfactual::default()).unwrap() {
            prop_assert!(verdict.first_order < 1e-9, "{verdict:?}");
        }
    }
}

/// Estimates, `delta`, gradient and equilibrium prices on so many threads at a level.
fn everything(threads: usize, level: Option<Level>, nested: bool) -> [Vec<f64>; 4] {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap();
    pool.install(|| {
        let mut names = Names::default();
        if !nested {
            names.nest = "none".into();
        }
        let specification = Specification {
            linear: terms(&["1", "prices", "x"]),
            random: terms(&["1", "prices", "x"]),
            cost: terms(&["1", "x", "z"]),
            level,
            names,
            ..Specification::default()
        };
        let agents = reference_columns("sim_agents.csv");
        let problem = Problem::new(
            specification,
            &reference_columns("sim_products.csv"),
            Some(&agents),
        )
        .unwrap();
        let start = Parameters {
            sigma: Matrix::diagonal(&[0.5, 0.2, 0.5]),
            rho: if nested { vec![0.3] } else { Vec::new() },
            beta: vec![None, Some(-2.0), None],
            ..Parameters::default()
        };
        let one = Options {
            steps: Steps::One,
            ..Options::default()
        };
        let hold = Options {
            optimiser: Optimiser::Hold,
            ..one.clone()
        };
        let results = problem.solve(&start, &one).unwrap();
        let held = problem.solve(&start, &hold).unwrap();
        // Far from the prices it starts at, so that the search goes through both precisions; makers under one tax and under several.
        let economy = held.economy();
        let raised = Counterfactual {
            costs: economy.costs.iter().map(|c| 1.2 * c).collect(),
            ..Counterfactual::default()
        };
        let taxed = Counterfactual {
            ad_valorem: (0..raised.costs.len())
                .map(|j| 0.1 * (j % 2) as f64)
                .collect(),
            ..raised.clone()
        };
        let prices = |change: &Counterfactual| {
            let outcome = economy.equilibrium(change, &Pricing::default()).unwrap();
            assert!(
                outcome
                    .verdicts
                    .iter()
                    .all(|v| v.converged && v.evaluations > 3)
            );
            // What a search leaves at default tolerance, a finer one finds.
            let exact = Pricing {
                tolerance: 1e-13,
                ..Pricing::default()
            };
            let exact = economy.equilibrium(change, &exact).unwrap();
            for (a, b) in outcome.prices.iter().zip(&exact.prices) {
                assert!((a - b).abs() < 1e-9 * b.abs().max(1.0), "{a} {b}");
            }
            for (a, b) in outcome.shares.iter().zip(&exact.shares) {
                assert!((a - b).abs() < 1e-9, "{a} {b}");
            }
            outcome.prices
        };
        [
            results.estimates.iter().map(|e| e.value).collect(),
            held.delta.clone(),
            held.gradient.clone(),
            [prices(&raised), prices(&taxed)].concat(),
        ]
    })
}

#[test]
fn threads_change_no_bit() {
    for nested in [false, true] {
        for level in [None, Some(Level::Portable)] {
            let bits = |threads| {
                everything(threads, level, nested)
                    .map(|v| v.iter().map(|x| x.to_bits()).collect::<Vec<_>>())
            };
            let one = bits(1);
            for threads in [2, 8] {
                assert_eq!(one, bits(threads), "{threads} threads, {level:?}");
            }
        }
    }
}

#[test]
fn levels_change_little() {
    for nested in [false, true] {
        let [_, delta, gradient, prices] = everything(2, None, nested);
        for level in [Level::Portable, Level::Avx2, Level::Avx512] {
            let other = everything(2, Some(level), nested);
            for (a, b) in [&delta, &gradient, &prices].into_iter().zip(&other[1..]) {
                let far = a
                    .iter()
                    .zip(b)
                    .map(|(a, b)| (a - b).abs() / a.abs().max(1.0))
                    .fold(0.0, f64::max);
                assert!(far < 1e-9, "{level:?}, nested {nested}: {far:e}");
            }
        }
    }
}
