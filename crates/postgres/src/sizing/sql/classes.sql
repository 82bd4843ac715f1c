-- What an index stores of keys: their types and operator classes. Reads catalogs only.
-- $1 types, $2 collations, $3 access methods, $4 operator classes as SQL or NULL, one of each for a key.
SELECT /* pgtailor */ asked.place, found.*
FROM unnest($1::oid[], $2::oid[], $3::text[], $4::text[]) WITH ORDINALITY AS asked (type, language, method, class, place)
CROSS JOIN LATERAL (
    WITH base AS (
        SELECT t.*
        FROM pg_catalog.pg_type d
        JOIN pg_catalog.pg_type t ON t.oid = CASE d.typtype WHEN 'd' THEN d.typbasetype ELSE d.oid END
        WHERE d.oid = asked.type
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
        JOIN pg_catalog.pg_am m ON m.amname = asked.method
        JOIN pg_catalog.pg_opclass o ON o.opcmethod = m.oid
        JOIN pg_catalog.pg_namespace n ON n.oid = o.opcnamespace
        WHERE CASE WHEN asked.class IS NULL THEN o.opcdefault
                   ELSE asked.class IN (quote_ident(o.opcname), quote_ident(n.nspname) || '.' || quote_ident(o.opcname)) END
    ), chosen AS (
        SELECT * FROM class WHERE rank < 3 OR asked.class IS NOT NULL
        ORDER BY rank, opcname LIMIT 1
    )
    SELECT pg_catalog.format_type(b.oid, -1) AS type_name,
           k.typlen AS length, CASE k.typalign WHEN 'c' THEN 1 WHEN 's' THEN 2 WHEN 'i' THEN 4 ELSE 8 END AS alignment,
           k.oid = b.oid AS stored_as_is, coalesce(o.opcname::text, '') AS class,
           EXISTS (SELECT FROM pg_catalog.pg_amproc p JOIN pg_catalog.pg_proc f ON f.oid = p.amproc
                   WHERE p.amprocfamily = o.opcfamily AND p.amproclefttype = o.opcintype AND p.amprocrighttype = o.opcintype
                   AND p.amprocnum = 4
                   AND (f.proname = 'btequalimage' OR f.proname = 'btvarstrequalimage'
                        AND NOT EXISTS (SELECT FROM pg_catalog.pg_collation l WHERE l.oid = asked.language AND NOT l.collisdeterministic))
                  ) AS equal_is_bitwise,
           asked.method = 'gist' AND EXISTS (SELECT FROM pg_catalog.pg_amproc p WHERE p.amprocfamily = o.opcfamily
                   AND p.amproclefttype = o.opcintype AND p.amprocnum = 11) AS sorted_build
    FROM base b
    LEFT JOIN chosen o ON true
    JOIN pg_catalog.pg_type k ON k.oid = CASE WHEN o.opckeytype = 'anyelement'::regtype THEN b.typelem
                                              WHEN coalesce(o.opckeytype, 0) = 0 THEN b.oid ELSE o.opckeytype END
) found
