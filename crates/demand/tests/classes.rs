//! Tastes by class against the general solver of the crate, on markets drawn at random.

mod common;

use common::terms;
use kyoso_demand::classes::*;
use kyoso_demand::linalg::Matrix;
use kyoso_demand::*;

const CLASSES: usize = 5;
const NEST: [u8; CLASSES] = [0, 0, 1, 1, 2];
const LAMBDA: f64 = 0.55;

/// One market: who sells what, at which price, to whom.
struct Case {
    class: Vec<u8>,
    maker: Vec<u16>,
    firms: Vec<f64>,
    shares: Vec<f64>,
    prices: Vec<f64>,
    nodes: Vec<(f64, Vec<f64>)>,
    buyers: Buyers,
}

fn case(seed: u64, n: usize) -> Case {
    let u = draw_uniform(3 * n, seed);
    let raw: Vec<f64> = u[..n].iter().map(|x| (4.0 * x).exp()).collect();
    let total: f64 = raw.iter().sum::<f64>() * 2.0;
    let tastes = draw_uniform(7 * CLASSES, seed + 1);
    Case {
        class: (0..n).map(|j| (j % CLASSES) as u8).collect(),
        maker: (0..n).map(|j| (j / 3 % 4) as u16).collect(),
        firms: vec![1.0, 3.5, 1.0, 2.0],
        shares: raw.iter().map(|r| r / total).collect(),
        prices: u[n..2 * n].iter().map(|x| 2.0 + 2.0 * x).collect(),
        nodes: (0..7)
            .map(|i| {
                let taste = (0..CLASSES)
                    .map(|c| 3.0 * tastes[i * CLASSES + c] - 1.5)
                    .collect();
                (if i == 0 { 0.4 } else { 0.1 }, taste)
            })
            .collect(),
        buyers: Buyers {
            slope: vec![1.4, 0.9, 0.5],
            weight: vec![0.3, 0.5, 0.2],
        },
    }
}

