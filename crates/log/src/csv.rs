//! csvlog: one record a message, texts in quotes, quotes in them doubled, line ends in them as they are (`write_csvlog` in `csvlog.c`).
//!
//! A record that breaks the rules is skipped up to the next line that begins with a time, as records do and texts hardly ever.

use memchr::{memchr, memchr_iter};

use crate::entry::{Ahead, Entry, Severity, Step};
use crate::escape::{Escaping, Raw};
use crate::report::SkipReason;

/// Columns that are kept; later versions may add some at the end. 23 in version 9.0, 24 in 13, 26 in 14 and later.
const MOST_COLUMNS: usize = 26;

/// Version 8.4 and later have these; application names came with 9.0.
const FEWEST_COLUMNS: usize = 22;

/// Columns by number, from 0.
mod column {
    pub(super) const TIME: usize = 0;
    pub(super) const USER: usize = 1;
    pub(super) const DATABASE: usize = 2;
    pub(super) const SESSION: usize = 5;
    pub(super) const SEVERITY: usize = 11;
    pub(super) const MESSAGE: usize = 13;
    pub(super) const DETAIL: usize = 14;
    pub(super) const APPLICATION: usize = 22;
    pub(super) const QUERY_ID: usize = 25;
}

/// Reads records of csvlog.
#[derive(Debug, Default)]
pub(crate) struct Csv {
    /// Whether lines that are no record belong to something that was counted already.
    is_after_skip: bool,
}

type Columns<'a> = [&'a [u8]; MOST_COLUMNS];

/// What a record turned out to be.
enum Record {
    /// Whole: this many bytes and columns.
    Whole(usize, usize),
    /// Not to its end yet.
    Unfinished,
    /// It breaks the rules.
    Malformed,
}

impl Csv {
    /// What `data` begins with.
    pub(crate) fn step<'a>(&mut self, data: &'a [u8], ahead: Ahead) -> Step<'a> {
        if !begins_record(data) {
            // A time that is cut off may still become one.
            if ahead == Ahead::More && data.len() < TIME_LENGTH && memchr(b'\n', data).is_none() {
                return Step::More;
            }
            return self.skip(data, SkipReason::NoBeginning);
        }
        let mut columns: Columns<'a> = [b""; MOST_COLUMNS];
        match split(data, &mut columns) {
            Record::Whole(length, count) if count >= FEWEST_COLUMNS => {
                self.is_after_skip = false;
                Step::Entry(entry(&columns), length)
            }
            Record::Unfinished => Step::More,
            Record::Whole(..) | Record::Malformed => {
                self.is_after_skip = false;
                self.skip(data, SkipReason::Malformed)
            }
        }
    }

    /// Called when the record at hand is too long to be read: what follows of it is passed over.
    pub(crate) fn give_up(&mut self) {
        self.is_after_skip = true;
    }

    /// Skips the first line.
    fn skip<'a>(&mut self, data: &[u8], reason: SkipReason) -> Step<'a> {
        let Some(end) = memchr(b'\n', data) else { return Step::More };
        let line = &data[..end];
        let reason = match reason {
            SkipReason::NoBeginning if memchr(0, line).is_some() => SkipReason::Binary,
            reason => reason,
        };
        let counts = !self.is_after_skip && !line.trim_ascii().is_empty();
        self.is_after_skip = true;
        Step::Skip(end + 1, counts.then_some(reason))
    }
}

/// The length of `2026-11-27 10:00:00.123 `.
const TIME_LENGTH: usize = 24;

/// Whether `data` begins with a time, as every record does.
pub(crate) fn begins_record(data: &[u8]) -> bool {
    const PATTERN: &[u8; TIME_LENGTH] = b"0000-00-00 00:00:00.000 ";
    let fits = |(byte, pattern): (&u8, &u8)| if *pattern == b'0' { byte.is_ascii_digit() } else { byte == pattern };
    data.get(..TIME_LENGTH).is_some_and(|time| time.iter().zip(PATTERN).all(fits))
}

/// Whether `line` looks like the first line of a record: a time, two texts in quotes or nothing, a number.
pub(crate) fn looks_like_record(line: &[u8]) -> bool {
    let mut columns: Columns<'_> = [b""; MOST_COLUMNS];
    if !begins_record(line) {
        return false;
    }
    split(line, &mut columns);
    let name = |column: usize| -> bool { columns[column].is_empty() || line_has_quote_before(line, columns[column]) };
    columns[3].first().is_some_and(u8::is_ascii_digit) && columns[3].iter().all(u8::is_ascii_digit) && name(1) && name(2)
}

/// Whether the column `part`, which lies in `line`, stands in quotes.
fn line_has_quote_before(line: &[u8], part: &[u8]) -> bool {
    memchr_iter(b'"', line).any(|quote| line[quote + 1..].starts_with(part))
}

