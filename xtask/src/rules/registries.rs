//! A file in the folder of a registry is an entry of its list, and a file of a built-in blueprint is embedded.
//!
//! The compiler finds a forgotten entry only while nothing else uses the file; this rule finds it always.

use super::{Rule, Violation};
use crate::source::{self, words};
use crate::tree::{File, Tree};

/// Every registry of the workspace.
const REGISTRIES: &[Registry] = &[
    Registry { list: "crates/blueprint/src/builtin.rs", folder: "blueprints", entries: Entries::Embedded, helpers: &["README"] },
    Registry {
        list: "crates/advisor/src/candidate/generator/mod.rs",
        folder: "crates/advisor/src/candidate/generator",
        entries: Entries::Modules,
        helpers: &[],
    },
    Registry {
        list: "crates/advisor/src/candidate/guard/mod.rs",
        folder: "crates/advisor/src/candidate/guard",
        entries: Entries::Modules,
        helpers: &[],
    },
    Registry { list: "crates/checks/src/check.rs", folder: "crates/checks/src/check", entries: Entries::Modules, helpers: &[] },
    Registry { list: "crates/report/src/format.rs", folder: "crates/report/src/format", entries: Entries::Modules, helpers: &[] },
    Registry {
        list: "crates/report/src/migration.rs",
        folder: "crates/report/src/migration",
        entries: Entries::Modules,
        helpers: &["literal"],
    },
    Registry {
        list: "crates/postgres/src/executor/guard/mod.rs",
        folder: "crates/postgres/src/executor/guard",
        entries: Entries::Modules,
        helpers: &["who"],
    },
    Registry {
        list: "crates/rollout/src/guard/mod.rs",
        folder: "crates/rollout/src/guard",
        entries: Entries::Modules,
        helpers: &[],
    },
    Registry {
        list: "crates/pgtailor/src/workload/source.rs",
        folder: "crates/pgtailor/src/workload/source",
        entries: Entries::Modules,
        helpers: &[],
    },
    Registry { list: "xtask/src/rules/mod.rs", folder: "xtask/src/rules", entries: Entries::Modules, helpers: &[] },
];

/// A folder of like things and the list that names them.
struct Registry {
    /// The file that holds `static ALL`.
    list: &'static str,
    /// The folder of the entries.
    folder: &'static str,
    /// What an entry is.
    entries: Entries,
    /// The stems of the files there that are no entries but serve them.
    helpers: &'static [&'static str],
}

#[derive(Clone, Copy, PartialEq)]
enum Entries {
    /// The Rust files of the folder itself; the list names the module or the type that it defines.
    Modules,
    /// All files below the folder; the list names their paths.
    Embedded,
}

pub static RULE: Rule = Rule { name: "registries", check };

fn check(tree: &Tree) -> Vec<Violation> {
    check_registries(tree, REGISTRIES)
}

fn check_registries(tree: &Tree, registries: &[Registry]) -> Vec<Violation> {
    let mut found = Vec::new();
    for registry in registries {
        let list = registry.list;
        let Some(entries_named) = tree.text(list).and_then(list_of) else {
            let message = format!("no `static ALL` here, but the rule `{}` has a row for it", RULE.name);
            found.push(Violation::of(&RULE, list, 0, message));
            continue;
        };
        let paths_named = tree.text(list).unwrap_or_default();
        for file in entries_of(tree, registry) {
            let stem = file.stem();
            let is_named = match registry.entries {
                Entries::Modules => [stem, &type_name(stem)].iter().any(|name| words(&entries_named, name).next().is_some()),
                Entries::Embedded => paths_named.contains(&file.path),
            };
            if !is_named {
                found.push(Violation::at(&RULE, file, 0, format!("`{stem}` is not in `ALL` of {list}")));
            }
        }
    }
    for file in tree.ending(".rs").filter(|file| list_of(&file.text).is_some()) {
        if !registries.iter().any(|registry| registry.list == file.path) {
            found.push(Violation::at(&RULE, file, 0, format!("a registry without a row in the rule `{}`", RULE.name)));
        }
    }
    found
}

/// The files that must be entries.
fn entries_of<'tree>(tree: &'tree Tree, registry: &Registry) -> impl Iterator<Item = &'tree File> {
    let Registry { list, folder, entries, helpers } = registry;
    tree.files.iter().filter(move |file| {
        let inside = file.path.strip_prefix(*folder).and_then(|rest| rest.strip_prefix('/'));
        let is_entry = inside.is_some_and(|name| match entries {
            Entries::Modules => file.ends_with(".rs") && !name.contains('/') && name != "mod.rs",
            Entries::Embedded => true,
        });
        is_entry && file.path != *list && !helpers.contains(&file.stem())
    })
}

/// The code of the list, from `static ALL` to its end.
fn list_of(text: &str) -> Option<String> {
    let code = source::read(text).code;
    let start = words(&code, "ALL").find(|&at| code[..at].trim_end().ends_with("static"))?;
    let equals = start + code[start..].find('=')?;
    let end = equals + code[equals..].find(';')?;
    Some(code[equals..end].to_owned())
}

/// The name of the type that a file of this stem defines.
fn type_name(stem: &str) -> String {
    let capitalized = stem.split('_').map(|part| {
        let (first, rest) = part.split_at(part.chars().next().map_or(0, char::len_utf8));
        first.to_uppercase() + rest
    });
    capitalized.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "pub static ALL: &[&dyn Check] = &[&unused_index::UnusedIndex, &StaleStatistics];";
    const ROW: &[Registry] =
        &[Registry { list: "checks/mod.rs", folder: "checks", entries: Entries::Modules, helpers: &["shared"] }];

    fn found(files: &[(&str, &str)], rows: &[Registry]) -> Vec<String> {
        check_registries(&Tree::of(files), rows).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_file_is_an_entry_or_a_helper() {
        let tidy = [
            ("checks/mod.rs", LIST),
            ("checks/unused_index.rs", ""),
            ("checks/stale_statistics.rs", ""),
            ("checks/shared.rs", ""),
        ];
        assert!(found(&tidy, ROW).is_empty());
        let forgotten = found(&[("checks/mod.rs", LIST), ("checks/bloat.rs", "")], ROW);
        assert_eq!(forgotten, ["checks/bloat.rs: `bloat` is not in `ALL` of checks/mod.rs [registries]"]);
    }

    #[test]
    fn every_file_of_a_blueprint_is_embedded() {
        let rows = &[Registry { list: "builtin.rs", folder: "blueprints", entries: Entries::Embedded, helpers: &["README"] }];
        let list = "pub static ALL: &[&str] = &[include_str!(\"../blueprints/shop/schema.sql\")];";
        assert!(
            found(&[("builtin.rs", list), ("blueprints/shop/schema.sql", ""), ("blueprints/README.md", "")], rows).is_empty()
        );
        assert_eq!(found(&[("builtin.rs", list), ("blueprints/shop/data.toml", "")], rows).len(), 1);
    }

    #[test]
    fn a_list_and_its_row_belong_together() {
        assert_eq!(found(&[("checks/mod.rs", "mod bloat;"), ("checks/bloat.rs", "")], ROW).len(), 1);
        assert_eq!(found(&[("checks/mod.rs", LIST)], &[]).len(), 1);
        assert!(found(&[("checks/mod.rs", "// static ALL: [u8; 1] = [0];")], &[]).is_empty());
    }
}
