//! One pass over the agents: exponentials brought to new prices, and the sums that the fixed point and the condition need.

use std::ops::Range;

use pulp::Simd;

use super::exponentials::Exponentials;
use super::places::{Places, Sloped};
use super::{BLOCK, GROUP};
use crate::price::pass::Sums;
use crate::simd::{LANES, Level, MOST_VECTORS, Number, VectorKernel, Vectors};

/// Brings exponentials to new prices and takes all sums over agents.
pub(super) struct Pass<'a, T: Number> {
    pub(super) weights: &'a [[T; LANES]],
    pub(super) slopes: &'a Sloped<'a, T>,
    pub(super) places: &'a Places,
    /// What the own maker gains from a unit of each place.
    pub(super) gains: &'a [T],
    pub(super) margins: &'a [f64],
    pub(super) e: &'a mut [[T; LANES]],
    pub(super) outside: &'a mut [[T; LANES]],
    /// For each tile of a group weights over inclusive sums and these times slopes, and for each row what it gains; then the sums by place.
    pub(super) scratch: &'a mut [[T; LANES]],
    /// What a maker has of a consumer price, by row, where only `cross - phi shares` is asked for in place of the two; else empty.
    pub(super) phi: &'a [T],
    pub(super) out: &'a mut Sums,
}

impl<T: Number> Pass<'_, T> {
    pub(super) fn run(self, level: Level, exponentials: impl Exponentials<T>) {
        if self.gains.is_empty() {
            return;
        }
        match (self.slopes.common, self.phi.is_empty()) {
            (true, true) => level.run_vectors(PassOf::<_, _, true, 2>(self, exponentials)),
            (true, false) => level.run_vectors(PassOf::<_, _, true, 1>(self, exponentials)),
            (false, _) => level.run_vectors(PassOf::<_, _, false, 2>(self, exponentials)),
        }
    }
}

/// A pass with its source of exponentials; `COMMON` says whether the slope of an agent is that of every product, `ALL` is 2 where weights over
/// inclusive sums are summed by (for shares) and these times slopes, 1 where the latter alone.
struct PassOf<'a, T: Number, X, const COMMON: bool, const ALL: usize>(Pass<'a, T>, X);

impl<T: Number, X: Exponentials<T>, const COMMON: bool, const ALL: usize> VectorKernel
    for PassOf<'_, T, X, COMMON, ALL>
{
    type Output = ();
    #[inline(always)]
    fn run<S: Simd, const FMA: bool>(self, simd: S) {
        let Self(pass, exponentials) = self;
        let (n, v) = (pass.gains.len(), T::vectors::<S>());
        let (zero, one) = (T::splat(simd, T::from(0.0)), T::splat(simd, T::from(1.0)));
        let weights = T::split::<S>(pass.weights.as_flattened());
        let e = T::split_mut::<S>(pass.e.as_flattened_mut());
        let outside = T::split_mut::<S>(pass.outside.as_flattened_mut());
        let scratch = T::split_mut::<S>(pass.scratch.as_flattened_mut());
        let (weight, rest) = scratch.split_at_mut(ALL * GROUP * v);
        let (across, rest) = rest.split_at_mut(pass.places.rows.len() * GROUP * v);
        let sums = &mut rest[..(ALL + 1) * n];
        sums.fill(zero);
        for (group, ((e, outside), w)) in e
            .chunks_mut(GROUP * n * v)
            .zip(outside.chunks_mut(GROUP * v))
            .zip(weights.chunks(GROUP * v))
            .enumerate()
        {
            let first = group * GROUP;
            for (g, ((e, outside), w)) in e
                .chunks_exact_mut(n * v)
                .zip(outside.chunks_exact_mut(v))
                .zip(w.chunks_exact(v))
                .enumerate()
            {
                let tile = first + g;
                let shared = exponentials.begin::<S, FMA>(simd, tile, outside);
                let mut total = [zero; MOST_VECTORS];
                total[..v].copy_from_slice(outside);
                for (row, places) in pass.places.rows.iter().enumerate() {
                    let mut gained = [zero; MOST_VECTORS];
                    let of_row = e[places.start * v..places.end * v].chunks_exact_mut(v);
                    for ((e, gain), place) in
                        of_row.zip(&pass.gains[places.clone()]).zip(places.clone())
                    {
                        exponentials.next::<S, FMA>(simd, tile, place, &shared, e);
                        let gain = T::splat(simd, *gain);
                        for i in 0..v {
                            total[i] = T::add(simd, total[i], e[i]);
                            gained[i] = T::fused::<S, FMA>(simd, gain, e[i], gained[i]);
                        }
                    }
                    across[(row * GROUP + g) * v..][..v].copy_from_slice(&gained[..v]);
                }
                for (row, members) in pass.places.members.iter().enumerate() {
                    let gained = &mut across[(row * GROUP + g) * v..][..v];
                    gained.fill(zero);
                    for (place, share) in members {
                        let margin = pass.margins[pass.places.product[*place]];
                        let gain = T::splat(simd, T::from(share * margin));
                        for i in 0..v {
                            gained[i] = T::fused::<S, FMA>(simd, gain, e[place * v + i], gained[i]);
                        }
                    }
                }
                let slope = pass.slopes.of::<S>(tile, 0);
                for i in 0..v {
                    let inverse = T::div(simd, one, total[i]);
                    let weighted = T::mul(simd, w[i], inverse);
                    let with_slope = T::mul(simd, weighted, slope[i]);
                    let weight = &mut weight[ALL * g * v..ALL * (g + 1) * v];
                    weight[i] = weighted;
                    weight[(ALL - 1) * v + i] = with_slope;
                    let scale = if COMMON {
                        T::mul(simd, with_slope, inverse)
                    } else {
                        inverse
                    };
                    let of_rows = across[g * v + i..].iter_mut().step_by(GROUP * v);
                    for (row, gained) in of_rows.enumerate() {
                        *gained = T::mul(simd, *gained, scale);
                        if ALL == 1 {
                            let phi = T::splat(simd, pass.phi[row]);
                            *gained = T::sub(simd, *gained, T::mul(simd, phi, weighted));
                        }
                    }
                }
            }
            let e = &*e;
            for (row, places) in pass.places.rows.iter().enumerate() {
                let across = &across[row * GROUP * v..][..GROUP * v];
                if COMMON {
                    let by = (&*weight, across);
                    add_row::<T, S, FMA, ALL>(simd, n, e, places.clone(), by, sums);
                } else {
                    for place in places.clone() {
                        let slopes = |g| pass.slopes.of::<S>(first + g, pass.places.product[place]);
                        let by = (&*weight, across);
                        add_sloped::<T, S, FMA>(simd, n, e, place, slopes, by, sums);
                    }
                }
            }
        }
        let out = pass.out;
        for (j, sums) in pass.places.product.iter().zip(sums.chunks_exact(ALL + 1)) {
            let sum = |q: usize| T::sum(simd, sums[q]).into_double();
            out.shares[*j] = if ALL == 1 { 0.0 } else { sum(0) };
            out.slopes[*j] = sum(ALL - 1);
            out.cross[*j] = sum(ALL);
        }
    }
}

