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

mod kernels;
mod prices;
mod shares;

pub use prices::{Tilts, no_tilt};

use crate::error::{Defect, Error};
use crate::simd::{LANES, Lane, Level};

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
        Error::of(defects)?;
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

impl Buyers {
    /// Mean utility of a unit of money.
    pub fn mean_slope(&self) -> f64 {
        self.slope
            .iter()
            .zip(&self.weight)
            .map(|(a, w)| a * w)
            .sum()
    }
}

/// Products of a maker in one nest: contiguous in their order.
#[derive(Debug, Clone, Copy)]
struct Run {
    nest: u8,
    first: u16,
    end: u16,
}

impl Run {
    fn places(self) -> std::ops::Range<usize> {
        usize::from(self.first)..usize::from(self.end)
    }
}

/// Who sells what in a market: the class of each product and its maker.
#[derive(Debug, Clone, Default)]
pub struct ClassLayout {
    class: Vec<u8>,
    maker: Vec<u16>,
    /// Products of each maker together, and within them those of a nest.
    order: Vec<u16>,
    /// Products of one maker in one nest.
    runs: Vec<Run>,
    /// First run of each maker, and one past the last.
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
        Error::of(defects)?;
        let owner_and_nest = |j: &u16| {
            let j = usize::from(*j);
            (maker[j], tastes.nest[usize::from(class[j])])
        };
        let mut order: Vec<u16> = (0..class.len() as u16).collect();
        order.sort_by_key(|j| (owner_and_nest(j), class[usize::from(*j)]));
        let (mut runs, mut owner) = (Vec::new(), Vec::new());
        let mut first = 0;
        for alike in order.chunk_by(|a, b| owner_and_nest(a) == owner_and_nest(b)) {
            let end = first + alike.len() as u16;
            let (maker, nest) = owner_and_nest(&alike[0]);
            runs.push(Run { nest, first, end });
            owner.push(maker);
            first = end;
        }
        let mut active = class.to_vec();
        active.sort_unstable_by_key(|c| (tastes.nest[usize::from(*c)], *c));
        active.dedup();
        Ok(Self {
            class: class.to_vec(),
            maker: maker.to_vec(),
            order,
            runs,
            maker_start: (0..=firms.len())
                .map(|m| owner.partition_point(|maker| usize::from(*maker) < m) as u16)
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

    /// Maker of a product.
    pub fn maker_of(&self, product: usize) -> usize {
        usize::from(self.maker[product])
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
    /// Surplus of a potential buyer, in money; what a tilt takes away is not there.
    pub surplus: f64,
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
    /// By how much a tilt moves the weights of each class, income by income.
    moved: Vec<f64>,
    reach: Vec<Lane>,
    nest: Vec<[Lane; 3]>,
    /// What a maker's products take from each income and nest.
    taken: Vec<Lane>,
    cross: Vec<f64>,
    change: Vec<f64>,
}
