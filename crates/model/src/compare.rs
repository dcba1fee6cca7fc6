//! Runs side by side: indicators by variable, region and year, and what separates them.

pub mod money;

use std::collections::BTreeMap;

use crate::tables::{LongTable, Table};

/// The indicators of a run, from its table.
#[derive(Debug, Clone, PartialEq)]
pub struct Indicators {
    /// Variables with their units, in the order of the table.
    pub variables: Vec<(String, String)>,
    /// Regions, in the order of the table.
    pub regions: Vec<String>,
    /// First and last year.
    pub years: (i32, i32),
    /// By variable, region and year; NaN where the table has no row.
    values: Vec<f64>,
}

impl Indicators {
    /// Reads the table `indicators`; none if it is not there, is empty or lacks a column.
    pub fn from_tables(tables: &[Table]) -> Option<Self> {
        let table = tables.iter().find(|table| table.name == "indicators")?;
        let (region, variable, unit) = (
            table.words("region")?,
            table.words("variable")?,
            table.words("unit")?,
        );
        let (year, value) = (table.integers("year")?, table.reals("value")?);
        let years = (*year.iter().min()?, *year.iter().max()?);
        let mut variables: Vec<(String, String)> = variable
            .0
            .iter()
            .map(|name| (name.clone(), String::new()))
            .collect();
        let mut read = Self {
            variables: Vec::new(),
            regions: region.0.to_vec(),
            years,
            values: vec![
                f64::NAN;
                variables.len() * region.0.len() * (years.1 - years.0 + 1) as usize
            ],
        };
        for row in 0..table.rows() {
            let (v, r) = (variable.1[row] as usize, region.1[row] as usize);
            if variables[v].1.is_empty() {
                variables[v].1.clone_from(&unit.0[unit.1[row] as usize]);
            }
            let at = read.at(v, r, year[row]);
            read.values[at] = value[row];
        }
        read.variables = variables;
        Some(read)
    }

    fn at(&self, variable: usize, region: usize, year: i32) -> usize {
        let count = (self.years.1 - self.years.0 + 1) as usize;
        (variable * self.regions.len() + region) * count + (year - self.years.0) as usize
    }

    /// Values of a variable and region in some years; NaN where there is none.
    pub fn series(&self, variable: &str, region: &str, years: &[i32]) -> Vec<f64> {
        let v = self.variables.iter().position(|(name, _)| name == variable);
        let r = self.regions.iter().position(|name| name == region);
        let Some((v, r)) = v.zip(r) else {
            return vec![f64::NAN; years.len()];
        };
        let shown = self.years.0..=self.years.1;
        let value = |&year: &i32| {
            if shown.contains(&year) {
                self.values[self.at(v, r, year)]
            } else {
                f64::NAN
            }
        };
        years.iter().map(value).collect()
    }

    /// Value of a variable in a region and year; NaN if there is none.
    pub fn get(&self, variable: &str, region: &str, year: i32) -> f64 {
        self.series(variable, region, &[year])[0]
    }
}

/// Which cells are looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// Variables.
    pub variables: Vec<String>,
    /// Regions.
    pub regions: Vec<String>,
    /// Years.
    pub years: Vec<i32>,
}

impl Selection {
    /// The cells of a run in the order of the selection: by variable, region and year.
    pub fn values(&self, run: &Indicators) -> Vec<f64> {
        self.pairs()
            .flat_map(|(variable, region)| run.series(variable, region, &self.years))
            .collect()
    }

    /// Variables with regions.
    fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().flat_map(|variable| {
            let regions = self.regions.iter();
            regions.map(move |region| (variable.as_str(), region.as_str()))
        })
    }
}

/// A run under its name.
#[derive(Debug, Clone, PartialEq)]
pub struct Named {
    /// Name of the scenario.
    pub name: String,
    /// Its indicators.
    pub indicators: Indicators,
}

/// Percent by which a value differs from a base; NaN where the base is nothing.
pub fn percent(value: f64, base: f64) -> f64 {
    if base == 0.0 {
        if value == 0.0 { 0.0 } else { f64::NAN }
    } else {
        100.0 * (value - base) / base.abs()
    }
}

/// Table `differences`: every selected cell in which both runs have a value.
pub fn differences(base: &Named, others: &[Named], selection: &Selection) -> Table {
    let units: BTreeMap<&str, &str> = others
        .iter()
        .chain([base])
        .flat_map(|run| &run.indicators.variables)
        .map(|(variable, unit)| (variable.as_str(), unit.as_str()))
        .collect();
    let mut rows = LongTable::new(4, 4);
    for run in others {
        for (variable, region) in selection.pairs() {
            let values = run.indicators.series(variable, region, &selection.years);
            let bases = base.indicators.series(variable, region, &selection.years);
            for ((&year, value), base) in selection.years.iter().zip(values).zip(bases) {
                if value.is_finite() && base.is_finite() {
                    let unit = units.get(variable).copied().unwrap_or_default();
                    let numbers = [base, value, value - base, percent(value, base)];
                    rows.push(&[&run.name, region, variable, unit], year, &numbers);
                }
            }
        }
    }
    rows.table(
        "differences",
        "Indicators of scenarios less those of the base scenario",
        &[
            ("scenario", "scenario"),
            ("region", "ISO alpha-3, group or World"),
            ("variable", "variable of the indicators"),
            ("unit", "unit"),
        ],
        &[
            ("base", "see unit", "value in the base scenario"),
            ("value", "see unit", "value in the scenario"),
            ("difference", "see unit", "value less base"),
            (
                "percent",
                "%",
                "difference in percent of the base, empty where the base is nothing",
            ),
        ],
    )
}

