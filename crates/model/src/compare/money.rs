//! Who gains and who pays: buyers, makers and treasuries of two runs side by side, and what a plug-in vehicle or a
//! tonne of CO2 costs the public.
//!
//! Everything is a difference of the run from the base, million USD of 2023, and adds up: buyers' surplus, makers'
//! profit by origin, public money by payer and instrument. Sums over years are discounted to the base year at a
//! stated rate; vehicles and tonnes are not.

use std::collections::BTreeMap;

use super::{Indicators, Named};
use crate::tables::{LongTable, Table};

const SURPLUS: &str = "Consumer Surplus|Light-Duty Vehicle";
const PLUG_INS: &str = "Sales|Transportation|Light-Duty Vehicle|Plug-in Electric";
const CO2: &str = "Emissions|CO2|Well-to-Wheel|Light-Duty Vehicle";

/// Kinds of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Item {
    /// Surplus of buyers.
    Surplus,
    /// Profit of makers.
    Profit,
    /// Receipts less outlays of a payer.
    Public,
}

impl Item {
    const ALL: [Self; 3] = [Self::Surplus, Self::Profit, Self::Public];

    /// Word in tables.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Surplus => "consumer surplus",
            Self::Profit => "producer profit",
            Self::Public => "public money",
        }
    }
}

/// Whose money it is: the party, and by which instrument it comes or goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Account {
    item: Item,
    party: String,
    instrument: String,
}

/// Money of a run by account, country and year, million USD of 2023.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Money {
    cells: BTreeMap<Account, BTreeMap<String, BTreeMap<i32, f64>>>,
}

impl Money {
    /// Reads `fiscal` and `profits`, as far as they are there, and the surplus of buyers among the indicators.
    pub fn of(tables: &[Table], indicators: &Indicators, countries: &[String]) -> Self {
        let mut money = Self::default();
        for table in tables {
            // Column of the party, column of the instrument, column of the amount.
            match table.name {
                "fiscal" => money.read(table, Item::Public, ["payer", "instrument", "amount"]),
                "profits" => money.read(table, Item::Profit, ["origin", "", "profit"]),
                _ => None,
            };
        }
        let years: Vec<i32> = (indicators.years.0..=indicators.years.1).collect();
        for iso3 in countries {
            let values = indicators.series(SURPLUS, iso3, &years);
            for (&year, billion) in years.iter().zip(values) {
                if billion.is_finite() {
                    money.add(Item::Surplus, ["buyers", ""], iso3, year, 1e3 * billion);
                }
            }
        }
        money
    }

    fn read(
        &mut self,
        table: &Table,
        item: Item,
        [party, instrument, amount]: [&str; 3],
    ) -> Option<()> {
        let (party, iso3) = (table.words(party)?, table.words("iso3")?);
        let (instrument, rule) = (table.words(instrument), table.words("rule"));
        let (year, amount) = (table.integers("year")?, table.reals(amount)?);
        for row in 0..table.rows() {
            let word = |(words, codes): (&'_ [String], &[u32])| words[codes[row] as usize].clone();
            let mut how = instrument.map(word).unwrap_or_default();
            // Levers are told apart by name.
            if let Some(name) = rule.filter(|_| how == "lever").map(word) {
                how = format!("lever: {name}");
            }
            if amount[row].is_finite() {
                self.add(
                    item,
                    [&word(party), &how],
                    &word(iso3),
                    year[row],
                    amount[row],
                );
            }
        }
        Some(())
    }

    fn add(
        &mut self,
        item: Item,
        [party, instrument]: [&str; 2],
        iso3: &str,
        year: i32,
        amount: f64,
    ) {
        let account = Account {
            item,
            party: party.to_owned(),
            instrument: instrument.to_owned(),
        };
        let of_account = self.cells.entry(account).or_default();
        let of_country = of_account.entry(iso3.to_owned()).or_default();
        *of_country.entry(year).or_default() += amount;
    }

    fn has(&self, item: Item) -> bool {
        self.cells.keys().any(|account| account.item == item)
    }

    /// Sum over countries in a year.
    fn sum(&self, account: &Account, members: &[String], year: i32) -> f64 {
        self.cells.get(account).map_or(0.0, |cells| {
            let of_members = members
                .iter()
                .filter_map(|iso3| cells.get(iso3)?.get(&year));
            of_members.fold(0.0, |sum, value| sum + value)
        })
    }
}

/// A region by name and member countries.
pub type Region = (String, Vec<String>);

/// Money of a run less that of the base: what both know of.
#[derive(Debug, Clone)]
pub struct Ledger<'a> {
    base: &'a Money,
    run: &'a Money,
    accounts: Vec<Account>,
}

