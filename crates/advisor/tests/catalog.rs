//! Every verdict on a declared entry, and what holds for whole catalogs.

mod support;

use pgtailor_advisor::catalog::{Canonical, judge, to_create};
use pgtailor_model::catalog::{Catalog, ConstraintKind, TableKind};
use pgtailor_model::declared::{CatalogPolicy, DeclaredIndex, Verdict};
use pgtailor_model::index::{Direction, IndexDefinition, KeyPart, Nulls};
use support::{catalog, constraint, declared, existing, invalid, table_named, with_index};

fn verdicts(entries: &[DeclaredIndex], catalog: &Catalog) -> Vec<Verdict> {
    judge(entries, catalog, &Canonical::new()).into_iter().map(|judged| judged.verdict).collect()
}

fn verdict(entry: &DeclaredIndex, catalog: &Catalog) -> Verdict {
    verdicts(std::slice::from_ref(entry), catalog).remove(0)
}

fn btree(columns: &[&str]) -> IndexDefinition {
    IndexDefinition::btree(columns.iter().copied())
}

fn unique(columns: &[&str]) -> IndexDefinition {
    IndexDefinition { unique: true, ..btree(columns) }
}

fn reason(verdict: Verdict) -> String {
    let Verdict::Impossible { reason } = verdict else { panic!("{verdict:?}") };
    reason
}

#[test]
fn what_nothing_serves_is_missing() {
    let judged = judge(&[declared("i", &["a", "b"])], &catalog(), &Canonical::new());
    assert_eq!(judged[0].verdict, Verdict::Missing);
    assert_eq!(judged[0].definition, Some(btree(&["a", "b"])));
    assert_eq!(judged[0].table_oid, catalog().table(&judged[0].entry.table).map(|table| table.oid));
}

#[test]
fn an_equal_index_is_present_under_any_name() {
    let catalog = with_index(catalog(), existing("other_name", btree(&["a", "b"])));
    assert_eq!(verdict(&declared("i", &["a", "b"]), &catalog), Verdict::Present { index: "other_name".to_owned() });
    assert_eq!(verdict(&declared("i", &["b", "a"]), &catalog), Verdict::Missing);
}

#[test]
fn spelled_out_defaults_are_the_same_index() {
    let catalog = with_index(catalog(), existing("x", btree(&["a"])));
    let mut entry = declared("i", &["a"]);
    entry.keys[0].operator_class = Some("int4_ops".to_owned());
    entry.keys[0].nulls = Some(Nulls::Last);
    assert_eq!(verdict(&entry, &catalog), Verdict::Present { index: "x".to_owned() });
    entry.keys[0].nulls = Some(Nulls::First);
    assert_eq!(verdict(&entry, &catalog), Verdict::Missing);
    entry.keys[0].nulls = None;
    entry.keys[0].operator_class = Some("text_pattern_ops".to_owned());
    assert_eq!(verdict(&entry, &catalog), Verdict::Missing);
}

#[test]
fn a_descending_key_has_nulls_first_unless_said() {
    let mut entry = declared("i", &["a"]);
    entry.keys[0].direction = Direction::Descending;
    let judged = judge(&[entry], &catalog(), &Canonical::new());
    assert_eq!(judged[0].definition.as_ref().map(|definition| definition.keys[0].nulls), Some(Nulls::First));
}

#[test]
fn an_equal_index_that_is_not_usable_is_present_but_invalid() {
    let broken = with_index(catalog(), invalid(existing("x", btree(&["a"]))));
    assert_eq!(verdict(&declared("i", &["a"]), &broken), Verdict::PresentInvalid { index: "x".to_owned() });
    let both = with_index(broken.clone(), existing("y", btree(&["a"])));
    assert_eq!(verdict(&declared("i", &["a"]), &both), Verdict::Present { index: "y".to_owned() });
    // It serves nothing, so that a prefix of it is not redundant.
    let wide = with_index(catalog(), invalid(existing("x", btree(&["a", "b"]))));
    assert_eq!(verdict(&declared("i", &["a"]), &wide), Verdict::Missing);
}

#[test]
fn an_index_that_is_being_dropped_does_not_count() {
    let mut dropping = existing("x", btree(&["a"]));
    dropping.live = false;
    assert_eq!(verdict(&declared("i", &["a"]), &with_index(catalog(), dropping)), Verdict::Missing);
}

