//! Rows of the table of rules to rules: every cell that cannot be read is told, with its place.

use std::collections::BTreeMap;

use super::condition::{Fault, Lexicon, powertrains, segments, unknown};
use super::kinds::{Instrument, Reason, Unit};
use super::{Date, Rule, Signatory};
use crate::input::{Problem, Problems, Record, RecordTable};

/// Columns of the table, in order; a scenario may give the same keys.
pub const COLUMNS: [&str; 23] = [
    "id",
    "iso3",
    "instrument",
    "scheme",
    "payer",
    "segment",
    "powertrain",
    "built",
    "condition",
    "value",
    "unit",
    "cap",
    "floor",
    "fine_usd",
    "pool",
    "start",
    "end",
    "announced",
    "budget",
    "certainty",
    "reason",
    "basis",
    "note",
];

/// A cell as text with its place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cell {
    /// Text, trimmed.
    pub text: String,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1; 0 where the whole line is meant.
    pub column: usize,
}

/// A rule as written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawRule {
    /// File as the user knows it.
    pub file: String,
    /// Line where it begins.
    pub line: usize,
    /// Column where it begins; 0 for a row of a table.
    pub column: usize,
    /// Cells by column.
    pub cells: BTreeMap<String, Cell>,
}

impl RawRule {
    /// Text of a column; empty if it is not given.
    pub fn text(&self, column: &str) -> &str {
        self.cells.get(column).map_or("", |cell| cell.text.as_str())
    }

    /// A problem with a column of this rule; the message names the rule.
    pub fn problem(&self, column: &str, message: &str, help: &str, offset: usize) -> Problem {
        let (line, at) = self
            .cells
            .get(column)
            .map_or((self.line, self.column), |cell| {
                (
                    cell.line,
                    if cell.column == 0 {
                        0
                    } else {
                        cell.column + offset
                    },
                )
            });
        let id = self.text("id");
        let name = if id.is_empty() {
            "a rule without id".to_owned()
        } else {
            format!("rule `{id}`")
        };
        Problem {
            file: self.file.clone(),
            line,
            column: at,
            key: column.to_owned(),
            message: format!("{name}: {message}"),
            help: help.to_owned(),
        }
    }
}

/// Codes of countries in the order of positions.
pub fn codes(record: &Record) -> Vec<String> {
    let mut codes = record.table("countries").text("iso3").distinct().to_vec();
    codes.sort();
    codes
}

/// Words that rules may use.
pub fn lexicon(record: &Record) -> Lexicon {
    let codes = codes(record);
    let table = record.table("countries");
    let mut places: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for row in 0..table.rows() {
        let iso3 = table.text("iso3").get(row);
        let Ok(position) = codes.binary_search_by(|code| code.as_str().cmp(iso3)) else {
            continue;
        };
        places.insert(iso3.to_owned(), vec![position]);
        let mut groups = vec!["WLD".to_owned(), table.text("group").get(row).to_owned()];
        if table.integer("asean")[row] == 1 {
            groups.push("ASEAN".to_owned());
            let later = ["KHM", "LAO", "MMR", "VNM"].contains(&iso3);
            groups.push(if later { "CLMV" } else { "ASEAN-6" }.to_owned());
        }
        groups.sort();
        groups.dedup();
        for group in groups {
            let members = places.entry(group).or_default();
            members.push(position);
            members.sort_unstable();
        }
    }
    let rates = record.table("exchange_rates");
    let per_usd = (0..rates.rows())
        .map(|row| {
            (
                rates.text("currency").get(row).to_owned(),
                rates.real("per_usd")[row],
            )
        })
        .collect();
    let signed = record.table("signatories");
    let mut schemes = signed.text("scheme").distinct().to_vec();
    schemes.sort();
    let mut makers = signed.text("maker").distinct().to_vec();
    makers.extend(
        record
            .table("makers")
            .text("code")
            .distinct()
            .iter()
            .cloned(),
    );
    makers.sort();
    makers.dedup();
    let prices = record.table("vehicle_prices");
    let mut mean_price_usd = vec![f64::NAN; codes.len()];
    for row in 0..prices.rows() {
        if let (Some([position]), "all") = (
            places.get(prices.text("iso3").get(row)).map(Vec::as_slice),
            prices.text("powertrain").get(row),
        ) {
            mean_price_usd[*position] = prices.real("price_usd2023")[row];
        }
    }
    Lexicon {
        places,
        per_usd,
        makers,
        schemes,
        mean_price_usd,
    }
}

