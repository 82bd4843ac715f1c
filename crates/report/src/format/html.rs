//! One self-contained page: no scripts, no network, inline style, drawings as SVG, light and dark, fit to print.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use pgtailor_model::name::printable;

use super::Format;
use crate::chart;
use crate::document::{Block, Cell, Chart, Column, ColumnKind, Fact, Figure, Item, Table, Text, Tone};
use crate::report::{Report, Style};
use crate::sql_text::one_line;

/// The page may load nothing at all; style and drawings are in it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";
const STYLE: &str = include_str!("../page.css");

/// See the module.
pub struct Html;

impl Format for Html {
    fn name(&self) -> &'static str {
        "html"
    }

    fn extension(&self) -> &'static str {
        "html"
    }

    fn purpose(&self) -> &'static str {
        "one self-contained page with drawings, for a browser and for print"
    }

    fn render(&self, report: &dyn Report, _style: &Style) -> String {
        let document = report.document();
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(POLICY);
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (shown(&document.title)) }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    main {
                        h1 { (shown(&document.title)) }
                        (blocks(&document.blocks))
                        footer { "Written by pgtailor. This page loads nothing and sends nothing." }
                    }
                }
            }
        };
        page.into_string()
    }
}

/// The blocks; curves beside one another stand in a grid.
fn blocks(all: &[Block]) -> Markup {
    let is_curve = |block: &Block| matches!(block, Block::Chart(Chart::Curves(_)));
    html! {
        @for run in all.chunk_by(|one, other| is_curve(one) && is_curve(other)) {
            @if run.len() > 1 {
                div.charts { @for each in run { (block(each)) } }
            } @else {
                @for each in run { (block(each)) }
            }
        }
    }
}

fn block(block: &Block) -> Markup {
    html! {
        @match block {
            Block::Heading(text) => h2 { (shown(text)) },
            Block::Paragraph(text) => p { (prose(text)) },
            Block::Facts(facts) => (list(facts)),
            Block::Figures(figures) => div.figures { @for each in figures { (figure(each)) } },
            Block::Table(table) => (tabular(table)),
            Block::List(entries) => ul { @for entry in entries { li { (shown(entry)) } } },
            Block::Item(item) => (self::item(item)),
            Block::Sql(sql) => pre { (one_line(sql)) ";" },
            Block::Note(tone, text) => div.note.(class(*tone)) { (prose(text)) },
            Block::Chart(drawing) => (chart::figure(drawing)),
            Block::Next(text) => p.next { strong { "next: " } (prose(text)) },
        }
    }
}

fn list(facts: &[Fact]) -> Markup {
    html! {
        dl {
            @for fact in facts {
                dt { (shown(&fact.label)) }
                dd {
                    (value(&fact.value))
                    @if !fact.source.is_empty() { span.source { (shown(&fact.source)) } }
                }
            }
        }
    }
}

fn value(value: &Text) -> Markup {
    html! {
        @match value {
            Text::Prose(text) => (shown(text)),
            Text::Sql(sql) => code { (one_line(sql)) },
            Text::Excerpt(sql) => code { (excerpt(sql)) },
            Text::Shell(command) => code { (shown(command)) },
        }
    }
}

fn figure(figure: &Figure) -> Markup {
    html! {
        div.figure {
            div.label { (shown(&figure.label)) }
            div.value.(class(figure.tone)) { (shown(&figure.value)) }
            div.from { (shown(&figure.source)) }
        }
    }
}

fn tabular(table: &Table) -> Markup {
    html! {
        div.scroll {
            table {
                @if !table.caption.is_empty() { caption { (shown(&table.caption)) } }
                thead {
                    tr { @for column in &table.columns { th.(kind(column)) scope="col" { (shown(&column.title)) } } }
                }
                tbody {
                    @for row in &table.rows {
                        tr { @for (each, column) in row.iter().zip(&table.columns) { td.(kind(column)) { (cell(each, column)) } } }
                    }
                }
            }
        }
    }
}

fn cell(cell: &Cell, column: &Column) -> Markup {
    html! {
        @if column.kind == ColumnKind::Excerpt {
            code { (excerpt(&cell.text)) }
        } @else if cell.tone == Tone::Plain {
            (shown(&cell.text))
        } @else {
            span.mark.(class(cell.tone)) { (shown(&cell.text)) }
        }
    }
}

fn item(item: &Item) -> Markup {
    html! {
        section.item {
            h3 {
                span.count { (item.number) }
                @if let Some((tone, badge)) = &item.badge { span.mark.(class(*tone)) { (shown(badge)) } }
                @if let Text::Prose(title) | Text::Excerpt(title) | Text::Shell(title) = &item.title { span { (shown(title)) } }
            }
            @if let Text::Sql(sql) = &item.title { pre { (one_line(sql)) ";" } }
            @if !item.facts.is_empty() { (list(&item.facts)) }
        }
    }
}

/// `text` with what stands between backticks as code.
fn prose(text: &str) -> Markup {
    let parts: Vec<&str> = text.split('`').collect();
    // An even number of parts is an odd number of backticks: then one of them is no mark.
    let marked = parts.len() % 2 == 1;
    html! {
        @if marked {
            @for (number, part) in parts.iter().enumerate() {
                @if number % 2 == 1 { code { (shown(part)) } } @else { (shown(part)) }
            }
        } @else {
            (shown(text))
        }
    }
}

/// `text` on one line, with digits in groups kept together.
fn shown(text: &str) -> String {
    let characters: Vec<char> = printable(text).chars().collect();
    let is_digit = |at: Option<usize>| at.and_then(|at| characters.get(at)).is_some_and(char::is_ascii_digit);
    let keeps = |at: usize| characters[at] == ' ' && is_digit(at.checked_sub(1)) && is_digit(Some(at + 1));
    (0..characters.len()).map(|at| if keeps(at) { '\u{a0}' } else { characters[at] }).collect()
}

fn excerpt(sql: &str) -> String {
    printable(&sql.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn kind(column: &Column) -> &'static str {
    match column.kind {
        ColumnKind::Number => "number",
        ColumnKind::Words => "words",
        ColumnKind::Excerpt => "excerpt",
    }
}

fn class(tone: Tone) -> &'static str {
    match tone {
        Tone::Plain => "plain",
        Tone::Good => "good",
        Tone::Warning => "warning",
        Tone::Bad => "bad",
        Tone::Quiet => "quiet",
    }
}
