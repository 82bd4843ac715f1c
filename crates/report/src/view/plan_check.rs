//! What a change's statements would do at production's size, fit for a comment on a pull request.

use pgtailor_model::index::Build;
use pgtailor_model::plan_check::{CheckedStatement, Cure, PlanCheck, PlanProblem, ScanLimit, TableScan};
use pgtailor_model::twin::Exactness;
use pgtailor_model::unit::{Bytes, Pages, f64_as_count, grouped, three_digits};
use serde_json::{Value, json};

use crate::document::{Block, Cell, ColumnKind, Document, Fact, Item, Table, Text, Tone};
use crate::number::{counted, growth_words, percent, short_count};
use crate::report::{Report, Statement};
use crate::view::twin::{
    fidelity_json, fidelity_words, inexact_json, push_deviations, push_inexact, push_warnings, snapshot_words,
};

/// Most statements that pass, and most that were not planned, that are shown to people; the JSON has all.
const MOST: usize = 20;

/// Statements of a change, planned in a twin.
#[derive(Clone, Copy, Debug)]
pub struct PlanCheckReport<'a> {
    /// What was found.
    pub check: &'a PlanCheck,
    /// Whether statements that were not planned count as failing.
    pub unplanned: UnplannedCount,
}

/// What statements that were not planned count as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnplannedCount {
    /// Nothing: they are listed.
    Listed,
    /// Failing.
    Failing,
}

impl PlanCheckReport<'_> {
    /// Whether the check fails.
    pub fn fails(&self) -> bool {
        self.check.failing().next().is_some() || self.counts_unplanned()
    }

    fn counts_unplanned(&self) -> bool {
        self.unplanned == UnplannedCount::Failing && !self.check.unplanned.is_empty()
    }

    fn facts(&self) -> Vec<Fact> {
        let check = self.check;
        let limit = match check.limits.scan {
            ScanLimit::Rows(rows) => format!("{rows} rows"),
            ScanLimit::Pages(pages) => format!("{} pages", grouped(pages.0)),
        };
        let mut facts = vec![
            Fact::words("source", snapshot_words(&check.database, &check.version, check.captured_at)),
            Fact::words("twin", fidelity_words(&check.fidelity)),
            Fact::words("most read", format!("{limit} of one table by sequential scans")),
        ];
        if !check.applied.is_empty() {
            facts.push(Fact::words("most cost", format!("{} times that before the change", three_digits(check.limits.growth))));
            facts.push(Fact::words("applied", check.applied.join(", ")));
        }
        facts
    }

    fn item(&self, number: usize, statement: &CheckedStatement) -> Item {
        let mut facts = vec![Fact::sql("statement", &statement.text)];
        let more = statement.problems.iter().skip(1).map(|problem| Fact::words("and", problem_words(problem)));
        facts.extend(more);
        facts.push(Fact::number("cost", cost_words(statement), self.provenance()));
        facts.extend(cure_facts(statement, self.provenance()));
        let title = statement.problems.first().map(problem_words).unwrap_or_default();
        let badge = match statement.problems.first() {
            Some(PlanProblem::Growth { .. }) => "worse",
            _ => "scan",
        };
        Item { number, badge: Some((Tone::Bad, badge.to_owned())), title: Text::Prose(title), facts }
    }

    fn provenance(&self) -> &'static str {
        match self.check.fidelity.exactness() {
            Exactness::Approximate => "planned in the twin, approximate",
            _ => "planned in the twin",
        }
    }

    fn push_passing(&self, document: &mut Document) {
        let passing: Vec<&CheckedStatement> =
            self.check.statements.iter().filter(|statement| statement.problems.is_empty()).collect();
        if passing.is_empty() {
            return;
        }
        let mut table = Table::new(
            "Planner costs, not times. Rows are those that come out; scanned is what the largest sequential scan reads.",
            [
                ("statement", ColumnKind::Excerpt),
                ("cost", ColumnKind::Number),
                ("rows", ColumnKind::Number),
                ("scanned", ColumnKind::Number),
            ],
        );
        table.rows = passing
            .iter()
            .take(MOST)
            .map(|statement| -> Vec<Cell> {
                let scan = statement.scans.first();
                vec![
                    statement.text.clone().into(),
                    three_digits(statement.cost).into(),
                    short_count(f64_as_count(statement.rows)).into(),
                    scan.map_or_else(|| "-".to_owned(), |scan| short_count(scan.read_rows.0)).into(),
                ]
            })
            .collect();
        document.heading(format!("Passing: {}", counted(passing.len(), "statement", "statements")));
        document.blocks.push(Block::Table(table));
        push_more(document, passing.len());
    }

    fn push_unplanned(&self, document: &mut Document) {
        let unplanned = &self.check.unplanned;
        if unplanned.is_empty() {
            return;
        }
        let caption = match self.unplanned {
            UnplannedCount::Listed => "They do not make the check fail, unless --strict is given.",
            UnplannedCount::Failing => "With --strict they make the check fail.",
        };
        let mut table = Table::new(caption, [("statement", ColumnKind::Excerpt), ("reason", ColumnKind::Words)]);
        table.rows = unplanned
            .iter()
            .take(MOST)
            .map(|unplanned| -> Vec<Cell> { vec![unplanned.statement.clone().into(), unplanned.reason.clone().into()] })
            .collect();
        document.heading(format!("Not planned: {}", counted(unplanned.len(), "statement", "statements")));
        document.blocks.push(Block::Table(table));
        push_more(document, unplanned.len());
    }
}

