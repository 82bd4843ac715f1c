-- How many first bytes neighbouring bounds of a text's histogram share on average. Values stay on the server.
WITH /* pgtailor */ bound AS (
    SELECT v.text, lag(v.text) OVER (ORDER BY v.place) AS before
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = $2 AND NOT s.inherited
    CROSS JOIN LATERAL unnest(s.histogram_bounds::text::text[]) WITH ORDINALITY AS v (text, place)
    WHERE c.oid = $1
)
SELECT avg((SELECT count(*) FROM generate_series(1, least(length(b.text), length(b.before))) AS l (length)
            WHERE left(b.text, l.length) = left(b.before, l.length)))::float8 AS shared
FROM bound b
WHERE b.before IS NOT NULL
