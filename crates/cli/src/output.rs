//! The only place that writes to the terminal: results to standard output, everything else to standard error.

use std::io::{IsTerminal as _, Write as _};

use pgtailor::model::name::printable;
use pgtailor::report::{Colour, Report, Style, render};

use crate::arguments::{Arguments, ColourChoice, FormatName};

/// Widest line for people, whatever the terminal's width: longer lines are hard to read.
const WIDEST: usize = 120;

/// Knows the format, the colour and how much to say.
#[derive(Clone)]
pub struct Printer {
    format: FormatName,
    style: Style,
    quiet: bool,
    interactive: bool,
}

impl Printer {
    /// As the arguments and the terminal ask for.
    pub fn new(arguments: &Arguments) -> Self {
        let stdout_is_terminal = std::io::stdout().is_terminal();
        let wants_colour = match arguments.color {
            ColourChoice::Always => true,
            ColourChoice::Never => false,
            ColourChoice::Auto => stdout_is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        };
        let width = if stdout_is_terminal { terminal_width() } else { 80 };
        Self {
            format: arguments.format,
            style: Style { colour: if wants_colour { Colour::Always } else { Colour::Never }, width },
            quiet: arguments.quiet,
            interactive: std::io::stderr().is_terminal(),
        }
    }

    /// A result.
    pub fn report(&self, report: &dyn Report) -> anyhow::Result<()> {
        let format = pgtailor::report::format::by_name(self.format_name())?;
        text(&render(report, format, &self.style))
    }

    /// A line for a person who watches; silent with `--quiet`.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            line(text);
        }
    }

    /// Whether progress bars may be drawn.
    pub fn shows_progress(&self) -> bool {
        self.interactive && !self.quiet
    }

    /// Whether the format is for people.
    pub fn is_for_people(&self) -> bool {
        self.format == FormatName::Human
    }

    fn format_name(&self) -> &'static str {
        match self.format {
            FormatName::Human => "human",
            FormatName::Json => "json",
            FormatName::Markdown => "markdown",
            FormatName::Sql => "sql",
            FormatName::Html => "html",
        }
    }
}

/// A result that is text already.
pub fn text(text: &str) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()?;
    Ok(())
}

fn line(text: &str) {
    // Nothing can be done when standard error is closed.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// A warning: said even with `--quiet`.
pub fn warn(text: &str) {
    line(&format!("warning: {text}"));
}

/// An error with its causes, and what to do about it.
pub fn error(error: &anyhow::Error) {
    let mut message = String::new();
    for cause in error.chain() {
        let cause = one_line_each(&cause.to_string());
        // A transparent wrapper repeats its cause.
        if !message.ends_with(&cause) {
            message = if message.is_empty() { cause } else { format!("{message}: {cause}") };
        }
    }
    let known = error.downcast_ref::<pgtailor::Error>();
    if let Some(code) = known.and_then(pgtailor::Error::sqlstate)
        && !message.contains(code)
    {
        message = format!("{message} (SQLSTATE {code})");
    }
    line(&format!("error: {message}"));
    if let Some(hint) = known.and_then(pgtailor::Error::hint) {
        line(&format!("\nhint: {hint}"));
    }
}

/// Whether the reader of our output went away: a normal end (`pgtailor … | head`).
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|cause| cause.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe))
}

/// Line breaks stay (an error may list several mistakes), other control characters do not reach the terminal.
fn one_line_each(text: &str) -> String {
    text.lines().map(printable).collect::<Vec<_>>().join("\n")
}

fn terminal_width() -> usize {
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let columns = columns.unwrap_or_else(|| usize::from(console::Term::stdout().size().1));
    columns.clamp(60, WIDEST)
}
