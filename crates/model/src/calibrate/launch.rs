//! Offers that a market does not have in the base year, asleep in it: launches of a scenario and makers that may enter.
//!
//! The base year is laid out anew with the offers at a share of zero, so that history stays what it is. An entrant's utility is
//! the mean over offers of its powertrain in the segment (else in the market), plus what its maker's offers stand above the
//! market's, less a discount; its marginal cost is its price less the market's mean margin; the price is the lever's, or for one that may enter that of offers
//! of its kind.

use std::borrow::Cow;

use kyoso_demand::classes::ClassLayout;

use super::mix::{OfferBasis, Offers};
use super::{Base, pricing};
use crate::calibrate::sourcing::SourcingBase;
use crate::ids::{Powertrain, Segment, year_index};
use crate::scenario::Scenario;
use crate::scenario::lever::Lever;
use crate::sourcing::cells::Cells;
use crate::sourcing::network::Network;
use crate::sourcing::routes::{Choice, Routes};
use crate::step::cost::{self, CostYear};
use crate::step::market::class_of;
use crate::step::sourcing::base_units;
use crate::step::wedge::{Built, Law};
use crate::world::World;

/// Greatest part of the price that is margin.
const MOST_MARGIN: f64 = 0.5;

/// An offer that comes to a market.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Launch {
    pub country: usize,
    pub maker: usize,
    pub segment: usize,
    pub powertrain: usize,
    /// Producer's price, USD 2023; that of offers of its kind where it is NaN.
    pub price_usd: f64,
    /// Log-odds within the powertrain.
    pub discount: f64,
    /// Whether what the maker sells already tells how the offer is liked.
    pub by_standing: bool,
}

impl Launch {
    /// Is an offer of its country that of its maker, segment and powertrain?
    pub fn is_of(&self, offers: &Offers, j: usize) -> bool {
        offers.maker[j] as usize == self.maker
            && offers.segment[j] as usize == self.segment
            && offers.powertrain[j] as usize == self.powertrain
    }
}

/// Position of maker, segment and powertrain that a launch names; none where one of them is unknown.
pub fn named(world: &World, lever: &Lever) -> Option<(usize, usize, usize)> {
    Some((
        world.maker(lever.word("maker")?)?,
        Segment::from_code(lever.word("segment")?)?.index(),
        Powertrain::from_code(lever.word("powertrain")?)?.index(),
    ))
}

/// The base year with the offers of a scenario's launches; itself where there are none.
pub fn with_launches<'a>(world: &World, base: &'a Base, scenario: &Scenario) -> Cow<'a, Base> {
    let launches = launches(world, base, scenario);
    if launches.is_empty() {
        Cow::Borrowed(base)
    } else {
        Cow::Owned(with_offers(world, base, &launches))
    }
}

/// The base year laid out anew with offers asleep in it.
pub(super) fn with_offers(world: &World, base: &Base, launches: &[Launch]) -> Base {
    let (offers, from) = laid_out(world, &base.offers, launches);
    let sourcing = sourcing(world, &base.sourcing, &offers);
    let built = Built::new(&sourcing, &sourcing.shares);
    let mut new = Base {
        entrants: from
            .iter()
            .map(|known| known.and_then(|j| base.entrants.get(j).copied().flatten()))
            .collect(),
        offers,
        sourcing,
        built,
        ..base.clone()
    };
    let costs = cost::history(world, year_index(world.base_year));
    price(world, base, &mut new, &from, launches, &costs);
    new
}

/// Launches within the horizon of offers that the market does not have.
fn launches(world: &World, base: &Base, scenario: &Scenario) -> Vec<Launch> {
    let mut launches: Vec<Launch> = Vec::new();
    for lever in scenario
        .levers
        .iter()
        .filter(|lever| lever.kind.name == "launch" && lever.acts(scenario.horizon))
    {
        let Some((maker, segment, powertrain)) = named(world, lever) else {
            continue;
        };
        let first = (lever.years.0..=lever.years.1).find(|&year| lever.size_in(year) > 0.0);
        for country in lever
            .countries
            .iter()
            .filter_map(|iso3| world.country(iso3))
        {
            let launch = Launch {
                country,
                maker,
                segment,
                powertrain,
                price_usd: lever.size_in(first.unwrap_or(lever.years.0)),
                discount: lever.number("discount"),
                by_standing: true,
            };
            let same = |other: &Launch| {
                (other.country, other.maker, other.segment, other.powertrain)
                    == (country, maker, segment, powertrain)
            };
            if !base.offers.sold(country, maker, segment, powertrain) && !launches.iter().any(same)
            {
                launches.push(launch);
            }
        }
    }
    launches
}

