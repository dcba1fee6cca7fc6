//! What `kyoso compare` prints.

use std::path::Path;

use kyoso_model::compare::money::{Effect, Item, Ledger, Region};
use kyoso_model::compare::percent;
use kyoso_model::ids::Group;
use kyoso_model::world::World;
use serde_json::{Map, Value, json};

use super::super::stage::{Stage, rows};
use super::{Comparison, HEADLINE, Split, shown_regions};
use crate::cli::CompareOptions;
use crate::term;

/// Tables for a reader at a terminal.
pub fn text(comparison: &Comparison, options: &CompareOptions, stage: &Stage) -> String {
    let world = &stage.world;
    let regions = if options.regions.is_empty() {
        shown_regions(world)
    } else {
        options.regions.clone()
    };
    let years = if options.years.is_empty() {
        vec![comparison.horizon]
    } else {
        options.years.clone()
    };
    let mut text = String::new();
    for run in 1..comparison.runs.len() {
        if options.variables.is_empty() {
            for &year in &years {
                text.push_str(&headline(comparison, run, &regions, year, world));
            }
        } else {
            text.push_str(&chosen(comparison, run, options, &regions, &years));
        }
    }
    if options.variables.is_empty() {
        text.push_str(
            "plug-in = (BEV + PHEV) / light-duty sales; CO2 well to wheel; differences of shares in points, money in billion USD of 2023\n",
        );
    }
    let apart = if options.regions.is_empty() {
        vec!["World".to_owned(), Group::Asean.code().to_owned()]
    } else {
        regions
    };
    text.push_str(&money(comparison, &stage.members(&apart)));
    for split in &comparison.splits {
        text.push_str(&attribution(
            comparison,
            split,
            &apart,
            !options.variables.is_empty(),
        ));
    }
    text.push_str(&targets(comparison));
    text
}

fn title(comparison: &Comparison, run: usize) -> String {
    format!(
        "{} less {}",
        comparison.runs[run].name, comparison.runs[0].name
    )
}

/// Headline variables by region.
fn headline(
    comparison: &Comparison,
    run: usize,
    regions: &[String],
    year: i32,
    world: &World,
) -> String {
    let (base, own) = (
        &comparison.runs[0].indicators,
        &comparison.runs[run].indicators,
    );
    let there = |variable: &str| {
        let values = regions.iter().map(|region| own.get(variable, region, year));
        values.into_iter().any(f64::is_finite)
    };
    let measures: Vec<_> = HEADLINE.iter().filter(|measure| there(measure.1)).collect();
    let (mut first, mut second) = (vec![String::new()], vec![String::new()]);
    for (name, _, relative) in &measures {
        let heads: &[&str] = if *relative {
            &["", "diff", "%"]
        } else {
            &["", "diff"]
        };
        for (i, head) in heads.iter().enumerate() {
            first.push(if i == 0 {
                (*name).to_owned()
            } else {
                String::new()
            });
            second.push((*head).to_owned());
        }
    }
    let mut rows = vec![first, second];
    for region in regions {
        let country = world.country(region).map(|c| &world.countries[c].name);
        let mut row = vec![country.map_or_else(|| region.clone(), |name| format!("  {name}"))];
        for (_, variable, relative) in &measures {
            let (before, value) = (
                base.get(variable, region, year),
                own.get(variable, region, year),
            );
            let digits = if value.abs() >= 100.0 { 1 } else { 2 };
            row.push(number(value, digits));
            row.push(signed(value - before, digits + 1));
            if *relative {
                row.push(signed(percent(value, before), 1));
            }
        }
        rows.push(row);
    }
    format!(
        "{}, {year}\n{}\n",
        title(comparison, run),
        term::columns(&rows)
    )
}

/// The variables asked for, a row a region and year.
fn chosen(
    comparison: &Comparison,
    run: usize,
    options: &CompareOptions,
    regions: &[String],
    years: &[i32],
) -> String {
    let (base, own) = (
        &comparison.runs[0].indicators,
        &comparison.runs[run].indicators,
    );
    let mut text = format!("{}\n", title(comparison, run));
    for variable in &options.variables {
        let unit = own.variables.iter().find(|(name, _)| name == variable);
        let heads = ["year", "base", "value", "difference", "%"];
        let mut rows = vec![vec![String::new()]];
        rows[0].extend(heads.iter().map(|head| (*head).to_owned()));
        for region in regions {
            for &year in years {
                let before = base.get(variable, region, year);
                let value = own.get(variable, region, year);
                if before.is_finite() && value.is_finite() {
                    rows.push(vec![
                        region.clone(),
                        year.to_string(),
                        significant(before),
                        significant(value),
                        significant(value - before),
                        signed(percent(value, before), 2),
                    ]);
                }
            }
        }
        let unit = unit.map_or("", |(_, unit)| unit);
        text.push_str(&format!("\n{variable} ({unit})\n{}", term::columns(&rows)));
    }
    text.push('\n');
    text
}

