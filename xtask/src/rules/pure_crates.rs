//! Every pure crate carries the clippy settings that keep clock, files, environment, network and hash maps out of it.
//!
//! Clippy reads the nearest `clippy.toml` only, so each pure crate has a link to `clippy-pure.toml`; a link that was forgotten, or that
//! a checkout turned into something else, would silence the lints without a word.

use super::floors::PURE;
use super::{Rule, Violation};
use crate::manifest::packages;
use crate::tree::Tree;

const SHARED: &str = "clippy-pure.toml";
const GENERAL: &str = "clippy.toml";

pub static RULE: Rule = Rule { name: "pure-crates", check };

fn check(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for package in packages(tree).iter().filter(|package| PURE.contains(&package.name.as_str())) {
        let path = package.path.replace("Cargo.toml", "clippy.toml");
        if tree.text(&path).is_none_or(|text| Some(text) != tree.text(SHARED)) {
            found.push(Violation::of(&RULE, &path, 0, format!("must be a link to `{SHARED}`: ln -s ../../{SHARED} {path}")));
        }
    }
    // The nearest file replaces the general one, so what the general one says must be said again.
    if valid_identifiers(tree, SHARED) != valid_identifiers(tree, GENERAL) {
        found.push(Violation::of(&RULE, SHARED, 0, format!("`doc-valid-idents` differs from that of `{GENERAL}`")));
    }
    found
}

fn valid_identifiers(tree: &Tree, path: &str) -> Option<toml::Value> {
    let table: toml::Table = tree.text(path)?.parse().ok()?;
    table.get("doc-valid-idents").cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::breaches;

    const CRATE: (&str, &str) = ("crates/sql/Cargo.toml", "[package]\nname = \"pgtailor-sql\"");

    #[test]
    fn a_missing_or_different_file_is_found() {
        assert!(breaches(&RULE, &[CRATE, (SHARED, "a = 1"), ("crates/sql/clippy.toml", "a = 1")]).is_empty());
        assert_eq!(breaches(&RULE, &[CRATE, (SHARED, "a = 1")]).len(), 1);
        assert_eq!(breaches(&RULE, &[CRATE, (SHARED, "a = 1"), ("crates/sql/clippy.toml", "../../clippy-pure.toml")]).len(), 1);
    }

    #[test]
    fn the_two_files_know_the_same_names() {
        let names = "doc-valid-idents = [\"HypoPG\"]";
        assert!(breaches(&RULE, &[(SHARED, names), (GENERAL, names)]).is_empty());
        assert_eq!(breaches(&RULE, &[(SHARED, "a = 1"), (GENERAL, names)]).len(), 1);
    }
}
