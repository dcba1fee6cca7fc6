//! Derivatives of choice probabilities, `delta` and markups by the parameters of one market.
//!
//! Everything is a directional derivative of `ln s_jr` (and `ln c_jr`): for a change `du` of utilities
//! `d ln s_j = du_j/lambda - (rho/lambda) sum_{k in h} c_k du_k - sum_k s_k du_k`, to which a change of `rho` adds its own terms.
//! The derivative of `delta` follows from shares being held, that of markups from their condition being held.

use crate::linalg::{Factor, Matrix};
use crate::market::{Choices, MarketView, share_jacobian};
use crate::simd::{
    self, HALF, Half, Kernel, LANES, Lane, ZERO, add_product, add_scaled, combine, fma,
    fold_product,
};
use crate::supply::{Cells, Margins, Ownership};

/// The nesting parameter that serves all nests.
pub(crate) const ALL_NESTS: usize = usize::MAX;

/// A parameter as it enters a market.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Coefficient of dimension `dim` (node or demographic) on characteristic `k`.
    Taste { k: usize, dim: usize },
    /// Nesting parameter, or [`ALL_NESTS`].
    Rho { h: usize },
    /// Linear coefficient of a characteristic that has the price in it: moves the price slope, not `delta`.
    Price { k: usize },
    /// Something that touches nothing in the market's demand.
    None,
}

/// One market at one point: what all derivatives need.
pub(crate) struct Point<'a> {
    pub view: MarketView<'a>,
    pub mu: &'a [Lane],
    pub delta: &'a [f64],
    pub choices: &'a Choices,
    pub lambda: &'a [f64],
    pub nest_lambda: &'a [f64],
}

/// Room for one tile.
pub(crate) struct Scratch {
    /// `d ln s_j`.
    pub log_s: Vec<Lane>,
    /// `d ln c_j`.
    pub log_c: Vec<Lane>,
    nest_a: Vec<Lane>,
    nest_b: Vec<Lane>,
}

impl Scratch {
    pub fn new(view: &MarketView) -> Self {
        let nests = if view.nested() {
            view.nest_rho.len()
        } else {
            0
        };
        Self {
            log_s: vec![ZERO; view.products()],
            log_c: vec![ZERO; if view.nested() { view.products() } else { 0 }],
            nest_a: vec![ZERO; nests],
            nest_b: vec![ZERO; nests],
        }
    }
}

