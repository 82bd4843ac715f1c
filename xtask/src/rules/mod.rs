//! The house rules: one file a rule, and [`ALL`] of them.
//!
//! A rule is a function from the tree of files to what breaks it. It reads no disk and knows no other rule. A new one is a new file
//! with a test that shows it firing, and one entry in the list.

use std::fmt;

use crate::tree::{File, Tree};

mod audited_statements;
mod file_length;
mod floors;
mod ignored_tests;
mod leaks;
mod links;
mod lint_exceptions;
mod manifests;
mod manual_pages;
mod module_headers;
mod owned_dependencies;
mod pure_crates;
mod registries;
mod sql_headers;
mod unfinished;
mod unsafe_code;
mod white_space;

/// One rule.
pub struct Rule {
    /// Its name: the problem it finds, as printed behind a violation.
    pub name: &'static str,
    /// Finds what breaks it.
    pub check: fn(&Tree) -> Vec<Violation>,
}

/// All rules: the structure of the workspace first, then files, then lines.
pub static ALL: &[&Rule] = &[
    &floors::RULE,
    &owned_dependencies::RULE,
    &manifests::RULE,
    &pure_crates::RULE,
    &registries::RULE,
    &file_length::RULE,
    &module_headers::RULE,
    &sql_headers::RULE,
    &audited_statements::RULE,
    &manual_pages::RULE,
    &links::RULE,
    &unsafe_code::RULE,
    &lint_exceptions::RULE,
    &ignored_tests::RULE,
    &unfinished::RULE,
    &leaks::RULE,
    &white_space::RULE,
];

/// One breach of a rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    path: String,
    line: usize,
    rule: &'static str,
    message: String,
}

impl Violation {
    /// A breach in line `line` (from 1; 0 for the whole file) of `file`.
    fn at(rule: &Rule, file: &File, line: usize, message: impl Into<String>) -> Self {
        Self::of(rule, &file.path, line, message)
    }

    /// A breach in the file at `path`, which may be missing.
    fn of(rule: &Rule, path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, rule: rule.name, message: message.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, rule, message } = self;
        match line {
            0 => write!(formatter, "{path}: {message} [{rule}]"),
            _ => write!(formatter, "{path}:{line}: {message} [{rule}]"),
        }
    }
}

/// What `rule` says of a tree of these files: the lines of the breaches, and the messages.
#[cfg(test)]
fn breaches(rule: &Rule, files: &[(&str, &str)]) -> Vec<(usize, String)> {
    (rule.check)(&Tree::of(files)).into_iter().map(|violation| (violation.line, violation.message)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_each_rule_is_tested() {
        let tree = Tree::read(crate::repository()).expect("the repository can be read");
        let mut names: Vec<&str> = ALL.iter().map(|rule| rule.name).collect();
        for name in &names {
            let path = format!("xtask/src/rules/{}.rs", name.replace('-', "_"));
            let text = tree.text(&path).unwrap_or_else(|| panic!("rule {name} has no file {path}"));
            assert!(text.contains("#[test]"), "{path} has no test that shows the rule firing");
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }

    #[test]
    fn a_breach_reads_as_compilers_print_it() {
        let violation = Violation::of(&file_length::RULE, "a/b.rs", 3, "too long");
        assert_eq!(violation.to_string(), "a/b.rs:3: too long [file-length]");
        assert_eq!(Violation { line: 0, ..violation }.to_string(), "a/b.rs: too long [file-length]");
    }
}
