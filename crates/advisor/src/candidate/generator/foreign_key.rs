//! Foreign keys: deleting or changing a referenced row looks for the rows that refer to it, each time, whatever indexes there are.
//!
//! Proposed only where the workload does that, or joins by the key; the planner is not asked about the look-ups of a trigger, so such a
//! proposal rests on its reason.

use pgtailor_model::index::IndexDefinition;
use pgtailor_model::planner::SchemaObjectKind;
use pgtailor_model::shape::WriteKind;
use pgtailor_model::workload::Query;

use super::super::constraint::ForeignKey as Key;
use super::super::site::{Site, sites};
use super::super::{Candidates, Context, Generator, text};

pub(super) struct ForeignKey;

impl Generator for ForeignKey {
    fn name(&self) -> &'static str {
        "foreign-key"
    }

    fn propose(&self, context: &Context<'_>, query: &Query, position: usize, candidates: &mut Candidates) {
        let objects = context.snapshot.planner.iter().flat_map(|planner| &planner.schema);
        let keys = || objects.clone().filter(|object| object.kind == SchemaObjectKind::ForeignKey).filter_map(Key::read);
        for site in sites(context, query, position).filter(|site| !site.joined().is_empty()) {
            let joined = site.joined();
            for key in
                keys().filter(|key| key.table == site.oid() && key.columns.iter().all(|one| joined.contains(&one.as_str())))
            {
                let because = format!("it is joined by its foreign key {}", text::names(&key.columns));
                site.add(candidates, self.name(), IndexDefinition::btree(key.columns), because);
            }
        }
        // A row that a unique index finds is deleted all the same: so every shape counts here.
        for shape in &query.shapes {
            let Some(write) = &shape.write else { continue };
            for key in keys().filter(|key| key.referenced == shape.table) {
                let verb = match write.kind {
                    WriteKind::Delete | WriteKind::Merge => "deletes",
                    WriteKind::Update | WriteKind::Upsert if key.is_changed_by(&write.columns) => "changes",
                    _ => continue,
                };
                let tables = &context.snapshot.catalog;
                let (Some(table), Some(referenced)) = (tables.table_by_oid(key.table), tables.table_by_oid(shape.table)) else {
                    continue;
                };
                let columns = text::names(&key.columns);
                let because = format!("it {verb} rows of {} to which {columns} refers", referenced.name);
                let site = Site { context, query, position, table, shape };
                site.add(candidates, self.name(), IndexDefinition::btree(key.columns), because);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use pgtailor_model::planner::SchemaObject;
    use pgtailor_model::shape::{Comparison, Write};

    use super::super::super::fixture::Fixture;
    use super::*;

    fn fixture(definition: &str) -> Fixture {
        let mut fixture = Fixture::new().table("child", &["parent", "line", "x"]).table("parent", &["id", "n", "name"]);
        let (table, referenced) = (fixture.oid("child"), fixture.oid("parent"));
        let mut object = SchemaObject::new(SchemaObjectKind::ForeignKey, "child_fkey", definition);
        object.table = Some(table);
        object.needs = vec![referenced];
        fixture.planner().schema.push(object);
        fixture
    }

    const TWO: &str =
        "ALTER TABLE public.child ADD CONSTRAINT c FOREIGN KEY (parent, line) REFERENCES public.parent(id, n) ON DELETE CASCADE";

    fn writes(kind: WriteKind, columns: &[&str]) -> Vec<String> {
        let columns = columns.iter().map(|column| (*column).to_owned()).collect();
        let write = Some(Write { kind, columns });
        fixture(TWO).asks_with("parent", &[("id", Comparison::Equal)], |shape| shape.write = write).by(&ForeignKey)
    }

    #[test]
    fn deleting_what_is_referred_to_looks_for_all_columns_of_the_key() {
        assert_eq!(writes(WriteKind::Delete, &["id", "n", "name"]), ["(parent, line)"]);
    }

    #[test]
    fn an_update_looks_only_when_it_changes_the_key() {
        assert_eq!(writes(WriteKind::Update, &["n"]), ["(parent, line)"]);
        assert_eq!(writes(WriteKind::Update, &["name"]), Vec::<String>::new());
    }

    #[test]
    fn a_join_by_the_whole_key_counts_and_by_a_part_does_not() {
        let both = fixture(TWO).asks("child", &[("line", Comparison::Join), ("parent", Comparison::Join)]);
        assert_eq!(both.by(&ForeignKey), ["(parent, line)"]);
        let part = fixture(TWO).asks("child", &[("line", Comparison::Join)]);
        assert_eq!(part.by(&ForeignKey), Vec::<String>::new());
    }
}
