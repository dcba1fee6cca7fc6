//! What a set of parameters says of markets: elasticities, diversion, prices, welfare, counterfactuals.

mod prices;
mod welfare;

use rayon::prelude::*;

use crate::error::{Defect, Error};
use crate::estimate::Results;
use crate::linalg::Matrix;
use crate::market::{Choices, ShareMap};
use crate::parameters::Parameters;
use crate::price::{ColumnsAt, PricedMarket, Verdict};
use crate::problem::{CostForm, Problem};
use crate::simd::{LANES, Lanes};

/// Markets with every parameter known: demand at any prices, and costs where a supply side gives them.
#[derive(Debug, Clone)]
pub struct Economy<'a> {
    pub(crate) problem: &'a Problem,
    parameters: Parameters,
    /// What the parameters say, in the order of the formulas: every `beta`, `rho` by nest, sigma beside pi.
    beta: Vec<f64>,
    rho: Vec<f64>,
    taste: Vec<f64>,
    /// Whether utilities are linear in the price.
    linear: bool,
    /// Mean utilities at the prices of the problem.
    pub delta: Vec<f64>,
    /// Marginal costs by product; empty until given.
    pub costs: Vec<f64>,
}

/// A change of the world, by product in the order of the problem; empty vectors change nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Counterfactual {
    /// Makers after mergers.
    pub firms: Vec<String>,
    /// Marginal costs in place of the economy's.
    pub costs: Vec<f64>,
    /// Ad-valorem wedge between producer and consumer price: `p = (1 + v) p_prod + s`.
    pub ad_valorem: Vec<f64>,
    /// Specific wedge.
    pub specific: Vec<f64>,
    /// Lowest consumer price.
    pub floor: Vec<f64>,
    /// Highest consumer price.
    pub ceiling: Vec<f64>,
    /// Bonuses below a list price.
    pub notch: Vec<Option<crate::price::Notch>>,
    /// Whether a product is offered: exits are `false`.
    pub present: Vec<bool>,
}

/// Prices and shares of all markets.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// Consumer prices.
    pub prices: Vec<f64>,
    /// Market shares.
    pub shares: Vec<f64>,
    /// One verdict a market.
    pub verdicts: Vec<Verdict>,
}

impl<'a> Results<'a> {
    /// The estimated economy, with the costs that the supply side estimates or, without one, those which the observed prices imply.
    pub fn economy(&self) -> Economy<'a> {
        Economy::estimated(
            self.problem,
            self.parameters.clone(),
            self.delta.clone(),
            &self.tilde_costs,
        )
    }
}

impl<'a> Economy<'a> {
    /// An economy from parameters and mean utilities at the prices of the problem, in its order.
    ///
    /// # Errors
    /// A vector of another length than the problem has products.
    pub fn new(
        problem: &'a Problem,
        parameters: Parameters,
        delta: Vec<f64>,
        costs: Vec<f64>,
    ) -> Result<Self, Error> {
        let n = problem.products();
        if delta.len() != n || !(costs.is_empty() || costs.len() == n) {
            return Err(Error::invalid(
                "economy",
                format!(
                    "{} mean utilities and {} costs for {n} products",
                    delta.len(),
                    costs.len()
                ),
            ));
        }
        if parameters.beta.len() != problem.x1.cols || parameters.beta.iter().any(Option::is_none) {
            return Err(Error::invalid(
                "beta",
                format!("{} known values expected", problem.x1.cols),
            ));
        }
        Ok(Self::known(problem, parameters, delta, costs))
    }

    /// An economy with costs that a supply side estimates, in its form, or without one those which the observed prices imply.
    pub(crate) fn estimated(
        problem: &'a Problem,
        parameters: Parameters,
        delta: Vec<f64>,
        tilde_costs: &[f64],
    ) -> Self {
        let mut economy = Self::known(problem, parameters, delta, Vec::new());
        economy.costs = if tilde_costs.is_empty() {
            economy.costs_implied(&Counterfactual::default())
        } else {
            match problem.cost_form {
                CostForm::Linear => tilde_costs.to_vec(),
                CostForm::Log => tilde_costs.iter().map(|c| c.exp()).collect(),
            }
        };
        economy
    }

    fn known(
        problem: &'a Problem,
        parameters: Parameters,
        delta: Vec<f64>,
        costs: Vec<f64>,
    ) -> Self {
        Self {
            beta: parameters.beta.iter().map(|b| b.unwrap_or(0.0)).collect(),
            rho: parameters.rho_by_nest(problem.rhos.len()),
            taste: parameters.taste(problem.node_count),
            linear: problem.is_linear_in_price(),
            problem,
            parameters,
            delta,
            costs,
        }
    }

