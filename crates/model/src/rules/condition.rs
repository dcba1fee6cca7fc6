//! Conditions of rules: `battery_kwh>=30; price_thb<=2000000; built=local; signed`.
//!
//! Terms are joined by `;` and all must hold. A term compares a number (`>=`, `<=`, `>`, `<`), or
//! names words (`=` one of `A+B`, `!=` none of them). `signed` alone means signed to the rule's own scheme.

use std::collections::BTreeMap;

use super::traits::OfferTraits;
use crate::ids::{Origin, Powertrain, Segment};
use crate::input::nearest;

/// Attributes that are numbers, with their unit.
pub const NUMBERS: [(&str, &str); 4] = [
    ("battery_kwh", "kWh"),
    ("engine_cc", "cm3"),
    ("co2_g_per_km", "g/km, test"),
    ("range_km", "km on electricity"),
];
/// Attributes that are words; `price_` with a currency is a number, too.
pub const WORDS: [&str; 6] = [
    "built",
    "maker",
    "origin",
    "segment",
    "powertrain",
    "signed",
];

/// One thing that must hold.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// A number between bounds.
    Number(Number, Bounds),
    /// Built in one of these places, or in none of them.
    Built(Places, bool),
    /// Of one of these makers, or of none of them.
    Maker(Vec<String>, bool),
    /// Of one of these origins (bits).
    Origin(u16),
    /// The maker has signed one of these schemes, or none of them.
    Signed(Vec<String>, bool),
    /// Of one of these segments (bits).
    Segment(u16),
    /// Of one of these powertrains (bits).
    Powertrain(u16),
}

/// A trait that is a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Number {
    /// Battery, kWh.
    Battery,
    /// Engine, cm³.
    Engine,
    /// Test CO2, g/km.
    Co2,
    /// Range on electricity, km.
    Range,
    /// List price, US dollars of 2023.
    Price,
}

/// Bounds of a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// Least value.
    pub low: f64,
    /// Greatest value.
    pub high: f64,
    /// True where the least value itself is out.
    pub low_open: bool,
    /// True where the greatest value itself is out.
    pub high_open: bool,
}

impl Bounds {
    /// Does the number lie within? NaN never does.
    pub fn hold(&self, value: f64) -> bool {
        (value > self.low || (!self.low_open && value >= self.low))
            && (value < self.high || (!self.high_open && value <= self.high))
    }
}

/// Places where a vehicle is built, as seen from a country.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Places {
    /// Everywhere.
    Any,
    /// In the country itself.
    Local,
    /// Outside it.
    Imported,
    /// In one of these, by position, in order.
    Among(Vec<usize>),
}

impl Places {
    /// Is a vehicle built in `built` and sold in `country` meant?
    pub fn hold(&self, built: usize, country: usize) -> bool {
        match self {
            Self::Any => true,
            Self::Local => built == country,
            Self::Imported => built != country,
            Self::Among(list) => list.binary_search(&built).is_ok(),
        }
    }
}

/// Words that conditions may use.
#[derive(Debug, Clone, Default)]
pub struct Lexicon {
    /// Members by code: countries (one member) and groups.
    pub places: BTreeMap<String, Vec<usize>>,
    /// Units of a currency for a US dollar, mean of 2023.
    pub per_usd: BTreeMap<String, f64>,
    /// Codes of makers.
    pub makers: Vec<String>,
    /// Names of schemes that makers sign.
    pub schemes: Vec<String>,
    /// Mean price of a new vehicle by country, USD 2023; NaN where unknown.
    pub mean_price_usd: Vec<f64>,
}

/// What cannot be read, and where in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Characters before it.
    pub offset: usize,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub help: String,
}

impl Lexicon {
    /// Reads places: `any`, `local`, `imported`, or codes joined by `+`.
    pub fn places(&self, text: &str) -> Result<Places, Fault> {
        match text {
            "any" | "" => return Ok(Places::Any),
            "local" => return Ok(Places::Local),
            "imported" => return Ok(Places::Imported),
            _ => {}
        }
        let mut among = Vec::new();
        for code in text.split('+').map(str::trim) {
            let Some(members) = self.places.get(code) else {
                let known = self
                    .places
                    .keys()
                    .map(String::as_str)
                    .chain(["any", "local", "imported"]);
                return Err(unknown(
                    "country or group",
                    code,
                    known,
                    "ISO 3166-1 alpha-3 codes, ASEAN, EU27, `local`, `imported`",
                ));
            };
            among.extend_from_slice(members);
        }
        among.sort_unstable();
        among.dedup();
        Ok(Places::Among(among))
    }

