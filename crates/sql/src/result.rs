//! The family of the type of what is made of other things, as far as it decides which index serves.

use pg_query::NodeEnum;
use pg_query::protobuf::{AExpr, AExprKind, Node, SqlValueFunctionOp};

use crate::function;
use crate::types::Type;
use crate::walker::string;

/// The family of the result of `node`, `families` being those of what is inside.
pub(crate) fn of(node: &Node, families: &[Type]) -> Type {
    let first = families.first().copied().unwrap_or_default();
    let last = families.last().copied().unwrap_or_default();
    let known = || families.iter().copied().find(|family| *family != Type::Unknown).unwrap_or_default();
    match &node.node {
        Some(NodeEnum::FuncCall(call)) => of_call(function::name(call), families),
        Some(NodeEnum::TypeCast(cast)) => cast.type_name.as_ref().map(Type::of_cast).unwrap_or_default(),
        Some(NodeEnum::AExpr(expression)) => of_operator(expression, first, last),
        Some(NodeEnum::CoalesceExpr(_) | NodeEnum::MinMaxExpr(_)) => known(),
        Some(NodeEnum::BoolExpr(_) | NodeEnum::NullTest(_) | NodeEnum::BooleanTest(_)) => Type::Boolean,
        Some(NodeEnum::CollateClause(_)) => first,
        Some(NodeEnum::AArrayExpr(_)) => Type::Array,
        Some(NodeEnum::AIndirection(_)) if first == Type::Jsonb => Type::Jsonb,
        Some(NodeEnum::SqlvalueFunction(value)) => match SqlValueFunctionOp::try_from(value.op) {
            Ok(SqlValueFunctionOp::SvfopCurrentDate) => Type::Date,
            Ok(SqlValueFunctionOp::SvfopCurrentTimestamp | SqlValueFunctionOp::SvfopCurrentTimestampN) => Type::Timestamptz,
            Ok(SqlValueFunctionOp::SvfopLocaltimestamp | SqlValueFunctionOp::SvfopLocaltimestampN) => Type::Timestamp,
            _ => Type::Unknown,
        },
        _ => Type::Unknown,
    }
}

fn of_operator(expression: &AExpr, left: Type, right: Type) -> Type {
    use Type::{Date, Interval, Number, Timestamp, Timestamptz, Unknown};
    if expression.kind != AExprKind::AexprOp as i32 {
        return if expression.kind == AExprKind::AexprNullif as i32 { left } else { Type::Boolean };
    }
    match (expression.name.last().and_then(string).unwrap_or_default(), left, right) {
        ("->>" | "#>>", ..) | ("->", Type::Hstore, _) => Type::Text,
        ("-", Timestamp | Timestamptz, Timestamp | Timestamptz) => Interval,
        ("+" | "-", Date, Interval) => Timestamp,
        ("||", Unknown, _) | ("+", Unknown | Number | Interval, Date | Timestamp | Timestamptz) => right,
        ("-", Date, Date) | ("%" | "^" | "&" | "|" | "#" | "<->" | "<=>" | "<#>" | "<+>", ..) => Number,
        ("->" | "#>" | "#-" | "+" | "-" | "*" | "/" | "||", ..) => left,
        ("=" | "<>" | "<" | "<=" | ">" | ">=" | "@>" | "<@" | "&&" | "?" | "@@" | "~" | "~*", ..) => Type::Boolean,
        _ => Unknown,
    }
}

/// The family of its result, `arguments` being those of its arguments.
fn of_call(name: &str, arguments: &[Type]) -> Type {
    let first = arguments.first().copied().unwrap_or_default();
    let last = arguments.last().copied().unwrap_or_default();
    match name {
        "lower" | "upper" if matches!(first, Type::Range | Type::Multirange) => Type::Unknown,
        "lower"
        | "upper"
        | "initcap"
        | "btrim"
        | "ltrim"
        | "rtrim"
        | "substr"
        | "substring"
        | "left"
        | "right"
        | "replace"
        | "translate"
        | "regexp_replace"
        | "concat"
        | "concat_ws"
        | "md5"
        | "split_part"
        | "lpad"
        | "rpad"
        | "reverse"
        | "repeat"
        | "unaccent"
        | "to_char"
        | "encode"
        | "jsonb_extract_path_text"
        | "json_extract_path_text"
        | "format"
        | "array_to_string"
        | "quote_literal"
        | "normalize"
        | "host" => Type::Text,
        "jsonb_extract_path" | "to_jsonb" | "jsonb_build_object" | "jsonb_path_query_first" => Type::Jsonb,
        "json_extract_path" | "to_json" | "row_to_json" | "json_build_object" => Type::Json,
        "to_tsvector" | "setweight" | "strip" => Type::TextVector,
        _ if function::reads_text_query(name) => Type::TextQuery,
        "length" | "char_length" | "octet_length" | "abs" | "ceil" | "floor" | "round" | "trunc" | "sqrt" | "mod" | "extract"
        | "date_part" | "position" | "strpos" | "array_length" | "cardinality" | "jsonb_array_length" | "json_array_length"
        | "similarity" | "word_similarity" | "hashtext" | "ascii" => Type::Number,
        "date_trunc" | "date_bin" => arguments.get(1).copied().unwrap_or_default(),
        "timezone" if last == Type::Timestamptz => Type::Timestamp,
        "timezone" if last == Type::Timestamp => Type::Timestamptz,
        "to_timestamp" | "now" | "transaction_timestamp" | "statement_timestamp" | "clock_timestamp" => Type::Timestamptz,
        "date" | "to_date" | "make_date" => Type::Date,
        "age" | "make_interval" => Type::Interval,
        "string_to_array" | "regexp_split_to_array" | "array_append" | "array_remove" | "array_cat" => Type::Array,
        "tsrange" | "tstzrange" | "daterange" | "numrange" | "int4range" | "int8range" => Type::Range,
        "point" => Type::Point,
        "box" | "polygon" => Type::Area,
        "circle" => Type::Circle,
        "st_setsrid" | "st_makepoint" | "st_transform" | "st_buffer" | "st_point" => Type::Geography,
        _ => Type::Unknown,
    }
}
