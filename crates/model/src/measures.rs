//! Levers turned into what the steps ask for: dense numbers by country and year, all zero where no lever acts.
//!
//! A step never asks which scenario it is in, only "how much of this is there here and now?". A lever of
//! size zero leaves nothing behind.

use crate::calibrate::launch;
use crate::ids::{
    BIOFUELS, Biofuel, Chemistry, FIRST_YEAR, Grid, POWERTRAINS, Powertrain, SKILLS, Skill, YEARS,
    year_index,
};
use crate::scenario::lever::Lever;
use crate::sourcing::lines::Line;
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

/// Vehicles of ASEAN told about in a market.
#[derive(Debug, Clone)]
pub struct Goodwill {
    /// Country of the market.
    pub country: usize,
    /// True where only vehicles of Japanese makers are told about.
    pub japanese: bool,
    /// Elasticity of sales to all that is spent on telling.
    pub elasticity: f64,
    /// What is spent on a vehicle as it is, USD 2023, with what is left of earlier years.
    pub usual_usd: f64,
    /// Goodwill by year, USD 2023.
    pub usd: Vec<f64>,
}

/// An offer that enters a market.
#[derive(Debug, Clone)]
pub struct Launch {
    /// Country of the market.
    pub country: usize,
    /// Maker.
    pub maker: usize,
    /// Segment.
    pub segment: usize,
    /// Powertrain.
    pub powertrain: usize,
    /// True in each year in which it is on sale.
    pub on_sale: Vec<bool>,
}

/// Capacity that a lever orders.
#[derive(Debug, Clone)]
pub struct OrderedPlant {
    /// Maker.
    pub maker: usize,
    /// Country.
    pub country: usize,
    /// What it builds.
    pub line: Line,
    /// First year in which it builds that.
    pub opens: i32,
    /// Capacity by year of its arrival, vehicles a year.
    pub capacity: Vec<f64>,
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
    /// Support to makers for what a country builds, USD 2023 a vehicle, by powertrain.
    pub production_usd: Vec<Grid>,
    /// Goodwill in third markets.
    pub goodwill: Vec<Goodwill>,
    /// Capacity ordered.
    pub plants: Vec<OrderedPlant>,
    /// Offers that enter.
    pub launches: Vec<Launch>,
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
            production_usd: (0..POWERTRAINS).map(|_| zero()).collect(),
            goodwill: Vec::new(),
            plants: Vec::new(),
            launches: Vec::new(),
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
                measures.add(world, lever, c, horizon);
            }
            measures.levers.push((lever.clone(), countries));
        }
        measures
    }

    /// True if some powertrain is paid for where it is built in a year.
    pub fn supports_production(&self, t: usize) -> bool {
        let paid = |grid: &Grid| (0..grid.rows()).any(|c| grid[(c, t)] != 0.0);
        self.production_usd.iter().any(paid)
    }

    fn add(&mut self, world: &World, lever: &Lever, c: usize, horizon: i32) {
        let years = world.base_year + 1..=horizon;
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
            "production_incentive" => {
                if let Some(f) = lever.word("powertrain").and_then(Powertrain::from_code) {
                    for year in years {
                        self.production_usd[f.index()][(c, year_index(year))] +=
                            lever.size_in(year);
                    }
                }
            }
            "joint_information" => {
                let left = lever.number("carry_over");
                let mut usd = vec![0.0; YEARS];
                for year in years {
                    let t = year_index(year);
                    usd[t] = left * usd[t - 1] + 1e6 * lever.size_in(year);
                }
                self.goodwill.push(Goodwill {
                    country: c,
                    japanese: lever.word("origin") == Some("JPN"),
                    elasticity: lever.number("elasticity"),
                    usual_usd: lever.number("usual_usd") / (1.0 - left),
                    usd,
                });
            }
            "plant_investment" => {
                let maker = lever.word("maker").and_then(|code| world.maker(code));
                let built = lever.word("powertrain").and_then(Powertrain::from_code);
                if let (Some(maker), Some(powertrain)) = (maker, built) {
                    let lag = lever.number("lag").round() as i32;
                    let mut capacity = vec![0.0; YEARS];
                    for year in years.filter(|year| year + lag <= horizon) {
                        capacity[year_index(year + lag)] += lever.size_in(year);
                    }
                    let first = capacity.iter().position(|size| *size > 0.0);
                    self.plants.push(OrderedPlant {
                        maker,
                        country: c,
                        line: Line::of(powertrain),
                        opens: first.map_or(i32::MAX, |t| FIRST_YEAR + t as i32),
                        capacity,
                    });
                }
            }
            "launch" => {
                let Some((maker, segment, powertrain)) = launch::named(world, lever) else {
                    return;
                };
                let mut on_sale = vec![false; YEARS];
                for year in years {
                    on_sale[year_index(year)] = lever.size_in(year) > 0.0;
                }
                let plant = lever.word("built_in").and_then(|iso3| world.country(iso3));
                if let (Some(country), Some(first)) = (plant, on_sale.iter().position(|on| *on)) {
                    self.plants.push(OrderedPlant {
                        maker,
                        country,
                        line: Line::of(Powertrain::ALL[powertrain]),
                        opens: FIRST_YEAR + first as i32,
                        capacity: vec![0.0; YEARS],
                    });
                }
                self.launches.push(Launch {
                    country: c,
                    maker,
                    segment,
                    powertrain,
                    on_sale,
                });
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
