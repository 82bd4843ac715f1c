//! Small databases and workloads for tests of generators and guards.

use std::collections::BTreeMap;

use jiff::Timestamp;

use pgtailor_model::activity::{Activity, TableActivity};
use pgtailor_model::catalog::{Catalog, Column, ColumnStatistics, Index, OperatorClass, Table, TableKind};
use pgtailor_model::index::{Direction, IndexDefinition, Nulls};
use pgtailor_model::name::{Oid, QualifiedName};
use pgtailor_model::planner::{
    ColumnStatistic, Locale, PlannerInputs, Relation, StatisticColumn, StatisticNumbers, StatisticSlot, StatisticValues,
    StatisticsLevel, slot_kind,
};
use pgtailor_model::shape::{Comparison, Operand, OrderKey, Predicate, Service, Serving, Shape, Subject as About};
use pgtailor_model::snapshot::{Capabilities, SNAPSHOT_VERSION, Server, Snapshot};
use pgtailor_model::unit::{Pages, Rows};
use pgtailor_model::workload::{Query, Workload};

use super::site::{Site, sites};
use super::{Candidates, Context, Generator, Subject, propose};

/// A database and what it is asked.
pub(super) struct Fixture {
    pub(super) snapshot: Snapshot,
    pub(super) workload: Workload,
}

impl Fixture {
    /// Nothing yet; extension `pg_trgm` and the pattern classes are there.
    pub(super) fn new() -> Self {
        let class = |method: &str, schema: &str, name: &str| OperatorClass {
            method: method.to_owned(),
            schema: schema.to_owned(),
            name: name.to_owned(),
            is_default: false,
        };
        let operator_classes = vec![
            class("btree", "pg_catalog", "text_pattern_ops"),
            class("gin", "pg_catalog", "jsonb_path_ops"),
            class("gin", "public", "gin_trgm_ops"),
        ];
        let snapshot = Snapshot {
            snapshot_version: SNAPSHOT_VERSION,
            captured_at: Timestamp::UNIX_EPOCH,
            server: Server {
                version: 150_018,
                version_text: "15.18".to_owned(),
                database: "shop".to_owned(),
                database_oid: 5,
                system_identifier: None,
                block_size: 8192,
                in_recovery: false,
                started_at: None,
            },
            capabilities: Capabilities {
                role: "app".to_owned(),
                superuser: false,
                create_in_database: true,
                read_all_stats: true,
                read_all_settings: true,
                create_in_schemas: Vec::new(),
                extensions: BTreeMap::new(),
                available_extensions: BTreeMap::new(),
            },
            settings: BTreeMap::new(),
            catalog: Catalog { operator_classes, ..Catalog::default() },
            activity: Activity::default(),
            planner: None,
            not_examined: Vec::new(),
        };
        Self { snapshot, workload: Workload::default() }
    }

    /// A table of 10,000 pages in `public`, its columns integers; `name type` gives another type.
    pub(super) fn table(mut self, name: &str, columns: &[&str]) -> Self {
        let tables = &mut self.snapshot.catalog.tables;
        let number = u32::try_from(tables.len()).expect("few tables") + 1;
        let column = |(text, number): (&&str, i16)| {
            let (name, type_name) = text.split_once(' ').unwrap_or((text, "integer"));
            Column::new(number, name, type_name)
        };
        tables.push(Table {
            pages: Pages(10_000),
            estimated_rows: Some(Rows(1_000_000)),
            columns: columns.iter().zip(1..).map(column).collect(),
            ..Table::new(Oid(number * 1000), QualifiedName::new("public", name))
        });
        self
    }

    fn edit(mut self, name: &str, change: impl FnOnce(&mut Table)) -> Self {
        change(self.snapshot.catalog.tables.iter_mut().find(|table| table.name.name == name).expect("a table of the fixture"));
        self
    }

    /// Changes a table.
    pub(super) fn with(self, name: &str, change: impl FnOnce(&mut Table)) -> Self {
        self.edit(name, change)
    }

