//! Making a vehicle: energy, materials, carbon (model.md section 9).
//!
//! `plant = E (e g (1 - r) + (1 - e) [(1 - h) f_gas + h g (1 - r) / cop]) (1 - m)`, with plant energy `E`, its electric part
//! `e`, grid `g`, renewable part `r`, heat electrified `h`, saving by measurement `m`;
//! `materials = mass / mass_ref sum_i kg_i k_i` with low-carbon steel; `battery = kWh (materials of chemistry + cell energy x grid)`.

use crate::ids::{CHEMISTRIES, Chemistry, Origin, Powertrain, year_index};
use crate::measures::Measures;
use crate::parameters::Parameters;
use crate::world::World;
use crate::world::resources::Materials;

/// kg `CO2e` of one vehicle from mine to gate.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct MakingCarbon {
    /// Assembly plant and the plants of suppliers.
    pub assembly: f64,
    /// Steel, aluminium, plastics and the rest.
    pub materials: f64,
    /// Traction battery.
    pub battery: f64,
}

impl MakingCarbon {
    /// All stages.
    pub fn total(&self) -> f64 {
        self.assembly + self.materials + self.battery
    }
}

/// Where and how a vehicle is made.
#[derive(Debug, Clone, Copy)]
pub struct Site {
    /// Country of the plant.
    pub country: usize,
    /// Origin of the maker, where its plants are on record.
    pub origin: Option<Origin>,
    /// Year.
    pub year: i32,
    /// g `CO2e`/kWh of the grid at the plant.
    pub grid_g_per_kwh: f64,
    /// g `CO2e`/kWh of the grid where cells come from, as far as they are imported.
    pub cell_grid_g_per_kwh: f64,
}

/// A vehicle as far as its making is concerned.
#[derive(Debug, Clone, Copy)]
pub struct Vehicle {
    /// Powertrain.
    pub powertrain: Powertrain,
    /// Kerb mass, kg.
    pub mass_kg: f64,
    /// Traction battery, kWh.
    pub battery_kwh: f64,
    /// Chemistry of the battery.
    pub chemistry: [f64; CHEMISTRIES],
}

/// Parameters of making, read once.
#[derive(Debug, Clone, Copy)]
pub struct MakingLaw {
    /// Plant energy, `MWh` a vehicle, of makers without a record and of Japanese ones.
    plant_mwh: [f64; 2],
    parts_mwh: f64,
    electric_share: f64,
    gas_g_per_kwh: f64,
    heat_pump: f64,
    measured_saving: f64,
    steel_abated: f64,
    aluminium_kwh_per_kg: f64,
    cell_kwh_per_kwh: f64,
    local_cells: f64,
    pack_kg_per_kwh: f64,
    battery_iron: f64,
    battery_nickel: f64,
}

impl MakingLaw {
    /// Reads the parameters.
    pub fn new(parameters: &Parameters) -> Self {
        let get = |name: &str| parameters.get(&format!("making.{name}"));
        Self {
            plant_mwh: [get("plant_energy.other"), get("plant_energy.JPN")],
            parts_mwh: get("parts_energy"),
            electric_share: get("electric_share"),
            gas_g_per_kwh: get("gas_intensity"),
            heat_pump: get("heat_pump_factor"),
            measured_saving: get("measured_saving"),
            steel_abated: get("low_carbon_steel_cut"),
            aluminium_kwh_per_kg: get("aluminium_electricity"),
            cell_kwh_per_kwh: get("cell_electricity"),
            local_cells: get("local_cells"),
            pack_kg_per_kwh: get("pack_mass"),
            battery_iron: get("battery_materials.LFP"),
            battery_nickel: get("battery_materials.nickel"),
        }
    }

    /// `MWh` of plant and parts: (electricity, heat).
    pub fn plant_energy_mwh(&self, origin: Option<Origin>) -> (f64, f64) {
        let plant = self.plant_mwh[usize::from(origin == Some(Origin::Japan))];
        let all = plant + self.parts_mwh;
        (all * self.electric_share, all * (1.0 - self.electric_share))
    }
}

/// Carbon of making one vehicle.
pub fn making(
    world: &World,
    law: &MakingLaw,
    measures: &Measures,
    site: &Site,
    vehicle: &Vehicle,
) -> MakingCarbon {
    let (c, t) = (site.country, year_index(site.year));
    let power = site.grid_g_per_kwh * (1.0 - measures.renewable_power[(c, t)]);
    let electrified = measures.heat_electrification[(c, t)];
    let measured = 1.0 - law.measured_saving * measures.measured_co2[(c, t)];
    let (electric, heat) = law.plant_energy_mwh(site.origin);
    // MWh x g/kWh are kg.
    let assembly = measured
        * (electric * power
            + heat
                * ((1.0 - electrified) * law.gas_g_per_kwh + electrified * power / law.heat_pump));

    let of = &world.resources.making;
    let reference: f64 = of.kg.iter().sum();
    let body = vehicle.mass_kg - law.pack_kg_per_kwh * vehicle.battery_kwh;
    let scale = body.max(0.3 * vehicle.mass_kg) / reference;
    let green = measures.low_carbon_steel[(c, t)];
    let materials: f64 = (0..of.kg.len())
        .map(|i| {
            let factor = match i {
                Materials::STEEL => of.kg_per_kg[i] * (1.0 - law.steel_abated * green),
                // The recorded factor stands for the mean grid of smelters; the plant's own country moves half of it.
                Materials::ALUMINIUM => {
                    of.kg_per_kg[i]
                        + 0.5
                            * law.aluminium_kwh_per_kg
                            * (site.grid_g_per_kwh - SMELTER_GRID_G_PER_KWH)
                            * 1e-3
                }
                _ => of.kg_per_kg[i],
            };
            of.kg[i] * factor.max(0.0)
        })
        .sum::<f64>()
        * scale;

    let iron = vehicle.chemistry[Chemistry::Lfp.index()]
        + vehicle.chemistry[Chemistry::Lmo.index()]
        + vehicle.chemistry[Chemistry::SodiumIon.index()];
    let cells = law.local_cells * power + (1.0 - law.local_cells) * site.cell_grid_g_per_kwh;
    let per_kwh = iron * law.battery_iron
        + (1.0 - iron) * law.battery_nickel
        + law.cell_kwh_per_kwh * cells * 1e-3;
    MakingCarbon {
        assembly,
        materials,
        battery: vehicle.battery_kwh * per_kwh,
    }
}

/// Grid at which the recorded factor of aluminium holds, g `CO2e`/kWh.
const SMELTER_GRID_G_PER_KWH: f64 = 480.0;
