//! Families of types, as far as they decide which operators an index can be searched with.
//!
//! It knows names only: of columns as `format_type` writes them, of casts as the grammar does. A domain, an enumeration or a type of an
//! extension that is not listed is [`Type::Other`], which compares and hashes like most types do.

use pg_query::protobuf::TypeName;

use crate::walker::string;

/// A family of types.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Type {
    /// The result of something that is not known here.
    #[default]
    Unknown,
    /// A type with no special rules.
    Other,
    /// `text`, `name`
    Text,
    /// `varchar`
    Varchar,
    /// `character(n)`, which pads
    Char,
    /// `citext`, whose pattern operators are its own
    Citext,
    /// `boolean`
    Boolean,
    /// Integers, floating point and `numeric`
    Number,
    /// `date`
    Date,
    /// `timestamp`
    Timestamp,
    /// `timestamp with time zone`
    Timestamptz,
    /// `time`, with or without zone
    Time,
    /// `interval`
    Interval,
    /// `uuid`
    Uuid,
    /// `json`, which has no operators to search with
    Json,
    /// `jsonb`
    Jsonb,
    /// Arrays of anything
    Array,
    /// `int4range` and its kin
    Range,
    /// `int4multirange` and its kin
    Multirange,
    /// `tsvector`
    TextVector,
    /// `tsquery`
    TextQuery,
    /// `inet`, `cidr`
    Network,
    /// `point`
    Point,
    /// `box`, `polygon`
    Area,
    /// `circle`
    Circle,
    /// `geometry` and `geography` of `PostGIS`
    Geography,
    /// `hstore`
    Hstore,
    /// `ltree`
    Ltree,
    /// `xml`, which has no operators at all
    Xml,
}

impl Type {
    /// The family of a column's type, as `format_type` writes it: `timestamp(3) with time zone`, `public.hstore`, `text[]`.
    pub(crate) fn of_column(name: &str) -> Self {
        if name.ends_with("[]") {
            return Self::Array;
        }
        let (before, after) = match (name.find('('), name.rfind(')')) {
            (Some(open), Some(close)) if open < close => (&name[..open], name[close + 1..].trim_start()),
            _ => (name, ""),
        };
        match (before, after) {
            ("timestamp" | "timestamp without time zone", "" | "without time zone") => Self::Timestamp,
            ("timestamp" | "timestamp with time zone", _) => Self::Timestamptz,
            ("time" | "time without time zone" | "time with time zone", _) => Self::Time,
            _ => Self::named(before.rsplit('.').next().unwrap_or(before)),
        }
    }

    /// The family of the type that a cast names.
    pub(crate) fn of_cast(name: &TypeName) -> Self {
        if name.array_bounds.is_empty() {
            name.names.last().and_then(string).map_or(Self::Unknown, Self::named)
        } else {
            Self::Array
        }
    }

    /// Whether `LIKE` over it is `LIKE` over text.
    pub(crate) fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Varchar | Self::Char)
    }

    /// Whether a regular expression could be matched with it: a domain is not known by its base type.
    pub(crate) fn may_be_text(self) -> bool {
        self.is_text() || matches!(self, Self::Unknown | Self::Other | Self::Citext)
    }

    fn named(name: &str) -> Self {
        match name {
            "text" | "name" => Self::Text,
            "varchar" | "character varying" => Self::Varchar,
            "bpchar" | "character" | "char" => Self::Char,
            "citext" => Self::Citext,
            "bool" | "boolean" => Self::Boolean,
            "int2" | "smallint" | "int4" | "integer" | "int8" | "bigint" | "float4" | "real" | "float8" | "double precision"
            | "numeric" => Self::Number,
            "date" => Self::Date,
            "timestamp" => Self::Timestamp,
            "timestamptz" => Self::Timestamptz,
            "time" | "timetz" => Self::Time,
            "interval" => Self::Interval,
            "uuid" => Self::Uuid,
            "json" => Self::Json,
            "jsonb" => Self::Jsonb,
            "tsvector" => Self::TextVector,
            "tsquery" => Self::TextQuery,
            "inet" | "cidr" => Self::Network,
            "point" => Self::Point,
            "box" | "polygon" => Self::Area,
            "circle" => Self::Circle,
            "geometry" | "geography" => Self::Geography,
            "hstore" => Self::Hstore,
            "ltree" => Self::Ltree,
            "xml" => Self::Xml,
            _ if name.ends_with("multirange") => Self::Multirange,
            _ if name.ends_with("range") => Self::Range,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Type;

    #[test]
    fn names_of_columns_lead_to_their_family() {
        assert_eq!(Type::of_column("character varying(255)"), Type::Varchar);
        assert_eq!(Type::of_column("timestamp(3) with time zone"), Type::Timestamptz);
        assert_eq!(Type::of_column("timestamp with time zone"), Type::Timestamptz);
        assert_eq!(Type::of_column("timestamp(3) without time zone"), Type::Timestamp);
        assert_eq!(Type::of_column("numeric(10,2)"), Type::Number);
        assert_eq!(Type::of_column("character varying(20)[]"), Type::Array);
        assert_eq!(Type::of_column("public.geometry(Point,4326)"), Type::Geography);
        assert_eq!(Type::of_column("int8multirange"), Type::Multirange);
        assert_eq!(Type::of_column("tstzrange"), Type::Range);
        assert_eq!(Type::of_column("mood"), Type::Other);
    }
}
