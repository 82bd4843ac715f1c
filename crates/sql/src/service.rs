//! Which access methods, with which operator classes, can be searched for an operator over a type.
//!
//! From the operator families of PostgreSQL (`pg_amop.dat`, and the extensions `pg_trgm`, `hstore`, `ltree`) and from the planner's
//! support functions (`like_support.c`, `network.c`). An operator class is named only where it is not the default one of the type; best
//! first, by what usually costs least to search and keep. It knows nothing of operands: the subject stands on the left.

use pgtailor_model::shape::{Comparison, Service, Serving};

use crate::types::Type;

/// How `operator` compares a left side of type `left`, and what serves it.
pub(crate) fn of_operator(operator: &str, left: Type) -> (Comparison, Service) {
    match operator {
        "=" => (Comparison::Equal, equality(left)),
        "<" | "<=" | ">" | ">=" => (Comparison::Range, ordering(left)),
        "<>" | "!=" => (Comparison::Other, Service::nothing("<>")),
        "^@" => (Comparison::Prefix, prefix(left, &[])),
        "~" | "~*" if left.may_be_text() => (Comparison::Pattern, trigrams(left)),
        "!~" | "!~*" => (Comparison::Other, Service::nothing(format!("operator {operator}, a negated pattern"))),
        "%" | "<%" | "%>" | "<<%" | "%>>" => (Comparison::Similarity, trigrams(left)),
        "@@" | "@@@" if !matches!(left, Type::Jsonb | Type::Json) => (Comparison::FullText, full_text(left, operator)),
        _ => containment(operator, left),
    }
}

/// What serves equality with a value of the type's own.
pub(crate) fn equality(left: Type) -> Service {
    match left {
        Type::Json | Type::Xml => Service::nothing("a type without equality"),
        Type::Point | Type::Area | Type::Circle => Service::nothing("equality of geometric types, which no index serves"),
        Type::Array => by(&[("btree", ""), ("hash", ""), ("gin", "")]),
        Type::TextVector | Type::TextQuery | Type::Geography => by(&[("btree", "")]),
        _ => by(&[("btree", ""), ("hash", "")]),
    }
}

/// What serves a prefix `LIKE` (also `~ '^abc'`), or with `^@`, less `extra`: the order of bytes, which the pattern classes have in any
/// collation, the default class only in collation C; the column's collation is not known here (`match_pattern_prefix`).
pub(crate) fn prefix(left: Type, extra: &[(&str, &str)]) -> Service {
    match left {
        Type::Char => by(&[("btree", "bpchar_pattern_ops")]),
        Type::Citext => own_patterns(),
        Type::Varchar => by(&[&[("btree", "varchar_pattern_ops"), ("spgist", "")], extra].concat()),
        _ => by(&[&[("btree", "text_pattern_ops"), ("spgist", "")], extra].concat()),
    }
}

/// What serves a pattern with trigrams in it, wherever they stand.
pub(crate) fn trigrams(left: Type) -> Service {
    match left {
        Type::Char => Service::nothing("a pattern over a type that pads with spaces"),
        Type::Citext => own_patterns(),
        _ => by(TRIGRAMS),
    }
}

/// What serves a pattern that is not known before the statement runs: trigrams if it has three letters in a row, the order of bytes
/// if it begins with a letter.
pub(crate) fn unknown_pattern(left: Type) -> Service {
    match left {
        Type::Char => by(&[("btree", "bpchar_pattern_ops")]),
        Type::Citext => own_patterns(),
        Type::Varchar => by(&[TRIGRAMS, &[("btree", "varchar_pattern_ops")]].concat()),
        _ => by(&[TRIGRAMS, &[("btree", "text_pattern_ops")]].concat()),
    }
}

/// Whether the operator asks for an order.
pub(crate) fn is_ordering(operator: &str) -> bool {
    matches!(operator, "<" | "<=" | ">" | ">=")
}

/// Operator classes that search by trigrams.
pub(crate) const TRIGRAMS: &[(&str, &str)] = &[("gin", "gin_trgm_ops"), ("gist", "gist_trgm_ops")];

/// The operator that means the same with its sides exchanged (`pg_operator.oprcom`), if there is one.
pub(crate) fn commuted(operator: &str) -> Option<&str> {
    Some(match operator {
        "<" => ">",
        "<=" => ">=",
        ">" => "<",
        ">=" => "<=",
        "@>" => "<@",
        "<@" => "@>",
        "<<" => ">>",
        ">>" => "<<",
        "<<=" => ">>=",
        ">>=" => "<<=",
        "<%" => "%>",
        "%>" => "<%",
        "<<%" => "%>>",
        "%>>" => "<<%",
        "=" | "<>" | "!=" | "&&" | "-|-" | "%" | "@@" | "@@@" | "~=" | "<->" => operator,
        _ => return None,
    })
}

