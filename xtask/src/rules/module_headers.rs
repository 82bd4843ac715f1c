//! Every module begins by saying what it is for.

use super::{Rule, Violation};
use crate::tree::Tree;

pub static RULE: Rule = Rule { name: "module-headers", check };

fn check(tree: &Tree) -> Vec<Violation> {
    let modules = tree.ending(".rs").filter(|file| file.path.contains("/src/"));
    let silent = modules.filter(|file| !file.text.starts_with("//! "));
    silent
        .map(|file| Violation::at(&RULE, file, 1, "begin with `//!`: what the module decides, and what it must not know"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::breaches;

    #[test]
    fn the_header_comes_first() {
        assert!(breaches(&RULE, &[("crates/x/src/a.rs", "//! What it is.\n")]).is_empty());
        assert_eq!(breaches(&RULE, &[("crates/x/src/a.rs", "use std::fmt;\n//! Late.\n")]).len(), 1);
        assert!(breaches(&RULE, &[("crates/x/tests/a.rs", "use std::fmt;\n")]).is_empty());
    }
}
