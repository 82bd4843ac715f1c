//! Who sends a statement, as the comments in it say: sqlcommenter's `/*application='shop',route='%2Forders'*/` and the older
//! `/*application:shop,controller:orders*/`.
//!
//! Comments can hold anything, personal data too. So only known keys are read, values must look like names, and numbers in them are
//! replaced; everything else of a comment is dropped.

use std::collections::BTreeMap;

/// What is read, sorted.
const KEYS: &[&str] = &["action", "app", "application", "controller", "framework", "job", "route"];

/// Longest value that is taken for a name, in characters.
const LONGEST: usize = 120;

/// The tags in the comments of `text`. Numbers inside values become `*`, so that a route with somebody's number in it is a route.
pub fn tags(text: &str) -> BTreeMap<String, String> {
    let mut tags = BTreeMap::new();
    for comment in comments(text) {
        for pair in comment.split(',') {
            let Some((key, value)) = pair.split_once(['=', ':']) else { continue };
            let key = key.trim().to_ascii_lowercase();
            let Ok(_) = KEYS.binary_search(&key.as_str()) else { continue };
            let value = decoded(value.trim().trim_matches('\''));
            if let Some(value) = value.as_deref().and_then(name) {
                // An application is an application, whatever the library calls it.
                tags.insert(if key == "app" { "application".to_owned() } else { key }, value);
            }
        }
    }
    tags
}

/// The insides of `/* … */` comments that stand before or after the statement, where libraries put them.
///
/// A look at both ends only: a comment sign inside a literal in the middle is nobody's tag.
fn comments(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some((comment, after)) = rest.strip_prefix("/*").and_then(|inside| inside.split_once("*/")) {
        found.push(comment);
        rest = after.trim_start();
    }
    let mut rest = rest.trim_end().trim_end_matches(';').trim_end();
    while let Some(inside) = rest.strip_suffix("*/") {
        let Some((before, comment)) = inside.rsplit_once("/*") else { break };
        found.push(comment);
        rest = before.trim_end();
    }
    found
}

/// `%2F` to `/`; `None` when that is no text.
fn decoded(value: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let [first, after @ ..] = rest {
        if let (b'%', [high, low, after @ ..]) = (first, after) {
            let digit = |byte: &u8| char::from(*byte).to_digit(16);
            bytes.push(u8::try_from(digit(high)? * 16 + digit(low)?).ok()?);
            rest = after;
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

/// `value` with its numbers replaced, when it looks like the name of something.
fn name(value: &str) -> Option<String> {
    let is_name = |c: char| c.is_alphanumeric() || "_-./:#<>{}[]*$() ".contains(c);
    if value.is_empty() || value.chars().count() > LONGEST || !value.chars().all(is_name) {
        return None;
    }
    let hidden: Vec<String> = value.split_inclusive('/').map(without_number).collect();
    Some(hidden.concat())
}

/// A part of a path; an identifier (a number, a UUID) becomes `*`, a version (`v2`) stays.
fn without_number(part: &str) -> String {
    let (bare, slash) = part.strip_suffix('/').map_or((part, ""), |bare| (bare, "/"));
    let digits = bare.chars().filter(char::is_ascii_digit).count();
    let is_number = digits > 0 && bare.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    if is_number || digits > 3 { format!("*{slash}") } else { part.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<(String, String)> {
        tags(text).into_iter().collect()
    }

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn both_ways_of_writing_are_read() {
        assert_eq!(
            of("SELECT 1 /*action='show',application='shop',route='%2Forders%2F%3Cid%3E',traceparent='00-5bd6-01'*/;"),
            [pair("action", "show"), pair("application", "shop"), pair("route", "/orders/<id>")]
        );
        assert_eq!(
            of("/*app:shop,controller:orders,action:index*/ SELECT 1"),
            [pair("action", "index"), pair("application", "shop"), pair("controller", "orders")]
        );
    }

    #[test]
    fn nothing_personal_comes_through() {
        assert_eq!(of("SELECT 1 /* user='ann@example.org',email:ann@example.org */"), []);
        assert_eq!(of("SELECT 1 /*route='%2Fusers%2F4711%2Forders',action='a@b'*/"), [pair("route", "/users/*/orders")]);
        assert_eq!(of("SELECT 1 /*route='/v2/u/550e8400-e29b-41d4-a716-446655440000'*/"), [pair("route", "/v2/u/*")]);
        assert_eq!(of("SELECT '/*route=secret*/'"), []);
        assert_eq!(of("SELECT 1 /*route='%ff%fe'*/"), []);
    }

    #[test]
    fn keys_are_sorted_for_the_search() {
        assert!(KEYS.is_sorted());
    }
}