#[test]
fn a_constraint_makes_plain_and_unique_entries_duplicates() {
    let catalog = with_index(catalog(), constraint("t_a_key", ConstraintKind::Unique, unique(&["a"])));
    let duplicate = Verdict::DuplicateOfConstraint {
        constraint: "t_a_key".to_owned(),
        kind: "UNIQUE".to_owned(),
        definition: "(a)".to_owned(),
    };
    assert_eq!(verdict(&declared("i", &["a"]), &catalog), duplicate);
    let entry = DeclaredIndex { unique: true, ..declared("i", &["a"]) };
    assert_eq!(verdict(&entry, &catalog), duplicate);
    assert_eq!(verdict(&declared("i", &["a", "b"]), &catalog), Verdict::Missing);
}

#[test]
fn a_constraint_that_refuses_a_second_null_enforces_more() {
    let strict = IndexDefinition { nulls_not_distinct: true, ..unique(&["a"]) };
    let catalog = with_index(catalog(), constraint("t_a_key", ConstraintKind::Unique, strict));
    let entry = DeclaredIndex { unique: true, ..declared("i", &["a"]) };
    assert_eq!(verdict(&entry, &catalog).name(), "duplicate-of-constraint");
}

#[test]
fn a_prefix_of_a_primary_key_is_a_duplicate_of_it_even_beside_a_wider_index() {
    let catalog = with_index(catalog(), existing("aaa_wide", btree(&["a", "c"])));
    let catalog = with_index(catalog, constraint("t_pkey", ConstraintKind::PrimaryKey, unique(&["a", "b"])));
    assert_eq!(
        verdict(&declared("i", &["a"]), &catalog),
        Verdict::DuplicateOfConstraint {
            constraint: "t_pkey".to_owned(),
            kind: "PRIMARY KEY".to_owned(),
            definition: "(a, b)".to_owned()
        }
    );
}

#[test]
fn an_existing_wider_index_makes_a_prefix_redundant_and_the_narrowest_is_named() {
    let catalog = with_index(catalog(), existing("wider", btree(&["a", "b", "c"])));
    let catalog = with_index(catalog, existing("wide", btree(&["a", "b"])));
    let redundant = Verdict::RedundantBesideIndex { index: "wide".to_owned(), definition: "(a, b)".to_owned() };
    assert_eq!(verdict(&declared("i", &["a"]), &catalog), redundant);
    let entry = DeclaredIndex { unique: true, ..declared("i", &["a"]) };
    assert_eq!(verdict(&entry, &catalog), Verdict::Missing, "a unique entry enforces what a plain index does not");
}

#[test]
fn an_unreadable_index_leaves_the_verdict_open_unless_another_answers() {
    let mut unread = existing("x", btree(&["a"]));
    unread.definition = None;
    let catalog = with_index(catalog(), unread);
    let found = verdicts(&[declared("i", &["a"]), declared("j", &["b"])], &catalog);
    assert!(
        found.iter().all(|verdict| matches!(verdict, Verdict::NotExamined { reason } if reason.contains("`x`"))),
        "{found:?}"
    );
    let answered = with_index(catalog, existing("y", btree(&["a"])));
    assert_eq!(verdict(&declared("i", &["a"]), &answered), Verdict::Present { index: "y".to_owned() });
}

#[test]
fn the_same_definition_twice_is_a_duplicate_of_the_earlier_entry() {
    let found = verdicts(&[declared("i", &["a"]), declared("j", &["a"]), declared("i", &["a"])], &catalog());
    let duplicate = Verdict::DuplicateOfEntry { entry: "i".to_owned() };
    assert_eq!(found, [Verdict::Missing, duplicate.clone(), duplicate]);
}

#[test]
fn a_chain_of_prefixes_points_at_the_widest() {
    let found = verdicts(&[declared("i", &["a"]), declared("k", &["a", "b", "c"]), declared("j", &["a", "b"])], &catalog());
    let redundant = Verdict::RedundantBesideEntry { entry: "k".to_owned(), definition: "(a, b, c)".to_owned() };
    assert_eq!(found, [redundant.clone(), Verdict::Missing, redundant]);
}

