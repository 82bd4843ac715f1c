//! Which format a log is read as: what was said, what an earlier reading found, or what the first lines look like.

use memchr::{memchr, memchr_iter};

use crate::csv::Csv;
use crate::entry::{Ahead, Step};
use crate::error::LogError;
use crate::escape::Escaping;
use crate::json::Json;
use crate::look::Look;
use crate::options::{Format, LogOptions};
use crate::position::Position;
use crate::prefix::{Prefix, detect};
use crate::stderr::{Origin, Stderr};

/// How much of a log is looked at, in bytes.
pub(crate) const SAMPLE_BYTES: usize = 64 << 10;

/// Reads entries of one of the formats.
#[derive(Debug)]
pub(crate) enum FormatReader {
    Stderr(Stderr),
    Csv(Csv),
    Json(Json),
}

impl FormatReader {
    /// Chooses by the beginning of the log, or of what is left of it at `position`; `is_all` when nothing follows `data`. `None` when
    /// there is nothing to read yet.
    pub(crate) fn choose(data: &[u8], is_all: bool, options: &LogOptions, position: &Position) -> Result<Option<Self>, LogError> {
        let look = Look::of(data, is_all);
        if look == Look::Nothing && is_all {
            return Ok(None);
        }
        let given = options.log_line_prefix.as_deref();
        let stated = options.format.or(given.map(|_| Format::Stderr));
        if position.offset > 0
            && let Some(format) = position.format
            && stated.is_none_or(|stated| stated == format)
        {
            return Ok(Some(Self::resumed(format, data, given, position)));
        }
        let format = match (stated, look) {
            (Some(Format::Csv) | None, Look::Csv) => Format::Csv,
            (Some(Format::Json) | None, Look::Json) => Format::Json,
            (Some(Format::Stderr) | None, Look::Text | Look::Nothing) => Format::Stderr,
            // A prefix can look like a syslog's, and a log can have holes: what was said is tried.
            (Some(Format::Stderr), Look::Syslog | Look::Binary | Look::OtherJson) if given.is_some() => Format::Stderr,
            // The first entry is too long to tell, and is skipped later.
            (Some(stated), Look::Endless) if stated != Format::Stderr || given.is_some() => stated,
            (Some(stated), look) => return Err(LogError::WrongFormat { stated, looks_like: look.name() }),
            (None, look) => return Err(unsupported(look)),
        };
        Ok(Some(match format {
            Format::Csv => Self::Csv(Csv::default()),
            Format::Json => Self::Json(Json::default()),
            Format::Stderr => Self::Stderr(stderr(data, given, options.likely_prefix.as_deref())?),
        }))
    }

    fn resumed(format: Format, data: &[u8], given: Option<&str>, position: &Position) -> Self {
        match format {
            Format::Csv => Self::Csv(Csv::default()),
            Format::Json => Self::Json(Json::default()),
            Format::Stderr => {
                let (text, origin) = match (given, &position.log_line_prefix) {
                    (Some(given), _) => (given, Origin::Given),
                    (None, before) => (before.as_deref().unwrap_or_default(), Origin::Detected),
                };
                Self::Stderr(Stderr::new(Prefix::compile(text), origin, escaping(data)))
            }
        }
    }

    /// What `data` begins with.
    pub(crate) fn step<'a>(&mut self, data: &'a [u8], ahead: Ahead) -> Step<'a> {
        match self {
            Self::Stderr(reader) => reader.step(data, ahead),
            Self::Csv(reader) => reader.step(data, ahead),
            Self::Json(reader) => reader.step(data, ahead),
        }
    }

    /// Passes over the entry at hand, which is too long.
    pub(crate) fn give_up(&mut self) {
        match self {
            Self::Stderr(reader) => reader.give_up(),
            Self::Csv(reader) => reader.give_up(),
            Self::Json(reader) => reader.give_up(),
        }
    }

    /// Which format it is.
    pub(crate) fn format(&self) -> Format {
        match self {
            Self::Stderr(_) => Format::Stderr,
            Self::Csv(_) => Format::Csv,
            Self::Json(_) => Format::Json,
        }
    }

    /// The prefix that is used.
    pub(crate) fn log_line_prefix(&self) -> Option<&str> {
        match self {
            Self::Stderr(reader) => Some(reader.prefix()),
            Self::Csv(_) | Self::Json(_) => None,
        }
    }
}

fn stderr(data: &[u8], given: Option<&str>, likely: Option<&str>) -> Result<Stderr, LogError> {
    let Some(given) = given else {
        let prefix = detect(data, likely).ok_or(LogError::UnknownPrefix)?;
        return Ok(Stderr::new(prefix, Origin::Detected, escaping(data)));
    };
    let prefix = Prefix::compile(given);
    let fits = |line: &[u8]| prefix.head(line).is_some() || prefix.begins_unknown(line);
    if data.split(|byte| *byte == b'\n').any(fits) || memchr(b'\n', data).is_none() {
        Ok(Stderr::new(prefix, Origin::Given, escaping(data)))
    } else {
        Err(LogError::PrefixDoesNotFit)
    }
}

/// A file that passed through Windows has `\r\n` at the end of every line.
fn escaping(data: &[u8]) -> Escaping {
    let mut ends = memchr_iter(b'\n', data).peekable();
    let returns = ends.peek().is_some() && ends.all(|end| end > 0 && data[end - 1] == b'\r');
    if returns { Escaping::TabsAndReturns } else { Escaping::Tabs }
}

fn unsupported(look: Look) -> LogError {
    let remedy = match look {
        Look::Syslog => "set `log_destination` to `stderr`, `csvlog` or `jsonlog` with `logging_collector = on`",
        Look::OtherJson => "give the log as PostgreSQL writes it, without what a container or log service put around it",
        _ => "give a server log of the format stderr, csvlog or jsonlog, as it is or compressed with gzip or zstd",
    };
    LogError::Unsupported { looks_like: look.name(), remedy }
}
