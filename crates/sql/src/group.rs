//! All executions of one statement: counts by kind of source, the ways in which it was written, and a fair sample of its values.

use std::collections::BTreeMap;

use pgtailor_model::binding::Literal;
use pgtailor_model::spread::{Executions, Spread};
use pgtailor_model::unit::{Bytes, Milliseconds, Rows, count_as_f64, f64_as_count};
use pgtailor_model::workload::Tags;

use crate::collector::{Kind, Observation, Values};

/// Ways of writing one statement that are told apart, by the lengths of lists for example.
const MOST_VARIANTS: usize = 8;
/// Executions whose values are kept.
const MOST_SAMPLES: usize = 10;
/// Longest text of which values are kept, in bytes: an insert of a thousand rows is no example.
const LONGEST_SAMPLE: usize = 16 * 1024;

/// The executions of one statement.
#[derive(Clone, Debug, Default)]
pub(crate) struct Group {
    /// By kind of source.
    pub(crate) counts: BTreeMap<Kind, Counts>,
    /// Who sent it.
    pub(crate) tags: Tags,
    variants: Vec<Variant>,
    samples: Vec<Sample>,
    /// Executions whose values could have been kept.
    sampled: u64,
}

/// What sources of one kind counted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Counts {
    /// Executions.
    pub(crate) calls: u64,
    /// Their total time.
    pub(crate) total_time: Milliseconds,
    /// How the times differ.
    pub(crate) spread: Option<Spread>,
    /// Rows.
    pub(crate) rows: Option<Rows>,
    /// Planning time.
    pub(crate) planning_time: Option<Milliseconds>,
    /// Write-ahead log.
    pub(crate) wal: Option<Bytes>,
    /// Shared blocks read from outside the cache.
    pub(crate) blocks_read: Option<Bytes>,
    /// Blocks written to temporary files.
    pub(crate) temp_written: Option<Bytes>,
}

/// One way of writing the statement.
#[derive(Clone)]
pub(crate) struct Variant {
    /// Its keys are many: only the first that was met is remembered.
    key: u128,
    /// Without literals.
    pub(crate) normalized: String,
    /// As it came, for what only literals show (the pattern of a `LIKE`).
    pub(crate) original: String,
    total_time: f64,
    calls: u64,
}

/// One execution with its values.
#[derive(Clone)]
pub(crate) struct Sample {
    /// The text as it came.
    pub(crate) text: String,
    /// For the parameters in it.
    pub(crate) values: Vec<Option<Literal>>,
}

/// The text as it came may hold literals, so it is not shown.
impl std::fmt::Debug for Variant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Variant").field("normalized", &self.normalized).finish_non_exhaustive()
    }
}

/// The text may hold literals, so it is not shown.
impl std::fmt::Debug for Sample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sample").finish_non_exhaustive()
    }
}

impl Group {
    /// Notes a way of writing the statement.
    pub(crate) fn meet(&mut self, key: u128, normalized: String, original: &str) {
        if self.variants.len() < MOST_VARIANTS && self.variants.iter().all(|variant| variant.normalized != normalized) {
            let original = if original.len() <= LONGEST_SAMPLE { original.to_owned() } else { normalized.clone() };
            self.variants.push(Variant { key, normalized, original, total_time: 0.0, calls: 0 });
        }
    }

    /// Adds executions.
    pub(crate) fn add(&mut self, kind: Kind, key: u128, observation: &Observation<'_>) {
        self.counts.entry(kind).or_default().add(observation);
        if let Some(variant) = self.variants.iter_mut().find(|variant| variant.key == key) {
            variant.calls = variant.calls.saturating_add(observation.calls);
            variant.total_time += observation.total_time.0;
        }
        if let Values::Known(values) = observation.values
            && observation.text.len() <= LONGEST_SAMPLE
        {
            self.sample(observation.text, values);
        }
    }

    /// Keeps each execution with the same probability (Vitter's algorithm R), by a generator that begins alike in every run.
    fn sample(&mut self, text: &str, values: &dyn Fn() -> Option<Vec<Option<Literal>>>) {
        self.sampled += 1;
        let place = if self.samples.len() < MOST_SAMPLES {
            self.samples.len()
        } else {
            // SplitMix64 of the count; its low bits are good enough to divide.
            usize::try_from(mixed(self.sampled) % self.sampled).unwrap_or(usize::MAX)
        };
        if place >= MOST_SAMPLES {
            return;
        }
        let Some(values) = values() else { return };
        let sample = Sample { text: text.to_owned(), values };
        match self.samples.get_mut(place) {
            Some(kept) => *kept = sample,
            None => self.samples.push(sample),
        }
    }

