//! The keys that a B-tree could have for one reference: columns of equality, then an order or a range; columns of joins before or behind
//! what filters.
//!
//! Plain generators propose them as they are; covering and partial ones build on them. Start reading at [`filtered`].

use pgtailor_model::index::{IndexDefinition, IndexKey, KeyPart};
use pgtailor_model::shape::{OrderKey, Subject as About};

use super::columns::{ascending, shared_first};
use super::site::{Site, part};
use super::text;

/// Keys with a reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Keys {
    pub(super) keys: Vec<IndexKey>,
    /// A clause that follows "because".
    pub(super) because: String,
}

impl Keys {
    /// `parts` one after the other, each part once, cut to what an index may have.
    pub(super) fn new(site: &Site<'_>, parts: &[&[IndexKey]], because: impl Into<String>) -> Self {
        let mut keys: Vec<IndexKey> = Vec::new();
        for key in parts.iter().copied().flatten() {
            if !keys.iter().any(|known| known.part == key.part) {
                keys.push(key.clone());
            }
        }
        keys.truncate(site.context.max_columns);
        Self { keys, because: because.into() }
    }

    /// A B-tree of them.
    pub(super) fn btree(&self) -> IndexDefinition {
        IndexDefinition { keys: self.keys.clone(), ..IndexDefinition::btree::<String>([]) }
    }
}

/// Columns of equality and what follows them: first with the order, then with each range, then alone.
///
/// `without` are columns that need no key, since a predicate of the index fixes them.
pub(super) fn filtered(site: &Site<'_>, without: &[&str]) -> Vec<Keys> {
    let mut found = Vec::new();
    let (pinned, listed) = (kept(site.pinned(), without), kept(site.listed(), without));
    let equal: Vec<&str> = pinned.iter().chain(&listed).copied().collect();
    let filters = ascending(shared_first(site, &equal));
    let order = order(site, without);
    if !order.is_empty() {
        let first = ascending(shared_first(site, &pinned));
        let because = match pinned.as_slice() {
            [] => format!("its rows are sorted by {}", text::keys(&order)),
            _ => format!("its rows are filtered by {} and sorted by {}", text::names(&pinned), text::keys(&order)),
        };
        // What is compared with a list stands behind: a list before the order would end it.
        found.push(Keys::new(site, &[&first, &order, &ascending(&listed)], because));
    }
    for mut range in site.ranged().into_iter().filter(|range| is_left(range, without)) {
        // Bounds do not care for the direction: the one of the order makes one index of two.
        if let Some(sorted) = order.first().filter(|sorted| sorted.part == range.part && range.operator_class.is_none()) {
            range = sorted.clone();
        }
        let mut columns: Vec<&str> = equal.clone();
        columns.extend(column(&range));
        let because = format!("its rows are filtered by {}", text::names(&columns));
        found.push(Keys::new(site, &[&filters, &[range]], because));
    }
    if !filters.is_empty() {
        found.push(Keys::new(site, &[&filters], format!("its rows are filtered by {}", text::names(&equal))));
    }
    found
}

/// Columns of joins: each alone, all together, before what filters (a nested loop looks up rows) and behind it (the rows are picked first).
pub(super) fn joined(site: &Site<'_>, without: &[&str]) -> Vec<Keys> {
    let columns = kept(site.joined(), without);
    if columns.is_empty() {
        return Vec::new();
    }
    let filters = ascending(shared_first(site, &kept(site.equal(), without)));
    let range: Vec<IndexKey> = site.ranged().into_iter().filter(|range| is_left(range, without)).take(1).collect();
    let all = ascending(shared_first(site, &columns));
    let mut found: Vec<Keys> = Vec::new();
    for column in &columns {
        found.push(Keys::new(site, &[&ascending([column])], format!("it is joined by {}", text::names([column]))));
    }
    if columns.len() > 1 {
        let because = format!("it is joined by {}", text::names(&columns));
        let mut backwards = all.clone();
        backwards.reverse();
        found.push(Keys::new(site, &[&all], because.clone()));
        found.push(Keys::new(site, &[&backwards], because));
    }
    if !filters.is_empty() || !range.is_empty() {
        let mut names: Vec<&str> = kept(site.equal(), without);
        names.extend(range.iter().filter_map(column));
        for column in &columns {
            let because = format!("it is joined by {} and filtered by {}", text::names([column]), text::names(&names));
            let key = ascending([column]);
            found.push(Keys::new(site, &[&key, &filters, &range], because.clone()));
            let behind: [&[IndexKey]; 3] = if filters.is_empty() { [&range, &key, &[]] } else { [&filters, &key, &range] };
            found.push(Keys::new(site, &behind, because));
        }
    }
    found
}

/// Columns of equality and then those that rows are grouped by, or of which each value is wanted once.
pub(super) fn grouped(site: &Site<'_>, without: &[&str]) -> Vec<Keys> {
    let pinned = kept(site.pinned(), without);
    let first = ascending(shared_first(site, &pinned));
    let mut found = Vec::new();
    for (subjects, word) in [(&site.shape.group_by, "grouped by"), (&site.shape.distinct, "made distinct by")] {
        let parts: Option<Vec<IndexKey>> = subjects.iter().map(|subject| key_of(site, subject)).collect();
        let Some(parts) = parts.filter(|parts| !parts.is_empty()) else { continue };
        let because = match pinned.as_slice() {
            [] => format!("its rows are {word} {}", text::keys(&parts)),
            _ => format!("its rows are filtered by {} and {word} {}", text::names(&pinned), text::keys(&parts)),
        };
        found.push(Keys::new(site, &[&first, &parts], because));
    }
    found
}

/// The order as keys, without what is the same for all rows; empty when no B-tree has it.
pub(super) fn order(site: &Site<'_>, without: &[&str]) -> Vec<IndexKey> {
    let pinned = site.pinned();
    let is_fixed = |key: &OrderKey| matches!(&key.subject, About::Column(name) if pinned.contains(&name.as_str()) || without.contains(&name.as_str()));
    let keys = site.shape.order_by.iter().filter(|key| !is_fixed(key)).map(|key| {
        let plain = key_of(site, &key.subject).filter(|_| key.distance.is_none())?;
        Some(IndexKey { direction: key.direction, nulls: key.nulls, ..plain })
    });
    keys.collect::<Option<Vec<IndexKey>>>().unwrap_or_default()
}

/// The column of a key.
pub(super) fn column(key: &IndexKey) -> Option<&str> {
    match &key.part {
        KeyPart::Column(name) => Some(name),
        KeyPart::Expression(_) => None,
    }
}

/// The subject as a key of a B-tree; `None` when its type has no order, or a constant in it is not known.
pub(super) fn key_of(site: &Site<'_>, subject: &About) -> Option<IndexKey> {
    let key = IndexKey { part: part(subject)?, ..IndexKey::column("") };
    column(&key).is_none_or(|name| is_ordered(site, name)).then_some(key)
}

/// Whether a column's type has a default operator class for B-trees.
pub(super) fn is_ordered(site: &Site<'_>, name: &str) -> bool {
    const UNORDERED: &[&str] = &["json", "xml", "point", "box", "polygon", "circle", "line", "lseg", "path", "json[]", "xml[]"];
    site.column(name).is_some_and(|column| !UNORDERED.contains(&column.type_name.as_str()))
}

fn kept<'a>(mut columns: Vec<&'a str>, without: &[&str]) -> Vec<&'a str> {
    columns.retain(|column| !without.contains(column));
    columns
}

fn is_left(key: &IndexKey, without: &[&str]) -> bool {
    column(key).is_none_or(|name| !without.contains(&name))
}
