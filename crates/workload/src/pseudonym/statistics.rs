//! Statistics and extremes with pseudonyms, or without the slots for which there are none.
//!
//! Begin at [`rewrite`]. What it leaves out or changes it says, by column.

use std::collections::BTreeMap;

use pgtailor_model::name::Oid;
use pgtailor_model::planner::slot_kind::{
    CORRELATION, ELEMENT_COUNTS, HISTOGRAM, MOST_COMMON, MOST_COMMON_ELEMENTS, RANGE_BOUNDS, RANGE_LENGTHS,
};
use pgtailor_model::planner::{
    ColumnStatistic, Extreme, Inexact, PlannerInputs, StatisticColumn, StatisticNumbers, StatisticSlot, StatisticValues,
};

use super::array::{ArrayText, Item};
use super::family::{Family, Pseudonyms, Seen};
use super::kind::{Kind, Types};

/// Notes all values in statistics and extremes.
pub(super) fn see(inputs: &PlannerInputs, types: &Types, seen: &mut Seen) {
    let of_columns = inputs.statistics.iter().map(|statistic| &statistic.numbers);
    let of_expressions = inputs.extended.iter().flat_map(|extended| &extended.expressions);
    for slot in of_columns.chain(of_expressions).flat_map(|numbers| &numbers.slots) {
        let Some(values) = slot.values.as_ref().filter(|_| is_mapped(slot.kind)) else { continue };
        let kind = types.kind(&values.element_type);
        let Some(elements) = ArrayText::read(&values.text) else { continue };
        let _ = elements.map(&mut |text| {
            seen.add(&kind, text);
            Some(String::new())
        });
        if let (HISTOGRAM, Kind::Single(Family::Moment(_)), Some(Item::Element(last))) = (slot.kind, &kind, elements.items.last())
        {
            seen.moments.add_latest(last);
        }
    }
    let kinds = kinds_of_columns(inputs, types);
    for extremes in &inputs.extremes {
        for extreme in &extremes.columns {
            let Some(kind) = kinds.get(&(extremes.table, extreme.column.as_str())) else { continue };
            seen.add(kind, &extreme.least);
            seen.add(kind, &extreme.greatest);
            if let Kind::Single(Family::Moment(_)) = kind {
                seen.moments.add_latest(&extreme.greatest);
            }
        }
    }
}

/// Replaces all values in statistics and extremes.
pub(super) fn rewrite(inputs: &mut PlannerInputs, types: &Types, pseudonyms: &Pseudonyms, said: &mut Vec<Inexact>) {
    let kinds: BTreeMap<(Oid, String), Kind> =
        kinds_of_columns(inputs, types).into_iter().map(|((table, column), kind)| ((table, column.to_owned()), kind)).collect();
    let relations: BTreeMap<Oid, (Oid, String)> =
        inputs.relations.iter().map(|relation| (relation.oid, (relation.table, relation.name.to_string()))).collect();
    let named = |relation: Oid| relations.get(&relation).cloned().unwrap_or((relation, format!("relation {relation}")));
    let writer = Writer { types, pseudonyms };
    for statistic in &mut inputs.statistics {
        let (table, relation) = named(statistic.relation);
        let object = format!("statistics of {}", column_name(&relation, statistic));
        writer.rewrite(&mut statistic.numbers, &mut |reason| {
            said.push(Inexact { object: object.clone(), table: Some(table), reason });
        });
    }
    for extended in &mut inputs.extended {
        let (table, object) = (Some(extended.table), format!("extended statistics {}", extended.name));
        let mut say = |reason| said.push(Inexact { object: object.clone(), table, reason });
        for numbers in &mut extended.expressions {
            writer.rewrite(numbers, &mut say);
        }
        if extended.most_common.take().is_some() {
            say("the list of most common combinations holds values in the server's binary format, and is left out".to_owned());
        }
    }
    for extremes in &mut inputs.extremes {
        let (table, relation) = named(extremes.table);
        extremes.columns.retain_mut(|extreme| {
            let kind = kinds.get(&(table, extreme.column.clone()));
            let kept = kind.is_some_and(|kind| writer.rewrite_extreme(extreme, kind));
            if !kept {
                said.push(Inexact {
                    object: format!("smallest and largest {} of {relation}", extreme.column),
                    table: Some(table),
                    reason: "the statistics do not tell the column's type, or there are no pseudonyms for it; they are left out"
                        .to_owned(),
                });
            }
            kept
        });
    }
}

