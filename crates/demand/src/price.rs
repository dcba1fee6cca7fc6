//! Bertrand-Nash prices of one market.
//!
//! A maker's profit in producer prices `(p - s)/(1 + v) - c`, with an ad-valorem wedge `v` and a specific wedge `s` between consumer
//! and producer, is `phi (p - c~)` per unit, `phi = 1/(1 + v)`, `c~ = (1 + v) c + s`. The condition is
//! `F_j = phi_j s_j + sum_r w A_j (n_j/lambda - (rho/lambda) Tc - T) = 0`, `n = phi (p - c~)`, `A = alpha s`, `T = sum_k kappa n_k s_k`
//! over the maker's products, `Tc` the same within the nest. When all wedges of a maker are equal this is `p = c~ + eta(p)`.
//!
//! Solved by the zeta fixed point of Morrow and Skerlos (2011), `n_j = (sum_r w A_j ((rho/lambda) Tc + T) - phi_j s_j) / sum_r w A_j/lambda`,
//! with Anderson acceleration; where it stalls, by Newton on `F`. Bounds are kept by projection: at a fixed point a price on its ceiling has
//! `F >= 0`, on its floor `F <= 0`. The condition says nothing of maxima, so the Hessian of every maker's profit is looked at, and with
//! bounds or notches the profits of other local optima are compared.

use crate::linalg::{Factor, Matrix, spectral_radius, symmetric_eigenvalues};
use crate::market::{Choices, MarketView, ShareMap, coefficients, utilities};
use crate::simd::{
    self, Gram, HALF, Half, Kernel, LANES, Lane, Lanes, ZERO, add_scaled, fma, fold_product,
};
use crate::supply::{Cells, Ownership, mean_slopes, price_slopes};

/// A rule that takes something off the consumer's price of a product listed at or below a ceiling.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Notch {
    /// Highest list price that is eligible.
    pub ceiling: f64,
    /// What the consumer pays less.
    pub bonus: f64,
}

/// What stands between consumers' and producers' prices of one market, and what prices may be; by product.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Terms {
    /// Ad-valorem wedge on the producer's price; zero where empty.
    pub ad_valorem: Vec<f64>,
    /// Specific wedge; zero where empty.
    pub specific: Vec<f64>,
    /// Lowest consumer price; none where empty.
    pub floor: Vec<f64>,
    /// Highest consumer price; none where empty.
    pub ceiling: Vec<f64>,
    /// Bonuses below a list price; none where empty.
    pub notch: Vec<Option<Notch>>,
    /// Whether the product is offered; all where empty.
    pub present: Vec<bool>,
}

/// How prices are solved.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pricing {
    /// Largest change of a price, relative to it, at which the fixed point has converged.
    pub tolerance: f64,
    /// Most evaluations of the fixed point.
    pub max_evaluations: usize,
    /// Past evaluations that the acceleration uses; 0 for the plain fixed point.
    pub memory: usize,
    /// Whether second-order conditions and the spectral radius are computed at the end.
    pub check: bool,
    /// Whether other local optima are searched where there are neither bounds nor notches (they always are where there are).
    pub search: bool,
}

impl Default for Pricing {
    fn default() -> Self {
        Self {
            tolerance: 1e-13,
            max_evaluations: 5000,
            memory: 6,
            check: true,
            search: false,
        }
    }
}

/// What is known about solved (or given) prices.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Verdict {
    /// Evaluations of demand.
    pub evaluations: usize,
    /// Largest `|F_j / sum_r w A_j|`, the error of a margin, over prices that are not on a bound.
    pub first_order: f64,
    /// Whether the tolerance was met and first-order conditions hold.
    pub converged: bool,
    /// Products of makers whose profit is not at a local maximum; empty when second-order conditions hold or were not asked for.
    pub not_maxima: Vec<usize>,
    /// Spectral radius of the fixed point's Jacobian; above 1 the plain map is no contraction. NaN when not asked for.
    pub spectral_radius: f64,
    /// Products whose price is on a bound or a notch.
    pub bound: Vec<usize>,
    /// Makers that would rather have other prices kept changing them: there may be no equilibrium in pure strategies.
    pub cycles: bool,
}

impl Verdict {
    /// Whether prices are an equilibrium as far as the conditions tell.
    pub fn is_equilibrium(&self) -> bool {
        self.converged && self.not_maxima.is_empty() && !self.cycles
    }
}

