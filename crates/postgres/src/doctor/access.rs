//! What the role may do: create the ledger, own tables, create in their schemas, read statistics.

use std::collections::{BTreeMap, BTreeSet};

use pgtailor_model::diagnosis::Check;
use pgtailor_model::name::{printable, quote_identifier};

use super::facts::{Facts, TableGroup};

pub(super) fn checks(facts: &Facts) -> Vec<Check> {
    vec![role(facts), ledger(facts), ownership(facts), schemas(facts), reading(facts), monitoring(facts)]
}

fn role(facts: &Facts) -> Check {
    let name = printable(&quote_identifier(&facts.role));
    if facts.is_superuser {
        let sentence = format!("role {name} is a superuser: pgtailor needs far less, and a mistake could do far more");
        return Check::limited("role", sentence, Some("pgtailor doctor --role apply | psql".to_owned()));
    }
    Check::ok("role", format!("role {name} is not a superuser"))
}

fn ledger(facts: &Facts) -> Check {
    let (database, role) = (quote_identifier(&facts.database), quote_identifier(&facts.role));
    match &facts.ledger_comment {
        Some(comment) if !comment.starts_with("pgtailor ledger") => {
            let sentence = "there is a schema pgtailor that is not pgtailor's ledger, so nothing can be applied";
            Check::missing(
                "ledger",
                sentence,
                Some("ALTER SCHEMA pgtailor RENAME TO …; -- or remove it, if nobody needs it".to_owned()),
            )
        }
        Some(_) if facts.may_use_ledger => Check::ok("ledger", "the ledger is installed"),
        Some(_) => {
            let sentence = "the ledger is installed, but belongs to another role: apply as that role";
            Check::missing("ledger", sentence, None)
        }
        None if facts.may_create_schema => Check::ok("ledger", "the role may create the schema of the ledger"),
        None => {
            let sentence = format!(
                "role {} may not create a schema, so nothing can be applied: every change is recorded first",
                printable(&role)
            );
            Check::missing("ledger", sentence, Some(format!("GRANT CREATE ON DATABASE {database} TO {role};")))
        }
    }
}

fn ownership(facts: &Facts) -> Check {
    let name = "table-ownership";
    let all: i64 = facts.tables.iter().map(|group| group.tables).sum();
    if all == 0 {
        return Check::ok(name, "there are no tables");
    }
    let ours: i64 = facts.tables.iter().filter(|group| group.acts_as_owner).map(|group| group.tables).sum();
    if ours == all {
        return Check::ok(name, format!("the role may act as owner of {all} of {all} tables"));
    }
    let owners: BTreeSet<_> = facts.tables.iter().filter(|group| !group.acts_as_owner).map(|group| &group.owner).collect();
    let role = quote_identifier(&facts.role);
    let remedy =
        owners.iter().map(|owner| format!("GRANT {} TO {role};", quote_identifier(owner))).collect::<Vec<_>>().join("\n");
    let sentence = format!("the role may act as owner of {ours} of {all} tables; only an owner can create or drop an index");
    let check = if ours == 0 { Check::missing } else { Check::limited };
    check(name, sentence, Some(remedy))
}

/// An owner without CREATE on the schema cannot create an index there: the default in `public` since 15.
fn schemas(facts: &Facts) -> Check {
    let name = "schema-create";
    let closed: BTreeSet<_> = facts.tables.iter().filter(|group| !group.may_create).map(|group| group.schema.as_str()).collect();
    if closed.is_empty() {
        return Check::ok(name, "the role may create in every schema that has tables");
    }
    let all: BTreeSet<_> = facts.tables.iter().map(|group| group.schema.as_str()).collect();
    let role = quote_identifier(&facts.role);
    let remedy = closed
        .iter()
        .map(|schema| format!("GRANT CREATE ON SCHEMA {} TO {role};", quote_identifier(schema)))
        .collect::<Vec<_>>()
        .join("\n");
    let sentence = format!(
        "the role may not create in {} of {} schemas that have tables, so no index can be built there: {}",
        closed.len(),
        all.len(),
        closed.iter().map(|schema| printable(&quote_identifier(schema))).collect::<Vec<_>>().join(", ")
    );
    let check = if closed.len() == all.len() { Check::missing } else { Check::limited };
    check(name, sentence, Some(remedy))
}

/// The planner's statistics of a column are shown only to who may read the column, and EXPLAIN needs the right to read, too.
fn reading(facts: &Facts) -> Check {
    let name = "table-statistics";
    let all: i64 = facts.tables.iter().map(|group| group.tables).sum();
    let usable = |group: &&TableGroup| group.may_use_schema;
    let readable: i64 = facts.tables.iter().filter(usable).map(|group| group.readable).sum();
    if readable == all {
        return Check::ok(name, format!("the statistics of {all} of {all} tables can be read"));
    }
    let mut hidden: BTreeMap<&str, bool> = BTreeMap::new();
    for group in facts.tables.iter().filter(|group| !group.may_use_schema || group.readable < group.tables) {
        hidden.insert(&group.schema, group.may_use_schema);
    }
    let role = quote_identifier(&facts.role);
    let mut lines = Vec::new();
    for (schema, may_use) in hidden {
        let schema = quote_identifier(schema);
        if !may_use {
            lines.push(format!("GRANT USAGE ON SCHEMA {schema} TO {role};"));
        }
        lines.push(format!("GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role};"));
    }
    let sentence = format!(
        "the statistics of {readable} of {all} tables can be read; for the others pgtailor cannot judge what a query would cost"
    );
    Check::limited(name, sentence, Some(lines.join("\n")))
}

fn monitoring(facts: &Facts) -> Check {
    let role = quote_identifier(&facts.role);
    match (facts.reads_all_stats, facts.reads_all_settings) {
        (true, true) => Check::ok("monitoring", "activity and settings of the whole server can be read"),
        (true, false) => Check::limited(
            "monitoring",
            "the role may not read every setting",
            Some(format!("GRANT pg_read_all_settings TO {role};")),
        ),
        (false, _) => Check::limited(
            "monitoring",
            "the role sees only its own statements and builds: the workload and the progress of others stay hidden",
            Some(format!("GRANT pg_monitor TO {role};")),
        ),
    }
}

#[cfg(test)]
mod tests {
    use pgtailor_model::diagnosis::Status;

    use super::*;

    fn group(schema: &str, owner: &str, acts_as_owner: bool, may_create: bool) -> TableGroup {
        TableGroup {
            schema: schema.to_owned(),
            owner: owner.to_owned(),
            acts_as_owner,
            may_use_schema: true,
            may_create,
            tables: 2,
            readable: 2,
        }
    }

    #[test]
    fn grants_are_quoted_and_name_each_owner_once() {
        let facts = Facts {
            role: "The App".to_owned(),
            tables: vec![group("a", "o w", false, true), group("b", "o w", false, false), group("c", "me", true, true)],
            ..Facts::default()
        };
        let check = ownership(&facts);
        assert_eq!(check.status, Status::Limited);
        assert_eq!(check.remedy.as_deref(), Some("GRANT \"o w\" TO \"The App\";"));
        assert!(check.sentence.contains("2 of 6"), "{}", check.sentence);
        assert_eq!(schemas(&facts).remedy.as_deref(), Some("GRANT CREATE ON SCHEMA b TO \"The App\";"));
    }

    #[test]
    fn nothing_to_own_is_no_problem() {
        assert_eq!(ownership(&Facts::default()).status, Status::Ok);
        assert_eq!(schemas(&Facts::default()).status, Status::Ok);
        assert_eq!(reading(&Facts::default()).status, Status::Ok);
    }
}
