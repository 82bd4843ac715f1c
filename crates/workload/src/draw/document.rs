//! Parts of JSON documents: keys to look for, and smaller documents that are contained.

use pgtailor_model::binding::Literal;
use serde_json::{Map, Value};

/// A document with one member of `document`, a plain one if there is any: what `@>` is asked for.
pub(super) fn contained(document: &Literal) -> Option<Literal> {
    let part = match serde_json::from_str(document.expose()).ok()? {
        Value::Object(members) => {
            let plain = members.iter().find(|(_, value)| !value.is_object() && !value.is_array());
            let (key, value) = plain.or_else(|| members.iter().next())?;
            Value::Object(Map::from_iter([(key.clone(), value.clone())]))
        }
        Value::Array(elements) => Value::Array(vec![elements.into_iter().next()?]),
        plain => plain,
    };
    Some(Literal::new(part.to_string()))
}

/// A key of `document`.
pub(super) fn key(document: &Literal) -> Option<Literal> {
    match serde_json::from_str(document.expose()).ok()? {
        Value::Object(members) => members.into_iter().next().map(|(key, _)| Literal::new(key)),
        Value::Array(elements) => elements.into_iter().find_map(|element| element.as_str().map(Literal::new)),
        _ => None,
    }
}

/// The document to be contained when none is known. Not `{}`, which every document contains.
pub(super) fn assumed() -> Literal {
    Literal::new(r#"{"id": 1}"#)
}

/// The key when none is known.
pub(super) fn assumed_key() -> Literal {
    Literal::new("id")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_member_is_taken() {
        let document = Literal::new(r#"{"deep": {"a": 1}, "kind": "invoice"}"#);
        assert_eq!(contained(&document).expect("an object").expose(), r#"{"kind":"invoice"}"#);
        assert_eq!(key(&document).expect("an object").expose(), "deep");
        assert_eq!(contained(&Literal::new("[1, 2]")).expect("an array").expose(), "[1]");
        assert_eq!(contained(&Literal::new("{}")), None);
        assert_eq!(contained(&Literal::new("not JSON")), None);
    }
}
