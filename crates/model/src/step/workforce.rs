//! People (model.md section 11).
//!
//! Needed = vehicles x hours by powertrain and skill x intensity of the country / hours a year, hours falling
//! with productivity. The skilled stock loses who retires and who leaves, takes in what firms can train
//! themselves (a part of the stock, and of mechanical workers taught anew) up to the need, and gains those who
//! complete a paid course and stay. A gap `1 - available / needed` raises unit cost and limits next year's output
//! of the powertrains that need the skill; without a gap neither moves, to the last bit.

use crate::calibrate::workforce::{LabourFit, reference_workers};
use crate::ids::{Grid, POWERTRAINS, SKILLS, Skill, year_index};
use crate::measures::Measures;
use crate::parameters::Parameters;
use crate::world::World;

/// Skilled people at the end of a year.
#[derive(Debug, Clone)]
pub struct LabourState {
    /// People by country and skill.
    pub available: Grid,
    /// Factor on the unit cost of making, by country and powertrain.
    pub unit_cost_factor: Grid,
    /// Most vehicles that next year's skilled people can make, by country and powertrain; infinite without a gap.
    pub most_units: Grid,
}

impl LabourState {
    /// Part of new capacity that can be manned, by country: that of the scarcest powertrain made there.
    pub fn readiness(&self, made: &Made) -> Vec<f64> {
        (0..made.light.rows())
            .map(|c| {
                self.most_units
                    .row(c)
                    .iter()
                    .zip(made.light.row(c))
                    .filter(|(_, made)| **made > 0.0)
                    .map(|(most, made)| most / made)
                    .fold(1.0, f64::min)
            })
            .collect()
    }
}

/// People of one year.
#[derive(Debug, Clone)]
pub struct LabourYear {
    /// People needed, by country and skill.
    pub needed: Grid,
    /// People available, by country and skill.
    pub available: Grid,
    /// People who completed a paid course and stayed, by country and skill.
    pub trained: Grid,
    /// Factor on the unit cost of making, by country and powertrain.
    pub unit_cost_factor: Grid,
}

/// Vehicles made in a year.
#[derive(Debug, Clone)]
pub struct Made {
    /// Light vehicles by country and powertrain.
    pub light: Grid,
    /// Heavy vehicles by country.
    pub heavy: Vec<f64>,
}

/// Stock in the base year: what is needed is there.
pub fn initial(world: &World, fit: &LabourFit, made: &Made) -> LabourState {
    let countries = world.countries.len();
    LabourState {
        available: needed(world, &world.parameters, fit, made, world.base_year),
        unit_cost_factor: Grid::filled(countries, POWERTRAINS, 1.0),
        most_units: Grid::filled(countries, POWERTRAINS, f64::INFINITY),
    }
}

/// People needed by country and skill.
pub fn needed(
    world: &World,
    parameters: &Parameters,
    fit: &LabourFit,
    made: &Made,
    year: i32,
) -> Grid {
    let productivity =
        (1.0 - parameters.get("workforce.productivity_growth")).powi(year - world.base_year);
    let mut needed = Grid::filled(world.countries.len(), SKILLS, 0.0);
    for (c, row) in needed.rows_mut().enumerate() {
        let reference = reference_workers(world, parameters, made.light.row(c), made.heavy[c]);
        for (cell, workers) in row.iter_mut().zip(reference) {
            *cell = workers * fit.intensity[c] * productivity;
        }
    }
    needed
}

/// One year of people.
pub fn workforce(
    world: &World,
    parameters: &Parameters,
    measures: &Measures,
    fit: &LabourFit,
    year: i32,
    last: &LabourState,
    made: &Made,
) -> (LabourYear, LabourState) {
    let countries = world.countries.len();
    let leaves = parameters.get("workforce.retirement") + parameters.get("workforce.turnover");
    let own_training = parameters.get("workforce.own_training");
    let reskilling = parameters.get("workforce.reskilling");
    let gap_cost = parameters.get("workforce.gap_cost");
    let t = year_index(year);
    let needed = needed(world, parameters, fit, made, year);
    let mut available = Grid::filled(countries, SKILLS, 0.0);
    let mut trained = Grid::filled(countries, SKILLS, 0.0);
    let mut unit_cost_factor = Grid::filled(countries, POWERTRAINS, 1.0);
    let mut most_units = Grid::filled(countries, POWERTRAINS, f64::INFINITY);
    let hours: Vec<[f64; SKILLS]> = (0..POWERTRAINS)
        .map(|f| world.resources.labour.by_skill(f))
        .collect();
    for c in 0..countries {
        let mechanical = last.available[(c, Skill::Mechanical.index())];
        let mut gap = [0.0; SKILLS];
        for s in 0..SKILLS {
            let stays = last.available[(c, s)] * (1.0 - leaves);
            let graduates = measures.graduates[s][(c, t)];
            let wanted = (needed[(c, s)] - stays - graduates).max(0.0);
            let taught = last.available[(c, s)] * own_training
                + if s == Skill::Mechanical.index() {
                    needed[(c, s)]
                } else {
                    mechanical * reskilling
                };
            let now = stays + graduates + wanted.min(taught);
            available[(c, s)] = now;
            trained[(c, s)] = graduates;
            if now < needed[(c, s)] * (1.0 - ROUNDING) {
                gap[s] = 1.0 - now / needed[(c, s)];
            }
        }
        if gap.iter().all(|gap| *gap == 0.0) {
            continue;
        }
        for f in 0..POWERTRAINS {
            let total: f64 = hours[f].iter().sum();
            let mut weighted = 0.0;
            let mut scarcest = 1.0_f64;
            for s in (0..SKILLS).filter(|&s| hours[f][s] > 0.0 && gap[s] > 0.0) {
                weighted += hours[f][s] / total * gap[s];
                // Only a skill that is a real part of the vehicle can hold it up.
                if hours[f][s] > 0.05 * total {
                    scarcest = scarcest.min(1.0 - gap[s]);
                }
            }
            if weighted > 0.0 {
                unit_cost_factor[(c, f)] = 1.0 + gap_cost * weighted;
            }
            if scarcest < 1.0 {
                most_units[(c, f)] = made.light[(c, f)] * scarcest * (1.0 + own_training);
            }
        }
    }
    let state = LabourState {
        available: available.clone(),
        unit_cost_factor: unit_cost_factor.clone(),
        most_units,
    };
    let result = LabourYear {
        needed,
        available,
        trained,
        unit_cost_factor,
    };
    (result, state)
}

/// A shortfall this small is rounding, not a gap.
const ROUNDING: f64 = 1e-12;
