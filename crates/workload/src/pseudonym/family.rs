//! Families: types whose values can be compared with one another, and so need one map.
//!
//! Values are first seen, all of them, and then mapped: an order can only be kept when all that has it is known. [`each`] takes a value
//! of a compound type apart, and is the same for both.

use std::collections::BTreeSet;

use pgtailor_model::planner::Locale;

use super::array::ArrayText;
use super::digits::{DigitImages, DigitStrings, DigitsType};
use super::kind::Kind;
use super::moment::{Clock, ClockImages, MomentImages, MomentType, Moments};
use super::named::Named;
use super::number::{NumberImages, Numbers, Width};
use super::range;
use super::text::{TextImages, TextType, Texts};

/// Types whose values can be compared with one another, with what else must be known of the type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// Whole and other numbers.
    Number(Width),
    /// Dates and timestamps.
    Moment(MomentType),
    /// Times of day.
    Clock,
    /// Texts.
    Text(TextType),
    /// UUIDs, addresses, `bytea`.
    Digits(DigitsType),
}

/// The value `text` of `kind` with each single value in it replaced; `None` when it is not understood, or `replace` has nothing for a
/// part of it.
pub(super) fn each(kind: &Kind, text: &str, replace: &mut dyn FnMut(Family, &str) -> Option<String>) -> Option<String> {
    match kind {
        Kind::Kept => Some(text.to_owned()),
        Kind::Single(family) => replace(*family, text),
        Kind::Array(element) => {
            let array = ArrayText::read(text)?;
            Some(array.map(&mut |text| each(element, text, replace))?.to_string())
        }
        Kind::Range(bound) => range::each_bound(text, &mut |text| each(bound, text, replace)),
        Kind::Interval | Kind::Unknown => None,
    }
}

/// All values that were seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) numbers: Numbers,
    pub(super) moments: Moments,
    clock: Clock,
    pub(super) texts: Texts,
    digits: DigitStrings,
}

impl Seen {
    /// Notes what `text` is made of.
    pub(super) fn add(&mut self, kind: &Kind, text: &str) {
        // What is not understood will have no image either.
        let _ = each(kind, text, &mut |family, text| {
            match family {
                Family::Number(width) => self.numbers.add(text, width),
                Family::Moment(_) => self.moments.add(text),
                Family::Clock => self.clock.add(text),
                Family::Text(text_type) => self.texts.add(text, text_type),
                Family::Digits(digits_type) => self.digits.add(text, digits_type),
            }
            Some(String::new())
        });
    }

    /// The images of all.
    pub(super) fn pseudonyms(self, secret: u64, named: &Named, locale: &Locale) -> Pseudonyms {
        Pseudonyms {
            numbers: self.numbers.images(secret, &named.numbers),
            moments: self.moments.images(secret, &named.texts),
            clock: self.clock.images(secret, &named.texts),
            texts: self.texts.images(secret, &named.texts, locale),
            digits: self.digits.images(secret),
            named: named.texts.clone(),
        }
    }
}

/// Images of all values that were seen.
#[derive(Debug)]
pub(super) struct Pseudonyms {
    numbers: NumberImages,
    moments: MomentImages,
    clock: ClockImages,
    texts: TextImages,
    digits: DigitImages,
    named: BTreeSet<String>,
}

impl Pseudonyms {
    /// The image of `text`; `None` when it is not understood.
    pub(super) fn of(&self, kind: &Kind, text: &str) -> Option<String> {
        each(kind, text, &mut |family, text| match family {
            Family::Number(_) => self.numbers.of(text),
            Family::Moment(moment_type) => self.moments.of(text, moment_type),
            Family::Clock => self.clock.of(text),
            Family::Text(text_type) => self.texts.of(text, text_type),
            Family::Digits(digits_type) => self.digits.of(text, digits_type, &self.named),
        })
    }
}
