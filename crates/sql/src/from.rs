//! The `FROM` clause: tables, joins, sub-selects and functions to the items of a scope.

use std::ops::Range;

use pg_query::NodeEnum;
use pg_query::protobuf::{Alias, JoinExpr, JoinType, Node, RangeFunction, RangeSubselect, RangeVar};

use crate::fact::{Fact, Kind};
use crate::function;
use crate::relation::Relation;
use crate::scope::{Exposed, Item, Origin, Output, Reach, Scope};
use crate::walker::{Commons, Place, Reference, Walker, string, strings};

/// What the condition of one join says.
pub(crate) struct JoinCondition {
    facts: Vec<Fact>,
    /// For an outer join: on which references it does not filter, and which references it may fill with nulls.
    outer: Option<OuterJoin>,
}

struct OuterJoin {
    preserved: Vec<usize>,
    nullable: Vec<usize>,
}

impl JoinCondition {
    /// Its facts, given those of `WHERE`.
    ///
    /// An outer join keeps the rows of one side whatever its condition says, so the condition bounds no column of that side; unless
    /// `WHERE` refuses the nulls that the join makes up, which makes it an inner join (`reduce_outer_joins` in `prepjointree.c`).
    pub(crate) fn facts_given(self, filter: &[Fact]) -> Vec<Fact> {
        let Some(OuterJoin { preserved, nullable }) = self.outer else { return self.facts };
        let refuses_nulls = |fact: &Fact| fact.kind.is_strict() && nullable.contains(&fact.origin.reference);
        if filter.iter().any(refuses_nulls) {
            return self.facts;
        }
        self.facts.into_iter().filter(|fact| !preserved.contains(&fact.origin.reference)).collect()
    }
}

impl Walker<'_> {
    /// Adds what `node` stands for to `scope`, and what its joins say to `joins`.
    pub(crate) fn add_item(&mut self, node: &Node, scope: &mut Scope<'_>, commons: &Commons<'_>, joins: &mut Vec<JoinCondition>) {
        match &node.node {
            Some(NodeEnum::RangeVar(name)) => self.named_item(name, scope, commons),
            Some(NodeEnum::JoinExpr(join)) => self.join(join, scope, commons, joins),
            Some(NodeEnum::RangeSubselect(sub_select)) => self.sub_select_item(sub_select, scope, commons),
            Some(NodeEnum::RangeFunction(call)) => self.function_item(call, scope, commons),
            Some(NodeEnum::RangeTableSample(sample)) => {
                if let Some(relation) = &sample.relation {
                    self.add_item(relation, scope, commons, joins);
                }
                self.visit_all(&sample.args, whole(scope, commons));
            }
            Some(NodeEnum::RangeTableFunc(function)) => {
                self.visit(function.docexpr.as_deref(), whole(scope, commons));
                self.visit(function.rowexpr.as_deref(), whole(scope, commons));
                scope.items.push(unknown_item(function.alias.as_ref(), "xmltable"));
            }
            Some(NodeEnum::JsonTable(function)) => {
                let context = function.context_item.as_ref().and_then(|item| item.raw_expr.as_deref());
                self.visit(context, whole(scope, commons));
                scope.items.push(unknown_item(function.alias.as_ref(), "json_table"));
            }
            _ => {}
        }
    }

    /// A reference to the table that `name` means, or `None` when it is no table of the catalog.
    pub(crate) fn reference(&mut self, name: &RangeVar) -> Option<(usize, Item)> {
        let table = match self.relations.find(name) {
            Relation::Table(table) => table,
            stranger => {
                self.strangers.push(stranger);
                return None;
            }
        };
        let reference = self.references.len();
        self.references.push(Reference { table, written: Vec::new() });
        let origin = |column: &String| Origin { reference, column: column.clone(), through: Vec::new() };
        let columns = table
            .columns
            .iter()
            .map(|column| Exposed { name: column.name.clone(), origins: vec![origin(&column.name)] })
            .collect();
        let output = Output { columns, more: false, reach: vec![Reach { reference, through: Vec::new() }] };
        let schema = name.alias.is_none().then(|| table.name.schema.clone());
        Some((reference, Item { schema, ..item(name.alias.as_ref(), &name.relname, output) }))
    }

    fn named_item(&mut self, name: &RangeVar, scope: &mut Scope<'_>, commons: &Commons<'_>) {
        if let Some((cte, output)) = commons.find(&name.relname).filter(|_| name.schemaname.is_empty()) {
            self.common[cte].uses += 1;
            scope.items.push(item(name.alias.as_ref(), &name.relname, output.clone().through(cte)));
            return;
        }
        let found = self.reference(name).map(|(_, item)| item);
        scope.items.push(found.unwrap_or_else(|| unknown_item(name.alias.as_ref(), &name.relname)));
    }

    fn sub_select_item(&mut self, sub_select: &RangeSubselect, scope: &mut Scope<'_>, commons: &Commons<'_>) {
        let Some(query) = sub_select.subquery.as_deref() else { return };
        // Without LATERAL it sees the levels around, but not its neighbours.
        let visible = if sub_select.lateral { Some(&*scope) } else { scope.outer };
        let output = self.query(query, visible, commons, false);
        scope.items.push(item(sub_select.alias.as_ref(), "", output));
    }

    fn function_item(&mut self, call: &RangeFunction, scope: &mut Scope<'_>, commons: &Commons<'_>) {
        self.visit_all(&call.functions, whole(scope, commons));
        let first = call.functions.first().and_then(|function| match &function.node {
            Some(NodeEnum::List(list)) => list.items.first(),
            _ => None,
        });
        let name = match first.and_then(|function| function.node.as_ref()) {
            Some(NodeEnum::FuncCall(call)) => function::name(call),
            _ => "",
        };
        scope.items.push(unknown_item(call.alias.as_ref(), name));
    }

    fn join(&mut self, join: &JoinExpr, scope: &mut Scope<'_>, commons: &Commons<'_>, joins: &mut Vec<JoinCondition>) {
        let start = scope.items.len();
        if let Some(left) = &join.larg {
            self.add_item(left, scope, commons, joins);
        }
        let middle = scope.items.len();
        if let Some(right) = &join.rarg {
            self.add_item(right, scope, commons, joins);
        }
        let end = scope.items.len();

        let names = if join.is_natural {
            common_names(scope, start..middle, middle..end)
        } else {
            strings(&join.using_clause).into_iter().map(str::to_owned).collect()
        };
        let mut facts: Vec<Fact> = names.iter().flat_map(|name| merge(scope, name, start..middle, middle..end)).collect();
        if let Some(condition) = &join.quals {
            facts.extend(self.condition(condition, Place { first: start, ..whole(scope, commons) }, false));
        }

        let (left, right) = (scope.references_in(start..middle), scope.references_in(middle..end));
        let outer = match JoinType::try_from(join.jointype) {
            Ok(JoinType::JoinLeft) => Some(OuterJoin { preserved: left, nullable: right }),
            Ok(JoinType::JoinRight) => Some(OuterJoin { preserved: right, nullable: left }),
            Ok(JoinType::JoinFull) => Some(OuterJoin { preserved: [left, right].concat(), nullable: Vec::new() }),
            _ => None,
        };
        joins.push(JoinCondition { facts, outer });

        if let Some(alias) = &join.alias {
            // An alias for a whole join hides the names inside.
            let output = scope.star(&(start..end));
            scope.items.truncate(start);
            scope.merged.retain(|(first, _)| *first < start);
            scope.items.push(item(Some(alias), "", output));
        }
    }
}

