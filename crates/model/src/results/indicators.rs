//! The long table of indicators: every variable for every country, group and the world.

use super::prices::OfferYear;
use super::production::Books;
use super::{FIRST_SHOWN, Results};
use crate::ids::{
    CARRIERS, Carrier, Drivers, Group, ORIGINS, Origin, POWERTRAINS, Powertrain, YEARS, year_index,
};
use crate::sourcing::lines::Line;
use crate::tables::{Column, Table, Values};

/// How a variable of a region comes from its countries.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// A sum over countries, in this multiple of the unit.
    Sum(f64),
    /// A ratio of two sums, in this multiple.
    Ratio(f64),
    /// The same for all; given for the world alone.
    World,
}

/// One variable: name, unit, and its numerator and denominator by country and year.
struct Variable {
    name: String,
    unit: &'static str,
    kind: Kind,
    first: i32,
    numerator: Vec<f64>,
    denominator: Vec<f64>,
}

/// Name and members of a region.
struct Region {
    name: String,
    members: Vec<usize>,
}

/// Common stem of most names.
const LDV: &str = "Transportation|Light-Duty Vehicle";

impl Results<'_> {
    /// The table `indicators`.
    pub fn indicators(&self) -> Table {
        let regions = self.regions();
        let variables = self.variables();
        let years: Vec<i32> = (FIRST_SHOWN..=self.scenario.horizon).collect();
        let (mut region_codes, mut variable_codes, mut unit_codes, mut year_values, mut values) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut units: Vec<String> = Vec::new();
        for (v, variable) in variables.iter().enumerate() {
            let unit = units
                .iter()
                .position(|unit| unit == variable.unit)
                .unwrap_or_else(|| {
                    units.push(variable.unit.to_owned());
                    units.len() - 1
                });
            for (r, region) in regions.iter().enumerate() {
                if matches!(variable.kind, Kind::World) && region.name != "World" {
                    continue;
                }
                for &year in years.iter().filter(|&&year| year >= variable.first) {
                    let value = variable.of(region, year);
                    if !value.is_nan() {
                        region_codes.push(r as u32);
                        variable_codes.push(v as u32);
                        unit_codes.push(unit as u32);
                        year_values.push(year);
                        values.push(value);
                    }
                }
            }
        }
        let rows = values.len();
        let constant = |word: &str| Values::Words {
            words: vec![word.to_owned()],
            codes: vec![0; rows],
        };
        let words = |words: Vec<String>, codes: Vec<u32>| Values::Words { words, codes };
        let column = |name, unit, description, values| Column {
            name,
            unit,
            description,
            values,
        };
        Table {
            name: "indicators",
            description: "Headline variables by region and year, named as in the IAMC common definitions where one exists",
            columns: vec![
                column(
                    "model",
                    "",
                    "model and version",
                    constant(concat!("Kyoso ", env!("CARGO_PKG_VERSION"))),
                ),
                column("scenario", "", "scenario", constant(&self.scenario.name)),
                column(
                    "region",
                    "",
                    "ISO alpha-3, group or World",
                    words(
                        regions.iter().map(|region| region.name.clone()).collect(),
                        region_codes,
                    ),
                ),
                column(
                    "variable",
                    "",
                    "variable",
                    words(
                        variables
                            .iter()
                            .map(|variable| variable.name.clone())
                            .collect(),
                        variable_codes,
                    ),
                ),
                column("unit", "", "unit", words(units, unit_codes)),
                column("year", "", "calendar year", Values::Integers(year_values)),
                column("value", "see unit", "value", Values::Reals(values)),
            ],
        }
    }

    fn regions(&self) -> Vec<Region> {
        let countries = &self.world.countries;
        let mut regions = vec![Region {
            name: "World".to_owned(),
            members: (0..countries.len()).collect(),
        }];
        for &group in Group::ALL {
            regions.push(Region {
                name: group.code().to_owned(),
                members: self.world.members(group).collect(),
            });
        }
        let mut eleven: Vec<usize> = self.world.members(Group::Asean).collect();
        eleven.extend(self.world.country("TLS"));
        regions.push(Region {
            name: "ASEAN (11)".to_owned(),
            members: eleven,
        });
        for (c, country) in countries.iter().enumerate() {
            regions.push(Region {
                name: country.iso3.clone(),
                members: vec![c],
            });
        }
        regions
    }

    /// A grid of numbers by country and year from functions for history and projection.
    fn grid(
        &self,
        history: impl Fn(usize, i32) -> f64,
        projection: impl Fn(usize, usize) -> f64,
    ) -> Vec<f64> {
        let mut cells = vec![f64::NAN; self.world.countries.len() * YEARS];
        for c in 0..self.world.countries.len() {
            for year in FIRST_SHOWN..=self.world.base_year {
                cells[c * YEARS + year_index(year)] = history(c, year);
            }
            for (k, year) in self.outcome.years.iter().enumerate() {
                cells[c * YEARS + year_index(year.year)] = projection(c, k);
            }
        }
        cells
    }

    fn variables(&self) -> Vec<Variable> {
        let mut variables = Vec::new();
        self.sales_variables(&mut variables);
        self.stock_variables(&mut variables);
        self.production_variables(&mut variables);
        self.energy_variables(&mut variables);
        self.price_variables(&mut variables);
        self.driver_variables(&mut variables);
        self.industry_variables(&mut variables);
        variables
    }

    fn sales_variables(&self, list: &mut Vec<Variable>) {
        let years = &self.outcome.years;
        let light = self.grid(
            |c, year| self.world.light_sales(c, year_index(year)),
            |c, k| years[k].countries[c].light_new.iter().sum(),
        );
        let heavy = self.grid(
            |c, year| self.heavy_history(c, year),
            |c, k| years[k].countries[c].heavy_new,
        );
        let all: Vec<f64> = light
            .iter()
            .zip(&heavy)
            .map(|(light, heavy)| light + heavy)
            .collect();
        list.push(sum(
            format!("Sales|{LDV}"),
            "million",
            1e-6,
            FIRST_SHOWN,
            light.clone(),
        ));
        list.push(sum(
            "Sales|Transportation|Truck and Bus".to_owned(),
            "million",
            1e-6,
            FIRST_SHOWN,
            heavy,
        ));
        list.push(sum(
            "Sales|Transportation|Road Vehicle".to_owned(),
            "million",
            1e-6,
            FIRST_SHOWN,
            all,
        ));
        for (name, members) in drives() {
            let of = self.grid(
                |c, year| {
                    members
                        .iter()
                        .map(|f| self.light_history(c, f.index(), year))
                        .sum()
                },
                |c, k| {
                    members
                        .iter()
                        .map(|f| years[k].countries[c].light_new[f.index()])
                        .sum()
                },
            );
            list.push(sum(
                format!("Sales|{LDV}|{name}"),
                "million",
                1e-6,
                FIRST_SHOWN,
                of.clone(),
            ));
            list.push(ratio(
                format!("Sales|{LDV}|{name} [Share]"),
                "%",
                100.0,
                FIRST_SHOWN,
                of,
                light.clone(),
            ));
        }
        for &origin in Origin::ALL {
            let base = self.world.base_year;
            let of = self.grid(
                |c, year| {
                    if year == base {
                        self.base_by_origin(c)[origin.index()]
                    } else {
                        f64::NAN
                    }
                },
                |c, k| self.by_origin(c, &years[k].countries[c].offer_units)[origin.index()],
            );
            let name = format!("Sales|{LDV} [Share]|Maker|{}", origin.code());
            list.push(ratio(name, "%", 100.0, base, of, light.clone()));
        }
    }

    fn industry_variables(&self, list: &mut Vec<Variable>) {
        let years = &self.outcome.years;
        let base = self.world.base_year;
        let of_base = self.base_making_mt();
        let making = self.grid(
            |c, year| {
                if year == base {
                    of_base[c].iter().sum()
                } else {
                    f64::NAN
                }
            },
            |c, k| years[k].industry.making_mt[c].iter().sum(),
        );
        list.push(sum(
            "Emissions|CO2|Vehicle Manufacturing".to_owned(),
            "Mt CO2/yr",
            1.0,
            base,
            making,
        ));
        let needed = crate::step::workforce::needed(
            self.world,
            &self.world.parameters,
            &self.base.labour,
            &self.base.made,
            base,
        );
        let jobs = self.grid(
            |c, year| {
                if year == base {
                    needed.row(c).iter().sum()
                } else {
                    f64::NAN
                }
            },
            |c, k| {
                let labour = &years[k].industry.labour;
                labour.needed.row(c).iter().sum()
            },
        );
        list.push(sum(
            "Labor Force|Employed|Industry|Motor Vehicles".to_owned(),
            "million",
            1e-6,
            base,
            jobs,
        ));
        for (m, name) in [
            "Lithium",
            "Nickel",
            "Cobalt",
            "Manganese",
            "Graphite",
            "Rare Earths",
            "Copper",
        ]
        .into_iter()
        .enumerate()
        {
            let needed = self.grid(
                |_, _| f64::NAN,
                |c, k| years[k].industry.minerals.needed[(c, m)],
            );
            list.push(sum(
                format!("Mineral Demand|{LDV}|{name}"),
                "kt/yr",
                1e-3,
                base + 1,
                needed,
            ));
        }
    }

    fn base_by_origin(&self, c: usize) -> [f64; ORIGINS] {
        let light = self.world.light_sales(c, year_index(self.world.base_year));
        let units: Vec<f64> = self
            .base
            .offers
            .of(c)
            .map(|j| self.base.offers.base_share[j] * light)
            .collect();
        self.by_origin(c, &units)
    }

    fn by_origin(&self, c: usize, units: &[f64]) -> [f64; ORIGINS] {
        let mut sums = [0.0; ORIGINS];
        for (j, units) in self.base.offers.of(c).zip(units) {
            sums[self.base.offers.origin[j] as usize] += units;
        }
        sums
    }

    fn stock_variables(&self, list: &mut Vec<Variable>) {
        let years = &self.outcome.years;
        let stocks = &self.base.stocks;
        let base = self.world.base_year;
        let light = self.grid(
            |c, year| stocks[c].stock[year_index(year)] - stocks[c].heavy_stock[year_index(year)],
            |c, k| years[k].countries[c].light_stock.iter().sum(),
        );
        let all = self.grid(
            |c, year| stocks[c].stock[year_index(year)],
            |c, k| {
                years[k].countries[c].light_stock.iter().sum::<f64>()
                    + years[k].countries[c].heavy_stock
            },
        );
        list.push(sum(
            format!("Stocks|{LDV}"),
            "million",
            1e-6,
            FIRST_SHOWN,
            light.clone(),
        ));
        list.push(sum(
            "Stocks|Transportation|Road Vehicle".to_owned(),
            "million",
            1e-6,
            FIRST_SHOWN,
            all,
        ));
        for (name, members) in drives() {
            let of = self.grid(
                |c, year| {
                    if year != base {
                        return f64::NAN;
                    }
                    let cohorts = self.base.light_cohorts.row(c);
                    let ages = crate::cohorts::AGES;
                    members
                        .iter()
                        .map(|f| {
                            cohorts[f.index() * ages..(f.index() + 1) * ages]
                                .iter()
                                .sum::<f64>()
                        })
                        .sum()
                },
                |c, k| {
                    members
                        .iter()
                        .map(|f| years[k].countries[c].light_stock[f.index()])
                        .sum()
                },
            );
            list.push(sum(
                format!("Stocks|{LDV}|{name}"),
                "million",
                1e-6,
                base,
                of,
            ));
        }
        let chargers = self.grid(
            |c, year| self.world.chargers[(c, year_index(year))],
            |c, k| years[k].countries[c].chargers,
        );
        list.push(sum(
            "Infrastructure|Public Chargers".to_owned(),
            "million",
            1e-6,
            2015,
            chargers,
        ));
    }

    fn production_variables(&self, list: &mut Vec<Variable>) {
        let base = self.world.base_year;
        let books: Vec<Books> = self
            .sourced()
            .map(|(year, _, sourced)| self.books(year, sourced))
            .collect();
        // History has no split by class: the light part of the base year stands for the years before.
        let light_part: Vec<f64> = books[0]
            .light
            .iter()
            .zip(&books[0].heavy)
            .map(|(light, heavy)| light.production / (light.production + heavy.production))
            .collect();
        let of = |value: &dyn Fn(&Books, usize) -> f64| {
            self.grid(
                |c, year| {
                    if year == base {
                        value(&books[0], c)
                    } else {
                        f64::NAN
                    }
                },
                |c, k| value(&books[k + 1], c),
            )
        };
        let mut light = of(&|books, c| books.light[c].production);
        for (c, part) in light_part.iter().enumerate() {
            for year in FIRST_SHOWN..base {
                let t = year_index(year);
                light[c * YEARS + t] = self.world.production[(c, t)] * part;
            }
        }
        let mut push = |name: String, first: i32, values: Vec<f64>| {
            list.push(sum(name, "million", 1e-6, first, values));
        };
        push(format!("Production|{LDV}"), FIRST_SHOWN, light);
        for (name, lines) in line_drives() {
            let built = of(&|books, c| lines.iter().map(|line| books.lines[c][line.index()]).sum());
            push(format!("Production|{LDV}|{name}"), base, built);
        }
        for &origin in Origin::ALL {
            let built = of(&|books, c| books.origins[c][origin.index()]);
            push(
                format!("Production|{LDV}|Maker|{}", origin.code()),
                base,
                built,
            );
        }
        push(
            "Production|Transportation|Truck and Bus".to_owned(),
            base,
            of(&|books, c| books.heavy[c].production),
        );
        push(
            "Capacity|Production|Light-Duty Vehicle".to_owned(),
            base,
            of(&|books, c| books.capacity[c]),
        );
        push(
            format!("Trade|{LDV} [Volume]|Exports"),
            base,
            of(&|books, c| books.light[c].exports),
        );
        push(
            format!("Trade|{LDV} [Volume]|Imports"),
            base,
            of(&|books, c| books.light[c].imports),
        );
        push(
            format!("Trade|{LDV} [Volume]|Discrepancy"),
            base,
            of(&|books, c| books.light[c].discrepancy),
        );
    }

    fn energy_variables(&self, list: &mut Vec<Variable>) {
        let years = &self.outcome.years;
        let base = self.world.base_year;
        let energy = |of: &dyn Fn(&crate::step::energy::FleetEnergy) -> f64| {
            self.grid(
                |c, year| {
                    if year == base {
                        of(&self.outcome.base_energy[c])
                    } else {
                        f64::NAN
                    }
                },
                |c, k| of(&years[k].countries[c].energy),
            )
        };
        let total = energy(&|e| e.petajoule.iter().flatten().sum());
        list.push(sum(
            format!("Final Energy|{LDV}"),
            "EJ/yr",
            1e-3,
            base,
            total,
        ));
        let carriers = [
            "Liquids|Gasoline",
            "Liquids|Diesel",
            "Gases",
            "Electricity",
            "Hydrogen",
        ];
        debug_assert_eq!(carriers.len(), CARRIERS);
        for (carrier, name) in Carrier::ALL.iter().zip(carriers) {
            let of = energy(&|e| e.petajoule.iter().map(|row| row[carrier.index()]).sum());
            list.push(sum(
                format!("Final Energy|{LDV}|{name}"),
                "EJ/yr",
                1e-3,
                base,
                of,
            ));
        }
        let tailpipe = energy(&|e| e.tailpipe_mt.iter().sum());
        let well = energy(&|e| e.tailpipe_mt.iter().sum::<f64>() + e.supply_mt.iter().sum::<f64>());
        list.push(sum(
            format!("Emissions|CO2|Energy|Demand|{LDV}"),
            "Mt CO2/yr",
            1.0,
            base,
            tailpipe,
        ));
        list.push(sum(
            "Emissions|CO2|Well-to-Wheel|Light-Duty Vehicle".to_owned(),
            "Mt CO2/yr",
            1.0,
            base,
            well,
        ));
        list.push(sum(
            format!("Oil Displaced|{LDV}"),
            "EJ/yr",
            1e-3,
            base,
            energy(&|e| e.oil_displaced_pj),
        ));
    }

    fn price_variables(&self, list: &mut Vec<Variable>) {
        let base = self.world.base_year;
        let years = &self.outcome.years;
        let offers = &self.base.offers;
        // Price times units, and units, by powertrain.
        let paid = |c: usize, k: Option<usize>| -> [(f64, f64); POWERTRAINS] {
            let mut sums = [(0.0, 0.0); POWERTRAINS];
            let of = self.offers_in(c, k.map(|k| &years[k]));
            for (position, j) in offers.of(c).enumerate() {
                let f = offers.powertrain[j] as usize;
                sums[f].0 += of.units[position] * of.consumer_price_usd[position];
                sums[f].1 += of.units[position];
            }
            sums
        };
        let mut table: Vec<[(f64, f64); POWERTRAINS]> = Vec::new();
        for c in 0..self.world.countries.len() {
            table.push(paid(c, None));
            table.extend((0..years.len()).map(|k| paid(c, Some(k))));
        }
        let at = |c: usize, k: usize| &table[c * (years.len() + 1) + k];
        let mut names: Vec<(String, Vec<Powertrain>)> =
            vec![(String::new(), Powertrain::ALL.to_vec())];
        names.extend(
            drives()
                .into_iter()
                .map(|(name, members)| (format!("|{name}"), members)),
        );
        for (name, members) in names {
            let part = |money: bool| {
                let of = |row: &[(f64, f64); POWERTRAINS]| {
                    members
                        .iter()
                        .map(|f| {
                            if money {
                                row[f.index()].0
                            } else {
                                row[f.index()].1
                            }
                        })
                        .sum::<f64>()
                };
                self.grid(
                    |c, year| if year == base { of(at(c, 0)) } else { f64::NAN },
                    |c, k| of(at(c, k + 1)),
                )
            };
            list.push(ratio(
                format!("Price|{LDV}{name}"),
                "USD_2023/vehicle",
                1.0,
                base,
                part(true),
                part(false),
            ));
        }
        // Support paid and duty received, by offer.
        let money = |of: &dyn Fn(&OfferYear, usize, usize) -> f64| {
            self.grid(
                |_, _| f64::NAN,
                |c, k| {
                    let year = self.offers_in(c, Some(&years[k]));
                    offers
                        .of(c)
                        .enumerate()
                        .map(|(position, j)| year.units[position] * of(&year, position, j))
                        .sum()
                },
            )
        };
        for (name, values) in [
            (
                "Government Expenditure|Vehicle Subsidy",
                money(&|year, k, _| -year.wedges.specific_usd[k]),
            ),
            (
                "Profit|Light-Duty Vehicle",
                money(&|year, k, _| year.producer_price_usd[k] - year.marginal_cost_usd[k]),
            ),
        ] {
            list.push(sum(
                name.to_owned(),
                "billion USD_2023/yr",
                1e-9,
                base + 1,
                values,
            ));
        }
        let tariff = money(&|year, k, _| year.wedges.duty[k] * year.producer_price_usd[k]);
        list.push(sum(
            "Government Revenue|Import Tariff".to_owned(),
            "billion USD_2023/yr",
            1e-9,
            base + 1,
            tariff,
        ));
        let surplus = self.grid(|_, _| f64::NAN, |c, k| years[k].countries[c].surplus_usd);
        list.push(sum(
            "Consumer Surplus|Light-Duty Vehicle".to_owned(),
            "billion USD_2023/yr",
            1e-9,
            base + 1,
            surplus,
        ));
        let packs = self.grid(
            |_, year| self.world.battery_price[year_index(year)],
            |_, k| years[k].pack_price,
        );
        list.push(Variable {
            name: "Price|Transportation|Battery Pack".to_owned(),
            unit: "USD_2023/kWh",
            kind: Kind::World,
            first: 2010,
            numerator: packs,
            denominator: Vec::new(),
        });
        let batteries = self.grid(|_, _| f64::NAN, |c, k| years[k].countries[c].battery_gwh);
        list.push(sum(
            "Battery Demand|Transportation|Light-Duty Vehicle".to_owned(),
            "GWh/yr",
            1.0,
            base + 1,
            batteries,
        ));
        let demand = self.grid(
            |_, year| {
                if year == base {
                    self.outcome.base_battery_gwh + self.world.other_battery_gwh[0]
                } else {
                    f64::NAN
                }
            },
            |_, k| years[k].battery_gwh[0] + years[k].battery_gwh[1],
        );
        list.push(Variable {
            name: "Battery Demand|Transportation".to_owned(),
            unit: "GWh/yr",
            kind: Kind::World,
            first: base,
            numerator: demand,
            denominator: Vec::new(),
        });
    }

    fn driver_variables(&self, list: &mut Vec<Variable>) {
        let (people, income) = (&self.outcome.people, &self.outcome.income);
        let history = self.world.drivers(Drivers::Ssp2);
        let base = self.world.base_year;
        let head = |c: usize, year: i32| {
            if year <= base {
                history.0[(c, year_index(year))]
            } else {
                people[(c, year_index(year))]
            }
        };
        let persons = self.grid(head, |c, k| {
            people[(c, year_index(self.outcome.years[k].year))]
        });
        let gdp = self.grid(
            |c, year| history.0[(c, year_index(year))] * history.1[(c, year_index(year))],
            |c, k| {
                let t = year_index(self.outcome.years[k].year);
                people[(c, t)] * income[(c, t)]
            },
        );
        list.push(sum(
            "Population".to_owned(),
            "million",
            1e-6,
            FIRST_SHOWN,
            persons,
        ));
        list.push(sum(
            "GDP|PPP".to_owned(),
            "billion USD_2021/yr",
            1e-9,
            FIRST_SHOWN,
            gdp,
        ));
        let production = self.grid(
            |c, year| self.world.production[(c, year_index(year))],
            |_, _| f64::NAN,
        );
        list.push(sum(
            "Production|Transportation|Road Vehicle".to_owned(),
            "million",
            1e-6,
            FIRST_SHOWN,
            production,
        ));
    }
}