impl Point<'_> {
    /// Fills `scratch` with the derivatives in a direction, `delta` moving by `d_delta[j * stride + offset]`.
    #[inline(always)]
    pub fn log_tangent<const FMA: bool>(
        &self,
        t: usize,
        direction: Direction,
        d_delta: Option<(&[f64], usize, usize)>,
        scratch: &mut Scratch,
    ) {
        let view = &self.view;
        let n = view.products();
        let p = &self.choices.p[t * n..(t + 1) * n];
        let none = ZERO;
        let (column, z) = match direction {
            Direction::Taste { k, dim } => (k, view.node(t, dim)),
            _ => (usize::MAX, &none),
        };
        let change = |j: usize| d_delta.map_or(0.0, |(d, stride, offset)| d[j * stride + offset]);
        let x = |j: usize| {
            if column == usize::MAX {
                0.0
            } else {
                view.x2[j * view.k2 + column]
            }
        };
        let mut mean = ZERO;
        if !view.nested() {
            for j in 0..n {
                let (d, x) = (change(j), x(j));
                let du = &mut scratch.log_s[j];
                for l in 0..LANES {
                    du[l] = fma::<FMA>(z[l], x, d);
                    mean[l] = fma::<FMA>(p[j][l], du[l], mean[l]);
                }
            }
            for du in &mut scratch.log_s[..n] {
                for l in 0..LANES {
                    du[l] -= mean[l];
                }
            }
            return;
        }
        let nests = self.nest_lambda.len();
        let c = &self.choices.c[t * n..(t + 1) * n];
        let log_d = &self.choices.log_d[t * nests..(t + 1) * nests];
        // Mean change of utility within each nest.
        scratch.nest_a.fill(ZERO);
        for j in 0..n {
            let (d, x) = (change(j), x(j));
            let h = view.nest[j] as usize;
            for l in 0..LANES {
                let du = fma::<FMA>(z[l], x, d);
                scratch.log_s[j][l] = du;
                mean[l] = fma::<FMA>(p[j][l], du, mean[l]);
                scratch.nest_a[h][l] = fma::<FMA>(c[j][l], du, scratch.nest_a[h][l]);
            }
        }
        for j in 0..n {
            let h = view.nest[j] as usize;
            let lambda = self.nest_lambda[h];
            for l in 0..LANES {
                let du = scratch.log_s[j][l];
                let within = scratch.nest_a[h][l];
                scratch.log_s[j][l] = du / lambda - (1.0 - lambda) / lambda * within - mean[l];
                scratch.log_c[j][l] = (du - within) / lambda;
            }
        }
        if let Direction::Rho { h: parameter } = direction {
            // d lambda = -1 in the nests of the parameter; U_h = sum_{k in h} c_k u_k.
            scratch.nest_b.fill(ZERO);
            let mu = &self.mu[t * n..(t + 1) * n];
            for j in 0..n {
                let h = view.nest[j] as usize;
                for l in 0..LANES {
                    let u = mu[j][l] + self.delta[j];
                    scratch.nest_b[h][l] = fma::<FMA>(c[j][l], u, scratch.nest_b[h][l]);
                }
            }
            let moved = |h: usize| parameter == ALL_NESTS || view.nest_rho[h] as usize == parameter;
            let mut inclusive = ZERO;
            for j in 0..n {
                let h = view.nest[j] as usize;
                if moved(h) {
                    for l in 0..LANES {
                        let d = -log_d[h][l] + scratch.nest_b[h][l] / self.nest_lambda[h];
                        let d = if d.is_finite() { d } else { 0.0 };
                        inclusive[l] = fma::<FMA>(p[j][l], d, inclusive[l]);
                    }
                }
            }
            for j in 0..n {
                let h = view.nest[j] as usize;
                let lambda = self.nest_lambda[h];
                for l in 0..LANES {
                    let mut own = 0.0;
                    if moved(h) {
                        let u = mu[j][l] + self.delta[j];
                        let spread = (u - scratch.nest_b[h][l]) / (lambda * lambda);
                        let d = -log_d[h][l] + scratch.nest_b[h][l] / lambda;
                        scratch.log_c[j][l] += spread;
                        own = spread + if d.is_finite() { d } else { 0.0 };
                    }
                    scratch.log_s[j][l] += own - inclusive[l];
                }
            }
        }
    }
}

/// `ds_j/d theta_p` with `delta` held, `products x directions`.
struct ShareTangent<'a> {
    point: &'a Point<'a>,
    directions: &'a [Direction],
    out: &'a mut [Half],
}

impl Kernel for ShareTangent<'_> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let view = &self.point.view;
        let (n, count) = (view.products(), self.directions.len());
        if !view.nested() {
            return self.plain::<FMA>();
        }
        let mut scratch = Scratch::new(view);
        let mut weighted = vec![ZERO; n];
        for t in 0..view.tiles() {
            let w = &view.weights[t];
            for j in 0..n {
                for l in 0..LANES {
                    weighted[j][l] = w[l] * self.point.choices.p[t * n + j][l];
                }
            }
            for (p, direction) in self.directions.iter().enumerate() {
                if matches!(direction, Direction::Price { .. } | Direction::None) {
                    continue;
                }
                self.point
                    .log_tangent::<FMA>(t, *direction, None, &mut scratch);
                for j in 0..n {
                    let out = &mut self.out[j * count + p];
                    fold_product::<FMA>(out, &weighted[j], &scratch.log_s[j]);
                }
            }
        }
    }
}

