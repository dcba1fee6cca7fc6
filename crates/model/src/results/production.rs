//! Output of plants and trade in new vehicles.
//!
//! Plants do not tell the fuels of engines apart: their powertrains are lines, `ICE` being all engines without hybrid drive.

use super::{FIRST_SHOWN, Real, Results, Rows, Word, Year, status_words};
use crate::ids::{ORIGINS, Origin, year_index};
use crate::sourcing::lines::{LINES, Line};
use crate::step::sourcing::Sourced;
use crate::tables::{LongTable, Table};

/// Flows smaller than this are left out of the table `trade`, vehicles a year; sums hold them.
pub const LEAST_LISTED: f64 = 10.0;

/// Books of one country in one year, light and heavy vehicles.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Account {
    /// Built.
    pub production: f64,
    /// Sold, as the market step has it.
    pub sales: f64,
    /// Sent to other countries' markets.
    pub exports: f64,
    /// Received from them.
    pub imports: f64,
    /// Built beyond what any market counts: kits, transit, markets without a count.
    pub discrepancy: f64,
}

impl Account {
    /// What is left of `production = sales + exports - imports + discrepancy`, relative.
    fn residual(&self) -> f64 {
        let left = self.production - self.sales - self.exports + self.imports - self.discrepancy;
        left.abs() / self.production.max(self.sales).max(1.0)
    }
}

/// Sums of a year by country.
pub(crate) struct Books {
    /// Light vehicles built by line.
    pub lines: Vec<[f64; LINES]>,
    /// The same by origin of the maker.
    pub origins: Vec<[f64; ORIGINS]>,
    /// Capacity for light vehicles.
    pub capacity: Vec<f64>,
    /// Light vehicles.
    pub light: Vec<Account>,
    /// Heavy vehicles.
    pub heavy: Vec<Account>,
}

