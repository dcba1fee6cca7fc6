//! Production, trade and sourcing taken apart: who builds, and why a maker serves a market from where it does.

use super::{Explanation, Term, Unknown, inputs};
use crate::ids::{LAST_YEAR, Powertrain, Segment};
use crate::input::{Record, nearest};
use crate::results::Results;
use crate::sourcing::duties::Duties;
use crate::sourcing::lines::{LINES, Line, lane};
use crate::step::sourcing::Sourced;

/// First word of questions about sourcing.
pub const SOURCING: &str = "Sourcing";
/// Entries below this share of a market are left out.
const LEAST_SHARE: f64 = 0.005;
/// Most rows of a list.
const MOST: usize = 10;

fn term(name: impl Into<String>, value: f64, unit: &str) -> Term {
    Term {
        name: name.into(),
        value,
        unit: unit.to_owned(),
    }
}

/// Output and trade of the base year or a projected one.
fn sourced<'a>(results: &Results<'a>, year: i32) -> Option<&'a Sourced> {
    let base = results.world.base_year;
    match usize::try_from(year - base - 1) {
        Ok(k) => results.outcome.years.get(k).map(|year| &year.sourced),
        Err(_) => (year == base).then_some(&results.outcome.base_sourced),
    }
}

/// Terms of an indicator of production, capacity or trade of a country.
pub(super) fn country_terms(results: &Results, country: usize, explanation: &mut Explanation) {
    let Some(sourced) = sourced(results, explanation.year) else {
        explanation.equation =
            "vehicles built on record, times the light part of the base year".to_owned();
        return;
    };
    let books = results.books(explanation.year, sourced);
    let account = books.light[country];
    explanation.equation = "light vehicles: production = sales + exports - imports + discrepancy; each maker's plants share every market by residual, line, border, distance, duty and scarcity of capacity (model, section 8)".to_owned();
    explanation.terms.extend([
        term("production", account.production, "vehicles"),
        term("sales", account.sales, "vehicles"),
        term("exports", account.exports, "vehicles"),
        term("imports", account.imports, "vehicles"),
        term(
            "discrepancy: built beyond what any market counts",
            account.discrepancy,
            "vehicles",
        ),
        term("capacity", books.capacity[country], "vehicles/yr"),
    ]);
    makers_of(results, country, sourced, &mut explanation.terms);
    partners_of(results, country, sourced, &mut explanation.terms);
}

/// The largest makers that build in a country, with the use of their capacity.
fn makers_of(results: &Results, country: usize, sourced: &Sourced, terms: &mut Vec<Term>) {
    let network = &results.base.sourcing.network;
    let built = sourced.built_by_site();
    let mut sites: Vec<usize> = (0..network.sites())
        .filter(|&site| network.site_country[site] as usize == country && built[site] > 0.0)
        .collect();
    sites.sort_by(|&a, &b| built[b].total_cmp(&built[a]));
    for &site in sites.iter().take(MOST) {
        let maker = &results.world.makers[network.site_maker[site] as usize].code;
        terms.push(term(format!("built by {maker}"), built[site], "vehicles"));
        let used = 100.0 * built[site] / sourced.capacity[site];
        terms.push(term(
            format!("  use of its capacity of {:.0}", sourced.capacity[site]),
            used,
            "%",
        ));
    }
}

/// The largest destinations and origins of a country's trade.
fn partners_of(results: &Results, country: usize, sourced: &Sourced, terms: &mut Vec<Term>) {
    let (world, network) = (results.world, &results.base.sourcing.network);
    let exporters = network.exporters.len();
    let mut list = |prefix: &str, mut flows: Vec<(f64, usize)>| {
        flows.sort_by(|a, b| b.0.total_cmp(&a.0));
        for (flow, other) in flows
            .into_iter()
            .take(MOST)
            .filter(|(flow, _)| *flow >= 1.0)
        {
            let name = format!("{prefix} {}", world.countries[other].iso3);
            terms.push(term(name, flow, "vehicles"));
        }
    };
    if let Some(e) = network.exporter_of[country] {
        let to = (0..world.countries.len())
            .filter(|&importer| importer != country)
            .map(|importer| (sourced.flows[importer * exporters + e as usize], importer));
        list("sent to", to.collect());
    }
    let from = network.exporters.iter().enumerate();
    let from = from
        .filter(|(_, exporter)| **exporter as usize != country)
        .map(|(e, &exporter)| (sourced.flows[country * exporters + e], exporter as usize));
    list("received from", from.collect());
}

