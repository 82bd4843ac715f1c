//! Some foreign crates have one owner here, so that replacing one touches one place.

use super::{Rule, Violation};
use crate::manifest::packages;
use crate::tree::Tree;

/// Foreign crates, the packages that may depend on them, and whether the tests and examples of any crate may as well.
const OWNED: &[(&[&str], &[&str], Tests)] = &[
    (&["pg_query"], &["pgtailor-sql"], Tests::Bound),
    (&["tokio-postgres", "tokio-postgres-rustls", "rustls", "rustls-native-certs"], &["pgtailor-postgres"], Tests::Free),
    (&["sqlx"], &["pgtailor-example-web"], Tests::Bound),
    (&["axum"], &["pgtailor-example-web"], Tests::Bound),
    (
        &["clap", "clap_complete", "clap_mangen", "dialoguer", "indicatif", "anstream", "owo-colors"],
        &["pgtailor-cli"],
        Tests::Bound,
    ),
    (&["maud"], &["pgtailor-report"], Tests::Bound),
    (
        &["tokio", "tokio-util"],
        &["pgtailor-lab", "pgtailor-postgres", "pgtailor-twin", "pgtailor", "pgtailor-cli", "pgtailor-example-web"],
        Tests::Bound,
    ),
];

/// Whether the rule holds for tests and examples too.
#[derive(Clone, Copy, PartialEq)]
enum Tests {
    Bound,
    Free,
}

pub static RULE: Rule = Rule { name: "owned-dependencies", check };

fn check(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for package in packages(tree) {
        for dependency in package.dependencies() {
            let Some((_, owners, tests)) = OWNED.iter().find(|(owned, ..)| owned.contains(&dependency.name.as_str())) else {
                continue;
            };
            let free = dependency.only_for_tests && *tests == Tests::Free;
            // Examples are programs of users, who may take what they like.
            let example = package.path.starts_with("examples/") && *tests == Tests::Free;
            if !free && !example && !owners.contains(&package.name.as_str()) {
                let message =
                    format!("`{}` belongs to {}; `{}` must go through it", dependency.name, owners.join(", "), package.name);
                found.push(Violation::of(&RULE, &package.path, 0, message));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::breaches;

    fn manifest(path: &str, name: &str, dependencies: &str) -> usize {
        breaches(&RULE, &[(path, &format!("[package]\nname = \"{name}\"\n{dependencies}"))]).len()
    }

    #[test]
    fn only_the_owner_names_it() {
        assert_eq!(manifest("crates/sql/Cargo.toml", "pgtailor-sql", "[dependencies]\npg_query.workspace = true"), 0);
        assert_eq!(manifest("crates/checks/Cargo.toml", "pgtailor-checks", "[dependencies]\npg_query.workspace = true"), 1);
        assert_eq!(manifest("crates/checks/Cargo.toml", "pgtailor-checks", "[dev-dependencies]\npg_query.workspace = true"), 1);
        assert_eq!(manifest("crates/pgtailor/Cargo.toml", "pgtailor", "[dependencies]\nclap.workspace = true"), 1);
    }

    #[test]
    fn tests_and_examples_may_open_connections() {
        assert_eq!(manifest("crates/pgtailor/Cargo.toml", "pgtailor", "[dependencies]\ntokio-postgres.workspace = true"), 1);
        assert_eq!(manifest("crates/pgtailor/Cargo.toml", "pgtailor", "[dev-dependencies]\ntokio-postgres.workspace = true"), 0);
        assert_eq!(
            manifest("examples/web/Cargo.toml", "pgtailor-example-web", "[dependencies]\ntokio-postgres.workspace = true"),
            0
        );
    }
}
