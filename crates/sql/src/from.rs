//! The `FROM` clause: tables, joins, sub-selects and functions to the items of a scope.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

use pg_query::NodeEnum;
use pg_query::protobuf::{Alias, JoinExpr, JoinType, Node, RangeFunction, RangeSubselect, RangeVar};

use pgtailor_model::catalog::Table;
use pgtailor_model::shape::{Comparison, Operand, Predicate, Subject};

use crate::construct::Clause;
use crate::fact::{Fact, Said};
use crate::function;
use crate::relation::Relation;
use crate::scope::{Exposed, Item, Origin, Output, Reach, Scope};
use crate::service;
use crate::walker::{Commons, Place, Reference, Walker, string, strings};

/// What the condition of one join says.
pub(crate) struct JoinCondition {
    said: Said,
    /// For an outer join: on which references it does not filter, and which references it may fill with nulls.
    outer: Option<OuterJoin>,
}

struct OuterJoin {
    preserved: Vec<usize>,
    nullable: Vec<usize>,
}

impl JoinCondition {
    /// What it says, given what `WHERE` says.
    ///
    /// An outer join keeps the rows of one side whatever its condition says, so the condition bounds no column of that side; unless
    /// `WHERE` refuses the nulls that the join makes up, which makes it an inner join (`reduce_outer_joins` in `prepjointree.c`).
    pub(crate) fn given(self, filter: &Said) -> Said {
        let Some(OuterJoin { preserved, nullable }) = self.outer else { return self.said };
        let refuses_nulls = |fact: &Fact| fact.strict && nullable.contains(&fact.reference);
        if filter.facts.iter().any(refuses_nulls) { self.said } else { self.said.not_for(&preserved) }
    }
}

impl<'t> Walker<'t> {
    /// Adds what `node` stands for to `scope`, and what its joins say to `joins`.
    pub(crate) fn add_item(
        &mut self,
        node: &'t Node,
        scope: &mut Scope<'_, 't>,
        commons: &Commons<'_, 't>,
        joins: &mut Vec<JoinCondition>,
    ) {
        match &node.node {
            Some(NodeEnum::RangeVar(name)) => self.named_item(name, scope, commons),
            Some(NodeEnum::JoinExpr(join)) => self.join(join, scope, commons, joins),
            Some(NodeEnum::RangeSubselect(sub_select)) => self.sub_select_item(sub_select, scope, commons),
            Some(NodeEnum::RangeFunction(call)) => self.function_item(call, scope, commons),
            Some(NodeEnum::RangeTableSample(sample)) => {
                if let Some(relation) = &sample.relation {
                    self.add_item(relation, scope, commons, joins);
                }
                self.visit_all(&sample.args, Place::of(scope, commons));
                self.visit(sample.repeatable.as_deref(), Place::of(scope, commons));
            }
            Some(NodeEnum::RangeTableFunc(function)) => {
                self.visit(function.docexpr.as_deref(), Place::of(scope, commons));
                self.visit(function.rowexpr.as_deref(), Place::of(scope, commons));
                self.visit_all(&function.namespaces, Place::of(scope, commons));
                self.visit_all(&function.columns, Place::of(scope, commons));
                scope.items.push(unknown_item(function.alias.as_ref(), "xmltable"));
            }
            Some(NodeEnum::JsonTable(function)) => {
                let context = function.context_item.as_ref().and_then(|item| item.raw_expr.as_deref());
                self.visit(context, Place::of(scope, commons));
                self.visit_all(&function.passing, Place::of(scope, commons));
                self.visit_all(&function.columns, Place::of(scope, commons));
                scope.items.push(unknown_item(function.alias.as_ref(), "json_table"));
            }
            _ => {}
        }
    }

    /// A reference to `table`, and it as an item of a scope.
    pub(crate) fn reference(&mut self, table: &'t Table, name: &'t RangeVar) -> (usize, Item<'t>) {
        let reference = self.references.len();
        let through = self.view_names();
        self.references.push(Reference { table, write: None, needed: BTreeSet::new(), through });
        let columns = table.columns.iter().map(|column| Exposed {
            name: Cow::Borrowed(column.name.as_str()),
            origins: vec![Origin { reference, column: &column.name, through: Vec::new(), pushed: true }],
            computed: None,
        });
        let reach = vec![Reach { reference, through: Vec::new() }];
        let output = Output { columns: columns.collect(), more: false, reach };
        let schema = name.alias.is_none().then_some(table.name.schema.as_str());
        (reference, Item { schema, ..item(name.alias.as_ref(), &name.relname, output) })
    }

    fn named_item(&mut self, name: &'t RangeVar, scope: &mut Scope<'_, 't>, commons: &Commons<'_, 't>) {
        if let Some((cte, output)) = commons.find(&name.relname).filter(|_| name.schemaname.is_empty()) {
            self.common[cte].uses += 1;
            scope.items.push(item(name.alias.as_ref(), &name.relname, output.clone().through(cte)));
            return;
        }
        let found = match self.relations.find(name) {
            Relation::Table(table) => self.reference(table, name).1,
            Relation::View(view) => self.view_item(view, name),
            stranger => {
                self.strangers.push(stranger);
                unknown_item(name.alias.as_ref(), &name.relname)
            }
        };
        scope.items.push(found);
    }

