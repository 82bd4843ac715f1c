//! Query levels: `SELECT`, set operations, `VALUES` and `WITH`.

use pg_query::NodeEnum;
use pg_query::protobuf::{CteMaterialize, Node, SelectStmt, SetOperation, WithClause};
use pgtailor_model::binding::Role;

use crate::construct::Clause;
use crate::from::{self, Star};
use crate::function;
use crate::operand::Operand;
use crate::order;
use crate::scope::{Column, Exposed, Output, Scope};
use crate::walker::{Common, Commons, Place, Walker, Written, string, strings};

impl<'t> Walker<'t> {
    /// Reads a query level inside `outer`; `semi_join` as in [`Place::semi_join`].
    pub(crate) fn select(
        &mut self,
        select: &'t SelectStmt,
        outer: Option<&Scope<'_, 't>>,
        commons: &Commons<'_, 't>,
        semi_join: bool,
    ) -> Output<'t> {
        let assigning = std::mem::take(&mut self.assigning);
        let first_link = self.links.len();
        let commons = self.with(select.with_clause.as_ref(), outer, commons);
        let mut scope = Scope::inside(outer);
        if let (Some(left), Some(right)) = (&select.larg, &select.rarg) {
            self.assigning.clone_from(&assigning);
            let left = self.select(left, outer, &commons, false);
            self.assigning = assigning;
            let right = self.select(right, outer, &commons, false);
            // Rows are compared, or handed on as a whole.
            self.need_output(&left);
            self.need_output(&right);
            self.limits(select, Place::of(&scope, &commons));
            let output = combined(left, right);
            // Conditions are pushed into the arms of UNION and INTERSECT, not past EXCEPT or a limit (`subquery_is_pushdown_safe`).
            let pushed =
                select.op != SetOperation::SetopExcept as i32 && select.limit_count.is_none() && select.limit_offset.is_none();
            return if pushed { output } else { output.opaque() };
        }

        let mut joins = Vec::new();
        for item in &select.from_clause {
            self.add_item(item, &mut scope, &commons, &mut joins);
        }
        let place = Place { semi_join, ..Place::of(&scope, &commons) };
        if !select.values_lists.is_empty() {
            self.limits(select, place);
            return self.values(&select.values_lists, &assigning, place);
        }
        let filter =
            select.where_clause.as_deref().map(|condition| self.conjunction(condition, Clause::Where, place)).unwrap_or_default();
        for join in joins {
            self.said.add(join.given(&filter));
        }
        self.said.add(filter);
        self.notice_unconnected(place.scope, first_link);
        self.notice_stars(select, place);

        let is_grouped = order::is_grouped(select);
        let output = self.targets(&select.target_list, &assigning, place);
        self.limits(select, place);
        self.visit(select.having_clause.as_deref(), place);
        self.visit_all(&select.window_clause, place);
        self.ending(select, place, &output);

