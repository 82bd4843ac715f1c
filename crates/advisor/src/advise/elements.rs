//! Everything that could be there or not, with its size and upkeep: candidates, and existing indexes that nothing but plans needs.

use std::collections::{BTreeMap, BTreeSet};

use pgtailor_model::advice::Upkeep;
use pgtailor_model::catalog::{Index, Table};
use pgtailor_model::index::IndexDefinition;
use pgtailor_model::name::Oid;
use pgtailor_model::snapshot::Snapshot;
use pgtailor_model::unit::{Bytes, Rows};
use pgtailor_model::what_if::{CandidateIndex, CandidateStatistics, WhatIf};

use super::Request;
use super::justified::{is_served, is_unused};
use super::questions::Baseline;
use crate::bound::{Limits, Terms};
use crate::candidate::{Refused, Subject, Support};
use crate::cost::{Asked, Element, Item, Set};
use crate::select::{LeastGain, Problem};
use crate::upkeep::{IndexSize, Rates, TableWrites, upkeep, writes};

/// An index must make the workload cheaper by a quarter of the part by which it makes the database larger. A part of a part, so it does not
/// matter in which units either is paid.
const A_QUARTER: f64 = 0.25;

/// The same where a budget says what size is worth: a thousandth, which decides between sets that are as good.
const TIE: f64 = 0.001;

/// Candidates of which the sizes are asked at once: as many take a second or two of a twin, which makes each.
const AT_A_TIME: usize = 500;

/// Why a candidate was not considered when time was up.
const TOO_LATE: &str =
    "the time limit left none to make it and look at its size: statements that are executed more often came first";

/// The elements of one run.
pub(super) struct Elements {
    /// By element.
    pub items: Vec<Item>,
    /// By element: why it was proposed; nothing for what exists.
    pub support: Vec<Support>,
    /// By element.
    pub upkeep: Vec<Upkeep>,
    /// By element.
    pub sizes: Vec<Bytes>,
    /// What must not or cannot be made.
    pub refused: BTreeSet<Refused>,
    /// Proposed extended statistics.
    pub statistics: BTreeMap<CandidateStatistics, Support>,
    /// The same as a problem of choice.
    pub problem: Problem,
}

impl Elements {
    /// Asks the port for the size of each candidate, while `keep_going`.
    pub(super) fn of<W: WhatIf>(
        request: &Request<'_>,
        proposed: BTreeMap<Subject, Support>,
        refused: BTreeSet<Refused>,
        what_if: &mut W,
        keep_going: &mut dyn FnMut() -> bool,
    ) -> Result<Self, W::Error> {
        let snapshot = request.snapshot;
        let writes = writes(request.workload, snapshot, request.counters_belong);
        let rates = Rates::of(&snapshot.settings, snapshot.server.block_size, request.window);
        let block = u64::from(snapshot.server.block_size);
        let mut elements = Self {
            items: Vec::new(),
            support: Vec::new(),
            upkeep: Vec::new(),
            sizes: Vec::new(),
            refused,
            statistics: BTreeMap::new(),
            problem: Problem::default(),
        };
        let mut existing: Vec<(Oid, Oid, IndexDefinition, Bytes)> = Vec::new();
        if request.drops {
            for (table, index) in snapshot.catalog.indexes() {
                if let (true, Some(definition)) = (may_go(table, index, &proposed, request), &index.definition) {
                    existing.push((table.oid, index.oid, definition.clone(), index.size.unwrap_or_default()));
                }
            }
        }
        let mut candidates = Vec::new();
        for (subject, support) in proposed {
            match subject {
                Subject::Statistics(statistics) => {
                    elements.statistics.insert(statistics, support);
                }
                Subject::Index(candidate) => candidates.push((candidate, support)),
            }
        }
        // What serves most executions comes first, so that a time limit leaves out what matters least.
        let calls =
            |support: &Support| -> u64 { support.queries.iter().map(|query| request.workload.queries[*query].calls).sum() };
        candidates.sort_by(|one, other| calls(&other.1).cmp(&calls(&one.1)).then_with(|| one.0.cmp(&other.0)));
        let mut measured: Vec<(CandidateIndex, Support, Bytes)> = Vec::new();
        for (number, some) in candidates.chunks(AT_A_TIME).enumerate() {
            let indexes: Vec<CandidateIndex> = some.iter().map(|(candidate, _)| candidate.clone()).collect();
            let has_time = number == 0 || keep_going();
            let sizes = if has_time { what_if.sizes(&indexes)? } else { vec![Err(TOO_LATE.to_owned()); indexes.len()] };
            for ((candidate, support), size) in some.iter().zip(sizes) {
                match size {
                    Ok(size) => measured.push((candidate.clone(), support.clone(), size.pages.bytes(block))),
                    Err(reason) => {
                        elements.refused.insert(Refused { subject: Subject::Index(candidate.clone()), reason });
                    }
                }
            }
        }
        measured.sort_by(|one, other| one.0.cmp(&other.0));
        for (candidate, support, size) in measured {
            let (table, definition) = (candidate.table, candidate.definition.clone());
            elements.add(Item::Candidate(candidate), table, &definition, size, support, request, &writes, &rates);
        }
        for (table, index, definition, size) in existing {
            elements.add(Item::Existing(index), table, &definition, size, Support::default(), request, &writes, &rates);
        }
        Ok(elements)
    }

