//! Base-year market of each country: who sold what in which segment.
//!
//! Mostly margins are on record: sales by powertrain, by segment, by maker or origin, battery-electric
//! sales by maker or origin, models in some countries. The inside is filled by iterative proportional
//! fitting, which keeps every margin: first makers by powertrain, then segments inside. It starts from
//! models on record and from the affinities of origins and makers in the pack (`mix_affinity`). Small
//! cells are dropped and the rest fitted anew.

use rayon::prelude::*;

use super::fit::TwoWay;
use crate::ids::{Grid, ORIGINS, Origin, POWERTRAINS, Powertrain, SEGMENTS, Segment, year_index};
use crate::input::Record;
use crate::world::{Maker, MakerMarket, ModelSales, World};

/// Affinities between origin or maker, segment and powertrain from which the fitting starts.
#[derive(Debug, Clone)]
pub struct Affinity {
    origin_powertrain: Grid,
    segment_powertrain: Grid,
    origin_segment: Grid,
    /// Weights of makers, over those of their origin.
    maker_powertrain: Grid,
    maker_segment: Grid,
}

impl Affinity {
    /// Reads the table `mix_affinity`; pairs without a row have weight one.
    pub fn from_record(record: &Record, makers: &[Maker]) -> Self {
        let mut affinity = Self {
            origin_powertrain: Grid::filled(ORIGINS, POWERTRAINS, 1.0),
            segment_powertrain: Grid::filled(SEGMENTS, POWERTRAINS, 1.0),
            origin_segment: Grid::filled(ORIGINS, SEGMENTS, 1.0),
            maker_powertrain: Grid::filled(makers.len(), POWERTRAINS, 1.0),
            maker_segment: Grid::filled(makers.len(), SEGMENTS, 1.0),
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
                (None, None, powertrain, segment) => {
                    let Ok(maker) = makers.binary_search_by(|maker| maker.code.as_str().cmp(a))
                    else {
                        continue;
                    };
                    if let Some(powertrain) = powertrain {
                        affinity.maker_powertrain[(maker, powertrain.index())] = weight[row];
                    }
                    if let Some(segment) = segment {
                        affinity.maker_segment[(maker, segment.index())] = weight[row];
                    }
                }
                _ => {}
            }
        }
        affinity
    }

    fn of(&self, makers: &[Maker], maker: usize, segment: usize, powertrain: usize) -> f64 {
        let origin = makers[maker].origin.index();
        self.origin_powertrain[(origin, powertrain)]
            * self.segment_powertrain[(segment, powertrain)]
            * self.origin_segment[(origin, segment)]
            * self.maker_powertrain[(maker, powertrain)]
            * self.maker_segment[(maker, segment)]
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

    /// True if a maker sold a powertrain in a segment of a country in the base year.
    pub fn sold(&self, country: usize, maker: usize, segment: usize, powertrain: usize) -> bool {
        self.of(country).any(|j| {
            self.maker[j] as usize == maker
                && self.segment[j] as usize == segment
                && self.powertrain[j] as usize == powertrain
                && self.base_share[j] > 0.0
        })
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

/// Share of a market below which a maker is counted with those of its origin that are not told apart.
const SMALL_MAKER: f64 = 5e-4;
/// Share below which makers of an origin are left out.
const NO_MAKER: f64 = 1e-4;
/// Share below which a maker's powertrain is no offer, unless it is the largest of either.
const SMALL_PAIR: f64 = 1e-4;
/// Share below which a segment of a maker's powertrain is no offer, unless it is the largest.
const SMALL_OFFER: f64 = 2e-4;
/// Share of a market that is nothing but the rounding of a sum.
const NOTHING: f64 = 1e-12;
/// Offers of a market beyond which the threshold rises.
const MANY_OFFERS: usize = 120;
/// Error of a margin that a thinner market may have.
const ACCEPTABLE: f64 = 1e-12;
/// Weight of a segment and powertrain in which a maker lists no model, where its models are on record.
const UNLISTED: f64 = 0.02;
/// Share of a maker's sales that its models on record must cover to count as read.
const COVERED: f64 = 0.95;

/// Fits the base-year market of every country.
pub fn offers(world: &World, affinity: &Affinity) -> Offers {
    let markets: Vec<Vec<Cell>> = (0..world.countries.len())
        .into_par_iter()
        .map(|country| fit_country(world, affinity, country))
        .collect();
    let mut offers = Offers {
        start: vec![0],
        ..Offers::default()
    };
    for (country, cells) in markets.iter().enumerate() {
        for cell in cells {
            let maker = &world.makers[cell.maker];
            let known = KnownCell::of(&world.maker_market[country], cell);
            offers.maker.push(cell.maker as u16);
            offers.firms.push(maker.firms);
            offers.origin.push(maker.origin.index() as u8);
            offers.segment.push(cell.segment as u8);
            offers.powertrain.push(cell.powertrain as u8);
            offers.base_share.push(cell.share);
            offers.basis.push(known.basis);
            offers.list_price_usd.push(known.price_usd);
            offers.battery_kwh.push(known.battery_kwh);
        }
        offers.start.push(offers.origin.len());
    }
    offers
}

/// A maker's share of a segment and powertrain.
#[derive(Debug, Clone, Copy)]
struct Cell {
    maker: usize,
    segment: usize,
    powertrain: usize,
    share: f64,
}

/// What models on record say of a cell.
struct KnownCell {
    basis: OfferBasis,
    price_usd: f64,
    battery_kwh: f64,
}

impl KnownCell {
    fn of(market: &MakerMarket, cell: &Cell) -> Self {
        let own = |model: &&ModelSales| model.maker == cell.maker;
        let here = |model: &&ModelSales| {
            model.segment.index() == cell.segment
                && model
                    .powertrains
                    .iter()
                    .any(|powertrain| powertrain.index() == cell.powertrain)
        };
        let models: Vec<&ModelSales> = market.models.iter().filter(own).collect();
        let counted = |model: &&&ModelSales| !model.units.is_nan();
        let covered: f64 = models.iter().filter(counted).map(|model| model.units).sum();
        let sold = market
            .makers
            .iter()
            .find(|sales| sales.maker == cell.maker)
            .map_or(f64::NAN, |sales| sales.recorded);
        let told = models
            .iter()
            .any(|model| here(model) && model.powertrains.len() == 1 && model.units > 0.0);
        Self {
            basis: if told && covered > COVERED * sold {
                OfferBasis::Recorded
            } else {
                OfferBasis::Fitted
            },
            price_usd: mean(&models, here, |model| model.price_usd),
            battery_kwh: mean(&models, here, |model| model.battery_kwh),
        }
    }
}

/// Mean of what is known of the models of a cell, each model alike; NaN where nothing is.
fn mean(
    models: &[&ModelSales],
    here: impl Fn(&&ModelSales) -> bool,
    value: impl Fn(&ModelSales) -> f64,
) -> f64 {
    let known: Vec<f64> = models
        .iter()
        .filter(|model| here(model))
        .map(|model| value(model))
        .filter(|value| !value.is_nan())
        .collect();
    if known.is_empty() {
        f64::NAN
    } else {
        known.iter().sum::<f64>() / known.len() as f64
    }
}

/// A maker as the fitting takes it.
#[derive(Debug, Clone, Copy)]
struct Seller {
    maker: usize,
    share: f64,
    /// Share of the market that is its battery-electric sales; NaN is unknown.
    bev: f64,
    bev_only: bool,
}

/// Fits one country: first makers by powertrain, then segments inside; returns offers by maker, shares summing to one.
fn fit_country(world: &World, affinity: &Affinity, country: usize) -> Vec<Cell> {
    let by_powertrain = powertrain_shares(world, country, year_index(world.base_year));
    let sellers = sellers(world, country, by_powertrain[BEV]);
    let start = start(world, affinity, country, &sellers, &by_powertrain);
    let pairs = fit_pairs(&sellers, &by_powertrain, &start);
    let by_segment = world.segment_share.row(country);

    let mut table = TwoWay {
        row_target: pairs.iter().map(|pair| pair.2).collect(),
        column_target: by_segment.to_vec(),
        ..TwoWay::default()
    };
    for (row, &(k, f, share)) in pairs.iter().enumerate() {
        let sum: f64 = (0..SEGMENTS).map(|s| start[k][s * POWERTRAINS + f]).sum();
        for s in 0..SEGMENTS {
            if by_segment[s] > 0.0 {
                table.push(row, s, share * start[k][s * POWERTRAINS + f] / sum);
            }
        }
    }
    table.fit();
    table.thin(SMALL_OFFER, MANY_OFFERS, ACCEPTABLE);

    let mut cells: Vec<Cell> = (0..table.cell.len())
        .filter(|&i| table.cell[i] > 0.0)
        .map(|i| {
            let (k, f, _) = pairs[table.row[i]];
            Cell {
                maker: sellers[k].maker,
                segment: table.column[i],
                powertrain: f,
                share: table.cell[i],
            }
        })
        .collect();
    cells.sort_by_key(|cell| (cell.maker, cell.segment, cell.powertrain));
    cells
}

const BEV: usize = Powertrain::BatteryElectric.index();

/// Makers with their shares and battery-electric shares, consistent with each other and with the market's.
fn sellers(world: &World, country: usize, bev: f64) -> Vec<Seller> {
    let market = &world.maker_market[country];
    let light = world
        .light_sales(country, year_index(world.base_year))
        .max(1.0);
    let mut sellers: Vec<Seller> = Vec::with_capacity(market.makers.len());
    let vans: f64 = market
        .makers
        .iter()
        .map(|sales| market.electric_vans(sales))
        .sum();
    // Units of the source to shares of this market: national totals and the record of powertrains may differ a little.
    let unit = if market.bev_total.is_nan() {
        1.0 / light
    } else {
        bev / (market.bev_total + vans).max(f64::MIN_POSITIVE)
    };
    for sales in &market.makers {
        let bev_share = unit * (sales.bev_recorded + market.electric_vans(sales));
        let seller = Seller {
            maker: sales.maker,
            share: sales.share,
            bev: bev_share,
            bev_only: sales.bev_only,
        };
        // A maker too small to be shown goes with those of its origin that are not told apart.
        let origin = world.makers[sales.maker].origin;
        let maker = if sales.share < SMALL_MAKER {
            world.makers_of(origin)
        } else {
            sales.maker
        };
        match sellers.iter_mut().find(|other| other.maker == maker) {
            Some(other) => {
                other.share += seller.share;
                other.bev += seller.bev;
                other.bev_only &= seller.bev_only;
            }
            None => sellers.push(Seller { maker, ..seller }),
        }
    }
    sellers.retain(|seller| seller.share >= NO_MAKER);
    sellers.sort_by_key(|seller| seller.maker);
    agree(&mut sellers, bev);
    sellers
}

/// Makers that sell battery-electric cars alone keep their units, the others' share the rest of those sales;
/// shares sum to one and none is below its battery-electric part.
fn agree(sellers: &mut [Seller], bev: f64) {
    let sum = |sellers: &[Seller], only: bool| -> f64 {
        sellers
            .iter()
            .filter(|seller| seller.bev_only == only && !seller.bev.is_nan())
            .map(|seller| seller.bev)
            .sum()
    };
    let complete = sellers.iter().all(|seller| !seller.bev.is_nan());
    let alone: f64 = sellers
        .iter()
        .filter(|seller| seller.bev_only)
        .map(|seller| seller.share)
        .sum();
    let open = sum(sellers, false);
    // Their counts are the finer ones, unless they exceed what is on record for all.
    if alone > 0.0 && alone < bev {
        for seller in sellers.iter_mut().filter(|seller| seller.bev_only) {
            seller.bev = seller.share;
        }
    }
    let alone = sum(sellers, true);
    let room = (bev - alone).max(0.0);
    let factor = if open > 0.0 && (complete || open > room) {
        room / open
    } else {
        1.0
    };
    for seller in sellers.iter_mut() {
        if seller.bev_only {
            seller.share = seller.bev;
        } else {
            seller.bev *= factor;
        }
    }
    // Raising one maker's share lowers the others', which may fall below their own part: a few rounds settle it.
    let mut fixed: Vec<bool> = sellers.iter().map(|seller| seller.bev_only).collect();
    for _ in 0..sellers.len() {
        let held: f64 = sellers
            .iter()
            .zip(&fixed)
            .filter(|(_, fixed)| **fixed)
            .map(|(seller, _)| seller.share)
            .sum();
        let free: f64 = sellers
            .iter()
            .zip(&fixed)
            .filter(|(_, fixed)| !**fixed)
            .map(|(seller, _)| seller.share)
            .sum();
        let mut settled = true;
        for (seller, fixed) in sellers.iter_mut().zip(&mut fixed) {
            if *fixed {
                continue;
            }
            seller.share *= (1.0 - held) / free;
            if seller.bev > MOSTLY * seller.share {
                seller.share = seller.bev / MOSTLY;
                *fixed = true;
                settled = false;
            }
        }
        if settled {
            break;
        }
    }
}

/// Greatest part of a maker's sales that is battery-electric where it sells other powertrains too.
const MOSTLY: f64 = 0.995;

/// Weights from which the fitting starts, by seller: models on record, and affinities for what they leave.
fn start(
    world: &World,
    affinity: &Affinity,
    country: usize,
    sellers: &[Seller],
    by_powertrain: &[f64; POWERTRAINS],
) -> Vec<Vec<f64>> {
    let market = &world.maker_market[country];
    let by_segment = world.segment_share.row(country);
    let light = world
        .light_sales(country, year_index(world.base_year))
        .max(1.0);
    sellers
        .iter()
        .map(|seller| {
            let models: Vec<&ModelSales> = market
                .models
                .iter()
                .filter(|model| model.maker == seller.maker)
                .collect();
            let generic = world.makers[seller.maker].is_generic();
            let listed = |s: usize, f: usize| {
                models.is_empty()
                    || generic
                    || models.iter().any(|model| {
                        model.segment.index() == s
                            && model.powertrains.iter().any(|p| p.index() == f)
                    })
            };
            let mut weight = vec![0.0; SEGMENTS * POWERTRAINS];
            for s in 0..SEGMENTS {
                for f in 0..POWERTRAINS {
                    weight[s * POWERTRAINS + f] = affinity.of(&world.makers, seller.maker, s, f)
                        * by_segment[s]
                        * by_powertrain[f]
                        * if listed(s, f) { 1.0 } else { UNLISTED };
                }
            }
            let counted: f64 = models
                .iter()
                .map(|model| model.units)
                .filter(|units| !units.is_nan())
                .sum::<f64>()
                / light;
            // A list of models of all makers is never quite complete: what it leaves is at least a thousandth.
            let left = (seller.share - counted).max(1e-3 * seller.share);
            let sum: f64 = weight.iter().sum();
            if sum > 0.0 {
                weight.iter_mut().for_each(|weight| *weight *= left / sum);
            }
            for model in models.iter().filter(|model| model.units > 0.0) {
                let s = model.segment.index();
                let among: f64 = model
                    .powertrains
                    .iter()
                    .map(|f| {
                        by_powertrain[f.index()]
                            * affinity.of(&world.makers, seller.maker, s, f.index())
                    })
                    .sum();
                for f in model.powertrains.iter().map(|f| f.index()) {
                    if among > 0.0 && by_segment[s] > 0.0 {
                        weight[s * POWERTRAINS + f] += model.units / light
                            * by_powertrain[f]
                            * affinity.of(&world.makers, seller.maker, s, f)
                            / among;
                    }
                }
            }
            weight
        })
        .collect()
}

/// Shares of sellers by powertrain: (seller, powertrain, share), battery-electric sales as recorded where they are.
fn fit_pairs(
    sellers: &[Seller],
    by_powertrain: &[f64; POWERTRAINS],
    start: &[Vec<f64>],
) -> Vec<(usize, usize, f64)> {
    let known = |k: usize| !sellers[k].bev.is_nan();
    let recorded: f64 = (0..sellers.len())
        .filter(|&k| known(k))
        .map(|k| sellers[k].bev)
        .sum();
    let mut column_target = by_powertrain.to_vec();
    column_target[BEV] = (by_powertrain[BEV] - recorded).max(0.0);
    let mut table = TwoWay {
        row_target: (0..sellers.len())
            .map(|k| sellers[k].share - if known(k) { sellers[k].bev } else { 0.0 })
            .map(|share| share.max(0.0))
            .collect(),
        column_target,
        ..TwoWay::default()
    };
    for (k, start) in start.iter().enumerate() {
        if sellers[k].bev_only {
            continue;
        }
        for f in (0..POWERTRAINS).filter(|&f| by_powertrain[f] > NOTHING) {
            let weight: f64 = (0..SEGMENTS).map(|s| start[s * POWERTRAINS + f]).sum();
            if weight > 0.0 && !(f == BEV && known(k)) {
                table.push(k, f, weight);
            }
        }
    }
    table.fit();
    table.thin(SMALL_PAIR, usize::MAX, ACCEPTABLE);
    let mut pairs: Vec<(usize, usize, f64)> = (0..table.cell.len())
        .filter(|&i| table.cell[i] > NOTHING)
        .map(|i| (table.row[i], table.column[i], table.cell[i]))
        .collect();
    pairs.extend(
        (0..sellers.len())
            .filter(|&k| sellers[k].bev > 0.0)
            .map(|k| (k, BEV, sellers[k].bev)),
    );
    pairs
}
