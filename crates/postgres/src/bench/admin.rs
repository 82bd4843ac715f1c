//! What a lab needs before it is filled.

use pgtailor_model::name::quote_identifier;

use super::BenchError;
use crate::connect::Database;
use crate::session;

/// Creates an empty database called `name` on the server of `database`.
pub async fn create_database(database: &Database, name: &str) -> Result<(), BenchError> {
    let client = session::open(database, "pgtailor lab").await?;
    let create = format!("CREATE DATABASE {}", quote_identifier(name));
    client.batch_execute(&create).await.map_err(|error| BenchError::met(format!("create database {name}"), error))
}

/// Lets the server record statements, where its installation can; whether it does.
pub async fn record_statements(database: &Database) -> Result<bool, BenchError> {
    const AVAILABLE: &str = "SELECT EXISTS (SELECT FROM pg_catalog.pg_available_extensions WHERE name = 'pg_stat_statements')";
    let client = session::open(database, "pgtailor lab").await?;
    let operation = "turn the recording of statements on";
    let available = client.query_one(AVAILABLE, &[]).await.and_then(|row| row.try_get::<_, bool>(0));
    let available = available.map_err(|error| BenchError::met(operation, error))?;
    if available {
        let create = client.batch_execute("CREATE EXTENSION pg_stat_statements").await;
        create.map_err(|error| BenchError::met(operation, error))?;
    }
    Ok(available)
}