    /// Its kind.
    pub(super) fn kind(self, name: &str, kind: TableKind) -> Self {
        self.edit(name, |table| table.kind = kind)
    }

    /// Distinct values of a column, which are four bytes wide and never null.
    pub(super) fn distinct(self, name: &str, column: &str, distinct: f64) -> Self {
        self.statistics(name, column, ColumnStatistics { average_width: 4, distinct, ..ColumnStatistics::default() })
    }

    /// The mean width of a column.
    pub(super) fn width(self, name: &str, column: &str, average_width: u32) -> Self {
        self.statistics(name, column, ColumnStatistics { average_width, distinct: 1000.0, ..ColumnStatistics::default() })
    }

    /// What is known of a column.
    pub(super) fn statistics(self, name: &str, column: &str, statistics: ColumnStatistics) -> Self {
        self.edit(name, |table| {
            let column = table.columns.iter_mut().find(|known| known.name == column).expect("a column of the fixture");
            column.statistics = Some(statistics);
        })
    }

    /// An index that exists and is valid.
    pub(super) fn index(self, table: &str, definition: IndexDefinition) -> Self {
        self.edit(table, |table| {
            let number = u32::try_from(table.indexes.len()).expect("few indexes") + 1;
            let index = Index::new(Oid(table.oid.0 + number), format!("{}_index_{number}", table.name.name), definition);
            table.indexes.push(index);
        })
    }

    /// A table's counters.
    pub(super) fn activity(mut self, name: &str, activity: TableActivity) -> Self {
        let oid = self.oid(name);
        self.snapshot.activity.tables.insert(oid, activity);
        self
    }

    /// What the planner reads, made when it is first asked for.
    pub(super) fn planner(&mut self) -> &mut PlannerInputs {
        self.snapshot.planner.get_or_insert_with(|| PlannerInputs {
            level: StatisticsLevel::Exact,
            locale: Locale::default(),
            settings: BTreeMap::new(),
            search_path: Vec::new(),
            schema: Vec::new(),
            relations: Vec::new(),
            statistics: Vec::new(),
            extended: Vec::new(),
            extremes: Vec::new(),
            types: BTreeMap::new(),
            labels: BTreeMap::new(),
            plans: Vec::new(),
            inexact: Vec::new(),
        })
    }

    /// A slot of a column: kind, numbers, values.
    pub(super) fn slot(mut self, name: &str, column: &str, kind: i16, numbers: &str, values: Option<&str>) -> Self {
        let relation = self.oid(name);
        let values = values.map(|text| StatisticValues { element_type: "text".to_owned(), text: text.to_owned() });
        let slot = StatisticSlot { kind, operator: None, collation: None, numbers: Some(numbers.to_owned()), values };
        self.planner().statistics.push(ColumnStatistic {
            relation,
            column: StatisticColumn::Name(column.to_owned()),
            inherited: false,
            numbers: StatisticNumbers { null_fraction: 0.0, width: 4, distinct: -1.0, slots: vec![slot] },
        });
        self
    }

    /// Most common values with their shares.
    pub(super) fn common(self, name: &str, column: &str, values: &str, shares: &str) -> Self {
        self.slot(name, column, slot_kind::MOST_COMMON, shares, Some(values))
    }

    /// The correlation between the order of a column's values and of the rows.
    pub(super) fn correlation(self, name: &str, column: &str, correlation: &str) -> Self {
        self.slot(name, column, slot_kind::CORRELATION, &format!("{{{correlation}}}"), None)
    }

    /// How many of a table's 10,000 pages are all visible.
    pub(super) fn visible(mut self, name: &str, pages: i32) -> Self {
        let oid = self.oid(name);
        self.planner().relations.push(Relation {
            oid,
            name: QualifiedName::new("public", name),
            table: oid,
            pages: 10_000,
            tuples: 1e6,
            all_visible: pages,
            blocks: None,
            head: None,
        });
        self
    }

