//! Behaviour in the base year: elasticities, margins, pass-through, concentration, and what the literature found.

use kyoso_demand::classes::Scratch;
use rayon::prelude::*;

use super::{Settled, with_base_market};
use crate::calibrate::Base;
use crate::ids::{ORIGINS, SEGMENTS, year_index};
use crate::input::Record;
use crate::step::cost::CostYear;
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
    pub margin: f64,
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
    pub median_margin: f64,
    /// Lowest marginal cost over producer price.
    pub lowest_cost_ratio: f64,
    /// Herfindahl index of makers in units, 0-1; equal firms apart.
    pub hhi: f64,
}

/// Elasticities, markups and pass-through by origin and segment, in the countries asked for.
pub fn conduct(world: &World, base: &Base, costs: &CostYear, countries: &[usize]) -> Vec<Conduct> {
    countries
        .par_iter()
        .map(|&c| {
            with_base_market(world, base, costs, c, |market| {
                country_conduct(world, base, c, market)
            })
        })
        .collect::<Vec<_>>()
        .into_iter()
        .flatten()
        .collect()
}

fn country_conduct(world: &World, base: &Base, c: usize, market: &Settled) -> Vec<Conduct> {
    let range = base.offers.of(c);
    let light = world.light_sales(c, year_index(world.base_year));
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
                margin: mean(&|_, j| {
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

/// Every country's market as a whole.
pub fn markets(world: &World, base: &Base, costs: &CostYear) -> Vec<MarketConduct> {
    (0..world.countries.len())
        .into_par_iter()
        .map(|c| {
            with_base_market(world, base, costs, c, |market| {
                market_conduct(base, c, market)
            })
        })
        .collect()
}

fn market_conduct(base: &Base, c: usize, market: &Settled) -> MarketConduct {
    let range = base.offers.of(c);
    let sold: Vec<usize> = range
        .clone()
        .filter(|&j| base.offers.base_share[j] > 0.0)
        .collect();
    let prices = &base.prices;
    let mut margins: Vec<f64> = sold
        .iter()
        .map(|&j| 1.0 - prices.marginal_cost_usd[j] / prices.producer_price_usd[j])
        .collect();
    margins.sort_by(f64::total_cmp);
    let raised: Vec<f64> = market
        .prices
        .iter()
        .map(|price| price * (1.0 + STEP))
        .collect();
    let (_, before) = market.market.shares_at(market.prices, market.size);
    let (_, after) = market.market.shares_at(&raised, market.size);
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
        median_margin: margins.get(margins.len() / 2).copied().unwrap_or(f64::NAN),
        lowest_cost_ratio: 1.0 - margins.last().copied().unwrap_or(f64::NAN),
        hhi: by_maker
            .iter()
            .map(|(share, firms): &(f64, f64)| share * share / firms)
            .sum(),
    }
}

/// What a study found, to stand beside.
#[derive(Debug, Clone, PartialEq)]
pub struct Study {
    /// `own_elasticity`, `margin`, `market_elasticity`, `pass_through` or `sales_due_to_support`.
    pub quantity: String,
    /// Market and years.
    pub market: String,
    /// Central value.
    pub value: f64,
    /// Range that the study, or who quotes it, gives.
    pub range: (f64, f64),
    /// Key of the bibliography.
    pub source: String,
    /// Basis of the row.
    pub basis: String,
}

/// The table `conduct_literature`.
pub fn studies(record: &Record) -> Vec<Study> {
    let table = record.table("conduct_literature");
    let text = |name: &str, row: usize| table.text(name).get(row).to_owned();
    (0..table.rows())
        .map(|row| Study {
            quantity: text("quantity", row),
            market: text("market", row),
            value: table.real("value")[row],
            range: (table.real("low")[row], table.real("high")[row]),
            source: text("source", row),
            basis: text("basis", row),
        })
        .collect()
}
