//! What entitles to drop an index: the workload may not be all that is ever asked, so that no statement of it needs an index is not enough.
//!
//! Start reading at [`unjustified`].

use pgtailor_model::catalog::{Index, Table};
use pgtailor_model::index::IndexDefinition;
use pgtailor_model::name::Oid;

use super::Request;
use super::elements::Elements;
use crate::cost::{Element, Item, Set};

/// Whether the server has not scanned `index` since counting began.
pub(super) fn is_unused(request: &Request<'_>, index: &Index) -> bool {
    request.snapshot.activity.indexes.get(&index.oid).is_some_and(|activity| activity.scans == 0)
}

/// Whether another valid index of `table` that `is_there` serves all that `index` serves.
pub(super) fn is_served(table: &Table, index: &Index, definition: &IndexDefinition, is_there: impl Fn(Oid) -> bool) -> bool {
    let serves = |other: &Index| other.definition.as_ref().is_some_and(|other| other.serves_all_of(definition));
    table.indexes.iter().any(|other| other.oid != index.oid && other.valid && is_there(other.oid) && serves(other))
}

/// An existing index that `chosen` lacks although it was used and nothing in `chosen` serves all that it serves: a candidate that would have
/// is not in it, or the other one of two alike is gone, too.
pub(super) fn unjustified(request: &Request<'_>, elements: &Elements, chosen: &Set) -> Option<Element> {
    let is_gone = |oid: Oid| {
        let items = (0..).zip(&elements.items);
        items.into_iter().any(|(element, item)| *item == Item::Existing(oid) && !chosen.contains(element))
    };
    (0..).zip(&elements.items).find_map(|(element, item)| {
        let Item::Existing(oid) = item else { return None };
        let (table, index) = request.snapshot.catalog.indexes().find(|(_, index)| index.oid == *oid)?;
        let definition = index.definition.as_ref()?;
        let is_replaced = || {
            chosen.iter().any(|other| match &elements.items[Elements::at(other)] {
                Item::Candidate(candidate) => candidate.table == table.oid && candidate.definition.serves_all_of(definition),
                Item::Existing(_) => false,
            })
        };
        let is_justified = chosen.contains(element)
            || is_unused(request, index)
            || is_served(table, index, definition, |other| !is_gone(other))
            || is_replaced();
        (!is_justified).then_some(element)
    })
}