/// Who gains and who pays over the years, by region, and makers by origin.
fn money(comparison: &Comparison, regions: &[Region]) -> String {
    let years = comparison.years();
    let mut text = format!(
        "\nwho gains and who pays against {}, {}-{}, billion USD of 2023 discounted at {} % a year\n",
        comparison.runs[0].name,
        comparison.base_year + 1,
        comparison.horizon,
        100.0 * comparison.discount
    );
    let heads = [
        "",
        "buyers",
        "makers",
        "public",
        "net",
        "plug-ins k",
        "CO2 avoided Mt",
        "USD/plug-in",
        "USD/t",
        "net USD/t",
    ];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    let mut origins = String::new();
    for run in 1..comparison.runs.len() {
        let ledger = Ledger::new(&comparison.money[0], &comparison.money[run]);
        for (region, members) in regions {
            let effect = Effect::new(
                [&comparison.runs[0], &comparison.runs[run]],
                &ledger,
                (region, members),
                &years,
                comparison.base_year,
                comparison.discount,
            );
            let mut row = vec![format!("{} {region}", comparison.runs[run].name)];
            row.extend(effect.gains.map(|gain| signed(gain / 1e3, 2)));
            row.push(signed(effect.net_gain() / 1e3, 2));
            row.push(signed(effect.plug_ins / 1e3, 1));
            row.push(signed(effect.co2_mt, 2));
            let costs = [
                effect.usd_per_vehicle(),
                effect.usd_per_tonne(),
                effect.net_usd_per_tonne(),
            ];
            row.extend(costs.map(|usd| number(usd, 0)));
            rows.push(row);
            let parts: Vec<String> = ledger
                .parties(Item::Profit)
                .into_iter()
                .map(|origin| {
                    let of = |&year: &i32| {
                        let weight = (1.0 + comparison.discount).powi(comparison.base_year - year);
                        weight * ledger.difference(Item::Profit, Some(origin), members, year)
                    };
                    let sum = years.iter().map(of).fold(0.0, |sum, value| sum + value);
                    format!("{origin} {}", signed(sum / 1e3, 2))
                })
                .collect();
            if !parts.is_empty() {
                origins.push_str(&format!(
                    "makers' profit in {region}, {}: {}\n",
                    comparison.runs[run].name,
                    parts.join(", ")
                ));
            }
        }
    }
    text.push_str(&term::columns(&rows));
    text.push_str(&origins);
    text
}

/// Parts of the differences in the last year, by region; of the variables that were asked for, or of the headline.
fn attribution(comparison: &Comparison, split: &Split, regions: &[String], asked: bool) -> String {
    let selection = &comparison.attributed;
    let Some(last) = selection.years.len().checked_sub(1) else {
        return String::new();
    };
    let how = if split.exact {
        "all combinations"
    } else {
        "sampled orders, with standard errors"
    };
    let mut text = format!(
        "\nwhat makes {} in {}: {} groups of changes, {} runs ({how})\n",
        title(comparison, split.scenario),
        selection.years[last],
        split.parts.len(),
        split.evaluations
    );
    if split.parts.is_empty() {
        text.push_str("nothing in the scenarios differs\n");
        return text;
    }
    for region in regions {
        let Some(r) = selection.regions.iter().position(|found| found == region) else {
            continue;
        };
        let cell = |v: usize| (v * selection.regions.len() + r) * selection.years.len() + last;
        let there: Vec<usize> = (0..selection.variables.len())
            .filter(|&v| split.parts[0].parts[cell(v)].is_finite())
            .filter(|&v| !super::ATTRIBUTED.contains(&selection.variables[v].as_str()) || asked)
            .collect();
        let mut rows = vec![vec![region.clone()]];
        rows[0].extend(there.iter().map(|&v| heading(&selection.variables[v])));
        for part in &split.parts {
            let mut row = vec![format!("  {}", part.group)];
            row.extend(there.iter().map(|&v| {
                let value = signed(part.parts[cell(v)], 4);
                if split.exact {
                    value
                } else {
                    format!("{value} ± {:.4}", part.standard_errors[cell(v)])
                }
            }));
            rows.push(row);
        }
        let mut whole = vec!["  all".to_owned()];
        whole.extend(there.iter().map(|&v| {
            let parts = split.parts.iter().map(|part| part.parts[cell(v)]);
            signed(parts.fold(0.0, |sum, part| sum + part), 4)
        }));
        rows.push(whole);
        text.push_str(&term::columns(&rows));
    }
    text
}

