//! An expression in an index is computed at each insert: one that can fail makes the insert fail, in the application.
//!
//! So only what is known to have a value for every argument is let through: functions, operators and casts of a list. What the database
//! defines itself may do anything, whatever its volatility.

use pgtailor_model::index::KeyPart;
use pgtailor_model::name::printable;

use super::super::Subject;
use super::super::total::why_it_may_raise;
use super::{Guard, Trial};

pub(super) struct RaisingExpression;

impl Guard for RaisingExpression {
    fn refuses(&self, trial: &Trial<'_>) -> Option<String> {
        let Subject::Index(index) = trial.subject else { return None };
        index.definition.keys.iter().find_map(|key| match &key.part {
            KeyPart::Column(_) => None,
            KeyPart::Expression(sql) => why_it_may_raise(sql, &trial.context.snapshot.catalog.functions)
                .map(|why| format!("an insert could fail: {} holds {why}", printable(sql))),
        })
    }
}

#[cfg(test)]
mod tests {
    use pgtailor_model::shape::Comparison::Equal;
    use pgtailor_model::shape::Subject;

    use super::super::super::fixture::Fixture;

    #[test]
    fn an_expression_that_can_fail_is_refused_with_what_it_holds() {
        let fixture = Fixture::new().table("t", &["a"]).asks_with("t", &[("a", Equal)], |shape| {
            shape.predicates[0].subject = Subject::Expression { sql: "a + 1".to_owned(), columns: vec!["a".to_owned()] };
        });
        let candidates = fixture.all();
        assert!(candidates.proposed.keys().all(|subject| !super::super::super::fixture::written(subject).contains('+')));
        let reasons: Vec<&str> = candidates.refused.iter().map(|refused| refused.reason.as_str()).collect();
        assert!(reasons.contains(&"an insert could fail: a + 1 holds operator +, which can overflow"), "{reasons:?}");
    }
}
