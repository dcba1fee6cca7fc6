//! One market: utilities, choice probabilities and shares at given parameters.
//!
//! Utility `u_jr = delta_j + mu_jr`, `mu_jr = sum_k x_jk (sum_l sigma_kl v_rl + sum_d pi_kd d_rd)`
//! (Berry, Levinsohn and Pakes 1995; Nevo 2000). With nests `h` and `lambda_h = 1 - rho_h` (Brenkers and Verboven 2006):
//! `D_h = sum_{j in h} exp(u_j / lambda_h)`, inclusive value `I_h = lambda_h ln D_h`, conditional share
//! `c_j = exp(u_j / lambda_h) / D_h`, nest share `S_h = exp(I_h) / (1 + sum_g exp(I_g))`, `s_j = S_h c_j`.
//! Without nests `lambda = 1` and every product is in one nest, so the same formulas give the logit.

use pulp::Simd;

use crate::simd::{
    self, Gram, HALF, Half, Kernel, LANES, Lane, Lanes, Level, MOST_VECTORS, Number, VectorKernel,
    ZERO, add_scaled, fold_product,
};

/// The data of one market that no parameter changes; products in rows, agents in tiles.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MarketView<'a> {
    pub level: Level,
    /// Characteristics with random coefficients, `products x k2`.
    pub x2: &'a [f64],
    pub k2: usize,
    /// Derivatives of `x2` and of the linear characteristics by the price.
    pub x2_price: &'a [f64],
    pub x1_price: &'a [f64],
    pub k1: usize,
    pub shares: &'a [f64],
    pub prices: &'a [f64],
    /// Nest of each product, numbered within the market; empty without nests.
    pub nest: &'a [u32],
    /// Parameter `rho` of each nest of the market.
    pub nest_rho: &'a [u32],
    /// Integration weights, zero in the padding of the last tile.
    pub weights: &'a [Lane],
    /// Nodes, then demographics: `[tile][dimension]`.
    pub nodes: &'a [Lane],
    pub dims: usize,
}

impl MarketView<'_> {
    pub fn products(&self) -> usize {
        self.shares.len()
    }

    pub fn tiles(&self) -> usize {
        self.weights.len()
    }

    pub fn nested(&self) -> bool {
        !self.nest.is_empty()
    }

    pub fn node(&self, tile: usize, dim: usize) -> &Lane {
        &self.nodes[tile * self.dims + dim]
    }

    /// `lambda = 1 - rho` of each nest of the market.
    pub fn lambdas(&self, rho: &[f64]) -> Vec<f64> {
        self.nest_rho
            .iter()
            .map(|h| 1.0 - rho[*h as usize])
            .collect()
    }

    /// `lambda` of each product; ones without nests.
    pub fn lambda_by_product(&self, rho: &[f64]) -> Vec<f64> {
        if !self.nested() {
            return vec![1.0; self.products()];
        }
        let lambdas = self.lambdas(rho);
        self.nest.iter().map(|h| lambdas[*h as usize]).collect()
    }
}

/// Random coefficients of the agents, `[tile][k2]`: `taste` is `k2 x dims`, sigma beside pi.
pub(crate) fn coefficients(view: &MarketView, taste: &[f64]) -> Lanes {
    Lanes::from_fn(view.tiles() * view.k2, |i| {
        let (tile, k) = (i / view.k2, i % view.k2);
        let mut c = ZERO;
        for (d, value) in taste[k * view.dims..(k + 1) * view.dims].iter().enumerate() {
            if *value != 0.0 {
                add_scaled::<false>(&mut c, view.node(tile, d), *value);
            }
        }
        c
    })
}

/// `y_jr = sum_k x_jk c_kr` for an `products x k2` matrix `x`.
pub(crate) struct Mix<'a> {
    pub products: usize,
    pub k2: usize,
    pub x: &'a [f64],
    pub coefficients: &'a [Lane],
    pub out: &'a mut [Lane],
}

impl Kernel for Mix<'_> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let (j_count, k2) = (self.products, self.k2);
        for (t, tile) in self.out.chunks_exact_mut(j_count).enumerate() {
            let c = &self.coefficients[t * k2..(t + 1) * k2];
            for (j, y) in tile.iter_mut().enumerate() {
                let mut acc = ZERO;
                for (x, c) in self.x[j * k2..(j + 1) * k2].iter().zip(c) {
                    if *x != 0.0 {
                        add_scaled::<FMA>(&mut acc, c, *x);
                    }
                }
                *y = acc;
            }
        }
    }
}

