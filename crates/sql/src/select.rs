//! Query levels: `SELECT`, set operations, `VALUES` and `WITH`.

use pg_query::NodeEnum;
use pg_query::protobuf::{CteMaterialize, Node, SelectStmt, SetOperation, WithClause};

use crate::from::{self, Star};
use crate::function;
use crate::order;
use crate::scope::{Exposed, Output, Scope};
use crate::walker::{Common, Commons, Place, Walker, string, strings};

impl Walker<'_> {
    /// Reads a query level inside `outer`; `semi_join` as in [`Place::semi_join`].
    pub(crate) fn select(
        &mut self,
        select: &SelectStmt,
        outer: Option<&Scope<'_>>,
        commons: &Commons<'_>,
        semi_join: bool,
    ) -> Output {
        let commons = self.with(select.with_clause.as_ref(), outer, commons);
        if let (Some(left), Some(right)) = (&select.larg, &select.rarg) {
            let left = self.select(left, outer, &commons, false);
            let right = self.select(right, outer, &commons, false);
            let output = combined(left, right);
            // Conditions are pushed into the arms of UNION and INTERSECT, not past EXCEPT or a limit (`subquery_is_pushdown_safe`).
            let pushed =
                select.op != SetOperation::SetopExcept as i32 && select.limit_count.is_none() && select.limit_offset.is_none();
            return if pushed { output } else { output.opaque() };
        }

        let mut scope = Scope::inside(outer);
        let mut joins = Vec::new();
        for item in &select.from_clause {
            self.add_item(item, &mut scope, &commons, &mut joins);
        }
        let place = Place { scope: &scope, first: 0, commons: &commons, conjunct: true, semi_join };
        if !select.values_lists.is_empty() {
            return self.values(&select.values_lists, place);
        }
        let filter = select.where_clause.as_deref().map(|condition| self.condition(condition, place, false)).unwrap_or_default();
        for join in joins {
            self.facts.extend(join.facts_given(&filter));
        }
        self.facts.extend(filter);

        let output = self.targets(&select.target_list, place);
        self.visit_all(&select.distinct_clause, place);
        self.visit_all(&select.group_clause, place);
        self.visit(select.having_clause.as_deref(), place);
        self.visit_all(&select.window_clause, place);
        self.visit(select.limit_count.as_deref(), place);
        self.visit(select.limit_offset.as_deref(), place);
        self.ending(select, place, &output);

        let output = if order::is_grouped(select) { Output { reach: Vec::new(), ..output } } else { output };
        if stops_conditions(select) { output.opaque() } else { output }
    }

    /// Reads the common table expressions of `clause`, each seeing those before it, or all of them when it is recursive.
    pub(crate) fn with<'p>(
        &mut self,
        clause: Option<&WithClause>,
        outer: Option<&Scope<'_>>,
        around: &'p Commons<'p>,
    ) -> Commons<'p> {
        let mut commons = Commons { outer: Some(around), entries: Vec::new() };
        let Some(clause) = clause else { return commons };
        let expressions = || {
            clause.ctes.iter().filter_map(|node| match &node.node {
                Some(NodeEnum::CommonTableExpr(expression)) => Some(expression),
                _ => None,
            })
        };
        let first = self.common.len();
        for expression in expressions() {
            let never_materialized = expression.ctematerialized == CteMaterialize::Never as i32;
            self.common.push(Common { uses: 0, never_materialized });
        }
        if clause.recursive {
            for (position, expression) in expressions().enumerate() {
                let placeholder = Output { more: true, ..Output::default() }.renamed(&strings(&expression.aliascolnames));
                commons.entries.push((expression.ctename.clone(), first + position, placeholder));
            }
        }
        for (position, expression) in expressions().enumerate() {
            let Some(query) = expression.ctequery.as_deref() else { continue };
            let uses_before = self.common[first + position].uses;
            let output = self.query(query, outer, &commons, false).renamed(&strings(&expression.aliascolnames));
            let is_recursive = self.common[first + position].uses > uses_before;
            let computed_first = is_recursive
                || expression.ctematerialized == CteMaterialize::Always as i32
                || !matches!(query.node, Some(NodeEnum::SelectStmt(_)));
            let entry = (expression.ctename.clone(), first + position, if computed_first { output.opaque() } else { output });
            if clause.recursive {
                commons.entries[position] = entry;
            } else {
                commons.entries.push(entry);
            }
        }
        commons
    }

    /// What a target list (or `RETURNING`) returns; sub-selects in it are walked.
    pub(crate) fn targets(&mut self, targets: &[Node], place: Place<'_>) -> Output {
        let everything = 0..place.scope.items.len();
        let mut output = Output { reach: place.scope.star(&everything).reach, ..Output::default() };
        for node in targets {
            let Some(NodeEnum::ResTarget(target)) = &node.node else { continue };
            let Some(value) = target.val.as_deref() else { continue };
            match from::star(value) {
                Some(Star::Everything) => {
                    let all = place.scope.star(&everything);
                    output.columns.extend(all.columns);
                    output.more |= all.more;
                }
                Some(Star::Of(table)) => match place.scope.items.iter().find(|item| item.alias == table) {
                    Some(item) => {
                        output.columns.extend(item.output.columns.iter().cloned());
                        output.more |= item.output.more;
                    }
                    None => output.more = true,
                },
                None => {
                    let origins = match self.column(value, place) {
                        Some(column) if column.depth == place.scope.depth => column.origins,
                        Some(_) => Vec::new(),
                        None => {
                            self.visit(Some(value), place);
                            Vec::new()
                        }
                    };
                    let name = if target.name.is_empty() { implied_name(value) } else { &target.name };
                    output.columns.push(Exposed { name: name.to_owned(), origins });
                }
            }
        }
        output
    }

    fn values(&mut self, rows: &[Node], place: Place<'_>) -> Output {
        self.visit_all(rows, place);
        let width = match rows.first().and_then(|row| row.node.as_ref()) {
            Some(NodeEnum::List(row)) => row.items.len(),
            _ => 0,
        };
        let columns = (1..=width).map(|number| Exposed { name: format!("column{number}"), origins: Vec::new() }).collect();
        Output { columns, ..Output::default() }
    }
}

