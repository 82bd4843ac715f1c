//! Words of reasons: lists of names, safe to print.

use pgtailor_model::index::{IndexKey, KeyPart};
use pgtailor_model::name::{printable, quote_identifier};

/// `a`, `a and b`, `a, b and c`, as SQL would name them.
pub(super) fn names<S: AsRef<str>>(columns: impl IntoIterator<Item = S>) -> String {
    let names: Vec<String> = columns.into_iter().map(|column| quote_identifier(column.as_ref())).collect();
    list(&names)
}

/// The same of what keys are about.
pub(super) fn keys(keys: &[IndexKey]) -> String {
    let name = |key: &IndexKey| match &key.part {
        KeyPart::Column(name) => quote_identifier(name),
        KeyPart::Expression(sql) => sql.clone(),
    };
    let names: Vec<String> = keys.iter().map(name).collect();
    list(&names)
}

fn list(names: &[String]) -> String {
    let text = match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    };
    printable(&text)
}
