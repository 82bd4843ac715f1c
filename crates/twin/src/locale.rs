//! The twin's database, with the source's encoding and order of texts.

use std::fmt::Write as _;

use pgtailor_model::name::{quote_identifier, quote_literal};
use pgtailor_model::planner::{Inexact, Locale};
use pgtailor_postgres::lab_session::LabSession;

use crate::error::TwinError;
use crate::session::{DATABASE, OWNER};

/// Makes the database; where this machine lacks the locale, in the order of bytes, and says so.
pub(crate) async fn make_database(
    superuser: &LabSession,
    server_version: u32,
    locale: &Locale,
    inexact: &mut Vec<Inexact>,
) -> Result<(), TwinError> {
    let create = format!(
        "CREATE DATABASE {DATABASE} OWNER {OWNER} TEMPLATE template0 ENCODING {}",
        quote_literal(if locale.encoding.is_empty() { "UTF8" } else { &locale.encoding })
    );
    let outcome = superuser.run("make the twin's database", &format!("{create} {}", clauses(server_version, locale))).await;
    let Err(error) = outcome else { return Ok(()) };
    if error.is_connection_lost() {
        return Err(error.into());
    }
    inexact.push(Inexact {
        object: format!("collation {}", quote_identifier(locale.locale.as_deref().unwrap_or(&locale.collate))),
        table: None,
        reason: "this machine does not have it, so texts sort by their bytes; ranges over texts are estimated otherwise"
            .to_owned(),
    });
    for fallback in ["C.UTF-8", "C"] {
        let with = format!("LC_COLLATE {0} LC_CTYPE {0}", quote_literal(fallback));
        if superuser.run("make the twin's database", &format!("{create} {with}")).await.is_ok() {
            return Ok(());
        }
    }
    let plain = format!("CREATE DATABASE {DATABASE} OWNER {OWNER} TEMPLATE template0");
    Ok(superuser.run("make the twin's database", &plain).await?)
}

fn clauses(server_version: u32, locale: &Locale) -> String {
    let mut clauses = format!("LC_COLLATE {} LC_CTYPE {}", quote_literal(&locale.collate), quote_literal(&locale.ctype));
    if let Some(name) = locale.locale.as_deref().filter(|_| server_version >= 150_000 && locale.provider != "libc") {
        let option = match (locale.provider.as_str(), server_version) {
            ("builtin", _) => "BUILTIN_LOCALE",
            _ => "ICU_LOCALE",
        };
        let _ = write!(clauses, " LOCALE_PROVIDER {} {option} {}", quote_identifier(&locale.provider), quote_literal(name));
        if let Some(rules) = locale.rules.as_deref().filter(|_| server_version >= 160_000) {
            let _ = write!(clauses, " ICU_RULES {}", quote_literal(rules));
        }
    }
    clauses
}
