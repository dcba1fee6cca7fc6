//! Exponentials of utilities that are kept while prices move, in markets without nests.
//!
//! When prices move by `d` an exponential `e_jr` becomes `e_jr exp(alpha_r d_j)`. With `alpha_r = a + b_r`, `a` midway between the agents'
//! slopes, that is a polynomial in `b_r` whose coefficients `exp(a d_j) d_j^k / k!` are a product's alone, the shorter the nearer prices are
//! to the fixed point. Whole exponentials are taken at the start, after long moves and every so often, so that rounding does not pile up.
//! In single precision all of it takes half the time, which will do until prices are near.
//!
//! Products stand maker by maker, so that what a maker gains from its products is summed while they pass, and sums over agents are taken for
//! several products of a maker at a time, over a group of tiles that stays in the nearest cache.

mod exponentials;
mod places;
mod sums;

use std::f64::consts::LOG2_E;

use exponentials::{Anew, Calm, Degree, Moved, Shifted};
use places::{Sloped, Tiles, converted};
use sums::Pass;

pub(super) use places::Places;

use super::PricedMarket;
use super::pass::Sums;
use super::priced::Utility;
use crate::linalg::largest;
use crate::simd::{BRISK, LANES, Lane, Lanes, Number};

/// Moves between whole exponentials at most.
const MOVES: usize = 16;

/// Largest utility that needs no shift, and sum of the moves' exponents after which exponentials are taken anew; as shares of what is
/// moderate in a precision, so that the square of an inclusive sum neither overflows nor vanishes.
const CALM: f64 = 0.375;
const WANDERED: f64 = 0.1;

/// Degrees of the polynomial that kernels are made for.
const DEGREES: [usize; 8] = [1, 2, 3, 4, 5, 7, 9, 12];

/// Coefficients of the longest polynomial, which a tile has room for.
const TERMS: usize = 13;

/// `k! / (k + 1)!`, from one term to the next.
const RATIOS: [f64; TERMS] = [
    1.0,
    0.5,
    1.0 / 3.0,
    0.25,
    0.2,
    1.0 / 6.0,
    1.0 / 7.0,
    0.125,
    1.0 / 9.0,
    0.1,
    1.0 / 11.0,
    1.0 / 12.0,
    1.0 / 13.0,
];

/// Degree of the shortest series that leaves out no more than a share of the exponential for exponents up to `reach`; none when even the
/// longest will not do.
fn degree(reach: f64, left_out: f64) -> Option<usize> {
    let mut term = reach;
    let mut next = DEGREES.into_iter().peekable();
    for (k, ratio) in RATIOS.iter().enumerate().skip(1) {
        // The term after the `k`-th.
        term *= reach * ratio;
        if next.peek() == Some(&k) {
            if term <= left_out {
                return Some(k);
            }
            next.next();
        }
    }
    None
}

/// Tiles in a group.
const GROUP: usize = 8;

/// Products whose sums over a group are taken at once.
const BLOCK: usize = 4;

/// Exponentials of a market's utilities at the prices of the last evaluation.
pub(super) struct Kept<'a, T: Number> {
    market: &'a PricedMarket<'a>,
    weights: Tiles<'a, T>,
    tastes: Tiles<'a, T>,
    /// Price slopes, those of prices now where they move with them.
    slopes: Sloped<'a, T>,
    /// `exp(u_jr - shift_r)`, `[tile][place]`, and `exp(-shift_r)`, `[tile]`.
    e: Lanes<T>,
    outside: Lanes<T>,
    /// Prices at which the exponentials stand and those at which they stood before, by place; none before the first evaluation.
    at: Vec<f64>,
    before: Vec<f64>,
    moves: usize,
    wandered: f64,
    /// Moves of prices, `exp(a d_j)` (room for whole tiles) and the polynomials, by place.
    moved: Vec<f64>,
    scales: Vec<f64>,
    polynomials: Lanes<T>,
    gains: Vec<T>,
    /// What a maker has of a consumer price, by row; empty where that differs within one.
    phi: Vec<T>,
    /// What polynomials may leave out, as a share of an exponential.
    left_out: f64,
    /// Whether exponentials may be off by [`BRISK`].
    brisk: bool,
    scratch: Lanes<T>,
}

impl<'a> Kept<'a, f64> {
    /// `phi` is what makers have of each product's price.
    pub fn new(market: &'a PricedMarket<'a>, places: &Places, phi: &[f64]) -> Self {
        Self::with(market, places, phi, Tiles::Of)
    }
}

impl<'a> Kept<'a, f32> {
    /// For markets with slopes that neither products nor prices change: what is saved is then most.
    pub fn rough(market: &'a PricedMarket<'a>, places: &Places, phi: &[f64]) -> Option<Self> {
        (market.is_linear() && market.slopes.common)
            .then(|| Self::with(market, places, phi, converted))
    }
}

