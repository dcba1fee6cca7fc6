//! Exponentials of utilities that are kept while prices move, in markets without nests.
//!
//! When prices move by `d` an exponential `e_jr` becomes `e_jr exp(alpha_r d_j)`. With `alpha_r = a + b_r`, `a` midway between the agents'
//! slopes, `exp(a d_j)` is one number a product and `exp(b_r d_j)` a polynomial, the shorter the nearer prices are to the fixed point. Whole
//! exponentials are taken at the start, after long moves and every so often, so that rounding does not pile up.

use super::PricedMarket;
use super::pass::Sums;
use super::priced::{Slopes, Utility, utility};
use crate::simd::{
    self, HALF, Half, Kernel, LANES, Lane, Lanes, ZERO, add_scaled, fma, fold, fold_product,
    keep_loop,
};
use crate::supply::Ownership;

/// Moves between whole exponentials at most.
const MOVES: usize = 16;

/// Sum of the moves' exponents after which exponentials are taken anew, far from any overflow.
const WANDERED: f64 = 200.0;

/// Degrees of the polynomial, each with the largest exponent at which what it leaves out stays below 2^-57.
const DEGREES: [(usize, f64); 4] = [(2, 3.4e-6), (4, 9.5e-4), (7, 0.026), (10, 0.13)];

/// Exponentials of a market's utilities at the prices of the last evaluation.
pub(super) struct Kept {
    /// `exp(u_jr - shift_r)`, `[tile][product]`, and `exp(-shift_r)`, `[tile]`.
    e: Lanes,
    outside: Lanes,
    /// Slopes where they move with prices.
    slopes: Option<Slopes>,
    /// Midway between the agents' slopes of each product, and how far any slope is from there.
    middle: Vec<f64>,
    radius: f64,
    /// Prices at which the exponentials stand; none before the first evaluation.
    at: Vec<f64>,
    moves: usize,
    wandered: f64,
    out: Vec<[Half; 3]>,
}

/// How exponentials come from one set of prices to the next.
enum Change {
    /// From utility itself.
    Anew(Utility),
    /// By a polynomial of a degree in `(alpha_r - a_j) moved_j`, times `scale_j = exp(a_j moved_j)`.
    Move {
        degree: usize,
        moved: Vec<f64>,
        scale: Vec<f64>,
    },
}

impl Kept {
    pub fn new(market: &PricedMarket) -> Self {
        let (n, tiles) = (market.view.products(), market.view.tiles());
        let (middle, radius) = market.slopes.middle(n);
        Self {
            e: Lanes::unwritten(tiles * n),
            outside: Lanes::unwritten(tiles),
            slopes: None,
            middle,
            radius,
            at: Vec::new(),
            moves: 0,
            wandered: 0.0,
            out: vec![[HALF; 3]; n],
        }
    }

    /// The sums of one pass over the agents at prices.
    pub fn sums(
        &mut self,
        market: &PricedMarket,
        prices: &[f64],
        present: &[bool],
        ownership: &Ownership,
        margins: &[f64],
    ) -> Sums {
        let change = self.change(market, prices);
        // What a maker gains from each of its products, maker by maker.
        let owned: Vec<Vec<(usize, f64)>> = (0..ownership.rows())
            .map(|row| {
                let members = ownership.members(row);
                members.map(|(k, share)| (k, share * margins[k])).collect()
            })
            .collect();
        self.out.fill([HALF; 3]);
        market.view.level.run(Pass {
            market,
            change: &change,
            slopes: self.slopes.as_ref().unwrap_or(&market.slopes),
            middle: &self.middle,
            present,
            row: &ownership.row,
            owned: &owned,
            e: &mut self.e,
            outside: &mut self.outside,
            out: &mut self.out,
        });
        let sum = |i: usize| self.out.iter().map(|h| simd::sum_half(&h[i])).collect();
        Sums {
            shares: sum(0),
            slopes: sum(1),
            cross: sum(2),
        }
    }

