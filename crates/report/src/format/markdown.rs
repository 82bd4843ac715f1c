//! Markdown (the GitHub flavour) for pull requests and tickets. No text of a database can become mark-up, a link or a mention.

use std::fmt::Write as _;

use pgtailor_model::name::printable;

use super::Format;
use crate::document::{Block, Cell, ColumnKind, Fact, Item, Table, Text, Tone};
use crate::report::{Report, Style};
use crate::sql_text::one_line;

/// See the module.
pub struct Markdown;

impl Format for Markdown {
    fn name(&self) -> &'static str {
        "markdown"
    }

    fn extension(&self) -> &'static str {
        "md"
    }

    fn purpose(&self) -> &'static str {
        "for pull requests and tickets"
    }

    fn render(&self, report: &dyn Report, _style: &Style) -> String {
        let document = report.document();
        let mut sections = vec![format!("# {}", escape(&document.title))];
        sections.extend(document.blocks.iter().map(block).filter(|section| !section.is_empty()));
        format!("{}\n", sections.join("\n\n"))
    }
}

fn block(block: &Block) -> String {
    match block {
        Block::Heading(text) => format!("## {}", escape(text)),
        Block::Paragraph(text) => escape(text),
        Block::Facts(facts) => list(facts),
        Block::Figures(figures) => {
            list(&figures.iter().map(|figure| Fact::number(&figure.label, &figure.value, &figure.source)).collect::<Vec<_>>())
        }
        Block::Table(table) => tabular(table),
        Block::List(entries) => entries.iter().map(|entry| format!("- {}", escape(entry))).collect::<Vec<_>>().join("\n"),
        Block::Item(item) => self::item(item),
        Block::Sql(sql) => fenced(&one_line(sql)),
        Block::Note(tone, text) => format!("> **{}:** {}", tone_word(*tone), escape(text)),
        // Every chart stands beside a table with the same numbers.
        Block::Chart(_) => String::new(),
        Block::Next(text) => format!("**next:** {}", escape(text)),
    }
}

fn item(item: &Item) -> String {
    let badge = item.badge.as_ref().map(|(_, badge)| format!("{}: ", escape(badge))).unwrap_or_default();
    let mut text = match &item.title {
        Text::Prose(title) | Text::Excerpt(title) | Text::Shell(title) => {
            format!("### {}. {badge}{}", item.number, escape(title))
        }
        Text::Sql(sql) => {
            let word = if badge.is_empty() { "step" } else { badge.trim_end_matches(": ") };
            format!("### {}. {word}\n\n{}", item.number, fenced(&one_line(sql)))
        }
    };
    if !item.facts.is_empty() {
        let _ = write!(text, "\n\n{}", list(&item.facts));
    }
    text
}

fn list(facts: &[Fact]) -> String {
    facts.iter().map(fact).collect::<Vec<_>>().join("\n")
}

fn fact(fact: &Fact) -> String {
    let value = match &fact.value {
        Text::Prose(text) => escape(text),
        Text::Sql(sql) => code(&one_line(sql)),
        Text::Shell(command) => code(&printable(command)),
        Text::Excerpt(sql) => code(&printable(&sql.split_whitespace().collect::<Vec<_>>().join(" "))),
    };
    let source = if fact.source.is_empty() { String::new() } else { format!(" ({})", escape(&fact.source)) };
    format!("- **{}:** {value}{source}", escape(&fact.label))
}

fn tabular(table: &Table) -> String {
    let mut text = String::new();
    if !table.caption.is_empty() {
        let _ = write!(text, "{}\n\n", escape(&table.caption));
    }
    let titles: Vec<Cell> = table.columns.iter().map(|column| column.title.as_str().into()).collect();
    text.push_str(&row(table, &titles));
    text.push_str("\n|");
    for column in &table.columns {
        text.push_str(if column.kind == ColumnKind::Number { " ---: |" } else { " --- |" });
    }
    for cells in &table.rows {
        text.push('\n');
        text.push_str(&row(table, cells));
    }
    text
}

