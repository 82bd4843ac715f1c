//! One reference to a table in one statement, with what generators ask about it.
//!
//! Whatever follows from a table, a shape and the statistics alone is answered here, so that generators only combine. It knows nothing of
//! other statements; `columns` does. Start reading at [`sites`].

use std::collections::BTreeSet;

use pgtailor_model::catalog::{Column, Table};
use pgtailor_model::index::{IndexDefinition, IndexKey, KeyPart};
use pgtailor_model::name::Oid;
use pgtailor_model::shape::{Comparison, Predicate, Shape, Subject as About};
use pgtailor_model::what_if::CandidateIndex;
use pgtailor_model::workload::Query;

use super::{Candidates, Context, Reason, Subject};

/// One reference to a table of the catalog.
#[derive(Clone, Copy, Debug)]
pub(super) struct Site<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) query: &'a Query,
    /// The statement's position in the workload.
    pub(super) position: usize,
    pub(super) table: &'a Table,
    pub(super) shape: &'a Shape,
}

/// An operator class that this database has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// The default one of the type.
    Default,
    /// Another, as a definition names it.
    Named(String),
}

impl Class {
    /// As the key of a definition has it.
    pub(super) fn sql(self) -> Option<String> {
        match self {
            Self::Default => None,
            Self::Named(name) => Some(name),
        }
    }
}

/// The references of `query` for which an index could do something: those to tables of the catalog, less those of which a unique index
/// that exists already finds the one row.
pub(super) fn sites<'a>(context: &'a Context<'a>, query: &'a Query, position: usize) -> impl Iterator<Item = Site<'a>> {
    query.shapes.iter().filter_map(move |shape| {
        let table = context.snapshot.catalog.table_by_oid(shape.table)?;
        let site = Site { context, query, position, table, shape };
        (!site.is_settled()).then_some(site)
    })
}

