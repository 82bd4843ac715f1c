//! Arrays in PostgreSQL's text format, taken apart and put together again (`array_in` and `array_out`, `arrayfuncs.c`).
//!
//! Knows nothing of the elements: they are texts, and an element of an array of arrays is the text of an array. Begin at
//! [`ArrayText::read`].

use std::fmt;

/// Dimensions that an array can have (`MAXDIM`, `array.h`).
const DIMENSIONS: usize = 6;

/// An array as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ArrayText {
    /// Lower bounds other than 1, as they stand before the braces: `[0:1]=`.
    pub bounds: String,
    /// What stands between the braces.
    pub items: Vec<Item>,
}

/// One place in an array; they sort like `array_cmp`, provided that the elements sort by their bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Item {
    /// An element, without quotes and escapes.
    Element(String),
    /// The next dimension.
    Inner(Vec<Item>),
    /// `NULL` without quotes.
    Null,
}

impl ArrayText {
    /// Takes `text` apart; `None` when it is no array.
    pub(super) fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let start = text.find('{')?;
        let (bounds, rest) = text.split_at(start);
        if !(bounds.is_empty() || (bounds.starts_with('[') && bounds.ends_with('='))) {
            return None;
        }
        let mut reader = Reader { rest };
        let items = reader.items(DIMENSIONS)?;
        reader.rest.trim().is_empty().then(|| Self { bounds: bounds.to_owned(), items })
    }

    /// The same array with each element replaced; `None` when `replace` has nothing for one of them.
    pub(super) fn map(&self, replace: &mut dyn FnMut(&str) -> Option<String>) -> Option<Self> {
        Some(Self { bounds: self.bounds.clone(), items: mapped(&self.items, replace)? })
    }

    /// The elements of the first dimension, when there is no other and nothing is null.
    pub(super) fn elements<'a>(&'a self) -> Option<Vec<&'a str>> {
        let element = |item: &'a Item| match item {
            Item::Element(text) => Some(text.as_str()),
            _ => None,
        };
        self.items.iter().map(element).collect()
    }
}

fn mapped(items: &[Item], replace: &mut dyn FnMut(&str) -> Option<String>) -> Option<Vec<Item>> {
    let one = |item: &Item| match item {
        Item::Null => Some(Item::Null),
        Item::Element(text) => replace(text).map(Item::Element),
        Item::Inner(inner) => mapped(inner, replace).map(Item::Inner),
    };
    items.iter().map(one).collect()
}

impl FromIterator<String> for ArrayText {
    fn from_iter<T: IntoIterator<Item = String>>(elements: T) -> Self {
        Self { bounds: String::new(), items: elements.into_iter().map(Item::Element).collect() }
    }
}

impl fmt::Display for ArrayText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.bounds)?;
        write_items(f, &self.items)
    }
}

fn write_items(f: &mut fmt::Formatter<'_>, items: &[Item]) -> fmt::Result {
    f.write_str("{")?;
    for (position, item) in items.iter().enumerate() {
        if position > 0 {
            f.write_str(",")?;
        }
        match item {
            Item::Null => f.write_str("NULL")?,
            Item::Element(text) if needs_quotes(text) => {
                write!(f, "\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))?;
            }
            Item::Element(text) => f.write_str(text)?,
            Item::Inner(inner) => write_items(f, inner)?,
        }
    }
    f.write_str("}")
}

/// As `array_out` decides.
fn needs_quotes(text: &str) -> bool {
    text.is_empty() || text.eq_ignore_ascii_case("NULL") || text.chars().any(|c| "\"\\{},".contains(c) || is_space(c))
}

/// `array_isspace`, which asks no locale.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{b}' | '\u{c}')
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn items(&mut self, dimensions: usize) -> Option<Vec<Item>> {
        let inner = dimensions.checked_sub(1)?;
        self.expect('{')?;
        let mut items = Vec::new();
        self.skip_space();
        if self.expect('}').is_some() {
            return Some(items);
        }
        loop {
            self.skip_space();
            items.push(if self.rest.starts_with('{') { Item::Inner(self.items(inner)?) } else { self.element()? });
            self.skip_space();
            if self.expect('}').is_some() {
                return Some(items);
            }
            self.expect(',')?;
        }
    }

    fn element(&mut self) -> Option<Item> {
        let mut text = String::new();
        if self.expect('"').is_some() {
            loop {
                match self.next()? {
                    '"' => return Some(Item::Element(text)),
                    '\\' => text.push(self.next()?),
                    other => text.push(other),
                }
            }
        }
        let mut escaped = false;
        // White space behind an element is no part of it, unless it is escaped.
        let mut kept = 0;
        while !self.rest.starts_with([',', '}', '{', '"']) {
            let mut c = self.next()?;
            if c == '\\' {
                (escaped, c) = (true, self.next()?);
                text.push(c);
                kept = text.len();
                continue;
            }
            text.push(c);
            if !is_space(c) {
                kept = text.len();
            }
        }
        text.truncate(kept);
        if text.is_empty() {
            return None;
        }
        Some(if !escaped && text.eq_ignore_ascii_case("NULL") { Item::Null } else { Item::Element(text) })
    }

    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    fn expect(&mut self, wanted: char) -> Option<()> {
        self.rest = self.rest.strip_prefix(wanted)?;
        Some(())
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches(is_space);
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn item() -> impl Strategy<Value = Item> {
        let leaf =
            prop_oneof![Just(Item::Null), "(?s).{0,6}".prop_map(Item::Element), "[a-z\"{},\\\\ ]{0,4}".prop_map(Item::Element)];
        leaf.prop_recursive(2, 12, 4, |inner| vec(inner, 1..4).prop_map(Item::Inner))
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(items in vec(item(), 0..6)) {
            let array = ArrayText { bounds: String::new(), items };
            prop_assert_eq!(ArrayText::read(&array.to_string()), Some(array));
        }

        #[test]
        fn no_text_brings_the_reader_down(text in "[\\[\\]={}\",\\\\ a]{0,12}") {
            if let Some(array) = ArrayText::read(&text) {
                prop_assert_eq!(ArrayText::read(&array.to_string()), Some(array));
            }
        }
    }

    #[test]
    fn the_servers_spelling_comes_back_unchanged() {
        for text in [r#"{1,2,NULL,"a b","c\"d","NULL",""}"#, r#"{"{a,b}","{\"c d\"}"}"#, "{{1,2},{3,NULL}}", "{}", "[0:1]={7,8}"]
        {
            assert_eq!(ArrayText::read(text).expect(text).to_string(), text);
        }
    }

    #[test]
    fn what_is_no_array_is_refused() {
        for text in ["", "a", "{", "{a", "{a}}", "{,}", "{{{{{{{1}}}}}}}", "{\"a}", "x{a}", "{a,}"] {
            assert_eq!(ArrayText::read(text), None, "{text}");
        }
    }
}
