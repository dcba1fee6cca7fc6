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

use crate::calibrate::mix::Offers;
use crate::ids::year_index;
use crate::input::Record;
use crate::sourcing::cells::Cells;
use crate::sourcing::duties::{Content, Duties};
use crate::sourcing::lines::{KINDS, LINES};
use crate::sourcing::network::{Network, builds_in};
use crate::sourcing::routes::{Choice, Geography, Routes, Served};
use crate::world::World;

/// Most sweeps of the balancing.
const SWEEPS: usize = 400;
/// Sums that must hold are met to this in logs.
const TOLERANCE: f64 = 1e-7;
/// All margins move at once and a flow may stand under five of them, so each goes part of its way.
const DAMPING: f64 = 0.35;
/// Output of a maker in a country, where remembered, leans this much: without it sites of one maker were all alike.
const SITE_WEIGHT: f64 = 0.8;
/// Light production less the discrepancy that is expected leans this much; the rest shows as discrepancy too.
const COUNTRY_WEIGHT: f64 = 0.97;
/// Where the world's discrepancy is looked for first: vehicles exported that no market counts, a share of exports that were read,
const EXPORTS_UNSEEN: f64 = 0.2;
/// and of output elsewhere.
const OUTPUT_UNSEEN: f64 = 0.05;

/// Heavy vehicles: who builds them for whom.
#[derive(Debug, Clone, PartialEq)]
pub struct Heavy {
    /// Share of a country's heavy sales that it builds itself.
    pub own: Vec<f64>,
    /// Share of each country in what the others import.
    pub supply: Vec<f64>,
}

impl Heavy {
    /// The rule of the module's head.
    fn new(sales: &[f64], commercial: &[f64]) -> Self {
        let built: Vec<f64> = sales
            .iter()
            .zip(commercial)
            .map(|(&sold, &room)| sold.min(room))
            .collect();
        let wanted: f64 = sales.iter().zip(&built).map(|(sold, own)| sold - own).sum();
        let total: f64 = built.iter().sum();
        let offered: Vec<f64> = built
            .iter()
            .zip(commercial)
            .map(|(&own, &room)| (wanted * own / total.max(1.0)).min(room - own).max(0.0))
            .collect();
        let offers: f64 = offered.iter().sum();
        Self {
            own: built
                .iter()
                .zip(sales)
                .map(|(own, &sold)| if sold > 0.0 { own / sold } else { 0.0 })
                .collect(),
            supply: offered
                .iter()
                .map(|offer| if offers > 0.0 { offer / offers } else { 0.0 })
                .collect(),
        }
    }

    /// Heavy vehicles that a country buys abroad.
    pub fn imports(&self, country: usize, sales: f64) -> f64 {
        sales * (1.0 - self.own[country])
    }

    /// Heavy vehicles built by country for these sales by country.
    pub fn production(&self, sales: &[f64]) -> Vec<f64> {
        let traded: f64 = (0..sales.len()).map(|c| self.imports(c, sales[c])).sum();
        (0..sales.len())
            .map(|c| sales[c] * self.own[c] + self.supply[c] * traded)
            .collect()
    }
}

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
    /// Multiplier of lines by exporter: `exporter * LINES + line`.
    pub class: Vec<f64>,
    /// Residual of each site.
    pub weight: Vec<f64>,
    /// What each site can build by line, 0-1: `site * LINES + line`.
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
    /// Sum of weights by cell.
    pub attraction: Vec<f64>,
    /// Mean duty by cell.
    pub duty: Vec<f64>,
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

/// A margin: a recorded sum and how far it is believed.
#[derive(Debug, Clone, Copy)]
struct Margin {
    target: f64,
    weight: f64,
}

/// All margins.
struct Margins {
    site: Vec<Option<Margin>>,
    exporter: Vec<Option<Margin>>,
    class: Vec<Option<Margin>>,
    routes: Vec<(Vec<u32>, Margin)>,
}

/// Logs of multipliers, one a margin.
struct Multipliers {
    site: Vec<f64>,
    exporter: Vec<f64>,
    class: Vec<f64>,
    routes: Vec<f64>,
}

