//! Small snapshots for tests.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use pgtailor_model::activity::{Activity, IndexActivity, Rest, Statements, TableActivity};
use pgtailor_model::catalog::{Catalog, Column, ColumnStatistics, ForeignKey, Index, Table, TableKind};
use pgtailor_model::index::{Direction, IndexDefinition, Nulls};
use pgtailor_model::name::{Oid, QualifiedName};
use pgtailor_model::shape::{Comparison, Operand, OrderKey, Predicate, Service, Shape, Subject};
use pgtailor_model::snapshot::{Capabilities, SNAPSHOT_VERSION, Server, Setting, Snapshot};
use pgtailor_model::unit::{Milliseconds, Pages, Rows};
use pgtailor_model::workload::{Query, Workload};

/// A snapshot in the making.
pub(crate) struct Fixture {
    snapshot: Snapshot,
}

impl Fixture {
    /// An empty database.
    pub(crate) fn new() -> Self {
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
            catalog: Catalog::default(),
            activity: Activity::default(),
            planner: None,
            not_examined: Vec::new(),
        };
        Self { snapshot }
    }

    /// A table in `public`; call in the order of names, as a catalog is sorted.
    pub(crate) fn table(mut self, name: &str, pages: u64, columns: &[&str]) -> Self {
        let tables = &mut self.snapshot.catalog.tables;
        let number = u32::try_from(tables.len()).expect("few tables") + 1;
        tables.push(Table {
            owner: "app".to_owned(),
            pages: Pages(pages),
            size: Some(Pages(pages).bytes(8192)),
            columns: columns
                .iter()
                .zip(1..)
                .map(|(name, number)| Column::new(number, (*name).to_owned(), "integer".to_owned()))
                .collect(),
            ..Table::new(Oid(number * 1000), QualifiedName::new("public", name))
        });
        assert!(tables.is_sorted_by_key(|table| &table.name));
        self
    }

    /// Changes a table.
    pub(crate) fn edit(mut self, name: &str, change: impl FnOnce(&mut Table)) -> Self {
        change(self.snapshot.catalog.tables.iter_mut().find(|table| table.name.name == name).expect("a table of the fixture"));
        self
    }

    /// Changes its kind.
    pub(crate) fn kind(self, name: &str, kind: TableKind) -> Self {
        self.edit(name, |table| table.kind = kind)
    }

    /// Makes `name` a partition of `parent`.
    pub(crate) fn partition_of(self, name: &str, parent: &str) -> Self {
        let parent = self.oid(parent);
        self.edit(name, |table| table.partition_of = Some(parent))
    }

    /// Adds a foreign key.
    pub(crate) fn foreign_key(self, name: &str, key: ForeignKey) -> Self {
        self.edit(name, |table| table.foreign_keys.push(key))
    }

    /// Changes the pages of a table.
    pub(crate) fn pages(self, name: &str, pages: u64) -> Self {
        self.edit(name, |table| table.pages = Pages(pages))
    }

    /// Sets the planner's estimate of a table's rows.
    pub(crate) fn rows(self, name: &str, rows: u64) -> Self {
        self.edit(name, |table| table.estimated_rows = Some(Rows(rows)))
    }

    /// Sets the mean width of a column, in bytes.
    pub(crate) fn width(self, name: &str, column: &str, width: u32) -> Self {
        self.edit(name, |table| {
            let column = table.columns.iter_mut().find(|known| known.name == column).expect("a column of the fixture");
            column.statistics.get_or_insert_default().average_width = width;
        })
    }

    /// Sets the distinct values of a column.
    pub(crate) fn distinct(self, name: &str, column: &str, distinct: f64) -> Self {
        self.edit(name, |table| {
            let column = table.columns.iter_mut().find(|known| known.name == column).expect("a column of the fixture");
            column.statistics = Some(ColumnStatistics { average_width: 4, distinct, ..ColumnStatistics::default() });
        })
    }

    /// Makes the current role a stranger to the table.
    pub(crate) fn not_ours(self, name: &str) -> Self {
        self.edit(name, |table| table.ours = false)
    }

    /// Adds a valid index.
    pub(crate) fn index(self, table: &str, definition: IndexDefinition) -> Self {
        self.edit(table, |table| {
            let number = u32::try_from(table.indexes.len()).expect("few indexes") + 1;
            let index = Index::new(Oid(table.oid.0 + number), format!("{}_index_{number}", table.name.name), definition);
            table.indexes.push(Index { size: Some(Pages(10).bytes(8192)), ..index });
        })
    }

    /// Changes the last index that was added to `table`.
    pub(crate) fn last_index(self, table: &str, change: impl FnOnce(&mut Index)) -> Self {
        self.edit(table, |table| change(table.indexes.last_mut().expect("an index of the fixture")))
    }

    /// Sets a table's counters.
    pub(crate) fn activity(mut self, name: &str, activity: TableActivity) -> Self {
        let oid = self.oid(name);
        self.snapshot.activity.tables.insert(oid, activity);
        self
    }

    /// Counts `scans` and the entries that they read for the last index that was added to `table`.
    pub(crate) fn scanned(mut self, table: &str, scans: u64, entries_read: u64) -> Self {
        let oid = self.last_oid(table);
        let activity = IndexActivity { scans, entries_read, ..IndexActivity::default() };
        self.snapshot.activity.indexes.insert(oid, activity);
        self
    }

    /// Counters began `days` ago, and no standby reads from here.
    pub(crate) fn counting_for(mut self, days: i64) -> Self {
        self.snapshot.activity.since = Some(self.snapshot.captured_at - SignedDuration::from_hours(days * 24));
        self.snapshot.activity.standbys = Some(0);
        self
    }

    /// Pages of the last index that was added to `table`.
    pub(crate) fn index_pages(self, table: &str, pages: u64) -> Self {
        self.last_index(table, |index| index.size = Some(Pages(pages).bytes(8192)))
    }

    /// The OID of the last index that was added to `table`.
    pub(crate) fn last_oid(&self, table: &str) -> Oid {
        let table = self.snapshot.catalog.table(&QualifiedName::new("public", table)).expect("a table of the fixture");
        table.indexes.last().expect("an index of the fixture").oid
    }

    /// Says that statements were recorded.
    pub(crate) fn recorded(mut self) -> Self {
        self.snapshot.activity.statements = Statements::Recorded {
            statements: Vec::new(),
            evicted: None,
            since: None,
            utility: Rest::default(),
            unseen: Rest::default(),
        };
        self
    }

    /// Sets a setting.
    pub(crate) fn setting(mut self, name: &str, value: &str) -> Self {
        let setting = Setting { value: value.to_owned(), unit: None, source: "default".to_owned() };
        self.snapshot.settings.insert(name.to_owned(), setting);
        self
    }

    /// The OID of a table.
    pub(crate) fn oid(&self, name: &str) -> Oid {
        self.snapshot.catalog.table(&QualifiedName::new("public", name)).expect("a table of the fixture").oid
    }

    /// The finished snapshot.
    pub(crate) fn snapshot(self) -> Snapshot {
        self.snapshot
    }
}

