//! Demand of one market as a function of prices.

use crate::market::{Choices, MarketView, ShareMap, coefficients};
use crate::simd::{Kernel, LANES, Lane, Lanes, add_scaled};
use crate::supply::{mean_slopes, price_slopes};

/// Demand of one market as a function of consumer prices.
pub(crate) struct PricedMarket<'a> {
    pub view: MarketView<'a>,
    /// Mean utilities and mean price slopes at the base prices.
    delta: &'a [f64],
    mean_slopes: Vec<f64>,
    /// Random coefficients of the agents, `[tile][k2]`.
    pub(super) tastes: Lanes,
    /// Price slopes at the base prices; constant unless `curve` is there.
    pub(super) slopes: Slopes,
    pub lambda: Vec<f64>,
    pub(super) nest_lambda: Vec<f64>,
    curve: Option<Curve<'a>>,
}

/// From prices to `(x1, x2, dx1/dp, dx2/dp)` of a market.
pub(crate) type ColumnsAt<'a> = Box<dyn Fn(&[f64]) -> [Vec<f64>; 4] + Sync + 'a>;

/// Utility that is not linear in the price: columns anew at every price.
struct Curve<'a> {
    columns: ColumnsAt<'a>,
    beta: &'a [f64],
    /// `delta` less what the price columns of `x1` contribute at the base.
    rest: Vec<f64>,
}

/// `alpha_jr = du_jr/dp_j`: one number an agent where the price enters every product's utility alike, `[tile]`, else `[tile][product]`.
pub(super) struct Slopes {
    pub lanes: Lanes,
    pub common: bool,
}

impl Slopes {
    fn new(view: &MarketView, tastes: &[Lane], mean: &[f64]) -> Self {
        let (n, k2) = (view.products(), view.k2);
        let alike = (1..n).all(|j| {
            mean[j] == mean[0] && view.x2_price[j * k2..(j + 1) * k2] == view.x2_price[..k2]
        });
        if !alike || n == 0 {
            return Self {
                lanes: price_slopes(view, tastes, mean),
                common: false,
            };
        }
        let lanes = Lanes::from_fn(view.tiles(), |t| {
            utility::<false>(mean[0], &view.x2_price[..k2], &tastes[t * k2..(t + 1) * k2])
        });
        Self {
            lanes,
            common: true,
        }
    }

    /// Slope of a product in a tile of a market with `n` products.
    pub fn of(&self, tile: usize, product: usize, n: usize) -> &Lane {
        let place = if self.common {
            tile
        } else {
            tile * n + product
        };
        &self.lanes[place]
    }

    /// Midway between the agents' slopes of each of `n` products, and how far any slope is from there.
    pub fn middle(&self, n: usize) -> (Vec<f64>, f64) {
        let columns = if self.common { 1 } else { n };
        let mut low = vec![[f64::INFINITY; LANES]; columns];
        let mut high = vec![[f64::NEG_INFINITY; LANES]; columns];
        for tile in self.lanes.chunks_exact(columns.max(1)) {
            for ((low, high), lane) in low.iter_mut().zip(&mut high).zip(tile) {
                for l in 0..LANES {
                    low[l] = low[l].min(lane[l]);
                    high[l] = high[l].max(lane[l]);
                }
            }
        }
        let range: Vec<(f64, f64)> = low
            .iter()
            .zip(&high)
            .map(|(low, high)| {
                let low = low.iter().copied().fold(f64::INFINITY, f64::min);
                (low, high.iter().copied().fold(f64::NEG_INFINITY, f64::max))
            })
            .collect();
        let middle = |j: usize| {
            let (low, high) = range[if self.common { 0 } else { j }];
            f64::midpoint(low, high)
        };
        let radius = range.iter().map(|(low, high)| 0.5 * (high - low));
        ((0..n).map(middle).collect(), radius.fold(0.0, f64::max))
    }

    /// All slopes, `[tile][product]`.
    fn spread(&self, tiles: usize, n: usize) -> Lanes {
        Lanes::from_fn(tiles * n, |i| *self.of(i / n, i % n, n))
    }
}

/// What makes utility at some prices: `u_jr = delta_j + sum_k x_jk c_kr`.
pub(super) struct Utility {
    pub x2: Vec<f64>,
    pub delta: Vec<f64>,
    /// Price slopes where they are not the market's own.
    pub slopes: Option<Slopes>,
}