/// Demand of one market as a function of consumer prices.
pub(crate) struct PricedMarket<'a> {
    pub view: MarketView<'a>,
    /// Utilities at the base prices, `delta` included.
    base: Lanes,
    base_prices: Vec<f64>,
    /// Price slopes at the base prices; constant unless `curve` is there.
    pub alpha: Lanes,
    pub lambda: Vec<f64>,
    nest_lambda: Vec<f64>,
    curve: Option<Curve<'a>>,
}

/// From prices to `(x1, x2, dx1/dp, dx2/dp)` of a market.
pub(crate) type ColumnsAt<'a> = Box<dyn Fn(&[f64]) -> [Vec<f64>; 4] + Sync + 'a>;

/// Utility that is not linear in the price: columns anew at every price.
pub(crate) struct Curve<'a> {
    pub columns: ColumnsAt<'a>,
    pub coefficients: Lanes,
    pub beta: Vec<f64>,
    /// `delta` less what the price columns of `x1` contribute at the base.
    pub rest: Vec<f64>,
}

impl<'a> PricedMarket<'a> {
    pub fn new(
        view: MarketView<'a>,
        taste: &[f64],
        rho: &[f64],
        beta: &[f64],
        delta: &[f64],
        curve: Option<ColumnsAt<'a>>,
    ) -> Self {
        let n = view.products();
        let tastes = coefficients(&view, taste);
        let mut base = utilities(&view, &tastes);
        for tile in base.chunks_exact_mut(n.max(1)) {
            for (lane, d) in tile.iter_mut().zip(delta) {
                lane.iter_mut().for_each(|u| *u += d);
            }
        }
        let alpha = price_slopes(&view, &tastes, &mean_slopes(&view, beta));
        let curve = curve.map(|columns| {
            let [x1, _, _, _] = columns(view.prices);
            let rest = (0..n)
                .map(|j| delta[j] - crate::linalg::dot(&x1[j * view.k1..(j + 1) * view.k1], beta))
                .collect();
            Curve {
                columns,
                coefficients: tastes,
                beta: beta.to_vec(),
                rest,
            }
        });
        Self {
            base,
            base_prices: view.prices.to_vec(),
            alpha,
            lambda: view.lambda_by_product(rho),
            nest_lambda: if view.nested() {
                view.lambdas(rho)
            } else {
                Vec::new()
            },
            curve,
            view,
        }
    }

    /// Whether price slopes do not move with prices.
    pub fn is_linear(&self) -> bool {
        self.curve.is_none()
    }

    /// Utilities and slopes at prices; `None` where they are those at the base moved along the slopes.
    fn at(&self, prices: &[f64]) -> Option<(Lanes, Lanes)> {
        let curve = self.curve.as_ref()?;
        let [x1, x2, x1_price, x2_price] = (curve.columns)(prices);
        let view = MarketView {
            x2: &x2,
            x1_price: &x1_price,
            x2_price: &x2_price,
            ..self.view
        };
        let mut u = utilities(&view, &curve.coefficients);
        let n = view.products();
        for tile in u.chunks_exact_mut(n) {
            for (j, lane) in tile.iter_mut().enumerate() {
                let delta = curve.rest[j]
                    + crate::linalg::dot(&x1[j * view.k1..(j + 1) * view.k1], &curve.beta);
                lane.iter_mut().for_each(|u| *u += delta);
            }
        }
        Some((
            u,
            price_slopes(&view, &curve.coefficients, &mean_slopes(&view, &curve.beta)),
        ))
    }

    /// Utilities (with `delta`) and slopes at prices.
    pub fn utilities(&self, prices: &[f64]) -> (Lanes, Lanes) {
        self.at(prices).unwrap_or_else(|| {
            let n = self.view.products();
            let u = Lanes::from_fn(self.base.len(), |i| {
                let move_by = prices[i % n] - self.base_prices[i % n];
                std::array::from_fn(|l| self.base[i][l] + self.alpha[i][l] * move_by)
            });
            (u, Lanes::from_fn(self.alpha.len(), |i| self.alpha[i]))
        })
    }

