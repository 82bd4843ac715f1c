//! Values in the workload's statements, for the twin's self-test: mapped like the columns that they are compared with.
//!
//! What each parameter is there for decides (see [`place`](super::place)): counts and distances stay, what is compared is mapped, and a
//! statement with a value that can be neither, such as a pattern, is left out of the self-test together with its values. Statements'
//! texts have no values, and nothing is looked for in them.

use std::collections::BTreeSet;

use pgtailor_model::planner::{Inexact, PlannerInputs, SourcePlan};

use super::family::{Family, Pseudonyms, Seen};
use super::kind::{Kind, Types};
use super::place::{Place, places};
use super::statistics::holds_text;

/// What is done with the value of one parameter.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Treatment {
    /// It stays.
    Keep,
    /// It is mapped as a value of such a type.
    Map(Kind),
    /// There is no way, and why.
    Refuse(String),
}

/// Words that functions take for parts of time (`datetktbl` and `deltatktbl`, `datetime.c`): no data.
const PARTS_OF_TIME: [&str; 18] = [
    "century",
    "day",
    "decade",
    "dow",
    "doy",
    "epoch",
    "hour",
    "isodow",
    "isoyear",
    "microseconds",
    "millennium",
    "milliseconds",
    "minute",
    "month",
    "quarter",
    "second",
    "week",
    "year",
];

/// For each plan and each of its parameters: what is done, in view of what statistics hold.
pub(super) fn treatments(inputs: &PlannerInputs, types: &Types, seen: &Seen) -> Vec<Vec<Treatment>> {
    let of_plan = |plan: &SourcePlan| {
        let places = places(&plan.text);
        let values = plan.values.as_deref().unwrap_or_default();
        let of_value = |(position, value): (usize, &Option<String>)| {
            let place = places.get(&(position + 1)).copied().unwrap_or(Place::Argument);
            let type_name = plan.types.get(position).map_or("unknown", String::as_str);
            value.as_deref().map_or(Treatment::Keep, |value| treatment(types.kind(type_name), type_name, place, value, seen))
        };
        values.iter().enumerate().map(of_value).collect()
    };
    inputs.plans.iter().map(of_plan).collect()
}

fn treatment(kind: Kind, type_name: &str, place: Place, value: &str, seen: &Seen) -> Treatment {
    match (&kind, place) {
        (Kind::Kept | Kind::Interval, _) | (Kind::Single(Family::Number(_)), Place::Quantity) => Treatment::Keep,
        (Kind::Unknown, _) => Treatment::Refuse(format!("there are no pseudonyms for values of type {type_name}")),
        (_, Place::Pattern) => Treatment::Refuse("a pattern for texts says nothing about their pseudonyms".to_owned()),
        (Kind::Single(Family::Text(text_type)), Place::Argument) => match value {
            _ if seen.texts.has(value, *text_type) => Treatment::Map(kind),
            value if PARTS_OF_TIME.contains(&value) => Treatment::Keep,
            _ => Treatment::Refuse("what a function makes of a text is not what it makes of the pseudonym".to_owned()),
        },
        (_, Place::Argument) if holds_text(&kind) => {
            Treatment::Refuse("what a function makes of texts is not what it makes of their pseudonyms".to_owned())
        }
        _ => Treatment::Map(kind),
    }
}

/// Notes the values that will be mapped.
pub(super) fn see(inputs: &PlannerInputs, treatments: &[Vec<Treatment>], seen: &mut Seen) {
    for (plan, treatments) in inputs.plans.iter().zip(treatments) {
        for (value, treatment) in plan.values.iter().flatten().zip(treatments) {
            if let (Some(value), Treatment::Map(kind)) = (value, treatment) {
                seen.add(kind, value);
            }
        }
    }
}

/// Replaces the values, and leaves out the statements for which that cannot be done.
pub(super) fn rewrite(
    inputs: &mut PlannerInputs,
    treatments: &[Vec<Treatment>],
    pseudonyms: &Pseudonyms,
    said: &mut Vec<Inexact>,
) {
    let mut reasons = BTreeSet::new();
    let mut treatments = treatments.iter();
    inputs.plans.retain_mut(|plan| {
        let treatments = treatments.next().expect("each plan has its treatments");
        let Some(values) = &mut plan.values else { return true };
        for (value, treatment) in values.iter_mut().zip(treatments) {
            let refused = match (value.as_deref(), treatment) {
                (None, _) | (_, Treatment::Keep) => None,
                (Some(_), Treatment::Refuse(reason)) => Some(reason.clone()),
                (Some(text), Treatment::Map(kind)) => match pseudonyms.of(kind, text) {
                    Some(image) => {
                        *value = Some(image);
                        None
                    }
                    None => Some("a value is not written as the server writes it".to_owned()),
                },
            };
            if let Some(reason) = refused {
                reasons.insert((plan.fingerprint.clone(), reason));
                return false;
            }
        }
        true
    });
    said.extend(reasons.into_iter().map(|(fingerprint, reason)| Inexact {
        object: format!("statement {fingerprint}"),
        table: None,
        reason: format!("{reason}; it is not among those whose plans are compared"),
    }));
}
