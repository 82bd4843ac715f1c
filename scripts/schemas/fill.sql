-- Fills every empty table of the schema public with rows that satisfy its keys: the n-th row of a table has the n-th key, and refers to keys
-- of the same kind. Tables whose own checks refuse such rows stay empty, with a notice. Needs a superuser, since triggers and foreign keys
-- do not fire. What filling took is not counted. Variable: rows, of each table.
\set ON_ERROR_STOP on
SET session_replication_role = replica;
SET client_min_messages = notice;

-- The n-th key of a type. Two columns of one type that refer to one another have the same keys.
CREATE FUNCTION pg_temp.key(type text, length integer, n text) RETURNS text LANGUAGE sql AS $$
    SELECT CASE
        WHEN type IN ('int2', 'int4', 'int8', 'numeric', 'float8') THEN n
        WHEN type = 'uuid' THEN format('md5((%s)::text)::uuid', n)
        WHEN type IN ('date', 'timestamp', 'timestamptz') THEN format('(timestamptz ''2026-01-01'' - (%s) * interval ''1 minute'')::%s', n, type)
        WHEN type IN ('text', 'varchar', 'bpchar', 'citext') THEN format('left(lpad(to_hex(%s), 5, ''0'') || md5((%s)::text), %s)', n, n, coalesce(length, 40))
        WHEN type = 'bytea' THEN format('decode(md5((%s)::text), ''hex'')', n)
    END
$$;

-- A value that many rows share.
CREATE FUNCTION pg_temp.common(type text, length integer, n text) RETURNS text LANGUAGE sql AS $$
    SELECT CASE
        WHEN type = 'bool' THEN format('(%s) %% 8 <> 0', n)
        WHEN type IN ('int2', 'int4', 'int8', 'numeric', 'float8', 'float4') THEN format('(%s) * 7919 %% %s', n, CASE WHEN type = 'numeric' THEN 9 ELSE 97 END)
        WHEN type IN ('json', 'jsonb') THEN format('(''{"n": '' || (%s) %% 100 || ''}'')::%s', n, type)
        WHEN type = 'interval' THEN format('(%s) %% 100 * interval ''1 minute''', n)
        WHEN type = 'inet' THEN format('(''10.0.0.'' || (%s) %% 250)::inet', n)
        WHEN type = 'text' THEN format('repeat(md5((%s)::text), 3)', n)
        WHEN type IN ('varchar', 'bpchar', 'citext') AND coalesce(length, 99) < 32 THEN format('left(chr((97 + (%s) %% 6)::integer) || ''bcdef'', %s)', n, coalesce(length, 20))
        WHEN type = 'tsvector' THEN format('to_tsvector(''simple'', md5((%s)::text))', n)
        ELSE pg_temp.key(type, length, n)
    END
$$;

CREATE FUNCTION pg_temp.fill(rows integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    filled record;
    statement text;
BEGIN
    FOR filled IN
        SELECT c.oid, c.oid::regclass AS name,
               string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns,
               string_agg(CASE
                   WHEN NOT a.attnotnull AND a.attnum % 3 = 0 AND NOT is_key THEN format('CASE WHEN n %% 4 = 0 THEN NULL ELSE %s END', value)
                   ELSE value END, ', ' ORDER BY a.attnum) AS expressions
        FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
        JOIN pg_type d ON d.oid = a.atttypid
        JOIN pg_type t ON t.oid = CASE WHEN d.typtype = 'd' THEN d.typbasetype ELSE d.oid END
        CROSS JOIN LATERAL (
            SELECT CASE WHEN a.atttypmod > 4 AND t.typname IN ('varchar', 'bpchar') THEN a.atttypmod - 4 END AS length,
                   EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND a.attnum = ANY (i.indkey) AND i.indnkeyatts = 1) AS is_key,
                   EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND a.attnum = ANY (i.indkey)) AS is_part,
                   EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'f' AND a.attnum = ANY (k.conkey)) AS refers
        ) AS facts
        CROSS JOIN LATERAL (
            SELECT coalesce(CASE
                WHEN t.typcategory = 'A' OR t.typname = 'hstore' THEN format('%L::%s', CASE t.typcategory WHEN 'A' THEN '{}' ELSE '' END, t.oid::regtype)
                WHEN t.typtype = 'e' THEN format('(enum_range(NULL::%s))[1 + n %% cardinality(enum_range(NULL::%s))]', a.atttypid::regtype, a.atttypid::regtype)
                WHEN is_key THEN pg_temp.key(t.typname, length, 'n')
                WHEN refers THEN pg_temp.key(t.typname, length, format('(1 + n * %s %% %s)', 7919 + a.attnum * 2, rows / (1 + a.attnum % 4)))
                WHEN is_part THEN coalesce(pg_temp.key(t.typname, length, format('(1 + n * %s %% %s)', 104729 + a.attnum * 2, rows)), pg_temp.common(t.typname, length, 'n'))
                ELSE pg_temp.common(t.typname, length, 'n')
            END, 'NULL') AS value
        ) AS written
        WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
          AND c.relname NOT IN ('django_migrations', 'django_content_type', 'auth_permission', 'alembic_version', 'alembic_version_fab')
        GROUP BY c.oid
    LOOP
        statement := format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM generate_series(1::bigint, %s) n ON CONFLICT DO NOTHING',
                            filled.name, filled.columns, filled.expressions, rows);
        BEGIN
            EXECUTE statement;
        EXCEPTION WHEN others THEN
            RAISE NOTICE '% stays empty: %', filled.name, SQLERRM;
        END;
    END LOOP;
END
$$;

SELECT pg_temp.fill(:rows) \g /dev/null

-- Sequences go on behind what is there.
DO $$ BEGIN PERFORM setval(format('%I.%I', s.schemaname, s.sequencename), 200000) FROM pg_sequences s WHERE s.schemaname = 'public'; END $$;
VACUUM ANALYZE;
SELECT pg_stat_statements_reset() \g /dev/null
SELECT pg_stat_reset() \g /dev/null
