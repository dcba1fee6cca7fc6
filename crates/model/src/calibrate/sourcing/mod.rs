//! Base year of sourcing: residuals of sites and routes, so that output and trade are as recorded.
//!
//! Demand is given: sales by country and offer. Multipliers of sites, countries, lines and groups of routes are found by
//! scaling (unbalanced optimal transport, Chizat et al. 2018): each margin moves its multiplier until its sum is the
//! recorded one, wholly where the figure was read (`weight` 1), partly where it is remembered or a rule of ours. Margins:
//!
//! 1. output of a maker in a country, 2. light vehicles built in a country, 3. output by line in a country,
//! 4. exports to a country, a region, or in all.
//!
//! Production of a country *is* the record. What it exceeds the flows by (kits counted twice, vehicles in transit,
//! markets that nobody counts) is the country's **discrepancy**: an item of its own, never spread over markets.
//!
//! Heavy vehicles are kept apart by a rule on the commercial class: a country that builds commercial vehicles builds its own
//! heavy sales (a share of commercial sales, as in the split of sales), and the heavy sales of the others come from
//! these builders in proportion to their own.

mod balance;
mod heavy;
mod margins;

pub use heavy::Heavy;

use crate::calibrate::mix::Offers;
use crate::ids::year_index;
use crate::input::Record;
use crate::sourcing::cells::Cells;
use crate::sourcing::duties::{Content, Duties};
use crate::sourcing::lines::{LINES, Line};
use crate::sourcing::network::{Network, builds_in};
use crate::sourcing::routes::{Geography, Routes};
use crate::step::sourcing::base_units;
use crate::world::World;

/// Sourcing of the base year, and what it stands on.
#[derive(Debug, Clone)]
pub struct SourcingBase {
    /// Sites and pools.
    pub network: Network,
    /// Cells of demand.
    pub cells: Cells,
    /// Border and distance.
    pub geography: Geography,
    /// What recorded trade says beyond, by route.
    pub pair: Vec<f64>,
    /// Residual of each site.
    pub weight: Vec<f64>,
    /// What each site can build by line, 1 where nothing holds it back: `site * LINES + line`.
    pub capability: Vec<f64>,
    /// Capacity of each site, light vehicles a year.
    pub capacity: Vec<f64>,
    /// True where the capacity is on record.
    pub capacity_recorded: Vec<bool>,
    /// Origin of each maker.
    pub origin: Vec<u8>,
    /// Duties of the base year.
    pub duties: Duties,
    /// Contents of the base year.
    pub content: Content,
    /// Light vehicles built by site and line: `site * LINES + line`.
    pub production: Vec<f64>,
    /// Light production over flows by exporter: one plus the relative discrepancy.
    pub production_per_flow: Vec<f64>,
    /// Light vehicles from exporter to importer, by route.
    pub flows: Vec<f64>,
    /// The same by run, line and entry ([`Cells::run_flow_start`]).
    pub run_flows: Vec<f64>,
    /// Mean duty by cell.
    pub duty: Vec<f64>,
    /// Mean cost at the importer's border by cell, over factory cost.
    pub cost: Vec<f64>,
    /// Shares by cell and entry.
    pub shares: Vec<f64>,
    /// Heavy vehicles.
    pub heavy: Heavy,
    /// Heavy sales of the base year by country.
    pub heavy_sales: Vec<f64>,
    /// Largest error of a margin that was read, in logs, and the sweeps it took.
    pub fit: (f64, usize),
    /// Capacity share of a new site's residual: `(intercept, slope)` of log weight over log capacity, both over the maker's home.
    pub prior: (f64, f64),
}

/// Fits sourcing to the record of the base year.
pub fn calibrate(world: &World, record: &Record, offers: &Offers) -> SourcingBase {
    let network = Network::new(world, offers);
    let cells = Cells::new(&network, offers);
    let base = year_index(world.base_year);
    let units = base_units(world, offers);
    let demand = cells.gather(&units);
    let heavy_sales: Vec<f64> = (0..world.countries.len())
        .map(|c| world.sales[(c, base)] * world.heavy_share[(c, base)])
        .collect();
    let heavy = Heavy::new(&heavy_sales, &world.industry.commercial);
    let light_built = light_production(world, &network, &heavy, &heavy_sales);
    let capability = capability(world, &network);
    let duties = Duties::recorded(world, record, &network);
    let content = Content::recorded(world, &network);
    let geography = Geography::new(world, &network);
    let origin: Vec<u8> = world
        .makers
        .iter()
        .map(|maker| maker.origin.index() as u8)
        .collect();
    let margins = margins::margins(world, &network, &light_built, &heavy, &heavy_sales, &demand);

    let balanced = balance::Balancing {
        world,
        network: &network,
        cells: &cells,
        geography: &geography,
        routes: &Routes::new(&geography, &duties),
        duties: &duties,
        content: &content,
        origin: &origin,
        capability: &capability,
        demand: &demand,
        margins: &margins,
    }
    .solve();
    let flows_of: Vec<f64> = sums_by_exporter(&network, &balanced.served.by_route);
    let production_per_flow: Vec<f64> = flows_of
        .iter()
        .zip(&light_built)
        .map(|(&flow, &built)| {
            if built > 0.0 && flow > 0.0 {
                built / flow
            } else {
                1.0
            }
        })
        .collect();
    let at = balanced.at;
    let production: Vec<f64> = at
        .site_lines
        .iter()
        .enumerate()
        .map(|(i, &flow)| flow * production_per_flow[network.site_exporter[i / LINES] as usize])
        .collect();
    let (capacity, capacity_recorded) = capacity(world, &network, &production);
    let prior = prior(&network, &at.weight, &capacity);
    let served = balanced.served;
    SourcingBase {
        run_flows: served.by_run,
        duty: served.duty,
        cost: served.cost,
        shares: served.shares,
        flows: served.by_route,
        pair: at.pair,
        weight: at.weight,
        capability: at.capability,
        fit: balanced.fit,
        network,
        cells,
        geography,
        capacity,
        capacity_recorded,
        origin,
        duties,
        content,
        production,
        production_per_flow,
        heavy,
        heavy_sales,
        prior,
    }
}

