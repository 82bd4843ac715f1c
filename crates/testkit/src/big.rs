//! The database of the fault suite: tables that applications use while indexes are built and dropped on them.
//!
//! Small on purpose. A phase of a build is held by a session that holds something ([`crate::blocker`]), never by the size of a table, so
//! that a test takes as long as the program does and no longer.

use crate::server::Server;

/// A value that stands in data, in a predicate and in a comment, and must never show in anything that pgtailor prints or keeps.
pub const CANARY: &str = "canary-4111-1111-1111-1111";

/// Roles of the suite, whose passwords are their names: the owner of `apptab`, and one who may only create in `public`.
pub const ROLES: &[&str] = &["app", "mallory"];

/// What an application does all the time while a test runs: one reader and one writer for each table that is touched.
pub const APPLICATION: &[&str] = &[
    "SELECT count(*) FROM big WHERE id BETWEEN 10 AND 40",
    "UPDATE big SET a = a WHERE id = 7",
    "SELECT count(*) FROM apptab WHERE id BETWEEN 10 AND 40",
    "UPDATE apptab SET a = a WHERE id = 7",
];

/// The database that all others are copies of.
const ORIGINAL: &str = "fixture";

/// Creates the roles, and the tables that every database of the suite begins with; once for a server.
///
/// `big` has an index of its own that carries everything an index can carry and a definition does not say: it must be there, unchanged,
/// whatever happens to others.
pub fn prepare(server: &Server) {
    for role in ROLES {
        server.sql("postgres", &format!("CREATE ROLE {role} LOGIN PASSWORD '{role}'"));
    }
    server.create_database(ORIGINAL);
    server.sql(
        ORIGINAL,
        &format!(
            "CREATE TABLE big (id bigint PRIMARY KEY, a int, b text, c timestamptz, e text);
             INSERT INTO big SELECT g, g % 1000, md5(g::text), now() - g * interval '1 s', 'e' || g FROM generate_series(1, 20000) g;
             UPDATE big SET e = '{CANARY}' WHERE id = 3;
             CREATE TABLE other (id int PRIMARY KEY, v int);
             INSERT INTO other SELECT g, g FROM generate_series(1, 1000) g;
             CREATE TABLE apptab AS SELECT g::bigint id, g % 100 a, md5(g::text) b FROM generate_series(1, 20000) g;
             ALTER TABLE apptab OWNER TO app;
             GRANT CREATE ON SCHEMA public TO app, mallory;
             CREATE INDEX bystander ON big (lower(b), c DESC) WITH (fillfactor = 71) WHERE a > 10;
             COMMENT ON INDEX bystander IS 'somebody else''s';
             ALTER INDEX bystander ALTER COLUMN 1 SET STATISTICS 77"
        ),
    );
    // In a transaction of its own, as a person would.
    server.sql(ORIGINAL, "ANALYZE");
}

/// Creates the database `name` as a copy, and returns its URL. The server must be prepared.
pub fn create(server: &Server, name: &str) -> String {
    server.sql("postgres", &format!("CREATE DATABASE \"{name}\" TEMPLATE {ORIGINAL}"));
    server.sql("postgres", &format!("GRANT CREATE ON DATABASE \"{name}\" TO app"));
    server.lab.url(name)
}

/// The URL of `database` for one of the [`ROLES`].
pub fn url_of(server: &Server, database: &str, role: &str) -> String {
    format!("postgres://{role}:{role}@127.0.0.1:{}/{database}", server.lab.port())
}
