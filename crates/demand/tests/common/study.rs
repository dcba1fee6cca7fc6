//! The Monte Carlo study: markets with known parameters, estimated with a supply side and approximate optimal instruments.
//!
//! Design after Conlon and Gortmaker (2020, section 5): utility of a constant, the price and a characteristic `x`, tastes for `x` that
//! vary among agents, costs of a constant, `x` and a shifter `z`, errors of demand and costs correlated, prices in equilibrium.

use kyoso_demand::linalg::Matrix;
use kyoso_demand::{
    Closeness, Covariance, Error, Formulation, Integration, Options, Parameters, Pricing, Problem,
    Results, Rule, Specification, Table, differentiation_instruments, draw_errors, draw_uniform,
    simulate,
};

/// Size of a study.
#[derive(Debug, Clone, Copy)]
pub struct Design {
    /// Markets of a data set.
    pub markets: usize,
    /// Makers in a market.
    pub makers: usize,
    /// Products of a maker at most; at least one.
    pub products: usize,
    /// Seed of the first data set.
    pub seed: u64,
}

/// What one data set gives.
#[derive(Debug, Clone)]
pub struct Replication {
    /// Estimates in the order of [`TRUTH`].
    pub values: Vec<f64>,
    /// Standard errors.
    pub errors: Vec<f64>,
    /// Whether every step converged.
    pub converged: bool,
}

/// Parameters that make the data.
pub const TRUTH: [(&str, f64); 7] = [
    ("sigma[x]", 3.0),
    ("beta[prices]", -1.0),
    ("beta[1]", -7.0),
    ("beta[x]", 6.0),
    ("gamma[1]", 2.0),
    ("gamma[x]", 1.0),
    ("gamma[z]", 0.2),
];

fn truth(label: &str) -> f64 {
    TRUTH
        .iter()
        .find(|(name, _)| *name == label)
        .map_or(f64::NAN, |(_, value)| *value)
}

/// Standard deviations of the demand and cost errors and their correlation.
const ERRORS: (f64, f64, f64) = (0.45, 0.45, 0.7);

fn specification() -> Result<Specification, Error> {
    Ok(Specification {
        linear: Formulation::parse(&["1", "prices", "x"])?,
        random: Formulation::parse(&["x"])?,
        cost: Formulation::parse(&["1", "x", "z"])?,
        integration: Some(Integration::new(Rule::Product(9))),
        ..Specification::default()
    })
}

/// Simulates one data set.
fn market_data(design: &Design, number: usize) -> Result<Table, Error> {
    let base = design.seed.wrapping_add(1000 * number as u64);
    let (mut markets, mut firms) = (Vec::new(), Vec::new());
    let counts = draw_uniform(design.markets * design.makers, base);
    for (i, u) in counts.iter().enumerate() {
        let count = 1 + (u * design.products as f64) as usize;
        markets.extend(vec![(i / design.makers).to_string(); count]);
        firms.extend(vec![(i % design.makers).to_string(); count]);
    }
    let n = markets.len();
    let products = Table::new()
        .with_labels("market_ids", markets)
        .with_labels("firm_ids", firms)
        .with("x", draw_uniform(n, base + 1))
        .with("z", draw_uniform(n, base + 2));
    let (sd_demand, sd_cost, correlation) = ERRORS;
    let (xi, omega) = draw_errors(n, sd_demand, sd_cost, correlation, base + 3);
    let parameters = Parameters {
        sigma: Matrix::diagonal(&[truth("sigma[x]")]),
        beta: ["beta[1]", "beta[prices]", "beta[x]"]
            .map(|b| Some(truth(b)))
            .to_vec(),
        gamma: ["gamma[1]", "gamma[x]", "gamma[z]"].map(truth).to_vec(),
        ..Parameters::default()
    };
    let pricing = Pricing {
        check: false,
        ..Pricing::default()
    };
    let (table, _) = simulate(
        &specification()?,
        &products,
        None,
        &parameters,
        &xi,
        &omega,
        &pricing,
    )?;
    Ok(table)
}

