//! What the rules want to know of a `Cargo.toml`, without asking cargo: the rules must also work on trees made up in tests.

use toml::{Table, Value};

use crate::tree::Tree;

/// The manifest of one package.
pub struct Manifest {
    /// The path of its `Cargo.toml`.
    pub path: String,
    /// The package's name.
    pub name: String,
    /// Everything in the file.
    pub table: Table,
}

/// One dependency of a package.
pub struct Dependency {
    /// The package depended upon.
    pub name: String,
    /// Whether it serves tests, examples and benches only.
    pub only_for_tests: bool,
    /// Whether version and features come from the workspace.
    pub inherited: bool,
}

/// The manifests of all packages in `tree`; files that are not TOML are left to cargo's own complaint. A package below the root that is
/// a workspace of its own (the fuzz targets, which only build under their own tool) is none of ours.
pub fn packages(tree: &Tree) -> Vec<Manifest> {
    let manifests = tree.files.iter().filter(|file| file.path == "Cargo.toml" || file.path.ends_with("/Cargo.toml"));
    manifests
        .filter_map(|file| {
            let table: Table = file.text.parse().ok()?;
            let name = table.get("package")?.get("name")?.as_str()?.to_owned();
            if file.path != "Cargo.toml" && table.contains_key("workspace") {
                return None;
            }
            Some(Manifest { path: file.path.clone(), name, table })
        })
        .collect()
}

impl Manifest {
    /// Its dependencies of every kind, those of single targets included.
    pub fn dependencies(&self) -> Vec<Dependency> {
        let mut found = dependencies_of(&self.table);
        for target in self.table.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values) {
            found.extend(target.as_table().map(dependencies_of).unwrap_or_default());
        }
        found
    }

    /// Whether the value at `keys` is `{ workspace = true }`.
    pub fn inherits(&self, keys: &[&str]) -> bool {
        let mut value = self.table.get(keys[0]);
        for key in &keys[1..] {
            value = value.and_then(|value| value.get(key));
        }
        value.is_some_and(inherited)
    }
}

fn dependencies_of(table: &Table) -> Vec<Dependency> {
    let kinds = [("dependencies", false), ("build-dependencies", false), ("dev-dependencies", true)];
    let mut found = Vec::new();
    for (kind, only_for_tests) in kinds {
        for (key, value) in table.get(kind).and_then(Value::as_table).into_iter().flatten() {
            let name = value.get("package").and_then(Value::as_str).unwrap_or(key).to_owned();
            found.push(Dependency { name, only_for_tests, inherited: inherited(value) });
        }
    }
    found
}

fn inherited(value: &Value) -> bool {
    value.get("workspace").and_then(Value::as_bool) == Some(true)
}