/// The same market as a problem of the general solver: every buyer an agent, every class a characteristic.
fn problem(case: &Case) -> (Problem, Parameters) {
    let n = case.class.len();
    let mut table = Table::new()
        .with_labels("market_ids", vec!["m".into(); n])
        .with_labels(
            "firm_ids",
            case.maker.iter().map(|m| format!("f{m}")).collect(),
        )
        .with_labels(
            "nesting_ids",
            case.class
                .iter()
                .map(|c| NEST[*c as usize].to_string())
                .collect(),
        )
        .with(
            "equal_firms",
            case.maker.iter().map(|m| case.firms[*m as usize]).collect(),
        )
        .with("shares", case.shares.clone())
        .with("prices", case.prices.clone());
    let mut random = vec!["prices".to_owned()];
    let mut demographics = vec!["slope".to_owned()];
    let mut agents = Vec::new();
    for (w, taste) in &case.nodes {
        for (a, v) in case.buyers.slope.iter().zip(&case.buyers.weight) {
            agents.push((w * v, *a, taste.clone()));
        }
    }
    let mut agent_table = Table::new()
        .with_labels("market_ids", vec!["m".into(); agents.len()])
        .with("weights", agents.iter().map(|a| a.0).collect())
        .with("slope", agents.iter().map(|a| -a.1).collect());
    for c in 0..CLASSES {
        random.push(format!("class{c}"));
        demographics.push(format!("taste{c}"));
        table = table.with(
            &format!("class{c}"),
            case.class
                .iter()
                .map(|of| f64::from(u8::from(usize::from(*of) == c)))
                .collect(),
        );
        agent_table = agent_table.with(
            &format!("taste{c}"),
            agents.iter().map(|a| a.2[c]).collect(),
        );
    }
    let texts = |names: &[String]| terms(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let specification = Specification {
        linear: terms(&["1"]),
        random: texts(&random),
        demographics: texts(&demographics),
        ..Specification::default()
    };
    let problem = Problem::new(specification, &table, Some(&agent_table)).unwrap();
    let parameters = Parameters {
        sigma: Matrix::zeros(random.len(), random.len()),
        pi: Matrix::diagonal(&vec![1.0; random.len()]),
        rho: vec![1.0 - LAMBDA],
        beta: vec![Some(0.0)],
        ..Parameters::default()
    };
    (problem, parameters)
}

#[test]
fn shares_costs_prices_and_surplus_are_those_of_the_general_solver() {
    for (seed, n) in [(1, 6), (2, 17), (3, 40)] {
        let case = case(seed, n);
        let (problem, parameters) = problem(&case);
        let (delta, inverted) = problem.invert(&parameters, &Inversion::default()).unwrap();
        assert!(inverted.iter().all(|i| i.converged));
        let mut economy = Economy::new(&problem, parameters, delta.clone(), Vec::new()).unwrap();
        economy.costs = economy.implied_costs(&Counterfactual::default()).unwrap();

        let tastes = ClassTastes::new(&NEST, LAMBDA, &case.nodes).unwrap();
        let layout = ClassLayout::new(&tastes, &case.class, &case.maker, &case.firms).unwrap();
        let beside = vec![0.0; n];
        let mut market = ClassMarket {
            tastes: &tastes,
            buyers: &case.buyers,
            layout: &layout,
            utility: &beside,
            beside: &beside,
        };
        let (utility, error) = market.invert(&case.prices, &case.shares);
        assert!(error < 1e-12, "{error}");
        for (x, y) in utility.iter().zip(&delta) {
            assert!((x - y).abs() < 1e-9, "{x} {y}");
        }
        market.utility = &utility;

        let ones = vec![1.0; n];
        let (margins, error) = market.margins_at(&case.prices, &ones, Size::Shift(0.0));
        assert!(error < 1e-12, "{error}");
        let costs: Vec<f64> = case
            .prices
            .iter()
            .zip(&margins)
            .map(|(p, m)| p - m)
            .collect();
        for (x, y) in costs.iter().zip(&economy.costs) {
            assert!((x - y).abs() < 1e-9, "{x} {y}");
        }

        // Taxes that differ by product, and costs that have moved.
        let ad_valorem: Vec<f64> = (0..n).map(|j| 0.05 * (j % 4) as f64).collect();
        let specific: Vec<f64> = (0..n).map(|j| -0.1 * (j % 3) as f64).collect();
        let change = Counterfactual {
            ad_valorem: ad_valorem.clone(),
            specific: specific.clone(),
            ..Counterfactual::default()
        };
        let general = economy.equilibrium(&change, &Pricing::default()).unwrap();
        assert!(general.verdicts.iter().all(Verdict::is_equilibrium));
        let consumer_cost: Vec<f64> = (0..n)
            .map(|j| (1.0 + ad_valorem[j]) * costs[j] + specific[j])
            .collect();
        let kept: Vec<f64> = ad_valorem.iter().map(|v| 1.0 / (1.0 + v)).collect();
        let solve = |market: &ClassMarket, size| {
            market.equilibrium(
                &Costs {
                    consumer_cost: &consumer_cost,
                    kept: &kept,
                },
                &case.prices,
                &mut no_tilt(size),
                (1e-13, 200),
                &mut Scratch::default(),
            )
        };
        let own = solve(&market, Size::Shift(0.0));
        for j in 0..n {
            assert!((own.prices[j] - general.prices[j]).abs() < 1e-9);
            assert!((own.shares[j] - general.shares[j]).abs() < 1e-10);
        }
        let surplus = economy.consumer_surplus(&general.prices, &[]).unwrap()[0];
        let (_, shares) = market.shares_at(&own.prices, Size::Shift(0.0));
        assert!((market.surplus(&shares) - surplus).abs() < 1e-9);

        // Slopes of demand against the general elasticities.
        let elasticities = economy.elasticities("prices").unwrap();
        for (j, slope) in market
            .own_slopes(&case.prices, Size::Shift(0.0))
            .iter()
            .enumerate()
        {
            let elasticity = slope * case.prices[j] / case.shares[j];
            assert!((elasticity - elasticities[0][(j, j)]).abs() < 1e-8);
        }

        // A size given as a share is met, by the shift that gives it back.
        let sized = solve(&market, Size::Share(0.4));
        assert!((sized.bought - 0.4).abs() < 1e-12);
        let again = solve(&market, Size::Shift(sized.shift));
        for (x, y) in sized.prices.iter().zip(&again.prices) {
            assert!((x - y).abs() < 1e-9);
        }

        // The same at every instruction level.
        for level in [Level::Portable, Level::Avx2, Level::Avx512] {
            let tastes = tastes.clone().at_level(level);
            let market = ClassMarket {
                tastes: &tastes,
                ..market
            };
            for (x, y) in solve(&market, Size::Shift(0.0))
                .prices
                .iter()
                .zip(&own.prices)
            {
                assert!((x - y).abs() < 1e-9, "{level:?} {x} {y}");
            }
        }
    }
}

#[test]
fn a_tilt_by_class_is_a_cost_of_its_products() {
    let case = case(5, 20);
    let tastes = ClassTastes::new(&NEST, LAMBDA, &case.nodes).unwrap();
    let layout = ClassLayout::new(&tastes, &case.class, &case.maker, &case.firms).unwrap();
    let beside = vec![0.1; 20];
    let flat = ClassMarket {
        tastes: &tastes,
        buyers: &case.buyers,
        layout: &layout,
        utility: &beside,
        beside: &beside,
    };
    let (utility, _) = flat.invert(&case.prices, &case.shares);
    let market = ClassMarket {
        utility: &utility,
        ..flat
    };
    let ones = vec![1.0; 20];
    let (margins, _) = market.margins_at(&case.prices, &ones, Size::Shift(0.0));
    let cost: Vec<f64> = case
        .prices
        .iter()
        .zip(&margins)
        .map(|(p, m)| p - m)
        .collect();
    let tilt = [0.0, 0.3, 0.0, -0.2, 0.0];
    let raised: Vec<f64> = (0..20)
        .map(|j| cost[j] + tilt[case.class[j] as usize])
        .collect();
    let solve = |cost: &[f64], tilt: Vec<f64>| {
        market.equilibrium(
            &Costs {
                consumer_cost: cost,
                kept: &ones,
            },
            &case.prices,
            &mut |market, weights, _, scratch, shares| {
                market.class_shares(weights, &tilt, Size::Shift(0.0), scratch, shares);
                tilt.clone()
            },
            (1e-13, 200),
            &mut Scratch::default(),
        )
    };
    let by_tilt = solve(&cost, tilt.to_vec());
    let by_cost = solve(&raised, Vec::new());
    for (x, y) in by_tilt.prices.iter().zip(&by_cost.prices) {
        assert!((x - y).abs() < 1e-10, "{x} {y}");
    }
    // A class taken away sells nothing, and nobody's price becomes strange.
    let gone = solve(&cost, vec![f64::INFINITY, 0.0, 0.0, 0.0, 0.0]);
    for j in 0..20 {
        assert_eq!(gone.shares[j] == 0.0, case.class[j] == 0);
        assert!(gone.prices[j].is_finite());
    }
}

#[test]
fn every_defect_of_the_input_is_named() {
    let message = |result: Result<ClassTastes, Error>| result.unwrap_err().to_string();
    let text = message(ClassTastes::new(&[0, 20], 1.5, &[(0.5, vec![0.0])]));
    for part in [
        "21 nests",
        "1.5 is not in (0, 1]",
        "expected 2 finite tastes",
        "sum to 0.5",
    ] {
        assert!(text.contains(part), "{text}");
    }
    let tastes = ClassTastes::new(&NEST, LAMBDA, &[(1.0, vec![0.0; CLASSES])]).unwrap();
    let text = ClassLayout::new(&tastes, &[0, 9], &[0, 3], &[0.5])
        .unwrap_err()
        .to_string();
    for part in ["no class 9", "maker 3 has no number", "0.5 firms"] {
        assert!(text.contains(part), "{text}");
    }
}
