//! Exponentials of utilities that are kept while prices move, in markets without nests.
//!
//! When prices move by `d` an exponential `e_jr` becomes `e_jr exp(alpha_r d_j)`. With `alpha_r = a + b_r`, `a` midway between the agents'
//! slopes, that is a polynomial in `b_r` whose coefficients `exp(a d_j) d_j^k / k!` are a product's alone, the shorter the nearer prices are
//! to the fixed point. Whole exponentials are taken at the start, after long moves and every so often, so that rounding does not pile up.
//!
//! Products stand maker by maker, so that what a maker gains from its products is summed while they pass, and sums over agents are taken for
//! several products of a maker at a time, over a group of tiles that stays in the nearest cache.

use std::ops::Range;

use pulp::Simd;

use super::PricedMarket;
use super::pass::Sums;
use super::priced::{Slopes, Utility, utility};
use crate::simd::{
    self, HALF, Half, LANES, Lane, Lanes, MODERATE, MOST_VECTORS, VectorKernel, ZERO, exp_vector,
    fused, vectors,
};
use crate::supply::Ownership;

/// Moves between whole exponentials at most.
const MOVES: usize = 16;

/// Sum of the moves' exponents after which exponentials are taken anew, far from any overflow.
const WANDERED: f64 = 200.0;

/// Degrees of the polynomial, each with the largest exponent at which what it leaves out stays below 2^-53.
const DEGREES: [(usize, f64); 8] = [
    (1, 1.4e-8),
    (2, 8.7e-6),
    (3, 2.2e-4),
    (4, 1.6e-3),
    (5, 6.5e-3),
    (7, 0.037),
    (9, 0.11),
    (12, 0.33),
];

/// Coefficients of the longest polynomial.
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

/// Tiles in a group.
const GROUP: usize = 8;

/// Products whose sums over a group are taken at once.
const BLOCK: usize = 4;

/// Exponentials of a market's utilities at the prices of the last evaluation.
pub(super) struct Kept {
    places: Places,
    /// `exp(u_jr - shift_r)`, `[tile][place]`, and `exp(-shift_r)`, `[tile]`.
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
    /// `exp(a d_j)` and the polynomials, by place.
    scales: Vec<f64>,
    polynomials: Vec<[f64; TERMS]>,
    gains: Vec<f64>,
    scratch: Lanes,
    out: Vec<[Half; 3]>,
}

/// Where the products that are offered stand in a tile: row by row of the ownership.
struct Places {
    /// Product at each place.
    product: Vec<usize>,
    /// Places of the products whose condition a row enters.
    rows: Vec<Range<usize>>,
    /// Whether a maker gains from its own products and from no other's.
    own: bool,
    /// Otherwise places and weights of what each row gains from.
    members: Vec<Vec<(usize, f64)>>,
    /// Weight of each place in what its own row gains.
    weight: Vec<f64>,
}

impl Places {
    fn new(ownership: &Ownership, present: &[bool]) -> Self {
        let mut product: Vec<usize> = (0..present.len()).filter(|j| present[*j]).collect();
        product.sort_by_key(|j| ownership.row[*j]);
        let mut place = vec![None; present.len()];
        for (i, j) in product.iter().enumerate() {
            place[*j] = Some(i);
        }
        let mut places = Self {
            own: true,
            weight: vec![0.0; product.len()],
            rows: Vec::with_capacity(ownership.rows()),
            members: Vec::new(),
            product,
        };
        let mut next = 0;
        for row in 0..ownership.rows() {
            let begin = next;
            let of_row = |i: usize| ownership.row[places.product[i]] as usize == row;
            while next < places.product.len() && of_row(next) {
                next += 1;
            }
            places.rows.push(begin..next);
            for (k, share) in ownership.members(row) {
                match place[k] {
                    Some(i) if (begin..next).contains(&i) => places.weight[i] = share,
                    Some(_) => places.own = false,
                    None => {}
                }
            }
        }
        if !places.own {
            let offered = |row| {
                let members = ownership.members(row);
                members.filter_map(|(k, share)| Some((place[k]?, share)))
            };
            let rows = 0..ownership.rows();
            places.members = rows.map(|row| offered(row).collect()).collect();
        }
        places
    }
}

