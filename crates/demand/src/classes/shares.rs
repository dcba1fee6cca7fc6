//! Shares, utilities and surplus at given prices.

use super::kernels::Probabilities;
use super::{ClassMarket, Scratch, Shares, Size, Weights};
use crate::accelerate::Anderson;
use crate::simd::{LANES, ZERO};

impl ClassMarket<'_> {
    /// Weights of products at money terms `price + beside`.
    pub fn weights(&self, prices: &[f64], weights: &mut Weights) {
        let n = self.layout.products();
        let (incomes, classes, lambda) = (
            self.buyers.slope.len(),
            self.tastes.classes(),
            self.tastes.lambda,
        );
        weights.of_product.resize(incomes * n, 0.0);
        weights.top.resize(incomes, 0.0);
        weights.of_class.clear();
        weights.of_class.resize(incomes * classes, 0.0);
        for k in 0..incomes {
            let slope = self.buyers.slope[k];
            let of = &mut weights.of_product[k * n..(k + 1) * n];
            let mut top = f64::NEG_INFINITY;
            for j in 0..n {
                of[j] = (self.utility[j] - slope * (prices[j] + self.beside[j])) / lambda;
                top = if of[j] > top { of[j] } else { top };
            }
            let top = if top.is_finite() { top } else { 0.0 };
            weights.top[k] = top;
            for value in of.iter_mut() {
                *value -= top;
            }
            self.tastes.level.exp(of);
            for j in 0..n {
                weights.of_class[k * classes + usize::from(self.layout.class[j])] += of[j];
            }
        }
    }

    /// Shares of classes at weights, each class's money terms raised by `tilt` (infinite: taken away; empty: none).
    pub fn class_shares(
        &self,
        weights: &Weights,
        tilt: &[f64],
        size: Size,
        scratch: &mut Scratch,
        shares: &mut Shares,
    ) {
        let (incomes, classes) = (self.buyers.slope.len(), self.tastes.classes());
        scratch.tilted.clear();
        scratch.tilted.extend_from_slice(&weights.of_class);
        if !tilt.is_empty() {
            scratch.moved.clear();
            scratch.moved.resize(incomes * classes, 1.0);
            for k in 0..incomes {
                // Classes of a nest follow each other and mostly share their tilt.
                let mut last = (0.0, 1.0);
                for c in &self.layout.active {
                    let c = usize::from(*c);
                    if tilt[c] != last.0 {
                        last = (tilt[c], self.moved(k, tilt[c]));
                    }
                    scratch.moved[k * classes + c] = last.1;
                    scratch.tilted[k * classes + c] *= last.1;
                }
            }
        }
        scratch.reach.resize(incomes * classes, ZERO);
        scratch.nest.resize(incomes * self.tastes.nests, [ZERO; 3]);
        shares.by_class.resize(classes, 0.0);
        shares.reach.resize(incomes * classes, 0.0);
        shares.inclusive.resize(incomes, ZERO);
        self.tastes.level.run(Probabilities {
            tastes: self.tastes,
            buyers: self.buyers,
            active: &self.layout.active,
            sums: &scratch.tilted,
            top: &weights.top,
            size,
            reach: &mut scratch.reach,
            nest: &mut scratch.nest,
            shares,
        });
    }

    /// Shares of potential buyers by product.
    fn product_shares(&self, weights: &Weights, shares: &Shares, out: &mut Vec<f64>) {
        let n = self.layout.products();
        let classes = self.tastes.classes();
        out.clear();
        out.resize(n, 0.0);
        for k in 0..self.buyers.slope.len() {
            for j in 0..n {
                let c = usize::from(self.layout.class[j]);
                out[j] += weights.of_product[k * n + j] * shares.reach[k * classes + c];
            }
        }
    }

    /// Weights and class shares at prices, in the buffers that [`Self::step`] reads.
    pub(super) fn evaluate(
        &self,
        prices: &[f64],
        size: Size,
        scratch: &mut Scratch,
        shares: &mut Shares,
    ) {
        self.weights_in(prices, scratch);
        self.class_shares_in(size, scratch, shares);
    }

    pub(super) fn weights_in(&self, prices: &[f64], scratch: &mut Scratch) {
        let mut weights = std::mem::take(&mut scratch.weights);
        self.weights(prices, &mut weights);
        scratch.weights = weights;
    }

    pub(super) fn class_shares_in(&self, size: Size, scratch: &mut Scratch, shares: &mut Shares) {
        let weights = std::mem::take(&mut scratch.weights);
        self.class_shares(&weights, &[], size, scratch, shares);
        scratch.weights = weights;
    }

    /// By how much money moves a weight.
    fn moved(&self, income: usize, money: f64) -> f64 {
        (-self.buyers.slope[income] * money / self.tastes.lambda).exp()
    }

    /// Shares of potential buyers by product at prices.
    pub fn shares_at(&self, prices: &[f64], size: Size) -> (Vec<f64>, Shares) {
        let (mut scratch, mut shares) = (Scratch::default(), Shares::default());
        self.evaluate(prices, size, &mut scratch, &mut shares);
        let mut out = Vec::new();
        self.product_shares(&scratch.weights, &shares, &mut out);
        (out, shares)
    }

    /// Utilities at which shares of potential buyers are `observed` at given prices, with `D` zero, and the largest log error left;
    /// what nobody is observed to buy has minus infinity
    /// (Berry 1994; contraction damped by `lambda` as nests ask for, accelerated).
    pub fn invert(&self, prices: &[f64], observed: &[f64]) -> (Vec<f64>, f64) {
        let n = self.layout.products();
        let outside = 1.0 - observed.iter().sum::<f64>();
        let mean_slope = self.buyers.mean_slope();
        let mut utility: Vec<f64> = (0..n)
            .map(|j| (observed[j] / outside).ln() + mean_slope * (prices[j] + self.beside[j]))
            .collect();
        let mut scratch = Scratch::default();
        let mut shares = Shares::default();
        let mut model = Vec::new();
        let mut memory = Anderson::new(n, 6);
        let mut accelerated = vec![0.0; n];
        let mut worst = f64::INFINITY;
        for _ in 0..1000 {
            let market = ClassMarket {
                utility: &utility,
                ..*self
            };
            market.evaluate(prices, Size::Shift(0.0), &mut scratch, &mut shares);
            market.product_shares(&scratch.weights, &shares, &mut model);
            let change: Vec<f64> = observed
                .iter()
                .zip(&model)
                .map(|(o, m)| {
                    if *o > 0.0 {
                        self.tastes.lambda * (o / m).ln()
                    } else {
                        0.0
                    }
                })
                .collect();
            worst = change
                .iter()
                .map(|c| c.abs() / self.tastes.lambda)
                .fold(0.0, |a: f64, b| if b.is_nan() { b } else { a.max(b) });
            if worst < 1e-13 || worst.is_nan() {
                break;
            }
            memory.step(&utility, &change, &mut accelerated);
            utility.copy_from_slice(&accelerated);
            for (u, _) in utility
                .iter_mut()
                .zip(observed)
                .filter(|(_, o)| !(**o > 0.0))
            {
                *u = f64::NEG_INFINITY;
            }
        }
        (utility, worst)
    }

    /// Expected surplus of a potential buyer, in money: `sum_i w_i ln(1 + exp(I_i + D)) / a_k`.
    pub fn surplus(&self, shares: &Shares) -> f64 {
        let mut total = 0.0;
        for (k, inclusive) in shares.inclusive.iter().enumerate() {
            for l in 0..LANES {
                let value = inclusive[l] + shares.shift;
                let log_sum = if value > 0.0 {
                    value + (-value).exp().ln_1p()
                } else {
                    value.exp().ln_1p()
                };
                total +=
                    self.buyers.weight[k] * self.tastes.weight[l] * log_sum / self.buyers.slope[k];
            }
        }
        total
    }

    /// `ds_j/dp_j` of every product at prices.
    pub fn own_slopes(&self, prices: &[f64], size: Size) -> Vec<f64> {
        let n = self.layout.products();
        let (classes, nests, lambda) =
            (self.tastes.classes(), self.tastes.nests, self.tastes.lambda);
        let mut scratch = Scratch::default();
        let mut shares = Shares::default();
        self.evaluate(prices, size, &mut scratch, &mut shares);
        (0..n)
            .map(|j| {
                let c = usize::from(self.layout.class[j]);
                let h = usize::from(self.tastes.nest[c]);
                let mut total = 0.0;
                for k in 0..self.buyers.slope.len() {
                    let e = scratch.weights.of_product[k * n + j];
                    let (r, of) = (
                        &scratch.reach[k * classes + c],
                        &scratch.nest[k * nests + h],
                    );
                    for l in 0..LANES {
                        let s = e * r[l];
                        let within = if of[0][l] > 0.0 {
                            e * self.tastes.factor[c][l] / of[0][l]
                        } else {
                            0.0
                        };
                        total -= self.buyers.weight[k]
                            * self.tastes.weight[l]
                            * self.buyers.slope[k]
                            * s
                            * (1.0 / lambda - (1.0 - lambda) / lambda * within - s);
                    }
                }
                total
            })
            .collect()
    }
}