/// Offers with the launches in their places; and where each new position comes from, none for a launch.
fn laid_out(world: &World, old: &Offers, launches: &[Launch]) -> (Offers, Vec<Option<usize>>) {
    let mut offers = Offers {
        start: vec![0],
        ..Offers::default()
    };
    let mut from = Vec::new();
    for country in 0..old.start.len() - 1 {
        let launched = |j: &usize| {
            let mut own = launches.iter().filter(|of| of.country == country);
            own.any(|launch| launch.is_of(old, *j))
        };
        let mut places: Vec<(usize, usize, usize, Option<usize>)> = old
            .of(country)
            // Who is launched no longer may enter.
            .filter(|j| !launched(j))
            .map(|j| {
                (
                    old.maker[j] as usize,
                    old.segment[j] as usize,
                    old.powertrain[j] as usize,
                    Some(j),
                )
            })
            .collect();
        places.extend(
            launches
                .iter()
                .filter(|launch| launch.country == country)
                .map(|launch| (launch.maker, launch.segment, launch.powertrain, None)),
        );
        places.sort_by_key(|&(maker, segment, powertrain, _)| (maker, segment, powertrain));
        for (maker, segment, powertrain, known) in places {
            let described = &world.makers[maker];
            offers.maker.push(maker as u16);
            offers.firms.push(described.firms);
            offers.origin.push(described.origin.index() as u8);
            offers.segment.push(segment as u8);
            offers.powertrain.push(powertrain as u8);
            offers
                .base_share
                .push(known.map_or(0.0, |j| old.base_share[j]));
            offers
                .basis
                .push(known.map_or(OfferBasis::Fitted, |j| old.basis[j]));
            offers
                .list_price_usd
                .push(known.map_or(f64::NAN, |j| old.list_price_usd[j]));
            offers
                .battery_kwh
                .push(known.map_or(f64::NAN, |j| old.battery_kwh[j]));
            from.push(known);
        }
        offers.start.push(offers.maker.len());
    }
    (offers, from)
}

/// Sourcing of the base year over the new cells, at the weights that were found.
fn sourcing(world: &World, old: &SourcingBase, offers: &Offers) -> SourcingBase {
    let network = Network::new(world, offers);
    let cells = Cells::new(&network, offers);
    let entries = network.gather(&old.weight, &old.capability);
    let served = Choice {
        network: &network,
        cells: &cells,
        entries: &entries,
        gate: &vec![1.0; network.entries()],
        geography: &old.geography,
        routes: &Routes::new(&old.geography, &old.duties),
        pair: &old.pair,
        duties: &old.duties,
        content: &old.content,
        origin: &old.origin,
    }
    .serve(&cells.gather(&base_units(world, offers)));
    SourcingBase {
        network,
        cells,
        run_flows: served.by_run,
        duty: served.duty,
        cost: served.cost,
        shares: served.shares,
        flows: served.by_route,
        ..old.clone()
    }
}

