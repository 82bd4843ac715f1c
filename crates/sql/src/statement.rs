//! Statements, and what those that write change.

use pg_query::NodeEnum;
use pg_query::protobuf::{
    CmdType, CopyStmt, DeleteStmt, InsertStmt, MergeStmt, MergeWhenClause, Node, OnConflictAction, RangeVar, ReturningClause,
    UpdateStmt,
};
use pgtailor_model::binding::Role;
use pgtailor_model::shape::{Write, WriteKind};

use crate::construct::Clause;
use crate::operand::Operand;
use crate::relation::Relation;
use crate::scope::{Exposed, Item, Output, Scope};
use crate::walker::{Commons, Place, Walker, Written, strings};

/// What becomes of the conditions of a view that is written through.
#[derive(Clone, Copy, PartialEq)]
enum Through {
    /// They choose the rows, as those of the statement do.
    Filtering,
    /// New rows are not chosen.
    Adding,
}

impl<'t> Walker<'t> {
    /// Reads a statement at any level: the whole one, a sub-select, a common table expression.
    pub(crate) fn query(
        &mut self,
        node: &'t Node,
        outer: Option<&Scope<'_, 't>>,
        commons: &Commons<'_, 't>,
        semi_join: bool,
    ) -> Output<'t> {
        node.node.as_ref().map(|tree| self.query_tree(tree, outer, commons, semi_join)).unwrap_or_default()
    }

    /// The same for the tree itself.
    pub(crate) fn query_tree(
        &mut self,
        tree: &'t NodeEnum,
        outer: Option<&Scope<'_, 't>>,
        commons: &Commons<'_, 't>,
        semi_join: bool,
    ) -> Output<'t> {
        self.depth += 1;
        let output = match tree {
            NodeEnum::SelectStmt(select) => self.select(select, outer, commons, semi_join),
            NodeEnum::InsertStmt(insert) => self.insert(insert, outer, commons),
            NodeEnum::UpdateStmt(update) => self.update(update, outer, commons),
            NodeEnum::DeleteStmt(delete) => self.delete(delete, outer, commons),
            NodeEnum::MergeStmt(merge) => self.merge(merge, outer, commons),
            NodeEnum::CopyStmt(copy) => self.copy(copy, commons),
            NodeEnum::CreateTableAsStmt(create) => {
                create.query.as_deref().map(|query| self.query(query, outer, commons, false)).unwrap_or_default()
            }
            _ => Output::default(),
        };
        self.depth -= 1;
        output
    }

    fn insert(&mut self, insert: &'t InsertStmt, outer: Option<&Scope<'_, 't>>, commons: &Commons<'_, 't>) -> Output<'t> {
        let commons = self.with(insert.with_clause.as_ref(), outer, commons);
        let mut scope = Scope::inside(outer);
        let target = self.target(insert.relation.as_ref(), Through::Adding, &mut scope);
        let updates = insert
            .on_conflict_clause
            .as_ref()
            .is_some_and(|conflict| conflict.action == OnConflictAction::OnconflictUpdate as i32);
        self.writes_all(target, if updates { WriteKind::Upsert } else { WriteKind::Insert });
        self.parts(&insert.cols, Place::of(&scope, &commons));
        if let Some(source) = insert.select_stmt.as_deref() {
            self.assigning = written_columns(&insert.cols, &scope);
            let output = self.query(source, outer, &commons, false);
            self.need_output(&output);
            self.assigning.clear();
        }
        if let Some(conflict) = &insert.on_conflict_clause {
            if let Some(item) = scope.items.first() {
                scope.items.push(Item { alias: "excluded", schema: None, output: item.output.clone().opaque() });
            }
            let place = Place::of(&scope, &commons);
            if let Some(arbiter) = conflict.infer.as_deref() {
                for node in &arbiter.index_elems {
                    if let Some(NodeEnum::IndexElem(element)) = &node.node {
                        self.visit(element.expr.as_deref(), place);
                    }
                }
                self.visit(arbiter.where_clause.as_deref(), place);
            }
            self.assigned(&conflict.target_list, place);
            // The row is found by its conflict, so this filters nothing that an index could help with.
            self.visit(conflict.where_clause.as_deref(), place);
            scope.items.truncate(1);
        }
        self.returning(insert.returning_clause.as_ref(), Place::of(&scope, &commons))
    }

    fn update(&mut self, update: &'t UpdateStmt, outer: Option<&Scope<'_, 't>>, commons: &Commons<'_, 't>) -> Output<'t> {
        let commons = self.with(update.with_clause.as_ref(), outer, commons);
        let mut scope = Scope::inside(outer);
        let target = self.target(update.relation.as_ref(), Through::Filtering, &mut scope);
        self.filter(&update.from_clause, update.where_clause.as_deref(), &mut scope, &commons);
        let place = Place::of(&scope, &commons);
        self.writes(target, WriteKind::Update, &update.target_list, &scope);
        self.assigned(&update.target_list, place);
        self.returning(update.returning_clause.as_ref(), place)
    }

    fn delete(&mut self, delete: &'t DeleteStmt, outer: Option<&Scope<'_, 't>>, commons: &Commons<'_, 't>) -> Output<'t> {
        let commons = self.with(delete.with_clause.as_ref(), outer, commons);
        let mut scope = Scope::inside(outer);
        let target = self.target(delete.relation.as_ref(), Through::Filtering, &mut scope);
        self.writes_all(target, WriteKind::Delete);
        self.filter(&delete.using_clause, delete.where_clause.as_deref(), &mut scope, &commons);
        self.returning(delete.returning_clause.as_ref(), Place::of(&scope, &commons))
    }

    fn merge(&mut self, merge: &'t MergeStmt, outer: Option<&Scope<'_, 't>>, commons: &Commons<'_, 't>) -> Output<'t> {
        let commons = self.with(merge.with_clause.as_ref(), outer, commons);
        let mut scope = Scope::inside(outer);
        let target = self.target(merge.relation.as_ref(), Through::Filtering, &mut scope);
        self.filter(merge.source_relation.as_deref(), merge.join_condition.as_deref(), &mut scope, &commons);
        let place = Place::of(&scope, &commons);
        for node in &merge.merge_when_clauses {
            if let Some(NodeEnum::MergeWhenClause(clause)) = &node.node {
                self.merge_action(clause, target, place);
            }
        }
        self.returning(merge.returning_clause.as_ref(), place)
    }

    fn merge_action(&mut self, clause: &'t MergeWhenClause, target: Option<usize>, place: Place<'_, 't>) {
        self.visit(clause.condition.as_deref(), place);
        match CmdType::try_from(clause.command_type) {
            Ok(CmdType::CmdInsert) => {
                self.writes_all(target, WriteKind::Merge);
                self.parts(&clause.target_list, place);
                let written = written_columns(&clause.target_list, place.scope);
                for (position, value) in clause.values.iter().enumerate() {
                    self.assigned_value(value, written.get(position).copied(), place);
                }
            }
            Ok(CmdType::CmdDelete) => self.writes_all(target, WriteKind::Merge),
            Ok(CmdType::CmdUpdate) => {
                self.writes(target, WriteKind::Merge, &clause.target_list, place.scope);
                self.assigned(&clause.target_list, place);
            }
            _ => {}
        }
    }

    /// `COPY t FROM` writes, `COPY (query) TO` reads its query and `COPY t TO` the whole table.
    fn copy(&mut self, copy: &'t CopyStmt, commons: &Commons<'_, 't>) -> Output<'t> {
        if let Some(query) = copy.query.as_deref() {
            return self.query(query, None, commons, false);
        }
        let mut scope = Scope::inside(None);
        if copy.is_from {
            let target = self.target(copy.relation.as_ref(), Through::Adding, &mut scope);
            self.writes_all(target, WriteKind::Copy);
            // It chooses among the lines of the file.
            self.visit(copy.where_clause.as_deref(), Place::of(&scope, commons));
            return Output::default();
        }
        self.target(copy.relation.as_ref(), Through::Filtering, &mut scope);
        let Some(item) = scope.items.into_iter().next() else { return Output::default() };
        let named = strings(&copy.attlist);
        let mut output = item.output;
        output.columns.retain(|column| named.is_empty() || named.contains(&&*column.name));
        output
    }

    /// The table that a statement writes to, maybe through simple views; common table expressions cannot be one.
    fn target(&mut self, name: Option<&'t RangeVar>, through: Through, scope: &mut Scope<'_, 't>) -> Option<usize> {
        let name = name?;
        let reference = self.references.len();
        match self.relations.find(name) {
            Relation::Table(table) => scope.items.push(self.reference(table, name).1),
            Relation::View(view) if self.is_simple_view(view) => {
                let (n_facts, n_ors, n_endings) = (self.said.facts.len(), self.said.ors.len(), self.endings.len());
                let item = self.view_item(view, name);
                scope.items.push(item);
                if through == Through::Adding {
                    self.said.facts.truncate(n_facts);
                    self.said.ors.truncate(n_ors);
                    self.endings.truncate(n_endings);
                    self.references.get_mut(reference)?.needed.clear();
                }
            }
            Relation::View(view) => {
                let name = self.relations.catalog.views[view].name.to_string();
                self.strangers.push(Relation::NotSimple(name));
                return None;
            }
            stranger => {
                self.strangers.push(stranger);
                return None;
            }
        }
        (reference < self.references.len()).then_some(reference)
    }

    fn filter(
        &mut self,
        from: impl IntoIterator<Item = &'t Node>,
        condition: Option<&'t Node>,
        scope: &mut Scope<'_, 't>,
        commons: &Commons<'_, 't>,
    ) {
        let first_link = self.links.len();
        let mut joins = Vec::new();
        for item in from {
            self.add_item(item, scope, commons, &mut joins);
        }
        let place = Place::of(scope, commons);
        let filter = condition.map(|condition| self.conjunction(condition, Clause::Where, place)).unwrap_or_default();
        for join in joins {
            self.said.add(join.given(&filter));
        }
        self.said.add(filter);
        self.notice_unconnected(place.scope, first_link);
    }

    /// Reads what is assigned. `SET (a, b) = (SELECT …)` repeats its source for each column; once is enough.
    fn assigned(&mut self, targets: &'t [Node], place: Place<'_, 't>) {
        let written = written_columns(targets, place.scope);
        self.parts(targets, place);
        for (position, node) in targets.iter().enumerate() {
            let Some(NodeEnum::ResTarget(target)) = &node.node else { continue };
            let Some(value) = target.val.as_deref() else { continue };
            match &value.node {
                Some(NodeEnum::MultiAssignRef(part)) if part.colno > 1 => {}
                Some(NodeEnum::MultiAssignRef(part)) => {
                    let Some(source) = part.source.as_deref() else { continue };
                    let operand = self.operand(source, place.inside_or());
                    if let Operand::Row(values) = operand {
                        for (value, written) in values.iter().zip(&written[position.min(written.len())..]) {
                            self.give_assigned(value, *written);
                        }
                    }
                }
                _ => self.assigned_value(value, written.get(position).copied(), place),
            }
        }
    }

    fn assigned_value(&mut self, value: &'t Node, written: Option<Written<'t>>, place: Place<'_, 't>) {
        let operand = self.operand(value, place.inside_or());
        if let Some(written) = written {
            self.give_assigned(&operand, written);
        }
    }

    pub(crate) fn give_assigned(&mut self, operand: &Operand<'t>, written: Written<'t>) {
        if written.is_whole {
            let table = self.references[written.reference].table.oid;
            self.give_value(operand, &Role::Assigned { table, column: written.column.to_owned() });
        }
    }

    /// Reads the subscripts of what is assigned: `SET tags[$1] = …`.
    fn parts(&mut self, targets: &'t [Node], place: Place<'_, 't>) {
        for node in targets {
            if let Some(NodeEnum::ResTarget(target)) = &node.node {
                self.visit_all(&target.indirection, place);
            }
        }
    }

    fn returning(&mut self, clause: Option<&'t ReturningClause>, place: Place<'_, 't>) -> Output<'t> {
        let Some(clause) = clause else { return Output::default() };
        let output = self.targets(&clause.exprs, &[], place);
        self.need_output(&output);
        output.opaque()
    }

    /// Notes that the columns of `assignments` are changed.
    fn writes(&mut self, target: Option<usize>, kind: WriteKind, assignments: &'t [Node], scope: &Scope<'_, 't>) {
        let Some(position) = target else { return };
        let written = written_columns(assignments, scope);
        let write = self.references[position].write.get_or_insert(Write { kind, columns: Vec::new() });
        for Written { reference, column, .. } in written {
            if reference == position && write.columns.iter().all(|known| known != column) {
                write.columns.push(column.to_owned());
            }
        }
    }

    /// Notes that rows come or go: every index gets or loses an entry, whichever columns are given.
    fn writes_all(&mut self, target: Option<usize>, kind: WriteKind) {
        if let Some(reference) = target.map(|position| &mut self.references[position]) {
            let columns = reference.table.columns.iter().map(|column| column.name.clone()).collect();
            reference.write = Some(Write { kind, columns });
        }
    }
}

/// The columns of the table that `targets` name, one for each; all of the first item's, when there are no targets. A list that names
/// something unknown is cut off there.
fn written_columns<'t>(targets: &[Node], scope: &Scope<'_, 't>) -> Vec<Written<'t>> {
    let Some(item) = scope.items.first() else { return Vec::new() };
    let written = |column: &Exposed<'t>, is_whole: bool| {
        let origin = column.origins.first()?;
        Some(Written { reference: origin.reference, column: origin.column, is_whole })
    };
    if targets.is_empty() {
        return item.output.columns.iter().map_while(|column| written(column, true)).collect();
    }
    let named = targets.iter().map_while(|node| match &node.node {
        Some(NodeEnum::ResTarget(target)) => {
            let column = item.output.columns.iter().find(|column| *column.name == *target.name)?;
            written(column, target.indirection.is_empty())
        }
        _ => None,
    });
    named.collect()
}
