-- Purpose: the schema and data of a made-up service, with every kind of column, index and statistics that the twin must carry.
-- Oldest server: 13. Privilege: owner of the database. Locks and scans: makes everything anew, about 400,000 rows.
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE SCHEMA app;
CREATE TYPE mood AS ENUM ('calm', 'busy', 'angry', 'gone');
CREATE DOMAIN amount AS numeric(12, 2) CHECK (VALUE > -1000000);
CREATE TYPE place AS (city text, zip int);
CREATE TYPE floatrange AS RANGE (subtype = float8);
CREATE FUNCTION app.half(int) RETURNS int LANGUAGE sql IMMUTABLE COST 7 AS 'SELECT $1 / 2';
CREATE FUNCTION app.slow(int) RETURNS bool LANGUAGE plpgsql STABLE COST 5000 AS 'BEGIN RETURN $1 > 3; END';
CREATE TABLE tenants (id int PRIMARY KEY, name text NOT NULL UNIQUE, plan text, mood mood, "Odd Name" int);
INSERT INTO tenants SELECT i, 'tenant ' || i, CASE WHEN i % 10 = 0 THEN 'gold' WHEN i % 3 = 0 THEN 'silver' ELSE 'free' END,
       (ARRAY['calm', 'busy', 'angry']::mood[])[1 + i % 3], i % 7 FROM generate_series(1, 2000) i;
CREATE TABLE users (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, gone int, tenant_id int NOT NULL REFERENCES tenants, email text, code char(8),
  born date, joined timestamptz DEFAULT now(), score real, balance amount, active boolean NOT NULL, tags text[], token uuid,
  address inet, home place, photo bytea, visit interval, lower_email text GENERATED ALWAYS AS (lower(email)) STORED,
  CHECK (score < 1000000));
INSERT INTO users (tenant_id, email, code, born, joined, score, balance, active, tags, token, address, home, photo, visit)
SELECT 1 + (random() ^ 3 * 1999)::int, 'User' || i || '@' || (ARRAY['a.org', 'b.com', 'c.net'])[1 + i % 3],
       lpad((i % 5000)::text, 8, '0'), date '1950-01-01' + (random() * 20000)::int,
       timestamptz '2024-01-01' + random() * interval '500 days', (random() * 1000)::real, (random() * 9999)::numeric(12, 2),
       i % 20 <> 0, ARRAY['t' || i % 13, 't' || i % 101, 'x' || (random() * 3000)::int], md5(i::text)::uuid,
       ('10.' || i % 200 || '.' || i % 7 || '.' || i % 250)::inet, ROW('city' || i % 40, i % 900)::place,
       decode(md5((i % 3000)::text), 'hex'), random() * interval '30 days'
  FROM generate_series(1, 60000) i;
UPDATE users SET born = NULL WHERE id % 4 = 0;
ALTER TABLE users DROP COLUMN gone;
CREATE INDEX users_tenant ON users (tenant_id, joined DESC);
CREATE INDEX users_email ON users (lower(email));
CREATE INDEX users_prefix ON users (email text_pattern_ops);
CREATE INDEX users_tags ON users USING gin (tags);
CREATE INDEX users_trigram ON users USING gin (email gin_trgm_ops);
CREATE INDEX users_inactive ON users (joined) WHERE NOT active;
CREATE INDEX users_born ON users (born NULLS FIRST) INCLUDE (score);
CREATE INDEX users_token ON users USING hash (token);
CREATE INDEX users_half ON users (app.half(tenant_id));
CREATE INDEX users_address ON users USING spgist (address);
CREATE INDEX users_balance ON users (balance) WITH (fillfactor = 70);
CREATE STATISTICS users_pair (ndistinct, dependencies, mcv) ON tenant_id, active FROM users;
CREATE STATISTICS app.users_mood (mcv) ON code, email FROM users;
CREATE TABLE orders (id int, user_id bigint, state mood, placed timestamp, total numeric, note text, items jsonb, during tstzrange,
                     spot point, speed floatrange, words tsvector);
INSERT INTO orders SELECT i, 1 + (random() * 59999)::int, (ARRAY['calm', 'calm', 'calm', 'busy', 'gone']::mood[])[1 + i % 5],
       timestamp '2023-01-01' + i * interval '3 minutes', (random() * 500)::numeric(8, 2), repeat('n', i % 60),
       jsonb_build_object('kind', 'k' || i % 9, 'n', i % 1000, 'list', jsonb_build_array(i % 3, i % 5)),
       tstzrange(timestamptz '2023-01-01' + i * interval '3 minutes', timestamptz '2023-01-01' + i * interval '3 minutes' + random() * interval '2 days'),
       point(random() * 100, random() * 100), floatrange(random() * 10, 10 + random() * 5),
       to_tsvector('simple', 'order ' || i % 500 || ' word' || i % 37)
  FROM generate_series(1, 120000) i;
