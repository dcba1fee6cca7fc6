//! The world as recorded: validated facts as dense arrays, the same for every scenario.

mod assemble;
mod brands;
mod fill;
mod industry;
mod makers;
pub mod resources;

pub use brands::{MakerMarket, MakerSales, ModelSales, Scope};
pub use industry::{Export, Industry, Output, Plant, PlantStatus};
pub use makers::Maker;

use crate::ids::{Drivers, Grid, Group, Origin, Powertrain, Segment};
use crate::input::{Problems, Record};
use crate::parameters::Parameters;
use crate::rules::Rules;

/// A country.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Country {
    /// ISO 3166-1 alpha-3.
    pub iso3: String,
    /// English name.
    pub name: String,
    /// The group it belongs to.
    pub group: Group,
    /// Member of ASEAN in 2023.
    pub asean: bool,
}

/// A count of vehicles in use to which a stock is fitted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Anchor {
    /// Position of the country.
    pub country: usize,
    /// End of this year.
    pub year: i32,
    /// Four-wheeled vehicles.
    pub vehicles: f64,
    /// Relative standard deviation, by basis of the source.
    pub relative_sd: f64,
    /// True if read in a source, false if recalled or estimated.
    pub recorded: bool,
}

/// Money for buyers of one powertrain, from rules in force.
#[derive(Debug, Clone, PartialEq)]
pub struct Incentive {
    /// Position of the country.
    pub country: usize,
    /// Powertrain it applies to.
    pub powertrain: Powertrain,
    /// First and last year.
    pub years: (i32, i32),
    /// Average value a vehicle, USD 2023.
    pub usd_per_vehicle: f64,
    /// Announced in this year.
    pub announced: i32,
    /// Name of the rule.
    pub rule: String,
}

/// Segment and powertrain characteristics of a new vehicle of the base year.
#[derive(Debug, Clone, PartialEq)]
pub struct Technology {
    /// Fuel use on the road, MJ/km, by segment and powertrain.
    pub fuel_mj_per_km: Grid,
    /// Electricity use from the plug, MJ/km, while driven on electricity.
    pub electricity_mj_per_km: Grid,
    /// Kerb mass, kg.
    pub mass_kg: Grid,
    /// Traction battery of a battery-electric vehicle, kWh, by segment.
    pub bev_battery_kwh: Vec<f64>,
    /// Motor of a battery-electric vehicle, kW, by segment.
    pub motor_kw: Vec<f64>,
    /// Direct cost without powertrain, USD 2023, by segment.
    pub glider_usd: Vec<f64>,
    /// Displacement of a combustion engine, cm³, by segment.
    pub engine_cc: Vec<f64>,
    /// Direct cost of a petrol powertrain, USD 2023, by segment.
    pub engine_usd: Vec<f64>,
    /// Added direct cost of a hybrid, USD 2023, by segment.
    pub hybrid_usd: Vec<f64>,
    /// Direct cost of motor and power electronics, USD 2023 a kW, by year.
    pub drive_usd_per_kw: Vec<f64>,
    /// Direct cost of a fuel cell, USD 2023 a kW, by year.
    pub fuel_cell_usd_per_kw: Vec<f64>,
}

/// CO2 and energy content of what is burnt or charged.
#[derive(Debug, Clone, PartialEq)]
pub struct FuelFactors {
    /// MJ per litre of petrol, diesel, ethanol, biodiesel.
    pub mj_per_litre: [f64; 4],
    /// g CO2/MJ at the tailpipe: petrol, diesel, gas.
    pub tailpipe_g_per_mj: [f64; 3],
    /// g CO2e/MJ before the tank: petrol, diesel, gas, hydrogen.
    pub supply_g_per_mj: [f64; 4],
    /// g CO2e/MJ before the tank with land use: ethanol, biodiesel.
    pub biofuel_g_per_mj: [f64; 2],
}

/// Greenhouse gas of making a vehicle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MakingFactors {
    /// kg `CO2e` per kg of vehicle without battery.
    pub vehicle_kg_per_kg: f64,
    /// kg `CO2e` per vehicle in the assembly plant.
    pub assembly_kg: f64,
    /// kg `CO2e` per kWh of battery.
    pub battery_kg_per_kwh: f64,
}

