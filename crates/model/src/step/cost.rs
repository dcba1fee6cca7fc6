//! What a new vehicle costs to make, to buy and to run (model.md sections 5, 6, 7).
//!
//! Direct cost is a glider, an engine, a drive and a battery; the price before tax is direct cost times
//! the base-year markup; taxes and support follow. The generalised cost that buyers compare is
//! `p - support + phi PV(km x energy x fuel price) - w_range ln(range) - w_charge ln(1 + chargers per 10,000 people)`.

use crate::ids::{
    Drivers, Grid, Group, ORIGINS, Origin, POWERTRAINS, Powertrain, SEGMENTS, year_index,
};
use crate::parameters::Parameters;
use crate::world::World;

/// Year of the technology table: what changes over time is measured from it.
const TECHNOLOGY_YEAR: i32 = 2023;
/// MJ in a kWh.
const MJ_PER_KWH: f64 = 3.6;
/// MJ in a kg of hydrogen (lower heating value).
const MJ_PER_KG_HYDROGEN: f64 = 120.0;

/// What sets the price level of each country; it does not change over a run.
#[derive(Debug, Clone)]
pub struct PriceLevel {
    /// Factor on gliders and engines, by country.
    pub factor: Vec<f64>,
    /// Mean price of a new vehicle in the base year, USD 2023, by country.
    pub mean_price_usd: Vec<f64>,
    /// Duty as a share of the price before tax, by country and origin, on the imported part of supply.
    pub duty: Grid,
}

/// Prices of fuels, support and technology of one year.
#[derive(Debug, Clone)]
pub struct CostYear {
    /// Year.
    pub year: i32,
    /// Battery pack, USD 2023/kWh.
    pub pack_usd_per_kwh: f64,
    /// USD 2023 per MJ by country: petrol, diesel, gas, electricity, hydrogen.
    pub fuel_usd_per_mj: Grid,
    /// Support by country and powertrain, USD 2023 a vehicle.
    pub support_usd: Grid,
    /// Support that a scenario sets in place of the rules', by country and powertrain; NaN where it sets none.
    set_support_usd: Grid,
    /// Support of levers on top of the rules', by country and powertrain, USD 2023 a vehicle.
    pub added_support_usd: Grid,
    /// Public chargers per 10,000 people, by country.
    pub charger_density: Vec<f64>,
    /// Distance a year, km, by country.
    pub km: Vec<f64>,
    /// What industry adds to cost.
    pub industry: IndustryCost,
    constants: Constants,
    fuel_mj_per_km: Grid,
    electricity_mj_per_km: Grid,
    bev_kwh: Vec<f64>,
    phev_kwh: f64,
    hev_kwh: f64,
    direct_usd: Grid,
    scaled_usd: Grid,
}

/// What minerals and people add to the cost of a vehicle; nothing in history.
#[derive(Debug, Clone)]
pub struct IndustryCost {
    /// What joint purchases and chemistry take off a kWh, by country, USD 2023.
    pub pack_saving_usd_per_kwh: Vec<f64>,
    /// Factor on direct cost, by country and powertrain.
    pub factor: Grid,
}

/// Parameters of the generalised cost.
#[derive(Debug, Clone, Copy)]
struct Constants {
    present_value: f64,
    range_value: f64,
    charger_value: f64,
    electric_share: f64,
    markup: f64,
}

/// Present value at purchase of one dollar a year, as buyers weigh it.
fn present_value(parameters: &Parameters) -> f64 {
    let rate = parameters.get("choice.discount_rate");
    let years = parameters.get("choice.holding_years");
    let annuity = if rate > 0.0 {
        (1.0 - (1.0 + rate).powf(-years)) / rate
    } else {
        years
    };
    parameters.get("choice.running_cost_valuation") * annuity
}

