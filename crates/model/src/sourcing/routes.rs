//! Weights of routes in a year, and the choice of a market among the entries of a pool.

use rayon::prelude::*;

use super::cells::Cells;
use super::duties::{Content, Duties};
use super::lines::{KINDS, LANES, LINES, lane};
use super::network::Network;
use crate::world::World;

/// What holds for all routes and years.
#[derive(Debug, Clone, PartialEq)]
pub struct Geography {
    /// Weight of border and distance, `tau^-theta`, by route (`importer * exporters + exporter`).
    pub weight: Vec<f64>,
    /// Elasticity of substitution between sites, `theta`.
    pub elasticity: f64,
    /// Factor of weight within a trade agreement.
    pub agreement: f64,
    /// Cost of distance by route, one within a country.
    pub freight: Vec<f64>,
}

impl Geography {
    /// Border and distance between all countries and exporters.
    pub fn new(world: &World, network: &Network) -> Self {
        let parameter = |path: &str| world.parameters.get(path);
        let elasticity = parameter("trade.sourcing_elasticity");
        let (near, fall) = (
            parameter("trade.near_km"),
            parameter("trade.distance_elasticity"),
        );
        let border = (1.0 + parameter("trade.foreign_friction")).powf(-elasticity);
        let mut weight = Vec::with_capacity(world.countries.len() * network.exporters.len());
        let mut freight = Vec::with_capacity(weight.capacity());
        for importer in 0..world.countries.len() {
            for &exporter in &network.exporters {
                let exporter = exporter as usize;
                let km = world.industry.distance_km[(exporter, importer)];
                let far = if importer == exporter {
                    1.0
                } else {
                    km.max(near) / near
                };
                let abroad = if importer == exporter { 1.0 } else { border };
                weight.push(abroad * far.powf(-fall));
                freight.push(far.powf(fall / elasticity));
            }
        }
        Self {
            weight,
            elasticity,
            agreement: parameter("trade.agreement_effect").exp(),
            freight,
        }
    }
}

/// Weights of all routes in a year, by route and class of duty, without and with preference.
#[derive(Debug, Clone, PartialEq)]
pub struct Routes {
    plain: Vec<f64>,
    preferred: Vec<f64>,
}

impl Routes {
    /// Border, distance and duty.
    pub fn new(geography: &Geography, duties: &Duties) -> Self {
        let mut routes = Self {
            plain: vec![0.0; geography.weight.len() * LANES],
            preferred: vec![0.0; geography.weight.len() * LANES],
        };
        let plain = routes.plain.par_chunks_mut(LANES);
        let weights = plain.zip(routes.preferred.par_chunks_mut(LANES));
        weights.enumerate().for_each(|(route, (plain, preferred))| {
            let (near, elasticity) = (geography.weight[route], geography.elasticity);
            let lanes = route * LANES..(route + 1) * LANES;
            write_weights(&duties.plain[lanes.clone()], near, elasticity, plain);
            if duties.has_preference(route) {
                let near = near * geography.agreement;
                write_weights(&duties.preferred[lanes], near, elasticity, preferred);
            }
        });
        routes
    }

    /// Weight of a route for vehicles of some content; the preference is taken where it helps.
    pub fn weight(&self, duties: &Duties, route: usize, lane: usize, content: f64) -> f64 {
        let plain = self.plain[route * LANES + lane];
        if content >= duties.content_required[route] {
            plain.max(self.preferred[route * LANES + lane])
        } else {
            plain
        }
    }
}

/// `scale (1 + rate)^-theta` by class; neighbouring classes often pay the same.
fn write_weights(rates: &[f64], scale: f64, elasticity: f64, weights: &mut [f64]) {
    let (mut last_rate, mut last) = (f64::NAN, 0.0);
    for (weight, &rate) in weights.iter_mut().zip(rates) {
        if rate.is_nan() {
            continue;
        }
        if rate.to_bits() != f64::to_bits(last_rate) {
            (last_rate, last) = (rate, scale * (1.0 + rate).powf(-elasticity));
        }
        *weight = last;
    }
}

