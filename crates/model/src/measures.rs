//! Levers turned into what the steps ask for: dense numbers by country and year, all zero where no lever acts.
//!
//! A step never asks which scenario it is in, only "how much of this is there here and now?". A lever of
//! size zero leaves nothing behind.

use crate::ids::{
    BIOFUELS, Biofuel, Chemistry, Grid, POWERTRAINS, Powertrain, SKILLS, Skill, YEARS, year_index,
};
use crate::scenario::lever::Lever;
use crate::world::World;

/// Packs of a country moved from nickel to another chemistry.
#[derive(Debug, Clone)]
pub struct ChemistryShift {
    /// Country.
    pub country: usize,
    /// What takes the place of nickel-based packs.
    pub chemistry: Chemistry,
    /// Part moved, by year.
    pub share: Vec<f64>,
}

/// All measures of a scenario.
#[derive(Debug, Clone)]
pub struct Measures {
    /// Part of plants that measure their CO2, by country and year.
    pub measured_co2: Grid,
    /// Part of plant electricity that is renewable beyond the grid.
    pub renewable_power: Grid,
    /// Part of plant heat that is electric.
    pub heat_electrification: Grid,
    /// Part of steel that is low-carbon.
    pub low_carbon_steel: Grid,
    /// Part of battery minerals bought jointly.
    pub joint_procurement: Grid,
    /// Added collection rate of packs.
    pub recycling: Grid,
    /// Shifts of chemistry.
    pub chemistry: Vec<ChemistryShift>,
    /// People who complete a paid course and stay, by skill.
    pub graduates: Vec<Grid>,
    /// Volume share asked of each biofuel.
    pub biofuel: Vec<Grid>,
    /// Support to buyers, USD 2023 a vehicle, by powertrain.
    pub purchase_usd: Vec<Grid>,
    /// Public chargers added so far.
    pub chargers: Grid,
    /// The levers that act, with the countries of each.
    pub levers: Vec<(Lever, Vec<usize>)>,
}

impl Measures {
    /// No measures.
    pub fn none(countries: usize) -> Self {
        let zero = || Grid::filled(countries, YEARS, 0.0);
        Self {
            measured_co2: zero(),
            renewable_power: zero(),
            heat_electrification: zero(),
            low_carbon_steel: zero(),
            joint_procurement: zero(),
            recycling: zero(),
            chemistry: Vec::new(),
            graduates: (0..SKILLS).map(|_| zero()).collect(),
            biofuel: (0..BIOFUELS).map(|_| zero()).collect(),
            purchase_usd: (0..POWERTRAINS).map(|_| zero()).collect(),
            chargers: zero(),
            levers: Vec::new(),
        }
    }

    /// The measures of levers up to a horizon.
    pub fn new(world: &World, levers: &[Lever], horizon: i32) -> Self {
        let mut measures = Self::none(world.countries.len());
        for lever in levers.iter().filter(|lever| lever.acts(horizon)) {
            let mut countries: Vec<usize> = lever
                .countries
                .iter()
                .filter_map(|code| world.country(code))
                .collect();
            countries.sort_unstable();
            countries.dedup();
            for &c in &countries {
                measures.add(lever, c, world.base_year, horizon);
            }
            measures.levers.push((lever.clone(), countries));
        }
        measures
    }

    fn add(&mut self, lever: &Lever, c: usize, base_year: i32, horizon: i32) {
        let years = base_year + 1..=horizon;
        let share_of = |grid: &mut Grid| {
            for year in years.clone() {
                let cell = &mut grid[(c, year_index(year))];
                *cell = (*cell + lever.size_in(year)).min(1.0);
            }
        };
        match lever.kind.name {
            "measured_co2" => share_of(&mut self.measured_co2),
            "renewable_power" => share_of(&mut self.renewable_power),
            "heat_electrification" => share_of(&mut self.heat_electrification),
            "low_carbon_steel" => share_of(&mut self.low_carbon_steel),
            "joint_procurement" => share_of(&mut self.joint_procurement),
            "recycling" => share_of(&mut self.recycling),
            "chemistry" => {
                if let Some(chemistry) = lever.word("to").and_then(Chemistry::from_code) {
                    let mut share = vec![0.0; YEARS];
                    for year in years {
                        share[year_index(year)] = lever.size_in(year);
                    }
                    self.chemistry.push(ChemistryShift {
                        country: c,
                        chemistry,
                        share,
                    });
                }
            }
            "training" => {
                if let Some(skill) = lever.word("skill").and_then(Skill::from_code) {
                    let stay = lever.number("completion") * lever.number("retention");
                    for year in years {
                        self.graduates[skill.index()][(c, year_index(year))] +=
                            lever.size_in(year) * stay;
                    }
                }
            }
            "biofuel" => {
                if let Some(fuel) = lever.word("fuel").and_then(Biofuel::from_code) {
                    for year in years {
                        let cell = &mut self.biofuel[fuel.index()][(c, year_index(year))];
                        *cell = cell.max(lever.size_in(year));
                    }
                }
            }
            "purchase_incentive" => {
                if let Some(f) = lever.word("powertrain").and_then(Powertrain::from_code) {
                    for year in years {
                        self.purchase_usd[f.index()][(c, year_index(year))] += lever.size_in(year);
                    }
                }
            }
            "infrastructure" => {
                let mut built = 0.0;
                for year in years {
                    built += lever.size_in(year);
                    self.chargers[(c, year_index(year))] += built;
                }
            }
            _ => {}
        }
    }
}
