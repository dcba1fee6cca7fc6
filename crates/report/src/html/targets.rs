//! Targets for the charts of a report.

use kyoso_model::tables::Table;
use serde_json::{Map, Value, json};

use super::short;

/// A list of targets: what is wanted, and the path of each scenario.
pub(super) fn targets(table: Option<&Table>) -> Value {
    let rows = table.and_then(list);
    Value::Array(rows.unwrap_or_default())
}

fn list(table: &Table) -> Option<Vec<Value>> {
    let word = |name: &str, row: usize| -> Option<&str> {
        let (words, codes) = table.words(name)?;
        Some(words[codes[row] as usize].as_str())
    };
    let (year, value, wanted) = (
        table.integers("year")?,
        table.reals("value")?,
        table.reals("wanted")?,
    );
    let mut list: Vec<Map<String, Value>> = Vec::new();
    for row in 0..table.rows() {
        let name = word("target", row)?;
        if list.last().is_none_or(|last| last["name"] != name) {
            let mut target = Map::new();
            for column in ["region", "variable", "unit", "direction"] {
                target.insert(column.to_owned(), json!(word(column, row)?));
            }
            target.insert("name".to_owned(), json!(name));
            target.insert("wanted".to_owned(), json!([]));
            target.insert("paths".to_owned(), json!({}));
            list.push(target);
        }
        let scenario = word("scenario", row)?;
        let target = list.last_mut()?;
        let paths = target["paths"].as_object_mut()?;
        let first = paths.is_empty() || paths.keys().next().is_some_and(|first| first == scenario);
        let path = paths.entry(scenario).or_insert_with(|| json!([]));
        let status = word("status", row)?;
        path.as_array_mut()?
            .push(json!([year[row], short(value[row]), status]));
        if first && wanted[row].is_finite() {
            let points = target["wanted"].as_array_mut()?;
            points.push(json!([year[row], short(wanted[row])]));
        }
    }
    Some(list.into_iter().map(Value::Object).collect())
}
