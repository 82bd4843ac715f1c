//! The list of statements that `pgtailor audit-sql` prints is that of the source.

use super::{Rule, Violation};
use crate::audit;
use crate::tree::Tree;

pub static RULE: Rule = Rule { name: "audited-statements", check };

fn check(tree: &Tree) -> Vec<Violation> {
    let wanted = audit::list(tree);
    let found = tree.text(audit::LIST).unwrap_or_default();
    if wanted == found || (wanted.trim().is_empty() && found.is_empty()) {
        return Vec::new();
    }
    let line = wanted.lines().zip(found.lines()).take_while(|(wanted, found)| wanted == found).count() + 1;
    vec![Violation::of(&RULE, audit::LIST, line, "not the statements of the source: run `cargo run -p xtask -- audit`")]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::breaches;

    #[test]
    fn a_new_statement_is_missed() {
        let source = ("crates/postgres/src/a.rs", "const A: &str = \"SELECT /* pgtailor */ 1\";");
        assert!(breaches(&RULE, &[source, (audit::LIST, "reads\ta.rs\tSELECT /* pgtailor */ 1\n")]).is_empty());
        assert_eq!(breaches(&RULE, &[source, (audit::LIST, "")])[0].0, 1);
    }
}
