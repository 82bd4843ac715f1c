//! How wide the columns of a table are, and how its rows become lines of a given width.

use pgtailor_model::name::printable;

use crate::document::{Cell, ColumnKind, Table, Tone};
use crate::text::{cut, left, right, spaces, width, wrap};

/// Spaces between two columns.
const GAP: usize = 2;
/// The least width to which a column of words is shrunk.
const NARROWEST: usize = 12;

/// A table as lines: of cells side by side, or one below the other where the width does not suffice.
pub enum Layout {
    /// The widths of the columns.
    Beside(Vec<usize>),
    /// The width of the column of titles.
    Below(usize),
}

/// How `table` fits into `limit` columns.
pub fn fit(table: &Table, limit: usize) -> Layout {
    let mut widths: Vec<usize> = Vec::new();
    for (position, column) in table.columns.iter().enumerate() {
        let cells = table.rows.iter().filter_map(|row| row.get(position)).map(|cell| width(&printable(&cell.text)));
        // Titles of numbers are wrapped; those of words stand whole, as their cells are wide anyway.
        let title = match column.kind {
            ColumnKind::Number => column.title.split(' ').map(width).max().unwrap_or(0),
            ColumnKind::Words | ColumnKind::Excerpt => width(&column.title),
        };
        widths.push(cells.chain([title]).max().unwrap_or(0));
    }
    let gaps = GAP * widths.len().saturating_sub(1);
    let room = limit.saturating_sub(gaps);
    while widths.iter().sum::<usize>() > room {
        // The widest column that may be broken gives way first, so that short names stay whole.
        let widest = (0..widths.len())
            .filter(|&position| table.columns[position].kind != ColumnKind::Number && widths[position] > NARROWEST)
            .max_by_key(|&position| widths[position]);
        match widest {
            Some(position) => widths[position] -= 1,
            None => return Layout::Below(table.columns.iter().map(|column| width(&column.title)).max().unwrap_or(0)),
        }
    }
    Layout::Beside(widths)
}

/// The titles of the columns, as lines.
pub fn header(table: &Table, widths: &[usize]) -> Vec<String> {
    let titles: Vec<Cell> = table.columns.iter().map(|column| column.title.as_str().into()).collect();
    row(table, widths, &titles, &|text, _| text.to_owned())
}

/// One row with its cells side by side, as lines without trailing spaces. `paint` may add escape sequences, which take no room.
pub fn row(table: &Table, widths: &[usize], cells: &[Cell], paint: &dyn Fn(&str, Tone) -> String) -> Vec<String> {
    let broken: Vec<Vec<String>> = cells
        .iter()
        .zip(&table.columns)
        .zip(widths)
        .map(|((cell, column), &limit)| match column.kind {
            ColumnKind::Excerpt => vec![cut(&cell.text, limit)],
            ColumnKind::Number | ColumnKind::Words => wrap_name(&cell.text, limit),
        })
        .collect();
    let height = broken.iter().map(Vec::len).max().unwrap_or(0);
    (0..height)
        .map(|number| {
            let mut line = String::new();
            let mut pending = 0;
            for (position, lines) in broken.iter().enumerate() {
                let text = lines.get(number).map_or("", String::as_str);
                let padded = match table.columns[position].kind {
                    ColumnKind::Number => right(text, widths[position]),
                    ColumnKind::Words | ColumnKind::Excerpt => left(text, widths[position]),
                };
                let visible = padded.trim_end();
                if !visible.is_empty() {
                    line.push_str(&spaces(pending));
                    pending = 0;
                    let start = visible.len() - visible.trim_start().len();
                    line.push_str(&visible[..start]);
                    line.push_str(&paint(&visible[start..], cells[position].tone));
                }
                pending += padded.len() - visible.len() + GAP;
            }
            line
        })
        .collect()
}

/// Like [`wrap`], and a name that is too long for its line is broken behind an underscore, a dot or a comma where there is one.
fn wrap_name(text: &str, limit: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for mut line in wrap_words(text, limit) {
        while width(&line) > limit {
            let fitting = line
                .char_indices()
                .filter(|&(position, character)| matches!(character, '_' | '.' | ',' | '-') && width(&line[..=position]) <= limit)
                .map(|(position, _)| position + 1)
                .next_back();
            let Some(end) = fitting else { break };
            let rest = line.split_off(end);
            lines.push(std::mem::replace(&mut line, rest));
        }
        lines.extend(wrap(&line, limit));
    }
    lines
}

/// `text` broken at spaces only.
fn wrap_words(text: &str, limit: usize) -> Vec<String> {
    crate::text::wrap_pieces(printable(text).split(' ').map(str::to_owned), limit, crate::text::LongPiece::Keep)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new("", [("name", ColumnKind::Words), ("rows", ColumnKind::Number)]);
        table.rows.push(vec!["idx_pipeline_executions_pipeline_id_created_at".into(), "3 000 000".into()]);
        table
    }

    #[test]
    fn a_wide_table_keeps_its_numbers_and_breaks_its_words() {
        let table = table();
        let Layout::Beside(widths) = fit(&table, 40) else { panic!("it fits") };
        assert_eq!(widths, [29, 9]);
        let lines = row(&table, &widths, &table.rows[0], &|text, _| text.to_owned());
        assert_eq!(lines, ["idx_pipeline_executions_       3 000 000", "pipeline_id_created_at"]);
    }

    #[test]
    fn a_table_without_room_goes_below() {
        assert!(matches!(fit(&table(), 15), Layout::Below(4)));
    }
}