/// A start up to half away from the truth, since the truth is never known.
fn start(seed: u64) -> Parameters {
    let u = draw_uniform(2, seed);
    let around = |value: f64, u: f64| value * (0.5 + u);
    Parameters {
        sigma: Matrix::diagonal(&[around(truth("sigma[x]"), u[0])]),
        beta: vec![None, Some(around(truth("beta[prices]"), u[1])), None],
        ..Parameters::default()
    }
}

/// Simulates and estimates one data set: first with differentiation instruments, then with approximate optimal ones.
pub fn replicate(design: &Design, number: usize) -> Result<Replication, Error> {
    let table = market_data(design, number)?;
    let specification = specification()?;
    let characteristics = Formulation::parse(&["x", "z"])?;
    let mut demand = differentiation_instruments(
        &characteristics,
        &table,
        &specification.names,
        Closeness::Quadratic,
        false,
    )?;
    let supply = demand.clone();
    demand.push(table.numbers("z").map(<[f64]>::to_vec).unwrap_or_default());
    let table = table
        .with_numbered("demand_instruments", demand)
        .with_numbered("supply_instruments", supply);
    let problem = Problem::new(specification, &table, None)?;
    let options = Options {
        weights: Covariance::Robust,
        errors: Covariance::Robust,
        ..Options::default()
    };
    let first = problem.solve(
        &start(design.seed.wrapping_add(1000 * number as u64 + 4)),
        &options,
    )?;
    let pricing = Pricing {
        check: false,
        ..Pricing::default()
    };
    let optimal = first.optimal_instruments(&pricing)?;
    let mut again = first.parameters.clone();
    again.beta = vec![None, again.beta[1], None];
    again.gamma = Vec::new();
    let second = optimal.problem.solve(&again, &options)?;
    Ok(Replication {
        values: collect(&second, |e| e.value),
        errors: collect(&second, |e| e.error),
        converged: first.converged && second.converged,
    })
}

fn collect(results: &Results, what: impl Fn(&kyoso_demand::Estimate) -> f64) -> Vec<f64> {
    TRUTH
        .iter()
        .map(|(label, _)| {
            results
                .estimates
                .iter()
                .find(|e| e.label == *label)
                .map_or(f64::NAN, &what)
        })
        .collect()
}

/// One parameter over all data sets.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Label.
    pub label: &'static str,
    /// Value that made the data.
    pub truth: f64,
    /// Mean of the estimates less the truth.
    pub bias: f64,
    /// Median of the estimates less the truth.
    pub median_bias: f64,
    /// Standard deviation of the estimates.
    pub spread: f64,
    /// Mean of the standard errors.
    pub error: f64,
    /// Share of 95 % intervals that hold the truth.
    pub coverage: f64,
}

impl Row {
    /// A row of the table in docs/reference/monte-carlo.md.
    pub fn line(&self) -> String {
        format!(
            "| `{}` | {} | {:.4} | {:.4} | {:.4} | {:.4} | {:.1} % |",
            self.label,
            self.truth,
            self.bias,
            self.median_bias,
            self.spread,
            self.error,
            100.0 * self.coverage
        )
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    0.5 * (values[(n - 1) / 2] + values[n / 2])
}

/// Bias, spread and coverage by parameter.
pub fn summary(replications: &[Replication]) -> Vec<Row> {
    let n = replications.len() as f64;
    (0..TRUTH.len())
        .map(|i| {
            let (label, truth) = TRUTH[i];
            let off: Vec<f64> = replications.iter().map(|r| r.values[i] - truth).collect();
            let bias = off.iter().sum::<f64>() / n;
            let squares: f64 = off.iter().map(|o| (o - bias).powi(2)).sum();
            let held = replications
                .iter()
                .filter(|r| (r.values[i] - truth).abs() <= 1.959_963_984_540_054 * r.errors[i]);
            Row {
                label,
                truth,
                bias,
                spread: (squares / (n - 1.0)).sqrt(),
                error: replications.iter().map(|r| r.errors[i]).sum::<f64>() / n,
                coverage: held.count() as f64 / n,
                median_bias: median(off),
            }
        })
        .collect()
}