    /// Parameters, every `beta` filled in.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The problem.
    pub fn problem(&self) -> &'a Problem {
        self.problem
    }

    pub(crate) fn priced(&self, m: usize) -> PricedMarket<'_> {
        let problem = self.problem;
        let curve: Option<ColumnsAt<'_>> = if self.linear {
            None
        } else {
            Some(Box::new(move |prices: &[f64]| {
                problem.columns_at(m, prices)
            }))
        };
        PricedMarket::new(
            problem.view(m),
            &self.taste,
            &self.rho,
            &self.beta,
            &self.delta[problem.markets[m].rows.clone()],
            curve,
        )
    }

    /// One result a market, in order, computed in parallel.
    fn by_market<T: Send>(&self, f: impl Fn(usize) -> T + Sync + Send) -> Vec<T> {
        // To hand work to the only other thread is to wait for it.
        if rayon::current_num_threads() == 1 {
            return (0..self.problem.markets.len()).map(f).collect();
        }
        (0..self.problem.markets.len())
            .into_par_iter()
            .map(f)
            .collect()
    }

    fn part<'v, T>(&self, values: &'v [T], m: usize) -> &'v [T] {
        if values.is_empty() {
            values
        } else {
            &values[self.problem.markets[m].rows.clone()]
        }
    }

    fn choices(&self, m: usize, prices: &[f64]) -> (PricedMarket<'_>, Choices, Lanes) {
        let market = self.priced(m);
        let (choices, alpha) = market.choices(prices, &self.rho, &vec![true; prices.len()]);
        (market, choices, alpha)
    }

    fn own_prices(&self, m: usize) -> &[f64] {
        &self.problem.prices[self.problem.markets[m].rows.clone()]
    }

    /// What is wrong with vectors, by name and length, that should have a value for each product.
    fn misfits<'v>(&self, vectors: impl IntoIterator<Item = (&'v str, usize)>) -> Vec<Defect> {
        let n = self.problem.products();
        let all = [("delta", self.delta.len())].into_iter().chain(vectors);
        all.filter(|(_, length)| *length != n)
            .map(|(what, length)| {
                Defect::new(what, format!("has {length} values for {n} products"))
            })
            .collect()
    }

    /// Shares at other prices.
    ///
    /// # Errors
    /// Prices of another number than the problem has products.
    pub fn shares_at(&self, prices: &[f64]) -> Result<Vec<f64>, Error> {
        Error::of(self.misfits([("prices", prices.len())]))?;
        Ok(self
            .by_market(|m| self.choices(m, self.part(prices, m)).1.shares)
            .concat())
    }

    /// `ds_j/dp_k` of one market at prices, or by another characteristic where `slopes` gives its utility slopes.
    fn share_derivatives(
        &self,
        m: usize,
        market: &PricedMarket,
        choices: &Choices,
        alpha: &Lanes,
    ) -> Matrix {
        let view = &market.view;
        let n = view.products();
        let a = crate::supply::sloped_shares(choices, alpha);
        let mut out = crate::supply::agent_products(view, n, &choices.p, &a);
        out.iter_mut().for_each(|x| *x = -*x);
        if view.nested() {
            // s_j alpha_k c_k = s_k alpha_k c_j.
            let within = crate::supply::agent_products(view, n, &choices.c, &a);
            let nest = &self.problem.markets[m].nest;
            for j in 0..n {
                for k in 0..n {
                    if nest[j] == nest[k] {
                        out[j * n + k] -=
                            (1.0 - market.lambda[j]) / market.lambda[j] * within[j * n + k];
                    }
                }
            }
        }
        let sums = crate::supply::weighted_sums(view, &a);
        for j in 0..n {
            out[j * n + j] += sums[j] / market.lambda[j];
        }
        Matrix::new(n, n, out)
    }

    /// `ds_j/dp_k` of every market at the problem's prices.
    pub fn price_derivatives(&self) -> Vec<Matrix> {
        self.by_market(|m| {
            let (market, choices, alpha) = self.choices(m, self.own_prices(m));
            self.share_derivatives(m, &market, &choices, &alpha)
        })
    }

    /// `ds_j/dx_k` by a characteristic: its name as a column, the price included.
    ///
    /// # Errors
    /// A column that is not in the products.
    pub fn derivatives(&self, column: &str) -> Result<Vec<Matrix>, Error> {
        let problem = self.problem;
        if column == problem.specification.names.price {
            return Ok(self.price_derivatives());
        }
        if problem.table.numbers(column).is_none() {
            return Err(Error::invalid(
                format!("column `{column}`"),
                "is not a column of numbers in the products",
            ));
        }
        let slopes = |formulation: &crate::Formulation| -> Result<Vec<Vec<f64>>, Error> {
            formulation
                .terms
                .iter()
                .map(|t| {
                    Ok(problem.in_market_order(&t.derivative(column).evaluate(&problem.table)?))
                })
                .collect()
        };
        let x1 = slopes(&problem.specification.linear)?;
        let x2 = slopes(&problem.specification.random)?;
        Ok(self.by_market(|m| {
            let (market, choices, _) = self.choices(m, self.own_prices(m));
            let rows = problem.markets[m].rows.clone();
            let n = rows.len();
            let tastes = crate::market::coefficients(&market.view, &self.taste);
            let k2 = market.view.k2;
            let alpha = Lanes::from_fn(choices.p.len(), |i| {
                let (t, j) = (i / n, rows.start + i % n);
                let mean: f64 = x1.iter().zip(&self.beta).map(|(x, b)| x[j] * b).sum();
                let mut lane = [mean; LANES];
                for (k, x) in x2.iter().enumerate() {
                    crate::simd::add_scaled::<false>(&mut lane, &tastes[t * k2 + k], x[j]);
                }
                lane
            });
            self.share_derivatives(m, &market, &choices, &alpha)
        }))
    }

    /// Elasticities `(ds_j/dx_k) x_k / s_j` by a column (the price, if that is named), one matrix a market.
    ///
    /// # Errors
    /// As [`Self::derivatives`].
    pub fn elasticities(&self, column: &str) -> Result<Vec<Matrix>, Error> {
        let problem = self.problem;
        let values = problem
            .table
            .numbers(column)
            .map(|v| problem.in_market_order(v))
            .unwrap_or_default();
        let mut all = self.derivatives(column)?;
        for (m, matrix) in all.iter_mut().enumerate() {
            let rows = problem.markets[m].rows.clone();
            for j in 0..rows.len() {
                for k in 0..rows.len() {
                    matrix[(j, k)] *= values[rows.start + k] / problem.shares[rows.start + j];
                }
            }
        }
        Ok(all)
    }

    /// Change of the share of all products in per cent of the market when all prices rise by `factor`, over `factor`
    /// (Conlon and Gortmaker 2020): `sum_j (s_j(p (1 + f)) - s_j) / f`.
    pub fn aggregate_elasticities(&self, factor: f64) -> Vec<f64> {
        self.by_market(|m| {
            let raised: Vec<f64> = self
                .own_prices(m)
                .iter()
                .map(|p| p * (1.0 + factor))
                .collect();
            let (_, choices, _) = self.choices(m, &raised);
            let before: f64 = self.part(&self.problem.shares, m).iter().sum();
            (choices.shares.iter().sum::<f64>() - before) / factor
        })
    }

    /// Diversion by price, `-(ds_k/dp_j) / (ds_j/dp_j)`, row `j` to column `k`; to the outside good on the diagonal.
    pub fn diversion(&self) -> Vec<Matrix> {
        let mut all = self.price_derivatives();
        for matrix in &mut all {
            let n = matrix.rows;
            let slopes = matrix.clone();
            for j in 0..n {
                let outside = -(0..n).map(|k| slopes[(k, j)]).sum::<f64>();
                for k in 0..n {
                    let gained = if j == k { outside } else { slopes[(k, j)] };
                    matrix[(j, k)] = -gained / slopes[(j, j)];
                }
            }
        }
        all
    }

    /// Diversion when a product goes: `(s_k(-j) - s_k) / s_j`, row `j` to column `k`; to the outside good on the diagonal.
    pub fn long_run_diversion(&self) -> Vec<Matrix> {
        self.by_market(|m| {
            let market = self.priced(m);
            let n = market.view.products();
            let (mut u, _) = market.utilities(self.own_prices(m));
            let zero = vec![0.0; n];
            let rho = &self.rho;
            let base = ShareMap::new(market.view, &u, &zero, rho).choices(&zero);
            let total: f64 = base.shares.iter().sum();
            let mut out = Matrix::zeros(n, n);
            for j in 0..n {
                let kept: Vec<_> = u.iter().skip(j).step_by(n).copied().collect();
                u.iter_mut()
                    .skip(j)
                    .step_by(n)
                    .for_each(|x| *x = [-1e6; LANES]);
                let mut without = vec![0.0; n];
                ShareMap::new(market.view, &u, &zero, rho).shares(&zero, &mut without);
                u.iter_mut()
                    .skip(j)
                    .step_by(n)
                    .zip(kept)
                    .for_each(|(x, k)| *x = k);
                let left: f64 = (0..n).filter(|k| *k != j).map(|k| without[k]).sum();
                for k in 0..n {
                    let gained = if k == j {
                        total - left
                    } else {
                        without[k] - base.shares[k]
                    };
                    out[(j, k)] = gained / base.shares[j];
                }
            }
            out
        })
    }
}