/// How every market is served.
#[derive(Debug, Clone, PartialEq)]
pub struct Served {
    /// Share of each entry in each cell, laid out by [`Cells::flow_start`].
    pub shares: Vec<f64>,
    /// Mean duty by cell.
    pub duty: Vec<f64>,
    /// Mean cost at the importer's border by cell, over factory cost: scarcity and distance.
    pub cost: Vec<f64>,
    /// Light vehicles by route.
    pub by_route: Vec<f64>,
    /// Light vehicles by run, line and entry, laid out by [`Cells::run_flow_start`].
    pub by_run: Vec<f64>,
    /// Light vehicles by pool, kind and entry, as weights are ([`Network::gather`]).
    pub by_entry: Vec<f64>,
}

/// A market's view of the world's sites.
pub struct Choice<'a> {
    /// Sites and pools.
    pub network: &'a Network,
    /// Cells.
    pub cells: &'a Cells,
    /// Weights by pool, kind and entry.
    pub entries: &'a [f64],
    /// Mean cost at the gate by entry, over factory cost.
    pub gate: &'a [f64],
    /// Border and distance.
    pub geography: &'a Geography,
    /// Weights of routes.
    pub routes: &'a Routes,
    /// What recorded trade says beyond, by route.
    pub pair: &'a [f64],
    /// Duties.
    pub duties: &'a Duties,
    /// Contents.
    pub content: &'a Content,
    /// Origin of each maker.
    pub origin: &'a [u8],
}

/// Parts into which the markets are cut for threads; their number fixes the order of sums.
const PARTS: usize = 16;

/// Consecutive markets with their places in the results.
struct Part<'a> {
    markets: std::ops::Range<usize>,
    shares: &'a mut [f64],
    duty: &'a mut [f64],
    cost: &'a mut [f64],
    by_route: &'a mut [f64],
    by_run: &'a mut [f64],
}

/// Takes the first elements off a slice that is written to from front to back.
macro_rules! cut {
    ($slice:expr, $length:expr) => {
        $slice.split_off_mut(..$length).unwrap_or_default()
    };
}

/// Weights, duties and costs of the entries of a pool in one market, by class of duty: `lane * pool + entry`.
#[derive(Default)]
struct Lanes {
    ready: [bool; LANES],
    weight: Vec<f64>,
    duty: Vec<f64>,
    cost: Vec<f64>,
}

