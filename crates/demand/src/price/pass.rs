//! One pass over the agents of a market with nests: all that the fixed point and the condition need at given prices.

use super::PricedMarket;
use super::priced::{ABSENT, Utility, utility};
use crate::simd::{self, Half, Kernel, LANES, ZERO, add_scaled, fma, fold, fold_product};
use crate::supply::{Cells, Ownership};

/// The sums of one pass over agents, by product.
#[derive(Default)]
pub(super) struct Sums {
    /// `sum_r w s`.
    pub(super) shares: Vec<f64>,
    /// `sum_r w A/lambda`.
    pub(super) slopes: Vec<f64>,
    /// `sum_r w A ((rho/lambda) Tc + T)`.
    pub(super) cross: Vec<f64>,
}

impl Sums {
    /// Makes room for so many products; what is new is zero.
    pub(super) fn of(&mut self, products: usize) {
        for values in [&mut self.shares, &mut self.slopes, &mut self.cross] {
            values.resize(products, 0.0);
        }
    }
}

pub(super) struct Pass<'a> {
    pub(super) market: &'a PricedMarket<'a>,
    pub(super) made: &'a Utility,
    pub(super) present: &'a [bool],
    pub(super) ownership: &'a Ownership,
    pub(super) cells: &'a Cells,
    pub(super) margins: &'a [f64],
    pub(super) out: &'a mut [[Half; 3]],
}

impl Kernel for Pass<'_> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let view = &self.market.view;
        let n = view.products();
        let nests = self.market.nest_lambda.len();
        let (made, k2) = (self.made, view.k2);
        let slopes = made.slopes.as_ref().unwrap_or(&self.market.slopes);
        let rows = self.ownership.rows();
        let mut e = vec![ZERO; n];
        let mut total = vec![ZERO; rows];
        let mut within = vec![ZERO; self.cells.count()];
        let mut top = vec![ZERO; nests];
        let mut d = vec![ZERO; nests];
        for t in 0..view.tiles() {
            let w = &view.weights[t];
            let tastes = &self.market.tastes[t * k2..(t + 1) * k2];
            top.fill([f64::NEG_INFINITY; LANES]);
            for j in 0..n {
                e[j] = if self.present[j] {
                    utility::<FMA>(made.delta[j], &made.x2[j * k2..(j + 1) * k2], tastes)
                } else {
                    [ABSENT; LANES]
                };
                let top = &mut top[view.nest[j] as usize];
                for l in 0..LANES {
                    top[l] = if e[j][l] > top[l] { e[j][l] } else { top[l] };
                }
            }
            d.fill(ZERO);
            for j in 0..n {
                let h = view.nest[j] as usize;
                for l in 0..LANES {
                    e[j][l] = (e[j][l] - top[h][l]) / self.market.nest_lambda[h];
                }
                e[j] = simd::exp::<FMA>(&e[j]);
                for l in 0..LANES {
                    d[h][l] += e[j][l];
                }
            }
            // Inclusive values, then nest shares.
            let mut highest = ZERO;
            for h in 0..nests {
                for l in 0..LANES {
                    top[h][l] += self.market.nest_lambda[h] * d[h][l].ln();
                    highest[l] = if top[h][l] > highest[l] {
                        top[h][l]
                    } else {
                        highest[l]
                    };
                }
            }
            let mut sum = ZERO;
            for l in 0..LANES {
                sum[l] = -highest[l];
            }
            sum = simd::exp::<FMA>(&sum);
            for h in 0..nests {
                for l in 0..LANES {
                    top[h][l] -= highest[l];
                }
                top[h] = simd::exp::<FMA>(&top[h]);
                for l in 0..LANES {
                    sum[l] += top[h][l];
                }
            }
            within.fill(ZERO);
            for cell in 0..self.cells.count() {
                for (k, share) in self.cells.members(cell) {
                    let h = view.nest[k] as usize;
                    for l in 0..LANES {
                        within[cell][l] += share * self.margins[k] * e[k][l] / d[h][l];
                    }
                }
            }
            for j in 0..n {
                let h = view.nest[j] as usize;
                for l in 0..LANES {
                    e[j][l] *= top[h][l] / (d[h][l] * sum[l]);
                }
            }
            // e holds the probabilities now.
            for (row, total) in total.iter_mut().enumerate() {
                *total = ZERO;
                for (k, share) in self.ownership.members(row) {
                    add_scaled::<FMA>(total, &e[k], share * self.margins[k]);
                }
            }
            for j in 0..n {
                let total = &total[self.ownership.row[j] as usize];
                let lambda = self.market.lambda[j];
                let within = &within[self.cells.of[j] as usize];
                let alpha = slopes.of(t, j, n);
                let (mut a, mut both) = (ZERO, ZERO);
                for l in 0..LANES {
                    a[l] = w[l] * alpha[l] * e[j][l];
                    both[l] = fma::<FMA>(within[l], (1.0 - lambda) / lambda, total[l]);
                }
                let out = &mut self.out[j];
                fold_product::<FMA>(&mut out[0], w, &e[j]);
                fold(&mut out[1], &a);
                fold_product::<FMA>(&mut out[2], &a, &both);
            }
        }
    }
}