/// Average pack of a new battery-electric car relative to the technology year.
pub fn battery_size_path(parameters: &Parameters, year: i32) -> f64 {
    if year >= TECHNOLOGY_YEAR {
        (1.0 + parameters.get("tech.battery_size_growth")).powi(year - TECHNOLOGY_YEAR)
    } else {
        let before = f64::from(TECHNOLOGY_YEAR - year) / f64::from(TECHNOLOGY_YEAR - 2010);
        parameters
            .get("tech.battery_size_2010")
            .powf(before.min(1.3))
    }
}

impl CostYear {
    /// Costs of a year.
    ///
    /// `chargers` are public points by country; `policy_as_of` limits support to rules announced by then.
    pub fn new(
        world: &World,
        parameters: &Parameters,
        year: i32,
        pack_usd_per_kwh: f64,
        chargers: &[f64],
        drivers: Drivers,
        policy_as_of: Option<i32>,
    ) -> Self {
        let technology = &world.technology;
        let t = year_index(year);
        let since = f64::from(year - TECHNOLOGY_YEAR);
        let engines = (1.0 - parameters.get("tech.engine_improvement")).powf(since);
        let electric = (1.0 - parameters.get("tech.electric_improvement")).powf(since);
        let mut fuel_mj_per_km = technology.fuel_mj_per_km.clone();
        let mut electricity_mj_per_km = technology.electricity_mj_per_km.clone();
        for s in 0..SEGMENTS {
            fuel_mj_per_km
                .row_mut(s)
                .iter_mut()
                .for_each(|use_| *use_ *= engines);
            electricity_mj_per_km
                .row_mut(s)
                .iter_mut()
                .for_each(|use_| *use_ *= electric);
        }
        let size = battery_size_path(parameters, year);
        let bev_kwh: Vec<f64> = technology
            .bev_battery_kwh
            .iter()
            .map(|kwh| kwh * size)
            .collect();
        let (scaled_usd, direct_usd) = direct_costs(world, parameters, t, pack_usd_per_kwh);
        let people = &world.population[drivers.index()];
        Self {
            year,
            pack_usd_per_kwh,
            fuel_usd_per_mj: fuel_prices(world, parameters, year),
            support_usd: support(world, parameters, year, policy_as_of),
            set_support_usd: set_support(world, parameters, year),
            added_support_usd: Grid::filled(world.countries.len(), POWERTRAINS, 0.0),
            charger_density: chargers
                .iter()
                .enumerate()
                .map(|(c, points)| 1e4 * points / people[(c, t)])
                .collect(),
            km: (0..world.countries.len())
                .map(|c| {
                    by_country(parameters, "annual_km", world, c, year)
                        .unwrap_or(world.annual_km[c])
                })
                .collect(),
            constants: Constants {
                present_value: present_value(parameters),
                range_value: parameters.get("choice.range_value_usd"),
                charger_value: parameters.get("choice.charger_value_usd"),
                electric_share: parameters.get("choice.electric_share_phev"),
                markup: parameters.get("tech.markup"),
            },
            fuel_mj_per_km,
            electricity_mj_per_km,
            bev_kwh,
            phev_kwh: parameters.get("tech.phev_battery_kwh"),
            hev_kwh: parameters.get("tech.hev_battery_kwh"),
            direct_usd,
            scaled_usd,
            industry: IndustryCost {
                pack_saving_usd_per_kwh: vec![0.0; world.countries.len()],
                factor: Grid::filled(world.countries.len(), POWERTRAINS, 1.0),
            },
        }
    }

    /// Direct cost of making, USD 2023.
    pub fn direct_cost(
        &self,
        level: &PriceLevel,
        world: &World,
        c: usize,
        s: usize,
        f: usize,
    ) -> f64 {
        self.producer_price(level, world, c, s, f) / self.constants.markup
    }

