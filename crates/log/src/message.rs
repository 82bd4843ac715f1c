//! What a message says: whether a statement ran, was planned, or was announced. Only English messages are understood.
//!
//! Decided on the bytes as they stand in the log: nothing that is looked at here is ever escaped, so most entries are done with before
//! any text is made of them. The messages are those of `exec_simple_query`, `exec_parse_message`, `exec_bind_message` and
//! `exec_execute_message` in `postgres.c`, and of `explain_ExecutorEnd` in `auto_explain.c`.

use memchr::memmem;
use pgtailor_model::unit::{Milliseconds, count_as_f64};

/// What a message says; texts are given by where they begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// A statement ran (`duration: 1.234 ms  statement: …`).
    Ran { sent: Sent, time: Time, text: usize },
    /// A statement was parsed, or planned with its parameters (`duration: 1.234 ms  bind …`).
    Planned { time: Time, text: usize },
    /// A statement begins (`log_statement`); how long it took may follow.
    Began { sent: Sent, text: usize },
    /// How long something took that an entry before named.
    Took(Time),
    /// A plan of `auto_explain`.
    Plan { time: Time, body: usize },
    /// Nothing about statements.
    Other,
    /// A duration, it seems, in another language.
    Translated,
}

/// How a statement was sent, as far as a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// `statement: …`: by the simple protocol, with its literals in the text.
    Simple,
    /// `execute …`: by the extended protocol, with parameters.
    Extended,
    /// `execute fetch from …`.
    Fetch,
}

/// Which part of an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it, as far as the server logs it: its beginning, at least.
    Whole,
    /// Further rows of a cursor of the extended protocol that was executed before (`execute fetch from`): time, but no execution more.
    Fetch,
}

/// A duration in microseconds: what the server prints, exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Time(pub(crate) u64);

impl Sent {
    pub(crate) fn part(self) -> Part {
        if self == Self::Fetch { Part::Fetch } else { Part::Whole }
    }
}

impl Time {
    /// The nearest number of milliseconds: the one that the printed digits mean.
    pub(crate) fn milliseconds(self) -> Milliseconds {
        Milliseconds(count_as_f64(self.0) / 1000.0)
    }
}

/// What `message` says.
pub(crate) fn classify(message: &[u8]) -> Message {
    if let Some(rest) = message.strip_prefix(b"duration: ") {
        return timed(message, rest).unwrap_or(Message::Other);
    }
    if let Some((sent, text)) = began(message, message) {
        return Message::Began { sent, text };
    }
    if looks_like_a_duration(message) { Message::Translated } else { Message::Other }
}

fn timed(message: &[u8], rest: &[u8]) -> Option<Message> {
    let (time, rest) = time(rest)?;
    if rest.is_empty() {
        return Some(Message::Took(time));
    }
    let rest = rest.strip_prefix(b"  ")?;
    if let Some((sent, text)) = began(message, rest) {
        return Some(Message::Ran { sent, time, text });
    }
    if rest.starts_with(b"parse ") || rest.starts_with(b"bind ") {
        return Some(Message::Planned { time, text: after_name(message, rest)? });
    }
    let body = rest.strip_prefix(b"plan:")?;
    Some(Message::Plan { time, body: message.len() - body.len() })
}

/// `statement: …`, `execute name: …` or `execute fetch from name: …` in `rest`, which ends `message`: which, and where the text begins.
fn began(message: &[u8], rest: &[u8]) -> Option<(Sent, usize)> {
    match rest.first() {
        Some(b's') => rest.strip_prefix(b"statement: ").map(|text| (Sent::Simple, message.len() - text.len())),
        Some(b'e') => {
            let name = rest.strip_prefix(b"execute ")?;
            let sent = if name.starts_with(b"fetch from ") { Sent::Fetch } else { Sent::Extended };
            Some((sent, after_name(message, rest)?))
        }
        _ => None,
    }
}

/// Where the text after `execute name: ` begins. A name that has a colon and a space in it itself is not told from the text.
fn after_name(message: &[u8], rest: &[u8]) -> Option<usize> {
    Some(message.len() - rest.len() + memmem::find(rest, b": ")? + 2)
}

/// `1.234 ms`, as `check_log_duration` in `postgres.c` prints it, and what follows.
fn time(text: &[u8]) -> Option<(Time, &[u8])> {
    let mut microseconds: u64 = 0;
    let mut at = 0;
    while let Some(digit @ b'0'..=b'9') = text.get(at) {
        microseconds = microseconds.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
        at += 1;
    }
    if at == 0 || text.get(at) != Some(&b'.') {
        return None;
    }
    for _ in 0..3 {
        at += 1;
        let digit = text.get(at).filter(|digit| digit.is_ascii_digit())?;
        microseconds = microseconds.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
    }
    Some((Time(microseconds), text[at + 1..].strip_prefix(b" ms")?))
}