impl Report for PlanCheckReport<'_> {
    fn kind(&self) -> &'static str {
        "plan-check"
    }

    fn document(&self) -> Document {
        let check = self.check;
        let failing = check.failing().count();
        let all = counted(check.statements.len(), "statement", "statements");
        let title = match failing {
            _ if check.statements.is_empty() => format!("Plans: no statement could be planned at the size of {}", check.database),
            0 => format!("Plans: {all} planned at the size of {}, none fails", check.database),
            1 => format!("Plans: 1 of {all} fails at the size of {}", check.database),
            _ => format!("Plans: {failing} of {all} fail at the size of {}", check.database),
        };
        let mut document = Document::new(title);
        document.blocks.push(Block::Facts(self.facts()));
        push_warnings(&mut document, &check.fidelity);
        for note in &check.notes {
            document.note(Tone::Warning, note);
        }
        if failing > 0 {
            document.heading(format!("Failing: {}", counted(failing, "statement", "statements")));
            document.blocks.extend(check.failing().enumerate().map(|(at, statement)| Block::Item(self.item(at + 1, statement))));
        }
        self.push_passing(&mut document);
        self.push_unplanned(&mut document);
        push_deviations(&mut document, &check.fidelity);
        push_inexact(&mut document, &check.inexact);
        document.next(match (failing > 0, check.failing().any(|statement| statement.cure.is_some())) {
            (true, true) => "add the indexes in a migration and pass it with --apply-sql, or change the statements",
            (true, false) => "change the statements, or allow them with a higher limit",
            (false, _) if self.counts_unplanned() => "correct the statements that were not planned, or leave --strict out",
            (false, _) if !check.unplanned.is_empty() => {
                "what was planned may go on; --strict makes the check fail for what was not"
            }
            (false, _) => "nothing to do: the change may go on",
        });
        document
    }

    fn json(&self) -> Value {
        let check = self.check;
        let (most_rows, most_pages) = match check.limits.scan {
            ScanLimit::Rows(rows) => (Some(rows.0), None),
            ScanLimit::Pages(pages) => (None, Some(pages.0)),
        };
        let statements: Vec<Value> = check.statements.iter().map(statement_json).collect();
        json!({
            "database": check.database,
            "version": check.version,
            "captured_at": check.captured_at,
            "fails": self.fails(),
            "fidelity": fidelity_json(&check.fidelity),
            "limits": { "rows": most_rows, "pages": most_pages, "growth": check.limits.growth },
            "applied": check.applied,
            "statements": statements,
            "unplanned": check.unplanned,
            "inexact": inexact_json(&check.inexact),
            "notes": check.notes,
        })
    }

    /// The indexes that cure, each once.
    fn sql(&self) -> Vec<Statement> {
        let mut statements: Vec<Statement> = Vec::new();
        for cure in self.check.failing().filter_map(|statement| statement.cure.as_ref()) {
            for sql in cure_sql(cure) {
                if !statements.iter().any(|statement| statement.sql == sql) {
                    let why = "a statement that fails the check passes with it".to_owned();
                    statements.push(Statement { sql, why });
                }
            }
        }
        statements
    }
}

fn push_more(document: &mut Document, count: usize) {
    if count > MOST {
        document.paragraph(format!("{} more: see --format json.", count - MOST));
    }
}

