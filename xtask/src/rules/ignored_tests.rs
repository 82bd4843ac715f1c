//! No test is switched off: one that cannot run fails, so that somebody looks.

use super::{Rule, Violation};
use crate::source;
use crate::tree::Tree;

pub static RULE: Rule = Rule { name: "ignored-tests", check };

fn check(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in tree.ending(".rs") {
        let source = source::read(&file.text);
        let attributes = source::attributes(&source.code);
        for (at, _) in attributes.into_iter().filter(|(_, inside)| source::words(inside, "ignore").next().is_some()) {
            let line = source::line_of(&source.code, at);
            found.push(Violation::at(&RULE, file, line, "an ignored test: make it run, or remove it"));
        }
        for (number, line) in source.comments.lines().enumerate() {
            if line.contains("```") && source::words(line, "ignore").next().is_some() {
                found.push(Violation::at(
                    &RULE,
                    file,
                    number + 1,
                    "an example that is not compiled: `no_run` at most, or `text`",
                ));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::breaches;

    #[test]
    fn every_way_to_ignore_is_found() {
        assert_eq!(breaches(&RULE, &[("a.rs", "#[test]\n#[ignore = \"slow\"]\nfn a() {}\n")])[0].0, 2);
        assert_eq!(breaches(&RULE, &[("a.rs", "#[cfg_attr(unix, ignore)]\nfn a() {}\n")]).len(), 1);
        assert_eq!(breaches(&RULE, &[("a.rs", "/// ```rust,ignore\n/// x\n/// ```\n")]).len(), 1);
    }

    #[test]
    fn other_uses_of_the_word_pass() {
        assert!(breaches(&RULE, &[("a.rs", "// we ignore it\nfn ignore() {}\n/// ```no_run\n/// ```\n")]).is_empty());
    }
}
