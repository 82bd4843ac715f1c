//! Candidate indexes of every kind over the made-up service, and statements that could use them.

use std::collections::BTreeSet;

use pgtailor_model::index::{Direction, IndexDefinition, IndexKey, KeyPart, Nulls};
use pgtailor_model::name::{Oid, QualifiedName};
use pgtailor_model::planner::PlannerInputs;
use pgtailor_model::what_if::CandidateIndex;

/// Table, method, keys (columns, `-column` for descending, `(expression)`, with a class behind a space), included columns, predicate.
type Row = (&'static str, &'static str, &'static [&'static str], &'static [&'static str], Option<&'static str>);

const ROWS: &[Row] = &[
    ("users", "btree", &["email"], &[], None),
    ("users", "btree", &["code"], &[], None),
    ("users", "btree", &["token"], &[], None),
    ("users", "btree", &["score"], &[], None),
    ("users", "btree", &["active"], &[], None),
    ("users", "btree", &["tenant_id", "active"], &[], None),
    ("users", "btree", &["tenant_id", "-score"], &[], None),
    ("users", "btree", &["active", "tenant_id", "joined"], &[], None),
    ("users", "btree", &["tenant_id"], &["email", "score"], None),
    ("users", "btree", &["joined"], &["tenant_id"], None),
    ("users", "btree", &["-joined"], &[], None),
    ("users", "btree", &["email"], &[], Some("active")),
    ("users", "btree", &["tenant_id"], &[], Some("born IS NULL")),
    ("users", "btree", &["(upper(email))"], &[], None),
    ("users", "btree", &["(length(email))"], &[], None),
    ("users", "btree", &["lower_email text_pattern_ops"], &[], None),
    ("users", "btree", &["balance", "tenant_id"], &[], None),
    ("users", "btree", &["visit"], &[], None),
    ("users", "hash", &["email"], &[], None),
    ("users", "hash", &["tenant_id"], &[], None),
    ("users", "brin", &["id"], &[], None),
    ("users", "brin", &["joined"], &[], None),
    ("users", "gin", &["tags"], &[], Some("active")),
    ("users", "gin", &["lower_email gin_trgm_ops"], &[], None),
    ("users", "gist", &["address inet_ops"], &[], None),
    ("users", "spgist", &["email text_ops"], &[], None),
    ("orders", "btree", &["total"], &[], None),
    ("orders", "btree", &["placed"], &[], None),
    ("orders", "btree", &["-placed"], &[], Some("state = 'gone'::public.mood")),
    ("orders", "btree", &["user_id", "placed"], &[], None),
    ("orders", "btree", &["user_id", "-placed"], &["total"], None),
    ("orders", "btree", &["state", "user_id"], &[], None),
    ("orders", "btree", &["note"], &[], None),
    ("orders", "btree", &["((items ->> 'n'::text))"], &[], None),
    ("orders", "btree", &["(date_trunc('day'::text, placed))"], &[], None),
    ("orders", "btree", &["user_id"], &[], Some("total > 400")),
    ("orders", "hash", &["user_id"], &[], None),
    ("orders", "brin", &["id"], &[], None),
    ("orders", "gin", &["items"], &[], None),
    ("orders", "gin", &["words"], &[], None),
    ("orders", "gist", &["during"], &[], None),
    ("orders", "spgist", &["spot"], &[], None),
    ("orders", "spgist", &["during"], &[], None),
    ("events", "btree", &["at"], &[], None),
    ("events", "btree", &["kind", "at"], &[], None),
    ("events", "btree", &["tenant_id"], &["kind"], None),
    ("events", "brin", &["at"], &[], None),
    ("tenants", "btree", &["plan", "name"], &[], None),
    ("totals", "btree", &["total"], &[], None),
];

/// The candidates, for the tables of `inputs`.
pub fn candidates(inputs: &PlannerInputs) -> Vec<CandidateIndex> {
    let oid = |table: &str| -> Oid {
        let name = QualifiedName::new("public", table);
        inputs.relations.iter().find(|relation| relation.name == name).expect("the table is captured").oid
    };
    let definition = |(_, method, keys, include, predicate): &Row| IndexDefinition {
        method: (*method).to_owned(),
        unique: false,
        nulls_not_distinct: false,
        keys: keys.iter().map(|key| key_of(key)).collect(),
        include: include.iter().map(|column| (*column).to_owned()).collect::<BTreeSet<_>>(),
        predicate: predicate.map(str::to_owned),
    };
    ROWS.iter().map(|row| CandidateIndex { table: oid(row.0), definition: definition(row) }).collect()
}

/// The name of the table of the `at`-th candidate.
pub fn table_of(at: usize) -> &'static str {
    ROWS[at].0
}

fn key_of(text: &str) -> IndexKey {
    if let Some(expression) = text.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')) {
        let expression = expression.to_owned();
        return IndexKey { part: KeyPart::Expression(expression), ..IndexKey::column("") };
    }
    let (name, class) = text.split_once(' ').map_or((text, None), |(name, class)| (name, Some(class.to_owned())));
    // A trigram class is in the schema of its extension.
    let class = class.map(|class| if class.starts_with("gin_trgm") { format!("public.{class}") } else { class });
    match name.strip_prefix('-') {
        Some(name) => {
            IndexKey { direction: Direction::Descending, nulls: Nulls::First, operator_class: class, ..IndexKey::column(name) }
        }
        None => IndexKey { operator_class: class, ..IndexKey::column(name) },
    }
}

