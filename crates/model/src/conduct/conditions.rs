//! Prices put to the test: first- and second-order conditions, other equilibria, and profit on both sides of a price ceiling.

use kyoso_demand::classes::Scratch;
use rayon::prelude::*;

use super::{Settled, with_base_market, with_year_market};
use crate::calibrate::Base;
use crate::law::Laws;
use crate::run::Outcome;
use crate::scenario::Scenario;
use crate::step::market::NODES;
use crate::step::price::TOLERANCE;
use crate::step::wedge::Ceiling;
use crate::tables::{LongTable, Table};
use crate::world::World;

/// Factors on the prices from which a market is solved again: offers in turn take the first and the second.
const STARTS: [(f64, f64); 3] = [(0.75, 0.75), (1.4, 1.4), (0.75, 1.4)];
/// Prices that differ by more than this are another equilibrium.
pub const APART: f64 = 1e-6;
/// Gain of profit below which a maker is not said to gain, relative.
const GAIN: f64 = 1e-6;

/// The prices of one country and year.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conditions {
    /// Position of the country.
    pub country: usize,
    /// Year.
    pub year: i32,
    /// Offers on sale.
    pub offers: usize,
    /// Makers that price as one.
    pub makers: usize,
    /// Passes over the market until prices were solved; 0 in the base year, whose prices are given.
    pub evaluations: usize,
    /// Largest error of a first-order condition, relative to the price.
    pub first_order: f64,
    /// Offers of makers whose profit is not at a local maximum.
    pub not_maxima: usize,
    /// Largest relative difference of a price between solutions from perturbed starts; NaN where one found none.
    pub apart: f64,
    /// Offers above a price ceiling whose makers would earn more at the ceiling, if eligibility followed at once.
    pub better_below: usize,
}

impl Conditions {
    /// Did every perturbed start lead to the same prices?
    pub fn is_unique(&self) -> bool {
        self.apart <= APART
    }
}

/// Tests every country in the base year and in each projected year; `progress` is told after each year.
pub fn conditions(
    world: &World,
    base: &Base,
    scenario: &Scenario,
    outcome: &Outcome,
    progress: &(dyn Fn() + Sync),
) -> Vec<Conditions> {
    let laws = Laws::new(world, base, scenario, outcome);
    let countries = 0..world.countries.len();
    let mut all: Vec<Conditions> = countries
        .clone()
        .into_par_iter()
        .map(|c| {
            let ceilings = laws
                .of(None)
                .ceilings_below(c, &laws.list_price_usd(c, None));
            let tested = with_base_market(world, base, laws.base_costs(), c, |market| {
                test(market, &ceilings)
            });
            Conditions {
                country: c,
                year: world.base_year,
                ..tested
            }
        })
        .collect();
    progress();
    for (t, year) in outcome.years.iter().enumerate() {
        let law = laws.of(Some(t));
        all.par_extend(countries.clone().into_par_iter().map(|c| {
            let ceilings = law.ceilings_below(c, &laws.list_price_usd(c, Some(t)));
            let tested = with_year_market(world, base, year, c, |market| test(market, &ceilings));
            Conditions {
                country: c,
                year: year.year,
                evaluations: year.countries[c].evaluations,
                ..tested
            }
        }));
        progress();
    }
    all
}

fn test(settled: &Settled, ceilings: &[Ceiling]) -> Conditions {
    let (shares, _) = settled.market.shares_at(settled.prices, settled.size);
    let mut scratch = Scratch::default();
    let mut apart = 0.0_f64;
    for (even, odd) in STARTS {
        let start: Vec<f64> = settled
            .prices
            .iter()
            .enumerate()
            .map(|(j, price)| price * if j % 2 == 0 { even } else { odd })
            .collect();
        let solved = settled.solve(&settled.consumer_cost, &start, &mut scratch);
        if solved.residual.is_nan() || solved.residual > TOLERANCE {
            apart = f64::NAN;
            break;
        }
        for (j, price) in settled.prices.iter().enumerate() {
            if shares[j] > 0.0 {
                apart = apart.max((solved.prices[j] / price - 1.0).abs());
            }
        }
    }
    Conditions {
        country: 0,
        year: 0,
        offers: shares.iter().filter(|share| **share > 0.0).count(),
        makers: settled.market.layout.makers(),
        evaluations: 0,
        first_order: settled
            .market
            .first_order(&settled.costs(), settled.prices, settled.size),
        not_maxima: settled
            .market
            .not_maxima(&settled.costs(), settled.prices, settled.size)
            .len(),
        apart,
        better_below: ceilings
            .iter()
            .filter(|ceiling| shares[ceiling.offer] > 0.0 && gains(settled, &shares, ceiling))
            .count(),
    }
}

/// Would the maker of an offer earn more by taking it to the ceiling, other prices held?
fn gains(settled: &Settled, shares: &[f64], ceiling: &Ceiling) -> bool {
    let j = ceiling.offer;
    let layout = settled.market.layout;
    let own: Vec<usize> = (0..layout.products())
        .filter(|&k| layout.maker_of(k) == layout.maker_of(j))
        .collect();
    let margin = |k: usize, price: f64| settled.kept[k] * (price - settled.consumer_cost[k]);
    let now: f64 = own
        .iter()
        .map(|&k| shares[k] * margin(k, settled.prices[k]))
        .sum();
    let mut prices = settled.prices.to_vec();
    prices[j] = ceiling.consumer_price_usd;
    let (there, _) = settled.market.shares_at(&prices, settled.size);
    // What the maker keeps of the vehicle follows from the wedge under the ceiling.
    let cost = settled.consumer_cost[j];
    let marginal = (cost - ceiling.above.specific_usd) / (1.0 + ceiling.above.ad_valorem);
    let producer = (prices[j] - ceiling.below.specific_usd) / (1.0 + ceiling.below.ad_valorem);
    let then: f64 = own
        .iter()
        .map(|&k| {
            there[k]
                * if k == j {
                    producer - marginal
                } else {
                    margin(k, prices[k])
                }
        })
        .sum();
    then > now * (1.0 + GAIN)
}

/// The table `market_conditions`.
pub fn table(world: &World, conditions: &[Conditions]) -> Table {
    let mut rows = LongTable::new(1, 8);
    for of in conditions {
        rows.push(
            &[&world.countries[of.country].iso3],
            of.year,
            &[
                of.offers as f64,
                of.makers as f64,
                NODES as f64,
                of.evaluations as f64,
                of.first_order,
                of.not_maxima as f64,
                of.apart,
                of.better_below as f64,
            ],
        );
    }
    rows.table(
        "market_conditions",
        "Prices of every market put to the test",
        &[("iso3", "country")],
        &[
            ("offers", "offers", "offers on sale"),
            ("makers", "makers", "makers that price as one"),
            ("nodes", "nodes", "buyers' nodes"),
            (
                "evaluations",
                "passes",
                "passes over the market until prices were solved; none in the base year",
            ),
            (
                "first_order",
                "",
                "largest error of a first-order condition, relative to the price",
            ),
            (
                "not_maxima",
                "offers",
                "offers of makers whose profit is not at a local maximum",
            ),
            (
                "apart",
                "",
                "largest relative difference of a price between solutions from perturbed starts; empty where one found none",
            ),
            (
                "better_below",
                "offers",
                "offers above a price ceiling whose makers would earn more at it, if eligibility followed at once",
            ),
        ],
    )
}