    /// Choices of all agents at prices, with the slopes there.
    pub fn choices(&self, prices: &[f64], rho: &[f64], present: &[bool]) -> (Choices, Lanes) {
        let (mut u, alpha) = self.utilities(prices);
        remove(&mut u, present);
        let zero = vec![0.0; self.view.products()];
        let mut map = ShareMap::new(self.view, &u, &zero, rho);
        (map.choices(&zero), alpha)
    }
}

/// Utility so low that no agent ever chooses the product.
const ABSENT: f64 = -1e6;

fn remove(u: &mut [Lane], present: &[bool]) {
    if present.iter().any(|p| !p) {
        let n = present.len();
        for (i, lane) in u.iter_mut().enumerate() {
            if !present[i % n] {
                *lane = [ABSENT; LANES];
            }
        }
    }
}

/// The sums of one pass over agents.
struct Sums {
    /// `sum_r w s`.
    shares: Vec<f64>,
    /// `sum_r w A/lambda`.
    slopes: Vec<f64>,
    /// `sum_r w A ((rho/lambda) Tc + T)`.
    cross: Vec<f64>,
}

struct Pass<'a> {
    market: &'a PricedMarket<'a>,
    u: &'a [Lane],
    alpha: &'a [Lane],
    /// `p - base price`; empty when `u` is at the prices.
    moved: &'a [f64],
    present: &'a [bool],
    ownership: &'a Ownership,
    cells: &'a Cells,
    margins: &'a [f64],
    out: &'a mut [[Half; 3]],
}

impl Kernel for Pass<'_> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let view = &self.market.view;
        let n = view.products();
        let nests = self.market.nest_lambda.len();
        let rows = self.ownership.rows();
        let mut e = vec![ZERO; n];
        let mut a = vec![ZERO; n];
        let mut total = vec![ZERO; rows];
        let mut within = vec![ZERO; self.cells.count()];
        let mut top = vec![ZERO; nests.max(1)];
        let mut d = vec![ZERO; nests];
        for t in 0..view.tiles() {
            let w = &view.weights[t];
            let (u, alpha) = (&self.u[t * n..(t + 1) * n], &self.alpha[t * n..(t + 1) * n]);
            top.fill(if nests == 0 {
                ZERO
            } else {
                [f64::NEG_INFINITY; LANES]
            });
            for j in 0..n {
                e[j] = u[j];
                if !self.moved.is_empty() {
                    add_scaled::<FMA>(&mut e[j], &alpha[j], self.moved[j]);
                }
                if !self.present[j] {
                    e[j] = [ABSENT; LANES];
                }
                let top = &mut top[if nests == 0 { 0 } else { view.nest[j] as usize }];
                for l in 0..LANES {
                    top[l] = if e[j][l] > top[l] { e[j][l] } else { top[l] };
                }
            }
            if nests == 0 {
                let mut shift = ZERO;
                for l in 0..LANES {
                    shift[l] = -top[0][l];
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
                for l in 0..LANES {
                    sum[l] = 1.0 / sum[l];
                }
                for e in &mut e {
                    for l in 0..LANES {
                        e[l] *= sum[l];
                    }
                }
            } else {
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
                for l in 0..LANES {
                    a[j][l] = w[l] * alpha[j][l] * e[j][l];
                }
                let out = &mut self.out[j];
                fold_product::<FMA>(&mut out[0], w, &e[j]);
                for l in 0..LANES / 2 {
                    out[1][l] += a[j][l] + a[j][l + LANES / 2];
                }
                if nests == 0 {
                    fold_product::<FMA>(&mut out[2], &a[j], total);
                } else {
                    let lambda = self.market.lambda[j];
                    let within = &within[self.cells.of[j] as usize];
                    let mut both = ZERO;
                    for l in 0..LANES {
                        both[l] = fma::<FMA>(within[l], (1.0 - lambda) / lambda, total[l]);
                    }
                    fold_product::<FMA>(&mut out[2], &a[j], &both);
                }
            }
        }
    }
}

/// A market whose prices are to be found.
pub(crate) struct Game<'a> {
    pub market: &'a PricedMarket<'a>,
    pub ownership: &'a Ownership,
    cells: Cells,
    /// `c~` and `phi`.
    costs: Vec<f64>,
    phi: Vec<f64>,
    lower: Vec<f64>,
    upper: Vec<f64>,
    present: Vec<bool>,
    notch: Vec<Option<Notch>>,
    /// Whether each product takes the bonus of its notch.
    below: Vec<bool>,
    bounded: bool,
    evaluations: usize,
    scratch: Vec<[Half; 3]>,
}

