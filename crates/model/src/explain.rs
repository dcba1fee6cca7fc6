//! One number taken apart: its equation, its terms, and the source of each input.

mod industry;
mod trade;

use serde::Serialize;

use crate::calibrate::adoption::ADOPTED;
use crate::ids::{Carrier, Powertrain, year_index};
use crate::input::{Record, nearest};
use crate::results::Results;
use crate::tables::{Table, Values};

/// A term of an equation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Term {
    /// What it is.
    pub name: String,
    /// Value.
    pub value: f64,
    /// Unit.
    pub unit: String,
}

/// An input with its provenance.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InputRow {
    /// Table and row in words.
    pub what: String,
    /// Value.
    pub value: f64,
    /// Basis.
    pub basis: String,
    /// Source key.
    pub source: String,
    /// Title of the source.
    pub title: String,
}

/// A number taken apart.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// Variable.
    pub variable: String,
    /// Region.
    pub region: String,
    /// Year.
    pub year: i32,
    /// Value.
    pub value: f64,
    /// Unit.
    pub unit: String,
    /// history or projection.
    pub status: &'static str,
    /// The equation in words and symbols, with the section of the model.
    pub equation: String,
    /// Its terms.
    pub terms: Vec<Term>,
    /// What it rests on.
    pub inputs: Vec<InputRow>,
}

/// A question that has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}", if .help.is_empty() { String::new() } else { format!("\n  help: {}", .help) })]
pub struct Unknown {
    /// What is wrong.
    pub message: String,
    /// The nearest name.
    pub help: String,
}

/// Takes one indicator apart.
pub fn explain(
    results: &Results,
    record: &Record,
    variable: &str,
    region: &str,
    year: i32,
) -> Result<Explanation, Unknown> {
    if variable.split('|').next() == Some(trade::SOURCING) {
        return trade::sourcing(results, record, variable, region, year);
    }
    let table = results.indicators();
    let (value, unit) = find(&table, variable, region, year)?;
    let world = results.world;
    let mut explanation = Explanation {
        variable: variable.to_owned(),
        region: region.to_owned(),
        year,
        value,
        unit,
        status: if year <= world.base_year {
            "history"
        } else {
            "projection"
        },
        equation: String::new(),
        terms: Vec::new(),
        inputs: Vec::new(),
    };
    let of_plants = ["Production|Transportation|Light", "Capacity|", "Trade|"]
        .iter()
        .any(|head| variable.starts_with(head));
    match world.country(region) {
        Some(country) if of_plants => {
            trade::country_terms(results, country, &mut explanation);
            explanation.inputs = inputs(
                record,
                region,
                world.base_year,
                year,
                &["production", "production_by_maker", "plants"],
                &["trade."],
            );
        }
        Some(country) => match industry::country_terms(results, country, &mut explanation) {
            Some((tables, parameters)) => {
                explanation.inputs =
                    inputs(record, region, world.base_year, year, tables, parameters);
            }
            None => country_terms(results, record, country, &mut explanation),
        },
        None => region_terms(results, &table, &mut explanation),
    }
    Ok(explanation)
}

/// Cell of the indicators, or the nearest names.
fn find(table: &Table, variable: &str, region: &str, year: i32) -> Result<(f64, String), Unknown> {
    let column = |name: &str| {
        table
            .columns
            .iter()
            .find(|column| column.name == name)
            .map(|column| &column.values)
    };
    let (
        Some(Values::Words {
            words: regions,
            codes: region_codes,
        }),
        Some(Values::Words {
            words: variables,
            codes: variable_codes,
        }),
    ) = (column("region"), column("variable"))
    else {
        return Err(Unknown {
            message: "the run has no indicators".to_owned(),
            help: String::new(),
        });
    };
    let (
        Some(Values::Words {
            words: units,
            codes: unit_codes,
        }),
        Some(Values::Integers(years)),
        Some(Values::Reals(values)),
    ) = (column("unit"), column("year"), column("value"))
    else {
        return Err(Unknown {
            message: "the run has no indicators".to_owned(),
            help: String::new(),
        });
    };
    let (variable_code, region_code) = match (
        place(variables, variable, "variable", heads),
        place(regions, region, "region", groups),
    ) {
        (Ok(variable), Ok(region)) => (variable, region),
        (Err(unknown), Ok(_)) | (Ok(_), Err(unknown)) => return Err(unknown),
        (Err(variable), Err(region)) => {
            return Err(Unknown {
                message: format!("{}, {}", variable.message, region.message),
                help: format!("{}\n  help: {}", variable.help, region.help),
            });
        }
    };
    let rows: Vec<usize> = (0..values.len())
        .filter(|&row| variable_codes[row] == variable_code && region_codes[row] == region_code)
        .collect();
    rows.iter()
        .find(|&&row| years[row] == year)
        .map(|&row| (values[row], units[unit_codes[row] as usize].clone()))
        .ok_or_else(|| {
            let (first, last) = (
                rows.first().map(|&row| years[row]),
                rows.last().map(|&row| years[row]),
            );
            let help = match (first, last) {
                (Some(first), Some(last)) => format!("there are values from {first} to {last}"),
                _ => format!("`{variable}` is not given for {region}"),
            };
            Unknown {
                message: format!("no value of `{variable}` for {region} in {year}"),
                help,
            }
        })
}

