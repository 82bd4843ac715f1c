//! What is known and wrong: how the tables are used, the findings with their causes, and what could not be examined.

mod tables;

use std::fmt::Write as _;

use jiff::Timestamp;
use pgtailor_model::acceptance::Accepted;
use pgtailor_model::activity::Statements;
use pgtailor_model::change::Change;
use pgtailor_model::finding::{Cause, Finding, Severity};
use pgtailor_model::name::{printable, quote_identifier};
use pgtailor_model::performance::TablePerformance;
use pgtailor_model::snapshot::{NotExamined, Snapshot};
use pgtailor_model::unit::grouped;
use pgtailor_model::workload::Workload;
use serde_json::{Value, json};

use crate::document::{Block, Document, Fact, Item, Text, Tone};
use crate::number::counted;
use crate::report::{Report, Statement};
use crate::view::moment;
use tables::{age_at, reads_table, remarks, table_json, upkeep_table};

/// Most tables shown to people; the JSON has all.
const MOST_TABLES: usize = 40;
/// Most causes of a finding shown to people; the JSON has all.
const MOST_CAUSES: usize = 5;
/// Most objects listed that could not be examined; the JSON has all.
const MOST_OBJECTS: usize = 20;

/// A snapshot and what was found in it.
#[derive(Clone, Copy, Debug)]
pub struct AnalysisReport<'a> {
    /// What was captured: server, counters, and how statements are recorded.
    pub snapshot: &'a Snapshot,
    /// How each table is read and kept, in the order in which they are shown.
    pub tables: &'a [TablePerformance],
    /// What is wrong, worst first.
    pub findings: &'a [Finding],
    /// What was found and is accepted.
    pub accepted: &'a [Accepted],
    /// What could not be examined.
    pub not_examined: &'a [NotExamined],
    /// The statements, understood, when they are recorded.
    pub workload: Option<&'a Workload>,
}

impl<'a> AnalysisReport<'a> {
    /// A report on `snapshot`.
    pub fn new(
        snapshot: &'a Snapshot,
        tables: &'a [TablePerformance],
        findings: &'a [Finding],
        not_examined: &'a [NotExamined],
    ) -> Self {
        Self { snapshot, tables, findings, accepted: &[], not_examined, workload: None }
    }

    /// The same, which also says how many of the statements were understood.
    #[must_use]
    pub fn with_workload(self, workload: &'a Workload) -> Self {
        Self { workload: Some(workload), ..self }
    }

    /// The same, which also says what is accepted.
    #[must_use]
    pub fn with_accepted(self, accepted: &'a [Accepted]) -> Self {
        Self { accepted, ..self }
    }
}

