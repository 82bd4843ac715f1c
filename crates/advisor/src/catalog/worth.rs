//! Whether a workload pays for each entry of a declared catalog, and which fewer indexes would do as well.
//!
//! The catalog is judged as a whole, as if a policy created all of it: what is redundant by definition is asked about, too, because its upkeep is
//! real. Entries that exist already are taken away where "without" is asked. Start reading at [`worth`].

use std::collections::BTreeSet;

use pgtailor_model::advice::{Advice, CatalogAdvice, EntryAdvice, EntryWorth, Replacement, SmallestSet, Upkeep};
use pgtailor_model::change::Change;
use pgtailor_model::declared::{Judged, Verdict};
use pgtailor_model::index::IndexDefinition;
use pgtailor_model::name::Oid;
use pgtailor_model::unit::{Bytes, Rows, f64_as_count};
use pgtailor_model::what_if::{CandidateIndex, WhatIf};

use crate::advise::Request;
use crate::advise::questions::by_table;
use crate::bound::Terms;
use crate::cost::{Asked, Costs, Element, Engine, Item, Set};
use crate::select::{Problem, planned};
use crate::size::estimated_size;
use crate::upkeep::{IndexSize, Rates, upkeep, writes};

/// Gains below this part of the workload's cost are rounding: sums of costs are not exact in a double.
const ROUNDING: f64 = 1e-9;

/// Entries and recommendations as elements of one choice.
#[derive(Default)]
struct Pool {
    items: Vec<Item>,
    names: Vec<String>,
    sizes: Vec<Bytes>,
    upkeep: Vec<Upkeep>,
    problem: Problem,
}

/// What became of an entry on its way into the pool.
enum Place {
    /// An element of its own.
    Element(Element),
    /// The same definition as an earlier entry; its upkeep comes on top.
    Again(Element),
    /// None.
    Nowhere(String),
}

/// What the catalog of `request` is worth, asked by the questions `asked`, and how many plannings that took: few, as most answers follow from
/// others, so no time limit ends it. A unit of planner cost counts `unit` in the workload's cost.
///
/// # Errors
/// When the port cannot answer any more.
pub(crate) fn worth<W: WhatIf>(
    request: &Request<'_>,
    mut asked: Vec<Asked>,
    unit: f64,
    what_if: &mut W,
    advice: &Advice,
) -> Result<(CatalogAdvice, u64), W::Error> {
    let mut pool = Pool::default();
    let mut places = Vec::new();
    for judged in request.catalog {
        places.push(pool.place(request, judged, unit, what_if)?);
    }
    let whole: Set = (0..).take(pool.items.len()).collect();
    let recommended = pool.recommended(request, advice, unit, what_if)?;
    let tables = by_table(request.snapshot, &pool.items);
    for asked in &mut asked {
        let named: BTreeSet<Oid> = request.workload.queries[asked.query].shapes.iter().map(|shape| shape.table).collect();
        asked.relevant = named.iter().filter_map(|table| tables.get(table)).flatten().copied().collect();
    }
    let mut engine = Engine::new(what_if, pool.items.clone(), asked);
    let none = planned(&mut engine, &pool.problem, &Set::new())?;
    let all = planned(&mut engine, &pool.problem, &whole)?;
    let mut entries = Vec::new();
    // What is declared twice is planned once, and kept twice.
    let (mut upkeep, mut size) = (pool.problem.upkeep_of(&whole), pool.size(&whole));
    for (judged, place) in request.catalog.iter().zip(&places) {
        let (element, without) = match place {
            Place::Nowhere(because) => {
                entries.push(unasked(request, judged, because));
                continue;
            }
            Place::Element(element) => (*element, planned(&mut engine, &pool.problem, &whole.without(*element))?),
            Place::Again(element) => {
                let own = pool.problem.upkeep(*element);
                upkeep += own;
                size = size + pool.sizes[position(*element)];
                (*element, all - own)
            }
        };
        let alone = planned(&mut engine, &pool.problem, &Set::new().with(element))?;
        let own = pool.problem.upkeep(element);
        let numbers = Numbers { loss: without - all, gain: none - alone, upkeep: own, least: none * ROUNDING };
        entries.push(pool.entry(&engine, element, &whole, judged, advice, &numbers));
    }
    let cost_whole = all - pool.problem.upkeep_of(&whole) + upkeep;
    let smallest = pool.smallest(&mut engine, cost_whole, &whole, &recommended)?;
    let catalog = CatalogAdvice { entries, cost_without: none, cost_whole, upkeep_whole: upkeep, size_whole: size, smallest };
    Ok((catalog, engine.calls()))
}

/// What was asked about one entry, planner cost of the workload.
struct Numbers {
    loss: f64,
    gain: f64,
    upkeep: f64,
    least: f64,
}

