//! How a query level ends: its grouping, its order, its limit, and whether it needs all rows before it can return one.

use pg_query::NodeEnum;
use pg_query::protobuf::{AExprKind, FuncCall, Node, SelectStmt, SortBy, SortByDir, SortByNulls, WindowDef, a_const};
use pgtailor_model::index::{Direction, Nulls};
use pgtailor_model::shape::{OrderKey, Subject};

use crate::expression::Term;
use crate::operand::Operand;
use crate::scope::{Origin, Output, Reach};
use crate::walker::{Ending, Place, Walker, string};
use crate::{children, function};

/// Operators whose result an index can give in ascending order: PostgreSQL's own and those of `PostGIS` and `pgvector`.
const DISTANCES: &[&str] = &["<->", "<#>", "<=>", "<+>", "<~>", "<%>", "<<->", "<->>", "<<<->", "<->>>", "|=|"];

/// One key of `ORDER BY`: what it is for each reference that it can be about.
struct Key {
    terms: Vec<Term>,
    direction: Direction,
    nulls: Nulls,
    distance: Option<String>,
}

impl<'t> Walker<'t> {
    /// Notes the grouping, the order and the limit of `select`, which returns `output`.
    pub(crate) fn ending(&mut self, select: &'t SelectStmt, place: Place<'_, 't>, output: &Output<'t>) {
        let distinct = self.distinct(select, place, output);
        let group = self.grouping(&select.group_clause, place, output);
        let mut order = self.order(&select.sort_clause, place, output);
        if let Some(ending) = self.least_or_greatest(select, place) {
            self.endings.push(ending);
            return;
        }
        if select.sort_clause.is_empty() && group.is_empty() && distinct.is_empty() {
            order = self.window_order(select, place);
        }
        let first = self.endings.len();
        for (reference, through, order) in common(&order, order_key) {
            self.ending_of(first, reference, &through).order = order;
        }
        for (reference, through, keys) in common(&group, |terms, reference| subject(terms, reference)) {
            self.ending_of(first, reference, &through).group = keys;
        }
        for (reference, through, keys) in common(&distinct, |terms, reference| subject(terms, reference)) {
            self.ending_of(first, reference, &through).distinct = keys;
        }
        let has_limit = select.limit_count.as_deref().is_some_and(|count| !is_null(count));
        if has_limit && !is_grouped(select) && !has_windows(select) && select.distinct_clause.is_empty() {
            for Reach { reference, through } in &output.reach {
                self.ending_of(first, *reference, through).limited = true;
            }
        }
    }

    /// The ending of this level, which begins at `first`, for a reference.
    fn ending_of(&mut self, first: usize, reference: usize, through: &[usize]) -> &mut Ending {
        let known = self.endings[first..].iter().position(|ending| ending.reference == reference);
        let position = known.map_or(self.endings.len(), |known| first + known);
        if known.is_none() {
            self.endings.push(Ending {
                reference,
                through: through.to_vec(),
                order: Vec::new(),
                group: Vec::new(),
                distinct: Vec::new(),
                limited: false,
            });
        }
        &mut self.endings[position]
    }

    fn order(&mut self, clause: &'t [Node], place: Place<'_, 't>, output: &Output<'t>) -> Vec<Key> {
        let mut keys = Vec::new();
        for node in clause {
            let Some(NodeEnum::SortBy(sort)) = &node.node else { continue };
            let (direction, nulls) = direction(sort).unzip();
            let (terms, distance) = match sort.node.as_deref().and_then(distance) {
                Some((operator, left, right)) => {
                    let (left, right) = (self.operand(left, place.inside_or()), self.operand(right, place.inside_or()));
                    self.nested_roles(operator, &left, &right);
                    let subject = match (left.is_fixed(), right.is_fixed()) {
                        (false, true) => self.usable_terms(&left, place),
                        (true, false) => self.usable_terms(&right, place),
                        _ => Vec::new(),
                    };
                    (subject, Some(operator.to_owned()))
                }
                None => (self.key_terms(sort.node.as_deref(), Names::OutputFirst, place, output), None),
            };
            let (Some(direction), Some(nulls)) = (direction, nulls) else { return Vec::new() };
            keys.push(Key { terms, direction, nulls, distance });
        }
        keys
    }

    /// The keys of `GROUP BY`; none for grouping sets, which are several groupings.
    fn grouping(&mut self, clause: &'t [Node], place: Place<'_, 't>, output: &Output<'t>) -> Vec<Vec<Term>> {
        let keys: Vec<Vec<Term>> =
            clause.iter().map(|node| self.key_terms(Some(node), Names::InputFirst, place, output)).collect();
        let has_sets = clause.iter().any(|node| matches!(node.node, Some(NodeEnum::GroupingSet(_))));
        if has_sets { Vec::new() } else { keys }
    }