/// Place of a name in a list; where it is unknown, the nearest names or else what `names` says of the list.
fn place(
    list: &[String],
    wanted: &str,
    what: &str,
    names: impl Fn(&[String]) -> String,
) -> Result<u32, Unknown> {
    if let Some(place) = list.iter().position(|word| word == wanted) {
        return Ok(place as u32);
    }
    let words = || list.iter().map(String::as_str);
    let of_it = |word: &&str| word.to_lowercase().contains(&wanted.to_lowercase());
    let contains: Vec<&str> = words().filter(of_it).take(6).collect();
    Err(Unknown {
        message: format!("unknown {what} `{wanted}`"),
        help: if let Some(near) = nearest(wanted, words()) {
            format!("did you mean `{near}`?")
        } else if contains.is_empty() {
            names(list)
        } else {
            format!("perhaps {}", contains.join("; "))
        },
    })
}

/// What variables begin with.
fn heads(variables: &[String]) -> String {
    let mut heads: Vec<&str> = variables
        .iter()
        .filter_map(|variable| variable.split('|').next())
        .collect();
    heads.sort_unstable();
    heads.dedup();
    format!(
        "variables begin with {}; table `indicators` of `kyoso run` has them all",
        heads.join(", ")
    )
}

/// The regions that are no countries.
fn groups(regions: &[String]) -> String {
    let groups: Vec<&str> = regions
        .iter()
        .map(String::as_str)
        .filter(|region| region.len() != 3 || region.contains(|c: char| !c.is_ascii_uppercase()))
        .collect();
    format!(
        "regions are countries by ISO 3166 code, such as THA, and {}",
        groups.join(", ")
    )
}

/// A region is made of its members: the largest are shown.
fn region_terms(results: &Results, table: &Table, explanation: &mut Explanation) {
    let ratio = explanation.unit == "%" || explanation.unit.ends_with("/vehicle");
    explanation.equation = if ratio {
        "sum of the numerators of the members over the sum of their denominators; the members' own values follow".to_owned()
    } else {
        "sum over the countries of the region; the largest follow".to_owned()
    };
    let mut members: Vec<Term> = results
        .world
        .countries
        .iter()
        .filter(|country| {
            explanation.region == "World"
                || country.group.code() == explanation.region
                || (explanation.region.starts_with("ASEAN") && country.asean)
        })
        .filter_map(|country| {
            let (value, unit) = find(
                table,
                &explanation.variable,
                &country.iso3,
                explanation.year,
            )
            .ok()?;
            Some(Term {
                name: format!("{} ({})", country.name, country.iso3),
                value,
                unit,
            })
        })
        .collect();
    members.sort_by(|a, b| b.value.total_cmp(&a.value));
    members.truncate(10);
    explanation.terms = members;
}

