//! Where the exponentials of a tile come from: utility itself, or those that stood at other prices.

use std::f64::consts::LOG2_E;

use pulp::Simd;

use super::super::PricedMarket;
use super::super::priced::Utility;
use super::CALM;
use super::places::{Places, Sloped};
use crate::linalg::{larger, largest};
use crate::simd::{LANES, Lanes, MOST_VECTORS, Number, VectorKernel, Vectors};

/// Where the exponentials of a tile come from.
pub(super) trait Exponentials<T: Number> {
    /// What all products of a tile share.
    type Shared<'s, S: Simd>
    where
        Self: 's;

    /// Begins a tile; `outside` is set when the scale of the tile is new.
    fn begin<S: Simd, const FMA: bool>(
        &self,
        simd: S,
        tile: usize,
        outside: &mut [T::Vector<S>],
    ) -> Self::Shared<'_, S>;

    /// The exponentials at a place from those that stood there.
    fn next<'s, S: Simd, const FMA: bool>(
        &'s self,
        simd: S,
        tile: usize,
        place: usize,
        shared: &Self::Shared<'s, S>,
        e: &mut [T::Vector<S>],
    );
}

/// Exponentials from utility itself. It is in bits, utils over `ln 2`, so that they are powers of two.
pub(super) struct Anew<'a, T: Number> {
    /// By place.
    pub(super) delta: Vec<T>,
    /// Characteristics that differ between products, by place, and which they are; of all products alike.
    x2: Vec<T>,
    columns: &'a [usize],
    alike: Vec<(usize, T)>,
    pub(super) tastes: &'a [[T; LANES]],
    pub(super) k2: usize,
    /// Highest utility by agent (in bits too), at least that of the outside good, where some could overflow; else empty.
    pub(super) top: Lanes<T>,
}

impl<'a, T: Number> Anew<'a, T> {
    pub(super) fn new(
        market: &PricedMarket,
        made: &Utility,
        places: &'a Places,
        tastes: &'a [[T; LANES]],
    ) -> Self {
        let k2 = market.view.k2;
        let row = |j: usize| &made.x2[j * k2..(j + 1) * k2];
        let bits = |utils: f64| T::from(utils * LOG2_E);
        let mut x2 = Vec::with_capacity(places.columns.len() * places.product.len());
        for j in &places.product {
            x2.extend(places.columns.iter().map(|k| bits(row(*j)[*k])));
        }
        let first = places.product.first().map_or(&[][..], |j| row(*j));
        let alike = places.alike.iter().filter(|k| **k < first.len());
        let delta = places.product.iter().map(|j| bits(made.delta[*j]));
        let mut anew = Self {
            delta: delta.collect(),
            x2,
            columns: &places.columns,
            alike: alike.map(|k| (*k, bits(first[*k]))).collect(),
            tastes,
            k2,
            top: Lanes::unwritten(0),
        };
        // NaN is not calm either, and goes the way that keeps it.
        if !(bound(made, &places.tastes) * LOG2_E <= CALM * T::MODERATE) {
            let mut top = Lanes::unwritten(market.view.tiles());
            market.view.level.run_vectors(Tops(&anew, &mut top));
            anew.top = top;
        }
        anew
    }

    /// The agents of a tile: what utilities of all products have in common, and random coefficients.
    #[inline(always)]
    fn agents<S: Simd, const FMA: bool>(&self, simd: S, tile: usize) -> Agents<'_, T, S> {
        let v = T::vectors::<S>();
        let tastes =
            T::split::<S>(self.tastes[tile * self.k2..(tile + 1) * self.k2].as_flattened());
        let mut common = [T::splat(simd, T::from(0.0)); MOST_VECTORS];
        for (k, x) in &self.alike {
            let x = T::splat(simd, *x);
            for (common, taste) in common.iter_mut().zip(&tastes[k * v..(k + 1) * v]) {
                *common = T::fused::<S, FMA>(simd, x, *taste, *common);
            }
        }
        (common, tastes)
    }

    /// Utilities of a product for the agents of a tile.
    #[inline(always)]
    fn utility<S: Simd, const FMA: bool>(
        &self,
        simd: S,
        place: usize,
        (common, tastes): &Agents<'_, T, S>,
    ) -> [T::Vector<S>; MOST_VECTORS] {
        let v = T::vectors::<S>();
        let delta = T::splat(simd, self.delta[place]);
        let mut u = common.map(|common| T::add(simd, common, delta));
        let width = self.columns.len();
        for (x, k) in self.x2[place * width..(place + 1) * width]
            .iter()
            .zip(self.columns)
        {
            let x = T::splat(simd, *x);
            for (u, taste) in u.iter_mut().zip(&tastes[k * v..(k + 1) * v]) {
                *u = T::fused::<S, FMA>(simd, x, *taste, *u);
            }
        }
        u
    }
}

/// What utilities of the agents of a tile have in common, and their random coefficients.
type Agents<'s, T, S> = ([<T as Number>::Vector<S>; MOST_VECTORS], Vectors<'s, T, S>);

/// No utility is larger than this.
fn bound(made: &Utility, tastes: &[f64]) -> f64 {
    let of_column = |(k, taste): (usize, &f64)| {
        let x = made.x2.iter().skip(k).step_by(tastes.len());
        taste * x.fold(0.0, |most, x| larger(most, *x))
    };
    largest(&made.delta) + tastes.iter().enumerate().map(of_column).sum::<f64>()
}

/// The highest utility of each agent.
struct Tops<'a, T: Number>(&'a Anew<'a, T>, &'a mut [[T; LANES]]);

