//! Advice as a migration of the tool that an application uses, one file a tool.
//!
//! `CREATE INDEX CONCURRENTLY` cannot run in a transaction, nor beside another statement in one message to the server
//! (`PreventInTransactionBlock` in `xact.c`): each tool knows its way out of its transaction, and a tool that sends a file as one message
//! gets a migration for each statement. It knows neither a clock nor files; the caller says when it is and writes. Start reading at
//! [`Script::new`] and [`Tool`].

mod alembic;
mod diesel;
mod django;
mod ecto;
mod flyway;
mod goose;
mod knex;
mod liquibase;
mod literal;
mod prisma;
mod rails;
mod sqlx;

use jiff::{SignedDuration, Timestamp};
use pgtailor_model::advice::Advice;

use crate::sql_text::one_line_without;
use crate::view::advice::script::{self, Step};

/// A tool that migrates databases.
pub trait Tool: Sync {
    /// Its name in `--migration`.
    fn name(&self) -> &'static str;

    /// Where its files belong, as a sentence without a period.
    fn place(&self) -> &'static str;

    /// Whether `after` can name the migration before; what is wrong with it otherwise, as a sentence without a period.
    fn accepts_after(&self, _after: &str) -> Result<(), String> {
        Err(format!("{} orders migrations by their names, so none is named as the one before", self.name()))
    }

    /// `script` as its migration.
    fn write(&self, script: &Script) -> Migration;
}

/// Every tool, in alphabetical order.
pub static ALL: &[&dyn Tool] = &[
    &alembic::Alembic,
    &diesel::Diesel,
    &django::Django,
    &ecto::Ecto,
    &flyway::Flyway,
    &goose::Goose,
    &knex::Knex,
    &liquibase::Liquibase,
    &prisma::Prisma,
    &rails::Rails,
    &sqlx::Sqlx,
];

/// Files of a migration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Migration {
    /// Each file's path, relative to the tool's folder of migrations and with `/` between folders, and its text.
    pub files: Vec<(String, String)>,
    /// What a person has still to do, as sentences without a period.
    pub hints: Vec<String>,
}

/// A tool that is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no migration tool `{0}`; the tools are {known}", known = names().join(", "))]
pub struct UnknownTool(pub String);

/// The tool called `name`.
pub fn by_name(name: &str) -> Result<&'static dyn Tool, UnknownTool> {
    ALL.iter().copied().find(|tool| tool.name() == name).ok_or_else(|| UnknownTool(name.to_owned()))
}

/// The names of all tools.
pub fn names() -> Vec<&'static str> {
    ALL.iter().map(|tool| tool.name()).collect()
}

/// What a migration is made of.
#[derive(Clone, Debug)]
pub struct Script {
    steps: Vec<Step>,
    at: Timestamp,
    after: Option<String>,
}

impl Script {
    /// The statements of `advice`, for a migration that is made at `at`; `after` names the migration before it, for tools that want to know.
    /// `None` when there is nothing to do.
    pub fn new(advice: &Advice, at: Timestamp, after: Option<&str>) -> Option<Self> {
        let steps = script::steps(advice);
        (!steps.is_empty()).then(|| Self { steps, at, after: after.map(str::to_owned) })
    }

    /// The statements that take everything back, last first.
    fn undo(&self) -> Vec<&str> {
        self.steps.iter().rev().filter_map(|step| step.undo.as_deref()).collect()
    }

    /// The same for each statement alone: a script for every step, a second apart, since names of migrations begin with a moment.
    fn single(&self) -> Vec<Self> {
        let mut at = self.at;
        let mut scripts = Vec::new();
        for step in &self.steps {
            scripts.push(Self { steps: vec![step.clone()], at, after: self.after.clone() });
            at = at.saturating_add(SignedDuration::from_secs(1)).unwrap_or(at);
        }
        scripts
    }

    /// When it was made, in UTC: `20251123061400`.
    fn digits(&self) -> String {
        self.at.strftime("%Y%m%d%H%M%S").to_string()
    }

    /// What it does, fit for the name of a file: lower-case letters and digits of ASCII, and `_`.
    fn slug(&self) -> String {
        /// Bytes that leave room for what tools put before and behind.
        const LONGEST: usize = 60;
        let title = self.steps.first().map(|step| step.title.as_str()).unwrap_or_default();
        let words = title.split(|character: char| !character.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        let mut slug = words.collect::<Vec<_>>().join("_").to_ascii_lowercase();
        slug.truncate(LONGEST);
        match self.steps.len() {
            0 | 1 => slug,
            count => format!("{}_and_{}_more", slug.trim_end_matches('_'), count - 1),
        }
    }

    /// Sixteen hexadecimal digits that differ when the statements or the moment do: FNV-1a, 64 bits.
    fn identifier(&self) -> String {
        const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
        const PRIME: u64 = 0x0000_0100_0000_01b3;
        let texts = self.steps.iter().map(|step| step.sql.as_str()).chain([self.digits().as_str()]).collect::<Vec<_>>().join(";");
        let hash = texts.bytes().fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
        format!("{hash:016x}")
    }
}

/// The notes of `step` as comment lines behind `mark`, and then `statement` on lines of its own.
fn commented(step: &Step, mark: &str, statement: &str) -> String {
    let notes = step.notes.iter().map(|note| format!("{mark} {note}"));
    notes.chain([statement.to_owned()]).map(|line| line + "\n").collect()
}

/// `sql` as one line of a file of SQL, in which a tool looks for none of `special`.
fn statement(sql: &str, special: &[char]) -> String {
    format!("{};", one_line_without(sql, special))
}

/// `text` with `indent` spaces before every line that is not empty.
fn indented(text: &str, indent: usize) -> String {
    let lines =
        text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("{}{line}\n", " ".repeat(indent)) });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_is_found_by_its_own_name_only() {
        for tool in ALL {
            assert_eq!(by_name(tool.name()).map(Tool::name), Ok(tool.name()));
            assert!(!tool.place().ends_with('.'));
        }
        assert!(names().is_sorted(), "as the help lists them");
        let error = by_name("make").map(Tool::name).expect_err("no such tool");
        assert!(error.to_string().contains("alembic, diesel"));
    }
}
