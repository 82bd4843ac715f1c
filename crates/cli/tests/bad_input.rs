//! Bad input gets one clear sentence and exit code 2, and nothing is changed.

use std::io::Write as _;
use std::net::TcpListener;

use pgtailor_testkit::program::Program;
use pgtailor_testkit::server::Server;
use pgtailor_testkit::shop;

const PGTAILOR: &str = env!("CARGO_BIN_EXE_pgtailor");

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(".toml").tempfile().expect("a file");
    file.write_all(text.as_bytes()).expect("written");
    file
}

fn unused_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr()).expect("a port").port()
}

#[test]
fn addresses_that_lead_nowhere() {
    let server = Server::start();
    let (port, password) = (server.lab.port(), server.lab.password());
    let pgtailor = Program::new(PGTAILOR);
    let check = |url: &str, words: &[&str]| pgtailor.run(&["check", "-d", url]).expect_error(words);
    check("postgres://a@no-such-host.invalid/x", &["no-such-host.invalid"]);
    check(&format!("postgres://a@127.0.0.1:{}/x", unused_port()), &["127.0.0.1"]);
    check(&format!("postgres://postgres:wrong@127.0.0.1:{port}/postgres"), &["password", "postgres"]);
    check(&format!("postgres://postgres:{password}@127.0.0.1:{port}/nowhere"), &["nowhere"]);
    check(&format!("postgres://postgres:{password}@127.0.0.1:{port}/postgres?sslmode=require"), &["TLS"]);
    check(&format!("postgres://postgres:{password}@127.0.0.1:{port}/postgres?color=blue"), &["color"]);
    check("postgres://a@localhost:notaport/x", &["notaport"]);
    for run in ["host=localhost port=1 nonsense", "host="] {
        assert_eq!(pgtailor.run(&["check", "-d", run]).code, Some(2));
    }
}

#[test]
fn passwords_never_show() {
    let pgtailor = Program::new(PGTAILOR);
    let run = pgtailor.run(&["check", "-d", &format!("postgres://a:hunter2secret@127.0.0.1:{}/x", unused_port())]);
    assert!(!run.err.contains("hunter2secret"), "{}", run.err);
}

#[test]
fn catalogs_with_mistakes_name_file_and_line_and_change_nothing() {
    let server = Server::start();
    let url = shop::create(&server, "shop");
    let before = server.dump_all("shop");
    let pgtailor = Program::new(PGTAILOR).on(&url);
    let good = "[[index]]\nname = \"idx_ok\"\ntable = \"orders\"\ncolumns = [\"status\"]\n";
    let cases: &[(&str, &[&str])] = &[
        ("[[index]]\nname = \"i\"\ntable = \"nowhere\"\ncolumns = [\"a\"]\n", &[":5", "nowhere", "does not exist"]),
        ("[[index]]\nname = \"i\"\ntable = \"orders\"\ncolumns = [\"no_such\"]\n", &[":5", "no_such"]),
        ("[[index]]\nname = \"i\"\ntable = \"orders\"\ncolumns = [\"id\"]\nmagic = 1\n", &[":9", "magic"]),
        ("[[index]]\nname = \"idx_ok\"\ntable = \"orders\"\ncolumns = [\"id\"]\n", &["idx_ok", ":5"]),
        ("[[index]\nname = 3\n", &[":5"]),
        ("[[index]]\nname = \"i\"\ntable = \"orders\"\ncolumns = []\n", &[":", "i"]),
        ("[[index]]\nname = \"i\"\ntable = \"orders\"\ncolumns = [\"id\"]\npredicate = \"no_such > 1\"\n", &[":5", "42703"]),
        (
            "[[index]]\nname = \"i\"\ntable = \"orders\"\ncolumns = [\"id\"]\npredicate = \"true) ; DROP TABLE orders; --\"\n",
            &[":5"],
        ),
    ];
    for (bad, words) in cases {
        let catalog = file(&format!("{good}{bad}"));
        let path = catalog.path().to_str().expect("UTF-8");
        let run = pgtailor.run(&["optimize", "--yes", "--catalog", path]);
        let with_file: Vec<&str> = words.iter().copied().chain([path]).collect();
        run.expect_error(&with_file);
    }
    pgtailor.run(&["optimize", "--yes", "--catalog", "/no/such/file.toml"]).expect_error(&["/no/such/file.toml"]);
    pgtailor.run(&["optimize", "--yes", "--catalog", "nosuchname"]).expect_error(&["nosuchname", "dreflowpro"]);
    assert_eq!(server.dump_all("shop"), before);
}

#[test]
fn long_names_fit_to_the_byte_and_longer_ones_are_refused() {
    let server = Server::start();
    let url = shop::create(&server, "shop");
    let pgtailor = Program::new(PGTAILOR).on(&url);
    let entry = |name: &str| format!("[[index]]\nname = \"{name}\"\ntable = \"orders\"\ncolumns = [\"status\"]\n");
    let longest = format!("{}é", "x".repeat(61));
    assert_eq!(longest.len(), 63);
    let catalog = file(&entry(&longest));
    pgtailor.run(&["optimize", "--yes", "--catalog", catalog.path().to_str().expect("UTF-8")]).expect_code(0);
    assert_eq!(server.sql("shop", &format!("SELECT count(*) FROM pg_class WHERE relname = '{longest}'")), "1");
    let catalog = file(&entry(&format!("{longest}x")).replace("status", "total"));
    let run = pgtailor.run(&["optimize", "--yes", "--catalog", catalog.path().to_str().expect("UTF-8")]);
    run.expect_error(&["64 bytes"]);
}

