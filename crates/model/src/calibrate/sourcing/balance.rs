//! The balancing itself: multipliers of margins until sums are as recorded.

use super::margins::{Margins, Multipliers};
use super::{active, sums_by_exporter};
use crate::sourcing::cells::Cells;
use crate::sourcing::duties::{Content, Duties};
use crate::sourcing::lines::LINES;
use crate::sourcing::network::Network;
use crate::sourcing::routes::{Choice, Geography, Routes, Served};
use crate::world::World;

/// Most sweeps of the balancing.
const SWEEPS: usize = 150;
/// Margins stand where their weights put them to this, in logs.
const TOLERANCE: f64 = 3e-4;
/// All margins move at once and a flow may stand under five of them, so each goes part of its way.
const DAMPING: f64 = 0.35;
/// Steps that the acceleration remembers.
const MEMORY: usize = 8;

/// The balancing problem.
pub(super) struct Balancing<'a> {
    pub world: &'a World,
    pub network: &'a Network,
    pub cells: &'a Cells,
    pub geography: &'a Geography,
    pub routes: &'a Routes,
    pub duties: &'a Duties,
    pub content: &'a Content,
    pub origin: &'a [u8],
    pub capability: &'a [f64],
    pub demand: &'a [f64],
    pub margins: &'a Margins,
}

/// Its solution.
pub(super) struct Balanced {
    pub served: Served,
    pub at: Point,
    pub fit: (f64, usize),
}

/// Weights at some multipliers, and the flows that follow.
pub(super) struct Point {
    pub weight: Vec<f64>,
    pub capability: Vec<f64>,
    pub pair: Vec<f64>,
    entries: Vec<f64>,
    by_route: Vec<f64>,
    /// Flows by site and line.
    pub site_lines: Vec<f64>,
}

impl Balancing<'_> {
    /// Scales until every margin stands where its weight puts it.
    pub fn solve(&self) -> Balanced {
        let mut acceleration = Acceleration::default();
        let mut logs = vec![0.0; self.margins.count()];
        let mut sweep = 0;
        loop {
            let at = self.flows(&self.margins.split(&logs));
            sweep += 1;
            let (step, error) = self.step(&logs, &at);
            if error < TOLERANCE || sweep == SWEEPS {
                let gate = vec![1.0; self.network.entries()];
                let served = self.choice(&at.entries, &at.pair, &gate).serve(self.demand);
                return Balanced {
                    served,
                    at,
                    fit: (error, sweep),
                };
            }
            logs = acceleration.next(&logs, step);
        }
    }

    /// Flows at given multipliers.
    fn flows(&self, multipliers: &Multipliers<'_>) -> Point {
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
        let capability: Vec<f64> = self
            .capability
            .iter()
            .enumerate()
            .map(|(i, capability)| {
                let e = self.network.site_exporter[i / LINES] as usize;
                capability * multipliers.class[e * LINES + i % LINES].exp()
            })
            .collect();
        let mut pair = vec![0.0_f64; self.duties.content_required.len()];
        for ((routes, _), log) in self.margins.routes.iter().zip(multipliers.routes) {
            for &route in routes {
                pair[route as usize] += log;
            }
        }
        pair.iter_mut().for_each(|log| *log = log.exp());
        let entries = self.network.gather(&weight, &capability);
        let (by_route, by_entry) = self.choice(&entries, &pair, &[]).sums(self.demand);
        let site_lines = self
            .network
            .by_site(&by_entry, &entries, &weight, &capability);
        Point {
            weight,
            capability,
            pair,
            entries,
            by_route,
            site_lines,
        }
    }

    fn choice<'b>(&'b self, entries: &'b [f64], pair: &'b [f64], gate: &'b [f64]) -> Choice<'b> {
        Choice {
            network: self.network,
            cells: self.cells,
            entries,
            gate,
            geography: self.geography,
            routes: self.routes,
            pair,
            duties: self.duties,
            content: self.content,
            origin: self.origin,
        }
    }

    /// How far each log is from where its margin puts it; and the largest such distance.
    fn step(&self, logs: &[f64], at: &Point) -> (Vec<f64>, f64) {
        let (margins, by_route) = (self.margins, &at.by_route);
        let by_site = at
            .site_lines
            .chunks(LINES)
            .map(|lines| lines.iter().sum::<f64>());
        let by_exporter = sums_by_exporter(self.network, by_route);
        let mut by_class = vec![0.0; margins.class.len()];
        for (i, flow) in at.site_lines.iter().enumerate() {
            by_class[self.network.site_exporter[i / LINES] as usize * LINES + i % LINES] += flow;
        }
        let by_group = margins.routes.iter().map(|(routes, _)| {
            routes
                .iter()
                .map(|&route| by_route[route as usize])
                .sum::<f64>()
        });
        let sums = by_site.chain(by_exporter).chain(by_class).chain(by_group);
        let mut largest = 0.0_f64;
        let step = margins
            .all()
            .zip(sums)
            .zip(logs)
            .map(|((margin, sum), log)| match margin {
                Some(margin) if sum > 0.0 => {
                    let distance = margin.weight * ((margin.target / sum).ln() + log) - log;
                    largest = largest.max(distance.abs());
                    distance
                }
                _ => 0.0,
            })
            .collect();
        (step, largest)
    }
}

/// Anderson's acceleration of a fixed-point iteration: the last steps are combined so that what is left is least.
#[derive(Default)]
struct Acceleration {
    last: Option<(Vec<f64>, Vec<f64>)>,
    /// Differences of points and of steps.
    history: Vec<(Vec<f64>, Vec<f64>)>,
}

impl Acceleration {
    /// The next point, from this one and its step.
    fn next(&mut self, at: &[f64], step: Vec<f64>) -> Vec<f64> {
        let difference =
            |a: &[f64], b: &[f64]| -> Vec<f64> { a.iter().zip(b).map(|(a, b)| a - b).collect() };
        if let Some((point, residual)) = &self.last {
            self.history
                .push((difference(at, point), difference(&step, residual)));
            if self.history.len() > MEMORY {
                self.history.remove(0);
            }
        }
        let gamma = self.combination(&step);
        let mut next: Vec<f64> = at.iter().zip(&step).map(|(x, f)| x + DAMPING * f).collect();
        for ((moved, changed), gamma) in self.history.iter().zip(&gamma) {
            for ((x, dx), df) in next.iter_mut().zip(moved).zip(changed) {
                *x -= gamma * (dx + DAMPING * df);
            }
        }
        self.last = Some((at.to_vec(), step));
        next
    }

    /// Weights of past differences of steps that come nearest to this step.
    fn combination(&self, step: &[f64]) -> [f64; MEMORY] {
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        // The normal equations in the small space of differences, kept away from singularity.
        let mut matrix = [[0.0; MEMORY]; MEMORY];
        let mut right = [0.0; MEMORY];
        for (i, (_, a)) in self.history.iter().enumerate() {
            for (j, (_, b)) in self.history.iter().enumerate() {
                matrix[i][j] = dot(a, b);
            }
            right[i] = dot(a, step);
        }
        let scale = (0..self.history.len())
            .map(|i| matrix[i][i])
            .fold(0.0, f64::max);
        for (i, row) in matrix.iter_mut().enumerate() {
            row[i] += if i < self.history.len() {
                1e-10 * scale
            } else {
                1.0
            };
        }
        crate::least_squares::eliminate(matrix, right)
    }
}
