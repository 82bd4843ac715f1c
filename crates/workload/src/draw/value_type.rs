//! A parameter's type, as far as values depend on it.

/// A parameter's type, as the server gave it; a domain is its base type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ValueType {
    /// `pg_type.typname`: `int4`, `timestamptz`, `_text`.
    pub name: String,
    /// What its values are made of.
    pub kind: TypeKind,
}

/// What the values of a type are made of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TypeKind {
    /// Nothing that is known.
    Plain,
    /// These labels, in their order.
    Enum(Vec<String>),
    /// Elements of this type.
    Array(Box<ValueType>),
}

impl ValueType {
    /// The type `name` without anything further known.
    pub fn plain(name: &str) -> Self {
        Self { name: name.to_owned(), kind: TypeKind::Plain }
    }

    /// Arrays of `element`.
    pub fn array(element: Self) -> Self {
        Self { name: format!("_{}", element.name), kind: TypeKind::Array(Box::new(element)) }
    }

    /// The type of the elements, when it is an array.
    pub(super) fn element(&self) -> Option<&Self> {
        match &self.kind {
            TypeKind::Array(element) => Some(element),
            _ => None,
        }
    }

    /// Whether its values are instants or days.
    pub(super) fn is_time(&self) -> bool {
        matches!(self.name.as_str(), "timestamptz" | "timestamp" | "date")
    }

    /// Whether its values are numbers.
    pub(super) fn is_number(&self) -> bool {
        self.is_whole_number() || matches!(self.name.as_str(), "numeric" | "float4" | "float8" | "money")
    }

    /// Whether its values are whole numbers.
    pub(super) fn is_whole_number(&self) -> bool {
        matches!(self.name.as_str(), "int2" | "int4" | "int8" | "oid")
    }

    /// Whether its values are texts, all of them.
    pub(super) fn is_text(&self) -> bool {
        matches!(self.name.as_str(), "text" | "varchar" | "bpchar" | "name" | "citext")
    }
}