impl Kept {
    pub fn new(market: &PricedMarket, ownership: &Ownership, present: &[bool]) -> Self {
        let (n, tiles) = (market.view.products(), market.view.tiles());
        let (middle, radius) = market.slopes.middle(n);
        let places = Places::new(ownership, present);
        let count = places.product.len();
        Self {
            e: Lanes::unwritten(tiles * count),
            outside: Lanes::unwritten(tiles),
            slopes: None,
            middle,
            radius,
            at: Vec::with_capacity(n),
            moves: 0,
            wandered: 0.0,
            scales: vec![0.0; count],
            polynomials: vec![[0.0; TERMS]; count],
            gains: vec![0.0; count],
            scratch: Lanes::unwritten((2 + places.rows.len()) * GROUP),
            out: vec![[HALF; 3]; count],
            places,
        }
    }

    /// The sums of one pass over the agents at prices.
    pub fn sums(
        &mut self,
        market: &PricedMarket,
        prices: &[f64],
        margins: &[f64],
        sums: &mut Sums,
    ) {
        let change = self.change(market, prices);
        for (gain, (j, weight)) in self
            .gains
            .iter_mut()
            .zip(self.places.product.iter().zip(&self.places.weight))
        {
            *gain = weight * margins[*j];
        }
        self.out.fill([HALF; 3]);
        let slopes = self.slopes.as_ref().unwrap_or(&market.slopes);
        let pass = Pass {
            weights: market.view.weights,
            slopes,
            products: market.view.products(),
            places: &self.places,
            gains: &self.gains,
            margins,
            e: &mut self.e,
            outside: &mut self.outside,
            scratch: &mut self.scratch,
            out: &mut self.out,
        };
        let level = market.view.level;
        match change {
            Change::Anew(made) => {
                let anew = Anew::new(market, &made, &self.places);
                if anew.top.is_empty() {
                    pass.run(level, anew, slopes.common);
                } else {
                    pass.run(level, Shifted(anew), slopes.common);
                }
            }
            Change::Move(degree) => {
                let moved = Moved {
                    slopes,
                    products: market.view.products(),
                    product: &self.places.product,
                    middle: &self.middle,
                    polynomials: &self.polynomials,
                };
                // A degree is a constant of the loops, so that they are unrolled.
                match (slopes.common, degree) {
                    (true, 1) => pass.run(level, Degree::<1>(moved), true),
                    (true, 2) => pass.run(level, Degree::<2>(moved), true),
                    (true, 3) => pass.run(level, Degree::<3>(moved), true),
                    (true, 4) => pass.run(level, Degree::<4>(moved), true),
                    (true, 5) => pass.run(level, Degree::<5>(moved), true),
                    (true, 7) => pass.run(level, Degree::<7>(moved), true),
                    (true, 9) => pass.run(level, Degree::<9>(moved), true),
                    (common, _) => pass.run(level, Degree::<12>(moved), common),
                }
            }
        }
        for (i, values) in [&mut sums.shares, &mut sums.slopes, &mut sums.cross]
            .into_iter()
            .enumerate()
        {
            values.clear();
            values.resize(prices.len(), 0.0);
            for (out, j) in self.out.iter().zip(&self.places.product) {
                values[*j] = simd::sum_half(&out[i]);
            }
        }
    }

