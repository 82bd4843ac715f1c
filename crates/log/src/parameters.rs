//! The values of a statement's parameters, as the server logs them.
//!
//! They are users' data: parsed only when asked for, and hidden from `{:?}`.

use std::fmt;

use pgtailor_model::binding::Literal;

/// The parameters of one execution, not parsed yet: `$1 = 'it''s', $2 = NULL`.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Parameters<'a> {
    text: &'a str,
}

/// The value of one parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParameterValue {
    /// NULL.
    Null,
    /// This value.
    Known(Literal),
    /// Not in the log, or cut off (`log_parameter_max_length`, `auto_explain.log_parameter_max_length`). A value that itself ends with
    /// three dots looks the same, and is unknown too.
    Unknown,
}

/// More than a statement can have (`PQ_QUERY_PARAM_MAX_LIMIT` in `libpq-fe.h`).
const MOST_PARAMETERS: usize = 65_535;

impl<'a> Parameters<'a> {
    /// The parameters in the `DETAIL` of an entry; none when it says something else.
    pub(crate) fn of_detail(detail: &'a str) -> Self {
        // Server 16 and later write it with a capital.
        let text = detail.strip_prefix("parameters: ").or_else(|| detail.strip_prefix("Parameters: "));
        Self { text: text.unwrap_or_default() }
    }

    /// The parameters as `auto_explain` lists them.
    pub(crate) fn of_list(text: &'a str) -> Self {
        Self { text }
    }

    pub(crate) fn list(self) -> &'a str {
        self.text
    }

    /// Whether the log says nothing of parameters: there are none, or they were not logged.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The values, that of `$1` first (`BuildParamLogString` in `params.c` writes them).
    pub fn values(&self) -> Vec<ParameterValue> {
        let mut values = Vec::new();
        let mut rest = self.text;
        while let Some((number, after)) = assignment(rest) {
            let (value, after) = value(after);
            if number > MOST_PARAMETERS {
                break;
            }
            if number > values.len() {
                values.resize(number, ParameterValue::Unknown);
            }
            values[number - 1] = value;
            let Some(next) = after.strip_prefix(", ") else { break };
            rest = next;
        }
        values
    }
}

/// How many bytes, never which.
impl fmt::Debug for Parameters<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Parameters({} bytes)", self.text.len())
    }
}

/// `$1 = `, and what follows it.
fn assignment(text: &str) -> Option<(usize, &str)> {
    let (number, rest) = text.strip_prefix('$')?.split_once(" = ")?;
    let number = number.parse().ok().filter(|number| *number > 0)?;
    Some((number, rest))
}

/// A value, and what follows it.
fn value(text: &str) -> (ParameterValue, &str) {
    if let Some(rest) = text.strip_prefix("NULL") {
        return (ParameterValue::Null, rest);
    }
    let Some(quoted) = text.strip_prefix('\'') else { return (ParameterValue::Unknown, "") };
    let mut value = String::new();
    let mut rest = quoted;
    loop {
        let Some(end) = rest.find('\'') else { return (ParameterValue::Unknown, "") };
        value.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        let Some(after) = rest.strip_prefix('\'') else { break };
        value.push('\'');
        rest = after;
    }
    // `appendStringInfoStringQuoted` in `stringinfo_mb.c` puts the dots inside the quotes.
    if value.ends_with("...") { (ParameterValue::Unknown, rest) } else { (ParameterValue::Known(Literal::new(value)), rest) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(text: &str) -> ParameterValue {
        ParameterValue::Known(Literal::new(text))
    }

    #[track_caller]
    fn check(detail: &str, expected: &[ParameterValue]) {
        assert_eq!(Parameters::of_detail(detail).values(), expected);
    }

    #[test]
    fn quotes_nulls_and_anything_else_in_values_is_kept() {
        check("parameters: $1 = 'it''s', $2 = NULL, $3 = ''", &[known("it's"), ParameterValue::Null, known("")]);
        check("Parameters: $1 = ''', $2 = '''", &[known("', $2 = '")]);
        check("parameters: $1 = 'a\n\tb\\n', $2 = '''é'''", &[known("a\n\tb\\n"), known("'é'")]);
    }

    #[test]
    fn a_value_that_was_cut_off_is_unknown_and_the_next_is_not() {
        check("parameters: $1 = 'abc...', $2 = '7'", &[ParameterValue::Unknown, known("7")]);
    }

    #[test]
    fn what_is_no_list_of_parameters_is_none_and_a_broken_one_ends_there() {
        check("prepare: PREPARE q AS SELECT 1", &[]);
        check("", &[]);
        check("parameters: $1 = 'a", &[ParameterValue::Unknown]);
        check("parameters: $1 = 7, $2 = '8'", &[ParameterValue::Unknown]);
        check("parameters: $99999999 = '8'", &[]);
        check("parameters: $2 = '8'", &[ParameterValue::Unknown, known("8")]);
    }

    #[test]
    fn values_are_not_printed() {
        let parameters = Parameters::of_detail("parameters: $1 = 'eve@example.org'");
        assert!(!format!("{parameters:?} {:?}", parameters.values()).contains("eve"));
    }
}