    /// Reads a condition; `scheme` is what `signed` alone means.
    pub fn condition(&self, text: &str, scheme: &str) -> Result<Vec<Test>, Vec<Fault>> {
        let (mut tests, mut faults, mut offset) = (Vec::new(), Vec::new(), 0);
        for term in text.split(';') {
            let lead = term.chars().take_while(|c| c.is_whitespace()).count();
            if !term.trim().is_empty() {
                match self.term(term.trim(), scheme) {
                    Ok(test) => tests.push(test),
                    Err(fault) => faults.push(Fault {
                        offset: offset + lead + fault.offset,
                        ..fault
                    }),
                }
            }
            offset += term.chars().count() + 1;
        }
        if faults.is_empty() {
            Ok(tests)
        } else {
            Err(faults)
        }
    }

    fn term(&self, term: &str, scheme: &str) -> Result<Test, Fault> {
        if term == "signed" {
            return Ok(Test::Signed(vec![scheme.to_owned()], true));
        }
        let Some(at) = term.find(['>', '<', '=', '!']) else {
            return Err(unknown(
                "condition",
                term,
                attributes(),
                "write an attribute, a comparison and a value: `battery_kwh>=30`",
            ));
        };
        let (name, rest) = (term[..at].trim(), &term[at..]);
        let length = if rest[1..].starts_with('=') { 2 } else { 1 };
        let (sign, value) = (&rest[..length], rest[length..].trim());
        let value_offset = term.chars().count() - rest[length..].trim_start().chars().count();
        let late = |fault: Fault| Fault {
            offset: value_offset,
            ..fault
        };
        if let Some((number, factor)) = self.number(name)? {
            let Some(value) = value
                .replace('_', "")
                .parse::<f64>()
                .ok()
                .filter(|value| value.is_finite() && *value >= 0.0)
            else {
                return Err(late(fault(
                    format!("`{value}` is no number"),
                    format!("expected a number of at least 0 ({})", unit(name)),
                )));
            };
            let value = value / factor;
            let everything = Bounds {
                low: f64::NEG_INFINITY,
                high: f64::INFINITY,
                low_open: false,
                high_open: false,
            };
            let bounds = match sign {
                ">=" => Bounds {
                    low: value,
                    ..everything
                },
                ">" => Bounds {
                    low: value,
                    low_open: true,
                    ..everything
                },
                "<=" => Bounds {
                    high: value,
                    ..everything
                },
                "<" => Bounds {
                    high: value,
                    high_open: true,
                    ..everything
                },
                _ => {
                    return Err(fault(
                        format!("`{sign}` does not compare numbers"),
                        "expected >=, >, <= or <".to_owned(),
                    ));
                }
            };
            return Ok(Test::Number(number, bounds));
        }
        if !WORDS.contains(&name) {
            return Err(unknown(
                "attribute",
                name,
                attributes(),
                "known are those of docs/reference/rules.md",
            ));
        }
        let positive = match sign {
            "=" => true,
            "!=" => false,
            _ => {
                return Err(fault(
                    format!("`{sign}` does not compare words"),
                    "expected = or !=".to_owned(),
                ));
            }
        };
        let list: Vec<String> = value
            .split('+')
            .map(|word| word.trim().to_owned())
            .collect();
        match name {
            "built" => self
                .places(value)
                .map(|places| Test::Built(places, positive))
                .map_err(late),
            "maker" => {
                check(&list, "maker", self.makers.iter().map(String::as_str)).map_err(late)?;
                Ok(Test::Maker(list, positive))
            }
            "signed" => {
                check(&list, "scheme", self.schemes.iter().map(String::as_str)).map_err(late)?;
                Ok(Test::Signed(list, positive))
            }
            "origin" => bits(
                &list,
                "origin",
                Origin::ALL.iter().map(|o| (o.code(), 1 << o.index())),
                positive,
            )
            .map(Test::Origin)
            .map_err(late),
            "segment" => segments(value)
                .map(|mask| Test::Segment(if positive { mask } else { !mask }))
                .map_err(late),
            "powertrain" => powertrains(value)
                .map(|mask| Test::Powertrain(if positive { mask } else { !mask }))
                .map_err(late),
            _ => Err(unknown(
                "attribute",
                name,
                attributes(),
                "known are those of docs/reference/rules.md",
            )),
        }
    }

    /// The number a name stands for, and what a unit of it is in a US dollar (1 for what is no money).
    fn number(&self, name: &str) -> Result<Option<(Number, f64)>, Fault> {
        if let Some(currency) = name.strip_prefix("price_") {
            return self
                .currency(&currency.to_uppercase())
                .map(|rate| Some((Number::Price, rate)));
        }
        Ok(match name {
            "battery_kwh" => Some((Number::Battery, 1.0)),
            "engine_cc" => Some((Number::Engine, 1.0)),
            "co2_g_per_km" => Some((Number::Co2, 1.0)),
            "range_km" => Some((Number::Range, 1.0)),
            _ => None,
        })
    }

