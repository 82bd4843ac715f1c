//! An index as a person writes it on a command line, compared with definitions as the server writes them.
//!
//! Both become the same words: names without needless quotes, key words in lower case, nothing that is the default. It is a comparison of
//! spellings and knows no SQL beyond that: `a + b` and `b + a` are two things.

use pgtailor_model::name::{QualifiedName, quote_identifier};

/// A table and what follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The schema, when one is named.
    schema: Option<String>,
    /// The table.
    table: String,
    /// What follows it, in words.
    words: Vec<String>,
}

/// What `text` asks for: `orders (customer_id, created_at desc)`, `public.orders using gin (tags)`, or the whole `CREATE INDEX`. `None`
/// when it names no table or no columns.
pub fn asked(text: &str) -> Option<Asked> {
    let mut words = words(text);
    if words.first().is_some_and(|first| first == "create") {
        let on = words.iter().position(|word| word == "on")?;
        words.drain(..=on);
    }
    if words.first().is_some_and(|first| first == "only") {
        words.remove(0);
    }
    let end = words.iter().position(|word| word == "(" || word == "using")?;
    let rest = words.split_off(end);
    let (schema, table) = match words.as_slice() {
        [table] => (None, table),
        [schema, dot, table] if dot == "." => (Some(unquoted(schema)), table),
        _ => return None,
    };
    Some(Asked { schema, table: unquoted(table), words: plain(rest) })
}

impl Asked {
    /// Whether `table` and `definition` are what is asked for.
    pub fn is(&self, table: &QualifiedName, definition: &str) -> bool {
        self.is_on(table) && self.distance(definition) == 0
    }

    /// Whether it is about `table`.
    pub fn is_on(&self, table: &QualifiedName) -> bool {
        self.table == table.name && self.schema.as_ref().is_none_or(|schema| *schema == table.schema)
    }

    /// The table's name.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// How many words have to be put in, taken out or replaced to come to `definition`.
    pub fn distance(&self, definition: &str) -> usize {
        distance(&self.words, &plain(words(definition)))
    }
}

/// How many characters of `one` have to be put in, taken out or replaced to come to `other`.
pub fn name_distance(one: &str, other: &str) -> usize {
    distance(&one.chars().collect::<Vec<_>>(), &other.chars().collect::<Vec<_>>())
}

/// The edit distance of Levenshtein, a row of the matrix at a time.
fn distance<T: PartialEq>(one: &[T], other: &[T]) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, left) in one.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (column, right) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(left != right);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

/// The words of `text`: names, quoted things, and every other character by itself.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text.trim_end_matches(|last: char| last == ';' || last.is_whitespace());
    while let Some(first) = rest.chars().next() {
        let end = match first {
            '"' | '\'' => closing(rest, first),
            _ if is_of_name(first) => rest.find(|next| !is_of_name(next)).unwrap_or(rest.len()),
            _ => first.len_utf8(),
        };
        let word = &rest[..end];
        if !first.is_whitespace() {
            words.push(match first {
                '"' => quote_identifier(&unquoted(word)),
                '\'' => word.to_owned(),
                // As the server folds names: letters of ASCII only (`downcase_identifier` in `scansup.c`, UTF-8).
                _ => word.to_ascii_lowercase(),
            });
        }
        rest = &rest[end..];
    }
    words
}

/// Where the quoted text at the start of `text` ends.
fn closing(text: &str, quote: char) -> usize {
    let mut at = 1;
    while let Some(found) = text[at..].find(quote) {
        at += found + 1;
        if !text[at..].starts_with(quote) {
            return at;
        }
        at += 1;
    }
    text.len()
}

fn is_of_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_' || character == '$'
}

fn unquoted(word: &str) -> String {
    let inside = word.strip_prefix('"').map(|inside| inside.strip_suffix('"').unwrap_or(inside));
    inside.map_or_else(|| word.to_owned(), |inside| inside.replace("\"\"", "\""))
}

/// `words` without what is the default: the method `btree`, ascending order, and nulls where that order puts them.
fn plain(words: Vec<String>) -> Vec<String> {
    let mut plain: Vec<String> = Vec::new();
    let mut words = words.into_iter().peekable();
    let mut is_descending = false;
    while let Some(word) = words.next() {
        match word.as_str() {
            "using" if plain.is_empty() && words.peek().is_some_and(|next| next == "btree") => {
                words.next();
            }
            "asc" => {}
            "nulls" if words.peek().is_some_and(|next| next == if is_descending { "first" } else { "last" }) => {
                words.next();
            }
            _ => {
                match word.as_str() {
                    "desc" => is_descending = true,
                    "," | "(" | ")" => is_descending = false,
                    _ => {}
                }
                plain.push(word);
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(text: &str, definition: &str) -> bool {
        asked(text).is_some_and(|asked| asked.is(&QualifiedName::new("public", "orders"), definition))
    }

    #[test]
    fn the_same_index_is_known_however_it_is_written() {
        for text in [
            "orders (customer_id, created_at DESC)",
            "Orders(Customer_Id,created_at desc nulls first)",
            "public.orders USING btree (\"customer_id\" ASC NULLS LAST, created_at DESC);",
            "CREATE INDEX CONCURRENTLY i ON ONLY public.\"orders\" (customer_id, created_at DESC)",
        ] {
            assert!(is(text, "(customer_id, created_at DESC)"), "{text}");
        }
        assert!(is("orders using GIN (tags)", "USING gin (tags)"));
        assert!(is("orders (\"A b\") where note = 'It''s'", "(\"A b\") WHERE note = 'It''s'"));
    }

    #[test]
    fn another_index_is_not() {
        for text in [
            "orders (created_at DESC, customer_id)",
            "orders (customer_id, created_at)",
            "orders (customer_id, created_at DESC NULLS LAST)",
            "app.orders (customer_id, created_at DESC)",
            "order (customer_id, created_at DESC)",
            "orders (\"Customer_id\", created_at DESC)",
            "orders",
            "",
        ] {
            assert!(!is(text, "(customer_id, created_at DESC)"), "{text}");
        }
    }

    #[test]
    fn distances_count_words_and_characters() {
        let asked = asked("orders (a, b)").expect("a table and columns");
        assert_eq!((asked.distance("(a, b)"), asked.distance("(a)"), asked.distance("(a, c)")), (0, 2, 1));
        assert_eq!((name_distance("orders_idx", "order_idx"), name_distance("", "abc")), (1, 3));
    }
}
