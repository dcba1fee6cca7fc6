//! Demand where random tastes differ by class of product and price sensitivity by income.
//!
//! Products of a market fall into classes (segment by powertrain, say), classes into nests. Buyer `i = (k, n)` has income `k` and tastes
//! `n`; with money terms `m_j = p_j + b_j` his utility is `u_ij = x_j - a_k m_j + tau_n,class(j) + D`, nested with one `lambda = 1 - rho`
//! for all nests. Then `exp(u_ij / lambda) = E_kj T_n,class(j)`: one exponential a product and income, and everything that runs over
//! buyers runs over classes:
//!
//! `S_kc = sum_{j in c} E_kj`, `N_ih = sum_{c in h} T_nc S_kc`, `P_ih = e^D N_ih^lambda / (1 + e^D sum N^lambda)`,
//! `s_ij = E_kj R_i,class(j)` with `R_ic = T_nc P_ih / N_ih`.
//!
//! Prices are Bertrand-Nash by maker. A group of `n` equal makers behind one row owns `kappa = 1/n` of what it sees. In margins
//! `g_j = phi_j (p_j - c~_j)` (the notation of the pricing module) the fixed point of Morrow and Skerlos (2011) is
//! `g_j = lambda (phi_j s_j + sum_i w_i a_k s_ij (rho/lambda Tc_ih + T_i)) / sum_i w_i a_k s_ij`, where `T` is the maker's expected margin
//! from the buyer and `Tc` the same within the nest; both are sums over the maker's classes.
//!
//! The general solver of this crate gives the same numbers (`tests/classes.rs`); this one is for models that solve thousands of markets.

use crate::accelerate::Anderson;
use crate::error::{Defect, Error};
use crate::linalg::{Matrix, symmetric_eigenvalues};
use crate::simd::{self, Kernel, LANES, Lane, Level, ZERO, add_scaled, fma};

/// Nests that a market may have.
const NESTS: usize = 16;

/// Tastes by class, the same in every market: up to sixteen nodes.
#[derive(Debug, Clone)]
pub struct ClassTastes {
    nest: Vec<u8>,
    nests: usize,
    lambda: f64,
    /// `exp(tau / lambda)` by class.
    factor: Vec<Lane>,
    weight: Lane,
    level: Level,
}

impl ClassTastes {
    /// Tastes `nodes`, each a weight and a taste for every class (utility); `nest` gives the nest of every class.
    ///
    /// # Errors
    /// More than sixteen nodes or nests, weights that do not sum to one, `lambda` outside (0, 1], lengths that differ.
    pub fn new(nest: &[u8], lambda: f64, nodes: &[(f64, Vec<f64>)]) -> Result<Self, Error> {
        let mut defects = Vec::new();
        let nests = nest.iter().max().map_or(0, |n| usize::from(*n) + 1);
        if nests > NESTS || nest.is_empty() {
            defects.push(Defect::new(
                "nests",
                format!("{nests} nests, expected 1 to {NESTS}"),
            ));
        }
        if !(lambda > 0.0 && lambda <= 1.0) {
            defects.push(Defect::new("lambda", format!("{lambda} is not in (0, 1]")));
        }
        if nodes.is_empty() || nodes.len() > LANES {
            defects.push(Defect::new(
                "nodes",
                format!("{} nodes, expected 1 to {LANES}", nodes.len()),
            ));
        }
        for (i, (_, taste)) in nodes.iter().enumerate() {
            if taste.len() != nest.len() || taste.iter().any(|t| !t.is_finite()) {
                defects.push(Defect::new(
                    format!("node {i}"),
                    format!(
                        "expected {} finite tastes, found {}",
                        nest.len(),
                        taste.len()
                    ),
                ));
            }
        }
        let total: f64 = nodes.iter().map(|(w, _)| w).sum();
        if !((total - 1.0).abs() < 1e-9) {
            defects.push(Defect::new(
                "weights",
                format!("they sum to {total}, expected 1"),
            ));
        }
        if !defects.is_empty() {
            return Err(Error::Invalid(defects));
        }
        Ok(Self {
            nest: nest.to_vec(),
            nests,
            lambda,
            // Lanes beyond the nodes have no weight.
            factor: (0..nest.len())
                .map(|c| {
                    std::array::from_fn(|l| {
                        nodes.get(l).map_or(1.0, |(_, t)| (t[c] / lambda).exp())
                    })
                })
                .collect(),
            weight: std::array::from_fn(|l| nodes.get(l).map_or(0.0, |(w, _)| *w)),
            level: Level::detect(),
        })
    }

