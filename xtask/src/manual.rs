//! The manual pages of checks, written from the doc comments of their files: `docs/checks/<name>.md`, and a list of all.

use crate::tree::{File, Tree};

/// Where the pages stand.
pub const FOLDER: &str = "docs/checks/";

/// Where the checks stand.
const CHECKS: &str = "crates/checks/src/check/";

/// The list that says which checks there are, and in which order.
const LIST: &str = "crates/checks/src/check.rs";

/// What the list ends with.
const ACCEPTING: &str = "
## Accepting a finding

A finding that is right and shall stay is written down with its reason, beside the application's code:

```sh
pgtailor accept no-primary-key log --reason 'only read as a whole' --until 2027-05-31
pgtailor accept unused-index orders orders_note_idx --reason 'for the audit, once a year'
```

That adds an entry to `pgtailor-accepted.toml` in the current folder (`--file` names another), which `check` and `optimize` read (`--accepted`).
Accepted findings are listed apart with their reasons, count for no exit code, and are not acted upon; after the last day they are findings again.
";

/// Every page with its path, the list of all first.
pub fn pages(tree: &Tree) -> Vec<(String, String)> {
    let mut pages = Vec::new();
    let mut list = String::from(
        "# Checks\n\nWhat `pgtailor check` looks for, in the order of the manual. Written from the source by `cargo run -p xtask -- manual`.\n\n\
         | check | finds |\n|---|---|\n",
    );
    for file in in_order(tree) {
        let Some(page) = page(file) else { continue };
        let name = name(file);
        list.extend(["| [`", &name, "`](", &name, ".md) | ", &page.summary, " |\n"]);
        pages.push((format!("{FOLDER}{name}.md"), format!("# `{name}`\n\n{}\n{}", page.summary, page.body)));
    }
    list.push_str(ACCEPTING);
    pages.insert(0, (format!("{FOLDER}README.md"), list));
    pages
}

/// The files of the checks, as the list has them.
fn in_order(tree: &Tree) -> Vec<&File> {
    let list = tree.text(LIST).unwrap_or_default();
    let place = |file: &File| list.find(&format!("&{}::", file.stem())).unwrap_or(usize::MAX);
    let mut files: Vec<&File> = tree.files.iter().filter(|file| file.path.starts_with(CHECKS)).collect();
    files.sort_by_key(|file| (place(file), file.path.clone()));
    files
}

fn name(file: &File) -> String {
    file.stem().replace('_', "-")
}

/// What the doc comment with the headings says.
struct Page {
    /// Its first sentence, for the list.
    summary: String,
    /// From the first heading on.
    body: String,
}

/// The doc comment that has the heading of the manual; headings go one level down, since the page has a title.
fn page(file: &File) -> Option<Page> {
    let lines: Vec<&str> = file.text.lines().collect();
    let heading = lines.iter().position(|line| *line == "/// # What it finds")?;
    let is_doc = |line: &&&str| line.starts_with("///");
    let first = heading - lines[..heading].iter().rev().take_while(is_doc).count();
    let text = |line: &str| line.trim_start_matches("///").strip_prefix(' ').unwrap_or_default().to_owned();
    let summary: Vec<String> = lines[first..heading].iter().map(|line| text(line)).filter(|line| !line.is_empty()).collect();
    let mut body = String::new();
    for line in lines[heading..].iter().take_while(is_doc) {
        let line = text(line);
        let level = if line.starts_with("# ") { "#" } else { "" };
        body.extend([level, &line, "\n"]);
    }
    Some(Page { summary: summary.join(" "), body: format!("\n{body}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHECK: &str = "//! `a-problem`: a word.\n\n/// One sentence\n/// on two lines.\n///\n/// # What it finds\n///\n/// That.\n///\n/// ```sql\n/// -- # no heading\n/// ```\npub(super) struct AProblem;\n";

    #[test]
    fn a_page_is_the_doc_comment() {
        let tree = Tree::of(&[("crates/checks/src/check/a_problem.rs", CHECK), (LIST, "&a_problem::AProblem")]);
        let pages = pages(&tree);
        assert!(pages[0].1.contains("| [`a-problem`](a-problem.md) | One sentence on two lines. |\n"), "{}", pages[0].1);
        assert_eq!(pages[1].0, "docs/checks/a-problem.md");
        let expected =
            "# `a-problem`\n\nOne sentence on two lines.\n\n## What it finds\n\nThat.\n\n```sql\n-- # no heading\n```\n";
        assert_eq!(pages[1].1, expected);
    }
}
