//! Base-year market of each country: who sold what in which segment.
//!
//! Only margins are on record (sales by powertrain, by segment, by origin, battery-electric sales by
//! origin). The inside is filled by iterative proportional fitting from affinities in the pack
//! (`mix_affinity`), which keeps every margin; cells below `NEGLIGIBLE` are left out.

use rayon::prelude::*;

use crate::ids::{Grid, ORIGINS, Origin, POWERTRAINS, Powertrain, SEGMENTS, Segment, year_index};
use crate::input::Record;
use crate::world::World;

/// Share of a market below which a cell is no offer.
const NEGLIGIBLE: f64 = 2e-5;
const SWEEPS: usize = 60;

/// Affinities between origin, segment and powertrain from which the fitting starts.
#[derive(Debug, Clone)]
pub struct Affinity {
    origin_powertrain: Grid,
    segment_powertrain: Grid,
    origin_segment: Grid,
}

impl Affinity {
    /// Reads the table `mix_affinity`; pairs without a row have weight one.
    pub fn from_record(record: &Record) -> Self {
        let mut affinity = Self {
            origin_powertrain: Grid::filled(ORIGINS, POWERTRAINS, 1.0),
            segment_powertrain: Grid::filled(SEGMENTS, POWERTRAINS, 1.0),
            origin_segment: Grid::filled(ORIGINS, SEGMENTS, 1.0),
        };
        let table = record.table("mix_affinity");
        let (first, second, weight) = (
            table.text("first"),
            table.text("second"),
            table.real("weight"),
        );
        for row in 0..table.rows() {
            let (a, b) = (first.get(row), second.get(row));
            match (
                Origin::from_code(a),
                Segment::from_code(a),
                Powertrain::from_code(b),
                Segment::from_code(b),
            ) {
                (Some(origin), _, Some(powertrain), _) => {
                    affinity.origin_powertrain[(origin.index(), powertrain.index())] = weight[row];
                }
                (Some(origin), _, _, Some(segment)) => {
                    affinity.origin_segment[(origin.index(), segment.index())] = weight[row];
                }
                (_, Some(segment), Some(powertrain), _) => {
                    affinity.segment_powertrain[(segment.index(), powertrain.index())] =
                        weight[row];
                }
                _ => {}
            }
        }
        affinity
    }

    fn of(&self, origin: usize, segment: usize, powertrain: usize) -> f64 {
        self.origin_powertrain[(origin, powertrain)]
            * self.segment_powertrain[(segment, powertrain)]
            * self.origin_segment[(origin, segment)]
    }
}

/// Offers of all countries, one flat array a property; `start[c]..start[c + 1]` are those of country `c`.
#[derive(Debug, Clone, Default)]
pub struct Offers {
    /// First offer of each country, and one past the last.
    pub start: Vec<usize>,
    /// Position of the maker in [`World::makers`]; the offers of one maker stand together.
    pub maker: Vec<u16>,
    /// Number of equal firms that stand behind the offer; 1 where its maker is one firm.
    pub firms: Vec<f64>,
    /// Origin index.
    pub origin: Vec<u8>,
    /// Segment index.
    pub segment: Vec<u8>,
    /// Powertrain index.
    pub powertrain: Vec<u8>,
    /// Share of light-duty sales in the base year.
    pub base_share: Vec<f64>,
    /// Whether the share was read or fitted.
    pub basis: Vec<OfferBasis>,
    /// List price to the buyer in the base year, with taxes and after subsidy, USD 2023; NaN is unknown.
    pub list_price_usd: Vec<f64>,
    /// Traction battery, kWh; NaN where the table of technology speaks.
    pub battery_kwh: Vec<f64>,
}

/// Where the share of an offer comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfferBasis {
    /// Read: sales by maker, segment and powertrain are on record.
    Recorded,
    /// Fitted to recorded margins.
    Fitted,
}

impl Offers {
    /// Range of a country's offers.
    pub fn of(&self, country: usize) -> std::ops::Range<usize> {
        self.start[country]..self.start[country + 1]
    }
}

/// Shares of powertrains in light-duty sales of a country and year of history.
///
/// Electrified sales are counts over light-duty sales, hybrids a published share, and the rest is
/// divided as conventional sales were in the latest year known.
pub fn powertrain_shares(world: &World, country: usize, year: usize) -> [f64; POWERTRAINS] {
    let light = world.light_sales(country, year).max(1.0);
    let mut share = [0.0; POWERTRAINS];
    for &powertrain in Powertrain::ALL {
        let f = powertrain.index();
        share[f] = match powertrain {
            Powertrain::Hybrid => world.hybrid_share[(country, year)],
            Powertrain::PlugInHybrid | Powertrain::BatteryElectric | Powertrain::FuelCell => {
                let units = world.electrified[f][(country, year)];
                if units.is_nan() { 0.0 } else { units / light }
            }
            _ => 0.0,
        };
    }
    let plugs = share[Powertrain::PlugInHybrid.index()]
        + share[Powertrain::BatteryElectric.index()]
        + share[Powertrain::FuelCell.index()];
    let hybrid = Powertrain::Hybrid.index();
    share[hybrid] = share[hybrid].min((0.98 - plugs).max(0.0));
    let rest = (1.0 - plugs - share[hybrid]).max(0.0);
    for f in 0..POWERTRAINS {
        if world.conventional_mix[(country, f)] > 0.0 {
            share[f] += rest * world.conventional_mix[(country, f)];
        }
    }
    share
}

