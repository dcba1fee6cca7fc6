//! A run as tables: the words begin again here (interface.md, "Tables").

mod fiscal;
mod indicators;
mod industry;
mod prices;
pub mod production;
mod profits;
mod record_check;
pub mod targets;
mod vehicles;

use crate::calibrate::{Base, mix::Offers};
use crate::compare::{Indicators, Named};
use crate::ids::{CARRIERS, Carrier, Origin, POWERTRAINS, Powertrain, Segment, YEARS, year_index};
use crate::run::{CountryYear, Outcome};
use crate::scenario::Scenario;
use crate::step::energy::FleetEnergy;
use crate::step::wedge::CountryMoney;
use crate::tables::{Column, Table, Values};
use crate::world::World;

/// First year of history shown.
pub const FIRST_SHOWN: i32 = 2005;

/// A finished run with everything its tables need.
#[derive(Clone, Copy)]
pub struct Results<'a> {
    /// World.
    pub world: &'a World,
    /// Base.
    pub base: &'a Base,
    /// Scenario.
    pub scenario: &'a Scenario,
    /// Outcome.
    pub outcome: &'a Outcome,
}

/// One identity of model.md section 13 with what is left of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Balance {
    /// Name.
    pub name: &'static str,
    /// Largest residual, relative.
    pub residual: f64,
    /// Largest residual allowed.
    pub tolerance: f64,
}

impl Balance {
    /// True if the identity holds.
    pub fn holds(&self) -> bool {
        self.residual <= self.tolerance
    }
}

/// Collects rows of a table whose first columns are words and years.
struct Rows {
    words: Vec<(Vec<String>, Vec<u32>)>,
    years: Vec<i32>,
    reals: Vec<Vec<f64>>,
}

impl Rows {
    fn new(dictionaries: Vec<Vec<String>>, reals: usize) -> Self {
        Self {
            words: dictionaries
                .into_iter()
                .map(|list| (list, Vec::new()))
                .collect(),
            years: Vec::new(),
            reals: vec![Vec::new(); reals],
        }
    }

    fn push(&mut self, codes: &[usize], year: i32, values: &[f64]) {
        for ((_, column), &code) in self.words.iter_mut().zip(codes) {
            column.push(code as u32);
        }
        self.years.push(year);
        for (column, &value) in self.reals.iter_mut().zip(values) {
            column.push(value);
        }
    }

