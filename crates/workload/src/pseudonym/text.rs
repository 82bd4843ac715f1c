//! Texts of all types, under whatever name: `text`, `character varying`, `character`, `name`, `citext`, lexemes.
//!
//! Two texts can be compared whatever their columns are, so they are one family; only `citext`, for which `A` is `a`, is another.
//! The order that is kept is that of the code points where the database sorts so (`C`, `POSIX`, provider `builtin`), else one close to
//! what libc and ICU do: signs before digits before letters, capitals behind the small letter and only between equals. What the server
//! really does is not known here. Spellings have the symbols of [`ALPHABET`] only, which every collation sorts alike.
//!
//! Texts that the schema names stay, wherever they are: `status = 'open'` of a partial index must find its value.

use std::collections::{BTreeMap, BTreeSet};

use pgtailor_model::planner::Locale;
use pgtailor_model::random::derive;

use super::spelling::respell;

/// Digits and letters that no language joins to letters of its own (`ch`, `dz`, `ll`, `aa`, …) or sorts elsewhere than in English.
const ALPHABET: &[u8] = b"0123456789bcegikmopqtuvx";

/// Whether a database sorts texts by their code points.
pub(super) fn is_bytewise(locale: &Locale) -> bool {
    match locale.provider.as_str() {
        "builtin" => true,
        "icu" => false,
        _ => matches!(locale.collate.as_str(), "C" | "POSIX") || locale.collate.starts_with("C."),
    }
}

/// How texts of a type are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextType {
    /// Symbol by symbol.
    Exact,
    /// Without spaces at the end: `character(n)`.
    Padded,
    /// `citext`.
    CaseBlind,
}

impl TextType {
    fn key(self, text: &str) -> String {
        match self {
            Self::Exact => text.to_owned(),
            Self::Padded => text.trim_end_matches(' ').to_owned(),
            Self::CaseBlind => text.to_lowercase(),
        }
    }
}

/// The texts that were seen.
#[derive(Debug, Default)]
pub(super) struct Texts {
    exact: BTreeSet<String>,
    case_blind: BTreeSet<String>,
}

impl Texts {
    /// Notes `text`.
    pub(super) fn add(&mut self, text: &str, text_type: TextType) {
        let set = if text_type == TextType::CaseBlind { &mut self.case_blind } else { &mut self.exact };
        set.insert(text_type.key(text));
    }

    /// Whether `text` was seen.
    pub(super) fn has(&self, text: &str, text_type: TextType) -> bool {
        let set = if text_type == TextType::CaseBlind { &self.case_blind } else { &self.exact };
        set.contains(&text_type.key(text))
    }

    /// Whether any was seen.
    pub(super) fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.case_blind.is_empty()
    }

    /// The images of all that were seen; those in `named` stay, and are nobody's image.
    pub(super) fn images(self, secret: u64, named: &BTreeSet<String>, locale: &Locale) -> TextImages {
        let folded: BTreeSet<String> = named.iter().map(|text| text.to_lowercase()).collect();
        TextImages {
            exact: images(self.exact, derive(secret, "text"), named, is_bytewise(locale)),
            case_blind: images(self.case_blind, derive(secret, "citext"), &folded, is_bytewise(locale)),
        }
    }
}

fn images(texts: BTreeSet<String>, seed: u64, named: &BTreeSet<String>, bytewise: bool) -> BTreeMap<String, String> {
    let (kept, others): (Vec<String>, Vec<String>) = texts.into_iter().partition(|text| text.is_empty() || named.contains(text));
    let mut keyed: Vec<(Vec<u32>, String, String)> = others
        .into_iter()
        .map(|text| {
            let weigh = if bytewise { u32::from } else { weight };
            (text.chars().map(weigh).collect(), capitals_last(&text), text)
        })
        .collect();
    keyed.sort();
    let (words, texts): (Vec<Vec<u32>>, Vec<String>) = keyed.into_iter().map(|(word, _, text)| (word, text)).unzip();
    let spellings = respell(&words, ALPHABET, seed, named);
    kept.into_iter().map(|text| (text.clone(), text)).chain(texts.into_iter().zip(spellings)).collect()
}

