//! JSON Schema of problem files.

use serde_json::{Map, Value, json};

use super::keys::{Key, Kind, ROOT};

/// JSON Schema of problem files, so that editors complete and check while one types.
pub fn json_schema() -> Value {
    let mut schema = table(ROOT);
    if let Value::Object(fields) = &mut schema {
        fields.shift_insert(
            0,
            "$schema".to_owned(),
            json!("https://json-schema.org/draft/2020-12/schema"),
        );
        fields.shift_insert(1, "title".to_owned(), json!("Kyoso estimation problem"));
    }
    schema
}

fn table(keys: &[Key]) -> Value {
    let properties: Map<String, Value> = keys
        .iter()
        .map(|key| {
            let mut value = schema(&key.kind);
            if let Value::Object(fields) = &mut value {
                fields.insert("description".to_owned(), json!(key.meaning));
            }
            (key.name.to_owned(), value)
        })
        .collect();
    let required: Vec<&str> = keys.iter().filter(|k| k.required).map(|k| k.name).collect();
    json!({"type": "object", "additionalProperties": false, "required": required, "properties": properties})
}

fn schema(kind: &Kind) -> Value {
    let number = json!({"type": "number"});
    let list = |of: Value| json!({"type": "array", "items": of});
    match kind {
        Kind::Text => json!({"type": "string"}),
        Kind::Word(words) => json!({"enum": words}),
        Kind::Flag => json!({"type": "boolean"}),
        Kind::Number(low, high) => {
            let mut value = number;
            for (name, bound) in [("minimum", low), ("maximum", high)] {
                if bound.is_finite() {
                    value[name] = json!(bound);
                }
            }
            value
        }
        Kind::Whole(low, high) => json!({"type": "integer", "minimum": low, "maximum": high}),
        Kind::Bounds => {
            json!({"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2})
        }
        Kind::Terms(_) | Kind::Names => list(json!({"type": "string"})),
        Kind::Expression => json!({"type": ["string", "number"]}),
        Kind::Groups => list(list(json!({"type": "string"}))),
        Kind::Numbers => list(number),
        Kind::Rows => list(list(number)),
        Kind::Table(keys) => table(keys),
        Kind::Tables(keys) => list(table(keys)),
        Kind::Map(of) => json!({"type": "object", "additionalProperties": schema(of)}),
        Kind::Either(a, b) => json!({"anyOf": [schema(a), schema(b)]}),
    }
}