impl ShareTangent<'_> {
    /// Without nests `ds_j = sum_r w_r s_jr z_r (x_j - sum_k s_kr x_k)`: means of characteristics once for all directions.
    #[inline(always)]
    fn plain<const FMA: bool>(self) {
        let view = &self.point.view;
        let (n, count) = (view.products(), self.directions.len());
        let tastes = tastes(self.directions);
        let mut means = vec![ZERO; view.k2];
        let mut shift = vec![ZERO; tastes.len()];
        for t in 0..view.tiles() {
            let w = &view.weights[t];
            let p = &self.point.choices.p[t * n..(t + 1) * n];
            combine::<FMA>(&p.iter().zip(view.x2.chunks_exact(view.k2)), &mut means);
            for (shift, (_, k, dim)) in shift.iter_mut().zip(&tastes) {
                let z = view.node(t, *dim);
                for l in 0..LANES {
                    shift[l] = z[l] * means[*k][l];
                }
            }
            for j in 0..n {
                let mut ws = ZERO;
                for l in 0..LANES {
                    ws[l] = w[l] * p[j][l];
                }
                for (shift, (d, k, dim)) in shift.iter().zip(&tastes) {
                    let z = view.node(t, *dim);
                    let x = view.x2[j * view.k2 + k];
                    let mut change = ZERO;
                    for l in 0..LANES {
                        change[l] = fma::<FMA>(z[l], x, -shift[l]);
                    }
                    fold_product::<FMA>(&mut self.out[j * count + d], &ws, &change);
                }
            }
        }
    }
}

/// Directions that move tastes: their place, characteristic and dimension.
fn tastes(directions: &[Direction]) -> Vec<(usize, usize, usize)> {
    directions
        .iter()
        .enumerate()
        .filter_map(|(d, direction)| match direction {
            Direction::Taste { k, dim } => Some((d, *k, *dim)),
            _ => None,
        })
        .collect()
}

/// `ds/d theta` with `delta` held.
pub(crate) fn share_tangents(point: &Point, directions: &[Direction]) -> Matrix {
    let n = point.view.products();
    let mut halves = vec![HALF; n * directions.len()];
    point.view.level.run(ShareTangent {
        point,
        directions,
        out: &mut halves,
    });
    Matrix::new(
        n,
        directions.len(),
        halves.iter().map(simd::sum_half).collect(),
    )
}

/// `d delta/d theta = -(ds/d delta)^-1 ds/d theta`; NaN where the Jacobian is singular.
pub(crate) fn delta_tangents(point: &Point, directions: &[Direction]) -> Matrix {
    let n = point.view.products();
    let mut tangents = share_tangents(point, directions);
    if directions.is_empty() || n == 0 {
        return tangents;
    }
    let mut jacobian = Vec::new();
    share_jacobian(&point.view, point.choices, point.lambda, &mut jacobian);
    match Factor::new(n, &jacobian) {
        Some(factor) => factor.solve_columns(&mut tangents),
        None => tangents.data.fill(f64::NAN),
    }
    tangents.data.iter_mut().for_each(|x| *x = -*x);
    tangents
}

/// Change of `(M eta)_j` in each direction with `eta` held and `delta` moving, `products x directions`.
struct MarginTangent<'a> {
    point: &'a Point<'a>,
    alpha: &'a [Lane],
    eta: &'a [f64],
    ownership: &'a Ownership,
    cells: &'a Cells,
    directions: &'a [Direction],
    d_delta: &'a Matrix,
    out: &'a mut [Half],
}