    /// How the exponentials come from where they are to prices, taken as done.
    fn change(&mut self, market: &PricedMarket, prices: &[f64]) -> Change {
        if !self.at.is_empty() && market.is_linear() && self.moves < MOVES {
            let moved = prices.iter().zip(&self.at).map(|(p, a)| p - a);
            let reach = self.radius * largest(moved.clone());
            let middles = moved.clone().zip(&self.middle).map(|(d, a)| a * d);
            let wandered = self.wandered + reach + largest(middles);
            if let Some((degree, _)) = DEGREES.iter().find(|(_, limit)| reach <= *limit)
                && wandered <= WANDERED
            {
                for (scale, j) in self.scales.iter_mut().zip(&self.places.product) {
                    *scale = self.middle[*j] * (prices[*j] - self.at[*j]);
                }
                market.view.level.exp(&mut self.scales);
                let places = self.polynomials.iter_mut().zip(&self.scales);
                for ((polynomial, scale), j) in places.zip(&self.places.product) {
                    let d = prices[*j] - self.at[*j];
                    let mut term = *scale;
                    for (c, factor) in polynomial[..=*degree].iter_mut().zip(&RATIOS) {
                        *c = term;
                        term *= d * factor;
                    }
                }
                (self.moves, self.wandered) = (self.moves + 1, wandered);
                self.at.copy_from_slice(prices);
                return Change::Move(*degree);
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

/// How exponentials come from one set of prices to the next.
enum Change {
    /// From utility itself.
    Anew(Utility),
    /// By polynomials of a degree.
    Move(usize),
}

/// Largest absolute value; NaN when one is.
fn largest(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, |a, x| if x.abs() <= a { a } else { x.abs() })
}

/// Where the exponentials of a tile come from.
trait Exponentials {
    /// What all products of a tile share; `outside` is set when the scale of the tile is new.
    fn begin<S: Simd, const FMA: bool>(
        &self,
        simd: S,
        tile: usize,
        outside: &mut [S::f64s],
    ) -> [S::f64s; MOST_VECTORS];

    /// The exponentials at a place from those that stood there.
    fn next<S: Simd, const FMA: bool>(
        &self,
        simd: S,
        tile: usize,
        place: usize,
        shared: &[S::f64s; MOST_VECTORS],
        e: &mut [S::f64s],
    );
}

/// Exponentials from utility itself.
struct Anew<'a> {
    /// By place.
    delta: Vec<f64>,
    x2: Vec<f64>,
    tastes: &'a [Lane],
    k2: usize,
    /// Highest utility by agent, at least that of the outside good, where some could overflow; else empty.
    top: Lanes,
}

impl<'a> Anew<'a> {
    fn new(market: &'a PricedMarket, made: &Utility, places: &Places) -> Self {
        let k2 = market.view.k2;
        let row = |j: &usize| &made.x2[j * k2..(j + 1) * k2];
        let mut anew = Self {
            delta: places.product.iter().map(|j| made.delta[*j]).collect(),
            x2: places.product.iter().flat_map(row).copied().collect(),
            tastes: &market.tastes,
            k2,
            top: Lanes::default(),
        };
        // NaN is not moderate either, and goes the way that keeps it.
        if !(anew.bound() <= MODERATE) {
            anew.top = Lanes::from_fn(market.view.tiles(), |t| {
                let tastes = &anew.tastes[t * k2..(t + 1) * k2];
                let mut top = ZERO;
                for (place, delta) in anew.delta.iter().enumerate() {
                    let x2 = &anew.x2[place * k2..(place + 1) * k2];
                    let u = utility::<false>(*delta, x2, tastes);
                    for l in 0..LANES {
                        top[l] = if u[l] > top[l] { u[l] } else { top[l] };
                    }
                }
                top
            });
        }
        anew
    }

    /// No utility is larger than this.
    fn bound(&self) -> f64 {
        let mut bound = largest(self.delta.iter().copied());
        for k in 0..self.k2 {
            let x = largest(self.x2.iter().skip(k).step_by(self.k2).copied());
            let mut taste = ZERO;
            for c in self.tastes.iter().skip(k).step_by(self.k2) {
                for l in 0..LANES {
                    let c = c[l].abs();
                    taste[l] = if c <= taste[l] { taste[l] } else { c };
                }
            }
            bound += x * largest(taste.iter().copied());
        }
        bound
    }
}

impl Anew<'_> {
    /// Utilities of a product for the agents of a tile.
    #[inline(always)]
    fn utility<S: Simd, const FMA: bool>(
        &self,
        simd: S,
        tile: usize,
        place: usize,
    ) -> [S::f64s; MOST_VECTORS] {
        let (k2, v) = (self.k2, vectors::<S>());
        let tastes = self.tastes[tile * k2..(tile + 1) * k2].as_flattened();
        let (tastes, _) = S::as_simd_f64s(tastes);
        let mut u = [simd.splat_f64s(self.delta[place]); MOST_VECTORS];
        let x2 = &self.x2[place * k2..(place + 1) * k2];
        for (x, tastes) in x2.iter().zip(tastes.chunks_exact(v)) {
            let x = simd.splat_f64s(*x);
            for i in 0..v {
                u[i] = fused::<S, FMA>(simd, x, tastes[i], u[i]);
            }
        }
        u
    }
}

impl Exponentials for Anew<'_> {
    #[inline(always)]
    fn begin<S: Simd, const FMA: bool>(
        &self,
        simd: S,
        _: usize,
        outside: &mut [S::f64s],
    ) -> [S::f64s; MOST_VECTORS] {
        outside.fill(simd.splat_f64s(1.0));
        [simd.splat_f64s(0.0); MOST_VECTORS]
    }

