//! Generators: each looks at one statement and proposes.
//!
//! One file and one line in [`ALL`] each. A generator decides what is plausible, never what helps; it does not know what other generators
//! propose, and leaves it to `propose` to leave out what exists.

mod brin;
mod containment;
mod covering;
mod disjunction;
mod equality;
mod equality_then_order;
mod equality_then_range;
mod expression;
mod extended_statistics;
mod foreign_key;
mod full_text;
mod grouping;
mod hash;
mod join;
mod nearest;
mod partial;
mod pattern;
mod range_type;
mod single_column;
mod trigram;
mod widening;

use super::Generator;

/// Every generator, in the order in which they are asked: a statement has room for so many proposals only.
///
/// First what serves a whole statement by itself: the B-tree that filters and sorts, and the only ones that can serve conditions of other
/// kinds, of which there are few. Then joins, and what makes one of these smaller or lets it stand for the table. Last what is more of the
/// same: other orders of the same columns, parts of them, widened indexes, and statistics, which no scan needs.
pub static ALL: &[&dyn Generator] = &[
    &equality_then_order::EqualityThenOrder,
    &equality_then_range::EqualityThenRange,
    &expression::Expression,
    &pattern::Pattern,
    &trigram::Trigram,
    &containment::Containment,
    &full_text::FullText,
    &range_type::RangeType,
    &nearest::Nearest,
    &disjunction::Disjunction,
    &foreign_key::ForeignKey,
    &join::Join,
    &covering::Covering,
    &partial::Partial,
    &grouping::Grouping,
    &brin::Brin,
    &equality::Equality,
    &single_column::SingleColumn,
    &widening::Widening,
    &hash::Hash,
    &extended_statistics::ExtendedStatistics,
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_generator_has_a_name_of_its_own() {
        let names: BTreeSet<&str> = ALL.iter().map(|generator| generator.name()).collect();
        assert_eq!(names.len(), ALL.len());
        let is_kebab = |name: &&str| name.chars().all(|letter| letter.is_ascii_lowercase() || letter == '-');
        assert!(names.iter().all(is_kebab), "{names:?}");
    }
}
