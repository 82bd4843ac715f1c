//! What the grammar shows of a statement as a whole: notes for [`pgtailor_model::construct`].

use pg_query::NodeEnum;
use pg_query::protobuf::{BoolExprType, Node, SelectStmt, a_const};
use pgtailor_model::construct::{ColumnOf, Construct};
use pgtailor_model::shape::Comparison;

use crate::fact::Said;
use crate::from::{Star, star};
use crate::operand::{Fixed, Form, Operand};
use crate::order;
use crate::scope::{Origin, Output};
use crate::walker::{Place, Walker};

/// `OFFSET` of a constant smaller than this is no paging but a fence against the planner (`OFFSET 0`), or the next few rows. In rows.
const FEW_ROWS: i32 = 100;

/// A construct, with what is needed to write the statement otherwise.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Noticed {
    /// What it is.
    pub(crate) construct: Construct,
    /// Its position among the conditions of the statement's own `WHERE`, when it is one of them.
    pub(crate) conjunct: Option<usize>,
    /// For `NOT IN`: the name by which the compared column can be called from inside.
    pub(crate) qualifier: Option<String>,
}

/// Where conditions stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clause {
    /// `WHERE`, or the condition of a `MERGE`.
    Where,
    /// `ON`.
    Join,
}

impl Noticed {
    /// One that is never written otherwise.
    pub(crate) fn plain(construct: Construct) -> Self {
        Self { construct, conjunct: None, qualifier: None }
    }
}

impl<'t> Walker<'t> {
    /// Notes a construct once.
    pub(crate) fn notice(&mut self, noticed: Noticed) {
        if self.constructs.iter().all(|known| known.construct != noticed.construct) {
            self.constructs.push(noticed);
        }
    }

    /// What `node` says when it is true: reads the conditions that it joins by `AND` one by one, since each connects what it names.
    pub(crate) fn conjunction(&mut self, node: &'t Node, clause: Clause, place: Place<'_, 't>) -> Said {
        let mut conditions = Vec::new();
        conjuncts(node, &mut conditions);
        let is_own = self.depth == 1 && clause == Clause::Where;
        let mut said = Said::default();
        for (position, condition) in conditions.into_iter().enumerate() {
            if is_own {
                self.conjunct = Some((position, condition));
            }
            let mark = self.mark();
            said.add(self.condition(condition, place, false));
            self.link(mark);
        }
        if is_own {
            self.conjunct = None;
        }
        said
    }

    /// The position of `node`, or of its negation, among the conditions of the statement's own `WHERE`.
    fn position_of(&self, node: &Node) -> Option<usize> {
        let (position, condition) = self.conjunct.filter(|_| self.depth == 1)?;
        let negated = match &condition.node {
            Some(NodeEnum::BoolExpr(not)) if not.boolop == BoolExprType::NotExpr as i32 => not.args.first(),
            _ => None,
        };
        (std::ptr::eq(condition, node) || negated.is_some_and(|inner| std::ptr::eq(inner, node))).then_some(position)
    }

    /// Notes `OFFSET`.
    pub(crate) fn notice_offset(&mut self, node: &Node, operand: &Operand<'t>) {
        if let Some(NodeEnum::AConst(constant)) = &node.node {
            let is_small = matches!(&constant.val, Some(a_const::Val::Ival(rows)) if rows.ival < FEW_ROWS);
            if constant.isnull || is_small {
                return;
            }
        }
        let parameter = match operand {
            Operand::Fixed(Fixed { form: Form::Value, parameters, .. }) => parameters.first().copied(),
            _ => None,
        };
        self.notice(Noticed::plain(Construct::Offset { parameter }));
    }

