//! What a person would run by hand to follow advice: statements in order, each with what takes it back and what to know of it.
//!
//! New indexes come first, then `ANALYZE` for those over expressions and parts of tables, and drops last, so that what replaces an index
//! is there before it goes. On a partitioned table nothing is built concurrently as a whole (`DefineIndex` in `indexcmds.c`): there the
//! index is made on the parent alone, concurrently on each leaf, and attached.

use std::collections::BTreeMap;

use pgtailor_model::advice::{Advice, Partition, Recommendation};
use pgtailor_model::change::Change;
use pgtailor_model::index::{Build, IndexDefinition};
use pgtailor_model::name::{LONGEST_NAME, QualifiedName, printable, quote_identifier, truncated};

use super::words;
use crate::sql_text::change_words;
use crate::text::cut;

/// Most statements that the comment of one index names.
const MOST_STATEMENTS: usize = 3;
/// Columns of a statement in a comment.
const EXCERPT: usize = 72;

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What it does, in words of ours and names: `create orders_latest_idx`.
    pub title: String,
    /// The statement, without a semicolon.
    pub sql: String,
    /// What takes it back; `None` when nothing has to be done.
    pub undo: Option<String>,
    /// What to know of it: printable lines that begin with a word of ours, so that no tool takes one for an instruction.
    pub notes: Vec<String>,
}

/// All of them, in order.
pub fn steps(advice: &Advice) -> Vec<Step> {
    steps_of(advice, &advice.recommendations)
}

/// The first statement of `recommendation`: its own, unless the table is partitioned.
pub fn first_sql(advice: &Advice, recommendation: &Recommendation) -> String {
    let first = steps_of(advice, std::slice::from_ref(recommendation)).into_iter().next();
    first.map_or_else(|| recommendation.sql.clone(), |step| step.sql)
}

/// The statements of these of its recommendations, in order.
pub fn steps_of(advice: &Advice, recommendations: &[Recommendation]) -> Vec<Step> {
    let (mut steps, mut drops) = (Vec::new(), Vec::new());
    let mut analyzed: BTreeMap<&QualifiedName, &'static str> = BTreeMap::new();
    for recommendation in recommendations {
        match &recommendation.change {
            Change::CreateIndex { table, name, definition, .. } => {
                steps.extend(creation(advice, recommendation, table, name, definition));
                if definition.needs_analyze() {
                    analyzed.entry(table).or_insert("why: the planner has no statistics of a new expression or predicate before");
                }
            }
            Change::DropIndex { table, name, definition, .. } => {
                drops.push(removal(advice, recommendation, table, name, definition));
            }
            Change::Analyze { table, .. } => {
                analyzed.insert(table, "why: its statistics are missing or old");
            }
            other => steps.push(Step {
                title: change_words(other),
                sql: other.sql(),
                undo: None,
                notes: notes(advice, recommendation),
            }),
        }
    }
    steps.extend(analyzed.into_iter().map(|(table, why)| Step {
        title: format!("analyze {}", table.name),
        sql: format!("ANALYZE {}", table.sql()),
        undo: None,
        notes: vec![why.to_owned()],
    }));
    steps.extend(drops);
    steps
}

