//! Duty on each route by class: most favoured nation, preference, and the content that the preference asks for.

use std::sync::Arc;

use rayon::prelude::*;

use super::lines::{LANES, LINES, Line};
use super::network::Network;
use super::routes::Routes;
use crate::calibrate::sourcing::SourcingBase;
use crate::ids::{GROUPS, Grid, Group, Origin, Powertrain, Segment};
use crate::input::Record;
use crate::rules::{ActiveRules, Date, Instrument, Module, OfferTraits, Rules};
use crate::world::World;

/// Duties in force in a year. Arrays by route (`importer * exporters + exporter`) and class of duty.
#[derive(Debug, Clone, PartialEq)]
pub struct Duties {
    /// Rate without preference, on the price at the border.
    pub plain: Vec<f64>,
    /// Rate with preference; NaN where there is none.
    pub preferred: Vec<f64>,
    /// Least content for the preference, by route.
    pub content_required: Vec<f64>,
}

impl Duties {
    /// Position of a route.
    pub fn route(network: &Network, importer: usize, exporter: usize) -> usize {
        importer * network.exporters.len() + exporter
    }

    /// Duties as recorded in the pack.
    ///
    /// An agreement of cars (heading 8703) holds for goods vehicles too; members of the European Union, and members of
    /// ASEAN without a row of their own, trade freely; a country without a row takes the mean of its group.
    pub fn recorded(world: &World, record: &Record, network: &Network) -> Self {
        let tables = Tables::read(world, record);
        let routes = world.countries.len() * network.exporters.len();
        let mut duties = Self {
            plain: vec![0.0; routes * LANES],
            preferred: vec![f64::NAN; routes * LANES],
            content_required: vec![0.0; routes],
        };
        for importer in 0..world.countries.len() {
            for (e, &exporter) in network.exporters.iter().enumerate() {
                let exporter = exporter as usize;
                let route = Self::route(network, importer, e);
                if importer == exporter {
                    continue;
                }
                let preference = tables.preference(world, importer, exporter);
                for lane in 0..LANES {
                    duties.plain[route * LANES + lane] = tables.plain[(importer, lane / LINES)];
                    if let Some((rates, content)) = preference {
                        duties.preferred[route * LANES + lane] = rates[lane];
                        duties.content_required[route] = content;
                    }
                }
            }
        }
        duties
    }

    /// Rate that a vehicle pays: the lower one where its content meets the rule of origin.
    pub fn rate(&self, route: usize, lane: usize, content: f64) -> f64 {
        let plain = self.plain[route * LANES + lane];
        let preferred = self.preferred[route * LANES + lane];
        if preferred < plain && content >= self.content_required[route] {
            preferred
        } else {
            plain
        }
    }

    /// True if some class of duty is preferred on this route.
    pub fn has_preference(&self, route: usize) -> bool {
        self.preferred[route * LANES..(route + 1) * LANES]
            .iter()
            .any(|rate| !rate.is_nan())
    }
}

/// Duties year by year: those on record, moved by what the rules on duty have changed since the base year.
#[derive(Debug, Clone)]
pub struct YearDuties<'a> {
    world: &'a World,
    rules: &'a Rules,
    base: &'a SourcingBase,
    /// Rules on duty by importer that stand behind `now`.
    known: Vec<DutyLaw<'a>>,
    /// Rules on duty of the base year.
    at_base: Vec<DutyLaw<'a>>,
    now: Arc<Duties>,
    routes: Arc<Routes>,
}

/// Rules on duty in a year: identifier, value, and days of the year before they begin and after they end.
type DutyLaw<'r> = Vec<(&'r str, u64, (i32, i32))>;

impl<'a> YearDuties<'a> {
    /// Duties of the base year.
    pub fn new(world: &'a World, rules: &'a Rules, base: &'a SourcingBase) -> Self {
        let at_base = duty_laws(world, &world.rules, world.base_year, None);
        Self {
            world,
            rules,
            base,
            known: at_base.clone(),
            at_base,
            now: Arc::new(base.duties.clone()),
            routes: Arc::new(Routes::new(&base.geography, &base.duties)),
        }
    }