impl<'a> Site<'a> {
    /// Columns equal to one known thing: they stand in an index in any order, and sorting by them sorts nothing.
    pub(super) fn pinned(&self) -> Vec<&'a str> {
        self.columns(|comparison| matches!(comparison, Comparison::Equal | Comparison::Null))
    }

    /// Columns equal to one of several things, and not pinned: behind them an index has no order any more.
    pub(super) fn listed(&self) -> Vec<&'a str> {
        let pinned = self.pinned();
        let mut listed = self.columns(|comparison| comparison == Comparison::OneOf);
        listed.retain(|column| !pinned.contains(column));
        listed
    }

    /// Pinned and listed ones.
    pub(super) fn equal(&self) -> Vec<&'a str> {
        let mut equal = self.pinned();
        equal.extend(self.listed());
        equal
    }

    /// A key for each column within bounds, with the operator class that a prefix needs.
    pub(super) fn ranged(&self) -> Vec<IndexKey> {
        let equal = self.equal();
        let mut keys: Vec<IndexKey> = Vec::new();
        for predicate in self.served_by_btree(|comparison| matches!(comparison, Comparison::Range | Comparison::Prefix)) {
            let About::Column(column) = &predicate.subject else { continue };
            let Some(class) = self.class(predicate, "btree") else { continue };
            let key = IndexKey { operator_class: class.sql(), ..IndexKey::column(column) };
            if !equal.contains(&column.as_str()) && !keys.contains(&key) {
                keys.push(key);
            }
        }
        keys
    }

    /// Columns equal to something of another table, and to nothing known.
    pub(super) fn joined(&self) -> Vec<&'a str> {
        let equal = self.equal();
        let mut joined = self.columns(|comparison| comparison == Comparison::Join);
        joined.retain(|column| !equal.contains(column));
        joined
    }

    /// All conditions, those in branches of an `OR` included.
    pub(super) fn conditions(&self) -> impl Iterator<Item = &'a Predicate> {
        let branches = self.shape.disjunctions.iter().flat_map(|or| or.branches.iter().flatten());
        self.shape.predicates.iter().chain(branches)
    }

    /// The column of this name.
    pub(super) fn column(&self, name: &str) -> Option<&'a Column> {
        self.table.column(name)
    }

    /// Distinct values of a column; `None` when they are not known.
    pub(super) fn distinct(&self, name: &str) -> Option<f64> {
        Some(self.column(name)?.statistics?.distinct).filter(|distinct| *distinct > 0.0)
    }

    /// What `predicate` is about, as a key of an index of `method` that can be searched for it; `None` when there can be none.
    pub(super) fn key(&self, predicate: &Predicate, method: &str) -> Option<IndexKey> {
        let operator_class = self.class(predicate, method)?.sql();
        Some(IndexKey { part: part(&predicate.subject)?, operator_class, ..IndexKey::column("") })
    }

    /// The operator class that `method` serves `predicate` with; `None` when it does not, or when the class belongs to an extension that
    /// is not there.
    fn class(&self, predicate: &Predicate, method: &str) -> Option<Class> {
        let of_method = predicate.service.methods().filter(|serving| serving.method == method);
        of_method.map(|serving| serving.operator_class.as_deref()).find_map(|class| match class {
            None => Some(Class::Default),
            Some(name) => self.class_named(method, name).map(Class::Named),
        })
    }

    /// An operator class as a definition names it, when this database has it.
    pub(super) fn class_named(&self, method: &str, name: &str) -> Option<String> {
        let classes = &self.context.snapshot.catalog.operator_classes;
        classes.iter().find(|class| class.method == method && class.name == name).map(pgtailor_model::catalog::OperatorClass::sql)
    }

    /// Proposes `definition` to `candidates`, unless it is none: a key twice, a column that is not there, too many keys.
    pub(super) fn add(&self, candidates: &mut Candidates, generator: &'static str, definition: IndexDefinition, because: String) {
        if !self.is_sound(&definition) || self.is_more_than_unique(&definition) {
            return;
        }
        let subject = Subject::Index(CandidateIndex { table: self.table.oid, definition });
        self.add_subject(candidates, generator, subject, because);
    }

    /// Proposes `subject` to `candidates`.
    pub(super) fn add_subject(&self, candidates: &mut Candidates, generator: &'static str, subject: Subject, because: String) {
        let support = candidates.proposed.entry(subject).or_default();
        support.queries.insert(self.position);
        support.reasons.insert(Reason { generator, because });
    }

    fn is_sound(&self, definition: &IndexDefinition) -> bool {
        let is_column = |name: &str| self.column(name).is_some();
        let keys: BTreeSet<&KeyPart> = definition.keys.iter().map(|key| &key.part).collect();
        let keys_exist = keys.iter().all(|part| match part {
            KeyPart::Column(name) => is_column(name) && !definition.include.contains(name),
            KeyPart::Expression(_) => true,
        });
        keys_exist
            && !keys.is_empty()
            && keys.len() == definition.keys.len()
            && keys.len() <= self.context.max_columns
            && definition.include.iter().all(|name| is_column(name))
    }

    /// Whether the first keys are those of a unique index: each row stands alone behind them, so that what follows neither narrows nor sorts.
    fn is_more_than_unique(&self, definition: &IndexDefinition) -> bool {
        let unique = self.table.indexes.iter().filter(|index| index.valid).filter_map(|index| index.definition.as_ref());
        let mut unique =
            unique.filter(|index| index.unique && index.predicate.is_none() && index.keys.len() < definition.keys.len());
        definition.method == "btree"
            && unique.any(|index| {
                let first: Vec<&KeyPart> = definition.keys.iter().take(index.keys.len()).map(|key| &key.part).collect();
                index.keys.iter().all(|key| first.contains(&&key.part))
            })
    }

    /// Whether a unique index finds the one row, or few for a list of values. Nulls are as many as they like (`NULLS DISTINCT`).
    fn is_settled(&self) -> bool {
        let equal = self.columns(|comparison| matches!(comparison, Comparison::Equal | Comparison::OneOf));
        self.table.indexes.iter().filter(|index| index.valid).filter_map(|index| index.definition.as_ref()).any(|definition| {
            let is_equal = |key: &IndexKey| matches!(&key.part, KeyPart::Column(name) if equal.contains(&name.as_str()));
            definition.unique && definition.predicate.is_none() && definition.keys.iter().all(is_equal)
        })
    }

    fn served_by_btree(&self, wanted: impl Fn(Comparison) -> bool) -> impl Iterator<Item = &'a Predicate> {
        self.shape.predicates.iter().filter(move |predicate| wanted(predicate.comparison) && predicate.is_served_by_btree())
    }

    fn columns(&self, wanted: impl Fn(Comparison) -> bool) -> Vec<&'a str> {
        let mut columns = Vec::new();
        for predicate in self.served_by_btree(wanted) {
            if let About::Column(column) = &predicate.subject
                && !columns.contains(&column.as_str())
            {
                columns.push(column.as_str());
            }
        }
        columns
    }

    /// The table's identifier.
    pub(super) fn oid(&self) -> Oid {
        self.table.oid
    }
}

/// The subject as a key; `None` when a constant in it is not known.
pub(super) fn part(subject: &About) -> Option<KeyPart> {
    match subject {
        About::Column(column) => Some(KeyPart::Column(column.clone())),
        About::Expression { sql, .. } if sql.contains('$') => None,
        About::Expression { sql, .. } => Some(KeyPart::Expression(sql.clone())),
    }
}

#[cfg(test)]
mod tests {
    use pgtailor_model::shape::Comparison::{Equal, Join, Null, OneOf};

    use super::super::fixture::Fixture;
    use super::*;

    fn is_looked_at(conditions: &[(&str, Comparison)], change: impl FnOnce(&mut IndexDefinition)) -> bool {
        let mut unique = IndexDefinition { unique: true, ..IndexDefinition::btree(["a", "b"]) };
        change(&mut unique);
        let fixture = Fixture::new().table("t", &["a", "b", "c"]).index("t", unique).asks("t", conditions);
        sites(&fixture.context(), &fixture.workload.queries[0], 0).next().is_some()
    }

    #[test]
    fn who_finds_one_row_by_a_unique_index_needs_no_other() {
        assert!(!is_looked_at(&[("a", Equal), ("b", OneOf), ("c", Equal)], |_| {}));
    }

    #[test]
    fn a_part_of_the_key_a_null_or_a_join_finds_more_than_one() {
        assert!(is_looked_at(&[("a", Equal)], |_| {}));
        assert!(is_looked_at(&[("a", Equal), ("b", Null)], |_| {}));
        assert!(is_looked_at(&[("a", Equal), ("b", Join)], |_| {}));
        assert!(is_looked_at(&[("a", Equal), ("b", Equal)], |unique| unique.predicate = Some("c = 1".to_owned())));
    }
}
