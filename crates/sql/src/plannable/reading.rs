//! What a statement that writes would read, as a `SELECT`.
//!
//! The planner makes the plan of an `UPDATE` or `DELETE` by planning a query over the same tables that yields the row's place (`ctid`) and
//! the new values (`preprocess_targetlist` in `preptlist.c`), and puts a `ModifyTable` on top, which costs nothing
//! (`create_modifytable_path` in `pathnode.c`). Here is that query.

use pg_query::protobuf::{
    Alias, ColumnRef, CommonTableExpr, CteMaterialize, DeleteStmt, InsertStmt, JoinExpr, JoinType, MergeMatchKind, MergeStmt,
    Node, RangeSubselect, RangeVar, ResTarget, ReturningClause, SelectStmt, String as Name, UpdateStmt, WithClause,
};
use pg_query::{DeparseOptions, NodeEnum};

use crate::text::Reason;

/// See [`super::reading_form`]; needs [`crate::room::with_room`].
pub(super) fn reading_form(sql: &str) -> Result<String, Reason> {
    let tree = super::only_statement(sql)?;
    let select = read(tree, Output::Place)?;
    NodeEnum::SelectStmt(select).deparse(DeparseOptions::default()).map_err(|_| "its reading part cannot be written")
}

/// What a statement that writes yields.
#[derive(Clone, Copy, PartialEq)]
enum Output {
    /// The rows' places and new values.
    Place,
    /// What its `RETURNING` says, since others read it.
    Returning,
}

fn read(tree: NodeEnum, output: Output) -> Result<Box<SelectStmt>, Reason> {
    match tree {
        NodeEnum::SelectStmt(mut select) => {
            select.with_clause = with(select.with_clause)?;
            select.locking_clause.clear();
            select.into_clause = None;
            Ok(select)
        }
        NodeEnum::UpdateStmt(update) => read_update(*update, output),
        NodeEnum::DeleteStmt(delete) => read_delete(*delete, output),
        NodeEnum::InsertStmt(insert) => read_insert(*insert, output),
        NodeEnum::MergeStmt(merge) => read_merge(*merge),
        _ => Err("it is a utility statement"),
    }
}

fn read_update(update: UpdateStmt, output: Output) -> Result<Box<SelectStmt>, Reason> {
    let target = update.relation.ok_or("it names no table")?;
    let target_list = match output {
        Output::Place => place_and(&target, assigned(&update.target_list)),
        Output::Returning => returned(update.returning_clause),
    };
    select(target_list, [vec![table(target)], update.from_clause].concat(), update.where_clause, update.with_clause)
}

fn read_delete(delete: DeleteStmt, output: Output) -> Result<Box<SelectStmt>, Reason> {
    let target = delete.relation.ok_or("it names no table")?;
    let target_list = match output {
        Output::Place => place_and(&target, Vec::new()),
        Output::Returning => returned(delete.returning_clause),
    };
    select(target_list, [vec![table(target)], delete.using_clause].concat(), delete.where_clause, delete.with_clause)
}

fn read_insert(insert: InsertStmt, output: Output) -> Result<Box<SelectStmt>, Reason> {
    let mut source = match insert.select_stmt.and_then(|source| source.node) {
        Some(NodeEnum::SelectStmt(source)) => source,
        // DEFAULT VALUES: one row of nothing.
        _ => Box::new(SelectStmt { target_list: vec![target_of(null())], limit_option: 1, op: 1, ..SelectStmt::default() }),
    };
    for row in &mut source.values_lists {
        if let Some(NodeEnum::List(row)) = &mut row.node {
            for value in &mut row.items {
                if matches!(value.node, Some(NodeEnum::SetToDefault(_))) {
                    *value = null();
                }
            }
        }
    }
    let Some(returning) = insert.returning_clause.filter(|_| output == Output::Returning) else {
        source.with_clause = with(joined(insert.with_clause, source.with_clause.take()))?;
        source.locking_clause.clear();
        return Ok(source);
    };
    // The rows as the table would have them; columns with defaults are not among them.
    let name =
        insert.relation.map(|relation| relation.alias.map_or(relation.relname, |alias| alias.aliasname)).unwrap_or_default();
    let colnames = insert.cols.iter().filter_map(|column| match &column.node {
        Some(NodeEnum::ResTarget(target)) => Some(node(NodeEnum::String(Name { sval: target.name.clone() }))),
        _ => None,
    });
    let rows = RangeSubselect {
        lateral: false,
        subquery: Some(Box::new(node(NodeEnum::SelectStmt(source)))),
        alias: Some(Alias { aliasname: name, colnames: colnames.collect() }),
    };
    let rows = node(NodeEnum::RangeSubselect(Box::new(rows)));
    select(returned(Some(returning)), vec![rows], None, insert.with_clause)
}