    /// The same at another instruction level.
    #[must_use]
    pub fn at_level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.nest.len()
    }

    /// `1 - rho`.
    pub fn lambda(&self) -> f64 {
        self.lambda
    }
}

/// Buyers of a market by income: utility of a unit of money, and weight (summing to one).
#[derive(Debug, Clone, PartialEq)]
pub struct Buyers {
    /// Utility of a unit of money.
    pub slope: Vec<f64>,
    /// Weight.
    pub weight: Vec<f64>,
}

/// Who sells what in a market: the class of each product and its maker.
#[derive(Debug, Clone, Default)]
pub struct ClassLayout {
    class: Vec<u8>,
    /// Pair of maker and class of each product.
    cell: Vec<u16>,
    /// Class of each pair; pairs of a maker are contiguous.
    cell_class: Vec<u8>,
    /// First pair of each maker, and one past the last.
    maker_start: Vec<u16>,
    /// Part that one of a maker's equal firms owns.
    kappa: Vec<f64>,
    /// Classes with a product.
    active: Vec<u8>,
}

impl ClassLayout {
    /// `maker` numbers the makers of the market from 0; `firms[maker]` is the number of equal firms behind it, 1 or more.
    ///
    /// # Errors
    /// Lengths that differ, a class that the tastes do not have, a maker without an entry in `firms`, fewer than one firm.
    pub fn new(
        tastes: &ClassTastes,
        class: &[u8],
        maker: &[u16],
        firms: &[f64],
    ) -> Result<Self, Error> {
        let mut defects = Vec::new();
        if class.len() != maker.len() {
            defects.push(Defect::new(
                "makers",
                format!("{} for {} products", maker.len(), class.len()),
            ));
        }
        for (j, c) in class.iter().enumerate() {
            if usize::from(*c) >= tastes.classes() {
                defects.push(Defect::new(format!("product {j}"), format!("no class {c}")));
            }
        }
        for (j, m) in maker.iter().enumerate() {
            if usize::from(*m) >= firms.len() {
                defects.push(Defect::new(
                    format!("product {j}"),
                    format!("maker {m} has no number of firms"),
                ));
            }
        }
        for (m, n) in firms.iter().enumerate() {
            if !(*n >= 1.0) {
                defects.push(Defect::new(
                    format!("maker {m}"),
                    format!("{n} firms, expected 1 or more"),
                ));
            }
        }
        if !defects.is_empty() {
            return Err(Error::Invalid(defects));
        }
        let mut pairs: Vec<(u16, u8)> = maker.iter().copied().zip(class.iter().copied()).collect();
        pairs.sort_unstable();
        pairs.dedup();
        let cell = maker
            .iter()
            .zip(class)
            .map(|(m, c)| pairs.partition_point(|pair| *pair < (*m, *c)) as u16)
            .collect();
        let mut active = class.to_vec();
        active.sort_unstable_by_key(|c| (tastes.nest[usize::from(*c)], *c));
        active.dedup();
        Ok(Self {
            class: class.to_vec(),
            cell,
            cell_class: pairs.iter().map(|(_, c)| *c).collect(),
            maker_start: (0..=firms.len())
                .map(|m| pairs.partition_point(|(maker, _)| usize::from(*maker) < m) as u16)
                .collect(),
            kappa: firms.iter().map(|n| 1.0 / n).collect(),
            active,
        })
    }

    /// Number of products.
    pub fn products(&self) -> usize {
        self.class.len()
    }

    /// Number of makers.
    pub fn makers(&self) -> usize {
        self.kappa.len()
    }

    /// Class of each product.
    pub fn class(&self) -> &[u8] {
        &self.class
    }
}

