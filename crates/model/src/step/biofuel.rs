//! Biofuels (model.md section 9): blends follow their mandate as far as feedstock reaches.
//!
//! `share = min(mandate, max(share(B), potential / fuel))`, in energy and with last year's fuel; a mandate of the record
//! never falls below the base year by this, and a country without a feedstock on record is limited by its mandate alone.

use crate::ids::{Biofuel, Carrier, year_index};
use crate::measures::Measures;
use crate::parameters::Parameters;
use crate::step::energy::FleetEnergy;
use crate::world::World;

/// Biofuel in the tank of a country: volume shares and carbon.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Blend {
    /// Volume share of ethanol in petrol.
    pub ethanol: f64,
    /// Volume share of esters in diesel.
    pub biodiesel: f64,
    /// Volume share of hydrotreated oil in diesel.
    pub hydrotreated: f64,
    /// g `CO2e`/MJ before the tank with land use: ethanol, esters, hydrotreated oil.
    pub supply_g_per_mj: [f64; 3],
    /// True where feedstock, not the mandate, sets a share: ethanol, esters, hydrotreated oil.
    pub limited: [bool; 3],
}

/// g `CO2e`/MJ of the record where a country has no feedstock of its own.
const HYDROTREATED_G_PER_MJ: f64 = 16.0;

/// Blend of a year; `last` is the energy of the year before, none in history.
pub fn blend(
    world: &World,
    parameters: &Parameters,
    measures: &Measures,
    c: usize,
    year: i32,
    last: Option<&FleetEnergy>,
) -> Blend {
    let t = year_index(year);
    let base = year_index(world.base_year).min(t);
    let wished = |fuel: Biofuel| {
        // No measure reaches the base year.
        if year > world.base_year {
            measures.biofuel[fuel.index()][(c, t)]
        } else {
            0.0
        }
    };
    let supply = &world.resources.biofuels[c];
    let carbon = |fuel: Biofuel, otherwise: f64| {
        supply[fuel.index()].map_or(otherwise, |own| own.supply_g_per_mj + own.land_use_g_per_mj)
    };
    let mut limited = [false; 3];
    let mut share = |fuel: Biofuel, recorded: f64, of_base: f64| {
        let asked = recorded.max(wished(fuel));
        let (Some(energy), Some(own)) = (last, supply[fuel.index()]) else {
            return asked;
        };
        let (carrier, scope) = match fuel {
            Biofuel::Ethanol => (Carrier::Gasoline, "biofuel.light_share_of_gasoline"),
            _ => (Carrier::Diesel, "biofuel.light_share_of_diesel"),
        };
        let burnt: f64 = energy
            .petajoule
            .iter()
            .map(|row| row[carrier.index()])
            .sum();
        let most = own.potential_pj * parameters.get(scope) / burnt.max(1e-9);
        let most = by_volume(fuel, most.min(1.0)).max(of_base);
        if asked > most {
            limited[fuel.index()] = true;
        }
        asked.min(most)
    };
    let ethanol = share(
        Biofuel::Ethanol,
        world.ethanol_share[(c, t)],
        world.ethanol_share[(c, base)],
    );
    let biodiesel = share(
        Biofuel::Biodiesel,
        world.biodiesel_share[(c, t)],
        world.biodiesel_share[(c, base)],
    );
    let hydrotreated = share(Biofuel::Hydrotreated, 0.0, 0.0).min(1.0 - biodiesel);
    Blend {
        ethanol,
        biodiesel,
        hydrotreated,
        supply_g_per_mj: [
            carbon(Biofuel::Ethanol, world.fuels.biofuel_g_per_mj[0]),
            carbon(Biofuel::Biodiesel, world.fuels.biofuel_g_per_mj[1]),
            carbon(Biofuel::Hydrotreated, HYDROTREATED_G_PER_MJ),
        ],
        limited,
    }
}

/// MJ a litre of a biofuel and of the fuel it goes into.
const fn heat(fuel: Biofuel) -> (f64, f64) {
    match fuel {
        Biofuel::Ethanol => (21.2, 32.0),
        Biofuel::Biodiesel => (33.0, 35.8),
        Biofuel::Hydrotreated => (34.3, 35.8),
    }
}

/// Volume share that makes an energy share.
pub fn by_volume(fuel: Biofuel, energy: f64) -> f64 {
    let (own, other) = heat(fuel);
    energy / own / (energy / own + (1.0 - energy) / other)
}

/// Energy share that a volume share makes.
pub fn by_energy(fuel: Biofuel, volume: f64) -> f64 {
    let (own, other) = heat(fuel);
    volume * own / (volume * own + (1.0 - volume) * other)
}

/// Biofuel beyond what the mandate asks, GJ.
pub fn added_gj(world: &World, blend: &Blend, c: usize, year: i32, energy: &FleetEnergy) -> f64 {
    let t = year_index(year);
    let burnt = |carrier: Carrier| -> f64 {
        energy
            .petajoule
            .iter()
            .map(|row| row[carrier.index()])
            .sum()
    };
    let above = |fuel: Biofuel, share: f64, mandate: f64| {
        (by_energy(fuel, share) - by_energy(fuel, mandate)).max(0.0)
    };
    let petrol = above(Biofuel::Ethanol, blend.ethanol, world.ethanol_share[(c, t)]);
    let diesel = above(
        Biofuel::Biodiesel,
        blend.biodiesel,
        world.biodiesel_share[(c, t)],
    ) + above(Biofuel::Hydrotreated, blend.hydrotreated, 0.0);
    1e6 * (petrol * burnt(Carrier::Gasoline) + diesel * burnt(Carrier::Diesel))
}