impl Results<'_> {
    /// Output and trade of the base year, then of each projected year.
    pub(super) fn sourced(&self) -> impl Iterator<Item = (i32, usize, &Sourced)> {
        let projected = self
            .outcome
            .years
            .iter()
            .map(|year| (year.year, 1, &year.sourced));
        std::iter::once((self.world.base_year, 0, &self.outcome.base_sourced)).chain(projected)
    }

    /// Light sales of a country in the base year or a projected one.
    fn light_sold(&self, country: usize, year: i32) -> f64 {
        match usize::try_from(year - self.world.base_year - 1) {
            Ok(k) => self.outcome.years[k].countries[country]
                .light_new
                .iter()
                .sum(),
            Err(_) => self.world.light_sales(country, year_index(year)),
        }
    }

    /// Books of every country in a year.
    pub(crate) fn books(&self, year: i32, sourced: &Sourced) -> Books {
        let (base, countries) = (&self.base.sourcing, self.world.countries.len());
        let network = &base.network;
        let mut books = Books {
            lines: vec![[0.0; LINES]; countries],
            origins: vec![[0.0; ORIGINS]; countries],
            capacity: vec![0.0; countries],
            light: vec![Account::default(); countries],
            heavy: vec![Account::default(); countries],
        };
        for site in 0..network.sites() {
            let country = network.site_country[site] as usize;
            let origin = base.origin[network.site_maker[site] as usize] as usize;
            books.capacity[country] += sourced.capacity[site];
            for line in 0..LINES {
                let built = sourced.production[site * LINES + line];
                books.lines[country][line] += built;
                books.origins[country][origin] += built;
                books.light[country].production += built;
            }
        }
        for (importer, flows) in sourced.flows.chunks(network.exporters.len()).enumerate() {
            books.light[importer].sales = self.light_sold(importer, year);
            for (&exporter, &flow) in network.exporters.iter().zip(flows) {
                let exporter = exporter as usize;
                if exporter != importer {
                    books.light[exporter].exports += flow;
                    books.light[importer].imports += flow;
                }
                books.light[exporter].discrepancy -= flow;
            }
        }
        let built = base.heavy.production(&sourced.heavy);
        let traded: f64 = (0..countries)
            .map(|c| base.heavy.imports(c, sourced.heavy[c]))
            .sum();
        for c in 0..countries {
            books.light[c].discrepancy += books.light[c].production;
            books.heavy[c] = Account {
                production: built[c],
                sales: sourced.heavy[c],
                exports: base.heavy.supply[c] * traded,
                imports: base.heavy.imports(c, sourced.heavy[c]),
                discrepancy: 0.0,
            };
        }
        books
    }

    /// Largest residuals of: books of countries, exports against imports, base-year output against the record.
    pub(super) fn trade_residuals(&self) -> [f64; 3] {
        let (mut account, mut mirror, mut record) = (0.0_f64, 0.0_f64, 0.0_f64);
        for (year, status, sourced) in self.sourced() {
            let books = self.books(year, sourced);
            for class in [&books.light, &books.heavy] {
                let sums = class.iter().fold((0.0, 0.0), |sums, country| {
                    (sums.0 + country.exports, sums.1 + country.imports)
                });
                mirror = mirror.max((sums.0 - sums.1).abs() / f64::max(sums.0, 1.0));
                for country in class {
                    account = account.max(country.residual());
                }
            }
            if status == 0 {
                for (c, &recorded) in self.world.industry.production.iter().enumerate() {
                    if recorded > 0.0 {
                        let built = books.light[c].production + books.heavy[c].production;
                        record = record.max((built / recorded - 1.0).abs());
                    }
                }
            }
        }
        [account, mirror, record]
    }

    fn maker_words(&self) -> Vec<String> {
        let makers = self.world.makers.iter().map(|maker| maker.code.clone());
        makers.chain(["all".to_owned()]).collect()
    }

    /// The table `production`.
    pub(super) fn production(&self) -> Table {
        let network = &self.base.sourcing.network;
        let (any_maker, any_origin, any_line) = (self.world.makers.len(), ORIGINS, LINES);
        let mut rows = Rows::new(
            vec![
                self.iso3(),
                status_words(),
                ["light", "heavy", "all"].map(str::to_owned).to_vec(),
                self.maker_words(),
                with_all(Origin::ALL.iter().map(|origin| origin.code())),
                with_all(Line::ALL.iter().map(|line| line.code())),
            ],
            2,
        );
        for c in 0..self.world.countries.len() {
            for year in FIRST_SHOWN..self.world.base_year {
                let built = self.world.production[(c, year_index(year))];
                if built > 0.0 {
                    let codes = [c, 0, 2, any_maker, any_origin, any_line];
                    rows.push(&codes, year, &[built, f64::NAN]);
                }
            }
        }
        for (year, status, sourced) in self.sourced() {
            for site in 0..network.sites() {
                let (c, maker) = (
                    network.site_country[site] as usize,
                    network.site_maker[site] as usize,
                );
                let origin = self.base.sourcing.origin[maker] as usize;
                if sourced.capacity[site] > 0.0 {
                    let codes = [c, status, 0, maker, origin, any_line];
                    let lines = &sourced.production[site * LINES..(site + 1) * LINES];
                    let all = [lines.iter().sum(), sourced.capacity[site]];
                    rows.push(&codes, year, &all);
                    for (line, &built) in
                        lines.iter().enumerate().filter(|(_, built)| **built > 0.0)
                    {
                        rows.push(
                            &[c, status, 0, maker, origin, line],
                            year,
                            &[built, f64::NAN],
                        );
                    }
                }
            }
            let heavy = self.base.sourcing.heavy.production(&sourced.heavy);
            for (c, &built) in heavy.iter().enumerate().filter(|(_, built)| **built > 0.0) {
                let codes = [c, status, 1, any_maker, any_origin, any_line];
                rows.push(&codes, year, &[built, f64::NAN]);
            }
        }
        rows.table(
            "production",
            "Vehicles built by country, maker and line; `all` lines of a maker hold its capacity and are the sum of the others",
            &[
                (Word(0), "iso3", "", "country of the plant"),
                (Year, "year", "", "calendar year"),
                (Word(1), "status", "", "history or projection"),
                (Word(2), "class", "", "light, heavy, or all where history has no split"),
                (Word(3), "maker", "", "maker that builds"),
                (Word(4), "origin", "", "origin of the maker"),
                (Word(5), "powertrain", "", "line: ICE is every engine without hybrid drive"),
                (Real(0), "units", "vehicles", "built"),
                (Real(1), "capacity", "vehicles/yr", "capacity of the maker in the country"),
            ],
        )
    }

    /// The table `trade`.
    pub(super) fn trade(&self) -> Table {
        let base = &self.base.sourcing;
        let network = &base.network;
        let mut rows = Rows::new(
            vec![
                self.iso3(),
                self.iso3(),
                status_words(),
                ["light", "heavy"].map(str::to_owned).to_vec(),
                self.maker_words(),
                with_all(Line::ALL.iter().map(|line| line.code())),
            ],
            1,
        );
        for (year, status, sourced) in self.sourced() {
            for importer in 0..self.world.countries.len() {
                for run in network.runs.of(importer) {
                    let maker = network.runs.maker[run] as usize;
                    let pool = network.pool(maker);
                    let first = base.cells.run_flow_start[run];
                    for line in 0..LINES {
                        for (i, entry) in pool.clone().enumerate() {
                            let flow = sourced.run_flows[first + line * pool.len() + i];
                            let exporter =
                                network.exporters[network.entry_exporter[entry] as usize] as usize;
                            if exporter != importer && flow >= LEAST_LISTED {
                                let codes = [exporter, importer, status, 0, maker, line];
                                rows.push(&codes, year, &[flow]);
                            }
                        }
                    }
                }
                let wanted = base.heavy.imports(importer, sourced.heavy[importer]);
                for (exporter, supply) in base.heavy.supply.iter().enumerate() {
                    if supply * wanted >= LEAST_LISTED {
                        let codes = [
                            exporter,
                            importer,
                            status,
                            1,
                            self.world.makers.len(),
                            LINES,
                        ];
                        rows.push(&codes, year, &[supply * wanted]);
                    }
                }
            }
        }
        rows.table(
            "trade",
            "New vehicles from the country of the plant to that of the buyer; flows below 10 vehicles are left out here and stand in `trade_balance`",
            &[
                (Word(0), "exporter", "", "country of the plant"),
                (Word(1), "importer", "", "country of the buyer"),
                (Year, "year", "", "calendar year"),
                (Word(2), "status", "", "history or projection"),
                (Word(3), "class", "", "light or heavy"),
                (Word(4), "maker", "", "maker of the badge; one an origin where makers are not told apart"),
                (Word(5), "powertrain", "", "line: ICE is every engine without hybrid drive"),
                (Real(0), "units", "vehicles", "new vehicles"),
            ],
        )
    }

    /// The table `offsets`.
    pub(super) fn offsets(&self) -> Table {
        let mut rows = LongTable::new(3, 10);
        for year in &self.outcome.years {
            for debt in &year.offsets {
                let moved = debt.owed + debt.did.imported + debt.account.debt.units;
                if moved <= 0.0 {
                    continue;
                }
                let account = &debt.account;
                let words = [
                    self.world.countries[account.country].iso3.as_str(),
                    &account.scheme,
                    &self.world.makers[account.maker].code,
                ];
                let numbers = [
                    debt.owed,
                    debt.did.imported,
                    debt.ratio,
                    debt.did.built,
                    debt.did.exported,
                    debt.made_good,
                    debt.defaulted,
                    account.debt.units,
                    debt.penalty_usd * 1e-6,
                    account.withheld_usd * 1e-6,
                ];
                rows.push(&words, year.year, &numbers);
            }
        }
        rows.table(
            "offsets",
            "Debts of makers under production offsets: vehicles imported with support that are to be built in the country",
            &[
                ("iso3", "country that is owed"),
                ("scheme", "scheme"),
                ("maker", "maker"),
            ],
            &[
                ("owed", "vehicles", "owed at the start of the year"),
                ("imported", "vehicles", "imported under the scheme in the year"),
                ("ratio", "", "vehicles to build for each one owed; empty where nothing is due"),
                ("built", "vehicles", "battery-electric vehicles that the maker builds there, as far as no earlier scheme takes them"),
                ("exported", "vehicles", "of them exported"),
                ("made_good", "vehicles", "debt made good"),
                ("defaulted", "vehicles", "debt in default"),
                ("debt", "vehicles", "owed at the end of the year"),
                ("penalty", "million USD_2023", "paid back: support of the vehicles in default with interest, and the guarantee forfeited"),
                ("withheld", "million USD_2023", "support that waits until enough of the debt is met, at the end of the year"),
            ],
        )
    }

    /// The table `trade_balance`.
    pub(super) fn trade_balance(&self) -> Table {
        let mut rows = Rows::new(
            vec![
                self.iso3(),
                status_words(),
                ["light", "heavy"].map(str::to_owned).to_vec(),
            ],
            5,
        );
        for (year, status, sourced) in self.sourced() {
            let books = self.books(year, sourced);
            for (class, accounts) in [&books.light, &books.heavy].into_iter().enumerate() {
                for (c, account) in accounts.iter().enumerate() {
                    let values = [
                        account.production,
                        account.sales,
                        account.exports,
                        account.imports,
                        account.discrepancy,
                    ];
                    rows.push(&[c, status, class], year, &values);
                }
            }
        }
        rows.table(
            "trade_balance",
            "Books of every country: production = sales + exports - imports + discrepancy",
            &[
                (Word(0), "iso3", "", "country"),
                (Year, "year", "", "calendar year"),
                (Word(1), "status", "", "history or projection"),
                (Word(2), "class", "", "light or heavy"),
                (Real(0), "production", "vehicles", "built"),
                (Real(1), "sales", "vehicles", "new vehicles sold"),
                (Real(2), "exports", "vehicles", "sent to markets abroad"),
                (Real(3), "imports", "vehicles", "received from plants abroad"),
                (
                    Real(4),
                    "discrepancy",
                    "vehicles",
                    "built beyond what any market counts: kits, transit, markets without a count; never spread",
                ),
            ],
        )
    }
}

/// Words with `all` behind them.
fn with_all(words: impl Iterator<Item = &'static str>) -> Vec<String> {
    words.chain(["all"]).map(str::to_owned).collect()
}