    /// How the exponentials come from where they are to prices, taken as done.
    fn change(&mut self, market: &PricedMarket, prices: &[f64]) -> Change {
        if !self.at.is_empty() && market.is_linear() && self.moves < MOVES {
            let moved: Vec<f64> = prices.iter().zip(&self.at).map(|(p, a)| p - a).collect();
            let exponents = moved.iter().zip(&self.middle).map(|(d, a)| a * d);
            let reach = self.radius * largest(moved.iter().copied());
            let wandered = self.wandered + reach + largest(exponents.clone());
            if let Some((degree, _)) = DEGREES.iter().find(|(_, limit)| reach <= *limit)
                && wandered <= WANDERED
            {
                let scale = exponents.map(f64::exp).collect();
                (self.moves, self.wandered) = (self.moves + 1, wandered);
                self.at.copy_from_slice(prices);
                return Change::Move {
                    degree: *degree,
                    moved,
                    scale,
                };
            }
        }
        let mut made = market.at(prices);
        self.slopes = made.slopes.take();
        (self.moves, self.wandered) = (0, 0.0);
        self.at.clear();
        self.at.extend_from_slice(prices);
        Change::Anew(made)
    }
}

/// Largest absolute value; NaN when one is.
fn largest(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, |a, x| if x.abs() <= a { a } else { x.abs() })
}

struct Pass<'a> {
    market: &'a PricedMarket<'a>,
    change: &'a Change,
    slopes: &'a Slopes,
    middle: &'a [f64],
    present: &'a [bool],
    row: &'a [u32],
    owned: &'a [Vec<(usize, f64)>],
    e: &'a mut [Lane],
    outside: &'a mut [Lane],
    out: &'a mut [[Half; 3]],
}

impl Kernel for Pass<'_> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let degree = match self.change {
            Change::Anew(_) => 0,
            Change::Move { degree, .. } => *degree,
        };
        // A degree is a constant of the loops, so that they are unrolled.
        match (self.slopes.common, degree) {
            (true, 0) => self.tiles::<FMA, true, 0>(),
            (true, 2) => self.tiles::<FMA, true, 2>(),
            (true, 4) => self.tiles::<FMA, true, 4>(),
            (true, 7) => self.tiles::<FMA, true, 7>(),
            (true, _) => self.tiles::<FMA, true, 10>(),
            (false, 0) => self.tiles::<FMA, false, 0>(),
            (false, _) => self.tiles::<FMA, false, 10>(),
        }
    }
}

impl Pass<'_> {
    /// Brings the exponentials of each tile to the new prices and takes all sums.
    #[inline(always)]
    fn tiles<const FMA: bool, const COMMON: bool, const DEGREE: usize>(self) {
        let n = self.row.len();
        if n == 0 {
            return;
        }
        let k2 = self.market.view.k2;
        let mut across = vec![ZERO; self.owned.len()];
        for (t, w) in self.market.view.weights.iter().enumerate() {
            let e = &mut self.e[t * n..(t + 1) * n];
            let slope = self.slopes.of(t, 0, n);
            let mut total = ZERO;
            match self.change {
                Change::Anew(made) => {
                    let tastes = &self.market.tastes[t * k2..(t + 1) * k2];
                    anew::<FMA>(made, tastes, self.present, e, &mut self.outside[t]);
                    for e in &*e {
                        add(&mut total, e);
                    }
                }
                Change::Move { moved, scale, .. } => {
                    let mut b = from_middle(slope, self.middle[0]);
                    for (j, e) in e.iter_mut().enumerate() {
                        if !COMMON {
                            b = from_middle(self.slopes.of(t, j, n), self.middle[j]);
                        }
                        grow::<FMA, DEGREE>(e, &b, moved[j], scale[j]);
                        add(&mut total, e);
                    }
                }
            }
            let (mut inverse, mut weight, mut sloped) = (ZERO, ZERO, ZERO);
            for l in 0..LANES {
                inverse[l] = 1.0 / (self.outside[t][l] + total[l]);
                weight[l] = w[l] * inverse[l];
                sloped[l] = weight[l] * slope[l];
            }
            for (across, owned) in across.iter_mut().zip(self.owned) {
                let mut sum = ZERO;
                for (k, value) in owned {
                    add_scaled::<FMA>(&mut sum, &e[*k], *value);
                }
                for l in 0..LANES {
                    across[l] = sum[l]
                        * if COMMON {
                            sloped[l] * inverse[l]
                        } else {
                            inverse[l]
                        };
                }
            }
            for (j, ((out, row), e)) in self.out.iter_mut().zip(self.row).zip(&*e).enumerate() {
                let across = &across[*row as usize];
                fold_product::<FMA>(&mut out[0], &weight, e);
                if COMMON {
                    fold_product::<FMA>(&mut out[1], &sloped, e);
                    fold_product::<FMA>(&mut out[2], across, e);
                } else {
                    let slope = self.slopes.of(t, j, n);
                    let mut a = ZERO;
                    for l in 0..LANES {
                        a[l] = weight[l] * e[l] * slope[l];
                    }
                    fold(&mut out[1], &a);
                    fold_product::<FMA>(&mut out[2], &a, across);
                }
            }
        }
    }
}