/// Fits the base-year market of every country.
pub fn offers(world: &World, affinity: &Affinity) -> Offers {
    let cells: Vec<Vec<f64>> = (0..world.countries.len())
        .into_par_iter()
        .map(|country| fit_country(world, affinity, country))
        .collect();
    let mut offers = Offers {
        start: vec![0],
        ..Offers::default()
    };
    for shares in &cells {
        for (cell, &share) in shares.iter().enumerate().filter(|(_, share)| **share > 0.0) {
            let origin = Origin::ALL[cell / (SEGMENTS * POWERTRAINS)];
            let maker = world.makers_of(origin);
            offers.maker.push(maker as u16);
            offers.firms.push(world.makers[maker].firms);
            offers.basis.push(OfferBasis::Fitted);
            offers.list_price_usd.push(f64::NAN);
            offers.battery_kwh.push(f64::NAN);
            offers.origin.push(origin.index() as u8);
            offers.segment.push((cell / POWERTRAINS % SEGMENTS) as u8);
            offers.powertrain.push((cell % POWERTRAINS) as u8);
            offers.base_share.push(share);
        }
        offers.start.push(offers.origin.len());
    }
    offers
}

/// Iterative proportional fitting of one country; returns shares by cell, summing to one.
fn fit_country(world: &World, affinity: &Affinity, country: usize) -> Vec<f64> {
    let by_powertrain = powertrain_shares(world, country, year_index(world.base_year));
    let by_segment = world.segment_share.row(country);
    let by_origin = world.origin_share.row(country);
    let bev_by_origin = world.bev_origin_share.row(country);
    let bev_known = bev_by_origin.iter().all(|share| !share.is_nan())
        && bev_by_origin.iter().sum::<f64>() > 0.5;
    let bev = Powertrain::BatteryElectric.index();
    let at = |o: usize, s: usize, f: usize| (o * SEGMENTS + s) * POWERTRAINS + f;

    let mut cell = vec![0.0; ORIGINS * SEGMENTS * POWERTRAINS];
    for o in 0..ORIGINS {
        for s in 0..SEGMENTS {
            for f in 0..POWERTRAINS {
                if by_origin[o] > 0.0 && by_segment[s] > 0.0 && by_powertrain[f] > 0.0 {
                    cell[at(o, s, f)] =
                        affinity.of(o, s, f) * by_origin[o] * by_segment[s] * by_powertrain[f];
                }
            }
        }
    }
    let scale = |target: f64, members: &mut dyn Iterator<Item = usize>, cell: &mut Vec<f64>| {
        let members: Vec<usize> = members.collect();
        let sum: f64 = members.iter().map(|&i| cell[i]).sum();
        if sum > 0.0 {
            members.iter().for_each(|&i| cell[i] *= target / sum);
        }
    };
    for sweep in 0..SWEEPS {
        for o in 0..ORIGINS {
            scale(
                by_origin[o],
                &mut (0..SEGMENTS * POWERTRAINS).map(|i| o * SEGMENTS * POWERTRAINS + i),
                &mut cell,
            );
        }
        for s in 0..SEGMENTS {
            scale(
                by_segment[s],
                &mut (0..ORIGINS).flat_map(|o| (0..POWERTRAINS).map(move |f| at(o, s, f))),
                &mut cell,
            );
        }
        if bev_known {
            for o in 0..ORIGINS {
                scale(
                    by_powertrain[bev] * bev_by_origin[o],
                    &mut (0..SEGMENTS).map(|s| at(o, s, bev)),
                    &mut cell,
                );
            }
        }
        if sweep + 1 == SWEEPS {
            // What is dropped goes back to its own powertrain below, so that the record is met exactly.
            cell.iter_mut().for_each(|share| {
                if *share < NEGLIGIBLE {
                    *share = 0.0;
                }
            });
        }
        for f in 0..POWERTRAINS {
            scale(
                by_powertrain[f],
                &mut (0..ORIGINS * SEGMENTS).map(|i| i * POWERTRAINS + f),
                &mut cell,
            );
        }
    }
    restore_lost_powertrains(&mut cell, &by_powertrain);
    let sum: f64 = cell.iter().sum();
    cell.iter_mut().for_each(|share| *share /= sum);
    cell
}

/// A powertrain so rare that all its cells were dropped goes to the largest cell of its row of origins and segments.
fn restore_lost_powertrains(cell: &mut [f64], by_powertrain: &[f64; POWERTRAINS]) {
    for (f, &share) in by_powertrain.iter().enumerate() {
        let kept: f64 = cell.iter().skip(f).step_by(POWERTRAINS).sum();
        if share > 0.0 && kept == 0.0 {
            let place = (0..ORIGINS * SEGMENTS)
                .max_by(|&a, &b| row_sum(cell, a).total_cmp(&row_sum(cell, b)))
                .expect("there is an origin and a segment");
            cell[place * POWERTRAINS + f] = share;
        }
    }
}

fn row_sum(cell: &[f64], place: usize) -> f64 {
    cell[place * POWERTRAINS..(place + 1) * POWERTRAINS]
        .iter()
        .sum()
}