fn or_default(values: &[f64], n: usize, default: f64) -> Vec<f64> {
    if values.is_empty() {
        vec![default; n]
    } else {
        values.to_vec()
    }
}

impl<'a> Game<'a> {
    /// `costs` are the producers' own.
    pub fn new(
        market: &'a PricedMarket<'a>,
        ownership: &'a Ownership,
        costs: &[f64],
        terms: &Terms,
    ) -> Self {
        let n = costs.len();
        let ad_valorem = or_default(&terms.ad_valorem, n, 0.0);
        let specific = or_default(&terms.specific, n, 0.0);
        let notch = if terms.notch.is_empty() {
            vec![None; n]
        } else {
            terms.notch.clone()
        };
        let lower = or_default(&terms.floor, n, f64::NEG_INFINITY);
        let upper = or_default(&terms.ceiling, n, f64::INFINITY);
        Self {
            cells: Cells::new(&market.view, ownership),
            costs: (0..n)
                .map(|j| (1.0 + ad_valorem[j]) * costs[j] + specific[j])
                .collect(),
            phi: ad_valorem.iter().map(|v| 1.0 / (1.0 + v)).collect(),
            bounded: lower.iter().chain(&upper).any(|b| b.is_finite())
                || notch.iter().any(Option::is_some),
            lower,
            upper,
            present: if terms.present.is_empty() {
                vec![true; n]
            } else {
                terms.present.clone()
            },
            below: vec![false; n],
            notch,
            evaluations: 0,
            scratch: vec![[HALF; 3]; n],
            market,
            ownership,
        }
    }

    /// Cost, floor and ceiling in consumer prices under the regime that holds.
    fn regime(&self, j: usize) -> (f64, f64, f64) {
        match self.notch[j] {
            Some(notch) if self.below[j] => (
                self.costs[j] - notch.bonus,
                self.lower[j],
                self.upper[j].min(notch.ceiling - notch.bonus),
            ),
            // Just above the ceiling nothing is lost by being at it, but then the bonus would be paid.
            Some(notch) => (
                self.costs[j],
                self.lower[j].max(notch.ceiling),
                self.upper[j],
            ),
            None => (self.costs[j], self.lower[j], self.upper[j]),
        }
    }

    fn margins(&self, prices: &[f64]) -> Vec<f64> {
        (0..prices.len())
            .map(|j| {
                if self.present[j] {
                    self.phi[j] * (prices[j] - self.regime(j).0)
                } else {
                    0.0
                }
            })
            .collect()
    }

    fn sums(&mut self, prices: &[f64], margins: &[f64]) -> Sums {
        let curved = self.market.at(prices);
        let moved: Vec<f64> = if curved.is_some() {
            Vec::new()
        } else {
            prices
                .iter()
                .zip(&self.market.base_prices)
                .map(|(p, b)| p - b)
                .collect()
        };
        let (u, alpha): (&[Lane], &[Lane]) = match &curved {
            Some((u, alpha)) => (u, alpha),
            None => (&self.market.base, &self.market.alpha),
        };
        self.evaluations += 1;
        self.scratch.fill([HALF; 3]);
        self.market.view.level.run(Pass {
            market: self.market,
            u,
            alpha,
            moved: &moved,
            present: &self.present,
            ownership: self.ownership,
            cells: &self.cells,
            margins,
            out: &mut self.scratch,
        });
        let sum = |i: usize| {
            self.scratch
                .iter()
                .map(|h| simd::sum_half(&h[i]))
                .collect::<Vec<f64>>()
        };
        let slopes = sum(1)
            .iter()
            .zip(&self.market.lambda)
            .map(|(a, l)| a / l)
            .collect();
        Sums {
            shares: sum(0),
            slopes,
            cross: sum(2),
        }
    }

