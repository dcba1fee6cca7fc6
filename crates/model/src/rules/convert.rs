//! Averages of other tables as rules, so that one path evaluates all: taxes, tariffs, support, standards.
//!
//! What replaces them: an average tax gives way to any itemised rule of the same tax that applies to the
//! offer (an average `excise` also to an itemised registration tax, for it holds both); an average MFN duty
//! to an itemised one; average support of a powertrain to any itemised rule for it in force in the country.

use super::condition::{Lexicon, powertrains, segments};
use super::{Date, Instrument, Places, Rule, Unit};
use crate::input::{Record, RecordTable};

/// Averages stand from the start of the record unless their table says otherwise.
const FIRST: i32 = 2000;

/// All averages, in the order of their tables.
pub fn averages(record: &Record, lexicon: &Lexicon, countries: usize) -> Vec<Rule> {
    let mut list = taxes(record, lexicon);
    list.extend(tariffs(record, lexicon, countries));
    list.extend(support(record, lexicon));
    list.extend(standards(record, lexicon));
    list
}

/// A rule of an average before its particulars.
fn blank(table: &RecordTable, row: usize, place: &str, lexicon: &Lexicon) -> Rule {
    Rule {
        id: String::new(),
        place: place.to_owned(),
        countries: lexicon.places.get(place).cloned().unwrap_or_default(),
        instrument: Instrument::Target,
        scheme: String::new(),
        payer: place.to_owned(),
        segments: segments("light").unwrap_or(0),
        powertrains: powertrains("all").unwrap_or(0),
        built: Places::Any,
        tests: Vec::new(),
        condition: String::new(),
        value: f64::NAN,
        unit: Unit::AdValorem,
        cap_usd: f64::NAN,
        floor_usd: f64::NAN,
        fine_usd: f64::NAN,
        pool: String::new(),
        start: Date::first_of(FIRST),
        end: None,
        announced: Date::first_of(FIRST),
        budget: String::new(),
        certainty: String::new(),
        reason: None,
        average: true,
        file: table.file().to_owned(),
        line: table.line(row),
    }
}

fn taxes(record: &Record, lexicon: &Lexicon) -> Vec<Rule> {
    let table = record.table("vehicle_taxes");
    let (iso3, powertrain, tax) = (
        table.text("iso3"),
        table.text("powertrain"),
        table.text("tax"),
    );
    (0..table.rows())
        .filter(|&row| table.real("rate")[row] > 0.0)
        .map(|row| Rule {
            id: format!(
                "tax:{}:{}:{}",
                iso3.get(row),
                powertrain.get(row),
                tax.get(row)
            ),
            instrument: if tax.get(row) == "vat" {
                Instrument::Vat
            } else {
                Instrument::Excise
            },
            scheme: table.text("rule").get(row).to_owned(),
            powertrains: powertrains(powertrain.get(row)).unwrap_or(0),
            value: table.real("rate")[row],
            start: Date::first_of(table.integer("start")[row]),
            end: (table.integer("end")[row] > 0).then(|| Date::last_of(table.integer("end")[row])),
            announced: Date::first_of(table.integer("announced")[row]),
            ..blank(table, row, iso3.get(row), lexicon)
        })
        .collect()
}