    /// The way of writing that stands for all: the one that took longest, then the one that ran most often, then by its text.
    pub(crate) fn representative(&self) -> Option<&Variant> {
        self.variants.iter().max_by(|one, other| {
            let by_time = one.total_time.total_cmp(&other.total_time);
            by_time.then(one.calls.cmp(&other.calls)).then_with(|| one.normalized.cmp(&other.normalized))
        })
    }

    /// Executions with their values.
    pub(crate) fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// What the sources say together.
    ///
    /// Kinds of sources see the same executions: the one that saw most says how many there were. Times come from it, too, or, when it has
    /// none, from the mean time of another. What was counted over fewer executions is scaled to all of them, so that what one execution did
    /// stays what it was.
    pub(crate) fn total(&self) -> Counts {
        let most = self
            .counts
            .values()
            .max_by(|one, other| one.calls.cmp(&other.calls).then(one.total_time.0.total_cmp(&other.total_time.0)));
        let Some(most) = most.copied() else { return Counts::default() };
        let timed =
            self.counts.values().filter(|counts| counts.total_time.0 > 0.0 && counts.calls > 0).max_by_key(|counts| counts.calls);
        let total_time = match timed {
            Some(timed) if most.total_time.0 <= 0.0 => {
                Milliseconds(timed.total_time.0 / count_as_f64(timed.calls) * count_as_f64(most.calls))
            }
            _ => most.total_time,
        };
        // A deviation belongs to the mean that it was measured with.
        let spread = timed.map_or(most.spread, |timed| if most.total_time.0 > 0.0 { most.spread } else { timed.spread });
        Counts {
            calls: most.calls,
            total_time,
            spread,
            rows: self.scaled(most.calls, |counts| counts.rows.map(|rows| rows.0)).map(Rows),
            planning_time: self.counts.values().find_map(|counts| counts.planning_time),
            wal: self.scaled(most.calls, |counts| counts.wal.map(|wal| wal.0)).map(Bytes),
            blocks_read: self.scaled(most.calls, |counts| counts.blocks_read.map(|read| read.0)).map(Bytes),
            temp_written: self.scaled(most.calls, |counts| counts.temp_written.map(|written| written.0)).map(Bytes),
        }
    }

    /// What the first kind that knows it counted, as if it had seen `calls` executions.
    fn scaled(&self, calls: u64, of: impl Fn(&Counts) -> Option<u64>) -> Option<u64> {
        let (counts, sum) = self.counts.values().find_map(|counts| Some((counts, of(counts)?)))?;
        if counts.calls == calls || counts.calls == 0 {
            return Some(sum);
        }
        Some(f64_as_count(count_as_f64(sum) / count_as_f64(counts.calls) * count_as_f64(calls)))
    }
}

impl Counts {
    fn add(&mut self, observation: &Observation<'_>) {
        self.spread = self.spread_with(observation);
        self.calls = self.calls.saturating_add(observation.calls);
        self.total_time.0 += observation.total_time.0;
        self.rows = sum(self.rows, observation.rows, |one, other| Rows(one.0.saturating_add(other.0)));
        self.planning_time = sum(self.planning_time, observation.planning_time, |one, other| Milliseconds(one.0 + other.0));
        self.wal = sum(self.wal, observation.wal, |one, other| one + other);
        self.blocks_read = sum(self.blocks_read, observation.blocks_read, |one, other| one + other);
        self.temp_written = sum(self.temp_written, observation.temp_written, |one, other| one + other);
    }

    /// How the times differ when `observation` is added; unknown once it was not known of some of them.
    fn spread_with(&self, observation: &Observation<'_>) -> Option<Spread> {
        let adds_nothing = observation.calls == 0 && observation.total_time.0 <= 0.0;
        let is_first = self.calls == 0 && self.total_time.0 <= 0.0;
        match (is_first, adds_nothing) {
            (_, true) => self.spread,
            (true, false) => observation.spread,
            (false, false) => {
                let known = Executions { calls: self.calls, total_time: self.total_time, spread: self.spread? };
                let (calls, total_time) = (observation.calls, observation.total_time);
                Some(Spread::of_both(&known, &Executions { calls, total_time, spread: observation.spread? }))
            }
        }
    }
}

fn sum<T>(one: Option<T>, other: Option<T>, add: impl FnOnce(T, T) -> T) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(add(one, other)),
        (one, other) => one.or(other),
    }
}

/// `SplitMix64` (Steele, Lea, Flood 2014).
fn mixed(seed: u64) -> u64 {
    let mut z = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
