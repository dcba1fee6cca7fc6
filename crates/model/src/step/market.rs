//! Shares of offers in one country and year: the random-coefficients nested logit of model.md section 5.
//!
//! In log-odds (utility over `1 - rho`): `v_ij = x_j - a_i m_j + sigma_plug nu_i plug_j + sigma_size nu'_i size_j`.
//! Consumers are eighteen fixed nodes: three incomes by three tastes for plugs by two for size (Gauss-Hermite).
//! Only the income enters with the cost, so one exponential an offer and income is all that a market costs;
//! tastes multiply sums over segments and powertrains.

use crate::calibrate::mix::Offers;
use crate::ids::{POWERTRAINS, Powertrain, SEGMENTS};
use crate::parameters::Parameters;

/// Income nodes.
pub const INCOMES: usize = 3;
const PLUG_NODES: [(f64, f64); 3] = [
    (-1.732_050_807_568_877_2, 1.0 / 6.0),
    (0.0, 2.0 / 3.0),
    (1.732_050_807_568_877_2, 1.0 / 6.0),
];
const SIZE_NODES: [(f64, f64); 2] = [(-1.0, 0.5), (1.0, 0.5)];
const NODES: usize = INCOMES * PLUG_NODES.len() * SIZE_NODES.len();
const CELLS: usize = SEGMENTS * POWERTRAINS;
/// Size of a segment on the scale of the taste for size.
const SIZE: [f64; SEGMENTS] = [0.0, 0.3, 0.6, 0.6, 1.0, 1.0];

/// Tastes common to all countries.
#[derive(Debug, Clone)]
pub struct Tastes {
    /// `1 - rho`: how much of a dollar's effect within the market reaches the market's size.
    pub nest_scale: f64,
    /// Factor on each segment and powertrain, by taste node.
    factor: Vec<[f64; CELLS]>,
    /// Weight of each taste node.
    weight: Vec<f64>,
}

impl Tastes {
    /// Tastes from parameters: the nest follows from own-price and market elasticity.
    pub fn new(parameters: &Parameters) -> Self {
        let own = -parameters.get("choice.powertrain_elasticity");
        let market = -parameters.get("choice.market_elasticity");
        let bought = parameters.get("market.potential_share");
        let plug_sd = parameters.get("choice.plug_in_taste_sd");
        let size_sd = parameters.get("choice.size_taste_sd");
        let mut factor = Vec::new();
        let mut weight = Vec::new();
        for (plug, plug_weight) in PLUG_NODES {
            for (size, size_weight) in SIZE_NODES {
                let mut cells = [0.0; CELLS];
                for s in 0..SEGMENTS {
                    for f in 0..POWERTRAINS {
                        let plugged = if Powertrain::ALL[f].is_plug_in() {
                            plug * plug_sd
                        } else {
                            0.0
                        };
                        cells[s * POWERTRAINS + f] = (plugged + size * size_sd * SIZE[s]).exp();
                    }
                }
                factor.push(cells);
                weight.push(plug_weight * size_weight);
            }
        }
        Self {
            nest_scale: (market / (own * (1.0 - bought))).min(1.0),
            factor,
            weight,
        }
    }
}

/// Consumers of a country: price sensitivity (log-odds a dollar) of each income node, with its weight.
#[derive(Debug, Clone, Copy)]
pub struct Incomes {
    /// Log-odds a dollar.
    pub slope: [f64; INCOMES],
    /// Weight, summing to one.
    pub weight: [f64; INCOMES],
}

impl Incomes {
    /// Log-normal incomes of this Gini; sensitivity falls with income to the power `exponent` and has mean `slope`.
    pub fn new(gini: f64, exponent: f64, slope: f64) -> Self {
        // Gini of a log-normal: 2 Phi(sd / sqrt 2) - 1; inverted by the odds approximation of Phi (Bowling 2009).
        let p = f64::midpoint(gini.clamp(0.05, 0.75), 1.0);
        let sd = std::f64::consts::SQRT_2 * inverse_normal(p);
        let weight = [1.0 / 6.0, 2.0 / 3.0, 1.0 / 6.0];
        let raw: [f64; INCOMES] = std::array::from_fn(|k| (-exponent * sd * PLUG_NODES[k].0).exp());
        let mean: f64 = raw
            .iter()
            .zip(&weight)
            .map(|(value, weight)| value * weight)
            .sum();
        Self {
            slope: raw.map(|value| slope * value / mean),
            weight,
        }
    }
}