    #[inline(always)]
    fn next<S: Simd, const FMA: bool>(
        &self,
        simd: S,
        tile: usize,
        place: usize,
        _: &[S::f64s; MOST_VECTORS],
        e: &mut [S::f64s],
    ) {
        let u = self.utility::<S, FMA>(simd, tile, place);
        for (e, u) in e.iter_mut().zip(u) {
            *e = exp_vector::<S, FMA>(simd, u);
        }
    }
}

/// [`Anew`] below the highest utility of each agent.
struct Shifted<'a>(Anew<'a>);

impl Exponentials for Shifted<'_> {
    #[inline(always)]
    fn begin<S: Simd, const FMA: bool>(
        &self,
        simd: S,
        tile: usize,
        outside: &mut [S::f64s],
    ) -> [S::f64s; MOST_VECTORS] {
        let mut tops = [simd.splat_f64s(0.0); MOST_VECTORS];
        let (top, _) = S::as_simd_f64s(&self.0.top[tile]);
        for ((top, shared), outside) in top.iter().zip(&mut tops).zip(outside) {
            *shared = *top;
            *outside = shifted_exp::<S, FMA>(simd, simd.splat_f64s(0.0), *top);
        }
        tops
    }

    #[inline(always)]
    fn next<S: Simd, const FMA: bool>(
        &self,
        simd: S,
        tile: usize,
        place: usize,
        tops: &[S::f64s; MOST_VECTORS],
        e: &mut [S::f64s],
    ) {
        let u = self.0.utility::<S, FMA>(simd, tile, place);
        for (e, (u, top)) in e.iter_mut().zip(u.iter().zip(tops)) {
            *e = shifted_exp::<S, FMA>(simd, *u, *top);
        }
    }
}

/// `exp(u - top)` for `u` no higher than `top`; what lies below [`MODERATE`] is nothing.
#[inline(always)]
fn shifted_exp<S: Simd, const FMA: bool>(simd: S, u: S::f64s, top: S::f64s) -> S::f64s {
    let low = simd.splat_f64s(-MODERATE);
    let u = simd.sub_f64s(u, top);
    let nothing = simd.less_than_f64s(u, low);
    let e = exp_vector::<S, FMA>(simd, simd.select_f64s(nothing, low, u));
    simd.select_f64s(nothing, simd.splat_f64s(0.0), e)
}

/// Exponentials that stood at other prices, times a polynomial in the agents' slopes.
#[derive(Clone, Copy)]
struct Moved<'a> {
    slopes: &'a Slopes,
    products: usize,
    product: &'a [usize],
    middle: &'a [f64],
    polynomials: &'a [[f64; TERMS]],
}

struct Degree<'a, const DEGREE: usize>(Moved<'a>);

impl Moved<'_> {
    /// Slopes of a product for the agents of a tile, as seen from the middle of their range.
    #[inline(always)]
    fn beside_middle<S: Simd>(
        &self,
        simd: S,
        tile: usize,
        product: usize,
    ) -> [S::f64s; MOST_VECTORS] {
        let (slopes, _) = S::as_simd_f64s(self.slopes.of(tile, product, self.products));
        let middle = simd.splat_f64s(self.middle[product]);
        let mut b = [middle; MOST_VECTORS];
        for (b, slope) in b.iter_mut().zip(slopes) {
            *b = simd.sub_f64s(*slope, middle);
        }
        b
    }
}