impl<'a, T: Number> Kept<'a, T> {
    fn with(
        market: &'a PricedMarket<'a>,
        places: &Places,
        phi: &[f64],
        tiles_of: impl Fn(&'a [Lane]) -> Tiles<'a, T>,
    ) -> Self {
        let (n, tiles) = (market.view.products(), market.view.tiles());
        let count = places.product.len();
        let zero = T::from(0.0);
        Self {
            weights: tiles_of(market.view.weights),
            tastes: tiles_of(&market.tastes),
            slopes: Sloped {
                tiles: tiles_of(&market.slopes.lanes),
                common: market.slopes.common,
                products: n,
            },
            market,
            e: Lanes::unwritten(tiles * count),
            outside: Lanes::unwritten(tiles),
            at: Vec::with_capacity(count),
            before: Vec::with_capacity(count),
            moves: 0,
            wandered: 0.0,
            moved: vec![0.0; count],
            scales: vec![0.0; count.next_multiple_of(LANES)],
            polynomials: Lanes::unwritten(count),
            gains: vec![zero; count],
            phi: places.of_rows(phi).unwrap_or_default(),
            left_out: T::ROUNDING,
            brisk: false,
            scratch: Lanes::unwritten((2 + places.rows.len()) * GROUP + 3 * count),
        }
    }

    /// Lets polynomials leave out what a tolerance of relative prices does not notice.
    pub fn tolerate(&mut self, tolerance: f64) {
        self.left_out = (1e-4 * tolerance).max(T::ROUNDING);
        self.brisk = 1e-2 * tolerance >= 0.999 * BRISK;
    }

    /// The sums of one pass over the agents at prices. Without shares, where a maker has the same of every price, these are zero and have
    /// their part in `cross`.
    pub fn sums(
        &mut self,
        places: &Places,
        prices: &[f64],
        margins: &[f64],
        shares: bool,
        sums: &mut Sums,
    ) {
        sums.of(prices.len());
        let change = self.change(places, prices);
        let weights = places.product.iter().zip(&places.weight);
        for (gain, (j, weight)) in self.gains.iter_mut().zip(weights) {
            *gain = T::from(weight * margins[*j]);
        }
        let pass = Pass {
            weights: &self.weights,
            slopes: &self.slopes,
            places,
            gains: &self.gains,
            margins,
            e: &mut self.e,
            outside: &mut self.outside,
            scratch: &mut self.scratch,
            phi: if shares { &[] } else { &self.phi },
            out: sums,
        };
        let level = self.market.view.level;
        match change {
            Change::Anew(made) => {
                let anew = Anew::new(self.market, &made, places, &self.tastes);
                if anew.top.is_empty() && self.brisk {
                    pass.run(level, Calm::<T, true>(anew));
                } else if anew.top.is_empty() {
                    pass.run(level, Calm::<T, false>(anew));
                } else {
                    pass.run(level, Shifted(anew));
                }
            }
            Change::Move(degree) => {
                let moved = Moved {
                    slopes: &self.slopes,
                    product: &places.product,
                    middle: &places.middle,
                    polynomials: &self.polynomials,
                };
                // A degree is a constant of the loops, so that they are unrolled.
                match degree {
                    _ if !self.slopes.common => pass.run(level, Degree::<T, 12>(moved)),
                    1 => pass.run(level, Degree::<T, 1>(moved)),
                    2 => pass.run(level, Degree::<T, 2>(moved)),
                    3 => pass.run(level, Degree::<T, 3>(moved)),
                    4 => pass.run(level, Degree::<T, 4>(moved)),
                    5 => pass.run(level, Degree::<T, 5>(moved)),
                    7 => pass.run(level, Degree::<T, 7>(moved)),
                    9 => pass.run(level, Degree::<T, 9>(moved)),
                    _ => pass.run(level, Degree::<T, 12>(moved)),
                }
            }
        }
    }

    /// How the exponentials come from where they are to prices, taken as done.
    fn change(&mut self, places: &Places, prices: &[f64]) -> Change {
        std::mem::swap(&mut self.at, &mut self.before);
        self.at.clear();
        self.at.extend(places.product.iter().map(|j| prices[*j]));
        if !self.before.is_empty() && self.market.is_linear() && self.moves < MOVES {
            let both = self.at.iter().zip(&self.before);
            for (d, (to, from)) in self.moved.iter_mut().zip(both) {
                *d = to - from;
            }
            let longest = largest(&self.moved);
            let reach = places.radius * longest;
            let wandered = self.wandered + places.steepest * longest;
            if let Some(degree) = degree(reach, self.left_out)
                && LOG2_E * wandered <= WANDERED * T::MODERATE
            {
                self.lengthen(places, degree);
                (self.moves, self.wandered) = (self.moves + 1, wandered);
                return Change::Move(degree);
            }
        }
        let mut made = self.market.at(prices);
        if let Some(slopes) = made.slopes.take() {
            self.slopes = Sloped {
                tiles: converted(&slopes.lanes),
                common: slopes.common,
                products: prices.len(),
            };
        }
        (self.moves, self.wandered) = (0, 0.0);
        Change::Anew(made)
    }

    /// Makes the polynomials of a degree for the moves of prices.
    fn lengthen(&mut self, places: &Places, degree: usize) {
        let moves = self.moved.iter().zip(&places.middle);
        for (scale, (d, middle)) in self.scales.iter_mut().zip(moves) {
            *scale = middle * d;
        }
        self.market.view.level.exp(&mut self.scales);
        let scaled = self.polynomials.iter_mut().zip(&self.scales);
        for ((polynomial, scale), d) in scaled.zip(&self.moved) {
            let mut term = *scale;
            for (c, ratio) in polynomial[..=degree].iter_mut().zip(&RATIOS) {
                *c = T::from(term);
                term *= d * ratio;
            }
        }
    }
}

/// How exponentials come from one set of prices to the next.
enum Change {
    /// From utility itself.
    Anew(Utility),
    /// By polynomials of a degree.
    Move(usize),
}
