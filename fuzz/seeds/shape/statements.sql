-- Statements of every kind that the reader knows, for the fuzzer to cut up and put together.
SELECT t.id, u.name FROM t LEFT JOIN u ON u.id = t.n::bigint AND u.is_on WHERE t.name LIKE 'a%' AND (u.id IS NULL OR t.n BETWEEN 1 AND 2) ORDER BY t.at DESC NULLS LAST LIMIT 10 OFFSET 5;
WITH RECURSIVE r(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM r WHERE n < 100), c AS MATERIALIZED (SELECT * FROM t) SELECT sum(n) FROM r, LATERAL (SELECT * FROM c WHERE id = r.n) x GROUP BY ROLLUP (n) HAVING count(*) > 1;
INSERT INTO t (id, name) SELECT id, lower(name) FROM u WHERE email = ANY ($1) ON CONFLICT (id) DO UPDATE SET name = excluded.name WHERE t.is_on RETURNING *;
UPDATE t SET (name, n) = (SELECT email, 1 FROM u WHERE u.id = t.id), at = now() - interval '1 day' FROM u WHERE t.id = u.id AND t.doc @> '{"a": 1}' AND t.doc ->> 'kind' = 'x';
DELETE FROM t USING u WHERE t.tags && ARRAY['a', 'b'] AND t.period @> now() AND t.body @@ to_tsquery('english', 'a & b');
MERGE INTO t USING u ON t.id = u.id WHEN MATCHED AND u.is_on THEN DELETE WHEN MATCHED THEN UPDATE SET n = u.n WHEN NOT MATCHED THEN INSERT (id) VALUES (u.id);
COPY t (id, name) FROM stdin;
\.
SELECT DISTINCT ON (name) *, rank() OVER (PARTITION BY name ORDER BY n) FROM t TABLESAMPLE system (1) WHERE place <-> point '(1,2)' < 3 ORDER BY name, place <-> point '(1,2)';
SELECT min(id) FROM v WHERE name ILIKE $1 AND (id, name) > ($2, $3) AND EXISTS (SELECT 1 FROM u WHERE u.id = v.id) AND v.id NOT IN (SELECT id FROM u);
SELECT coalesce(name, 'x') COLLATE "C", CASE WHEN is_on THEN 1 ELSE 2 END, t FROM ONLY t JOIN u USING (id, name) AS j WHERE date_trunc('day', t.at) = $1 OR (t.id = 1 AND u.id = 2) FOR UPDATE SKIP LOCKED;
SELECT * FROM json_table('[]', '$[*]' COLUMNS (a int)) j, xmltable('/a' PASSING '<a/>' COLUMNS b int), unnest(ARRAY[1, 2]) WITH ORDINALITY AS w (x, y), generate_series(1, 3) g WHERE x = ANY (SELECT n FROM t) IS NOT DISTINCT FROM y;
TABLE t; VALUES (1, 'a'), (2, E'b\''); SELECT $tag$ ; $tag$, U&'\0041', B'101', X'1F', 1e-5, "We ird".a FROM t "We ird";
SELECT name SIMILAR TO 'a(b|c)%', email ~* '^x', tags[1:2], (doc #>> '{a,b}')::int, extract(year FROM at), row(t.*) FROM t WHERE is_on IS NOT TRUE AND NOT (n <> 1 OR n IN (1, 2, 3));
