//! Every exception from a lint says why.

use super::{Rule, Violation};
use crate::source;
use crate::tree::Tree;

pub static RULE: Rule = Rule { name: "lint-exceptions", check };

fn check(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in tree.ending(".rs") {
        let code = source::read(&file.text).code;
        for (at, inside) in source::attributes(&code) {
            let exception = ["expect", "allow"].into_iter().find(|word| calls(inside, word));
            if let Some(word) = exception.filter(|_| source::words(inside, "reason").next().is_none()) {
                let message = format!("`#[{word}(…)]` without `reason = \"…\"`");
                found.push(Violation::at(&RULE, file, source::line_of(&code, at), message));
            }
        }
    }
    found
}

/// Whether `word(` stands in the attribute.
fn calls(attribute: &str, word: &str) -> bool {
    source::words(attribute, word).any(|at| attribute[at + word.len()..].trim_start().starts_with('('))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::breaches;

    #[test]
    fn the_reason_must_stand_in_the_attribute() {
        assert_eq!(breaches(&RULE, &[("a.rs", "\n#[expect(dead_code)]\nfn a() {}\n")])[0].0, 2);
        assert_eq!(breaches(&RULE, &[("a.rs", "#![allow(\n    dead_code,\n)] // reason = \"none\"\n")]).len(), 1);
        assert_eq!(breaches(&RULE, &[("a.rs", "#[cfg_attr(test, allow(dead_code))]\n")]).len(), 1);
    }

    #[test]
    fn a_reason_and_a_method_call_pass() {
        assert!(
            breaches(&RULE, &[("a.rs", "#[expect(\n    dead_code,\n    reason = \"used by the other target\"\n)]\nfn a() {}\n")])
                .is_empty()
        );
        assert!(breaches(&RULE, &[("a.rs", "fn a() { b.expect(\"it is there\") }\n")]).is_empty());
    }
}
