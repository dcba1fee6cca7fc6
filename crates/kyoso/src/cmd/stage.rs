//! The world on which several scenarios are run.

use anyhow::Result;
use kyoso_model::calibrate::{self, Base};
use kyoso_model::compare::Indicators;
use kyoso_model::input::{Record, Source, nearest};
use kyoso_model::results::Results;
use kyoso_model::run::{self, RunError};
use kyoso_model::scenario::{Scenario, Vocabulary};
use kyoso_model::tables::{Table, Values};
use kyoso_model::world::World;
use serde_json::{Value, json};

use crate::pack;

/// Record, world and base year, read and fitted once.
pub struct Stage {
    pub record: Record,
    pub vocabulary: Vocabulary,
    pub world: World,
    pub base: Base,
}

impl Stage {
    /// Reads and calibrates.
    pub fn prepare(source: &dyn Source) -> Result<Self> {
        let record = Record::load(source)?;
        let vocabulary = pack::vocabulary(&record)?;
        let mut world = World::build(&record)?;
        let base = calibrate::calibrate(&mut world, &record);
        Ok(Self {
            record,
            vocabulary,
            world,
            base,
        })
    }

    /// Tables that `pick` takes from the results of a scenario.
    pub fn tables(
        &self,
        scenario: &Scenario,
        pick: impl Fn(&Results) -> Vec<Table>,
    ) -> Result<Vec<Table>, RunError> {
        let (world, base) = (&self.world, &self.base);
        let outcome = run::run(world, base, scenario)?;
        Ok(pick(&Results {
            world,
            base,
            scenario,
            outcome: &outcome,
        }))
    }

    /// Indicators of a scenario.
    pub fn indicators(&self, scenario: &Scenario) -> Result<Indicators, RunError> {
        let tables = self.tables(scenario, |results| vec![results.indicators()])?;
        let indicators = Indicators::from_tables(&tables);
        Ok(indicators.expect("a run of at least a year has indicators"))
    }
}

/// Notes the words that are not among the known ones.
pub fn check_words(what: &str, asked: &[String], known: &[String], problems: &mut Vec<String>) {
    for word in asked.iter().filter(|word| !known.contains(word)) {
        let help = nearest(word, known.iter().map(String::as_str)).map_or_else(
            || "the table `indicators` of a run lists them".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        problems.push(format!("unknown {what} `{word}`\n  help: {help}"));
    }
}

/// A table as a list of JSON objects.
pub fn rows(table: &Table) -> Vec<Value> {
    let cell = |values: &Values, row: usize| match values {
        Values::Words { words, codes } => json!(words[codes[row] as usize]),
        Values::Integers(values) => json!(values[row]),
        Values::Reals(values) => json!(values[row]),
    };
    (0..table.rows())
        .map(|row| {
            let columns = table.columns.iter();
            let cells = columns.map(|column| (column.name.to_owned(), cell(&column.values, row)));
            Value::Object(cells.collect())
        })
        .collect()
}
