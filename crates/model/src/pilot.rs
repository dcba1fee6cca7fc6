//! Pilots: small calculations on stated inputs, with the world's prices, grids and fuels around them.
//!
//! A pilot is a TOML file of inputs, each with unit, source and basis; its `kind` names the calculation:
//! `freight` (a tonne-km by powertrain), `hydrogen` (a plant and the vehicles it serves), `plant` (an investment).
//! Every line of the result carries its formula.

use serde::Serialize;
use toml_edit::{Document, Item, TableLike};

use crate::calibrate::workforce::LabourFit;
use crate::ids::{Carrier, Powertrain, SKILLS, year_index};
use crate::input::{Problem, Problems, Record, nearest, position};
use crate::measures::Measures;
use crate::step::biofuel;
use crate::step::cost::CostYear;
use crate::step::energy::{self, Supply};
use crate::step::making::{self, MakingLaw, Site, Vehicle};
use crate::step::{industry, minerals};
use crate::world::World;

/// An input with its provenance.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PilotInput {
    /// Name, with the vehicle it belongs to.
    pub name: String,
    /// Value.
    pub value: f64,
    /// Unit.
    pub unit: String,
    /// Lowest and highest sensible value, where stated.
    pub range: Option<(f64, f64)>,
    /// Source key.
    pub source: String,
    /// Basis.
    pub basis: String,
    /// What else there is to say.
    pub note: String,
}

/// A line of the result.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PilotLine {
    /// What it is about: a vehicle, or the whole.
    pub of: String,
    /// What it is.
    pub name: &'static str,
    /// Value.
    pub value: f64,
    /// Unit.
    pub unit: &'static str,
    /// Formula in words.
    pub formula: &'static str,
}

/// A pilot as its file has it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pilot {
    /// Name.
    pub name: String,
    /// Title.
    pub title: String,
    /// Which calculation.
    pub kind: String,
    /// Country.
    pub country: String,
    /// What it is about.
    pub description: String,
    /// What is weak in it.
    pub caution: String,
    /// Inputs of the whole.
    pub inputs: Vec<PilotInput>,
    /// Vehicles by name and powertrain, with their inputs.
    pub vehicles: Vec<(String, String, Vec<PilotInput>)>,
}

const KINDS: [&str; 3] = ["freight", "hydrogen", "plant"];
const KEYS: [&str; 8] = [
    "name",
    "title",
    "kind",
    "country",
    "description",
    "caution",
    "input",
    "vehicle",
];
const VEHICLE: [&str; 6] = ["energy", "payload", "mass", "battery", "price", "upkeep"];
const BASES: [&str; 4] = ["measured", "literature", "estimate", "recalled"];

/// Inputs that a kind needs.
fn needed(kind: &str) -> &'static [&'static str] {
    match kind {
        "freight" => &["annual_km", "load_factor", "life_years", "discount_rate"],
        "hydrogen" => &[
            "plant_rating",
            "hydrogen_density",
            "announced_output",
            "methane_heat",
            "reforming_efficiency",
            "light_use",
            "truck_use",
            "light_km_a_day",
            "truck_km_a_day",
            "diesel_use",
            "hydrogen_carbon",
            "hydrogen_carbon_credit",
        ],
        _ => &[
            "capacity",
            "utilisation",
            "export_share",
            "investment_per_capacity",
            "battery",
            "mass",
            "price",
            "local_content",
            "life_years",
            "discount_rate",
        ],
    }
}

/// Reads one file and gathers what is wrong.
struct Reader<'a> {
    file: &'a str,
    text: &'a str,
    record: &'a Record,
    problems: Problems,
}