        let output = if is_grouped { output.grouped() } else { output };
        if stops_conditions(select) { output.opaque() } else { output }
    }

    /// Reads `LIMIT` and `OFFSET`.
    fn limits(&mut self, select: &'t SelectStmt, place: Place<'_, 't>) {
        for (node, role) in [(&select.limit_count, Role::RowLimit), (&select.limit_offset, Role::RowOffset)] {
            if let Some(node) = node.as_deref() {
                let operand = self.operand(node, place.inside_or());
                self.give_value(&operand, &role);
                if role == Role::RowOffset {
                    self.notice_offset(node, &operand);
                }
            }
        }
    }

    /// Reads the common table expressions of `clause`, each seeing those before it, or all of them when it is recursive.
    pub(crate) fn with<'p>(
        &mut self,
        clause: Option<&'t WithClause>,
        outer: Option<&Scope<'_, 't>>,
        around: &'p Commons<'p, 't>,
    ) -> Commons<'p, 't> {
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
            self.common.push(Common { uses: 0, never_materialized, returned: Vec::new() });
        }
        if clause.recursive {
            for (position, expression) in expressions().enumerate() {
                let placeholder = Output { more: true, ..Output::default() }.renamed(strings(&expression.aliascolnames));
                commons.entries.push((&expression.ctename, first + position, placeholder));
            }
        }
        for (position, expression) in expressions().enumerate() {
            let Some(query) = expression.ctequery.as_deref() else { continue };
            let uses_before = self.common[first + position].uses;
            let output = self.query(query, outer, &commons, false).renamed(strings(&expression.aliascolnames));
            let is_recursive = self.common[first + position].uses > uses_before;
            let computed_first = is_recursive
                || expression.ctematerialized == CteMaterialize::Always as i32
                || !matches!(query.node, Some(NodeEnum::SelectStmt(_)));
            if computed_first {
                self.need_output(&output);
            }
            let returned = output.columns.iter().flat_map(|column| &column.origins);
            self.common[first + position].returned = returned.map(|origin| (origin.reference, origin.column)).collect();
            let output = if computed_first { output.opaque() } else { output };
            let entry = (expression.ctename.as_str(), first + position, output);
            if clause.recursive {
                commons.entries[position] = entry;
            } else {
                commons.entries.push(entry);
            }
        }
        commons
    }

    /// What a target list (or `RETURNING`) returns; sub-selects in it are walked. The values that are only handed on do not count as
    /// needed: whoever uses them says so.
    pub(crate) fn targets(&mut self, targets: &'t [Node], assigning: &[Written<'t>], place: Place<'_, 't>) -> Output<'t> {
        let everything = 0..place.scope.items.len();
        let reach = place.scope.items.iter().flat_map(|item| &item.output.reach).cloned().collect();
        let mut output = Output { reach, ..Output::default() };
        for (position, node) in targets.iter().enumerate() {
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
                    let name = if target.name.is_empty() { implied_name(value) } else { &target.name };
                    let exposed = self.target_value(value, assigning.get(position), place);
                    output.columns.push(Exposed { name: name.into(), ..exposed });
                }
            }
        }
        output.bounded()
    }

    fn target_value(&mut self, value: &'t Node, written: Option<&Written<'t>>, place: Place<'_, 't>) -> Exposed<'t> {
        let is_here = |column: &Column<'t>| column.depth == place.scope.depth;
        if let Some(column) = self.resolve(value, place) {
            if is_here(&column) {
                return Exposed { origins: column.origins, computed: column.computed, ..Exposed::unknown("") };
            }
            self.need(&column.origins);
            return Exposed::unknown("");
        }
        let operand = self.operand(value, place.inside_or());
        if let Some(written) = written {
            self.give_assigned(&operand, *written);
        }
        match operand {
            Operand::Column(column) if is_here(&column) => {
                Exposed { origins: column.origins, computed: column.computed, ..Exposed::unknown("") }
            }
            // What is computed from a row can be asked for of the row.
            Operand::Expression(expression)
                if !expression.of_many_rows && expression.is_small() && expression.columns.iter().all(is_here) =>
            {
                Exposed { computed: Some(expression), ..Exposed::unknown("") }
            }
            _ => Exposed::unknown(""),
        }
    }

    fn values(&mut self, rows: &'t [Node], assigning: &[Written<'t>], place: Place<'_, 't>) -> Output<'t> {
        let mut width = 0;
        for row in rows {
            let Some(NodeEnum::List(row)) = &row.node else { continue };
            width = width.max(row.items.len());
            for (position, item) in row.items.iter().enumerate() {
                self.target_value(item, assigning.get(position), place);
            }
        }
        let columns = (1..=width).map(|number| Exposed::unknown(format!("column{number}"))).collect();
        Output { columns, ..Output::default() }
    }
}

/// What a set operation returns: the left side's names, both sides' origins.
fn combined<'t>(left: Output<'t>, right: Output<'t>) -> Output<'t> {
    let more = left.more || right.more;
    if more {
        // Positions cannot be trusted then.
        return Output { more, reach: Vec::new(), ..left }.opaque();
    }
    let mut columns = left.columns;
    for (column, other) in columns.iter_mut().zip(right.columns) {
        column.add_origins(other.origins);
        column.computed = None;
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
