//! World to base: everything that is fitted, so that the base year equals the record.

pub mod adoption;
pub mod entry;
pub mod fit;
pub mod launch;
pub mod mix;
pub mod ownership;
pub mod pricing;
pub mod sourcing;
pub mod stock;
pub mod workforce;

use kyoso_demand::classes::{Buyers, ClassTastes};

use crate::cohorts::AGES;
use crate::ids::{Drivers, Grid, ORIGINS, POWERTRAINS, Powertrain, SEGMENTS, YEARS, year_index};
use crate::input::Record;
use crate::step::cost::{self, PriceLevel};
use crate::step::market;
use crate::step::minerals;
use crate::step::sourcing::{Sourced, base_units};
use crate::step::wedge::{Built, Law};
use crate::step::workforce::Made;
use crate::world::World;

/// Fitted quantities of a base year.
#[derive(Debug, Clone)]
pub struct Base {
    /// Stocks and their way to the base year.
    pub stocks: Vec<stock::StockHistory>,
    /// Ownership laws.
    pub ownership: Vec<ownership::Ownership>,
    /// Speeds of adjustment.
    pub adjustment: ownership::Adjustment,
    /// Law of the residual of new registrations.
    pub residual_law: ownership::ResidualLaw,
    /// Residual (log) of the base year, by country.
    pub residual: Vec<f64>,
    /// Mean residual to which a country returns.
    pub residual_mean: Vec<f64>,
    /// Trend growth of income at the end of the base year, by country.
    pub income_trend: Vec<f64>,
    /// Price levels.
    pub price_level: PriceLevel,
    /// Law of adoption.
    pub adoption: adoption::AdoptionLaw,
    /// Offers of the base year.
    pub offers: mix::Offers,
    /// By offer, whether it is asleep in the base year and may enter.
    pub entrants: Vec<Option<entry::Entrant>>,
    /// Who builds what for whom in the base year.
    pub sourcing: sourcing::SourcingBase,
    /// Where offers are built in the base year.
    pub built: Built,
    /// Prices, costs and utilities of the base year.
    pub prices: pricing::BasePrices,
    /// By how much each origin lags in each powertrain (log, at most 0), by country: `origin * POWERTRAINS + powertrain`.
    pub lag: Grid,
    /// Tastes.
    pub tastes: ClassTastes,
    /// Buyers of each country.
    pub buyers: Vec<Buyers>,
    /// Part of potential buyers that buys in the base year.
    pub bought: f64,
    /// Light vehicles by country and `powertrain * AGES + age`.
    pub light_cohorts: Grid,
    /// Shares of powertrains in sales of each year of history, by country: `powertrain * YEARS + year`.
    pub history_mix: Grid,
    /// Labour intensity.
    pub labour: workforce::LabourFit,
    /// Vehicles made in the base year.
    pub made: Made,
    /// Shares of countries in the light vehicles that the world made in the base year.
    pub made_share: Vec<f64>,
    /// Part of each country's light sales of the base year that it made itself.
    pub home_share: Vec<f64>,
    /// Packs sold in history, by country and year, `GWh`.
    pub history_gwh: Grid,
    /// Used imports less exports of the base year, world: what the record of exporters does not explain.
    pub used_discrepancy: f64,
}

impl Base {
    /// Utilities of a country's offers in the base year; what is asleep is not on sale.
    pub fn utility(&self, c: usize) -> Vec<f64> {
        self.offers
            .of(c)
            .map(|j| {
                if self.offers.base_share[j] > 0.0 {
                    self.prices.utility[j]
                } else {
                    f64::NEG_INFINITY
                }
            })
            .collect()
    }
}

/// Packs sold in history: the segments of the base year, packs as large as they were.
fn history_packs(world: &World, history_mix: &Grid, base: usize) -> Grid {
    let parameters = &world.parameters;
    let (plug_in, hybrid) = (
        parameters.get("tech.phev_battery_kwh"),
        parameters.get("tech.hev_battery_kwh"),
    );
    minerals::history_gwh(
        world.countries.len(),
        base,
        |c, f, t| world.light_sales(c, t) * history_mix[(c, f * YEARS + t)],
        |c, f, year| match Powertrain::ALL[f] {
            Powertrain::BatteryElectric => {
                let mean: f64 = (0..SEGMENTS)
                    .map(|s| world.segment_share[(c, s)] * world.technology.bev_battery_kwh[s])
                    .sum();
                mean * world.battery_size_ratio[c] * cost::battery_size_path(parameters, year)
            }
            Powertrain::PlugInHybrid => plug_in,
            Powertrain::Hybrid | Powertrain::FuelCell => hybrid,
            _ => 0.0,
        },
    )
}

