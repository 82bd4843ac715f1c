-- The production of a small shop, with rows: what a snapshot is captured of. Needs no extension.
CREATE TABLE customers (
    id bigint PRIMARY KEY,
    email text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL
);
CREATE TABLE orders (
    id bigint PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES customers,
    status text NOT NULL,
    total numeric(10, 2) NOT NULL,
    created_at timestamptz NOT NULL
);
INSERT INTO customers
SELECT g, 'customer' || g || '@example.org', timestamptz '2026-01-01' + g * interval '7 minutes'
  FROM generate_series(1, 20000) g;
INSERT INTO orders
SELECT g, 1 + g * 7919 % 20000, CASE WHEN g % 50 = 0 THEN 'open' ELSE 'paid' END, g % 1000 / 10.0,
       timestamptz '2026-01-01' + g * interval '1 minute'
  FROM generate_series(1, 250000) g;
CREATE INDEX orders_created_at_idx ON orders (created_at);
VACUUM ANALYZE;
