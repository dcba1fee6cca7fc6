//! How makers and buyers behave in the base year: elasticities, markups, pass-through, concentration, and whether prices are an
//! equilibrium at all.

use kyoso_demand::classes::{ClassMarket, Costs, Equilibrium, Scratch, Size};
use rayon::prelude::*;

use crate::calibrate::Base;
use crate::ids::{ORIGINS, SEGMENTS};
use crate::step::cost::CostYear;
use crate::step::price::{self, MOST_PASSES, TOLERANCE};
use crate::world::World;

/// A change of a price small enough for derivatives, relative.
const STEP: f64 = 1e-3;

/// Behaviour in one cell of a market; means are weighted by units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conduct {
    /// Position of the country.
    pub country: usize,
    /// Origin index.
    pub origin: usize,
    /// Segment index.
    pub segment: usize,
    /// New vehicles of the base year.
    pub units: f64,
    /// Elasticity of an offer to its own price.
    pub own_elasticity: f64,
    /// Margin over producer price.
    pub lerner: f64,
    /// Consumer dollars by which prices of the cell rise where its marginal costs, in consumer prices, rise by one.
    pub pass_through: f64,
}

/// A market as a whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MarketConduct {
    /// Position of the country.
    pub country: usize,
    /// Per cent by which sales change where all prices rise by one per cent.
    pub market_elasticity: f64,
    /// Median over offers of margin over producer price.
    pub median_lerner: f64,
    /// Lowest marginal cost over producer price.
    pub lowest_cost_ratio: f64,
    /// Herfindahl index of makers in units, 0-1; equal firms apart.
    pub hhi: f64,
    /// Largest error of a first-order condition, relative to the price.
    pub first_order: f64,
    /// Offers whose makers' profit is not at a local maximum.
    pub not_maxima: usize,
}

/// The base-year market of a country, ready to be solved under other costs.
struct BaseMarket<'a> {
    market: ClassMarket<'a>,
    consumer_cost: Vec<f64>,
    kept: Vec<f64>,
    prices: &'a [f64],
}

/// Runs `with` on the base-year market of a country.
fn with_market<T>(
    world: &World,
    base: &Base,
    costs: &CostYear,
    c: usize,
    with: impl FnOnce(&BaseMarket) -> T,
) -> T {
    let range = base.offers.of(c);
    let beside = price::beside(world, costs, &base.offers, c);
    let wedges = &base.prices.wedges[c];
    let cost = &base.prices.marginal_cost_usd[range.clone()];
    with(&BaseMarket {
        market: ClassMarket {
            tastes: &base.tastes,
            buyers: &base.buyers[c],
            layout: &base.prices.layout[c],
            utility: &base.prices.utility[range.clone()],
            beside: &beside,
        },
        consumer_cost: wedges.consumer_costs(cost),
        kept: wedges.kept(),
        prices: &base.prices.consumer_price_usd[range],
    })
}

impl BaseMarket<'_> {
    fn solve(&self, consumer_cost: &[f64], start: &[f64], scratch: &mut Scratch) -> Equilibrium {
        let costs = Costs {
            consumer_cost,
            kept: &self.kept,
        };
        let none = &mut |_: &ClassMarket, _: &_, _: &mut _, _: &mut _| Vec::new();
        self.market.equilibrium(
            &costs,
            start,
            Size::Shift(0.0),
            none,
            (TOLERANCE, MOST_PASSES),
            scratch,
        )
    }
}

/// Elasticities, markups and pass-through by origin and segment, in the countries asked for.
pub fn conduct(world: &World, base: &Base, costs: &CostYear, countries: &[usize]) -> Vec<Conduct> {
    countries
        .par_iter()
        .map(|&c| {
            with_market(world, base, costs, c, |market| {
                country_conduct(world, base, c, market)
            })
        })
        .collect::<Vec<_>>()
        .into_iter()
        .flatten()
        .collect()
}

