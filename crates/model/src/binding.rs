//! Values for the parameters of a normalized statement: which roles parameters play, and with which values a statement is planned.
//!
//! Values are personal data. [`Literal`] hides them from logs and cannot be serialized, so none reaches a snapshot or a report by
//! accident; who wants to show one calls [`Literal::expose`].

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::name::Oid;

/// A value in PostgreSQL's text format. Neither printed by `{:?}` nor serialized.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Literal(String);

impl Literal {
    /// Hides `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The value itself: for sending to a server, or for showing where the user asked for values.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Literal({} bytes)", self.0.len())
    }
}

/// One parameter of a normalized statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    /// `1` for `$1`.
    pub number: u32,
    /// What it is for.
    pub role: Role,
    /// The type that the text itself gives it (`$1::date`, `interval $2`), as the grammar writes it.
    pub cast: Option<String>,
}

/// What a parameter is for: which values make sense for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Compared with a column by an operator: `=`, `<`, `<>`, `@>` …
    Compared {
        /// The column's table.
        table: Oid,
        /// The column.
        column: String,
        /// The operator, written as if the column stood on the left.
        operator: String,
        /// Whether the parameter is an array of which one element is compared (`= ANY ($1)`).
        array: bool,
        /// What is made of the column before it is compared (`lower(email)`), columns unqualified; `None` for the bare column.
        expression: Option<String>,
    },
    /// The pattern of `LIKE`, `ILIKE`, `~` or `SIMILAR TO` over a column.
    Pattern {
        /// The column's table.
        table: Oid,
        /// The column.
        column: String,
        /// The operator: `~~` for `LIKE`, `~~*` for `ILIKE`, `~`, `~*`, `SIMILAR TO`.
        operator: String,
    },
    /// Part of a sum or difference that is compared with a column (`created_at > now() - $1`).
    Offset {
        /// The column's table.
        table: Oid,
        /// The column.
        column: String,
    },
    /// Written to a column.
    Assigned {
        /// The column's table.
        table: Oid,
        /// The column.
        column: String,
    },
    /// A key or path inside a document: `payload -> $1`, `payload #> $1`.
    DocumentKey {
        /// The column's table.
        table: Oid,
        /// The column.
        column: String,
    },
    /// A full text query: `to_tsquery($1)` and its kin, or `@@ $1`.
    FullText,
    /// `LIMIT` or `FETCH FIRST`.
    RowLimit,
    /// `OFFSET`.
    RowOffset,
    /// An `interval` literal.
    Interval,
    /// Nothing that tells which values make sense.
    Free,
}

/// Values for all parameters of one statement, and how much of the statement's executions they stand for.
#[derive(Clone, Debug, PartialEq)]
pub struct Binding {
    /// By parameter, `$1` first; `None` is NULL.
    pub values: Vec<Option<Literal>>,
    /// The share of the statement's executions that this one stands for, 0 to 1; the weights of a statement's bindings add up to 1.
    pub weight: f64,
    /// Where the values come from.
    pub origin: BindingOrigin,
}

/// Where the values of a binding come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BindingOrigin {
    /// They were executed: a log, `auto_explain`, an SQL file, `pg_qualstats`.
    Observed,
    /// Drawn from the statistics of the compared columns, as often as the column has them.
    Drawn,
    /// A value that few rows have, or none: what a statement costs when it finds nothing.
    Rare,
    /// Beyond every value that the statistics know.
    OutOfRange,
    /// Nothing is known of the compared thing: values that are usual for the type and role.
    Assumed,
    /// The statement has no parameters.
    Constant,
}

impl BindingOrigin {
    /// For people: `observed`, `drawn` …
    pub fn name(self) -> &'static str {
        match self {
            Self::Observed => "observed",
            Self::Drawn => "drawn",
            Self::Rare => "rare",
            Self::OutOfRange => "out-of-range",
            Self::Assumed => "assumed",
            Self::Constant => "constant",
        }
    }
}

/// What `pg_stats` knows of a column's values. Lives in memory only.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ColumnValues {
    /// Most common values with their share of all rows, 0 to 1, most common first.
    pub most_common: Vec<(Literal, f64)>,
    /// Bounds that cut the other values into parts of equal size, ascending.
    pub histogram: Vec<Literal>,
    /// Share of nulls, 0 to 1.
    pub null_fraction: f64,
    /// Distinct values that are not null; 0 when unknown.
    pub distinct: f64,
    /// Most common elements of arrays, lexemes or keys with their share of the rows that are not null.
    pub most_common_elements: Vec<(Literal, f64)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_never_prints_itself() {
        let binding =
            Binding { values: vec![Some(Literal::new("eve@example.org")), None], weight: 1.0, origin: BindingOrigin::Observed };
        assert!(!format!("{binding:?}").contains("eve"));
        assert_eq!(binding.values[0].as_ref().map(Literal::expose), Some("eve@example.org"));
    }
}