/// What a set operation returns: the left side's names, both sides' origins.
fn combined(left: Output, right: Output) -> Output {
    let more = left.more || right.more;
    if more {
        // Positions cannot be trusted then.
        return Output { more, reach: Vec::new(), ..left }.opaque();
    }
    let mut columns = left.columns;
    for (column, other) in columns.iter_mut().zip(right.columns) {
        column.origins.extend(other.origins);
    }
    Output { columns, more, reach: Vec::new() }
}

/// Whether a condition on the result may not be moved inside.
fn stops_conditions(select: &SelectStmt) -> bool {
    // `DISTINCT ON (…)` holds its expressions; plain `DISTINCT` holds one empty node.
    let distinct_on = select.distinct_clause.iter().any(|node| node.node.is_some());
    select.limit_count.is_some() || select.limit_offset.is_some() || distinct_on || order::has_windows(select)
}

/// The name that a target without `AS` gets (`FigureColname` in `parse_target.c`), as far as someone might refer to it.
fn implied_name(value: &Node) -> &str {
    match &value.node {
        Some(NodeEnum::ColumnRef(reference)) => reference.fields.last().and_then(string).unwrap_or_default(),
        Some(NodeEnum::FuncCall(call)) => function::name(call),
        Some(NodeEnum::TypeCast(cast)) => cast.arg.as_deref().map_or("", implied_name),
        Some(NodeEnum::CoalesceExpr(_)) => "coalesce",
        Some(NodeEnum::CaseExpr(_)) => "case",
        _ => "?column?",
    }
}
