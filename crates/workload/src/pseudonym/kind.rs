//! What the values of a type are made of, by the type's name as `regtype` or a cast writes it.
//!
//! Enums, domains and ranges that people made are known by their definitions in the schema. Of a type that is not known here no value
//! is ever let through. Begin at [`Types::kind`].

use std::collections::BTreeMap;

use pgtailor_model::planner::{PlannerInputs, SchemaObject, SchemaObjectKind};

use super::digits::DigitsType;
use super::family::Family;
use super::moment::MomentType;
use super::number::Width;
use super::text::TextType;

/// What the values of a type are made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `boolean`, and labels of enums, which are part of the schema: they stay.
    Kept,
    /// `interval`: in statements a distance, which stays; in statistics not understood.
    Interval,
    /// One value of a family.
    Single(Family),
    /// Arrays.
    Array(Box<Kind>),
    /// Ranges.
    Range(Box<Kind>),
    /// Anything else.
    Unknown,
}

/// The types that the schema defines.
#[derive(Debug, Default)]
pub(super) struct Types(BTreeMap<String, Defined>);

#[derive(Clone, Debug)]
enum Defined {
    Enum,
    Domain(String),
    Range(String),
}

/// Domains over domains that are followed.
const DEPTH: u32 = 16;

impl Types {
    /// Those that `inputs` define.
    pub(super) fn of(inputs: &PlannerInputs) -> Self {
        let of_labels = inputs.labels.values().filter_map(|label| inputs.types.get(&label.of));
        let mut types: BTreeMap<String, Defined> = of_labels.map(|name| (name.clone(), Defined::Enum)).collect();
        let definitions = inputs.schema.iter().filter(|object| object.kind == SchemaObjectKind::Type);
        types.extend(definitions.filter_map(definition));
        Self(types)
    }

    /// What values of the type `name` are made of.
    pub(super) fn kind(&self, name: &str) -> Kind {
        self.kind_within(name, DEPTH)
    }

    fn kind_within(&self, name: &str, depth: u32) -> Kind {
        let name = name.trim();
        let name = name.strip_prefix("pg_catalog.").map_or(name, |own| match unquoted(own) {
            // Without quotes it would be another type.
            "char" => own,
            plain => plain,
        });
        if let Some(element) = name.strip_suffix("[]") {
            return Kind::Array(Box::new(self.kind_within(element, depth)));
        }
        if let Some(kind) = built_in(&without_modifier(name)) {
            return kind;
        }
        match self.0.get(name).or_else(|| self.0.get(&without_modifier(name))) {
            Some(Defined::Enum) => Kind::Kept,
            Some(Defined::Domain(base)) if depth > 0 => self.kind_within(base, depth - 1),
            Some(Defined::Range(bound)) if depth > 0 => Kind::Range(Box::new(self.kind_within(bound, depth - 1))),
            Some(_) => Kind::Unknown,
            None => match element_of(name) {
                Some(element) if depth > 0 => Kind::Array(Box::new(self.kind_within(&element, depth - 1))),
                _ => Kind::Unknown,
            },
        }
    }
}

/// `"timestamp"` is a reserved word that was quoted.
fn unquoted(name: &str) -> &str {
    name.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')).unwrap_or(name)
}

/// The element of `_int4` or `public._mood`: the catalog's own name of an array type.
fn element_of(name: &str) -> Option<String> {
    match name.rsplit_once('.') {
        Some((schema, name)) => Some(format!("{schema}.{}", unquoted(name).strip_prefix('_')?)),
        None => unquoted(name).strip_prefix('_').map(str::to_owned),
    }
}

/// `numeric(10,2)` without what stands in parentheses.
fn without_modifier(name: &str) -> String {
    match (name.find('('), name.find(')')) {
        (Some(open), Some(close)) if open < close => {
            format!("{}{}", name[..open].trim_end(), &name[close + 1..])
        }
        _ => name.to_owned(),
    }
}

fn built_in(name: &str) -> Option<Kind> {
    let range = |bound| Some(Kind::Range(Box::new(Kind::Single(bound))));
    let single = match name {
        "boolean" | "bool" => return Some(Kind::Kept),
        "interval" => return Some(Kind::Interval),
        "int4range" => return range(Family::Number(Width::Usual)),
        "int8range" => return range(Family::Number(Width::Big)),
        "numrange" => return range(Family::Number(Width::Unbounded)),
        "daterange" => return range(Family::Moment(MomentType::Date)),
        "tsrange" => return range(Family::Moment(MomentType::Local)),
        "tstzrange" => return range(Family::Moment(MomentType::Universal)),
        "smallint" | "int2" => Family::Number(Width::Small),
        "integer" | "int4" | "int" => Family::Number(Width::Usual),
        "bigint" | "int8" => Family::Number(Width::Big),
        "oid" => Family::Number(Width::Identifier),
        "numeric" | "decimal" | "real" | "double precision" | "float4" | "float8" => Family::Number(Width::Unbounded),
        "date" => Family::Moment(MomentType::Date),
        "timestamp" | "timestamp without time zone" => Family::Moment(MomentType::Local),
        "timestamptz" | "timestamp with time zone" => Family::Moment(MomentType::Universal),
        "time" | "time without time zone" => Family::Clock,
        "text" | "character varying" | "varchar" | "name" | "\"char\"" => Family::Text(TextType::Exact),
        "character" | "bpchar" => Family::Text(TextType::Padded),
        // An extension is in any schema.
        name if name == "citext" || name.ends_with(".citext") => Family::Text(TextType::CaseBlind),
        "uuid" => Family::Digits(DigitsType::Uuid),
        "macaddr" | "macaddr8" => Family::Digits(DigitsType::Hardware),
        "bytea" => Family::Digits(DigitsType::Bytes),
        "inet" | "cidr" => Family::Digits(DigitsType::Network),
        _ => return None,
    };
    Some(Kind::Single(single))
}