/// Adds the sums over a group of tiles of the exponentials of a row times each of `ALL` quantities that all rows share and of the row's own;
/// `out` has so many sums a place.
#[inline(always)]
fn add_row<T: Number, S: Simd, const FMA: bool, const ALL: usize>(
    simd: S,
    n: usize,
    e: &[T::Vector<S>],
    places: Range<usize>,
    by: (Vectors<T, S>, Vectors<T, S>),
    out: &mut [T::Vector<S>],
) {
    let mut place = places.start;
    while place + BLOCK <= places.end {
        add_block::<T, S, FMA, ALL, BLOCK>(simd, n, e, place, by, out);
        place += BLOCK;
    }
    match places.end - place {
        3 => add_block::<T, S, FMA, ALL, 3>(simd, n, e, place, by, out),
        2 => add_block::<T, S, FMA, ALL, 2>(simd, n, e, place, by, out),
        1 => add_block::<T, S, FMA, ALL, 1>(simd, n, e, place, by, out),
        _ => {}
    }
}

/// [`add_row`] of `WIDTH` products, whose sums are held in registers.
#[inline(always)]
fn add_block<T: Number, S: Simd, const FMA: bool, const ALL: usize, const WIDTH: usize>(
    simd: S,
    n: usize,
    e: &[T::Vector<S>],
    place: usize,
    (all, own): (Vectors<T, S>, Vectors<T, S>),
    out: &mut [T::Vector<S>],
) {
    let v = T::vectors::<S>();
    let zero = T::splat(simd, T::from(0.0));
    let mut sums = [([zero; ALL], zero); WIDTH];
    for ((e, all), own) in e
        .chunks_exact(n * v)
        .zip(all.chunks_exact(ALL * v))
        .zip(own.chunks_exact(v))
    {
        let e = &e[place * v..(place + WIDTH) * v];
        for i in 0..v {
            for (y, (of_all, of_own)) in sums.iter_mut().enumerate() {
                let e = e[y * v + i];
                for (q, sum) in of_all.iter_mut().enumerate() {
                    *sum = T::fused::<S, FMA>(simd, e, all[q * v + i], *sum);
                }
                *of_own = T::fused::<S, FMA>(simd, e, own[i], *of_own);
            }
        }
    }
    let out = out[(ALL + 1) * place..].chunks_exact_mut(ALL + 1);
    for (out, (of_all, of_own)) in out.zip(&sums) {
        for (out, sum) in out.iter_mut().zip(of_all) {
            *out = T::add(simd, *out, *sum);
        }
        out[ALL] = T::add(simd, out[ALL], *of_own);
    }
}

/// Adds the sums over a group of tiles of a product whose slopes are its own.
#[inline(always)]
fn add_sloped<'s, T: Number, S: Simd, const FMA: bool>(
    simd: S,
    n: usize,
    e: &[T::Vector<S>],
    place: usize,
    slopes: impl Fn(usize) -> &'s [T::Vector<S>],
    (weight, across): (Vectors<T, S>, Vectors<T, S>),
    out: &mut [T::Vector<S>],
) {
    let v = T::vectors::<S>();
    let mut sums = [T::splat(simd, T::from(0.0)); 3];
    for (g, e) in e.chunks_exact(n * v).enumerate() {
        let slopes = slopes(g);
        for i in 0..v {
            let share = T::mul(simd, e[place * v + i], weight[2 * g * v + i]);
            let a = T::mul(simd, share, slopes[i]);
            sums[0] = T::add(simd, sums[0], share);
            sums[1] = T::add(simd, sums[1], a);
            sums[2] = T::fused::<S, FMA>(simd, a, across[g * v + i], sums[2]);
        }
    }
    for (out, sum) in out[3 * place..][..3].iter_mut().zip(sums) {
        *out = T::add(simd, *out, sum);
    }
}
