//! Views: a reference to one is the sub-select of its definition.
//!
//! The definition names its relations with their schemas (`pg_get_viewdef` with an empty search path), sees nothing of the statement around
//! it, and has constants that belong to the schema.

use pg_query::NodeEnum;
use pg_query::protobuf::SelectStmt;

use crate::order;
use crate::relation::Relation;
use crate::scope::Output;
use crate::walker::{Commons, Walker};

/// Most query levels around a view that is still read: PostgreSQL has no limit, but a stack has. The parser reads texts of some
/// 20 levels, so what a statement and a view can add to this is known.
const DEEPEST: usize = 40;

/// Most views read for one statement: each can name others twice, and so on.
const MOST: usize = 500;

impl<'t> Walker<'t> {
    /// What the view at `position` of the catalog returns, with the references of its definition; `None`, and noted, when it cannot be read.
    pub(crate) fn view(&mut self, position: usize) -> Option<Output<'t>> {
        let view = &self.relations.catalog.views[position];
        let is_readable = !self.views.contains(&position) && self.depth < DEEPEST && self.n_views_read < MOST;
        let Some(tree) = self.relations.view_tree(position).filter(|_| is_readable) else {
            self.strangers.push(Relation::Other(view.name.to_string()));
            return None;
        };
        self.n_views_read += 1;
        self.views.push(position);
        let mark = self.outer_columns.len();
        let output = self.query_tree(tree, None, &Commons::default(), false);
        // Nothing in a view is correlated with what stands around it.
        self.outer_columns.truncate(mark);
        self.views.pop();
        Some(output.renamed(view.columns.iter().map(String::as_str)))
    }

    /// The names of the views that are being read, outermost first.
    pub(crate) fn view_names(&self) -> Vec<String> {
        self.views.iter().map(|position| self.relations.catalog.views[*position].name.to_string()).collect()
    }

    /// Whether PostgreSQL writes through the view at `position` to its one table (`view_query_is_auto_updatable` in `rewriteHandler.c`);
    /// triggers and rules could do it for others, but nobody knows what they do.
    pub(crate) fn is_simple_view(&self, position: usize) -> bool {
        let mut position = position;
        for _ in 0..DEEPEST {
            let Some(NodeEnum::SelectStmt(select)) = self.relations.view_tree(position) else { return false };
            match self.only_relation(select) {
                Some(Relation::Table(_)) => return true,
                Some(Relation::View(inner)) => position = inner,
                _ => return false,
            }
        }
        false
    }

    fn only_relation(&self, select: &SelectStmt) -> Option<Relation<'t>> {
        let is_plain = select.with_clause.is_none()
            && select.larg.is_none()
            && select.distinct_clause.is_empty()
            && select.limit_count.is_none()
            && select.limit_offset.is_none()
            && !order::is_grouped(select)
            && !order::has_windows(select);
        match select.from_clause.as_slice() {
            [only] if is_plain => match &only.node {
                Some(NodeEnum::RangeVar(name)) => Some(self.relations.find(name)),
                _ => None,
            },
            _ => None,
        }
    }
}