/// `"a b" of public.t`.
fn column_name(relation: &str, statistic: &ColumnStatistic) -> String {
    match &statistic.column {
        StatisticColumn::Name(name) => format!("column {name} of {relation}"),
        StatisticColumn::Number(number) => format!("expression {number} of {relation}"),
    }
}

/// Of columns with statistics: what their values are made of.
fn kinds_of_columns<'a>(inputs: &'a PlannerInputs, types: &Types) -> BTreeMap<(Oid, &'a str), Kind> {
    let mut kinds = BTreeMap::new();
    for statistic in &inputs.statistics {
        let StatisticColumn::Name(column) = &statistic.column else { continue };
        let slots = statistic.numbers.slots.iter();
        let mut of_whole_values = slots.filter(|slot| matches!(slot.kind, MOST_COMMON | HISTOGRAM | RANGE_BOUNDS));
        if let Some(values) = of_whole_values.find_map(|slot| slot.values.as_ref()) {
            kinds.insert((statistic.relation, column.as_str()), types.kind(&values.element_type));
        }
    }
    kinds
}

/// Whether such a slot holds values of the column. Lengths of ranges are distances and stay.
fn is_mapped(slot: i16) -> bool {
    matches!(slot, MOST_COMMON | HISTOGRAM | MOST_COMMON_ELEMENTS | RANGE_BOUNDS)
}

struct Writer<'a> {
    types: &'a Types,
    pseudonyms: &'a Pseudonyms,
}

impl Writer<'_> {
    fn rewrite(&self, numbers: &mut StatisticNumbers, say: &mut dyn FnMut(String)) {
        let mut missing: Vec<(i16, String)> = Vec::new();
        let mut kept = 0;
        let mut unsorted = false;
        for slot in &mut numbers.slots {
            match (slot.kind, slot.values.take()) {
                (CORRELATION | ELEMENT_COUNTS, _) | (MOST_COMMON..=RANGE_BOUNDS, None) => (),
                (RANGE_LENGTHS, values) => slot.values = values,
                (kind, Some(values)) if is_mapped(kind) => match self.images(slot, &values) {
                    Some(images) => {
                        kept += images.kept;
                        unsorted |= images.unsorted;
                        slot.values = Some(StatisticValues { text: images.array.to_string(), ..values });
                    }
                    None => missing.push((kind, values.element_type)),
                },
                // A kind of an extension: its numbers may be places on a map.
                (kind, values) => {
                    missing.push((kind, values.map_or("a kind of an extension".to_owned(), |values| values.element_type)));
                }
            }
        }
        for (kind, element_type) in &missing {
            // A histogram without the most common values would be taken for one of all values, and the other way round.
            let partners: &[i16] = match *kind {
                MOST_COMMON | HISTOGRAM => &[MOST_COMMON, HISTOGRAM],
                RANGE_BOUNDS => &[RANGE_BOUNDS, RANGE_LENGTHS],
                _ => std::slice::from_ref(kind),
            };
            numbers.slots.retain(|slot| !partners.contains(&slot.kind));
            say(format!("there are no pseudonyms for some of its values ({element_type}); their {} left out", name_of(*kind)));
        }
        if kept > 0 {
            say(format!(
                "the schema names {kept} of its values, which stay as they are; ranges of its texts are estimated wrongly"
            ));
        }
        if unsorted {
            say("how the server sorts its texts is not known; ranges of them are estimated roughly".to_owned());
        }
    }

    /// The values of `slot` replaced, in an order that the planner can search.
    fn images(&self, slot: &mut StatisticSlot, values: &StatisticValues) -> Option<Images> {
        let kind = self.types.kind(&values.element_type);
        let array = ArrayText::read(&values.text)?;
        let mut kept = 0;
        let is_text = holds_text(&kind);
        let mut array = array.map(&mut |text| {
            let image = self.pseudonyms.of(&kind, text)?;
            kept += usize::from(is_text && image == text && text.chars().any(char::is_alphanumeric));
            Some(image)
        })?;
        let mut unsorted = false;
        if is_text && slot.kind == HISTOGRAM {
            unsorted = !array.items.is_sorted_by_key(order);
            array.items.sort_by_key(order);
        }
        if is_text && slot.kind == MOST_COMMON_ELEMENTS {
            sort_elements(slot, &mut array)?;
        }
        Some(Images { array, kept, unsorted })
    }

    /// Whether the column has pseudonyms.
    ///
    /// A text becomes no longer than it was, for a row with it has to fit into the column: what is cut off a bound is nothing to the
    /// planner.
    fn rewrite_extreme(&self, extreme: &mut Extreme, kind: &Kind) -> bool {
        let image = |text: &str| {
            let image = self.pseudonyms.of(kind, text)?;
            let is_text = matches!(kind, Kind::Single(Family::Text(_)));
            Some(if is_text { image.chars().take(text.chars().count()).collect() } else { image })
        };
        match (image(&extreme.least), image(&extreme.greatest)) {
            (Some(least), Some(greatest)) => {
                (extreme.least, extreme.greatest) = (least, greatest);
                true
            }
            _ => false,
        }
    }
}