/// A place that sees everything in `scope` so far.
fn whole<'p>(scope: &'p Scope<'p>, commons: &'p Commons<'p>) -> Place<'p> {
    Place { scope, first: 0, commons, conjunct: true, semi_join: false }
}

fn item(alias: Option<&Alias>, name: &str, output: Output) -> Item {
    let alias_name = alias.map_or(name, |alias| &alias.aliasname).to_owned();
    let columns = alias.map(|alias| strings(&alias.colnames)).unwrap_or_default();
    Item { alias: alias_name, schema: None, output: output.renamed(&columns) }
}

/// Something whose columns are not known, except those that its alias names. A function that returns a scalar has one column,
/// called like its alias.
fn unknown_item(alias: Option<&Alias>, name: &str) -> Item {
    let itself = Exposed { name: alias.map_or(name, |alias| &alias.aliasname).to_owned(), origins: Vec::new() };
    let has_column_names = alias.is_some_and(|alias| !alias.colnames.is_empty());
    let columns = if has_column_names { Vec::new() } else { vec![itself] };
    item(alias, name, Output { columns, more: true, reach: Vec::new() })
}

/// Merges the column `name` of both sides into one, and says that they are equal.
fn merge(scope: &mut Scope<'_>, name: &str, left: Range<usize>, right: Range<usize>) -> Vec<Fact> {
    let origins_in = |range| scope.exposed_in(range, name).map(|exposed| exposed.origins.clone()).unwrap_or_default();
    let origins = [origins_in(&left), origins_in(&right)].concat();
    scope.merged.push((left.start, Exposed { name: name.to_owned(), origins: origins.clone() }));
    origins.into_iter().map(|origin| Fact { origin, kind: Kind::Join }).collect()
}

fn common_names(scope: &Scope<'_>, left: Range<usize>, right: Range<usize>) -> Vec<String> {
    let right = scope.star(&right);
    let names = scope.star(&left).columns.into_iter().map(|column| column.name);
    names.filter(|name| right.columns.iter().any(|column| column.name == *name)).collect()
}

/// What stands before the star of a target.
pub(crate) enum Star<'n> {
    /// `*`
    Everything,
    /// `table.*`
    Of(&'n str),
}

/// The star that `node` is, if it is one.
pub(crate) fn star(node: &Node) -> Option<Star<'_>> {
    let Some(NodeEnum::ColumnRef(reference)) = &node.node else { return None };
    let (last, before) = reference.fields.split_last()?;
    matches!(last.node, Some(NodeEnum::AStar(_))).then(|| before.last().and_then(string).map_or(Star::Everything, Star::Of))
}