/// `reads 3 000 000 rows of orders (1.20 GB) by a sequential scan`.
fn problem_words(problem: &PlanProblem) -> String {
    match problem {
        PlanProblem::Scan(scan) => {
            let repeated = if scan.read_rows > scan.table_rows {
                format!(", which has {}, by repeated sequential scans", scan.table_rows)
            } else {
                " by a sequential scan".to_owned()
            };
            // Shares of drawn values miss a whole by a hair.
            let sometimes =
                if scan.share < 0.999 { format!(", for {} of its executions", percent(scan.share)) } else { String::new() };
            format!("reads {} rows of {} ({}){repeated}{sometimes}", scan.read_rows, scan.table, scan.table_size)
        }
        PlanProblem::Growth { before, after } => {
            format!(
                "costs {} instead of {} before the change: {}",
                three_digits(*after),
                three_digits(*before),
                growth_words(*before, *after)
            )
        }
    }
}

fn cost_words(statement: &CheckedStatement) -> String {
    let rows = if f64_as_count(statement.rows) == 1 { "row comes" } else { "rows come" };
    let cost = format!("planner cost {}; {} {rows} out", three_digits(statement.cost), short_count(f64_as_count(statement.rows)));
    match statement.cost_before {
        Some(before) => format!("{cost}; before the change planner cost {}", three_digits(before)),
        None => cost,
    }
}

fn cure_facts(statement: &CheckedStatement, provenance: &str) -> Vec<Fact> {
    let Some(cure) = &statement.cure else {
        return vec![Fact::words("cure", "none of the indexes that were tried makes it pass: change the statement")];
    };
    let mut facts: Vec<Fact> = cure_sql(cure).into_iter().map(|sql| Fact::sql("cure", sql)).collect();
    let sizes: Option<Vec<Bytes>> = cure.indexes.iter().map(|index| index.size).collect();
    let size = sizes.map_or_else(String::new, |sizes| format!(", for {} on disk", sizes.into_iter().sum::<Bytes>()));
    if cure.indexes.iter().any(|index| index.build == Build::Blocking) {
        let words = "it blocks writes while it is built: build it on each partition first, concurrently, and then on the whole";
        facts.push(Fact::words("but", words));
    }
    facts.push(Fact::number("then", format!("planner cost {}{size}", three_digits(cure.cost)), provenance));
    facts
}

fn cure_sql(cure: &Cure) -> Vec<String> {
    cure.indexes.iter().map(|index| index.definition.create_sql(&index.name, &index.table, index.build)).collect()
}

fn statement_json(statement: &CheckedStatement) -> Value {
    let scans: Vec<Value> = statement.scans.iter().map(scan_json).collect();
    let problems: Vec<Value> = statement
        .problems
        .iter()
        .map(|problem| match problem {
            PlanProblem::Scan(scan) => json!({ "kind": "scan", "scan": scan_json(scan), "before": null, "after": null }),
            PlanProblem::Growth { before, after } => {
                json!({ "kind": "growth", "scan": null, "before": before, "after": after })
            }
        })
        .collect();
    let cure = statement.cure.as_ref().map(|cure| {
        let indexes: Vec<Value> = cure
            .indexes
            .iter()
            .zip(cure_sql(cure))
            .map(|(index, sql)| {
                json!({
                    "table": index.table.sql(),
                    "definition": index.definition.to_string(),
                    "sql": sql,
                    "size_bytes": index.size,
                    "size_provenance": "estimated",
                })
            })
            .collect();
        json!({ "indexes": indexes, "planner_cost": cure.cost, "planner_cost_provenance": "what-if" })
    });
    json!({
        "fingerprint": statement.fingerprint,
        "text": statement.text,
        "planner_cost": statement.cost,
        "planner_cost_before": statement.cost_before,
        "planner_cost_provenance": "what-if",
        "rows": statement.rows,
        "scans": scans,
        "problems": problems,
        "cure": cure,
    })
}

fn scan_json(scan: &TableScan) -> Value {
    let TableScan { table, table_rows, table_size, read_rows, read_pages: Pages(read_pages), share } = scan;
    json!({
        "table": table.sql(),
        "table_rows": table_rows,
        "table_size_bytes": table_size,
        "read_rows": read_rows,
        "read_pages": read_pages,
        "share": share,
    })
}