impl<'a> Ledger<'a> {
    /// Sets two runs side by side. An item that only one of them has would differ for no reason: it is left out.
    pub fn new(base: &'a Money, run: &'a Money) -> Self {
        let known = |account: &&Account| base.has(account.item) && run.has(account.item);
        let mut accounts: Vec<Account> = base
            .cells
            .keys()
            .chain(run.cells.keys())
            .filter(known)
            .cloned()
            .collect();
        accounts.sort();
        accounts.dedup();
        Self {
            base,
            run,
            accounts,
        }
    }

    /// Difference of an item in a year, of one party or of all.
    pub fn difference(
        &self,
        item: Item,
        party: Option<&str>,
        members: &[String],
        year: i32,
    ) -> f64 {
        let accounts = self.accounts.iter().filter(|account| {
            account.item == item && party.is_none_or(|party| account.party == party)
        });
        accounts
            .map(|account| {
                self.run.sum(account, members, year) - self.base.sum(account, members, year)
            })
            .fold(0.0, |sum, value| sum + value)
    }

    /// Parties of an item.
    pub fn parties(&self, item: Item) -> Vec<&str> {
        let mut parties: Vec<&str> = self
            .accounts
            .iter()
            .filter(|account| account.item == item)
            .map(|account| account.party.as_str())
            .collect();
        parties.dedup();
        parties
    }
}

/// Table `welfare`: every account that moves, by region and year.
pub fn welfare(names: &[&str], money: &[Money], regions: &[Region], years: &[i32]) -> Table {
    let mut rows = LongTable::new(5, 3);
    for (name, run) in names.iter().zip(money).skip(1) {
        let ledger = Ledger::new(&money[0], run);
        for (region, members) in regions {
            for account in &ledger.accounts {
                for &year in years {
                    let before = money[0].sum(account, members, year);
                    let value = run.sum(account, members, year);
                    if before != 0.0 || value != 0.0 {
                        let words = [
                            *name,
                            region,
                            account.item.code(),
                            &account.party,
                            &account.instrument,
                        ];
                        rows.push(&words, year, &[before, value, value - before]);
                    }
                }
            }
        }
    }
    rows.table(
        "welfare",
        "Surplus of buyers, profit of makers and public money of scenarios beside the base scenario",
        &[
            ("scenario", "scenario"),
            ("region", "ISO alpha-3 of the market, group or World"),
            ("item", "consumer surplus, producer profit or public money"),
            ("party", "buyers, origin of makers, or payer"),
            ("instrument", "by which public money comes or goes"),
        ],
        &[
            ("base", "million USD_2023", "in the base scenario"),
            ("value", "million USD_2023", "in the scenario"),
            ("difference", "million USD_2023", "value less base: a gain of the party if positive"),
        ],
    )
}

/// What a scenario brings and costs in a region, summed over years.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effect {
    /// Gain of buyers, of makers and of treasuries, discounted, million USD of 2023; NaN where the runs do not say.
    pub gains: [f64; 3],
    /// Plug-in vehicles sold more.
    pub plug_ins: f64,
    /// CO2 avoided, well to wheel, Mt.
    pub co2_mt: f64,
}