/// Drives of the interface and the lines of plants in each.
fn line_drives() -> [(&'static str, Vec<Line>); 6] {
    [
        ("Internal Combustion", vec![Line::Combustion, Line::Hybrid]),
        ("Internal Combustion|Full Hybrid", vec![Line::Hybrid]),
        ("Plug-in Hybrid", vec![Line::PlugIn]),
        ("Battery-Electric", vec![Line::Battery]),
        ("Fuel-Cell-Electric", vec![Line::FuelCell]),
        ("Plug-in Electric", vec![Line::PlugIn, Line::Battery]),
    ]
}

/// Drives of the interface and the powertrains in each.
fn drives() -> Vec<(&'static str, Vec<Powertrain>)> {
    use Powertrain::{
        BatteryElectric, Cng, Diesel, FlexFuel, FuelCell, Gasoline, Hybrid, PlugInHybrid,
    };
    vec![
        (
            "Internal Combustion",
            vec![Gasoline, Diesel, FlexFuel, Cng, Hybrid],
        ),
        ("Internal Combustion|Full Hybrid", vec![Hybrid]),
        ("Plug-in Hybrid", vec![PlugInHybrid]),
        ("Battery-Electric", vec![BatteryElectric]),
        ("Fuel-Cell-Electric", vec![FuelCell]),
        ("Plug-in Electric", vec![PlugInHybrid, BatteryElectric]),
        ("Internal Combustion|Gasoline", vec![Gasoline]),
        ("Internal Combustion|Diesel", vec![Diesel]),
        ("Internal Combustion|Flex-Fuel", vec![FlexFuel]),
        ("Internal Combustion|Gas", vec![Cng]),
    ]
}

fn sum(name: String, unit: &'static str, scale: f64, first: i32, numerator: Vec<f64>) -> Variable {
    Variable {
        name,
        unit,
        kind: Kind::Sum(scale),
        first,
        numerator,
        denominator: Vec::new(),
    }
}

fn ratio(
    name: String,
    unit: &'static str,
    scale: f64,
    first: i32,
    numerator: Vec<f64>,
    denominator: Vec<f64>,
) -> Variable {
    Variable {
        name,
        unit,
        kind: Kind::Ratio(scale),
        first,
        numerator,
        denominator,
    }
}

impl Variable {
    /// Value of a region and year; countries without a number are left out, NaN if none has one.
    fn of(&self, region: &Region, year: i32) -> f64 {
        let t = year_index(year);
        let add = |cells: &[f64]| {
            let mut found = false;
            let total: f64 = region
                .members
                .iter()
                .map(|&c| cells[c * YEARS + t])
                .filter(|value| !value.is_nan())
                .inspect(|_| found = true)
                .sum();
            if found { total } else { f64::NAN }
        };
        match self.kind {
            Kind::Sum(scale) => scale * add(&self.numerator),
            Kind::Ratio(scale) => {
                let below = add(&self.denominator);
                if below > 0.0 {
                    scale * add(&self.numerator) / below
                } else {
                    f64::NAN
                }
            }
            Kind::World => self.numerator[t],
        }
    }
}
