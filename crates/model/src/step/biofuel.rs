//! Biofuels (model.md section 9): blends follow their mandate as far as feedstock reaches.
//!
//! The record of blends ends with the base year; after it what is blended moves with the mandates among the rules (`biofuel_mandate`),
//! `asked = min(share(B) mandate / mandate(B), max(mandate, share(B)))`, since a recorded share is also what was not blended everywhere.
//! A country without a mandate in the base year goes on as it was until one asks for more.
//! `share = min(asked, max(share(B), potential / fuel))`, in energy and with last year's fuel; what is asked
//! never falls below the base year by this, and a country without a feedstock on record is limited by its mandate alone.

use crate::ids::{Biofuel, Carrier, Grid, year_index};
use crate::measures::Measures;
use crate::parameters::Parameters;
use crate::rules::{Date, Rules};
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
    /// Volume shares that mandates ask for: ethanol, esters.
    pub mandated: [f64; 2],
    /// g `CO2e`/MJ before the tank with land use: ethanol, esters, hydrotreated oil.
    pub supply_g_per_mj: [f64; 3],
    /// True where feedstock, not the mandate, sets a share: ethanol, esters, hydrotreated oil.
    pub limited: [bool; 3],
}

/// g `CO2e`/MJ of the record where a country has no feedstock of its own.
const HYDROTREATED_G_PER_MJ: f64 = 16.0;

/// Volume share of a biofuel that is asked in a year after the base year.
pub fn mandated(
    world: &World,
    rules: &Rules,
    c: usize,
    fuel: Biofuel,
    year: i32,
    policy_as_of: Option<Date>,
) -> f64 {
    let recorded = recorded(world, fuel)[(c, year_index(world.base_year))];
    let mandate = |rules: &Rules, year: i32, floor: f64| {
        rules.blend_mandate(c, fuel, year, policy_as_of, floor)
    };
    // What the record holds was asked by the pack's rules, whatever a scenario says of them.
    let then = mandate(&world.rules, world.base_year, 0.0);
    if then > 0.0 {
        let now = mandate(rules, year, 0.0);
        (recorded * now / then).min(now.max(recorded))
    } else {
        mandate(rules, year, recorded)
    }
}

/// Recorded volume shares of a biofuel.
fn recorded(world: &World, fuel: Biofuel) -> &Grid {
    match fuel {
        Biofuel::Ethanol => &world.ethanol_share,
        _ => &world.biodiesel_share,
    }
}

/// Blend of the base year: the record's.
pub fn of_base(world: &World, c: usize) -> Blend {
    let shares = [Biofuel::Ethanol, Biofuel::Biodiesel]
        .map(|fuel| recorded(world, fuel)[(c, year_index(world.base_year))]);
    let measures = Measures::none(0);
    blend(
        world,
        &world.parameters,
        &measures,
        (c, world.base_year),
        shares,
        None,
    )
}

/// Blend of a year in which mandates ask for shares of ethanol and esters; `last` is the energy of the year before, none in history.
pub fn blend(
    world: &World,
    parameters: &Parameters,
    measures: &Measures,
    (c, year): (usize, i32),
    mandated: [f64; 2],
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
    let mut share = |fuel: Biofuel, mandated: f64, of_base: f64| {
        let asked = mandated.max(wished(fuel));
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
    let [ethanol, biodiesel] = [Biofuel::Ethanol, Biofuel::Biodiesel].map(|fuel| {
        share(
            fuel,
            mandated[fuel.index()],
            recorded(world, fuel)[(c, base)],
        )
    });
    let hydrotreated = share(Biofuel::Hydrotreated, 0.0, 0.0).min(1.0 - biodiesel);
    Blend {
        ethanol,
        biodiesel,
        hydrotreated,
        mandated,
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

/// Biofuel beyond what mandates ask, GJ.
pub fn added_gj(blend: &Blend, energy: &FleetEnergy) -> f64 {
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
    let [ethanol, esters] = blend.mandated;
    let petrol = above(Biofuel::Ethanol, blend.ethanol, ethanol);
    let diesel = above(Biofuel::Biodiesel, blend.biodiesel, esters)
        + above(Biofuel::Hydrotreated, blend.hydrotreated, 0.0);
    1e6 * (petrol * burnt(Carrier::Gasoline) + diesel * burnt(Carrier::Diesel))
}
