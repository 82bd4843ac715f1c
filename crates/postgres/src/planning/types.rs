//! The types of a statement's parameters, as the server gives them when it reads the text.
//!
//! Parse and Describe only: nothing is planned or run, nothing but string constants computed (which normalized texts do not have), and the prepared statement is closed at once. (The client keeps statements of its
//! own that look up types; they hold nothing of anybody's.) Where a text lost the type with its constants, casts put it back: the type of
//! the column that the parameter's role names, or what the role itself says.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use pgtailor_model::binding::{Parameter, Role};
use pgtailor_model::catalog::{Catalog, Table};
use pgtailor_model::name::Oid;
use pgtailor_sql::plannable::{parameters_at, repaired, why_not_plannable, with_casts};
use pgtailor_workload::draw::{TypeKind, ValueType};
use tokio_postgres::error::ErrorPosition;
use tokio_postgres::types::{Kind, Type};
use tokio_postgres::{Client, Statement};

use super::refusal::Refusal;
use super::trust::Trust;
use crate::error::Error;

/// Statements that are on their way at a time: more would only fill buffers.
const AT_A_TIME: usize = 200;

/// How often a text is tried, each time with more casts.
const ATTEMPTS: usize = 8;

/// A statement as the server accepts it, with `$n` for its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// The text: the normalized one with what normalizing broke put right.
    pub text: String,
    /// The parameters' types as a cast writes them, with their schema; `$1` first.
    pub types: Vec<String>,
}

impl Prepared {
    /// The statement of a what-if question, which the server has accepted before.
    pub fn of(question: &pgtailor_model::what_if::Question<'_>) -> Self {
        Self { text: question.text.to_owned(), types: question.types.to_vec() }
    }
}

/// A statement with its parameters' types as values need them.
pub(super) struct Typed {
    pub prepared: Prepared,
    pub types: Vec<ValueType>,
}

/// Tables by identifier.
pub(super) type Tables<'a> = BTreeMap<Oid, &'a Table>;

pub(super) fn tables(catalog: &Catalog) -> Tables<'_> {
    catalog.tables.iter().map(|table| (table.oid, table)).collect()
}

/// Lets the server read each text, whose parameters play the roles beside it. The search path is the caller's.
pub(super) async fn typed(
    client: &Client,
    server_version: u32,
    trust: &Trust,
    statements: &[(&str, &[Parameter])],
    tables: &Tables<'_>,
) -> Result<Vec<Result<Typed, Refusal>>, Error> {
    let mut answers = Vec::with_capacity(statements.len());
    for page in statements.chunks(AT_A_TIME) {
        let attempts = page.iter().map(|(text, parameters)| Attempt::new(text, parameters, server_version, trust)).collect();
        answers.extend(page_typed(client, attempts, tables).await?);
    }
    Ok(answers)
}

async fn page_typed(
    client: &Client,
    mut attempts: Vec<Attempt<'_>>,
    tables: &Tables<'_>,
) -> Result<Vec<Result<Typed, Refusal>>, Error> {
    for _ in 0..ATTEMPTS {
        let mut waiting: Vec<&mut Attempt<'_>> = attempts.iter_mut().filter(|attempt| attempt.outcome.is_none()).collect();
        if waiting.is_empty() {
            break;
        }
        // Sent one behind the other, each in a transaction of its own: the failure of one is not the next one's.
        let read = join_all(waiting.iter().map(|attempt| client.prepare(&attempt.text))).await;
        for (attempt, read) in waiting.iter_mut().zip(read) {
            match read {
                Ok(statement) => attempt.outcome = Some(Ok(types_of(&statement))),
                Err(error) => attempt.failed(error, tables)?,
            }
        }
    }
    Ok(attempts.into_iter().map(Attempt::finish).collect())
}

/// One text on its way to being accepted.
struct Attempt<'a> {
    parameters: &'a [Parameter],
    /// Repaired, without casts.
    bare: String,
    casts: BTreeMap<u32, String>,
    /// How much has been guessed.
    stage: Stage,
    text: String,
    outcome: Option<Result<Types, Refusal>>,
}

/// What was tried, from the certain to the guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// The text alone.
    Text,
    /// Types of columns and roles. After that, parameters without a role are whole numbers where the server complains: what
    /// `CASE … THEN $2 ELSE $3` inside a sum lost.
    Roles,
}

struct Types {
    values: Vec<ValueType>,
    names: Vec<String>,
}

impl<'a> Attempt<'a> {
    fn new(text: &str, parameters: &'a [Parameter], server_version: u32, trust: &Trust) -> Self {
        let mut attempt = Self {
            parameters,
            bare: String::new(),
            casts: BTreeMap::new(),
            stage: Stage::Text,
            text: String::new(),
            outcome: None,
        };
        let readable = || {
            why_not_plannable(text).map_err(Refusal::ours)?;
            trust.check_reading(text)?;
            repaired(text, server_version).ok_or_else(|| Refusal::ours("it cannot be scanned as SQL"))
        };
        match readable() {
            Ok(repaired) => {
                attempt.text.clone_from(&repaired);
                attempt.bare = repaired;
            }
            Err(refusal) => attempt.outcome = Some(Err(refusal)),
        }
        attempt
    }

