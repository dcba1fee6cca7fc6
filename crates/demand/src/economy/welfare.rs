//! Markups, profits, concentration, consumer surplus.

use super::{Economy, Outcome};
use crate::error::Error;
use crate::linalg::dot;
use crate::simd::{LANES, ZERO};

impl Economy<'_> {
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
    ///
    /// # Errors
    /// Shares, or makers where given, of another number than the problem has products.
    pub fn hhi(&self, shares: &[f64], firms: &[String]) -> Result<Vec<f64>, Error> {
        let firms = if firms.is_empty() {
            &self.problem.firms
        } else {
            firms
        };
        Error::of(self.misfits([("shares", shares.len()), ("firms", firms.len())]))?;
        Ok(self
            .problem
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
            .collect())
    }

    /// Expected consumer surplus per head, `sum_r w_r ln(1 + sum_h D_h^lambda) / -alpha_r`, in units of the price; NaN in a market where an
    /// agent's utility falls off differently with the prices of different products, since income effects have no such closed form.
    ///
    /// # Errors
    /// Prices, or products that are offered where given, of another number than the problem has products.
    pub fn consumer_surplus(&self, prices: &[f64], present: &[bool]) -> Result<Vec<f64>, Error> {
        let present_given = Some(("present", present.len())).filter(|_| !present.is_empty());
        Error::of(self.misfits([("prices", prices.len())].into_iter().chain(present_given)))?;
        Ok(self.by_market(|m| {
            let market = self.priced(m);
            let prices = self.part(prices, m);
            let n = prices.len();
            let here = if present.is_empty() {
                vec![true; n]
            } else {
                self.part(present, m).to_vec()
            };
            let (choices, alpha) = market.choices(prices, &self.rho, &here);
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
        }))
    }

    /// Mean utilities less what prices contribute to them, plus what other prices would.
    ///
    /// # Errors
    /// Prices of another number than the problem has products.
    pub fn delta_at(&self, prices: &[f64]) -> Result<Vec<f64>, Error> {
        Error::of(self.misfits([("prices", prices.len())]))?;
        let beta = &self.beta;
        let by_market = self.by_market(|m| {
            let rows = self.problem.markets[m].rows.clone();
            let [x1, _, _, _] = self.problem.columns_at(m, self.part(prices, m));
            let k1 = beta.len();
            rows.enumerate()
                .map(|(j, row)| {
                    self.delta[row] + dot(&x1[j * k1..(j + 1) * k1], beta)
                        - dot(self.problem.x1.row(row), beta)
                })
                .collect::<Vec<f64>>()
        });
        Ok(by_market.concat())
    }
}
