//! Statements that the program can send to a database, for those who must know before they let it in.

use serde::{Deserialize, Serialize};

/// A statement that can be sent; `{…}` stands for what is put in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AuditedStatement {
    /// What it can do.
    pub class: StatementClass,
    /// Where in the source it is written.
    pub place: String,
    /// The statement.
    pub sql: String,
}

/// What a statement can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StatementClass {
    /// Answers a question from the catalogs, the counters or a sample of rows.
    Reads,
    /// Plans a statement of the workload, or a part of an index, without running it.
    Plans,
    /// Opens, closes or sets something of our own session.
    Session,
    /// Acts on our own sessions or on the server as a whole: takes the advisory lock, cancels our builder, reloads the configuration.
    Acts,
    /// Writes our own tables in schema `pgtailor`.
    Ledger,
    /// Changes the database: sent by `optimize`, `apply` and `undo` only.
    Changes,
}

impl StatementClass {
    /// Every class, the harmless first.
    pub const ALL: [Self; 6] = [Self::Reads, Self::Plans, Self::Session, Self::Acts, Self::Ledger, Self::Changes];

    /// Its name in the list and in the JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reads => "reads",
            Self::Plans => "plans",
            Self::Session => "session",
            Self::Acts => "acts",
            Self::Ledger => "ledger",
            Self::Changes => "changes",
        }
    }

    /// What its statements do, as a sentence without a period.
    pub fn words(self) -> &'static str {
        match self {
            Self::Reads => "answers a question from catalogs, counters or a sample of rows",
            Self::Plans => "plans a statement, and never runs it",
            Self::Session => "opens, closes or sets something of pgtailor's own session",
            Self::Acts => "takes the advisory lock, cancels pgtailor's own builder, or has the configuration read again",
            Self::Ledger => "writes pgtailor's own tables in schema pgtailor",
            Self::Changes => "changes the database; sent by optimize, apply and undo only",
        }
    }
}