#[test]
fn missing_rights_name_the_one_grant_that_helps() {
    let server = Server::start();
    shop::create(&server, "shop");
    server.sql(
        "shop",
        "CREATE ROLE reader LOGIN PASSWORD 'r'; CREATE ROLE builder LOGIN PASSWORD 'b'; CREATE ROLE keeper; \
         GRANT keeper TO builder; ALTER TABLE orders OWNER TO keeper; ALTER TABLE customers OWNER TO keeper; \
         GRANT SELECT ON orders, customers TO reader, builder",
    );
    let catalog = file("[[index]]\nname = \"idx_status\"\ntable = \"orders\"\ncolumns = [\"status\"]\n");
    let path = catalog.path().to_str().expect("UTF-8");
    let url = |role: &str, password: &str| format!("postgres://{role}:{password}@127.0.0.1:{}/shop", server.lab.port());
    let before = server.dump_all("shop");

    let reader = Program::new(PGTAILOR).on(&url("reader", "r"));
    let run = reader.run(&["optimize", "--dry-run", "--catalog", path]).expect_code(0);
    assert!(unwrapped(&run.out).contains("GRANT keeper TO reader"), "{}", run.out);
    let run = reader.run(&["optimize", "--yes", "--catalog", path]).expect_code(2);
    assert!(unwrapped(&run.out).contains("GRANT keeper TO reader"), "{}", run.out);

    let builder = Program::new(PGTAILOR).on(&url("builder", "b"));
    let run = builder.run(&["optimize", "--dry-run", "--catalog", path]).expect_code(0);
    assert!(unwrapped(&run.out).contains("GRANT CREATE ON SCHEMA public TO builder"), "{}", run.out);
    assert_eq!(server.dump_all("shop"), before);

    server.sql("shop", "GRANT CREATE ON SCHEMA public TO builder");
    builder.run(&["optimize", "--yes", "--catalog", path]).expect_error(&["GRANT CREATE ON DATABASE shop TO builder"]);
    server.sql("shop", "GRANT CREATE ON DATABASE shop TO builder");
    // The owner itself needs CREATE on the schema, too: the server says so, and nothing is left.
    let run = builder.run(&["optimize", "--yes", "--catalog", path]);
    if run.code != Some(0) {
        assert_eq!(run.code, Some(2), "{}", run.err);
        server.sql("shop", "GRANT CREATE ON SCHEMA public TO keeper");
        builder.run(&["optimize", "--yes", "--catalog", path]).expect_code(0);
    }
    assert_eq!(server.invalid_indexes("shop"), "");
    assert_eq!(server.sql("shop", "SELECT count(*) FROM pg_class WHERE relname = 'idx_status'"), "1");
}

#[test]
fn a_standby_is_read_and_never_changed() {
    let mut server = Server::start();
    let url = shop::create(&server, "shop");
    server.become_standby();
    let catalog = file("[[index]]\nname = \"idx_status\"\ntable = \"orders\"\ncolumns = [\"status\"]\n");
    let path = catalog.path().to_str().expect("UTF-8");
    let pgtailor = Program::new(PGTAILOR).on(&url);
    let run = pgtailor.run(&["optimize", "--dry-run", "--catalog", path]).expect_code(0);
    assert!(unwrapped(&run.out).contains("this server is a standby"), "{}", run.out);
    let run = pgtailor.run(&["optimize", "--yes", "--catalog", path]).expect_code(2);
    assert!(unwrapped(&run.out).contains("connect to the primary"), "{}", run.out);
    assert_eq!(server.sql("shop", "SELECT count(*) FROM pg_class WHERE relname = 'idx_status'"), "0");
}

#[test]
fn nobody_at_the_terminal_is_no_consent() {
    let server = Server::start();
    let url = shop::create(&server, "shop");
    let before = server.dump_all("shop");
    let catalog = file("[[index]]\nname = \"idx_status\"\ntable = \"orders\"\ncolumns = [\"status\"]\n");
    let pgtailor = Program::new(PGTAILOR).on(&url);
    let run = pgtailor.run(&["optimize", "--catalog", catalog.path().to_str().expect("UTF-8")]);
    assert_eq!(run.code, Some(2));
    assert!(run.err.contains("nobody is at the terminal") && run.err.contains("--yes"), "{}", run.err);
    assert_eq!(server.dump_all("shop"), before);
}

#[test]
fn wrong_command_lines_say_what_is_wrong() {
    let pgtailor = Program::new(PGTAILOR);
    for arguments in [vec!["optimise"], vec!["optimize", "--only", "create"], vec!["undo"], vec!["demo", "--scale", "-1"]] {
        let run = pgtailor.run(&arguments);
        assert_eq!(run.code, Some(2), "{arguments:?}");
        assert!(run.err.contains("error:"), "{}", run.err);
    }
    let run = pgtailor.run(&["--help"]).expect_code(0);
    assert!(run.out.contains("Examples:"), "{}", run.out);
    assert!(pgtailor.run(&["completions", "bash"]).expect_code(0).out.contains("pgtailor"));
    assert!(pgtailor.run(&["man"]).expect_code(0).out.starts_with(".ie"));
}

/// A report wraps its lines; for looking up a sentence they are joined.
fn unwrapped(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