/// Answers `Sourcing|MAKER[|SEGMENT[|POWERTRAIN]]`: why a maker serves a country from where it does.
pub(super) fn sourcing(
    results: &Results,
    record: &Record,
    variable: &str,
    region: &str,
    year: i32,
) -> Result<Explanation, Unknown> {
    let world = results.world;
    let importer = world.country(region).ok_or_else(|| {
        let near = nearest(
            region,
            world.countries.iter().map(|country| country.iso3.as_str()),
        );
        unknown(format!("`{region}` is no country"), near)
    })?;
    let horizon = results
        .outcome
        .years
        .last()
        .map_or(world.base_year, |last| last.year);
    let sourced = sourced(results, year).ok_or_else(|| Unknown {
        message: format!("no sourcing in {year}"),
        help: format!(
            "it is known from {} to {}",
            world.base_year,
            horizon.min(LAST_YEAR)
        ),
    })?;
    let asked = Asked::read(results, variable, importer)?;
    let cells = asked.cells(results, importer);
    if cells.is_empty() {
        return Err(Unknown {
            message: format!("no offer of `{variable}` in {region}"),
            help: "leave the powertrain or the segment out to see all".to_owned(),
        });
    }
    let units = units(results, year);
    let sold: f64 = cells
        .iter()
        .map(|&(cell, _)| sold_in(results, cell, &units))
        .sum();
    let mut explanation = Explanation {
        variable: variable.to_owned(),
        region: region.to_owned(),
        year,
        value: sold,
        unit: "vehicles".to_owned(),
        status: if year <= world.base_year { "history" } else { "projection" },
        equation: "share of a plant ~ b phi [(1 + scarcity) tau (1 + duty)]^-theta d: b its residual, phi what its lines build, tau border and distance, d what recorded trade says beyond (model, section 8; Head and Mayer 2019)".to_owned(),
        terms: vec![term("theta, elasticity of sourcing", results.base.sourcing.geography.elasticity, "")],
        inputs: inputs(record, region, world.base_year, year, &["tariffs"], &["trade."]),
    };
    asked.routes(
        results,
        sourced,
        importer,
        &cells,
        &units,
        &mut explanation.terms,
    );
    Ok(explanation)
}

fn unknown(message: String, near: Option<&str>) -> Unknown {
    Unknown {
        message,
        help: near.map_or_else(String::new, |near| format!("did you mean `{near}`?")),
    }
}

/// New light vehicles by offer in a year.
fn units(results: &Results, year: i32) -> Vec<f64> {
    match usize::try_from(year - results.world.base_year - 1) {
        Ok(k) => results.outcome.years[k]
            .countries
            .iter()
            .flat_map(|country| country.offer_units.iter().copied())
            .collect(),
        Err(_) => crate::step::sourcing::base_units(results.world, &results.base.offers),
    }
}

/// Sales of a cell.
fn sold_in(results: &Results, cell: usize, units: &[f64]) -> f64 {
    let base = &results.base.sourcing;
    let run = base.cells.run[cell] as usize;
    base.network.runs.offers[run]
        .clone()
        .filter(|&j| base.cells.of_offer[j] as usize == cell)
        .map(|j| units[j])
        .sum()
}

/// What is asked: a maker's run in a market, and the kinds meant.
struct Asked {
    maker: usize,
    run: usize,
    segment: Option<Segment>,
    line: Option<Line>,
}

impl Asked {
    fn read(results: &Results, variable: &str, importer: usize) -> Result<Self, Unknown> {
        let world = results.world;
        let mut words = variable.split('|').skip(1);
        let code = words.next().unwrap_or_default();
        let maker = world
            .makers
            .iter()
            .position(|maker| maker.code.eq_ignore_ascii_case(code))
            .ok_or_else(|| {
                let near = nearest(code, world.makers.iter().map(|maker| maker.code.as_str()));
                unknown(format!("unknown maker `{code}`"), near)
            })?;
        let segment = words
            .next()
            .map(|word| {
                let codes = Segment::ALL.iter().map(|segment| segment.code());
                Segment::from_code(word).ok_or_else(|| {
                    unknown(format!("unknown segment `{word}`"), nearest(word, codes))
                })
            })
            .transpose()?;
        let line = words
            .next()
            .map(|word| {
                let codes = Powertrain::ALL.iter().map(|powertrain| powertrain.code());
                Line::from_code(word)
                    .or_else(|| Powertrain::from_code(word).map(Line::of))
                    .ok_or_else(|| {
                        unknown(format!("unknown powertrain `{word}`"), nearest(word, codes))
                    })
            })
            .transpose()?;
        let runs = &results.base.sourcing.network.runs;
        let run = runs
            .of(importer)
            .find(|&run| runs.maker[run] as usize == maker)
            .ok_or_else(|| Self::absent(results, maker, importer))?;
        Ok(Self {
            maker,
            run,
            segment,
            line,
        })
    }

