-- Names behind which stands code that is neither built in nor an extension's: functions, operators, types with code of their own, and
-- relations whose planning could call it. Servers 13 and later; no privilege; locks nothing, reads pg_depend once.
--
-- An extension's function counts as built in when a superuser owns it: a superuser put the extension's script on the server, and nobody
-- else can replace the function. (ALTER EXTENSION … ADD makes anybody's function a member, but not a superuser its owner.)
--
-- Taint spreads along pg_depend, from what is used to what uses it: function to operator, to domain, to column, to view, policy,
-- default, generated column, check constraint, index expression and extended statistics, and from each of these to its table. Foreign keys
-- and triggers call nothing when a statement is planned.
WITH /* pgtailor */ RECURSIVE foreign_function AS MATERIALIZED (
  SELECT p.oid
    FROM pg_proc p
   WHERE p.oid >= 16384
     AND NOT (EXISTS (SELECT FROM pg_depend d
                       WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid
                         AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e')
              AND EXISTS (SELECT FROM pg_roles r WHERE r.oid = p.proowner AND r.rolsuper))
), edge (from_class, from_object, to_class, to_object) AS MATERIALIZED (
  SELECT d.refclassid, d.refobjid, d.classid, d.objid
    FROM pg_depend d WHERE d.refobjid >= 16384 AND d.deptype IN ('n', 'a', 'i', 'P', 'S')
  UNION ALL
  SELECT 'pg_rewrite'::regclass, r.oid, 'pg_class'::regclass, r.ev_class FROM pg_rewrite r
  UNION ALL
  SELECT 'pg_attrdef'::regclass, a.oid, 'pg_class'::regclass, a.adrelid FROM pg_attrdef a
  UNION ALL
  SELECT 'pg_policy'::regclass, y.oid, 'pg_class'::regclass, y.polrelid FROM pg_policy y
  UNION ALL
  SELECT 'pg_constraint'::regclass, c.oid, 'pg_class'::regclass, c.conrelid
    FROM pg_constraint c WHERE c.conrelid <> 0 AND c.contype NOT IN ('f', 't')
  UNION ALL
  SELECT 'pg_constraint'::regclass, c.oid, 'pg_type'::regclass, c.contypid FROM pg_constraint c WHERE c.contypid <> 0
  UNION ALL
  SELECT 'pg_class'::regclass, i.indexrelid, 'pg_class'::regclass, i.indrelid FROM pg_index i WHERE i.indexrelid >= 16384
  UNION ALL
  SELECT 'pg_statistic_ext'::regclass, s.oid, 'pg_class'::regclass, s.stxrelid FROM pg_statistic_ext s
  UNION ALL
  SELECT 'pg_class'::regclass, h.inhrelid, 'pg_class'::regclass, h.inhparent FROM pg_inherits h
  UNION ALL
  SELECT 'pg_class'::regclass, c.oid, 'pg_type'::regclass, c.reltype FROM pg_class c WHERE c.oid >= 16384 AND c.reltype <> 0
  UNION ALL
  SELECT 'pg_cast'::regclass, k.oid, 'pg_type'::regclass, t.oid
    FROM pg_cast k JOIN pg_type t ON t.oid IN (k.castsource, k.casttarget) WHERE k.oid >= 16384 AND t.oid >= 16384
  UNION ALL
  SELECT 'pg_type'::regclass, t.oid, 'pg_type'::regclass, t.typarray FROM pg_type t WHERE t.oid >= 16384 AND t.typarray <> 0
), start (class, object) AS (
  SELECT 'pg_proc'::regclass::oid, f.oid FROM foreign_function f
  UNION ALL
  -- Planning a foreign table may ask another server, with what its owner chose.
  SELECT 'pg_class'::regclass::oid, c.oid FROM pg_class c WHERE c.relkind = 'f'
), tainted (class, object) AS (
  SELECT s.class, s.object FROM start s
  UNION
  SELECT e.to_class::oid, e.to_object FROM tainted t JOIN edge e ON e.from_class = t.class AND e.from_object = t.object
)
SELECT 'function' AS kind, p.proname::text AS name
  FROM tainted t JOIN pg_proc p ON p.oid = t.object WHERE t.class = 'pg_proc'::regclass
UNION
SELECT 'field', p.proname::text
  FROM tainted t JOIN pg_proc p ON p.oid = t.object JOIN pg_type a ON a.oid = p.proargtypes[0]
 WHERE t.class = 'pg_proc'::regclass AND p.pronargs - p.pronargdefaults <= 1 AND a.typtype IN ('c', 'p')
UNION
SELECT 'operator', o.oprname::text
  FROM tainted t JOIN pg_operator o ON o.oid = t.object WHERE t.class = 'pg_operator'::regclass
UNION
SELECT 'type', y.typname::text
  FROM tainted t JOIN pg_type y ON y.oid = t.object WHERE t.class = 'pg_type'::regclass
UNION
SELECT 'relation', c.relname::text
  FROM tainted t JOIN pg_class c ON c.oid = t.object
 WHERE t.class = 'pg_class'::regclass AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
