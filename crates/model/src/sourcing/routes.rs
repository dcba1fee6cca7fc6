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
        for importer in 0..world.countries.len() {
            for &exporter in &network.exporters {
                let exporter = exporter as usize;
                let km = world.industry.distance_km[(exporter, importer)];
                weight.push(if importer == exporter {
                    1.0
                } else {
                    border * (km.max(near) / near).powf(-fall)
                });
            }
        }
        Self {
            weight,
            elasticity,
            agreement: parameter("trade.agreement_effect").exp(),
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
        for (route, &near) in geography.weight.iter().enumerate() {
            let lanes = route * LANES..(route + 1) * LANES;
            let agreement = geography.agreement;
            write_weights(
                &duties.plain[lanes.clone()],
                near,
                geography.elasticity,
                &mut routes.plain[lanes.clone()],
            );
            if duties.has_preference(route) {
                write_weights(
                    &duties.preferred[lanes.clone()],
                    near * agreement,
                    geography.elasticity,
                    &mut routes.preferred[lanes],
                );
            }
        }
        routes
    }

    /// Weight of a route for vehicles of some content; the preference is taken where it helps.
    fn weight(&self, duties: &Duties, route: usize, lane: usize, content: f64) -> f64 {
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

/// How every cell is served.
#[derive(Debug, Clone, PartialEq)]
pub struct Served {
    /// Share of each entry in each cell, laid out by [`Cells::flow_start`].
    pub shares: Vec<f64>,
    /// Sum of weights by cell, `PHI`.
    pub attraction: Vec<f64>,
    /// Mean duty by cell.
    pub duty: Vec<f64>,
}

/// A market's view of the world's sites.
pub struct Choice<'a> {
    /// Sites and pools.
    pub network: &'a Network,
    /// Cells.
    pub cells: &'a Cells,
    /// Weight of entries by kind.
    pub entries: &'a [f64],
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

impl Choice<'_> {
    /// Serves every cell of every market; markets are independent of each other.
    pub fn serve(&self) -> Served {
        let mut served = Served {
            shares: vec![0.0; self.cells.flows()],
            attraction: vec![0.0; self.cells.len()],
            duty: vec![0.0; self.cells.len()],
        };
        let mut markets = Vec::with_capacity(self.cells.start.len() - 1);
        let (mut shares, mut attraction, mut duty) = (
            served.shares.as_mut_slice(),
            served.attraction.as_mut_slice(),
            served.duty.as_mut_slice(),
        );
        for importer in 0..self.cells.start.len() - 1 {
            let (first, last) = (self.cells.start[importer], self.cells.start[importer + 1]);
            let flows = self.cells.flow_start[last] - self.cells.flow_start[first];
            let (a, b, c);
            (a, shares) = shares.split_at_mut(flows);
            (b, attraction) = attraction.split_at_mut(last - first);
            (c, duty) = duty.split_at_mut(last - first);
            markets.push((importer, a, b, c));
        }
        markets
            .into_par_iter()
            .with_min_len(8)
            .for_each(|(importer, shares, attraction, duty)| {
                self.serve_market(importer, shares, attraction, duty);
            });
        served
    }

    fn serve_market(
        &self,
        importer: usize,
        mut shares: &mut [f64],
        attraction: &mut [f64],
        duty: &mut [f64],
    ) {
        let first = self.cells.start[importer];
        for (k, (attraction, duty)) in attraction.iter_mut().zip(duty).enumerate() {
            let cell = first + k;
            let flows = self.cells.flow_start[cell + 1] - self.cells.flow_start[cell];
            let own;
            (own, shares) = shares.split_at_mut(flows);
            (*attraction, *duty) = self.serve_cell(importer, cell, own);
        }
    }

    /// Shares of the entries of one cell; returns the sum of weights and the mean duty.
    fn serve_cell(&self, importer: usize, cell: usize, shares: &mut [f64]) -> (f64, f64) {
        let maker = self.network.runs.maker[self.cells.run[cell] as usize] as usize;
        let kind = self.cells.kind[cell] as usize;
        let (line, class) = (kind % LINES, lane(kind));
        let origin = self.origin[maker] as usize;
        let mut sum = 0.0;
        for (share, entry) in shares.iter_mut().zip(self.network.pool(maker)) {
            let exporter = self.network.entry_exporter[entry] as usize;
            let route = Duties::route(self.network, importer, exporter);
            let content = self.content.of(origin, exporter, line);
            *share = self.entries[entry * KINDS + kind]
                * self.pair[route]
                * self.routes.weight(self.duties, route, class, content);
            sum += *share;
        }
        if sum <= 0.0 {
            // No site builds this kind yet: all sites of the pool share it alike.
            let alike = 1.0 / shares.len().max(1) as f64;
            shares.fill(alike);
        } else {
            shares.iter_mut().for_each(|share| *share /= sum);
        }
        let mut duty = 0.0;
        for (share, entry) in shares.iter().zip(self.network.pool(maker)) {
            let exporter = self.network.entry_exporter[entry] as usize;
            let route = Duties::route(self.network, importer, exporter);
            let content = self.content.of(origin, exporter, line);
            duty += share * self.duties.rate(route, class, content);
        }
        (sum, duty)
    }
}