    /// Units of a currency for a US dollar.
    pub fn currency(&self, code: &str) -> Result<f64, Fault> {
        if code == "USD" || code == "USD2023" {
            return Ok(1.0);
        }
        self.per_usd.get(code).copied().ok_or_else(|| {
            unknown(
                "currency",
                code,
                self.per_usd.keys().map(String::as_str),
                "add its rate to record/exchange_rates.csv",
            )
        })
    }
}

/// Does a test hold for an offer, as far as it does not ask where the offer is built? Signatures are looked up by `signed`.
pub fn holds(test: &Test, offer: &OfferTraits, signed: impl Fn(&str) -> bool) -> bool {
    match test {
        Test::Number(number, bounds) => bounds.hold(value(*number, offer)),
        Test::Built(..) => true,
        Test::Maker(list, positive) => list.iter().any(|maker| maker == offer.maker) == *positive,
        Test::Origin(mask) => mask >> offer.origin.index() & 1 == 1,
        Test::Segment(mask) => mask >> offer.segment.index() & 1 == 1,
        Test::Powertrain(mask) => mask >> offer.powertrain.index() & 1 == 1,
        Test::Signed(schemes, positive) => schemes.iter().any(|scheme| signed(scheme)) == *positive,
    }
}

/// The number of an offer.
pub fn value(number: Number, offer: &OfferTraits) -> f64 {
    match number {
        Number::Battery => offer.battery_kwh,
        Number::Engine => offer.engine_cc,
        Number::Co2 => offer.co2_g_per_km,
        Number::Range => offer.electric_range_km,
        Number::Price => offer.list_price_usd,
    }
}

/// Reads segments: codes joined by `+`, `car` (all but pickups and vans), `light` (all).
pub fn segments(text: &str) -> Result<u16, Fault> {
    let list: Vec<String> = text.split('+').map(|word| word.trim().to_owned()).collect();
    let all = (1 << Segment::ALL.len()) - 1;
    let car = all & !(1 << Segment::Pickup.index()) & !(1 << Segment::Van.index());
    let words = Segment::ALL.iter().map(|s| (s.code(), 1 << s.index()));
    bits(
        &list,
        "segment",
        words.chain([("car", car), ("light", all)]),
        true,
    )
}

/// Reads powertrains: codes joined by `+`, `ICE` (engine alone), `all`.
pub fn powertrains(text: &str) -> Result<u16, Fault> {
    let list: Vec<String> = text.split('+').map(|word| word.trim().to_owned()).collect();
    let all = (1 << Powertrain::ALL.len()) - 1;
    let combustion = Powertrain::ALL
        .iter()
        .filter(|f| f.is_conventional())
        .fold(0, |mask, f| mask | 1 << f.index());
    let words = Powertrain::ALL.iter().map(|f| (f.code(), 1 << f.index()));
    bits(
        &list,
        "powertrain",
        words.chain([("ICE", combustion), ("all", all)]),
        true,
    )
}

fn bits<'a>(
    list: &[String],
    what: &str,
    words: impl Iterator<Item = (&'a str, u16)> + Clone,
    positive: bool,
) -> Result<u16, Fault> {
    check(list, what, words.clone().map(|(code, _)| code))?;
    let mask = words
        .filter(|(code, _)| list.iter().any(|word| word == code))
        .fold(0, |mask, (_, bit)| mask | bit);
    Ok(if positive { mask } else { !mask })
}

fn check<'a>(
    list: &[String],
    what: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Result<(), Fault> {
    match list
        .iter()
        .find(|word| known.clone().all(|code| code != word.as_str()))
    {
        Some(word) => {
            let listed: Vec<&str> = known.clone().collect();
            Err(unknown(
                what,
                word,
                known,
                &format!("known are {}", listed.join(", ")),
            ))
        }
        None => Ok(()),
    }
}

fn attributes() -> impl Iterator<Item = &'static str> {
    NUMBERS
        .iter()
        .map(|(name, _)| *name)
        .chain(WORDS)
        .chain(["price_usd"])
}

fn unit(name: &str) -> String {
    NUMBERS
        .iter()
        .find(|(known, _)| *known == name)
        .map_or_else(
            || name.trim_start_matches("price_").to_uppercase(),
            |(_, unit)| (*unit).to_owned(),
        )
}

fn fault(message: String, help: String) -> Fault {
    Fault {
        offset: 0,
        message,
        help,
    }
}

/// A word that is not known, with the nearest that is.
pub fn unknown<'a>(
    what: &str,
    word: &str,
    known: impl IntoIterator<Item = &'a str>,
    else_help: &str,
) -> Fault {
    let help = nearest(word, known).map_or_else(
        || else_help.to_owned(),
        |near| format!("did you mean `{near}`?"),
    );
    fault(format!("unknown {what} `{word}`"), help)
}
