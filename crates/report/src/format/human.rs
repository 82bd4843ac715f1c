//! Text for a terminal: a given width, legible without colour and without drawn lines.

use pgtailor_model::name::printable;

use super::Format;
use crate::document::{Block, Fact, Figure, Item, Table, Text, Tone};
use crate::layout::{self, Layout};
use crate::report::{Colour, Report, Style};
use crate::sql_text::wrapped;
use crate::text::{cut, left, right, shell, spaces, width, wrap};

/// The least width that is kept to; narrower terminals wrap by themselves.
const NARROWEST: usize = 40;
/// How far the facts of an item stand in.
const INDENT: usize = 5;
/// Widest column of labels; longer labels push their value to the right.
const WIDEST_LABEL: usize = 26;

/// See the module.
pub struct Human;

impl Format for Human {
    fn name(&self) -> &'static str {
        "human"
    }

    fn extension(&self) -> &'static str {
        "txt"
    }

    fn purpose(&self) -> &'static str {
        "for people at a terminal"
    }

    fn render(&self, report: &dyn Report, style: &Style) -> String {
        let document = report.document();
        let page = Page { colour: style.colour, width: style.width.max(NARROWEST) };
        let mut sections = vec![page.prose(&document.title, 0).into_iter().map(|line| page.bold(&line)).collect()];
        sections.extend(document.blocks.iter().map(|block| page.block(block)));
        let text: Vec<String> = sections.into_iter().filter(|lines| !lines.is_empty()).map(|lines| lines.join("\n")).collect();
        format!("{}\n", text.join("\n\n"))
    }
}

/// Where lines go.
struct Page {
    colour: Colour,
    width: usize,
}

impl Page {
    fn block(&self, block: &Block) -> Vec<String> {
        match block {
            Block::Heading(text) => self.prose(text, 0).into_iter().map(|line| self.bold(&line)).collect(),
            Block::Paragraph(text) => self.prose(text, 0),
            Block::Facts(facts) => self.facts(facts, 0),
            Block::Figures(figures) => self.figures(figures),
            Block::Table(table) => self.table(table),
            Block::List(entries) => entries.iter().flat_map(|entry| self.hanging("- ", entry, Tone::Plain)).collect(),
            Block::Item(item) => self.item(item),
            Block::Sql(sql) => indented(wrapped(sql, self.width - 2), 2),
            Block::Note(tone, text) => self.hanging(tone_mark(*tone), text, *tone),
            // Every chart stands beside a table with the same numbers.
            Block::Chart(_) => Vec::new(),
            Block::Next(text) => self.hanging("next: ", text, Tone::Plain),
        }
    }

    fn prose(&self, text: &str, indent: usize) -> Vec<String> {
        indented(wrap(text, self.width - indent), indent)
    }

    /// `text` behind `mark`, further lines under its first word.
    fn hanging(&self, mark: &str, text: &str, tone: Tone) -> Vec<String> {
        let lines = wrap(text, self.width - width(mark));
        let mark_painted = self.paint(mark.trim_end(), tone) + &spaces(width(mark) - width(mark.trim_end()));
        lines
            .into_iter()
            .enumerate()
            .map(|(number, line)| if number == 0 { format!("{mark_painted}{line}") } else { spaces(width(mark)) + &line })
            .collect()
    }

    fn facts(&self, facts: &[Fact], indent: usize) -> Vec<String> {
        let labels = facts.iter().map(|fact| width(&fact.label)).max().unwrap_or(0).min(WIDEST_LABEL);
        // Sources stand in one column behind the longest value that leaves room for its own.
        let room = self.width.saturating_sub(indent + labels + 2);
        let values = facts
            .iter()
            .filter(|fact| !fact.source.is_empty())
            .map(|fact| (width(&printable(fact.value.raw())), width(&printable(&fact.source))))
            .filter(|(value, source)| value + 2 + source <= room)
            .map(|(value, _)| value)
            .max()
            .unwrap_or(0);
        facts.iter().flat_map(|fact| self.fact(fact, indent, labels, values)).collect()
    }

