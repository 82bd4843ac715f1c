//! Twins: one that was started, and those that run.

use pgtailor_model::planner::{Inexact, StatisticsLevel};
use pgtailor_model::twin::{APPROXIMATE_BELOW, Exactness, Fidelity, RunningTwin};
use pgtailor_model::unit::three_digits;
use serde_json::{Value, json};

use crate::document::{Block, Cell, ColumnKind, Document, Fact, Table, Tone};
use crate::number::{age, counted, percent};
use crate::report::Report;
use crate::view::moment;

/// Most deviations that are shown to people; the JSON has all.
const MOST_DEVIATIONS: usize = 5;

/// A twin that was started.
#[derive(Clone, Copy, Debug)]
pub struct TwinReport<'a> {
    /// Where it runs.
    pub twin: &'a RunningTwin,
    /// How faithful it is.
    pub fidelity: &'a Fidelity,
    /// What it cannot have like the source.
    pub inexact: &'a [Inexact],
}

/// Twins that run, or that were stopped.
#[derive(Clone, Copy, Debug)]
pub struct TwinsReport<'a> {
    /// The twins, oldest first.
    pub twins: &'a [RunningTwin],
    /// What became of them.
    pub which: Which,
    /// The present, for their age.
    pub now: jiff::Timestamp,
}

/// Which twins a list is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// They run.
    Running,
    /// They were just stopped.
    Stopped,
}

impl Report for TwinReport<'_> {
    fn kind(&self) -> &'static str {
        "twin"
    }

    fn document(&self) -> Document {
        let twin = self.twin;
        let mut document = Document::new(format!("A {}, runs on PostgreSQL {}", twin.label, twin.version));
        document.blocks.push(Block::Facts(vec![
            Fact::shell("connect", psql(twin)),
            Fact::shell("stop", format!("pgtailor twin stop {}", twin.id)),
            Fact::words("plans", fidelity_words(self.fidelity)),
            Fact::words("statistics", level_words(self.fidelity.level)),
            Fact::words(
                "safety",
                "no password and no network: only who may enter the folder of its socket can connect, as a role without any rights \
                 elsewhere",
            ),
        ]));
        push_warnings(&mut document, self.fidelity);
        push_deviations(&mut document, self.fidelity);
        push_inexact(&mut document, self.inexact);
        document.next("paste the command behind `connect` and EXPLAIN a statement: the plan is that of the source; there are no rows to read");
        document
    }

    fn json(&self) -> Value {
        json!({ "twin": running(self.twin), "fidelity": fidelity_json(self.fidelity), "inexact": inexact_json(self.inexact) })
    }
}

impl Report for TwinsReport<'_> {
    fn kind(&self) -> &'static str {
        "twins"
    }

    fn document(&self) -> Document {
        let count = counted(self.twins.len(), "twin", "twins");
        let verb = match (self.which, self.twins.len()) {
            (Which::Running, 1) => "runs",
            (Which::Running, _) => "run",
            (Which::Stopped, _) => "stopped",
        };
        let mut document = Document::new(format!("{count} {verb}"));
        for twin in self.twins {
            document.heading(format!("{}: {}", twin.id, twin.label));
            let mut facts = vec![Fact::words("version", format!("PostgreSQL {}", twin.version))];
            if self.which == Which::Running {
                let seconds = self.now.as_second().saturating_sub(twin.started_at.as_second());
                facts.push(Fact::words("age", age(seconds)));
                facts.push(Fact::shell("connect", psql(twin)));
                facts.push(Fact::shell("stop", format!("pgtailor twin stop {}", twin.id)));
            }
            document.blocks.push(Block::Facts(facts));
        }
        document.next(match (self.which, self.twins.is_empty()) {
            (Which::Running, true) => "`pgtailor twin start FILE` starts one from a snapshot",
            (Which::Running, false) => "`pgtailor twin stop --all` stops all of them",
            (Which::Stopped, _) => "nothing of them is left; `pgtailor twin start FILE` starts another",
        });
        document
    }

    fn json(&self) -> Value {
        let twins: Vec<Value> = self.twins.iter().map(running).collect();
        json!({ "twins": twins, "running": self.which == Which::Running })
    }
}

/// A sentence on how faithful a twin is, without a period.
pub(crate) fn fidelity_words(fidelity: &Fidelity) -> String {
    let (identical, asked) = (fidelity.identical, fidelity.asked);
    let of = counted(asked, "statement plans", "statements plan");
    let counts = format!("{identical} of {of} identically to the source, at every node");
    match fidelity.exactness() {
        Exactness::Identical | Exactness::Close => counts,
        Exactness::Approximate => {
            format!("{counts}: plans are approximate, since fewer than {} are the same", percent(APPROXIMATE_BELOW))
        }
        Exactness::Untested => {
            "not tested, since the snapshot has no plan of these tables to compare with: pg_stat_statements recorded none"
                .to_owned()
        }
    }
}

