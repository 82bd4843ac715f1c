//! Tells code, comments and literals of Rust text apart, so that a rule about code is not deceived by a string that quotes it.
//!
//! A scanner, not a parser: it knows comments (nested ones too), strings, raw strings, characters and lifetimes, and nothing else.

/// Rust text seen two ways, each with as many characters as the text and the same lines.
pub struct Source {
    /// The code: comments and the insides of literals are blank.
    pub code: String,
    /// The comments: all else is blank.
    pub comments: String,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Code,
    Comment,
    Literal,
}

/// Takes `text` apart.
pub fn read(text: &str) -> Source {
    let characters: Vec<char> = text.chars().collect();
    let mut source = Source { code: String::with_capacity(text.len()), comments: String::with_capacity(text.len()) };
    let mut at = 0;
    while at < characters.len() {
        let (kind, length) = token(&characters, at);
        let end = (at + length).min(characters.len());
        for &character in &characters[at..end] {
            let (code, comment) = match (character, kind) {
                ('\n', _) => ('\n', '\n'),
                (_, Kind::Code) => (character, ' '),
                (_, Kind::Comment) => (' ', character),
                (_, Kind::Literal) => (' ', ' '),
            };
            source.code.push(code);
            source.comments.push(comment);
        }
        at = end;
    }
    source
}

/// What the strings of `text` say, in their order; line continuations and escapes of quotes are resolved.
pub fn literals(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < characters.len() {
        let (kind, length) = token(&characters, at);
        let end = (at + length).min(characters.len());
        let literal: String = characters[at..end].iter().collect();
        if kind == Kind::Literal && !literal.starts_with('\'') {
            found.push(said(&literal));
        }
        at = end;
    }
    found
}

/// What stands between the quotes of a string.
fn said(literal: &str) -> String {
    let inside = |text: &str| {
        let from = text.find('"').map_or(0, |quote| quote + 1);
        let to = text.rfind('"').unwrap_or(text.len()).max(from);
        text[from..to].to_owned()
    };
    let text = inside(literal);
    if !literal.starts_with('"') {
        return text;
    }
    let mut said = String::new();
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match (character, rest.peek()) {
            ('\\', Some('\n')) => while rest.next_if(|next| next.is_whitespace()).is_some() {},
            ('\\', Some('n')) => {
                rest.next();
                said.push('\n');
            }
            ('\\', Some(_)) => said.extend(rest.next()),
            _ => said.push(character),
        }
    }
    said
}

/// The number of the line, from 1, in which the byte `offset` of `text` stands.
pub fn line_of(text: &str, offset: usize) -> usize {
    text[..offset].matches('\n').count() + 1
}

/// The attributes of `code` (`#[…]` and `#![…]`, with what stands between the brackets), each with its byte offset.
pub fn attributes(code: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices('#') {
        let after = code[at + 1..].trim_start_matches('!');
        let Some(inside) = after.strip_prefix('[') else { continue };
        let mut depth = 1_usize;
        let end = inside.find(|character| {
            match character {
                '[' => depth += 1,
                ']' => depth -= 1,
                _ => {}
            }
            depth == 0
        });
        found.push((at, &inside[..end.unwrap_or(inside.len())]));
    }
    found
}