    /// Price before tax and duty at the usual markup, USD 2023.
    pub fn producer_price(
        &self,
        level: &PriceLevel,
        world: &World,
        c: usize,
        s: usize,
        f: usize,
    ) -> f64 {
        let battery = self.direct_usd[(s, f)]
            * if f == Powertrain::BatteryElectric.index() {
                world.battery_size_ratio[c]
            } else {
                1.0
            };
        let saved = self.industry.pack_saving_usd_per_kwh[c] * self.battery_kwh(world, c, s, f);
        self.constants.markup
            * self.industry.factor[(c, f)]
            * (level.factor[c] * self.scaled_usd[(s, f)] + battery - saved)
    }

    /// Fuel a km on the road, MJ, averaged over electric and combustion driving.
    pub fn fuel_use(&self, s: usize, f: usize) -> f64 {
        let share = if f == Powertrain::PlugInHybrid.index() {
            1.0 - self.constants.electric_share
        } else {
            1.0
        };
        self.fuel_mj_per_km[(s, f)] * share
    }

    /// Electricity a km, MJ, averaged over electric and combustion driving.
    pub fn electricity_use(&self, s: usize, f: usize) -> f64 {
        let share = if f == Powertrain::PlugInHybrid.index() {
            self.constants.electric_share
        } else {
            1.0
        };
        self.electricity_mj_per_km[(s, f)] * share
    }

    /// Electricity a km while driven on it, kWh; 0 without a plug.
    pub fn electric_mode_kwh_per_km(&self, s: usize, f: usize) -> f64 {
        if Powertrain::ALL[f].is_plug_in() {
            self.electricity_mj_per_km[(s, f)] / MJ_PER_KWH
        } else {
            0.0
        }
    }

    /// Adds a lever's support to what the rules give, USD 2023 a vehicle.
    pub fn add_support(&mut self, c: usize, f: usize, usd: f64) {
        self.support_usd[(c, f)] += usd;
        self.added_support_usd[(c, f)] += usd;
    }

    /// Support that a scenario sets in place of the rules', USD 2023 a vehicle.
    pub fn set_support_usd(&self, c: usize, f: usize) -> Option<f64> {
        let usd = self.set_support_usd[(c, f)];
        (!usd.is_nan()).then_some(usd)
    }

    /// Battery of a new vehicle, kWh.
    pub fn battery_kwh(&self, world: &World, c: usize, s: usize, f: usize) -> f64 {
        match Powertrain::ALL[f] {
            Powertrain::BatteryElectric => self.bev_kwh[s] * world.battery_size_ratio[c],
            Powertrain::PlugInHybrid => self.phev_kwh,
            Powertrain::Hybrid | Powertrain::FuelCell => self.hev_kwh,
            _ => 0.0,
        }
    }

    /// Energy a km, USD 2023.
    pub fn running_usd_per_km(&self, c: usize, s: usize, f: usize) -> f64 {
        let price = self.fuel_usd_per_mj.row(c);
        let fuel = match Powertrain::ALL[f] {
            Powertrain::Diesel => price[1],
            Powertrain::Cng => price[2],
            Powertrain::FuelCell => price[4],
            _ => price[0],
        };
        self.fuel_use(s, f) * fuel + self.electricity_use(s, f) * price[3]
    }

    /// What buyers compare apart from the price itself: running cost less the worth of range and chargers, USD 2023.
    pub fn beside_price(&self, world: &World, c: usize, s: usize, f: usize) -> f64 {
        let running = self.constants.present_value * self.km[c] * self.running_usd_per_km(c, s, f);
        let network = self.constants.charger_value * (1.0 + self.charger_density[c]).ln();
        let comfort = match Powertrain::ALL[f] {
            Powertrain::BatteryElectric => {
                let kwh_per_km = self.electricity_mj_per_km[(s, f)] / MJ_PER_KWH;
                let range_km = self.bev_kwh[s] * world.battery_size_ratio[c] / kwh_per_km;
                // Beyond 500 km more range is worth nothing (saturation of stated preferences).
                self.constants.range_value * (range_km.min(500.0) / 500.0).ln() + network
            }
            Powertrain::PlugInHybrid => 0.3 * network,
            _ => 0.0,
        };
        running - comfort
    }