#[test]
fn of_two_entries_that_serve_each_other_the_earlier_is_created() {
    let mut reversed = declared("j", &["a"]);
    reversed.keys[0].direction = Direction::Descending;
    let found = verdicts(&[declared("i", &["a"]), reversed.clone()], &catalog());
    assert_eq!(found, [Verdict::Missing, Verdict::RedundantBesideEntry { entry: "i".to_owned(), definition: "(a)".to_owned() }]);
    let found = verdicts(&[reversed, declared("i", &["a"])], &catalog());
    assert_eq!(found[0], Verdict::Missing);
    assert_eq!(found[1].name(), "redundant-beside-entry");
}

#[test]
fn a_wider_entry_that_cannot_be_created_makes_nothing_redundant() {
    let catalog = with_index(catalog(), existing("taken", btree(&["c"])));
    let found = verdicts(&[declared("i", &["a"]), declared("taken", &["a", "b"])], &catalog);
    assert_eq!(found, [Verdict::Missing, Verdict::NameTaken { by: "an index on t (c)".to_owned() }]);
    let found = verdicts(&[declared("taken", &["a"]), declared("i", &["a"])], &catalog);
    assert_eq!(found, [Verdict::DuplicateOfEntry { entry: "i".to_owned() }, Verdict::Missing]);
}

#[test]
fn entries_of_other_tables_are_no_rivals() {
    let mut other = declared("j", &["a", "b"]);
    other.table = table_named("u");
    assert_eq!(verdicts(&[declared("i", &["a"]), other], &catalog()), [Verdict::Missing, Verdict::Missing]);
}

#[test]
fn a_name_is_taken_by_tables_and_by_earlier_entries() {
    let found =
        verdicts(&[declared("t", &["a"]), declared("i", &["b"]), declared("i", &["c"]), declared("seq", &["c"])], &catalog());
    assert_eq!(found[0], Verdict::NameTaken { by: "a table".to_owned() });
    assert_eq!(found[1], Verdict::Missing);
    assert!(matches!(&found[2], Verdict::NameTaken { by } if by.contains("another entry")), "{:?}", found[2]);
    assert_eq!(found[3], Verdict::NameTaken { by: "another relation".to_owned() });
}

#[test]
fn creating_everything_still_leaves_out_names_that_are_taken() {
    // Somebody widened `i` by hand: the entry is redundant beside it, and its name is not free.
    let catalog = with_index(catalog(), existing("i", btree(&["a", "b"])));
    let judged = judge(&[declared("i", &["a"]), declared("j", &["a"]), declared("j", &["a"])], &catalog, &Canonical::new());
    assert!(judged.iter().all(|one| one.verdict.name() == "redundant-beside-index"));
    assert_eq!(to_create(&judged, &catalog, CatalogPolicy::Useful).len(), 0);
    let all: Vec<&str> = to_create(&judged, &catalog, CatalogPolicy::All).iter().map(|one| one.entry.name.as_str()).collect();
    assert_eq!(all, ["j"]);
}

#[test]
fn missing_tables_and_columns_are_named() {
    let mut entry = declared("i", &["a"]);
    entry.table = table_named("nowhere");
    assert_eq!(verdict(&entry, &catalog()), Verdict::NoTable);
    assert_eq!(verdict(&declared("i", &["a", "A"]), &catalog()), Verdict::NoColumn { column: "A".to_owned() });
    let mut entry = declared("i", &["a"]);
    entry.include.push("z".to_owned());
    assert_eq!(verdict(&entry, &catalog()), Verdict::NoColumn { column: "z".to_owned() });
    entry.table = table_named("seq");
    assert!(reason(verdict(&entry, &catalog())).contains("`seq` is not a table"));
}

