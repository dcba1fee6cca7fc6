//! `kyoso example run PILOT`: a small calculation on stated inputs, with its formulas and sources.

use anyhow::{Result, bail};
use kyoso_model::calibrate;
use kyoso_model::ids::year_index;
use kyoso_model::input::{Record, Source};
use kyoso_model::pilot::Pilot;
use kyoso_model::step::cost;
use kyoso_model::world::World;

use crate::cli::Common;
use crate::term;

/// Pilots of the pack.
pub const NAMES: [&str; 3] = ["pilot-hilux-bev", "pilot-biogas-hydrogen", "mitsubishi-ptt"];

/// Where a pilot is in a pack.
pub fn path(name: &str) -> String {
    format!("pilots/{name}.toml")
}

/// Reads a pilot of a pack.
pub fn read(source: &dyn Source, name: &str, record: &Record, world: &World) -> Result<Pilot> {
    let path = path(name);
    let Some(bytes) = source.read(&path) else {
        bail!(
            "data/{path} is missing\n  help: `kyoso data init DIR` writes a fresh copy of the pack"
        );
    };
    let text = String::from_utf8_lossy(&bytes);
    Ok(Pilot::read(&format!("data/{path}"), &text, record, world)?)
}

/// Prints the result of a pilot with its formulas and inputs.
pub fn run(common: &Common, source: &dyn Source, name: &str) -> Result<()> {
    let record = Record::load(source)?;
    let mut world = World::build(&record)?;
    let pilot = read(source, name, &record, &world)?;
    let base = calibrate::calibrate(&mut world, &record);
    let costs = cost::history(&world, year_index(world.base_year));
    let lines = pilot.compute(&world, &costs, &base.labour);
    if common.json {
        let all = serde_json::json!({"pilot": pilot, "result": lines});
        return term::print(&format!("{}\n", serde_json::to_string_pretty(&all)?));
    }
    let mut text = format!(
        "{}\n\n{}\n{}\n\n",
        pilot.title, pilot.description, pilot.caution
    );
    let rows: Vec<Vec<String>> = lines
        .iter()
        .map(|line| {
            vec![
                line.of.clone(),
                line.name.to_owned(),
                number(line.value),
                line.unit.to_owned(),
                line.formula.to_owned(),
            ]
        })
        .collect();
    text.push_str(&term::columns(&rows));
    text.push_str("\ninputs\n");
    let of_vehicles = pilot.vehicles.iter().flat_map(|(_, _, inputs)| inputs);
    for input in pilot.inputs.iter().chain(of_vehicles) {
        let range = input
            .range
            .map_or_else(String::new, |(low, high)| format!(" ({low} to {high})"));
        let note = if input.note.is_empty() {
            String::new()
        } else {
            format!("; {}", input.note)
        };
        let title = record.sources.get(&input.source).map_or("", String::as_str);
        text.push_str(&format!(
            "  {} = {} {}{range} [{}] {title}{note}\n",
            input.name, input.value, input.unit, input.basis
        ));
    }
    term::print(&text)
}

/// Four significant digits.
fn number(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    let digits = (3 - value.abs().log10().floor() as i32).clamp(0, 9) as usize;
    format!("{value:.digits$}")
}
