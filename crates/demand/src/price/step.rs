//! One step of the makers' fixed point, given the sums over agents.

use super::pass::Sums;
use crate::linalg::larger;
use crate::simd::Kernel;

/// Cost, floor and ceiling of each product in consumer prices.
#[derive(Default)]
pub(super) struct Regimes {
    pub(super) cost: Vec<f64>,
    pub(super) low: Vec<f64>,
    pub(super) high: Vec<f64>,
}

impl Regimes {
    /// A price within its bounds.
    #[inline]
    pub(super) fn within(&self, j: usize, price: f64) -> f64 {
        between(self.low[j], price, self.high[j])
    }
}

/// A number within bounds, of which the upper one has the last word; bounds that are no numbers do not bind.
#[inline(always)]
fn between(low: f64, x: f64, high: f64) -> f64 {
    let raised = if x < low { low } else { x };
    if raised > high { high } else { raised }
}

/// One step of the fixed point for every product (Morrow and Skerlos 2011): `next = c + eta`, `gap` the margin less the markup `eta`.
pub(super) struct Step<'a> {
    pub(super) prices: &'a [f64],
    pub(super) margins: &'a [f64],
    pub(super) sums: &'a Sums,
    pub(super) phi: &'a [f64],
    pub(super) ad_valorem: &'a [f64],
    pub(super) regimes: &'a Regimes,
    pub(super) next: &'a mut [f64],
    pub(super) gap: &'a mut [f64],
}

impl Kernel for Step<'_> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let n = self.prices.len();
        // Lengths that are known to be one let the loop run in vectors.
        let (prices, margins) = (&self.prices[..n], &self.margins[..n]);
        let (phi, ad_valorem) = (&self.phi[..n], &self.ad_valorem[..n]);
        let (shares, slopes) = (&self.sums.shares[..n], &self.sums.slopes[..n]);
        let cross = &self.sums.cross[..n];
        let cost = &self.regimes.cost[..n];
        let (low, high) = (&self.regimes.low[..n], &self.regimes.high[..n]);
        let (next, gap) = (&mut self.next[..n], &mut self.gap[..n]);
        for j in 0..n {
            let markup = (cross[j] - phi[j] * shares[j]) / slopes[j];
            // Nobody left to react: the price is far too high, and halfway back to cost is a better guess than any.
            let markup = if slopes[j] == 0.0 {
                0.5 * margins[j]
            } else {
                markup
            };
            // A market that is all but taken at today's price gives an enormous markup: one step goes only so far.
            let far = 2.0 * prices[j].abs().max(cost[j].abs()).max(1e-3);
            let wanted = cost[j] + markup * ad_valorem[j];
            let wanted = between(prices[j] - far, wanted, prices[j] + far);
            next[j] = between(low[j], wanted, high[j]);
            gap[j] = margins[j] - markup;
        }
    }
}

/// Change from prices to others, and the largest of it as a share of the price (of one, if that is more); NaN when one is.
pub(super) struct Change<'a> {
    pub(super) from: &'a [f64],
    pub(super) to: &'a [f64],
    pub(super) by: &'a mut [f64],
}

impl Kernel for Change<'_> {
    type Output = f64;
    #[inline(always)]
    fn run<const FMA: bool>(self) -> f64 {
        const WIDTH: usize = 8;
        let mut worst = [0.0; WIDTH];
        let (from, from_rest) = self.from.as_chunks::<WIDTH>();
        let (to, to_rest) = self.to.as_chunks::<WIDTH>();
        let (by, by_rest) = self.by.as_chunks_mut::<WIDTH>();
        for ((from, to), by) in from.iter().zip(to).zip(by) {
            for l in 0..WIDTH {
                by[l] = to[l] - from[l];
                worst[l] = larger(worst[l], by[l] / from[l].abs().max(1.0));
            }
        }
        let mut worst = worst.into_iter().fold(0.0, larger);
        for ((from, to), by) in from_rest.iter().zip(to_rest).zip(by_rest) {
            *by = to - from;
            worst = larger(worst, *by / from.abs().max(1.0));
        }
        worst
    }
}