impl Kernel for MarginTangent<'_> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let view = &self.point.view;
        let (n, count) = (view.products(), self.directions.len());
        let rows = self.ownership.rows();
        let nested = view.nested();
        if !nested {
            self.plain::<FMA>();
            return;
        }
        let mut scratch = Scratch::new(view);
        let mut total = vec![ZERO; rows];
        let mut d_total = vec![ZERO; rows];
        let mut within = vec![ZERO; self.cells.count()];
        let mut d_within = vec![ZERO; self.cells.count()];
        // w s, w alpha s, and w alpha s (eta/lambda - (rho/lambda) Tc - T).
        let (mut ws, mut wa, mut wb) = (vec![ZERO; n], vec![ZERO; n], vec![ZERO; n]);
        let mut es = vec![ZERO; n];
        for t in 0..view.tiles() {
            let w = &view.weights[t];
            let p = &self.point.choices.p[t * n..(t + 1) * n];
            let alpha = &self.alpha[t * n..(t + 1) * n];
            for j in 0..n {
                for l in 0..LANES {
                    es[j][l] = self.eta[j] * p[j][l];
                }
            }
            for (row, total) in total.iter_mut().enumerate() {
                *total = ZERO;
                for (k, share) in self.ownership.members(row) {
                    add_scaled::<FMA>(total, &es[k], share);
                }
            }
            if nested {
                let c = &self.point.choices.c[t * n..(t + 1) * n];
                for (cell, within) in within.iter_mut().enumerate() {
                    *within = ZERO;
                    for (k, share) in self.cells.members(cell) {
                        add_scaled::<FMA>(within, &c[k], share * self.eta[k]);
                    }
                }
            }
            for j in 0..n {
                let total = &total[self.ownership.row[j] as usize];
                let lambda = self.point.lambda[j];
                for l in 0..LANES {
                    ws[j][l] = w[l] * p[j][l];
                    wa[j][l] = ws[j][l] * alpha[j][l];
                    let mut bracket = self.eta[j] / lambda - total[l];
                    if nested {
                        bracket -= (1.0 - lambda) / lambda * within[self.cells.of[j] as usize][l];
                    }
                    wb[j][l] = wa[j][l] * bracket;
                }
            }
            for (d, direction) in self.directions.iter().enumerate() {
                match direction {
                    Direction::None => continue,
                    Direction::Price { k } => {
                        // Only the slope moves, by the derivative of the characteristic.
                        for j in 0..n {
                            let x = view.x1_price[j * view.k1 + k];
                            if x != 0.0 {
                                let total = &total[self.ownership.row[j] as usize];
                                let lambda = self.point.lambda[j];
                                let out = &mut self.out[j * count + d];
                                for l in 0..LANES {
                                    let mut bracket = self.eta[j] / lambda - total[l];
                                    if nested {
                                        bracket -= (1.0 - lambda) / lambda
                                            * within[self.cells.of[j] as usize][l];
                                    }
                                    out[l % 8] += ws[j][l] * x * bracket;
                                }
                            }
                        }
                        continue;
                    }
                    _ => {}
                }
                self.point.log_tangent::<FMA>(
                    t,
                    *direction,
                    Some((&self.d_delta.data, count, d)),
                    &mut scratch,
                );
                for (row, d_total) in d_total.iter_mut().enumerate() {
                    *d_total = ZERO;
                    for (k, share) in self.ownership.members(row) {
                        for l in 0..LANES {
                            d_total[l] =
                                fma::<FMA>(es[k][l] * share, scratch.log_s[k][l], d_total[l]);
                        }
                    }
                }
                if nested {
                    let c = &self.point.choices.c[t * n..(t + 1) * n];
                    for (cell, d_within) in d_within.iter_mut().enumerate() {
                        *d_within = ZERO;
                        for (k, share) in self.cells.members(cell) {
                            for l in 0..LANES {
                                d_within[l] += share * self.eta[k] * c[k][l] * scratch.log_c[k][l];
                            }
                        }
                    }
                }
                for j in 0..n {
                    let d_total = &d_total[self.ownership.row[j] as usize];
                    let out = &mut self.out[j * count + d];
                    for l in 0..LANES {
                        out[l % 8] = fma::<FMA>(wb[j][l], scratch.log_s[j][l], out[l % 8]);
                        out[l % 8] = fma::<FMA>(-wa[j][l], d_total[l], out[l % 8]);
                    }
                    if nested {
                        let lambda = self.point.lambda[j];
                        let cell = self.cells.of[j] as usize;
                        let moved = matches!(direction, Direction::Rho { h }
                            if *h == ALL_NESTS || view.nest_rho[view.nest[j] as usize] as usize == *h);
                        // d(1/lambda) = d(rho/lambda) = 1/lambda^2 for d rho = 1.
                        let d_inverse = if moved { 1.0 / (lambda * lambda) } else { 0.0 };
                        for l in 0..LANES {
                            out[l % 8] += wa[j][l]
                                * (d_inverse * (self.eta[j] - within[cell][l])
                                    - (1.0 - lambda) / lambda * d_within[cell][l]);
                        }
                    }
                }
                if let Direction::Taste { k, dim } = direction {
                    let z = view.node(t, *dim);
                    for j in 0..n {
                        let x = view.x2_price[j * view.k2 + k];
                        if x != 0.0 {
                            let total = &total[self.ownership.row[j] as usize];
                            let lambda = self.point.lambda[j];
                            let out = &mut self.out[j * count + d];
                            for l in 0..LANES {
                                let mut bracket = self.eta[j] / lambda - total[l];
                                if nested {
                                    bracket -= (1.0 - lambda) / lambda
                                        * within[self.cells.of[j] as usize][l];
                                }
                                out[l % 8] += ws[j][l] * x * z[l] * bracket;
                            }
                        }
                    }
                }
            }
        }
    }
}