    /// One step of the fixed point into `next`; the shares at `prices` are returned, with the condition `F / slopes`.
    fn step(&mut self, prices: &[f64], next: &mut [f64], gap: &mut [f64]) -> Vec<f64> {
        let margins = self.margins(prices);
        let sums = self.sums(prices, &margins);
        for j in 0..prices.len() {
            if !self.present[j] {
                (next[j], gap[j]) = (prices[j], 0.0);
                continue;
            }
            let (cost, low, high) = self.regime(j);
            // Nobody left to react: the price is far too high, and halfway back to cost is a better guess than any.
            let margin = if sums.slopes[j] == 0.0 {
                0.5 * margins[j]
            } else {
                (sums.cross[j] - self.phi[j] * sums.shares[j]) / sums.slopes[j]
            };
            // A market that is all but taken at today's price gives an enormous markup: one step goes only so far.
            let far = 2.0 * prices[j].abs().max(cost.abs()).max(1e-3);
            let wanted = (cost + margin / self.phi[j]).clamp(prices[j] - far, prices[j] + far);
            next[j] = wanted.clamp(low.min(high), high);
            gap[j] = margins[j] - margin;
        }
        sums.shares
    }

    /// `F`, the derivative of each maker's profit by its own price.
    fn condition(&mut self, prices: &[f64]) -> Vec<f64> {
        let margins = self.margins(prices);
        let sums = self.sums(prices, &margins);
        (0..prices.len())
            .map(|j| self.phi[j] * sums.shares[j] + sums.slopes[j] * margins[j] - sums.cross[j])
            .collect()
    }

    /// Profit of the owner of each block of products.
    fn profits(&mut self, prices: &[f64]) -> Vec<f64> {
        let margins = self.margins(prices);
        let sums = self.sums(prices, &margins);
        self.ownership
            .blocks()
            .iter()
            .map(|block| {
                block
                    .iter()
                    .map(|j| margins[*j as usize] * sums.shares[*j as usize])
                    .sum()
            })
            .collect()
    }

    /// Moves `prices` to a fixed point; only products in `who` move when given.
    fn iterate(&mut self, prices: &mut [f64], options: &Pricing, who: Option<&[u32]>) -> bool {
        let n = prices.len();
        let (mut next, mut gap) = (vec![0.0; n], vec![0.0; n]);
        let mut history: Vec<(Vec<f64>, Vec<f64>)> = Vec::new();
        let mut best = f64::INFINITY;
        let mut since = 0;
        let start = self.evaluations;
        while self.evaluations - start < options.max_evaluations {
            self.step(prices, &mut next, &mut gap);
            if let Some(who) = who {
                for j in 0..n {
                    if who.binary_search(&(j as u32)).is_err() {
                        next[j] = prices[j];
                    }
                }
            }
            let change: Vec<f64> = next.iter().zip(&*prices).map(|(a, b)| a - b).collect();
            let worst = change
                .iter()
                .zip(&*prices)
                .map(|(c, p)| c.abs() / p.abs().max(1.0))
                .fold(
                    0.0,
                    |a: f64, b| if b.is_nan() { f64::NAN } else { a.max(b) },
                );
            if worst <= options.tolerance {
                prices.copy_from_slice(&next);
                return true;
            }
            if !worst.is_finite() {
                return false;
            }
            if worst < 0.5 * best {
                best = best.min(worst);
                since = 0;
            } else {
                since += 1;
            }
            // Twenty steps without half of the error gone: a Newton step, or the end when rounding is all that is left.
            if since >= 20 {
                if worst < 1e3 * options.tolerance {
                    prices.copy_from_slice(&next);
                    return true;
                }
                history.clear();
                since = 0;
                if who.is_none() && self.newton(prices, options) {
                    return true;
                }
                if self.evaluations - start > options.max_evaluations / 2 {
                    return false;
                }
                continue;
            }
            let accelerated = anderson(&mut history, prices, &change, options.memory);
            for j in 0..n {
                let (_, low, high) = self.regime(j);
                prices[j] = match &accelerated {
                    Some(x)
                        if x[j].is_finite()
                            && who.is_none_or(|w| w.binary_search(&(j as u32)).is_ok()) =>
                    {
                        x[j].clamp(low.min(high), high)
                    }
                    _ => next[j],
                };
            }
        }
        false
    }