impl Report for AnalysisReport<'_> {
    fn kind(&self) -> &'static str {
        "analysis"
    }

    fn document(&self) -> Document {
        let snapshot = self.snapshot;
        let mut document = Document::new(match self.findings.len() {
            0 => "Analysis: nothing found".to_owned(),
            count => format!("Analysis: {}", counted(count, "finding", "findings")),
        });
        document.blocks.push(Block::Facts(self.server()));
        self.push_tables(&mut document);
        if !self.findings.is_empty() {
            document.heading("Findings");
            document
                .blocks
                .extend(self.findings.iter().enumerate().map(|(position, finding)| Block::Item(item(position + 1, finding))));
        }
        if !self.accepted.is_empty() {
            document.heading(format!("Accepted: {}", counted(self.accepted.len(), "finding", "findings")));
            document.blocks.push(Block::List(self.accepted.iter().map(accepted_line).collect()));
        }
        if !self.not_examined.is_empty() {
            document.heading(format!("Not examined: {}", counted(self.not_examined.len(), "object", "objects")));
            let mut lines: Vec<String> =
                self.not_examined.iter().take(MOST_OBJECTS).map(|left| format!("{}: {}", left.object, left.reason)).collect();
            if self.not_examined.len() > MOST_OBJECTS {
                lines.push(format!("{} more: see --format json", self.not_examined.len() - MOST_OBJECTS));
            }
            document.blocks.push(Block::List(lines));
        }
        if let Statements::Unavailable { reason, remedy } = &snapshot.activity.statements {
            document.note(
                Tone::Warning,
                format!("statements are not recorded, so no finding can name its cause: {reason}; {remedy}"),
            );
        }
        document.next(if self.findings.iter().any(|finding| finding.remedy.is_some()) {
            "`pgtailor optimize --dry-run` shows the steps, sizes and locks of what can be cured"
        } else if self.findings.is_empty() {
            "nothing; look again when the load has changed"
        } else {
            "follow the advice of each finding; none of them has a change that pgtailor is certain of"
        });
        document
    }

    fn json(&self) -> Value {
        let snapshot = self.snapshot;
        let tables: Vec<Value> = self.tables.iter().map(table_json).collect();
        let findings: Vec<Value> = self.findings.iter().map(finding_json).collect();
        json!({
            "server": {
                "database": snapshot.server.database,
                "version": snapshot.server.version_text,
                "in_recovery": snapshot.server.in_recovery,
            },
            "captured_at": snapshot.captured_at,
            "counters_since": self.since(),
            "tables": tables,
            "tables_provenance": "measured",
            "findings": findings,
            "accepted": self.accepted.iter().map(accepted_json).collect::<Vec<_>>(),
            "not_examined": self.not_examined,
            "statements": self.statements_json(),
        })
    }

    fn sql(&self) -> Vec<Statement> {
        self.findings
            .iter()
            .filter_map(|finding| Some(Statement { sql: finding.remedy.as_ref()?.sql(), why: finding.problem.clone() }))
            .collect()
    }

    fn sql_remarks(&self) -> Vec<String> {
        self.findings
            .iter()
            .filter(|finding| finding.remedy.is_none())
            .map(|finding| format!("{}: {}: {}; {}", finding.check, finding.table, finding.problem, finding.advice))
            .collect()
    }
}

impl AnalysisReport<'_> {
    fn since(&self) -> Option<Timestamp> {
        self.snapshot.activity.since.or(self.snapshot.server.started_at)
    }

    fn push_tables(&self, document: &mut Document) {
        if self.tables.is_empty() {
            return;
        }
        let shown = &self.tables[..self.tables.len().min(MOST_TABLES)];
        document.heading("How the tables are used");
        document.blocks.push(Block::Table(reads_table(shown, self.since())));
        let remarks = remarks(shown);
        if !remarks.is_empty() {
            document.blocks.push(Block::List(remarks));
        }
        document.blocks.push(Block::Table(upkeep_table(shown, self.snapshot.captured_at)));
        let hidden = self.tables.len() - shown.len();
        if hidden > 0 {
            document.paragraph(format!("{}: see --format json.", counted(hidden, "more table", "more tables")));
        }
    }

    fn server(&self) -> Vec<Fact> {
        let server = &self.snapshot.server;
        let role = if server.in_recovery { ", a standby" } else { "" };
        let mut facts = vec![
            Fact::words("database", format!("{}, PostgreSQL {}{role}", quote_identifier(&server.database), server.version_text)),
            Fact::words("captured", format!("{} UTC", moment(self.snapshot.captured_at))),
        ];
        facts.push(Fact::words(
            "counters",
            self.since().map_or_else(
                || "since an unknown time".to_owned(),
                |since| format!("since {} UTC, {} before", moment(since), age_at(since, self.snapshot.captured_at)),
            ),
        ));
        facts.push(Fact::words("statements", self.statements_words()));
        facts
    }

    /// What share of the statements is seen, or why none.
    fn statements_words(&self) -> String {
        match &self.snapshot.activity.statements {
            Statements::Unavailable { reason, .. } => format!("not recorded: {reason}"),
            Statements::Recorded { statements, evicted, since, .. } => {
                let mut words = counted(statements.len(), "statement recorded", "statements recorded");
                if let Some(since) = since {
                    let _ = write!(words, " since {} UTC", moment(*since));
                }
                if let Some(workload) = self.workload {
                    let skipped = workload.skipped.len();
                    let _ = write!(words, ", {} understood, {skipped} not considered", workload.queries.len());
                }
                match evicted {
                    Some(0) => words.push_str("; none forgotten"),
                    Some(count) => {
                        let count = grouped(*count);
                        let _ = write!(words, "; {count} forgotten for want of room, so shares are too low");
                    }
                    None => words.push_str("; this version does not say how many were forgotten"),
                }
                words
            }
        }
    }

    fn statements_json(&self) -> Value {
        let skipped: Option<Vec<Value>> = self.workload.map(|workload| {
            workload
                .skipped
                .iter()
                .map(|skipped| {
                    json!({
                        "statement": skipped.statement,
                        "calls": skipped.calls,
                        "total_time_ms": skipped.total_time,
                        "reason": skipped.reason,
                    })
                })
                .collect()
        });
        let considered = self.workload.map(|workload| workload.queries.len());
        let (count, evicted, since, reason, remedy) = match &self.snapshot.activity.statements {
            Statements::Recorded { statements, evicted, since, .. } => (Some(statements.len()), *evicted, *since, None, None),
            Statements::Unavailable { reason, remedy } => (None, None, None, Some(reason), Some(remedy)),
        };
        json!({
            "recorded": count.is_some(),
            "count": count,
            "evicted": evicted,
            "since": since,
            "considered": considered,
            "skipped": skipped,
            "reason": reason,
            "remedy": remedy,
        })
    }
}

