//! Usual values of types, for parameters of which nothing else is known.

use jiff::Timestamp;
use pgtailor_model::binding::Literal;

use super::array::array_of;
use super::instant::Instant;
use super::value_type::{TypeKind, ValueType};

/// A usual value of `value_type`, one of several for the `draw`th draw where the type has only a few; `None` for types not known here.
pub(super) fn assumed(value_type: &ValueType, now: Timestamp, draw: usize) -> Option<Literal> {
    match &value_type.kind {
        TypeKind::Enum(labels) => return labels.get(draw % labels.len().max(1)).map(Literal::new),
        TypeKind::Array(element) => return assumed(element, now, draw).map(|element| array_of(&[element])),
        TypeKind::Plain => {}
    }
    if value_type.is_time() {
        return Some(Instant(now).plus_hours(-24 * 7).write(value_type));
    }
    Some(Literal::new(match value_type.name.as_str() {
        "bool" => ["true", "false"][draw % 2],
        "int2" | "int4" | "int8" | "numeric" | "float4" | "float8" | "money" | "oid" | "bit" | "varbit" | "xid" | "xid8"
        | "cid" => "1",
        // Names of objects may be their numbers, and those need not be there.
        "regproc" | "regprocedure" | "regoper" | "regoperator" | "regrole" => "0",
        // A word that functions which take the name of a unit accept, too: `date_trunc($1, …)`, `extract($1 FROM …)`.
        "text" | "varchar" | "bpchar" | "name" | "citext" | "unknown" => "day",
        "char" | "ltree" | "lquery" | "ltxtquery" => "a",
        "time" => "12:00:00",
        "timetz" => "12:00:00+00",
        "interval" => "7 days",
        "uuid" => "00000000-0000-4000-8000-000000000000",
        "inet" => "10.0.0.1",
        "cidr" => "10.0.0.0/8",
        "macaddr" => "02:00:00:00:00:01",
        "macaddr8" => "02:00:00:00:00:00:00:01",
        "bytea" => "\\x00",
        "json" | "jsonb" | "datemultirange" | "tsmultirange" | "tstzmultirange" => "{}",
        "jsonpath" => "$.id",
        "xml" => "<a/>",
        "tsvector" | "tsquery" => WORD,
        "point" => "(0,0)",
        "box" => "(1,1),(0,0)",
        "circle" => "<(0,0),1>",
        "lseg" | "path" => "[(0,0),(1,1)]",
        "line" => "{1,-1,0}",
        "polygon" => "((0,0),(1,0),(1,1))",
        "int4range" | "int8range" | "numrange" => "[1,10)",
        "daterange" | "tsrange" | "tstzrange" => return Some(last_week(value_type, now)),
        "int4multirange" | "int8multirange" | "nummultirange" => "{[1,10)}",
        "regclass" => "pg_catalog.pg_class",
        "regtype" => "pg_catalog.int4",
        "regnamespace" => "pg_catalog",
        "regcollation" => "pg_catalog.\"C\"",
        "regconfig" | "regdictionary" => "pg_catalog.simple",
        "tid" => "(0,1)",
        "pg_lsn" => "0/1",
        "geometry" | "geography" => "POINT(0 0)",
        "hstore" => "a=>1",
        _ => return None,
    }))
}

/// A word that texts in English often have.
pub(super) const WORD: &str = "data";

fn last_week(value_type: &ValueType, now: Timestamp) -> Literal {
    let element = ValueType::plain(match value_type.name.as_str() {
        "daterange" => "date",
        "tsrange" => "timestamp",
        _ => "timestamptz",
    });
    let now = Instant(now);
    Literal::new(format!("[\"{}\",\"{}\")", now.plus_hours(-24 * 7).write(&element).expose(), now.write(&element).expose()))
}