/// Everything that is known, as of a base year.
///
/// Shapes: a `Grid` over years has one row a country and [`crate::ids::YEARS`] columns; NaN is unknown.
#[derive(Debug, Clone)]
pub struct World {
    /// Last year of history.
    pub base_year: i32,
    /// Countries by code.
    pub countries: Vec<Country>,
    /// Persons, by path of drivers.
    pub population: Vec<Grid>,
    /// GDP per head, 2021 intl$, by path of drivers.
    pub income: Vec<Grid>,
    /// Gini of income, 0-1, by country.
    pub gini: Vec<f64>,
    /// Petrol, diesel (USD 2023/l) and electricity (USD 2023/kWh), retail.
    pub fuel_price: [Grid; 3],
    /// Brent, USD 2023/bbl, by year.
    pub crude_usd_per_bbl: Vec<f64>,
    /// Grid intensity, g CO2e/kWh.
    pub grid_g_per_kwh: Grid,
    /// New four-wheeled vehicles, complete: records first, estimates where there are none.
    pub sales: Grid,
    /// True where `sales` is a record.
    pub sales_recorded: Vec<bool>,
    /// Share of heavy vehicles in sales.
    pub heavy_share: Grid,
    /// New light-duty vehicles with traction battery, by `Powertrain` index; NaN is unknown.
    pub electrified: Vec<Grid>,
    /// Battery-electric and plug-in trucks and buses sold.
    pub heavy_electric: Grid,
    /// True for countries whose plug-in sales are on record.
    pub plug_in_recorded: Vec<bool>,
    /// Stock counts.
    pub anchors: Vec<Anchor>,
    /// Series of private vehicles whose growth, not level, is informative.
    pub private_stock: Grid,
    /// Production of all vehicles.
    pub production: Grid,
    /// Shares of the conventional powertrains in conventional sales, by country.
    pub conventional_mix: Grid,
    /// Share of hybrids without plug in light-duty sales; NaN is unknown.
    pub hybrid_share: Grid,
    /// The same as recorded, NaN elsewhere.
    pub hybrid_share_recorded: Grid,
    /// True for countries whose hybrid sales are on record.
    pub hybrid_recorded: Vec<bool>,
    /// Segment shares of light-duty sales in the base year, by country.
    pub segment_share: Grid,
    /// Makers by code.
    pub makers: Vec<Maker>,
    /// Makers of the base year, by country.
    pub maker_market: Vec<MakerMarket>,
    /// Origin shares of sales, by country.
    pub origin_share: Grid,
    /// Origin shares of battery-electric sales, by country; NaN where not on record.
    pub bev_origin_share: Grid,
    /// Technology of the base year.
    pub technology: Technology,
    /// Pack price, USD 2023/kWh, by year; NaN where unknown.
    pub battery_price: Vec<f64>,
    /// Yearly battery demand outside light-duty vehicles and storage, `GWh`: heavy and two-wheelers, storage.
    pub other_battery_gwh: [f64; 2],
    /// Battery demand before and in the base year, all uses, `GWh`.
    pub cumulative_battery_gwh: f64,
    /// Average pack of a battery-electric car relative to the default, by country.
    pub battery_size_ratio: Vec<f64>,
    /// Fuels.
    pub fuels: FuelFactors,
    /// Volume share of ethanol in petrol.
    pub ethanol_share: Grid,
    /// Volume share of biodiesel in diesel.
    pub biodiesel_share: Grid,
    /// Weibull scale (years) and shape of light and heavy vehicles, by country.
    pub survival: Vec<[f64; 4]>,
    /// Distance of a light vehicle, km a year, by country.
    pub annual_km: Vec<f64>,
    /// Public chargers at the end of the year.
    pub chargers: Grid,
    /// Saturation (vehicles per 1000 people) and beta (per thousand 1995 intl$), by country; NaN where not published.
    pub ownership_prior: Vec<[f64; 2]>,
    /// Average price of a new vehicle of the base year before the model's own estimate; NaN where unknown.
    pub recorded_price_usd: Vec<f64>,
    /// Purchase incentives.
    pub incentives: Vec<Incentive>,
    /// Taxes on a new vehicle as a share of the price before tax, by country and powertrain.
    pub tax_rate: Grid,
    /// Tariff on imports, by country and origin.
    pub tariff: Grid,
    /// Plants, output by maker, exports, distances.
    pub industry: Industry,
    /// Making of vehicles.
    pub making: MakingFactors,
    /// Minerals, people, materials, biofuels.
    pub resources: resources::Resources,
    /// Policy rules.
    pub rules: Rules,
    /// Parameters of the pack.
    pub parameters: Parameters,
}

impl World {
    /// Builds the world of the pack's own base year.
    pub fn build(record: &Record) -> Result<Self, Problems> {
        Self::as_of(record, assemble::last_sales_year(record))
    }

    /// Builds the world from a record, with history ending in `base_year`.
    pub fn as_of(record: &Record, base_year: i32) -> Result<Self, Problems> {
        assemble::assemble(record, base_year)
    }

    /// Position of a country.
    pub fn country(&self, iso3: &str) -> Option<usize> {
        self.countries
            .binary_search_by(|country| country.iso3.as_str().cmp(iso3))
            .ok()
    }

    /// Position of a maker.
    pub fn maker(&self, code: &str) -> Option<usize> {
        self.makers
            .binary_search_by(|maker| maker.code.as_str().cmp(code))
            .ok()
    }

    /// Position of the maker that stands for those of an origin that are not told apart.
    pub fn makers_of(&self, origin: Origin) -> usize {
        self.maker(origin.code()).unwrap_or_default()
    }

    /// Positions of the countries of a group.
    pub fn members(&self, group: Group) -> impl Iterator<Item = usize> + '_ {
        (0..self.countries.len()).filter(move |&c| self.countries[c].group == group)
    }

    /// Path of population and income.
    pub fn drivers(&self, drivers: Drivers) -> (&Grid, &Grid) {
        (
            &self.population[drivers.index()],
            &self.income[drivers.index()],
        )
    }

    /// Base-year new light-duty vehicles of a country.
    pub fn light_sales(&self, country: usize, year: usize) -> f64 {
        self.sales[(country, year)] * (1.0 - self.heavy_share[(country, year)])
    }

    /// New light-duty vehicles of every country in a year.
    pub fn light_sales_of(&self, year: i32) -> Vec<f64> {
        let t = crate::ids::year_index(year);
        (0..self.countries.len())
            .map(|c| self.light_sales(c, t))
            .collect()
    }

    /// Number of cells of a base-year market: origin by segment by powertrain.
    pub const fn cells() -> usize {
        Origin::ALL.len() * Segment::ALL.len() * Powertrain::ALL.len()
    }
}