/// Utilities net of `delta`, `[tile][product]`.
pub(crate) fn utilities(view: &MarketView, coefficients: &[Lane]) -> Lanes {
    if view.k2 == 0 {
        return Lanes::zeros(view.tiles() * view.products());
    }
    let mut mu = Lanes::unwritten(view.tiles() * view.products());
    if view.products() > 0 {
        view.level.run(Mix {
            products: view.products(),
            k2: view.k2,
            x: view.x2,
            coefficients,
            out: &mut mu,
        });
    }
    mu
}

/// Exponentials of utilities at a base `delta`, scaled by agent (and nest) so that none overflows.
///
/// With parameters fixed they are constant: shares at another `delta` need two passes of multiply-add and no exponential.
pub(crate) struct Exponentials {
    base: Vec<f64>,
    /// `exp((u_j - shift) / lambda)`, `[tile][product]`.
    e: Lanes,
    /// Without nests `exp(-shift)`, `[tile]`; with nests the shift itself, `[tile][nest]`.
    shift: Lanes,
}

struct Fill<'a> {
    products: usize,
    mu: &'a [Lane],
    delta: &'a [f64],
    nest: &'a [u32],
    lambda: &'a [f64],
    nests: usize,
    e: &'a mut [Lane],
    shift: &'a mut [Lane],
}

impl Kernel for Fill<'_> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let n = self.products;
        for (t, e) in self.e.chunks_exact_mut(n).enumerate() {
            let mu = &self.mu[t * n..(t + 1) * n];
            if self.nest.is_empty() {
                let mut top = ZERO;
                for j in 0..n {
                    for l in 0..LANES {
                        let u = mu[j][l] + self.delta[j];
                        top[l] = if u > top[l] { u } else { top[l] };
                    }
                }
                for j in 0..n {
                    let mut u = ZERO;
                    for l in 0..LANES {
                        u[l] = mu[j][l] + self.delta[j] - top[l];
                    }
                    e[j] = simd::exp::<FMA>(&u);
                }
                let mut minus = ZERO;
                for l in 0..LANES {
                    minus[l] = -top[l];
                }
                self.shift[t] = simd::exp::<FMA>(&minus);
            } else {
                let shift = &mut self.shift[t * self.nests..(t + 1) * self.nests];
                shift.fill([f64::NEG_INFINITY; LANES]);
                for j in 0..n {
                    let top = &mut shift[self.nest[j] as usize];
                    for l in 0..LANES {
                        let u = mu[j][l] + self.delta[j];
                        top[l] = if u > top[l] { u } else { top[l] };
                    }
                }
                for j in 0..n {
                    let top = &shift[self.nest[j] as usize];
                    let mut u = ZERO;
                    for l in 0..LANES {
                        u[l] = (mu[j][l] + self.delta[j] - top[l]) / self.lambda[j];
                    }
                    e[j] = simd::exp::<FMA>(&u);
                }
            }
        }
    }
}

/// Choice probabilities of every agent and the shares they make.
#[derive(Debug, Default)]
pub(crate) struct Choices {
    /// `s_jr`, `[tile][product]`.
    pub p: Lanes,
    /// `c_jr`, share within the nest; empty without nests.
    pub c: Lanes,
    /// `ln D_h` with nothing scaled, `[tile][nest]`; empty without nests.
    pub log_d: Lanes,
    /// `s_0r`, `[tile]`.
    pub outside: Lanes,
    /// `s_j = sum_r w_r s_jr`.
    pub shares: Vec<f64>,
}

struct Pass<'a> {
    view: &'a MarketView<'a>,
    base: &'a Exponentials,
    /// `exp((delta - base) / lambda)`.
    v: &'a [f64],
    nest_lambda: &'a [f64],
    shares: &'a mut [Half],
    /// Probabilities are kept only when asked for.
    keep: Option<&'a mut Choices>,
}