    /// Duties of a year and the weights of routes under them; the years are asked for in order.
    pub fn in_year(&mut self, year: i32, policy_as_of: Option<i32>) -> (Arc<Duties>, Arc<Routes>) {
        let (rules, as_of) = (self.rules, policy_as_of.map(Date::last_of));
        let laws = duty_laws(self.world, rules, year, as_of);
        let changed: Vec<usize> = (0..laws.len())
            .filter(|&c| laws[c] != self.known[c])
            .collect();
        if !changed.is_empty() {
            let groups = alike(&changed, &laws, &self.at_base);
            let moved: Vec<Vec<f64>> = groups
                .par_iter()
                .map(|group| {
                    if laws[group[0]] == self.at_base[group[0]] {
                        return Vec::new();
                    }
                    // A member of a group stands for the others, but not for what it builds itself.
                    let pair: Vec<[ActiveRules; 2]> = group
                        .iter()
                        .take(2)
                        .map(|&c| {
                            [
                                rules.active(c, year, as_of),
                                self.world.rules.active(c, self.world.base_year, None),
                            ]
                        })
                        .collect();
                    self.moved(group, &pair)
                })
                .collect();
            let mut duties = (*self.now).clone();
            let width = self.base.network.exporters.len() * LANES;
            let members = groups
                .iter()
                .zip(&moved)
                .flat_map(|(group, moved)| group.iter().map(move |&c| (c, moved)));
            for (importer, moved) in members {
                for at in 0..width {
                    if self.base.network.exporters[at / LANES] as usize == importer {
                        continue;
                    }
                    let cell = importer * width + at;
                    let change = moved.get(at).copied().unwrap_or(0.0);
                    let recorded = &self.base.duties;
                    duties.plain[cell] = (recorded.plain[cell] + change).max(0.0);
                    // `max` would turn an absent preference into a free one.
                    let preferred = recorded.preferred[cell] + change;
                    duties.preferred[cell] = if preferred < 0.0 { 0.0 } else { preferred };
                }
            }
            self.routes = Arc::new(Routes::new(&self.base.geography, &duties));
            self.now = Arc::new(duties);
        }
        self.known = laws;
        (Arc::clone(&self.now), Arc::clone(&self.routes))
    }

    /// Change of duty on each route to importers under one law, by exporter and class.
    fn moved(&self, group: &[usize], pair: &[[ActiveRules; 2]]) -> Vec<f64> {
        let mut moved = Vec::with_capacity(self.base.network.exporters.len() * LANES);
        for &exporter in &self.base.network.exporters {
            let exporter = usize::from(exporter);
            let [now, then] = &pair[usize::from(group[0] == exporter && pair.len() > 1)];
            for lane in 0..LANES {
                let traits = typical(self.world, exporter, lane);
                moved.push(now.plain_duty(&traits, exporter) - then.plain_duty(&traits, exporter));
            }
        }
        moved
    }
}

/// Importers in groups of one law now and in the base year, such as the members of the European Union.
fn alike(importers: &[usize], now: &[DutyLaw], then: &[DutyLaw]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for &c in importers {
        let same = |group: &&mut Vec<usize>| {
            now[group[0]] == now[c] && then[group[0]] == then[c] && !now[c].is_empty()
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(c),
            None => groups.push(vec![c]),
        }
    }
    groups
}

