//! Who sold how much in the base year: sales by brand become shares of makers in light-duty sales.
//!
//! Sources count cars, light vehicles or all four-wheelers. Rules, country by country: brands of trucks
//! alone are left out; heavy vehicles beyond them are taken from makers with trucks, by the share of trucks
//! that `makers` gives; vans that a count of cars leaves out are shared out as its cars, apart from makers
//! that sell battery-electric cars alone. What the list of brands leaves goes to the makers of each origin
//! that are not told apart, by the shares of origins. Where no brands are on record there is one maker an origin.

use std::collections::BTreeMap;

use super::{Country, Maker};
use crate::ids::{Grid, ORIGINS, Origin, Powertrain, Segment, year_index};
use crate::input::Record;

/// What a source counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scope {
    /// Cars.
    Cars,
    /// Cars, vans and pickups.
    Light,
    /// All four-wheelers.
    #[default]
    All,
}

impl Scope {
    /// Word in tables.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Cars => "cars",
            Self::Light => "light",
            Self::All => "all",
        }
    }

    fn from_code(code: &str) -> Option<Self> {
        [Self::Cars, Self::Light, Self::All]
            .into_iter()
            .find(|scope| scope.code() == code)
    }
}

/// A maker in a country in the base year.
#[derive(Debug, Clone, PartialEq)]
pub struct MakerSales {
    /// Position of the maker.
    pub maker: usize,
    /// Share of light-duty sales.
    pub share: f64,
    /// Units as the source counts them; NaN where the source does not name the maker.
    pub recorded: f64,
    /// Light-duty units here less units of the source: vans added, trucks taken out.
    pub outside: f64,
    /// Battery-electric units as the source counts them; 0 where it names all and not this one, NaN is unknown.
    pub bev_recorded: f64,
    /// Sells battery-electric vehicles alone.
    pub bev_only: bool,
    /// Key of the source.
    pub source: String,
}

/// Units of a model, or of models that the source does not tell apart.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelSales {
    /// Position of the maker.
    pub maker: usize,
    /// Segment.
    pub segment: Segment,
    /// Powertrains among which the source does not distinguish.
    pub powertrains: Vec<Powertrain>,
    /// Units; NaN is unknown.
    pub units: f64,
    /// Middle of the list of prices, USD 2023; NaN is unknown.
    pub price_usd: f64,
    /// Battery, kWh; NaN is unknown.
    pub battery_kwh: f64,
}

/// The makers of a country in the base year.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MakerMarket {
    /// True where brands are on record.
    pub named: bool,
    /// What the source counts.
    pub scope: Scope,
    /// Units of the source's whole market.
    pub total: f64,
    /// Battery-electric units of the source's whole market; NaN is unknown.
    pub bev_total: f64,
    /// Battery-electric vans, which a source of cars leaves out.
    pub bev_vans: f64,
    /// Makers by position; shares sum to one.
    pub makers: Vec<MakerSales>,
    /// Models on record.
    pub models: Vec<ModelSales>,
}

impl MakerMarket {
    /// Shares by origin.
    pub fn by_origin(&self, makers: &[Maker]) -> [f64; ORIGINS] {
        let mut share = [0.0; ORIGINS];
        for maker in &self.makers {
            share[makers[maker.maker].origin.index()] += maker.share;
        }
        share
    }

    /// Battery-electric vans of a maker where the source counts cars: they go with the vans it is given.
    pub fn electric_vans(&self, sales: &MakerSales) -> f64 {
        let vans: f64 = self.makers.iter().map(|sales| sales.outside.max(0.0)).sum();
        if self.scope == Scope::Cars && vans > 0.0 {
            self.bev_vans * sales.outside.max(0.0) / vans
        } else {
            0.0
        }
    }

    /// True where the record names the battery-electric sales of every maker.
    pub fn bev_complete(&self) -> bool {
        self.makers.iter().all(|maker| !maker.bev_recorded.is_nan())
    }
}

/// What the rules need to know of the world.
pub(super) struct Known<'a> {
    pub record: &'a Record,
    pub base_year: i32,
    pub countries: &'a [Country],
    pub makers: &'a [Maker],
    pub sales: &'a Grid,
    pub heavy_share: &'a Grid,
    pub origin_share: &'a Grid,
    pub bev_origin_share: &'a Grid,
}

