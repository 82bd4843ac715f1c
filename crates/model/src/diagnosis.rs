//! What a role, a server and a machine can and cannot do for pgtailor.

use serde::{Deserialize, Serialize};

/// What `doctor` found out about one database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// The target: `host:port/database as user`. Never holds a password.
    pub target: String,
    /// What was examined, in the order in which a person should read it.
    pub checks: Vec<Check>,
}

/// One thing examined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Its name, kebab-case, for example `pg-stat-statements`.
    pub name: String,
    /// Whether it is as it should be.
    pub status: Status,
    /// One sentence without a period: what is so, and what follows from it.
    pub sentence: String,
    /// The one command or statement that cures it, complete and ready to be run; several statements stand on lines of their own.
    pub remedy: Option<String>,
}

/// How well something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// As it should be.
    Ok,
    /// pgtailor works, but with less than it could have.
    Limited,
    /// Something that pgtailor does is not possible.
    Missing,
}

impl Diagnosis {
    /// The worst status of all checks; `Ok` when there are none.
    pub fn worst(&self) -> Status {
        self.checks.iter().map(|check| check.status).max().unwrap_or(Status::Ok)
    }

    /// The check `name`.
    pub fn check(&self, name: &str) -> Option<&Check> {
        self.checks.iter().find(|check| check.name == name)
    }
}

impl Check {
    /// A check that is as it should be.
    pub fn ok(name: &str, sentence: impl Into<String>) -> Self {
        Self { name: name.to_owned(), status: Status::Ok, sentence: sentence.into(), remedy: None }
    }

    /// A check that limits what pgtailor can do.
    pub fn limited(name: &str, sentence: impl Into<String>, remedy: Option<String>) -> Self {
        Self { name: name.to_owned(), status: Status::Limited, sentence: sentence.into(), remedy }
    }

    /// A check that makes something impossible.
    pub fn missing(name: &str, sentence: impl Into<String>, remedy: Option<String>) -> Self {
        Self { name: name.to_owned(), status: Status::Missing, sentence: sentence.into(), remedy }
    }
}

impl Status {
    /// Its name in the JSON and for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Limited => "limited",
            Self::Missing => "missing",
        }
    }
}