impl Effect {
    /// Sums the differences of years.
    pub fn new(
        [base, run]: [&Named; 2],
        ledger: &Ledger,
        (region, members): (&str, &[String]),
        years: &[i32],
        base_year: i32,
        discount: f64,
    ) -> Self {
        let gains = Item::ALL.map(|item| {
            if ledger.parties(item).is_empty() {
                return f64::NAN;
            }
            let of = |&year: &i32| {
                let weight = (1.0 + discount).powi(base_year - year);
                weight * ledger.difference(item, None, members, year)
            };
            years.iter().map(of).fold(0.0, |sum, value| sum + value)
        });
        let moved = |variable: &str| {
            let [before, after] =
                [base, run].map(|run| run.indicators.series(variable, region, years));
            after
                .iter()
                .zip(&before)
                .map(|(a, b)| a - b)
                .fold(0.0, |sum, value| sum + value)
        };
        Self {
            gains,
            plug_ins: 1e6 * moved(PLUG_INS),
            co2_mt: -moved(CO2),
        }
    }

    /// What the public pays, million USD of 2023.
    pub fn public_cost(&self) -> f64 {
        -self.gains[2]
    }

    /// What buyers, makers and treasuries gain together, as far as the runs say.
    pub fn net_gain(&self) -> f64 {
        let known = self.gains.iter().filter(|gain| gain.is_finite());
        known.fold(0.0, |sum, gain| sum + gain)
    }

    /// Public cost of a plug-in vehicle sold more, or what one sold less saves, USD of 2023; NaN if neither.
    pub fn usd_per_vehicle(&self) -> f64 {
        per(self.public_cost() * 1e6, self.plug_ins, 1.0)
    }

    /// Public cost of a tonne of CO2 avoided, or what one emitted more saves, USD of 2023; NaN if neither.
    pub fn usd_per_tonne(&self) -> f64 {
        per(self.public_cost(), self.co2_mt, 1e-6)
    }

    /// The same for the net cost to buyers, makers and treasuries.
    pub fn net_usd_per_tonne(&self) -> f64 {
        per(-self.net_gain(), self.co2_mt, 1e-6)
    }
}

/// What one unit more costs, or what one unit less saves; NaN where the units do not move, or fall while the cost
/// rises.
fn per(cost: f64, of: f64, least: f64) -> f64 {
    if of > least || (of < -least && cost < 0.0) {
        cost / of
    } else {
        f64::NAN
    }
}