/// What sets the size of the market.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Size {
    /// The demand shift `D` is given.
    Shift(f64),
    /// `D` is such that this part of potential buyers buys.
    Share(f64),
}

/// Demand of one market.
#[derive(Debug, Clone, Copy)]
pub struct ClassMarket<'a> {
    /// Tastes.
    pub tastes: &'a ClassTastes,
    /// Buyers.
    pub buyers: &'a Buyers,
    /// Products.
    pub layout: &'a ClassLayout,
    /// Utility `x_j` of each product; what is minus infinity is not on sale.
    pub utility: &'a [f64],
    /// Money beside the price, `b_j`: running cost less comfort.
    pub beside: &'a [f64],
}

/// What the makers of a market know.
#[derive(Debug, Clone, Copy)]
pub struct Costs<'a> {
    /// `c~ = (1 + v) c + s`, marginal costs in consumer prices.
    pub consumer_cost: &'a [f64],
    /// `phi = 1/(1 + v)`.
    pub kept: &'a [f64],
}

/// Weights at given prices, and the sums that tilts by class move.
#[derive(Debug, Clone, Default)]
pub struct Weights {
    /// `E_kj` over the largest of its income, income by income.
    of_product: Vec<f64>,
    /// Log of the largest, by income.
    top: Vec<f64>,
    /// `S_kc`.
    of_class: Vec<f64>,
}

/// Probabilities of classes.
#[derive(Debug, Clone, Default)]
pub struct Shares {
    /// Demand shift.
    pub shift: f64,
    /// Part of potential buyers that buys.
    pub bought: f64,
    /// Share of potential buyers by class.
    pub by_class: Vec<f64>,
    /// `sum_n w_k w_n R_ic`, income by income and class.
    reach: Vec<f64>,
    /// Log inclusive value of all products of each buyer, income by income, without `D`.
    inclusive: Vec<Lane>,
}

/// Prices in equilibrium.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Equilibrium {
    /// Consumer prices, the tilt included.
    pub prices: Vec<f64>,
    /// Consumer prices without the tilt: a start from which the same market is solved at once, to the same bits.
    pub untilted: Vec<f64>,
    /// Shares of potential buyers by product.
    pub shares: Vec<f64>,
    /// Demand shift.
    pub shift: f64,
    /// Part of potential buyers that buys.
    pub bought: f64,
    /// Passes over the market.
    pub evaluations: usize,
    /// Largest change of a price in the last pass, relative to it or, where it is small, to the margin of a maker without power.
    pub residual: f64,
}

/// Buffers that solves of one thread share.
#[derive(Debug, Clone, Default)]
pub struct Scratch {
    weights: Weights,
    tilted: Vec<f64>,
    reach: Vec<Lane>,
    nest: Vec<[Lane; 3]>,
    cell: Vec<f64>,
    cross: Vec<f64>,
    change: Vec<f64>,
}

/// Exponentials in place, padded to whole lanes.
struct Exponentials<'a>(&'a mut [f64]);

impl Kernel for Exponentials<'_> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for chunk in self.0.chunks_mut(LANES) {
            let mut lane = [f64::NEG_INFINITY; LANES];
            lane[..chunk.len()].copy_from_slice(chunk);
            let values = simd::exp::<FMA>(&lane);
            chunk.copy_from_slice(&values[..chunk.len()]);
        }
    }
}

/// Nest sums, inclusive values and, where asked for, probabilities of one market at tilted class sums.
struct Probabilities<'a> {
    tastes: &'a ClassTastes,
    buyers: &'a Buyers,
    active: &'a [u8],
    /// `S_kc` under the tilt.
    sums: &'a [f64],
    top: &'a [f64],
    size: Size,
    /// `R_ic`, income by income.
    reach: &'a mut [Lane],
    /// `N`, `P`, `P/N` by income and nest.
    nest: &'a mut [[Lane; 3]],
    shares: &'a mut Shares,
}