/// The name and the definition of a type, as `CREATE TYPE` and `CREATE DOMAIN` have them.
fn definition(object: &SchemaObject) -> Option<(String, Defined)> {
    let sql = object.sql.trim().trim_end_matches(';');
    if let Some(rest) = sql.strip_prefix("CREATE DOMAIN ") {
        let (name, base) = rest.split_once(" AS ")?;
        let ends = [" COLLATE ", " DEFAULT ", " NOT NULL", " NULL", " CONSTRAINT ", " CHECK"];
        let end = ends.iter().filter_map(|end| base.find(end)).min().unwrap_or(base.len());
        return Some((name.trim().to_owned(), Defined::Domain(base[..end].trim().to_owned())));
    }
    let (name, rest) = sql.strip_prefix("CREATE TYPE ")?.split_once(" AS ")?;
    let name = name.trim().to_owned();
    if rest.trim_start().starts_with("ENUM") {
        return Some((name, Defined::Enum));
    }
    let options = rest.trim_start().strip_prefix("RANGE")?;
    let place = options.to_ascii_lowercase().find("subtype")?;
    let bound = options[place..].split_once('=')?.1;
    let bound = bound.split([',', ')']).next()?.trim();
    Some((name, Defined::Range(bound.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn types(definitions: &[&str]) -> Types {
        let object = |sql: &&str| SchemaObject::new(SchemaObjectKind::Type, "", *sql);
        Types(definitions.iter().filter_map(|sql| definition(&object(sql))).collect())
    }

    #[test]
    fn types_of_the_schema_are_what_they_are_made_of() {
        let types = types(&[
            "CREATE TYPE public.state AS ENUM ('open', 'closed')",
            "CREATE DOMAIN public.email AS character varying(100) COLLATE \"C\"",
            "CREATE DOMAIN public.work_email AS public.email;",
            "CREATE TYPE public.prices AS RANGE (subtype = numeric, subtype_diff = x)",
            "CREATE TYPE public.point3 AS (x real, y real, z real)",
        ]);
        assert_eq!(types.kind("public.state"), Kind::Kept);
        assert_eq!(types.kind("public.work_email[]"), Kind::Array(Box::new(Kind::Single(Family::Text(TextType::Exact)))));
        assert_eq!(types.kind("public.prices"), Kind::Range(Box::new(Kind::Single(Family::Number(Width::Unbounded)))));
        assert_eq!(types.kind("public.point3"), Kind::Unknown);
        assert_eq!(types.kind("jsonb"), Kind::Unknown);
    }

    #[test]
    fn the_catalogs_own_names_are_the_same_types() {
        let types = types(&["CREATE TYPE public.mood AS ENUM ('a')"]);
        for (catalogs, usual) in [
            ("pg_catalog.\"timestamp\"", "timestamp without time zone"),
            ("pg_catalog.\"varchar\"", "character varying"),
            ("pg_catalog._int4", "integer[]"),
            ("pg_catalog.\"char\"", "\"char\""),
            ("public._mood", "public.mood[]"),
        ] {
            assert_eq!(types.kind(catalogs), types.kind(usual), "{catalogs}");
            assert_ne!(types.kind(catalogs), Kind::Unknown, "{catalogs}");
        }
        assert_eq!(types.kind("pg_catalog.\"json\""), Kind::Unknown);
    }

    #[test]
    fn modifiers_do_not_matter() {
        let types = Types::default();
        assert_eq!(types.kind("timestamp(3) with time zone"), Kind::Single(Family::Moment(MomentType::Universal)));
        assert_eq!(types.kind("numeric(10,2)"), Kind::Single(Family::Number(Width::Unbounded)));
        assert_eq!(types.kind("character(2)[]"), Kind::Array(Box::new(Kind::Single(Family::Text(TextType::Padded)))));
    }

    #[test]
    fn a_domain_over_itself_is_unknown() {
        assert_eq!(types(&["CREATE DOMAIN public.a AS public.a"]).kind("public.a"), Kind::Unknown);
    }
}
