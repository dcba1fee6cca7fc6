//! What a set of parameters says of markets: elasticities, diversion, prices, welfare, counterfactuals.

use rayon::prelude::*;

use crate::error::Error;
use crate::estimate::Results;
use crate::linalg::{Factor, Matrix, dot};
use crate::market::{Choices, ShareMap};
use crate::parameters::Parameters;
use crate::price::{ColumnsAt, Game, PricedMarket, Pricing, Terms, Verdict};
use crate::problem::{CostForm, Problem};
use crate::simd::{Gram, LANES, Lanes, ZERO};
use crate::supply::{Margins, Ownership};

/// Markets with every parameter known: demand at any prices, and costs where a supply side gives them.
#[derive(Debug, Clone)]
pub struct Economy<'a> {
    pub(crate) problem: &'a Problem,
    /// Parameters, every `beta` filled in.
    pub parameters: Parameters,
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
        let mut economy = Economy {
            problem: self.problem,
            parameters: self.parameters.clone(),
            delta: self.delta.clone(),
            costs: Vec::new(),
        };
        economy.costs = if self.tilde_costs.is_empty() {
            economy.implied_costs(&Counterfactual::default())
        } else {
            match self.problem.cost_form {
                CostForm::Linear => self.tilde_costs.clone(),
                CostForm::Log => self.tilde_costs.iter().map(|c| c.exp()).collect(),
            }
        };
        economy
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
        Ok(Self {
            problem,
            parameters,
            delta,
            costs,
        })
    }

    /// The problem.
    pub fn problem(&self) -> &'a Problem {
        self.problem
    }

    fn rho(&self) -> Vec<f64> {
        self.parameters.rho_by_nest(self.problem.rhos.len())
    }

    pub(crate) fn priced(&self, m: usize) -> PricedMarket<'a> {
        let problem = self.problem;
        let beta: Vec<f64> = self
            .parameters
            .beta
            .iter()
            .map(|b| b.unwrap_or(0.0))
            .collect();
        let curve: Option<ColumnsAt<'a>> = if problem.is_linear_in_price() {
            None
        } else {
            Some(Box::new(move |prices: &[f64]| {
                problem.columns_at(m, prices)
            }))
        };
        PricedMarket::new(
            problem.view(m),
            &self.parameters.taste(problem.node_count),
            &self.rho(),
            &beta,
            &self.delta[problem.markets[m].rows.clone()],
            curve,
        )
    }

    /// One result a market, in order, computed in parallel.
    fn by_market<T: Send>(&self, f: impl Fn(usize) -> T + Sync + Send) -> Vec<T> {
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

    fn choices(&self, m: usize, prices: &[f64]) -> (PricedMarket<'a>, Choices, Lanes) {
        let market = self.priced(m);
        let (choices, alpha) = market.choices(prices, &self.rho(), &vec![true; prices.len()]);
        (market, choices, alpha)
    }

    fn own_prices(&self, m: usize) -> &[f64] {
        &self.problem.prices[self.problem.markets[m].rows.clone()]
    }

    /// Shares at other prices.
    pub fn shares_at(&self, prices: &[f64]) -> Vec<f64> {
        self.by_market(|m| self.choices(m, self.part(prices, m)).1.shares)
            .concat()
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
        let mut out = vec![0.0; n * n];
        Gram {
            rows: n,
            a: &choices.p,
            b: &a,
            w: view.weights,
            symmetric: false,
            out: &mut out,
        }
        .at(view.level);
        let mut out: Vec<f64> = out.iter().map(|x| -x).collect();
        if view.nested() {
            // s_j alpha_k c_k = s_k alpha_k c_j.
            let mut within = vec![0.0; n * n];
            Gram {
                rows: n,
                a: &choices.c,
                b: &a,
                w: view.weights,
                symmetric: false,
                out: &mut within,
            }
            .at(view.level);
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
        let beta: Vec<f64> = self
            .parameters
            .beta
            .iter()
            .map(|b| b.unwrap_or(0.0))
            .collect();
        Ok(self.by_market(|m| {
            let (market, choices, _) = self.choices(m, self.own_prices(m));
            let rows = problem.markets[m].rows.clone();
            let n = rows.len();
            let tastes = crate::market::coefficients(
                &market.view,
                &self.parameters.taste(problem.node_count),
            );
            let k2 = market.view.k2;
            let alpha = Lanes::from_fn(choices.p.len(), |i| {
                let (t, j) = (i / n, rows.start + i % n);
                let mean: f64 = x1.iter().zip(&beta).map(|(x, b)| x[j] * b).sum();
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
            let rho = self.rho();
            let base = ShareMap::new(market.view, &u, &zero, &rho).choices(&zero);
            let total: f64 = base.shares.iter().sum();
            let mut out = Matrix::zeros(n, n);
            for j in 0..n {
                let kept: Vec<_> = u.iter().skip(j).step_by(n).copied().collect();
                u.iter_mut()
                    .skip(j)
                    .step_by(n)
                    .for_each(|x| *x = [-1e6; LANES]);
                let mut without = vec![0.0; n];
                ShareMap::new(market.view, &u, &zero, &rho).shares(&zero, &mut without);
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

    fn ownership(&self, m: usize, change: &Counterfactual) -> Ownership {
        if change.firms.is_empty() {
            return self.problem.markets[m].ownership.clone();
        }
        let rows = self.problem.markets[m].rows.clone();
        let mut codes = std::collections::BTreeMap::new();
        let firms: Vec<u32> = change.firms[rows.clone()]
            .iter()
            .map(|f| {
                let next = codes.len() as u32;
                *codes.entry(f.as_str()).or_insert(next)
            })
            .collect();
        Ownership::from_firms(&firms, &self.problem.equals[rows])
    }

    fn terms(&self, m: usize, change: &Counterfactual) -> Terms {
        Terms {
            ad_valorem: self.part(&change.ad_valorem, m).to_vec(),
            specific: self.part(&change.specific, m).to_vec(),
            floor: self.part(&change.floor, m).to_vec(),
            ceiling: self.part(&change.ceiling, m).to_vec(),
            notch: self.part(&change.notch, m).to_vec(),
            present: self.part(&change.present, m).to_vec(),
        }
    }

    /// Marginal costs that the problem's prices imply under makers and wedges:
    /// `c = (p - s)/(1 + v) - n`, `n` from `phi s + M n = 0`.
    pub fn implied_costs(&self, change: &Counterfactual) -> Vec<f64> {
        self.by_market(|m| {
            let (market, choices, alpha) = self.choices(m, self.own_prices(m));
            let ownership = self.ownership(m, change);
            let margins = Margins::new(&market.view, &choices, &alpha, &market.lambda, &ownership);
            let terms = self.terms(m, change);
            let n = choices.shares.len();
            let wedge = |values: &[f64], j: usize| values.get(j).copied().unwrap_or(0.0);
            let scaled: Vec<f64> = (0..n)
                .map(|j| choices.shares[j] / (1.0 + wedge(&terms.ad_valorem, j)))
                .collect();
            let margin = margins.markups(&scaled);
            (0..n)
                .map(|j| {
                    (self.own_prices(m)[j] - wedge(&terms.specific, j))
                        / (1.0 + wedge(&terms.ad_valorem, j))
                        - margin[j]
                })
                .collect::<Vec<f64>>()
        })
        .concat()
    }

    fn check(&self, change: &Counterfactual) -> Result<(), Error> {
        let n = self.problem.products();
        let mut defects = Vec::new();
        let lengths = [
            ("firms", change.firms.len()),
            ("costs", change.costs.len()),
            ("ad_valorem", change.ad_valorem.len()),
            ("specific", change.specific.len()),
            ("floor", change.floor.len()),
            ("ceiling", change.ceiling.len()),
            ("notch", change.notch.len()),
            ("present", change.present.len()),
        ];
        for (what, length) in lengths {
            if length != 0 && length != n {
                defects.push(crate::Defect::new(
                    what,
                    format!("has {length} values for {n} products"),
                ));
            }
        }
        if self.costs.is_empty() && change.costs.is_empty() {
            defects.push(crate::Defect::new(
                "costs",
                "are not known; give them or estimate a supply side",
            ));
        }
        for (j, v) in change.ad_valorem.iter().enumerate() {
            if !(*v > -1.0 && v.is_finite()) {
                defects.push(crate::Defect::new(
                    format!(
                        "ad_valorem, product {}",
                        self.problem.products.get(j).map_or("", String::as_str)
                    ),
                    format!("{v} leaves no producer price; more than -1 expected"),
                ));
            }
        }
        for j in 0..change.floor.len().min(change.ceiling.len()) {
            if change.floor[j] > change.ceiling[j] {
                defects.push(crate::Defect::new(
                    format!(
                        "floor, product {}",
                        self.problem.products.get(j).map_or("", String::as_str)
                    ),
                    format!(
                        "{} stands above the ceiling {}",
                        change.floor[j], change.ceiling[j]
                    ),
                ));
            }
        }
        if defects.is_empty() {
            Ok(())
        } else {
            Err(Error::Invalid(defects))
        }
    }

    /// Prices and shares in equilibrium under a change, from the problem's prices.
    ///
    /// # Errors
    /// Vectors of another length than the problem has products, costs that are not known.
    pub fn equilibrium(
        &self,
        change: &Counterfactual,
        options: &Pricing,
    ) -> Result<Outcome, Error> {
        self.equilibrium_from(&self.problem.prices, change, options)
    }

    /// [`Self::equilibrium`] from other prices.
    ///
    /// # Errors
    /// As [`Self::equilibrium`].
    pub fn equilibrium_from(
        &self,
        start: &[f64],
        change: &Counterfactual,
        options: &Pricing,
    ) -> Result<Outcome, Error> {
        self.check(change)?;
        let costs = if change.costs.is_empty() {
            &self.costs
        } else {
            &change.costs
        };
        let solved = self.by_market(|m| {
            let market = self.priced(m);
            let ownership = self.ownership(m, change);
            let terms = self.terms(m, change);
            let mut game = Game::new(&market, &ownership, self.part(costs, m), &terms);
            let mut prices = self.part(start, m).to_vec();
            let verdict = game.solve(&mut prices, options);
            let present = if terms.present.is_empty() {
                vec![true; prices.len()]
            } else {
                terms.present
            };
            let (choices, _) = market.choices(&prices, &self.rho(), &present);
            (prices, choices.shares, verdict)
        });
        let mut out = Outcome::default();
        for (prices, shares, verdict) in solved {
            out.prices.extend(prices);
            out.shares.extend(shares);
            out.verdicts.push(verdict);
        }
        Ok(out)
    }

    /// First- and second-order conditions at the problem's own prices.
    ///
    /// # Errors
    /// As [`Self::equilibrium`].
    pub fn verdicts(&self, change: &Counterfactual) -> Result<Vec<Verdict>, Error> {
        self.check(change)?;
        let costs = if change.costs.is_empty() {
            &self.costs
        } else {
            &change.costs
        };
        Ok(self.by_market(|m| {
            let market = self.priced(m);
            let ownership = self.ownership(m, change);
            Game::new(
                &market,
                &ownership,
                self.part(costs, m),
                &self.terms(m, change),
            )
            .judge(self.own_prices(m), true)
        }))
    }

    /// `dp_j/dc_k`: how prices follow costs, one matrix a market, at the problem's prices.
    ///
    /// # Errors
    /// As [`Self::equilibrium`].
    pub fn pass_through(&self, change: &Counterfactual) -> Result<Vec<Matrix>, Error> {
        self.check(change)?;
        let costs = if change.costs.is_empty() {
            &self.costs
        } else {
            &change.costs
        };
        Ok(self.by_market(|m| {
            let (market, choices, alpha) = self.choices(m, self.own_prices(m));
            let ownership = self.ownership(m, change);
            let n = choices.shares.len();
            let mut game = Game::new(
                &market,
                &ownership,
                self.part(costs, m),
                &self.terms(m, change),
            );
            let jacobian = game.jacobian(self.own_prices(m));
            // dF/dc = -M diag(phi) (1 + v) = -M, so dp/dc = (dF/dp)^-1 M.
            let slopes = self.share_derivatives(m, &market, &choices, &alpha);
            let mut rhs = Matrix::zeros(n, n);
            for j in 0..n {
                for (k, share) in ownership.members(ownership.row[j] as usize) {
                    rhs[(j, k)] = share * slopes[(k, j)];
                }
                // One of several equal makers gains from the whole of its own product's slope.
                if ownership.kappa(j, j) < 1.0 {
                    let sums = crate::supply::weighted_sums(
                        &market.view,
                        &crate::supply::sloped_shares(&choices, &alpha),
                    );
                    let own = sums[j] / market.lambda[j];
                    rhs[(j, j)] = own + ownership.kappa(j, j) * (slopes[(j, j)] - own);
                }
            }
            match Factor::new(n, &jacobian.data) {
                Some(factor) => factor.solve_columns(&mut rhs),
                None => rhs.data.fill(f64::NAN),
            }
            rhs
        }))
    }

    /// Relative markups `(p - c) / p`.
    pub fn lerner(&self, prices: &[f64]) -> Vec<f64> {
        prices
            .iter()
            .zip(&self.costs)
            .map(|(p, c)| (p - c) / p)
            .collect()
    }

    /// Profits `(p - c) s` by product, per head of the market.
    pub fn profits(&self, outcome: &Outcome) -> Vec<f64> {
        let margins = outcome.prices.iter().zip(&self.costs).map(|(p, c)| p - c);
        margins.zip(&outcome.shares).map(|(m, s)| m * s).collect()
    }

    /// Herfindahl-Hirschman index of every market, `10000 sum_f s_f^2` with shares of what is bought.
    pub fn hhi(&self, shares: &[f64], firms: &[String]) -> Vec<f64> {
        let firms = if firms.is_empty() {
            &self.problem.firms
        } else {
            firms
        };
        self.problem
            .markets
            .iter()
            .map(|market| {
                let mut by_firm = std::collections::BTreeMap::new();
                for j in market.rows.clone() {
                    *by_firm.entry(&firms[j]).or_insert(0.0) += shares[j];
                }
                let total: f64 = by_firm.values().sum();
                10_000.0 * by_firm.values().map(|s| (s / total).powi(2)).sum::<f64>()
            })
            .collect()
    }

    /// Expected consumer surplus per head, `sum_r w_r ln(1 + sum_h D_h^lambda) / -alpha_r`, in units of the price; NaN in a market where an
    /// agent's utility falls off differently with the prices of different products, since income effects have no such closed form.
    pub fn consumer_surplus(&self, prices: &[f64], present: &[bool]) -> Vec<f64> {
        self.by_market(|m| {
            let market = self.priced(m);
            let prices = self.part(prices, m);
            let n = prices.len();
            let here = if present.is_empty() {
                vec![true; n]
            } else {
                self.part(present, m).to_vec()
            };
            let (choices, alpha) = market.choices(prices, &self.rho(), &here);
            let mut total = 0.0;
            for t in 0..market.view.tiles() {
                let mut value = ZERO;
                for l in 0..LANES {
                    let w = market.view.weights[t][l];
                    if w == 0.0 {
                        continue;
                    }
                    let slope = alpha[t * n][l];
                    let uniform =
                        (1..n).all(|j| (alpha[t * n + j][l] - slope).abs() <= 1e-9 * slope.abs());
                    // ln(1 + sum) = -ln s_0.
                    value[l] = if uniform {
                        w * -choices.outside[t][l].ln() / -slope
                    } else {
                        f64::NAN
                    };
                }
                total += crate::simd::sum(&value);
            }
            total
        })
    }

    /// Mean utilities less what prices contribute to them, plus what other prices would.
    pub fn delta_at(&self, prices: &[f64]) -> Vec<f64> {
        let beta: Vec<f64> = self
            .parameters
            .beta
            .iter()
            .map(|b| b.unwrap_or(0.0))
            .collect();
        self.by_market(|m| {
            let rows = self.problem.markets[m].rows.clone();
            let [x1, _, _, _] = self.problem.columns_at(m, self.part(prices, m));
            let k1 = beta.len();
            rows.enumerate()
                .map(|(j, row)| {
                    self.delta[row] + dot(&x1[j * k1..(j + 1) * k1], &beta)
                        - dot(self.problem.x1.row(row), &beta)
                })
                .collect::<Vec<f64>>()
        })
        .concat()
    }
}
