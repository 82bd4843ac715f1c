//! Finds out the prefix from the lines of a log: one of the usual ones, or one derived from how the lines look.

use memchr::memchr_iter;

use super::usual::USUAL;
use super::{Prefix, time_length};

/// Lines that are looked at.
const SAMPLE: usize = 300;

/// Lines from which a prefix is derived when no usual one fits.
const MODELS: usize = 10;

/// The prefix of the entries in `data`, which begins with a line: the one that fits most lines, of those with as many the first. The
/// `favourite` comes before all. `None` when more than half of the lines do not fit any.
pub(crate) fn detect(data: &[u8], favourite: Option<&str>) -> Option<Prefix> {
    let lines = sample(data);
    if lines.is_empty() {
        return None;
    }
    let usual = favourite.into_iter().chain(USUAL.iter().copied()).map(Prefix::compile);
    if let Some((prefix, fitting)) = best(usual, &lines)
        && fitting == lines.len()
    {
        return Some(prefix);
    }
    let derived = lines.iter().filter_map(|line| derive(line)).take(MODELS);
    let all = favourite.into_iter().chain(USUAL.iter().copied()).map(str::to_owned).chain(derived);
    let (prefix, fitting) = best(all.map(|text| Prefix::compile(&text)), &lines)?;
    (fitting * 2 >= lines.len()).then_some(prefix)
}

/// The first whole lines that do not continue another one.
fn sample(data: &[u8]) -> Vec<&[u8]> {
    let mut lines = Vec::new();
    let mut from = 0;
    for end in memchr_iter(b'\n', data) {
        let line = data[from..end].trim_ascii_end();
        from = end + 1;
        if !line.is_empty() && !line.starts_with(b"\t") {
            lines.push(line);
        }
        if lines.len() == SAMPLE {
            break;
        }
    }
    lines
}

fn best(candidates: impl Iterator<Item = Prefix>, lines: &[&[u8]]) -> Option<(Prefix, usize)> {
    let mut best: Option<(Prefix, usize)> = None;
    for prefix in candidates {
        let fitting = lines.iter().filter(|line| prefix.head(line).is_some()).count();
        if best.as_ref().is_none_or(|(_, most)| fitting > *most) {
            best = Some((prefix, fitting));
        }
    }
    best
}

/// A prefix that fits `line`, if it is the first line of an entry: what is recognized by its look or its name becomes an escape, the rest
/// stays as it is.
fn derive(line: &[u8]) -> Option<String> {
    let severities: [&[u8]; 5] = [b"LOG:  ", b"ERROR:  ", b"FATAL:  ", b"WARNING:  ", b"STATEMENT:  "];
    let end = severities.iter().filter_map(|word| memchr::memmem::find(line, word)).min()?;
    let beginning = std::str::from_utf8(&line[..end]).ok()?;
    let mut derived = String::new();
    let mut numbers = ["%p", "%l"].into_iter();
    let mut at = 0;
    while at < beginning.len() {
        let rest = &beginning[at..];
        let (escape, length) = recognized(rest, &derived, &mut numbers)?;
        derived.push_str(&escape);
        at += length;
    }
    // A prefix without time, process and session would be some other text with a severity's word in it.
    ["%m", "%t", "%n", "%p", "%c"].iter().any(|escape| derived.contains(escape)).then_some(derived)
}

/// What stands at the beginning of `rest`, as an escape or as it is, and how long it is. `before` is what was derived so far.
fn recognized(rest: &str, before: &str, numbers: &mut impl Iterator<Item = &'static str>) -> Option<(String, usize)> {
    let first = rest.chars().next()?;
    if let Some(length) = time_length(rest.as_bytes()) {
        let escape = match (before.contains("%m") || before.contains("%t"), rest[..length].contains('.')) {
            (true, _) => "%s",
            (false, true) => "%m",
            (false, false) => "%t",
        };
        return Some((escape.to_owned(), length));
    }
    let word = &rest[..rest.find(|c: char| !(c.is_alphanumeric() || "_.-$".contains(c))).unwrap_or(rest.len())];
    if word.is_empty() {
        return Some((if first == '%' { "%%".to_owned() } else { first.to_string() }, first.len_utf8()));
    }
    if let Some(named) = named(word, &rest[word.len()..]) {
        return Some(named);
    }
    if rest[word.len()..].starts_with('@') {
        let after = &rest[word.len() + 1..];
        let database = after.find([' ', ':', ',', ']', ')', '|', ';', '/']).unwrap_or(after.len());
        return Some(("%u@%d".to_owned(), word.len() + 1 + database));
    }
    let escape = match word.split_once('.') {
        Some((seconds, fraction)) if seconds.len() == 10 && is_number(seconds) && is_number(fraction) => "%n",
        Some((start, process)) if is_hexadecimal(start) && is_hexadecimal(process) => "%c",
        _ if is_number(word) => numbers.next()?,
        // `7-1`: the line's number with a literal that manuals recommend.
        _ if word.strip_suffix("-1").is_some_and(is_number) => return Some(("%l-1".to_owned(), word.len())),
        _ => return Some((word.to_owned(), word.len())),
    };
    Some((escape.to_owned(), word.len()))
}

/// `user=eve` and the like: the name, an equals sign or a colon, and everything up to what separates fields.
fn named(name: &str, after: &str) -> Option<(String, usize)> {
    let escape = match name.to_ascii_lowercase().as_str() {
        "user" | "usr" | "u" | "username" => "%u",
        "db" | "database" | "d" | "dbname" => "%d",
        "app" | "application" | "a" | "appname" | "application_name" => "%a",
        "client" | "host" | "h" | "remote" | "ip" | "r" => "%r",
        "pid" | "p" => "%p",
        "session" | "sid" | "s" | "sess" | "session_id" => "%c",
        "line" | "l" => "%l",
        "qid" | "query_id" | "queryid" => "%Q",
        "xid" | "txid" | "tx" => "%x",
        "vxid" | "vtx" => "%v",
        "state" | "sqlstate" | "e" | "code" => "%e",
        "type" | "backend" | "backend_type" => "%b",
        "cmd" | "tag" | "command" => "%i",
        _ => return None,
    };
    let value = after.strip_prefix('=')?;
    let length = value.find([' ', ',', ']', ')', '|', ';']).unwrap_or(value.len());
    Some((format!("{name}={escape}"), name.len() + 1 + length))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_hexadecimal(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
