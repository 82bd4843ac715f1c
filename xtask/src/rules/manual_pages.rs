//! The manual pages of checks are those of the source, and there are no others.

use super::{Rule, Violation};
use crate::manual;
use crate::tree::Tree;

pub static RULE: Rule = Rule { name: "manual-pages", check };

const REMEDY: &str = "run `cargo run -p xtask -- manual`";

fn check(tree: &Tree) -> Vec<Violation> {
    let pages = manual::pages(tree);
    if pages.len() == 1 {
        return Vec::new();
    }
    let old = pages.iter().filter(|(path, text)| tree.text(path) != Some(text.as_str()));
    let old = old.map(|(path, _)| Violation::of(&RULE, path, 0, format!("not what the check says of itself: {REMEDY}")));
    let is_known = |path: &str| pages.iter().any(|(known, _)| known == path);
    let left = tree.files.iter().filter(|file| file.path.starts_with(manual::FOLDER) && !is_known(&file.path));
    old.chain(left.map(|file| Violation::at(&RULE, file, 0, format!("the page of no check: {REMEDY}")))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::breaches;

    #[test]
    fn a_page_must_be_there_and_true_and_of_a_check() {
        let check = ("crates/checks/src/check/a.rs", "/// A.\n///\n/// # What it finds\n///\n/// B.\n");
        let page = ("docs/checks/a.md", "# `a`\n\nA.\n\n## What it finds\n\nB.\n");
        let list = manual::pages(&Tree::of(&[check]))[0].1.clone();
        let list = ("docs/checks/README.md", list.as_str());
        assert!(breaches(&RULE, &[check, page, list]).is_empty());
        assert_eq!(breaches(&RULE, &[check, list]).len(), 1);
        assert_eq!(breaches(&RULE, &[check, (page.0, "# `a`\n"), list]).len(), 1);
        assert_eq!(breaches(&RULE, &[check, page, list, ("docs/checks/b.md", "")]).len(), 1);
    }
}
