//! What the planner reads, with pseudonyms instead of values.
//!
//! [`anonymize()`] decides which value stands for which, so that a twin plans with the pseudonyms as the source does with the values. It
//! must not know how a twin is made, nor how statements are parsed. What the planner does with values says what a pseudonym must keep:
//!
//! | the planner | so |
//! |---|---|
//! | looks for a constant among the most common values (`eqsel`), compares those of two columns (`eqjoinsel`) | equal values have one pseudonym, in all columns and statements; different values have different ones |
//! | looks for a constant in a histogram (`scalarineqsel`), compares the ends of two (`mergejoinscansel`) | order is kept |
//! | asks how far between two bounds it lies (`convert_to_scalar`) | the map of numbers and times is close to linear in the small |
//! | proves that a predicate holds, or that a partition has no rows | constants that the schema names stay |
//! | computes `now()` | moments close to the present stay close to it |
//! | asks for the mask of a network (`network_selfuncs.c`) | masks and common bits stay |
//!
//! By `family`: `number` and `moment` bend the line on which values lie (`bend`); `text` and `digits` respell words
//! (`spelling`). What has no map (documents, shapes, composite types, types of extensions, `interval`) is left out, and said.
//!
//! # What it is worth
//!
//! These are pseudonyms and no encryption: order, lengths, frequencies, common beginnings and about the distances stay, since plans
//! depend on them; so do the first digits of UUIDs and addresses, as far as the values fill them. Who knows some of the true values can narrow down others. Small whole numbers, days of the last two months, enum
//! labels, lengths of ranges and what the schema names stay as they are.

mod array;
mod bend;
mod digits;
mod family;
mod kind;
mod moment;
mod named;
mod number;
mod place;
mod plans;
mod range;
mod spelling;
mod statistics;
mod text;

use pgtailor_model::planner::{Inexact, PlannerInputs, SchemaObjectKind, StatisticsLevel};

use self::family::Seen;
use self::kind::Types;
use self::named::Named;

/// `inputs` with pseudonyms instead of values, at [`StatisticsLevel::Anonymized`]; what could not be kept is added to
/// [`PlannerInputs::inexact`].
///
/// The same inputs and `secret` give the same pseudonyms. The secret should be random and be forgotten: with it, and a guess at the
/// values, the guess can be verified. Inputs that are not [`StatisticsLevel::Exact`] have no values to hide and come back unchanged.
///
/// The map is of one set of values: another capture, with other values, gives the same value another pseudonym.
#[must_use]
pub fn anonymize(mut inputs: PlannerInputs, secret: u64) -> PlannerInputs {
    if inputs.level != StatisticsLevel::Exact {
        return inputs;
    }
    let types = Types::of(&inputs);
    let mut seen = Seen::default();
    statistics::see(&inputs, &types, &mut seen);
    let treatments = plans::treatments(&inputs, &types, &seen);
    plans::see(&inputs, &treatments, &mut seen);

    let mut said = in_general(&inputs, &seen);
    let pseudonyms = seen.pseudonyms(secret, &Named::of(&inputs.schema), &inputs.locale);
    statistics::rewrite(&mut inputs, &types, &pseudonyms, &mut said);
    plans::rewrite(&mut inputs, &treatments, &pseudonyms, &mut said);

    inputs.level = StatisticsLevel::Anonymized;
    inputs.inexact.append(&mut said);
    inputs.inexact.sort();
    inputs.inexact.dedup();
    inputs
}

/// What holds of all values of a family.
fn in_general(inputs: &PlannerInputs, seen: &Seen) -> Vec<Inexact> {
    let of_all = |object: &str, reason: &str| Inexact { object: object.to_owned(), table: None, reason: reason.to_owned() };
    let mut said = Vec::new();
    if !seen.numbers.is_empty() {
        said.push(of_all(
            "numbers in statistics",
            "their distances change a little, and with them estimates for ranges that end between two bounds of a histogram, and for \
             values that are computed in a statement",
        ));
    }
    if !seen.moments.is_empty() {
        said.push(of_all(
            "times in statistics",
            "recent ones move within their hour, those of two years within their month, others within their year: estimates for ranges \
             that are computed from now() change with that",
        ));
    }
    if !seen.texts.is_empty() {
        said.push(of_all(
            "texts in statistics",
            "patterns (LIKE, regular expressions), functions of texts and places between two bounds of a histogram say nothing about \
             pseudonyms; texts that the schema names are sorted among the others where they do not belong",
        ));
        if !text::is_bytewise(&inputs.locale) {
            said.push(of_all(
                "order of texts",
                "the database sorts by a language, which is followed only roughly: so are ranges of texts",
            ));
        }
    }
    let by_hash =
        inputs.schema.iter().filter(|object| object.kind == SchemaObjectKind::Table && object.tail.contains("PARTITION BY HASH"));
    said.extend(by_hash.map(|object| {
        Inexact {
            object: object.name.clone(),
            table: object.table,
            reason:
                "its rows are divided by a hash of values, and a pseudonym has another hash: a statement finds another partition"
                    .to_owned(),
        }
    }));
    said
}