    /// Newton on `F` over prices that are not on a bound, with steps halved until the condition improves.
    fn newton(&mut self, prices: &mut [f64], options: &Pricing) -> bool {
        let n = prices.len();
        let (mut next, mut gap) = (vec![0.0; n], vec![0.0; n]);
        for _ in 0..50 {
            self.step(prices, &mut next, &mut gap);
            let free: Vec<usize> = (0..n)
                .filter(|j| {
                    let (_, low, high) = self.regime(*j);
                    self.present[*j]
                        && !((next[*j] <= low || next[*j] >= high) && next[*j] == prices[*j])
                })
                .collect();
            let worst = |gap: &[f64], p: &[f64]| {
                free.iter()
                    .map(|j| gap[*j].abs() / p[*j].abs().max(1.0))
                    .fold(0.0, f64::max)
            };
            let now = worst(&gap, prices);
            if now <= options.tolerance.max(1e-13) {
                return true;
            }
            let f = self.condition(prices);
            let jacobian = self.jacobian(prices);
            let mut reduced = Matrix::zeros(free.len(), free.len());
            for (a, j) in free.iter().enumerate() {
                for (b, k) in free.iter().enumerate() {
                    reduced[(a, b)] = jacobian[(*j, *k)];
                }
            }
            let Some(factor) = Factor::new(free.len(), &reduced.data) else {
                return false;
            };
            let mut step: Vec<f64> = free.iter().map(|j| -f[*j]).collect();
            factor.solve(&mut step);
            let mut scale = 1.0;
            let mut improved = false;
            while scale > 1e-4 {
                let mut trial = prices.to_vec();
                for (a, j) in free.iter().enumerate() {
                    let (_, low, high) = self.regime(*j);
                    trial[*j] = (prices[*j] + scale * step[a]).clamp(low.min(high), high);
                }
                self.step(&trial, &mut next, &mut gap);
                let reached = worst(&gap, &trial);
                if reached < now {
                    prices.copy_from_slice(&trial);
                    improved = true;
                    break;
                }
                scale *= 0.5;
            }
            if !improved {
                return now < 1e-10;
            }
        }
        false
    }

    /// `dF_j/dp_l` of the market: analytic for utilities linear in the price without nests, else by central differences of `F`.
    pub fn jacobian(&mut self, prices: &[f64]) -> Matrix {
        let n = prices.len();
        if !self.market.is_linear() || self.market.view.nested() {
            let mut out = Matrix::zeros(n, n);
            let offered: Vec<usize> = (0..n).filter(|l| self.present[*l]).collect();
            for l in offered {
                let h = 1e-5 * prices[l].abs().max(0.1);
                let (mut up, mut down) = (prices.to_vec(), prices.to_vec());
                up[l] += h;
                down[l] -= h;
                let (up, down) = (self.condition(&up), self.condition(&down));
                for j in 0..n {
                    out[(j, l)] = (up[j] - down[j]) / (2.0 * h);
                }
            }
            return out;
        }
        self.analytic(prices, false)
    }

    /// The Hessian terms; `maker` gives each maker's own second derivatives, in which one of `n` equal makers moves alone.
    fn analytic(&self, prices: &[f64], maker: bool) -> Matrix {
        let n = prices.len();
        let view = &self.market.view;
        let margins = self.margins(prices);
        let (choices, alpha) = self.market.choices(prices, &[], &self.present);
        let a = crate::supply::sloped_shares(&choices, &alpha);
        let rows = self.ownership.rows();
        let mut totals = Lanes::zeros(view.tiles() * rows);
        for t in 0..view.tiles() {
            for row in 0..rows {
                for (k, share) in self.ownership.members(row) {
                    add_scaled::<false>(
                        &mut totals[t * rows + row],
                        &choices.p[t * n + k],
                        share * margins[k],
                    );
                }
            }
        }
        let total = |i: usize| &totals[i / n * rows + self.ownership.row[i % n] as usize];
        let with_total = Lanes::from_fn(a.len(), |i| {
            let t = total(i);
            std::array::from_fn(|l| a[i][l] * t[l])
        });
        let gram = |x: &[Lane], y: &[Lane], symmetric: bool| {
            let mut out = vec![0.0; n * n];
            Gram {
                rows: n,
                a: x,
                b: y,
                w: view.weights,
                symmetric,
                out: &mut out,
            }
            .at(view.level);
            out
        };
        let (g1, g2, g3) = (
            gram(&a, &a, true),
            gram(&with_total, &a, false),
            gram(&choices.p, &a, false),
        );
        let slopes = crate::supply::weighted_sums(view, &a);
        let second = Lanes::from_fn(a.len(), |i| {
            let t = total(i);
            std::array::from_fn(|l| alpha[i][l] * a[i][l] * (margins[i % n] - t[l]))
        });
        let second = crate::supply::weighted_sums(view, &second);
        let mut out = Matrix::zeros(n, n);
        for j in 0..n {
            let mut kappa = vec![0.0; n];
            for (k, share) in self.ownership.members(self.ownership.row[j] as usize) {
                kappa[k] = share;
            }
            let own = if maker { kappa[j] } else { 1.0 };
            for l in 0..n {
                let jl = j * n + l;
                // The first bracket moves every product's denominator, the second only what the maker owns.
                let rivals = if maker { kappa[l].min(own) } else { 1.0 };
                let lj = l * n + j;
                out[(j, l)] = -rivals * (self.phi[j] * g3[jl] + margins[j] * g1[jl] - 2.0 * g2[jl])
                    - kappa[l] * (self.phi[l] * g3[lj] + margins[l] * g1[jl]);
            }
            out[(j, j)] += 2.0 * self.phi[j] * slopes[j] + second[j];
        }
        out
    }