/// Whole exponentials of a tile, scaled so that none overflows.
#[inline(always)]
fn anew<const FMA: bool>(
    made: &Utility,
    tastes: &[Lane],
    present: &[bool],
    e: &mut [Lane],
    outside: &mut Lane,
) {
    let k2 = tastes.len();
    let mut top = ZERO;
    for (j, e) in e.iter_mut().enumerate() {
        *e = utility::<FMA>(made.delta[j], &made.x2[j * k2..(j + 1) * k2], tastes);
        if !present[j] {
            *e = [f64::NEG_INFINITY; LANES];
        }
        for l in 0..LANES {
            top[l] = if e[l] > top[l] { e[l] } else { top[l] };
        }
    }
    for e in e {
        let mut u = *e;
        for l in 0..LANES {
            u[l] -= top[l];
        }
        *e = simd::exp::<FMA>(&u);
    }
    for l in 0..LANES {
        outside[l] = -top[l];
    }
    *outside = simd::exp::<FMA>(outside);
}

/// `e *= scale exp(b d)` by the polynomial of a degree.
#[inline(always)]
fn grow<const FMA: bool, const DEGREE: usize>(e: &mut Lane, b: &Lane, d: f64, scale: f64) {
    const INVERSE_FACTORIAL: [f64; 11] = [
        1.0,
        1.0,
        0.5,
        1.0 / 6.0,
        1.0 / 24.0,
        1.0 / 120.0,
        1.0 / 720.0,
        1.0 / 5040.0,
        1.0 / 40320.0,
        1.0 / 362_880.0,
        1.0 / 3_628_800.0,
    ];
    keep_loop();
    // Whole tiles at a time, the way vectors are kept in registers.
    let (mut x, mut p) = (ZERO, [INVERSE_FACTORIAL[DEGREE]; LANES]);
    for l in 0..LANES {
        x[l] = b[l] * d;
    }
    for c in INVERSE_FACTORIAL[1..DEGREE.max(1)].iter().rev() {
        for l in 0..LANES {
            p[l] = fma::<FMA>(p[l], x[l], *c);
        }
    }
    for l in 0..LANES {
        p[l] *= x[l];
        let scaled = e[l] * scale;
        e[l] = fma::<FMA>(scaled, p[l], scaled);
    }
}

/// Slopes as seen from the middle of their range.
#[inline(always)]
fn from_middle(slope: &Lane, middle: f64) -> Lane {
    let mut b = *slope;
    for b in &mut b {
        *b -= middle;
    }
    b
}

#[inline(always)]
fn add(total: &mut Lane, e: &Lane) {
    for l in 0..LANES {
        total[l] += e[l];
    }
}
