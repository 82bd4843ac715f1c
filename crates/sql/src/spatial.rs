//! Predicates of `PostGIS` that are functions: its support functions search a `gist` index for them (`gserialized_supportfn.c`).

use pg_query::protobuf::FuncCall;
use pgtailor_model::shape::{self, Comparison, Service, Serving};

use crate::fact::Said;
use crate::function;
use crate::operand::Operand;
use crate::predicate::Saying;
use crate::types::Type;
use crate::walker::{Place, Walker};

/// Functions of two geometries, maybe with a distance.
const PREDICATES: &[&str] = &[
    "st_3ddwithin",
    "st_3dintersects",
    "st_contains",
    "st_containsproperly",
    "st_coveredby",
    "st_covers",
    "st_crosses",
    "st_dwithin",
    "st_equals",
    "st_intersects",
    "st_overlaps",
    "st_touches",
    "st_within",
];

/// Whether `call` is one of them.
pub(crate) fn is_predicate(call: &FuncCall) -> bool {
    PREDICATES.binary_search(&function::name(call)).is_ok()
}

impl<'t> Walker<'t> {
    /// What `call`, one of them, says of the geometries in it.
    pub(crate) fn spatial(&mut self, call: &'t FuncCall, place: Place<'_, 't>) -> Said {
        let arguments: Vec<Operand<'t>> = call.args.iter().map(|argument| self.operand(argument, place)).collect();
        let parameters = || arguments.iter().flat_map(Operand::parameters).collect();
        let mut said = Said::default();
        for (position, argument) in arguments.iter().enumerate() {
            let others = arguments.iter().enumerate().filter(|(other, _)| *other != position);
            let operand = match others.map(|(_, other)| other).find(|other| !other.is_fixed()) {
                Some(other) => other.to_model(),
                None => shape::Operand::Computed(parameters()),
            };
            let saying = Saying { comparison: Comparison::Containment, operator: "", operand };
            said.add(self.say(argument, &saying, place, |family| match family {
                Type::Geography | Type::Unknown => Service::By(vec![Serving::of("gist")]),
                _ => Service::nothing(format!("an argument of function {}(...)", function::name(call))),
            }));
        }
        said
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_list_is_sorted_for_the_search() {
        assert!(super::PREDICATES.is_sorted());
    }
}
