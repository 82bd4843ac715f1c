//! What is read of tables, types and columns, each once: indexes share them.
//!
//! Every question here takes several subjects at a time, since asking costs more than answering: whoever makes many indexes of a table
//! lets [`read_ahead`](super::read_ahead) ask for all of them. The questions are prepared; a plan for any values is all that they need.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join_all;
use pgtailor_model::index::IndexKey;
use pgtailor_model::name::{Oid, QualifiedName};
use tokio::sync::OnceCell;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row, Statement};

use super::sample::{Widths, width_question};
use super::{KeyInputs, NotSized, rows};
use crate::error::Error;
use crate::session::ReadOnlySession;

/// What was read of tables and keys, for callers on a server on which nothing changes, such as a twin.
#[derive(Default)]
pub struct Facts {
    pub(super) tables: BTreeMap<Oid, Result<TableFacts, NotSized>>,
    /// By table, method and key; included columns have no method.
    pub(super) keys: BTreeMap<(Oid, String, IndexKey), Result<KeyInputs, NotSized>>,
    pub(super) read: Read,
}

/// What is known of a table.
#[derive(Clone)]
pub(super) struct TableFacts {
    pub name: QualifiedName,
    pub columns: Vec<Column>,
    pub block_size: u64,
    pub bytes: u64,
    pub memory: u64,
    pub rows_then: f64,
    pub rows: f64,
    /// Distinct combinations of columns, by their numbers in ascending order; read when they are first wanted.
    pub joint: Option<BTreeMap<String, f64>>,
}

/// A column of the table.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub name: String,
    pub number: i16,
    pub kind: u32,
    pub collation: u32,
    pub not_null: bool,
    /// What a generated column is computed from.
    pub generated: Option<String>,
}

/// The columns of `table`, by number.
pub(super) async fn columns(client: &Client, table: Oid) -> Result<Vec<Column>, Error> {
    let found = rows(client, include_str!("sql/columns.sql"), &[(&table.0, Type::OID)]).await?;
    let column = |row: Row| Column {
        name: row.get("name"),
        number: row.get("number"),
        kind: row.get("type"),
        collation: row.get("collation"),
        not_null: row.get("not_null"),
        generated: row.get("generated"),
    };
    Ok(found.into_iter().map(column).collect())
}

/// Distinct combinations of columns that extended statistics of `table` count, by the columns' numbers.
pub(super) async fn joint(client: &Client, table: Oid) -> Result<BTreeMap<String, f64>, Error> {
    let found = rows(client, include_str!("sql/joint.sql"), &[(&table.0, Type::OID)]).await?;
    Ok(found.into_iter().map(|row| (row.get("columns"), row.get("joint"))).collect())
}

/// A key's type, collation, access method and operator class as SQL.
pub(super) type ClassOf = (u32, u32, String, Option<String>);

/// What an index stores of a key, as its type and operator class have it.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub type_name: String,
    /// `typlen`.
    pub length: i16,
    pub alignment: u32,
    pub as_is: bool,
    /// Empty when there is none.
    pub class: String,
    pub equal_is_bitwise: bool,
    pub sorted_build: bool,
}

/// The numbers of a column's statistics.
#[derive(Clone, Debug)]
pub(super) struct Statistics {
    pub nulls: f64,
    /// In bytes.
    pub width: f64,
    /// `stadistinct`.
    pub distinct: f64,
    pub common: Vec<f64>,
    pub common_elements: Option<Vec<f64>>,
    /// Mean length of the common elements, in bytes.
    pub element_width: Option<f64>,
    /// Mean number of elements.
    pub elements: Option<f64>,
}

/// What was read, `None` for what is not there.
#[derive(Default)]
pub(super) struct Read {
    classes: BTreeMap<ClassOf, Option<Stored>>,
    /// By relation and column.
    statistics: BTreeMap<(u32, String), Option<Statistics>>,
    /// The same.
    widths: BTreeMap<(u32, String), Option<Widths>>,
}

