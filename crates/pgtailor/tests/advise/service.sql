-- A made-up service for many organizations: one table or two for each kind of question that an advisor must have an answer to.
-- Rows follow from their numbers alone, so that every server holds the same.

CREATE EXTENSION pg_trgm;

CREATE TABLE customers (id integer PRIMARY KEY, org integer NOT NULL, email text NOT NULL UNIQUE, name text NOT NULL,
  is_active boolean NOT NULL, last_seen timestamptz NOT NULL, about text NOT NULL) WITH (fillfactor = 80);
INSERT INTO customers SELECT n, n % 200, 'person' || n || '@example.org', 'Name ' || md5(n::text), n % 50 = 0,
  timestamptz '2025-01-01' + n % 90000 * interval '1 minute', repeat('about ', 20) FROM generate_series(1, 40000::bigint) n;

-- Half of all orders are of organization 1; organizations 100 to 999 have some seventy each.
CREATE TABLE orders (id integer PRIMARY KEY, org integer NOT NULL, customer integer NOT NULL REFERENCES customers, status text NOT NULL,
  created_at timestamptz NOT NULL, deleted_at timestamptz, total numeric NOT NULL, note text NOT NULL);
INSERT INTO orders SELECT n, CASE WHEN n % 2 = 0 THEN 1 ELSE 100 + n * 7919 % 900 END, 1 + n * 31 % 40000,
  CASE WHEN n % 500 = 0 THEN 'disputed' WHEN n % 3 = 0 THEN 'open' ELSE 'paid' END,
  timestamptz '2025-01-01' + n * 104729 % 120000 * interval '5 minutes', CASE WHEN n % 10 <> 0 THEN timestamptz '2025-06-01' END,
  n % 1000, repeat('note ', 15) FROM generate_series(1, 120000::bigint) n;

CREATE TABLE order_lines (id integer PRIMARY KEY, order_id integer NOT NULL REFERENCES orders ON DELETE CASCADE, product integer NOT NULL,
  quantity integer NOT NULL, note text NOT NULL);
INSERT INTO order_lines SELECT n, 1 + n * 7 % 120000, n % 3000, n % 9, repeat('x', 40) FROM generate_series(1, 200000::bigint) n;

CREATE TABLE usage (id integer PRIMARY KEY, tenant integer NOT NULL, kind text NOT NULL, day date NOT NULL, quantity integer NOT NULL,
  detail text NOT NULL);
INSERT INTO usage SELECT n, n * 7919 % 100, 'kind ' || n % 8, date '2025-01-01' + (n % 300)::integer, n % 77, repeat('d', 90)
  FROM generate_series(1, 150000::bigint) n;

-- Appended to, in the order of time.
CREATE TABLE telemetry (id bigint NOT NULL, at timestamptz NOT NULL, kind smallint NOT NULL, value double precision NOT NULL,
  payload text NOT NULL);
INSERT INTO telemetry SELECT n, timestamptz '2025-01-01' + n * interval '10 seconds', n % 12, n % 100, repeat('p', 150)
  FROM generate_series(1, 200000::bigint) n;

CREATE TABLE documents (id integer PRIMARY KEY, title text NOT NULL, payload jsonb NOT NULL, body text NOT NULL);
INSERT INTO documents SELECT n, 'title ' || md5(n::text), jsonb_build_object('source', 's' || hashint8(n) % 1000, 'batch', n % 3000, 'tags',
  jsonb_build_array('t' || n % 700, 'u' || n % 11)), repeat(md5((n * 3)::text) || ' ', 6) FROM generate_series(1, 30000::bigint) n;

CREATE TABLE jobs (id integer PRIMARY KEY, status text NOT NULL, run_at timestamptz NOT NULL, queue integer NOT NULL,
  is_paused boolean NOT NULL, arguments text NOT NULL);
INSERT INTO jobs SELECT n, CASE WHEN n % 1000 = 0 THEN 'waiting' ELSE 'done' END, timestamptz '2025-01-01' + n * 977 % 80000 * interval '1 minute',
  n % 4, n % 400 = 1, repeat('a', 120) FROM generate_series(1, 80000::bigint) n;

CREATE TABLE messages (id integer PRIMARY KEY, sender integer NOT NULL, recipient integer NOT NULL, sent_at timestamptz NOT NULL,
  body text NOT NULL);
INSERT INTO messages SELECT n, n * 31 % 9000, n * 17 % 7000, timestamptz '2025-01-01' + n * interval '1 minute', repeat('m', 100)
  FROM generate_series(1, 100000::bigint) n;

CREATE TABLE products (id integer PRIMARY KEY, sku text NOT NULL, name text NOT NULL, price numeric NOT NULL);
INSERT INTO products SELECT n, md5((n * 7)::text), 'Product ' || md5(n::text) || ' of ' || md5((n % 300)::text), n % 500
  FROM generate_series(1, 60000::bigint) n;

-- Few organizations have many runs and many have few; the index serves the list of the newest of all.
CREATE TABLE runs (id integer PRIMARY KEY, org integer NOT NULL, at timestamptz NOT NULL, outcome text NOT NULL, log text NOT NULL);
INSERT INTO runs SELECT n, CASE WHEN n % 500 = 0 AND n < 40000 THEN 900 + n / 500 ELSE n % 5 END,
  timestamptz '2025-01-01' + n * interval '1 minute', 'fine', repeat('l', 100) FROM generate_series(1, 120000::bigint) n;
CREATE INDEX runs_at_idx ON runs (at);

CREATE TABLE plans (id integer PRIMARY KEY, code text NOT NULL, price numeric NOT NULL);
INSERT INTO plans SELECT n, 'plan ' || n, n FROM generate_series(1, 40::bigint) n;

CREATE TABLE accounts (id integer PRIMARY KEY, name text NOT NULL);
INSERT INTO accounts SELECT n, 'account ' || n FROM generate_series(1, 20000) n;
CREATE TABLE sessions (id integer PRIMARY KEY, account integer NOT NULL REFERENCES accounts ON DELETE CASCADE, agent text NOT NULL);
INSERT INTO sessions SELECT n, 1 + n * 7 % 20000, repeat('a', 120) FROM generate_series(1, 100000) n;
