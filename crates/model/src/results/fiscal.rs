//! Public money around new vehicles: by payer, instrument and rule; levers; budgets of schemes.

use rayon::prelude::*;

use super::Results;
use crate::ids::Powertrain;
use crate::law::Laws;
use crate::step::wedge::CountryMoney;
use crate::tables::{LongTable, Table};

impl Results<'_> {
    /// Money of every country in the base year and in each projected year.
    pub(super) fn country_money(&self) -> Vec<Vec<CountryMoney>> {
        let laws = Laws::new(self.world, self.base, self.scenario, self.outcome);
        let years = self.outcome.years.len();
        (0..self.world.countries.len())
            .into_par_iter()
            .map(|c| {
                std::iter::once(None)
                    .chain((0..years).map(Some))
                    .map(|t| {
                        let of = self.offers_in(c, t.map(|t| &self.outcome.years[t]));
                        let sold: Vec<(f64, f64)> = of
                            .units
                            .iter()
                            .zip(of.producer_price_usd)
                            .map(|(units, price)| (*units, *price))
                            .collect();
                        laws.money(c, t, &sold)
                    })
                    .collect()
            })
            .collect()
    }

    /// Largest part of what stands between buyers and makers that no rule, lever or setting accounts for.
    pub(super) fn money_residual(&self, money: &[Vec<CountryMoney>]) -> f64 {
        let mut worst = 0.0_f64;
        for (c, of_country) in money.iter().enumerate() {
            for ((_, year), told) in self.years_shown().zip(of_country) {
                let of = self.offers_in(c, year);
                let (mut between, mut turnover) = (0.0, 0.0);
                for k in 0..of.units.len() {
                    let producer = of.producer_price_usd[k];
                    between += of.units[k]
                        * (of.wedges.ad_valorem[k] * producer + of.wedges.specific_usd[k]);
                    turnover += of.units[k] * producer;
                }
                let error = (between - told.total_usd()).abs() / turnover.max(1.0);
                worst = if error > worst || error.is_nan() {
                    error
                } else {
                    worst
                };
            }
        }
        worst
    }

    pub(super) fn fiscal(&self, money: &[Vec<CountryMoney>]) -> Table {
        let mut rows = LongTable::new(4, 4);
        for (c, of_country) in money.iter().enumerate() {
            let iso3 = self.world.countries[c].iso3.as_str();
            for ((year, projected), told) in self.years_shown().zip(of_country) {
                let rules = match (projected, &self.outcome.rules) {
                    (Some(_), Some(rules)) => rules,
                    _ => &self.world.rules,
                };
                for (rule, of) in rules.list.iter().zip(&told.by_rule.0) {
                    let numbers = [
                        of.receipts_usd,
                        -of.outlays_usd,
                        -of.foregone_usd,
                        of.net_usd(),
                    ]
                    .map(|usd| usd * 1e-6);
                    if numbers.iter().any(|number| *number != 0.0) {
                        let payer = match rule.payer_code() {
                            "" => iso3,
                            payer => payer,
                        };
                        rows.push(
                            &[payer, iso3, rule.instrument.code(), &rule.id],
                            year,
                            &numbers,
                        );
                    }
                }
                for &f in Powertrain::ALL {
                    let million = told.set_usd[f.index()] * 1e-6;
                    if million != 0.0 {
                        let path = format!("incentive.{}.{iso3}", f.code());
                        let words = [iso3, iso3, "purchase_subsidy", &path];
                        rows.push(&words, year, &[0.0, -million, 0.0, -million]);
                    }
                }
            }
        }
        for year in &self.outcome.years {
            for &(lever, c, million) in &year.industry.spending {
                let (lever, _) = &self.outcome.measures.levers[lever];
                let payer = if lever.payer.is_empty() {
                    "makers"
                } else {
                    &lever.payer
                };
                let iso3 = self.world.countries[c].iso3.as_str();
                let words = [payer, iso3, "lever", &lever.name];
                rows.push(&words, year.year, &[0.0, -million, 0.0, -million]);
            }
            for debt in &year.offsets {
                let iso3 = self.world.countries[debt.account.country].iso3.as_str();
                let scheme = debt.account.scheme.as_str();
                let paid_back = debt.penalty_usd * 1e-6;
                // What waits is less outlay this year; it is paid when enough is built.
                let held = debt.newly_withheld_usd * 1e-6;
                if paid_back != 0.0 || held != 0.0 {
                    let all = paid_back + held;
                    let words = [iso3, iso3, "production_offset", scheme];
                    rows.push(&words, year.year, &[paid_back, held, 0.0, all]);
                    let words = ["makers", iso3, "production_offset", scheme];
                    rows.push(&words, year.year, &[0.0, -all, 0.0, -all]);
                }
            }
        }
        rows.table(
            "fiscal",
            "Public money around new light vehicles and levers, by rule: receipts positive, outlays and tax gone without negative",
            &[
                ("payer", "government, makers or other payer that pays or receives"),
                ("iso3", "country of the vehicle"),
                ("instrument", "instrument of the rule, or lever"),
                ("rule", "rule by its id, parameter that a scenario sets, or name of the lever"),
            ],
            &[
                ("receipts", "million USD_2023", "taxes and duties received"),
                ("outlays", "million USD_2023", "support and levers paid: negative"),
                (
                    "foregone",
                    "million USD_2023",
                    "what reliefs and cuts take off the rate that would apply: negative",
                ),
                ("amount", "million USD_2023", "the three together"),
            ],
        )
    }

    /// Budgets of schemes: what was there, claimed and paid.
    pub(super) fn budgets(&self) -> Table {
        let mut rows = LongTable::new(2, 4);
        let rules = self.outcome.rules.as_ref().unwrap_or(&self.world.rules);
        for (c, country) in self.world.countries.iter().enumerate() {
            let own = rules.budgets_of(c);
            for year in &self.outcome.years {
                let of = &year.countries[c].budgets;
                for &budget in &own {
                    let (available, claims, funded) = (
                        of.available_usd[budget],
                        of.claims_usd[budget],
                        of.funded[budget],
                    );
                    if available > 0.0 || claims > 0.0 {
                        let words = [country.iso3.as_str(), &rules.budgets[budget]];
                        let million = [available, claims, claims * funded].map(|usd| usd * 1e-6);
                        let numbers = [million[0], million[1], million[2], funded];
                        rows.push(&words, year.year, &numbers);
                    }
                }
            }
        }
        rows.table(
            "budgets",
            "Money set aside for schemes: what runs out pays a part of the year's claims",
            &[("iso3", "country"), ("budget", "budget")],
            &[
                (
                    "available",
                    "million USD_2023",
                    "left at the beginning of the year",
                ),
                (
                    "claims",
                    "million USD_2023",
                    "what all who are entitled would get",
                ),
                ("paid", "million USD_2023", "what is paid"),
                ("funded", "", "paid over claims"),
            ],
        )
    }
}