/// Table `effectiveness`: sums over the years, by region.
pub fn effectiveness(
    runs: &[Named],
    money: &[Money],
    regions: &[Region],
    years: &[i32],
    base_year: i32,
    discount: f64,
) -> Table {
    let mut rows = LongTable::new(2, 9);
    let last = years.last().copied().unwrap_or(base_year);
    for (run, own) in runs.iter().zip(money).skip(1) {
        let ledger = Ledger::new(&money[0], own);
        for (region, members) in regions {
            let region_of = (region.as_str(), members.as_slice());
            let effect = Effect::new(
                [&runs[0], run],
                &ledger,
                region_of,
                years,
                base_year,
                discount,
            );
            let [buyers, makers, public] = effect.gains;
            let numbers = [
                buyers,
                makers,
                public,
                effect.net_gain(),
                effect.plug_ins,
                effect.co2_mt,
                effect.usd_per_vehicle(),
                effect.usd_per_tonne(),
                effect.net_usd_per_tonne(),
            ];
            rows.push(&[&run.name, region], last, &numbers);
        }
    }
    rows.table(
        "effectiveness",
        "What scenarios bring and cost beside the base scenario, summed over the years up to `year`; money discounted to the base year",
        &[
            ("scenario", "scenario"),
            ("region", "ISO alpha-3 of the market, group or World"),
        ],
        &[
            ("buyers", "million USD_2023", "gain of buyers"),
            ("makers", "million USD_2023", "gain of makers"),
            ("public", "million USD_2023", "gain of treasuries and other payers"),
            ("net", "million USD_2023", "sum of the three, as far as they are known"),
            ("plug_ins", "vehicles", "plug-in vehicles sold more"),
            ("co2", "Mt", "CO2 avoided, well to wheel"),
            ("usd_per_plug_in", "USD_2023/vehicle", "public cost of a plug-in vehicle sold more, or what one sold less saves; empty if neither"),
            ("usd_per_tonne", "USD_2023/t", "public cost of a tonne avoided, or what one emitted more saves; empty if neither"),
            ("net_usd_per_tonne", "USD_2023/t", "the same for the net cost to buyers, makers and treasuries"),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(
        name: &str,
        plug_ins: f64,
        co2: f64,
        surplus: f64,
        support: f64,
        profit: f64,
    ) -> (Named, Money) {
        let mut rows = LongTable::new(3, 1);
        for (variable, value) in [(PLUG_INS, plug_ins), (CO2, co2), (SURPLUS, surplus)] {
            for year in [2024, 2025] {
                rows.push(&["THA", variable, ""], year, &[value]);
            }
        }
        let words = [("region", ""), ("variable", ""), ("unit", "")];
        let indicators = rows.table("indicators", "", &words, &[("value", "", "")]);
        let mut rows = LongTable::new(3, 1);
        let mut made = LongTable::new(2, 1);
        for year in [2024, 2025] {
            rows.push(&["THA", "THA", "support"], year, &[-support]);
            made.push(&["THA", "JPN"], year, &[profit]);
        }
        let words = [("payer", ""), ("iso3", ""), ("instrument", "")];
        let fiscal = rows.table("fiscal", "", &words, &[("amount", "", "")]);
        let profits = made.table(
            "profits",
            "",
            &[("iso3", ""), ("origin", "")],
            &[("profit", "", "")],
        );
        let indicators = Indicators::from_tables(&[indicators]).expect("columns");
        let money = Money::of(&[fiscal, profits], &indicators, &["THA".to_owned()]);
        let name = name.to_owned();
        (Named { name, indicators }, money)
    }

    #[test]
    fn costs_and_gains_add_up_and_are_discounted() {
        let ((base, before), (other, after)) = (
            run("a", 0.1, 60.0, 5.0, 100.0, 400.0),
            run("b", 0.12, 59.0, 5.1, 180.0, 390.0),
        );
        let members = ["THA".to_owned()];
        let ledger = Ledger::new(&before, &after);
        let years = [2024, 2025];
        let of = |discount| {
            Effect::new(
                [&base, &other],
                &ledger,
                ("THA", &members),
                &years,
                2023,
                discount,
            )
        };
        let plain = of(0.0);
        assert_eq!(plain.gains.map(f64::round), [200.0, -20.0, -160.0]);
        assert!((plain.net_gain() - 20.0).abs() < 1e-9);
        assert!((plain.usd_per_vehicle() - 4000.0).abs() < 1e-6);
        assert!((plain.usd_per_tonne() - 80.0).abs() < 1e-9);
        assert!((plain.net_usd_per_tonne() + 10.0).abs() < 1e-9);
        // Taken away, the same measure saves what it cost.
        let back = Ledger::new(&after, &before);
        let back = Effect::new([&other, &base], &back, ("THA", &members), &years, 2023, 0.0);
        assert!((back.usd_per_vehicle() - 4000.0).abs() < 1e-6);
        assert!((back.usd_per_tonne() - 80.0).abs() < 1e-9);
        assert!(back.net_usd_per_tonne().is_nan(), "more CO2 and a net loss");
        let factor = f64::midpoint(1.0 / 1.05, 1.0 / 1.05_f64.powi(2));
        assert!((of(0.05).gains[0] - 200.0 * factor).abs() < 1e-9);
        let regions = [("THA".to_owned(), members.to_vec())];
        let table = welfare(&["a", "b"], &[before, after], &regions, &years);
        let sum: f64 = table.reals("difference").expect("a column").iter().sum();
        assert!((sum - 20.0).abs() < 1e-9);
    }

    #[test]
    fn what_one_run_does_not_know_is_no_difference() {
        let ((base, before), (other, _)) = (
            run("a", 0.1, 60.0, 5.0, 100.0, 1.0),
            run("b", 0.1, 60.0, 5.0, 0.0, 1.0),
        );
        let bare = Money::of(&[], &other.indicators, &["THA".to_owned()]);
        let ledger = Ledger::new(&before, &bare);
        let effect = Effect::new(
            [&base, &other],
            &ledger,
            ("THA", &["THA".to_owned()]),
            &[2024],
            2023,
            0.03,
        );
        assert_eq!(effect.gains[0], 0.0);
        assert!(effect.gains[1].is_nan() && effect.gains[2].is_nan());
        assert!(effect.usd_per_vehicle().is_nan() && effect.usd_per_tonne().is_nan());
    }
}
