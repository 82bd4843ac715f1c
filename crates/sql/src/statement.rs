//! Statements, and what those that write change.

use pg_query::NodeEnum;
use pg_query::protobuf::{
    CmdType, DeleteStmt, InsertStmt, MergeStmt, MergeWhenClause, Node, RangeVar, ReturningClause, UpdateStmt,
};

use crate::scope::{Item, Output, Scope};
use crate::walker::{Commons, Place, Walker};

impl Walker<'_> {
    /// Reads a statement at any level: the whole one, a sub-select, a common table expression.
    pub(crate) fn query(&mut self, node: &Node, outer: Option<&Scope<'_>>, commons: &Commons<'_>, semi_join: bool) -> Output {
        node.node.as_ref().map(|tree| self.query_tree(tree, outer, commons, semi_join)).unwrap_or_default()
    }

    /// The same for the tree itself.
    pub(crate) fn query_tree(
        &mut self,
        tree: &NodeEnum,
        outer: Option<&Scope<'_>>,
        commons: &Commons<'_>,
        semi_join: bool,
    ) -> Output {
        match tree {
            NodeEnum::SelectStmt(select) => self.select(select, outer, commons, semi_join),
            NodeEnum::InsertStmt(insert) => self.insert(insert, outer, commons),
            NodeEnum::UpdateStmt(update) => self.update(update, outer, commons),
            NodeEnum::DeleteStmt(delete) => self.delete(delete, outer, commons),
            NodeEnum::MergeStmt(merge) => self.merge(merge, outer, commons),
            _ => Output::default(),
        }
    }

    fn insert(&mut self, insert: &InsertStmt, outer: Option<&Scope<'_>>, commons: &Commons<'_>) -> Output {
        let commons = self.with(insert.with_clause.as_ref(), outer, commons);
        let mut scope = Scope::inside(outer);
        let target = self.target(insert.relation.as_ref(), &mut scope);
        // A new row has an entry in every index, whichever columns are given.
        self.writes_all(target);
        if let Some(source) = insert.select_stmt.as_deref() {
            self.query(source, outer, &commons, false);
        }
        if let Some(conflict) = &insert.on_conflict_clause {
            if let Some(item) = scope.items.first() {
                let excluded = Item { alias: "excluded".to_owned(), schema: None, output: item.output.clone().opaque() };
                scope.items.push(excluded);
            }
            let place = place(&scope, &commons);
            self.visit_all(&conflict.target_list, place);
            // The row is found by its conflict, so this filters nothing that an index could help with.
            self.visit(conflict.where_clause.as_deref(), place);
            scope.items.truncate(1);
        }
        self.returning(insert.returning_clause.as_ref(), place(&scope, &commons))
    }

    fn update(&mut self, update: &UpdateStmt, outer: Option<&Scope<'_>>, commons: &Commons<'_>) -> Output {
        let commons = self.with(update.with_clause.as_ref(), outer, commons);
        let mut scope = Scope::inside(outer);
        let target = self.target(update.relation.as_ref(), &mut scope);
        self.filter(&update.from_clause, update.where_clause.as_deref(), &mut scope, &commons);
        let place = place(&scope, &commons);
        self.writes(target, &update.target_list);
        self.assigned(&update.target_list, place);
        self.returning(update.returning_clause.as_ref(), place)
    }

    fn delete(&mut self, delete: &DeleteStmt, outer: Option<&Scope<'_>>, commons: &Commons<'_>) -> Output {
        let commons = self.with(delete.with_clause.as_ref(), outer, commons);
        let mut scope = Scope::inside(outer);
        let target = self.target(delete.relation.as_ref(), &mut scope);
        self.writes_all(target);
        self.filter(&delete.using_clause, delete.where_clause.as_deref(), &mut scope, &commons);
        self.returning(delete.returning_clause.as_ref(), place(&scope, &commons))
    }

    fn merge(&mut self, merge: &MergeStmt, outer: Option<&Scope<'_>>, commons: &Commons<'_>) -> Output {
        let commons = self.with(merge.with_clause.as_ref(), outer, commons);
        let mut scope = Scope::inside(outer);
        let target = self.target(merge.relation.as_ref(), &mut scope);
        let source: Vec<Node> = merge.source_relation.iter().map(|source| (**source).clone()).collect();
        self.filter(&source, merge.join_condition.as_deref(), &mut scope, &commons);
        let place = place(&scope, &commons);
        for node in &merge.merge_when_clauses {
            if let Some(NodeEnum::MergeWhenClause(clause)) = &node.node {
                self.merge_action(clause, target, place);
            }
        }
        self.returning(merge.returning_clause.as_ref(), place)
    }

    fn merge_action(&mut self, clause: &MergeWhenClause, target: Option<usize>, place: Place<'_>) {
        self.visit(clause.condition.as_deref(), place);
        self.visit_all(&clause.values, place);
        match CmdType::try_from(clause.command_type) {
            Ok(CmdType::CmdInsert | CmdType::CmdDelete) => self.writes_all(target),
            Ok(CmdType::CmdUpdate) => {
                self.writes(target, &clause.target_list);
                self.assigned(&clause.target_list, place);
            }
            _ => {}
        }
    }

    /// The table that a statement writes to; common table expressions cannot be one.
    fn target(&mut self, name: Option<&RangeVar>, scope: &mut Scope<'_>) -> Option<usize> {
        let (reference, item) = self.reference(name?)?;
        scope.items.push(item);
        Some(reference)
    }

    fn filter(&mut self, from: &[Node], condition: Option<&Node>, scope: &mut Scope<'_>, commons: &Commons<'_>) {
        let mut joins = Vec::new();
        for item in from {
            self.add_item(item, scope, commons, &mut joins);
        }
        let filter = condition.map(|condition| self.condition(condition, place(scope, commons), false)).unwrap_or_default();
        for join in joins {
            self.facts.extend(join.facts_given(&filter));
        }
        self.facts.extend(filter);
    }

    /// Walks the sub-selects in what is assigned. `SET (a, b) = (SELECT …)` repeats its source for each column; once is enough.
    fn assigned(&mut self, targets: &[Node], place: Place<'_>) {
        for node in targets {
            let Some(NodeEnum::ResTarget(target)) = &node.node else { continue };
            match target.val.as_deref().and_then(|value| value.node.as_ref()) {
                Some(NodeEnum::MultiAssignRef(part)) if part.colno > 1 => {}
                _ => self.visit(target.val.as_deref(), place),
            }
        }
    }

    fn returning(&mut self, clause: Option<&ReturningClause>, place: Place<'_>) -> Output {
        clause.map(|clause| self.targets(&clause.exprs, place).opaque()).unwrap_or_default()
    }

    fn writes(&mut self, target: Option<usize>, assignments: &[Node]) {
        let Some(reference) = target.map(|position| &mut self.references[position]) else { return };
        for node in assignments {
            let Some(NodeEnum::ResTarget(assignment)) = &node.node else { continue };
            if reference.table.column(&assignment.name).is_some() && !reference.written.contains(&assignment.name) {
                reference.written.push(assignment.name.clone());
            }
        }
    }

    fn writes_all(&mut self, target: Option<usize>) {
        if let Some(reference) = target.map(|position| &mut self.references[position]) {
            reference.written = reference.table.columns.iter().map(|column| column.name.clone()).collect();
        }
    }
}

fn place<'p>(scope: &'p Scope<'p>, commons: &'p Commons<'p>) -> Place<'p> {
    Place { scope, first: 0, commons, conjunct: true, semi_join: false }
}
