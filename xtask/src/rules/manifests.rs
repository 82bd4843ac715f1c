//! Every crate takes its lints, edition, licence and versions from the workspace, so that they are decided once.

use super::{Rule, Violation};
use crate::manifest::packages;
use crate::tree::Tree;

/// What `[package]` must inherit.
const INHERITED: &[&str] = &["version", "edition", "rust-version", "license", "publish"];

pub static RULE: Rule = Rule { name: "manifests", check };

fn check(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for package in packages(tree) {
        let mut breach = |message: String| found.push(Violation::of(&RULE, &package.path, 0, message));
        if !package.inherits(&["lints"]) {
            breach("`[lints] workspace = true` is missing".to_owned());
        }
        for key in INHERITED {
            if !package.inherits(&["package", key]) {
                breach(format!("`{key}.workspace = true` is missing from `[package]`"));
            }
        }
        for dependency in package.dependencies().iter().filter(|dependency| !dependency.inherited) {
            breach(format!("`{}` must be `workspace = true`, with its version in the root manifest", dependency.name));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::breaches;

    const TIDY: &str = "[package]\nname = \"x\"\nversion.workspace = true\nedition.workspace = true\nrust-version.workspace = true\n\
                        license.workspace = true\npublish.workspace = true\n[lints]\nworkspace = true\n";

    #[test]
    fn everything_is_inherited() {
        assert!(breaches(&RULE, &[("Cargo.toml", TIDY)]).is_empty());
        assert_eq!(breaches(&RULE, &[("Cargo.toml", &TIDY.replace("[lints]\nworkspace = true\n", ""))]).len(), 1);
        assert_eq!(breaches(&RULE, &[("Cargo.toml", &TIDY.replace("edition.workspace = true", "edition = \"2021\""))]).len(), 1);
    }

    #[test]
    fn versions_stand_in_the_root_manifest() {
        assert_eq!(breaches(&RULE, &[("Cargo.toml", &format!("{TIDY}[dependencies]\nserde = \"1\"\n"))]).len(), 1);
        let with_features = format!("{TIDY}[dependencies]\nserde = {{ workspace = true, features = [\"rc\"] }}\n");
        assert!(breaches(&RULE, &[("Cargo.toml", &with_features)]).is_empty());
    }
}
