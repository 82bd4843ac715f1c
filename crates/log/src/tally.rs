//! What is counted while a log is read, and the sentences made of it.

use std::collections::BTreeMap;

use crate::execution::Draft;
use crate::message::Part;
use crate::moment;
use crate::report::{LogReport, Skip, SkipReason};

/// Counts of one reading; names as in [`LogReport`].
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) entries: u64,
    pub(crate) executions: u64,
    pub(crate) fetches: u64,
    pub(crate) without_duration: u64,
    pub(crate) errors_logged: u64,
    pub(crate) other_databases: u64,
    /// Statements of a log that does not name databases although one was asked for.
    pub(crate) unnamed_databases: u64,
    pub(crate) durations_alone: u64,
    pub(crate) translated: u64,
    pub(crate) not_utf8: u64,
    skipped: BTreeMap<SkipReason, Skip>,
    first_at: Vec<u8>,
    last_at: Vec<u8>,
    /// Sentences of the reader.
    pub(crate) notes: Vec<String>,
}

/// No time is written longer; what is longer is none.
const LONGEST_TIME: usize = 64;

impl Tally {
    /// Counts an entry that was logged at the written time `at`.
    pub(crate) fn entry(&mut self, at: &[u8]) {
        self.entries += 1;
        if at.is_empty() || at.len() > LONGEST_TIME {
            return;
        }
        if self.first_at.is_empty() {
            self.first_at.extend_from_slice(at);
        }
        self.last_at.clear();
        self.last_at.extend_from_slice(at);
    }

    pub(crate) fn execution(&mut self, draft: &Draft<'_>) {
        match draft.sent.part() {
            Part::Whole => self.executions += 1,
            Part::Fetch => self.fetches += 1,
        }
        self.without_duration += u64::from(draft.duration.is_none());
    }

    pub(crate) fn skip(&mut self, reason: SkipReason, line: u64) {
        self.skipped.entry(reason).or_insert(Skip { reason, count: 0, first_line: line }).count += 1;
    }

    /// The report, as far as counts make it.
    pub(crate) fn report(self) -> LogReport {
        let first = moment::parse(&self.first_at);
        let last = moment::parse(&self.last_at);
        let skipped: Vec<Skip> = self.skipped.into_values().collect();
        let mut notes = self.notes;
        for skip in &skipped {
            notes.push(format!("{} {} (first at line {})", skip.count, skip.reason.clause(), skip.first_line));
        }
        let mut note = |count: u64, clause: &str| {
            if count > 0 {
                notes.push(format!("{count} {clause}"));
            }
        };
        note(
            self.translated,
            "messages seem to be in another language, and their durations are not understood: set `lc_messages = 'C'`",
        );
        note(
            self.unnamed_databases,
            "messages do not name their database and were taken whichever it was: put `%d` into `log_line_prefix`",
        );
        note(self.without_duration, "executions have no duration: set `log_min_duration_statement`, or `log_duration = on`");
        note(
            self.durations_alone,
            "durations stand without a statement (those of parsing and planning, or of statements that `log_statement` leaves out)",
        );
        note(self.not_utf8, "statements are not all UTF-8: their other bytes were replaced");
        let nothing = self.executions + self.fetches + self.other_databases + self.translated == 0;
        if nothing && self.entries > 0 {
            notes.push("no statement is logged: set `log_min_duration_statement`, or `auto_explain.log_min_duration`".to_owned());
        }
        if [first, last].iter().flatten().any(|moment| !moment.zone_known) {
            notes.push("the log's time zone is not understood; its times are taken as UTC".to_owned());
        }
        LogReport {
            entries: self.entries,
            executions: self.executions,
            fetches: self.fetches,
            without_duration: self.without_duration,
            errors_logged: self.errors_logged,
            other_databases: self.other_databases,
            durations_alone: self.durations_alone,
            translated: self.translated,
            not_utf8: self.not_utf8,
            skipped,
            first_at: first.map(|moment| moment.at),
            last_at: last.map(|moment| moment.at),
            notes,
            ..LogReport::default()
        }
    }
}
