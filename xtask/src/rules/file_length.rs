//! No Rust file is so long that nobody reads it whole.

use super::{Rule, Violation};
use crate::tree::Tree;

/// The longest file allowed, in lines; 40 to 300 is what to aim at.
const MOST_LINES: usize = 600;

pub static RULE: Rule = Rule { name: "file-length", check };

fn check(tree: &Tree) -> Vec<Violation> {
    let too_long = tree.ending(".rs").filter_map(|file| {
        let lines = file.text.lines().count();
        let message = format!("{lines} lines, at most {MOST_LINES}: split it by what its parts define");
        (lines > MOST_LINES).then(|| Violation::at(&RULE, file, 0, message))
    });
    too_long.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::breaches;

    #[test]
    fn six_hundred_lines_pass_and_one_more_does_not() {
        assert!(breaches(&RULE, &[("a.rs", &"x\n".repeat(600))]).is_empty());
        assert_eq!(breaches(&RULE, &[("a.rs", &"x\n".repeat(601))]).len(), 1);
    }
}