/// A join of target and source, of the kind that the actions need (`transform_MERGE_to_join` in `prepjointree.c`).
fn read_merge(merge: MergeStmt) -> Result<Box<SelectStmt>, Reason> {
    let target = merge.relation.ok_or("it names no table")?;
    let (mut inserts, mut keeps_target, mut values) = (false, false, Vec::new());
    for clause in &merge.merge_when_clauses {
        if let Some(NodeEnum::MergeWhenClause(clause)) = &clause.node {
            inserts |= clause.match_kind() == MergeMatchKind::MergeWhenNotMatchedByTarget;
            keeps_target |= clause.match_kind() == MergeMatchKind::MergeWhenNotMatchedBySource;
            values.extend(assigned(&clause.target_list));
            values.extend(clause.values.iter().filter(|value| !matches!(value.node, Some(NodeEnum::SetToDefault(_)))).cloned());
        }
    }
    let jointype = match (keeps_target, inserts) {
        (false, false) => JoinType::JoinInner,
        (false, true) => JoinType::JoinRight,
        (true, false) => JoinType::JoinLeft,
        (true, true) => JoinType::JoinFull,
    };
    let target_list = place_and(&target, values);
    let join = JoinExpr {
        jointype: i32::from(jointype),
        larg: Some(Box::new(table(target))),
        rarg: merge.source_relation,
        quals: merge.join_condition,
        ..JoinExpr::default()
    };
    select(target_list, vec![node(NodeEnum::JoinExpr(Box::new(join)))], None, merge.with_clause)
}

fn select(
    target_list: Vec<Node>,
    from_clause: Vec<Node>,
    where_clause: Option<Box<Node>>,
    with_clause: Option<WithClause>,
) -> Result<Box<SelectStmt>, Reason> {
    if matches!(where_clause.as_ref().and_then(|clause| clause.node.as_ref()), Some(NodeEnum::CurrentOfExpr(_))) {
        return Err("it follows a cursor, which is not there any more");
    }
    let with_clause = with(with_clause)?;
    // LIMIT_OPTION_COUNT and SETOP_NONE, as the parser has them.
    Ok(Box::new(SelectStmt {
        target_list,
        from_clause,
        where_clause,
        with_clause,
        limit_option: 1,
        op: 1,
        ..SelectStmt::default()
    }))
}

/// The common table expressions with every one that writes in its reading form.
fn with(clause: Option<WithClause>) -> Result<Option<WithClause>, Reason> {
    let Some(mut clause) = clause else { return Ok(None) };
    for common in &mut clause.ctes {
        if let Some(NodeEnum::CommonTableExpr(common)) = &mut common.node {
            read_common(common)?;
        }
    }
    Ok(Some(clause))
}

fn read_common(common: &mut CommonTableExpr) -> Result<(), Reason> {
    let Some(tree) = common.ctequery.take().and_then(|query| query.node) else { return Ok(()) };
    let output = if has_returning(&tree) { Output::Returning } else { Output::Place };
    if !matches!(tree, NodeEnum::SelectStmt(_)) {
        // What writes is never merged into the statement around it (`inline_cte` in `subselect.c`).
        common.set_ctematerialized(CteMaterialize::Always);
    }
    common.ctequery = Some(Box::new(node(NodeEnum::SelectStmt(read(tree, output)?))));
    Ok(())
}

fn has_returning(tree: &NodeEnum) -> bool {
    match tree {
        NodeEnum::UpdateStmt(update) => update.returning_clause.is_some(),
        NodeEnum::DeleteStmt(delete) => delete.returning_clause.is_some(),
        NodeEnum::InsertStmt(insert) => insert.returning_clause.is_some(),
        _ => false,
    }
}

fn joined(first: Option<WithClause>, second: Option<WithClause>) -> Option<WithClause> {
    match (first, second) {
        (Some(mut first), Some(second)) => {
            first.ctes.extend(second.ctes);
            first.recursive |= second.recursive;
            Some(first)
        }
        (first, second) => first.or(second),
    }
}

fn returned(clause: Option<ReturningClause>) -> Vec<Node> {
    clause.map(|clause| clause.exprs).unwrap_or_default()
}

