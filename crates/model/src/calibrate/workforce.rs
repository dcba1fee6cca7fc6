//! Labour intensity of each country from counts of jobs.
//!
//! Jobs a vehicle fall with income: `ln(jobs / reference) = a + b ln(income)` over the countries with a count,
//! where the reference is what production takes at the hours of the labour table. A country with a count takes the
//! mean of count and fit (in logs) weighted by their precision, held within the count's range; one without takes the fit.

use crate::ids::{Grid, POWERTRAINS, SKILLS};
use crate::least_squares;
use crate::parameters::Parameters;
use crate::world::World;

/// Fitted intensity of work.
#[derive(Debug, Clone)]
pub struct LabourFit {
    /// Hours over those of the labour table, by country.
    pub intensity: Vec<f64>,
    /// The same from income alone.
    pub fitted: Vec<f64>,
    /// Elasticity of the intensity to income.
    pub income_elasticity: f64,
}

/// Workers that a country's production takes at an intensity of one, by skill.
pub fn reference_workers(
    world: &World,
    parameters: &Parameters,
    vehicles: &[f64],
    heavy: f64,
) -> [f64; SKILLS] {
    let hours_a_year = parameters.get("workforce.hours_a_year");
    let heavy_hours = parameters.get("workforce.heavy_hours");
    let labour = &world.resources.labour;
    let mut workers = [0.0; SKILLS];
    let diesel = crate::ids::Powertrain::Diesel.index();
    for f in 0..POWERTRAINS {
        let made = vehicles[f]
            + if f == diesel {
                heavy * heavy_hours
            } else {
                0.0
            };
        for (cell, hours) in workers.iter_mut().zip(labour.by_skill(f)) {
            *cell += made * hours / hours_a_year;
        }
    }
    workers
}

/// Fits intensities to production of the base year.
pub fn fit(world: &World, income: &[f64], light: &Grid, heavy: &[f64]) -> LabourFit {
    let parameters = &world.parameters;
    let reference: Vec<f64> = (0..world.countries.len())
        .map(|c| {
            reference_workers(world, parameters, light.row(c), heavy[c])
                .iter()
                .sum()
        })
        .collect();
    let rows: Vec<([f64; 2], f64)> = world
        .resources
        .labour
        .jobs
        .iter()
        .enumerate()
        .filter_map(|(c, jobs)| {
            let (low, high) = (*jobs)?;
            let intensity = ((low * high).sqrt() / reference[c]).ln();
            intensity
                .is_finite()
                .then_some(([1.0, (income[c] / MEAN_INCOME).ln()], intensity))
        })
        .collect();
    let [level, slope] = least_squares::solve(&rows, &[1e-6, 1.0], &[0.0, -0.5]);
    let fitted: Vec<f64> = income
        .iter()
        .map(|income| {
            let income = if income.is_nan() {
                MEAN_INCOME
            } else {
                income.max(1000.0)
            };
            (level + slope * (income / MEAN_INCOME).ln())
                .exp()
                .clamp(0.1, 3.0)
        })
        .collect();
    let squares: f64 = rows
        .iter()
        .map(|([one, income], value)| (value - level * one - slope * income).powi(2))
        .sum();
    let fit_variance = squares / (rows.len() as f64 - 2.0).max(1.0);
    let intensity = fitted
        .iter()
        .enumerate()
        .map(|(c, fitted)| match world.resources.labour.jobs[c] {
            Some((low, high)) if reference[c] > 0.0 => {
                // Lowest and highest count span nine tenths of a normal law.
                let count_variance = ((high / low).ln() / 3.29).powi(2);
                let weight = fit_variance / (fit_variance + count_variance);
                let central = ((low * high).sqrt() / reference[c]).ln();
                (weight * central + (1.0 - weight) * fitted.ln())
                    .exp()
                    .clamp(low / reference[c], high / reference[c])
            }
            _ => *fitted,
        })
        .collect();
    LabourFit {
        intensity,
        fitted,
        income_elasticity: slope,
    }
}

/// Income about which the fit is centred, 2021 intl$ a head.
const MEAN_INCOME: f64 = 25_000.0;
