//! The world on which several scenarios are run.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use kyoso_model::calibrate::launch::with_launches;
use kyoso_model::calibrate::{self, Base};
use kyoso_model::compare::Indicators;
use kyoso_model::compare::money::{Money, Region};
use kyoso_model::ids::Group;
use kyoso_model::input::{Record, Source, nearest};
use kyoso_model::results::Results;
use kyoso_model::run::{self, Outcome, RunError};
use kyoso_model::scenario::{Scenario, Vocabulary};
use kyoso_model::tables::{Table, Values};
use kyoso_model::world::{Country, World};
use serde_json::{Value, json};

use crate::pack;

/// Record, world and base year, read and fitted once.
pub struct Stage {
    pub record: Record,
    pub vocabulary: Vocabulary,
    pub world: World,
    pub base: Base,
    /// Runs that set the size of markets, by what they follow from: many scenarios share one.
    references: Mutex<Vec<(String, Arc<Outcome>)>>,
}

impl Stage {
    /// Reads and calibrates.
    pub fn prepare(source: &dyn Source) -> Result<Self> {
        let record = Record::load(source)?;
        let vocabulary = pack::vocabulary(&record)?;
        let mut world = World::build(&record)?;
        let base = calibrate::calibrate(&mut world, &record);
        Ok(Self::new(record, vocabulary, world, base))
    }

    /// Of what is read and calibrated.
    pub fn new(record: Record, vocabulary: Vocabulary, world: World, base: Base) -> Self {
        Self {
            record,
            vocabulary,
            world,
            base,
            references: Mutex::default(),
        }
    }

    /// Projects a scenario; what sets the size of its markets is projected once.
    pub fn run(&self, base: &Base, scenario: &Scenario) -> Result<Outcome, RunError> {
        let Some(reference) = run::reference(scenario) else {
            return run::run(&self.world, base, scenario);
        };
        // Launches lay out the base year anew.
        let launches = scenario
            .levers
            .iter()
            .filter(|lever| lever.kind.name == "launch");
        let key = Scenario {
            name: String::new(),
            description: String::new(),
            budgets: Vec::new(),
            targets: Vec::new(),
            levers: launches.cloned().collect(),
            ..reference.clone()
        }
        .canonical();
        let known = |references: &[(String, Arc<Outcome>)]| {
            let found = references.iter().find(|(other, _)| *other == key);
            found.map(|(_, outcome)| Arc::clone(outcome))
        };
        let locked = || {
            self.references
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        let found = known(&locked());
        let outcome = if let Some(outcome) = found {
            outcome
        } else {
            let outcome = Arc::new(run::run(&self.world, base, &reference)?);
            locked().push((key, Arc::clone(&outcome)));
            outcome
        };
        run::run_beside(&self.world, base, scenario, Some(&outcome))
    }

    /// Tables that `pick` takes from the results of a scenario.
    pub fn tables(
        &self,
        scenario: &Scenario,
        pick: impl Fn(&Results) -> Vec<Table>,
    ) -> Result<Vec<Table>, RunError> {
        let world = &self.world;
        let base = &*with_launches(world, &self.base, scenario);
        let outcome = self.run(base, scenario)?;
        Ok(pick(&Results {
            world,
            base,
            scenario,
            outcome: &outcome,
        }))
    }

    /// Indicators and money of a scenario.
    pub fn indicators_and_money(
        &self,
        scenario: &Scenario,
    ) -> Result<(Indicators, Money), RunError> {
        let tables = self.tables(scenario, |results| {
            let mut tables = results.money();
            tables.push(results.indicators());
            tables
        })?;
        let indicators =
            Indicators::from_tables(&tables).expect("a run of at least a year has indicators");
        let money = Money::of(&tables, &indicators, &self.vocabulary.countries);
        Ok((indicators, money))
    }

    /// Countries of every region of the indicators that is asked for.
    pub fn members(&self, regions: &[String]) -> Vec<Region> {
        let world = &self.world;
        let of = |region: &String| -> Vec<String> {
            let group = Group::ALL.iter().find(|group| group.code() == region);
            let within = |country: &Country| match region.as_str() {
                "World" => true,
                "ASEAN (11)" => country.group == Group::Asean || country.iso3 == "TLS",
                code => group.map_or(country.iso3 == code, |group| country.group == *group),
            };
            let members = world.countries.iter().filter(|country| within(country));
            members.map(|country| country.iso3.clone()).collect()
        };
        regions
            .iter()
            .map(|region| (region.clone(), of(region)))
            .collect()
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