fn row(table: &Table, cells: &[Cell]) -> String {
    let mut line = "|".to_owned();
    for (cell, column) in cells.iter().zip(&table.columns) {
        let text = match column.kind {
            ColumnKind::Excerpt => escape(&cell.text.split_whitespace().collect::<Vec<_>>().join(" ")),
            ColumnKind::Number | ColumnKind::Words => escape(&cell.text),
        };
        let _ = write!(line, " {text} |");
    }
    line
}

/// `sql` in a fence that it cannot close.
fn fenced(sql: &str) -> String {
    let fence = "`".repeat(longest_run(sql).max(2) + 1);
    format!("{fence}sql\n{sql};\n{fence}")
}

/// `text` as inline code that it cannot close (`CommonMark` 6.1).
fn code(text: &str) -> String {
    let mark = "`".repeat(longest_run(text) + 1);
    if text.starts_with('`') || text.ends_with('`') { format!("{mark} {text} {mark}") } else { format!("{mark}{text}{mark}") }
}

/// Length of the longest run of backticks.
fn longest_run(text: &str) -> usize {
    text.split(|character| character != '`').map(str::len).max().unwrap_or(0)
}

/// `text` as words only: nothing in it is mark-up, HTML, a link or a mention.
fn escape(text: &str) -> String {
    let characters: Vec<char> = printable(text).chars().collect();
    let mut escaped = String::with_capacity(text.len());
    for (position, &character) in characters.iter().enumerate() {
        let (before, after) = (&characters[..position], &characters[position + 1..]);
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '@' => escaped.push_str("&#64;"),
            // `https:` and `www.` would become links by themselves.
            ':' if after.starts_with(&['/', '/']) => escaped.push_str("&#58;"),
            '.' if before.ends_with(&['w', 'w', 'w']) || before.ends_with(&['W', 'W', 'W']) => escaped.push_str("&#46;"),
            '\\' | '`' | '*' | '[' | ']' | '|' | '~' | '#' | '$' => push_escaped(&mut escaped, character),
            // An underscore inside a word is no mark-up, and index names are full of them.
            '_' if !(before.last().copied().is_some_and(is_word) && after.first().copied().is_some_and(is_word)) => {
                push_escaped(&mut escaped, character);
            }
            // At the start of a line these would begin a list or a heading.
            '-' | '+' | '=' if before.is_empty() => push_escaped(&mut escaped, character),
            '.' | ')' if !before.is_empty() && before.iter().all(char::is_ascii_digit) && after.first() == Some(&' ') => {
                push_escaped(&mut escaped, character);
            }
            _ => escaped.push(character),
        }
    }
    escaped
}

fn push_escaped(escaped: &mut String, character: char) {
    escaped.push('\\');
    escaped.push(character);
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn tone_word(tone: Tone) -> &'static str {
    match tone {
        Tone::Plain | Tone::Quiet => "note",
        Tone::Good => "good",
        Tone::Warning => "warning",
        Tone::Bad => "wrong",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_becomes_markup() {
        assert_eq!(escape("a|b *c* <img> [x](y)"), "a\\|b \\*c\\* &lt;img&gt; \\[x\\](y)");
        assert_eq!(escape("https://evil www.evil @team"), "https&#58;//evil www&#46;evil &#64;team");
        assert_eq!(escape("idx_users_role _x_"), "idx_users_role \\_x\\_");
        assert_eq!(escape("- no list"), "\\- no list");
    }

    #[test]
    fn code_cannot_be_left() {
        assert_eq!(code("a `` b"), "```a `` b```");
        assert_eq!(code("`x"), "`` `x ``");
        assert_eq!(fenced("SELECT \"```\""), "````sql\nSELECT \"```\";\n````");
    }
}