/// Prices, costs and utilities over the new offers: the old ones where they are, an entrant's by the rule of the head.
fn price(
    world: &World,
    old: &Base,
    new: &mut Base,
    from: &[Option<usize>],
    launches: &[Launch],
    costs: &CostYear,
) {
    let prices = &old.prices;
    let mut spread = prices.clone();
    let carried = |values: &[f64]| -> Vec<f64> {
        from.iter()
            .map(|known| known.map_or(f64::NAN, |j| values[j]))
            .collect()
    };
    for (to, values) in [
        (&mut spread.utility, &prices.utility),
        (&mut spread.consumer_price_usd, &prices.consumer_price_usd),
        (&mut spread.producer_price_usd, &prices.producer_price_usd),
        (&mut spread.marginal_cost_usd, &prices.marginal_cost_usd),
        (&mut spread.list_price_usd, &prices.list_price_usd),
        (&mut spread.eligibility_usd, &prices.eligibility_usd),
        (&mut spread.direct_cost_usd, &prices.direct_cost_usd),
        (&mut spread.own_elasticity, &prices.own_elasticity),
    ] {
        *to = carried(values);
    }
    let mut countries: Vec<usize> = launches.iter().map(|launch| launch.country).collect();
    countries.sort_unstable();
    countries.dedup();
    for c in countries {
        let range = new.offers.of(c);
        for launch in launches.iter().filter(|launch| launch.country == c) {
            let comes = |&j: &usize| from[j].is_none() && launch.is_of(&new.offers, j);
            let Some(j) = range.clone().find(comes) else {
                continue;
            };
            let price_usd = if launch.price_usd.is_nan() {
                alike(old, launch, |k| prices.producer_price_usd[k])
            } else {
                launch.price_usd
            };
            let margin = mean(old, c, |k| {
                prices.producer_price_usd[k] - prices.marginal_cost_usd[k]
            });
            let margin = margin.min(MOST_MARGIN * price_usd);
            spread.utility[j] = utility(old, launch);
            spread.producer_price_usd[j] = price_usd;
            spread.marginal_cost_usd[j] = price_usd - margin;
            spread.eligibility_usd[j] = price_usd;
            spread.list_price_usd[j] = price_usd;
            spread.direct_cost_usd[j] = costs.direct_cost(
                &old.price_level,
                world,
                c,
                launch.segment,
                launch.powertrain,
            );
            spread.own_elasticity[j] = mean(old, c, |k| prices.own_elasticity[k]);
        }
        let class: Vec<u8> = range
            .clone()
            .map(|j| {
                class_of(
                    new.offers.segment[j] as usize,
                    new.offers.powertrain[j] as usize,
                ) as u8
            })
            .collect();
        let (maker, firms) = pricing::makers_of(world, &new.offers, c);
        spread.layout[c] = ClassLayout::new(&old.tastes, &class, &maker, &firms)
            .expect("classes are segments by powertrains, makers are numbered here");
        let wedges = Law {
            world,
            rules: &world.rules,
            policy_as_of: None,
            parameters: &world.parameters,
            costs,
            offers: &new.offers,
            sourcing: &new.sourcing,
            built: &new.built,
        }
        .wedges(c, &spread.eligibility_usd[range.clone()], &[]);
        for (k, j) in range.enumerate().filter(|(_, j)| from[*j].is_none()) {
            let gross = (1.0 + wedges.ad_valorem[k]) * spread.producer_price_usd[j];
            spread.list_price_usd[j] = gross;
            spread.eligibility_usd[j] = gross;
            spread.consumer_price_usd[j] = gross + wedges.specific_usd[k];
        }
        spread.wedges[c] = wedges;
    }
    new.prices = spread;
}

/// Mean over a market's offers that are sold and pass; every offer counts alike: what sells most is not what an entrant may expect
/// to be.
fn plain_mean(
    base: &Base,
    c: usize,
    pass: impl Fn(usize) -> bool,
    of: impl Fn(usize) -> f64,
) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0.0);
    for j in base.offers.of(c) {
        if base.offers.base_share[j] > 0.0 && pass(j) {
            sum += of(j);
            count += 1.0;
        }
    }
    (count > 0.0).then(|| sum / count)
}

/// Mean over offers of a launch's powertrain in its segment, else of its powertrain, else of the market.
fn alike(base: &Base, launch: &Launch, of: impl Fn(usize) -> f64) -> f64 {
    let (offers, c) = (&base.offers, launch.country);
    let same_powertrain = |j: usize| offers.powertrain[j] as usize == launch.powertrain;
    let same_segment = |j: usize| offers.segment[j] as usize == launch.segment;
    plain_mean(base, c, |j| same_powertrain(j) && same_segment(j), &of)
        .or_else(|| plain_mean(base, c, same_powertrain, &of))
        .or_else(|| plain_mean(base, c, |_| true, &of))
        .unwrap_or_default()
}

/// Utility of an entrant.
fn utility(base: &Base, launch: &Launch) -> f64 {
    let utility = |j: usize| base.prices.utility[j];
    let own = |j: usize| base.offers.maker[j] as usize == launch.maker;
    let standing = || {
        let all = plain_mean(base, launch.country, |_| true, utility)?;
        plain_mean(base, launch.country, own, utility).map(|own| own - all)
    };
    let standing = if launch.by_standing { standing() } else { None };
    alike(base, launch, utility) + standing.unwrap_or_default()
        - base.tastes.lambda() * launch.discount
}

/// Mean over a market's sales.
fn mean(base: &Base, c: usize, of: impl Fn(usize) -> f64) -> f64 {
    let range = base.offers.of(c);
    let share = &base.offers.base_share;
    let total: f64 = share[range.clone()].iter().sum();
    range.map(|j| share[j] * of(j)).sum::<f64>() / total
}