/// Part of one group of changes in the selected cells.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Name of the group.
    pub group: String,
    /// Part of each cell, in the order of [`Selection::values`].
    pub parts: Vec<f64>,
    /// Standard error of each part.
    pub standard_errors: Vec<f64>,
}

/// Table `attribution`: the part of each group of changes in every difference.
pub fn attribution(
    scenarios: &[(String, Vec<Part>)],
    units: &Indicators,
    selection: &Selection,
) -> Table {
    let mut rows = LongTable::new(5, 2);
    for (scenario, parts) in scenarios {
        for part in parts {
            let mut cell = 0;
            for (variable, region) in selection.pairs() {
                let unit = units.variables.iter().find(|(name, _)| name == variable);
                let unit = unit.map_or("", |(_, unit)| unit);
                for &year in &selection.years {
                    if part.parts[cell].is_finite() {
                        let numbers = [part.parts[cell], part.standard_errors[cell]];
                        rows.push(
                            &[scenario, &part.group, region, variable, unit],
                            year,
                            &numbers,
                        );
                    }
                    cell += 1;
                }
            }
        }
    }
    rows.table(
        "attribution",
        "Differences from the base scenario split among the things that changed (Shapley values); the parts of a cell sum to its difference",
        &[
            ("scenario", "scenario"),
            ("group", "changes made together"),
            ("region", "ISO alpha-3, group or World"),
            ("variable", "variable of the indicators"),
            ("unit", "unit"),
        ],
        &[
            ("part", "see unit", "part of the group in the difference"),
            ("standard_error", "see unit", "of the part; 0 where all combinations were run"),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(name: &str, cells: &[(&str, &str, i32, f64)]) -> Named {
        let mut rows = LongTable::new(3, 1);
        for (region, variable, year, value) in cells {
            rows.push(&[region, variable, "million"], *year, &[*value]);
        }
        let words = [("region", ""), ("variable", ""), ("unit", "")];
        let table = rows.table("indicators", "", &words, &[("value", "", "")]);
        Named {
            name: name.to_owned(),
            indicators: Indicators::from_tables(&[table]).expect("it has the columns"),
        }
    }

    fn selection() -> Selection {
        let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Selection {
            variables: list(&["Sales", "Stock"]),
            regions: list(&["THA", "World"]),
            years: vec![2024, 2025],
        }
    }

    #[test]
    fn a_run_differs_from_itself_by_nothing() {
        let base = run(
            "a",
            &[("THA", "Sales", 2024, 0.0), ("THA", "Sales", 2025, 2.0)],
        );
        let table = differences(&base, std::slice::from_ref(&base), &selection());
        assert_eq!(table.reals("difference"), Some(&[0.0, 0.0][..]));
        assert_eq!(table.reals("percent"), Some(&[0.0, 0.0][..]));
    }

    #[test]
    fn cells_that_one_run_lacks_are_left_out() {
        let base = run(
            "a",
            &[("THA", "Sales", 2024, 1.0), ("World", "Stock", 2024, 0.0)],
        );
        let other = run(
            "b",
            &[
                ("World", "Stock", 2024, 3.0),
                ("THA", "Sales", 2024, 1.5),
                ("THA", "Sales", 2025, 9.0),
            ],
        );
        let table = differences(&base, &[other], &selection());
        assert_eq!(table.integers("year"), Some(&[2024, 2024][..]));
        assert_eq!(table.reals("difference"), Some(&[0.5, 3.0][..]));
        let percent = table.reals("percent").expect("a column");
        assert!((percent[0] - 50.0).abs() < 1e-12 && percent[1].is_nan());
    }

    #[test]
    fn parts_stand_in_the_order_of_the_cells() {
        let base = run("a", &[("THA", "Sales", 2024, 1.0)]);
        let part = Part {
            group: "drivers".to_owned(),
            parts: vec![1.0, 2.0, 3.0, f64::NAN, 5.0, 6.0, 7.0, 8.0],
            standard_errors: vec![0.0; 8],
        };
        let table = attribution(
            &[("b".to_owned(), vec![part])],
            &base.indicators,
            &selection(),
        );
        assert_eq!(
            table.reals("part"),
            Some(&[1.0, 2.0, 3.0, 5.0, 6.0, 7.0, 8.0][..])
        );
        let (regions, codes) = table.words("region").expect("a column");
        assert_eq!(regions[codes[2] as usize], "World");
    }
}
