//! The workload of a blueprint: statements, each with its share of the executions, and how its parameters are made.
//!
//! It decides whether the texts are complete and consistent; which statement comes next, and with which values, is for
//! [`crate::draw`]. It must know nothing of a server: a statement's text is not parsed beyond its `$n`.

use serde::{Deserialize, Serialize};

use crate::error::{Error, from_toml};
use crate::language::{BoundRowSpec, Spec, WorkloadSpec};

/// The statements of a blueprint, in the order of their file.
#[derive(Clone, Debug, Default)]
pub struct Workload {
    file: String,
    statements: Vec<Statement>,
}

/// One statement of a workload.
#[derive(Clone, Debug)]
pub struct Statement {
    /// Its name, unique in the workload.
    pub name: String,
    /// The number of its shape, as the blueprint counts shapes; several statements may be variants of one. 0 when it has none.
    pub shape: u32,
    /// The category that it is counted under.
    pub category: String,
    /// Whether it writes.
    pub kind: Kind,
    /// Its share of all executions, relative to the other weights.
    pub weight: f64,
    /// What it is for; may be empty.
    pub description: String,
    /// The text, with `$1`, `$2` … for its parameters.
    pub sql: String,
    pub(crate) rows: Vec<BoundRowSpec>,
    pub(crate) parameters: Vec<Spec>,
}

/// Whether a statement writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It only reads.
    Read,
    /// It inserts, updates or deletes.
    Write,
}

impl Workload {
    /// The workload in `text`; `file` names it in errors, and `categories` are the ones that the blueprint has.
    ///
    /// # Errors
    /// [`Error::Line`] for bad TOML, unknown keys, a name used twice, an unknown category, weights that are not numbers from 0 up, and
    /// parameters that do not match the `$n` of the text.
    pub fn parse(text: &str, file: &str, categories: &[&str]) -> Result<Self, Error> {
        let spec: WorkloadSpec = from_toml(file, text)?;
        let mut statements: Vec<Statement> = Vec::new();
        for spanned in spec.statement {
            let offset = spanned.span().start;
            let spec = spanned.into_inner();
            let statement = Statement {
                name: spec.name,
                shape: spec.shape,
                category: spec.category,
                kind: spec.kind,
                weight: spec.weight,
                description: spec.description,
                sql: spec.sql.trim().to_owned(),
                rows: spec.rows,
                parameters: spec.parameters,
            };
            let taken = statements.iter().any(|other| other.name == statement.name);
            if let Some(fault) = statement.fault(taken, categories) {
                return Err(Error::at(file, text, offset, format!("statement `{}` {fault}", statement.name)));
            }
            statements.push(statement);
        }
        if !statements.is_empty() && statements.iter().all(|statement| statement.weight <= 0.0) {
            return Err(Error::of(file, "no statement has a weight above 0, so none would ever run"));
        }
        Ok(Self { file: file.to_owned(), statements })
    }

    /// The same workload with some of its statements only.
    #[must_use]
    pub fn only(&self, keep: impl Fn(&Statement) -> bool) -> Self {
        Self { file: self.file.clone(), statements: self.statements.iter().filter(|one| keep(one)).cloned().collect() }
    }

    /// The statements, in the order of their file.
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// The file that it was read from.
    pub fn file(&self) -> &str {
        &self.file
    }
}

impl Statement {
    /// How many parameters it takes.
    pub fn n_parameters(&self) -> usize {
        self.parameters.len()
    }

    fn fault(&self, taken: bool, categories: &[&str]) -> Option<String> {
        if self.name.is_empty() || self.sql.is_empty() {
            return Some("needs a name and a text".to_owned());
        }
        if taken {
            return Some("is there twice; give one of the two another name".to_owned());
        }
        if !categories.contains(&self.category.as_str()) {
            return Some(format!("has the category `{}`; the blueprint's are {}", self.category, categories.join(", ")));
        }
        if !self.weight.is_finite() || self.weight < 0.0 {
            return Some(format!("has the weight {}; a weight is a number from 0 up", self.weight));
        }
        let used = parameter_numbers(&self.sql);
        let declared: Vec<usize> = (1..=self.parameters.len()).collect();
        if used != declared {
            let list = |numbers: &[usize]| {
                let words: Vec<String> = numbers.iter().map(|number| format!("${number}")).collect();
                if words.is_empty() { "none".to_owned() } else { words.join(", ") }
            };
            return Some(format!("uses {} and describes {}; each needs the other", list(&used), list(&declared)));
        }
        None
    }
}

/// The numbers of the `$n` in `sql`, sorted, each once; those inside quotes and comments are text.
fn parameter_numbers(sql: &str) -> Vec<usize> {
    let bytes = sql.as_bytes();
    let mut numbers = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        at = match bytes[at] {
            quote @ (b'\'' | b'"') => end_of(bytes, at + 1, &[quote]),
            b'-' if bytes[at..].starts_with(b"--") => end_of(bytes, at, b"\n"),
            b'/' if bytes[at..].starts_with(b"/*") => end_of(bytes, at + 2, b"*/"),
            b'$' => {
                let digits = bytes[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
                if let Ok(number) = sql[at + 1..at + 1 + digits].parse() {
                    numbers.push(number);
                }
                at + 1 + digits
            }
            _ => at + 1,
        };
    }
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

/// The position after the next `end` at or after `from`.
fn end_of(bytes: &[u8], from: usize, end: &[u8]) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    rest.windows(end.len()).position(|window| window == end).map_or(bytes.len(), |found| from + found + end.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_parameters_outside_quotes_and_comments() {
        assert_eq!(parameter_numbers("SELECT $2, '$3', \"$4\", $1 -- $5\n, $12 /* $6 */ WHERE a = $2"), [1, 2, 12]);
        assert_eq!(parameter_numbers("SELECT 'it''s $1', $1"), [1]);
        assert_eq!(parameter_numbers("SELECT 1 -- $1"), Vec::<usize>::new());
    }

    fn statement(rest: &str) -> Result<Workload, Error> {
        let text = format!("[[statement]]\nname = \"s\"\ncategory = \"c\"\nkind = \"read\"\nweight = 1\n{rest}\n");
        Workload::parse(&text, "w.toml", &["c"])
    }

    #[test]
    fn parameters_and_text_must_agree() {
        assert!(statement("sql = \"SELECT $1, $2\"\nparameters = [\"uuid\", \"null\"]").is_ok());
        let error = statement("sql = \"SELECT $1, $3\"\nparameters = [\"uuid\", \"null\"]").expect_err("wrong").to_string();
        assert!(error.starts_with("w.toml:1: ") && error.contains("$1, $3"), "{error}");
        assert!(statement("sql = \"SELECT 1\"\nparameters = [\"uuid\"]").is_err());
    }

    #[test]
    fn categories_must_exist_and_unknown_keys_are_refused() {
        assert!(Workload::parse("", "w.toml", &[]).is_ok());
        let error = statement("sql = \"SELECT 1\"\nweigth = 1").expect_err("wrong").to_string();
        assert!(error.contains("w.toml:7: ") && error.contains("weigth"), "{error}");
        let text = "[[statement]]\nname = \"s\"\ncategory = \"x\"\nkind = \"read\"\nweight = 1\nsql = \"SELECT 1\"\n";
        assert!(Workload::parse(text, "w.toml", &["c"]).expect_err("wrong").to_string().contains("category `x`"));
    }
}