    fn distinct(&mut self, select: &'t SelectStmt, place: Place<'_, 't>, output: &Output<'t>) -> Vec<Vec<Term>> {
        match select.distinct_clause.as_slice() {
            [] => Vec::new(),
            // Plain `DISTINCT` holds one empty node.
            [plain] if plain.node.is_none() => {
                self.need_output(output);
                if output.more {
                    return Vec::new();
                }
                output.columns.iter().map(|column| self.exposed_terms(column, place)).collect()
            }
            keys => keys.iter().map(|node| self.key_terms(Some(node), Names::OutputFirst, place, output)).collect(),
        }
    }

    /// What a sort or group key is about: by position, by a name, or as an expression (`findTargetlistEntrySQL92` in `parse_clause.c`).
    fn key_terms(&mut self, node: Option<&'t Node>, names: Names, place: Place<'_, 't>, output: &Output<'t>) -> Vec<Term> {
        let Some(node) = node else { return Vec::new() };
        match &node.node {
            Some(NodeEnum::AConst(constant)) if matches!(constant.val, Some(a_const::Val::Ival(_))) => {
                let Some(a_const::Val::Ival(position)) = &constant.val else { return Vec::new() };
                let position = usize::try_from(position.ival).ok().and_then(|position| position.checked_sub(1));
                let column = position.filter(|_| !output.more).and_then(|position| output.columns.get(position));
                let Some(column) = column else { return Vec::new() };
                self.need(&column.origins);
                self.exposed_terms(column, place)
            }
            Some(NodeEnum::ColumnRef(reference)) => {
                let name = match reference.fields.as_slice() {
                    [only] => string(only),
                    _ => None,
                };
                let returned = output.columns.iter().find(|column| Some(&*column.name) == name);
                let is_input = || name.is_some_and(|name| place.scope.exposed_in(&(0..place.scope.items.len()), name).is_some());
                match returned {
                    Some(column) if names == Names::OutputFirst || !is_input() => {
                        self.need(&column.origins);
                        self.exposed_terms(column, place)
                    }
                    _ => {
                        let operand = self.operand(node, place.inside_or());
                        self.usable_terms(&operand, place)
                    }
                }
            }
            _ => {
                let operand = self.operand(node, place.inside_or());
                self.usable_terms(&operand, place)
            }
        }
    }

    fn exposed_terms(&self, column: &crate::scope::Exposed<'t>, place: Place<'_, 't>) -> Vec<Term> {
        let column = place.scope.column(column);
        let operand = match &column.computed {
            Some(expression) => Operand::Expression(expression.clone()),
            None => Operand::Column(column),
        };
        self.usable_terms(&operand, place)
    }

    /// The terms of this level that an index could be a key of.
    fn usable_terms(&self, operand: &Operand<'t>, place: Place<'_, 't>) -> Vec<Term> {
        if operand.columns().iter().any(|column| column.depth != place.scope.depth) {
            return Vec::new();
        }
        let mut terms = self.terms(operand);
        terms.retain(|term| term.pushed && term.refusal.is_none());
        terms
    }

    /// The order that the first window function of plain columns wants its rows in.
    fn window_order(&mut self, select: &'t SelectStmt, place: Place<'_, 't>) -> Vec<Key> {
        let window = calls_in(&select.target_list).into_iter().find_map(|call| call.over.as_deref());
        let Some(window) = window.map(|window| named_window(window, select)) else { return Vec::new() };
        let mut keys = Vec::new();
        for node in &window.partition_clause {
            let terms = self.column(node, place).map(|column| self.usable_terms(&Operand::Column(column), place));
            let (direction, nulls) = (Direction::Ascending, Nulls::Last);
            keys.push(Key { terms: terms.unwrap_or_default(), direction, nulls, distance: None });
        }
        for node in &window.order_clause {
            let Some(NodeEnum::SortBy(sort)) = &node.node else { return Vec::new() };
            let column = sort.node.as_deref().and_then(|node| self.column(node, place));
            let (Some(column), Some((direction, nulls))) = (column, direction(sort)) else { return Vec::new() };
            keys.push(Key { terms: self.usable_terms(&Operand::Column(column), place), direction, nulls, distance: None });
        }
        keys
    }

    /// `min` and `max` of a column read one end of an index, like `ORDER BY … LIMIT 1` (`planagg.c`), when they are the only aggregate.
    fn least_or_greatest(&mut self, select: &'t SelectStmt, place: Place<'_, 't>) -> Option<Ending> {
        let aggregates = aggregates_in(&select.target_list);
        let ([call], true, 1) = (aggregates.as_slice(), select.group_clause.is_empty(), place.scope.items.len()) else {
            return None;
        };
        let direction = match function::name(call) {
            "min" => Direction::Ascending,
            "max" => Direction::Descending,
            _ => return None,
        };
        if call.agg_filter.is_some() || !call.agg_order.is_empty() {
            return None;
        }
        let column = self.column(call.args.first()?, place)?;
        let [Origin { reference, column, through, pushed: true }] = column.origins.as_slice() else { return None };
        let subject = Subject::Column((*column).to_owned());
        let order = vec![OrderKey { subject, direction, nulls: Nulls::default_for(direction), distance: None }];
        let (group, distinct) = (Vec::new(), Vec::new());
        Some(Ending { reference: *reference, through: through.clone(), order, group, distinct, limited: true })
    }
}

