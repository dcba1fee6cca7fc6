//! Where products stand in a tile, and tiles in the precision of a pass.

use std::ops::{Deref, Range};

use pulp::Simd;

use super::super::PricedMarket;
use crate::linalg::{larger, largest};
use crate::simd::{LANES, Lane, Lanes, Number};
use crate::supply::Ownership;

/// Where the products that are offered stand in a tile, row by row of the ownership, and what bounds their utilities.
pub(in crate::price) struct Places {
    /// Product at each place.
    pub(super) product: Vec<usize>,
    /// Midway between the agents' slopes at each place, and how far any slope is from there.
    pub(super) middle: Vec<f64>,
    pub(super) radius: f64,
    /// The steepest slope of any agent.
    pub(super) steepest: f64,
    /// Largest magnitude of each random coefficient.
    pub(super) tastes: Vec<f64>,
    /// Characteristics that differ between products, and those that do not whatever the prices.
    pub(super) columns: Vec<usize>,
    pub(super) alike: Vec<usize>,
    /// Places of the products whose condition a row enters.
    pub(super) rows: Vec<Range<usize>>,
    /// Whether a maker gains from its own products and from no other's.
    pub(super) own: bool,
    /// Otherwise places and weights of what each row gains from.
    pub(super) members: Vec<Vec<(usize, f64)>>,
    /// Weight of each place in what its own row gains.
    pub(super) weight: Vec<f64>,
}

impl Places {
    pub fn new(market: &PricedMarket, ownership: &Ownership, present: &[bool]) -> Self {
        let n = present.len();
        let (middle, radius) = market.slopes.middle(n);
        let mut rows = vec![0..0; ownership.rows()];
        for j in (0..n).filter(|j| present[*j]) {
            rows[ownership.row[j] as usize].end += 1;
        }
        let mut count = 0;
        for row in &mut rows {
            *row = count..count + row.end;
            count = row.end;
        }
        // The next free place of each row.
        let mut next: Vec<usize> = rows.iter().map(|row| row.start).collect();
        let mut product = vec![0; count];
        let mut place = vec![None; n];
        for j in (0..n).filter(|j| present[*j]) {
            let next = &mut next[ownership.row[j] as usize];
            product[*next] = j;
            place[j] = Some(*next);
            *next += 1;
        }
        let view = &market.view;
        let k2 = view.k2;
        let at = |values: &[f64], j: usize, k: usize| values[j * k2 + k];
        let is_alike = |k: &usize| {
            let first = product.first().map_or(0.0, |j| at(view.x2, *j, *k));
            let same = |j: &usize| at(view.x2, *j, *k) == first && at(view.x2_price, *j, *k) == 0.0;
            market.is_linear() && product.iter().all(same)
        };
        let (alike, columns) = (0..k2).partition(is_alike);
        let mut places = Self {
            columns,
            alike,
            steepest: radius + largest(&middle),
            middle: product.iter().map(|j| middle[*j]).collect(),
            product,
            radius,
            tastes: (0..k2).map(|k| largest_of(&market.tastes, k, k2)).collect(),
            own: true,
            members: Vec::new(),
            weight: vec![0.0; count],
            rows,
        };
        for row in 0..ownership.rows() {
            for (k, share) in ownership.members(row) {
                match place[k] {
                    Some(i) if places.rows[row].contains(&i) => places.weight[i] = share,
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

    /// One number for each row; none where products of a row differ.
    pub(super) fn of_rows<T: Number>(&self, values: &[f64]) -> Option<Vec<T>> {
        let of_row = |places: &Range<usize>| {
            let mut of_places = self.product[places.clone()].iter().map(|j| values[*j]);
            let first = of_places.next().unwrap_or_default();
            of_places.all(|x| x == first).then_some(T::from(first))
        };
        self.rows.iter().map(of_row).collect()
    }
}

/// Largest absolute value of every `k2`-th tile from the `k`-th on; NaN when one is.
fn largest_of(tiles: &[Lane], k: usize, k2: usize) -> f64 {
    let mut most = [0.0; LANES];
    for tile in tiles.iter().skip(k).step_by(k2) {
        for l in 0..LANES {
            most[l] = larger(most[l], tile[l]);
        }
    }
    largest(&most)
}

/// Tiles as a market has them, or of one's own.
pub(super) enum Tiles<'a, T: Number> {
    Of(&'a [[T; LANES]]),
    Own(Lanes<T>),
}

impl<T: Number> Deref for Tiles<'_, T> {
    type Target = [[T; LANES]];
    fn deref(&self) -> &[[T; LANES]] {
        match self {
            Self::Of(tiles) => tiles,
            Self::Own(tiles) => tiles,
        }
    }
}

/// Tiles in another precision.
pub(super) fn converted<'a, T: Number>(tiles: &[Lane]) -> Tiles<'a, T> {
    Tiles::Own(Lanes::from_fn(tiles.len(), |i| tiles[i].map(T::from)))
}

/// Price slopes of a market in a precision.
pub(super) struct Sloped<'a, T: Number> {
    pub(super) tiles: Tiles<'a, T>,
    /// Whether the slope of an agent is that of every product.
    pub(super) common: bool,
    pub(super) products: usize,
}

impl<T: Number> Sloped<'_, T> {
    /// Slopes of a product for the agents of a tile.
    #[inline(always)]
    pub(super) fn of<S: Simd>(&self, tile: usize, product: usize) -> &[T::Vector<S>] {
        let place = if self.common {
            tile
        } else {
            tile * self.products + product
        };
        T::split::<S>(&self.tiles[place])
    }
}
