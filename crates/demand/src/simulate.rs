//! Simulated markets, for tests and teaching: characteristics and errors in, equilibrium prices and shares out.

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::economy::{Counterfactual, Economy, Outcome};
use crate::error::Error;
use crate::formulation::Table;
use crate::integrate::normal;
use crate::linalg::dot;
use crate::parameters::Parameters;
use crate::price::Pricing;
use crate::problem::{CostForm, Problem, Specification};

/// Draws of demand and cost errors, jointly normal.
pub fn draw_errors(
    products: usize,
    sd_demand: f64,
    sd_cost: f64,
    correlation: f64,
    seed: u64,
) -> (Vec<f64>, Vec<f64>) {
    let mut random = ChaCha12Rng::seed_from_u64(seed);
    let rest = (1.0 - correlation * correlation).max(0.0).sqrt();
    (0..products)
        .map(|_| {
            let (a, b) = (normal(&mut random), normal(&mut random));
            (sd_demand * a, sd_cost * (correlation * a + rest * b))
        })
        .unzip()
}

/// Draws from the uniform distribution on `[0, 1)`, a column for a table.
pub fn draw_uniform(count: usize, seed: u64) -> Vec<f64> {
    let mut random = ChaCha12Rng::seed_from_u64(seed);
    (0..count)
        .map(|_| crate::integrate::uniform(&mut random))
        .collect()
}

/// Solves prices and shares of markets whose parameters, characteristics and errors are known.
///
/// `products` needs markets, makers and characteristics; `xi` and `omega` stand in the order of its rows. The table returned has
/// columns of prices and shares added (under the names of the specification), ready for [`Problem::new`].
///
/// # Errors
/// What [`Problem::new`] finds wrong, parameters that do not fit, markets whose prices were not found.
pub fn simulate(
    specification: &Specification,
    products: &Table,
    agents: Option<&Table>,
    parameters: &Parameters,
    xi: &[f64],
    omega: &[f64],
    pricing: &Pricing,
) -> Result<(Table, Outcome), Error> {
    let n = products.rows();
    let cost_terms = specification.cost.terms.len();
    if xi.len() != n || omega.len() != n || parameters.gamma.len() != cost_terms || cost_terms == 0
    {
        return Err(Error::invalid(
            "simulation",
            format!(
                "{} demand errors, {} cost errors, {} cost coefficients for {n} products and {cost_terms} cost characteristics",
                xi.len(),
                omega.len(),
                parameters.gamma.len()
            ),
        ));
    }
    let names = &specification.names;
    let mut tilde = omega.to_vec();
    for (term, gamma) in specification.cost.terms.iter().zip(&parameters.gamma) {
        for (c, x) in tilde.iter_mut().zip(term.evaluate(products)?) {
            *c += gamma * x;
        }
    }
    let costs: Vec<f64> = match specification.cost_form {
        CostForm::Linear => tilde,
        CostForm::Log => tilde.iter().map(|c| c.exp()).collect(),
    };
    // A start for prices; shares that any market of any size may have.
    let start: Vec<f64> = costs.iter().map(|c| c + 0.3 * c.abs().max(0.1)).collect();
    let table = products
        .clone()
        .with(&names.price, start)
        .with(&names.share, vec![0.5 / n as f64; n]);
    let problem = Problem::build(specification.clone(), &table, agents, false)?;
    let beta: Vec<f64> = parameters.beta.iter().map(|b| b.unwrap_or(0.0)).collect();
    let delta = (0..n)
        .map(|row| dot(problem.x1.row(row), &beta) + xi[problem.order[row]])
        .collect();
    let economy = Economy::new(
        &problem,
        parameters.clone(),
        delta,
        problem.in_market_order(&costs),
    )?;
    let outcome = economy.equilibrium(&Counterfactual::default(), pricing)?;
    for (market, verdict) in problem.markets().iter().zip(&outcome.verdicts) {
        if !verdict.converged {
            return Err(Error::NotFinite(format!(
                "prices of market {market} were not found (error of margins {:.1e})",
                verdict.first_order
            )));
        }
    }
    let table = table
        .with(&names.price, problem.in_table_order(&outcome.prices))
        .with(&names.share, problem.in_table_order(&outcome.shares))
        .with("costs", costs);
    Ok((table, outcome))
}
