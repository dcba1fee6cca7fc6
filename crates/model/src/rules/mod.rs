//! Policy rules as data (model.md sections 6 and 10): from a table of rules to the wedge between what a
//! producer receives and a consumer pays, to constraints, budgets and obligations of makers, and to money by rule.
//!
//! The files stand in the order of computation: words ([`kinds`], [`date`], [`condition`], [`traits`]), the
//! table ([`read`], [`convert`], [`check`], [`change`]), the rules of a country and year ([`active`], evaluated
//! layer by layer over their tax bases, [`bases`]), then [`constraint`], [`budget`], [`offset`] and [`money`].

pub mod active;
pub mod bases;
mod blend;
pub mod budget;
mod cache;
pub mod change;
pub mod check;
pub mod condition;
pub mod constraint;
pub mod convert;
pub mod date;
mod evaluate;
pub mod kinds;
pub mod money;
pub mod offset;
pub mod read;
pub mod traits;

use std::collections::BTreeMap;

pub use active::{ActiveRules, Notch, Part, Wedge};
pub use budget::{Spent, funded};
pub use cache::WedgeCache;
pub use change::RuleChange;
pub use condition::{Lexicon, Places, Test};
pub use constraint::{Constraint, Kind, Pool};
pub use date::Date;
pub use kinds::{Instrument, Module, Reason, Unit};
pub use money::{Ledger, Money};
pub use offset::OpeningDebt;
pub use traits::OfferTraits;

use crate::input::{Problems, Record};

/// A rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Identifier (`THA-021`).
    pub id: String,
    /// Where it is law, as the table says (`THA`, `EU27`).
    pub place: String,
    /// Positions of the countries where it is law.
    pub countries: Vec<usize>,
    /// What it is.
    pub instrument: Instrument,
    /// Programme, law or trade regime it belongs to.
    pub scheme: String,
    /// Who receives the tax or pays the support.
    pub payer: String,
    /// Segments in scope, bit by position.
    pub segments: u16,
    /// Powertrains in scope, bit by position; for standards those that fulfil it.
    pub powertrains: u16,
    /// Where the vehicle is built.
    pub built: Places,
    /// What else must hold.
    pub tests: Vec<Test>,
    /// The same as text.
    pub condition: String,
    /// Value; NaN where the rule has none.
    pub value: f64,
    /// How the value is counted.
    pub unit: Unit,
    /// Most that a relief may be worth, USD 2023 a vehicle; NaN where there is no cap.
    pub cap_usd: f64,
    /// Least that a duty may be, USD 2023 a vehicle; NaN where there is no floor.
    pub floor_usd: f64,
    /// Fine of a standard: USD 2023 a vehicle short, or per g/km and vehicle; NaN where there is none.
    pub fine_usd: f64,
    /// Countries that fulfil a standard together share this word; empty if alone.
    pub pool: String,
    /// First day in force.
    pub start: Date,
    /// Last day in force; none while open.
    pub end: Option<Date>,
    /// Day on which it was announced.
    pub announced: Date,
    /// Budget it is paid from; empty if none.
    pub budget: String,
    /// Grade of the record: high, medium, low.
    pub certainty: String,
    /// Why it is not obeyed, if it is not.
    pub reason: Option<Reason>,
    /// An average of another table, which itemised rules replace.
    pub average: bool,
    /// File and line it stands in.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
}

impl Rule {
    /// Is it in force on some day between two days?
    pub fn overlaps(&self, first: Date, last: Date) -> bool {
        self.start <= last && self.end.is_none_or(|end| end >= first)
    }

    /// Code of the payer: averages of support carry their row behind it.
    pub fn payer_code(&self) -> &str {
        self.payer.split(':').next().unwrap_or_default()
    }

    /// Who obeys it; nobody where there is a reason.
    pub const fn module(&self) -> Module {
        match self.reason {
            Some(_) => Module::Shown,
            None => self.instrument.module(),
        }
    }
}

/// A maker in a scheme from a day on.
#[derive(Debug, Clone, PartialEq)]
pub struct Signatory {
    /// Scheme (`EV3.5`).
    pub scheme: String,
    /// Position of the country.
    pub country: usize,
    /// Code of the maker, or of an origin where makers have no names.
    pub maker: String,
    /// First day.
    pub start: Date,
    /// Last day; none while open.
    pub end: Option<Date>,
    /// Day on which it was announced.
    pub announced: Date,
}

