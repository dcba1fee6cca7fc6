//! What one year hands the next, and nothing else.

use crate::calibrate::Base;
use crate::cohorts::AGES;
use crate::ids::{Grid, POWERTRAINS, YEARS};
use crate::rules::Spent;
use crate::step::energy::FleetEnergy;
use crate::step::entry;
use crate::step::industry::IndustryState;
use crate::step::standards::Multipliers;

/// State of one country at the end of a year.
#[derive(Debug, Clone)]
pub struct CountryState {
    /// Light vehicles: `powertrain * AGES + age`.
    light: Vec<f64>,
    /// Heavy vehicles by age.
    pub heavy: [f64; AGES],
    /// Fuel use of new light vehicles by year of sale, MJ/km: `powertrain * YEARS + year`.
    fuel: Vec<f64>,
    /// Electricity use, likewise.
    electricity: Vec<f64>,
    /// New registrations of the year.
    pub sales: f64,
    /// Log residual of new registrations.
    pub residual: f64,
    /// Change of the mean residual since the base year.
    pub residual_drift: f64,
    /// Trend growth of income per head.
    pub income_trend: f64,
    /// Shares of powertrains in light-duty sales.
    pub mix: [f64; POWERTRAINS],
    /// Adoption gained since the base year, log-odds, by `calibrate::adoption::ADOPTED`.
    pub adoption: [f64; 3],
    /// Public chargers.
    pub chargers: f64,
    /// Producers' margins by offer, USD 2023: where next year's prices start from.
    pub margin_usd: Vec<f64>,
    /// Prices by offer with taxes and before support, USD 2023: what rules look at next year.
    pub list_price_usd: Vec<f64>,
    /// Multipliers of rules, likewise.
    pub multipliers: Multipliers,
    /// Part of each offer that has not entered yet.
    pub absent: Vec<f64>,
    /// What the budgets of the country's schemes have paid.
    pub spent: Spent,
    /// Energy of the year, which next year's biofuel supply is measured against; none before it is known.
    pub energy: Option<FleetEnergy>,
}

impl CountryState {
    /// State at the end of the base year.
    ///
    /// `fuel` and `electricity` give the energy use of new vehicles by year of sale.
    pub fn at_base(
        base: &Base,
        c: usize,
        sales: f64,
        mix: [f64; POWERTRAINS],
        chargers: f64,
        fuel: Vec<f64>,
        electricity: Vec<f64>,
    ) -> Self {
        Self {
            light: base.light_cohorts.row(c).to_vec(),
            heavy: base.stocks[c].heavy,
            fuel,
            electricity,
            sales,
            residual: base.residual[c],
            residual_drift: 0.0,
            income_trend: base.income_trend[c],
            mix,
            adoption: [0.0; 3],
            chargers,
            margin_usd: base
                .offers
                .of(c)
                .map(|j| base.prices.producer_price_usd[j] - base.prices.marginal_cost_usd[j])
                .collect(),
            list_price_usd: base.prices.list_price_usd[base.offers.of(c)].to_vec(),
            multipliers: Multipliers::default(),
            absent: entry::absent(base, c),
            spent: Spent::default(),
            energy: None,
        }
    }

    /// Vehicles in use.
    pub fn stock(&self) -> f64 {
        self.light.iter().sum::<f64>() + self.heavy.iter().sum::<f64>()
    }

    /// Light vehicles of a powertrain by age.
    pub fn light(&self, f: usize) -> &[f64] {
        &self.light[f * AGES..(f + 1) * AGES]
    }

    /// Light vehicles of a powertrain by age, to change.
    pub fn light_mut(&mut self, f: usize) -> &mut [f64] {
        &mut self.light[f * AGES..(f + 1) * AGES]
    }

    /// Light vehicles of a powertrain.
    pub fn light_stock(&self, f: usize) -> f64 {
        self.light(f).iter().sum()
    }

    /// Plug-in cars and vans in use.
    pub fn plug_in_stock(&self) -> f64 {
        crate::ids::Powertrain::ALL
            .iter()
            .filter(|f| f.is_plug_in())
            .map(|f| self.light_stock(f.index()))
            .sum()
    }

    /// Fuel use when new of vehicles of an age, MJ/km.
    pub fn fuel_use(&self, f: usize, year: usize, age: usize) -> f64 {
        self.fuel[f * YEARS + year.saturating_sub(age)]
    }

    /// Electricity use when new of vehicles of an age, MJ/km.
    pub fn electricity_use(&self, f: usize, year: usize, age: usize) -> f64 {
        self.electricity[f * YEARS + year.saturating_sub(age)]
    }

    /// Notes the energy use of this year's new vehicles of a powertrain.
    pub fn set_use(&mut self, f: usize, year: usize, fuel: f64, electricity: f64) {
        self.fuel[f * YEARS + year] = fuel;
        self.electricity[f * YEARS + year] = electricity;
    }
}

/// State of the world at the end of a year.
#[derive(Debug, Clone)]
pub struct State {
    /// By country.
    pub countries: Vec<CountryState>,
    /// All battery output so far, `GWh`.
    pub cumulative_battery_gwh: f64,
    /// Pack price of the year, USD 2023/kWh.
    pub pack_price: f64,
    /// Shares of powertrains in the world's light-duty sales by year.
    pub world_mix: Vec<[f64; POWERTRAINS]>,
    /// Minerals, people.
    pub industry: IndustryState,
}

impl State {
    /// Sum of sales-weighted mixes: what the world sold in a year.
    pub fn note_world_mix(&mut self, year: usize, light_sales: &Grid) {
        let mut mix = [0.0; POWERTRAINS];
        for c in 0..light_sales.rows() {
            for (f, cell) in mix.iter_mut().enumerate() {
                *cell += light_sales[(c, f)];
            }
        }
        let total: f64 = mix.iter().sum();
        if total > 0.0 {
            mix.iter_mut().for_each(|cell| *cell /= total);
        }
        self.world_mix[year] = mix;
    }
}
