//! A small database that is not a blueprint: two schemas, names that need quoting, a few rows.

use crate::server::Server;

/// The catalog that fits [`create`]: five entries are missing, one repeats the primary key, one is a prefix of another.
pub const CATALOG: &str = r#"
[[index]]
name = "idx_orders_customer_created"
table = "orders"
columns = ["customer_id", { column = "created_at", order = "desc" }]
description = "the last orders of a customer"

[[index]]
name = "idx_orders_customer"
table = "orders"
columns = ["customer_id"]
description = "a prefix of the one above"

[[index]]
name = "idx_orders_id"
table = "orders"
columns = ["id"]
description = "what the primary key serves already"

[[index]]
name = "idx_orders_open"
table = "orders"
columns = ["created_at"]
predicate = "status = 'open'"
description = "open orders by age"

[[index]]
name = "idx_customers_lower_email"
table = "customers"
columns = [{ expression = "lower(email)" }]
include = ["name"]
description = "sign-in, whatever the case"

[[index]]
name = "Käufe nach Größe; drop table orders; --"
schema = "We ird.Sch\"ema"
table = "Tab.le \"q"
columns = ["Col A", "select"]
description = "names that need quoting"

[[index]]
name = "idx_customers_name"
table = "customers"
columns = [{ column = "name", opclass = "text_pattern_ops" }]
description = "names by their beginning"
"#;

/// Creates the database `name` and returns its URL.
pub fn create(server: &Server, name: &str) -> String {
    let url = server.create_database(name);
    server.sql(
        name,
        r#"CREATE TABLE customers (id bigint PRIMARY KEY, email text NOT NULL UNIQUE, name text);
           CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint NOT NULL REFERENCES customers, status text NOT NULL,
                                total numeric, created_at timestamptz NOT NULL);
           CREATE INDEX orders_total ON orders (total) WHERE total > 100;
           CREATE SCHEMA "We ird.Sch""ema";
           CREATE TABLE "We ird.Sch""ema"."Tab.le ""q" ("Col A" int, "select" text);
           INSERT INTO customers SELECT n, 'Person' || n || '@example.com', 'Person ' || n FROM generate_series(1, 2000) n;
           INSERT INTO orders SELECT n, 1 + n % 2000, CASE WHEN n % 50 = 0 THEN 'open' ELSE 'done' END, n % 500,
                                     now() - n * interval '1 minute' FROM generate_series(1, 60000) n"#,
    );
    // In a transaction of its own: counters of one transaction's changes arrive after its ANALYZE.
    server.sql(name, "ANALYZE");
    url
}
