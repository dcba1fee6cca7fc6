//! Who may bring what to which market: launches and arrivals with the yearly hazard that the record of
//! brands gives (parameters `entry`).
//!
//! Two events are on record: a maker that sells in a country starts to sell battery-electric vehicles there,
//! and a Chinese maker that sells abroad starts to sell in a further country. Hazards are events over
//! maker-years at risk, by origin of the maker; a launch of hybrids is not on record by brand.

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

const BEV: usize = Powertrain::BatteryElectric.index();

/// Candidates of every country with brands on record, by maker.
pub fn candidates(world: &World, offers: &Offers, parameters: &Parameters) -> Vec<Vec<Candidate>> {
    let abroad = battery_electric_segments(world, offers);
    let discount = parameters.get("entry.first_year_discount");
    let pace = parameters.get("entry.chinese_pace");
    (0..world.countries.len())
        .map(|c| {
            if !world.maker_market[c].named {
                return Vec::new();
            }
            let sold = units(world, offers, c);
            (0..world.makers.len())
                .filter(|&m| !world.makers[m].is_generic())
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
                    let factor = if origin == Origin::China { pace } else { 1.0 };
                    Some(Candidate {
                        maker: m,
                        segment: Segment::ALL[segment],
                        powertrain: Powertrain::BatteryElectric,
                        hazard: (hazard * factor).clamp(0.0, 1.0),
                        first_year_discount: discount,
                        resident,
                    })
                })
                .collect()
        })
        .collect()
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