impl Kernel for Probabilities<'_> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self {
            tastes,
            buyers,
            active,
            sums,
            top,
            size,
            reach,
            nest,
            shares,
        } = self;
        let (classes, nests, lambda) = (tastes.classes(), tastes.nests, tastes.lambda);
        let incomes = buyers.slope.len();
        for k in 0..incomes {
            let nest = &mut nest[k * nests..(k + 1) * nests];
            nest.fill([ZERO; 3]);
            for c in active {
                let c = usize::from(*c);
                add_scaled::<FMA>(
                    &mut nest[usize::from(tastes.nest[c])][0],
                    &tastes.factor[c],
                    sums[k * classes + c],
                );
            }
            let mut total = ZERO;
            for of in nest.iter_mut() {
                // A nest without products has no weight: the logarithm of a positive number, far too low.
                let empty = !(of[0][0] > 0.0);
                if empty {
                    continue;
                }
                let mut value = simd::ln::<FMA>(&of[0]);
                for v in &mut value {
                    *v *= lambda;
                }
                of[1] = simd::exp::<FMA>(&value);
                for l in 0..LANES {
                    total[l] += of[1][l];
                }
            }
            let mut inclusive = simd::ln::<FMA>(&total);
            for v in &mut inclusive {
                *v += lambda * top[k];
            }
            shares.inclusive[k] = inclusive;
        }
        shares.shift = match size {
            Size::Shift(shift) => shift,
            Size::Share(share) => shift_for::<FMA>(tastes, buyers, &shares.inclusive, share),
        };
        shares.by_class.fill(0.0);
        let mut bought = 0.0;
        for k in 0..incomes {
            let nest = &mut nest[k * nests..(k + 1) * nests];
            let buys = buying::<FMA>(&shares.inclusive[k], shares.shift);
            let mut all = ZERO;
            for of in nest.iter() {
                for l in 0..LANES {
                    all[l] += of[1][l];
                }
            }
            let mut per = ZERO;
            for l in 0..LANES {
                per[l] = buys[l] / all[l];
                bought += buyers.weight[k] * tastes.weight[l] * buys[l];
            }
            for of in nest.iter_mut().filter(|of| of[0][0] > 0.0) {
                for l in 0..LANES {
                    of[1][l] *= per[l];
                    of[2][l] = of[1][l] / of[0][l];
                }
            }
            for c in active {
                let c = usize::from(*c);
                let of = &nest[usize::from(tastes.nest[c])];
                let r = &mut reach[k * classes + c];
                let mut weighted = ZERO;
                for l in 0..LANES {
                    r[l] = tastes.factor[c][l] * of[2][l];
                    weighted[l] = r[l] * tastes.weight[l];
                }
                let mean = buyers.weight[k] * simd::sum(&weighted);
                shares.reach[k * classes + c] = mean;
                shares.by_class[c] += mean * sums[k * classes + c];
            }
        }
        shares.bought = bought;
    }
}

/// Probability of buying: `1/(1 + exp(-(I + D)))`.
#[inline(always)]
fn buying<const FMA: bool>(inclusive: &Lane, shift: f64) -> Lane {
    let mut value = ZERO;
    for l in 0..LANES {
        value[l] = -(inclusive[l] + shift);
    }
    let mut odds = simd::exp::<FMA>(&value);
    for o in &mut odds {
        *o = 1.0 / (1.0 + *o);
    }
    odds
}

/// The shift at which a part of potential buyers buys, by Newton in log-odds.
#[inline(always)]
fn shift_for<const FMA: bool>(
    tastes: &ClassTastes,
    buyers: &Buyers,
    inclusive: &[Lane],
    share: f64,
) -> f64 {
    let mut mean = 0.0;
    for (k, of) in inclusive.iter().enumerate() {
        for l in 0..LANES {
            mean += buyers.weight[k] * tastes.weight[l] * of[l];
        }
    }
    let odds = (share / (1.0 - share)).ln();
    let mut shift = odds - mean;
    for _ in 0..60 {
        let (mut level, mut slope) = (0.0, 0.0);
        for (k, of) in inclusive.iter().enumerate() {
            let buys = buying::<FMA>(of, shift);
            for l in 0..LANES {
                let w = buyers.weight[k] * tastes.weight[l];
                level += w * buys[l];
                slope += w * buys[l] * (1.0 - buys[l]);
            }
        }
        // In log-odds the level is nearly a line of slope one.
        let step = (odds - (level / (1.0 - level)).ln()) * level * (1.0 - level) / slope;
        let step = if step.is_finite() {
            step.clamp(-3.0, 3.0)
        } else {
            ((share - level) / slope.max(1e-12)).clamp(-3.0, 3.0)
        };
        shift += step;
        if step.abs() < 1e-14 * (1.0 + shift.abs()) {
            break;
        }
    }
    shift
}

