-- Tables for the test of predicted sizes: many types, frequencies and fractions of nulls, the same rows at every run.
CREATE EXTENSION pageinspect;
CREATE EXTENSION pg_trgm;
CREATE EXTENSION btree_gist;
CREATE EXTENSION btree_gin;
SELECT setseed(0.25);
CREATE TYPE state AS ENUM ('new', 'paid', 'sent', 'returned', 'lost');
CREATE TABLE orders (
    id bigint, code uuid, customer int, tenant smallint, region int, state state, express boolean, amount numeric(12, 2), weight float8,
    email text, note text, country char(2), branch char(17), placed timestamptz, day date, paid_at timestamptz, returned_at timestamptz, coupon text,
    address inet, during tstzrange, quantity int4range, place point
);
INSERT INTO orders
SELECT g, md5(g::text)::uuid, floor(30000 * random())::int, floor(400 * random() ^ 3)::int, floor(customer / 100.0)::int,
       (ARRAY['new', 'paid', 'paid', 'sent', 'sent', 'sent', 'sent', 'sent', 'returned', 'lost'])[1 + floor(10 * random() ^ 1.5)::int]::state,
       random() < 0.07, round((random() * random() * 5000)::numeric, 2), random() * 80,
       'customer' || floor(30000 * random())::int || '@example' || floor(40 * random())::int || '.org',
       repeat(substr(md5((g % 977)::text), 1, 8) || ' ', 2 + floor(8 * random())::int),
       (ARRAY['DE', 'FR', 'IT', 'PL', 'US', 'CN'])[1 + floor(6 * random() ^ 2)::int],
       'B' || floor(700 * random())::int,
       '2023-01-01'::timestamptz + g * interval '4 minutes' + random() * interval '1 hour',
       '2023-01-01'::date + floor(700 * random() ^ 2)::int,
       CASE WHEN random() < 0.5 THEN '2023-01-01'::timestamptz + g * interval '4 minutes' END,
       CASE WHEN random() < 0.05 THEN '2023-01-01'::timestamptz + g * interval '5 minutes' END,
       CASE WHEN random() < 0.05 THEN 'SAVE' || floor(50 * random())::int END,
       ('10.' || floor(20 * random())::int || '.' || floor(250 * random())::int || '.' || floor(250 * random())::int)::inet,
       tstzrange('2023-01-01'::timestamptz + g * interval '4 minutes',
                 '2023-01-01'::timestamptz + g * interval '4 minutes' + random() * interval '3 days'),
       int4range(floor(1000 * random())::int, 1001 + floor(1000 * random())::int),
       point(180 * random() - 90, 360 * random() - 180)
FROM (SELECT g, floor(30000 * random())::int AS customer FROM generate_series(1, 120000) g) s;
CREATE TABLE documents (
    id int, title text, body text, tags text[], labels int[], data jsonb, search tsvector, path text
);
INSERT INTO documents
SELECT g, initcap(word.a || ' ' || word.b) || ' ' || g % 5000,
       (SELECT string_agg(substr(md5(floor(4000 * random() ^ 3)::text), 1, 3 + floor(5 * random())::int), ' ')
        FROM generate_series(1, 12 + g % 20)),
       (SELECT array_agg('tag' || floor(300 * random() ^ 2)::int) FROM generate_series(1, 1 + g % 5)),
       (SELECT array_agg(floor(20000 * random())::int) FROM generate_series(1, 2 + g % 4)),
       jsonb_build_object('kind', (ARRAY['a', 'b', 'c'])[1 + g % 3], 'author', 'user' || floor(2000 * random() ^ 2)::int,
                          'score', floor(100 * random())::int, 'open', random() < 0.5,
                          'links', jsonb_build_array(floor(50 * random())::int, floor(50 * random())::int)),
       NULL, '/' || word.a || '/' || word.b || '/' || g
FROM generate_series(1, 40000) g
CROSS JOIN LATERAL (SELECT substr(md5((g % 37)::text), 1, 6) AS a, substr(md5((g % 1013)::text), 1, 7) AS b) word;
UPDATE documents SET search = to_tsvector('simple', body) WHERE true;
CREATE TABLE events (id bigint, kind text, at timestamptz, actor uuid, payload jsonb);
INSERT INTO events
SELECT g, 'kind' || floor(25 * random() ^ 2)::int, '2024-01-01'::timestamptz + g * interval '7 seconds',
       md5(floor(9000 * random())::int::text)::uuid, jsonb_build_object('n', g % 100)
FROM generate_series(1, 100000) g;
CREATE STATISTICS orders_joint (ndistinct) ON customer, region FROM orders;
CREATE INDEX orders_lower_note ON orders (lower(note));