impl Reader<'_> {
    fn problem(&mut self, item: Option<&Item>, key: &str, message: String, help: String) {
        let (line, column) = item
            .and_then(Item::span)
            .map_or((0, 0), |span| position(self.text, span.start));
        self.problems.push(Problem {
            file: self.file.to_owned(),
            line,
            column,
            key: key.to_owned(),
            message,
            help,
        });
    }

    fn word(&mut self, table: &dyn TableLike, key: &str, scope: &str) -> String {
        let word = table.get(key).and_then(Item::as_str);
        if let Some(word) = word {
            return word.to_owned();
        }
        let message = format!("{scope}`{key}` is missing or no text");
        self.problem(
            table.get(key),
            key,
            message,
            format!("expected {key} = \"...\""),
        );
        String::new()
    }

    /// Inputs of a table, all that `names` lists and none beside.
    fn inputs(&mut self, table: &dyn TableLike, names: &[&str], scope: &str) -> Vec<PilotInput> {
        let mut inputs = Vec::new();
        for name in names {
            let Some(of) = table.get(name).and_then(Item::as_table_like) else {
                let message = format!("{scope}input `{name}` is missing");
                let help = format!(
                    "expected {name} = {{ value = 1.0, unit = \"...\", source = \"...\", basis = \"...\" }}"
                );
                self.problem(table.get(name), name, message, help);
                continue;
            };
            let number = |key: &str| {
                let item = of.get(key)?;
                item.as_float()
                    .or_else(|| item.as_integer().map(|value| value as f64))
            };
            let Some(value) = number("value").filter(|value| value.is_finite()) else {
                let message = format!("{scope}`{name}` has no value");
                self.problem(
                    table.get(name),
                    name,
                    message,
                    "expected value = a number".to_owned(),
                );
                continue;
            };
            let range = number("low").zip(number("high"));
            if range.is_some_and(|(low, high)| value < low || value > high) {
                let message = format!("{scope}`{name}` {value} lies outside its own range");
                self.problem(
                    table.get(name),
                    name,
                    message,
                    "mend value, low or high".to_owned(),
                );
            }
            let text = |key: &str| of.get(key).and_then(Item::as_str).unwrap_or("").to_owned();
            let (source, basis) = (text("source"), text("basis"));
            if !self.record.sources.contains_key(&source) {
                let message = format!("{scope}`{name}`: unknown source `{source}`");
                self.problem(
                    of.get("source"),
                    name,
                    message,
                    "name a key of the bibliography".to_owned(),
                );
            }
            if !BASES.contains(&basis.as_str()) {
                let message = format!("{scope}`{name}`: unknown basis `{basis}`");
                self.problem(
                    of.get("basis"),
                    name,
                    message,
                    format!("expected one of {}", BASES.join(", ")),
                );
            }
            inputs.push(PilotInput {
                name: format!("{scope}{name}"),
                value,
                unit: text("unit"),
                range,
                source,
                basis,
                note: text("note"),
            });
        }
        inputs
    }
}