    /// Generalised cost without duty, USD 2023.
    pub fn generalised(
        &self,
        level: &PriceLevel,
        world: &World,
        c: usize,
        s: usize,
        f: usize,
    ) -> f64 {
        let price = self.producer_price(level, world, c, s, f) * (1.0 + world.tax_rate[(c, f)]);
        price - self.support_usd[(c, f)] + self.beside_price(world, c, s, f)
    }
}

/// Log-odds that a dollar moves, in the mean of a country.
pub fn log_odds_per_usd(parameters: &Parameters, level: &PriceLevel, c: usize) -> f64 {
    -parameters.get("choice.powertrain_elasticity") / level.mean_price_usd[c]
}

/// Direct cost by segment and powertrain: the part that follows the price level, and the part that is traded at world prices.
fn direct_costs(world: &World, parameters: &Parameters, t: usize, pack: f64) -> (Grid, Grid) {
    let technology = &world.technology;
    let size = battery_size_path(parameters, crate::ids::FIRST_YEAR + t as i32);
    let drive = technology.drive_usd_per_kw[t];
    let mut scaled = Grid::filled(SEGMENTS, POWERTRAINS, 0.0);
    let mut traded = Grid::filled(SEGMENTS, POWERTRAINS, 0.0);
    for s in 0..SEGMENTS {
        let (glider, engine, motor) = (
            technology.glider_usd[s],
            technology.engine_usd[s],
            technology.motor_kw[s],
        );
        for &powertrain in Powertrain::ALL {
            let f = powertrain.index();
            let (own, world_price) = match powertrain {
                Powertrain::Gasoline => (glider + engine, 0.0),
                Powertrain::FlexFuel => (glider + 1.03 * engine, 0.0),
                Powertrain::Diesel => (glider + 1.25 * engine, 0.0),
                Powertrain::Cng => (glider + 1.30 * engine, 0.0),
                Powertrain::Hybrid => (glider + engine, technology.hybrid_usd[s]),
                Powertrain::PlugInHybrid => (
                    glider + engine,
                    0.6 * motor * drive + 1.3 * parameters.get("tech.phev_battery_kwh") * pack,
                ),
                Powertrain::BatteryElectric => (
                    glider,
                    motor * drive + technology.bev_battery_kwh[s] * size * pack,
                ),
                Powertrain::FuelCell => (
                    glider,
                    motor * drive + 90.0 * technology.fuel_cell_usd_per_kw[t] + 3000.0,
                ),
            };
            scaled[(s, f)] = own;
            traded[(s, f)] = world_price;
        }
    }
    (scaled, traded)
}

/// Value that a scenario sets for a country.
fn by_country(
    parameters: &Parameters,
    path: &str,
    world: &World,
    c: usize,
    year: i32,
) -> Option<f64> {
    if parameters.sets(path) {
        parameters.setting(&format!("{path}.{}", world.countries[c].iso3), year)
    } else {
        None
    }
}

/// Retail prices per MJ: as set, as recorded, else the last record with its untaxed part following crude oil.
fn fuel_prices(world: &World, parameters: &Parameters, year: i32) -> Grid {
    const MJ_PER_LITRE: [f64; 2] = [32.0, 35.8];
    let t = year_index(year);
    let taxed = parameters.at("fuel.tax_share", year);
    let mut prices = Grid::filled(world.countries.len(), 5, 0.0);
    for c in 0..world.countries.len() {
        for (carrier, path) in ["fuel_price.gasoline", "fuel_price.diesel"]
            .into_iter()
            .enumerate()
        {
            let row = world.fuel_price[carrier].row(c);
            let litre = by_country(parameters, path, world, c, year).unwrap_or_else(|| {
                if row[t].is_nan() {
                    let last = row[..t]
                        .iter()
                        .rposition(|price| !price.is_nan())
                        .unwrap_or(0);
                    let crude = world.crude_usd_per_bbl[t] / world.crude_usd_per_bbl[last];
                    let known = if row[last].is_nan() { 1.2 } else { row[last] };
                    known * (taxed + (1.0 - taxed) * crude)
                } else {
                    row[t]
                }
            });
            prices[(c, carrier)] = litre / MJ_PER_LITRE[carrier];
        }
        prices[(c, 2)] = prices[(c, 0)] * parameters.at("fuel.gas_price_ratio", year);
        let row = world.fuel_price[2].row(c);
        // Household prices are one value a country; before it was known the same value stands.
        let known = row[..=t]
            .iter()
            .rposition(|price| !price.is_nan())
            .or_else(|| row.iter().position(|price| !price.is_nan()));
        let kwh = by_country(parameters, "fuel_price.electricity", world, c, year)
            .or(known.map(|i| row[i]))
            .unwrap_or(0.15);
        prices[(c, 3)] = kwh / MJ_PER_KWH;
        prices[(c, 4)] = parameters.at("fuel.hydrogen_price", year) / MJ_PER_KG_HYDROGEN;
    }
    prices
}

