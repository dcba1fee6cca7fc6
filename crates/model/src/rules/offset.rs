//! Production offsets: vehicles that a maker must build at home for each one it imported under a scheme.
//!
//! A debt is counted in imported vehicles. In a year with ratio `r` each vehicle owed asks for `r` credits;
//! a vehicle built and sold at home is one credit, one built and exported counts for the export credit. What
//! is not made good goes on to the next year at that year's ratio; where no ratio follows, the maker is in
//! default and pays back the support and tax relief of what it still owes, with interest.

use super::{Date, Instrument, Lexicon, Rules};
use crate::input::Record;

/// Terms of a scheme in a year.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    /// Credits asked for each vehicle owed; none if nothing is due this year.
    pub ratio: Option<f64>,
    /// True while a later year has a ratio, so that a debt can go on.
    pub goes_on: bool,
    /// Credits of an exported vehicle.
    pub export_credit: f64,
    /// Interest a year on what is paid back.
    pub interest: f64,
    /// Share of the debt to be met before support is paid; 0 where nothing is asked.
    pub share_before_payment: f64,
    /// Bank guarantee of a maker, USD 2023, forfeited by the part of its vehicles in default; 0 where none is asked.
    pub guarantee_usd: f64,
}

/// Vehicles that a maker owes under a scheme at the end of the base year.
#[derive(Debug, Clone, PartialEq)]
pub struct OpeningDebt {
    /// Scheme (`EV3.0`).
    pub scheme: String,
    /// Position of the country.
    pub country: usize,
    /// Code of the maker.
    pub maker: String,
    /// The debt.
    pub debt: Debt,
}

/// Reads the debts at the end of the base year: imports by year, summed.
pub fn opening_debts(record: &Record, lexicon: &Lexicon) -> Vec<OpeningDebt> {
    let table = record.table("offset_imports");
    let (iso3, scheme, maker) = (
        table.text("iso3"),
        table.text("scheme"),
        table.text("maker"),
    );
    let mut debts: Vec<OpeningDebt> = Vec::new();
    for row in 0..table.rows() {
        let Some(&country) = lexicon
            .places
            .get(iso3.get(row))
            .and_then(|list| list.first())
        else {
            continue;
        };
        let same = |debt: &OpeningDebt| {
            debt.country == country
                && debt.scheme == scheme.get(row)
                && debt.maker == maker.get(row)
        };
        let at = debts.iter().position(same).unwrap_or_else(|| {
            debts.push(OpeningDebt {
                scheme: scheme.get(row).to_owned(),
                country,
                maker: maker.get(row).to_owned(),
                debt: Debt::default(),
            });
            debts.len() - 1
        });
        let debt = &mut debts[at].debt;
        let units = debt.units + table.real("units")[row];
        if units > 0.0 {
            debt.mean_year = (debt.mean_year * debt.units
                + f64::from(table.integer("year")[row]) * table.real("units")[row])
                / units;
        }
        debt.units = units;
    }
    debts
}

/// What a maker owes under a scheme.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Debt {
    /// Vehicles imported under the scheme and not yet made good.
    pub units: f64,
    /// Mean year of their import.
    pub mean_year: f64,
    /// Credits left over from earlier years.
    pub credits: f64,
}

/// What a maker did in a year.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Activity {
    /// Vehicles imported under the scheme.
    pub imported: f64,
    /// Vehicles of the scheme built at home.
    pub built: f64,
    /// Those of them that were exported.
    pub exported: f64,
    /// Support and tax relief that an imported vehicle got, USD 2023.
    pub relief_usd: f64,
}

/// What a year came to.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Settled {
    /// The debt that goes on.
    pub debt: Debt,
    /// Vehicles made good.
    pub made_good: f64,
    /// Vehicles in default.
    pub defaulted: f64,
    /// What default costs, USD 2023.
    pub penalty_usd: f64,
    /// May support be paid, under the share of the debt to be met before?
    pub may_be_paid: bool,
}

/// A year of a maker under a scheme.
pub fn settle(debt: Debt, terms: Terms, did: Activity, year: i32) -> Settled {
    let units = debt.units + did.imported;
    let mean_year = if units > 0.0 {
        (debt.units * debt.mean_year + did.imported * f64::from(year)) / units
    } else {
        f64::from(year)
    };
    let exported = did.exported.clamp(0.0, did.built);
    let fresh = did.built - exported + terms.export_credit * exported;
    let Some(ratio) = terms.ratio.filter(|ratio| *ratio > 0.0) else {
        // Nothing is due yet: what is built before the first year due does not count.
        let debt = Debt {
            units,
            mean_year,
            credits: debt.credits,
        };
        return Settled {
            debt,
            may_be_paid: true,
            ..Settled::default()
        };
    };
    let credits = debt.credits + fresh;
    let made_good = units.min(credits / ratio);
    let owed = units - made_good;
    let met = if units > 0.0 { made_good / units } else { 1.0 };
    let left = credits - made_good * ratio;
    let mut settled = Settled {
        debt: Debt {
            units: owed,
            mean_year,
            credits: left,
        },
        made_good,
        may_be_paid: met >= terms.share_before_payment,
        ..Settled::default()
    };
    if !terms.goes_on && owed > 0.0 {
        settled.debt.units = 0.0;
        settled.defaulted = owed;
        let years = f64::from(year) - mean_year;
        settled.penalty_usd = owed * default_usd(did.relief_usd, terms.interest, years)
            + terms.guarantee_usd * owed / units;
    }
    settled
}

