//! Every SQL file begins with a comment: its purpose, and where it matters the server version, the privilege and the locks.

use super::{Rule, Violation};
use crate::tree::Tree;

pub static RULE: Rule = Rule { name: "sql-headers", check };

fn check(tree: &Tree) -> Vec<Violation> {
    let silent = tree.ending(".sql").filter(|file| !file.text.starts_with("-- "));
    silent.map(|file| Violation::at(&RULE, file, 1, "begin with a `--` comment that says what the statements are for")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::breaches;

    #[test]
    fn the_comment_comes_first() {
        assert!(breaches(&RULE, &[("a.sql", "-- Sizes of tables.\nSELECT 1;\n")]).is_empty());
        assert_eq!(breaches(&RULE, &[("a.sql", "SELECT 1; -- Sizes.\n")]), [(1, breaches(&RULE, &[("b.sql", "")])[0].1.clone())]);
    }
}