/// Rows of the table of rules.
pub fn rows(record: &Record) -> Vec<RawRule> {
    let table = record.table("rules");
    (0..table.rows()).map(|row| raw(table, row)).collect()
}

fn raw(table: &RecordTable, row: usize) -> RawRule {
    let line = table.line(row);
    let described: BTreeMap<String, String> = table.describe(row).into_iter().collect();
    let cells = COLUMNS
        .iter()
        .filter_map(|&column| {
            let text = described.get(column)?.trim();
            (!text.is_empty()).then(|| {
                (
                    column.to_owned(),
                    Cell {
                        text: text.to_owned(),
                        line,
                        column: 0,
                    },
                )
            })
        })
        .collect();
    RawRule {
        file: table.file().to_owned(),
        line,
        column: 0,
        cells,
    }
}

/// Reads one rule; none if anything in it is wrong.
pub fn compile(raw: &RawRule, lexicon: &Lexicon, problems: &mut Problems) -> Option<Rule> {
    let before = problems.0.len();
    let mut reader = Reader { raw, problems };
    for column in ["id", "iso3", "instrument", "start"] {
        if raw.text(column).is_empty() {
            reader.wrong(
                column,
                "the key is missing",
                "every rule has id, iso3, instrument, start",
                0,
            );
        }
    }
    let instrument = Instrument::from_code(raw.text("instrument"));
    if instrument.is_none() && !raw.text("instrument").is_empty() {
        let codes = Instrument::ALL.iter().map(|instrument| instrument.code());
        reader.fault(
            "instrument",
            &unknown(
                "instrument",
                raw.text("instrument"),
                codes,
                "docs/reference/rules.md lists them",
            ),
        );
    }
    let place = raw.text("iso3").to_owned();
    let countries = lexicon.places.get(&place).cloned().unwrap_or_default();
    if countries.is_empty() && !place.is_empty() {
        let known = lexicon.places.keys().map(String::as_str);
        reader.fault(
            "iso3",
            &unknown(
                "country",
                &place,
                known,
                "ISO 3166-1 alpha-3 codes, ASEAN, EU27",
            ),
        );
    }
    let scheme = raw.text("scheme").to_owned();
    let (start, announced) = (reader.date("start"), reader.date("announced"));
    let end = reader.date("end");
    let reversed = |early: Option<Date>, late: Option<Date>| matches!((early, late), (Some(early), Some(late)) if late < early);
    if reversed(start, end) {
        reader.wrong(
            "end",
            &format!(
                "it ends on {}, before it starts on {}",
                raw.text("end"),
                raw.text("start")
            ),
            "dates run from start to end",
            0,
        );
    }
    let unit = reader.unit(instrument, lexicon);
    let rule = Rule {
        id: raw.text("id").to_owned(),
        instrument: instrument.unwrap_or(Instrument::Target),
        payer: if raw.text("payer").is_empty() {
            place.clone()
        } else {
            raw.text("payer").to_owned()
        },
        place,
        countries,
        segments: reader.mask("segment", "light", segments),
        powertrains: reader.mask("powertrain", "all", powertrains),
        built: lexicon.places(raw.text("built")).unwrap_or_else(|fault| {
            reader.fault("built", &fault);
            super::Places::Any
        }),
        tests: lexicon
            .condition(raw.text("condition"), &scheme)
            .unwrap_or_else(|faults| {
                for fault in &faults {
                    reader.fault("condition", fault);
                }
                Vec::new()
            }),
        condition: raw.text("condition").to_owned(),
        scheme,
        value: reader.number("value"),
        unit,
        cap_usd: reader.money("cap", lexicon),
        floor_usd: reader.money("floor", lexicon),
        fine_usd: reader.number("fine_usd"),
        pool: raw.text("pool").to_owned(),
        start: start.unwrap_or(Date::first_of(2000)),
        end,
        announced: announced.or(start).unwrap_or(Date::first_of(2000)),
        budget: raw.text("budget").to_owned(),
        certainty: raw.text("certainty").to_owned(),
        reason: reader.reason(),
        average: false,
        file: raw.file.clone(),
        line: raw.line,
    };
    (problems.0.len() == before).then_some(rule)
}

