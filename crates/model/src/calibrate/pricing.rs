//! Base-year equilibrium: utilities at which shares are those recorded, and marginal costs at which prices are.
//!
//! Makers of a country that are told apart price as one firm each; an origin without brand data enters as `n` equal firms.

use kyoso_demand::classes::{Buyers, ClassLayout, ClassMarket, ClassTastes, Size};
use rayon::prelude::*;

use super::mix::Offers;
use crate::step::cost::PriceLevel;
use crate::step::market::class_of;
use crate::step::price;
use crate::step::wedge::{Law, Wedges};
use crate::world::World;

/// Margin over producer price beyond which a base-year price is raised: marginal costs are positive by far.
const MOST_LERNER: f64 = 0.75;
/// Rounds of raising: margins hardly move with prices, so the first settles nearly all.
const MOST_REPRICINGS: usize = 8;

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
    /// Price with taxes and before support, USD 2023: what rules look at in the year after.
    pub list_price_usd: Vec<f64>,
    /// Price at which the rules of the base year were read, USD 2023.
    pub eligibility_usd: Vec<f64>,
    /// Taxes, duties and support, by country.
    pub wedges: Vec<Wedges>,
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
    list: Vec<f64>,
    eligibility: Vec<f64>,
    wedges: Wedges,
    direct: Vec<f64>,
    elasticity: Vec<f64>,
    surplus: f64,
    error: f64,
}

/// Makers that price together (badges of one group are one), numbered from 0 in a country, and the equal firms behind each.
pub(super) fn makers_of(world: &World, offers: &Offers, c: usize) -> (Vec<u16>, Vec<f64>) {
    let group = |j: usize| world.makers[offers.maker[j] as usize].group;
    let mut groups: Vec<usize> = offers.of(c).map(group).collect();
    groups.sort_unstable();
    groups.dedup();
    let mut firms = vec![1.0; groups.len()];
    let maker = offers
        .of(c)
        .map(|j| {
            let position = groups.partition_point(|known| *known < group(j));
            firms[position] = f64::max(firms[position], offers.firms[j]);
            position as u16
        })
        .collect();
    (maker, firms)
}

/// Solves the base year of every country. `bought` is the part of potential buyers that buys.
pub fn base_prices(
    law: &Law,
    level: &PriceLevel,
    tastes: &ClassTastes,
    buyers: &[Buyers],
    bought: f64,
) -> BasePrices {
    let solved: Vec<CountryPrices> = (0..law.world.countries.len())
        .into_par_iter()
        .map(|c| country_prices(law, level, tastes, &buyers[c], (c, bought)))
        .collect();
    let mut all = BasePrices::default();
    for country in solved {
        all.layout.push(country.layout);
        all.utility.extend(country.utility);
        all.consumer_price_usd.extend(country.consumer);
        all.producer_price_usd.extend(country.producer);
        all.marginal_cost_usd.extend(country.cost);
        all.list_price_usd.extend(country.list);
        all.eligibility_usd.extend(country.eligibility);
        all.wedges.push(country.wedges);
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

/// Utilities and margins at given prices and shares, with the largest error left.
struct Solved {
    utility: Vec<f64>,
    margins: Vec<f64>,
    error: f64,
}

fn solve_base(
    prices: &[f64],
    observed: &[f64],
    kept: &[f64],
    beside: &[f64],
    (tastes, buyers, layout): (&ClassTastes, &Buyers, &ClassLayout),
) -> Solved {
    let flat = ClassMarket {
        tastes,
        buyers,
        layout,
        utility: beside,
        beside,
    };
    let (utility, share_error) = flat.invert(prices, observed);
    let market = ClassMarket {
        utility: &utility,
        ..flat
    };
    let (margins, margin_error) = market.margins_at(prices, kept, Size::Shift(0.0));
    Solved {
        utility,
        margins,
        error: if share_error > margin_error || share_error.is_nan() {
            share_error
        } else {
            margin_error
        },
    }
}

fn country_prices(
    law: &Law,
    level: &PriceLevel,
    tastes: &ClassTastes,
    buyers: &Buyers,
    (c, bought): (usize, f64),
) -> CountryPrices {
    let (world, costs, offers) = (law.world, law.costs, law.offers);
    let range = offers.of(c);
    let class: Vec<u8> = range
        .clone()
        .map(|j| class_of(offers.segment[j] as usize, offers.powertrain[j] as usize) as u8)
        .collect();
    let (maker, firms) = makers_of(world, offers, c);
    let layout = ClassLayout::new(tastes, &class, &maker, &firms)
        .expect("classes are segments by powertrains, makers are numbered here");
    // Ceilings look at the recorded price with what an average buyer is paid, or at the price level of the country.
    let list: Vec<f64> = range
        .clone()
        .map(|j| {
            let (s, f) = (offers.segment[j] as usize, offers.powertrain[j] as usize);
            let recorded = offers.list_price_usd[j];
            if recorded.is_nan() {
                costs.producer_price(level, world, c, s, f) * (1.0 + world.tax_rate[(c, f)])
            } else {
                recorded + costs.support_usd[(c, f)].max(0.0)
            }
        })
        .collect();
    let wedges = law.wedges(c, &list, &[]);
    let Wedges {
        ad_valorem,
        specific_usd,
        ..
    } = &wedges;
    let mut consumer: Vec<f64> = range
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
    let mut rounds = 0;
    let Solved {
        utility,
        margins,
        error,
    } = loop {
        let solved = solve_base(
            &consumer,
            &observed,
            &kept,
            &beside,
            (tastes, buyers, &layout),
        );
        // A price at which the maker's own power over it would leave no cost is no price of this market: it is raised.
        let mut raised = false;
        for k in 0..consumer.len() {
            let producer = (consumer[k] - specific_usd[k]) * kept[k];
            if rounds < MOST_REPRICINGS && solved.margins[k] > MOST_LERNER * producer {
                consumer[k] = solved.margins[k] / MOST_LERNER / kept[k] + specific_usd[k];
                raised = true;
            }
        }
        if !raised {
            break solved;
        }
        rounds += 1;
    };
    let market = ClassMarket {
        tastes,
        buyers,
        layout: &layout,
        utility: &utility,
        beside: &beside,
    };
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
        list: consumer
            .iter()
            .zip(&wedges.specific_usd)
            .map(|(price, specific)| price - specific)
            .collect(),
        eligibility: list,
        wedges,
        consumer,
        producer,
        elasticity,
        surplus,
        error,
        utility,
    }
}