struct Images {
    array: ArrayText,
    /// Values that the schema names.
    kept: usize,
    /// Whether the images' order was not the server's.
    unsorted: bool,
}

/// Whether values are texts or made of texts.
pub(super) fn holds_text(kind: &Kind) -> bool {
    match kind {
        Kind::Single(Family::Text(_)) => true,
        Kind::Array(element) | Kind::Range(element) => holds_text(element),
        _ => false,
    }
}

/// By what an element of a histogram sorts: an array by its own elements, not by its text (`array_cmp`).
fn order(item: &Item) -> Vec<Item> {
    match item {
        Item::Element(text) => ArrayText::read(text).map_or_else(|| vec![item.clone()], |array| array.items),
        _ => vec![item.clone()],
    }
}

/// Sorts most common elements as the planner searches them: lexemes by their length first (`compare_lexeme_textfreq`, `ts_selfuncs.c`),
/// elements of arrays like any text (`array_selfuncs.c`). Each takes its frequency along. Lexemes have two numbers behind their
/// frequencies, elements three (`pg_statistic.h`).
fn sort_elements(slot: &mut StatisticSlot, array: &mut ArrayText) -> Option<()> {
    let numbers = ArrayText::read(slot.numbers.as_deref()?)?;
    let frequencies: Vec<String> = numbers.elements()?.into_iter().map(str::to_owned).collect();
    let count = array.items.len();
    let behind = frequencies.get(count..)?.to_vec();
    let elements: Vec<String> = array.elements()?.into_iter().map(str::to_owned).collect();
    let mut pairs: Vec<(String, String)> = elements.into_iter().zip(frequencies).collect();
    if behind.len() == 2 {
        pairs.sort_by_key(|(element, _)| (element.len(), element.clone()));
    } else {
        pairs.sort();
    }
    let (elements, frequencies): (Vec<String>, Vec<String>) = pairs.into_iter().unzip();
    *array = elements.into_iter().collect();
    slot.numbers = Some(frequencies.into_iter().chain(behind).collect::<ArrayText>().to_string());
    Some(())
}

fn name_of(slot: i16) -> &'static str {
    match slot {
        MOST_COMMON | HISTOGRAM => "most common values and histogram are",
        MOST_COMMON_ELEMENTS => "most common elements are",
        RANGE_BOUNDS => "histograms of bounds and lengths are",
        _ => "statistics of that kind are",
    }
}