impl<T: Number> VectorKernel for Tops<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd, const FMA: bool>(self, simd: S) {
        let Self(anew, tops) = self;
        for (tile, top) in tops.iter_mut().enumerate() {
            let top = T::split_mut::<S>(top);
            top.fill(T::splat(simd, T::from(0.0)));
            let agents = anew.agents::<S, FMA>(simd, tile);
            for place in 0..anew.delta.len() {
                let u = anew.utility::<S, FMA>(simd, place, &agents);
                for (top, u) in top.iter_mut().zip(u) {
                    *top = T::higher(simd, *top, u);
                }
            }
        }
    }
}

/// [`Anew`] as it is; `BRISK` where no more than a tolerance of ten digits is needed.
pub(super) struct Calm<'a, T: Number, const BRISK: bool>(pub(super) Anew<'a, T>);

impl<T: Number, const BRISK: bool> Exponentials<T> for Calm<'_, T, BRISK> {
    type Shared<'s, S: Simd>
        = Agents<'s, T, S>
    where
        Self: 's;

    #[inline(always)]
    fn begin<S: Simd, const FMA: bool>(
        &self,
        simd: S,
        tile: usize,
        outside: &mut [T::Vector<S>],
    ) -> Agents<'_, T, S> {
        outside.fill(T::splat(simd, T::from(1.0)));
        self.0.agents::<S, FMA>(simd, tile)
    }

    #[inline(always)]
    fn next<'s, S: Simd, const FMA: bool>(
        &'s self,
        simd: S,
        _: usize,
        place: usize,
        agents: &Agents<'s, T, S>,
        e: &mut [T::Vector<S>],
    ) {
        let u = self.0.utility::<S, FMA>(simd, place, agents);
        for (e, u) in e.iter_mut().zip(u) {
            *e = if BRISK {
                T::exp2_brisk::<S, FMA>(simd, u)
            } else {
                T::exp2::<S, FMA>(simd, u)
            };
        }
    }
}

/// [`Anew`] below the highest utility of each agent.
pub(super) struct Shifted<'a, T: Number>(pub(super) Anew<'a, T>);

impl<T: Number> Exponentials<T> for Shifted<'_, T> {
    type Shared<'s, S: Simd>
        = (Agents<'s, T, S>, Vectors<'s, T, S>)
    where
        Self: 's;

    #[inline(always)]
    fn begin<S: Simd, const FMA: bool>(
        &self,
        simd: S,
        tile: usize,
        outside: &mut [T::Vector<S>],
    ) -> Self::Shared<'_, S> {
        let zero = T::splat(simd, T::from(0.0));
        let tops = T::split::<S>(&self.0.top[tile]);
        for (top, outside) in tops.iter().zip(outside) {
            *outside = T::exp2_below::<S, FMA>(simd, zero, *top);
        }
        (self.0.agents::<S, FMA>(simd, tile), tops)
    }

    #[inline(always)]
    fn next<'s, S: Simd, const FMA: bool>(
        &'s self,
        simd: S,
        _: usize,
        place: usize,
        (agents, tops): &Self::Shared<'s, S>,
        e: &mut [T::Vector<S>],
    ) {
        let u = self.0.utility::<S, FMA>(simd, place, agents);
        for (e, (u, top)) in e.iter_mut().zip(u.iter().zip(*tops)) {
            *e = T::exp2_below::<S, FMA>(simd, *u, *top);
        }
    }
}

/// Exponentials that stood at other prices, times a polynomial in the agents' slopes.
pub(super) struct Moved<'a, T: Number> {
    pub(super) slopes: &'a Sloped<'a, T>,
    pub(super) product: &'a [usize],
    pub(super) middle: &'a [f64],
    pub(super) polynomials: &'a [[T; LANES]],
}

pub(super) struct Degree<'a, T: Number, const DEGREE: usize>(pub(super) Moved<'a, T>);

impl<T: Number> Moved<'_, T> {
    /// Slopes of a place for the agents of a tile, as seen from the middle of their range.
    #[inline(always)]
    fn beside_middle<S: Simd>(
        &self,
        simd: S,
        tile: usize,
        place: usize,
    ) -> [T::Vector<S>; MOST_VECTORS] {
        let middle = T::splat(simd, T::from(self.middle[place]));
        let mut b = [middle; MOST_VECTORS];
        let slopes = self.slopes.of::<S>(tile, self.product[place]);
        for (b, slope) in b.iter_mut().zip(slopes) {
            *b = T::sub(simd, *slope, middle);
        }
        b
    }
}

impl<T: Number, const DEGREE: usize> Exponentials<T> for Degree<'_, T, DEGREE> {
    type Shared<'s, S: Simd>
        = [T::Vector<S>; MOST_VECTORS]
    where
        Self: 's;

    #[inline(always)]
    fn begin<S: Simd, const FMA: bool>(
        &self,
        simd: S,
        tile: usize,
        _: &mut [T::Vector<S>],
    ) -> Self::Shared<'_, S> {
        self.0.beside_middle::<S>(simd, tile, 0)
    }

    #[inline(always)]
    fn next<'s, S: Simd, const FMA: bool>(
        &'s self,
        simd: S,
        tile: usize,
        place: usize,
        shared: &Self::Shared<'s, S>,
        e: &mut [T::Vector<S>],
    ) {
        let mut b = *shared;
        if !self.0.slopes.common {
            b = self.0.beside_middle::<S>(simd, tile, place);
        }
        let c = &self.0.polynomials[place];
        for i in 0..T::vectors::<S>() {
            let mut p = T::splat(simd, c[DEGREE]);
            for c in c[..DEGREE].iter().rev() {
                p = T::fused::<S, FMA>(simd, p, b[i], T::splat(simd, *c));
            }
            e[i] = T::mul(simd, e[i], p);
        }
    }
}