    #[expect(clippy::too_many_arguments, reason = "one row of what is put together from five places")]
    fn add(
        &mut self,
        item: Item,
        table: Oid,
        definition: &IndexDefinition,
        size: Bytes,
        support: Support,
        request: &Request<'_>,
        writes: &BTreeMap<Oid, TableWrites>,
        rates: &Rates,
    ) {
        let rows = request.snapshot.catalog.table_by_oid(table).and_then(|table| table.estimated_rows).map_or(0.0, Rows::as_f64);
        let upkeep = writes.get(&table).map(|writes| upkeep(definition, IndexSize { size, rows }, writes, rates));
        let upkeep = upkeep.unwrap_or_default();
        let is_counted = matches!(item, Item::Candidate(_));
        self.problem.program.elements.push(Terms {
            size: if is_counted { size } else { Bytes(0) },
            upkeep: upkeep.cost,
            least: 0.0,
            table: table.0,
            is_counted,
            fixed: None,
        });
        self.items.push(item);
        self.support.push(support);
        self.upkeep.push(upkeep);
        self.sizes.push(size);
    }

    /// Puts the limits in the workload's own units.
    pub(super) fn limit(&mut self, request: &Request<'_>, baseline: &Baseline) {
        let limits = request.limits;
        for (terms, upkeep) in self.problem.program.elements.iter_mut().zip(&mut self.upkeep) {
            upkeep.cost *= baseline.unit;
            terms.upkeep = upkeep.cost;
        }
        let most = |limit: usize| u32::try_from(limit).unwrap_or(u32::MAX);
        self.problem.program.limits = Limits {
            bytes: limits.budget,
            number: limits.indexes.map(most),
            number_per_table: limits.per_table.map(most),
            upkeep: limits.upkeep.map(|share| share * baseline.cost),
        };
        // Of two sets that are as good the smaller is taken, whatever a budget allows.
        let per_size = limits.gain_per_size.unwrap_or(if limits.budget.is_some() { TIE } else { A_QUARTER });
        let per_byte = per_size / size_of_all(request.snapshot).max(1.0);
        self.problem.least = LeastGain { share: limits.minimal_gain, per_byte };
    }

    /// By question: the candidates that were proposed for its statement.
    pub(super) fn supported(&self, asked: &[Asked]) -> Vec<Set> {
        let mut by_query: BTreeMap<usize, Vec<Element>> = BTreeMap::new();
        for (element, support) in (0..).zip(&self.support) {
            for query in &support.queries {
                by_query.entry(*query).or_default().push(element);
            }
        }
        let of = |asked: &Asked| by_query.get(&asked.query).into_iter().flatten().copied().collect();
        asked.iter().map(of).collect()
    }

    /// The position of an element.
    pub(super) fn at(element: Element) -> usize {
        usize::try_from(element).unwrap_or(usize::MAX)
    }

    /// The table of an element.
    pub(super) fn table<'a>(&self, element: Element, request: &Request<'a>) -> Option<&'a Table> {
        request.snapshot.catalog.table_by_oid(Oid(self.problem.terms(element)?.table))
    }
}

/// Bytes of all tables and indexes that are there.
fn size_of_all(snapshot: &Snapshot) -> f64 {
    let of_table = |table: &Table| {
        let own = table.size.unwrap_or_else(|| table.pages.bytes(u64::from(snapshot.server.block_size)));
        own.as_f64() + table.indexes.iter().filter_map(|index| index.size).map(Bytes::as_f64).sum::<f64>()
    };
    snapshot.catalog.tables.iter().map(of_table).sum()
}

/// Whether an index could be dropped: nothing but plans needs it, and either it was never used since counting began, or another one, there
/// or proposed, serves all that it serves. Whether that one is there in the end is asked again in the end.
fn may_go(table: &Table, index: &Index, proposed: &BTreeMap<Subject, Support>, request: &Request<'_>) -> bool {
    let Some(definition) = &index.definition else { return false };
    let is_needed = index.constraint.is_some()
        || definition.unique
        || index.replica_identity
        || index.clustered
        || !index.valid
        || table.partition_of.is_some();
    if is_needed {
        return false;
    }
    let is_served_by = |subject: &Subject| matches!(subject, Subject::Index(candidate) if candidate.table == table.oid && candidate.definition.serves_all_of(definition));
    is_unused(request, index) || is_served(table, index, definition, |_| true) || proposed.keys().any(is_served_by)
}