/// Support by country and powertrain from the rules in force.
fn support(world: &World, parameters: &Parameters, year: i32, policy_as_of: Option<i32>) -> Grid {
    let mut support = Grid::filled(world.countries.len(), POWERTRAINS, 0.0);
    for rule in &world.incentives {
        let known = policy_as_of.is_none_or(|as_of| rule.announced <= as_of);
        if known && (rule.years.0..=rule.years.1).contains(&year) {
            support[(rule.country, rule.powertrain.index())] += rule.usd_per_vehicle;
        }
    }
    let set = set_support(world, parameters, year);
    for c in 0..world.countries.len() {
        for f in 0..POWERTRAINS {
            if !set[(c, f)].is_nan() {
                support[(c, f)] = set[(c, f)];
            }
        }
    }
    support
}

/// Support that a scenario sets; NaN elsewhere.
fn set_support(world: &World, parameters: &Parameters, year: i32) -> Grid {
    let mut support = Grid::filled(world.countries.len(), POWERTRAINS, f64::NAN);
    for (path, f) in [
        ("incentive.BEV", Powertrain::BatteryElectric),
        ("incentive.PHEV", Powertrain::PlugInHybrid),
        ("incentive.HEV", Powertrain::Hybrid),
    ] {
        for c in 0..world.countries.len() {
            if let Some(usd) = by_country(parameters, path, world, c, year) {
                support[(c, f.index())] = usd;
            }
        }
    }
    support
}

/// Is this origin at home in the country?
fn at_home(world: &World, c: usize, origin: Origin) -> bool {
    let country = &world.countries[c];
    match origin {
        Origin::Japan => country.group == Group::Japan,
        Origin::China => country.group == Group::China,
        Origin::Korea => country.group == Group::Korea,
        Origin::India => country.group == Group::India,
        Origin::Usa => country.iso3 == "USA",
        Origin::Asean => country.asean,
        Origin::Europe => country.group == Group::Eu27 || country.iso3 == "GBR",
        Origin::Other => false,
    }
}