impl Numbers {
    fn worth(&self, is_redundant: bool) -> EntryWorth {
        if !self.loss.is_finite() || !self.gain.is_finite() {
            return EntryWorth::Unknown { because: "a statement that it concerns could not be planned".to_owned() };
        }
        match () {
            () if self.loss > self.least => EntryWorth::Pays,
            () if is_redundant => EntryWorth::Superfluous,
            () if self.gain + self.upkeep <= self.least => EntryWorth::Unused,
            () if self.gain <= self.least => EntryWorth::Upkeep,
            () => EntryWorth::Superfluous,
        }
    }
}

impl Pool {
    fn place<W: WhatIf>(
        &mut self,
        request: &Request<'_>,
        judged: &Judged,
        unit: f64,
        what_if: &mut W,
    ) -> Result<Place, W::Error> {
        let (Some(table), Some(definition)) = (judged.table_oid, judged.definition.clone()) else {
            return Ok(Place::Nowhere(format!("it is no index here: {}", judged.verdict.name())));
        };
        if !request.workload.queries.iter().any(|query| query.shapes.iter().any(|shape| shape.table == table)) {
            return Ok(Place::Nowhere(String::new()));
        }
        let existing = request.snapshot.catalog.indexes().find(|(on, index)| {
            on.oid == table && matches!(&judged.verdict, Verdict::Present { index: name } if *name == index.name)
        });
        let item = match existing {
            Some((_, index)) => Item::Existing(index.oid),
            None => Item::Candidate(CandidateIndex { table, definition: definition.clone() }),
        };
        if let Some(same) = self.find(&item) {
            return Ok(Place::Again(same));
        }
        let size = match (&item, existing) {
            (Item::Candidate(candidate), _) => match what_if.size(candidate)? {
                Ok(size) => size.pages.bytes(u64::from(request.snapshot.server.block_size)),
                Err(reason) => return Ok(Place::Nowhere(reason)),
            },
            (Item::Existing(_), existing) => existing.and_then(|(_, index)| index.size).unwrap_or_default(),
        };
        Ok(Place::Element(self.add(request, item, table, &definition, size, &judged.entry.name, unit)))
    }

    /// The recommended indexes, of which some may be entries.
    fn recommended<W: WhatIf>(
        &mut self,
        request: &Request<'_>,
        advice: &Advice,
        unit: f64,
        what_if: &mut W,
    ) -> Result<Set, W::Error> {
        let mut recommended = Set::new();
        for recommendation in &advice.recommendations {
            let Change::CreateIndex { table_oid, name, definition, .. } = &recommendation.change else { continue };
            let candidate = CandidateIndex { table: *table_oid, definition: definition.clone() };
            let item = Item::Candidate(candidate.clone());
            if let Some(same) = self.find(&item) {
                recommended.insert(same);
            } else if let Ok(size) = what_if.size(&candidate)? {
                let size = size.pages.bytes(u64::from(request.snapshot.server.block_size));
                recommended.insert(self.add(request, item, *table_oid, definition, size, name, unit));
            }
        }
        Ok(recommended)
    }

    fn find(&self, item: &Item) -> Option<Element> {
        (0..).zip(&self.items).find(|(_, other)| *other == item).map(|(element, _)| element)
    }

    #[expect(clippy::too_many_arguments, reason = "one row of what is put together from five places")]
    fn add(
        &mut self,
        request: &Request<'_>,
        item: Item,
        table: Oid,
        definition: &IndexDefinition,
        size: Bytes,
        name: &str,
        unit: f64,
    ) -> Element {
        let mut upkeep = upkeep_of(request, table, definition, size);
        upkeep.cost *= unit;
        // Every element counts: whether it exists makes no difference here.
        let terms = Terms { size, upkeep: upkeep.cost, least: 0.0, table: table.0, is_counted: true, fixed: None };
        self.problem.program.elements.push(terms);
        self.items.push(item);
        self.names.push(name.to_owned());
        self.sizes.push(size);
        self.upkeep.push(upkeep);
        Element::try_from(self.items.len() - 1).unwrap_or(Element::MAX)
    }

    fn entry<W: WhatIf>(
        &self,
        engine: &Engine<'_, W>,
        element: Element,
        whole: &Set,
        judged: &Judged,
        advice: &Advice,
        numbers: &Numbers,
    ) -> EntryAdvice {
        let mut replaced_by = by_definition(judged, advice);
        let is_redundant = replaced_by.iter().any(|by| !matches!(by, Replacement::Recommended { .. }));
        if replaced_by.is_empty() && numbers.loss + numbers.upkeep <= numbers.least {
            replaced_by = self.by_plans(engine, element, whole);
        }
        EntryAdvice {
            worth: numbers.worth(is_redundant),
            loss_without: Some(numbers.loss).filter(|loss| loss.is_finite()),
            gain_alone: Some(numbers.gain).filter(|gain| gain.is_finite()),
            upkeep: self.upkeep[position(element)].clone(),
            size: Some(self.sizes[position(element)]),
            replaced_by,
            ..described(judged)
        }
    }

    fn size(&self, elements: &Set) -> Bytes {
        elements.iter().map(|element| self.sizes[position(element)]).sum()
    }