/// `ctid` of `target`, without which an index alone could serve what a write cannot have from it, and `values`.
fn place_and(target: &RangeVar, values: Vec<Node>) -> Vec<Node> {
    let name = target.alias.as_ref().map_or(&target.relname, |alias| &alias.aliasname);
    let fields = [name.as_str(), "ctid"].map(|field| node(NodeEnum::String(Name { sval: field.to_owned() })));
    let place = node(NodeEnum::ColumnRef(ColumnRef { fields: fields.to_vec(), location: 0 }));
    std::iter::once(place).chain(values).map(target_of).collect()
}

/// The new values of a `SET`; a row that is assigned to several columns once.
fn assigned(targets: &[Node]) -> Vec<Node> {
    targets
        .iter()
        .filter_map(|target| match &target.node {
            Some(NodeEnum::ResTarget(target)) => target.val.as_deref().cloned(),
            _ => None,
        })
        .filter_map(|value| match value.node {
            Some(NodeEnum::MultiAssignRef(row)) if row.colno == 1 => row.source.map(|source| *source),
            Some(NodeEnum::MultiAssignRef(_) | NodeEnum::SetToDefault(_)) => None,
            _ => Some(value),
        })
        .collect()
}

fn null() -> Node {
    node(NodeEnum::AConst(pg_query::protobuf::AConst { isnull: true, location: 0, val: None }))
}

fn target_of(value: Node) -> Node {
    node(NodeEnum::ResTarget(Box::new(ResTarget { val: Some(Box::new(value)), ..ResTarget::default() })))
}

fn table(relation: RangeVar) -> Node {
    node(NodeEnum::RangeVar(relation))
}

fn node(inner: NodeEnum) -> Node {
    Node { node: Some(inner) }
}

#[cfg(test)]
mod tests {
    use crate::plannable::reading_form;

    fn check(sql: &str, wanted: &str) {
        assert_eq!(reading_form(sql).as_deref(), Ok(wanted), "{sql}");
    }

    #[test]
    fn updates_read_the_rows_that_they_change() {
        check("UPDATE t SET a = a + $2, b = DEFAULT WHERE id = $1", "SELECT t.ctid, a + $2 FROM t WHERE id = $1");
        check(
            "UPDATE s.t AS x SET (a, b) = (SELECT c, d FROM u WHERE u.id = x.id), c = u.d FROM u WHERE u.id = x.id RETURNING *",
            "SELECT x.ctid, (SELECT c, d FROM u WHERE u.id = x.id), u.d FROM s.t x, u WHERE u.id = x.id",
        );
    }

    #[test]
    fn deletes_read_the_rows_that_they_remove() {
        check("DELETE FROM t USING u WHERE t.id = u.id AND u.a < $1", "SELECT t.ctid FROM t, u WHERE t.id = u.id AND u.a < $1");
        check("DELETE FROM ONLY t", "SELECT t.ctid FROM ONLY t");
        assert!(reading_form("DELETE FROM t WHERE CURRENT OF c").is_err());
    }

    #[test]
    fn inserts_read_their_source() {
        check(
            "WITH a AS (SELECT 1) INSERT INTO t (x) WITH b AS (SELECT 2) SELECT * FROM a, b ON CONFLICT DO NOTHING",
            "WITH a AS (SELECT 1), b AS (SELECT 2) SELECT * FROM a, b",
        );
        check("INSERT INTO t (x, y) VALUES ($1, DEFAULT) RETURNING id", "VALUES ($1, NULL)");
        check("INSERT INTO t DEFAULT VALUES", "SELECT NULL");
    }

    #[test]
    fn merges_join_as_their_actions_need() {
        check(
            "MERGE INTO t USING u ON t.id = u.id WHEN MATCHED THEN UPDATE SET a = u.a",
            "SELECT t.ctid, u.a FROM t JOIN u ON t.id = u.id",
        );
        check(
            "MERGE INTO t USING u ON t.id = u.id WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (id) VALUES (u.id)",
            "SELECT t.ctid, u.id FROM t RIGHT JOIN u ON t.id = u.id",
        );
    }

    #[test]
    fn common_table_expressions_that_write_are_read_too() {
        check(
            "WITH gone AS (DELETE FROM t WHERE a < $1 RETURNING id, a), new AS (INSERT INTO u (id, b) SELECT id, a FROM gone RETURNING id) \
             SELECT count(*) FROM new",
            "WITH gone AS MATERIALIZED (SELECT id, a FROM t WHERE a < $1), new AS MATERIALIZED (SELECT id FROM (SELECT id, a FROM gone) u(id, b)) \
             SELECT count(*) FROM new",
        );
        check("SELECT * FROM t WHERE a = $1 FOR UPDATE SKIP LOCKED", "SELECT * FROM t WHERE a = $1");
    }
}