impl<'a> PricedMarket<'a> {
    pub fn new(
        view: MarketView<'a>,
        taste: &[f64],
        rho: &[f64],
        beta: &'a [f64],
        delta: &'a [f64],
        curve: Option<ColumnsAt<'a>>,
    ) -> Self {
        let n = view.products();
        let tastes = coefficients(&view, taste);
        let mean_slopes = mean_slopes(&view, beta);
        let slopes = Slopes::new(&view, &tastes, &mean_slopes);
        let curve = curve.map(|columns| {
            let [x1, _, _, _] = columns(view.prices);
            let rest = (0..n)
                .map(|j| delta[j] - crate::linalg::dot(&x1[j * view.k1..(j + 1) * view.k1], beta))
                .collect();
            Curve {
                columns,
                beta,
                rest,
            }
        });
        Self {
            delta,
            mean_slopes,
            tastes,
            slopes,
            lambda: view.lambda_by_product(rho),
            nest_lambda: if view.nested() {
                view.lambdas(rho)
            } else {
                Vec::new()
            },
            curve,
            view,
        }
    }

    /// Whether price slopes do not move with prices.
    pub fn is_linear(&self) -> bool {
        self.curve.is_none()
    }

    /// What makes utility at prices.
    pub(super) fn at(&self, prices: &[f64]) -> Utility {
        let (view, n) = (&self.view, prices.len());
        let Some(curve) = &self.curve else {
            let moved = |j: usize| prices[j] - view.prices[j];
            let mut x2 = Vec::with_capacity(n * view.k2);
            for j in 0..n {
                let row = j * view.k2..(j + 1) * view.k2;
                let columns = view.x2[row.clone()].iter().zip(&view.x2_price[row]);
                x2.extend(columns.map(|(x, slope)| x + slope * moved(j)));
            }
            return Utility {
                x2,
                delta: (0..n)
                    .map(|j| self.delta[j] + self.mean_slopes[j] * moved(j))
                    .collect(),
                slopes: None,
            };
        };
        let [x1, x2, x1_price, x2_price] = (curve.columns)(prices);
        let there = MarketView {
            x2: &x2,
            x1_price: &x1_price,
            x2_price: &x2_price,
            ..*view
        };
        let mean = mean_slopes(&there, curve.beta);
        let slopes = Slopes::new(&there, &self.tastes, &mean);
        let row = |j: usize| &x1[j * view.k1..(j + 1) * view.k1];
        Utility {
            delta: (0..n)
                .map(|j| curve.rest[j] + crate::linalg::dot(row(j), curve.beta))
                .collect(),
            slopes: Some(slopes),
            x2,
        }
    }

    /// Utilities (with `delta`) and slopes at prices, `[tile][product]`.
    pub fn utilities(&self, prices: &[f64]) -> (Lanes, Lanes) {
        let (n, tiles) = (prices.len(), self.view.tiles());
        let made = self.at(prices);
        let mut u = Lanes::unwritten(tiles * n);
        self.view.level.run(Utilities {
            made: &made,
            tastes: &self.tastes,
            u: &mut u,
        });
        let slopes = made.slopes.as_ref().unwrap_or(&self.slopes);
        (u, slopes.spread(tiles, n))
    }

    /// Choices of all agents at prices, with the slopes there.
    pub fn choices(&self, prices: &[f64], rho: &[f64], present: &[bool]) -> (Choices, Lanes) {
        let (mut u, alpha) = self.utilities(prices);
        remove(&mut u, present);
        let zero = vec![0.0; self.view.products()];
        let mut map = ShareMap::new(self.view, &u, &zero, rho);
        (map.choices(&zero), alpha)
    }
}

struct Utilities<'a> {
    made: &'a Utility,
    tastes: &'a [Lane],
    u: &'a mut [Lane],
}

impl Kernel for Utilities<'_> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let delta = &self.made.delta;
        let n = delta.len();
        if n == 0 {
            return;
        }
        let k2 = self.made.x2.len() / n;
        for (t, u) in self.u.chunks_exact_mut(n).enumerate() {
            let tastes = &self.tastes[t * k2..(t + 1) * k2];
            for (j, u) in u.iter_mut().enumerate() {
                *u = utility::<FMA>(delta[j], &self.made.x2[j * k2..(j + 1) * k2], tastes);
            }
        }
    }
}

/// Utility of a product for the agents of a tile.
#[inline(always)]
pub(super) fn utility<const FMA: bool>(delta: f64, x: &[f64], tastes: &[Lane]) -> Lane {
    let mut u = [delta; LANES];
    for (x, c) in x.iter().zip(tastes) {
        if *x != 0.0 {
            add_scaled::<FMA>(&mut u, c, *x);
        }
    }
    u
}

/// Utility so low that no agent ever chooses the product.
pub(super) const ABSENT: f64 = -1e6;

fn remove(u: &mut [Lane], present: &[bool]) {
    if present.iter().any(|p| !p) {
        let n = present.len();
        for (i, lane) in u.iter_mut().enumerate() {
            if !present[i % n] {
                *lane = [ABSENT; LANES];
            }
        }
    }
}
