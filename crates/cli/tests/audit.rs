//! What `audit-sql` lists is what is sent: the server's own log is compared with the list.

use std::collections::BTreeSet;

use pgtailor_testkit::program::Program;
use pgtailor_testkit::server::Server;
use pgtailor_testkit::shop;
use serde_json::Value;

const PGTAILOR: &str = env!("CARGO_BIN_EXE_pgtailor");

/// A listed statement: what it begins with, what follows in this order, and whether anything may stand at its end.
struct Template {
    class: String,
    pieces: Vec<String>,
    is_open: bool,
}

impl Template {
    fn of(class: &str, sql: &str) -> Self {
        let mut pieces = Vec::new();
        let mut rest = sql;
        while let Some((before, after)) = rest.split_once('{') {
            pieces.push(before.to_owned());
            rest = after.split_once('}').map_or("", |(_, after)| after);
        }
        pieces.push(rest.to_owned());
        // Questions are completed with conditions that are literals of their own.
        let is_open = sql.ends_with('}') || matches!(class, "reads" | "plans");
        Self { class: class.to_owned(), pieces, is_open }
    }

    fn fits(&self, sent: &str) -> bool {
        let Some(mut rest) = sent.strip_prefix(self.pieces[0].as_str()) else { return false };
        for piece in &self.pieces[1..] {
            let Some(at) = rest.find(piece.as_str()) else { return false };
            rest = &rest[at + piece.len()..];
        }
        self.is_open || rest.is_empty()
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The statements of a message, split at semicolons outside quotes; files begin with comments.
fn split(sql: &str) -> Vec<String> {
    let is_comment = |line: &&str| line.trim_start().starts_with("--");
    let sql = sql.lines().filter(|line| !is_comment(line)).collect::<Vec<_>>().join("\n");
    let mut parts = vec![String::new()];
    let mut quote = None;
    for character in sql.chars() {
        match (character, quote) {
            (';', None) => parts.push(String::new()),
            ('\'' | '"', None) => quote = Some(character),
            (_, Some(open)) if open == character => quote = None,
            _ => {}
        }
        if character != ';' || quote.is_some() {
            parts.last_mut().expect("there is one").push(character);
        }
    }
    parts.iter().map(|part| one_line(part)).filter(|part| !part.is_empty()).collect()
}

/// Every statement that sessions of ours sent, by the log.
fn sent(server: &Server) -> BTreeSet<String> {
    let log = server.log();
    let mut messages: Vec<String> = Vec::new();
    let mut is_ours = false;
    for line in log.lines() {
        if line.starts_with('\t') {
            if is_ours {
                let message = messages.last_mut().expect("a line before it");
                message.push('\n');
                message.push_str(line);
            }
            continue;
        }
        let text = line.split_once("LOG:  ").map_or("", |(_, text)| text);
        let sql = text
            .strip_prefix("statement: ")
            .or_else(|| text.strip_prefix("execute ").and_then(|named| named.split_once(": ")).map(|(_, sql)| sql));
        is_ours = line.starts_with("<pgtailor") && sql.is_some();
        if is_ours {
            messages.push(sql.unwrap_or_default().to_owned());
        }
    }
    messages.iter().flat_map(|message| split(message)).collect()
}

fn listed() -> Vec<Template> {
    let run = Program::new(PGTAILOR).run(&["audit-sql", "--format", "json"]).expect_code(0);
    let json: Value = serde_json::from_str(&run.out).expect("JSON");
    let statements = json["statements"].as_array().expect("a list");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let templates = statements.iter().flat_map(|one| {
        let class = text(&one["class"]);
        split(&text(&one["sql"])).into_iter().map(move |sql| Template::of(&class, &sql)).collect::<Vec<_>>()
    });
    // A place for other listed statements (`BEGIN READ ONLY; {}`) would fit anything.
    templates.filter(|template| !template.pieces.concat().is_empty()).collect()
}

/// Changes are listed by an example of each: the names in it are others.
fn is_change(sent: &str) -> bool {
    const KINDS: &[&str] = &["CREATE INDEX CONCURRENTLY ", "DROP INDEX CONCURRENTLY ", "ALTER INDEX ", "ANALYZE "];
    KINDS.iter().any(|kind| sent.starts_with(kind))
}

#[test]
fn what_is_sent_is_listed() {
    let settings = [
        ("shared_preload_libraries", "pg_stat_statements"),
        ("log_statement", "all"),
        ("log_line_prefix", "<%a> "),
        ("lc_messages", "C"),
    ];
    let server = Server::with_settings(&settings);
    let url = shop::create(&server, "shop");
    server.sql("shop", "CREATE EXTENSION pg_stat_statements; SELECT count(*) FROM orders WHERE customer_id = 18");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("shop.toml"), shop::CATALOG).expect("written");
    let pgtailor = Program::new(PGTAILOR).on(&url);
    let (catalog, rollout, snapshot) = (path("shop.toml"), path("rollout.json"), path("shop.snapshot"));
    for arguments in [
        vec!["doctor"],
        vec!["check"],
        vec!["capture", "--output", &snapshot],
        vec!["workload", "--costs"],
        vec!["advise"],
        vec!["optimize", "--dry-run", "--catalog", &catalog, "--output", &rollout],
    ] {
        pgtailor.run(&arguments);
    }
    let templates = listed();
    let reading = sent(&server);
    let unlisted = |all: &BTreeSet<String>| -> Vec<String> {
        all.iter().filter(|sql| !is_change(sql) && !templates.iter().any(|template| template.fits(sql))).cloned().collect()
    };
    assert!(reading.len() > 100, "the log was read: {reading:?}");
    assert_eq!(unlisted(&reading), Vec::<String>::new(), "sent by commands that only read, and not listed");
    let writes = |sql: &&String| {
        let writes = |template: &Template| matches!(template.class.as_str(), "ledger" | "acts" | "changes") && template.fits(sql);
        is_change(sql) || templates.iter().any(writes)
    };
    assert_eq!(reading.iter().find(writes), None, "a command that only reads sent what does not only read");

    pgtailor.run(&["apply", &rollout, "--yes"]).expect_code(0);
    pgtailor.run(&["history"]).expect_code(0);
    pgtailor.run(&["undo", "--all", "--yes", "--remove-ledger"]).expect_code(0);
    let all = sent(&server);
    assert_eq!(unlisted(&all), Vec::<String>::new(), "sent, and not listed");
    assert!(all.iter().any(|sql| is_change(sql)), "the log shows changes");
}
