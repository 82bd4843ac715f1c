//! Analysis leaves no trace.

use pgtailor_testkit::program::Program;
use pgtailor_testkit::server::Server;
use pgtailor_testkit::shop;

const PGTAILOR: &str = env!("CARGO_BIN_EXE_pgtailor");

#[test]
fn analysis_sends_only_reads_and_changes_nothing() {
    let server = Server::with_settings(&[("log_statement", "all"), ("log_line_prefix", "<%a> ")]);
    let url = shop::create(&server, "shop");
    let folder = tempfile::tempdir().expect("a folder");
    let catalog = folder.path().join("indexes.toml");
    std::fs::write(&catalog, shop::CATALOG).expect("written");
    let catalog = catalog.to_str().expect("UTF-8");
    let snapshot = folder.path().join("snapshot");
    let before = (server.dump_all("shop"), counters(&server));
    let pgtailor = Program::new(PGTAILOR).on(&url);
    pgtailor.run(&["check"]);
    pgtailor.run(&["optimize", "--analyze-only", "--catalog", catalog]);
    pgtailor.run(&["optimize", "--dry-run", "--catalog", catalog]).expect_code(0);
    pgtailor.run(&["capture", "-o", snapshot.to_str().expect("UTF-8")]).expect_code(0);
    pgtailor.run(&["history"]).expect_code(0);
    pgtailor.run(&["doctor"]).expect_code(0);
    assert_eq!((server.dump_all("shop"), counters(&server)), before);

    let seen = assert_only_reads(&server.log());
    assert!(seen > 20, "the log shows what was sent: {seen}");
}

/// A run that finds nothing to do writes nothing, not even to the ledger.
#[test]
fn a_second_apply_sends_only_reads() {
    let server = Server::with_settings(&[("log_statement", "all"), ("log_line_prefix", "<%a> ")]);
    let url = shop::create(&server, "shop");
    let folder = tempfile::tempdir().expect("a folder");
    let catalog = folder.path().join("indexes.toml");
    std::fs::write(&catalog, shop::CATALOG).expect("written");
    let pgtailor = Program::new(PGTAILOR).on(&url);
    let arguments = ["optimize", "--yes", "--catalog", catalog.to_str().expect("UTF-8")];
    pgtailor.run(&arguments).expect_code(0);
    let until_now = server.log().len();
    pgtailor.run(&arguments).expect_code(0);
    let seen = assert_only_reads(&server.log()[until_now..]);
    assert!(seen > 20, "the log shows what was sent: {seen}");
}

/// Fails when our sessions sent anything but reads; how many statements they sent.
fn assert_only_reads(log: &str) -> usize {
    let mut seen = 0;
    for entry in entries(log).iter().filter(|entry| entry.starts_with("<pgtailor")) {
        let Some((_, said)) = entry.split_once("LOG:  ") else { continue };
        // `statement: …` is the simple protocol, `execute <unnamed>: …` the extended one; the rest is about connections.
        let Some((kind, text)) = said.split_once(": ") else { continue };
        if kind != "statement" && !kind.starts_with("execute ") {
            continue;
        }
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            let first = part.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default().to_ascii_uppercase();
            let is_read = matches!(
                first.as_str(),
                "SELECT"
                    | "WITH"
                    | "SHOW"
                    | "SET"
                    | "RESET"
                    | "BEGIN"
                    | "START"
                    | "COMMIT"
                    | "ROLLBACK"
                    | "SAVEPOINT"
                    | "RELEASE"
                    | "EXPLAIN"
            );
            assert!(is_read, "{entry}");
            seen += 1;
        }
    }
    seen
}

/// The log's entries, each on one line, without the comments of SQL files: only the first line of an entry carries the prefix.
fn entries(log: &str) -> Vec<String> {
    let mut entries: Vec<String> = Vec::new();
    for line in log.lines() {
        let line = line.split("-- ").next().unwrap_or_default();
        // An empty comment.
        let line = line.trim_end().strip_suffix("--").unwrap_or(line);
        match entries.last_mut() {
            Some(entry) if !line.starts_with('<') => {
                entry.push(' ');
                entry.push_str(line);
            }
            _ => entries.push(line.to_owned()),
        }
    }
    entries
}

/// What maintenance would change.
fn counters(server: &Server) -> String {
    server.sql(
        "shop",
        "SELECT relname, last_analyze, last_vacuum, n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_user_tables ORDER BY 1",
    )
}
