//! A catalog from `CREATE` statements, as far as the meaning of other statements depends on it.
#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::BTreeMap;

use pg_query::NodeEnum;
use pg_query::protobuf::{ColumnDef, CreateStmt, Node, RangeVar, SelectStmt, TypeName};
use pgtailor_model::catalog::{Catalog, Column, Table, View, Volatility};
use pgtailor_model::name::{Oid, QualifiedName};
use pgtailor_model::unit::Pages;

/// A schema in the making.
#[derive(Clone, Default)]
pub struct Schema {
    tables: BTreeMap<QualifiedName, Vec<(String, String)>>,
    views: BTreeMap<QualifiedName, View>,
    functions: BTreeMap<String, Volatility>,
    schemas: Vec<String>,
}

impl Schema {
    /// Keeps what `statement` creates; whether that was anything.
    pub fn apply(&mut self, statement: &NodeEnum) -> bool {
        match statement {
            NodeEnum::CreateStmt(create) => self.create(create),
            NodeEnum::CreateSchemaStmt(create) => {
                self.schemas.push(create.schemaname.clone());
                for element in create.schema_elts.iter().filter_map(|element| element.node.clone()) {
                    self.apply(&inside(element, &create.schemaname));
                }
                true
            }
            NodeEnum::ViewStmt(create) => {
                let (Some(name), Some(query)) = (&create.view, create.query.as_deref()) else { return false };
                let definition = query.node.as_ref().and_then(|node| node.deparse(pg_query::DeparseOptions::default()).ok());
                let columns = create.aliases.iter().filter_map(string).map(str::to_owned).collect();
                let name = qualified(name);
                self.tables.remove(&name);
                self.views.insert(name.clone(), View { name, columns, definition });
                true
            }
            NodeEnum::CreateTableAsStmt(create) => match create.query.as_ref().and_then(|query| query.node.as_ref()) {
                Some(NodeEnum::SelectStmt(select)) => {
                    self.create_as(create.into.as_ref().and_then(|into| into.rel.as_ref()), select)
                }
                _ => false,
            },
            NodeEnum::SelectStmt(select) => {
                self.create_as(select.into_clause.as_ref().and_then(|into| into.rel.as_ref()), select)
            }
            NodeEnum::AlterTableStmt(alter) => {
                alter.cmds.iter().filter(|command| self.alter(alter.relation.as_ref(), command)).count() > 0
            }
            _ => false,
        }
    }

    /// The same for another session, whose search path has no schemas yet.
    pub fn for_others(&self) -> Self {
        Self { schemas: Vec::new(), ..self.clone() }
    }

    /// As a catalog, and the search path that leads to everything in it.
    pub fn catalog(&self) -> (Catalog, Vec<String>) {
        let tables: Vec<Table> = (1..).zip(&self.tables).map(|(oid, (name, columns))| table(oid, name, columns)).collect();
        let mut relation_names: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for name in self.tables.keys().chain(self.views.keys()) {
            relation_names.entry(name.schema.clone()).or_default().push(name.name.clone());
        }
        let views = self.views.values().cloned().collect();
        let path = std::iter::once("public".to_owned()).chain(self.schemas.iter().cloned()).collect();
        (Catalog { tables, views, relation_names, functions: self.functions.clone(), ..Catalog::default() }, path)
    }

    fn alter(&mut self, name: Option<&RangeVar>, command: &Node) -> bool {
        let Some(NodeEnum::AlterTableCmd(command)) = &command.node else { return false };
        let Some(NodeEnum::ColumnDef(column)) = command.def.as_ref().and_then(|def| def.node.as_ref()) else { return false };
        let Some(columns) = name.and_then(|name| self.tables.get_mut(&qualified(name))) else { return false };
        columns.retain(|(known, _)| *known != column.colname);
        columns.extend(column_of(column));
        true
    }