/// Rows of one country: units by maker.
#[derive(Debug, Default)]
struct Listed {
    scope: Scope,
    total: Option<f64>,
    bev_total: Option<f64>,
    /// Units, heavy units, source.
    units: BTreeMap<usize, (f64, f64, String)>,
    bev: BTreeMap<usize, f64>,
}

/// A list of brands is complete where it leaves less than this of its total.
const COMPLETE: f64 = 0.015;
/// Battery-electric cars of brands not told apart beyond this share mean that the list names only some brands.
const LUMPED: f64 = 0.05;
/// A maker sells battery-electric cars alone where they are this share of its sales.
const BEV_ONLY: f64 = 0.97;

/// Makers of every country.
pub(super) fn maker_markets(known: &Known) -> Vec<MakerMarket> {
    let mut lists = listed(known);
    let mut models = models(known);
    let vans = electric_vans(known);
    (0..known.countries.len())
        .map(|c| {
            let mut market = match lists.remove(&c) {
                Some(list) if !list.units.is_empty() => named_market(known, c, &list),
                _ => generic_market(known, c),
            };
            market.models = models.remove(&c).unwrap_or_default();
            market.bev_vans = vans.get(&c).copied().unwrap_or_default();
            market
        })
        .collect()
}

fn country(known: &Known, iso3: &str) -> Option<usize> {
    known
        .countries
        .binary_search_by(|country| country.iso3.as_str().cmp(iso3))
        .ok()
}

fn maker(known: &Known, code: &str) -> Option<usize> {
    known
        .makers
        .binary_search_by(|maker| maker.code.as_str().cmp(code))
        .ok()
}

fn listed(known: &Known) -> BTreeMap<usize, Listed> {
    let table = known.record.table("brand_sales");
    let (iso3, code, powertrain, scope, source) = (
        table.text("iso3"),
        table.text("maker"),
        table.text("powertrain"),
        table.text("scope"),
        table.text("source"),
    );
    let (year, units) = (table.integer("year"), table.real("units"));
    let mut lists: BTreeMap<usize, Listed> = BTreeMap::new();
    for row in (0..table.rows()).filter(|&row| year[row] == known.base_year) {
        let Some(c) = country(known, iso3.get(row)) else {
            continue;
        };
        let list = lists.entry(c).or_default();
        match (code.get(row), powertrain.get(row)) {
            ("ALL", "all") => list.total = Some(units[row]),
            ("ALL", "BEV") => list.bev_total = Some(units[row]),
            (code, "all") => {
                if let Some(m) = maker(known, code) {
                    let entry = list
                        .units
                        .entry(m)
                        .or_insert_with(|| (0.0, 0.0, source.get(row).to_owned()));
                    match Scope::from_code(scope.get(row)) {
                        Some(scope) => {
                            list.scope = scope;
                            entry.0 += units[row];
                        }
                        None => entry.1 += units[row],
                    }
                }
            }
            (code, "BEV") => {
                if let Some(m) = maker(known, code) {
                    *list.bev.entry(m).or_insert(0.0) += units[row];
                }
            }
            _ => {}
        }
    }
    let other = maker(known, Origin::Other.code());
    for list in lists.values_mut() {
        settle(list, other);
    }
    lists
}

/// Lumps of battery-electric brands are no maker; a brand has no fewer units than battery-electric ones, and
/// what a lump hides of it leaves the lump.
fn settle(list: &mut Listed, other: Option<usize>) {
    let Some(other) = other else { return };
    let total = list.bev_total.unwrap_or(f64::INFINITY);
    if list
        .bev
        .get(&other)
        .is_some_and(|units| *units > LUMPED * total)
    {
        list.bev.remove(&other);
    }
    let mut hidden = 0.0;
    for (maker, bev) in &list.bev {
        if let Some((units, ..)) = list.units.get_mut(maker)
            && *bev > *units
            && *maker != other
        {
            hidden += *bev - *units;
            *units = *bev;
        }
    }
    if let Some((units, ..)) = list.units.get_mut(&other) {
        *units = (*units - hidden).max(0.0);
    }
    if let (Some(bev), Some((units, ..))) = (list.bev.get_mut(&other), list.units.get(&other)) {
        *bev = bev.min(*units);
    }
}

