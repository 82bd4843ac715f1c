//! TPC-H in a lab, and the queries of the published comparison.

use std::path::Path;

use pgtailor_lab::{Lab, LabOptions};
use pgtailor_postgres::lab_session::LabSession;
use pgtailor_testkit::tpch;

use super::Failure;

/// The published comparison leaves these out: other advisors could not plan them.
const LEFT_OUT: [usize; 3] = [2, 17, 20];

/// What is sent at a time, in bytes.
const PIECE: usize = 64 * 1024 * 1024;

/// A server with the settings of the published comparison.
pub(super) fn lab() -> Result<Lab, Failure> {
    Ok(Lab::start(&LabOptions::new().with_setting("work_mem", "64MB").with_setting("max_wal_size", "8GB"))?)
}

/// Loads `scale`.
pub(super) async fn tpch(session: &LabSession, scale: f64) -> Result<(), Failure> {
    session.run("make the tables", tpch::SCHEMA).await?;
    for (table, lines) in tpch::tables(scale) {
        let copy = format!("COPY {table} FROM STDIN (DELIMITER '|')");
        let mut piece = String::new();
        for line in lines {
            piece.push_str(&line);
            piece.push('\n');
            if piece.len() > PIECE {
                session.copy_in("load a table", &copy, std::mem::take(&mut piece).into_bytes()).await?;
            }
        }
        session.copy_in("load a table", &copy, piece.into_bytes()).await?;
    }
    session.run("make the keys", tpch::KEYS).await?;
    session.run("gather statistics", "VACUUM ANALYZE").await?;
    Ok(())
}

/// Writes the queries to `folder`, each a file; their texts.
pub(super) fn queries(folder: &Path) -> Result<Vec<String>, Failure> {
    let mut texts = Vec::new();
    for (number, text) in tpch::queries().into_iter().filter(|(number, _)| !LEFT_OUT.contains(number)) {
        std::fs::write(folder.join(format!("q{number:02}.sql")), text)?;
        texts.push(text.to_owned());
    }
    Ok(texts)
}
