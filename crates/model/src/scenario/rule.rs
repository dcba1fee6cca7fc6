//! The `[[rule]]` tables: rules of the pack taken away, altered or added.

use toml_edit::{Item, TableLike};

use super::Scenario;
use super::read::{Walk, kind, start};
use crate::input::{nearest, position};
use crate::rules::RuleChange;
use crate::rules::read::{COLUMNS, Cell, RawRule};

impl Walk<'_> {
    /// Reads `[[rule]]` after the changes that a scenario has from its ancestors; what the changes make of the
    /// rules is checked when all of them are known.
    pub fn rules(&mut self, at: usize, item: &Item, scenario: &mut Scenario) {
        let tables: Vec<(usize, &dyn TableLike)> =
            match (item.as_array_of_tables(), item.as_array()) {
                (Some(tables), _) => tables
                    .iter()
                    .map(|table| {
                        (
                            table.span().map_or(at, |span| span.start),
                            table as &dyn TableLike,
                        )
                    })
                    .collect(),
                (None, Some(list)) => list
                    .iter()
                    .filter_map(|value| {
                        Some((
                            value.span().map_or(at, |span| span.start),
                            value.as_inline_table()? as &dyn TableLike,
                        ))
                    })
                    .collect(),
                _ => Vec::new(),
            };
        if tables.is_empty() {
            let message = format!("`rule` is {}", kind(item));
            self.problem(at, "rule", message, "expected tables [[rule]]".to_owned());
        }
        for (at, table) in tables {
            self.rule(at, table, scenario);
        }
    }

    fn rule(&mut self, at: usize, table: &dyn TableLike, scenario: &mut Scenario) {
        let (line, column) = position(self.text, at);
        let mut raw = RawRule {
            file: self.file.to_owned(),
            line,
            column,
            ..RawRule::default()
        };
        let (mut remove, mut ids) = (false, Vec::new());
        let before = self.problems.0.len();
        for (key, item) in table.iter() {
            let at = start(item);
            match key {
                "remove" => match item.as_bool() {
                    Some(value) => remove = value,
                    None => self.problem(
                        at,
                        "rule.remove",
                        format!("`remove` is {}", kind(item)),
                        "expected true or false".to_owned(),
                    ),
                },
                "id" => ids = self.ids(at, item),
                _ if COLUMNS.contains(&key) => {
                    if let Some(cell) = self.cell(at, key, item) {
                        raw.cells.insert(key.to_owned(), cell);
                    }
                }
                _ => {
                    let known = COLUMNS.into_iter().chain(["remove"]);
                    let help = nearest(key, known).map_or_else(
                        || format!("the keys are remove, {}", COLUMNS.join(", ")),
                        |near| format!("did you mean `{near}`?"),
                    );
                    self.problem(
                        at,
                        &format!("rule.{key}"),
                        format!("unknown key `{key}`"),
                        help,
                    );
                }
            }
        }
        if ids.is_empty() && self.problems.0.len() == before {
            self.problem(
                at,
                "rule.id",
                "a rule without id".to_owned(),
                "expected id = \"THA-021\", or a list of such".to_owned(),
            );
        }
        if remove && !raw.cells.is_empty() {
            self.problem(
                at,
                "rule.remove",
                "a rule that is taken away has no other keys".to_owned(),
                "give id and remove alone".to_owned(),
            );
        }
        for (line, column, id) in ids {
            let mut raw = raw.clone();
            raw.cells.insert(
                "id".to_owned(),
                Cell {
                    text: id,
                    line,
                    column,
                },
            );
            scenario.rules.push(RuleChange { raw, remove });
        }
    }

    /// One identifier, or a list of them that take the same change.
    fn ids(&mut self, at: usize, item: &Item) -> Vec<(usize, usize, String)> {
        let mut ids = Vec::new();
        if let Some(id) = item.as_str() {
            let (line, column) = position(self.text, at);
            ids.push((line, column + 1, id.trim().to_owned()));
        }
        for value in item.as_array().into_iter().flatten() {
            let at = value.span().map_or(at, |span| span.start);
            let (line, column) = position(self.text, at);
            if let Some(id) = value.as_str() {
                ids.push((line, column + 1, id.trim().to_owned()));
            } else {
                self.problem(
                    at,
                    "rule.id",
                    "an identifier is no text".to_owned(),
                    "expected text in quotes".to_owned(),
                );
            }
        }
        if ids.is_empty() {
            self.problem(
                at,
                "rule.id",
                format!("`id` is {}", kind(item)),
                "expected text in quotes, or a list of such".to_owned(),
            );
        }
        ids
    }

    /// The text of a cell; numbers and dates may stand without quotes.
    fn cell(&mut self, at: usize, key: &str, item: &Item) -> Option<Cell> {
        let text = item
            .as_str()
            .map(str::trim)
            .map(str::to_owned)
            .or_else(|| item.as_float().map(|value| value.to_string()))
            .or_else(|| item.as_integer().map(|value| value.to_string()))
            .or_else(|| item.as_datetime().map(ToString::to_string));
        let Some(text) = text else {
            self.problem(
                at,
                &format!("rule.{key}"),
                format!("`{key}` is {}", kind(item)),
                "expected text, a number or a date".to_owned(),
            );
            return None;
        };
        let (line, column) = position(self.text, at);
        // What stands in quotes begins behind the quote.
        Some(Cell {
            text,
            line,
            column: column + usize::from(item.is_str()),
        })
    }
}
