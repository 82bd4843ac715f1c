//! `pgtailor demo`: promise against measurement, on a private server.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use pgtailor::blueprint::{Blueprint, builtin};
use pgtailor::demo::{DemoOptions, LoadProgress, Stage};
use pgtailor::model::declared::CatalogPolicy;
use pgtailor::model::unit::{Milliseconds, Rows, f64_as_count, three_digits};
use pgtailor::report::{DemoReport, Style, format, render};

use crate::arguments::DemoArguments;
use crate::output::Printer;
use crate::{Verdict, interrupt, progress};

/// Runs the demonstration, prints it, writes the page.
pub async fn run(arguments: &DemoArguments, printer: &Printer) -> anyhow::Result<Verdict> {
    let options = DemoOptions {
        blueprint: blueprint(&arguments.blueprint)?,
        scale: arguments.scale,
        clients: u32::from(arguments.clients),
        duration: Duration::from_secs(u64::from(arguments.seconds)),
        seed: arguments.seed,
        server: arguments.server.clone(),
        now: jiff::Timestamp::now(),
    };
    let cancel = interrupt::token(printer, "stopping: the server and its folder are removed");
    let events = progress::show(printer);
    let teller = Teller::new(printer);
    let demonstration = pgtailor::demo::run(&options, &|stage| teller.tell(&stage), &events, &cancel).await;
    teller.clear();
    let demonstration = demonstration?;
    let report =
        DemoReport::new(&demonstration.measurement, &demonstration.judged, CatalogPolicy::Useful, &demonstration.outcomes);
    printer.report(&report)?;
    std::fs::write(&arguments.report, render(&report, format::by_name("html")?, &Style::plain()))?;
    printer.note(&format!("\nthe same as a page: {}", arguments.report.display()));
    Ok(Verdict::Done)
}

/// A built-in blueprint, or one in a folder.
fn blueprint(name: &str) -> anyhow::Result<Blueprint> {
    let folder = Path::new(name);
    if !folder.is_dir() {
        let known = builtin::ALL.iter().map(|built_in| built_in.name).collect::<Vec<_>>().join(", ");
        return match builtin::find(name) {
            Some(built_in) => Ok(built_in.blueprint()),
            None => anyhow::bail!("there is no blueprint `{name}`: no folder of this name, and the built-in ones are {known}"),
        };
    }
    let mut texts = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let is_text = path.extension().is_some_and(|extension| extension == "toml" || extension == "sql");
        if let (true, Some(file)) = (is_text, path.file_name().and_then(|file| file.to_str())) {
            texts.insert(file.to_owned(), std::fs::read_to_string(&path)?);
        }
    }
    Ok(Blueprint::from_texts(&texts)?)
}

/// Shows the stages: a bar on a terminal, lines elsewhere.
struct Teller<'a> {
    printer: &'a Printer,
    bar: Mutex<Option<ProgressBar>>,
}

impl<'a> Teller<'a> {
    fn new(printer: &'a Printer) -> Self {
        Self { printer, bar: Mutex::new(None) }
    }

    fn tell(&self, stage: &Stage) {
        match stage {
            Stage::Server { version } => self.printer.note(&format!("a private PostgreSQL {version} is running")),
            Stage::Loading(LoadProgress::Rows { done, total }) => {
                self.advance("loading", pgtailor::model::unit::ratio(*done, *total), &format!("{} rows", Rows(*done)));
            }
            Stage::Loading(LoadProgress::Constraints) => self.advance("making keys and constraints", None, ""),
            Stage::Loading(LoadProgress::Analyze) => self.advance("analyzing", None, ""),
            Stage::Loading(LoadProgress::Schema) => {}
            Stage::Loaded { rows, size, took } => self.done(&format!("{rows} rows, {size}, loaded in {}", seconds(*took))),
            Stage::Measuring { when, fraction, executions } => {
                self.advance(&format!("measuring {when}"), Some(*fraction), &format!("{} statements", Rows(*executions)));
            }
            Stage::Measured { when, per_second } => {
                self.done(&format!("measured {when}: {} statements a second", three_digits(*per_second)));
            }
            Stage::Applying { entries, steps } => {
                self.done(&format!("{entries} catalog entries judged, {steps} steps to apply"));
            }
            Stage::Applied { took } => self.done(&format!("applied in {}", seconds(*took))),
        }
    }

    fn advance(&self, what: &str, fraction: Option<f64>, detail: &str) {
        if !self.printer.shows_progress() {
            return;
        }
        let mut bar = self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let bar = bar.get_or_insert_with(|| {
            let bar = ProgressBar::new(1000);
            if let Ok(style) = ProgressStyle::with_template("{prefix:28} {bar:30} {elapsed} {wide_msg}") {
                bar.set_style(style);
            }
            bar
        });
        bar.set_prefix(what.to_owned());
        bar.set_position(f64_as_count(fraction.unwrap_or(1.0) * 1000.0));
        bar.set_message(detail.to_owned());
    }

    fn done(&self, line: &str) {
        self.clear();
        self.printer.note(line);
    }

    fn clear(&self) {
        if let Some(bar) = self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take() {
            bar.finish_and_clear();
        }
    }
}

fn seconds(duration: Duration) -> String {
    Milliseconds(duration.as_secs_f64() * 1000.0).to_string()
}