impl Kernel for Pass<'_> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let n = self.view.products();
        let mut keep = self.keep;
        let nests = self.nest_lambda.len();
        let mut d = vec![ZERO; nests];
        let mut share = vec![ZERO; nests];
        self.shares.fill(HALF);
        for (t, e) in self.base.e.chunks_exact(n).enumerate() {
            let w = &self.view.weights[t];
            if nests == 0 {
                let (mut a, mut b) = (self.base.shift[t], ZERO);
                let mut pairs = e.chunks_exact(2).zip(self.v.chunks_exact(2));
                for (e, v) in &mut pairs {
                    add_scaled::<FMA>(&mut a, &e[0], v[0]);
                    add_scaled::<FMA>(&mut b, &e[1], v[1]);
                }
                if n % 2 == 1 {
                    add_scaled::<FMA>(&mut a, &e[n - 1], self.v[n - 1]);
                }
                let mut inverse = ZERO;
                let mut q = ZERO;
                for l in 0..LANES {
                    inverse[l] = 1.0 / (a[l] + b[l]);
                    q[l] = w[l] * inverse[l];
                }
                if let Some(choices) = keep.as_deref_mut() {
                    let p = &mut choices.p[t * n..(t + 1) * n];
                    for j in 0..n {
                        for l in 0..LANES {
                            p[j][l] = e[j][l] * (self.v[j] * inverse[l]);
                        }
                        fold_product::<FMA>(&mut self.shares[j], &e[j], &q);
                    }
                    for l in 0..LANES {
                        choices.outside[t][l] = self.base.shift[t][l] * inverse[l];
                    }
                } else {
                    for j in 0..n {
                        fold_product::<FMA>(&mut self.shares[j], &e[j], &q);
                    }
                }
            } else {
                let shift = &self.base.shift[t * nests..(t + 1) * nests];
                d.fill(ZERO);
                for j in 0..n {
                    add_scaled::<FMA>(&mut d[self.view.nest[j] as usize], &e[j], self.v[j]);
                }
                let mut top = ZERO;
                for h in 0..nests {
                    for l in 0..LANES {
                        share[h][l] = shift[h][l] + self.nest_lambda[h] * d[h][l].ln();
                        top[l] = if share[h][l] > top[l] {
                            share[h][l]
                        } else {
                            top[l]
                        };
                    }
                }
                let mut minus = ZERO;
                for l in 0..LANES {
                    minus[l] = -top[l];
                }
                let outside = simd::exp::<FMA>(&minus);
                let mut total = outside;
                for h in 0..nests {
                    for l in 0..LANES {
                        share[h][l] -= top[l];
                    }
                    share[h] = simd::exp::<FMA>(&share[h]);
                    for l in 0..LANES {
                        total[l] += share[h][l];
                    }
                }
                for h in 0..nests {
                    for l in 0..LANES {
                        // An empty nest of an agent has no choice to divide.
                        let inner = if d[h][l] > 0.0 { 1.0 / d[h][l] } else { 0.0 };
                        if let Some(choices) = keep.as_deref_mut() {
                            choices.log_d[t * nests + h][l] =
                                shift[h][l] / self.nest_lambda[h] + d[h][l].ln();
                        }
                        share[h][l] /= total[l];
                        d[h][l] = inner;
                    }
                }
                for j in 0..n {
                    let h = self.view.nest[j] as usize;
                    let mut weighted = ZERO;
                    for l in 0..LANES {
                        let c = e[j][l] * d[h][l];
                        weighted[l] = w[l] * c;
                        if let Some(choices) = keep.as_deref_mut() {
                            choices.c[t * n + j][l] = c * self.v[j];
                            choices.p[t * n + j][l] = c * self.v[j] * share[h][l];
                        }
                    }
                    fold_product::<FMA>(&mut self.shares[j], &weighted, &share[h]);
                }
                if let Some(choices) = keep.as_deref_mut() {
                    for l in 0..LANES {
                        choices.outside[t][l] = outside[l] / total[l];
                    }
                }
            }
        }
    }
}

/// Tiles whose exponentials are summed over agents while the nearest cache still holds them, and products whose sums are taken at once.
const GROUP: usize = 4;
const BLOCK: usize = 8;

/// The pass of a market without nests that wants shares alone, by far the most frequent one: per product `sum_r w_r e_jr / D_r`,
/// `D_r = exp(-shift_r) + sum_j v_j e_jr`.
struct SharePass<'a> {
    weights: &'a [Lane],
    e: &'a [Lane],
    outside: &'a [Lane],
    v: &'a [f64],
    /// `w / D` of a group's tiles, then a sum for each product.
    scratch: &'a mut [Lane],
    out: &'a mut [f64],
}

