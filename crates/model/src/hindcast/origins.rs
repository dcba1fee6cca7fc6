//! Shares of makers' origins in light-duty sales, projected from earlier years and held against the record,
//! beside the last value and drift.
//!
//! The record of brands starts in 2019 for most countries, so only a few base years and leads can be scored,
//! and the model's parameters were chosen in sight of 2023: this is a check, not a trial.

use std::collections::BTreeMap;

use super::{HindcastError, Mode, project};
use crate::ids::{ORIGINS, Origin, Powertrain};
use crate::input::Record;
use crate::tables::{Column, Table, Values};

/// Base years from which origins are projected.
const BASES: [i32; 3] = [2020, 2021, 2022];
/// What is scored: all light vehicles, or battery-electric ones.
const KINDS: [&str; 2] = ["all", "BEV"];
const METHODS: [&str; 3] = ["kyoso", "naive", "drift"];

/// Mean absolute error of origin shares.
#[derive(Debug, Clone, PartialEq)]
pub struct OriginScore {
    /// Years ahead.
    pub lead: i32,
    /// `all` or `BEV`.
    pub powertrain: &'static str,
    /// Origin, or none for the mean of all.
    pub origin: Option<Origin>,
    /// `kyoso`, `naive` or `drift`.
    pub method: &'static str,
    /// Mean absolute error, percentage points.
    pub error_points: f64,
    /// Forecasts behind it.
    pub n: usize,
}

/// Origin shares of a country by year.
type History = BTreeMap<(String, usize), BTreeMap<i32, [f64; ORIGINS]>>;

/// Projects with true incomes and prices and scores the origins of makers.
pub fn score(record: &Record) -> Result<Vec<OriginScore>, HindcastError> {
    let history = history(record);
    let last = history
        .values()
        .flat_map(|years| years.keys())
        .max()
        .copied()
        .unwrap_or_default();
    let mut errors: BTreeMap<(i32, usize, usize, usize), (f64, usize)> = BTreeMap::new();
    for base_year in BASES.into_iter().filter(|&year| year < last) {
        let (world, base, outcome, _) =
            project(record, Mode::Conditional, base_year, last - base_year)?;
        for ((iso3, kind), years) in &history {
            let (Some(c), Some(now)) = (world.country(iso3), years.get(&base_year)) else {
                continue;
            };
            for lead in 1..=last - base_year {
                let Some(actual) = years.get(&(base_year + lead)) else {
                    continue;
                };
                let before = years.get(&(base_year - 1)).unwrap_or(now);
                let mut own = [0.0; ORIGINS];
                for (k, j) in base.offers.of(c).enumerate() {
                    let electric =
                        base.offers.powertrain[j] as usize == Powertrain::BatteryElectric.index();
                    if *kind == 0 || electric {
                        own[base.offers.origin[j] as usize] +=
                            outcome.years[(lead - 1) as usize].countries[c].offer_units[k];
                    }
                }
                let sum: f64 = own.iter().sum();
                if sum <= 0.0 {
                    continue;
                }
                for o in 0..ORIGINS {
                    let drift = now[o] + f64::from(lead) * (now[o] - before[o]);
                    let forecasts = [own[o] / sum, now[o], drift.clamp(0.0, 1.0)];
                    for (method, forecast) in forecasts.iter().enumerate() {
                        for slot in [o, ORIGINS] {
                            let cell = errors.entry((lead, *kind, slot, method)).or_default();
                            cell.0 += 100.0 * (forecast - actual[o]).abs();
                            cell.1 += 1;
                        }
                    }
                }
            }
        }
    }
    Ok(errors
        .into_iter()
        .map(|((lead, kind, slot, method), (sum, n))| OriginScore {
            lead,
            powertrain: KINDS[kind],
            origin: Origin::ALL.get(slot).copied(),
            method: METHODS[method],
            error_points: sum / n as f64,
            n,
        })
        .collect())
}

fn history(record: &Record) -> History {
    let table = record.table("origins");
    let (iso3, kind, origin) = (
        table.text("iso3"),
        table.text("powertrain"),
        table.text("origin"),
    );
    let (year, share) = (table.integer("year"), table.real("share"));
    let mut history = History::new();
    for row in 0..table.rows() {
        let kind = KINDS.iter().position(|word| *word == kind.get(row));
        if let (Some(kind), Some(origin)) = (kind, Origin::from_code(origin.get(row))) {
            history
                .entry((iso3.get(row).to_owned(), kind))
                .or_default()
                .entry(year[row])
                .or_insert([0.0; ORIGINS])[origin.index()] += share[row];
        }
    }
    history
}

/// The scores as a table.
pub fn table(scores: &[OriginScore]) -> Table {
    let words = |list: &[&str], code: &dyn Fn(&OriginScore) -> usize| Values::Words {
        words: list.iter().map(|word| (*word).to_owned()).collect(),
        codes: scores.iter().map(|score| code(score) as u32).collect(),
    };
    let origins: Vec<&str> = Origin::ALL
        .iter()
        .map(|origin| origin.code())
        .chain(["mean"])
        .collect();
    let column = |name, unit, description, values| Column {
        name,
        unit,
        description,
        values,
    };
    let place = |list: &[&str], word: &str| list.iter().position(|w| *w == word).unwrap_or(0);
    Table {
        name: "origin_scores",
        description: "Errors of the shares of makers' origins, projected from 2020, 2021 and 2022",
        columns: vec![
            column(
                "lead",
                "years",
                "years ahead",
                Values::Integers(scores.iter().map(|score| score.lead).collect()),
            ),
            column(
                "powertrain",
                "",
                "all or battery-electric",
                words(&KINDS, &|score| place(&KINDS, score.powertrain)),
            ),
            column(
                "origin",
                "",
                "origin of the badge; mean over all",
                words(&origins, &|score| {
                    score.origin.map_or(ORIGINS, Origin::index)
                }),
            ),
            column(
                "method",
                "",
                "the model or a baseline",
                words(&METHODS, &|score| place(&METHODS, score.method)),
            ),
            column(
                "error_points",
                "percentage points",
                "mean absolute error",
                Values::Reals(scores.iter().map(|score| score.error_points).collect()),
            ),
            column(
                "n",
                "",
                "forecasts behind it",
                Values::Integers(scores.iter().map(|score| score.n as i32).collect()),
            ),
        ],
    }
}