/// A vehicle that stands for a class: of a maker at home in the country that builds it, of middle size and price.
fn typical(world: &World, exporter: usize, lane: usize) -> OfferTraits<'static> {
    let powertrain = match Line::ALL[lane % LINES] {
        Line::Combustion => Powertrain::Gasoline,
        Line::Hybrid => Powertrain::Hybrid,
        Line::PlugIn => Powertrain::PlugInHybrid,
        Line::Battery => Powertrain::BatteryElectric,
        Line::FuelCell => Powertrain::FuelCell,
    };
    let electric = powertrain == Powertrain::BatteryElectric;
    let country = &world.countries[exporter];
    OfferTraits {
        segment: if lane >= LINES {
            Segment::Pickup
        } else {
            Segment::Medium
        },
        powertrain,
        origin: match (country.iso3.as_str(), country.group) {
            ("JPN", _) => Origin::Japan,
            ("CHN", _) => Origin::China,
            ("KOR", _) => Origin::Korea,
            ("IND", _) => Origin::India,
            ("USA", _) => Origin::Usa,
            (_, Group::Asean) => Origin::Asean,
            (_, Group::Eu27 | Group::OtherEurope) => Origin::Europe,
            _ => Origin::Other,
        },
        maker: "",
        battery_kwh: if powertrain.is_plug_in() { 50.0 } else { 0.0 },
        engine_cc: if electric { 0.0 } else { 1600.0 },
        co2_g_per_km: if electric { 0.0 } else { 150.0 },
        list_price_usd: 30_000.0,
        electric_range_km: if powertrain.is_plug_in() { 300.0 } else { 0.0 },
        built: &[],
    }
}

/// Rules on duty of every country in a year.
fn duty_laws<'r>(
    world: &World,
    rules: &'r Rules,
    year: i32,
    as_of: Option<Date>,
) -> Vec<DutyLaw<'r>> {
    let (first, last) = (Date::first_of(year), Date::last_of(year));
    (0..world.countries.len())
        .map(|c| {
            rules
                .of(c)
                .map(|(_, rule)| rule)
                .filter(|rule| {
                    matches!(
                        rule.instrument,
                        Instrument::ImportDuty
                            | Instrument::ImportDutyCut
                            | Instrument::AdditionalDuty
                    ) && rule.module() == Module::Wedge
                        && rule.overlaps(first, last)
                        && as_of.is_none_or(|as_of| rule.announced <= as_of)
                })
                .map(|rule| {
                    let from = rule.start.max(first);
                    let until = rule.end.map_or(last, |end| end.min(last));
                    let outside = (from.days_since(first), last.days_since(until));
                    (rule.id.as_str(), rule.value.to_bits(), outside)
                })
                .collect()
        })
        .collect()
}

/// Rows of the tables `tariffs` and `origin_rules`.
struct Tables {
    plain: Grid,
    /// (importer, exporters, rate by class, content required).
    preferences: Vec<(usize, Vec<usize>, [f64; LANES], f64)>,
    free: f64,
}

impl Tables {
    fn read(world: &World, record: &Record) -> Self {
        let rules = record.table("origin_rules");
        let (regimes, contents) = (rules.text("regime"), rules.real("content"));
        let content = |regime: &str| {
            (0..rules.rows())
                .find(|&row| regimes.get(row) == regime)
                .or_else(|| (0..rules.rows()).find(|&row| regimes.get(row) == "default"))
                .map_or(0.4, |row| contents[row])
        };
        let members = |code: &str| -> Vec<usize> {
            let group = match code {
                "EU27" => Some(Group::Eu27),
                "ASEAN" => Some(Group::Asean),
                _ => None,
            };
            (0..world.countries.len())
                .filter(|&c| {
                    world.countries[c].iso3 == code || Some(world.countries[c].group) == group
                })
                .collect()
        };
        let table = record.table("tariffs");
        let (importer, exporter, regime, product) = (
            table.text("importer"),
            table.text("exporter"),
            table.text("regime"),
            table.text("product"),
        );
        let rate = table.real("rate");
        let mut plain = Grid::filled(world.countries.len(), 2, f64::NAN);
        let mut preferences = Vec::new();
        for row in 0..table.rows() {
            let goods = usize::from(product.get(row) == "8704");
            for country in members(importer.get(row)) {
                if matches!(exporter.get(row), "MFN" | "WLD") {
                    plain[(country, goods)] = rate[row];
                } else {
                    preferences.push((
                        country,
                        members(exporter.get(row)),
                        [rate[row]; LANES],
                        content(regime.get(row)),
                    ));
                }
            }
        }
        fill(&mut plain, world);
        Self {
            plain,
            preferences,
            free: content("ATIGA"),
        }
    }