    fn fact(&self, fact: &Fact, indent: usize, labels: usize, values: usize) -> Vec<String> {
        let label = cut(&fact.label, self.width / 2);
        let start = indent + labels.max(width(&label)) + 2;
        let room = self.width - start;
        let mut lines = match &fact.value {
            Text::Prose(text) if fact.source.is_empty() => wrap(text, room),
            Text::Prose(text) => {
                let (value, source) = (left(&printable(text), values), printable(&fact.source));
                if width(&value) + 2 + width(&source) <= room {
                    vec![format!("{value}  {}", self.quiet(&source))]
                } else {
                    wrap(&format!("{text} ({})", fact.source), room)
                }
            }
            Text::Sql(sql) => wrapped(sql, room),
            Text::Excerpt(sql) => vec![cut(sql, room)],
            Text::Shell(command) => shell(command, room),
        };
        if !matches!(fact.value, Text::Prose(_)) && !fact.source.is_empty() {
            lines.extend(wrap(&fact.source, room).iter().map(|line| self.quiet(line)));
        }
        let head = spaces(indent) + &self.quiet(&label) + &spaces(start - indent - width(&label));
        lines
            .into_iter()
            .enumerate()
            .map(|(number, line)| if number == 0 { format!("{head}{line}") } else { spaces(start) + &line })
            .collect()
    }

    fn figures(&self, figures: &[Figure]) -> Vec<String> {
        let facts: Vec<Fact> = figures.iter().map(|figure| Fact::number(&figure.label, &figure.value, &figure.source)).collect();
        self.facts(&facts, 0)
    }

    fn table(&self, table: &Table) -> Vec<String> {
        let mut lines: Vec<String> = self.prose(&table.caption, 0);
        if table.caption.is_empty() {
            lines.clear();
        }
        match layout::fit(table, self.width) {
            Layout::Beside(widths) => {
                lines.extend(layout::header(table, &widths).iter().map(|line| self.bold(line)));
                for row in &table.rows {
                    lines.extend(layout::row(table, &widths, row, &|text, tone| self.paint(text, tone)));
                }
            }
            Layout::Below(labels) => {
                for row in &table.rows {
                    let facts: Vec<Fact> =
                        table.columns.iter().zip(row).map(|(column, cell)| Fact::words(&column.title, &cell.text)).collect();
                    lines.extend(facts.iter().flat_map(|fact| self.fact(fact, 0, labels, 0)));
                    lines.push(String::new());
                }
                lines.pop();
            }
        }
        lines
    }

    fn item(&self, item: &Item) -> Vec<String> {
        let number = right(&item.number.to_string(), 1) + "  ";
        let mut head = number.clone();
        if let Some((tone, badge)) = &item.badge {
            head.push_str(&self.paint(&printable(badge), *tone));
            head.push_str("  ");
        }
        let taken = width(&number) + item.badge.as_ref().map_or(0, |(_, badge)| width(&printable(badge)) + 2);
        let room = self.width - taken;
        let lines = match &item.title {
            Text::Prose(text) => wrap(text, room),
            Text::Sql(sql) => wrapped(sql, room),
            Text::Excerpt(sql) => vec![cut(sql, room)],
            Text::Shell(command) => shell(command, room),
        };
        let mut lines: Vec<String> = lines
            .into_iter()
            .enumerate()
            .map(|(number, line)| if number == 0 { head.clone() + &self.bold(&line) } else { spaces(taken) + &self.bold(&line) })
            .collect();
        lines.extend(self.facts(&item.facts, INDENT));
        lines
    }

    fn paint(&self, text: &str, tone: Tone) -> String {
        match tone {
            Tone::Plain => text.to_owned(),
            Tone::Good => self.escape("32", text),
            Tone::Warning => self.escape("33", text),
            Tone::Bad => self.escape("31", text),
            Tone::Quiet => self.quiet(text),
        }
    }

    fn quiet(&self, text: &str) -> String {
        self.escape("2", text)
    }

    fn bold(&self, text: &str) -> String {
        self.escape("1", text)
    }

    /// `text` between "select graphic rendition" sequences (ECMA-48, 8.3.117).
    fn escape(&self, code: &str, text: &str) -> String {
        match self.colour {
            Colour::Always if !text.is_empty() => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            Colour::Always | Colour::Never => text.to_owned(),
        }
    }
}

impl Text {
    /// The text, unbroken and raw.
    pub(super) fn raw(&self) -> &str {
        match self {
            Self::Prose(text) | Self::Sql(text) | Self::Excerpt(text) | Self::Shell(text) => text,
        }
    }
}

/// What stands before a note: the word that its colour would say.
fn tone_mark(tone: Tone) -> &'static str {
    match tone {
        Tone::Plain | Tone::Quiet => "note: ",
        Tone::Good => "good: ",
        Tone::Warning => "warning: ",
        Tone::Bad => "wrong: ",
    }
}

fn indented(lines: Vec<String>, indent: usize) -> Vec<String> {
    lines.into_iter().map(|line| spaces(indent) + &line).collect()
}
