//! What one reference to one table in a statement asks for: everything that an index could serve, and why it could not.

use serde::{Deserialize, Serialize};

use crate::index::{Direction, Nulls};
use crate::name::Oid;

/// What one reference to one table in a statement asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Shape {
    /// The table.
    pub table: Oid,
    /// What must hold of a row for it to count, all of it, in the order of the text.
    pub predicates: Vec<Predicate>,
    /// Further conditions of which one branch must hold: each an `OR` that is not about a single subject. A bitmap scan can serve one
    /// when every branch can be served by some index.
    pub disjunctions: Vec<Disjunction>,
    /// The order asked for, when every sort key is of this table.
    pub order_by: Vec<OrderKey>,
    /// `GROUP BY`, when every key is of this table.
    pub group_by: Vec<Subject>,
    /// `DISTINCT` or `DISTINCT ON`, when every key is of this table.
    pub distinct: Vec<Subject>,
    /// Whether the statement stops after some rows.
    pub limited: bool,
    /// Columns that the statement needs the values of, sorted: an index that holds them all can be scanned alone. `SELECT *` needs
    /// them all.
    pub needed: Vec<String>,
    /// How the statement changes the table; `None` when it only reads it.
    pub write: Option<Write>,
    /// Views through which the statement reaches the table, outermost first; empty when it names the table itself.
    pub through: Vec<String>,
}

/// One condition on one subject.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Predicate {
    /// What is compared.
    pub subject: Subject,
    /// How.
    pub comparison: Comparison,
    /// The operator as the grammar has it (`=`, `@>`, `~~*` for `ILIKE`); empty for tests without one (`IS NULL`).
    pub operator: String,
    /// What with.
    pub operand: Operand,
    /// Which index could be searched for it.
    pub service: Service,
}

/// What a key of an index, a sort key or a predicate is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// A column, by its name in the table, unquoted.
    Column(String),
    /// An expression over columns of this table only.
    Expression {
        /// As an index on the table could have it: columns unqualified, casts and constants as in the statement.
        ///
        /// Its constants are part of what is indexed (`payload ->> 'kind'`), so they stand here when the statement shows them, and
        /// `$n` where it does not: then no expression index can be made of it.
        sql: String,
        /// The columns in it, in the order of the text, each once.
        columns: Vec<String>,
    },
}

/// How a subject is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Comparison {
    /// Equal to one value: `=`, a bare boolean, `IS TRUE`.
    Equal,
    /// Equal to one of several values: `IN`, `= ANY`, an `OR` of equalities.
    OneOf,
    /// `IS NULL`.
    Null,
    /// `IS NOT NULL`.
    NotNull,
    /// Within bounds: `<`, `<=`, `>`, `>=`, `BETWEEN`.
    Range,
    /// Begins with fixed characters: `LIKE 'abc%'`, `^@`, `~ '^abc'`.
    Prefix,
    /// Any other pattern: `LIKE '%abc%'`, `ILIKE`, `~`, `SIMILAR TO`, and patterns that are not known before the statement runs.
    Pattern,
    /// `@@` of full text search.
    FullText,
    /// Containment, overlap and existence over jsonb, arrays, ranges, geometry: `@>`, `<@`, `&&`, `?`, `@?` …
    Containment,
    /// Similarity or distance below a bound: `%` of `pg_trgm`, and the like.
    Similarity,
    /// Equal to a column or an expression of another table.
    Join,
    /// Anything else: `<>`, `NOT IN`, comparisons between columns of one table …
    Other,
}

/// What a subject is compared with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operand {
    /// Nothing: tests such as `IS NULL`.
    Nothing,
    /// Parameters of the normalized text, by number (`1` for `$1`): constants of the statement have become parameters.
    Parameters(Vec<u32>),
    /// `true` or `false`, which are nobody's secret.
    Boolean(bool),
    /// A column of another reference.
    Column {
        /// The position of that reference among the statement's shapes.
        shape: usize,
        /// The column's name.
        column: String,
    },
    /// Computed before the scan begins: `now()`, a sub-select, arithmetic over parameters (those that occur in it).
    Computed(Vec<u32>),
    /// An expression over other references.
    Elsewhere,
}

/// Which index could be searched for a predicate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Service {
    /// These, best first.
    By(Vec<Serving>),
    /// None, and why, as a clause such as `LIKE with a wildcard first`.
    Nothing(String),
}

/// A way to serve a predicate: the access method and the operator class of the key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Serving {
    /// `btree`, `hash`, `gin`, `gist`, `spgist`, `brin`.
    pub method: String,
    /// The operator class; `None` for the default one of the subject's type.
    pub operator_class: Option<String>,
}

/// An `OR`: branches of conditions on this table, of which one must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Disjunction {
    /// Each branch a conjunction. An empty branch holds for every row as far as this table can tell: then no index serves the whole.
    pub branches: Vec<Vec<Predicate>>,
}

/// One key of an `ORDER BY`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OrderKey {
    /// What is sorted by.
    pub subject: Subject,
    /// Its direction.
    pub direction: Direction,
    /// Where nulls sort.
    pub nulls: Nulls,
    /// For the order by a distance (`ORDER BY place <-> $1`), which only some GiST and vector indexes serve: the operator.
    pub distance: Option<String>,
}

/// How a statement changes a table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Write {
    /// What it does.
    pub kind: WriteKind,
    /// The columns that an update changes, in the order of the text; for the others, all columns, since every index gets or loses an
    /// entry.
    pub columns: Vec<String>,
}