impl<const DEGREE: usize> Exponentials for Degree<'_, DEGREE> {
    #[inline(always)]
    fn begin<S: Simd, const FMA: bool>(
        &self,
        simd: S,
        tile: usize,
        _: &mut [S::f64s],
    ) -> [S::f64s; MOST_VECTORS] {
        self.0.beside_middle(simd, tile, self.0.product[0])
    }

    #[inline(always)]
    fn next<S: Simd, const FMA: bool>(
        &self,
        simd: S,
        tile: usize,
        place: usize,
        shared: &[S::f64s; MOST_VECTORS],
        e: &mut [S::f64s],
    ) {
        let mut b = *shared;
        if !self.0.slopes.common {
            b = self.0.beside_middle(simd, tile, self.0.product[place]);
        }
        let c = &self.0.polynomials[place];
        for i in 0..vectors::<S>() {
            let mut p = simd.splat_f64s(c[DEGREE]);
            for c in c[..DEGREE].iter().rev() {
                p = fused::<S, FMA>(simd, p, b[i], simd.splat_f64s(*c));
            }
            e[i] = simd.mul_f64s(e[i], p);
        }
    }
}

/// Brings exponentials to new prices and takes all sums over agents.
struct Pass<'a> {
    weights: &'a [Lane],
    slopes: &'a Slopes,
    products: usize,
    places: &'a Places,
    /// What the own maker gains from a unit of each place.
    gains: &'a [f64],
    margins: &'a [f64],
    e: &'a mut [Lane],
    outside: &'a mut [Lane],
    /// For a group of tiles: weights over inclusive sums, these times slopes, what each row gains.
    scratch: &'a mut [Lane],
    out: &'a mut [[Half; 3]],
}

impl Pass<'_> {
    fn run(self, level: simd::Level, exponentials: impl Exponentials, common: bool) {
        if self.gains.is_empty() {
            return;
        }
        if common {
            level.run_vectors(PassOf::<_, true>(self, exponentials));
        } else {
            level.run_vectors(PassOf::<_, false>(self, exponentials));
        }
    }
}

/// A pass with its source of exponentials; `COMMON` says whether the slope of an agent is that of every product.
struct PassOf<'a, X, const COMMON: bool>(Pass<'a>, X);

impl<X: Exponentials, const COMMON: bool> VectorKernel for PassOf<'_, X, COMMON> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd, const FMA: bool>(self, simd: S) {
        let Self(pass, exponentials) = self;
        let (n, v) = (pass.gains.len(), vectors::<S>());
        let (weights, _) = S::as_simd_f64s(pass.weights.as_flattened());
        let (e, _) = S::as_mut_simd_f64s(pass.e.as_flattened_mut());
        let (outside, _) = S::as_mut_simd_f64s(pass.outside.as_flattened_mut());
        let (scratch, _) = S::as_mut_simd_f64s(pass.scratch.as_flattened_mut());
        let (weight, rest) = scratch.split_at_mut(GROUP * v);
        let (sloped, across) = rest.split_at_mut(GROUP * v);
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
                let mut total = [simd.splat_f64s(0.0); MOST_VECTORS];
                total[..v].copy_from_slice(outside);
                for (row, places) in pass.places.rows.iter().enumerate() {
                    let mut gained = [simd.splat_f64s(0.0); MOST_VECTORS];
                    let of_row = e[places.start * v..places.end * v].chunks_exact_mut(v);
                    for ((e, gain), place) in
                        of_row.zip(&pass.gains[places.clone()]).zip(places.clone())
                    {
                        exponentials.next::<S, FMA>(simd, tile, place, &shared, e);
                        let gain = simd.splat_f64s(*gain);
                        for i in 0..v {
                            total[i] = simd.add_f64s(total[i], e[i]);
                            gained[i] = fused::<S, FMA>(simd, gain, e[i], gained[i]);
                        }
                    }
                    across[(row * GROUP + g) * v..][..v].copy_from_slice(&gained[..v]);
                }
                for (row, members) in pass.places.members.iter().enumerate() {
                    let gained = &mut across[(row * GROUP + g) * v..][..v];
                    gained.fill(simd.splat_f64s(0.0));
                    for (place, share) in members {
                        let margin = pass.margins[pass.places.product[*place]];
                        let gain = simd.splat_f64s(share * margin);
                        for i in 0..v {
                            gained[i] = fused::<S, FMA>(simd, gain, e[place * v + i], gained[i]);
                        }
                    }
                }
                let (slope, _) = S::as_simd_f64s(pass.slopes.of(tile, 0, pass.products));
                for i in 0..v {
                    let inverse = simd.div_f64s(simd.splat_f64s(1.0), total[i]);
                    let weighted = simd.mul_f64s(w[i], inverse);
                    let with_slope = simd.mul_f64s(weighted, slope[i]);
                    weight[g * v + i] = weighted;
                    sloped[g * v + i] = with_slope;
                    let scale = if COMMON {
                        simd.mul_f64s(with_slope, inverse)
                    } else {
                        inverse
                    };
                    for gained in across[g * v + i..].iter_mut().step_by(GROUP * v) {
                        *gained = simd.mul_f64s(*gained, scale);
                    }
                }
            }
            let sums = GroupSums {
                first,
                n,
                e,
                weight,
                sloped,
                pass: (pass.slopes, pass.products, &pass.places.product),
            };
            for (row, places) in pass.places.rows.iter().enumerate() {
                let across = &across[row * GROUP * v..][..GROUP * v];
                let mut place = places.start;
                while place + BLOCK <= places.end {
                    sums.add::<S, FMA, COMMON, BLOCK>(simd, place, across, pass.out);
                    place += BLOCK;
                }
                match places.end - place {
                    3 => sums.add::<S, FMA, COMMON, 3>(simd, place, across, pass.out),
                    2 => sums.add::<S, FMA, COMMON, 2>(simd, place, across, pass.out),
                    1 => sums.add::<S, FMA, COMMON, 1>(simd, place, across, pass.out),
                    _ => {}
                }
            }
        }
    }
}

