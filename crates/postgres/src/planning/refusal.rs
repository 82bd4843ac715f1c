//! Why a statement was not planned, in our own words.

use crate::error::Error;

/// Why a statement was not planned, and what to do about it. Neither quotes the statement, its values, or the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why, as a sentence about the statement ("it …") without a period.
    pub reason: String,
    /// What helps, as a sentence without a period.
    pub hint: Option<String>,
    /// The server's code, when the server refused.
    pub sqlstate: Option<String>,
}

impl Refusal {
    /// A refusal of our own.
    pub(super) fn ours(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), hint: None, sqlstate: None }
    }

    /// The same with what helps.
    pub(super) fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// What the server refused with `sqlstate`.
    pub(super) fn of_state(sqlstate: &str) -> Self {
        let (reason, hint) = sentence(sqlstate);
        Self { reason: reason.to_owned(), hint: hint.map(str::to_owned), sqlstate: Some(sqlstate.to_owned()) }
    }

    /// The server's refusal, or an error when there is no server any more.
    pub(super) fn from_server(operation: &str, error: tokio_postgres::Error) -> Result<Self, Error> {
        match error.code() {
            Some(state) if !state.code().starts_with("08") && !state.code().starts_with("57P") => {
                Ok(Self::of_state(state.code()))
            }
            _ => Err(Error::query(operation, error)),
        }
    }
}

/// By SQLSTATE (`errcodes.txt`): what it says about a statement that was valid once, and what helps.
fn sentence(sqlstate: &str) -> (&'static str, Option<&'static str>) {
    match sqlstate {
        "42P01" => ("it names a table or view that does not exist any more, or is not in the search path", Some("capture again")),
        "3F000" => ("it names a schema that does not exist any more", Some("capture again")),
        "42703" => ("it names a column that does not exist any more", Some("capture again")),
        "42883" => ("it uses a function or operator that does not exist for these types", None),
        "42725" => ("it uses a function or operator that is not unique for these types", None),
        "42704" => ("it names a type or another object that does not exist any more", Some("capture again")),
        "42P18" => ("the type of a parameter cannot be told from the text", None),
        "42804" | "42846" | "42P08" => ("it mixes types that do not fit once its constants are parameters", None),
        "42P22" | "42P21" => ("it mixes collations", None),
        "42601" => ("this server's grammar does not accept it without its constants", None),
        "42501" => (
            "this role may not read a table, or not call a function, that it names",
            Some("grant SELECT on its tables to this role, or the role pg_read_all_data (server 14 and later)"),
        ),
        "42P10" => ("it refers to positions or constraints that are not there", None),
        "42803" | "42P20" => ("it groups or windows in a way that depends on its constants", None),
        "0A000" => ("it uses what this server does not support", None),
        "25006" => ("it would write, which this session cannot", None),
        "57014" => ("planning it took longer than the time limit", Some("try again with a longer limit")),
        "55P03" => ("another session holds an ACCESS EXCLUSIVE lock on one of its tables", Some("try again when it is gone")),
        "54001" | "54000" | "54011" | "54023" => ("it is larger or deeper than the server can plan", None),
        "53200" | "53100" | "53000" => ("the server has not enough memory or disk to plan it", None),
        state if state.starts_with("22") => ("a value does not fit its type, or a constant part cannot be computed", None),
        state if state.starts_with("XX") => ("the server reports an internal error when it plans it", None),
        _ => ("the server does not accept it", None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_kept_and_the_sentence_is_ours() {
        let refusal = Refusal::of_state("22P02");
        assert_eq!(refusal.sqlstate.as_deref(), Some("22P02"));
        assert!(refusal.reason.contains("does not fit"));
        assert!(Refusal::of_state("42501").hint.is_some_and(|hint| hint.contains("pg_read_all_data")));
        assert_eq!(Refusal::of_state("P0001").reason, "the server does not accept it");
    }
}