    /// The view at `position` of the catalog as an item of a scope.
    pub(crate) fn view_item(&mut self, position: usize, name: &'t RangeVar) -> Item<'t> {
        let view = &self.relations.catalog.views[position];
        let output = self.view(position).unwrap_or_else(|| {
            let columns = view.columns.iter().map(|column| Exposed::unknown(column.as_str())).collect();
            Output { columns, more: view.columns.is_empty(), reach: Vec::new() }
        });
        let schema = name.alias.is_none().then_some(view.name.schema.as_str());
        Item { schema, ..item(name.alias.as_ref(), &name.relname, output) }
    }

    fn sub_select_item(&mut self, sub_select: &'t RangeSubselect, scope: &mut Scope<'_, 't>, commons: &Commons<'_, 't>) {
        let Some(query) = sub_select.subquery.as_deref() else { return };
        // Without LATERAL it sees the levels around, but not its neighbours.
        let visible = if sub_select.lateral { Some(&*scope) } else { scope.outer };
        let output = self.query(query, visible, commons, false);
        scope.items.push(item(sub_select.alias.as_ref(), "", output));
    }

    fn function_item(&mut self, call: &'t RangeFunction, scope: &mut Scope<'_, 't>, commons: &Commons<'_, 't>) {
        self.visit_all(&call.functions, Place::of(scope, commons));
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

    fn join(&mut self, join: &'t JoinExpr, scope: &mut Scope<'_, 't>, commons: &Commons<'_, 't>, joins: &mut Vec<JoinCondition>) {
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
            strings(&join.using_clause).into_iter().map(Cow::Borrowed).collect()
        };
        let mut said = Said::default();
        for name in names {
            said.facts.extend(self.merge_columns(scope, name, start..middle, middle..end));
        }
        if let Some(condition) = &join.quals {
            said.add(self.conjunction(condition, Clause::Join, Place { first: start, ..Place::of(scope, commons) }));
        }

        let (left, right) = (scope.references_in(start..middle), scope.references_in(middle..end));
        let outer = match JoinType::try_from(join.jointype) {
            Ok(JoinType::JoinLeft) => Some(OuterJoin { preserved: left, nullable: right }),
            Ok(JoinType::JoinRight) => Some(OuterJoin { preserved: right, nullable: left }),
            Ok(JoinType::JoinFull) => Some(OuterJoin { preserved: [left, right].concat(), nullable: Vec::new() }),
            _ => None,
        };
        if let Some(OuterJoin { preserved, nullable }) = &outer {
            // A full join may fill either side.
            self.filled.extend(if nullable.is_empty() { preserved } else { nullable });
        }
        joins.push(JoinCondition { said, outer });

        if let Some(alias) = &join.alias {
            // An alias for a whole join hides the names inside.
            let output = scope.star(&(start..end));
            scope.items.truncate(start);
            scope.merged.retain(|(first, _)| *first < start);
            scope.items.push(item(Some(alias), "", output));
        }
    }

    /// Merges the column `name` of both sides into one, and says that they are equal.
    fn merge_columns(
        &mut self,
        scope: &mut Scope<'_, 't>,
        name: Cow<'t, str>,
        left: Range<usize>,
        right: Range<usize>,
    ) -> Vec<Fact> {
        let origins_in = |range| scope.exposed_in(range, &name).map(|exposed| exposed.origins.clone()).unwrap_or_default();
        let (lefts, rights) = (origins_in(&left), origins_in(&right));
        let about = |origins: &[Origin<'t>], others: &[Origin<'t>]| -> Vec<Fact> {
            let operand = match others {
                [other] => Operand::Column { shape: other.reference, column: other.column.to_owned() },
                _ => Operand::Elsewhere,
            };
            let fact = |origin: &Origin<'t>| {
                let predicate = Predicate {
                    subject: Subject::Column(origin.column.to_owned()),
                    comparison: Comparison::Join,
                    operator: "=".to_owned(),
                    operand: operand.clone(),
                    service: service::equality(self.type_of(origin)),
                };
                Fact::new(origin.reference, origin.through.clone(), predicate)
            };
            origins.iter().filter(|origin| origin.pushed).map(fact).collect()
        };
        let facts = [about(&lefts, &rights), about(&rights, &lefts)].concat();
        self.link_references(lefts.iter().chain(&rights).map(|origin| origin.reference));
        let mut merged = Exposed { origins: lefts, ..Exposed::unknown(name) };
        merged.add_origins(rights);
        self.need(&merged.origins);
        scope.merged.push((left.start, merged));
        facts
    }
}

pub(crate) fn item<'t>(alias: Option<&'t Alias>, name: &'t str, output: Output<'t>) -> Item<'t> {
    let alias_name = alias.map_or(name, |alias| &alias.aliasname);
    let columns = alias.map(|alias| strings(&alias.colnames)).unwrap_or_default();
    Item { alias: alias_name, schema: None, output: output.renamed(columns) }
}

/// Something whose columns are not known, except those that its alias names. A function that returns a scalar has one column,
/// called like its alias.
pub(crate) fn unknown_item<'t>(alias: Option<&'t Alias>, name: &'t str) -> Item<'t> {
    let itself = Exposed::unknown(alias.map_or(name, |alias| &alias.aliasname));
    let has_column_names = alias.is_some_and(|alias| !alias.colnames.is_empty());
    let columns = if has_column_names { Vec::new() } else { vec![itself] };
    item(alias, name, Output { columns, more: true, reach: Vec::new() })
}

fn common_names<'t>(scope: &Scope<'_, 't>, left: Range<usize>, right: Range<usize>) -> Vec<Cow<'t, str>> {
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