/// Splits the record at the beginning of `data` into `columns`, without the quotes around them.
fn split<'a>(data: &'a [u8], columns: &mut Columns<'a>) -> Record {
    let mut count = 0;
    let mut at = 0;
    loop {
        let (column, end) = if data.get(at) == Some(&b'"') {
            match closing_quote(&data[at + 1..]) {
                Some(length) => (&data[at + 1..at + 1 + length], at + length + 2),
                None => return Record::Unfinished,
            }
        } else {
            let length = data[at..].iter().take_while(|byte| !matches!(byte, b',' | b'\n' | b'"')).count();
            (&data[at..at + length], at + length)
        };
        if let Some(place) = columns.get_mut(count) {
            *place = column;
        }
        count += 1;
        match data.get(end) {
            Some(b',') => at = end + 1,
            Some(b'\n') => return Record::Whole(end + 1, count),
            Some(b'\r') if data.get(end + 1) == Some(&b'\n') => return Record::Whole(end + 2, count),
            Some(b'\r') if end + 1 == data.len() => return Record::Unfinished,
            None => return Record::Unfinished,
            Some(_) => return Record::Malformed,
        }
    }
}

/// Where the quote is that ends a text; pairs of quotes are part of it. `None` when it, or what follows it, is not there yet.
fn closing_quote(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr(b'"', &text[at..])?;
        if *text.get(at + 1)? != b'"' {
            return Some(at);
        }
        at += 2;
    }
}

fn entry<'a>(columns: &Columns<'a>) -> Entry<'a> {
    let quoted = |number: usize| Raw { bytes: columns[number], escaping: Escaping::Quotes };
    Entry {
        line: 0,
        severity: Severity::of(columns[column::SEVERITY]),
        message: quoted(column::MESSAGE),
        detail: quoted(column::DETAIL),
        at: columns[column::TIME],
        user: quoted(column::USER),
        database: quoted(column::DATABASE),
        application: quoted(column::APPLICATION),
        session: columns[column::SESSION],
        query_id: columns[column::QUERY_ID].trim_ascii_end(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::End;

    const FRONT: &str = "2026-11-27 10:00:00.123 UTC,\"eve\",\"sh\"\"op\",42,\"[local]\",6a1f00.2a,1,\"SELECT\",2026-11-27 10:00:00 UTC,3/17,0,LOG,00000,";

    fn record(message: &str, columns: usize) -> String {
        let mut record = format!("{FRONT}\"{}\",\"parameters: $1 = '1'\"", message.replace('"', "\"\""));
        record.push_str(&",".repeat(7));
        for number in 22..columns {
            record.push_str([",\"psql\"", ",\"client backend\"", ",", ",-7", ",new"][number - 22]);
        }
        record.push('\n');
        record
    }

    fn entries(data: &str, ahead: Ahead) -> (Vec<[String; 4]>, Vec<SkipReason>) {
        let (mut reader, mut rest, mut found, mut skipped) = (Csv::default(), data.as_bytes(), Vec::new(), Vec::new());
        loop {
            let length = match reader.step(rest, ahead) {
                Step::Entry(entry, length) => {
                    let query_id = String::from_utf8_lossy(entry.query_id).into_owned();
                    let [message, database, application] =
                        [entry.message, entry.database, entry.application].map(|raw| raw.text().into_owned());
                    found.push([message, database, application, query_id]);
                    length
                }
                Step::Skip(length, reason) => {
                    skipped.extend(reason);
                    length
                }
                Step::More => return (found, skipped),
            };
            rest = &rest[length..];
        }
    }

    #[test]
    fn records_of_all_versions_are_read() {
        for (columns, application, query_id) in
            [(22, "", ""), (23, "psql", ""), (24, "psql", ""), (25, "psql", ""), (26, "psql", "-7"), (27, "psql", "-7")]
        {
            let (found, skipped) = entries(&record("a\n\"b\"", columns).repeat(2), Ahead::Nothing(End::Final));
            assert_eq!(found[1], ["a\n\"b\"", "sh\"op", application, query_id], "{columns} columns");
            assert_eq!((found.len(), skipped.len()), (2, 0));
        }
        let windows = record("a", 26).replace('\n', "\r\n");
        assert_eq!(entries(&windows, Ahead::Nothing(End::Final)).0[0][3], "-7");
    }

    #[test]
    fn a_damaged_record_loses_itself_only() {
        let good = record("a", 26);
        let unclosed = format!("{FRONT}\"never closed\n");
        let damaged =
            format!("tail of a record\",,,\nmore of it\n{good}{unclosed}{good}2026-11-27 10:00:00.123 UTC,short\n{good}{good}");
        let (found, skipped) = entries(&damaged, Ahead::Nothing(End::Final));
        assert_eq!(found.len(), 4);
        assert_eq!(skipped, [SkipReason::NoBeginning, SkipReason::Malformed, SkipReason::Malformed]);
    }

    #[test]
    fn a_record_is_whole_only_with_its_line_end() {
        let record = record("a\n\"b\"", 26);
        for cut in 0..record.len() {
            assert_eq!(entries(&record[..cut], Ahead::More), (Vec::new(), Vec::new()), "cut at {cut}");
        }
    }
}
