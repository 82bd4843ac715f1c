//! Which things in a `FROM` clause conditions connect: what nothing connects is multiplied.
//!
//! Every condition that names columns of two references connects them, whatever it says of them; so does a parameter that both are compared
//! with. A name that cannot be resolved connects everything. So what is said to be unconnected is, and something may be missed.

use std::collections::BTreeSet;

use pgtailor_model::construct::Construct;

use crate::construct::Noticed;
use crate::scope::{Column, Scope};
use crate::walker::Walker;

/// What was named, in order: references to tables; `None` for a name that is no table's column as far as is known.
#[derive(Debug, Default)]
pub(crate) struct Mentions(Vec<Option<usize>>);

/// What one condition connects.
#[derive(Debug)]
pub(crate) struct Link {
    things: BTreeSet<Thing>,
    /// Whether something was named that is not known, so that it may connect anything.
    unknown: bool,
}

/// Something that conditions connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Thing {
    Reference(usize),
    Parameter(u32),
}

/// Where a condition began.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    mentions: usize,
    parameters: usize,
}

impl Mentions {
    /// Notes a name.
    pub(crate) fn name(&mut self, column: Option<&Column<'_>>) {
        let Some(column) = column else { return self.0.push(None) };
        let leaves = match &column.computed {
            Some(expression) => expression.leaves(),
            None => vec![column],
        };
        for leaf in leaves {
            if leaf.origins.is_empty() {
                self.0.push(None);
            }
            self.0.extend(leaf.origins.iter().map(|origin| Some(origin.reference)));
        }
    }
}

impl<'t> Walker<'t> {
    /// Where a condition begins.
    pub(crate) fn mark(&self) -> Mark {
        Mark { mentions: self.mentions.0.len(), parameters: self.seen.len() }
    }

    /// Notes what the condition since `mark` connects.
    pub(crate) fn link(&mut self, mark: Mark) {
        let named = &self.mentions.0[mark.mentions..];
        let references = named.iter().flatten().map(|reference| Thing::Reference(*reference));
        let parameters = self.seen[mark.parameters..].iter().map(|number| Thing::Parameter(*number));
        let link = Link { things: references.chain(parameters).collect(), unknown: named.contains(&None) };
        self.links.push(link);
    }

    /// Notes that `references` are joined.
    pub(crate) fn link_references(&mut self, references: impl IntoIterator<Item = usize>) {
        self.links.push(Link { things: references.into_iter().map(Thing::Reference).collect(), unknown: false });
    }

    /// Notes the parts of `scope` that nothing connects. `first` is the first link of its level: what earlier ones connect is connected
    /// here, too, but a name that was not known there is of no interest.
    pub(crate) fn notice_unconnected(&mut self, scope: &Scope<'_, 't>, first: usize) {
        let items = (0..scope.items.len()).map(|position| scope.references_in(position..position + 1));
        let items: Vec<Vec<usize>> = items.filter(|references| !references.is_empty()).collect();
        if items.len() < 2 || self.links[first..].iter().any(|link| link.unknown) {
            return;
        }
        let of_items = items.iter().map(|item| item.iter().map(|reference| Thing::Reference(*reference)).collect());
        let parts = parts(of_items.chain(self.links.iter().map(|link| link.things.clone())));
        let own: BTreeSet<usize> = items.into_iter().flatten().collect();
        let parts = parts.into_iter().map(|part| {
            let references = part.into_iter().filter_map(|thing| match thing {
                Thing::Reference(reference) if own.contains(&reference) => Some(reference),
                _ => None,
            });
            references.collect::<Vec<_>>()
        });
        let parts: Vec<Vec<usize>> = parts.filter(|part| !part.is_empty()).collect();
        if parts.len() > 1 {
            self.notice(Noticed::plain(Construct::Unconnected { parts }));
        }
    }
}

/// Sets that share something, put together; in the order of their first.
fn parts(sets: impl Iterator<Item = BTreeSet<Thing>>) -> Vec<BTreeSet<Thing>> {
    let mut parts: Vec<BTreeSet<Thing>> = Vec::new();
    for set in sets {
        let (sharing, mut others): (Vec<_>, Vec<_>) = parts.into_iter().partition(|part| !part.is_disjoint(&set));
        let whole = sharing.into_iter().flatten().chain(set).collect();
        others.push(whole);
        others.sort();
        parts = others;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_that_share_something_become_one() {
        let set = |numbers: &[usize]| numbers.iter().map(|number| Thing::Reference(*number)).collect::<BTreeSet<_>>();
        let found = parts([set(&[0]), set(&[1]), set(&[2]), set(&[3]), set(&[0, 2]), set(&[2, 3])].into_iter());
        assert_eq!(found, [set(&[0, 2, 3]), set(&[1])]);
    }
}