/// Calibrates a world; the record supplies the affinities and the world total of plug-in sales.
pub fn calibrate(world: &mut World, record: &Record) -> Base {
    let world_total = world_plug_in_total(record, world.base_year);
    adoption::fill_unrecorded(world, &world_total);
    let world: &World = world;
    let base = year_index(world.base_year);

    let stocks = stock::rebuild(world);
    let laws = ownership::fit(world, &stocks);
    let residuals = ownership::residuals(world, &stocks, &laws);
    let residual_mean = ownership::residual_means(world, &residuals);
    let residual_law = ownership::fit_residual_law(world, &residuals, &residual_mean);
    let income_trend: Vec<f64> = (0..world.countries.len())
        .map(|c| {
            ownership::income_trend(world, c, base)
                .last()
                .copied()
                .unwrap_or(0.0)
        })
        .collect();

    let price_level = cost::price_level(world);
    let adoption = adoption::fit(world, &price_level);
    let offers = mix::offers(world, &mix::Affinity::from_record(record, &world.makers));
    let tastes = market::tastes(&world.parameters);
    let costs = cost::history(world, base);
    let bought = market::bought_share(&world.parameters);
    let exponent = world.parameters.get("choice.income_exponent");
    let buyers: Vec<Buyers> = (0..world.countries.len())
        .map(|c| {
            market::buyers(
                world.gini[c],
                exponent,
                cost::log_odds_per_usd(&world.parameters, &price_level, c),
            )
        })
        .collect();
    let sourcing = sourcing::calibrate(world, record, &offers);
    let built = Built::new(&sourcing, &sourcing.shares);
    let prices = pricing::base_prices(
        &Law {
            world,
            rules: &world.rules,
            policy_as_of: None,
            parameters: &world.parameters,
            costs: &costs,
            offers: &offers,
            sourcing: &sourcing,
            built: &built,
        },
        &price_level,
        &tastes,
        &buyers,
        bought,
    );
    let history_mix = history_mix(world);
    let sourced = Sourced::of_base(&sourcing);
    let made = sourced.made(&sourcing, &offers, &base_units(world, &offers));
    let by_country: Vec<f64> = (0..world.countries.len())
        .map(|c| made.light.row(c).iter().sum())
        .collect();
    let all: f64 = by_country.iter().sum();
    let income: Vec<f64> = (0..world.countries.len())
        .map(|c| world.income[Drivers::Ssp2.index()][(c, base)])
        .collect();
    let base = Base {
        entrants: vec![None; offers.maker.len()],
        home_share: sourced.home_share(&sourcing),
        made_share: by_country.iter().map(|made| made / all).collect(),
        residual: residuals
            .iter()
            .map(|series| series.last().copied().unwrap_or(0.0))
            .collect(),
        lag: origin_lag(world, &offers),
        labour: workforce::fit(world, &income, &made.light, &made.heavy),
        history_gwh: history_packs(world, &history_mix, base),
        made,
        light_cohorts: light_cohorts(world, &stocks, &history_mix),
        used_discrepancy: stocks
            .iter()
            .map(|stock| stock.net_used_imports[base])
            .sum(),
        adjustment: ownership::adjustment(world),
        ownership: laws,
        residual_law,
        residual_mean,
        income_trend,
        price_level,
        adoption,
        offers,
        sourcing,
        built,
        prices,
        tastes,
        buyers,
        bought,
        history_mix,
        stocks,
    };
    entry::with_entrants(world, base)
}

