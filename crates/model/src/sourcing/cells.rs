//! Cells of demand and where their flows are written: a layout that is the same in every year.

use super::lines::{KINDS, LINES, Line, kind};
use super::network::Network;
use crate::calibrate::mix::Offers;
use crate::ids::Powertrain;

/// Cells: (importer, maker, kind) with at least one offer; flows of a cell are one number an entry of its maker's pool.
#[derive(Debug, Clone)]
pub struct Cells {
    /// First cell of each importer, and one past the last.
    pub start: Vec<usize>,
    /// Run of each cell.
    pub run: Vec<u32>,
    /// Kind of each cell.
    pub kind: Vec<u8>,
    /// First flow of each cell, and one past the last.
    pub flow_start: Vec<usize>,
    /// Cell of each offer.
    pub of_offer: Vec<u32>,
    /// First flow of each run in arrays by run and line (`line * pool + entry`), and one past the last.
    pub run_flow_start: Vec<usize>,
}

impl Cells {
    /// Lays out the cells of all offers.
    pub fn new(network: &Network, offers: &Offers) -> Self {
        let mut cells = Self {
            start: vec![0],
            run: Vec::new(),
            kind: Vec::new(),
            flow_start: vec![0],
            of_offer: vec![0; offers.maker.len()],
            run_flow_start: vec![0],
        };
        let mut flows = 0;
        let mut run_flows = 0;
        for country in 0..offers.start.len() - 1 {
            for run in network.runs.of(country) {
                let pool = network.pool(network.runs.maker[run] as usize).len();
                let mut cell_of_kind = [usize::MAX; KINDS];
                for j in network.runs.offers[run].clone() {
                    let line = Line::of(Powertrain::ALL[offers.powertrain[j] as usize]);
                    let at = kind(offers.segment[j] as usize, line.index());
                    if cell_of_kind[at] == usize::MAX {
                        cell_of_kind[at] = cells.run.len();
                        cells.run.push(run as u32);
                        cells.kind.push(at as u8);
                        flows += pool;
                        cells.flow_start.push(flows);
                    }
                    cells.of_offer[j] = cell_of_kind[at] as u32;
                }
                run_flows += pool * LINES;
                cells.run_flow_start.push(run_flows);
            }
            cells.start.push(cells.run.len());
        }
        cells
    }

    /// Number of cells.
    pub fn len(&self) -> usize {
        self.run.len()
    }

    /// True if there is no cell.
    pub fn is_empty(&self) -> bool {
        self.run.is_empty()
    }

    /// Number of flows.
    pub fn flows(&self) -> usize {
        self.flow_start.last().copied().unwrap_or_default()
    }

    /// Sums of units of offers by cell.
    pub fn gather(&self, units: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; self.len()];
        for (&cell, &sold) in self.of_offer.iter().zip(units) {
            sums[cell as usize] += sold;
        }
        sums
    }
}
