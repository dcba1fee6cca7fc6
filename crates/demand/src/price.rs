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

mod curvature;
mod game;
mod kept;
mod pass;
mod priced;
mod step;

pub(crate) use game::Game;
pub(crate) use priced::{ColumnsAt, PricedMarket};

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
            tolerance: 1e-10,
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
