//! `CREATE INDEX` and `CREATE STATISTICS` demand the table's owner.

use super::{Guard, Trial};

pub(super) struct NotOurs;

impl Guard for NotOurs {
    fn refuses(&self, trial: &Trial<'_>) -> Option<String> {
        let (name, owner) = (&trial.table.name, pgtailor_model::name::printable(&trial.table.owner));
        (!trial.table.ours).then(|| format!("{name} belongs to {owner}, and only its owner can index it"))
    }
}

#[cfg(test)]
mod tests {
    use pgtailor_model::shape::Comparison::Equal;

    use super::super::super::fixture::Fixture;

    #[test]
    fn a_stranger_to_the_table_is_refused() {
        let fixture = Fixture::new().table("t", &["a"]).asks("t", &[("a", Equal)]);
        assert_eq!(fixture.proposed(), ["(a)"]);
        let candidates = fixture.with("t", |table| (table.ours, table.owner) = (false, "dba".to_owned())).all();
        assert!(candidates.proposed.is_empty());
        assert!(candidates.refused.iter().all(|refused| refused.reason.contains("belongs to dba")));
        assert_eq!(candidates.refused.len(), 1);
    }
}