impl MarginTangent<'_> {
    /// Without nests. With `d ln s_j = d delta_j + x_j z - m`, `m = sum_k s_k d delta_k + z sum_k s_k x_k`, the change is
    /// `d delta_j sum_r b_jr + x_j sum_r b_jr z_r - sum_r b_jr m_r - sum_r A_jr dT_r` and
    /// `dT = sum_k e_k d delta_k + z sum_k e_k x_k - m T`: two passes over products a tile and direction.
    #[inline(always)]
    fn plain<const FMA: bool>(self) {
        let view = &self.point.view;
        let (n, count, k2) = (view.products(), self.directions.len(), view.k2);
        let rows = self.ownership.rows();
        let tastes = tastes(self.directions);
        let many = tastes.len();
        let prices: Vec<(usize, usize)> = self
            .directions
            .iter()
            .enumerate()
            .filter_map(|(d, direction)| match direction {
                Direction::Price { k } => Some((d, *k)),
                _ => None,
            })
            .collect();
        let slopes: Vec<bool> = (0..k2)
            .map(|k| (0..n).any(|j| view.x2_price[j * k2 + k] != 0.0))
            .collect();
        // What is summed over products, of all and of each maker's: one, characteristics, changes of delta.
        let width = 1 + k2 + many;
        let mut row = vec![0.0; n * width];
        for (j, row) in row.chunks_exact_mut(width).enumerate() {
            row[0] = 1.0;
            row[1..=k2].copy_from_slice(&view.x2[j * k2..(j + 1) * k2]);
            for (change, (d, _, _)) in row[1 + k2..].iter_mut().zip(&tastes) {
                *change = self.d_delta[(j, *d)];
            }
        }
        let members: Vec<Vec<(usize, f64)>> = (0..rows)
            .map(|r| self.ownership.members(r).collect())
            .collect();
        let mut sums = vec![ZERO; width];
        let mut owned = vec![ZERO; width];
        let mut gains = vec![ZERO; n];
        let mut total = vec![ZERO; rows];
        let mut d_total = vec![ZERO; rows * many];
        let mut level = vec![HALF; n];
        for t in 0..view.tiles() {
            let w = &view.weights[t];
            let p = &self.point.choices.p[t * n..(t + 1) * n];
            let alpha = &self.alpha[t * n..(t + 1) * n];
            combine::<FMA>(&p.iter().zip(row.chunks_exact(width)), &mut sums);
            let (means, m) = sums[1..].split_at_mut(k2);
            for (i, (_, k, dim)) in tastes.iter().enumerate() {
                add_product::<FMA>(&mut m[i], view.node(t, *dim), &means[*k]);
            }
            for (r, members) in members.iter().enumerate() {
                for (gain, (k, share)) in gains.iter_mut().zip(members) {
                    for l in 0..LANES {
                        gain[l] = share * self.eta[*k] * p[*k][l];
                    }
                }
                let of_product = |k: usize| &row[k * width..(k + 1) * width];
                let each = members.iter().map(|(k, _)| of_product(*k));
                combine::<FMA>(&gains.iter().zip(each), &mut owned);
                total[r] = owned[0];
                for (i, (_, k, dim)) in tastes.iter().enumerate() {
                    let z = view.node(t, *dim);
                    let d_total = &mut d_total[r * many + i];
                    for l in 0..LANES {
                        let moved = fma::<FMA>(z[l], owned[1 + k][l], owned[1 + k2 + i][l]);
                        d_total[l] = fma::<FMA>(-m[i][l], total[r][l], moved);
                    }
                }
            }
            for j in 0..n {
                let row = self.ownership.row[j] as usize;
                let (mut wb, mut minus_wa, mut bracket) = (ZERO, ZERO, ZERO);
                for l in 0..LANES {
                    let ws = w[l] * p[j][l];
                    bracket[l] = ws * (self.eta[j] - total[row][l]);
                    minus_wa[l] = -ws * alpha[j][l];
                    wb[l] = bracket[l] * alpha[j][l];
                }
                for l in 0..LANES / 2 {
                    level[j][l] += wb[l] + wb[l + LANES / 2];
                }
                for (i, (d, k, dim)) in tastes.iter().enumerate() {
                    let out = &mut self.out[j * count + d];
                    let z = view.node(t, *dim);
                    let x = view.x2[j * k2 + k];
                    let mut change = ZERO;
                    for l in 0..LANES {
                        change[l] = fma::<FMA>(z[l], x, -m[i][l]);
                    }
                    fold_product::<FMA>(out, &wb, &change);
                    fold_product::<FMA>(out, &minus_wa, &d_total[row * many + i]);
                    if slopes[*k] {
                        let slope = view.x2_price[j * k2 + k];
                        let mut direct = ZERO;
                        for l in 0..LANES {
                            direct[l] = z[l] * slope;
                        }
                        fold_product::<FMA>(out, &bracket, &direct);
                    }
                }
                for (d, k) in &prices {
                    let direct = [view.x1_price[j * view.k1 + k]; LANES];
                    fold_product::<FMA>(&mut self.out[j * count + d], &bracket, &direct);
                }
            }
        }
        for j in 0..n {
            let level = simd::sum_half(&level[j]);
            for (d, _, _) in &tastes {
                self.out[j * count + d][0] += level * self.d_delta[(j, *d)];
            }
        }
    }
}

/// `d eta/d theta` with `delta` moving by `d_delta`, given the factorised condition.
pub(crate) fn markup_tangents(
    point: &Point,
    alpha: &[Lane],
    eta: &[f64],
    ownership: &Ownership,
    margins: &Margins,
    directions: &[Direction],
    d_delta: &Matrix,
) -> Matrix {
    let n = point.view.products();
    let cells = Cells::new(&point.view, ownership);
    let mut halves = vec![HALF; n * directions.len()];
    point.view.level.run(MarginTangent {
        point,
        alpha,
        eta,
        ownership,
        cells: &cells,
        directions,
        d_delta,
        out: &mut halves,
    });
    let mut out: Vec<f64> = halves.iter().map(simd::sum_half).collect();
    // s is fixed, so M d eta = -(dM) eta.
    margins.solve(&mut out, directions.len());
    Matrix::new(n, directions.len(), out)
}
