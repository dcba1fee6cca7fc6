//! JSON Schema of a scenario file, so that editors complete and check while one types.

use serde_json::{Map, Value, json};

use super::lever::{Expects, KINDS, LeverKind};
use super::{HORIZONS, ParameterInfo, Reach, Vocabulary, read};
use crate::ids::Drivers;
use crate::rules::Instrument;
use crate::rules::read::COLUMNS;

/// The schema, with every parameter that may be set, its unit and its range.
pub fn json_schema(vocabulary: &Vocabulary) -> Value {
    let (first, last) = read::horizons(vocabulary.base_year);
    let drivers: Vec<&str> = Drivers::ALL.iter().map(|drivers| drivers.code()).collect();
    let mut plain = Map::new();
    let mut by_country = Map::new();
    let codes = vocabulary.countries.join("|");
    for info in vocabulary
        .parameters
        .iter()
        .filter(|info| info.reach != Reach::Calibration)
    {
        if info.by_country {
            let pattern = format!("^{}\\.({codes})$", info.path.replace('.', "\\."));
            by_country.insert(pattern, parameter(info, vocabulary.base_year));
        } else {
            plain.insert(info.path.clone(), parameter(info, vocabulary.base_year));
        }
    }
    let columns: Map<String, Value> = COLUMNS
        .iter()
        .map(|&column| ((*column).to_owned(), column_schema(column)))
        .collect();
    let mut rule = columns;
    rule.insert("id".to_owned(), json!({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}], "description": "identifier, or several that take the same change"}));
    rule.insert(
        "remove".to_owned(),
        json!({"type": "boolean", "description": "take the rule away"}),
    );
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Kyoso scenario",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "name": {"type": "string", "maxLength": 100, "description": "short name, for folders and tables; default: the name of the file"},
            "description": {"type": "string", "description": "one paragraph, shown in the report"},
            "extends": {"type": "string", "description": "name of a shipped scenario, or path of a file from the place of this one"},
            "horizon": {"type": "integer", "minimum": first, "maximum": last, "description": "last year of the projection"},
            "drivers": {"enum": drivers, "description": "path of people and income"},
            "policy_as_of": {"type": "string", "pattern": "^\\d{4}-\\d{2}-\\d{2}$", "description": "rules announced after this date are unknown to the run; the pack dates rules by year, which counts as its last day"},
            "rule": {
                "type": "array",
                "description": "changes of policy rules: one removed, some cells of one altered, or a new one",
                "items": {"type": "object", "additionalProperties": false, "required": ["id"], "properties": rule},
            },
            "set": {
                "type": "object",
                "description": "parameters by path, in quotes: a number, or a table of years (linear between them, constant outside)",
                "additionalProperties": false,
                "properties": plain,
                "patternProperties": by_country,
            },
            "target": target(vocabulary),
            "lever": {
                "type": "array",
                "description": "measures of cooperation",
                "items": {"anyOf": KINDS.iter().map(|kind| lever(kind, vocabulary)).collect::<Vec<_>>()},
            },
            "budget": {
                "type": "array",
                "description": "money that a payer may spend on levers",
                "items": {
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["payer"],
                    "properties": {
                        "payer": {"type": "string"},
                        "usd_million": {"type": "number", "minimum": 0},
                        "jpy_billion": {"type": "number", "minimum": 0, "description": "at 140.5 yen a dollar of 2023"},
                        "from": {"type": "integer", "minimum": first, "maximum": last},
                        "until": {"type": "integer", "minimum": first, "maximum": last},
                    },
                },
            }
        }
    })
}

fn target(vocabulary: &Vocabulary) -> Value {
    let (first, last) = (vocabulary.base_year + 1, HORIZONS.1);
    let years: Vec<String> = (first..=last).map(|year| year.to_string()).collect();
    let number = json!({"type": "number"});
    let by_year = Map::from_iter([(format!("^({})$", years.join("|")), number.clone())]);
    json!({
        "type": "array",
        "description": "what the author wants to reach; moves nothing, is tracked in results and report",
        "items": {
            "type": "object",
            "additionalProperties": false,
            "required": ["name", "variable", "region", "value", "direction"],
            "properties": {
                "name": {"type": "string"},
                "variable": {"enum": vocabulary.variables, "description": "variable of the indicators"},
                "region": {"enum": vocabulary.regions, "description": "ISO code, group or World"},
                "direction": {"enum": ["at least", "at most"]},
                "year": {"type": "integer", "minimum": first, "maximum": last, "description": "with one value"},
                "value": {
                    "description": "a number, or a table of years (linear between them)",
                    "anyOf": [number, {"type": "object", "minProperties": 1, "additionalProperties": false, "patternProperties": by_year}],
                },
            },
        },
    })
}