/// `Dauer: 1.234 ms`, `durée : 1.234 ms` …: a colon early on, a number with three decimals, and no word of English before it.
fn looks_like_a_duration(message: &[u8]) -> bool {
    let beginning = &message[..message.len().min(60)];
    let Some(colon) = memchr::memchr(b':', beginning) else { return false };
    if beginning[..colon].iter().any(u8::is_ascii_digit) {
        return false;
    }
    let number = beginning[colon + 1..].trim_ascii_start();
    let whole = number.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let decimals = number.get(whole + 1..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count();
    whole > 0 && decimals == 3 && number.get(whole) == Some(&b'.') && number.get(whole + 4) == Some(&b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a message says, with its text.
    fn said(message: &str) -> (Message, &str) {
        let what = classify(message.as_bytes());
        let from = match what {
            Message::Ran { text, .. } | Message::Planned { text, .. } | Message::Began { text, .. } => text,
            Message::Plan { body, .. } => body,
            Message::Took(_) | Message::Other | Message::Translated => message.len(),
        };
        (what, &message[from..])
    }

    #[test]
    fn statements_that_ran_are_found_with_their_times() {
        let ran = |message, sent, time, text| {
            let (what, found) = said(message);
            assert!(matches!(what, Message::Ran { sent: s, time: t, .. } if s == sent && t == Time(time)), "{what:?}");
            assert_eq!(found, text);
        };
        ran("duration: 1.234 ms  statement: SELECT 1", Sent::Simple, 1234, "SELECT 1");
        ran("duration: 61000.000 ms  execute <unnamed>: SELECT $1", Sent::Extended, 61_000_000, "SELECT $1");
        ran("duration: 0.001 ms  execute s1/c1: SELECT 'a: b'", Sent::Extended, 1, "SELECT 'a: b'");
        ran("duration: 0.001 ms  execute fetch from s1/c1: SELECT $1", Sent::Fetch, 1, "SELECT $1");
    }

    #[test]
    fn planning_is_not_an_execution() {
        let planned = Message::Planned { time: Time(20), text: 37 };
        assert_eq!(
            said("duration: 0.020 ms  parse <unnamed>: SELECT $1"),
            (Message::Planned { time: Time(20), text: 37 }, "SELECT $1")
        );
        assert_eq!(said("duration: 0.020 ms  bind <unnamed1>: SELECT $1").0, planned);
    }

    #[test]
    fn announcements_durations_and_plans_are_told_apart() {
        assert_eq!(said("statement: SELECT 1"), (Message::Began { sent: Sent::Simple, text: 11 }, "SELECT 1"));
        assert_eq!(said("execute s1: SELECT 1"), (Message::Began { sent: Sent::Extended, text: 12 }, "SELECT 1"));
        assert_eq!(said("execute fetch from s1: SELECT 1").1, "SELECT 1");
        assert_eq!(said("duration: 0.100 ms").0, Message::Took(Time(100)));
        assert_eq!(
            said("duration: 0.100 ms  plan:\nQuery Text: x"),
            (Message::Plan { time: Time(100), body: 25 }, "\nQuery Text: x")
        );
    }

    #[test]
    fn other_messages_say_nothing_of_statements() {
        for message in [
            "checkpoint starting: time",
            "duration: 0.1 ms",
            "duration: x",
            "duration: 99999999999999999999.000 ms",
            "duration: 0.100 ms  fastpath function call: \"f\" (OID 1)",
            "fastpath function call: \"f\" (OID 1)",
            "execute nothing",
            "disconnection: session time: 0:00:00.012 user=a database=b",
            "process 7 still waiting for ShareLock on transaction 9 after 1000.123 ms",
            "",
        ] {
            assert_eq!(said(message).0, Message::Other, "{message}");
        }
    }

    #[test]
    fn durations_in_other_languages_are_noticed() {
        for message in ["Dauer: 1.234 ms  Anweisung: SELECT 1", "durée : 0.123 ms, instruction : SELECT 1", "期間: 0.123 ミリ秒"]
        {
            assert_eq!(said(message).0, Message::Translated, "{message}");
        }
    }

    #[test]
    fn printed_digits_mean_the_same_number() {
        for (time, printed) in [(1234, 1.234), (1, 0.001), (123_456_789, 123_456.789)] {
            assert_eq!(Time(time).milliseconds(), Milliseconds(printed));
        }
    }
}
