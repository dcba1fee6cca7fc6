//! The makers' game in one market: fixed point, Newton, second-order conditions, other local optima.

use super::curvature::Curvature;
use super::kept::{Kept, Places};
use super::pass::{Pass, Sums};
use super::step::{Change, Regimes, Step};
use super::{Notch, PricedMarket, Pricing, Terms, Verdict};
use crate::accelerate::Anderson;
use crate::linalg::{Factor, Matrix, is_negative_definite, spectral_radius};
use crate::simd::{self, HALF, Half};
use crate::supply::{Cells, Ownership};

/// Largest relative change of a price from which single precision, good to seven digits, has no more to say.
const NEAR: f64 = 1e-5;

/// Largest change of a price, in tolerances, after which the next may be the last.
const NEARLY: f64 = 30.0;

/// Newton's attempts that end nowhere before a market counts as one without equilibrium: where the condition has no zero, all of them end at
/// its smallest value.
const ATTEMPTS: usize = 4;

/// A market whose prices are to be found.
pub(crate) struct Game<'a> {
    pub market: &'a PricedMarket<'a>,
    pub ownership: &'a Ownership,
    cells: Cells,
    /// `c~` and `phi`.
    costs: Vec<f64>,
    phi: Vec<f64>,
    /// `1/phi`.
    ad_valorem: Vec<f64>,
    /// Floors, ceilings and notches by product; empty where there are none.
    lower: Vec<f64>,
    upper: Vec<f64>,
    notch: Vec<Option<Notch>>,
    present: Vec<bool>,
    /// Whether each product takes the bonus of its notch, and the regimes that hold then.
    below: Vec<bool>,
    regimes: Regimes,
    bounded: bool,
    evaluations: usize,
    /// Exponentials of a market without nests, in double precision and, while prices are far, in single.
    places: Places,
    kept: Option<Kept<'a, f64>>,
    rough: Option<Kept<'a, f32>>,
    scratch: Vec<[Half; 3]>,
    /// Whether prices are too far from the fixed point for anyone to ask for shares.
    far: bool,
    /// Margins and sums over agents of the last evaluation.
    margins: Vec<f64>,
    sums: Sums,
    last: Last,
}