fn country_conduct(world: &World, base: &Base, c: usize, market: &BaseMarket) -> Vec<Conduct> {
    let range = base.offers.of(c);
    let light = world.light_sales(c, crate::ids::year_index(world.base_year));
    let mut scratch = Scratch::default();
    let mut cells = Vec::new();
    for origin in 0..ORIGINS {
        for segment in 0..SEGMENTS {
            let members: Vec<(usize, usize)> = range
                .clone()
                .enumerate()
                .filter(|&(_, j)| {
                    base.offers.origin[j] as usize == origin
                        && base.offers.segment[j] as usize == segment
                        && base.offers.base_share[j] > 0.0
                })
                .collect();
            let weight: f64 = members
                .iter()
                .map(|&(_, j)| base.offers.base_share[j])
                .sum();
            if weight <= 0.0 {
                continue;
            }
            let mean = |of: &dyn Fn(usize, usize) -> f64| {
                members
                    .iter()
                    .map(|&(k, j)| base.offers.base_share[j] * of(k, j))
                    .sum::<f64>()
                    / weight
            };
            let mut raised = market.consumer_cost.clone();
            for &(k, _) in &members {
                raised[k] += STEP * market.prices[k];
            }
            let solved = market.solve(&raised, market.prices, &mut scratch);
            let prices = &base.prices;
            cells.push(Conduct {
                country: c,
                origin,
                segment,
                units: light * weight,
                own_elasticity: mean(&|_, j| prices.own_elasticity[j]),
                lerner: mean(&|_, j| {
                    1.0 - prices.marginal_cost_usd[j] / prices.producer_price_usd[j]
                }),
                pass_through: mean(&|k, _| {
                    (solved.prices[k] - market.prices[k]) / (STEP * market.prices[k])
                }),
            });
        }
    }
    cells
}

/// Every country's market as a whole, with first- and second-order conditions of its prices.
pub fn markets(world: &World, base: &Base, costs: &CostYear) -> Vec<MarketConduct> {
    (0..world.countries.len())
        .into_par_iter()
        .map(|c| {
            with_market(world, base, costs, c, |market| {
                market_conduct(base, c, market)
            })
        })
        .collect()
}

fn market_conduct(base: &Base, c: usize, market: &BaseMarket) -> MarketConduct {
    let range = base.offers.of(c);
    let sold: Vec<usize> = range
        .clone()
        .filter(|&j| base.offers.base_share[j] > 0.0)
        .collect();
    let prices = &base.prices;
    let mut lerner: Vec<f64> = sold
        .iter()
        .map(|&j| 1.0 - prices.marginal_cost_usd[j] / prices.producer_price_usd[j])
        .collect();
    lerner.sort_by(f64::total_cmp);
    let raised: Vec<f64> = market
        .prices
        .iter()
        .map(|price| price * (1.0 + STEP))
        .collect();
    let (_, before) = market.market.shares_at(market.prices, Size::Shift(0.0));
    let (_, after) = market.market.shares_at(&raised, Size::Shift(0.0));
    let mut by_maker = vec![
        (0.0, 1.0);
        usize::from(base.offers.maker[range].iter().copied().max().unwrap_or(0))
            + 1
    ];
    for &j in &sold {
        let of = &mut by_maker[usize::from(base.offers.maker[j])];
        *of = (of.0 + base.offers.base_share[j], base.offers.firms[j]);
    }
    MarketConduct {
        country: c,
        market_elasticity: (after.bought / before.bought).ln() / STEP.ln_1p(),
        median_lerner: lerner.get(lerner.len() / 2).copied().unwrap_or(f64::NAN),
        lowest_cost_ratio: 1.0 - lerner.last().copied().unwrap_or(f64::NAN),
        hhi: by_maker
            .iter()
            .map(|(share, firms): &(f64, f64)| share * share / firms)
            .sum(),
        first_order: market.market.first_order(
            &Costs {
                consumer_cost: &market.consumer_cost,
                kept: &market.kept,
            },
            market.prices,
            Size::Shift(0.0),
        ),
        not_maxima: market
            .market
            .not_maxima(
                &Costs {
                    consumer_cost: &market.consumer_cost,
                    kept: &market.kept,
                },
                market.prices,
                Size::Shift(0.0),
            )
            .len(),
    }
}
