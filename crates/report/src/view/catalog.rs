//! What became of each declared index when it met the database: verdict, and because of what.

use std::collections::BTreeMap;

use pgtailor_model::declared::{CatalogPolicy, DeclaredIndex, DeclaredKey, Judged, Verdict};
use pgtailor_model::index::{Build, Direction, KeyPart, Nulls};
use pgtailor_model::name::QualifiedName;
use serde_json::{Value, json};

use crate::document::{Block, Cell, ColumnKind, Document, Fact, Table, Tone};
use crate::number::counted;
use crate::report::{Report, Statement};
use crate::view::named;

/// The declared entries with their verdicts.
#[derive(Clone, Copy, Debug)]
pub struct CatalogReport<'a> {
    /// Every entry, in the order of the catalog.
    pub judged: &'a [Judged],
    /// Which of them are created.
    pub policy: CatalogPolicy,
}

impl<'a> CatalogReport<'a> {
    /// A report on `judged`, of which `policy` says what is created.
    pub fn new(judged: &'a [Judged], policy: CatalogPolicy) -> Self {
        Self { judged, policy }
    }
}

impl Report for CatalogReport<'_> {
    fn kind(&self) -> &'static str {
        "catalog"
    }

    fn document(&self) -> Document {
        let mut document =
            Document::new(format!("Index catalog: {} against the database", counted(self.judged.len(), "entry", "entries")));
        document.blocks.push(Block::Facts(summary(self.judged)));
        let mistakes: Vec<&Judged> = self.judged.iter().filter(|judged| judged.verdict.is_mistake()).collect();
        if !mistakes.is_empty() {
            document.note(Tone::Bad, format!("{} not fit this database", counted(mistakes.len(), "entry does", "entries do")));
            document.blocks.push(Block::List(mistakes.iter().map(|judged| mistake(judged)).collect()));
        }
        let mut by_table: BTreeMap<&QualifiedName, Vec<&Judged>> = BTreeMap::new();
        for judged in self.judged {
            by_table.entry(&judged.entry.table).or_default().push(judged);
        }
        for (name, judged) in by_table {
            document.blocks.push(Block::Table(self.table(name, &judged)));
        }
        let created = self.created().count();
        document.paragraph(format!(
            "Under the policy `{}`, {} created and {} left as they are.",
            policy_name(self.policy),
            counted(created, "entry would be", "entries would be"),
            self.judged.len() - created,
        ));
        document.next(if !mistakes.is_empty() {
            "correct the entries that do not fit; nothing is applied before"
        } else if created > 0 {
            "`pgtailor optimize --dry-run` with the same catalog shows the steps, sizes and locks"
        } else {
            "nothing; every entry that would be created exists"
        });
        document
    }

    fn json(&self) -> Value {
        let counts: BTreeMap<&str, usize> = self.judged.iter().fold(BTreeMap::new(), |mut counts, judged| {
            *counts.entry(judged.verdict.name()).or_default() += 1;
            counts
        });
        let entries: Vec<Value> = self.judged.iter().map(|judged| self.entry_json(judged)).collect();
        json!({ "policy": self.policy, "counts": counts, "entries": entries })
    }

    fn sql(&self) -> Vec<Statement> {
        self.created()
            .filter_map(|judged| {
                let definition = judged.definition.as_ref()?;
                let entry = &judged.entry;
                let purpose = if entry.description.is_empty() { String::new() } else { format!(" for: {}", entry.description) };
                Some(Statement {
                    sql: definition.create_sql(&entry.name, &entry.table, Build::Concurrent),
                    why: format!("{}: {};{purpose} ({})", word(&judged.verdict), because(judged), entry.origin),
                })
            })
            .collect()
    }

    fn sql_remarks(&self) -> Vec<String> {
        self.judged
            .iter()
            .filter(|judged| !judged.verdict.creates(self.policy))
            .map(|judged| format!("not created: {}: {}: {}", named(&judged.entry.name), word(&judged.verdict), because(judged)))
            .collect()
    }
}

impl CatalogReport<'_> {
    fn created(&self) -> impl Iterator<Item = &Judged> {
        self.judged.iter().filter(|judged| judged.verdict.creates(self.policy))
    }

    fn table(&self, name: &QualifiedName, judged: &[&Judged]) -> Table {
        let columns = [("entry", ColumnKind::Words), ("verdict", ColumnKind::Words), ("because", ColumnKind::Words)];
        let mut table = Table::new(format!("Table {name}"), columns);
        table.rows = judged
            .iter()
            .map(|judged| -> Vec<Cell> {
                vec![
                    named(&judged.entry.name).into(),
                    Cell::toned(word(&judged.verdict), self.tone(&judged.verdict)),
                    because(judged).into(),
                ]
            })
            .collect();
        table
    }

    fn tone(&self, verdict: &Verdict) -> Tone {
        if verdict.is_mistake() {
            Tone::Bad
        } else if verdict.creates(self.policy) {
            Tone::Good
        } else if matches!(verdict, Verdict::PresentInvalid { .. } | Verdict::NameTaken { .. } | Verdict::NotExamined { .. }) {
            Tone::Warning
        } else {
            Tone::Quiet
        }
    }

    fn entry_json(&self, judged: &Judged) -> Value {
        let entry = &judged.entry;
        json!({
            "name": entry.name,
            "table": entry.table.sql(),
            "group": entry.group,
            "description": entry.description,
            "origin": entry.origin.to_string(),
            "definition": judged.definition.as_ref().map(ToString::to_string),
            "declared": declared(entry),
            "verdict": judged.verdict.name(),
            "detail": judged.verdict,
            "because": because(judged),
            "creates": judged.verdict.creates(self.policy),
            "mistake": judged.verdict.is_mistake(),
            "sql": judged.definition.as_ref().filter(|_| judged.verdict.creates(self.policy)).map(|definition| {
                definition.create_sql(&entry.name, &entry.table, Build::Concurrent)
            }),
        })
    }
}

