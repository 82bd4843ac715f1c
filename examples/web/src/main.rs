//! A small web application that lets pgtailor keep its declared indexes in place.
//!
//! Run it with `DATABASE_URL=postgres://… cargo run -p pgtailor-example-web`, as many instances as you like: one builds, none waits.
//! The two lines that matter are marked.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use pgtailor::startup::{Guard, StartupOptions};
use pgtailor::{CatalogSource, Database, Options};
use sqlx::postgres::{PgPool, PgPoolOptions};

struct Application {
    pool: PgPool,
    tailor: Option<Guard>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log(&format!("error: {error}"));
            ExitCode::from(2)
        }
    }
}

async fn serve() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::var("DATABASE_URL").map_err(|_| "DATABASE_URL is not set")?;
    let pool = PgPoolOptions::new().max_connections(2).acquire_timeout(Duration::from_secs(5)).connect_lazy(&url)?;
    let tailor = if std::env::var_os("WITHOUT_PGTAILOR").is_none() { Some(tailor(&url)?) } else { None };
    let application = Arc::new(Application { pool, tailor });
    let router = Router::new()
        .route("/members/{organization}/{role}", get(members))
        .route("/tailor", get(status))
        .with_state(Arc::clone(&application));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    log(&format!("listening on {}", listener.local_addr()?));
    if let Some(guard) = &application.tailor {
        guard.ready(); // 2: it serves, so the work may begin
    }
    axum::serve(listener, router).await?;
    Ok(())
}

fn tailor(url: &str) -> Result<Guard, pgtailor::Error> {
    let catalog = CatalogSource::File(concat!(env!("CARGO_MANIFEST_DIR"), "/indexes.toml").into());
    let options = Options { catalogs: vec![catalog], ..Options::default() };
    let database = Database::from_url(url)?;
    Ok(pgtailor::startup::spawn(&database, StartupOptions { options, ..StartupOptions::default() })) // 1
}

async fn members(
    State(application): State<Arc<Application>>,
    Path((organization, role)): Path<(i32, String)>,
) -> Result<String, StatusCode> {
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM members WHERE organization_id = $1 AND role = $2")
        .bind(organization)
        .bind(role)
        .fetch_one(&application.pool)
        .await
        .map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    Ok(count.to_string())
}

async fn status(State(application): State<Arc<Application>>) -> String {
    application.tailor.as_ref().map_or_else(|| "without pgtailor".to_owned(), |guard| format!("{:?}", guard.status()))
}

#[expect(clippy::print_stdout, reason = "an application's own log")]
fn log(line: &str) {
    println!("{line}");
}
