//! The workload of the built-in blueprint: every statement is understood, with all of its parameters.

mod common;
#[path = "schema/mod.rs"]
mod schema;
#[path = "script/mod.rs"]
mod script;

use common::recorded;
use pgtailor_model::binding::Role;
use schema::Schema;

#[test]
fn every_statement_has_shapes_and_roles() {
    let mut schema = Schema::default();
    for statement in script::statements(include_str!("../../../blueprints/dreflowpro/schema.sql")) {
        let parsed = pg_query::parse(&statement, 0).expect("valid SQL").protobuf.stmts.remove(0);
        schema.apply(&parsed.stmt.and_then(|statement| statement.node).expect("a statement"));
    }
    let (catalog, search_path) = schema.catalog();
    let workload: toml::Table =
        include_str!("../../../blueprints/dreflowpro/workload.toml").parse().expect("the workload is TOML");
    let statements = workload["statement"].as_array().expect("statements");
    assert_eq!(statements.len(), 82);
    // Only units (`date_trunc('day', …)`) have nothing to do with a column.
    let mut n_units = 0;
    for statement in statements {
        let sql = statement["sql"].as_str().expect("a text");
        let understood = pgtailor_sql::understand(&[recorded(sql, 1, 1.0)], &catalog, &search_path);
        if sql.trim() == "SELECT 1" {
            assert_eq!(understood.skipped[0].reason, "it reads no table of this database");
            continue;
        }
        assert!(understood.skipped.is_empty(), "{sql}\n{:?}", understood.skipped);
        let query = &understood.queries[0];
        assert!(!query.shapes.is_empty(), "{sql}");
        n_units += query.parameters.iter().filter(|parameter| parameter.role == Role::Free).count();
    }
    assert_eq!(n_units, 3, "parameters without a role");
}