#[test]
fn what_cannot_be_an_index_says_why() {
    let catalog = catalog();
    let check = |change: &dyn Fn(&mut DeclaredIndex), expected: &str| {
        let mut entry = declared("i", &["a", "b"]);
        change(&mut entry);
        let reason = reason(verdict(&entry, &catalog));
        assert!(reason.contains(expected), "{reason}");
    };
    check(&|entry| entry.name = "n".repeat(64), "64 bytes and PostgreSQL keeps 63");
    check(&|entry| entry.name = "é".repeat(32), "64 bytes");
    check(&|entry| entry.name = String::new(), "no name");
    check(&|entry| entry.keys.clear(), "no columns");
    check(
        &|entry| entry.keys[0].operator_class = Some("jsonb_ops".to_owned()),
        "no operator class `jsonb_ops` for access method `btree`",
    );
    check(&|entry| entry.method = "rum".to_owned(), "no access method `rum`");
    check(&|entry| entry.method = "hash".to_owned(), "`hash` cannot have more than one key");
    check(&|entry| (entry.method, entry.unique) = ("gin".to_owned(), true), "`gin` cannot be unique");
    check(&|entry| (entry.method, entry.include) = ("gin".to_owned(), vec!["c".to_owned()]), "`gin` cannot have `INCLUDE`");
    check(
        &|entry| {
            entry.method = "gin".to_owned();
            entry.keys[0].direction = Direction::Descending;
        },
        "`gin` cannot have an order",
    );
    check(&|entry| entry.keys = declared("", &["a"; 33]).keys, "33 columns");
}

/// Its index is invalid while partitions are without theirs: that is no fault, and what is missing of it is built.
#[test]
fn an_index_on_a_partitioned_table_is_built_and_completed() {
    let entry = DeclaredIndex { table: table_named("parts"), ..declared("i", &["a", "b"]) };
    let mut catalog = catalog();
    assert_eq!(verdict(&entry, &catalog), Verdict::Missing);
    let declared_only = invalid(existing("i", btree(&["a", "b"])));
    catalog.tables[0].indexes.push(declared_only.clone());
    catalog.relation_names.get_mut("public").expect("there are names").push("i".to_owned());
    let judged = judge(std::slice::from_ref(&entry), &catalog, &Canonical::new());
    assert_eq!(judged[0].verdict, Verdict::Missing);
    assert_eq!(to_create(&judged, &catalog, CatalogPolicy::Useful).len(), 1, "its own name does not stand in its way");
    catalog.tables[0].indexes[0].valid = true;
    assert_eq!(verdict(&entry, &catalog), Verdict::Present { index: "i".to_owned() });
    catalog.tables[0].kind = TableKind::Table;
    catalog.tables[0].indexes[0] = declared_only;
    assert_eq!(verdict(&entry, &catalog), Verdict::PresentInvalid { index: "i".to_owned() }, "elsewhere invalid is invalid");
}

#[test]
fn materialized_views_are_indexed_like_tables() {
    let mut catalog = catalog();
    for table in &mut catalog.tables {
        table.kind = TableKind::MaterializedView;
    }
    assert_eq!(verdict(&declared("i", &["a"]), &catalog), Verdict::Missing);
}

#[test]
fn texts_are_compared_as_the_server_writes_them() {
    let mut stored = btree(&["a"]);
    stored.keys[0].part = KeyPart::Expression("lower((name)::text)".to_owned());
    stored.predicate = Some("(b IS NULL)".to_owned());
    let catalog = with_index(catalog(), existing("x", stored));
    let mut entry = declared("i", &["a"]);
    entry.keys[0].part = KeyPart::Expression("LOWER(name)".to_owned());
    entry.predicate = Some("b is null".to_owned());
    assert_eq!(verdict(&entry, &catalog), Verdict::Missing, "only the server knows that they are the same");

    let mut canonical = Canonical::new();
    canonical.insert(table_named("t"), "LOWER(name)", "lower(name)");
    canonical.insert(table_named("t"), "lower((name)::text)", "lower(name)");
    canonical.insert(table_named("t"), "b is null", "(b IS NULL)");
    let judged = judge(std::slice::from_ref(&entry), &catalog, &canonical);
    assert_eq!(judged[0].verdict, Verdict::Present { index: "x".to_owned() });

    canonical.refuse(table_named("t"), "b is null", "column \"b\" must be examined");
    let judged = judge(&[entry], &catalog, &canonical);
    assert!(reason(judged[0].verdict.clone()).contains("must be examined"));
}

#[test]
fn an_expression_that_is_only_a_column_is_the_column() {
    let catalog = with_index(catalog(), existing("x", btree(&["a"])));
    let mut entry = declared("i", &["b"]);
    entry.keys[0].part = KeyPart::Expression("a".to_owned());
    assert_eq!(verdict(&entry, &catalog), Verdict::Present { index: "x".to_owned() });
}
