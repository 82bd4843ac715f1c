//! Casts that a comparison puts on a column: there is no operator between both types in one operator family, so the parser casts the column, and
//! an index on the bare column holds other values than those that are compared (`oper_select_candidate` in `parse_oper.c`).
//!
//! It knows the pairs of common types only. What is not listed is taken for a pair that an index serves.

use pg_query::protobuf::{AConst, TypeName, a_const};
use pgtailor_model::construct::{ColumnOf, Construct};

use crate::construct::Noticed;
use crate::operand::Operand;
use crate::service;
use crate::walker::{Walker, string};

/// The type to which a column of the type `column` is cast when it is compared with something of the type `other`; both by the names that
/// [`short`] gives.
fn cast_of(column: &str, other: &str) -> Option<&'static str> {
    match (column, other) {
        ("int2" | "int4" | "int8", "numeric") => Some("numeric"),
        ("int2" | "int4" | "int8" | "numeric", "float4" | "float8") => Some("float8"),
        ("bpchar", "text") => Some("text"),
        ("text" | "varchar", "citext") => Some("citext"),
        _ => None,
    }
}

/// The name of a type as `pg_type.typname` has it, from the grammar's or from `format_type`'s.
pub(crate) fn short(name: &str) -> &str {
    let base = name.split('(').next().unwrap_or(name).trim_end();
    match base {
        "smallint" => "int2",
        "integer" => "int4",
        "bigint" => "int8",
        "real" => "float4",
        "double precision" => "float8",
        "character varying" => "varchar",
        "character" => "bpchar",
        _ => base.rsplit('.').next().unwrap_or(base),
    }
}

/// The type that a cast names; of an array, that of its elements.
pub(crate) fn named(to: &TypeName) -> Option<String> {
    to.names.last().and_then(string).map(|name| short(name).to_owned())
}

/// The type of a number in the text (`make_const` in `parse_node.c`): whole numbers too long for the grammar come as text.
pub(crate) fn of_constant(constant: &AConst) -> Option<&'static str> {
    match &constant.val {
        Some(a_const::Val::Ival(_)) => Some("int4"),
        Some(a_const::Val::Fval(number)) if number.fval.parse::<i64>().is_ok() => Some("int8"),
        Some(a_const::Val::Fval(_)) => Some("numeric"),
        _ => None,
    }
}

impl<'t> Walker<'t> {
    /// Why no index on `subject` serves a comparison by `operator` with `other`, when `subject` is a column that is cast for it; noted, too.
    pub(crate) fn cast_for(&mut self, operator: &str, subject: &Operand<'t>, other: &Operand<'t>) -> Option<String> {
        let Operand::Column(column) = subject else { return None };
        let origin = column.origins.first().filter(|_| operator == "=" || service::is_ordering(operator))?;
        let type_name = &self.references[origin.reference].table.column(origin.column)?.type_name;
        let to = self.types_of(other).into_iter().find_map(|other| cast_of(short(type_name), &other))?;
        let column = ColumnOf { shape: origin.reference, column: origin.column.to_owned() };
        self.notice(Noticed::plain(Construct::ColumnCast { column, to: to.to_owned() }));
        Some(format!("compared as {to}, to which the column is cast"))
    }

    fn types_of(&self, operand: &Operand<'t>) -> Vec<String> {
        match operand {
            Operand::Fixed(fixed) => fixed.type_name.iter().cloned().collect(),
            Operand::Column(column) => {
                let table = |reference: usize| self.references[reference].table;
                let names = column.origins.iter().filter_map(|origin| table(origin.reference).column(origin.column));
                names.map(|column| short(&column.type_name).to_owned()).collect()
            }
            Operand::Row(parts) => parts.iter().flat_map(|part| self.types_of(part)).collect(),
            Operand::Expression(_) => Vec::new(),
        }
    }
}
