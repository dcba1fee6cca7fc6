//! People, minerals and making taken apart: what they follow from in a country and year.

use super::{Explanation, Term};
use crate::ids::{Mineral, Powertrain, Skill};
use crate::results::Results;

/// Tables and heads of parameters behind a variable.
pub type Behind = (&'static [&'static str], &'static [&'static str]);

fn term(name: impl Into<String>, value: f64, unit: &str) -> Term {
    Term {
        name: name.into(),
        value,
        unit: unit.to_owned(),
    }
}

/// Explains a variable of these sections; none where it is not one of them.
pub(super) fn country_terms(
    results: &Results,
    c: usize,
    explanation: &mut Explanation,
) -> Option<Behind> {
    let base = results.world.base_year;
    let outcome = results.outcome;
    let projected = usize::try_from(explanation.year - base - 1)
        .ok()
        .and_then(|k| outcome.years.get(k));
    let variable = explanation.variable.clone();
    let made = projected.map_or(&results.base.made, |year| &year.industry.made);
    let mut terms: Vec<Term> = Powertrain::ALL
        .iter()
        .filter(|f| made.light[(c, f.index())] > 0.0)
        .map(|f| {
            term(
                format!("built: {f}"),
                made.light[(c, f.index())],
                "vehicles",
            )
        })
        .collect();
    let behind: Behind = if variable.starts_with("Labor Force") {
        explanation.equation = "people needed = vehicles made x hours by powertrain and skill x intensity of the country / hours a year, hours falling with productivity; available = stock less who leaves + taught + graduates (model, section 11)".to_owned();
        terms.push(term("heavy vehicles built", made.heavy[c], "vehicles"));
        terms.push(term(
            "hours a vehicle against the reference",
            results.base.labour.intensity[c],
            "",
        ));
        for skill in Skill::ALL {
            if let Some(labour) = projected.map(|year| &year.industry.labour) {
                let at = (c, skill.index());
                terms.push(term(
                    format!("needed: {}", skill.code()),
                    labour.needed[at],
                    "people",
                ));
                terms.push(term(
                    format!("  available: {}", skill.code()),
                    labour.available[at],
                    "people",
                ));
            }
        }
        (&["labour_hours", "auto_jobs"], &["workforce."])
    } else if variable == "Emissions|CO2|Vehicle Manufacturing" {
        explanation.equation = "CO2e of making = vehicles built x (plant energy by grid and fuel + steel, aluminium, plastics + battery), less what levers save (model, section 9)".to_owned();
        if let Some(year) = projected {
            let mt = year.industry.making_mt[c];
            for (name, mt) in ["assembly", "materials", "battery"].into_iter().zip(mt) {
                terms.push(term(name, mt, "Mt CO2e"));
            }
            terms.push(term("grid", year.grid_g_per_kwh[c], "g CO2e/kWh"));
        }
        (
            &["manufacturing", "grid", "battery_chemistry"],
            &["making."],
        )
    } else if let Some(name) = variable.strip_prefix("Mineral Demand|") {
        explanation.equation = "tonnes = kWh of packs sold x kg per kWh by chemistry + copper, rare earths of drives; price by need less recovered over mined (model, section 7)".to_owned();
        terms.clear();
        let mineral = Mineral::ALL
            .iter()
            .find(|mineral| name.to_lowercase().ends_with(mineral.code()));
        if let (Some(year), Some(mineral)) = (projected, mineral) {
            let (m, minerals) = (mineral.index(), &year.industry.minerals);
            terms.push(term("packs sold", year.countries[c].battery_gwh, "GWh"));
            terms.push(term("needed here", minerals.needed[(c, m)], "t"));
            terms.push(term("recovered here", minerals.recovered[(c, m)], "t"));
            terms.push(term("price in the world", minerals.price[m], "USD_2023/t"));
            terms.push(term(
                "need over mines, against the base year",
                minerals.tightness[m],
                "",
            ));
        }
        (
            &["mineral_content", "mineral_supply", "mineral_prices"],
            &["minerals."],
        )
    } else {
        return None;
    };
    explanation.terms = terms;
    Some(behind)
}
