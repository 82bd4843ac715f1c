//! The doctor on a real server: each thing that a role lacks is named with the statement that cures it, and the statement does.

use std::collections::BTreeMap;

use pgtailor_lab::{Lab, LabOptions};
use pgtailor_model::diagnosis::{Diagnosis, Status};
use pgtailor_postgres::capture::{CaptureOptions, PlannerOptions, capture};
use pgtailor_postgres::connect::{ConnectionInput, Database};
use pgtailor_postgres::doctor::{Role, examine, least_privilege};
use pgtailor_postgres::session::ReadOnlySession;
use tokio_postgres::{Client, NoTls};

fn database(text: &str) -> Database {
    let input =
        ConnectionInput { database: Some(text.to_owned()), environment: BTreeMap::new(), home: None, local_user: "x".to_owned() };
    Database::resolve(&input).expect("a valid connection string")
}

async fn admin(lab: &Lab, database: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(&lab.url(database), NoTls).await.expect("connected");
    tokio::spawn(connection);
    client
}

fn as_role(lab: &Lab, role: &str) -> Database {
    database(&format!("postgresql://{role}:secret@{}:{}/shop", lab.host(), lab.port()))
}

fn status(diagnosis: &Diagnosis, name: &str) -> Status {
    diagnosis.check(name).unwrap_or_else(|| panic!("no check {name}")).status
}

/// Runs every remedy that is a statement, as the administrator.
async fn cure(admin: &Client, diagnosis: &Diagnosis, names: &[&str]) {
    for name in names {
        let check = diagnosis.check(name).unwrap_or_else(|| panic!("no check {name}"));
        let remedy = check.remedy.as_deref().unwrap_or_else(|| panic!("no remedy of {check:?}"));
        admin.batch_execute(remedy).await.unwrap_or_else(|error| panic!("{remedy}: {error:?}"));
    }
}

async fn shop(options: &LabOptions) -> (Lab, Client) {
    let lab = Lab::start(options).expect("a local PostgreSQL server can be started");
    admin(&lab, "postgres").await.batch_execute("CREATE DATABASE shop").await.expect("created");
    let client = admin(&lab, "shop").await;
    client
        .batch_execute(
            "CREATE ROLE \"The Owner\"; CREATE ROLE other_owner; CREATE ROLE app LOGIN PASSWORD 'secret';
             CREATE SCHEMA \"My Schema\" AUTHORIZATION \"The Owner\";
             CREATE TABLE \"My Schema\".a (id int PRIMARY KEY); ALTER TABLE \"My Schema\".a OWNER TO \"The Owner\";
             CREATE TABLE public.b (id int); ALTER TABLE public.b OWNER TO other_owner;
             REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        )
        .await
        .expect("set up");
    (lab, client)
}

#[tokio::test]
async fn each_missing_right_is_cured_by_its_remedy() {
    let (lab, admin) = shop(&LabOptions::new()).await;
    let before = examine(&as_role(&lab, "app")).await.expect("examined");
    for (name, expected) in [
        ("connection", Status::Ok),
        ("server-version", Status::Ok),
        ("primary", Status::Ok),
        ("direct-connection", Status::Ok),
        ("role", Status::Ok),
        ("ledger", Status::Missing),
        ("table-ownership", Status::Missing),
        ("schema-create", Status::Missing),
        ("table-statistics", Status::Limited),
        ("monitoring", Status::Limited),
        ("invalid-indexes", Status::Ok),
        ("event-triggers", Status::Ok),
    ] {
        assert_eq!(status(&before, name), expected, "{:?}", before.check(name));
    }
    assert!(!format!("{before:?}").contains("secret"));

    cure(&admin, &before, &["ledger", "table-ownership", "schema-create", "monitoring"]).await;
    let after = examine(&as_role(&lab, "app")).await.expect("examined");
    for name in ["ledger", "table-ownership", "schema-create", "monitoring", "table-statistics"] {
        assert_eq!(status(&after, name), Status::Ok, "{:?}", after.check(name));
    }
}

#[tokio::test]
async fn the_right_to_read_is_granted_schema_by_schema() {
    let (lab, admin) = shop(&LabOptions::new()).await;
    let before = examine(&as_role(&lab, "app")).await.expect("examined");
    assert!(before.check("table-statistics").expect("there").sentence.contains("0 of 2"));
    cure(&admin, &before, &["table-statistics"]).await;
    let after = examine(&as_role(&lab, "app")).await.expect("examined");
    assert_eq!(status(&after, "table-statistics"), Status::Ok);
    assert_eq!(status(&after, "table-ownership"), Status::Missing);
}

#[tokio::test]
async fn what_stands_in_the_way_of_changes_is_named() {
    let (lab, admin) = shop(&LabOptions::new()).await;
    admin
        .batch_execute(
            "ALTER ROLE app SET statement_timeout = '300ms'; ALTER DATABASE shop SET lock_timeout = '7s';
             CREATE TABLE t (a int); INSERT INTO t VALUES (1), (1);
             CREATE FUNCTION veto() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
             CREATE EVENT TRIGGER \"On DDL\" ON ddl_command_end WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION veto();
             CREATE SCHEMA pgtailor",
        )
        .await
        .expect("set up");
    admin.batch_execute("CREATE UNIQUE INDEX CONCURRENTLY \"Broken One\" ON t (a)").await.expect_err("not unique");

    let diagnosis = examine(&as_role(&lab, "app")).await.expect("examined in spite of a statement_timeout of 300 ms");
    let defaults = diagnosis.check("session-defaults").expect("there");
    assert!(defaults.sentence.contains("statement_timeout=300ms (role)"), "{defaults:?}");
    assert!(defaults.sentence.contains("lock_timeout=7s (database)"), "{defaults:?}");
    assert!(diagnosis.check("event-triggers").expect("there").sentence.contains("\"On DDL\""));
    let invalid = diagnosis.check("invalid-indexes").expect("there");
    assert_eq!(invalid.remedy.as_deref(), Some("REINDEX INDEX CONCURRENTLY public.\"Broken One\";"));
    assert!(diagnosis.check("ledger").expect("there").sentence.contains("is not pgtailor's ledger"));

    let as_superuser = examine(&database(&lab.url("shop"))).await.expect("examined");
    assert_eq!(status(&as_superuser, "role"), Status::Limited);

    admin.batch_execute("DELETE FROM t WHERE ctid = (SELECT min(ctid) FROM t)").await.expect("deleted");
    cure(&admin, &diagnosis, &["invalid-indexes"]).await;
    let after = examine(&as_role(&lab, "app")).await.expect("examined");
    assert_eq!(status(&after, "invalid-indexes"), Status::Ok);
}

