//! Runs every rule over a tree, in the order of the list.

use crate::rules::{self, Violation};
use crate::tree::Tree;

/// Everything in `tree` that breaks a rule, sorted by file and line.
pub fn violations(tree: &Tree) -> Vec<Violation> {
    let mut found: Vec<Violation> = rules::ALL.iter().flat_map(|rule| (rule.check)(tree)).collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_repository_keeps_its_rules() {
        let tree = Tree::read(crate::repository()).expect("the repository can be read");
        assert!(tree.files.iter().any(|file| file.path == "xtask/src/tidy.rs"), "the walk does not even find this file");
        let found: Vec<String> = violations(&tree).iter().map(ToString::to_string).collect();
        assert!(found.is_empty(), "house rules broken:\n{}", found.join("\n"));
    }
}