    /// Columns in the order of `layout`: a word column, the year, or a number, with name, unit, description.
    fn table(
        self,
        name: &'static str,
        description: &'static str,
        layout: &[(Slot, &'static str, &'static str, &'static str)],
    ) -> Table {
        let mut words: Vec<Option<Values>> = self
            .words
            .into_iter()
            .map(|(words, codes)| Some(Values::Words { words, codes }))
            .collect();
        let mut reals: Vec<Option<Values>> = self
            .reals
            .into_iter()
            .map(|values| Some(Values::Reals(values)))
            .collect();
        let mut years = Some(Values::Integers(self.years));
        let columns = layout
            .iter()
            .map(|&(slot, name, unit, description)| {
                let values = match slot {
                    Slot::Word(i) => words[i].take(),
                    Slot::Year => years.take(),
                    Slot::Real(i) => reals[i].take(),
                };
                Column {
                    name,
                    unit,
                    description,
                    values: values.expect("each column stands once in the layout"),
                }
            })
            .collect();
        Table {
            name,
            description,
            columns,
        }
    }
}

#[derive(Clone, Copy)]
enum Slot {
    Word(usize),
    Year,
    Real(usize),
}

use Slot::{Real, Word, Year};

/// Words of powertrains, with `all` last.
fn powertrain_words() -> Vec<String> {
    Powertrain::ALL
        .iter()
        .map(|f| f.code().to_owned())
        .chain(["all".to_owned()])
        .collect()
}

fn status_words() -> Vec<String> {
    vec!["history".to_owned(), "projection".to_owned()]
}

impl Results<'_> {
    fn iso3(&self) -> Vec<String> {
        self.world
            .countries
            .iter()
            .map(|country| country.iso3.clone())
            .collect()
    }

    /// Every table of the run.
    pub fn tables(&self) -> Vec<Table> {
        self.tables_with(&self.country_money())
    }

    /// Every table and the identities that must hold, which rest on the same money.
    pub fn tables_and_balances(&self) -> (Vec<Table>, Vec<Balance>) {
        let money = self.country_money();
        (self.tables_with(&money), self.balances_with(&money))
    }

    fn tables_with(&self, money: &[Vec<CountryMoney>]) -> Vec<Table> {
        let indicators = self.indicators();
        let targets = self.targets(&indicators);
        let mut tables = vec![
            indicators,
            self.sales(),
            self.fleet(),
            self.prices(),
            self.production(),
            self.trade(),
            self.trade_balance(),
            self.offsets(),
            self.energy(),
            self.emissions(),
            self.fiscal(money),
            self.budgets(),
            self.profits(),
            self.chargers(),
            self.vehicles(),
            self.standards(),
            self.record_check(),
            self.minerals(),
            self.mineral_markets(),
            self.mineral_dependence(),
            self.packs(),
            self.workforce(),
            self.workforce_record(),
            self.making(),
            self.pathways(),
        ];
        tables.extend(targets);
        tables
    }

    /// The scenario's own targets, if it has any.
    fn targets(&self, indicators: &Table) -> Option<Table> {
        let scenario = self.scenario;
        if scenario.targets.is_empty() {
            return None;
        }
        let run = Named {
            name: scenario.name.clone(),
            indicators: Indicators::from_tables(std::slice::from_ref(indicators))?,
        };
        Some(targets::table(
            &[run],
            &scenario.targets,
            self.world.base_year,
        ))
    }

    /// The identities that must hold.
    pub fn balances(&self) -> Vec<Balance> {
        self.balances_with(&self.country_money())
    }

    fn balances_with(&self, money: &[Vec<CountryMoney>]) -> Vec<Balance> {
        let (mut stock, mut shares, mut record) = (0.0_f64, 0.0_f64, 0.0_f64);
        let b = year_index(self.world.base_year);
        for c in 0..self.world.countries.len() {
            let mut before = self.base.stocks[c].stock[b];
            for year in &self.outcome.years {
                let country = &year.countries[c];
                let now = country.light_stock.iter().sum::<f64>() + country.heavy_stock;
                let new = country.light_new.iter().sum::<f64>() + country.heavy_new;
                let flow = new + country.ageing.used_imports.iter().sum::<f64>()
                    - country.ageing.scrapped.iter().sum::<f64>()
                    - country.ageing.used_exports.iter().sum::<f64>();
                stock = stock.max(((before + flow - now) / now).abs());
                before = now;
                let offers: f64 = country.offer_units.iter().sum();
                shares = shares.max((offers / country.light_new.iter().sum::<f64>() - 1.0).abs());
            }
            let sold: f64 = self.base.offers.base_share[self.base.offers.of(c)]
                .iter()
                .sum();
            record = record.max((sold - 1.0).abs());
        }
        let mut packs = 0.0_f64;
        for year in &self.outcome.years {
            for c in 0..self.world.countries.len() {
                let row = year.industry.minerals.packs.row(c);
                if row[5] > 0.0 {
                    packs = packs.max(((row[1] + row[2] + row[3] + row[4]) / row[5] - 1.0).abs());
                }
            }
        }
        let [account, mirror, built] = self.trade_residuals();
        vec![
            Balance {
                name: "packs in = packs in use + second life + returned + lost",
                residual: packs,
                tolerance: 1e-9,
            },
            Balance {
                name: "production = sales + exports - imports + discrepancy",
                residual: account,
                tolerance: 1e-9,
            },
            Balance {
                name: "exports of the world = imports of the world",
                residual: mirror,
                tolerance: 1e-9,
            },
            Balance {
                name: "base-year production equals the record",
                residual: built,
                tolerance: 1e-9,
            },
            Balance {
                name: "stock(t) = stock(t-1) + new + used imports - scrapped - used exports",
                residual: stock,
                tolerance: 1e-9,
            },
            Balance {
                name: "money of buyers = money of makers, treasuries and proof of origin",
                residual: self.money_residual(money),
                tolerance: 1e-9,
            },
            Balance {
                name: "sales of offers sum to the market",
                residual: shares,
                tolerance: 1e-9,
            },
            Balance {
                name: "base-year shares sum to one",
                residual: record,
                tolerance: 1e-9,
            },
            Balance {
                name: "base-year shares equal the record and prices are an equilibrium (log error)",
                residual: self.base.prices.error,
                tolerance: 1e-9,
            },
        ]
    }

    fn sales(&self) -> Table {
        let segments: Vec<String> = Segment::ALL
            .iter()
            .map(|s| s.code().to_owned())
            .chain(["heavy".to_owned(), "all".to_owned()])
            .collect();
        let origins: Vec<String> = Origin::ALL
            .iter()
            .map(|o| o.code().to_owned())
            .chain(["all".to_owned()])
            .collect();
        let (heavy, any_segment, any_origin) =
            (segments.len() - 2, segments.len() - 1, origins.len() - 1);
        let makers: Vec<String> = self
            .world
            .makers
            .iter()
            .map(|maker| maker.code.clone())
            .chain(["all".to_owned()])
            .collect();
        let any_maker = makers.len() - 1;
        let mut rows = Rows::new(
            vec![
                self.iso3(),
                status_words(),
                segments,
                powertrain_words(),
                makers,
                origins,
            ],
            1,
        );
        let offers: &Offers = &self.base.offers;
        for c in 0..self.world.countries.len() {
            for year in FIRST_SHOWN..self.world.base_year {
                for f in 0..POWERTRAINS {
                    let units = self.light_history(c, f, year);
                    if units > 0.0 {
                        rows.push(
                            &[c, 0, any_segment, f, any_maker, any_origin],
                            year,
                            &[units],
                        );
                    }
                }
                rows.push(
                    &[c, 0, heavy, POWERTRAINS, any_maker, any_origin],
                    year,
                    &[self.heavy_history(c, year)],
                );
            }
            let b = year_index(self.world.base_year);
            let base_units: Vec<f64> = offers
                .of(c)
                .map(|j| offers.base_share[j] * self.world.light_sales(c, b))
                .collect();
            let base = std::iter::once((
                self.world.base_year,
                0,
                base_units.as_slice(),
                self.heavy_history(c, self.world.base_year),
            ));
            let projected = self.outcome.years.iter().map(|year| {
                (
                    year.year,
                    1,
                    year.countries[c].offer_units.as_slice(),
                    year.countries[c].heavy_new,
                )
            });
            for (year, status, units, heavy_units) in base.chain(projected) {
                for (k, j) in offers.of(c).enumerate() {
                    let codes = [
                        c,
                        status,
                        offers.segment[j] as usize,
                        offers.powertrain[j] as usize,
                        offers.maker[j] as usize,
                        offers.origin[j] as usize,
                    ];
                    rows.push(&codes, year, &[units[k]]);
                }
                rows.push(
                    &[c, status, heavy, POWERTRAINS, any_maker, any_origin],
                    year,
                    &[heavy_units],
                );
            }
        }
        rows.table(
            "sales",
            "New vehicles by country, segment, powertrain and maker",
            &[
                (Word(0), "iso3", "", "country"),
                (Year, "year", "", "calendar year"),
                (Word(1), "status", "", "history or projection"),
                (
                    Word(2),
                    "segment",
                    "",
                    "segment; all where history has no split",
                ),
                (Word(3), "powertrain", "", "powertrain"),
                (
                    Word(4),
                    "maker",
                    "",
                    "maker; that of an origin where makers are not told apart",
                ),
                (Word(5), "origin", "", "origin of the badge"),
                (Real(0), "units", "vehicles", "new vehicles"),
            ],
        )
    }

    /// New light vehicles of a powertrain in a year of history.
    fn light_history(&self, c: usize, f: usize, year: i32) -> f64 {
        let t = year_index(year);
        self.world.light_sales(c, t) * self.base.history_mix[(c, f * YEARS + t)]
    }

    fn heavy_history(&self, c: usize, year: i32) -> f64 {
        let t = year_index(year);
        self.world.sales[(c, t)] * self.world.heavy_share[(c, t)]
    }

    fn fleet(&self) -> Table {
        let classes = vec!["light".to_owned(), "heavy".to_owned(), "all".to_owned()];
        let mut rows = Rows::new(
            vec![self.iso3(), status_words(), classes, powertrain_words()],
            5,
        );
        for c in 0..self.world.countries.len() {
            let stock = &self.base.stocks[c];
            for year in FIRST_SHOWN..=self.world.base_year {
                let t = year_index(year);
                let net = stock.net_used_imports[t];
                let values = [
                    stock.stock[t],
                    self.world.sales[(c, t)],
                    stock.scrapped[t],
                    net.max(0.0),
                    (-net).max(0.0),
                ];
                rows.push(&[c, 0, 2, POWERTRAINS], year, &values);
            }
            for year in &self.outcome.years {
                let country: &CountryYear = &year.countries[c];
                let (scrapped, bought, sold) = (
                    &country.ageing.scrapped,
                    &country.ageing.used_imports,
                    &country.ageing.used_exports,
                );
                for f in 0..POWERTRAINS {
                    if country.light_stock[f] > 0.0 {
                        rows.push(
                            &[c, 1, 0, f],
                            year.year,
                            &[
                                country.light_stock[f],
                                country.light_new[f],
                                scrapped[f],
                                bought[f],
                                sold[f],
                            ],
                        );
                    }
                }
                let heavy = [
                    country.heavy_stock,
                    country.heavy_new,
                    scrapped[POWERTRAINS],
                    bought[POWERTRAINS],
                    sold[POWERTRAINS],
                ];
                rows.push(&[c, 1, 1, POWERTRAINS], year.year, &heavy);
            }
        }
        rows.table(
            "fleet",
            "Vehicles in use at the end of the year and what changed them",
            &[
                (Word(0), "iso3", "", "country"),
                (Year, "year", "", "calendar year"),
                (Word(1), "status", "", "history or projection"),
                (
                    Word(2),
                    "class",
                    "",
                    "light, heavy, or all where history has no split",
                ),
                (Word(3), "powertrain", "", "powertrain"),
                (
                    Real(0),
                    "vehicles",
                    "vehicles",
                    "in use at the end of the year",
                ),
                (Real(1), "new", "vehicles", "newly registered"),
                (Real(2), "scrapped", "vehicles", "scrapped"),
                (Real(3), "used_imports", "vehicles", "imported used"),
                (Real(4), "used_exports", "vehicles", "exported used"),
            ],
        )
    }

    fn energy(&self) -> Table {
        let carriers = Carrier::ALL
            .iter()
            .map(|carrier| carrier.code().to_owned())
            .collect();
        let mut rows = Rows::new(vec![self.iso3(), powertrain_words(), carriers], 1);
        self.each_energy(|c, year, energy| {
            for f in 0..POWERTRAINS {
                for carrier in 0..CARRIERS {
                    let petajoule = energy.petajoule[f][carrier];
                    if petajoule > 0.0 {
                        rows.push(&[c, f, carrier], year, &[petajoule]);
                    }
                }
            }
        });
        rows.table(
            "energy",
            "Final energy of light vehicles by powertrain and carrier, from the base year on",
            &[
                (Word(0), "iso3", "", "country"),
                (Year, "year", "", "calendar year"),
                (Word(1), "powertrain", "", "powertrain"),
                (
                    Word(2),
                    "fuel",
                    "",
                    "carrier; petrol and diesel with their biofuel",
                ),
                (Real(0), "energy", "PJ", "final energy"),
            ],
        )
    }

    /// Visits energy and CO2 of every country and year from the base year on.
    fn each_energy(&self, mut visit: impl FnMut(usize, i32, &FleetEnergy)) {
        for c in 0..self.world.countries.len() {
            visit(c, self.world.base_year, &self.outcome.base_energy[c]);
            for year in &self.outcome.years {
                visit(c, year.year, &year.countries[c].energy);
            }
        }
    }

    fn emissions(&self) -> Table {
        let mut rows = Rows::new(
            vec![
                self.iso3(),
                [
                    "tailpipe",
                    "fuel supply",
                    "assembly",
                    "materials",
                    "battery",
                ]
                .map(str::to_owned)
                .to_vec(),
            ],
            1,
        );
        self.each_energy(|c, year, energy| {
            rows.push(&[c, 0], year, &[energy.tailpipe_mt.iter().sum()]);
            rows.push(&[c, 1], year, &[energy.supply_mt.iter().sum()]);
        });
        let base = std::iter::once((self.world.base_year, self.base_making_mt()));
        let projected = self
            .outcome
            .years
            .iter()
            .map(|year| (year.year, year.industry.making_mt.clone()));
        for (year, by_country) in base.chain(projected) {
            for (c, stages) in by_country.iter().enumerate() {
                for (stage, mt) in stages
                    .iter()
                    .enumerate()
                    .filter(|_| self.base.made_share[c] > 0.0)
                {
                    rows.push(&[c, 2 + stage], year, &[*mt]);
                }
            }
        }
        rows.table(
            "emissions",
            "CO2 of light vehicles in use by country of use, and of making them by country of the plant; fuel supply is CO2e with electricity over its life cycle",
            &[
                (Word(0), "iso3", "", "country"),
                (Year, "year", "", "calendar year"),
                (Word(1), "stage", "", "tailpipe, fuel supply, assembly, materials or battery"),
                (Real(0), "co2", "Mt", "CO2 (tailpipe), CO2e (the others)"),
            ],
        )
    }

    fn chargers(&self) -> Table {
        let mut rows = Rows::new(vec![self.iso3(), status_words()], 1);
        for c in 0..self.world.countries.len() {
            for t in year_index(2015)..=year_index(self.world.base_year) {
                let points = self.world.chargers[(c, t)];
                if !points.is_nan() {
                    rows.push(&[c, 0], crate::ids::FIRST_YEAR + t as i32, &[points]);
                }
            }
            for year in &self.outcome.years {
                rows.push(&[c, 1], year.year, &[year.countries[c].chargers]);
            }
        }
        rows.table(
            "chargers",
            "Public charging points at the end of the year",
            &[
                (Word(0), "iso3", "", "country"),
                (Year, "year", "", "calendar year"),
                (Word(1), "status", "", "history or projection"),
                (Real(0), "points", "points", "public points, slow and fast"),
            ],
        )
    }

    fn standards(&self) -> Table {
        let instruments = vec![
            "co2_standard".to_owned(),
            "sales_mandate".to_owned(),
            "supply".to_owned(),
        ];
        let units = vec![
            "USD_2023 per g/km and vehicle".to_owned(),
            "USD_2023 per vehicle".to_owned(),
        ];
        let mut rows = Rows::new(vec![self.iso3(), instruments, units], 1);
        for c in 0..self.world.countries.len() {
            for year in &self.outcome.years {
                let multipliers = &year.countries[c].multipliers;
                for (instrument, unit, value) in [
                    (0, 0, multipliers.co2_usd_per_gram),
                    (1, 1, multipliers.mandate_usd),
                    (2, 1, multipliers.scarcity_usd),
                ] {
                    if value > 0.0 {
                        rows.push(&[c, instrument, unit], year.year, &[value]);
                    }
                }
            }
        }
        rows.table(
            "shadow_prices",
            "Price of the rules that bind: multipliers of standards, mandates and of the pace of supply",
            &[
                (Word(0), "iso3", "", "country"),
                (Year, "year", "", "calendar year"),
                (Word(1), "instrument", "", "what binds; supply is the bound on how fast plug-in vehicles can be supplied"),
                (Word(2), "unit", "", "unit of the price"),
                (Real(0), "price", "see unit", "shadow price"),
            ],
        )
    }
}