/// Fits sourcing to the record of the base year.
pub fn calibrate(world: &World, record: &Record, offers: &Offers) -> SourcingBase {
    let network = Network::new(world, offers);
    let cells = Cells::new(&network, offers);
    let base = year_index(world.base_year);
    let units: Vec<f64> = (0..world.countries.len())
        .flat_map(|c| {
            let light = world.light_sales(c, base);
            offers.of(c).map(move |j| (j, light))
        })
        .map(|(j, light)| offers.base_share[j] * light)
        .collect();
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
    let margins = margins(world, &network, &light_built, &heavy, &heavy_sales, &demand);

    let balanced = Balancing {
        world,
        network: &network,
        cells: &cells,
        routes: &Routes::new(&geography, &duties),
        duties: &duties,
        content: &content,
        origin: &origin,
        capability: &capability,
        demand: &demand,
        margins: &margins,
    }
    .solve();
    let flows_of: Vec<f64> = sums_by_exporter(&network, &balanced.flows);
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
    let production: Vec<f64> = balanced
        .site_lines
        .iter()
        .enumerate()
        .map(|(i, &flow)| flow * production_per_flow[network.site_exporter[i / LINES] as usize])
        .collect();
    let (capacity, capacity_recorded) = capacity(world, &network, &production);
    let prior = prior(&network, &balanced.weight, &capacity);
    SourcingBase {
        run_flows: by_run(&network, &cells, &demand, &balanced.served.shares),
        attraction: balanced.served.attraction,
        duty: balanced.served.duty,
        shares: balanced.served.shares,
        pair: balanced.pair,
        class: balanced.class,
        weight: balanced.weight,
        flows: balanced.flows,
        fit: balanced.fit,
        network,
        cells,
        geography,
        capability,
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

/// The discrepancy expected of each exporter; all together it is what the world built and no market counts.
fn unseen(world: &World, network: &Network, light_built: &[f64], sold: f64) -> Vec<f64> {
    let built: f64 = light_built.iter().sum();
    let places: Vec<f64> = network
        .exporters
        .iter()
        .zip(light_built)
        .map(|(&country, &built)| {
            let exports = world.industry.exports.iter().find(|export| {
                export.exporters == [country as usize] && export.unseen && export.weight >= 1.0
            });
            let known = exports.map_or(OUTPUT_UNSEEN * built, |export| {
                EXPORTS_UNSEEN * export.vehicles
            });
            known.min(0.5 * built)
        })
        .collect();
    let total: f64 = places.iter().sum();
    places
        .iter()
        .map(|place| place * (built - sold) / total.max(1.0))
        .collect()
}

/// What each site can build in the base year: its lines of then, a little of the others.
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
            capability.push(if built || plants.is_empty() { 1.0 } else { off });
        }
    }
    capability
}

/// True where a site builds in a year.
fn active(world: &World, network: &Network, site: usize, year: i32) -> bool {
    let plants = &network.site_plants[site];
    plants.is_empty()
        || world.industry.plants[plants.clone()]
            .iter()
            .any(|plant| builds_in(plant, year))
}

fn margins(
    world: &World,
    network: &Network,
    light_built: &[f64],
    heavy: &Heavy,
    heavy_sales: &[f64],
    demand: &[f64],
) -> Margins {
    let unseen = unseen(world, network, light_built, demand.iter().sum());
    let flow_share: Vec<f64> = light_built
        .iter()
        .zip(&unseen)
        .map(|(&built, &unseen)| {
            if built > 0.0 {
                1.0 - unseen / built
            } else {
                1.0
            }
        })
        .collect();
    let exporter: Vec<Option<Margin>> = light_built
        .iter()
        .zip(&flow_share)
        .map(|(&built, &share)| {
            (built > 0.0).then_some(Margin {
                target: built * share,
                weight: COUNTRY_WEIGHT,
            })
        })
        .collect();

    let mut site: Vec<Option<Margin>> = vec![None; network.sites()];
    let mut class: Vec<Option<Margin>> = vec![None; network.exporters.len() * LINES];
    for output in &world.industry.outputs {
        let Some(e) = network.exporter_of[output.country].map(usize::from) else {
            continue;
        };
        match (output.maker, output.line) {
            (Some(maker), None) => {
                if let Some(place) = network.site(maker, output.country) {
                    let weight = output.weight.max(SITE_WEIGHT);
                    site[place] = Some(Margin {
                        target: output.vehicles,
                        weight,
                    });
                }
            }
            (None, Some(line)) => {
                class[e * LINES + line.index()] = Some(Margin {
                    target: output.vehicles * flow_share[e],
                    weight: output.weight,
                });
            }
            _ => {}
        }
    }
    scale_to_country(network, &exporter, &flow_share, &mut site);
    Margins {
        site,
        exporter,
        class,
        routes: route_margins(world, network, heavy, heavy_sales, &unseen),
    }
}

