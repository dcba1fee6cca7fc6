//! Who may bring what to which market: launches and arrivals with the yearly hazard that the record of
//! brands gives (parameters `entry`).
//!
//! Two events are on record: a maker that sells in a country starts to sell battery-electric vehicles there,
//! and a Chinese maker that sells abroad starts to sell in a further country. Hazards are events over
//! maker-years at risk, by origin of the maker; a launch of hybrids is not on record by brand.

use super::Base;
use super::launch::{self, Launch};
use super::mix::Offers;
use crate::ids::{Origin, POWERTRAINS, Powertrain, SEGMENTS, Segment};
use crate::parameters::Parameters;
use crate::world::World;

/// An offer that a market does not have yet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Position of the maker.
    pub maker: usize,
    /// Segment in which it would start.
    pub segment: Segment,
    /// Powertrain it would bring.
    pub powertrain: Powertrain,
    /// Probability a year that it starts, given that it has not.
    pub hazard: f64,
    /// Appeal of the first year less that of later years, log-odds: at most zero.
    pub first_year_discount: f64,
    /// True where the maker already sells in the country.
    pub resident: bool,
}

/// Powertrain that entrants bring.
pub(crate) const BEV: usize = Powertrain::BatteryElectric.index();

/// Candidates of every country with brands on record, by maker.
pub fn candidates(world: &World, offers: &Offers, parameters: &Parameters) -> Vec<Vec<Candidate>> {
    let abroad = battery_electric_segments(world, offers);
    let discount = parameters.get("entry.first_year_discount");
    (0..world.countries.len())
        .map(|c| {
            if !world.maker_market[c].named {
                return Vec::new();
            }
            let sold = units(world, offers, c);
            // Who is on record but too small to be told apart is there already.
            let lumped = |m: usize| {
                let nothing = sold[m].iter().all(|share| *share <= 0.0);
                let market = &world.maker_market[c];
                nothing && market.makers.iter().any(|sales| sales.maker == m)
            };
            (0..world.makers.len())
                .filter(|&m| !world.makers[m].is_generic() && !lumped(m))
                .filter_map(|m| {
                    let origin = world.makers[m].origin;
                    let resident = sold[m].iter().any(|share| *share > 0.0);
                    let electric = (0..SEGMENTS).any(|s| sold[m][s * POWERTRAINS + BEV] > 0.0);
                    let (hazard, segment) = match (resident, electric, origin) {
                        (true, false, _) => (
                            parameters.of_member("entry.bev_launch", origin.code(), "other"),
                            largest(&abroad[m]).unwrap_or_else(|| main_segment(&sold[m])),
                        ),
                        // A maker arrives where others of its country sell to: it must be known abroad.
                        (false, _, Origin::China) => {
                            (parameters.get("entry.arrival.CHN"), largest(&abroad[m])?)
                        }
                        _ => return None,
                    };
                    Some(Candidate {
                        maker: m,
                        segment: Segment::ALL[segment],
                        powertrain: Powertrain::BatteryElectric,
                        hazard: hazard.clamp(0.0, 1.0),
                        first_year_discount: discount,
                        resident,
                    })
                })
                .collect()
        })
        .collect()
}

/// What an offer that is asleep in the base year may become.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entrant {
    /// Probability a year that it starts, given that it has not, at the pace of the record.
    pub hazard: f64,
    /// Made by a Chinese maker, whose pace abroad is a parameter.
    pub chinese: bool,
    /// Weight in its powertrain at base-year prices over that of all offers sold.
    pub weight: f64,
}