    /// A statement over one table with these conditions.
    pub(super) fn asks(self, table: &str, conditions: &[(&str, Comparison)]) -> Self {
        self.asks_with(table, conditions, |_| {})
    }

    /// The same, its shape changed.
    pub(super) fn asks_with(self, table: &str, conditions: &[(&str, Comparison)], change: impl FnOnce(&mut Shape)) -> Self {
        let mut shape = self.shape(table, conditions);
        change(&mut shape);
        self.statement(vec![shape])
    }

    /// A statement of these shapes, executed 100 times.
    pub(super) fn statement(mut self, shapes: Vec<Shape>) -> Self {
        let text = format!("statement {}", self.workload.queries.len());
        self.workload.queries.push(Query { fingerprint: text.clone(), text, calls: 100, shapes, ..Query::default() });
        self
    }

    /// Changes the last statement.
    pub(super) fn last(mut self, change: impl FnOnce(&mut Query)) -> Self {
        change(self.workload.queries.last_mut().expect("a statement of the fixture"));
        self
    }

    /// A shape over `table`; conditions on columns by B-tree and hash, the n-th with parameter n.
    pub(super) fn shape(&self, table: &str, conditions: &[(&str, Comparison)]) -> Shape {
        let predicates = conditions.iter().zip(1..).map(|((column, comparison), number)| Predicate {
            subject: About::Column((*column).to_owned()),
            comparison: *comparison,
            operator: "=".to_owned(),
            operand: match comparison {
                Comparison::Null | Comparison::NotNull => Operand::Nothing,
                Comparison::Join => Operand::Elsewhere,
                _ => Operand::Parameters(vec![number]),
            },
            service: match comparison {
                Comparison::Range => Service::By(vec![Serving::of("btree"), Serving::of("brin")]),
                _ => Service::By(vec![Serving::of("btree"), Serving::of("hash")]),
            },
        });
        let needed = conditions.iter().map(|(column, _)| (*column).to_owned()).collect();
        Shape { predicates: predicates.collect(), needed, ..Shape::of(self.oid(table)) }
    }

    /// The OID of a table.
    pub(super) fn oid(&self, name: &str) -> Oid {
        self.snapshot.catalog.tables.iter().find(|table| table.name.name == name).expect("a table of the fixture").oid
    }

    /// What generators see; at most four keys.
    pub(super) fn context(&self) -> Context<'_> {
        Context { snapshot: &self.snapshot, workload: &self.workload, max_columns: 4 }
    }

    /// Calls `look` with the first reference of the statement at `position`.
    pub(super) fn at(&self, position: usize, look: impl FnOnce(&Site<'_>)) {
        let context = self.context();
        look(&sites(&context, &self.workload.queries[position], position).next().expect("a reference"));
    }

    /// What `generator` proposes for the last statement, as SQL, in order.
    pub(super) fn by(&self, generator: &dyn Generator) -> Vec<String> {
        let (context, mut candidates) = (self.context(), Candidates::default());
        let position = self.workload.queries.len() - 1;
        generator.propose(&context, &self.workload.queries[position], position, &mut candidates);
        candidates.proposed.keys().map(written).collect()
    }

    /// What all of them propose for all statements.
    pub(super) fn all(&self) -> Candidates {
        propose(&self.context())
    }

    /// The same as SQL.
    pub(super) fn proposed(&self) -> Vec<String> {
        self.all().proposed.keys().map(written).collect()
    }
}

/// A subject as SQL has it, without the table.
pub(super) fn written(subject: &Subject) -> String {
    match subject {
        Subject::Index(index) => index.definition.to_string(),
        Subject::Statistics(statistics) => format!("statistics {}", statistics.columns.join(", ")),
    }
}

/// A sort key over a column, nulls where the direction puts them.
pub(super) fn order_key(column: &str, direction: Direction) -> OrderKey {
    OrderKey { subject: About::Column(column.to_owned()), direction, nulls: Nulls::default_for(direction), distance: None }
}