struct Reader<'a> {
    raw: &'a RawRule,
    problems: &'a mut Problems,
}

impl Reader<'_> {
    fn wrong(&mut self, column: &str, message: &str, help: &str, offset: usize) {
        self.problems
            .push(self.raw.problem(column, message, help, offset));
    }

    fn fault(&mut self, column: &str, fault: &Fault) {
        self.wrong(column, &fault.message, &fault.help, fault.offset);
    }

    fn date(&mut self, column: &str) -> Option<Date> {
        let text = self.raw.text(column);
        if text.is_empty() {
            return None;
        }
        let date = Date::parse(text);
        if date.is_none() {
            self.wrong(
                column,
                &format!("`{text}` is no date"),
                "expected a date such as 2024-01-01, from 1980 to 2100",
                0,
            );
        }
        date
    }

    fn number(&mut self, column: &str) -> f64 {
        let text = self.raw.text(column);
        if text.is_empty() {
            return f64::NAN;
        }
        if let Some(value) = text.parse::<f64>().ok().filter(|value| value.is_finite()) {
            return value;
        }
        self.wrong(
            column,
            &format!("`{text}` is no number"),
            "expected a finite number",
            0,
        );
        f64::NAN
    }

    fn money(&mut self, column: &str, lexicon: &Lexicon) -> f64 {
        let text = self.raw.text(column).to_owned();
        if text.is_empty() {
            return f64::NAN;
        }
        let parts: Vec<&str> = text.split_whitespace().collect();
        let amount = match parts[..] {
            [code, amount] => match (lexicon.currency(code), amount.parse::<f64>()) {
                (Ok(rate), Ok(amount)) if amount.is_finite() && amount >= 0.0 => {
                    Some(amount / rate)
                }
                (Err(fault), _) => {
                    self.fault(column, &fault);
                    return f64::NAN;
                }
                _ => None,
            },
            _ => None,
        };
        if amount.is_none() {
            self.wrong(
                column,
                &format!("`{text}` is no sum of money"),
                "expected a currency and a number of at least 0: `CNY 30000`",
                0,
            );
        }
        amount.unwrap_or(f64::NAN)
    }

    fn mask(
        &mut self,
        column: &str,
        default: &str,
        read: impl Fn(&str) -> Result<u16, Fault>,
    ) -> u16 {
        let text = self.raw.text(column);
        read(if text.is_empty() { default } else { text }).unwrap_or_else(|fault| {
            self.fault(column, &fault);
            0
        })
    }

    fn reason(&mut self) -> Option<Reason> {
        let text = self.raw.text("reason");
        let reason = Reason::from_code(text);
        if reason.is_none() && !text.is_empty() {
            let codes = Reason::ALL.iter().map(|reason| reason.code());
            self.fault(
                "reason",
                &unknown(
                    "reason",
                    text,
                    codes,
                    "leave it empty where the rule is obeyed",
                ),
            );
        }
        reason
    }

    /// A unit that the instrument can use.
    fn unit(&mut self, instrument: Option<Instrument>, lexicon: &Lexicon) -> Unit {
        let text = self.raw.text("unit").to_owned();
        let unit = match text.as_str() {
            "ad_valorem" => Some(Unit::AdValorem),
            "points" => Some(Unit::Points),
            "share_of_combustion_rate" => Some(Unit::ShareOfCombustionRate),
            "share_of_excise" => Some(Unit::ShareOfExcise),
            _ => match text.strip_suffix("/unit") {
                Some(code) if code.len() >= 3 && !code.contains(' ') => {
                    match lexicon.currency(code) {
                        Ok(rate) => Some(Unit::PerVehicle(1.0 / rate)),
                        Err(fault) => {
                            self.fault("unit", &fault);
                            return Unit::Other(text);
                        }
                    }
                }
                _ if lexicon.currency(&text).is_ok() => {
                    Some(Unit::Money(1.0 / lexicon.currency(&text).unwrap_or(1.0)))
                }
                _ => None,
            },
        };
        let Some(instrument) = instrument else {
            return unit.unwrap_or(Unit::Other(text));
        };
        let unit = unit.unwrap_or(Unit::Other(text.clone()));
        let (allowed, expected): (bool, &str) = match instrument {
            Instrument::ImportDuty => (matches!(unit, Unit::AdValorem), "ad_valorem"),
            Instrument::ImportDutyCut => (matches!(unit, Unit::Points), "points"),
            Instrument::AdditionalDuty => (
                matches!(unit, Unit::AdValorem | Unit::PerVehicle(_)),
                "ad_valorem or CUR/unit",
            ),
            Instrument::Excise => (
                matches!(
                    unit,
                    Unit::AdValorem
                        | Unit::Points
                        | Unit::ShareOfCombustionRate
                        | Unit::PerVehicle(_)
                ),
                "ad_valorem, points, share_of_combustion_rate or CUR/unit",
            ),
            Instrument::InteriorTax => (matches!(unit, Unit::ShareOfExcise), "share_of_excise"),
            Instrument::Vat | Instrument::RegistrationTax => (
                matches!(unit, Unit::AdValorem | Unit::Points | Unit::PerVehicle(_)),
                "ad_valorem, points or CUR/unit",
            ),
            Instrument::PurchaseSubsidy | Instrument::IncomeTaxCredit | Instrument::Feebate => (
                matches!(unit, Unit::PerVehicle(_)),
                "a currency with /unit, such as THB/unit",
            ),
            Instrument::Budget => (matches!(unit, Unit::Money(_)), "a currency, such as THB"),
            _ => (true, ""),
        };
        // A rule that nobody obeys keeps the words of its source.
        if !allowed && self.raw.text("reason").is_empty() {
            self.wrong(
                "unit",
                &format!("`{text}` does not fit `{instrument}`"),
                &format!("expected {expected}"),
                0,
            );
        }
        unit
    }
}

/// Makers in schemes.
pub fn signatories(record: &Record, lexicon: &Lexicon, problems: &mut Problems) -> Vec<Signatory> {
    let table = record.table("signatories");
    let mut list = Vec::with_capacity(table.rows());
    for row in 0..table.rows() {
        let mut date = |column: &str| {
            let text = table.text(column).get(row);
            let date = Date::parse(text);
            if date.is_none() && !text.is_empty() {
                problems.push(Problem {
                    file: table.file().to_owned(),
                    line: table.line(row),
                    column: 0,
                    key: column.to_owned(),
                    message: format!("`{text}` is no date"),
                    help: "expected a date such as 2024-01-01".to_owned(),
                });
            }
            date
        };
        let (start, end, announced) = (date("start"), date("end"), date("announced"));
        let Some(&country) = lexicon
            .places
            .get(table.text("iso3").get(row))
            .and_then(|list| list.first())
        else {
            continue;
        };
        let start = start.unwrap_or(Date::first_of(2000));
        list.push(Signatory {
            scheme: table.text("scheme").get(row).to_owned(),
            country,
            maker: table.text("maker").get(row).to_owned(),
            start,
            end,
            announced: announced.unwrap_or(start),
        });
    }
    list
}