fn country_terms(results: &Results, record: &Record, c: usize, explanation: &mut Explanation) {
    let world = results.world;
    let variable = explanation.variable.clone();
    let iso3 = world.countries[c].iso3.clone();
    let base = world.base_year;
    let year = explanation.year;
    let mut tables: Vec<&str> = Vec::new();
    let mut parameters: Vec<&str> = Vec::new();
    let mut term = |name: &str, value: f64, unit: &str| {
        explanation.terms.push(Term {
            name: name.to_owned(),
            value,
            unit: unit.to_owned(),
        });
    };
    let projected = (year > base).then(|| &results.outcome.years[(year - base - 1) as usize]);
    let t = year_index(year);
    let income = |t: usize| results.outcome.income[(c, t)];
    let people = |t: usize| results.outcome.people[(c, t)];
    let equation = if variable.starts_with("Stocks")
        || (variable.starts_with("Sales")
            && !variable.contains("[Share]")
            && !variable.contains("Vehicle|"))
    {
        tables.extend(["sales", "stock", "survival", "gdp", "population"]);
        parameters.extend(["ownership.", "used_trade.", "survival."]);
        let law = &results.base.ownership[c];
        term("GDP per head", income(t), "2021 intl$");
        term("people", people(t), "persons");
        term(
            "saturation of ownership (gamma)",
            1000.0 * law.saturation,
            "vehicles per 1000 people",
        );
        term("slope (beta, fitted)", law.beta, "per thousand 2021 intl$");
        term(
            "long-run ownership at this income",
            1000.0 * law.long_run(income(t)),
            "vehicles per 1000 people",
        );
        if let Some(projected) = projected {
            let country = &projected.countries[c];
            term(
                "stock at the end of last year",
                country.ageing.stock_before,
                "vehicles",
            );
            term("scrapped", country.ageing.scrapped.iter().sum(), "vehicles");
            term(
                "used imports",
                country.ageing.used_imports.iter().sum(),
                "vehicles",
            );
            term(
                "used exports",
                country.ageing.used_exports.iter().sum(),
                "vehicles",
            );
            term(
                "new light vehicles",
                country.light_new.iter().sum(),
                "vehicles",
            );
            term("new heavy vehicles", country.heavy_new, "vehicles");
        } else {
            term(
                "recorded or estimated sales",
                world.sales[(c, t)],
                "vehicles",
            );
            term(
                "share of heavy vehicles, an estimate by rule",
                100.0 * world.heavy_share[(c, t)],
                "%",
            );
            term(
                "stock fitted to counts",
                results.base.stocks[c].stock[t],
                "vehicles",
            );
        }
        term(
            "fitted factor on the Weibull scale",
            results.base.stocks[c].scale_factor,
            "-",
        );
        term("residual of the base year", results.base.residual[c], "log");
        "new = [V(t-1) + theta (V*(income) - V(t-1))] people - stock(t-1) + scrapped - used imports + used exports, times exp(residual); V* = gamma exp(alpha exp(beta income)) (model, section 4)"
    } else if variable.contains("[Share]") || variable.starts_with("Sales") {
        tables.extend([
            "electrified",
            "powertrain_mix",
            "segments",
            "origins",
            "purchase_incentives",
            "standards",
        ]);
        parameters.extend(["choice.", "adoption.", "tech."]);
        let costs = projected.map_or(&results.outcome.base_costs, |projected| &projected.costs);
        for f in [
            Powertrain::Gasoline,
            Powertrain::Hybrid,
            Powertrain::PlugInHybrid,
            Powertrain::BatteryElectric,
        ] {
            term(
                &format!("generalised cost of a medium {f}"),
                costs.generalised(&results.base.price_level, world, c, 1, f.index()),
                "USD_2023",
            );
            term(
                &format!("support for a {f}"),
                costs.support_usd[(c, f.index())],
                "USD_2023/vehicle",
            );
        }
        for (slot, f) in ADOPTED.iter().enumerate() {
            term(
                &format!("own pace of adoption of {f}, beside the common one"),
                results.base.adoption.own[c][slot],
                "log-odds a year",
            );
            term(
                &format!("common pace of adoption of {f}"),
                results.base.adoption.pace[slot],
                "log-odds a year",
            );
        }
        if let Some(projected) = projected {
            let multipliers = projected.countries[c].multipliers;
            term(
                "price of the CO2 standard",
                multipliers.co2_usd_per_gram,
                "USD_2023 per g/km",
            );
            term(
                "price of the sales mandate",
                multipliers.mandate_usd,
                "USD_2023 per vehicle",
            );
            term(
                "rent of scarce supply",
                multipliers.scarcity_usd,
                "USD_2023 per vehicle",
            );
        }
        "share = sum over consumers of exp(appeal + adoption - slope x generalised cost + tastes) over the same for all offers; appeals reproduce the base year exactly (model, section 5)"
    } else if variable.starts_with("Emissions")
        || variable.starts_with("Final Energy")
        || variable.starts_with("Oil")
    {
        tables.extend(["annual_km", "grid", "blends"]);
        parameters.extend([
            "tech.engine_improvement",
            "tech.electric_improvement",
            "fleet.",
        ]);
        let energy = projected.map_or(&results.outcome.base_energy[c], |projected| {
            &projected.countries[c].energy
        });
        for carrier in Carrier::ALL {
            term(
                &format!("energy: {carrier}"),
                energy
                    .petajoule
                    .iter()
                    .map(|row| row[carrier.index()])
                    .sum(),
                "PJ",
            );
        }
        term("at the tailpipe", energy.tailpipe_mt.iter().sum(), "Mt CO2");
        term(
            "fuel and electricity supply",
            energy.supply_mt.iter().sum(),
            "Mt CO2e",
        );
        term("distance of the mean vehicle", world.annual_km[c], "km/yr");
        term("electricity", world.grid_g_per_kwh[(c, t)], "g CO2e/kWh");
        "energy = vehicles by age x distance by age x energy use when new; CO2 = energy x factors of fuel, blend and grid (model, section 9)"
    } else if variable.starts_with("Price") {
        tables.extend([
            "vehicle_tech",
            "vehicle_prices",
            "vehicle_taxes",
            "tariffs",
            "battery_price",
        ]);
        parameters.extend(["tech.", "battery."]);
        let costs = projected.map_or(&results.outcome.base_costs, |projected| &projected.costs);
        term("battery pack", costs.pack_usd_per_kwh, "USD_2023/kWh");
        term(
            "price level against the default",
            results.base.price_level.factor[c],
            "-",
        );
        for f in [Powertrain::Gasoline, Powertrain::BatteryElectric] {
            term(
                &format!("producer price of a medium {f}"),
                costs.producer_price(&results.base.price_level, world, c, 1, f.index()),
                "USD_2023",
            );
            term(
                &format!("taxes on a {f}"),
                100.0 * world.tax_rate[(c, f.index())],
                "%",
            );
        }
        "price = direct cost x markup x (1 + duty on imports) x (1 + taxes) - support; pack = minerals + (base - minerals) x (output/base output)^-b (model, sections 6 and 7)"
    } else {
        tables.extend(["population", "gdp", "production", "chargers"]);
        "read from the record, or from the path of the drivers"
    };
    explanation.equation = equation.to_owned();
    explanation.inputs = inputs(record, &iso3, base, year, &tables, &parameters);
}