    /// Solves from `prices`; with bounds, notches or on request compares other local optima of each maker.
    pub fn solve(&mut self, prices: &mut [f64], options: &Pricing) -> Verdict {
        for j in 0..prices.len() {
            if let Some(notch) = self.notch[j] {
                self.below[j] = prices[j] + notch.bonus <= notch.ceiling;
            }
            let (cost, low, high) = self.regime(j);
            prices[j] = prices[j].max(cost).clamp(low.min(high), high);
        }
        let mut converged = self.iterate(prices, options, None);
        let mut cycles = false;
        if self.bounded || options.search {
            cycles = true;
            // Rounds of better responses; as many as there are makers, twice over, is long for a game that settles.
            for _ in 0..2 * self.ownership.blocks().len().max(5) {
                if !self.better_response(prices, options) {
                    cycles = false;
                    break;
                }
                converged = self.iterate(prices, options, None);
            }
        }
        let mut verdict = self.judge(prices, options.check);
        verdict.converged &= converged;
        verdict.cycles = cycles;
        verdict
    }

    /// Lets every maker look at other local optima, rivals' prices held; moves to the first that pays better. `false` when none does.
    fn better_response(&mut self, prices: &mut [f64], options: &Pricing) -> bool {
        let blocks = self.ownership.blocks().to_vec();
        let now = self.profits(prices);
        for (b, block) in blocks.iter().enumerate() {
            let held = self.below.clone();
            let mut starts: Vec<(Vec<f64>, Vec<bool>)> = Vec::new();
            // All prices of the maker low or high, then each product across its notch or on its other side.
            for factor in [0.2, 3.0] {
                let mut start = prices.to_vec();
                for j in block {
                    let j = *j as usize;
                    let (cost, _, _) = self.regime(j);
                    start[j] = cost + factor * (prices[j] - cost).abs().max(0.1 * cost.abs());
                }
                starts.push((start, held.clone()));
            }
            for j in block {
                let j = *j as usize;
                if self.notch[j].is_some() {
                    let mut below = held.clone();
                    below[j] = !below[j];
                    starts.push((prices.to_vec(), below));
                }
                for bound in [self.lower[j], self.upper[j]] {
                    if bound.is_finite() {
                        let mut start = prices.to_vec();
                        start[j] = bound;
                        starts.push((start, held.clone()));
                    }
                }
            }
            for (mut start, below) in starts {
                self.below = below;
                for j in block {
                    let (_, low, high) = self.regime(*j as usize);
                    start[*j as usize] = start[*j as usize].clamp(low.min(high), high);
                }
                if self.iterate(&mut start, options, Some(block)) {
                    let profit = self.profits(&start)[b];
                    if profit > now[b] + 1e-9 * now[b].abs().max(1e-12) {
                        prices.copy_from_slice(&start);
                        return true;
                    }
                }
            }
            self.below = held;
        }
        false
    }

