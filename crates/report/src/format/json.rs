//! JSON for programs: the report's payload in an envelope with version and kind. Documented in `docs/json.md`.

use serde::Serialize;
use serde_json::{Map, Value};

use super::Format;
use crate::report::{Report, SCHEMA_VERSION, Style};

/// See the module.
pub struct Json;

#[derive(Serialize)]
struct Envelope<'a> {
    schema_version: u32,
    kind: &'a str,
    #[serde(flatten)]
    payload: Value,
}

impl Format for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn extension(&self) -> &'static str {
        "json"
    }

    fn purpose(&self) -> &'static str {
        "for programs; documented and versioned"
    }

    fn render(&self, report: &dyn Report, _style: &Style) -> String {
        let envelope = Envelope { schema_version: SCHEMA_VERSION, kind: report.kind(), payload: sorted(report.json()) };
        serde_json::to_string_pretty(&envelope).expect("a value with string keys always has a text")
    }
}

/// `value` with the keys of its objects in alphabetical order, whatever features `serde_json` was built with elsewhere in the program.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(String, Value)> = map.into_iter().collect();
            entries.sort_by(|one, other| one.0.cmp(&other.0));
            Value::Object(entries.into_iter().map(|(key, value)| (key, sorted(value))).collect::<Map<_, _>>())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(sorted).collect()),
        scalar => scalar,
    }
}
