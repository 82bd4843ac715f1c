//! Statements from every source, gathered by fingerprint: how often they ran, how long they took, who sent them, and some of the values
//! that they ran with.
//!
//! A statement that was seen before is known by a quick hash and never parsed again, so that millions of executions cost little more
//! than being read. Memory is bounded: so many statements, so many remembered texts, so many kept values.

use std::collections::BTreeMap;

use pgtailor_model::binding::Literal;
use pgtailor_model::spread::Spread;
use pgtailor_model::unit::{Bytes, Milliseconds, Rows};
use pgtailor_model::workload::Tags;

use crate::group::Group;
use crate::room::with_room;
use crate::{lexical, tags, text};

/// Different statements that are told apart; executions of further ones are counted as skipped.
const MOST_STATEMENTS: usize = 200_000;
/// Texts that are known without parsing. Applications that write every literal list in another way would fill any cache.
const MOST_KEYS: usize = 400_000;
/// Different values of one tag.
const MOST_TAG_VALUES: usize = 50;
/// Texts that could not be read, each with its own line; what comes after is added up by its reason.
const MOST_UNREAD: usize = 1_000;

/// Where an observation comes from. Different kinds look at the same executions from different sides, so their counts are not added
/// to each other; several sources of one kind (log files, say) hold different executions, so theirs are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Counters of the server: `pg_stat_statements`.
    Counters,
    /// Every execution, or a sample that says so: server logs.
    Log,
    /// What was running at certain moments: `pg_stat_activity`.
    Sampling,
    /// Statements that somebody wrote down, with a weight instead of a time.
    File,
}

/// What one source says of one statement.
#[derive(Clone, Copy)]
pub struct Observation<'a> {
    /// The statement as the source has it.
    pub text: &'a str,
    /// What it ran with.
    pub values: Values<'a>,
    /// Executions.
    pub calls: u64,
    /// Their total time.
    pub total_time: Milliseconds,
    /// How their times differ; `None` makes it unknown for all that the sources of this kind saw of the statement.
    pub spread: Option<Spread>,
    /// Rows returned or affected.
    pub rows: Option<Rows>,
    /// Planning time.
    pub planning_time: Option<Milliseconds>,
    /// Write-ahead log.
    pub wal: Option<Bytes>,
    /// Shared blocks read from outside the cache.
    pub blocks_read: Option<Bytes>,
    /// Blocks written to temporary files.
    pub temp_written: Option<Bytes>,
    /// Attribution that the source found; what the text's comments say is added.
    pub tags: Option<&'a BTreeMap<String, String>>,
    /// How a person finds the statement in the source, should it not be readable: `(query id 42)`, `line 17`. Never a part of the text.
    pub place: &'a dyn Fn() -> String,
}

/// The values of the parameters of a text.
#[derive(Clone, Copy)]
pub enum Values<'a> {
    /// Nobody knows: a text of `pg_stat_statements`.
    Unknown,
    /// The text holds all of them: there are no parameters in it, or these are for them, `$1` first. Asked for only when they are kept;
    /// `None` when they cannot be told after all.
    Known(&'a dyn Fn() -> Option<Vec<Option<Literal>>>),
}

/// Gathers observations; [`Collector::fill`] is how they come in.
#[derive(Clone, Debug, Default)]
pub struct Collector {
    /// Statements with their fingerprints, in the order in which they were met.
    pub(crate) groups: Vec<(String, Group)>,
    by_fingerprint: BTreeMap<String, usize>,
    /// What could not be read.
    pub(crate) unread: BTreeMap<Unread, Unreadable>,
    /// Key of a text to the position of its group, or to why it has none.
    known: BTreeMap<u128, Result<usize, text::Reason>>,
}

/// What a text that could not be read is known by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Unread {
    /// Why.
    pub(crate) reason: text::Reason,
    /// Of which source.
    pub(crate) kind: Kind,
    /// Its key; 0 for all that came too late to have a line of their own.
    key: u128,
}

