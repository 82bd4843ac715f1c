//! Facts: what one condition says about one column, and how facts add up to a shape.

use pgtailor_model::shape::{Comparison, Operand, Predicate, Service, Shape, Subject};

use crate::scope::{Column, Origin};

/// What one condition says about one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fact {
    /// The column.
    pub(crate) origin: Origin,
    /// How it is asked for.
    pub(crate) kind: Kind,
}

/// How a column is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Equal to a constant or parameter.
    Equality,
    /// Null: served like an equality, but true for the rows that an outer join makes up.
    IsNull,
    /// Within bounds.
    Range,
    /// Equal to something of another table.
    Join,
    /// In a way that a B-tree cannot serve, and why.
    NotSargable(String),
}

impl Kind {
    fn is_sargable(&self) -> bool {
        !matches!(self, Self::NotSargable(_))
    }

    /// Whether it surely refuses the null rows of an outer join (`COALESCE(x, 0) = 0`, for one, does not).
    pub(crate) fn is_strict(&self) -> bool {
        matches!(self, Self::Equality | Self::Range | Self::Join)
    }
}

/// The same fact about every origin of `column`.
pub(crate) fn about(column: &Column, kind: &Kind) -> Vec<Fact> {
    column.origins.iter().map(|origin| Fact { origin: origin.clone(), kind: kind.clone() }).collect()
}

/// What holds when one of the `branches` of an `OR` holds.
///
/// A column that every branch bounds is bounded, as by `IN`; the planner then uses a bitmap scan over its index. A column that some
/// branch leaves open is not.
pub(crate) fn either(branches: &[Vec<Fact>]) -> Vec<Fact> {
    let mut origins: Vec<&Origin> = Vec::new();
    for fact in branches.iter().flatten() {
        if !origins.contains(&&fact.origin) {
            origins.push(&fact.origin);
        }
    }
    let reason = if origins.len() > 1 { "OR across columns" } else { "OR with a condition on something else" };
    origins.iter().flat_map(|origin| either_about(branches, origin, reason)).collect()
}

fn either_about(branches: &[Vec<Fact>], origin: &Origin, reason: &str) -> Vec<Fact> {
    let of = |branch: &Vec<Fact>| {
        branch.iter().find(|fact| fact.origin == *origin && fact.kind.is_sargable()).map(|fact| fact.kind.clone())
    };
    let fact = |kind| Fact { origin: origin.clone(), kind };
    if let Some(kinds) = branches.iter().map(of).collect::<Option<Vec<Kind>>>() {
        if kinds.iter().all(|kind| matches!(kind, Kind::Equality)) {
            return vec![fact(Kind::Equality)];
        }
        if kinds.iter().all(|kind| matches!(kind, Kind::Equality | Kind::IsNull)) {
            return vec![fact(Kind::IsNull)];
        }
        if kinds.iter().all(|kind| matches!(kind, Kind::Equality | Kind::IsNull | Kind::Range)) {
            return vec![fact(Kind::Range)];
        }
    }
    let refused: Vec<Fact> =
        branches.iter().flatten().filter(|fact| fact.origin == *origin && !fact.kind.is_sargable()).cloned().collect();
    if refused.is_empty() { vec![fact(Kind::NotSargable(reason.to_owned()))] } else { refused }
}

/// Writes `kind`, said of `column`, into `shape`, each once.
pub(crate) fn record(shape: &mut Shape, column: &str, kind: &Kind) {
    let (comparison, operator, service) = match kind {
        Kind::Equality => (Comparison::Equal, "=", Service::btree()),
        Kind::IsNull => (Comparison::Null, "", Service::btree()),
        Kind::Range => (Comparison::Range, "<", Service::btree()),
        Kind::Join => (Comparison::Join, "=", Service::btree()),
        Kind::NotSargable(reason) => (Comparison::Other, "", Service::nothing(reason)),
    };
    let predicate = Predicate {
        subject: Subject::Column(column.to_owned()),
        comparison,
        operator: operator.to_owned(),
        operand: Operand::Nothing,
        service,
    };
    if !shape.predicates.contains(&predicate) {
        shape.predicates.push(predicate);
    }
}
