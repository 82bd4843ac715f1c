//! One line of text as a string of another language, so that it can neither end the string nor be interpolated.
//!
//! What comes in has no control characters (`one_line` writes them otherwise), so only quotes, backslashes and interpolation are left.

/// A string of Python, in double quotes.
pub fn python(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A string of Ruby, in single quotes: nothing is interpolated there, and only the quote and the backslash are special.
pub fn ruby(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// A string of Elixir, in double quotes.
pub fn elixir(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace("#{", "\\#{"))
}

/// A string of JavaScript, in double quotes: a string of JSON is one since `ECMAScript` 2019.
pub fn javascript(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a reader of the language makes of `literal`: backslashes make the next character plain. `None` when the string ends before its
    /// last character, or something is interpolated.
    fn read(literal: &str, quote: char, interpolates: bool, is_special: impl Fn(char) -> bool) -> Option<String> {
        let inside = literal.strip_prefix(quote)?.strip_suffix(quote)?;
        let mut text = String::new();
        let mut rest = inside.chars().peekable();
        while let Some(character) = rest.next() {
            match character {
                '\\' => match rest.next()? {
                    next if is_special(next) => text.push(next),
                    // Ruby keeps both in single quotes; where another escape would have a meaning of its own we never write one.
                    next => text.extend(['\\', next]),
                },
                '#' if interpolates && rest.peek() == Some(&'{') => return None,
                _ if character == quote => return None,
                _ => text.push(character),
            }
        }
        Some(text)
    }

    /// Texts of one line that are rich in what is special somewhere.
    fn hostile() -> impl Strategy<Value = String> {
        let pieces = prop_oneof![
            Just("\\".to_owned()),
            Just("\"".to_owned()),
            Just("\"\"\"".to_owned()),
            Just("'".to_owned()),
            Just("#{".to_owned()),
            Just("${x}".to_owned()),
            Just("%{y}".to_owned()),
            Just("\\N{BULLET}".to_owned()),
            "[^\\p{C}\\p{Zl}\\p{Zp}]{0,4}",
        ];
        proptest::collection::vec(pieces, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn every_language_reads_back_what_was_written(text in hostile()) {
            prop_assert_eq!(read(&python(&text), '"', false, |next| next == '\\' || next == '"'), Some(text.clone()));
            prop_assert_eq!(read(&ruby(&text), '\'', false, |next| next == '\\' || next == '\''), Some(text.clone()));
            prop_assert_eq!(read(&elixir(&text), '"', true, |next| "\\\"#".contains(next)), Some(text.clone()));
            prop_assert_eq!(serde_json::from_str::<String>(&javascript(&text)).ok(), Some(text));
        }
    }
}
