//! Connection strings of the form `host=localhost port=5432 dbname='my db'`, as `conninfo_parse` of libpq reads them.

use std::iter::Peekable;
use std::str::Chars;

use super::error::ConnectError;
use super::parameter::Parameters;

/// Reads a `key=value` connection string.
pub(crate) fn parse(text: &str) -> Result<Parameters, ConnectError> {
    let mut parameters = Parameters::default();
    let mut rest = text.chars().peekable();
    loop {
        skip_space(&mut rest);
        if rest.peek().is_none() {
            return Ok(parameters);
        }
        let mut name = String::new();
        while let Some(c) = rest.next_if(|c| *c != '=' && !c.is_whitespace()) {
            name.push(c);
        }
        skip_space(&mut rest);
        if rest.next() != Some('=') {
            // The word may be the tail of a badly quoted password: not shown.
            return Err(malformed("a word is not followed by ="));
        }
        skip_space(&mut rest);
        let value = value(&mut rest)?;
        parameters.set(&name, value, "the connection string")?;
    }
}

fn value(rest: &mut Peekable<Chars<'_>>) -> Result<String, ConnectError> {
    let mut value = String::new();
    if rest.next_if_eq(&'\'').is_none() {
        while let Some(c) = rest.next_if(|c| !c.is_whitespace()) {
            value.extend(if c == '\\' { rest.next() } else { Some(c) });
        }
        return Ok(value);
    }
    loop {
        match rest.next() {
            None => return Err(malformed("a quoted value has no closing '")),
            Some('\'') => return Ok(value),
            Some('\\') => value.extend(rest.next()),
            Some(c) => value.push(c),
        }
    }
}

fn skip_space(rest: &mut Peekable<Chars<'_>>) {
    while rest.next_if(|c| c.is_whitespace()).is_some() {}
}

fn malformed(problem: &str) -> ConnectError {
    ConnectError::Malformed { what: "connection string", problem: problem.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_quotes_escapes_and_spaces() {
        let parameters = parse(r"host = localhost port=5433 dbname='my \'db\\' user=a\ b password=''").expect("valid");
        assert_eq!(parameters.get("host"), Some("localhost"));
        assert_eq!(parameters.get("port"), Some("5433"));
        assert_eq!(parameters.get("dbname"), Some(r"my 'db\"));
        assert_eq!(parameters.get("user"), Some("a b"));
        assert_eq!(parameters.get("password"), None);
    }

    #[test]
    fn refuses_what_libpq_refuses_without_showing_values() {
        for text in ["host", "host=a secret", "password='abc", "nonsense=1", "=5"] {
            let error = parse(text).err().expect(text).to_string();
            assert!(!error.contains("secret") && !error.contains("abc"), "{error}");
        }
    }
}