/// Which names a bare name is looked up among first.
#[derive(Clone, Copy, PartialEq)]
enum Names {
    OutputFirst,
    InputFirst,
}

/// What all of `keys` are, for each reference that every one of them can be about.
fn common<K, T>(keys: &[K], of: impl Fn(&K, usize) -> Option<(Vec<usize>, T)>) -> Vec<(usize, Vec<usize>, Vec<T>)>
where
    K: HasTerms,
{
    let Some(first) = keys.first() else { return Vec::new() };
    let all = |start: &Term| {
        let found = keys.iter().map(|key| of(key, start.reference).map(|(_, what)| what)).collect::<Option<Vec<T>>>()?;
        Some((start.reference, start.through.clone(), found))
    };
    first.terms().iter().filter_map(all).collect()
}

trait HasTerms {
    fn terms(&self) -> &[Term];
}

impl HasTerms for Key {
    fn terms(&self) -> &[Term] {
        &self.terms
    }
}

impl HasTerms for Vec<Term> {
    fn terms(&self) -> &[Term] {
        self
    }
}

fn subject(terms: &[Term], reference: usize) -> Option<(Vec<usize>, Subject)> {
    let term = terms.iter().find(|term| term.reference == reference)?;
    Some((term.through.clone(), term.subject.clone()))
}

fn order_key(key: &Key, reference: usize) -> Option<(Vec<usize>, OrderKey)> {
    let (through, subject) = subject(&key.terms, reference)?;
    let Key { direction, nulls, distance, .. } = key;
    Some((through, OrderKey { subject, direction: *direction, nulls: *nulls, distance: distance.clone() }))
}

/// The operator and the sides of an order by a distance.
fn distance(node: &Node) -> Option<(&str, &Node, &Node)> {
    let Some(NodeEnum::AExpr(expression)) = &node.node else { return None };
    let operator = expression.name.last().and_then(string)?;
    let is_distance = expression.kind == AExprKind::AexprOp as i32 && DISTANCES.contains(&operator);
    if !is_distance {
        return None;
    }
    Some((operator, expression.lexpr.as_deref()?, expression.rexpr.as_deref()?))
}

/// The window that `window` is, or refers to by its name.
fn named_window<'t>(window: &'t WindowDef, select: &'t SelectStmt) -> &'t WindowDef {
    let name = if window.name.is_empty() { &window.refname } else { &window.name };
    let named = select.window_clause.iter().find_map(|node| match &node.node {
        Some(NodeEnum::WindowDef(known)) if !name.is_empty() && known.name == *name => Some(&**known),
        _ => None,
    });
    named.unwrap_or(window)
}

/// Whether `select` returns groups of rows instead of rows.
pub(crate) fn is_grouped(select: &SelectStmt) -> bool {
    !select.group_clause.is_empty() || select.having_clause.is_some() || !aggregates_in(&select.target_list).is_empty()
}

/// Whether `select` computes window functions, which need all rows of the window first.
pub(crate) fn has_windows(select: &SelectStmt) -> bool {
    calls_in(&select.target_list).iter().any(|call| call.over.is_some())
}

fn aggregates_in(nodes: &[Node]) -> Vec<&FuncCall> {
    calls_in(nodes).into_iter().filter(|call| function::is_aggregate(call)).collect()
}

fn calls_in(nodes: &[Node]) -> Vec<&FuncCall> {
    let mut calls = Vec::new();
    let mut waiting: Vec<&Node> = nodes.iter().collect();
    while let Some(node) = waiting.pop() {
        if let Some(NodeEnum::FuncCall(call)) = &node.node {
            calls.push(&**call);
        }
        waiting.extend(children::of(node));
    }
    calls
}

fn direction(sort: &SortBy) -> Option<(Direction, Nulls)> {
    let direction = match SortByDir::try_from(sort.sortby_dir).ok()? {
        SortByDir::SortbyDesc => Direction::Descending,
        SortByDir::SortbyUsing => return None,
        _ => Direction::Ascending,
    };
    let nulls = match SortByNulls::try_from(sort.sortby_nulls).ok()? {
        SortByNulls::SortbyNullsFirst => Nulls::First,
        SortByNulls::SortbyNullsLast => Nulls::Last,
        _ => Nulls::default_for(direction),
    };
    Some((direction, nulls))
}

/// `LIMIT NULL` and `LIMIT ALL` are no limit.
pub(crate) fn is_null(node: &Node) -> bool {
    matches!(&node.node, Some(NodeEnum::AConst(constant)) if constant.isnull)
}
