//! How makers and buyers behave, and whether prices are an equilibrium.
//!
//! [`behaviour`] gives elasticities, margins and pass-through of the base year by origin and segment, beside the literature;
//! [`conditions`] puts the prices of every country and year to the test; [`landmarks`] holds the results that must come out before
//! any other is believed (model.md section 13).

pub mod behaviour;
pub mod conditions;
pub mod landmarks;

pub use behaviour::{Conduct, MarketConduct, Study, conduct, markets, studies};
pub use conditions::{Conditions, conditions};
pub use landmarks::{Landmark, landmarks};

use kyoso_demand::classes::{ClassMarket, Costs, Equilibrium, Scratch, Size, no_tilt};

use crate::calibrate::Base;
use crate::run::YearOutcome;
use crate::step::cost::CostYear;
use crate::step::price::{self, MOST_PASSES, TOLERANCE};
use crate::world::World;

/// The market of a country and year at its prices, ready to be solved again.
struct Settled<'a> {
    market: ClassMarket<'a>,
    consumer_cost: Vec<f64>,
    kept: Vec<f64>,
    prices: &'a [f64],
    size: Size,
}

/// Runs `with` on the market of a country in the base year.
fn with_base_market<T>(
    world: &World,
    base: &Base,
    costs: &CostYear,
    c: usize,
    with: impl FnOnce(&Settled) -> T,
) -> T {
    let range = base.offers.of(c);
    let beside = price::beside(world, costs, &base.offers, c);
    let wedges = &base.prices.wedges[c];
    let utility = base.utility(c);
    let cost = &base.prices.marginal_cost_usd[range.clone()];
    with(&Settled {
        market: ClassMarket {
            tastes: &base.tastes,
            buyers: &base.buyers[c],
            layout: &base.prices.layout[c],
            utility: &utility,
            beside: &beside,
        },
        consumer_cost: wedges.consumer_costs(cost),
        kept: wedges.kept(),
        prices: &base.prices.consumer_price_usd[range],
        size: Size::Shift(0.0),
    })
}

/// Runs `with` on the market of a country in a projected year. What rules that bind add to prices counts with the money beside them:
/// multipliers are held.
fn with_year_market<T>(
    world: &World,
    base: &Base,
    year: &YearOutcome,
    c: usize,
    with: impl FnOnce(&Settled) -> T,
) -> T {
    let of = &year.countries[c];
    let tilt = of
        .consumer_price_usd
        .iter()
        .zip(&of.untilted_price_usd)
        .map(|(with, without)| with - without);
    let beside: Vec<f64> = price::beside(world, &year.costs, &base.offers, c)
        .into_iter()
        .zip(tilt)
        .map(|(beside, tilt)| beside + tilt)
        .collect();
    // What a ban takes away is not on sale.
    let utility: Vec<f64> = of
        .utility
        .iter()
        .zip(&of.offer_units)
        .map(|(utility, units)| {
            if *units > 0.0 {
                *utility
            } else {
                f64::NEG_INFINITY
            }
        })
        .collect();
    with(&Settled {
        market: ClassMarket {
            tastes: &base.tastes,
            buyers: &base.buyers[c],
            layout: &base.prices.layout[c],
            utility: &utility,
            beside: &beside,
        },
        consumer_cost: of.wedges.consumer_costs(&of.marginal_cost_usd),
        kept: of.wedges.kept(),
        prices: &of.untilted_price_usd,
        size: Size::Shift(of.demand),
    })
}

impl Settled<'_> {
    fn costs(&self) -> Costs<'_> {
        Costs {
            consumer_cost: &self.consumer_cost,
            kept: &self.kept,
        }
    }

    /// Solves the market at other costs or from another start.
    fn solve(&self, consumer_cost: &[f64], start: &[f64], scratch: &mut Scratch) -> Equilibrium {
        let costs = Costs {
            consumer_cost,
            kept: &self.kept,
        };
        self.market.equilibrium(
            &costs,
            start,
            &mut no_tilt(self.size),
            (TOLERANCE, MOST_PASSES),
            scratch,
        )
    }
}