/// The base year with everyone who may enter a market asleep in it. Markets where nobody sells what would enter are left as they are.
pub fn with_entrants(world: &World, base: Base) -> Base {
    let mut comers: Vec<(Launch, Candidate)> = Vec::new();
    for (country, list) in candidates(world, &base.offers, &world.parameters)
        .into_iter()
        .enumerate()
    {
        let is_electric = |j: usize| base.offers.powertrain[j] as usize == BEV;
        if base.offers.of(country).any(is_electric) {
            comers.extend(list.into_iter().map(|candidate| {
                let launch = Launch {
                    country,
                    maker: candidate.maker,
                    segment: candidate.segment.index(),
                    powertrain: candidate.powertrain.index(),
                    price_usd: f64::NAN,
                    discount: -candidate.first_year_discount,
                    // Who sells many pickups is not therefore liked for electric cars.
                    by_standing: false,
                };
                (launch, candidate)
            }));
        }
    }
    if comers.is_empty() {
        return base;
    }
    let launches: Vec<Launch> = comers.iter().map(|(launch, _)| *launch).collect();
    let mut base = launch::with_offers(world, &base, &launches);
    for (launch, candidate) in comers {
        let of = base.offers.of(launch.country);
        let asleep = |&j: &usize| base.offers.base_share[j] <= 0.0 && launch.is_of(&base.offers, j);
        let Some(j) = of.clone().find(asleep) else {
            continue;
        };
        // At the mean slope of buyers; what stands beside the price is that of its kind.
        let slope = base.buyers[launch.country].mean_slope();
        let pull = |j: usize| {
            let utility = base.prices.utility[j] - slope * base.prices.consumer_price_usd[j];
            utility / base.tastes.lambda()
        };
        let sold: f64 = of
            .filter(|&k| {
                base.offers.base_share[k] > 0.0 && base.offers.powertrain[k] as usize == BEV
            })
            .map(|k| (pull(k) - pull(j)).exp())
            .sum();
        base.entrants[j] = Some(Entrant {
            hazard: candidate.hazard,
            chinese: world.makers[launch.maker].origin == Origin::China,
            weight: 1.0 / sold,
        });
    }
    hold_to_median(&mut base);
    base
}

/// Where one maker has the market for itself its offers say little about an entrant's: nobody weighs more than the median entrant.
fn hold_to_median(base: &mut Base) {
    let mut weights: Vec<f64> = base.entrants.iter().flatten().map(|of| of.weight).collect();
    weights.sort_by(f64::total_cmp);
    let Some(&median) = weights.get(weights.len() / 2) else {
        return;
    };
    for (entrant, utility) in base.entrants.iter_mut().zip(&mut base.prices.utility) {
        if let Some(entrant) = entrant
            && entrant.weight > median
        {
            *utility -= base.tastes.lambda() * (entrant.weight / median).ln();
            entrant.weight = median;
        }
    }
}

/// Shares of a country's makers by segment and powertrain.
fn units(world: &World, offers: &Offers, c: usize) -> Vec<Vec<f64>> {
    let mut sold = vec![vec![0.0; SEGMENTS * POWERTRAINS]; world.makers.len()];
    for j in offers.of(c) {
        let cell = offers.segment[j] as usize * POWERTRAINS + offers.powertrain[j] as usize;
        sold[offers.maker[j] as usize][cell] += offers.base_share[j];
    }
    sold
}

/// Battery-electric shares of each maker by segment, summed over countries other than its home China.
fn battery_electric_segments(world: &World, offers: &Offers) -> Vec<[f64; SEGMENTS]> {
    let mut sums = vec![[0.0; SEGMENTS]; world.makers.len()];
    for (c, country) in world.countries.iter().enumerate() {
        if country.iso3 == "CHN" {
            continue;
        }
        for j in offers.of(c) {
            if offers.powertrain[j] as usize == BEV {
                sums[offers.maker[j] as usize][offers.segment[j] as usize] += offers.base_share[j];
            }
        }
    }
    sums
}

/// The largest cell, if one is above zero.
fn largest(sums: &[f64]) -> Option<usize> {
    (0..sums.len())
        .filter(|&s| sums[s] > 0.0)
        .max_by(|&a, &b| sums[a].total_cmp(&sums[b]))
}

/// Segment in which a maker sells most.
fn main_segment(sold: &[f64]) -> usize {
    let by_segment: Vec<f64> = sold
        .chunks(POWERTRAINS)
        .map(|cells| cells.iter().sum())
        .collect();
    largest(&by_segment).unwrap_or_default()
}
