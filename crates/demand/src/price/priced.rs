//! Demand of one market as a function of prices.

use crate::market::{Choices, MarketView, ShareMap, coefficients, utilities};
use crate::simd::{LANES, Lane, Lanes};
use crate::supply::{mean_slopes, price_slopes};

/// Demand of one market as a function of consumer prices.
pub(crate) struct PricedMarket<'a> {
    pub view: MarketView<'a>,
    /// Utilities at the base prices, `delta` included.
    pub(super) base: Lanes,
    pub(super) base_prices: Vec<f64>,
    /// Price slopes at the base prices; constant unless `curve` is there.
    pub alpha: Lanes,
    pub lambda: Vec<f64>,
    pub(super) nest_lambda: Vec<f64>,
    curve: Option<Curve<'a>>,
}

/// From prices to `(x1, x2, dx1/dp, dx2/dp)` of a market.
pub(crate) type ColumnsAt<'a> = Box<dyn Fn(&[f64]) -> [Vec<f64>; 4] + Sync + 'a>;

/// Utility that is not linear in the price: columns anew at every price.
pub(crate) struct Curve<'a> {
    pub columns: ColumnsAt<'a>,
    pub coefficients: Lanes,
    pub beta: Vec<f64>,
    /// `delta` less what the price columns of `x1` contribute at the base.
    pub rest: Vec<f64>,
}

impl<'a> PricedMarket<'a> {
    pub fn new(
        view: MarketView<'a>,
        taste: &[f64],
        rho: &[f64],
        beta: &[f64],
        delta: &[f64],
        curve: Option<ColumnsAt<'a>>,
    ) -> Self {
        let n = view.products();
        let tastes = coefficients(&view, taste);
        let mut base = utilities(&view, &tastes);
        for tile in base.chunks_exact_mut(n.max(1)) {
            for (lane, d) in tile.iter_mut().zip(delta) {
                lane.iter_mut().for_each(|u| *u += d);
            }
        }
        let alpha = price_slopes(&view, &tastes, &mean_slopes(&view, beta));
        let curve = curve.map(|columns| {
            let [x1, _, _, _] = columns(view.prices);
            let rest = (0..n)
                .map(|j| delta[j] - crate::linalg::dot(&x1[j * view.k1..(j + 1) * view.k1], beta))
                .collect();
            Curve {
                columns,
                coefficients: tastes,
                beta: beta.to_vec(),
                rest,
            }
        });
        Self {
            base,
            base_prices: view.prices.to_vec(),
            alpha,
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

    /// Utilities and slopes at prices; `None` where they are those at the base moved along the slopes.
    pub(super) fn at(&self, prices: &[f64]) -> Option<(Lanes, Lanes)> {
        let curve = self.curve.as_ref()?;
        let [x1, x2, x1_price, x2_price] = (curve.columns)(prices);
        let view = MarketView {
            x2: &x2,
            x1_price: &x1_price,
            x2_price: &x2_price,
            ..self.view
        };
        let mut u = utilities(&view, &curve.coefficients);
        let n = view.products();
        for tile in u.chunks_exact_mut(n) {
            for (j, lane) in tile.iter_mut().enumerate() {
                let delta = curve.rest[j]
                    + crate::linalg::dot(&x1[j * view.k1..(j + 1) * view.k1], &curve.beta);
                lane.iter_mut().for_each(|u| *u += delta);
            }
        }
        Some((
            u,
            price_slopes(&view, &curve.coefficients, &mean_slopes(&view, &curve.beta)),
        ))
    }

    /// Utilities (with `delta`) and slopes at prices.
    pub fn utilities(&self, prices: &[f64]) -> (Lanes, Lanes) {
        self.at(prices).unwrap_or_else(|| {
            let n = self.view.products();
            let u = Lanes::from_fn(self.base.len(), |i| {
                let move_by = prices[i % n] - self.base_prices[i % n];
                std::array::from_fn(|l| self.base[i][l] + self.alpha[i][l] * move_by)
            });
            (u, Lanes::from_fn(self.alpha.len(), |i| self.alpha[i]))
        })
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