    /// A maker that is not told apart in a market, or does not sell there.
    fn absent(results: &Results, maker: usize, importer: usize) -> Unknown {
        let world = results.world;
        let runs = &results.base.sourcing.network.runs;
        let there: Vec<&str> = runs
            .of(importer)
            .map(|run| world.makers[runs.maker[run] as usize].code.as_str())
            .collect();
        let origin = world.makers[maker].origin.code();
        Unknown {
            message: format!(
                "`{}` has no offers of its own in {}",
                world.makers[maker].code, world.countries[importer].iso3
            ),
            help: if there.contains(&origin) {
                format!(
                    "makers of this origin are not told apart there: ask for `{SOURCING}|{origin}`"
                )
            } else {
                format!("there are {}", there.join(", "))
            },
        }
    }

    /// Cells meant, with their kinds.
    fn cells(&self, results: &Results, importer: usize) -> Vec<(usize, usize)> {
        let cells = &results.base.sourcing.cells;
        (cells.start[importer]..cells.start[importer + 1])
            .filter(|&cell| cells.run[cell] as usize == self.run)
            .map(|cell| (cell, cells.kind[cell] as usize))
            .filter(|&(_, at)| {
                self.segment
                    .is_none_or(|segment| segment.index() == at / LINES)
                    && self.line.is_none_or(|line| line.index() == at % LINES)
            })
            .collect()
    }

    /// Share, duty, content, distance, scarcity and use of capacity of every place that serves.
    fn routes(
        &self,
        results: &Results,
        sourced: &Sourced,
        importer: usize,
        cells: &[(usize, usize)],
        units: &[f64],
        terms: &mut Vec<Term>,
    ) {
        let base = &results.base.sourcing;
        let network = &base.network;
        let origin = base.origin[self.maker] as usize;
        let pool = network.pool(self.maker);
        let total: f64 = cells
            .iter()
            .map(|&(cell, _)| sold_in(results, cell, units))
            .sum();
        // Sales by entry, with duty and content weighted by them.
        let mut places: Vec<(f64, f64, f64, usize)> =
            pool.clone().map(|entry| (0.0, 0.0, 0.0, entry)).collect();
        for &(cell, at) in cells {
            let sold = sold_in(results, cell, units);
            let shares =
                &sourced.shares[base.cells.flow_start[cell]..base.cells.flow_start[cell + 1]];
            for (place, share) in places.iter_mut().zip(shares) {
                let exporter = network.entry_exporter[place.3] as usize;
                let route = Duties::route(network, importer, exporter);
                let content = sourced.content.of(origin, exporter, at % LINES);
                let flow = if total > 0.0 {
                    sold * share / total
                } else {
                    share / cells.len() as f64
                };
                place.0 += flow;
                place.1 += flow * sourced.duties.rate(route, lane(at), content);
                place.2 += flow * content;
            }
        }
        places.sort_by(|a, b| b.0.total_cmp(&a.0));
        for (share, duty, content, entry) in
            places.into_iter().filter(|place| place.0 >= LEAST_SHARE)
        {
            let exporter = network.entry_exporter[entry] as usize;
            let country = network.exporters[exporter] as usize;
            let route = Duties::route(network, importer, exporter);
            terms.push(term(
                format!("built in {}", results.world.countries[country].name),
                100.0 * share,
                "%",
            ));
            terms.push(term("  duty paid", 100.0 * duty / share, "%"));
            if sourced.duties.has_preference(route) {
                let asked = sourced.duties.content_required[route];
                terms.push(term(
                    format!("  content; the preference asks for {:.0} %", 100.0 * asked),
                    100.0 * content / share,
                    "%",
                ));
            }
            let km = results.world.industry.distance_km[(country, importer)];
            terms.push(term("  distance", km, "km"));
            terms.push(term(
                "  what recorded trade says beyond (d)",
                base.pair[route],
                "",
            ));
            sites(results, sourced, entry, terms);
        }
    }
}

/// Residual, price and use of capacity of the largest sites behind an entry.
fn sites(results: &Results, sourced: &Sourced, entry: usize, terms: &mut Vec<Term>) {
    let network = &results.base.sourcing.network;
    let mut sites: Vec<usize> = network
        .sites_of(entry)
        .iter()
        .map(|&site| site as usize)
        .collect();
    sites.sort_by(|&a, &b| sourced.weight[b].total_cmp(&sourced.weight[a]));
    let built = sourced.built_by_site();
    for &site in sites
        .iter()
        .take(3)
        .filter(|&&site| sourced.capacity[site] > 0.0)
    {
        let maker = &results.world.makers[network.site_maker[site] as usize].code;
        terms.push(term(
            format!("  {maker}: residual (b)"),
            sourced.weight[site],
            "",
        ));
        terms.push(term(
            format!("  {maker}: price of capacity"),
            100.0 * (sourced.gate[site] - 1.0),
            "% of factory cost",
        ));
        terms.push(term(
            format!("  {maker}: capacity used"),
            100.0 * built[site] / sourced.capacity[site],
            "%",
        ));
    }
}
