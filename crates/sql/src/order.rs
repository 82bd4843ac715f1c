//! How a query level ends: its order, its limit, and whether it needs all rows before it can return one.

use pg_query::NodeEnum;
use pg_query::protobuf::{FuncCall, Node, SelectStmt, SortBy, SortByDir, SortByNulls, a_const};
use pgtailor_model::index::{Direction, Nulls};
use pgtailor_model::shape::{OrderKey, Subject};

use crate::scope::{Column, Origin, Output, Reach};
use crate::walker::{Ending, Place, Walker, string};
use crate::{children, function};

impl Walker<'_> {
    /// Notes the order and the limit of `select`, which returns `output`.
    pub(crate) fn ending(&mut self, select: &SelectStmt, place: Place<'_>, output: &Output) {
        if let Some(ending) = self.least_or_greatest(select, place) {
            self.endings.push(ending);
            return;
        }
        let mut endings = self.order(&select.sort_clause, place, output);
        let has_limit = select.limit_count.as_deref().is_some_and(|count| !is_null(count));
        if has_limit && !is_grouped(select) && !has_windows(select) && select.distinct_clause.is_empty() {
            for Reach { reference, through } in &output.reach {
                match endings.iter_mut().find(|ending| ending.reference == *reference) {
                    Some(ending) => ending.limited = true,
                    None => {
                        endings.push(Ending {
                            reference: *reference,
                            through: through.clone(),
                            order: Vec::new(),
                            limited: true,
                        });
                    }
                }
            }
        }
        self.endings.append(&mut endings);
    }

    /// The order by `clause`, once for each table reference that has all of its columns.
    fn order(&mut self, clause: &[Node], place: Place<'_>, output: &Output) -> Vec<Ending> {
        let mut keys: Vec<(Vec<Origin>, Direction, Nulls)> = Vec::new();
        for node in clause {
            let Some(NodeEnum::SortBy(sort)) = &node.node else { return Vec::new() };
            let (Some(origins), Some((direction, nulls))) = (self.sort_column(sort, place, output), direction(sort)) else {
                return Vec::new();
            };
            keys.push((origins, direction, nulls));
        }
        let Some((first, ..)) = keys.first() else { return Vec::new() };
        let ordered_by_all = |start: &Origin| {
            let columns = keys.iter().map(|(origins, direction, nulls)| {
                let origin = origins.iter().find(|origin| origin.reference == start.reference)?;
                Some(OrderKey {
                    subject: Subject::Column(origin.column.clone()),
                    direction: *direction,
                    nulls: *nulls,
                    distance: None,
                })
            });
            let order = columns.collect::<Option<Vec<_>>>()?;
            Some(Ending { reference: start.reference, through: start.through.clone(), order, limited: false })
        };
        first.iter().filter_map(ordered_by_all).collect()
    }

    /// The column that a sort key is: by position, by the name of an output column, else by a column of `FROM`, in this order (SQL92
    /// rules, `findTargetlistEntrySQL92` in `parse_clause.c`).
    fn sort_column(&mut self, sort: &SortBy, place: Place<'_>, output: &Output) -> Option<Vec<Origin>> {
        let node = sort.node.as_deref()?;
        let origins = match &node.node {
            Some(NodeEnum::AConst(constant)) => match &constant.val {
                Some(a_const::Val::Ival(position)) if !output.more => {
                    let position = usize::try_from(position.ival).ok()?.checked_sub(1)?;
                    output.columns.get(position)?.origins.clone()
                }
                _ => return None,
            },
            Some(NodeEnum::ColumnRef(reference)) => {
                let name = match reference.fields.as_slice() {
                    [only] => string(only),
                    _ => None,
                };
                let returned = output.columns.iter().find(|column| Some(column.name.as_str()) == name);
                match returned {
                    Some(column) => column.origins.clone(),
                    None => self.column(node, place).filter(|column| column.depth == place.scope.depth)?.origins,
                }
            }
            _ => {
                self.visit(Some(node), place);
                return None;
            }
        };
        (!origins.is_empty()).then_some(origins)
    }

    /// `min` and `max` of a column read one end of an index, like `ORDER BY … LIMIT 1` (`planagg.c`), when they are the only aggregate.
    fn least_or_greatest(&mut self, select: &SelectStmt, place: Place<'_>) -> Option<Ending> {
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
        let Column { origins, .. } = self.column(call.args.first()?, place)?;
        let [Origin { reference, column, through }] = origins.as_slice() else { return None };
        let order = vec![OrderKey {
            subject: Subject::Column(column.clone()),
            direction,
            nulls: Nulls::default_for(direction),
            distance: None,
        }];
        Some(Ending { reference: *reference, through: through.clone(), order, limited: true })
    }
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
fn is_null(node: &Node) -> bool {
    matches!(&node.node, Some(NodeEnum::AConst(constant)) if constant.isnull)
}