/// The cross terms of the fixed point: `U` by maker and class, then by product.
struct CrossTerms<'a> {
    market: &'a ClassMarket<'a>,
    weights: &'a [f64],
    margins: &'a [f64],
    reach: &'a [Lane],
    nest: &'a [[Lane; 3]],
    cell: &'a mut [f64],
    cross: &'a mut [f64],
}

impl Kernel for CrossTerms<'_> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self {
            market,
            weights,
            margins,
            reach,
            nest,
            cell,
            cross,
        } = self;
        let (tastes, buyers, layout) = (market.tastes, market.buyers, market.layout);
        let (classes, nests, lambda) = (tastes.classes(), tastes.nests, tastes.lambda);
        let n = layout.products();
        let closeness = (1.0 - lambda) / lambda;
        cross.fill(0.0);
        for k in 0..buyers.slope.len() {
            let weights = &weights[k * n..(k + 1) * n];
            cell.fill(0.0);
            for j in 0..n {
                cell[layout.cell[j] as usize] += margins[j] * weights[j];
            }
            let nest = &nest[k * nests..(k + 1) * nests];
            for (m, kappa) in layout.kappa.iter().enumerate() {
                let cells = layout.maker_start[m] as usize..layout.maker_start[m + 1] as usize;
                let mut within = [ZERO; NESTS];
                let mut total = ZERO;
                for i in cells.clone() {
                    let c = usize::from(layout.cell_class[i]);
                    add_scaled::<FMA>(
                        &mut within[usize::from(tastes.nest[c])],
                        &tastes.factor[c],
                        kappa * cell[i],
                    );
                }
                for (within, of) in within.iter_mut().zip(nest) {
                    for l in 0..LANES {
                        total[l] = fma::<FMA>(within[l], of[2][l], total[l]);
                    }
                }
                for i in cells {
                    let c = usize::from(layout.cell_class[i]);
                    let h = usize::from(tastes.nest[c]);
                    let r = &reach[k * classes + c];
                    let mut u = ZERO;
                    for l in 0..LANES {
                        // Tc = within / N.
                        let both = fma::<FMA>(within[h][l] / nest[h][0][l], closeness, total[l]);
                        u[l] = r[l] * tastes.weight[l] * both;
                    }
                    cell[i] = buyers.slope[k] * buyers.weight[k] * simd::sum(&u);
                }
            }
            for j in 0..n {
                cross[j] += weights[j] * cell[layout.cell[j] as usize];
            }
        }
    }
}

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
            self.tastes.level.run(Exponentials(of));
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
            for k in 0..incomes {
                for c in &self.layout.active {
                    let c = usize::from(*c);
                    if tilt[c] != 0.0 {
                        scratch.tilted[k * classes + c] *= self.moved(k, tilt[c]);
                    }
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

    /// Mean utility of a unit of money.
    fn mean_slope(&self) -> f64 {
        self.buyers
            .slope
            .iter()
            .zip(&self.buyers.weight)
            .map(|(a, w)| a * w)
            .sum()
    }

    /// By how much money moves a weight.
    fn moved(&self, income: usize, money: f64) -> f64 {
        (-self.buyers.slope[income] * money / self.tastes.lambda).exp()
    }

    /// Shares of potential buyers by product.
    pub fn product_shares(
        &self,
        weights: &Weights,
        tilt: &[f64],
        shares: &Shares,
        out: &mut Vec<f64>,
    ) {
        let n = self.layout.products();
        let classes = self.tastes.classes();
        out.clear();
        out.resize(n, 0.0);
        for k in 0..self.buyers.slope.len() {
            for j in 0..n {
                let c = usize::from(self.layout.class[j]);
                let factor = match tilt.get(c) {
                    Some(tilt) if *tilt != 0.0 => self.moved(k, *tilt),
                    _ => 1.0,
                };
                out[j] += weights.of_product[k * n + j] * factor * shares.reach[k * classes + c];
            }
        }
    }

    /// Shares of potential buyers by product at prices.
    pub fn shares_at(&self, prices: &[f64], size: Size) -> (Vec<f64>, Shares) {
        let (mut weights, mut scratch, mut shares) =
            (Weights::default(), Scratch::default(), Shares::default());
        self.weights(prices, &mut weights);
        self.class_shares(&weights, &[], size, &mut scratch, &mut shares);
        let mut out = Vec::new();
        self.product_shares(&weights, &[], &shares, &mut out);
        (out, shares)
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
        let classes = self.tastes.classes();
        scratch.cell.resize(self.layout.cell_class.len(), 0.0);
        scratch.cross.resize(n, 0.0);
        self.tastes.level.run(CrossTerms {
            market: self,
            weights: &scratch.weights.of_product,
            margins,
            reach: &scratch.reach,
            nest: &scratch.nest,
            cell: &mut scratch.cell,
            cross: &mut scratch.cross,
        });
        for j in 0..n {
            let c = usize::from(self.layout.class[j]);
            let (mut share, mut slope) = (0.0, 0.0);
            for (k, a) in self.buyers.slope.iter().enumerate() {
                let s = scratch.weights.of_product[k * n + j] * shares.reach[k * classes + c];
                share += s;
                slope += a * s;
            }
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
        self.weights_in(prices, &mut scratch);
        self.class_shares_in(&[], size, &mut scratch, &mut shares);
        // A first guess: a maker so small that it is alone with its price.
        let mean_slope = self.mean_slope();
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

    fn weights_in(&self, prices: &[f64], scratch: &mut Scratch) {
        let mut weights = std::mem::take(&mut scratch.weights);
        self.weights(prices, &mut weights);
        scratch.weights = weights;
    }

    fn class_shares_in(
        &self,
        tilt: &[f64],
        size: Size,
        scratch: &mut Scratch,
        shares: &mut Shares,
    ) {
        let weights = std::mem::take(&mut scratch.weights);
        self.class_shares(&weights, tilt, size, scratch, shares);
        scratch.weights = weights;
    }

    /// Bertrand-Nash prices, from `start` (consumer prices without tilt).
    ///
    /// `tilts` is asked once a pass for what rules add to the cost of each class, given the weights at prices without them: the
    /// multipliers of standards, found together with the prices. It returns an empty slice where no rule binds.
    ///
    /// Stops when no price changes by more than `tolerance` relative to it, or after `most` passes.
    pub fn equilibrium(
        &self,
        costs: &Costs,
        start: &[f64],
        size: Size,
        tilts: &mut dyn FnMut(&Self, &Weights, &mut Scratch, &mut Shares) -> Vec<f64>,
        (tolerance, most): (f64, usize),
        scratch: &mut Scratch,
    ) -> (Equilibrium, Vec<f64>) {
        let n = self.layout.products();
        let mut prices = start.to_vec();
        let mut shares = Shares::default();
        let (mut margins, mut next, mut of_product) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
        let mut memory = Anderson::new(n, 5);
        let mut accelerated = vec![0.0; n];
        let mut tilt = Vec::new();
        let mut evaluations = 0;
        let mut residual = f64::INFINITY;
        let unit = self.tastes.lambda / self.mean_slope();
        while evaluations < most {
            evaluations += 1;
            self.weights_in(&prices, scratch);
            let weights = std::mem::take(&mut scratch.weights);
            tilt = tilts(self, &weights, scratch, &mut shares);
            scratch.weights = weights;
            self.tilt_products(&tilt, scratch);
            self.class_shares_in(&[], size, scratch, &mut shares);
            for j in 0..n {
                margins[j] = costs.kept[j] * (prices[j] - costs.consumer_cost[j]);
            }
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
        (
            Equilibrium {
                prices,
                untilted,
                shares: of_product,
                shift: shares.shift,
                bought: shares.bought,
                evaluations,
                residual,
            },
            tilt,
        )
    }

    /// Moves the weights of products by the tilt of their class.
    fn tilt_products(&self, tilt: &[f64], scratch: &mut Scratch) {
        if tilt.iter().all(|t| *t == 0.0) {
            return;
        }
        let n = self.layout.products();
        let classes = self.tastes.classes();
        for k in 0..self.buyers.slope.len() {
            for (c, t) in tilt.iter().enumerate().filter(|(_, t)| **t != 0.0) {
                scratch.weights.of_class[k * classes + c] *= self.moved(k, *t);
            }
            for j in 0..n {
                let t = tilt[usize::from(self.layout.class[j])];
                if t != 0.0 {
                    scratch.weights.of_product[k * n + j] *= self.moved(k, t);
                }
            }
        }
    }

    /// Utilities at which shares of potential buyers are `observed` at given prices, with `D` zero, and the largest log error left;
    /// what nobody is observed to buy has minus infinity
    /// (Berry 1994; contraction damped by `lambda` as nests ask for, accelerated).
    pub fn invert(&self, prices: &[f64], observed: &[f64]) -> (Vec<f64>, f64) {
        let n = self.layout.products();
        let outside = 1.0 - observed.iter().sum::<f64>();
        let mean_slope = self.mean_slope();
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
            market.weights_in(prices, &mut scratch);
            market.class_shares_in(&[], Size::Shift(0.0), &mut scratch, &mut shares);
            market.product_shares(&scratch.weights, &[], &shares, &mut model);
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

    /// Derivatives of makers' profits by their own prices at `prices`, over `phi s` (zero at an equilibrium), and the shares there.
    fn conditions(
        &self,
        costs: &Costs,
        prices: &[f64],
        size: Size,
        scratch: &mut Scratch,
    ) -> (Vec<f64>, Vec<f64>) {
        let n = self.layout.products();
        let mut shares = Shares::default();
        self.weights_in(prices, scratch);
        self.class_shares_in(&[], size, scratch, &mut shares);
        let margins: Vec<f64> = (0..n)
            .map(|j| costs.kept[j] * (prices[j] - costs.consumer_cost[j]))
            .collect();
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
                let c = usize::from(self.layout.class[j]);
                let slope: f64 = self
                    .buyers
                    .slope
                    .iter()
                    .enumerate()
                    .map(|(k, a)| {
                        a * scratch.weights.of_product[k * n + j]
                            * shares.reach[k * self.tastes.classes() + c]
                    })
                    .sum();
                (next[j] - margins[j]) * slope / self.tastes.lambda
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
            let cells = self.layout.maker_start[m]..self.layout.maker_start[m + 1];
            let members: Vec<usize> = (0..n)
                .filter(|j| cells.contains(&self.layout.cell[*j]) && sold[*j] > 0.0)
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
            let largest = symmetric_eigenvalues(&symmetric).and_then(|v| v.last().copied());
            if !members.is_empty() && largest.is_none_or(|v| !(v < 0.0)) {
                out.extend(members);
            }
        }
        out
    }

    /// [`Self::surplus`] at prices.
    pub fn surplus_at(&self, prices: &[f64], size: Size, scratch: &mut Scratch) -> f64 {
        let mut shares = Shares::default();
        self.weights_in(prices, scratch);
        self.class_shares_in(&[], size, scratch, &mut shares);
        self.surplus(&shares)
    }

    /// `ds_j/dp_j` of every product at prices.
    pub fn own_slopes(&self, prices: &[f64], size: Size) -> Vec<f64> {
        let n = self.layout.products();
        let (classes, nests, lambda) =
            (self.tastes.classes(), self.tastes.nests, self.tastes.lambda);
        let mut scratch = Scratch::default();
        let mut shares = Shares::default();
        self.weights_in(prices, &mut scratch);
        self.class_shares_in(&[], size, &mut scratch, &mut shares);
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