/// Price level of every country: recorded mean prices where there are any, else by income
/// (constant elasticity through the recorded ones), and duty on the part of supply that is imported.
pub fn price_level(world: &World) -> PriceLevel {
    let parameters = &world.parameters;
    let base = year_index(world.base_year);
    let income = &world.income[Drivers::Ssp2.index()];
    let elasticity = parameters.get("tech.price_income_elasticity");
    let known: Vec<f64> = (0..world.countries.len())
        .filter(|&c| world.recorded_price_usd[c] > 0.0)
        .map(|c| (world.recorded_price_usd[c]).ln() - elasticity * income[(c, base)].ln())
        .collect();
    let intercept = if known.is_empty() {
        (1500.0_f64).ln()
    } else {
        known.iter().sum::<f64>() / known.len() as f64
    };
    let mut duty = Grid::filled(world.countries.len(), ORIGINS, 0.0);
    let mut level = PriceLevel {
        factor: Vec::new(),
        mean_price_usd: Vec::new(),
        duty: duty.clone(),
    };
    let markup = parameters.get("tech.markup");
    for c in 0..world.countries.len() {
        let made = world.production[(c, base)];
        let imported = if made.is_nan() {
            1.0
        } else {
            (1.0 - made / world.sales[(c, base)]).clamp(0.0, 1.0)
        };
        for &origin in Origin::ALL {
            if !at_home(world, c, origin) {
                duty[(c, origin.index())] = world.tariff[(c, origin.index())] * imported;
            }
        }
        let price = if world.recorded_price_usd[c] > 0.0 {
            world.recorded_price_usd[c]
        } else {
            (intercept + elasticity * income[(c, base)].ln()).exp()
        };
        let mean_duty: f64 = (0..ORIGINS)
            .map(|o| world.origin_share[(c, o)] * duty[(c, o)])
            .sum();
        let wedge = (1.0 + mean_duty) * (1.0 + world.tax_rate[(c, Powertrain::Gasoline.index())]);
        let direct: f64 = (0..SEGMENTS)
            .map(|s| {
                world.segment_share[(c, s)]
                    * (world.technology.glider_usd[s] + world.technology.engine_usd[s])
            })
            .sum();
        level
            .factor
            .push((price / (wedge * markup * direct)).clamp(0.35, 3.0));
        level.mean_price_usd.push(price);
    }
    level.duty = duty;
    level
}

/// Factors on marginal costs that a scenario sets by origin and powertrain, one where it sets none.
pub fn origin_factors(parameters: &Parameters, year: i32) -> [[f64; POWERTRAINS]; ORIGINS] {
    let factor = |path: &str| {
        let known = parameters.find(path);
        known.map_or(1.0, |_| parameters.at(path, year))
    };
    std::array::from_fn(|o| {
        let origin = Origin::ALL[o].code();
        let whole = factor(&format!("cost.origin.{origin}"));
        std::array::from_fn(|f| {
            let powertrain = Powertrain::ALL[f].code();
            whole * factor(&format!("cost.origin_powertrain.{origin}.{powertrain}"))
        })
    })
}

/// Costs of a year of history, with the recorded pack price and chargers.
pub fn history(world: &World, t: usize) -> CostYear {
    history_under(world, t, &world.parameters, None)
}

/// Costs of a year of history under other parameters and the rules announced by a year.
pub fn history_under(
    world: &World,
    t: usize,
    parameters: &Parameters,
    policy_as_of: Option<i32>,
) -> CostYear {
    let year = crate::ids::FIRST_YEAR + t as i32;
    let chargers: Vec<f64> = (0..world.countries.len())
        .map(|c| recorded_chargers(world, c, t))
        .collect();
    let pack = pack_price_near(world, t);
    CostYear::new(
        world,
        parameters,
        year,
        pack,
        &chargers,
        Drivers::Ssp2,
        policy_as_of,
    )
}

/// Recorded pack price of a year, or of the nearest year known before, or after.
pub fn pack_price_near(world: &World, t: usize) -> f64 {
    let prices = &world.battery_price;
    let before = prices[..=t].iter().rposition(|price| !price.is_nan());
    let after = prices.iter().position(|price| !price.is_nan());
    before.or(after).map_or(139.0, |i| prices[i])
}

/// Public chargers: recorded, nearest record before, else one for twelve plug-in cars sold in the last four years.
pub fn recorded_chargers(world: &World, c: usize, t: usize) -> f64 {
    let row = world.chargers.row(c);
    if let Some(i) = row[..=t].iter().rposition(|points| !points.is_nan()) {
        return row[i];
    }
    let plugs: f64 = [Powertrain::PlugInHybrid, Powertrain::BatteryElectric]
        .iter()
        .flat_map(|f| world.electrified[f.index()].row(c)[t.saturating_sub(3)..=t].iter())
        .filter(|units| !units.is_nan())
        .sum();
    plugs / 12.0
}