/// Battery-electric vans sold in the base year, by country.
fn electric_vans(known: &Known) -> BTreeMap<usize, f64> {
    let table = known.record.table("electrified");
    let (iso3, class, powertrain, measure) = (
        table.text("iso3"),
        table.text("vehicle_class"),
        table.text("powertrain"),
        table.text("measure"),
    );
    let (year, units) = (table.integer("year"), table.real("units"));
    (0..table.rows())
        .filter(|&row| {
            year[row] == known.base_year
                && class.get(row) == "van"
                && powertrain.get(row) == Powertrain::BatteryElectric.code()
                && measure.get(row) == "sales"
        })
        .filter_map(|row| Some((country(known, iso3.get(row))?, units[row])))
        .collect()
}

fn models(known: &Known) -> BTreeMap<usize, Vec<ModelSales>> {
    let table = known.record.table("models");
    let (iso3, code, segment, powertrain) = (
        table.text("iso3"),
        table.text("maker"),
        table.text("segment"),
        table.text("powertrain"),
    );
    let (year, units) = (table.integer("year"), table.real("units"));
    let (price, battery) = (table.real("price_usd2023"), table.real("battery_kwh"));
    let mut models: BTreeMap<usize, Vec<ModelSales>> = BTreeMap::new();
    for row in (0..table.rows()).filter(|&row| year[row] == known.base_year) {
        let powertrains = match powertrain.get(row) {
            "ICE" => Powertrain::ALL
                .iter()
                .copied()
                .filter(|powertrain| powertrain.is_conventional())
                .collect(),
            "HEV+PHEV" => vec![Powertrain::Hybrid, Powertrain::PlugInHybrid],
            one => Powertrain::from_code(one).into_iter().collect(),
        };
        if let (Some(c), Some(maker), Some(segment)) = (
            country(known, iso3.get(row)),
            maker(known, code.get(row)),
            Segment::from_code(segment.get(row)),
        ) {
            models.entry(c).or_default().push(ModelSales {
                maker,
                segment,
                powertrains,
                units: units[row],
                price_usd: price[row],
                battery_kwh: battery[row],
            });
        }
    }
    models
}

/// One maker an origin.
fn generic_market(known: &Known, c: usize) -> MakerMarket {
    let bev = known.bev_origin_share.row(c);
    let bev_known = bev.iter().all(|share| !share.is_nan()) && bev.iter().sum::<f64>() > 0.5;
    let mut makers: Vec<MakerSales> = Origin::ALL
        .iter()
        .filter(|origin| known.origin_share[(c, origin.index())] > 0.0)
        .filter_map(|origin| {
            Some(MakerSales {
                maker: maker(known, origin.code())?,
                share: known.origin_share[(c, origin.index())],
                recorded: f64::NAN,
                outside: 0.0,
                bev_recorded: if bev_known {
                    bev[origin.index()]
                } else {
                    f64::NAN
                },
                bev_only: false,
                source: String::new(),
            })
        })
        .collect();
    makers.sort_by_key(|sales| sales.maker);
    scale_to_one(&mut makers);
    MakerMarket {
        total: f64::NAN,
        bev_total: if bev_known { 1.0 } else { f64::NAN },
        makers,
        ..MakerMarket::default()
    }
}

fn scale_to_one(makers: &mut [MakerSales]) {
    let sum: f64 = makers.iter().map(|sales| sales.share).sum();
    if sum > 0.0 {
        makers.iter_mut().for_each(|sales| sales.share /= sum);
    }
}

