//! L: names and definitions as attack or accident.

use crate::place::{Place, entry, index_a, printed};

/// As TOML writes a string.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a string is JSON, and JSON's escapes are TOML's")
}

const HOSTILE: &[(&str, &str)] = &[
    ("Tab.le \"q; drop table big;--", "Col A"),
    ("select", "where"),
    ("日本語", "列"),
    ("a'b", "c'd"),
    (" ", " "),
    ("line\nbreak", "tab\there"),
    ("$1 $$ \\", "%s %I"),
    ("a.b", "c.d"),
];

/// Built, found again, and taken back, whatever they are called.
#[test]
fn f106_f107_hostile_names_are_quoted() {
    let mut place = Place::new("f106");
    place.sql("CREATE SCHEMA \"We ird.Sch\"\"ema\"");
    let mut entries = Vec::new();
    for (position, (table, column)) in HOSTILE.iter().enumerate() {
        let (table_sql, column_sql) = (table.replace('"', "\"\""), column.replace('"', "\"\""));
        place.sql(&format!("CREATE TABLE \"We ird.Sch\"\"ema\".\"{table_sql}\" (\"{column_sql}\" int)"));
        let name = format!("i{position} {table}");
        entries.push(format!(
            "[[index]]\nname = {}\nschema = {}\ntable = {}\ncolumns = [{}]\n",
            quoted(&name),
            quoted("We ird.Sch\"ema"),
            quoted(table),
            quoted(column)
        ));
    }
    place.begin();
    let before = place.server.dump("f106");
    place.run(&place.building(&entries)).expect_code(0);
    let built = "SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = indexrelid JOIN pg_namespace n ON n.oid = relnamespace \
                 WHERE nspname = 'We ird.Sch\"ema' AND indisvalid";
    assert_eq!(place.sql(built), HOSTILE.len().to_string());
    place.run(&place.building(&entries)).expect_code(0);
    place.run(&["undo", "--all", "--yes"]).expect_code(0);
    assert_eq!(place.server.dump("f106"), before);
    place.holds();
}

/// A name with an escape sequence or a line's end must not write to the terminal, nor make a line of its own.
#[test]
fn f108_one_line_stays_one_line() {
    let mut place = Place::new("f108");
    let evil = "evil\u{1b}[2Jindex\nFAKE LINE\u{202e}";
    place.sql(&format!("CREATE TABLE \"{evil}\" (a int)"));
    place.begin();
    let declared = format!("[[index]]\nname = {0}\ntable = {0}\ncolumns = [\"a\"]\n", quoted(evil).replace("\\u001b", "\\u001B"));
    let declared = declared.replace(&quoted(evil), &quoted(&format!("i{evil}")));
    let catalog = declared.replacen(&format!("table = {}", quoted(&format!("i{evil}"))), &format!("table = {}", quoted(evil)), 1);
    let path = place.catalog(&[catalog]);
    let runs = [
        place.run(&["optimize", "--dry-run", "--catalog", &path]),
        place.run(&["optimize", "--yes", "--catalog", &path]),
        place.run(&["check"]),
        place.run(&["history"]),
        place.run(&["undo", "--all", "--yes"]),
    ];
    let mut seen = 0;
    for run in &runs {
        for text in [&run.out, &run.err] {
            assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text:?}");
            assert!(!text.lines().any(|line| line.trim_start().starts_with("FAKE LINE")), "{text}");
            seen += text.matches("evil").count();
        }
    }
    assert!(seen > 3, "the name is shown, escaped");
    place.holds();
}

