//! How far runs are from the targets of their authors.

use crate::compare::Named;
use crate::scenario::Target;
use crate::tables::{LongTable, Table};

/// Table `targets`: each target in each run, year by year after the base year. Rows of a target and run stand
/// together, by year.
pub fn table(runs: &[Named], targets: &[Target], base_year: i32) -> Table {
    let mut rows = LongTable::new(7, 3);
    for target in targets {
        for run in runs {
            let variables = &run.indicators.variables;
            let unit = variables.iter().find(|(name, _)| *name == target.variable);
            let unit = unit.map_or("", |(_, unit)| unit);
            let years: Vec<i32> = (base_year + 1..=run.indicators.years.1).collect();
            let values = run
                .indicators
                .series(&target.variable, &target.region, &years);
            for (year, value) in years.into_iter().zip(values) {
                let wanted = target.at(year).unwrap_or(f64::NAN);
                let margin = target.direction.margin(value, wanted);
                let status = match (margin.is_nan(), margin >= 0.0) {
                    (true, _) if value.is_nan() => "no value",
                    (true, _) => "not yet due",
                    (false, true) => "met",
                    (false, false) => "missed",
                };
                let words = [
                    run.name.as_str(),
                    &target.name,
                    &target.region,
                    &target.variable,
                    unit,
                    target.direction.code(),
                    status,
                ];
                rows.push(&words, year, &[value, wanted, margin]);
            }
        }
    }
    rows.table(
        "targets",
        "Targets that the author of the scenario set, none of them official, and how far the run is from them",
        &[
            ("scenario", "scenario"),
            ("target", "name of the target"),
            ("region", "ISO alpha-3, group or World"),
            ("variable", "variable of the indicators"),
            ("unit", "unit"),
            ("direction", "at least or at most"),
            ("status", "met, missed, not yet due, or no value"),
        ],
        &[
            ("value", "see unit", "value in the run"),
            ("wanted", "see unit", "value of the target, empty before its first year"),
            ("margin", "see unit", "by how much the run is on the good side; negative where it misses"),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Indicators;
    use crate::scenario::Direction;

    #[test]
    fn a_target_is_tracked_from_its_first_year() {
        let mut rows = LongTable::new(3, 1);
        for (year, value) in [
            (2023, 1.0),
            (2024, 2.0),
            (2025, 3.0),
            (2026, 4.0),
            (2027, 4.0),
        ] {
            rows.push(&["THA", "Share", "%"], year, &[value]);
        }
        let words = [("region", ""), ("variable", ""), ("unit", "")];
        let table_of_run = rows.table("indicators", "", &words, &[("value", "", "")]);
        let run = Named {
            name: "a".to_owned(),
            indicators: Indicators::from_tables(&[table_of_run]).expect("columns"),
        };
        let target = Target {
            name: "goal".to_owned(),
            variable: "Share".to_owned(),
            region: "THA".to_owned(),
            direction: Direction::AtLeast,
            values: vec![(2025, 2.5), (2027, 5.5)],
        };
        let table = table(&[run], &[target], 2023);
        let (words, codes) = table.words("status").expect("a column");
        let status: Vec<&str> = codes
            .iter()
            .map(|&code| words[code as usize].as_str())
            .collect();
        assert_eq!(status, ["not yet due", "met", "met", "missed"]);
        assert_eq!(
            table.reals("margin").expect("a column")[1..],
            [0.5, 0.0, -1.5]
        );
    }
}