impl VectorKernel for SharePass<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd, const FMA: bool>(self, simd: S) {
        let (n, width) = (self.v.len(), f64::vectors::<S>());
        let zero = simd.splat_f64s(0.0);
        let [weights, e, outside] =
            [self.weights, self.e, self.outside].map(|x| f64::split::<S>(x.as_flattened()));
        let scratch = f64::split_mut::<S>(self.scratch.as_flattened_mut());
        let (q, sums) = scratch.split_at_mut(GROUP * width);
        let sums = &mut sums[..n];
        sums.fill(zero);
        let groups = e.chunks(GROUP * n * width);
        let of_groups = weights
            .chunks(GROUP * width)
            .zip(outside.chunks(GROUP * width));
        for (e, (weights, outside)) in groups.zip(of_groups) {
            let tiles = e.chunks_exact(n * width).zip(q.chunks_exact_mut(width));
            let of_tiles = weights.chunks_exact(width).zip(outside.chunks_exact(width));
            for ((e, q), (weight, outside)) in tiles.zip(of_tiles) {
                // Even and odd products apart: a sum waits for the one before.
                let (mut even, mut odd) = ([zero; MOST_VECTORS], [zero; MOST_VECTORS]);
                even[..width].copy_from_slice(outside);
                let (pairs, last) = self.v.as_chunks::<2>();
                for (e, v) in e.chunks_exact(2 * width).zip(pairs) {
                    let v = v.map(|v| simd.splat_f64s(v));
                    for i in 0..width {
                        even[i] = f64::fused::<S, FMA>(simd, e[i], v[0], even[i]);
                        odd[i] = f64::fused::<S, FMA>(simd, e[width + i], v[1], odd[i]);
                    }
                }
                for v in last {
                    let (v, e) = (simd.splat_f64s(*v), &e[(n - 1) * width..]);
                    for i in 0..width {
                        even[i] = f64::fused::<S, FMA>(simd, e[i], v, even[i]);
                    }
                }
                for i in 0..width {
                    q[i] = simd.div_f64s(weight[i], simd.add_f64s(even[i], odd[i]));
                }
            }
            let q = &*q;
            let (blocks, rest) = sums.as_chunks_mut::<BLOCK>();
            let done = blocks.len() * BLOCK;
            for (b, sums) in blocks.iter_mut().enumerate() {
                add_shares::<S, FMA, BLOCK>(simd, n, e, b * BLOCK, q, sums);
            }
            for (j, sum) in rest.iter_mut().enumerate() {
                add_shares::<S, FMA, 1>(simd, n, e, done + j, q, std::array::from_mut(sum));
            }
        }
        for ((out, v), sum) in self.out.iter_mut().zip(self.v).zip(sums) {
            *out = v * f64::sum(simd, *sum);
        }
    }
}

/// Adds `sum_r e_jr q_r` over a group of tiles for `WIDTH` products from the `first` on, in registers.
#[inline(always)]
fn add_shares<S: Simd, const FMA: bool, const WIDTH: usize>(
    simd: S,
    n: usize,
    e: &[S::f64s],
    first: usize,
    q: &[S::f64s],
    out: &mut [S::f64s; WIDTH],
) {
    let width = f64::vectors::<S>();
    let mut sums = *out;
    for (e, q) in e.chunks_exact(n * width).zip(q.chunks_exact(width)) {
        let e = &e[first * width..(first + WIDTH) * width];
        for i in 0..width {
            for (y, sum) in sums.iter_mut().enumerate() {
                *sum = f64::fused::<S, FMA>(simd, e[y * width + i], q[i], *sum);
            }
        }
    }
    *out = sums;
}

impl Exponentials {
    pub fn new(view: &MarketView, mu: &[Lane], delta: &[f64], rho: &[f64]) -> Self {
        let nests = if view.nested() {
            view.nest_rho.len()
        } else {
            0
        };
        let mut base = Self {
            base: delta.to_vec(),
            e: Lanes::unwritten(mu.len()),
            shift: Lanes::unwritten(view.tiles() * nests.max(1)),
        };
        base.refill(view, mu, delta, &view.lambda_by_product(rho));
        base
    }

    fn refill(&mut self, view: &MarketView, mu: &[Lane], delta: &[f64], lambda: &[f64]) {
        self.base.copy_from_slice(delta);
        let nests = if view.nested() {
            view.nest_rho.len()
        } else {
            0
        };
        if view.products() > 0 {
            view.level.run(Fill {
                products: view.products(),
                mu,
                delta,
                nest: view.nest,
                lambda,
                nests,
                e: &mut self.e,
                shift: &mut self.shift,
            });
        }
    }
}

/// Shares at any `delta` for fixed parameters; keeps what it needs between calls, so a call allocates nothing.
pub(crate) struct ShareMap<'a> {
    pub view: MarketView<'a>,
    mu: &'a [Lane],
    base: Exponentials,
    lambda: Vec<f64>,
    nest_lambda: Vec<f64>,
    v: Vec<f64>,
    halves: Vec<Half>,
    scratch: Lanes,
    /// Share evaluations so far.
    pub evaluations: usize,
}

/// Distance of `delta` from the base beyond which exponentials are taken anew.
const REBASE: f64 = 200.0;

