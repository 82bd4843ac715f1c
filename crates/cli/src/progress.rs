//! Shows what the executor tells: a bar on a terminal, a line a step elsewhere.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use pgtailor::model::outcome::{StepOutcome, StepResult};
use pgtailor::{Event, Events};

use crate::output::Printer;

/// Length of a bar whose measure is a fraction.
const LENGTH: u64 = 1000;

/// How often one and the same wait is told where there is no bar.
const WAITING_AGAIN: Duration = Duration::from_secs(30);

/// Events for the executor, shown as they come.
pub fn show(printer: &Printer) -> Events {
    let printer = printer.clone();
    let shown = Mutex::new(Shown::default());
    Events::to(move |event| one(&printer, &mut shown.lock().unwrap_or_else(PoisonError::into_inner), event))
}

/// What is on the screen.
#[derive(Default)]
struct Shown {
    bar: Option<ProgressBar>,
    /// Whom the step was last said to wait for, and when: it is told four times a second, and ages while it is told.
    waiting: Option<(String, Instant)>,
}

fn one(printer: &Printer, Shown { bar, waiting }: &mut Shown, event: Event) {
    if !matches!(event, Event::Waiting { .. }) {
        *waiting = None;
    }
    match event {
        Event::Settled { id, what } => printer.note(&format!("entry {id} of an earlier run: {what}")),
        Event::Started { number, total, sql } => {
            if printer.shows_progress() {
                *bar = Some(new_bar(&format!("[{number}/{total}] {sql}")));
            } else {
                printer.note(&format!("[{number}/{total}] {sql}"));
            }
        }
        Event::Progress { phase, fraction } => {
            if let Some(bar) = bar {
                bar.set_message(phase);
                bar.set_position(pgtailor::model::unit::f64_as_count(fraction.unwrap_or(0.0) * 1000.0));
            }
        }
        Event::Waiting { whom } => {
            if let Some(bar) = bar {
                bar.set_message(format!("waiting for {whom}"));
                return;
            }
            // `session 7 (psql), idle in transaction for 5 s` is the same wait a second later.
            let who = whom.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == ' ' || letter == 's').to_owned();
            let is_news = waiting.as_ref().is_none_or(|(last, at)| *last != who || at.elapsed() >= WAITING_AGAIN);
            if is_news {
                printer.note(&format!("  waiting for {whom}"));
                *waiting = Some((who, Instant::now()));
            }
        }
        Event::Remark { what } => printer.note(&format!("  {what}")),
        Event::InTheWay { of } => printer.note(&format!("  {of} waits for it")),
        Event::Cancelling { why } => printer.note(&format!("  cancelling: {why}")),
        Event::Ended(outcome) => {
            if let Some(bar) = bar.take() {
                let title = bar.prefix();
                bar.finish_and_clear();
                printer.note(&title);
            }
            printer.note(&format!("  {}", in_short(&outcome)));
        }
    }
}

fn in_short(outcome: &StepOutcome) -> String {
    match &outcome.result {
        StepResult::Applied { size: Some(size), duration } => {
            let before = outcome.change.size_before().map(|before| format!("{before} -> ")).unwrap_or_default();
            format!("done in {duration}, {before}{size}")
        }
        StepResult::Applied { size: None, duration } => format!("done in {duration}"),
        StepResult::NothingToDo { reason } => format!("nothing to do: {reason}"),
        StepResult::Failed { reason, .. } => format!("not done: {reason}"),
        StepResult::LeftOver { reason } | StepResult::NotReached { reason } | StepResult::NeedsHuman { reason } => reason.clone(),
    }
}

fn new_bar(title: &str) -> ProgressBar {
    let bar = ProgressBar::new(LENGTH);
    if let Ok(style) = ProgressStyle::with_template("{prefix}\n  {bar:30} {elapsed} {wide_msg}") {
        bar.set_style(style);
    }
    bar.set_prefix(title.to_owned());
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