/// Outputs of makers that are remembered are scaled to what the country's record leaves after those that were read.
fn scale_to_country(
    network: &Network,
    exporter: &[Option<Margin>],
    flow_share: &[f64],
    site: &mut [Option<Margin>],
) {
    for (e, margin) in exporter.iter().enumerate() {
        let here: Vec<usize> = (0..network.sites())
            .filter(|&place| network.site_exporter[place] as usize == e)
            .collect();
        let sum = |site: &[Option<Margin>], read: bool| -> f64 {
            here.iter()
                .filter_map(|&place| site[place])
                .filter(|margin| (margin.weight > SITE_WEIGHT) == read)
                .map(|margin| margin.target)
                .sum()
        };
        let (read, remembered) = (sum(site, true), sum(site, false));
        let total = margin.map_or(read + remembered, |margin| margin.target / flow_share[e]);
        let scale = if remembered > 0.0 {
            ((total - read) / remembered).max(0.05)
        } else {
            1.0
        };
        for &place in &here {
            if let Some(margin) = &mut site[place] {
                if margin.weight <= SITE_WEIGHT {
                    margin.target *= scale;
                }
                margin.target *= flow_share[e];
            }
        }
    }
}

/// Exports on record, less the heavy vehicles among them, and less what no market counts where the destinations are not listed.
fn route_margins(
    world: &World,
    network: &Network,
    heavy: &Heavy,
    heavy_sales: &[f64],
    unseen: &[f64],
) -> Vec<(Vec<u32>, Margin)> {
    let mut margins = Vec::new();
    for export in &world.industry.exports {
        let mut routes = Vec::new();
        let mut others = 0.0;
        for &from in &export.exporters {
            let Some(e) = network.exporter_of[from] else {
                continue;
            };
            if export.unseen {
                others += unseen[e as usize];
            }
            for &to in &export.importers {
                if to != from {
                    routes.push(Duties::route(network, to, e as usize) as u32);
                    others += heavy.supply[from] * heavy.imports(to, heavy_sales[to]);
                }
            }
        }
        if !routes.is_empty() {
            let target = (export.vehicles - others).max(0.02 * export.vehicles);
            margins.push((
                routes,
                Margin {
                    target,
                    weight: export.weight,
                },
            ));
        }
    }
    margins
}

/// The balancing problem.
struct Balancing<'a> {
    world: &'a World,
    network: &'a Network,
    cells: &'a Cells,
    routes: &'a Routes,
    duties: &'a Duties,
    content: &'a Content,
    origin: &'a [u8],
    capability: &'a [f64],
    demand: &'a [f64],
    margins: &'a Margins,
}

/// Its solution.
struct Balanced {
    served: Served,
    weight: Vec<f64>,
    class: Vec<f64>,
    pair: Vec<f64>,
    /// Flows by route.
    flows: Vec<f64>,
    /// Flows by site and line.
    site_lines: Vec<f64>,
    fit: (f64, usize),
}

impl Balancing<'_> {
    fn solve(&self) -> Balanced {
        let mut multipliers = Multipliers {
            site: vec![0.0; self.network.sites()],
            exporter: vec![0.0; self.network.exporters.len()],
            class: vec![0.0; self.network.exporters.len() * LINES],
            routes: vec![0.0; self.margins.routes.len()],
        };
        let mut sweep = 0;
        loop {
            let mut balanced = self.flows(&multipliers);
            sweep += 1;
            let error = self.update(&mut multipliers, &balanced);
            balanced.fit = (error, sweep);
            if error < TOLERANCE || sweep == SWEEPS {
                return balanced;
            }
        }
    }

    /// Flows at given multipliers.
    fn flows(&self, multipliers: &Multipliers) -> Balanced {
        let weight: Vec<f64> = (0..self.network.sites())
            .map(|site| {
                if active(self.world, self.network, site, self.world.base_year) {
                    let e = self.network.site_exporter[site] as usize;
                    (multipliers.site[site] + multipliers.exporter[e]).exp()
                } else {
                    0.0
                }
            })
            .collect();
        let class: Vec<f64> = multipliers.class.iter().map(|log| log.exp()).collect();
        let mut pair = vec![0.0; self.duties.content_required.len()];
        for ((routes, _), log) in self.margins.routes.iter().zip(&multipliers.routes) {
            for &route in routes {
                pair[route as usize] += log;
            }
        }
        pair.iter_mut().for_each(|log| *log = log.exp());
        let entries = self.network.gather(&weight, self.capability, &class);
        let served = Choice {
            network: self.network,
            cells: self.cells,
            entries: &entries,
            routes: self.routes,
            pair: &pair,
            duties: self.duties,
            content: self.content,
            origin: self.origin,
        }
        .serve();
        let (by_entry, flows) = sum_flows(self.network, self.cells, self.demand, &served.shares);
        let site_lines = by_site(
            self.network,
            &by_entry,
            &entries,
            &weight,
            self.capability,
            &class,
        );
        Balanced {
            served,
            weight,
            class,
            pair,
            flows,
            site_lines,
            fit: (0.0, 0),
        }
    }

    /// Moves every multiplier towards its margin; returns the largest step.
    fn update(&self, multipliers: &mut Multipliers, balanced: &Balanced) -> f64 {
        let mut largest = 0.0_f64;
        let mut step = |log: &mut f64, margin: &Margin, sum: f64| {
            if sum > 0.0 {
                let wanted = margin.weight * ((margin.target / sum).ln() + *log);
                let change = DAMPING * (wanted - *log);
                largest = largest.max(change.abs());
                *log += change;
            }
        };
        let by_exporter = sums_by_exporter(self.network, &balanced.flows);
        for (site, margin) in self.margins.site.iter().enumerate() {
            if let Some(margin) = margin {
                let sum = balanced.site_lines[site * LINES..(site + 1) * LINES]
                    .iter()
                    .sum();
                step(&mut multipliers.site[site], margin, sum);
            }
        }
        for (e, margin) in self.margins.exporter.iter().enumerate() {
            if let Some(margin) = margin {
                step(&mut multipliers.exporter[e], margin, by_exporter[e]);
            }
        }
        let mut by_class = vec![0.0; self.margins.class.len()];
        for (i, flow) in balanced.site_lines.iter().enumerate() {
            by_class[self.network.site_exporter[i / LINES] as usize * LINES + i % LINES] += flow;
        }
        for (i, margin) in self.margins.class.iter().enumerate() {
            if let Some(margin) = margin {
                step(&mut multipliers.class[i], margin, by_class[i]);
            }
        }
        for ((routes, margin), log) in self.margins.routes.iter().zip(&mut multipliers.routes) {
            let sum = routes
                .iter()
                .map(|&route| balanced.flows[route as usize])
                .sum();
            step(log, margin, sum);
        }
        largest
    }
}