/// Targets in their last year, a column a run.
fn targets(comparison: &Comparison) -> String {
    if comparison.targets.is_empty() {
        return String::new();
    }
    let mut rows = vec![vec![
        "targets of the scenarios' authors".to_owned(),
        "year".to_owned(),
        "wanted".to_owned(),
    ]];
    rows[0].extend(comparison.runs.iter().map(|run| run.name.clone()));
    for target in &comparison.targets {
        let last = target
            .values
            .iter()
            .rev()
            .find(|(year, _)| *year <= comparison.horizon);
        let Some(&(year, wanted)) = last else {
            continue;
        };
        let direction = target.direction;
        let mut row = vec![
            format!("  {} ({} {})", target.name, target.region, target.variable),
            year.to_string(),
            format!("{} {wanted}", direction.code()),
        ];
        row.extend(comparison.runs.iter().map(|run| {
            let value = run.indicators.get(&target.variable, &target.region, year);
            let met = if direction.margin(value, wanted) >= 0.0 {
                "met"
            } else {
                "missed"
            };
            format!("{} {met}", significant(value))
        }));
        rows.push(row);
    }
    format!("\n{}", term::columns(&rows))
}

/// Short name of a variable where there is one.
fn heading(variable: &str) -> String {
    let known = HEADLINE.iter().find(|(_, name, _)| *name == variable);
    known.map_or(variable, |(short, _, _)| short).to_owned()
}

fn number(value: f64, digits: usize) -> String {
    if value.is_finite() {
        format!("{value:.digits$}")
    } else {
        "-".to_owned()
    }
}

/// A difference with its sign; nothing, and what rounds to it, has none.
fn signed(value: f64, digits: usize) -> String {
    let text = format!("{value:+.digits$}");
    if value == 0.0 || !value.is_finite() {
        number(value.abs(), 0)
    } else if text.chars().any(|c| c.is_ascii_digit() && c != '0') {
        text
    } else {
        number(0.0, digits)
    }
}

/// Six significant digits.
fn significant(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let digits = (5 - value.abs().log10().floor() as i32).clamp(0, 9) as usize;
    format!("{value:.digits$}")
}

/// Headline differences, or those asked for, and the attribution as JSON.
pub fn json(comparison: &Comparison, place: &Path) -> Value {
    let scenarios: Vec<&str> = comparison
        .runs
        .iter()
        .map(|run| run.name.as_str())
        .collect();
    let splits: Vec<Value> = comparison
        .splits
        .iter()
        .map(|split| {
            json!({
                "scenario": scenarios[split.scenario],
                "groups": split.parts.iter().map(|part| &part.group).collect::<Vec<_>>(),
                "exact": split.exact,
                "runs": split.evaluations,
            })
        })
        .collect();
    let mut all = Map::new();
    all.insert("base".to_owned(), json!(scenarios[0]));
    all.insert("scenarios".to_owned(), json!(scenarios[1..]));
    all.insert("horizon".to_owned(), json!(comparison.horizon));
    all.insert("out".to_owned(), json!(place.display().to_string()));
    all.insert("attributed".to_owned(), json!(splits));
    let differences = comparison.differences(&comparison.attributed);
    let targets = comparison.targets();
    let shown = |region: &&Region| comparison.attributed.regions.contains(&region.0);
    let regions: Vec<Region> = comparison.regions.iter().filter(shown).cloned().collect();
    let effectiveness = comparison.effectiveness(&regions);
    all.insert("discount".to_owned(), json!(comparison.discount));
    all.insert(
        effectiveness.name.to_owned(),
        Value::Array(rows(&effectiveness)),
    );
    for table in comparison
        .attribution()
        .iter()
        .chain(&targets)
        .chain([&differences])
    {
        all.insert(table.name.to_owned(), Value::Array(rows(table)));
    }
    Value::Object(all)
}
