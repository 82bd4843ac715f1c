-- The columns of a table, those of generated columns with what they are generated from. Reads catalogs only.
SELECT /* pgtailor */ a.attname::text AS name, a.attnum AS number, a.atttypid AS type, a.attcollation AS collation,
       a.attnotnull AS not_null,
       CASE WHEN a.attgenerated <> '' THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) END AS generated
FROM pg_catalog.pg_attribute a
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