/// Functions and operators of somebody else, in the way of unqualified names, are not called with our rights.
#[test]
fn f109_shadowing_functions_are_not_called() {
    let mut place = Place::new("f109");
    place.sql(
        "CREATE TABLE called (what text); GRANT INSERT ON called TO PUBLIC; SET ROLE mallory; \
         CREATE FUNCTION public.trap(what text) RETURNS void LANGUAGE sql AS $$ INSERT INTO called VALUES (what) $$; \
         CREATE FUNCTION public.quote_ident(varchar) RETURNS text LANGUAGE sql AS $$ SELECT public.trap('quote_ident'); SELECT 'x' $$; \
         CREATE FUNCTION public.format(text, text) RETURNS text LANGUAGE sql AS $$ SELECT public.trap('format'); SELECT 'x' $$; \
         CREATE FUNCTION public.pg_get_indexdef(int) RETURNS text LANGUAGE sql AS $$ SELECT public.trap('indexdef'); SELECT 'x' $$; \
         CREATE FUNCTION public.name_is(name, varchar) RETURNS boolean LANGUAGE sql AS $$ SELECT public.trap('operator'); SELECT true $$; \
         CREATE OPERATOR public.= (LEFTARG = name, RIGHTARG = varchar, FUNCTION = public.name_is); \
         CREATE FUNCTION public.count_is(bigint, int) RETURNS boolean LANGUAGE sql AS $$ SELECT public.trap('bigint'); SELECT true $$; \
         CREATE OPERATOR public.> (LEFTARG = bigint, RIGHTARG = int, FUNCTION = public.count_is); \
         CREATE VIEW public.pg_class AS SELECT * FROM pg_catalog.pg_class WHERE public.trap('view') IS NULL",
    );
    place.begin();
    let snapshot = place.path("snapshot");
    place.run(&["check"]);
    place.run(&["doctor"]);
    place.run(&["capture", "-o", snapshot.to_str().expect("UTF-8")]).expect_code(0);
    place.build_a();
    place.run(&["history"]).expect_code(0);
    place.run(&["undo", "--all", "--yes"]).expect_code(0);
    assert_eq!(place.sql("SELECT count(*) FROM called"), "0");
    place.holds();
}

/// The same index reads differently under other settings; what undo makes again must not depend on them.
#[test]
fn f110_definitions_are_read_under_pinned_settings() {
    let mut place = Place::new("f110");
    for setting in
        ["DateStyle = 'German, DMY'", "TimeZone = 'America/New_York'", "search_path = 's1, public'", "quote_all_identifiers = on"]
    {
        let setting = setting.replace("'s1, public'", "s1, public");
        place.sql(&format!("ALTER DATABASE f110 SET {setting}"));
    }
    place.sql("CREATE SCHEMA s1; CREATE FUNCTION s1.f(int) RETURNS int IMMUTABLE LANGUAGE sql AS $$ SELECT $1 $$");
    let declared =
        entry("idx_dated", "big", r#"[{ expression = "s1.f(a)" }]"#) + "predicate = \"c > '2024-01-02 03:04:05+00'\"\n";
    place.begin();
    place.run(&place.building(&[declared])).expect_code(0);
    let before = place.server.dump("f110");
    let entry = place.sql("SELECT id FROM pgtailor.change WHERE state = 'applied' ORDER BY id LIMIT 1");
    place.run(&["undo", &entry, "--yes"]).expect_code(0);
    assert_eq!(place.sql("SELECT to_regclass('public.idx_dated') IS NULL"), "t");
    let drop = place.sql("SELECT max(id) FROM pgtailor.change WHERE change ->> 'change' = 'drop-index'");
    place.run(&["undo", &drop, "--yes"]).expect_code(0);
    assert_eq!(place.server.dump("f110"), before, "and taken back twice it is what it was");
    place.holds();
}

/// An index of ours that was renamed is found by its identity, and by its new name in what is printed.
#[test]
fn a_renamed_index_of_ours_is_taken_back() {
    let mut place = Place::new("renamed");
    place.run(&place.building(&[index_a()])).expect_code(0);
    place.sql("ALTER INDEX idx_a RENAME TO \"another name\"");
    let run = place.run(&["undo", "--all", "--yes"]).expect_code(0);
    assert!(printed(&run).contains("applied") || printed(&run).contains("done"), "{}", run.out);
    assert_eq!(place.indexes_of("big"), "big_pkey 111\nbystander 111");
    place.holds();
}
