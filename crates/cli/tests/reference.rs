//! The reference blueprint's schema, with its own catalog: what the report names, what is built, what undo takes back.

use std::path::Path;

use pgtailor_testkit::program::Program;
use pgtailor_testkit::server::Server;
use serde_json::Value;

const PGTAILOR: &str = env!("CARGO_BIN_EXE_pgtailor");

fn create(server: &Server) -> String {
    let url = server.create_database("etl");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../blueprints/dreflowpro");
    for file in ["schema.sql", "constraints.sql"] {
        let ran = server.run_file("etl", &folder.join(file));
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    }
    url
}

/// The entries with `verdict` and what they are beside, from the catalog part of a JSON report.
fn with_verdict<'a>(catalog: &'a Value, verdict: &str) -> Vec<&'a Value> {
    let entries = catalog["entries"].as_array().expect("entries");
    entries.iter().filter(|entry| entry["verdict"] == verdict).collect()
}

#[test]
fn the_catalog_report_names_what_is_redundant_and_the_rest_is_built_and_taken_back() {
    let server = Server::start();
    let url = create(&server);
    let before = server.dump("etl");
    let pgtailor = Program::new(PGTAILOR).on(&url);
    let dry = pgtailor.run(&["optimize", "--dry-run", "--catalog", "dreflowpro", "--format", "json"]).expect_code(0);
    let report: Value = serde_json::from_str(&dry.out).expect("JSON");
    let catalog = &report["catalog"];
    assert_eq!(catalog["entries"].as_array().map(Vec::len), Some(70), "{report:#}");

    let constraints: Vec<&str> =
        with_verdict(catalog, "duplicate-of-constraint").iter().filter_map(|entry| entry["name"].as_str()).collect();
    assert_eq!(constraints, ["idx_organizations_domain", "idx_api_keys_key_hash"]);
    let prefixes = with_verdict(catalog, "redundant-beside-entry");
    for (prefix, wider) in [
        ("ix_users_organization_id", "idx_users_organization_role"),
        ("ix_social_accounts_user_id", "idx_social_accounts_user_provider"),
        ("ix_pipeline_executions_status", "idx_pipeline_executions_status_started"),
        ("ix_etl_pipelines_is_scheduled", "idx_etl_pipelines_scheduled"),
    ] {
        let named = prefixes.iter().any(|entry| entry["name"] == prefix && entry.to_string().contains(wider));
        assert!(named, "{prefix} is redundant beside {wider}: {prefixes:#?}");
    }
    let missing = with_verdict(catalog, "missing").len();
    assert_eq!(server.dump_all("etl"), before, "a dry run changes nothing");

    pgtailor.run(&["optimize", "--yes", "--catalog", "dreflowpro"]).expect_code(0);
    let made = server.sql("etl", "SELECT count(*) FROM pg_indexes WHERE indexname LIKE 'ix\\_%' OR indexname LIKE 'idx\\_%'");
    assert_eq!(made, missing.to_string(), "every missing entry, and no other");
    assert_eq!(server.invalid_indexes("etl"), "");
    let again = pgtailor.run(&["optimize", "--yes", "--catalog", "dreflowpro"]).expect_code(0);
    assert!(format!("{}{}", again.out, again.err).contains("othing to do"), "{}\n{}", again.out, again.err);
    pgtailor.run(&["undo", "--all", "--yes"]).expect_code(0);
    assert_eq!(server.dump("etl"), before);
}

#[test]
fn the_demonstration_runs_and_leaves_nothing_running() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = folder.path().join("demo.html");
    let labs = || {
        let entries = std::fs::read_dir(std::env::temp_dir()).expect("the temporary folder");
        entries.filter_map(Result::ok).filter(|entry| entry.file_name().to_string_lossy().starts_with("pgtailor-lab-")).count()
    };
    let before = labs();
    let run = Program::new(PGTAILOR)
        .run(&["demo", "--scale", "0.01", "--seconds", "2", "--format", "json", "--report", page.to_str().expect("UTF-8")])
        .expect_code(0);
    let report: Value = serde_json::from_str(&run.out).expect("JSON");
    let categories = report["measurement"]["categories"].as_array().or(report["categories"].as_array()).expect("categories");
    assert_eq!(categories.len(), 7, "{report:#}");
    for category in categories {
        assert!(category["after"]["executions"].as_u64().is_some_and(|count| count > 0), "{category:#}");
    }
    let page = std::fs::read_to_string(page).expect("the page");
    assert!(page.contains("<svg") && !page.contains("src=\"http") && !page.contains("href=\"http"), "self-contained");
    assert!(labs() <= before, "no lab is left");
}

#[test]
fn an_interrupted_demonstration_leaves_nothing() {
    let running = Program::new(PGTAILOR).start(&["demo", "--scale", "0.05", "--seconds", "60", "--report", "/dev/null"]);
    let owner = running.id();
    let mine = || {
        let entries = std::fs::read_dir(std::env::temp_dir()).expect("the temporary folder");
        let name = format!("pgtailor-lab-{owner}-");
        entries.filter_map(Result::ok).filter(|entry| entry.file_name().to_string_lossy().starts_with(&name)).count()
    };
    pgtailor_testkit::wait_until("the server's folder is there", || mine() > 0);
    running.signal("INT");
    let run = running.ended();
    assert_eq!(run.code, Some(2), "{}\n{}", run.out, run.err);
    pgtailor_testkit::wait_until("the server's folder is gone", || mine() == 0);
}