/// How often such a text ran.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Unreadable {
    /// Where it stands, the first time.
    pub(crate) place: String,
    /// Executions.
    pub(crate) calls: u64,
    /// Their total time.
    pub(crate) total_time: Milliseconds,
}

/// A collector that is being filled, on a stack with room for the parser.
pub struct Filling<'c>(&'c mut Collector);

impl Collector {
    /// Lets `work` add observations.
    ///
    /// The parser needs more stack than threads usually have, so `work` runs on another one while the caller waits.
    pub fn fill<T: Send>(&mut self, work: impl FnOnce(&mut Filling<'_>) -> T + Send) -> T {
        with_room(|| work(&mut Filling(self)))
    }
}

impl Filling<'_> {
    /// Adds what a source of kind `kind` says of a statement.
    pub fn add(&mut self, kind: Kind, observation: &Observation<'_>) {
        let key = lexical::key(observation.text);
        // Texts with comments at an end may carry tags, which are not part of the key.
        let found = match self.0.known.get(&key) {
            Some(found) => *found,
            None => self.look(key, observation.text),
        };
        match found {
            Ok(position) => {
                let (_, group) = &mut self.0.groups[position];
                group.add(kind, key, observation);
                add_tags(&mut group.tags, observation);
            }
            Err(reason) => self.unreadable(reason, kind, key, observation),
        }
    }

    /// Reads a text for the first time.
    fn look(&mut self, key: u128, sql: &str) -> Result<usize, text::Reason> {
        let found = text::look(sql).and_then(|known| {
            let position = self.position(known.fingerprint)?;
            self.0.groups[position].1.meet(key, known.normalized, sql);
            Ok(position)
        });
        if self.0.known.len() >= MOST_KEYS {
            // A fresh start costs each text one more parsing.
            self.0.known.clear();
        }
        self.0.known.insert(key, found);
        found
    }

    /// The position of the group of `fingerprint`, made if need be.
    fn position(&mut self, fingerprint: String) -> Result<usize, text::Reason> {
        if let Some(position) = self.0.by_fingerprint.get(&fingerprint) {
            return Ok(*position);
        }
        let position = self.0.groups.len();
        if position >= MOST_STATEMENTS {
            return Err("there are more than 200 000 different statements, and it came after them");
        }
        self.0.by_fingerprint.insert(fingerprint.clone(), position);
        self.0.groups.push((fingerprint, Group::default()));
        Ok(position)
    }

    fn unreadable(&mut self, reason: text::Reason, kind: Kind, key: u128, observation: &Observation<'_>) {
        let unread = &mut self.0.unread;
        let own = Unread { reason, kind, key };
        let entry = if unread.contains_key(&own) || unread.len() < MOST_UNREAD { own } else { Unread { key: 0, ..own } };
        let sum = unread.entry(entry).or_insert_with(|| Unreadable { place: (observation.place)(), ..Unreadable::default() });
        sum.calls = sum.calls.saturating_add(observation.calls);
        sum.total_time.0 += observation.total_time.0;
    }
}

fn add_tags(tags: &mut Tags, observation: &Observation<'_>) {
    let has_comment = observation.text.trim_end().ends_with("*/") || observation.text.trim_start().starts_with("/*");
    let said = if has_comment { tags::tags(observation.text) } else { BTreeMap::new() };
    // What the statement itself says of its sender is nearer the truth than the name of the session.
    let by_source = observation.tags.into_iter().flatten().filter(|(tag, _)| !said.contains_key(*tag));
    for (tag, value) in by_source.chain(&said) {
        let values = tags.entry(tag.clone()).or_default();
        if let Some(calls) = values.get_mut(value) {
            *calls += observation.calls;
        } else if values.len() < MOST_TAG_VALUES {
            values.insert(value.clone(), observation.calls);
        }
    }
}
