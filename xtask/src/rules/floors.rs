//! The house of floors: a crate depends on lower floors only, and a pure crate on the nouns only.
//!
//! So a change of one crate can break those above it and nothing beside it. Dependencies for tests count as well: two crates that
//! need each other in tests have a piece in the wrong place.

use super::{Rule, Violation};
use crate::manifest::{Manifest, packages};
use crate::tree::Tree;

/// The crates that decide and do no I/O. Each may depend on `pgtailor-model` and on nothing else of ours.
pub const PURE: &[&str] = &[
    "pgtailor-model",
    "pgtailor-sql",
    "pgtailor-advisor",
    "pgtailor-checks",
    "pgtailor-rollout",
    "pgtailor-report",
    "pgtailor-blueprint",
    "pgtailor-workload",
    "pgtailor-log",
];

/// Pure crates whose tests start a server: what they read is written by PostgreSQL itself, and only it knows how.
const TESTED_LIVE: &[&str] = &["pgtailor-log"];

/// Every crate of ours with its floor.
const FLOORS: &[(&str, u8)] = &[
    ("pgtailor-model", 1),
    ("pgtailor-lab", 1),
    ("pgtailor-sql", 2),
    ("pgtailor-advisor", 2),
    ("pgtailor-checks", 2),
    ("pgtailor-rollout", 2),
    ("pgtailor-report", 2),
    ("pgtailor-blueprint", 2),
    ("pgtailor-workload", 2),
    ("pgtailor-log", 2),
    ("pgtailor-postgres", 3),
    ("pgtailor-twin", 4),
    ("pgtailor", 5),
    ("pgtailor-cli", 6),
    ("pgtailor-example-web", 6),
    ("pgtailor-testkit", 2),
    ("xtask", 1),
];

pub static RULE: Rule = Rule { name: "floors", check };

fn check(tree: &Tree) -> Vec<Violation> {
    packages(tree).iter().flat_map(breaches_of).collect()
}

fn breaches_of(package: &Manifest) -> Vec<Violation> {
    let breach = |message: String| Violation::of(&RULE, &package.path, 0, message);
    let Some(floor) = floor_of(&package.name) else {
        return vec![breach(format!("`{}` has no floor: give it one in the rule `{}`", package.name, RULE.name))];
    };
    let pure = PURE.contains(&package.name.as_str());
    let tested_live = TESTED_LIVE.contains(&package.name.as_str());
    let mut found = Vec::new();
    for dependency in package.dependencies() {
        let Some(below) = floor_of(&dependency.name) else { continue };
        let starts_servers = tested_live && dependency.only_for_tests && dependency.name == "pgtailor-lab";
        if below >= floor {
            found.push(breach(format!("`{}` must not depend on `{}`, which is not below it", package.name, dependency.name)));
        } else if pure && dependency.name != "pgtailor-model" && !starts_servers {
            found.push(breach(format!("`{}` is pure: of ours it may only depend on `pgtailor-model`", package.name)));
        }
    }
    found
}

fn floor_of(name: &str) -> Option<u8> {
    FLOORS.iter().find(|(ours, _)| *ours == name).map(|(_, floor)| *floor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::breaches;

    fn manifest(name: &str, dependencies: &str) -> usize {
        let text = format!("[package]\nname = \"{name}\"\n{dependencies}");
        breaches(&RULE, &[("crates/x/Cargo.toml", &text)]).len()
    }

    #[test]
    fn only_lower_floors_may_be_used() {
        assert_eq!(manifest("pgtailor-checks", "[dependencies]\npgtailor-model.workspace = true"), 0);
        assert_eq!(manifest("pgtailor-checks", "[dependencies]\npgtailor-sql.workspace = true"), 1);
        assert_eq!(manifest("pgtailor-checks", "[dev-dependencies]\npgtailor-sql.workspace = true"), 1);
        assert_eq!(manifest("pgtailor-model", "[dependencies]\npgtailor-lab.workspace = true"), 1);
        assert_eq!(manifest("pgtailor-postgres", "[target.'cfg(unix)'.dependencies]\npgtailor.workspace = true"), 1);
    }

    #[test]
    fn a_pure_crate_may_not_start_servers() {
        assert_eq!(manifest("pgtailor-advisor", "[dependencies]\npgtailor-lab.workspace = true"), 1);
        assert_eq!(manifest("pgtailor-postgres", "[dev-dependencies]\npgtailor-lab.workspace = true"), 0);
    }

    #[test]
    fn a_reader_of_what_servers_write_may_start_them_in_its_tests_only() {
        assert_eq!(manifest("pgtailor-log", "[dev-dependencies]\npgtailor-lab.workspace = true"), 0);
        assert_eq!(manifest("pgtailor-log", "[dependencies]\npgtailor-lab.workspace = true"), 1);
        assert_eq!(manifest("pgtailor-log", "[dev-dependencies]\npgtailor-sql.workspace = true"), 1);
        assert_eq!(manifest("pgtailor-sql", "[dev-dependencies]\npgtailor-lab.workspace = true"), 1);
    }

    #[test]
    fn a_renamed_dependency_and_a_new_crate_are_seen() {
        assert_eq!(manifest("pgtailor-checks", "[dependencies]\nparser = { package = \"pgtailor-sql\", path = \"../sql\" }"), 1);
        assert_eq!(manifest("pgtailor-new", ""), 1);
    }
}
