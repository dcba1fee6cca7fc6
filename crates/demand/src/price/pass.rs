//! One pass over the agents of a market: all that the fixed point and the condition need at given prices.

use super::PricedMarket;
use super::priced::ABSENT;
use crate::simd::{self, Half, Kernel, LANES, Lane, ZERO, add_scaled, fma, fold, fold_product};
use crate::supply::{Cells, Ownership};

/// The sums of one pass over agents.
pub(super) struct Sums {
    /// `sum_r w s`.
    pub(super) shares: Vec<f64>,
    /// `sum_r w A/lambda`.
    pub(super) slopes: Vec<f64>,
    /// `sum_r w A ((rho/lambda) Tc + T)`.
    pub(super) cross: Vec<f64>,
}

pub(super) struct Pass<'a> {
    pub(super) market: &'a PricedMarket<'a>,
    pub(super) u: &'a [Lane],
    pub(super) alpha: &'a [Lane],
    /// `p - base price`; empty when `u` is at the prices.
    pub(super) moved: &'a [f64],
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
        if nests == 0 {
            self.plain::<FMA>();
            return;
        }
        let rows = self.ownership.rows();
        let mut e = vec![ZERO; n];
        let mut total = vec![ZERO; rows];
        let mut within = vec![ZERO; self.cells.count()];
        let mut top = vec![ZERO; nests];
        let mut d = vec![ZERO; nests];
        for t in 0..view.tiles() {
            let w = &view.weights[t];
            let (u, alpha) = (&self.u[t * n..(t + 1) * n], &self.alpha[t * n..(t + 1) * n]);
            top.fill([f64::NEG_INFINITY; LANES]);
            for j in 0..n {
                self.utility::<FMA>(j, &u[j], &alpha[j], &mut e[j]);
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
                let (mut a, mut both) = (ZERO, ZERO);
                for l in 0..LANES {
                    a[l] = w[l] * alpha[j][l] * e[j][l];
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

impl Pass<'_> {
    /// Utility of a product at the prices.
    #[inline(always)]
    fn utility<const FMA: bool>(&self, j: usize, u: &Lane, alpha: &Lane, out: &mut Lane) {
        *out = *u;
        if !self.moved.is_empty() {
            add_scaled::<FMA>(out, alpha, self.moved[j]);
        }
        if !self.present[j] {
            *out = [ABSENT; LANES];
        }
    }

    /// Without nests: probabilities stay exponentials, and what divides them goes into the weights.
    #[inline(always)]
    fn plain<const FMA: bool>(self) {
        let view = &self.market.view;
        let n = view.products();
        let rows = self.ownership.rows();
        let mut e = vec![ZERO; n];
        let mut total = vec![ZERO; rows];
        // What a maker gains from each of its products, maker by maker.
        let owned: Vec<Vec<(usize, f64)>> = (0..rows)
            .map(|row| {
                let members = self.ownership.members(row);
                members
                    .map(|(k, share)| (k, share * self.margins[k]))
                    .collect()
            })
            .collect();
        for (t, w) in view.weights.iter().enumerate() {
            let (u, alpha) = (&self.u[t * n..(t + 1) * n], &self.alpha[t * n..(t + 1) * n]);
            let mut top = ZERO;
            for (j, e) in e.iter_mut().enumerate() {
                self.utility::<FMA>(j, &u[j], &alpha[j], e);
                for l in 0..LANES {
                    top[l] = if e[l] > top[l] { e[l] } else { top[l] };
                }
            }
            let mut shift = ZERO;
            for l in 0..LANES {
                shift[l] = -top[l];
            }
            let mut sum = simd::exp::<FMA>(&shift);
            for e in &mut e {
                for l in 0..LANES {
                    e[l] += shift[l];
                }
                *e = simd::exp::<FMA>(e);
                for l in 0..LANES {
                    sum[l] += e[l];
                }
            }
            let (mut inverse, mut weight) = (ZERO, ZERO);
            for l in 0..LANES {
                inverse[l] = 1.0 / sum[l];
                weight[l] = w[l] * inverse[l];
            }
            for (total, owned) in total.iter_mut().zip(&owned) {
                let mut sum = ZERO;
                for (k, value) in owned {
                    add_scaled::<FMA>(&mut sum, &e[*k], *value);
                }
                for l in 0..LANES {
                    total[l] = sum[l] * inverse[l];
                }
            }
            for ((out, row), (e, alpha)) in self
                .out
                .iter_mut()
                .zip(&self.ownership.row)
                .zip(e.iter().zip(alpha))
            {
                let mut a = ZERO;
                for l in 0..LANES {
                    a[l] = weight[l] * e[l] * alpha[l];
                }
                fold_product::<FMA>(&mut out[0], &weight, e);
                fold(&mut out[1], &a);
                fold_product::<FMA>(&mut out[2], &a, &total[*row as usize]);
            }
        }
    }
}