    /// The lowest preference on a route, with the content that it asks for.
    fn preference(
        &self,
        world: &World,
        importer: usize,
        exporter: usize,
    ) -> Option<([f64; LANES], f64)> {
        let (to, from) = (&world.countries[importer], &world.countries[exporter]);
        if to.group == Group::Eu27 && from.group == Group::Eu27 {
            return Some(([0.0; LANES], 0.0));
        }
        let listed = self
            .preferences
            .iter()
            .filter(|(country, exporters, _, _)| {
                *country == importer && exporters.contains(&exporter)
            })
            .min_by(|a, b| a.2[0].total_cmp(&b.2[0]))
            .map(|(_, _, rates, content)| (*rates, *content));
        listed.or((to.asean && from.asean).then_some(([0.0; LANES], self.free)))
    }
}

/// Countries without a row: goods vehicles as cars, cars as the mean of the group, of all where the group has none.
fn fill(plain: &mut Grid, world: &World) {
    let mut sums = [(0.0, 0.0); GROUPS + 1];
    for (c, country) in world.countries.iter().enumerate() {
        let rate = plain[(c, 0)];
        if !rate.is_nan() {
            for slot in [country.group.index(), GROUPS] {
                sums[slot].0 += rate;
                sums[slot].1 += 1.0;
            }
        }
    }
    for (c, country) in world.countries.iter().enumerate() {
        if plain[(c, 0)].is_nan() {
            let own = sums[country.group.index()];
            let (sum, count) = if own.1 > 0.0 { own } else { sums[GROUPS] };
            plain[(c, 0)] = if count > 0.0 { sum / count } else { 0.0 };
        }
        if plain[(c, 1)].is_nan() {
            plain[(c, 1)] = plain[(c, 0)];
        }
    }
}

/// Share of value made in the region of a preference, by origin, exporter and line.
#[derive(Debug, Clone, PartialEq)]
pub struct Content {
    shares: Vec<f64>,
    exporters: usize,
}

impl Content {
    /// As recorded; where an origin has no row the row for all speaks.
    pub fn recorded(world: &World, network: &Network) -> Self {
        let exporters = network.exporters.len();
        let mut shares = Vec::with_capacity(Origin::ALL.len() * exporters * LINES);
        for &origin in Origin::ALL {
            for &country in &network.exporters {
                for line in Line::ALL {
                    // Fuel cells are bought like batteries.
                    let line = if *line == Line::FuelCell {
                        Line::Battery
                    } else {
                        *line
                    };
                    let find = |origin| {
                        world
                            .industry
                            .content
                            .get(&(origin, country as usize, line.index()))
                    };
                    shares.push(find(Some(origin)).or(find(None)).copied().unwrap_or(0.4));
                }
            }
        }
        Self { shares, exporters }
    }

    /// Content of an origin's vehicles built in an exporter.
    pub fn of(&self, origin: usize, exporter: usize, line: usize) -> f64 {
        self.shares[(origin * self.exporters + exporter) * LINES + line]
    }

    /// All contents a year later: what lies below `goal` gains `growth`.
    #[must_use]
    pub fn grown(&self, growth: f64, goal: f64) -> Self {
        Self {
            shares: self
                .shares
                .iter()
                .map(|&share| {
                    if share < goal {
                        (share + growth).min(goal)
                    } else {
                        share
                    }
                })
                .collect(),
            exporters: self.exporters,
        }
    }
}