impl Read {
    pub(super) async fn classes(&mut self, session: &ReadOnlySession, wanted: &BTreeSet<ClassOf>) -> Result<(), Error> {
        let new: Vec<&ClassOf> = wanted.iter().filter(|class| !self.classes.contains_key(class)).collect();
        if new.is_empty() {
            return Ok(());
        }
        let types = [Type::OID_ARRAY, Type::OID_ARRAY, Type::TEXT_ARRAY, Type::TEXT_ARRAY];
        let statement = session.size_questions.prepared(&session.client, Question::Classes, &types).await?;
        let kinds: Vec<u32> = new.iter().map(|class| class.0).collect();
        let collations: Vec<u32> = new.iter().map(|class| class.1).collect();
        let methods: Vec<&str> = new.iter().map(|class| class.2.as_str()).collect();
        let names: Vec<Option<&str>> = new.iter().map(|class| class.3.as_deref()).collect();
        let found = asked(&session.client, &statement, &[&kinds, &collations, &methods, &names]).await?;
        let mut answers: Vec<Option<Stored>> = vec![None; new.len()];
        for row in found {
            let place = usize::try_from(row.get::<_, i64>("place") - 1).unwrap_or_default();
            answers[place] = Some(Stored {
                type_name: row.get("type_name"),
                length: row.get("length"),
                alignment: u32::try_from(row.get::<_, i32>("alignment")).unwrap_or(8),
                as_is: row.get("stored_as_is"),
                class: row.get("class"),
                equal_is_bitwise: row.get("equal_is_bitwise"),
                sorted_build: row.get("sorted_build"),
            });
        }
        let new: Vec<ClassOf> = new.into_iter().cloned().collect();
        self.classes.extend(new.into_iter().zip(answers));
        Ok(())
    }

    /// What is stored of a key; `None` when there is no such type.
    pub(super) async fn class(&mut self, session: &ReadOnlySession, class: ClassOf) -> Result<Option<Stored>, Error> {
        let wanted = BTreeSet::from([class]);
        self.classes(session, &wanted).await?;
        Ok(wanted.first().and_then(|class| self.classes.get(class).cloned().flatten()))
    }

    pub(super) async fn statistics(
        &mut self,
        session: &ReadOnlySession,
        relation: u32,
        columns: &BTreeSet<String>,
    ) -> Result<(), Error> {
        let is_new = |column: &&String| !self.statistics.contains_key(&(relation, (*column).clone()));
        let new: Vec<&String> = columns.iter().filter(is_new).collect();
        if new.is_empty() {
            return Ok(());
        }
        let types = [Type::OID, Type::TEXT_ARRAY];
        let statement = session.size_questions.prepared(&session.client, Question::Statistics, &types).await?;
        let found = asked(&session.client, &statement, &[&relation, &new]).await?;
        self.statistics.extend(new.into_iter().map(|column| ((relation, column.clone()), None)));
        for row in found {
            let name: String = row.get("name");
            let number = |field: &str| row.get::<_, Option<f64>>(field);
            let (Some(nulls), Some(width), Some(distinct)) = (number("nulls"), number("width"), number("distinct_values")) else {
                continue;
            };
            let statistics = Statistics {
                nulls,
                width,
                distinct,
                common: row.get::<_, Option<Vec<f64>>>("common").unwrap_or_default(),
                common_elements: row.get("common_elements"),
                element_width: number("element_width"),
                elements: number("elements"),
            };
            self.statistics.insert((relation, name), Some(statistics));
        }
        Ok(())
    }

    /// The numbers of one column; `None` when there are none.
    pub(super) async fn statistics_of(
        &mut self,
        session: &ReadOnlySession,
        relation: u32,
        column: &str,
    ) -> Result<Option<Statistics>, Error> {
        self.statistics(session, relation, &BTreeSet::from([column.to_owned()])).await?;
        Ok(self.statistics.get(&(relation, column.to_owned())).cloned().flatten())
    }

