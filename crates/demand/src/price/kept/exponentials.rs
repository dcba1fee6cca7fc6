//! Where the exponentials of a tile come from: utility itself, or those that stood at other prices.

use pulp::Simd;

use super::super::PricedMarket;
use super::super::priced::Utility;
use super::places::{Places, Sloped, larger, largest};
use super::{CALM, TERMS};
use crate::simd::{LANES, Lanes, MOST_VECTORS, Number, VectorKernel};

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

/// Exponentials from utility itself.
pub(super) struct Anew<'a, T: Number> {
    /// By place.
    pub(super) delta: Vec<T>,
    pub(super) x2: Vec<T>,
    pub(super) tastes: &'a [[T; LANES]],
    pub(super) k2: usize,
    /// Highest utility by agent, at least that of the outside good, where some could overflow; else empty.
    pub(super) top: Lanes<T>,
}

impl<'a, T: Number> Anew<'a, T> {
    pub(super) fn new(
        market: &PricedMarket,
        made: &Utility,
        places: &Places,
        tastes: &'a [[T; LANES]],
    ) -> Self {
        let k2 = market.view.k2;
        let row = |j: &usize| &made.x2[j * k2..(j + 1) * k2];
        let delta = places.product.iter().map(|j| T::from(made.delta[*j]));
        let x2 = places.product.iter().flat_map(row);
        let mut anew = Self {
            delta: delta.collect(),
            x2: x2.map(|x| T::from(*x)).collect(),
            tastes,
            k2,
            top: Lanes::unwritten(0),
        };
        // NaN is not calm either, and goes the way that keeps it.
        if !(bound(made, &places.tastes) <= CALM * T::MODERATE) {
            let mut top = Lanes::unwritten(market.view.tiles());
            market.view.level.run_vectors(Tops(&anew, &mut top));
            anew.top = top;
        }
        anew
    }

    /// Random coefficients of the agents of a tile.
    #[inline(always)]
    fn tastes<S: Simd>(&self, tile: usize) -> &[T::Vector<S>] {
        T::split::<S>(self.tastes[tile * self.k2..(tile + 1) * self.k2].as_flattened())
    }

    /// Utilities of a product for agents with such coefficients.
    #[inline(always)]
    fn utility<S: Simd, const FMA: bool>(
        &self,
        simd: S,
        place: usize,
        tastes: &[T::Vector<S>],
    ) -> [T::Vector<S>; MOST_VECTORS] {
        let (k2, v) = (self.k2, T::vectors::<S>());
        let mut u = [T::splat(simd, self.delta[place]); MOST_VECTORS];
        let x2 = &self.x2[place * k2..(place + 1) * k2];
        for (x, tastes) in x2.iter().zip(tastes.chunks_exact(v)) {
            let x = T::splat(simd, *x);
            for i in 0..v {
                u[i] = T::fused::<S, FMA>(simd, x, tastes[i], u[i]);
            }
        }
        u
    }
}

/// No utility is larger than this.
fn bound(made: &Utility, tastes: &[f64]) -> f64 {
    let mut x = vec![0.0; tastes.len()];
    for row in made.x2.chunks_exact(tastes.len().max(1)) {
        for (most, x) in x.iter_mut().zip(row) {
            *most = larger(*most, *x);
        }
    }
    largest(&made.delta) + x.iter().zip(tastes).map(|(x, c)| x * c).sum::<f64>()
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
            let tastes = anew.tastes::<S>(tile);
            for place in 0..anew.delta.len() {
                let u = anew.utility::<S, FMA>(simd, place, tastes);
                for (top, u) in top.iter_mut().zip(u) {
                    *top = T::higher(simd, *top, u);
                }
            }
        }
    }
}

impl<T: Number> Exponentials<T> for Anew<'_, T> {
    type Shared<'s, S: Simd>
        = &'s [T::Vector<S>]
    where
        Self: 's;

    #[inline(always)]
    fn begin<S: Simd, const FMA: bool>(
        &self,
        simd: S,
        tile: usize,
        outside: &mut [T::Vector<S>],
    ) -> &[T::Vector<S>] {
        outside.fill(T::splat(simd, T::from(1.0)));
        self.tastes::<S>(tile)
    }

    #[inline(always)]
    fn next<'s, S: Simd, const FMA: bool>(
        &'s self,
        simd: S,
        _: usize,
        place: usize,
        tastes: &&'s [T::Vector<S>],
        e: &mut [T::Vector<S>],
    ) {
        let u = self.utility::<S, FMA>(simd, place, tastes);
        for (e, u) in e.iter_mut().zip(u) {
            *e = T::exp::<S, FMA>(simd, u);
        }
    }
}

/// [`Anew`] below the highest utility of each agent.
pub(super) struct Shifted<'a, T: Number>(pub(super) Anew<'a, T>);

impl<T: Number> Exponentials<T> for Shifted<'_, T> {
    type Shared<'s, S: Simd>
        = (&'s [T::Vector<S>], &'s [T::Vector<S>])
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
            *outside = T::exp_below::<S, FMA>(simd, zero, *top);
        }
        (self.0.tastes::<S>(tile), tops)
    }

    #[inline(always)]
    fn next<'s, S: Simd, const FMA: bool>(
        &'s self,
        simd: S,
        _: usize,
        place: usize,
        (tastes, tops): &Self::Shared<'s, S>,
        e: &mut [T::Vector<S>],
    ) {
        let u = self.0.utility::<S, FMA>(simd, place, tastes);
        for (e, (u, top)) in e.iter_mut().zip(u.iter().zip(*tops)) {
            *e = T::exp_below::<S, FMA>(simd, *u, *top);
        }
    }
}

/// Exponentials that stood at other prices, times a polynomial in the agents' slopes.
pub(super) struct Moved<'a, T: Number> {
    pub(super) slopes: &'a Sloped<'a, T>,
    pub(super) product: &'a [usize],
    pub(super) middle: &'a [f64],
    pub(super) polynomials: &'a [[T; TERMS]],
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
        let product = self.product[place];
        let middle = T::splat(simd, T::from(self.middle[product]));
        let mut b = [middle; MOST_VECTORS];
        for (b, slope) in b.iter_mut().zip(self.slopes.of::<S>(tile, product)) {
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