/// World sales of plug-in hybrids and battery-electric cars and vans by year, as published.
fn world_plug_in_total(record: &Record, base_year: i32) -> Grid {
    let table = record.table("electrified");
    let mut total = Grid::filled(2, YEARS, f64::NAN);
    let (iso3, powertrain, class, measure) = (
        table.text("iso3"),
        table.text("powertrain"),
        table.text("vehicle_class"),
        table.text("measure"),
    );
    for row in 0..table.rows() {
        let year = table.integer("year")[row];
        let slot = ["PHEV", "BEV"]
            .iter()
            .position(|code| *code == powertrain.get(row));
        if let Some(slot) = slot
            && iso3.get(row) == "WLD"
            && matches!(class.get(row), "car" | "van")
            && measure.get(row) == "sales"
            && year <= base_year
        {
            let cell = &mut total[(slot, year_index(year))];
            let units = table.real("units")[row];
            *cell = if cell.is_nan() { units } else { *cell + units };
        }
    }
    total
}

/// How far an origin stands behind its own part of the market in each powertrain.
fn origin_lag(world: &World, offers: &mix::Offers) -> Grid {
    let mut lag = Grid::filled(world.countries.len(), ORIGINS * POWERTRAINS, 0.0);
    for c in 0..world.countries.len() {
        let mut joint = [[0.0; POWERTRAINS]; ORIGINS];
        for j in offers.of(c) {
            joint[offers.origin[j] as usize][offers.powertrain[j] as usize] += offers.base_share[j];
        }
        let by_origin: Vec<f64> = joint.iter().map(|row| row.iter().sum()).collect();
        for f in [
            Powertrain::Hybrid,
            Powertrain::PlugInHybrid,
            Powertrain::BatteryElectric,
        ]
        .map(Powertrain::index)
        {
            let total: f64 = joint.iter().map(|row| row[f]).sum();
            for o in 0..ORIGINS {
                if joint[o][f] > 0.0 && by_origin[o] > 0.0 && total > 0.0 {
                    lag[(c, o * POWERTRAINS + f)] =
                        (joint[o][f] / (total * by_origin[o])).ln().clamp(-4.0, 0.0);
                }
            }
        }
    }
    lag
}

/// Shares of powertrains in the sales of every year of history.
fn history_mix(world: &World) -> Grid {
    let mut mix = Grid::filled(world.countries.len(), POWERTRAINS * YEARS, 0.0);
    for c in 0..world.countries.len() {
        for t in 0..=year_index(world.base_year) {
            let shares = if world.sales[(c, t)].is_nan() {
                conventional_only(world, c)
            } else {
                mix::powertrain_shares(world, c, t)
            };
            for (f, share) in shares.iter().enumerate() {
                mix[(c, f * YEARS + t)] = *share;
            }
        }
    }
    mix
}

fn conventional_only(world: &World, c: usize) -> [f64; POWERTRAINS] {
    std::array::from_fn(|f| world.conventional_mix[(c, f)])
}

/// Divides each cohort by the mix of the year in which it was sold.
fn light_cohorts(world: &World, stocks: &[stock::StockHistory], history_mix: &Grid) -> Grid {
    let base = year_index(world.base_year);
    let mut cohorts = Grid::filled(world.countries.len(), POWERTRAINS * AGES, 0.0);
    for (c, stock) in stocks.iter().enumerate() {
        for (age, vehicles) in stock.light.iter().enumerate() {
            for f in 0..POWERTRAINS {
                let share = match base.checked_sub(age) {
                    Some(sold) => history_mix[(c, f * YEARS + sold)],
                    None => world.conventional_mix[(c, f)],
                };
                cohorts[(c, f * AGES + age)] = vehicles * share;
            }
        }
    }
    cohorts
}

/// Income and people of a run: the path of its drivers, with what the scenario sets laid over it.
pub fn run_drivers(
    world: &World,
    drivers: Drivers,
    parameters: &crate::parameters::Parameters,
    horizon: i32,
) -> (Grid, Grid) {
    let (people, income) = world.drivers(drivers);
    let (mut people, mut income) = (people.clone(), income.clone());
    for (path, grid) in [("population", &mut people), ("gdp_per_head", &mut income)] {
        if parameters.sets(path) {
            for (c, country) in world.countries.iter().enumerate() {
                for year in world.base_year + 1..=horizon {
                    if let Some(value) =
                        parameters.setting(&format!("{path}.{}", country.iso3), year)
                    {
                        grid[(c, year_index(year))] = value;
                    }
                }
            }
        }
    }
    (people, income)
}