fn creation(
    advice: &Advice,
    recommendation: &Recommendation,
    table: &QualifiedName,
    name: &str,
    definition: &IndexDefinition,
) -> Vec<Step> {
    let mut notes = notes(advice, recommendation);
    let undo = QualifiedName::new(&table.schema, name).sql();
    let Some(partitions) = &recommendation.partitions else {
        let undo = Some(format!("DROP INDEX CONCURRENTLY {undo}"));
        return vec![Step { title: format!("create {name}"), sql: recommendation.sql.clone(), undo, notes }];
    };
    notes.push("note: the table is partitioned, and nothing is built concurrently on the whole of it".to_owned());
    notes.push(if partitions.is_empty() {
        "note: this index is not valid before one is built on every partition and attached with ALTER INDEX ... ATTACH PARTITION"
            .to_owned()
    } else {
        "note: it is made on the parent alone, concurrently on each partition, and valid when the last one is attached".to_owned()
    });
    let mut steps = vec![Step {
        title: format!("create {name}"),
        sql: definition.create_sql(name, table, Build::OnlyParent),
        undo: None,
        notes,
    }];
    // The index of every table of the tree, by its table.
    let mut indexes = BTreeMap::from([(table, QualifiedName::new(&table.schema, name))]);
    for (number, Partition { table: partition, is_leaf, .. }) in partitions.iter().enumerate() {
        let suffix = format!("_p{}", number + 1);
        let part = format!("{}{suffix}", truncated(name, LONGEST_NAME - suffix.len()));
        let sql = if *is_leaf {
            definition.create_sql(&part, partition, Build::Concurrent)
        } else {
            definition.create_sql(&part, partition, Build::OnlyParent)
        };
        steps.push(Step {
            title: format!("create {part}"),
            sql,
            undo: None,
            notes: vec![format!("why: the part of {} on {partition}", printable(name))],
        });
        indexes.insert(partition, QualifiedName::new(&partition.schema, &part));
    }
    // Children before their parents.
    for Partition { table: partition, parent, .. } in partitions.iter().rev() {
        if let (Some(part), Some(whole)) = (indexes.get(partition), indexes.get(parent)) {
            let sql = format!("ALTER INDEX {} ATTACH PARTITION {}", whole.sql(), part.sql());
            let notes = vec![format!("why: the index on {partition} becomes a part of that on {parent}")];
            steps.push(Step { title: format!("attach {}", part.name), sql, undo: None, notes });
        }
    }
    // What is attached goes with the whole, and cannot go alone.
    if let Some(last) = steps.last_mut() {
        last.undo = Some(format!("DROP INDEX {undo}"));
    }
    steps
}

fn removal(
    advice: &Advice,
    recommendation: &Recommendation,
    table: &QualifiedName,
    name: &str,
    definition: &IndexDefinition,
) -> Step {
    let mut notes = notes(advice, recommendation);
    if recommendation.partitions.is_none() {
        let undo = Some(definition.create_sql(name, table, Build::Concurrent));
        return Step { title: format!("drop {name}"), sql: recommendation.change.sql(), undo, notes };
    }
    notes.push("note: an index of a partitioned table is not dropped concurrently: this waits for, and for a moment blocks, all use of it".to_owned());
    let sql = format!("DROP INDEX {}", QualifiedName::new(&table.schema, name).sql());
    Step { title: format!("drop {name}"), sql, undo: Some(definition.create_sql(name, table, Build::Blocking)), notes }
}

/// Why, how large, for which statements.
fn notes(advice: &Advice, recommendation: &Recommendation) -> Vec<String> {
    let mut notes: Vec<String> = recommendation.because.iter().map(|because| format!("why: {}", printable(because))).collect();
    let size = match recommendation.change {
        Change::DropIndex { .. } => format!("size: gives back {} (estimated)", recommendation.size),
        _ => format!("size: {} (estimated)", recommendation.size),
    };
    notes.push(format!("{size}; planner cost of the workload {} (what-if)", words::fall(advice, recommendation.gain)));
    let served: Vec<_> = recommendation.serves.iter().filter_map(|at| advice.statements.get(*at)).collect();
    for statement in served.iter().take(MOST_STATEMENTS) {
        let costs = words::before_after(statement.before, statement.after);
        notes.push(format!("statement: planner cost {costs}: {}", cut(&statement.text, EXCERPT)));
    }
    if served.len() > MOST_STATEMENTS {
        notes.push(format!("statement: and {} more", served.len() - MOST_STATEMENTS));
    }
    if !recommendation.replaces.is_empty() {
        let names: Vec<String> = recommendation.replaces.iter().map(|name| printable(&quote_identifier(name))).collect();
        notes.push(format!("replaces: {}", names.join(", ")));
    }
    notes
}
