//! What the grammar shows of a statement as a whole, and the shapes of its single tables do not: ways of writing that can cost more than they
//! seem to.
//!
//! A construct is no judgement. `OFFSET` is cheap on the first page, and two tables that nothing joins may have a row each.

/// A way of writing that can cost more than it seems to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Construct {
    /// `OFFSET`: rows are found and thrown away.
    Offset {
        /// The parameter that says how many; `None` when it is computed.
        parameter: Option<u32>,
    },
    /// `NOT IN (sub-select)`, which is never an anti join, and true of no row once the sub-select returns a null.
    NotIn {
        /// The column that is compared; `None` when it is something else.
        compared: Option<ColumnOf>,
        /// The column that the sub-select returns; `None` when it is something else.
        returned: Option<ColumnOf>,
        /// Whether either side may be null, as far as constraints tell.
        may_be_null: bool,
        /// The whole statement with `NOT EXISTS` instead, where that returns the same rows whatever is in the tables.
        rewritten: Option<String>,
    },
    /// Parts of one `FROM` clause that no condition connects: each row of one goes with each row of the others.
    Unconnected {
        /// The positions of the references to tables in each part.
        parts: Vec<Vec<usize>>,
    },
    /// `SELECT *` or `t.*` in the result of the statement: columns are returned that nobody named.
    WholeRows {
        /// The positions of the references whose rows are returned.
        shapes: Vec<usize>,
    },
    /// The result has no limit and is not a single row.
    Unlimited {
        /// Whether there is a `WHERE` clause.
        filtered: bool,
    },
    /// An `OR` whose branches are about different tables: no index of either can serve it alone.
    OrAcrossTables {
        /// The positions of the references in it.
        shapes: Vec<usize>,
        /// The whole statement with a `UNION ALL` instead, where that returns the same rows whatever is in the tables.
        rewritten: Option<String>,
    },
    /// A comparison with a value or column of another type, for which the column is cast, so that an index on it does not serve.
    ColumnCast {
        /// The column.
        column: ColumnOf,
        /// The type that it is cast to, as the grammar names it (`numeric`, `float8`).
        to: String,
    },
}

/// A column of one reference of a statement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ColumnOf {
    /// The position of the reference among the statement's shapes.
    pub shape: usize,
    /// The column's name in the table, unquoted.
    pub column: String,
}
