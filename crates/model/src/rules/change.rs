//! What a scenario does to rules: takes one away, alters some of its cells, or adds one.

use super::read::{RawRule, compile};
use super::{Instrument, Rule, Rules, check};
use crate::input::{Problems, nearest};

/// Cells that an existing rule may be given anew.
const ALTERABLE: [&str; 10] = [
    "value",
    "start",
    "end",
    "condition",
    "cap",
    "floor",
    "fine_usd",
    "budget",
    "reason",
    "payer",
];

/// One `[[rule]]` of a scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleChange {
    /// The cells as written, `id` among them.
    pub raw: RawRule,
    /// True where the rule is taken away.
    pub remove: bool,
}

impl RuleChange {
    /// The change in words: what is the same in words is the same change.
    pub fn says(&self) -> String {
        if self.remove {
            return "removed".to_owned();
        }
        let cells = self
            .raw
            .cells
            .iter()
            .filter(|(column, _)| column.as_str() != "id");
        cells
            .map(|(column, cell)| format!("{column} {}", cell.text))
            .collect::<Vec<_>>()
            .join(", ")
    }
}

impl Rules {
    /// The rules with a scenario's changes, made in order; gives all problems at once. Changed and new rules
    /// are checked against all others, as those of the pack are.
    pub fn changed(&self, changes: &[RuleChange]) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let mut list = self.list.clone();
        let mut raws = self.raw.clone();
        for change in changes {
            self.apply(change, &mut list, &mut raws, &mut problems);
        }
        if problems.0.is_empty() {
            let table: Vec<Rule> = list.iter().filter(|rule| !rule.average).cloned().collect();
            check::check(&table, &self.lexicon, &mut problems);
        }
        problems.or_ok(self.clone().with_list(list, raws))
    }

    fn apply(
        &self,
        change: &RuleChange,
        list: &mut Vec<Rule>,
        raws: &mut Vec<RawRule>,
        problems: &mut Problems,
    ) {
        let id = change.raw.text("id").to_owned();
        let known = list.iter().position(|rule| rule.id == id);
        if change.remove {
            match known {
                Some(position) => {
                    list.remove(position);
                    raws.retain(|raw| raw.text("id") != id);
                }
                None => problems.push(unknown_rule(&change.raw, list)),
            }
            return;
        }
        let is_new = known.is_none() && !change.raw.text("instrument").is_empty();
        if is_new {
            if let Some(rule) = compile(&change.raw, &self.lexicon, problems) {
                // New rules stand before averages.
                let end = list
                    .iter()
                    .position(|rule| rule.average)
                    .unwrap_or(list.len());
                list.insert(end, rule);
                raws.push(change.raw.clone());
            }
            return;
        }
        let Some(position) = known else {
            problems.push(unknown_rule(&change.raw, list));
            return;
        };
        for (column, cell) in &change.raw.cells {
            if column != "id" && !ALTERABLE.contains(&column.as_str()) {
                let help = format!(
                    "{} can be given anew; for another scope remove the rule and add one under a new id",
                    ALTERABLE.join(", ")
                );
                let mut problem = change.raw.problem(
                    column,
                    &format!("`{column}` of a rule that exists cannot change"),
                    &help,
                    0,
                );
                (problem.line, problem.column) = (cell.line, cell.column);
                problems.push(problem);
            }
        }
        if let Some(old) = raws.iter_mut().find(|raw| raw.text("id") == id) {
            let mut new = change.raw.clone();
            for (column, cell) in &old.cells {
                let cell = super::read::Cell {
                    line: new.line,
                    column: 0,
                    ..cell.clone()
                };
                new.cells.entry(column.clone()).or_insert(cell);
            }
            if let Some(rule) = compile(&new, &self.lexicon, problems) {
                *old = new;
                list[position] = rule;
            }
        } else {
            average(change, &mut list[position], problems);
        }
    }
}

/// A row of another table has a value and a fine, no words of its own.
fn average(change: &RuleChange, rule: &mut Rule, problems: &mut Problems) {
    for column in change
        .raw
        .cells
        .keys()
        .filter(|column| column.as_str() != "id")
    {
        let number = change
            .raw
            .text(column)
            .parse::<f64>()
            .ok()
            .filter(|value| value.is_finite() && *value >= 0.0);
        let slot = match column.as_str() {
            "value" => Some(&mut rule.value),
            "fine_usd"
                if matches!(
                    rule.instrument,
                    Instrument::SalesMandate | Instrument::Co2Standard
                ) =>
            {
                Some(&mut rule.fine_usd)
            }
            _ => None,
        };
        match (slot, number) {
            (Some(slot), Some(number)) => *slot = number,
            (Some(_), None) => problems.push(change.raw.problem(
                column,
                "is no number of at least 0",
                "expected a number",
                0,
            )),
            (None, _) => problems.push(change.raw.problem(
                column,
                &format!(
                    "a rule of {} has `value` alone (standards also `fine_usd`)",
                    rule.file
                ),
                "remove it and add a rule with all columns",
                0,
            )),
        }
    }
}

fn unknown_rule(raw: &RawRule, list: &[Rule]) -> crate::input::Problem {
    let id = raw.text("id");
    let help = nearest(id, list.iter().map(|rule| rule.id.as_str())).map_or_else(
        || "`kyoso data list rules` lists them; a new rule has at least id, iso3, instrument, value, unit, start".to_owned(),
        |near| format!("did you mean `{near}`?"),
    );
    raw.problem("id", "no such rule", &help, 0)
}
