//! Base-year equilibrium: utilities at which shares are those recorded, and marginal costs at which prices are.
//!
//! Makers of a country that are told apart price as one firm each; an origin without brand data enters as `n` equal firms.

use kyoso_demand::classes::{Buyers, ClassLayout, ClassMarket, ClassTastes, Size};
use rayon::prelude::*;

use super::mix::Offers;
use crate::step::cost::{CostYear, PriceLevel};
use crate::step::market::class_of;
use crate::step::price::{self, Wedges};
use crate::world::World;

/// Prices, costs and utilities of the base year; one number an offer, in the order of offers.
#[derive(Debug, Clone, Default)]
pub struct BasePrices {
    /// Who sells what, by country.
    pub layout: Vec<ClassLayout>,
    /// Utility of each offer, the demand shift of the base year within.
    pub utility: Vec<f64>,
    /// Price to the buyer after tax and support, USD 2023.
    pub consumer_price_usd: Vec<f64>,
    /// What the maker receives before tax and duty, USD 2023.
    pub producer_price_usd: Vec<f64>,
    /// Marginal cost, USD 2023.
    pub marginal_cost_usd: Vec<f64>,
    /// Direct cost by the technology table, USD 2023; costs move with it.
    pub direct_cost_usd: Vec<f64>,
    /// Elasticity of each offer to its own price.
    pub own_elasticity: Vec<f64>,
    /// Surplus of buyers, USD 2023 a potential buyer, by country.
    pub surplus_usd: Vec<f64>,
    /// Largest error of log shares or of margins.
    pub error: f64,
}

/// One country's part of [`BasePrices`].
struct CountryPrices {
    layout: ClassLayout,
    utility: Vec<f64>,
    consumer: Vec<f64>,
    producer: Vec<f64>,
    cost: Vec<f64>,
    direct: Vec<f64>,
    elasticity: Vec<f64>,
    surplus: f64,
    error: f64,
}

/// Makers of a country's offers, numbered from 0 in their order, and the equal firms behind each.
fn makers_of(offers: &Offers, c: usize) -> (Vec<u16>, Vec<f64>) {
    let mut codes: Vec<u16> = offers.maker[offers.of(c)].to_vec();
    codes.sort_unstable();
    codes.dedup();
    let mut firms = vec![1.0; codes.len()];
    let maker = offers
        .of(c)
        .map(|j| {
            let position = codes.partition_point(|code| *code < offers.maker[j]);
            firms[position] = offers.firms[j].max(1.0);
            position as u16
        })
        .collect();
    (maker, firms)
}

/// Solves the base year of every country. `bought` is the part of potential buyers that buys.
pub fn base_prices(
    world: &World,
    level: &PriceLevel,
    costs: &CostYear,
    offers: &Offers,
    tastes: &ClassTastes,
    buyers: &[Buyers],
    bought: f64,
) -> BasePrices {
    let solved: Vec<CountryPrices> = (0..world.countries.len())
        .into_par_iter()
        .map(|c| country_prices(world, level, costs, offers, tastes, &buyers[c], (c, bought)))
        .collect();
    let mut all = BasePrices::default();
    for country in solved {
        all.layout.push(country.layout);
        all.utility.extend(country.utility);
        all.consumer_price_usd.extend(country.consumer);
        all.producer_price_usd.extend(country.producer);
        all.marginal_cost_usd.extend(country.cost);
        all.direct_cost_usd.extend(country.direct);
        all.own_elasticity.extend(country.elasticity);
        all.surplus_usd.push(country.surplus);
        // A number that is not one must not pass for no error.
        all.error = if country.error > all.error || country.error.is_nan() {
            country.error
        } else {
            all.error
        };
    }
    all
}

fn country_prices(
    world: &World,
    level: &PriceLevel,
    costs: &CostYear,
    offers: &Offers,
    tastes: &ClassTastes,
    buyers: &Buyers,
    (c, bought): (usize, f64),
) -> CountryPrices {
    let range = offers.of(c);
    let class: Vec<u8> = range
        .clone()
        .map(|j| class_of(offers.segment[j] as usize, offers.powertrain[j] as usize) as u8)
        .collect();
    let (maker, firms) = makers_of(offers, c);
    let layout = ClassLayout::new(tastes, &class, &maker, &firms)
        .expect("classes are segments by powertrains, makers are numbered here");
    let wedges = price::wedges(world, level, costs, offers, c);
    let Wedges {
        ad_valorem,
        specific_usd,
    } = &wedges;
    let consumer: Vec<f64> = range
        .clone()
        .enumerate()
        .map(|(k, j)| {
            let (s, f) = (offers.segment[j] as usize, offers.powertrain[j] as usize);
            let recorded = offers.list_price_usd[j];
            if recorded.is_nan() {
                (1.0 + ad_valorem[k]) * costs.producer_price(level, world, c, s, f)
                    + specific_usd[k]
            } else {
                recorded
            }
        })
        .collect();
    let kept = wedges.kept();
    let beside = price::beside(world, costs, offers, c);
    let observed: Vec<f64> = offers.base_share[range.clone()]
        .iter()
        .map(|share| share * bought)
        .collect();
    let flat = ClassMarket {
        tastes,
        buyers,
        layout: &layout,
        utility: &beside,
        beside: &beside,
    };
    let (utility, share_error) = flat.invert(&consumer, &observed);
    let market = ClassMarket {
        utility: &utility,
        ..flat
    };
    let (margins, margin_error) = market.margins_at(&consumer, &kept, Size::Shift(0.0));
    let producer: Vec<f64> = (0..consumer.len())
        .map(|k| (consumer[k] - specific_usd[k]) * kept[k])
        .collect();
    let elasticity = market
        .own_slopes(&consumer, Size::Shift(0.0))
        .iter()
        .enumerate()
        .map(|(k, slope)| slope * consumer[k] / observed[k])
        .collect();
    let (_, shares) = market.shares_at(&consumer, Size::Shift(0.0));
    let surplus = market.surplus(&shares);
    CountryPrices {
        cost: producer
            .iter()
            .zip(&margins)
            .map(|(price, margin)| price - margin)
            .collect(),
        direct: range
            .map(|j| {
                costs.direct_cost(
                    level,
                    world,
                    c,
                    offers.segment[j] as usize,
                    offers.powertrain[j] as usize,
                )
            })
            .collect(),
        layout,
        consumer,
        producer,
        elasticity,
        surplus,
        error: if share_error > margin_error {
            share_error
        } else {
            margin_error
        },
        utility,
    }
}