/// Statements over the tables of the candidates.
pub const STATEMENTS: &[&str] = &[
    "SELECT * FROM users WHERE email = 'User77@c.net'",
    "SELECT * FROM users WHERE email = 'User77@c.net' AND active",
    "SELECT * FROM users WHERE code = '00000123'",
    "SELECT * FROM users WHERE token = 'c4ca4238-a0b9-2382-0dcc-509a6f75849b'",
    "SELECT * FROM users WHERE score > 998",
    "SELECT id FROM users WHERE score BETWEEN 10 AND 12 ORDER BY score",
    "SELECT count(*) FROM users WHERE NOT active",
    "SELECT * FROM users WHERE tenant_id = 1500 AND active",
    "SELECT * FROM users WHERE tenant_id = 3 AND NOT active",
    "SELECT * FROM users WHERE tenant_id = 700 ORDER BY score DESC LIMIT 10",
    "SELECT * FROM users WHERE active AND tenant_id = 1200 AND joined > '2025-03-01'",
    "SELECT email, score FROM users WHERE tenant_id = 900",
    "SELECT tenant_id FROM users WHERE joined > '2025-05-01'",
    "SELECT * FROM users ORDER BY joined DESC LIMIT 20",
    "SELECT * FROM users WHERE joined BETWEEN '2024-06-01' AND '2024-06-02'",
    "SELECT * FROM users WHERE tenant_id = 1000 AND born IS NULL",
    "SELECT * FROM users WHERE upper(email) = 'USER77@C.NET'",
    "SELECT * FROM users WHERE length(email) = 9",
    "SELECT * FROM users WHERE lower_email LIKE 'user77%'",
    "SELECT * FROM users WHERE lower_email LIKE '%77@b%'",
    "SELECT * FROM users WHERE balance BETWEEN 100 AND 101",
    "SELECT * FROM users WHERE balance = 500 AND tenant_id = 7",
    "SELECT * FROM users WHERE visit < interval '1 hour'",
    "SELECT * FROM users WHERE id > 59000",
    "SELECT * FROM users WHERE tags @> ARRAY['t5', 't50']",
    "SELECT * FROM users WHERE tags @> ARRAY['x1500'] AND active",
    "SELECT * FROM users WHERE address <<= '10.7.0.0/16'",
    "SELECT * FROM users WHERE email = 'User9@a.org' OR code = '00000009'",
    "SELECT max(score) FROM users",
    "SELECT min(joined) FROM users WHERE tenant_id = 55",
    "SELECT tenant_id, count(*) FROM users GROUP BY tenant_id",
    "SELECT DISTINCT code FROM users WHERE tenant_id < 20",
    "SELECT t.name, count(*) FROM tenants t JOIN users u ON u.tenant_id = t.id WHERE t.plan = 'gold' GROUP BY t.name",
    "SELECT u.email FROM users u JOIN orders o ON o.user_id = u.id WHERE o.total > 699",
    "SELECT * FROM orders WHERE total > 690",
    "SELECT * FROM orders WHERE total = 12.5",
    "SELECT * FROM orders WHERE placed > '2023-09-01' AND placed < '2023-09-02'",
    "SELECT * FROM orders WHERE placed > '2026-01-20'",
    "SELECT * FROM orders WHERE state = 'gone' ORDER BY placed DESC LIMIT 5",
    "SELECT * FROM orders WHERE user_id = 4711 ORDER BY placed DESC LIMIT 3",
    "SELECT placed, total FROM orders WHERE user_id = 4711 ORDER BY placed DESC",
    "SELECT sum(total) FROM orders WHERE user_id BETWEEN 100 AND 130",
    "SELECT * FROM orders WHERE state = 'busy' AND user_id = 99",
    "SELECT * FROM orders WHERE note = 'nnnnnnn'",
    "SELECT * FROM orders WHERE items ->> 'n' = '77'",
    "SELECT * FROM orders WHERE date_trunc('day', placed) = '2023-05-05'",
    "SELECT * FROM orders WHERE user_id = 300 AND total > 400",
    "SELECT * FROM orders WHERE id BETWEEN 5000 AND 5100",
    "SELECT * FROM orders WHERE items @> '{\"kind\": \"k3\", \"n\": 30}'",
    "SELECT * FROM orders WHERE items ? 'nothing'",
    "SELECT * FROM orders WHERE words @@ to_tsquery('simple', '77 & word3')",
    "SELECT * FROM orders WHERE during @> timestamptz '2023-04-04 04:04'",
    "SELECT * FROM orders WHERE during && tstzrange('2023-05-01', '2023-05-02')",
    "SELECT * FROM orders WHERE spot <@ box '((10,10),(12,12))'",
    "SELECT * FROM orders ORDER BY spot <-> point '(50,50)' LIMIT 5",
    "SELECT * FROM orders ORDER BY total DESC LIMIT 10",
    "SELECT o.* FROM users u JOIN orders o ON o.user_id = u.id WHERE u.tenant_id = 1400 AND o.placed > '2023-06-01'",
    "SELECT * FROM events WHERE at > '2024-02-10' AND at < '2024-02-11'",
    "SELECT * FROM events WHERE kind = 'kind7' AND at > '2024-03-25'",
    "SELECT kind FROM events WHERE tenant_id = 321",
    "SELECT * FROM events WHERE kind = 'kind22' ORDER BY at DESC LIMIT 10",
    "SELECT count(*) FROM events WHERE at >= '2024-04-15'",
    "SELECT t.plan, e.kind, count(*) FROM tenants t JOIN events e ON e.tenant_id = t.id WHERE t.id < 12 GROUP BY 1, 2",
    "SELECT * FROM tenants WHERE plan = 'gold' AND name > 'tenant 9'",
    "SELECT * FROM tenants WHERE plan = 'late'",
    "SELECT * FROM totals WHERE total > 2200",
    "SELECT * FROM totals ORDER BY total DESC LIMIT 3",
];
