//! Nothing unfinished is kept: no placeholder macro, and no note to oneself without an issue where it can be found.

use super::{Rule, Violation};
use crate::source;
use crate::tree::{File, Tree};

/// Macros that stand for code that is not there, or that is there for a moment.
const PLACEHOLDERS: &[&str] = &["todo", "unimplemented", "dbg"];

/// Ends of the files of which the comments are looked at without telling comments from the rest.
const PLAIN_ENDINGS: &[&str] = &[".toml", ".sql", ".sh", ".yml", ".yaml", ".css", ".js"];

pub static RULE: Rule = Rule { name: "unfinished", check };

fn check(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in &tree.files {
        if file.ends_with(".rs") {
            let source = source::read(&file.text);
            found.extend(placeholders(file, &source.code));
            found.extend(notes(file, &source.comments));
        } else if file.path == "Makefile" || PLAIN_ENDINGS.iter().any(|ending| file.ends_with(ending)) {
            found.extend(notes(file, &file.text));
        }
    }
    found
}

fn placeholders(file: &File, code: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    for word in PLACEHOLDERS {
        for at in source::words(code, word).filter(|at| code[at + word.len()..].starts_with('!')) {
            found.push(Violation::at(&RULE, file, source::line_of(code, at), format!("`{word}!` does not stay")));
        }
    }
    found
}

/// The word for "mend me" anywhere, and the word for "to be done" unless an issue follows it.
fn notes(file: &File, comments: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    for at in source::words(comments, "FIXME") {
        found.push(Violation::at(
            &RULE,
            file,
            source::line_of(comments, at),
            "`FIXME`: mend it, or open an issue and write `TODO(#12)`",
        ));
    }
    for at in source::words(comments, "TODO") {
        let issue = comments[at..].strip_prefix("TODO(#").and_then(|rest| rest.split_once(')'));
        if !issue.is_some_and(|(number, _)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())) {
            let message = "a note without an issue: write `TODO(#12)` with the issue's number";
            found.push(Violation::at(&RULE, file, source::line_of(comments, at), message));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::breaches;

    #[test]
    fn placeholder_macros_are_found() {
        assert_eq!(
            breaches(&RULE, &[("a.rs", "fn a() {\n    todo!()\n}\nfn b() { unimplemented!(\"x\"); dbg!(1); }\n")]).len(),
            3
        );
        assert!(breaches(&RULE, &[("a.rs", "fn todo() { \"todo!()\"; }\n")]).is_empty());
    }

    #[test]
    fn a_note_names_its_issue() {
        assert_eq!(breaches(&RULE, &[("a.rs", "// TODO later\n// TODO(me)\n/* FIXME */\n")]).len(), 3);
        assert!(breaches(&RULE, &[("a.rs", "// TODO(#12): later\nconst A: &str = \"TODO\";\n")]).is_empty());
        assert_eq!(breaches(&RULE, &[("a.sql", "-- TODO\n")]).len(), 1);
    }
}
