//! A session on a server of ours, that may do everything: for raising twins, where there is nobody's data to lose.
//!
//! Never for a target: nothing here is read-only, limited or checked. It knows no statement of its own.

use std::io::Cursor;
use std::pin::pin;

use futures_util::SinkExt as _;
use futures_util::future::join_all;
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::connect::Database;
use crate::error::Error;
use crate::session::{APPLICATION_NAME, open};

/// A session on a lab.
pub struct LabSession {
    pub(crate) client: Client,
}

/// A row as text.
pub type TextRow = Vec<Option<String>>;

impl LabSession {
    /// Opens a session with nothing pinned.
    pub async fn connect(database: &Database) -> Result<Self, Error> {
        Ok(Self { client: open(database, APPLICATION_NAME).await? })
    }

    /// Runs one or more statements; several are one transaction. `doing` is read after "cannot".
    pub async fn run(&self, doing: &str, sql: &str) -> Result<(), Error> {
        self.client.batch_execute(sql).await.map_err(|error| Error::query(doing, error))
    }

    /// Runs each text as a transaction of its own, sent one behind the other: the failure of one is not the next one's.
    ///
    /// # Errors
    /// When the session is lost; what the server refused is in its place.
    pub async fn run_each(&self, doing: &str, texts: &[&str]) -> Result<Vec<Result<(), Error>>, Error> {
        let mut outcomes = Vec::with_capacity(texts.len());
        for outcome in join_all(texts.iter().map(|text| self.client.batch_execute(text))).await {
            let outcome = outcome.map_err(|error| Error::query(doing, error));
            match outcome {
                Err(error) if error.is_connection_lost() => return Err(error),
                outcome => outcomes.push(outcome),
            }
        }
        Ok(outcomes)
    }

    /// The rows of the last statement in `sql` that has some.
    pub async fn rows(&self, doing: &str, sql: &str) -> Result<Vec<TextRow>, Error> {
        let answer = self.client.simple_query(sql).await.map_err(|error| Error::query(doing, error))?;
        let row = |message: SimpleQueryMessage| match message {
            SimpleQueryMessage::Row(row) => Some((0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect()),
            _ => None,
        };
        Ok(answer.into_iter().filter_map(row).collect())
    }

    /// Copies rows in, by a `COPY … FROM STDIN` in text format.
    pub async fn copy_in(&self, doing: &str, sql: &str, rows: Vec<u8>) -> Result<(), Error> {
        let failed = |error| Error::query(doing, error);
        let mut sink = pin!(self.client.copy_in::<_, Cursor<Vec<u8>>>(sql).await.map_err(failed)?);
        sink.send(Cursor::new(rows)).await.map_err(failed)?;
        sink.finish().await.map_err(failed)?;
        Ok(())
    }
}

/// One line of `COPY`'s text format: columns with what separates them escaped, `\N` for null.
pub fn copy_line(columns: &[Option<&str>]) -> String {
    let escaped = |column: Option<&str>| match column {
        None => "\\N".to_owned(),
        Some(text) => text.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n").replace('\r', "\\r"),
    };
    columns.iter().copied().map(escaped).collect::<Vec<_>>().join("\t") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_separates_columns_is_escaped_within_them() {
        assert_eq!(copy_line(&[Some("a\tb\\"), None, Some("c\nd")]), "a\\tb\\\\\t\\N\tc\\nd\n");
        assert_eq!(copy_line(&[Some("\\N")]), "\\\\N\n");
    }
}