/// Rows of the record for this country (latest year known, or the year itself) and the parameters concerned.
fn inputs(
    record: &Record,
    iso3: &str,
    base: i32,
    year: i32,
    tables: &[&str],
    parameters: &[&str],
) -> Vec<InputRow> {
    let mut found = Vec::new();
    let title = |key: &str| {
        key.split('+')
            .filter_map(|key| record.sources.get(key).cloned())
            .collect::<Vec<_>>()
            .join("; ")
    };
    for name in tables {
        let table = record.table(name);
        let columns: Vec<&str> = table.columns().collect();
        let place = ["iso3", "importer", "region"]
            .into_iter()
            .find(|column| columns.contains(column));
        let number = [
            "units",
            "vehicles",
            "share",
            "value",
            "usd2023",
            "rate",
            "km",
            "points",
            "population",
            "gdp_ppp_bn",
            "gco2e_per_kwh",
            "capacity",
            "scale_years",
            "price_usd2023",
            "price_usd2023_per_kwh",
        ]
        .into_iter()
        .find(|column| columns.contains(column));
        let (Some(place), Some(number)) = (place, number) else {
            continue;
        };
        let rows: Vec<usize> = (0..table.rows())
            .filter(|&row| table.text(place).get(row) == iso3)
            .collect();
        let year_of = |row: usize| {
            if columns.contains(&"year") {
                table.integer("year")[row]
            } else {
                base
            }
        };
        let wanted = rows
            .iter()
            .map(|&row| year_of(row))
            .filter(|&of| of <= year.min(base))
            .max();
        for &row in rows
            .iter()
            .filter(|&&row| Some(year_of(row)) == wanted)
            .take(8)
        {
            let words: Vec<String> = table
                .describe(row)
                .into_iter()
                .filter(|(column, _)| {
                    ![
                        "source",
                        "basis",
                        "note",
                        "known_from",
                        "why",
                        "scope",
                        place,
                        number,
                    ]
                    .contains(&column.as_str())
                })
                .map(|(_, value)| value)
                .filter(|value| !value.is_empty())
                .collect();
            let source = table.text("source").get(row);
            found.push(InputRow {
                what: format!(
                    "{} line {}: {}",
                    table.file(),
                    table.line(row),
                    words.join(", ")
                ),
                value: table.real(number)[row],
                basis: table.text("basis").get(row).to_owned(),
                source: source.to_owned(),
                title: title(source),
            });
        }
    }
    let table = record.table("parameters");
    for row in 0..table.rows() {
        let path = table.text("path").get(row);
        if parameters.iter().any(|head| path.starts_with(head)) {
            let source = table.text("source").get(row);
            found.push(InputRow {
                what: format!("parameter {path}"),
                value: table.real("value")[row],
                basis: table.text("basis").get(row).to_owned(),
                source: source.to_owned(),
                title: title(source),
            });
        }
    }
    found
}