    fn create(&mut self, create: &CreateStmt) -> bool {
        let Some(name) = &create.relation else { return false };
        let mut columns: Vec<(String, String)> = Vec::new();
        for parent in &create.inh_relations {
            if let Some(NodeEnum::RangeVar(parent)) = &parent.node {
                columns.extend(self.columns_of(parent));
            }
        }
        for element in &create.table_elts {
            match &element.node {
                Some(NodeEnum::ColumnDef(column)) => columns.extend(column_of(column)),
                Some(NodeEnum::TableLikeClause(like)) => {
                    columns.extend(like.relation.as_ref().map(|other| self.columns_of(other)).unwrap_or_default());
                }
                _ => {}
            }
        }
        let mut names = Vec::new();
        columns.retain(|(name, _)| {
            !names.contains(name) && {
                names.push(name.clone());
                true
            }
        });
        let name = qualified(name);
        self.views.remove(&name);
        self.tables.insert(name, columns);
        true
    }

    fn create_as(&mut self, name: Option<&RangeVar>, select: &SelectStmt) -> bool {
        let Some(name) = name else { return false };
        let mut columns = Vec::new();
        for target in &select.target_list {
            let Some(NodeEnum::ResTarget(target)) = &target.node else { continue };
            let reference = match target.val.as_ref().and_then(|value| value.node.as_ref()) {
                Some(NodeEnum::ColumnRef(reference)) => Some(reference),
                _ => None,
            };
            let last = reference.and_then(|reference| reference.fields.last());
            if !target.name.is_empty() {
                columns.push((target.name.clone(), "text".to_owned()));
            } else if let Some(name) = last.and_then(string) {
                columns.push((name.to_owned(), "text".to_owned()));
            } else if last.is_some() {
                for source in &select.from_clause {
                    if let Some(NodeEnum::RangeVar(source)) = &source.node {
                        columns.extend(self.columns_of(source));
                    }
                }
            }
        }
        self.tables.insert(qualified(name), columns);
        true
    }

    fn columns_of(&self, name: &RangeVar) -> Vec<(String, String)> {
        self.tables.get(&qualified(name)).cloned().unwrap_or_default()
    }
}

fn table(oid: u32, name: &QualifiedName, columns: &[(String, String)]) -> Table {
    let columns = columns.iter().zip(1..).map(|((name, type_name), number)| Column::new(number, name.clone(), type_name.clone()));
    Table { pages: Pages(1), columns: columns.collect(), ..Table::new(Oid(oid), name.clone()) }
}

fn column_of(column: &ColumnDef) -> Option<(String, String)> {
    Some((column.colname.clone(), type_name(column.type_name.as_ref()?)))
}

/// As `format_type` would write it, without what stands in parentheses.
fn type_name(name: &TypeName) -> String {
    let base = name.names.last().and_then(string).unwrap_or("unknown");
    let base = match base {
        "int2" => "smallint",
        "int4" | "serial" => "integer",
        "int8" | "bigserial" => "bigint",
        "bool" => "boolean",
        "varchar" => "character varying",
        "bpchar" => "character",
        "float8" => "double precision",
        "float4" => "real",
        "timestamptz" => "timestamp with time zone",
        "timestamp" => "timestamp without time zone",
        other => other,
    };
    format!("{base}{}", "[]".repeat(name.array_bounds.len()))
}

/// An element of `CREATE SCHEMA`, whose name is one in the schema.
fn inside(mut element: NodeEnum, schema: &str) -> NodeEnum {
    let name = match &mut element {
        NodeEnum::CreateStmt(create) => create.relation.as_mut(),
        NodeEnum::ViewStmt(create) => create.view.as_mut(),
        _ => None,
    };
    if let Some(name) = name {
        schema.clone_into(&mut name.schemaname);
    }
    element
}

fn qualified(name: &RangeVar) -> QualifiedName {
    let schema = if name.schemaname.is_empty() { "public" } else { &name.schemaname };
    QualifiedName::new(schema, &name.relname)
}

fn string(node: &Node) -> Option<&str> {
    match &node.node {
        Some(NodeEnum::String(text)) => Some(&text.sval),
        _ => None,
    }
}