/// Where `c` sorts at the first level: signs, digits, letters regardless of case.
fn weight(c: char) -> u32 {
    let class = if c.is_alphabetic() { 2 } else { u32::from(c.is_numeric()) };
    // A code point has 21 bits.
    (class << 24) | c.to_lowercase().next().map_or(0, u32::from)
}

/// Sorts small letters before their capitals.
fn capitals_last(text: &str) -> String {
    text.chars().map(|c| if c.is_uppercase() { '1' } else { '0' }).collect()
}

/// Images of texts.
#[derive(Debug)]
pub(super) struct TextImages {
    exact: BTreeMap<String, String>,
    case_blind: BTreeMap<String, String>,
}

impl TextImages {
    /// The image of `text`; `None` when it was not seen.
    pub(super) fn of(&self, text: &str, text_type: TextType) -> Option<String> {
        let map = if text_type == TextType::CaseBlind { &self.case_blind } else { &self.exact };
        map.get(&text_type.key(text)).cloned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::btree_set;
    use proptest::prelude::*;

    use super::*;

    fn spelled(texts: &[&str], named: &[&str], locale: &Locale) -> Vec<String> {
        let mut seen = Texts::default();
        for text in texts {
            seen.add(text, TextType::Exact);
        }
        let images = seen.images(1, &named.iter().map(|text| (*text).to_owned()).collect(), locale);
        texts.iter().map(|text| images.of(text, TextType::Exact).expect("seen")).collect()
    }

    fn c() -> Locale {
        Locale { provider: "libc".to_owned(), collate: "C".to_owned(), ..Locale::default() }
    }

    #[test]
    fn what_the_schema_names_stays_and_is_nobodys_image() {
        let texts: Vec<String> = ('a'..='z').map(String::from).collect();
        let named: Vec<String> = ALPHABET.iter().map(|symbol| char::from(*symbol).to_string()).collect();
        let named: Vec<&str> = named.iter().map(String::as_str).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let images = spelled(&texts, &named, &c());
        for (text, image) in texts.iter().zip(&images) {
            assert_eq!(named.contains(text), text == image);
        }
        assert_eq!(images.iter().collect::<BTreeSet<_>>().len(), images.len());
    }

    #[test]
    fn a_language_sorts_without_regard_to_case_first() {
        let locale = Locale { collate: "en_US.UTF-8".to_owned(), ..c() };
        let images = spelled(&["_x", "1x", "anna", "Anna", "Annabel", "berta", "Berta", "Ärger"], &[], &locale);
        assert!(images.windows(2).all(|pair| pair[0] < pair[1]), "{images:?}");
    }

    #[test]
    fn spaces_at_the_end_and_case_count_only_where_the_type_says_so() {
        let mut seen = Texts::default();
        seen.add("ab  ", TextType::Padded);
        seen.add("Ab", TextType::CaseBlind);
        assert!(seen.has("ab", TextType::Exact) && !seen.has("ab  ", TextType::Exact));
        assert!(seen.has("aB", TextType::CaseBlind));
    }

    proptest! {
        #[test]
        fn different_texts_stay_different_and_in_order(texts in btree_set("[A-Za-z0-9 é@.-]{0,8}", 1..60), bytewise in any::<bool>()) {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let locale = if bytewise { c() } else { Locale { provider: "icu".to_owned(), ..c() } };
            let images = spelled(&texts, &[], &locale);
            prop_assert_eq!(images.iter().collect::<BTreeSet<_>>().len(), images.len());
            prop_assert!(!bytewise || images.windows(2).all(|pair| pair[0] < pair[1]), "{images:?}");
        }
    }
}