fn named_market(known: &Known, c: usize, list: &Listed) -> MakerMarket {
    let base = year_index(known.base_year);
    let all = known.sales[(c, base)];
    let heavy = all * known.heavy_share[(c, base)];
    let light = all - heavy;
    let named: f64 = list
        .units
        .values()
        .map(|(light, heavy, _)| light + heavy)
        .sum();
    let total = list.total.unwrap_or(match list.scope {
        Scope::All => all,
        Scope::Cars | Scope::Light => light,
    });
    let bev_complete = list
        .bev_total
        .is_some_and(|total| list.bev.values().sum::<f64>() > (1.0 - COMPLETE) * total);
    let mut makers: Vec<MakerSales> = list
        .units
        .iter()
        .filter(|(_, (units, ..))| *units > 0.0)
        .map(|(&maker, (units, _, source))| {
            let bev = list.bev.get(&maker).copied();
            MakerSales {
                maker,
                share: *units,
                recorded: *units,
                outside: 0.0,
                bev_recorded: bev.unwrap_or(if bev_complete { 0.0 } else { f64::NAN }),
                bev_only: bev.is_some_and(|bev| bev > BEV_ONLY * units),
                source: source.clone(),
            }
        })
        .collect();
    add_rest(
        known,
        c,
        &mut makers,
        (total - named).max(0.0),
        total,
        bev_complete,
    );
    match list.scope {
        Scope::All => {
            let trucks: f64 = list.units.values().map(|(_, heavy, _)| heavy).sum();
            take_out_trucks(known.makers, &mut makers, heavy - trucks);
        }
        Scope::Cars => add_vans(&mut makers, light - total),
        Scope::Light => {}
    }
    scale_to_one(&mut makers);
    MakerMarket {
        named: true,
        scope: list.scope,
        total,
        bev_total: list.bev_total.unwrap_or(f64::NAN),
        makers,
        ..MakerMarket::default()
    }
}

/// What the list leaves goes to the makers of each origin that are not told apart.
fn add_rest(
    known: &Known,
    c: usize,
    makers: &mut Vec<MakerSales>,
    rest: f64,
    total: f64,
    bev_complete: bool,
) {
    if rest <= COMPLETE * 1e-3 * total {
        return;
    }
    let mut missing = [0.0; ORIGINS];
    for (o, missing) in missing.iter_mut().enumerate() {
        *missing = known.origin_share[(c, o)] * total;
    }
    for sales in makers.iter() {
        missing[known.makers[sales.maker].origin.index()] -= sales.recorded;
    }
    missing.iter_mut().for_each(|units| *units = units.max(0.0));
    let sum: f64 = missing.iter().sum();
    for &origin in Origin::ALL {
        let units = if sum > 0.0 {
            rest * missing[origin.index()] / sum
        } else if origin == Origin::Other {
            rest
        } else {
            0.0
        };
        let Some(maker) = maker(known, origin.code()).filter(|_| units > 0.0) else {
            continue;
        };
        if let Some(sales) = makers.iter_mut().find(|sales| sales.maker == maker) {
            sales.share += units;
        } else {
            makers.push(MakerSales {
                maker,
                share: units,
                recorded: f64::NAN,
                outside: 0.0,
                bev_recorded: if bev_complete { 0.0 } else { f64::NAN },
                bev_only: false,
                source: String::new(),
            });
        }
    }
    makers.sort_by_key(|sales| sales.maker);
}

/// Heavy vehicles that no brand of trucks accounts for leave the makers that sell trucks too.
fn take_out_trucks(known: &[Maker], makers: &mut [MakerSales], trucks: f64) {
    let weight = |sales: &MakerSales| sales.share * known[sales.maker].truck_share;
    let sum: f64 = makers.iter().map(weight).sum();
    let sold: f64 = makers.iter().map(|sales| sales.share).sum();
    if trucks <= 0.0 || sold <= trucks {
        return;
    }
    // No maker gives more than half of what it sells; what is left then falls on all alike.
    let mut left = trucks;
    for sales in makers.iter_mut() {
        let taken = if sum > 0.0 {
            (trucks * weight(sales) / sum).min(sales.share / 2.0)
        } else {
            0.0
        };
        sales.share -= taken;
        sales.outside -= taken;
        left -= taken;
    }
    let open: f64 = makers
        .iter()
        .filter(|sales| !sales.bev_only)
        .map(|sales| sales.share)
        .sum();
    for sales in makers.iter_mut().filter(|sales| !sales.bev_only) {
        let taken = left * sales.share / open;
        sales.share -= taken;
        sales.outside -= taken;
    }
}

/// Vans that a count of cars leaves out are shared out as its cars.
fn add_vans(makers: &mut [MakerSales], vans: f64) {
    let open: f64 = makers
        .iter()
        .filter(|sales| !sales.bev_only)
        .map(|sales| sales.share)
        .sum();
    if open + vans <= 0.0 {
        return;
    }
    for sales in makers.iter_mut().filter(|sales| !sales.bev_only) {
        let added = vans * sales.share / open;
        sales.share += added;
        sales.outside += added;
    }
}