/// The last step of the fixed point and the regimes it was taken under: conditions at prices just found need no evaluation more.
#[derive(Default)]
struct Last {
    prices: Vec<f64>,
    below: Vec<bool>,
    /// Where the step leads, and the condition `F / slopes`.
    next: Vec<f64>,
    gap: Vec<f64>,
    /// Whether the game's sums are those of the step, shares among them.
    whole: bool,
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
        let wedge = |values: &[f64], j: usize| values.get(j).copied().unwrap_or(0.0);
        let cost =
            |j: usize| (1.0 + wedge(&terms.ad_valorem, j)) * costs[j] + wedge(&terms.specific, j);
        let present = if terms.present.is_empty() {
            vec![true; n]
        } else {
            terms.present.clone()
        };
        let places = Places::new(market, ownership, &present);
        let phi: Vec<f64> = (0..n)
            .map(|j| 1.0 / (1.0 + wedge(&terms.ad_valorem, j)))
            .collect();
        let finite = |bounds: &[f64]| bounds.iter().any(|b| b.is_finite());
        let mut game = Self {
            cells: Cells::new(&market.view, ownership),
            costs: (0..n).map(cost).collect(),
            ad_valorem: (0..n).map(|j| 1.0 + wedge(&terms.ad_valorem, j)).collect(),
            bounded: finite(&terms.floor)
                || finite(&terms.ceiling)
                || terms.notch.iter().any(Option::is_some),
            lower: terms.floor.clone(),
            upper: terms.ceiling.clone(),
            kept: (!market.view.nested()).then(|| Kept::new(market, &places, &phi)),
            phi,
            places,
            rough: None,
            present,
            below: Vec::new(),
            regimes: Regimes::default(),
            notch: terms.notch.clone(),
            evaluations: 0,
            scratch: if market.view.nested() {
                vec![[HALF; 3]; n]
            } else {
                Vec::new()
            },
            far: false,
            margins: Vec::with_capacity(n),
            sums: Sums::default(),
            last: Last::default(),
            market,
            ownership,
        };
        game.take(vec![false; n]);
        game
    }

    /// Takes the bonuses that are said, and the regimes that come with them.
    fn take(&mut self, below: Vec<bool>) {
        self.below = below;
        let Regimes {
            mut cost,
            mut low,
            mut high,
        } = std::mem::take(&mut self.regimes);
        cost.clone_from(&self.costs);
        let bound = |out: &mut Vec<f64>, values: &[f64], none: f64| {
            out.clear();
            out.extend_from_slice(values);
            out.resize(cost.len(), none);
        };
        bound(&mut low, &self.lower, f64::NEG_INFINITY);
        bound(&mut high, &self.upper, f64::INFINITY);
        for (j, notch) in self.notch.iter().enumerate() {
            match notch {
                Some(notch) if self.below[j] => {
                    cost[j] -= notch.bonus;
                    high[j] = high[j].min(notch.ceiling - notch.bonus);
                }
                // Just above the ceiling nothing is lost by being at it, but then the bonus would be paid.
                Some(notch) => low[j] = low[j].max(notch.ceiling),
                None => {}
            }
        }
        self.regimes = Regimes { cost, low, high };
    }

    /// Margins at prices; of products that are not offered none.
    fn margins(&self, prices: &[f64]) -> impl Iterator<Item = f64> {
        let terms = self.phi.iter().zip(&self.regimes.cost).zip(&self.present);
        prices
            .iter()
            .zip(terms)
            .map(|(price, ((phi, cost), present))| {
                let margin = phi * (price - cost);
                if *present { margin } else { 0.0 }
            })
    }

    /// Margins at prices and the sums over agents there; far from the fixed point without shares, which are then part of `cross`.
    fn evaluate(&mut self, prices: &[f64]) {
        self.evaluations += 1;
        self.last.whole = false;
        let mut margins = std::mem::take(&mut self.margins);
        margins.clear();
        margins.extend(self.margins(prices));
        self.margins = margins;
        let (places, margins) = (&self.places, &self.margins);
        if let Some(rough) = &mut self.rough {
            rough.sums(places, prices, margins, !self.far, &mut self.sums);
            return;
        }
        if let Some(kept) = &mut self.kept {
            kept.sums(places, prices, margins, !self.far, &mut self.sums);
            return;
        }
        self.scratch.fill([HALF; 3]);
        self.market.view.level.run(Pass {
            market: self.market,
            made: &self.market.at(prices),
            present: &self.present,
            ownership: self.ownership,
            cells: &self.cells,
            margins: &self.margins,
            out: &mut self.scratch,
        });
        let sums = [
            &mut self.sums.shares,
            &mut self.sums.slopes,
            &mut self.sums.cross,
        ];
        for (i, values) in sums.into_iter().enumerate() {
            values.clear();
            values.extend(self.scratch.iter().map(|h| simd::sum_half(&h[i])));
        }
        for (slope, lambda) in self.sums.slopes.iter_mut().zip(&self.market.lambda) {
            *slope /= lambda;
        }
    }

    /// Whether the last step was taken at prices.
    fn was_last(&self, prices: &[f64]) -> bool {
        self.last.prices == prices && self.last.below == self.below
    }

    /// One step of the fixed point from prices, into [`Self::last`].
    fn step(&mut self, prices: &[f64]) {
        if self.was_last(prices) {
            return;
        }
        self.evaluate(prices);
        let last = &mut self.last;
        last.prices.clear();
        last.prices.extend_from_slice(prices);
        last.below.clone_from(&self.below);
        last.next.resize(prices.len(), 0.0);
        last.gap.resize(prices.len(), 0.0);
        last.whole = !self.far;
        self.market.view.level.run(Step {
            prices,
            margins: &self.margins,
            sums: &self.sums,
            phi: &self.phi,
            ad_valorem: &self.ad_valorem,
            regimes: &self.regimes,
            next: &mut last.next,
            gap: &mut last.gap,
        });
        for (j, _) in self.present.iter().enumerate().filter(|(_, p)| !**p) {
            (last.next[j], last.gap[j]) = (prices[j], 0.0);
        }
    }

    /// Market shares at prices.
    pub fn shares(&mut self, prices: &[f64]) -> Vec<f64> {
        self.evaluate_whole(prices);
        self.sums.shares.clone()
    }

    /// [`Self::evaluate`], unless the sums at hand are those of prices.
    fn evaluate_whole(&mut self, prices: &[f64]) {
        if !(self.was_last(prices) && self.last.whole) {
            self.evaluate(prices);
        }
    }

    /// `F`, the derivative of each maker's profit by its own price.
    fn condition(&mut self, prices: &[f64]) -> Vec<f64> {
        self.evaluate(prices);
        let (margins, sums) = (&self.margins, &self.sums);
        (0..prices.len())
            .map(|j| self.phi[j] * sums.shares[j] + sums.slopes[j] * margins[j] - sums.cross[j])
            .collect()
    }

    /// Profit of the owner of each block of products.
    fn profits(&mut self, prices: &[f64]) -> Vec<f64> {
        self.evaluate(prices);
        let (margins, sums) = (&self.margins, &self.sums);
        self.ownership
            .blocks()
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
        if self.kept.is_some() && who.is_none() && options.tolerance < NEAR {
            self.rough = Kept::rough(self.market, &self.places, &self.phi);
            if let Some(rough) = &mut self.rough {
                rough.tolerate(NEAR);
            }
        }
        if let Some(kept) = &mut self.kept {
            kept.tolerate(options.tolerance);
        }
        self.far = true;
        let converged = self.search(prices, options, who);
        self.far = false;
        if self.rough.take().is_some() {
            self.last = Last::default();
        }
        converged
    }

    /// [`Self::iterate`], in single precision as long as there is any.
    fn search(&mut self, prices: &mut [f64], options: &Pricing, who: Option<&[u32]>) -> bool {
        let n = prices.len();
        let mut memory = Anderson::new(n, options.memory);
        let mut numbers = vec![0.0; 3 * n];
        let (next, rest) = numbers.split_at_mut(n);
        let (accelerated, change) = rest.split_at_mut(n);
        let level = self.market.view.level;
        let mut best = f64::INFINITY;
        let mut since = 0;
        let mut attempts = 0;
        let start = self.evaluations;
        while self.evaluations - start < options.max_evaluations {
            self.step(prices);
            next.copy_from_slice(&self.last.next);
            if let Some(who) = who {
                for j in 0..n {
                    if who.binary_search(&(j as u32)).is_err() {
                        next[j] = prices[j];
                    }
                }
            }
            let worst = level.run(Change {
                from: prices,
                to: next,
                by: change,
            });
            if worst < 0.5 * best {
                best = best.min(worst);
                since = 0;
                attempts = 0;
            } else {
                since += 1;
            }
            self.far = worst > NEARLY * options.tolerance;
            let refine = self.rough.is_some() && !(worst > NEAR && since < 3);
            if refine {
                self.rough = None;
                self.last = Last::default();
            } else if worst <= options.tolerance {
                // The last evaluation was at these very prices, so that its shares and conditions are theirs.
                return true;
            }
            if !worst.is_finite() {
                if refine {
                    continue;
                }
                return false;
            }
            // Twenty steps without half of the error gone: a Newton step, or the end when rounding is all that is left.
            if since >= 20 {
                if worst < 1e3 * options.tolerance {
                    prices.copy_from_slice(next);
                    return true;
                }
                memory.reset();
                since = 0;
                self.far = false;
                if who.is_none() && self.newton(prices, options) {
                    return true;
                }
                attempts += 1;
                if attempts == ATTEMPTS {
                    return false;
                }
                continue;
            }
            memory.step(prices, change, accelerated);
            if refine {
                memory.begin_anew();
            }
            for j in 0..n {
                prices[j] = if accelerated[j].is_finite() {
                    self.regimes.within(j, accelerated[j])
                } else {
                    next[j]
                };
            }
        }
        false
    }

    /// Newton on `F` over prices that are not on a bound, with steps halved until the condition improves.
    fn newton(&mut self, prices: &mut [f64], options: &Pricing) -> bool {
        let n = prices.len();
        for _ in 0..50 {
            self.step(prices);
            let (next, gap) = (&self.last.next, &self.last.gap);
            let free: Vec<usize> = (0..n)
                .filter(|j| {
                    let (low, high) = (self.regimes.low[*j], self.regimes.high[*j]);
                    self.present[*j]
                        && !((next[*j] <= low || next[*j] >= high) && next[*j] == prices[*j])
                })
                .collect();
            let worst = |gap: &[f64], p: &[f64]| {
                free.iter()
                    .map(|j| gap[*j].abs() / p[*j].abs().max(1.0))
                    .fold(0.0, f64::max)
            };
            let now = worst(gap, prices);
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
                    trial[*j] = self.regimes.within(*j, prices[*j] + scale * step[a]);
                }
                self.step(&trial);
                let reached = worst(&self.last.gap, &trial);
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
        self.analytic(prices).0
    }

    /// The Jacobian of `F`, and each maker's own second derivatives, where [`Curvature`] gives them.
    fn analytic(&self, prices: &[f64]) -> (Matrix, Matrix) {
        let margins: Vec<f64> = self.margins(prices).collect();
        let (choices, alpha) = self.market.choices(prices, &[], &self.present);
        let view = &self.market.view;
        Curvature::new(view, self.ownership, &choices, &alpha, &self.phi, &margins).matrices()
    }

    /// Solves from `prices`; with bounds, notches or on request compares other local optima of each maker.
    pub fn solve(&mut self, prices: &mut [f64], options: &Pricing) -> Verdict {
        let mut below = std::mem::take(&mut self.below);
        for (j, notch) in self.notch.iter().enumerate() {
            below[j] = notch.is_some_and(|n| prices[j] + n.bonus <= n.ceiling);
        }
        self.take(below);
        for (j, price) in prices.iter_mut().enumerate() {
            *price = self.regimes.within(j, price.max(self.regimes.cost[j]));
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
        let ownership = self.ownership;
        let now = self.profits(prices);
        for (b, block) in ownership.blocks().enumerate() {
            let held = self.below.clone();
            let mut starts: Vec<(Vec<f64>, Vec<bool>)> = Vec::new();
            // All prices of the maker low or high, then each product across its notch or on its other side.
            for factor in [0.2, 3.0] {
                let mut start = prices.to_vec();
                for j in block {
                    let j = *j as usize;
                    let cost = self.regimes.cost[j];
                    start[j] = cost + factor * (prices[j] - cost).abs().max(0.1 * cost.abs());
                }
                starts.push((start, held.clone()));
            }
            for j in block {
                let j = *j as usize;
                if self.notch.get(j).is_some_and(Option::is_some) {
                    let mut below = held.clone();
                    below[j] = !below[j];
                    starts.push((prices.to_vec(), below));
                }
                let bounds = [self.lower.get(j), self.upper.get(j)];
                for bound in bounds.into_iter().flatten().copied() {
                    if bound.is_finite() {
                        let mut start = prices.to_vec();
                        start[j] = bound;
                        starts.push((start, held.clone()));
                    }
                }
            }
            for (mut start, below) in starts {
                self.take(below);
                for j in block {
                    let j = *j as usize;
                    start[j] = self.regimes.within(j, start[j]);
                }
                if self.iterate(&mut start, options, Some(block)) {
                    let profit = self.profits(&start)[b];
                    if profit > now[b] + 1e-9 * now[b].abs().max(1e-12) {
                        prices.copy_from_slice(&start);
                        return true;
                    }
                }
            }
            self.take(held);
        }
        false
    }

    /// First- and second-order conditions at given prices.
    pub fn judge(&mut self, prices: &[f64], check: bool) -> Verdict {
        let n = prices.len();
        self.step(prices);
        let (next, gap) = (&self.last.next, &self.last.gap);
        let mut verdict = Verdict {
            spectral_radius: f64::NAN,
            ..Verdict::default()
        };
        for j in (0..n).filter(|j| self.present[*j]) {
            let (low, high) = (self.regimes.low[j], self.regimes.high[j]);
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
            let (jacobian, own) = if self.market.is_linear() && !self.market.view.nested() {
                self.analytic(prices)
            } else {
                let jacobian = self.jacobian(prices);
                (jacobian.clone(), jacobian)
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
                if !is_negative_definite(&h) {
                    not_maxima.extend(members);
                }
            }
            verdict.not_maxima = not_maxima;
            self.evaluate_whole(prices);
            let members: Vec<usize> = (0..n)
                .filter(|j| self.present[*j] && !verdict.bound.contains(j))
                .collect();
            let mut map = Matrix::zeros(members.len(), members.len());
            for (a, j) in members.iter().enumerate() {
                for (b, k) in members.iter().enumerate() {
                    let unit = if a == b { 1.0 } else { 0.0 };
                    map[(a, b)] = unit - jacobian[(*j, *k)] / (self.phi[*j] * self.sums.slopes[*j]);
                }
            }
            verdict.spectral_radius = spectral_radius(&map).unwrap_or(f64::NAN);
        }
        verdict.evaluations = self.evaluations;
        verdict
    }
}