/// Quantile of the standard normal for p in (0.5, 1): bisection on the odds approximation, exact to 1e-3.
fn inverse_normal(p: f64) -> f64 {
    let (mut low, mut high) = (0.0_f64, 6.0_f64);
    for _ in 0..60 {
        let mid = f64::midpoint(low, high);
        let value = 1.0 / (1.0 + (-1.5976 * mid - 0.070_56 * mid.powi(3)).exp());
        if value < p { low = mid } else { high = mid }
    }
    low
}

/// A market ready to be tilted and solved: sums over segment and powertrain at each income.
#[derive(Debug, Clone)]
pub struct Market {
    /// `exp(x_j - a_k m_j)`, income by income, offers in order.
    weights: Vec<f64>,
    /// Sums of `weights` by income, segment and powertrain.
    sums: [[f64; CELLS]; INCOMES],
    offers: usize,
}

/// Tilt of each powertrain in dollars: what a standard's multiplier adds to its cost; infinite takes it away.
pub type Tilt = [f64; POWERTRAINS];

/// Shares after a tilt.
#[derive(Debug, Clone)]
pub struct Shares {
    /// Share of sales by powertrain.
    pub by_powertrain: [f64; POWERTRAINS],
    /// Factor from weights to shares, by income, segment and powertrain.
    reach: [[f64; CELLS]; INCOMES],
    /// Log of the inclusive sum of each node and the node's weight.
    inclusive: [(f64, f64); NODES],
}

impl Market {
    /// Builds a market from the appeal (log-odds) and cost (USD) of a country's offers.
    pub fn new(
        offers: &Offers,
        country: usize,
        incomes: &Incomes,
        appeal: &[f64],
        cost_usd: &[f64],
    ) -> Self {
        let range = offers.of(country);
        let count = range.len();
        let mut weights = Vec::with_capacity(INCOMES * count);
        let mut sums = [[0.0; CELLS]; INCOMES];
        for (k, sums) in sums.iter_mut().enumerate() {
            let slope = incomes.slope[k];
            for (j, (x, m)) in range.clone().zip(appeal.iter().zip(cost_usd)) {
                let weight = (x - slope * m).exp();
                weights.push(weight);
                sums[offers.segment[j] as usize * POWERTRAINS + offers.powertrain[j] as usize] +=
                    weight;
            }
        }
        Self {
            weights,
            sums,
            offers: count,
        }
    }

    /// Multiplies the weight of one offer at every income: what a change of its appeal does.
    fn scale(&mut self, offers: &Offers, country: usize, factor: &[f64]) {
        self.sums = [[0.0; CELLS]; INCOMES];
        let start = offers.start[country];
        for k in 0..INCOMES {
            for (j, factor) in factor.iter().enumerate() {
                let weight = &mut self.weights[k * self.offers + j];
                *weight *= factor;
                self.sums[k][offers.segment[start + j] as usize * POWERTRAINS
                    + offers.powertrain[start + j] as usize] += *weight;
            }
        }
    }

    /// Shares under a tilt, with purchase at each node weighted by `demand` (`D` of model.md section 5).
    pub fn shares(&self, tastes: &Tastes, incomes: &Incomes, tilt: &Tilt, demand: f64) -> Shares {
        let mut reach = [[0.0; CELLS]; INCOMES];
        let mut inclusive = [(0.0, 0.0); NODES];
        let mut bought = 0.0;
        for k in 0..INCOMES {
            let tilted: [f64; POWERTRAINS] = std::array::from_fn(|f| {
                if tilt[f] == 0.0 {
                    1.0
                } else {
                    (-incomes.slope[k] * tilt[f]).exp()
                }
            });
            let mut cells = self.sums[k];
            for (i, cell) in cells.iter_mut().enumerate() {
                *cell *= tilted[i % POWERTRAINS];
            }
            for (n, factor) in tastes.factor.iter().enumerate() {
                let sum: f64 = cells
                    .iter()
                    .zip(factor)
                    .map(|(cell, factor)| cell * factor)
                    .sum();
                let log_sum = sum.ln();
                let value = demand + tastes.nest_scale * log_sum;
                let buys = 1.0 / (1.0 + (-value).exp());
                let node_weight = incomes.weight[k] * tastes.weight[n];
                inclusive[k * tastes.factor.len() + n] = (log_sum, node_weight);
                let per_weight = node_weight * buys / sum;
                bought += node_weight * buys;
                for (i, (reach, factor)) in reach[k].iter_mut().zip(factor).enumerate() {
                    *reach += per_weight * factor * tilted[i % POWERTRAINS];
                }
            }
        }
        let mut by_powertrain = [0.0; POWERTRAINS];
        for k in 0..INCOMES {
            for (i, reach) in reach[k].iter_mut().enumerate() {
                *reach /= bought;
                by_powertrain[i % POWERTRAINS] += *reach * self.sums[k][i];
            }
        }
        Shares {
            by_powertrain,
            reach,
            inclusive,
        }
    }