    /// First- and second-order conditions at given prices.
    pub fn judge(&mut self, prices: &[f64], check: bool) -> Verdict {
        let n = prices.len();
        let (mut next, mut gap) = (vec![0.0; n], vec![0.0; n]);
        self.step(prices, &mut next, &mut gap);
        let mut verdict = Verdict {
            spectral_radius: f64::NAN,
            ..Verdict::default()
        };
        for j in (0..n).filter(|j| self.present[*j]) {
            let (_, low, high) = self.regime(j);
            // Projection has the last word on a bound: moving off it would not pay.
            let on = (prices[j] <= low && next[j] <= low) || (prices[j] >= high && next[j] >= high);
            if on {
                verdict.bound.push(j);
            } else {
                let error = gap[j].abs();
                verdict.first_order = if error.is_nan() {
                    f64::NAN
                } else {
                    verdict.first_order.max(error)
                };
            }
        }
        let scale = prices.iter().fold(1.0_f64, |a, p| a.max(p.abs()));
        verdict.converged = verdict.first_order <= 1e-8 * scale;
        if check {
            let jacobian = self.jacobian(prices);
            let own = if self.market.is_linear() && !self.market.view.nested() {
                self.analytic(prices, true)
            } else {
                jacobian.clone()
            };
            let free =
                |j: &&u32| self.present[**j as usize] && !verdict.bound.contains(&(**j as usize));
            let mut not_maxima = Vec::new();
            for block in self.ownership.blocks() {
                let members: Vec<usize> = block.iter().filter(free).map(|j| *j as usize).collect();
                let mut h = Matrix::zeros(members.len(), members.len());
                for (a, j) in members.iter().enumerate() {
                    for (b, k) in members.iter().enumerate() {
                        h[(a, b)] = f64::midpoint(own[(*j, *k)], own[(*k, *j)]);
                    }
                }
                let largest = symmetric_eigenvalues(&h).and_then(|v| v.last().copied());
                if members.is_empty() || largest.is_some_and(|v| v < 0.0) {
                    continue;
                }
                not_maxima.extend(members);
            }
            verdict.not_maxima = not_maxima;
            let margins = self.margins(prices);
            let sums = self.sums(prices, &margins);
            let members: Vec<usize> = (0..n)
                .filter(|j| self.present[*j] && !verdict.bound.contains(j))
                .collect();
            let mut map = Matrix::zeros(members.len(), members.len());
            for (a, j) in members.iter().enumerate() {
                for (b, k) in members.iter().enumerate() {
                    let unit = if a == b { 1.0 } else { 0.0 };
                    map[(a, b)] = unit - jacobian[(*j, *k)] / (self.phi[*j] * sums.slopes[*j]);
                }
            }
            verdict.spectral_radius = spectral_radius(&map).unwrap_or(f64::NAN);
        }
        verdict.evaluations = self.evaluations;
        verdict
    }
}

/// Anderson's acceleration (Walker and Ni 2011, type II): the combination of past steps whose changes cancel best.
pub(crate) fn anderson(
    history: &mut Vec<(Vec<f64>, Vec<f64>)>,
    x: &[f64],
    change: &[f64],
    memory: usize,
) -> Option<Vec<f64>> {
    if memory == 0 {
        return None;
    }
    history.push((x.to_vec(), change.to_vec()));
    if history.len() > memory + 1 {
        history.remove(0);
    }
    let m = history.len() - 1;
    if m == 0 {
        return None;
    }
    let n = x.len();
    let difference = |i: usize, k: usize| history[i + 1].1[k] - history[i].1[k];
    let mut normal = Matrix::zeros(m, m);
    let mut rhs = vec![0.0; m];
    for a in 0..m {
        for b in 0..=a {
            let v: f64 = (0..n).map(|k| difference(a, k) * difference(b, k)).sum();
            normal[(a, b)] = v;
            normal[(b, a)] = v;
        }
        rhs[a] = (0..n).map(|k| difference(a, k) * change[k]).sum();
    }
    // A little of the diagonal keeps nearly parallel differences from blowing the combination up.
    for a in 0..m {
        normal[(a, a)] *= 1.0 + 1e-10;
    }
    Factor::new(m, &normal.data)?.solve(&mut rhs);
    if rhs.iter().any(|g| !g.is_finite() || g.abs() > 1e4) {
        history.drain(..history.len() - 1);
        return None;
    }
    Some(
        (0..n)
            .map(|k| {
                let correction: f64 = (0..m)
                    .map(|i| rhs[i] * (history[i + 1].0[k] - history[i].0[k] + difference(i, k)))
                    .sum();
                x[k] + change[k] - correction
            })
            .collect(),
    )
}