/// All rules of the pack, or of a scenario.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Rules: those of the table first, then averages of other tables, in a fixed order.
    pub list: Vec<Rule>,
    /// Makers in schemes.
    pub signatories: Vec<Signatory>,
    /// Vehicles owed under offset schemes at the end of the base year.
    pub opening_debts: Vec<OpeningDebt>,
    /// Names of budgets, in order: positions in the state of budgets.
    pub budgets: Vec<String>,
    /// Order and base of taxes, by country.
    pub bases: Vec<bases::Bases>,
    /// Words of conditions.
    pub lexicon: Lexicon,
    /// Codes of countries, by position.
    pub codes: Vec<String>,
    /// Rows of the table of rules as written, for scenarios that alter a cell.
    raw: Vec<read::RawRule>,
    /// Positions of the rules that are law in a country, by country.
    by_country: Vec<Vec<u32>>,
    /// Budget that each rule is paid from, by position.
    budget_of: Vec<Option<u16>>,
}

impl Rules {
    /// Reads the rules of a record; gives all problems at once.
    pub fn load(record: &Record) -> Result<Self, Problems> {
        let lexicon = read::lexicon(record);
        let codes = read::codes(record);
        let mut problems = Problems::default();
        let raw = read::rows(record);
        let mut list: Vec<Rule> = raw
            .iter()
            .filter_map(|row| read::compile(row, &lexicon, &mut problems))
            .collect();
        check::check(&list, &lexicon, &mut problems);
        list.extend(convert::averages(record, &lexicon, codes.len()));
        let rules = Self {
            list: Vec::new(),
            signatories: read::signatories(record, &lexicon, &mut problems),
            opening_debts: offset::opening_debts(record, &lexicon),
            budgets: Vec::new(),
            bases: bases::read(record, &codes, &mut problems),
            lexicon,
            codes,
            raw: Vec::new(),
            by_country: Vec::new(),
            budget_of: Vec::new(),
        };
        problems.or_ok(rules.with_list(list, raw))
    }

    /// The same with another list of rules.
    fn with_list(mut self, list: Vec<Rule>, raw: Vec<read::RawRule>) -> Self {
        self.by_country = vec![Vec::new(); self.codes.len()];
        for (position, rule) in list.iter().enumerate() {
            for &country in &rule.countries {
                self.by_country[country].push(position as u32);
            }
        }
        self.budgets = list
            .iter()
            .filter(|rule| !rule.budget.is_empty())
            .map(|rule| rule.budget.clone())
            .collect();
        self.budgets.sort();
        self.budgets.dedup();
        let position = |rule: &Rule| self.budgets.binary_search(&rule.budget).ok();
        self.budget_of = list
            .iter()
            .map(|rule| position(rule).map(|position| position as u16))
            .collect();
        self.list = list;
        self.raw = raw;
        self
    }

    /// Rules that are law in a country, with their positions.
    pub fn of(&self, country: usize) -> impl Iterator<Item = (usize, &Rule)> {
        self.by_country[country]
            .iter()
            .map(|&position| (position as usize, &self.list[position as usize]))
    }

    /// Budget that a rule is paid from, both by position.
    pub fn budget_of(&self, rule: usize) -> Option<usize> {
        self.budget_of[rule].map(usize::from)
    }

    /// Positions of budgets from which rules of a country are paid.
    pub fn budgets_of(&self, country: usize) -> Vec<usize> {
        let mut found: Vec<usize> = self
            .of(country)
            .filter(|(_, rule)| rule.instrument != Instrument::Budget && rule.reason.is_none())
            .filter_map(|(position, _)| self.budget_of(position))
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Has the maker signed the scheme by some day of a year, as far as is known by `policy_as_of`?
    pub fn signed(
        &self,
        scheme: &str,
        country: usize,
        maker: &str,
        year: i32,
        policy_as_of: Option<Date>,
    ) -> bool {
        self.signatories.iter().any(|row| {
            row.scheme == scheme
                && row.country == country
                && row.maker == maker
                && row.start <= Date::last_of(year)
                && row.end.is_none_or(|end| end >= Date::first_of(year))
                && policy_as_of.is_none_or(|as_of| row.announced <= as_of)
        })
    }

    /// Rules of the table that the engine does not obey, with the reason in words.
    pub fn not_obeyed(&self) -> impl Iterator<Item = (&Rule, &'static str)> {
        self.list
            .iter()
            .filter(|rule| !rule.average)
            .filter_map(|rule| match rule.reason {
                Some(reason) => Some((rule, reason.text())),
                None if rule.instrument.module() == Module::Shown => {
                    Some((rule, "is shown, never imposed"))
                }
                None => None,
            })
    }

    /// Rules of the table by the part of the model that obeys them.
    pub fn obeyed(&self) -> BTreeMap<Module, usize> {
        let mut counts = BTreeMap::new();
        for rule in self
            .list
            .iter()
            .filter(|rule| !rule.average && rule.module() != Module::Shown)
        {
            *counts.entry(rule.module()).or_insert(0) += 1;
        }
        counts
    }
}
