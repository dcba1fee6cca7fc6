//! Minerals, people, making and public money of a year, in this order (model.md sections 7, 9, 11, 12).

use rayon::prelude::*;

use crate::calibrate::workforce::LabourFit;
use crate::ids::{Grid, POWERTRAINS, Powertrain, SEGMENTS, year_index};
use crate::measures::Measures;
use crate::parameters::Parameters;
use crate::scenario::lever::{CostBase, Lever};
use crate::step::cost::{CostYear, IndustryCost};
use crate::step::making::{self, MakingCarbon, MakingLaw, Site, Vehicle};
use crate::step::minerals::{self, MineralState, MineralYear, Sold};
use crate::step::workforce::{self, LabourState, LabourYear, Made};
use crate::world::World;

/// What these sections hand the next year.
#[derive(Debug, Clone)]
pub struct IndustryState {
    /// Packs, mines, prices.
    pub minerals: MineralState,
    /// Skilled people.
    pub labour: LabourState,
    /// What joint purchases and chemistry take off a kWh, by country, USD 2023.
    pub pack_saving_usd_per_kwh: Vec<f64>,
}

/// These sections in one year.
#[derive(Debug, Clone)]
pub struct IndustryYear {
    /// Minerals.
    pub minerals: MineralYear,
    /// People.
    pub labour: LabourYear,
    /// Vehicles made.
    pub made: Made,
    /// Mt `CO2e` of making by country of the plant: assembly, materials, battery.
    pub making_mt: Vec<[f64; 3]>,
    /// Spending of levers: (lever, country, million USD 2023).
    pub spending: Vec<(usize, usize, f64)>,
}

/// What stays the same over a run.
#[derive(Debug, Clone, Copy)]
pub struct Setup<'a> {
    /// World.
    pub world: &'a World,
    /// Parameters with the scenario's settings.
    pub parameters: &'a Parameters,
    /// Measures of the scenario.
    pub measures: &'a Measures,
    /// Labour intensities.
    pub labour: &'a LabourFit,
}

/// State at the end of the base year.
pub fn initial(setup: &Setup, history_gwh: &Grid, sold: &Sold, made: &Made) -> IndustryState {
    IndustryState {
        minerals: minerals::initial(setup.world, &setup.world.parameters, history_gwh, sold),
        labour: workforce::initial(setup.world, setup.labour, made),
        pack_saving_usd_per_kwh: vec![0.0; setup.world.countries.len()],
    }
}

/// What the state of these sections does to the costs of the next year. A gap of skill is felt on the part of a
/// market that is made at home; joint purchases and chemistry on all that is sold.
pub fn costs(home_share: &[f64], last: &IndustryState) -> IndustryCost {
    let mut factor = last.labour.unit_cost_factor.clone();
    for c in 0..factor.rows() {
        for cell in factor.row_mut(c) {
            *cell = 1.0 + home_share[c] * (*cell - 1.0);
        }
    }
    IndustryCost {
        pack_saving_usd_per_kwh: last.pack_saving_usd_per_kwh.clone(),
        factor,
    }
}

/// One year.
pub fn industry(
    setup: &Setup,
    costs: &CostYear,
    grid_g_per_kwh: &[f64],
    last: &IndustryState,
    sold: &Sold,
    made: Made,
) -> (IndustryYear, IndustryState) {
    let Setup {
        world,
        parameters,
        measures,
        labour,
    } = *setup;
    let year = costs.year;
    let ((minerals, mineral_state), ((people, labour_state), making_mt)) = rayon::join(
        || minerals::minerals(world, parameters, measures, year, &last.minerals, sold),
        || {
            let people = workforce::workforce(
                world,
                parameters,
                measures,
                labour,
                year,
                &last.labour,
                &made,
            );
            (
                people,
                making_by_country(setup, costs, grid_g_per_kwh, &made),
            )
        },
    );
    let spending = spending(setup, sold, &made, &minerals, year);
    let state = IndustryState {
        pack_saving_usd_per_kwh: minerals.saving_usd_per_kwh.clone(),
        minerals: mineral_state,
        labour: labour_state,
    };
    let result = IndustryYear {
        minerals,
        labour: people,
        made,
        making_mt,
        spending,
    };
    (result, state)
}