/// How many entries have which verdict, in the order in which verdicts are listed here.
pub(super) fn summary(judged: &[Judged]) -> Vec<Fact> {
    WORDS
        .iter()
        .filter_map(|(name, word, meaning)| {
            let count = judged.iter().filter(|judged| judged.verdict.name() == *name).count();
            (count > 0).then(|| Fact::number(*word, count.to_string(), *meaning))
        })
        .collect()
}

/// Verdict, the words for it, and what they mean.
const WORDS: [(&str, &str, &str); 12] = [
    ("missing", "missing", "nothing serves what they would serve"),
    ("present", "present", "an index of equal definition exists"),
    ("present-invalid", "unusable", "an equal index exists, but queries cannot use it"),
    ("duplicate-of-constraint", "constraint", "the index of a constraint does the same"),
    ("duplicate-of-entry", "duplicate", "an earlier entry has the same definition"),
    ("redundant-beside-index", "redundant", "a wider index serves all that they would"),
    ("redundant-beside-entry", "covered", "a wider entry will serve all that they would"),
    ("name-taken", "name taken", "something else has the name"),
    ("no-table", "no table", "the table does not exist"),
    ("no-column", "no column", "a column does not exist"),
    ("impossible", "impossible", "they cannot be an index here"),
    ("not-examined", "not examined", "the table's indexes could not be read"),
];

fn word(verdict: &Verdict) -> &'static str {
    WORDS.iter().find(|(name, _, _)| *name == verdict.name()).map_or(verdict.name(), |(_, word, _)| word)
}

/// What the verdict rests on, as a sentence without a period.
fn because(judged: &Judged) -> String {
    let entry = &judged.entry;
    match &judged.verdict {
        Verdict::Missing => format!("nothing serves {}", declared(entry)),
        Verdict::Present { index } if *index == entry.name => "exists as declared".to_owned(),
        Verdict::Present { index } => format!("exists under the name {}", named(index)),
        Verdict::PresentInvalid { index } => format!("{} is equal but invalid or still being built", named(index)),
        Verdict::DuplicateOfConstraint { constraint, kind, definition } => {
            format!("{kind} constraint {} has the index {definition}", named(constraint))
        }
        Verdict::DuplicateOfEntry { entry: other } => format!("same definition as entry {}", named(other)),
        Verdict::RedundantBesideIndex { index, definition } => {
            format!("index {} {definition} serves all of {}", named(index), declared(entry))
        }
        Verdict::RedundantBesideEntry { entry: other, definition } => {
            format!("entry {} {definition} will serve all of {}", named(other), declared(entry))
        }
        Verdict::NameTaken { by } => format!("the name belongs to {by}"),
        Verdict::NoTable => format!("there is no table {}", entry.table),
        Verdict::NoColumn { column } => format!("table {} has no column {}", entry.table, named(column)),
        Verdict::Impossible { reason } | Verdict::NotExamined { reason } => reason.clone(),
    }
}

fn mistake(judged: &Judged) -> String {
    format!("{}: {}: {}", judged.entry.origin, named(&judged.entry.name), because(judged))
}

/// The entry as declared, after the table's name; without defaults that were not said.
fn declared(entry: &DeclaredIndex) -> String {
    let keys: Vec<String> = entry.keys.iter().map(declared_key).collect();
    let mut parts = Vec::new();
    if entry.unique {
        parts.push("UNIQUE".to_owned());
    }
    if entry.method != "btree" {
        parts.push(format!("USING {}", named(&entry.method)));
    }
    parts.push(format!("({})", keys.join(", ")));
    if !entry.include.is_empty() {
        let include: Vec<String> = entry.include.iter().map(|name| named(name)).collect();
        parts.push(format!("INCLUDE ({})", include.join(", ")));
    }
    if let Some(predicate) = &entry.predicate {
        parts.push(format!("WHERE {predicate}"));
    }
    parts.join(" ")
}

fn declared_key(key: &DeclaredKey) -> String {
    let mut parts = vec![match &key.part {
        KeyPart::Column(name) => named(name),
        KeyPart::Expression(expression) => format!("({expression})"),
    }];
    parts.extend(key.collation.iter().map(|collation| format!("COLLATE {}", collation.sql())));
    parts.extend(key.operator_class.iter().map(|class| named(class)));
    if key.direction == Direction::Descending {
        parts.push("DESC".to_owned());
    }
    match key.nulls {
        Some(Nulls::First) if key.direction == Direction::Ascending => parts.push("NULLS FIRST".to_owned()),
        Some(Nulls::Last) if key.direction == Direction::Descending => parts.push("NULLS LAST".to_owned()),
        _ => {}
    }
    parts.join(" ")
}

fn policy_name(policy: CatalogPolicy) -> &'static str {
    match policy {
        CatalogPolicy::Useful => "useful",
        CatalogPolicy::All => "all",
    }
}