    /// Widths of the values in the statistics of columns of `relation`, each with its type as a cast writes it.
    pub(super) async fn widths(
        &mut self,
        session: &ReadOnlySession,
        relation: u32,
        columns: &BTreeSet<(String, String)>,
    ) -> Result<(), Error> {
        let is_new = |column: &&(String, String)| !self.widths.contains_key(&(relation, column.0.clone()));
        let new: Vec<&(String, String)> = columns.iter().filter(is_new).collect();
        for (_, type_name) in &new {
            session.size_questions.prepared(&session.client, Question::Widths(type_name), &[Type::OID, Type::TEXT]).await?;
        }
        let measured = try_join_all(new.iter().map(async |(column, type_name)| {
            let question = Question::Widths(type_name);
            let statement = session.size_questions.prepared(&session.client, question, &[Type::OID, Type::TEXT]).await?;
            Widths::read(&session.client, &statement, relation, column).await
        }))
        .await?;
        let new = new.into_iter().map(|(column, _)| (relation, column.clone()));
        self.widths.extend(new.zip(measured).collect::<Vec<_>>());
        Ok(())
    }

    pub(super) async fn widths_of(
        &mut self,
        session: &ReadOnlySession,
        relation: u32,
        column: &str,
        type_name: &str,
    ) -> Result<Option<Widths>, Error> {
        self.widths(session, relation, &BTreeSet::from([(column.to_owned(), type_name.to_owned())])).await?;
        Ok(self.widths.get(&(relation, column.to_owned())).cloned().flatten())
    }

    /// What is stored of a key, if it was read.
    pub(super) fn known_class(&self, class: &ClassOf) -> Option<&Stored> {
        self.classes.get(class)?.as_ref()
    }

    /// The numbers of a column, if they were read.
    pub(super) fn known_statistics(&self, relation: u32, column: &str) -> Option<&Statistics> {
        self.statistics.get(&(relation, column.to_owned()))?.as_ref()
    }
}

/// A question that is asked many times.
#[derive(Clone, Copy)]
enum Question<'a> {
    Classes,
    Statistics,
    /// Of values of this type.
    Widths(&'a str),
}

/// Questions prepared in a session. They take longer to plan than to answer (measured on 15: a millisecond and more each, against a few
/// tenths), so they are planned once, for any values.
#[derive(Default)]
pub(crate) struct SizeQuestions {
    is_ready: OnceCell<()>,
    prepared: tokio::sync::Mutex<BTreeMap<String, Statement>>,
}

impl SizeQuestions {
    async fn prepared(&self, client: &Client, question: Question<'_>, types: &[Type]) -> Result<Statement, Error> {
        let failed = |error| Error::query("prepare to read what an index would hold", error);
        let any_values = || client.batch_execute("SET /* pgtailor */ plan_cache_mode = force_generic_plan");
        self.is_ready.get_or_try_init(any_values).await.map_err(failed)?;
        let (name, text) = match question {
            Question::Classes => ("classes".to_owned(), include_str!("sql/classes.sql").to_owned()),
            Question::Statistics => ("statistics".to_owned(), include_str!("sql/statistics.sql").to_owned()),
            Question::Widths(type_name) => (format!("widths of {type_name}"), width_question(type_name)),
        };
        let mut prepared = self.prepared.lock().await;
        if let Some(statement) = prepared.get(&name) {
            return Ok(statement.clone());
        }
        let statement = client.prepare_typed(&text, types).await.map_err(failed)?;
        prepared.insert(name, statement.clone());
        Ok(statement)
    }
}

async fn asked(client: &Client, statement: &Statement, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Error> {
    client.query(statement, values).await.map_err(|error| Error::query("read what an index would hold", error))
}
