//! Names of a blueprint's tables and columns, and which table each column refers to.

use crate::language::{Spec, TableSpec};

/// Deepest chain of columns that copy one another; a longer one is a circle.
const DEEPEST: u32 = 32;

#[derive(Clone, Debug)]
pub(crate) struct Names {
    tables: Vec<Table>,
}

#[derive(Clone, Debug)]
struct Table {
    name: String,
    columns: Vec<String>,
    targets: Vec<Option<usize>>,
    /// The owner's table and the column of it that is referenced.
    owner: Option<(usize, usize)>,
}

impl Names {
    pub(crate) fn new(specs: &[TableSpec]) -> Result<Self, String> {
        let mut names = Self { tables: Vec::new() };
        for spec in specs {
            if names.tables.iter().any(|table| table.name == spec.name) {
                return Err(format!("table `{}` is described twice", spec.name));
            }
            let owner = spec.owner.as_ref().map(|owner| {
                let table = names.table(&owner.table).map_err(|_| {
                    format!("table `{}` is owned by `{}`, which must be described before it", spec.name, owner.table)
                })?;
                Ok::<_, String>((table, names.column(table, &owner.column)?))
            });
            let columns: Vec<String> = spec.columns.keys().cloned().collect();
            names.tables.push(Table {
                name: spec.name.clone(),
                targets: vec![None; columns.len()],
                columns,
                owner: owner.transpose()?,
            });
        }
        for (position, spec) in specs.iter().enumerate() {
            for (column, of) in spec.columns.values().enumerate() {
                names.tables[position].targets[column] = names.target_of(specs, position, of, 0)?;
            }
        }
        Ok(names)
    }

    pub(crate) fn table(&self, name: &str) -> Result<usize, String> {
        self.tables.iter().position(|table| table.name == name).ok_or_else(|| format!("there is no table `{name}` in the data"))
    }

    pub(crate) fn table_name(&self, table: usize) -> &str {
        &self.tables[table].name
    }

    pub(crate) fn column(&self, table: usize, name: &str) -> Result<usize, String> {
        let of = &self.tables[table];
        let position = of.columns.iter().position(|column| column == name);
        position.ok_or_else(|| format!("table `{}` has no column `{name}` in the data", of.name))
    }

    pub(crate) fn column_name(&self, table: usize, column: usize) -> &str {
        &self.tables[table].columns[column]
    }

    /// The table that a column refers to.
    pub(crate) fn target(&self, table: usize, column: usize) -> Option<usize> {
        self.tables[table].targets[column]
    }

    /// The table that owns the rows of `table`, and its column that is referenced.
    pub(crate) fn owner(&self, table: usize) -> Option<(usize, usize)> {
        self.tables[table].owner
    }

    fn target_of(&self, specs: &[TableSpec], table: usize, spec: &Spec, depth: u32) -> Result<Option<usize>, String> {
        if depth > DEEPEST {
            return Err(format!("a column of table `{}` is a copy of itself", self.table_name(table)));
        }
        let of = |spec: &Spec| self.target_of(specs, table, spec, depth + 1);
        match spec {
            Spec::Owner => Ok(self.owner(table).map(|(owner, _)| owner)),
            Spec::Reference(reference) => self.table(&reference.table).map(Some),
            Spec::Sometimes(sometimes) => of(&sometimes.value),
            Spec::Mix(ways) => common(ways.iter().map(|way| &way.value), of),
            Spec::Case(case) => common(case.cases.values().chain([&*case.otherwise]), of),
            Spec::Recent(recent) => common([&*recent.then, &*recent.otherwise].into_iter(), of),
            Spec::Column(path) => {
                let mut at = Some(table);
                for word in path.split('.') {
                    let Some(here) = at else { return Ok(None) };
                    let Some(spec) = specs[here].columns.get(word) else { return Ok(None) };
                    at = self.target_of(specs, here, spec, depth + 1)?;
                }
                Ok(at)
            }
            _ => Ok(None),
        }
    }
}

/// The one table that all ways refer to, ways that refer to none left out.
fn common<'a>(
    specs: impl Iterator<Item = &'a Spec>,
    mut target: impl FnMut(&'a Spec) -> Result<Option<usize>, String>,
) -> Result<Option<usize>, String> {
    let mut found = None;
    for spec in specs {
        match (found, target(spec)?) {
            (Some(one), Some(other)) if one != other => return Err("one column refers to rows of two tables".to_owned()),
            (None, other) => found = other,
            _ => {}
        }
    }
    Ok(found)
}
