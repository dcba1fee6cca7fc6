//! Second derivatives of makers' profits in a market without nests whose utilities are linear in the price.
//!
//! With `A = alpha s`, `T` what a maker gains over all its products and `m` margins, the condition `F_j` falls in the price of `l` by
//! `sum_r w B_j A_l + kappa_jl sum_r w A_j C_l`, `B = phi s + A (m - 2 T)`, `C = phi s + m A`, and rises in its own price by
//! `sum_r w A (2 phi + alpha (m - T))` beside.

use crate::linalg::Matrix;
use crate::market::{Choices, MarketView};
use crate::simd::{
    HALF, Half, Kernel, LANES, Lane, Lanes, ZERO, add_scaled, fold_product, keep_loop, sum_half,
};
use crate::supply::{Ownership, agent_products, of_block};

/// What second derivatives are made of, `[tile][product]`.
pub(super) struct Curvature<'a> {
    view: &'a MarketView<'a>,
    ownership: &'a Ownership,
    a: Lanes,
    b: Lanes,
    c: Lanes,
    /// What a product's own price adds.
    own: Vec<f64>,
}

impl<'a> Curvature<'a> {
    /// `alpha` are price slopes, `[tile][product]`.
    pub(super) fn new(
        view: &'a MarketView<'a>,
        ownership: &'a Ownership,
        choices: &Choices,
        alpha: &[Lane],
        phi: &[f64],
        margins: &[f64],
    ) -> Self {
        let lanes = || Lanes::unwritten(alpha.len());
        let (mut a, mut b, mut c) = (lanes(), lanes(), lanes());
        let mut own = vec![HALF; phi.len()];
        if !phi.is_empty() {
            view.level.run(Fill {
                weights: view.weights,
                ownership,
                p: &choices.p,
                alpha,
                phi,
                margins,
                totals: &mut vec![ZERO; ownership.rows()],
                out: [&mut a, &mut b, &mut c],
                own: &mut own,
            });
        }
        Self {
            view,
            ownership,
            a,
            b,
            c,
            own: own.iter().map(sum_half).collect(),
        }
    }

    /// The Jacobian of `F`, and each maker's own second derivatives, in which one of `n` equal makers moves alone.
    pub(super) fn matrices(&self) -> (Matrix, Matrix) {
        let n = self.own.len();
        let all = agent_products(self.view, n, &self.b, &self.a);
        let mut market = Matrix::new(n, n, all.iter().map(|x| -x).collect());
        let mut makers = Matrix::zeros(n, n);
        for block in self.ownership.blocks() {
            let count = block.len();
            let [a, c] = [&self.a, &self.c].map(|lanes| of_block(lanes, n, block));
            let owned = agent_products(self.view, count, &a, &c);
            for (x, j) in block.iter().enumerate() {
                let j = *j as usize;
                let row = self.ownership.row[j] as usize;
                let alone = self.ownership.kappa(j, j);
                for (l, kappa) in self.ownership.members(row) {
                    let Ok(y) = block.binary_search(&(l as u32)) else {
                        continue;
                    };
                    let owned = kappa * owned[x * count + y];
                    market[(j, l)] -= owned;
                    makers[(j, l)] = -kappa.min(alone) * all[j * n + l] - owned;
                }
            }
        }
        for (j, own) in self.own.iter().enumerate() {
            market[(j, j)] += own;
            makers[(j, j)] += own;
        }
        (market, makers)
    }
}

struct Fill<'a> {
    weights: &'a [Lane],
    ownership: &'a Ownership,
    p: &'a [Lane],
    alpha: &'a [Lane],
    phi: &'a [f64],
    margins: &'a [f64],
    /// `T` by row of the ownership.
    totals: &'a mut [Lane],
    out: [&'a mut [Lane]; 3],
    own: &'a mut [Half],
}

impl Kernel for Fill<'_> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let n = self.phi.len();
        let [a, b, c] = self.out;
        for (t, w) in self.weights.iter().enumerate() {
            let tile = t * n..(t + 1) * n;
            let (p, alpha) = (&self.p[tile.clone()], &self.alpha[tile.clone()]);
            let (a, b, c) = (&mut a[tile.clone()], &mut b[tile.clone()], &mut c[tile]);
            for (row, total) in self.totals.iter_mut().enumerate() {
                let mut sum = ZERO;
                for (k, share) in self.ownership.members(row) {
                    add_scaled::<FMA>(&mut sum, &p[k], share * self.margins[k]);
                }
                *total = sum;
            }
            for j in 0..n {
                let total = &self.totals[self.ownership.row[j] as usize];
                let (phi, margin) = (self.phi[j], self.margins[j]);
                let mut own = ZERO;
                keep_loop();
                for l in 0..LANES {
                    let sloped = alpha[j][l] * p[j][l];
                    let kept = phi * p[j][l];
                    a[j][l] = sloped;
                    b[j][l] = kept + sloped * (margin - 2.0 * total[l]);
                    c[j][l] = kept + sloped * margin;
                    own[l] = sloped * (2.0 * phi + alpha[j][l] * (margin - total[l]));
                }
                fold_product::<FMA>(&mut self.own[j], w, &own);
            }
        }
    }
}
