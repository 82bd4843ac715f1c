//! No `unsafe`: the compiler forbids it too, but only where a crate takes the workspace's lints.

use super::{Rule, Violation};
use crate::source;
use crate::tree::Tree;

pub static RULE: Rule = Rule { name: "unsafe-code", check };

fn check(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in tree.ending(".rs") {
        let code = source::read(&file.text).code;
        for at in source::words(&code, "unsafe") {
            found.push(Violation::at(&RULE, file, source::line_of(&code, at), "`unsafe` is not used here"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::breaches;

    #[test]
    fn the_keyword_is_found_and_the_word_is_not() {
        assert_eq!(breaches(&RULE, &[("a.rs", "fn a() {\n    unsafe { b() }\n}\n")])[0].0, 2);
        assert!(breaches(&RULE, &[("a.rs", "#![forbid(unsafe_code)] // unsafe\nconst A: &str = \"unsafe\";\n")]).is_empty());
    }
}