/// Counters of a table of `rows`, analyzed and vacuumed, read by both ways.
pub(crate) fn activity(rows: u64, sequential_rows: u64, index_rows: u64) -> TableActivity {
    TableActivity {
        sequential_scans: 1,
        sequential_rows: Rows(sequential_rows),
        index_scans: u64::from(index_rows > 0),
        index_rows: Rows(index_rows),
        live_rows: Rows(rows),
        last_vacuum: Some(Timestamp::UNIX_EPOCH),
        last_analyze: Some(Timestamp::UNIX_EPOCH),
        ..TableActivity::default()
    }
}

/// A workload of one-table statements: text, total time in milliseconds, shape.
pub(crate) fn workload(statements: &[(&str, f64, Shape)]) -> Workload {
    let queries = statements.iter().map(|(text, time, shape)| Query {
        fingerprint: (*text).to_owned(),
        text: (*text).to_owned(),
        calls: 100,
        total_time: Milliseconds(*time),
        shapes: vec![shape.clone()],
        ..Query::default()
    });
    Workload { queries: queries.collect(), ..Workload::default() }
}

/// A shape of `table` that compares columns with a parameter, served by a B-tree.
pub(crate) fn shape(table: Oid, conditions: &[(&str, Comparison)]) -> Shape {
    let predicates = conditions.iter().map(|(column, comparison)| Predicate {
        subject: Subject::Column((*column).to_owned()),
        comparison: *comparison,
        operator: "=".to_owned(),
        operand: Operand::Parameters(vec![1]),
        service: Service::btree(),
    });
    Shape { predicates: predicates.collect(), ..Shape::of(table) }
}

/// A sort key over a column, nulls where the direction puts them.
pub(crate) fn order_key(column: &str, direction: Direction) -> OrderKey {
    OrderKey { subject: Subject::Column(column.to_owned()), direction, nulls: Nulls::default_for(direction), distance: None }
}