/// Flows by entry and kind, and by route.
pub(crate) fn sum_flows(
    network: &Network,
    cells: &Cells,
    demand: &[f64],
    shares: &[f64],
) -> (Vec<f64>, Vec<f64>) {
    let mut by_entry = vec![0.0; network.entries() * KINDS];
    let mut by_route = vec![0.0; (cells.start.len() - 1) * network.exporters.len()];
    for importer in 0..cells.start.len() - 1 {
        for cell in cells.start[importer]..cells.start[importer + 1] {
            let maker = network.runs.maker[cells.run[cell] as usize] as usize;
            let kind = cells.kind[cell] as usize;
            let flows = &shares[cells.flow_start[cell]..cells.flow_start[cell + 1]];
            for (share, entry) in flows.iter().zip(network.pool(maker)) {
                let flow = demand[cell] * share;
                by_entry[entry * KINDS + kind] += flow;
                let exporter = network.entry_exporter[entry] as usize;
                by_route[Duties::route(network, importer, exporter)] += flow;
            }
        }
    }
    (by_entry, by_route)
}

/// Flows by run, line and entry.
pub(crate) fn by_run(network: &Network, cells: &Cells, demand: &[f64], shares: &[f64]) -> Vec<f64> {
    let mut flows = vec![0.0; cells.run_flow_start.last().copied().unwrap_or_default()];
    for cell in 0..cells.len() {
        let run = cells.run[cell] as usize;
        let line = cells.kind[cell] as usize % LINES;
        let pool = network.pool(network.runs.maker[run] as usize).len();
        let first = cells.run_flow_start[run] + line * pool;
        let own = &shares[cells.flow_start[cell]..cells.flow_start[cell + 1]];
        for (flow, share) in flows[first..first + pool].iter_mut().zip(own) {
            *flow += demand[cell] * share;
        }
    }
    flows
}

/// Flows by site and line: an entry's flow is divided as its weight is.
pub(crate) fn by_site(
    network: &Network,
    by_entry: &[f64],
    entries: &[f64],
    weight: &[f64],
    capability: &[f64],
    class: &[f64],
) -> Vec<f64> {
    let mut flows = vec![0.0; network.sites() * LINES];
    for entry in 0..network.entries() {
        for at in 0..KINDS {
            let flow = by_entry[entry * KINDS + at];
            let total = entries[entry * KINDS + at];
            if flow <= 0.0 {
                continue;
            }
            let sites = network.sites_of(entry);
            for &site in sites {
                let site = site as usize;
                let share = if total > 0.0 {
                    network.site_weight(site, at, weight, capability, class) / total
                } else {
                    1.0 / sites.len() as f64
                };
                flows[site * LINES + at % LINES] += flow * share;
            }
        }
    }
    flows
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