/// What a cell of a rule may hold.
fn column_schema(column: &str) -> Value {
    match column {
        "instrument" => {
            json!({"enum": Instrument::ALL.iter().map(|one| one.code()).collect::<Vec<_>>()})
        }
        "value" | "fine_usd" => json!({"type": "number"}),
        "start" | "end" | "announced" => {
            json!({"type": "string", "pattern": "^\\d{4}-\\d{2}-\\d{2}$"})
        }
        "condition" => {
            json!({"type": "string", "description": "terms joined by `;`, such as battery_kwh>=30; price_thb<=2000000; built=local; signed"})
        }
        _ => json!({"type": "string"}),
    }
}

/// A lever of one kind.
fn lever(kind: &LeverKind, vocabulary: &Vocabulary) -> Value {
    let (first, last) = (vocabulary.base_year + 1, HORIZONS.1);
    let year = json!({"type": "integer", "minimum": first, "maximum": last});
    let number = json!({"type": "number", "minimum": kind.range.0, "maximum": kind.range.1});
    let years: Vec<String> = (first..=last).map(|year| year.to_string()).collect();
    let years = Map::from_iter([(format!("^({})$", years.join("|")), number.clone())]);
    let mut properties = Map::from_iter([
        (
            "kind".to_owned(),
            json!({"const": kind.name, "description": kind.effect}),
        ),
        (
            "name".to_owned(),
            json!({"type": "string", "description": "for tables and attribution"}),
        ),
        (
            "countries".to_owned(),
            json!({"type": "array", "minItems": 1, "items": {"type": "string"}, "description": "codes of countries or names of groups"}),
        ),
        ("payer".to_owned(), json!({"type": "string"})),
        (
            "unit_cost".to_owned(),
            json!({"type": "number", "minimum": kind.unit_cost.1, "maximum": kind.unit_cost.2, "default": kind.unit_cost.0}),
        ),
        ("from".to_owned(), year.clone()),
        ("until".to_owned(), year),
        (
            kind.size.to_owned(),
            json!({
                "description": kind.unit,
                "anyOf": [number, {"type": "object", "minProperties": 1, "additionalProperties": false, "patternProperties": years}],
            }),
        ),
    ]);
    let mut required = vec!["kind", "countries", kind.size];
    for key in kind.keys {
        let mut schema = match key.expects {
            Expects::Text => json!({"type": "string"}),
            Expects::Country => json!({"enum": vocabulary.countries}),
            Expects::OneOf(list) => json!({"enum": list}),
            Expects::Number(low, high) => {
                json!({"type": "number", "minimum": low, "maximum": high, "default": key.default})
            }
        };
        schema["description"] = json!(key.description);
        properties.insert(key.name.to_owned(), schema);
        if key.required {
            required.push(key.name);
        }
    }
    if kind.needs_payer {
        required.push("payer");
    }
    json!({"type": "object", "additionalProperties": false, "required": required, "properties": properties})
}

fn parameter(info: &ParameterInfo, base_year: i32) -> Value {
    let mut number = Map::from_iter([("type".to_owned(), json!("number"))]);
    if !info.low.is_nan() {
        number.insert("minimum".to_owned(), json!(info.low));
    }
    if !info.high.is_nan() {
        number.insert("maximum".to_owned(), json!(info.high));
    }
    let description = format!("{} ({})", info.description, info.unit);
    if info.reach == Reach::Run {
        number.insert("description".to_owned(), json!(description));
        return Value::Object(number);
    }
    let years: Vec<String> = (base_year + 1..=HORIZONS.1)
        .map(|year| year.to_string())
        .collect();
    let years = Map::from_iter([(
        format!("^({})$", years.join("|")),
        Value::Object(number.clone()),
    )]);
    let path = json!({"type": "object", "minProperties": 1, "additionalProperties": false, "patternProperties": years});
    json!({"description": description, "anyOf": [number, path]})
}