impl Choice<'_> {
    /// Serves every cell of every market; `demand` is by cell.
    pub fn serve(&self, demand: &[f64]) -> Served {
        let cells = self.cells;
        let mut served = Served {
            shares: vec![0.0; cells.flows()],
            duty: vec![0.0; cells.len()],
            cost: vec![1.0; cells.len()],
            by_route: vec![0.0; (cells.start.len() - 1) * self.network.exporters.len()],
            by_run: vec![0.0; cells.run_flow_start.last().copied().unwrap_or_default()],
            by_entry: Vec::new(),
        };
        let sums: Vec<Vec<f64>> = self
            .parts(&mut served)
            .into_par_iter()
            .map(|part| self.serve_part(part, demand))
            .collect();
        served.by_entry = vec![0.0; self.entries.len()];
        for part in sums {
            for (sum, flow) in served.by_entry.iter_mut().zip(part) {
                *sum += flow;
            }
        }
        served
    }

    /// Cuts the markets into parts of about equal work.
    fn parts<'b>(&self, served: &'b mut Served) -> Vec<Part<'b>> {
        let (cells, network) = (self.cells, self.network);
        let (mut shares, mut duty, mut cost, mut by_route, mut by_run) = (
            served.shares.as_mut_slice(),
            served.duty.as_mut_slice(),
            served.cost.as_mut_slice(),
            served.by_route.as_mut_slice(),
            served.by_run.as_mut_slice(),
        );
        let mut parts = Vec::with_capacity(PARTS);
        for markets in self.cuts() {
            let (first, last) = (markets.start, markets.end);
            let (c0, c1) = (cells.start[first], cells.start[last]);
            let (r0, r1) = (network.runs.start[first], network.runs.start[last]);
            parts.push(Part {
                markets: first..last,
                shares: cut!(shares, cells.flow_start[c1] - cells.flow_start[c0]),
                duty: cut!(duty, c1 - c0),
                cost: cut!(cost, c1 - c0),
                by_route: cut!(by_route, (last - first) * network.exporters.len()),
                by_run: cut!(by_run, cells.run_flow_start[r1] - cells.run_flow_start[r0]),
            });
        }
        parts
    }

    /// Markets in runs of about equal work.
    fn cuts(&self) -> Vec<std::ops::Range<usize>> {
        let cells = self.cells;
        let markets = cells.start.len() - 1;
        let mut cuts = Vec::with_capacity(PARTS);
        let mut first = 0;
        for part in 0..PARTS {
            let goal = cells.flows() * (part + 1) / PARTS;
            let mut last = first;
            while last < markets
                && (part + 1 == PARTS || cells.flow_start[cells.start[last]] < goal)
            {
                last += 1;
            }
            cuts.push(first..last);
            first = last;
        }
        cuts
    }

    /// Vehicles by route, and by pool, kind and entry: the sums of [`Self::serve`] alone, for a fit that asks for them
    /// over and over.
    pub fn sums(&self, demand: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let exporters = self.network.exporters.len();
        let mut by_route = vec![0.0; (self.cells.start.len() - 1) * exporters];
        let mut rest = by_route.as_mut_slice();
        let parts: Vec<(std::ops::Range<usize>, &mut [f64])> = self
            .cuts()
            .into_iter()
            .map(|markets| {
                let routes = cut!(rest, markets.len() * exporters);
                (markets, routes)
            })
            .collect();
        let sums: Vec<Vec<f64>> = parts
            .into_par_iter()
            .map(|(markets, routes)| self.sum_part(markets, routes, demand))
            .collect();
        let mut by_entry = vec![0.0; self.entries.len()];
        for part in sums {
            for (sum, flow) in by_entry.iter_mut().zip(part) {
                *sum += flow;
            }
        }
        (by_route, by_entry)
    }

    fn sum_part(
        &self,
        markets: std::ops::Range<usize>,
        mut routes: &mut [f64],
        demand: &[f64],
    ) -> Vec<f64> {
        let mut by_entry = vec![0.0; self.entries.len()];
        let (mut weights, mut shares) = (Vec::new(), Vec::new());
        for importer in markets {
            let by_route = cut!(routes, self.network.exporters.len());
            let mut cell = self.cells.start[importer];
            for run in self.network.runs.of(importer) {
                let maker = self.network.runs.maker[run] as usize;
                let pool = self.network.pool(maker);
                let size = pool.len();
                let exporters = &self.network.entry_exporter[pool.clone()];
                let mut ready = [false; LANES];
                weights.resize(size * LANES, 0.0);
                shares.resize(size, 0.0);
                while cell < self.cells.start[importer + 1] && self.cells.run[cell] as usize == run
                {
                    let kind = self.cells.kind[cell] as usize;
                    let lane = lane(kind);
                    let own = &mut weights[lane * size..(lane + 1) * size];
                    if !ready[lane] {
                        ready[lane] = true;
                        self.weigh(importer, maker, lane, own);
                    }
                    self.choose(own, pool.start, kind, &mut shares);
                    let flows = &mut by_entry[pool.start * KINDS + kind * size..][..size];
                    for ((flow, share), &exporter) in flows.iter_mut().zip(&shares).zip(exporters) {
                        let units = demand[cell] * share;
                        *flow += units;
                        by_route[exporter as usize] += units;
                    }
                    cell += 1;
                }
            }
        }
        by_entry
    }

    /// Weights of the routes from the entries of a maker's pool to a market, for a class of duty.
    fn weigh(&self, importer: usize, maker: usize, lane: usize, weights: &mut [f64]) {
        let origin = self.origin[maker] as usize;
        for (weight, entry) in weights.iter_mut().zip(self.network.pool(maker)) {
            let exporter = self.network.entry_exporter[entry] as usize;
            let route = Duties::route(self.network, importer, exporter);
            let content = self.content.of(origin, exporter, lane % LINES);
            *weight = self.pair[route] * self.routes.weight(self.duties, route, lane, content);
        }
    }

    /// Serves the markets of a part; returns vehicles by pool, kind and entry.
    fn serve_part(&self, mut part: Part, demand: &[f64]) -> Vec<f64> {
        let mut by_entry = vec![0.0; self.entries.len()];
        let mut lanes = Lanes::default();
        let mut route = part.by_route;
        for importer in part.markets {
            let by_route = cut!(route, self.network.exporters.len());
            let mut cell = self.cells.start[importer];
            for run in self.network.runs.of(importer) {
                let pool = self.network.pool(self.network.runs.maker[run] as usize);
                let by_run = cut!(part.by_run, pool.len() * LINES);
                lanes.ready = [false; LANES];
                while cell < self.cells.start[importer + 1] && self.cells.run[cell] as usize == run
                {
                    let kind = self.cells.kind[cell] as usize;
                    self.prepare(&mut lanes, importer, run, lane(kind));
                    let shares = cut!(part.shares, pool.len());
                    let (duty, cost) = (cut!(part.duty, 1), cut!(part.cost, 1));
                    (duty[0], cost[0]) = self.serve_cell(&lanes, pool.start, kind, shares);
                    let kinds = pool.start * KINDS + kind * pool.len();
                    let line = kind % LINES * pool.len();
                    for (i, share) in shares.iter().enumerate() {
                        let flow = demand[cell] * share;
                        by_entry[kinds + i] += flow;
                        by_run[line + i] += flow;
                        by_route[self.network.entry_exporter[pool.start + i] as usize] += flow;
                    }
                    cell += 1;
                }
            }
        }
        by_entry
    }

    /// Weights, duties and costs of a class of duty for a run, if they are not there yet.
    fn prepare(&self, lanes: &mut Lanes, importer: usize, run: usize, lane: usize) {
        if lanes.ready[lane] {
            return;
        }
        lanes.ready[lane] = true;
        let maker = self.network.runs.maker[run] as usize;
        let origin = self.origin[maker] as usize;
        let pool = self.network.pool(maker);
        let size = pool.len() * LANES;
        for column in [&mut lanes.weight, &mut lanes.duty, &mut lanes.cost] {
            if column.len() < size {
                column.resize(size, 0.0);
            }
        }
        for (i, entry) in pool.clone().enumerate() {
            let exporter = self.network.entry_exporter[entry] as usize;
            let route = Duties::route(self.network, importer, exporter);
            let content = self.content.of(origin, exporter, lane % LINES);
            let at = lane * pool.len() + i;
            lanes.weight[at] =
                self.pair[route] * self.routes.weight(self.duties, route, lane, content);
            lanes.duty[at] = self.duties.rate(route, lane, content);
            lanes.cost[at] = self.gate[entry] * self.geography.freight[route];
        }
    }

    /// Shares of the entries of one cell; returns mean duty and mean cost.
    fn serve_cell(
        &self,
        lanes: &Lanes,
        pool: usize,
        kind: usize,
        shares: &mut [f64],
    ) -> (f64, f64) {
        let at = lane(kind) * shares.len();
        self.choose(&lanes.weight[at..], pool, kind, shares);
        let (mut duty, mut cost) = (0.0, 0.0);
        for ((share, rate), gate) in shares.iter().zip(&lanes.duty[at..]).zip(&lanes.cost[at..]) {
            duty += share * rate;
            cost += share * gate;
        }
        (duty, cost)
    }

    /// Shares of the entries of one cell at their weights of route.
    fn choose(&self, weights: &[f64], pool: usize, kind: usize, shares: &mut [f64]) {
        let size = shares.len();
        let of_kind = |kind: usize| &self.entries[pool * KINDS + kind * size..][..size];
        let mut sum = 0.0;
        for ((share, entry), weight) in shares.iter_mut().zip(of_kind(kind)).zip(weights) {
            *share = entry * weight;
            sum += *share;
        }
        if sum <= 0.0 {
            // No site builds this kind yet: as all kinds of the segment together.
            for line in 0..LINES {
                let other = of_kind(kind - kind % LINES + line);
                for ((share, entry), weight) in shares.iter_mut().zip(other).zip(weights) {
                    *share += entry * weight;
                    sum += entry * weight;
                }
            }
        }
        // A pool without any site that builds shares alike.
        let scale = if sum > 0.0 { 1.0 / sum } else { 0.0 };
        let alike = if sum > 0.0 {
            0.0
        } else {
            1.0 / size.max(1) as f64
        };
        for share in shares {
            *share = *share * scale + alike;
        }
    }
}