    /// Adds casts for the next attempt, or gives up.
    fn failed(&mut self, error: tokio_postgres::Error, tables: &Tables<'_>) -> Result<(), Error> {
        let state = error.code().map(|state| state.code().to_owned()).unwrap_or_default();
        let changed = match state.as_str() {
            // The message names the parameter; nothing else of it is looked at.
            "42P18" => match error.as_db_error().and_then(|said| parameter_in(said.message())) {
                Some(number) => self.cast_all([number], tables, Some("text")),
                None => self.cast_roles(tables),
            },
            "42725" | "42883" | "42804" | "42846" | "42P08" => {
                self.cast_roles(tables) || self.cast_all(parameters_at(&self.text, position_of(&error)), tables, Some("integer"))
            }
            _ => false,
        };
        if !changed {
            self.outcome = Some(Err(Refusal::from_server("read a statement", error)?));
        }
        Ok(())
    }

    /// Casts every parameter whose role knows its type, once; whether the text changed.
    fn cast_roles(&mut self, tables: &Tables<'_>) -> bool {
        if self.stage == Stage::Roles {
            return false;
        }
        self.stage = Stage::Roles;
        let numbers: Vec<u32> = self.parameters.iter().map(|parameter| parameter.number).collect();
        self.cast_all(numbers, tables, None)
    }

    /// Casts these parameters as their roles want it, else as `otherwise`; whether the text changed. One that is cast stays so, and where
    /// the text has a cast of its own nothing is added.
    fn cast_all(&mut self, numbers: impl IntoIterator<Item = u32>, tables: &Tables<'_>, otherwise: Option<&str>) -> bool {
        for number in numbers {
            let parameter = self.parameters.iter().find(|parameter| parameter.number == number);
            let cast = parameter.and_then(|parameter| type_of_role(parameter, tables)).or(otherwise.map(str::to_owned));
            if let Some(cast) = cast {
                self.casts.entry(number).or_insert(cast);
            }
        }
        let text = with_casts(&self.bare, &self.casts).unwrap_or_default();
        let changed = !text.is_empty() && text != self.text;
        if changed {
            self.text = text;
        }
        changed
    }

    fn finish(self) -> Result<Typed, Refusal> {
        let gave_up = || Err(Refusal::of_state("42P18"));
        let Types { values, names } = self.outcome.unwrap_or_else(gave_up)?;
        Ok(Typed { prepared: Prepared { text: self.text, types: names }, types: values })
    }
}

/// The type that a parameter's role gives it.
fn type_of_role(parameter: &Parameter, tables: &Tables<'_>) -> Option<String> {
    let column_type = |table: &Oid, column: &str| Some(tables.get(table)?.column(column)?.type_name.clone());
    match &parameter.role {
        Role::Compared { expression: Some(_), .. } | Role::Free => None,
        Role::Compared { table, column, array: true, .. } => column_type(table, column).map(|name| format!("{name}[]")),
        Role::Compared { table, column, .. } | Role::Assigned { table, column } => column_type(table, column),
        Role::Offset { table, column } => column_type(table, column).map(|name| match name.as_str() {
            "date" => "integer".to_owned(),
            name if name.starts_with("time") => "interval".to_owned(),
            _ => name,
        }),
        Role::Pattern { .. } | Role::DocumentKey { .. } | Role::FullText => Some("text".to_owned()),
        Role::RowLimit | Role::RowOffset => Some("bigint".to_owned()),
        Role::Interval => Some("interval".to_owned()),
    }
}

/// Where in the text the server found the mistake, in characters from 1; 0 when it does not say.
fn position_of(error: &tokio_postgres::Error) -> usize {
    match error.as_db_error().and_then(|said| said.position()) {
        Some(ErrorPosition::Original(position)) => usize::try_from(*position).unwrap_or_default(),
        _ => 0,
    }
}

/// The first `$n` in a message.
fn parameter_in(message: &str) -> Option<u32> {
    let digits = message.split('$').nth(1)?;
    digits[..digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len())].parse().ok()
}

fn types_of(statement: &Statement) -> Types {
    let types = statement.params();
    Types { values: types.iter().map(value_type).collect(), names: types.iter().map(cast_name).collect() }
}

fn value_type(of: &Type) -> ValueType {
    let kind = match of.kind() {
        Kind::Domain(base) => return value_type(base),
        Kind::Enum(labels) => TypeKind::Enum(labels.clone()),
        // `int2vector` and `oidvector` have elements, too, and another text format.
        Kind::Array(element) if of.name().starts_with('_') => TypeKind::Array(Box::new(value_type(element))),
        _ => TypeKind::Plain,
    };
    ValueType { name: of.name().to_owned(), kind }
}

/// With its schema, as a cast of any search path understands it. `_int4` is a type's name like any other.
fn cast_name(of: &Type) -> String {
    pgtailor_model::name::QualifiedName::new(of.schema(), of.name()).sql()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_number_is_taken_from_a_message() {
        assert_eq!(parameter_in("could not determine data type of parameter $12"), Some(12));
        assert_eq!(parameter_in("konnte Datentyp von Parameter $3 nicht ermitteln"), Some(3));
        assert_eq!(parameter_in("no parameter"), None);
    }
}
