//! Demand of one country: the random-coefficients nested logit of model.md section 5, on the solver of `kyoso-demand`.
//!
//! `u_ij = x_j + D + tau_i - a_i (p_j + b_j)`: buyers differ by income (`a_i`, the utility of a dollar) and by tastes for plugs
//! and size (`tau_i`). A nest holds the offers of one powertrain: what makers sell of the same kind is closer than powertrains
//! are to each other, and those are as close as purchase subsidies have shown them to be. So offers answer their own price with
//! `choice.offer_elasticity`, powertrains with `choice.powertrain_elasticity`, and the market with `choice.market_elasticity`,
//! which sets the part of potential buyers that buys.

use kyoso_demand::classes::{Buyers, ClassTastes};

use crate::ids::{POWERTRAINS, Powertrain, SEGMENTS};
use crate::parameters::Parameters;

/// Classes of offers: segment by powertrain.
pub const CLASSES: usize = SEGMENTS * POWERTRAINS;
/// Gauss-Hermite nodes of the standard normal: the taste for plugging in.
const PLUG_NODES: [(f64, f64); 8] = [
    (-4.144_547_186_125_894, 0.000_112_614_538_375),
    (-2.802_485_861_287_542, 0.009_635_220_120_788),
    (-1.636_519_042_435_108, 0.117_239_907_661_759),
    (-0.539_079_811_351_375, 0.373_012_257_679_077),
    (0.539_079_811_351_375, 0.373_012_257_679_077),
    (1.636_519_042_435_108, 0.117_239_907_661_759),
    (2.802_485_861_287_542, 0.009_635_220_120_788),
    (4.144_547_186_125_894, 0.000_112_614_538_375),
];
/// Two-point taste for size.
const SIZE_NODES: [(f64, f64); 2] = [(-1.0, 0.5), (1.0, 0.5)];
/// Gauss-Hermite nodes of log income.
const INCOME_NODES: [(f64, f64); 4] = [
    (-2.334_414_218_338_977, 0.045_875_854_768_068),
    (-0.741_963_784_302_725, 0.454_124_145_231_931),
    (0.741_963_784_302_725, 0.454_124_145_231_931),
    (2.334_414_218_338_977, 0.045_875_854_768_068),
];
/// Size of a segment on the scale of the taste for size.
const SIZE: [f64; SEGMENTS] = [0.0, 0.3, 0.6, 0.6, 1.0, 1.0];

/// Buyers' nodes of a market.
pub const NODES: usize = PLUG_NODES.len() * SIZE_NODES.len() * INCOME_NODES.len();

/// Class of an offer.
pub const fn class_of(segment: usize, powertrain: usize) -> usize {
    segment * POWERTRAINS + powertrain
}

/// `1 - rho`: elasticity of powertrains over that of offers.
pub fn nest_scale(parameters: &Parameters) -> f64 {
    (parameters.get("choice.powertrain_elasticity") / parameters.get("choice.offer_elasticity"))
        .clamp(0.05, 1.0)
}

/// Part of potential buyers that buys in the base year, at which all prices together have the market elasticity.
pub fn bought_share(parameters: &Parameters) -> f64 {
    (1.0 - parameters.get("choice.market_elasticity")
        / parameters.get("choice.powertrain_elasticity"))
    .clamp(0.05, 0.95)
}

/// Tastes common to all countries.
pub fn tastes(parameters: &Parameters) -> ClassTastes {
    let lambda = nest_scale(parameters);
    let plug_sd = parameters.get("choice.plug_in_taste_sd");
    // The taste for size is given in log-odds between offers of one powertrain.
    let size_sd = lambda * parameters.get("choice.size_taste_sd");
    let total: f64 = PLUG_NODES.iter().map(|(_, weight)| weight).sum();
    let mut nodes = Vec::new();
    for (plug, plug_weight) in PLUG_NODES {
        for (size, size_weight) in SIZE_NODES {
            let taste = (0..CLASSES)
                .map(|class| {
                    let plugged = if Powertrain::ALL[class % POWERTRAINS].is_plug_in() {
                        plug * plug_sd
                    } else {
                        0.0
                    };
                    plugged + size * size_sd * SIZE[class / POWERTRAINS]
                })
                .collect();
            nodes.push((plug_weight * size_weight / total, taste));
        }
    }
    let nest: Vec<u8> = (0..CLASSES)
        .map(|class| (class % POWERTRAINS) as u8)
        .collect();
    ClassTastes::new(&nest, lambda, &nodes)
        .expect("sixteen nodes whose weights are scaled to one, a nest a powertrain")
}

/// Buyers of a country: log-normal incomes of this Gini; the utility of a dollar falls with income to the power `exponent`
/// and has mean `slope`.
pub fn buyers(gini: f64, exponent: f64, slope: f64) -> Buyers {
    // Gini of a log-normal: 2 Phi(sd / sqrt 2) - 1; inverted by the odds approximation of Phi (Bowling 2009).
    let p = f64::midpoint(gini.clamp(0.05, 0.75), 1.0);
    let sd = std::f64::consts::SQRT_2 * inverse_normal(p);
    let weight: Vec<f64> = INCOME_NODES.iter().map(|(_, weight)| *weight).collect();
    let total: f64 = weight.iter().sum();
    let raw: Vec<f64> = INCOME_NODES
        .iter()
        .map(|(node, _)| (-exponent * sd * node).exp())
        .collect();
    let mean: f64 = raw
        .iter()
        .zip(&weight)
        .map(|(value, weight)| value * weight / total)
        .sum();
    Buyers {
        slope: raw.iter().map(|value| slope * value / mean).collect(),
        weight: weight.iter().map(|weight| weight / total).collect(),
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