    /// Share of each offer.
    pub fn by_offer(&self, offers: &Offers, country: usize, shares: &Shares) -> Vec<f64> {
        let start = offers.start[country];
        (0..self.offers)
            .map(|j| {
                let cell = offers.segment[start + j] as usize * POWERTRAINS
                    + offers.powertrain[start + j] as usize;
                (0..INCOMES)
                    .map(|k| self.weights[k * self.offers + j] * shares.reach[k][cell])
                    .sum()
            })
            .collect()
    }
}

impl Shares {
    /// Demand shift `D` at which this part of potential buyers buys.
    pub fn demand_for(&self, tastes: &Tastes, share: f64) -> f64 {
        let bought = |demand: f64| -> (f64, f64) {
            self.inclusive
                .iter()
                .fold((0.0, 0.0), |(level, slope), (log_sum, weight)| {
                    let buys = 1.0 / (1.0 + (-(demand + tastes.nest_scale * log_sum)).exp());
                    (level + weight * buys, slope + weight * buys * (1.0 - buys))
                })
        };
        let mean: f64 = self
            .inclusive
            .iter()
            .map(|(log_sum, weight)| log_sum * weight)
            .sum();
        let mut demand = (share / (1.0 - share)).ln() - tastes.nest_scale * mean;
        for _ in 0..50 {
            let (level, slope) = bought(demand);
            let step = ((share - level) / slope).clamp(-2.0, 2.0);
            demand += step;
            if step.abs() < 1e-13 {
                break;
            }
        }
        demand
    }

    /// Part of potential buyers that buy at a demand shift.
    pub fn bought_at(&self, tastes: &Tastes, demand: f64) -> f64 {
        self.inclusive
            .iter()
            .map(|(log_sum, weight)| {
                weight / (1.0 + (-(demand + tastes.nest_scale * log_sum)).exp())
            })
            .sum()
    }
}

/// Appeals at which the model's shares are the recorded ones (Berry 1994), by contraction in log shares.
///
/// Returns the appeals and the largest log error left.
pub fn invert(
    offers: &Offers,
    country: usize,
    tastes: &Tastes,
    incomes: &Incomes,
    cost_usd: &[f64],
    bought: f64,
) -> (Vec<f64>, f64) {
    let recorded = &offers.base_share[offers.of(country)];
    let slope = incomes.slope[1];
    let mut appeal: Vec<f64> = recorded
        .iter()
        .zip(cost_usd)
        .map(|(share, cost)| share.ln() + slope * cost)
        .collect();
    let mut market = Market::new(offers, country, incomes, &appeal, cost_usd);
    let mut worst = f64::INFINITY;
    for _ in 0..2000 {
        let flat = [0.0; POWERTRAINS];
        let trial = market.shares(tastes, incomes, &flat, 0.0);
        let demand = trial.demand_for(tastes, bought);
        let shares = market.shares(tastes, incomes, &flat, demand);
        let model = market.by_offer(offers, country, &shares);
        let factor: Vec<f64> = recorded
            .iter()
            .zip(&model)
            .map(|(recorded, model)| recorded / model)
            .collect();
        worst = factor
            .iter()
            .map(|factor| factor.ln().abs())
            .fold(0.0, f64::max);
        if worst < 1e-13 {
            break;
        }
        market.scale(offers, country, &factor);
        appeal
            .iter_mut()
            .zip(&factor)
            .for_each(|(x, factor)| *x += factor.ln());
    }
    (appeal, worst)
}