/// Grid where imported cells come from: the world's largest maker of them.
pub fn cell_grid(world: &World, grid_g_per_kwh: &[f64]) -> f64 {
    world.country("CHN").map_or(600.0, |c| grid_g_per_kwh[c])
}

/// Carbon of making one vehicle of a segment and powertrain in a country.
#[allow(
    clippy::too_many_arguments,
    reason = "a site, a vehicle and what both rest on"
)]
pub fn of_vehicle(
    setup: &Setup,
    law: &MakingLaw,
    costs: &CostYear,
    grid_g_per_kwh: &[f64],
    c: usize,
    origin: Option<crate::ids::Origin>,
    s: usize,
    f: usize,
) -> MakingCarbon {
    let world = setup.world;
    let site = Site {
        country: c,
        origin,
        year: costs.year,
        grid_g_per_kwh: grid_g_per_kwh[c],
        cell_grid_g_per_kwh: cell_grid(world, grid_g_per_kwh),
    };
    let vehicle = Vehicle {
        powertrain: Powertrain::ALL[f],
        mass_kg: world.technology.mass_kg[(s, f)],
        battery_kwh: costs.battery_kwh(world, c, s, f),
        chemistry: minerals::chemistry(world, setup.parameters, c, costs.year),
    };
    making::making(world, law, setup.measures, &site, &vehicle)
}

/// Mt by country of the plant; vehicles made have the segments of the country's own market.
pub fn making_by_country(
    setup: &Setup,
    costs: &CostYear,
    grid_g_per_kwh: &[f64],
    made: &Made,
) -> Vec<[f64; 3]> {
    let law = MakingLaw::new(setup.parameters);
    let world = setup.world;
    (0..world.countries.len())
        .into_par_iter()
        .map(|c| {
            let mut sum = [0.0; 3];
            for f in (0..POWERTRAINS).filter(|&f| made.light[(c, f)] > 0.0) {
                for s in (0..SEGMENTS).filter(|&s| world.segment_share[(c, s)] > 0.0) {
                    let units = made.light[(c, f)] * world.segment_share[(c, s)];
                    let kg = of_vehicle(setup, &law, costs, grid_g_per_kwh, c, None, s, f);
                    for (cell, kg) in sum.iter_mut().zip([kg.assembly, kg.materials, kg.battery]) {
                        *cell += units * kg * 1e-9;
                    }
                }
            }
            sum
        })
        .collect()
}

/// What each lever costs in each country in a year, million USD 2023.
fn spending(
    setup: &Setup,
    sold: &Sold,
    made: &Made,
    minerals: &MineralYear,
    year: i32,
) -> Vec<(usize, usize, f64)> {
    let mut spent = Vec::new();
    for (l, (lever, countries)) in setup.measures.levers.iter().enumerate() {
        let size = lever.size_in(year);
        if size == 0.0 {
            continue;
        }
        for &c in countries {
            let units = match lever.kind.cost_base {
                CostBase::Nothing => continue,
                CostBase::Size => 1.0,
                CostBase::VehiclesMade => made.light.row(c).iter().sum(),
                CostBase::VehiclesBuilt => built(lever, made, c),
                CostBase::VehiclesBought => bought(lever, sold, c),
                CostBase::PacksReturned => {
                    minerals.collected_by_measure_kwh[c]
                        / setup.measures.recycling[(c, year_index(year))]
                }
                // The blend is the size: what it adds is paid once, whatever its share.
                CostBase::FuelAdded => sold.fuel_added_gj[c] / size,
            };
            let usd = size * units * lever.unit_cost_usd;
            if usd != 0.0 {
                spent.push((l, c, usd * 1e-6));
            }
        }
    }
    spent
}

fn bought(lever: &Lever, sold: &Sold, c: usize) -> f64 {
    powertrain(lever).map_or(0.0, |f| sold.vehicles[(c, f.index())])
}

fn built(lever: &Lever, made: &Made, c: usize) -> f64 {
    powertrain(lever).map_or(0.0, |f| made.light[(c, f.index())])
}

fn powertrain(lever: &Lever) -> Option<Powertrain> {
    lever.word("powertrain").and_then(Powertrain::from_code)
}
