-- What an index stores of one key: its type, its operator class, and the numbers of its statistics. Reads catalogs only.
-- $1 type, $2 collation, $3 access method, $4 operator class as SQL or NULL, $5 and $6 relation and column with the statistics.
WITH /* pgtailor */ base AS (
    SELECT t.*
    FROM pg_catalog.pg_type d
    JOIN pg_catalog.pg_type t ON t.oid = CASE d.typtype WHEN 'd' THEN d.typbasetype ELSE d.oid END
    WHERE d.oid = $1
), class AS (
    SELECT o.*,
           CASE WHEN o.opcintype = b.oid THEN 0
                WHEN EXISTS (SELECT FROM pg_catalog.pg_cast x WHERE x.castsource = b.oid AND x.casttarget = o.opcintype
                             AND x.castmethod = 'b' AND x.castcontext = 'i') THEN 1
                WHEN o.opcintype = CASE WHEN b.typtype = 'e' THEN 'anyenum'::regtype
                                        WHEN b.typtype = 'r' THEN 'anyrange'::regtype
                                        WHEN b.typtype = 'm' THEN to_regtype('anymultirange')
                                        WHEN b.typtype = 'c' THEN 'record'::regtype
                                        WHEN b.typcategory = 'A' THEN 'anyarray'::regtype END THEN 2
                ELSE 3 END AS rank
    FROM base b
    JOIN pg_catalog.pg_am m ON m.amname = $3
    JOIN pg_catalog.pg_opclass o ON o.opcmethod = m.oid
    JOIN pg_catalog.pg_namespace n ON n.oid = o.opcnamespace
    WHERE CASE WHEN $4::text IS NULL THEN o.opcdefault
               ELSE $4 IN (quote_ident(o.opcname), quote_ident(n.nspname) || '.' || quote_ident(o.opcname)) END
), chosen AS (
    SELECT * FROM class WHERE rank < 3 OR $4 IS NOT NULL
    ORDER BY rank, opcname LIMIT 1
)
SELECT b.oid AS type, pg_catalog.format_type(b.oid, NULL) AS type_name, b.typlen AS own_length,
       k.typlen AS length, CASE k.typalign WHEN 'c' THEN 1 WHEN 's' THEN 2 WHEN 'i' THEN 4 ELSE 8 END AS alignment,
       k.oid = b.oid AS stored_as_is, coalesce(o.opcname::text, '') AS class,
       EXISTS (SELECT FROM pg_catalog.pg_amproc p JOIN pg_catalog.pg_proc f ON f.oid = p.amproc
               WHERE p.amprocfamily = o.opcfamily AND p.amproclefttype = o.opcintype AND p.amprocrighttype = o.opcintype
               AND p.amprocnum = 4
               AND (f.proname = 'btequalimage' OR f.proname = 'btvarstrequalimage'
                    AND NOT EXISTS (SELECT FROM pg_catalog.pg_collation l WHERE l.oid = $2 AND NOT l.collisdeterministic))
              ) AS equal_is_bitwise,
       $3 = 'gist' AND EXISTS (SELECT FROM pg_catalog.pg_amproc p WHERE p.amprocfamily = o.opcfamily
               AND p.amproclefttype = o.opcintype AND p.amprocnum = 11) AS sorted_build,
       s.null_frac::float8 AS nulls, s.avg_width::float8 AS width, s.n_distinct::float8 AS distinct_values,
       s.most_common_freqs::float8[] AS common,
       (s.most_common_elem_freqs::float8[])[1:array_length(s.most_common_elems::text::text[], 1)] AS common_elements,
       (SELECT avg(octet_length(e))::float8 FROM unnest(s.most_common_elems::text::text[]) e) AS element_width,
       s.elem_count_histogram[array_length(s.elem_count_histogram, 1)]::float8 AS elements
FROM base b
LEFT JOIN chosen o ON true
JOIN pg_catalog.pg_type k ON k.oid = CASE WHEN o.opckeytype = 'anyelement'::regtype THEN b.typelem
                                          WHEN coalesce(o.opckeytype, 0) = 0 THEN b.oid ELSE o.opckeytype END
LEFT JOIN (
    SELECT s.*
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname
    WHERE c.oid = $5 AND s.attname = $6 AND NOT s.inherited
) s ON true