impl<'a> ShareMap<'a> {
    pub fn new(view: MarketView<'a>, mu: &'a [Lane], delta: &[f64], rho: &[f64]) -> Self {
        Self {
            base: Exponentials::new(&view, mu, delta, rho),
            lambda: view.lambda_by_product(rho),
            nest_lambda: if view.nested() {
                view.lambdas(rho)
            } else {
                Vec::new()
            },
            v: vec![1.0; view.products()],
            halves: vec![HALF; view.products()],
            scratch: Lanes::unwritten(GROUP + view.products()),
            evaluations: 0,
            view,
            mu,
        }
    }

    /// `lambda` of each product.
    pub fn lambda(&self) -> &[f64] {
        &self.lambda
    }

    /// Takes `v` from the base to `delta`, and the base there where it is far.
    fn move_to(&mut self, delta: &[f64]) {
        let from_base = |base: &[f64], j: usize| (delta[j] - base[j]) / self.lambda[j];
        let far = |j: usize| from_base(&self.base.base, j).abs() > REBASE;
        if (0..delta.len()).any(far) {
            self.base.refill(&self.view, self.mu, delta, &self.lambda);
        }
        for j in 0..delta.len() {
            self.v[j] = from_base(&self.base.base, j);
        }
        self.view.level.exp(&mut self.v);
        self.evaluations += 1;
    }

    fn pass(&mut self, delta: &[f64], keep: Option<&mut Choices>) {
        self.move_to(delta);
        self.view.level.run(Pass {
            view: &self.view,
            base: &self.base,
            v: &self.v,
            nest_lambda: &self.nest_lambda,
            shares: &mut self.halves,
            keep,
        });
    }

    /// Shares that the last [`Self::pass`] summed.
    fn passed(&self, out: &mut [f64]) {
        for j in 0..out.len() {
            out[j] = self.v[j] * simd::sum_half(&self.halves[j]);
        }
    }

    /// Shares into `out`.
    pub fn shares(&mut self, delta: &[f64], out: &mut [f64]) {
        if self.view.nested() || delta.is_empty() {
            self.pass(delta, None);
            self.passed(out);
            return;
        }
        self.move_to(delta);
        self.view.level.run_vectors(SharePass {
            weights: self.view.weights,
            e: &self.base.e,
            outside: &self.base.shift,
            v: &self.v,
            scratch: &mut self.scratch,
            out,
        });
    }

    /// Shares and every agent's probabilities.
    pub fn choices(&mut self, delta: &[f64]) -> Choices {
        let mut choices = Choices::default();
        self.choices_into(delta, &mut choices);
        choices
    }

    /// [`Self::choices`] into memory at hand.
    pub fn choices_into(&mut self, delta: &[f64], choices: &mut Choices) {
        let (n, tiles, nests) = (delta.len(), self.view.tiles(), self.nest_lambda.len());
        if choices.p.len() != n * tiles {
            choices.p = Lanes::zeros(n * tiles);
            choices.c = Lanes::zeros(if nests > 0 { n * tiles } else { 0 });
            choices.log_d = Lanes::zeros(nests * tiles);
            choices.outside = Lanes::zeros(tiles);
            choices.shares = vec![0.0; n];
        }
        self.pass(delta, Some(choices));
        self.passed(&mut choices.shares);
    }
}

/// `ds_j/d delta_k = 1[j=k] s_j/lambda - sum_r w_r s_jr s_kr - (rho/lambda) sum_r w_r s_jr c_kr [same nest]`, row-major.
pub(crate) fn share_jacobian(
    view: &MarketView,
    choices: &Choices,
    lambda: &[f64],
    out: &mut Vec<f64>,
) {
    let n = view.products();
    out.resize(n * n, 0.0);
    Gram {
        rows: n,
        a: &choices.p,
        b: &choices.p,
        w: view.weights,
        symmetric: true,
        out,
    }
    .at(view.level);
    out.iter_mut().for_each(|g| *g = -*g);
    if view.nested() {
        let mut within = vec![0.0; n * n];
        Gram {
            rows: n,
            a: &choices.p,
            b: &choices.c,
            w: view.weights,
            symmetric: true,
            out: &mut within,
        }
        .at(view.level);
        for j in 0..n {
            for k in 0..n {
                if view.nest[j] == view.nest[k] {
                    out[j * n + k] -= (1.0 - lambda[j]) / lambda[j] * within[j * n + k];
                }
            }
        }
    }
    for j in 0..n {
        out[j * n + j] += choices.shares[j] / lambda[j];
    }
}