#[tokio::test]
async fn every_reason_for_no_workload_has_its_own_cure() {
    let preloaded = LabOptions::new().with_setting("shared_preload_libraries", "pg_stat_statements");
    let (lab, admin) = shop(&preloaded).await;
    let app = as_role(&lab, "app");
    let name = "pg-stat-statements";
    let look = async |words: &str, expected: Status| {
        let diagnosis = examine(&app).await.expect("examined");
        let check = diagnosis.check(name).expect("there");
        assert_eq!(check.status, expected, "{check:?}");
        assert!(format!("{} {:?}", check.sentence, check.remedy).contains(words), "{words}: {check:?}");
        diagnosis
    };

    let diagnosis = look("not installed in this database", Status::Missing).await;
    cure(&admin, &diagnosis, &[name]).await;
    let diagnosis = look("are hidden from the role", Status::Limited).await;
    cure(&admin, &diagnosis, &[name]).await;
    look("counts", Status::Ok).await;

    admin.batch_execute("CREATE SCHEMA \"Mon\"; ALTER EXTENSION pg_stat_statements SET SCHEMA \"Mon\"").await.expect("moved");
    let diagnosis = look("GRANT USAGE ON SCHEMA \\\"Mon\\\" TO app;", Status::Missing).await;
    cure(&admin, &diagnosis, &[name]).await;
    look("in schema \"Mon\"", Status::Ok).await;

    admin.batch_execute("REVOKE SELECT ON \"Mon\".pg_stat_statements FROM PUBLIC, pg_read_all_stats").await.expect("revoked");
    let diagnosis = look("may not read pg_stat_statements", Status::Missing).await;
    cure(&admin, &diagnosis, &[name]).await;

    admin.batch_execute("ALTER DATABASE shop SET compute_query_id = off").await.expect("set");
    look("compute_query_id is off", Status::Missing).await;
    admin.batch_execute("ALTER DATABASE shop RESET compute_query_id").await.expect("reset");
    look("counts", Status::Ok).await;

    admin
        .batch_execute("DROP EXTENSION pg_stat_statements; CREATE EXTENSION pg_stat_statements VERSION '1.4'")
        .await
        .expect("old");
    let diagnosis = look("of version 1.4", Status::Limited).await;
    cure(&admin, &diagnosis, &[name]).await;
    look("counts", Status::Ok).await;
}

#[tokio::test]
async fn an_extension_that_is_not_loaded_is_told_apart() {
    let (lab, admin) = shop(&LabOptions::new()).await;
    admin.batch_execute("CREATE EXTENSION pg_stat_statements").await.expect("created");
    let diagnosis = examine(&database(&lab.url("shop"))).await.expect("examined");
    let check = diagnosis.check("pg-stat-statements").expect("there");
    assert!(check.sentence.contains("not loaded"), "{check:?}");
    assert!(check.remedy.as_deref().expect("a remedy").contains("shared_preload_libraries"), "{check:?}");
}

#[tokio::test]
async fn the_scripts_make_roles_that_suffice() {
    let (lab, admin) = shop(&LabOptions::new()).await;
    for (role, name) in [(Role::Read, "pgtailor_read"), (Role::Apply, "pgtailor_apply")] {
        let script = least_privilege(&database(&lab.url("shop")), role, &["jit", "work_mem"]).await.expect("a script");
        let statements: String = script.lines().filter(|line| !line.starts_with('\\')).collect::<Vec<_>>().join("\n");
        admin.batch_execute(&statements).await.unwrap_or_else(|error| panic!("{statements}\n{error:?}"));
        admin.batch_execute(&format!("ALTER ROLE {name} PASSWORD 'secret'")).await.expect("a password");
        let diagnosis = examine(&as_role(&lab, name)).await.expect("examined");
        let expected = if role == Role::Apply { Status::Ok } else { Status::Missing };
        for check in ["ledger", "table-ownership", "schema-create"] {
            assert_eq!(status(&diagnosis, check), expected, "{:?}", diagnosis.check(check));
        }
        for check in ["role", "table-statistics", "monitoring"] {
            assert_eq!(status(&diagnosis, check), Status::Ok, "{:?}", diagnosis.check(check));
        }
        if role == Role::Read {
            let mut session = ReadOnlySession::connect(&as_role(&lab, name)).await.expect("connected");
            let options = CaptureOptions { planner: Some(PlannerOptions::default()), ..CaptureOptions::default() };
            let inputs = capture(&mut session, &options).await.expect("captured").planner.expect("it was asked for");
            let lacks = |object: &str| inputs.inexact.iter().any(|inexact| inexact.object == object);
            assert!(!lacks("column statistics") && !lacks("extended statistics"), "{:?}", inputs.inexact);
        }
    }
}
