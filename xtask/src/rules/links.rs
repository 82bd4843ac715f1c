//! Links between Markdown files lead somewhere: to a file or folder that is there, and to a heading that it has.

use super::{Rule, Violation};
use crate::tree::Tree;

pub static RULE: Rule = Rule { name: "links", check };

fn check(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in tree.ending(".md") {
        for (number, line) in prose(&file.text) {
            for target in targets(&line) {
                if let Some(problem) = problem_of(tree, &file.path, target) {
                    found.push(Violation::at(&RULE, file, number, problem));
                }
            }
        }
    }
    found
}

/// What is wrong with a link to `target` in the file at `from`.
fn problem_of(tree: &Tree, from: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, heading) = target.split_once('#').unwrap_or((target, ""));
    let resolved = if path.is_empty() { from.to_owned() } else { resolve(from, path) };
    if !tree.contains(&resolved) {
        return Some(format!("the link to `{target}` leads nowhere: there is no `{resolved}`"));
    }
    let text = tree.ending(".md").find(|file| !heading.is_empty() && file.path == resolved).map(|file| file.text.as_str())?;
    let known = prose(text).any(|(_, line)| line.starts_with('#') && anchor(&line) == heading);
    (!known).then(|| format!("the link to `{target}` leads nowhere: `{resolved}` has no such heading"))
}

/// The lines outside of fenced blocks, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(number, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        (!fenced && !fence).then(|| (number + 1, line.to_owned()))
    })
}

/// What the links of a line lead to; code between backticks is no link, though a link's text may be code.
fn targets(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (at, _) in line.match_indices("](") {
        let in_code = line[..at].matches('`').count() % 2 == 1;
        let inside = &line[at + 2..];
        if let Some(end) = inside.find(')').filter(|_| !in_code) {
            found.extend(inside[..end].split_whitespace().next());
        }
    }
    found
}

/// `path` as seen from the folder of `from`, without `.` and `..`.
fn resolve(from: &str, path: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if parts.pop().is_none() {
                    parts.push("..");
                }
            }
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

/// The anchor of a heading, as the usual renderers make it: lower case, blanks to hyphens, punctuation dropped.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|character| character.is_alphanumeric() || " -_".contains(*character));
    kept.map(|character| if character == ' ' { '-' } else { character }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::breaches;

    fn link(target: &str) -> usize {
        let text = format!("# One `two`, three\n\nSee [it]({target}).\n");
        breaches(&RULE, &[("docs/a.md", &text), ("README.md", "# Title\n"), ("docs/b.md", "")]).len()
    }

    #[test]
    fn files_are_looked_for_from_the_folder_of_the_text() {
        assert_eq!(link("b.md") + link("../README.md") + link("https://example.org/x"), 0);
        assert_eq!(link("README.md"), 1);
        assert_eq!(link("../../README.md"), 1);
    }

    #[test]
    fn headings_are_looked_for() {
        assert_eq!(link("#one-two-three") + link("../README.md#title"), 0);
        assert_eq!(link("#four"), 1);
        assert_eq!(link("../README.md#other"), 1);
    }

    #[test]
    fn code_is_not_a_link() {
        assert!(breaches(&RULE, &[("a.md", "`[a](b)`\n```\n[a](b)\n```\n")]).is_empty());
        assert_eq!(breaches(&RULE, &[("a.md", "[`a`](b)\n")]).len(), 1);
    }
}
