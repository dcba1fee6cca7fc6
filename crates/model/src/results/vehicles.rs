//! Life-cycle figures of new vehicles.

use super::{Real, Results, Rows, Word, Year};
use crate::ids::{Grid, POWERTRAINS, Powertrain, SEGMENTS, Segment};
use crate::parameters::Parameters;
use crate::run;
use crate::step::cost::CostYear;
use crate::step::energy::{self, Supply};
use crate::tables::Table;

/// Distance over which making is spread, km.
const LIFETIME_KM: f64 = 200_000.0;

impl Results<'_> {
    /// Years with their costs: the base year, then each projected year.
    pub(super) fn cost_years(&self) -> impl Iterator<Item = &CostYear> {
        std::iter::once(&self.outcome.base_costs)
            .chain(self.outcome.years.iter().map(|year| &year.costs))
    }

    /// Parameters of a year: a scenario's settings begin after the base year.
    fn parameters(&self, year: i32) -> &Parameters {
        if year > self.world.base_year {
            &self.outcome.parameters
        } else {
            &self.world.parameters
        }
    }

    /// True where the country sells this cell from any origin.
    fn sold(&self, c: usize) -> [[bool; POWERTRAINS]; SEGMENTS] {
        let mut sold = [[false; POWERTRAINS]; SEGMENTS];
        for j in self.base.offers.of(c) {
            sold[self.base.offers.segment[j] as usize][self.base.offers.powertrain[j] as usize] =
                true;
        }
        sold
    }

    pub(super) fn vehicles(&self) -> Table {
        let segments = Segment::ALL.iter().map(|s| s.code().to_owned()).collect();
        let powertrains = Powertrain::ALL
            .iter()
            .map(|f| f.code().to_owned())
            .collect();
        let mut rows = Rows::new(vec![self.iso3(), segments, powertrains], 7);
        let years: Vec<(&CostYear, Grid)> = self
            .cost_years()
            .filter(|costs| costs.year == self.world.base_year || costs.year % 5 == 0)
            .map(|costs| (costs, self.making_abroad(costs)))
            .collect();
        for c in 0..self.world.countries.len() {
            let sold = self.sold(c);
            for (costs, abroad) in &years {
                for s in 0..SEGMENTS {
                    for f in (0..POWERTRAINS).filter(|&f| sold[s][f]) {
                        rows.push(
                            &[c, s, f],
                            costs.year,
                            &self.vehicle(costs, abroad, c, s, f),
                        );
                    }
                }
            }
        }
        rows.table(
            "vehicles",
            "New light vehicles: price, cost of ownership and greenhouse gas over life, in the base year and every fifth",
            &[
                (Word(0), "iso3", "", "country"),
                (Year, "year", "", "year of sale"),
                (Word(1), "segment", "", "segment"),
                (Word(2), "powertrain", "", "powertrain"),
                (Real(0), "consumer_price_usd", "USD_2023/vehicle", "to the buyer, after tax and support, without duty"),
                (Real(1), "tco_usd_per_km", "USD_2023/km", "price over the discounted distance, and energy; without insurance, repair and resale"),
                (Real(2), "energy_mj_per_km", "MJ/km", "fuel and electricity on the road"),
                (Real(3), "tank_to_wheel_g_per_km", "g CO2/km", "at the tailpipe"),
                (Real(4), "well_to_wheel_g_per_km", "g CO2e/km", "with fuel and electricity supply of the year of sale"),
                (Real(5), "life_cycle_g_per_km", "g CO2e/km", "with the making of vehicle and battery over 200,000 km"),
                (Real(6), "life_cycle_g_per_tonne_km", "g CO2e/t km", "of pickups at half their payload; empty for others"),
            ],
        )
    }

    /// Price, cost of ownership, energy, tank-to-wheel, well-to-wheel, life cycle.
    fn vehicle(&self, costs: &CostYear, abroad: &Grid, c: usize, s: usize, f: usize) -> [f64; 7] {
        let world = self.world;
        let parameters = self.parameters(costs.year);
        let price = costs.producer_price(&self.base.price_level, world, c, s, f)
            * (1.0 + world.tax_rate[(c, f)])
            - costs.support_usd[(c, f)];
        let rate = parameters.get("choice.discount_rate");
        let years = parameters.get("choice.holding_years");
        let annuity = if rate > 0.0 {
            (1.0 - (1.0 + rate).powf(-years)) / rate
        } else {
            years
        };
        let tco = price / (annuity * costs.km[c]) + costs.running_usd_per_km(c, s, f);
        let supply = Supply {
            km_age_decline: 0.0,
            ..run::supply(
                world,
                parameters,
                costs,
                &self.blend(c, costs.year),
                c,
                costs.year,
            )
        };
        let factors = energy::factors(world, &supply);
        let (fuel, electricity) = (costs.fuel_use(s, f), costs.electricity_use(s, f));
        let (tailpipe, upstream) = factors[energy::tank(Powertrain::ALL[f]).index()];
        let tank_to_wheel = fuel * tailpipe;
        let well_to_wheel = tank_to_wheel + fuel * upstream + electricity * factors[3].1;
        let making = self.making_of_market(costs, abroad, c, s, f);
        [
            price,
            tco,
            fuel + electricity,
            tank_to_wheel,
            well_to_wheel,
            well_to_wheel + 1000.0 * making / LIFETIME_KM,
            per_tonne_km(
                f,
                s,
                well_to_wheel + 1000.0 * making / LIFETIME_KM,
                parameters,
            ),
        ]
    }
}

/// Carbon of a tonne carried a km at half payload; NaN for segments that carry people.
fn per_tonne_km(f: usize, s: usize, g_per_km: f64, parameters: &Parameters) -> f64 {
    if s != Segment::Pickup.index() {
        return f64::NAN;
    }
    let payload = match Powertrain::ALL[f] {
        Powertrain::BatteryElectric => parameters.get("pickup.payload_kg.BEV"),
        _ => parameters.get("pickup.payload_kg.engine"),
    };
    g_per_km / (0.5 * payload * 1e-3)
}