fn item(number: usize, finding: &Finding) -> Item {
    let tone = match finding.severity {
        Severity::Notice => Tone::Quiet,
        Severity::Warning => Tone::Warning,
        Severity::Critical => Tone::Bad,
    };
    let mut facts = vec![Fact::words("check", &finding.check)];
    facts.extend(
        finding.evidence.iter().map(|evidence| {
            Fact::number(&evidence.label, evidence.quantity.to_string(), evidence.quantity.provenance.to_string())
        }),
    );
    facts.extend(finding.statements.iter().take(MOST_CAUSES).map(cause));
    if finding.statements.len() > MOST_CAUSES {
        facts.push(Fact::words("", format!("{} more: see --format json", finding.statements.len() - MOST_CAUSES)));
    }
    facts.push(Fact::words("advice", &finding.advice));
    facts.extend(finding.remedy.iter().map(|remedy| Fact::sql("remedy", remedy.sql())));
    let title = Text::Prose(format!("{}: {}", finding.table, finding.problem));
    Item { number, badge: Some((tone, finding.severity.name().to_owned())), title, facts }
}

fn cause(cause: &Cause) -> Fact {
    let calls = usize::try_from(cause.calls).unwrap_or(usize::MAX);
    let mut source = format!("{}, {} in all, measured", counted(calls, "call", "calls"), cause.total_time);
    if !cause.columns.is_empty() {
        let columns: Vec<String> = cause.columns.iter().map(|column| quote_identifier(column)).collect();
        let _ = write!(source, "; by {}", columns.join(", "));
    }
    Fact { label: "caused by".to_owned(), value: Text::Excerpt(cause.statement.clone()), source }
}

/// `no-primary-key of log until 2027-05-31: read as a whole`
fn accepted_line(accepted: &Accepted) -> String {
    let Accepted { finding, acceptance } = accepted;
    let object = finding.object.as_ref().map(|object| format!(" {}", printable(object))).unwrap_or_default();
    let until = acceptance.until.map(|until| format!(" until {until}")).unwrap_or_default();
    format!("{}{object} of {}{until}: {}", finding.check, finding.table, printable(&acceptance.reason))
}

fn accepted_json(accepted: &Accepted) -> Value {
    json!({
        "finding": finding_json(&accepted.finding),
        "reason": accepted.acceptance.reason,
        "until": accepted.acceptance.until,
    })
}

fn finding_json(finding: &Finding) -> Value {
    let evidence: Vec<Value> =
        finding.evidence.iter().map(|evidence| json!({ "label": evidence.label, "quantity": evidence.quantity })).collect();
    let statements: Vec<Value> = finding
        .statements
        .iter()
        .map(|cause| {
            json!({
                "statement": cause.statement,
                "calls": cause.calls,
                "total_time_ms": cause.total_time,
                "columns": cause.columns,
            })
        })
        .collect();
    json!({
        "check": finding.check,
        "severity": finding.severity,
        "table": finding.table.sql(),
        "object": finding.object,
        "problem": finding.problem,
        "advice": finding.advice,
        "evidence": evidence,
        "statements": statements,
        "remedy_sql": finding.remedy.as_ref().map(Change::sql),
    })
}