/// Exponentials of a group of tiles with what they are weighted by.
struct GroupSums<'a, V> {
    first: usize,
    n: usize,
    e: &'a [V],
    weight: &'a [V],
    sloped: &'a [V],
    /// Slopes, number of products, product at each place.
    pass: (&'a Slopes, usize, &'a [usize]),
}

impl<V: Copy> GroupSums<'_, V> {
    /// Adds the sums over the group of `WIDTH` products of one row, held in registers meanwhile.
    #[inline(always)]
    fn add<S: Simd<f64s = V>, const FMA: bool, const COMMON: bool, const WIDTH: usize>(
        &self,
        simd: S,
        place: usize,
        across: &[S::f64s],
        out: &mut [[Half; 3]],
    ) {
        let v = vectors::<S>();
        let mut sums = [[simd.splat_f64s(0.0); 3]; WIDTH];
        for (g, (((e, weight), sloped), across)) in self
            .e
            .chunks_exact(self.n * v)
            .zip(self.weight.chunks_exact(v))
            .zip(self.sloped.chunks_exact(v))
            .zip(across.chunks_exact(v))
            .enumerate()
        {
            let e = &e[place * v..(place + WIDTH) * v];
            for i in 0..v {
                for (y, sums) in sums.iter_mut().enumerate() {
                    let e = e[y * v + i];
                    if COMMON {
                        sums[0] = fused::<S, FMA>(simd, e, weight[i], sums[0]);
                        sums[1] = fused::<S, FMA>(simd, e, sloped[i], sums[1]);
                        sums[2] = fused::<S, FMA>(simd, e, across[i], sums[2]);
                    } else {
                        let (slopes, products, product) = self.pass;
                        let slope = slopes.of(self.first + g, product[place + y], products);
                        let (slope, _) = S::as_simd_f64s(slope);
                        let share = simd.mul_f64s(e, weight[i]);
                        let a = simd.mul_f64s(share, slope[i]);
                        sums[0] = simd.add_f64s(sums[0], share);
                        sums[1] = simd.add_f64s(sums[1], a);
                        sums[2] = fused::<S, FMA>(simd, a, across[i], sums[2]);
                    }
                }
            }
        }
        for (out, sums) in out[place..place + WIDTH].iter_mut().zip(&sums) {
            for (out, sum) in out.iter_mut().zip(sums) {
                let (out, _) = S::as_mut_simd_f64s(out);
                out[0] = simd.add_f64s(out[0], *sum);
            }
        }
    }
}