/// Duties by importer and regime; countries without one take the mean of all most-favoured-nation rates.
fn tariffs(record: &Record, lexicon: &Lexicon, countries: usize) -> Vec<Rule> {
    let table = record.table("tariffs");
    let (importer, exporter, regime, product) = (
        table.text("importer"),
        table.text("exporter"),
        table.text("regime"),
        table.text("product"),
    );
    let rate = table.real("rate");
    let is_mfn = |row: usize| matches!(exporter.get(row), "MFN" | "WLD");
    let trucks_apart = |place: &str| {
        (0..table.rows())
            .any(|row| is_mfn(row) && importer.get(row) == place && product.get(row) == "8704")
    };
    let mut covered = vec![false; countries];
    let mut list = Vec::new();
    for row in 0..table.rows() {
        let base = blank(table, row, importer.get(row), lexicon);
        let built = if is_mfn(row) {
            Ok(Places::Imported)
        } else {
            lexicon.places(exporter.get(row))
        };
        let Ok(built) = built else { continue };
        let scope = match (is_mfn(row), product.get(row)) {
            (_, "8704") => "pickup+van",
            (true, _) if trucks_apart(importer.get(row)) => "car",
            _ => "light",
        };
        if is_mfn(row) {
            base.countries
                .iter()
                .for_each(|&country| covered[country] = true);
        }
        list.push(Rule {
            id: format!(
                "tariff:{}:{}:{}",
                importer.get(row),
                exporter.get(row),
                product.get(row)
            ),
            instrument: Instrument::ImportDuty,
            scheme: if is_mfn(row) {
                "MFN".to_owned()
            } else {
                regime.get(row).to_owned()
            },
            segments: segments(scope).unwrap_or(0),
            built,
            value: rate[row],
            ..base
        });
    }
    let known: Vec<f64> = (0..table.rows())
        .filter(|&row| is_mfn(row))
        .map(|row| rate[row])
        .collect();
    if !known.is_empty() {
        list.push(Rule {
            id: "tariff:mean".to_owned(),
            countries: (0..countries)
                .filter(|&country| !covered[country])
                .collect(),
            instrument: Instrument::ImportDuty,
            scheme: "MFN".to_owned(),
            payer: String::new(),
            built: Places::Imported,
            value: known.iter().sum::<f64>() / known.len() as f64,
            ..blank(table, 0, "", lexicon)
        });
    }
    list
}

fn support(record: &Record, lexicon: &Lexicon) -> Vec<Rule> {
    let table = record.table("purchase_incentives");
    let iso3 = table.text("iso3");
    (0..table.rows())
        .filter(|&row| table.real("usd2023")[row] != 0.0)
        .map(|row| Rule {
            id: format!("support:{}", table.text("id").get(row)),
            instrument: match table.text("kind").get(row) {
                "tax_credit" => Instrument::IncomeTaxCredit,
                _ => Instrument::PurchaseSubsidy,
            },
            scheme: format!(
                "{} ({})",
                table.text("rule").get(row),
                table.text("kind").get(row)
            ),
            // Averages of one country add up: several programmes run side by side.
            payer: format!("{}:{}", iso3.get(row), table.text("id").get(row)),
            powertrains: powertrains(table.text("powertrain").get(row)).unwrap_or(0),
            value: table.real("usd2023")[row],
            unit: Unit::PerVehicle(1.0),
            start: Date::first_of(table.integer("start")[row]),
            end: (table.integer("end")[row] > 0).then(|| Date::last_of(table.integer("end")[row])),
            announced: Date::last_of(table.integer("announced")[row]),
            ..blank(table, row, iso3.get(row), lexicon)
        })
        .collect()
}

/// Points of standards: one rule a year named; between them the value is interpolated.
fn standards(record: &Record, lexicon: &Lexicon) -> Vec<Rule> {
    let table = record.table("standards");
    let (iso3, instrument, scope) = (
        table.text("iso3"),
        table.text("instrument"),
        table.text("powertrain_scope"),
    );
    (0..table.rows())
        .map(|row| Rule {
            id: table.text("id").get(row).to_owned(),
            instrument: Instrument::from_code(instrument.get(row)).unwrap_or(Instrument::Target),
            scheme: table.text("rule").get(row).to_owned(),
            powertrains: powertrains(if scope.get(row) == "fleet" {
                "all"
            } else {
                scope.get(row)
            })
            .unwrap_or(0),
            value: table.real("value")[row],
            unit: Unit::Other(
                if instrument.get(row) == "co2_standard" {
                    "g/km"
                } else {
                    "share"
                }
                .to_owned(),
            ),
            fine_usd: table.real("fine_usd")[row],
            pool: table.text("pool").get(row).to_owned(),
            start: Date::first_of(table.integer("year")[row]),
            announced: Date::last_of(table.integer("announced")[row]),
            ..blank(table, row, iso3.get(row), lexicon)
        })
        .collect()
}
