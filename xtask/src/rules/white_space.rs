//! Lines end where they end: no trailing blanks, no tabs, no carriage returns, one line end at the end.

use super::{Rule, Violation};
use crate::tree::{File, Tree};

/// Ends of the files that are looked at; snapshots, data and generated files are what they are.
const ENDINGS: &[&str] = &[".rs", ".md", ".toml", ".sql", ".sh"];

pub static RULE: Rule = Rule { name: "white-space", check };

fn check(tree: &Tree) -> Vec<Violation> {
    let files = tree.files.iter().filter(|file| ENDINGS.iter().any(|ending| file.ends_with(ending)));
    files.flat_map(breaches_of).collect()
}

fn breaches_of(file: &File) -> Vec<Violation> {
    let mut found = Vec::new();
    for (number, line) in file.text.split('\n').enumerate() {
        if line.trim_end() != line {
            found.push(Violation::at(&RULE, file, number + 1, "blanks at the end of the line"));
        } else if line.contains('\t') {
            found.push(Violation::at(&RULE, file, number + 1, "a tab: indent with spaces"));
        }
    }
    if !file.text.is_empty() && (!file.text.ends_with('\n') || file.text.ends_with("\n\n")) {
        found.push(Violation::at(&RULE, file, 0, "a file ends with one line end"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::breaches;

    #[test]
    fn every_stray_blank_is_found() {
        assert_eq!(breaches(&RULE, &[("a.md", "a \nb\n")])[0].0, 1);
        assert_eq!(breaches(&RULE, &[("a.toml", "a\r\n")]).len(), 1);
        assert_eq!(breaches(&RULE, &[("a.rs", "a\n\tb\n")])[0].0, 2);
        assert_eq!(breaches(&RULE, &[("a.rs", "a")]).len(), 1);
        assert_eq!(breaches(&RULE, &[("a.rs", "a\n\n")]).len(), 1);
    }

    #[test]
    fn tidy_text_and_data_pass() {
        assert!(breaches(&RULE, &[("a.rs", "a\n\n  b\n"), ("b.rs", ""), ("c.json", "{} ")]).is_empty());
    }
}