    /// Entries that the statements use when all are there, which would use `element` if it were alone.
    fn by_plans<W: WhatIf>(&self, engine: &Engine<'_, W>, element: Element, whole: &Set) -> Vec<Replacement> {
        let mut used = Set::new();
        for question in 0..engine.questions() {
            let relevant = engine.relevant(question);
            let facts = engine.facts(question).all();
            let alone = Set::new().with(element);
            if facts.iter().any(|fact| fact.visible == alone && fact.used == alone) {
                let with_all = whole.intersection(relevant);
                used = facts.iter().filter(|fact| fact.visible == with_all).fold(used, |used, fact| used.union(&fact.used));
            }
        }
        let others = used.iter().filter(|other| *other != element);
        others.map(|other| Replacement::Entry { name: self.names[position(other)].clone() }).collect()
    }

    /// The smaller of what is left of the recommendations alone and of everything, when members go by size as long as it is as good as `enough`.
    fn smallest<C: Costs>(&self, costs: &mut C, enough: f64, whole: &Set, recommended: &Set) -> Result<SmallestSet, C::Error> {
        let mut best = whole.clone();
        for start in [recommended.clone(), whole.union(recommended), whole.clone()] {
            let mut left = start;
            if planned(costs, &self.problem, &left)? > enough * (1.0 + ROUNDING) {
                continue;
            }
            let mut members: Vec<Element> = left.iter().collect();
            members.sort_by_key(|member| (std::cmp::Reverse(self.sizes[position(*member)]), *member));
            for member in members {
                if planned(costs, &self.problem, &left.without(member))? <= enough * (1.0 + ROUNDING) {
                    left.remove(member);
                }
            }
            if self.size(&left) < self.size(&best) {
                best = left;
            }
        }
        Ok(SmallestSet {
            indexes: best.iter().map(|element| self.names[position(element)].clone()).collect(),
            cost: planned(costs, &self.problem, &best)?,
            size: self.size(&best),
        })
    }
}

fn upkeep_of(request: &Request<'_>, table: Oid, definition: &IndexDefinition, size: Bytes) -> Upkeep {
    let snapshot = request.snapshot;
    let writes = writes(request.workload, snapshot, request.counters_belong);
    let rows = snapshot.catalog.table_by_oid(table).and_then(|table| table.estimated_rows).map_or(0.0, Rows::as_f64);
    let rates = Rates::of(&snapshot.settings, snapshot.server.block_size, request.window);
    writes.get(&table).map(|writes| upkeep(definition, IndexSize { size, rows }, writes, &rates)).unwrap_or_default()
}

/// An entry on a table that no statement names is unused; one that is no index here is nothing that can be judged.
fn unasked(request: &Request<'_>, judged: &Judged, because: &str) -> EntryAdvice {
    let found = judged.table_oid.and_then(|table| request.snapshot.catalog.table_by_oid(table));
    let size = found.zip(judged.definition.as_ref());
    let size = size.and_then(|(table, definition)| estimated_size(definition, table, &request.snapshot.server));
    let size = size.map(|size| Bytes(f64_as_count(size.value)));
    if because.is_empty() {
        return EntryAdvice { size, loss_without: Some(0.0), gain_alone: Some(0.0), ..described(judged) };
    }
    EntryAdvice { worth: EntryWorth::Unknown { because: because.to_owned() }, size, ..described(judged) }
}

fn described(judged: &Judged) -> EntryAdvice {
    EntryAdvice {
        name: judged.entry.name.clone(),
        table: judged.entry.table.clone(),
        definition: judged.definition.as_ref().map(ToString::to_string).unwrap_or_default(),
        worth: EntryWorth::Unused,
        loss_without: None,
        gain_alone: None,
        upkeep: Upkeep::default(),
        size: None,
        replaced_by: Vec::new(),
    }
}

/// What serves all that an entry would, as definitions tell.
fn by_definition(judged: &Judged, advice: &Advice) -> Vec<Replacement> {
    let mut found = Vec::new();
    match &judged.verdict {
        Verdict::DuplicateOfConstraint { constraint, .. } => found.push(Replacement::Existing { name: constraint.clone() }),
        Verdict::RedundantBesideIndex { index, .. } => found.push(Replacement::Existing { name: index.clone() }),
        Verdict::DuplicateOfEntry { entry } | Verdict::RedundantBesideEntry { entry, .. } => {
            found.push(Replacement::Entry { name: entry.clone() });
        }
        _ => {}
    }
    let Some(declared) = &judged.definition else { return found };
    for recommendation in &advice.recommendations {
        if let Change::CreateIndex { table_oid, name, definition, .. } = &recommendation.change
            && Some(*table_oid) == judged.table_oid
            && definition.serves_all_of(declared)
        {
            found.push(Replacement::Recommended { name: name.clone() });
        }
    }
    found
}

fn position(element: Element) -> usize {
    usize::try_from(element).unwrap_or(usize::MAX)
}
