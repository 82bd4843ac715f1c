//! The search path under which the names in foreign statements are read.

use pgtailor_model::name::quote_identifier;
use tokio_postgres::Client;

use crate::error::Error;
use crate::session;

/// `pg_catalog` first, so that nothing in the schemas of `search_path` is taken for what is built in; temporary objects last.
///
/// Limits: a function with exactly the argument types of a call is preferred to a built-in one that needs a conversion
/// (`func_get_detail` in `parse_func.c`), whatever the order: only `trust` protects from that.
pub(super) fn setting(search_path: &[String]) -> String {
    let own = search_path.iter().map(String::as_str).filter(|schema| !matches!(*schema, "pg_catalog" | "pg_temp"));
    let schemas: Vec<String> = ["pg_catalog"].into_iter().chain(own).chain(["pg_temp"]).map(quote_identifier).collect();
    format!("search_path TO {}", schemas.join(", "))
}

/// Runs `work` while the session's search path is that of the statements, and puts the pinned one back.
pub(super) async fn under<T>(
    client: &Client,
    search_path: &[String],
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let statement = format!("SET /* pgtailor */ {}", setting(search_path));
    client.batch_execute(&statement).await.map_err(|error| Error::query("set the statements' search path", error))?;
    let result = work.await;
    if !client.is_closed() {
        session::pin(client, &[("search_path", "pg_catalog, pg_temp")]).await?;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_in_comes_first_and_names_are_quoted() {
        let path = ["public".to_owned(), "pg_catalog".to_owned(), "My, \"App\"".to_owned()];
        assert_eq!(setting(&path), r#"search_path TO pg_catalog, public, "My, ""App""", pg_temp"#);
    }
}
