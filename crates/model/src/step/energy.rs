//! Fleet energy and CO2 (model.md section 9).
//!
//! Energy = vehicles by age x distance by age x energy use of their year of sale. Biogenic CO2 is zero at the
//! tailpipe; land use stands upstream. Grid factors are already life-cycle, so nothing is added to electricity.

use crate::cohorts::AGES;
use crate::ids::{Biofuel, CARRIERS, Carrier, POWERTRAINS, Powertrain};
use crate::state::CountryState;
use crate::step::biofuel::by_energy;
use crate::world::World;

/// Energy and CO2 of a country's light vehicles in a year.
#[derive(Debug, Clone)]
pub struct FleetEnergy {
    /// PJ by powertrain and carrier.
    pub petajoule: [[f64; CARRIERS]; POWERTRAINS],
    /// Mt CO2 at the tailpipe, by powertrain.
    pub tailpipe_mt: [f64; POWERTRAINS],
    /// Mt `CO2e` before the tank or plug, by powertrain.
    pub supply_mt: [f64; POWERTRAINS],
    /// PJ of oil products that plug-in and hybrid vehicles save against petrol cars of the same age.
    pub oil_displaced_pj: f64,
}

/// Volume shares of biofuel and the grid of a country in a year.
#[derive(Debug, Clone, Copy)]
pub struct Supply {
    /// Ethanol in petrol, by volume.
    pub ethanol: f64,
    /// Biodiesel in diesel, by volume.
    pub biodiesel: f64,
    /// Hydrotreated oil in diesel, by volume.
    pub hydrotreated: f64,
    /// g `CO2e`/MJ before the tank with land use: ethanol, biodiesel, hydrotreated oil.
    pub biofuel_g_per_mj: [f64; 3],
    /// g CO2e/kWh.
    pub grid_g_per_kwh: f64,
    /// Distance of the mean vehicle, km.
    pub km: f64,
    /// Fall of distance with age, 1/year.
    pub km_age_decline: f64,
}

/// Carrier of the fuel tank.
pub const fn tank(powertrain: Powertrain) -> Carrier {
    match powertrain {
        Powertrain::Diesel => Carrier::Diesel,
        Powertrain::Cng => Carrier::Gas,
        Powertrain::FuelCell => Carrier::Hydrogen,
        Powertrain::BatteryElectric => Carrier::Electricity,
        _ => Carrier::Gasoline,
    }
}

/// g CO2 at the tailpipe and g `CO2e` upstream of a MJ of each carrier.
pub fn factors(world: &World, supply: &Supply) -> [(f64, f64); CARRIERS] {
    let fuels = &world.fuels;
    let ethanol = by_energy(Biofuel::Ethanol, supply.ethanol);
    let (esters, oils) = (supply.biodiesel * 33.0, supply.hydrotreated * 34.3);
    let diesel = esters + oils + (1.0 - supply.biodiesel - supply.hydrotreated) * 35.8;
    let (biodiesel, hydrotreated) = (esters / diesel, oils / diesel);
    let [of_ethanol, of_biodiesel, of_hydrotreated] = supply.biofuel_g_per_mj;
    [
        (
            (1.0 - ethanol) * fuels.tailpipe_g_per_mj[0],
            (1.0 - ethanol) * fuels.supply_g_per_mj[0] + ethanol * of_ethanol,
        ),
        (
            (1.0 - biodiesel - hydrotreated) * fuels.tailpipe_g_per_mj[1],
            (1.0 - biodiesel - hydrotreated) * fuels.supply_g_per_mj[1]
                + biodiesel * of_biodiesel
                + hydrotreated * of_hydrotreated,
        ),
        (fuels.tailpipe_g_per_mj[2], fuels.supply_g_per_mj[2]),
        (0.0, supply.grid_g_per_kwh / 3.6),
        (0.0, fuels.supply_g_per_mj[3]),
    ]
}

/// Energy and CO2 of a fleet; `year` is the position of the year.
pub fn fleet_energy(
    world: &World,
    state: &CountryState,
    supply: &Supply,
    year: usize,
) -> FleetEnergy {
    let mut energy = FleetEnergy {
        petajoule: [[0.0; CARRIERS]; POWERTRAINS],
        tailpipe_mt: [0.0; POWERTRAINS],
        supply_mt: [0.0; POWERTRAINS],
        oil_displaced_pj: 0.0,
    };
    let decline: [f64; AGES] =
        std::array::from_fn(|age| (-supply.km_age_decline * age as f64).exp());
    let (mut vehicles, mut weighted) = (0.0, 0.0);
    for f in 0..POWERTRAINS {
        for (count, weight) in state.light(f).iter().zip(&decline) {
            vehicles += count;
            weighted += count * weight;
        }
    }
    if weighted <= 0.0 {
        return energy;
    }
    // Scaled so that the mean vehicle drives the recorded distance.
    let km_new = supply.km * vehicles / weighted;
    let factors = factors(world, supply);
    for &powertrain in Powertrain::ALL {
        let f = powertrain.index();
        for (age, (count, weight)) in state.light(f).iter().zip(&decline).enumerate() {
            // PJ per vehicle and MJ/km: km x 1e-9.
            let distance = count * weight * km_new * 1e-9;
            let fuel = distance * state.fuel_use(f, year, age);
            let electricity = distance * state.electricity_use(f, year, age);
            energy.petajoule[f][tank(powertrain).index()] += fuel;
            energy.petajoule[f][Carrier::Electricity.index()] += electricity;
            if !powertrain.is_conventional() {
                energy.oil_displaced_pj += distance
                    * state.fuel_use(Powertrain::Gasoline.index(), year, age)
                    - if powertrain == Powertrain::FuelCell {
                        0.0
                    } else {
                        fuel
                    };
            }
        }
        for (carrier, (tailpipe, upstream)) in factors.iter().enumerate() {
            // PJ x g/MJ = 1e9 g = kt.
            energy.tailpipe_mt[f] += energy.petajoule[f][carrier] * tailpipe * 1e-3;
            energy.supply_mt[f] += energy.petajoule[f][carrier] * upstream * 1e-3;
        }
    }
    energy
}