/// What the level of statistics means for plans, without a period.
fn level_words(level: StatisticsLevel) -> &'static str {
    match level {
        StatisticsLevel::Exact => "exact: values of columns are in the snapshot and in the twin; keep them as you keep the data",
        StatisticsLevel::Anonymized => "anonymized: pseudonyms stand for values, so constants must be pseudonyms, too",
        StatisticsLevel::None => "none: no value of any column is known, and plans are approximate",
    }
}

/// That plans are approximate, when they are.
pub(crate) fn push_warnings(document: &mut Document, fidelity: &Fidelity) {
    if fidelity.exactness() == Exactness::Approximate {
        document.note(Tone::Warning, "plans are approximate: look at the deviations before you believe a cost");
    }
    if fidelity.level == StatisticsLevel::None && fidelity.exactness() != Exactness::Approximate {
        document.note(Tone::Warning, "the snapshot holds no statistics with values: plans are approximate");
    }
    if fidelity.source_major != fidelity.twin_major {
        let (source, twin) = (fidelity.source_major, fidelity.twin_major);
        document.note(
            Tone::Warning,
            format!(
                "the twin runs on PostgreSQL {twin} and the source on {source}: their planners differ, and plans are approximate"
            ),
        );
    }
}

/// The worst deviations.
pub(crate) fn push_deviations(document: &mut Document, fidelity: &Fidelity) {
    if fidelity.deviations.is_empty() {
        return;
    }
    let mut table = Table::new(
        "Statements that the twin plans otherwise, the largest difference first.",
        [
            ("statement", ColumnKind::Excerpt),
            ("cost there", ColumnKind::Number),
            ("here", ColumnKind::Number),
            ("likely cause", ColumnKind::Words),
        ],
    );
    table.rows = fidelity
        .deviations
        .iter()
        .take(MOST_DEVIATIONS)
        .map(|deviation| -> Vec<Cell> {
            vec![
                deviation.text.clone().into(),
                three_digits(deviation.source_cost).into(),
                deviation.twin_cost.map_or_else(|| "-".to_owned(), three_digits).into(),
                deviation.cause.clone().into(),
            ]
        })
        .collect();
    document.heading("Deviations");
    document.blocks.push(Block::Table(table));
    let more = fidelity.deviations.len().saturating_sub(MOST_DEVIATIONS);
    if more > 0 {
        document.paragraph(format!("{}: see --format json.", counted(more, "more deviation", "more deviations")));
    }
}

/// What a twin lacks.
pub(crate) fn push_inexact(document: &mut Document, inexact: &[Inexact]) {
    if !inexact.is_empty() {
        document.heading("Not like the source");
        document
            .blocks
            .push(Block::List(inexact.iter().map(|inexact| format!("{}: {}", inexact.object, inexact.reason)).collect()));
    }
}

pub(crate) fn fidelity_json(fidelity: &Fidelity) -> Value {
    let deviations: Vec<Value> = fidelity
        .deviations
        .iter()
        .map(|deviation| {
            json!({
                "statement": deviation.text,
                "difference": deviation.what,
                "source_planner_cost": deviation.source_cost,
                "twin_planner_cost": deviation.twin_cost,
                "likely_cause": deviation.cause,
            })
        })
        .collect();
    json!({
        "asked": fidelity.asked,
        "identical": fidelity.identical,
        "share": fidelity.share(),
        "exactness": fidelity.exactness(),
        "statistics": fidelity.level,
        "source_major": fidelity.source_major,
        "twin_major": fidelity.twin_major,
        "deviations": deviations,
    })
}

pub(crate) fn inexact_json(inexact: &[Inexact]) -> Value {
    inexact.iter().map(|inexact| json!({ "object": inexact.object, "reason": inexact.reason })).collect()
}

fn running(twin: &RunningTwin) -> Value {
    json!({
        "id": twin.id,
        "label": twin.label,
        "version": twin.version,
        "started_at": twin.started_at,
        "host": twin.host,
        "port": twin.port,
        "user": twin.user,
        "database": twin.database,
        "command": psql(twin),
    })
}

/// The command that connects, for a shell.
fn psql(twin: &RunningTwin) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    let host =
        if twin.host.chars().all(is_plain) { twin.host.clone() } else { format!("'{}'", twin.host.replace('\'', r"'\''")) };
    format!("psql -h {host} -p {} -U {} {}", twin.port, twin.user, twin.database)
}

/// When and of what a snapshot is, for people.
pub(crate) fn snapshot_words(database: &str, version: &str, captured_at: jiff::Timestamp) -> String {
    format!("{database} on PostgreSQL {version}, captured {} UTC", moment(captured_at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_survives_a_shell_whatever_the_folder_is_called() {
        let twin = |host: &str| RunningTwin {
            id: "ab".to_owned(),
            label: "twin of shop".to_owned(),
            version: "15.3".to_owned(),
            started_at: jiff::Timestamp::UNIX_EPOCH,
            host: host.to_owned(),
            port: 5432,
            user: "planner".to_owned(),
            database: "twin".to_owned(),
        };
        assert_eq!(psql(&twin("/tmp/lab-1")), "psql -h /tmp/lab-1 -p 5432 -U planner twin");
        assert_eq!(psql(&twin("/tmp/it's $x")), r"psql -h '/tmp/it'\''s $x' -p 5432 -U planner twin");
    }
}
