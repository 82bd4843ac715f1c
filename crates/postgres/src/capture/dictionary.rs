//! Methods, operator classes, collations and domains: what the numbers in `pg_index` stand for.

use std::collections::{BTreeMap, BTreeSet};

use pgtailor_model::catalog::OperatorClass;
use pgtailor_model::name::QualifiedName;
use tokio_postgres::Transaction;

use super::query::{rows, stream};
use crate::error::Error;

const METHODS: &str = "\
SELECT /* pgtailor */ a.oid AS oid, a.amname AS name, coalesce(pg_indexam_has_property(a.oid, 'can_order'), false) AS ordered
  FROM pg_catalog.pg_am a WHERE a.amtype = 'i'";

const CLASSES: &str = "\
SELECT /* pgtailor */ o.oid AS oid, o.opcmethod AS method, o.opcname AS name, o.opcdefault AS is_default, o.opcintype AS type,
       n.nspname AS schema
  FROM pg_catalog.pg_opclass o JOIN pg_catalog.pg_namespace n ON n.oid = o.opcnamespace";

const COLLATIONS: &str = "\
SELECT /* pgtailor */ c.oid AS oid, n.nspname AS schema, c.collname AS name
  FROM pg_catalog.pg_collation c JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace";

const DOMAINS: &str = "\
SELECT /* pgtailor */ t.oid AS oid, t.typbasetype AS base FROM pg_catalog.pg_type t WHERE t.typtype = 'd'";

/// Names and properties by object identifier.
pub(super) struct Dictionary {
    methods: BTreeMap<u32, Method>,
    classes: BTreeMap<u32, Class>,
    /// Method and input type of every default class.
    defaults: BTreeSet<(u32, u32)>,
    collations: BTreeMap<u32, QualifiedName>,
    domains: BTreeMap<u32, u32>,
}

/// An access method.
pub(super) struct Method {
    /// `amname`.
    pub name: String,
    /// `amcanorder`: whether `ASC`, `DESC` and the place of nulls have a meaning.
    pub ordered: bool,
}

struct Class {
    method: u32,
    schema: String,
    name: String,
    is_default: bool,
    input_type: u32,
}

impl Dictionary {
    pub(super) async fn read(transaction: &Transaction<'_>) -> Result<Self, Error> {
        let methods = rows(transaction, "read the access methods", METHODS, &[]).await?;
        let mut classes = BTreeMap::new();
        stream(transaction, "read the operator classes", CLASSES, &[], |row| {
            let class = Class {
                method: row.get("method"),
                schema: row.get("schema"),
                name: row.get("name"),
                is_default: row.get("is_default"),
                input_type: row.get("type"),
            };
            classes.insert(row.get("oid"), class);
        })
        .await?;
        let mut collations = BTreeMap::new();
        stream(transaction, "read the collations", COLLATIONS, &[], |row| {
            let name = QualifiedName::new(row.get::<_, String>("schema"), row.get::<_, String>("name"));
            collations.insert(row.get("oid"), name);
        })
        .await?;
        let domains = rows(transaction, "read the domains", DOMAINS, &[]).await?;
        Ok(Self {
            methods: methods
                .iter()
                .map(|row| (row.get("oid"), Method { name: row.get("name"), ordered: row.get("ordered") }))
                .collect(),
            defaults: classes.values().filter(|class| class.is_default).map(|class| (class.method, class.input_type)).collect(),
            classes,
            collations,
            domains: domains.iter().map(|row| (row.get("oid"), row.get("base"))).collect(),
        })
    }

    /// The access method of this `pg_am` row.
    pub(super) fn method(&self, oid: u32) -> Option<&Method> {
        self.methods.get(&oid)
    }

    /// The collation of this `pg_collation` row.
    pub(super) fn collation(&self, oid: u32) -> Option<&QualifiedName> {
        self.collations.get(&oid)
    }

    /// This `pg_opclass` row, as a definition names it.
    pub(super) fn class_sql(&self, oid: u32) -> Option<String> {
        let class = self.classes.get(&oid)?;
        let method = String::new();
        let named = OperatorClass { method, schema: class.schema.clone(), name: class.name.clone(), is_default: false };
        Some(named.sql())
    }

    /// Whether the class is the one that an index over a value of this type gets when none is named.
    ///
    /// Mirrors `GetDefaultOpClass` (`indexcmds.c`): the default class of the very type wins; else that of a type to which it can be
    /// coerced. So `text_ops`, though a default class, is not the default for `character(n)`, which has its own. Where several default
    /// classes accept the type by coercion, the server would ask for a name, and none of them counts as default there; no built-in
    /// class is of that kind.
    pub(super) fn is_default_for(&self, class: u32, value_type: u32) -> bool {
        let Some(class) = self.classes.get(&class) else { return false };
        let mut value_type = value_type;
        while let Some(&base) = self.domains.get(&value_type) {
            value_type = base;
        }
        class.is_default && (class.input_type == value_type || !self.defaults.contains(&(class.method, value_type)))
    }

    /// All operator classes, for the catalog; sorted, each once.
    pub(super) fn operator_classes(&self) -> Vec<OperatorClass> {
        let mut classes: Vec<OperatorClass> = self
            .classes
            .values()
            .filter_map(|class| {
                let method = self.methods.get(&class.method)?.name.clone();
                Some(OperatorClass {
                    method,
                    schema: class.schema.clone(),
                    name: class.name.clone(),
                    is_default: class.is_default,
                })
            })
            .collect();
        classes.sort();
        classes.dedup();
        classes
    }
}