ALTER TABLE orders ADD PRIMARY KEY (id);
CREATE INDEX orders_user ON orders (user_id);
CREATE INDEX orders_placed ON orders USING brin (placed) WITH (pages_per_range = 16);
CREATE INDEX orders_state ON orders (state, placed);
CREATE INDEX orders_items ON orders USING gin (items jsonb_path_ops);
CREATE INDEX orders_kind ON orders ((items ->> 'kind'));
CREATE INDEX orders_during ON orders USING gist (during);
CREATE INDEX orders_spot ON orders USING gist (spot);
CREATE INDEX orders_words ON orders USING gin (words);
CREATE STATISTICS orders_mood (mcv, dependencies) ON state, user_id, total FROM orders;
CREATE TABLE events (at timestamptz NOT NULL, tenant_id int NOT NULL REFERENCES tenants, kind text, payload jsonb) PARTITION BY RANGE (at);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM ('2024-02-01') TO ('2024-03-01');
CREATE TABLE events_3 PARTITION OF events FOR VALUES FROM ('2024-03-01') TO ('2024-04-01');
CREATE TABLE events_rest PARTITION OF events DEFAULT;
INSERT INTO events SELECT timestamptz '2024-01-01' + random() * interval '110 days', 1 + (random() * 1999)::int, 'kind' || i % 23, '{"a": 1}'
  FROM generate_series(1, 90000) i;
CREATE INDEX events_tenant ON events (tenant_id, at);
CREATE TABLE shards (region text, n int, v float8) PARTITION BY LIST (region);
CREATE TABLE shards_eu PARTITION OF shards FOR VALUES IN ('eu') PARTITION BY HASH (n);
CREATE TABLE shards_eu_0 PARTITION OF shards_eu FOR VALUES WITH (modulus 2, remainder 0);
CREATE TABLE shards_eu_1 PARTITION OF shards_eu FOR VALUES WITH (modulus 2, remainder 1);
CREATE TABLE shards_us PARTITION OF shards FOR VALUES IN ('us');
INSERT INTO shards SELECT (ARRAY['eu', 'us'])[1 + i % 2], i % 1000, random() FROM generate_series(1, 20000) i;
CREATE INDEX shards_n ON shards (n);
CREATE TABLE base (a int, b text, CHECK (a >= 0));
CREATE TABLE child_one (c int, CHECK (a < 1000)) INHERITS (base);
CREATE TABLE child_two (CHECK (a >= 1000)) INHERITS (base);
INSERT INTO base SELECT i, 'b' || i FROM generate_series(1, 500) i;
INSERT INTO child_one SELECT i % 1000, 'c' || i, i FROM generate_series(1, 8000) i;
INSERT INTO child_two SELECT 1000 + i % 5000, 'd' || i FROM generate_series(1, 9000) i;
CREATE INDEX child_two_a ON child_two (a);
CREATE VIEW active_users AS SELECT id, tenant_id, email, score FROM users WHERE active;
CREATE VIEW busy_tenants AS SELECT t.id, t.name, count(*) AS users FROM tenants t JOIN active_users u ON u.tenant_id = t.id GROUP BY t.id;
CREATE MATERIALIZED VIEW totals AS SELECT user_id, sum(total) AS total FROM orders GROUP BY user_id;
CREATE UNIQUE INDEX totals_user ON totals (user_id);
CREATE TABLE nothing (a int PRIMARY KEY, b text);
CREATE TABLE never_analyzed AS SELECT i AS a, i % 10 AS b FROM generate_series(1, 5000) i;
CREATE INDEX ON never_analyzed (a);
ANALYZE tenants, users, orders, events, shards, base, totals, nothing;
ANALYZE child_one; ANALYZE child_two;
-- What has changed after ANALYZE: sizes and the ends of indexes are others than the statistics know.
INSERT INTO orders SELECT i, 1 + i % 60000, 'busy', timestamp '2026-01-01' + i * interval '1 minute', i % 700, 'late', '{"kind": "new"}'
  FROM generate_series(120001, 150000) i;
INSERT INTO tenants SELECT i, 'late ' || i, 'late', 'gone', 99 FROM generate_series(5000, 5200) i;
DELETE FROM users WHERE id < 300;
