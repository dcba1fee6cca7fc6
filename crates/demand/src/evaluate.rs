//! All markets at given parameters: `delta`, markups, costs and their derivatives.

use rayon::prelude::*;

use crate::error::{Error, Warning};
use crate::invert::{Inversion, Inverted, invert_market, logit_delta};
use crate::linalg::Matrix;
use crate::market::{coefficients, utilities};
use crate::micro::{Bound, Contribution, Values};
use crate::parameters::{Layout, Parameters};
use crate::problem::{CostForm, Problem};
use crate::supply::{Margins, mean_slopes, price_slopes};
use crate::tangent::{Point, delta_tangents, markup_tangents};

/// What is asked of an evaluation.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    pub layout: &'a Layout,
    pub inversion: &'a Inversion,
    pub cost_bounds: (f64, f64),
    pub micro: Option<&'a Bound>,
    pub derivatives: bool,
    pub micro_covariance: bool,
}

/// All markets at given parameters.
#[derive(Debug, Clone, Default)]
pub(crate) struct Evaluation {
    pub delta: Vec<f64>,
    /// `c` or `ln c`, bounded; empty without a supply side.
    pub tilde_costs: Vec<f64>,
    pub markups: Vec<f64>,
    /// Derivatives by the estimated parameters, `products x parameters`.
    pub delta_tangent: Matrix,
    pub cost_tangent: Matrix,
    pub micro: Values,
    pub inverted: Vec<Inverted>,
    pub warnings: Vec<Warning>,
}

struct MarketEvaluation {
    delta: Vec<f64>,
    tilde_costs: Vec<f64>,
    markups: Vec<f64>,
    delta_tangent: Matrix,
    cost_tangent: Matrix,
    micro: Option<Contribution>,
    inverted: Inverted,
    bounded: usize,
}

/// Evaluates every market, each from `start` on; markets run in parallel and are put together in order.
pub(crate) fn evaluate(
    problem: &Problem,
    values: &Parameters,
    start: &[f64],
    request: &Request,
) -> Evaluation {
    let parts: Vec<MarketEvaluation> = (0..problem.markets.len())
        .into_par_iter()
        .map(|m| evaluate_market(problem, m, values, start, request))
        .collect();
    let p = request.layout.free.len();
    let n = problem.products();
    let mut out = Evaluation {
        delta: Vec::with_capacity(n),
        delta_tangent: Matrix {
            rows: n,
            cols: p,
            data: Vec::new(),
        },
        cost_tangent: Matrix {
            rows: n,
            cols: p,
            data: Vec::new(),
        },
        ..Evaluation::default()
    };
    let mut contributions = Vec::new();
    for (market, part) in problem.markets.iter().zip(parts) {
        out.delta.extend(part.delta);
        out.tilde_costs.extend(part.tilde_costs);
        out.markups.extend(part.markups);
        out.delta_tangent.data.extend(part.delta_tangent.data);
        out.cost_tangent.data.extend(part.cost_tangent.data);
        contributions.extend(part.micro);
        out.inverted.push(part.inverted);
        if !part.inverted.converged {
            out.warnings.push(Warning::Inversion {
                market: market.name.clone(),
                residual: part.inverted.residual,
            });
        }
        if part.bounded > 0 {
            out.warnings.push(Warning::CostsBounded {
                market: market.name.clone(),
                products: part.bounded,
            });
        }
    }
    if let Some(bound) = request.micro {
        out.micro = bound.values(
            &contributions,
            if request.derivatives { p } else { 0 },
            request.micro_covariance,
        );
    }
    out
}

