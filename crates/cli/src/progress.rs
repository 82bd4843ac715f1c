//! Shows what the executor tells: a bar on a terminal, a line a step elsewhere.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use pgtailor::model::outcome::StepResult;
use pgtailor::{Event, Events};

use crate::output::Printer;

/// Length of a bar whose measure is a fraction.
const LENGTH: u64 = 1000;

/// Events for the executor, shown as they come.
pub fn show(printer: &Printer) -> Events {
    let printer = printer.clone();
    let bar: Mutex<Option<ProgressBar>> = Mutex::new(None);
    Events::to(move |event| one(&printer, &mut bar.lock().unwrap_or_else(PoisonError::into_inner), event))
}

fn one(printer: &Printer, bar: &mut Option<ProgressBar>, event: Event) {
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
        Event::Waiting { whom } => match bar {
            Some(bar) => bar.set_message(format!("waiting for {whom}")),
            None => printer.note(&format!("  waiting for {whom}")),
        },
        Event::Remark { what } => printer.note(&format!("  {what}")),
        Event::InTheWay { of } => printer.note(&format!("  {of} waits for it")),
        Event::Cancelling { why } => printer.note(&format!("  cancelling: {why}")),
        Event::Ended(outcome) => {
            if let Some(bar) = bar.take() {
                let title = bar.prefix();
                bar.finish_and_clear();
                printer.note(&title);
            }
            printer.note(&format!("  {}", in_short(&outcome.result)));
        }
    }
}

fn in_short(result: &StepResult) -> String {
    match result {
        StepResult::Applied { size: Some(size), duration } => format!("done in {duration}, {size}"),
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