/// Kinds of writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WriteKind {
    /// `INSERT`.
    Insert,
    /// `INSERT … ON CONFLICT DO UPDATE`: inserts, or changes the columns of its `SET`.
    Upsert,
    /// `UPDATE`.
    Update,
    /// `DELETE`.
    Delete,
    /// `MERGE`, whichever of its actions.
    Merge,
    /// `COPY … FROM`.
    Copy,
}

impl Shape {
    /// A shape of `table` that asks for nothing yet.
    pub fn of(table: Oid) -> Self {
        Self { table, ..Self::default() }
    }

    /// Columns compared for equality with a constant or parameter (`=`, `IN`, `= ANY`, `IS NULL`), each once: what a B-tree of columns can
    /// have first.
    pub fn equality(&self) -> Vec<&str> {
        self.btree_columns(|comparison| matches!(comparison, Comparison::Equal | Comparison::OneOf | Comparison::Null))
    }

    /// Columns within constant bounds (`<`, `BETWEEN`, prefix `LIKE`) that are not compared for equality as well, each once.
    pub fn range(&self) -> Vec<&str> {
        let equality = self.equality();
        let mut range = self.btree_columns(|comparison| matches!(comparison, Comparison::Range | Comparison::Prefix));
        range.retain(|column| !equality.contains(column));
        range
    }

    /// Columns equal to something of another table, each once.
    pub fn join(&self) -> Vec<&str> {
        self.btree_columns(|comparison| comparison == Comparison::Join)
    }

    /// Columns filtered in a way that no B-tree on them serves, with the reason; each pair once.
    pub fn not_sargable(&self) -> Vec<(&str, String)> {
        let mut refused = Vec::new();
        for predicate in self.predicates.iter().chain(self.disjunctions.iter().flat_map(|or| or.branches.iter().flatten())) {
            // A pattern that is not known before the statement runs may or may not begin with fixed characters.
            let is_served = predicate.is_served_by_btree() && predicate.comparison != Comparison::Pattern;
            if is_served && matches!(predicate.subject, Subject::Column(_)) {
                continue;
            }
            for column in predicate.subject.columns() {
                let entry = (column, predicate.reason());
                if !refused.contains(&entry) {
                    refused.push(entry);
                }
            }
        }
        refused
    }

    /// The columns that the statement changes: all of them for inserts and deletes; none when it only reads.
    pub fn written(&self) -> &[String] {
        self.write.as_ref().map(|write| write.columns.as_slice()).unwrap_or_default()
    }

    fn btree_columns(&self, wanted: impl Fn(Comparison) -> bool) -> Vec<&str> {
        let mut columns = Vec::new();
        for predicate in self.predicates.iter().filter(|predicate| wanted(predicate.comparison) && predicate.is_served_by_btree())
        {
            if let Subject::Column(column) = &predicate.subject
                && !columns.contains(&column.as_str())
            {
                columns.push(column.as_str());
            }
        }
        columns
    }
}

impl Predicate {
    /// Whether a B-tree with the subject as its first key could be searched for it.
    pub fn is_served_by_btree(&self) -> bool {
        self.service.methods().any(|serving| serving.method == "btree")
    }

    /// Why a B-tree on the bare columns does not serve it, as a clause.
    fn reason(&self) -> String {
        match (&self.service, &self.subject) {
            (Service::Nothing(reason), _) => reason.clone(),
            (Service::By(_), Subject::Expression { sql, .. }) => format!("it is hidden in the expression {sql}"),
            (Service::By(_), Subject::Column(_)) => match (self.comparison, self.operator.as_str()) {
                (Comparison::Pattern, operator) if self.is_served_by_btree() => {
                    let name = if operator == "~~" { "LIKE" } else { operator };
                    format!("{name} with a pattern that is not known before it runs")
                }
                (Comparison::Pattern, "~~") => "LIKE with a wildcard first".to_owned(),
                (Comparison::Pattern | Comparison::Prefix, "~~*") => "ILIKE".to_owned(),
                (_, operator) => format!("operator {operator}, which a B-tree does not serve"),
            },
        }
    }
}

impl Subject {
    /// The columns in it.
    pub fn columns(&self) -> Vec<&str> {
        match self {
            Self::Column(column) => vec![column],
            Self::Expression { columns, .. } => columns.iter().map(String::as_str).collect(),
        }
    }

    /// As an index could have it; the name of a column is not quoted.
    pub fn text(&self) -> &str {
        match self {
            Self::Column(column) => column,
            Self::Expression { sql, .. } => sql,
        }
    }
}

impl Service {
    /// The ways to serve it, best first.
    pub fn methods(&self) -> impl Iterator<Item = &Serving> {
        match self {
            Self::By(ways) => ways.iter(),
            Self::Nothing(_) => [].iter(),
        }
    }

    /// A B-tree of the default operator class.
    pub fn btree() -> Self {
        Self::By(vec![Serving::of("btree")])
    }

    /// No index, because of `reason`.
    pub fn nothing(reason: impl Into<String>) -> Self {
        Self::Nothing(reason.into())
    }
}

impl Serving {
    /// `method` with the default operator class.
    pub fn of(method: &str) -> Self {
        Self { method: method.to_owned(), operator_class: None }
    }

    /// `method` with `operator_class`.
    pub fn with(method: &str, operator_class: &str) -> Self {
        Self { method: method.to_owned(), operator_class: Some(operator_class.to_owned()) }
    }
}