impl Pilot {
    /// Reads a pilot; gives all problems at once.
    pub fn read(file: &str, text: &str, record: &Record, world: &World) -> Result<Self, Problems> {
        let mut reader = Reader {
            file,
            text,
            record,
            problems: Problems::default(),
        };
        let document = match Document::parse(text) {
            Ok(document) => document,
            Err(error) => {
                reader.problem(
                    None,
                    "",
                    format!("is no TOML: {}", error.message()),
                    String::new(),
                );
                return Err(reader.problems);
            }
        };
        let table = document.as_table();
        for (key, item) in table {
            if !KEYS.contains(&key) {
                let help = nearest(key, KEYS).map_or_else(
                    || format!("the keys are {}", KEYS.join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                reader.problem(Some(item), key, format!("unknown key `{key}`"), help);
            }
        }
        let mut words = ["name", "title", "kind", "country", "description", "caution"]
            .map(|key| reader.word(table, key, ""));
        if !KINDS.contains(&words[2].as_str()) {
            let message = format!("unknown kind of pilot `{}`", words[2]);
            reader.problem(
                table.get("kind"),
                "kind",
                message,
                format!("expected one of {}", KINDS.join(", ")),
            );
        }
        if world.country(&words[3]).is_none() {
            let message = format!("unknown country `{}`", words[3]);
            reader.problem(
                table.get("country"),
                "country",
                message,
                "codes are ISO 3166-1 alpha-3".to_owned(),
            );
        }
        let inputs = if let Some(inputs) = table.get("input").and_then(Item::as_table_like) {
            reader.inputs(inputs, needed(&words[2]), "")
        } else {
            let help = "expected [input]".to_owned();
            reader.problem(None, "input", "no inputs".to_owned(), help);
            Vec::new()
        };
        let mut vehicles = Vec::new();
        if let Some(tables) = table.get("vehicle").and_then(Item::as_array_of_tables) {
            for of in tables {
                let name = reader.word(of, "name", "vehicle ");
                let powertrain = reader.word(of, "powertrain", "vehicle ");
                if Powertrain::from_code(&powertrain).is_none() {
                    let codes: Vec<&str> = Powertrain::ALL.iter().map(|f| f.code()).collect();
                    let message = format!("unknown powertrain `{powertrain}`");
                    reader.problem(
                        of.get("powertrain"),
                        "powertrain",
                        message,
                        format!("expected one of {}", codes.join(", ")),
                    );
                }
                let own = reader.inputs(of, &VEHICLE, &format!("{name}: "));
                vehicles.push((name, powertrain, own));
            }
        }
        if words[2] == "freight" && vehicles.is_empty() {
            reader.problem(
                None,
                "vehicle",
                "no vehicle".to_owned(),
                "expected [[vehicle]]".to_owned(),
            );
        }
        let [name, title, kind, country, description, caution] = std::mem::take(&mut words);
        reader.problems.or_ok(Self {
            name,
            title,
            kind,
            country,
            description,
            caution,
            inputs,
            vehicles,
        })
    }

    /// An input of the whole; NaN cannot come, since reading asks for all.
    fn get(&self, name: &str) -> f64 {
        value(&self.inputs, name)
    }

    /// The result, line by line.
    pub fn compute(&self, world: &World, costs: &CostYear, labour: &LabourFit) -> Vec<PilotLine> {
        let Some(c) = world.country(&self.country) else {
            return Vec::new();
        };
        match self.kind.as_str() {
            "freight" => self.freight(world, costs, c),
            "hydrogen" => self.hydrogen(world, costs, c),
            _ => self.plant(world, costs, labour, c),
        }
    }

    fn freight(&self, world: &World, costs: &CostYear, c: usize) -> Vec<PilotLine> {
        let mut lines = Vec::new();
        let (km, years) = (self.get("annual_km"), self.get("life_years"));
        for (name, powertrain, inputs) in &self.vehicles {
            let Some(powertrain) = Powertrain::from_code(powertrain) else {
                continue;
            };
            let of = |key: &str| value(inputs, &format!("{name}: {key}"));
            let around = Around::new(world, costs, c, powertrain);
            let energy = of("energy");
            let kg = around.making_kg(world, costs, c, of("mass"), of("battery"));
            let well_to_wheel = energy * around.g_per_mj;
            let life_cycle = well_to_wheel + 1000.0 * kg / (km * years);
            let tonnes = of("payload") * 1e-3 * self.get("load_factor");
            let capital = of("price") * annuity(self.get("discount_rate"), years) / km;
            let fuel = energy * around.usd_per_mj;
            let cost = capital + fuel + of("upkeep");
            let mut line = |name_: &'static str, value: f64, unit, formula| {
                lines.push(PilotLine {
                    of: name.clone(),
                    name: name_,
                    value,
                    unit,
                    formula,
                });
            };
            line("energy", energy, "MJ/km", "input");
            line("payload", of("payload"), "kg", "input");
            line(
                "well to wheel",
                well_to_wheel,
                "g CO2e/km",
                "energy x carbon of the fuel or grid",
            );
            line(
                "making",
                kg,
                "kg CO2e",
                "plant, materials and battery at a Thai site",
            );
            line(
                "life cycle",
                life_cycle,
                "g CO2e/km",
                "well to wheel + making / (annual km x life)",
            );
            line(
                "life cycle of a tonne-km",
                life_cycle / tonnes,
                "g CO2e/t km",
                "life cycle / (payload x load factor)",
            );
            line(
                "energy cost",
                fuel,
                "USD/km",
                "energy x retail price of 2023",
            );
            line(
                "capital cost",
                capital,
                "USD/km",
                "price x annuity / annual km",
            );
            line("cost", cost, "USD/km", "capital + energy + upkeep");
            line(
                "cost of a tonne-km",
                cost / tonnes,
                "USD/t km",
                "cost / (payload x load factor)",
            );
        }
        lines
    }

    fn hydrogen(&self, world: &World, costs: &CostYear, c: usize) -> Vec<PilotLine> {
        let rated = self.get("plant_rating") * 24.0 * self.get("hydrogen_density") * 1e-3;
        let methane = rated * 120.0 / self.get("reforming_efficiency") / self.get("methane_heat");
        let light_km = rated / self.get("light_use") * 100.0;
        let truck_km = rated / self.get("truck_use") * 100.0;
        let diesel = Around::new(world, costs, c, Powertrain::Diesel);
        let saved = |carbon: f64| {
            365.0e-3 * (light_km * self.get("diesel_use") * diesel.g_per_mj * 1e-3 - rated * carbon)
        };
        let line = |name, value, unit, formula| PilotLine {
            of: "plant".to_owned(),
            name,
            value,
            unit,
            formula,
        };
        vec![
            line("hydrogen", rated, "kg/day", "rating x 24 h x density"),
            line(
                "over what was announced",
                rated / self.get("announced_output"),
                "1",
                "hydrogen / announced output",
            ),
            line(
                "methane",
                methane,
                "Nm3/day",
                "hydrogen x 120 MJ/kg / efficiency / heat of methane",
            ),
            line(
                "distance of light vehicles",
                light_km,
                "km/day",
                "hydrogen / use of a fuel-cell pickup",
            ),
            line(
                "light vehicles served",
                light_km / self.get("light_km_a_day"),
                "vehicles",
                "distance / daily distance",
            ),
            line(
                "distance of heavy trucks",
                truck_km,
                "km/day",
                "hydrogen / use of a fuel-cell truck",
            ),
            line(
                "heavy trucks served",
                truck_km / self.get("truck_km_a_day"),
                "trucks",
                "distance / daily distance",
            ),
            line(
                "CO2 saved without credit",
                saved(self.get("hydrogen_carbon")),
                "t CO2e/year",
                "365 x (distance x diesel well to wheel - hydrogen x its carbon), light vehicles",
            ),
            line(
                "CO2 saved with credit for methane",
                saved(self.get("hydrogen_carbon_credit")),
                "t CO2e/year",
                "as above, where manure would lie in an open lagoon",
            ),
        ]
    }

    fn plant(
        &self,
        world: &World,
        costs: &CostYear,
        labour: &LabourFit,
        c: usize,
    ) -> Vec<PilotLine> {
        let made = self.get("capacity") * self.get("utilisation");
        let exported = made * self.get("export_share");
        let invested = self.get("capacity") * self.get("investment_per_capacity");
        let a_year = annuity(self.get("discount_rate"), self.get("life_years"));
        let electric = Powertrain::BatteryElectric;
        let around = Around::new(world, costs, c, electric);
        let kg = around.making_kg(world, costs, c, self.get("mass"), self.get("battery"));
        let hours: [f64; SKILLS] = world.resources.labour.by_skill(electric.index());
        let jobs = made * hours.iter().sum::<f64>() * labour.intensity[c]
            / world.parameters.get("workforce.hours_a_year");
        let skilled = made * hours[crate::ids::Skill::Electrified.index()] * labour.intensity[c]
            / world.parameters.get("workforce.hours_a_year");
        let line = |name, value, unit, formula| PilotLine {
            of: "plant".to_owned(),
            name,
            value,
            unit,
            formula,
        };
        vec![
            line(
                "production",
                made,
                "vehicles/year",
                "capacity x utilisation",
            ),
            line(
                "sold at home",
                made - exported,
                "vehicles/year",
                "production x (1 - export share)",
            ),
            line(
                "exported",
                exported,
                "vehicles/year",
                "production x export share",
            ),
            line(
                "investment",
                invested / 1e6,
                "million USD",
                "capacity x investment per capacity",
            ),
            line(
                "capital cost",
                invested * a_year / made,
                "USD/vehicle",
                "investment x annuity / production",
            ),
            line(
                "export value",
                exported * self.get("price") / 1e6,
                "million USD/year",
                "exported x price",
            ),
            line(
                "value made in the country",
                made * self.get("price") * self.get("local_content") / 1e6,
                "million USD/year",
                "production x price x local content",
            ),
            line(
                "packs",
                made * self.get("battery") * 1e-6,
                "GWh/year",
                "production x battery",
            ),
            line(
                "jobs, all tiers",
                jobs,
                "people",
                "production x hours of a battery-electric vehicle / hours a year",
            ),
            line(
                "of which electrified skills",
                skilled,
                "people",
                "as above, hours of the skill",
            ),
            line(
                "carbon of making",
                kg,
                "kg CO2e/vehicle",
                "plant, materials and battery at the site",
            ),
        ]
    }
}

fn value(inputs: &[PilotInput], name: &str) -> f64 {
    inputs
        .iter()
        .find(|input| input.name == name)
        .map_or(f64::NAN, |input| input.value)
}

/// Yearly payment for one dollar over some years.
fn annuity(rate: f64, years: f64) -> f64 {
    if rate > 0.0 {
        rate / (1.0 - (1.0 + rate).powf(-years))
    } else {
        1.0 / years
    }
}

/// What surrounds a vehicle in a country in the base year.
struct Around {
    powertrain: Powertrain,
    g_per_mj: f64,
    usd_per_mj: f64,
    grid_g_per_kwh: Vec<f64>,
}

impl Around {
    fn new(world: &World, costs: &CostYear, c: usize, powertrain: Powertrain) -> Self {
        let t = year_index(costs.year);
        let grid: Vec<f64> = (0..world.countries.len())
            .map(|c| world.grid_g_per_kwh[(c, t)])
            .collect();
        let blend = biofuel::of_base(world, c);
        let supply = Supply {
            ethanol: blend.ethanol,
            biodiesel: blend.biodiesel,
            hydrotreated: blend.hydrotreated,
            biofuel_g_per_mj: blend.supply_g_per_mj,
            grid_g_per_kwh: grid[c],
            km: 1.0,
            km_age_decline: 0.0,
        };
        let carrier = energy::tank(powertrain);
        let (tailpipe, upstream) = energy::factors(world, &supply)[carrier.index()];
        let price = costs.fuel_usd_per_mj.row(c);
        Self {
            powertrain,
            g_per_mj: tailpipe + upstream,
            usd_per_mj: match carrier {
                Carrier::Gasoline => price[0],
                Carrier::Diesel => price[1],
                Carrier::Gas => price[2],
                Carrier::Electricity => price[3],
                Carrier::Hydrogen => price[4],
            },
            grid_g_per_kwh: grid,
        }
    }

    fn making_kg(
        &self,
        world: &World,
        costs: &CostYear,
        c: usize,
        mass_kg: f64,
        battery_kwh: f64,
    ) -> f64 {
        let site = Site {
            country: c,
            origin: Some(crate::ids::Origin::Japan),
            year: costs.year,
            grid_g_per_kwh: self.grid_g_per_kwh[c],
            cell_grid_g_per_kwh: industry::cell_grid(world, &self.grid_g_per_kwh),
        };
        let vehicle = Vehicle {
            powertrain: self.powertrain,
            mass_kg,
            battery_kwh,
            chemistry: minerals::chemistry(world, &world.parameters, c, costs.year),
        };
        let law = MakingLaw::new(&world.parameters);
        let none = Measures::none(world.countries.len());
        making::making(world, &law, &none, &site, &vehicle).total()
    }
}