/// The operator that holds when this one does not (`pg_operator.oprnegate`), if there is one.
pub(crate) fn negated(operator: &str) -> Option<&str> {
    Some(match operator {
        "=" => "<>",
        "<>" | "!=" => "=",
        "<" => ">=",
        "<=" => ">",
        ">" => "<=",
        ">=" => "<",
        "~~" => "!~~",
        "!~~" => "~~",
        "~~*" => "!~~*",
        "!~~*" => "~~*",
        "~" => "!~",
        "!~" => "~",
        "~*" => "!~*",
        "!~*" => "~*",
        _ => return None,
    })
}

fn ordering(left: Type) -> Service {
    match left {
        Type::Json | Type::Xml | Type::Point | Type::Area | Type::Circle => {
            Service::nothing("a type without an order that an index has")
        }
        // Enumerations, for one, have no BRIN class.
        Type::Other
        | Type::Array
        | Type::Jsonb
        | Type::Boolean
        | Type::TextVector
        | Type::TextQuery
        | Type::Ltree
        | Type::Hstore => by(&[("btree", "")]),
        _ => by(&[("btree", ""), ("brin", "")]),
    }
}

fn full_text(left: Type, operator: &str) -> Service {
    match left {
        Type::TextVector | Type::Unknown => by(&[("gin", ""), ("gist", "")]),
        Type::TextQuery => by(&[("gist", "")]),
        left if left.is_text() => Service::nothing(
            "@@ over text, which parses each row with a setting's configuration; write to_tsvector('english', …) @@ …",
        ),
        _ => unserved(operator),
    }
}

/// Access methods with their operator classes, the empty one being the default of the type.
type Ways = &'static [(&'static str, &'static str)];

/// Operators of containment, overlap, existence and position over a type, and what serves them there.
static CONTAINMENT: &[(Type, &[&str], Ways)] = &[
    (Type::Jsonb, &["@>", "@?", "@@"], &[("gin", "jsonb_path_ops"), ("gin", "")]),
    (Type::Jsonb, &["?", "?|", "?&"], &[("gin", "")]),
    (Type::Array, &["@>", "<@", "&&"], &[("gin", "")]),
    (Type::Hstore, &["@>", "?", "?|", "?&"], &[("gin", ""), ("gist", "")]),
    (Type::Range, &["@>", "<@", "&&", "<<", ">>", "&<", "&>", "-|-"], &[("gist", ""), ("spgist", "")]),
    (Type::Multirange, &["@>", "<@", "&&", "<<", ">>", "&<", "&>", "-|-"], &[("gist", "")]),
    (Type::Ltree, &["@>", "<@", "~", "?", "@"], &[("gist", "")]),
    (Type::Network, &["<<", "<<="], &[("gist", "inet_ops"), ("spgist", ""), ("btree", "")]),
    (Type::Network, &[">>", ">>=", "&&"], &[("gist", "inet_ops"), ("spgist", "")]),
    (Type::Point, &["<@", "<<", ">>", "<^", ">^", "~=", "|>>", "<<|"], &[("gist", ""), ("spgist", "")]),
    (Type::Area, AREAS, &[("gist", ""), ("spgist", "")]),
    (Type::Circle, AREAS, &[("gist", "")]),
    (Type::Geography, AREAS, &[("gist", "")]),
    (Type::Geography, &["@", "~", "&&&"], &[("gist", "")]),
    // The result of something that is not known here: what has the operator at all is served by these.
    (Type::Unknown, &["@>", "?", "?|", "?&", "@?"], &[("gin", "")]),
    (Type::Unknown, &["&&"], &[("gin", ""), ("gist", "")]),
];

/// Operators of things with an extent.
const AREAS: &[&str] = &["&&", "@>", "<@", "~=", "<<", ">>", "&<", "&>", "&<|", "|&>", "<<|", "|>>"];

fn containment(operator: &str, left: Type) -> (Comparison, Service) {
    let of_type = CONTAINMENT.iter().find(|(family, operators, _)| *family == left && operators.contains(&operator));
    if let Some((_, _, ways)) = of_type {
        return (Comparison::Containment, by(ways));
    }
    if !CONTAINMENT.iter().any(|(_, operators, _)| operators.contains(&operator)) {
        return (Comparison::Other, unserved(operator));
    }
    let is_scalar = matches!(left, Type::Number | Type::Date | Type::Timestamp | Type::Timestamptz);
    let service = match operator {
        "<@" if is_scalar => Service::nothing("an element within a range; write it as two bounds"),
        _ if left == Type::Json => Service::nothing(format!("operator {operator}, which json does not have: jsonb does")),
        _ => unserved(operator),
    };
    (Comparison::Containment, service)
}

fn unserved(operator: &str) -> Service {
    Service::nothing(format!("operator {operator}, which no index serves over this type"))
}

fn own_patterns() -> Service {
    Service::nothing("a pattern over citext, whose operators are its own")
}

fn by(ways: &[(&str, &str)]) -> Service {
    let serving = |(method, class): &(&str, &str)| {
        if class.is_empty() { Serving::of(method) } else { Serving::with(method, class) }
    };
    Service::By(ways.iter().map(serving).collect())
}