/// Where `word` stands in `text` as a whole word, as byte offsets.
pub fn words<'text>(text: &'text str, word: &'text str) -> impl Iterator<Item = usize> + 'text {
    let is_part = |character: char| character.is_alphanumeric() || character == '_';
    text.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

/// The kind and the length of what begins at `at`; code is taken a character or a word at a time.
fn token(text: &[char], at: usize) -> (Kind, usize) {
    match (text[at], text.get(at + 1)) {
        ('/', Some('/')) => (Kind::Comment, text[at..].iter().take_while(|&&character| character != '\n').count()),
        ('/', Some('*')) => (Kind::Comment, block_comment(&text[at..])),
        ('"', _) => (Kind::Literal, quoted(&text[at..])),
        ('\'', _) => character(&text[at..]),
        (first, _) if first.is_alphabetic() || first == '_' => word(&text[at..]),
        _ => (Kind::Code, 1),
    }
}

fn block_comment(text: &[char]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < text.len() {
        match (text[at], text.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// The length of a string, from its first quote to its last.
fn quoted(text: &[char]) -> usize {
    let mut at = 1;
    while at < text.len() {
        match text[at] {
            '"' => return at + 1,
            '\\' => at += 2,
            _ => at += 1,
        }
    }
    at
}

/// A character, or the tick of a lifetime, which is code.
fn character(text: &[char]) -> (Kind, usize) {
    match (text.get(1), text.get(2)) {
        (Some('\\'), _) => {
            let rest = text.iter().skip(3).take_while(|&&character| character != '\'').count();
            (Kind::Literal, rest + 4)
        }
        (Some(_), Some('\'')) => (Kind::Literal, 3),
        _ => (Kind::Code, 1),
    }
}

/// A word; when it is the prefix of a raw string, the whole string.
fn word(text: &[char]) -> (Kind, usize) {
    let length = text.iter().take_while(|character| character.is_alphanumeric() || **character == '_').count();
    let name: String = text[..length].iter().collect();
    if !matches!(name.as_str(), "r" | "br" | "cr") {
        return (Kind::Code, length);
    }
    let hashes = text[length..].iter().take_while(|&&character| character == '#').count();
    if text.get(length + hashes) != Some(&'"') {
        return (Kind::Code, length);
    }
    let mut at = length + hashes + 1;
    while at < text.len() {
        if text[at] == '"' && text[at + 1..].iter().take(hashes).filter(|&&character| character == '#').count() == hashes {
            return (Kind::Literal, at + 1 + hashes);
        }
        at += 1;
    }
    (Kind::Literal, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        read(text).code.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn strings_and_comments_are_not_code() {
        assert_eq!(code(r#"let a = "unsafe \" unsafe"; // unsafe"#), "let a = ;");
        assert_eq!(code("a /* b /* c */ d */ e"), "a e");
        assert_eq!(code("r##\"x \"# y\"## + br\"\\\" + z"), "+ + z");
        assert_eq!(code(r"'\'' 'x' '\u{41}' end"), "end");
    }

    #[test]
    fn strings_say_what_stands_in_them() {
        assert_eq!(literals("a(\"b \\\n   c \\\"d\\\"\", 'x', r#\"e \"f\"\"#) // \"no\""), ["b c \"d\"", "e \"f\""]);
    }

    #[test]
    fn lifetimes_and_raw_identifiers_are_code() {
        assert_eq!(code("fn f<'a>(x: &'a str) -> &'static str"), "fn f<'a>(x: &'a str) -> &'static str");
        assert_eq!(code("r#type"), "r#type");
    }

    #[test]
    fn comments_are_seen_alone_and_lines_stay() {
        let text = "a // one\n\"two // no\"\n/* three */ b\n";
        let source = read(text);
        assert_eq!(source.comments.split_whitespace().collect::<Vec<_>>(), ["//", "one", "/*", "three", "*/"]);
        assert_eq!(source.comments.lines().count(), text.lines().count());
        assert_eq!(line_of(&source.comments, source.comments.find("three").expect("it is a comment")), 3);
    }

    #[test]
    fn attributes_may_hold_brackets_and_span_lines() {
        let found: Vec<&str> =
            attributes("#![a]\n#[b(c = [1],\n d)] fn x() { y[0] }").into_iter().map(|(_, inside)| inside).collect();
        assert_eq!(found, ["a", "b(c = [1],\n d)"]);
    }

    #[test]
    fn words_are_whole() {
        assert_eq!(words("todo todos _todo todo!", "todo").collect::<Vec<_>>(), [0, 17]);
    }
}