/// What default on one imported vehicle costs: its relief with compound interest.
pub fn default_usd(relief_usd: f64, interest: f64, years: f64) -> f64 {
    relief_usd * (1.0 + interest).powf(years.max(0.0))
}

impl Rules {
    /// Terms of a scheme of a country in a year. A scheme that goes on under another name
    /// (`EV3.0 carry-over`) begins with the same words.
    pub fn offset_terms(
        &self,
        country: usize,
        scheme: &str,
        year: i32,
        policy_as_of: Option<Date>,
    ) -> Terms {
        let known = |instrument: Instrument| {
            self.of(country).map(|(_, rule)| rule).filter(move |rule| {
                rule.instrument == instrument
                    && rule.reason.is_none()
                    && rule.scheme.contains(scheme)
                    && policy_as_of.is_none_or(|as_of| rule.announced <= as_of)
            })
        };
        let (first, last) = (Date::first_of(year), Date::last_of(year));
        let in_force = |of: fn(&str) -> bool| {
            known(Instrument::OffsetRule)
                .filter(|rule| rule.overlaps(first, last))
                .find_map(|rule| match &rule.unit {
                    super::Unit::Other(text) if of(text) => Some((rule.value, text.as_str())),
                    _ => None,
                })
        };
        let term = |of| in_force(of).map_or(0.0, |(value, _)| value);
        let guarantee_usd = in_force(|unit| unit.ends_with("bank guarantee"))
            .and_then(|(value, unit)| {
                let rate = self.lexicon.currency(unit.split(' ').next()?).ok()?;
                Some(value / rate)
            })
            .unwrap_or(0.0);
        let ratios = || known(Instrument::ProductionOffset);
        Terms {
            ratio: ratios()
                .find(|rule| rule.overlaps(first, last))
                .map(|rule| rule.value),
            goes_on: ratios().any(|rule| rule.end.is_none_or(|end| end > last)),
            export_credit: known(Instrument::OffsetCredit)
                .find(|rule| rule.overlaps(first, last))
                .map_or(1.0, |rule| rule.value),
            interest: term(|unit| unit.starts_with("interest")),
            share_before_payment: term(|unit| unit.starts_with("share of offset target")),
            guarantee_usd,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: Terms = Terms {
        ratio: Some(1.0),
        goes_on: true,
        export_credit: 1.5,
        interest: 0.075,
        share_before_payment: 0.5,
        guarantee_usd: 0.0,
    };

    fn near(found: f64, expected: f64) {
        assert!(
            (found - expected).abs() < 1e-9 * expected.abs().max(1.0),
            "{found}, not {expected}"
        );
    }

    #[test]
    fn a_debt_is_made_good_one_for_one_and_exports_count_for_more() {
        let debt = Debt {
            units: 1000.0,
            mean_year: 2023.0,
            credits: 0.0,
        };
        let settled = settle(
            debt,
            TERMS,
            Activity {
                built: 600.0,
                exported: 200.0,
                ..Activity::default()
            },
            2024,
        );
        near(settled.made_good, 400.0 + 1.5 * 200.0);
        near(settled.debt.units, 300.0);
        assert!(settled.may_be_paid && settled.penalty_usd == 0.0);
        // What is left asks for half as much again a year later.
        let later = Terms {
            ratio: Some(1.5),
            goes_on: false,
            ..TERMS
        };
        let settled = settle(
            settled.debt,
            later,
            Activity {
                built: 450.0,
                ..Activity::default()
            },
            2025,
        );
        near(settled.debt.units, 0.0);
        near(settled.defaulted, 0.0);
    }

    #[test]
    fn default_pays_the_relief_back_with_interest() {
        let debt = Debt {
            units: 100.0,
            mean_year: 2023.0,
            credits: 0.0,
        };
        let last = Terms {
            ratio: Some(3.0),
            goes_on: false,
            ..TERMS
        };
        let settled = settle(
            debt,
            last,
            Activity {
                built: 150.0,
                relief_usd: 5000.0,
                ..Activity::default()
            },
            2025,
        );
        near(settled.made_good, 50.0);
        near(settled.defaulted, 50.0);
        near(settled.penalty_usd, 50.0 * 5000.0 * 1.075 * 1.075);
        near(settled.debt.units, 0.0);
        // A guarantee is forfeited by the part in default.
        let guaranteed = Terms {
            guarantee_usd: 600_000.0,
            ..last
        };
        let did = Activity {
            built: 150.0,
            ..Activity::default()
        };
        near(settle(debt, guaranteed, did, 2025).penalty_usd, 300_000.0);
    }

    #[test]
    fn support_waits_until_half_is_met() {
        let debt = Debt {
            units: 100.0,
            mean_year: 2023.0,
            credits: 0.0,
        };
        let built = |built: f64| {
            let did = Activity {
                built,
                ..Activity::default()
            };
            settle(debt, TERMS, did, 2025).may_be_paid
        };
        assert!(built(50.0) && !built(49.0));
    }

    #[test]
    fn nothing_is_due_before_the_first_year_and_what_is_left_over_is_kept() {
        let early = Terms {
            ratio: None,
            ..TERMS
        };
        let settled = settle(
            Debt::default(),
            early,
            Activity {
                imported: 500.0,
                built: 50.0,
                ..Activity::default()
            },
            2023,
        );
        near(settled.debt.units, 500.0);
        near(settled.debt.mean_year, 2023.0);
        let settled = settle(
            settled.debt,
            TERMS,
            Activity {
                built: 800.0,
                ..Activity::default()
            },
            2024,
        );
        near(settled.debt.credits, 300.0);
    }
}