/// Light vehicles built by exporter. Where nothing is on record, half of what the plants could build at usual utilisation.
fn light_production(
    world: &World,
    network: &Network,
    heavy: &Heavy,
    heavy_sales: &[f64],
) -> Vec<f64> {
    let heavy_built = heavy.production(heavy_sales);
    network
        .exporters
        .iter()
        .map(|&country| {
            let country = country as usize;
            (world.industry.production[country] - heavy_built[country]).max(0.0)
        })
        .collect()
}

/// What each site can build in the base year: its lines of then, and a little of the electrified lines that it may take up.
fn capability(world: &World, network: &Network) -> Vec<f64> {
    let off = world.parameters.get("trade.off_line_weight");
    let mut capability = Vec::with_capacity(network.sites() * LINES);
    for plants in &network.site_plants {
        let building: Vec<_> = world.industry.plants[plants.clone()]
            .iter()
            .filter(|plant| builds_in(plant, world.base_year))
            .collect();
        for line in 0..LINES {
            let built = building.iter().any(|plant| plant.lines[line]);
            let electrified = [Line::Hybrid, Line::PlugIn, Line::Battery]
                .iter()
                .any(|other| other.index() == line);
            capability.push(if built || plants.is_empty() {
                1.0
            } else if electrified {
                off
            } else {
                0.0
            });
        }
    }
    capability
}

/// Capacity: as recorded where every building plant of the site has one, by rule from output elsewhere; never below output.
fn capacity(world: &World, network: &Network, production: &[f64]) -> (Vec<f64>, Vec<bool>) {
    let usual = world.parameters.get("trade.base_utilisation");
    (0..network.sites())
        .map(|site| {
            let built: f64 = production[site * LINES..(site + 1) * LINES].iter().sum();
            let plants: Vec<f64> = world.industry.plants[network.site_plants[site].clone()]
                .iter()
                .filter(|plant| builds_in(plant, world.base_year))
                .map(|plant| plant.capacity)
                .collect();
            let known: f64 = plants.iter().sum();
            if !plants.is_empty() && known.is_finite() {
                (known.max(built), true)
            } else {
                (built / usual, false)
            }
        })
        .unzip()
}

/// Log weight of a site over its maker's largest, on log capacity over that one's: what a new site may expect.
fn prior(network: &Network, weight: &[f64], capacity: &[f64]) -> (f64, f64) {
    let mut rows = Vec::new();
    for site in 0..network.sites() {
        if let Some(home) = largest_site(network, capacity, network.site_maker[site])
            && home != site
            && weight[site] > 0.0
            && capacity[site] > 1000.0
        {
            let features = [1.0, (capacity[site] / capacity[home]).ln()];
            rows.push((features, (weight[site] / weight[home]).ln()));
        }
    }
    let [intercept, slope] = crate::least_squares::solve(&rows, &[1e-6, 1.0], &[0.0, 0.4]);
    (intercept, slope.clamp(0.0, 1.0))
}

/// The site of a maker with the greatest capacity.
pub(crate) fn largest_site(network: &Network, capacity: &[f64], maker: u16) -> Option<usize> {
    (0..network.sites())
        .filter(|&site| network.site_maker[site] == maker && capacity[site] > 0.0)
        .max_by(|&a, &b| capacity[a].total_cmp(&capacity[b]))
}

/// Flows of each exporter.
pub(crate) fn sums_by_exporter(network: &Network, flows: &[f64]) -> Vec<f64> {
    let mut sums = vec![0.0; network.exporters.len()];
    for importer in flows.chunks(network.exporters.len()) {
        for (sum, flow) in sums.iter_mut().zip(importer) {
            *sum += flow;
        }
    }
    sums
}

/// True where a site builds in a year.
fn active(world: &World, network: &Network, site: usize, year: i32) -> bool {
    let plants = &network.site_plants[site];
    plants.is_empty()
        || world.industry.plants[plants.clone()]
            .iter()
            .any(|plant| builds_in(plant, year))
}