fn evaluate_market(
    problem: &Problem,
    m: usize,
    values: &Parameters,
    start: &[f64],
    request: &Request,
) -> MarketEvaluation {
    let view = problem.view(m);
    let market = &problem.markets[m];
    let rho = values.rho_by_nest(problem.rhos.len());
    let tastes = coefficients(&view, &values.taste(problem.node_count));
    let mu = utilities(&view, &tastes);
    let mut delta = start[market.rows.clone()].to_vec();
    let (inverted, mut map) = invert_market(view, &mu, &rho, &mut delta, request.inversion);
    let supply = problem.has_supply();
    let directions: &[_] = if request.derivatives {
        &request.layout.directions
    } else {
        &[]
    };
    let n = view.products();
    let mut out = MarketEvaluation {
        tilde_costs: Vec::new(),
        markups: Vec::new(),
        delta_tangent: Matrix::zeros(n, directions.len()),
        cost_tangent: Matrix::zeros(if supply { n } else { 0 }, directions.len()),
        micro: None,
        inverted,
        bounded: 0,
        delta,
    };
    if !supply && directions.is_empty() && request.micro.is_none() {
        return out;
    }
    let choices = map.choices(&out.delta);
    let nest_lambda = if view.nested() {
        view.lambdas(&rho)
    } else {
        Vec::new()
    };
    let point = Point {
        view,
        mu: &mu,
        delta: &out.delta,
        choices: &choices,
        lambda: map.lambda(),
        nest_lambda: &nest_lambda,
    };
    if !directions.is_empty() {
        out.delta_tangent = delta_tangents(&point, directions);
    }
    if supply {
        let beta: Vec<f64> = values.beta.iter().map(|b| b.unwrap_or(0.0)).collect();
        let alpha = price_slopes(&view, &tastes, &mean_slopes(&view, &beta));
        let margins = Margins::new(&view, &choices, &alpha, point.lambda, &market.ownership);
        // At the solution the model's shares are the observed ones.
        out.markups = margins.markups(view.shares);
        if !directions.is_empty() {
            out.cost_tangent = markup_tangents(
                &point,
                &alpha,
                &out.markups,
                &market.ownership,
                &margins,
                directions,
                &out.delta_tangent,
            );
        }
        for j in 0..n {
            let raw = view.prices[j] - out.markups[j];
            let cost = raw.clamp(request.cost_bounds.0, request.cost_bounds.1);
            let held = cost != raw;
            out.bounded += usize::from(held);
            let (tilde, slope) = match problem.cost_form {
                CostForm::Linear => (cost, -1.0),
                CostForm::Log => (cost.ln(), -1.0 / cost),
            };
            out.tilde_costs.push(tilde);
            for d in out.cost_tangent.row_mut(j) {
                *d *= if held { 0.0 } else { slope };
            }
        }
    }
    if let Some(bound) = request.micro {
        out.micro = Some(bound.contribution(
            m,
            market.rows.clone(),
            market.tiles.clone(),
            &point,
            directions,
            &out.delta_tangent,
        ));
    }
    out
}

impl Problem {
    /// Mean utilities at which the model's shares are the observed ones, with how each market's inversion ended.
    ///
    /// # Errors
    /// Parameters that do not fit the problem.
    pub fn invert(
        &self,
        parameters: &Parameters,
        options: &Inversion,
    ) -> Result<(Vec<f64>, Vec<Inverted>), Error> {
        let values = Layout::new(self, parameters)?.start;
        let rho = values.rho_by_nest(self.rhos.len());
        let taste = values.taste(self.node_count);
        let markets: Vec<(Vec<f64>, Inverted)> = (0..self.markets.len())
            .into_par_iter()
            .map(|m| {
                let view = self.view(m);
                let mu = utilities(&view, &coefficients(&view, &taste));
                let mut delta = vec![0.0; view.products()];
                logit_delta(&view, &rho, &mut delta);
                let (inverted, _) = invert_market(view, &mu, &rho, &mut delta, options);
                (delta, inverted)
            })
            .collect();
        let (deltas, inverted): (Vec<_>, Vec<_>) = markets.into_iter().unzip();
        Ok((deltas.concat(), inverted))
    }
}