    /// Notes `test NOT IN (sub-select)`; `node` is the sub-select, `output` what it returns.
    pub(crate) fn notice_not_in(&mut self, node: &Node, test: &Operand<'t>, output: &Output<'t>, place: Place<'_, 't>) {
        let compared = match test {
            Operand::Column(column) if column.depth == place.scope.depth => only(&column.origins),
            _ => None,
        };
        let returned = match output.columns.as_slice() {
            [column] if !output.more => only(&column.origins),
            _ => None,
        };
        let may_be_null = [compared, returned].into_iter().any(|origin| origin.is_none_or(|origin| self.may_be_null(origin)));
        let shows = |origin: &Origin<'t>| {
            let columns =
                |item: &&crate::scope::Item<'t>| item.output.columns.iter().any(|column| column.origins.contains(origin));
            place.scope.items.iter().find(columns).map(|item| item.alias.to_owned())
        };
        let construct = Construct::NotIn {
            compared: compared.map(column_of),
            returned: returned.map(column_of),
            may_be_null,
            rewritten: None,
        };
        let (conjunct, qualifier) = (self.position_of(node).filter(|_| !may_be_null), compared.and_then(shows));
        self.notice(Noticed { construct, conjunct, qualifier });
    }

    /// Whether a value of the column may be null where it is used: by its own constraint, and by outer joins and views in between.
    fn may_be_null(&self, origin: &Origin<'t>) -> bool {
        let reference = &self.references[origin.reference];
        let refuses_nulls = reference.table.column(origin.column).is_some_and(|column| column.not_null);
        !refuses_nulls || !reference.through.is_empty() || self.filled.contains(&origin.reference)
    }

    /// Notes an `OR` at `node` whose branches filter different tables. Branches that say nothing, or nothing that is known, end the matter.
    pub(crate) fn notice_or(&mut self, node: &Node, branches: &[Said]) {
        let filtered = |said: &Said| -> Vec<usize> {
            let facts = said.facts.iter().filter(|fact| fact.predicate.comparison != Comparison::Join);
            facts.map(|fact| fact.reference).collect()
        };
        let of_branches: Vec<Vec<usize>> = branches.iter().map(filtered).collect();
        let Some(first) = of_branches.first() else { return };
        let is_everywhere = |reference: &usize| of_branches.iter().all(|branch| branch.contains(reference));
        if of_branches.iter().any(Vec::is_empty) || first.iter().any(is_everywhere) {
            return;
        }
        let mut shapes = of_branches.concat();
        shapes.sort_unstable();
        shapes.dedup();
        let construct = Construct::OrAcrossTables { shapes, rewritten: None };
        self.notice(Noticed { construct, conjunct: self.position_of(node), qualifier: None });
    }

    /// Notes the stars in the result of the statement itself.
    pub(crate) fn notice_stars(&mut self, select: &SelectStmt, place: Place<'_, 't>) {
        if self.depth > 1 {
            return;
        }
        let mut shapes = Vec::new();
        for target in &select.target_list {
            let Some(NodeEnum::ResTarget(target)) = &target.node else { continue };
            let of_star = target.val.as_deref().and_then(star);
            let is_meant = |alias: &str| match of_star {
                Some(Star::Everything) => true,
                Some(Star::Of(table)) => table == alias,
                None => false,
            };
            let items = place.scope.items.iter().filter(|item| is_meant(item.alias));
            shapes.extend(items.flat_map(|item| &item.output.reach).map(|reach| reach.reference));
        }
        shapes.sort_unstable();
        shapes.dedup();
        if !shapes.is_empty() {
            self.notice(Noticed::plain(Construct::WholeRows { shapes }));
        }
    }

    /// Notes that the statement returns as many rows as there are.
    pub(crate) fn notice_no_limit(&mut self, tree: &NodeEnum) {
        let NodeEnum::SelectStmt(select) = tree else { return };
        let is_limited = select.limit_count.as_deref().is_some_and(|count| !order::is_null(count));
        let is_single_row = select.group_clause.is_empty() && order::is_grouped(select);
        let is_combined = select.larg.is_some();
        if is_limited || is_single_row || (select.from_clause.is_empty() && !is_combined) {
            return;
        }
        let filtered = is_combined || select.where_clause.is_some();
        self.notice(Noticed::plain(Construct::Unlimited { filtered }));
    }
}

fn column_of(origin: &Origin<'_>) -> ColumnOf {
    ColumnOf { shape: origin.reference, column: origin.column.to_owned() }
}

fn only<'a, 't>(origins: &'a [Origin<'t>]) -> Option<&'a Origin<'t>> {
    match origins {
        [origin] => Some(origin),
        _ => None,
    }
}

/// The conditions that `node` joins by `AND`, first to last.
pub(crate) fn conjuncts<'n>(node: &'n Node, found: &mut Vec<&'n Node>) {
    match &node.node {
        Some(NodeEnum::BoolExpr(and)) if and.boolop == BoolExprType::AndExpr as i32 => {
            and.args.iter().for_each(|part| conjuncts(part, found));
        }
        _ => found.push(node),
    }
}
