//! Prices and margins in equilibrium, and the conditions for one.

use super::kernels::CrossTerms;
use super::{ClassMarket, Costs, Equilibrium, NESTS, Scratch, Shares, Size, Weights};

/// What rules add to the cost of each class (infinite takes it away), given the weights at prices without them and the largest relative
/// change of a price in the pass before (infinite in the first): a search within a pass need not be finer than the prices are. Empty
/// where nothing is added. The last thing it does with scratch and shares is [`ClassMarket::class_shares`] at what it returns.
pub type Tilts<'t> =
    dyn FnMut(&ClassMarket, &Weights, f64, &mut Scratch, &mut Shares) -> Vec<f64> + 't;

/// [`Tilts`] of a market without rules.
pub fn no_tilt(
    size: Size,
) -> impl FnMut(&ClassMarket, &Weights, f64, &mut Scratch, &mut Shares) -> Vec<f64> {
    move |market, weights, _, scratch, shares| {
        market.class_shares(weights, &[], size, scratch, shares);
        Vec::new()
    }
}

use crate::accelerate::Anderson;
use crate::linalg::{Matrix, is_negative_definite};
use crate::simd::ZERO;

impl ClassMarket<'_> {
    /// Margins `phi (p - c~)` at prices.
    fn margins(costs: &Costs, prices: &[f64], margins: &mut [f64]) {
        for (j, margin) in margins.iter_mut().enumerate() {
            *margin = costs.kept[j] * (prices[j] - costs.consumer_cost[j]);
        }
    }

    /// `sum_i w_i s_ij` and `sum_i w_i a_k s_ij` of a product.
    fn sloped_share(&self, j: usize, scratch: &Scratch, shares: &Shares) -> (f64, f64) {
        let (n, classes) = (self.layout.products(), self.tastes.classes());
        let c = usize::from(self.layout.class[j]);
        let (mut share, mut slope) = (0.0, 0.0);
        for (k, a) in self.buyers.slope.iter().enumerate() {
            let s = scratch.weights.of_product[k * n + j] * shares.reach[k * classes + c];
            share += s;
            slope += a * s;
        }
        (share, slope)
    }

    /// Margins of one step of the fixed point into `next`: `lambda (phi s + cross) / slopes`. Needs the class shares of the same weights.
    fn step(
        &self,
        kept: &[f64],
        margins: &[f64],
        shares: &Shares,
        scratch: &mut Scratch,
        next: &mut [f64],
        of_product: &mut [f64],
    ) {
        let n = self.layout.products();
        let incomes = self.buyers.slope.len();
        scratch.taken.resize(incomes * NESTS, ZERO);
        scratch.cross.resize(n, 0.0);
        self.tastes.level.run(CrossTerms {
            market: self,
            weights: &scratch.weights.of_product,
            margins,
            reach: &scratch.reach,
            nest: &scratch.nest,
            taken: &mut scratch.taken,
            cross: &mut scratch.cross,
        });
        for j in 0..n {
            let (share, slope) = self.sloped_share(j, scratch, shares);
            of_product[j] = share;
            next[j] = if slope > 0.0 {
                self.tastes.lambda * (kept[j] * share + scratch.cross[j]) / slope
            } else {
                margins[j]
            };
        }
    }

    /// Margins `phi (p - c~)` at which given prices are an equilibrium, with the largest relative error left.
    pub fn margins_at(&self, prices: &[f64], kept: &[f64], size: Size) -> (Vec<f64>, f64) {
        let n = self.layout.products();
        let mut scratch = Scratch::default();
        let mut shares = Shares::default();
        self.evaluate(prices, size, &mut scratch, &mut shares);
        // A first guess: a maker so small that it is alone with its price.
        let mean_slope = self.buyers.mean_slope();
        let mut margins: Vec<f64> = kept
            .iter()
            .map(|phi| phi * self.tastes.lambda / mean_slope)
            .collect();
        let (mut next, mut of_product) = (vec![0.0; n], vec![0.0; n]);
        let mut memory = Anderson::new(n, 6);
        let mut accelerated = vec![0.0; n];
        let mut worst = f64::INFINITY;
        for _ in 0..500 {
            self.step(
                kept,
                &margins,
                &shares,
                &mut scratch,
                &mut next,
                &mut of_product,
            );
            let change: Vec<f64> = next.iter().zip(&margins).map(|(a, b)| a - b).collect();
            worst = change
                .iter()
                .zip(&margins)
                .map(|(c, m)| (c / m).abs())
                .fold(0.0, f64::max);
            if worst < 1e-14 {
                break;
            }
            memory.step(&margins, &change, &mut accelerated);
            let sound = accelerated.iter().all(|m| *m > 0.0);
            margins.copy_from_slice(if sound { &accelerated } else { &next });
        }
        (margins, worst)
    }

    /// Bertrand-Nash prices, from `start` (consumer prices without tilt).
    ///
    /// `tilts` is asked once a pass for what rules add to the cost of each class: the multipliers of standards, found together with the
    /// prices ([`no_tilt`] where there are none).
    ///
    /// Stops when no price changes by more than `tolerance` relative to it, or after `most` passes.
    pub fn equilibrium(
        &self,
        costs: &Costs,
        start: &[f64],
        tilts: &mut Tilts,
        (tolerance, most): (f64, usize),
        scratch: &mut Scratch,
    ) -> Equilibrium {
        let n = self.layout.products();
        let mut prices = start.to_vec();
        let mut shares = Shares::default();
        let (mut margins, mut next, mut of_product) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
        let mut memory = Anderson::new(n, 5);
        let mut accelerated = vec![0.0; n];
        let mut tilt = Vec::new();
        let mut evaluations = 0;
        let mut residual = f64::INFINITY;
        let unit = self.tastes.lambda / self.buyers.mean_slope();
        while evaluations < most {
            evaluations += 1;
            self.weights_in(&prices, scratch);
            let weights = std::mem::take(&mut scratch.weights);
            tilt = tilts(self, &weights, residual, scratch, &mut shares);
            scratch.weights = weights;
            self.tilt_products(&tilt, scratch);
            Self::margins(costs, &prices, &mut margins);
            self.step(
                costs.kept,
                &margins,
                &shares,
                scratch,
                &mut next,
                &mut of_product,
            );
            scratch.change.clear();
            residual = 0.0;
            for j in 0..n {
                let wanted = costs.consumer_cost[j] + next[j] / costs.kept[j];
                // One step goes only so far: a market all but taken at today's price gives an enormous markup. Support can make a price
                // small or negative, so what is large is told by the margin of a maker without power too.
                let scale = prices[j].abs().max(unit);
                let far = 0.5 * scale;
                let change = (wanted - prices[j]).clamp(-far, far);
                let relative = if of_product[j] > 0.0 {
                    (change / scale).abs()
                } else {
                    0.0
                };
                residual = if relative.is_nan() {
                    f64::NAN
                } else {
                    f64::max(residual, relative)
                };
                scratch
                    .change
                    .push(if of_product[j] > 0.0 { change } else { 0.0 });
            }
            if !(residual > tolerance) {
                break;
            }
            memory.step(&prices, &scratch.change, &mut accelerated);
            let mut pairs = accelerated.iter().zip(costs.consumer_cost);
            if pairs.all(|(x, c)| x > c) {
                prices.copy_from_slice(&accelerated);
            } else {
                for j in 0..n {
                    prices[j] += scratch.change[j];
                }
            }
        }
        let untilted = prices.clone();
        if !tilt.is_empty() {
            for j in 0..n {
                let tilt = tilt[usize::from(self.layout.class[j])];
                prices[j] += if tilt.is_finite() { tilt } else { 0.0 };
            }
        }
        Equilibrium {
            prices,
            untilted,
            shares: of_product,
            shift: shares.shift,
            bought: shares.bought,
            surplus: self.surplus(&shares),
            evaluations,
            residual,
        }
    }

    /// Moves the weights of products by the tilt of their class.
    fn tilt_products(&self, tilt: &[f64], scratch: &mut Scratch) {
        if tilt.iter().all(|t| *t == 0.0) {
            return;
        }
        let n = self.layout.products();
        let classes = self.tastes.classes();
        for k in 0..self.buyers.slope.len() {
            let moved = &scratch.moved[k * classes..(k + 1) * classes];
            let of_product = &mut scratch.weights.of_product[k * n..(k + 1) * n];
            for (weight, class) in of_product.iter_mut().zip(&self.layout.class) {
                *weight *= moved[usize::from(*class)];
            }
        }
    }

    /// Derivatives of makers' profits by their own prices (zero at an equilibrium), and the shares of products.
    fn conditions(
        &self,
        costs: &Costs,
        prices: &[f64],
        size: Size,
        scratch: &mut Scratch,
    ) -> (Vec<f64>, Vec<f64>) {
        let n = self.layout.products();
        let mut shares = Shares::default();
        self.evaluate(prices, size, scratch, &mut shares);
        let mut margins = vec![0.0; n];
        Self::margins(costs, prices, &mut margins);
        let (mut next, mut of_product) = (vec![0.0; n], vec![0.0; n]);
        self.step(
            costs.kept,
            &margins,
            &shares,
            scratch,
            &mut next,
            &mut of_product,
        );
        // next = lambda (phi s + cross) / slopes, so (next - margin) slopes / lambda is the derivative of profit.
        let conditions = (0..n)
            .map(|j| {
                (next[j] - margins[j]) * self.sloped_share(j, scratch, &shares).1
                    / self.tastes.lambda
            })
            .collect();
        (conditions, of_product)
    }

    /// Largest error of a first-order condition: by how much a margin would move, relative to the price.
    pub fn first_order(&self, costs: &Costs, prices: &[f64], size: Size) -> f64 {
        let slopes = self.own_slopes(prices, size);
        let (conditions, sold) = self.conditions(costs, prices, size, &mut Scratch::default());
        (0..self.layout.products())
            .filter(|j| sold[*j] > 0.0)
            .map(|j| (conditions[j] / (slopes[j] * costs.kept[j] * prices[j])).abs())
            .fold(0.0, |a: f64, b| if b.is_nan() { b } else { a.max(b) })
    }

    /// Products of makers whose profit is not at a local maximum: the Hessian of its profit by its own prices, by central differences
    /// of the first-order conditions, is not negative definite. The shift is held where `size` gives it.
    ///
    /// Behind equal firms one firm moves all their prices here, so for them the answer is about the group.
    pub fn not_maxima(&self, costs: &Costs, prices: &[f64], size: Size) -> Vec<usize> {
        let n = self.layout.products();
        let mut scratch = Scratch::default();
        let mut out = Vec::new();
        let (_, sold) = self.conditions(costs, prices, size, &mut scratch);
        for m in 0..self.layout.makers() {
            let members: Vec<usize> = (0..n)
                .filter(|j| self.layout.maker_of(*j) == m && sold[*j] > 0.0)
                .collect();
            let mut hessian = Matrix::zeros(members.len(), members.len());
            for (b, l) in members.iter().enumerate() {
                let h = 1e-5 * prices[*l].abs();
                let mut moved = prices.to_vec();
                moved[*l] += h;
                let (up, _) = self.conditions(costs, &moved, size, &mut scratch);
                moved[*l] = prices[*l] - h;
                let (down, _) = self.conditions(costs, &moved, size, &mut scratch);
                for (a, j) in members.iter().enumerate() {
                    // In units of the roots of shares, so that small and large products weigh alike.
                    hessian[(a, b)] =
                        (up[*j] - down[*j]) / (2.0 * h) / (sold[*j] * sold[*l]).sqrt();
                }
            }
            let mut symmetric = hessian.clone();
            for a in 0..members.len() {
                for b in 0..members.len() {
                    symmetric[(a, b)] = f64::midpoint(hessian[(a, b)], hessian[(b, a)]);
                }
            }
            if !is_negative_definite(&symmetric) {
                out.extend(members);
            }
        }
        out
    }
}
