//! Reads a log from its beginning, or from where an earlier reading stopped, to its end.

use std::io::{self, Read, Seek, SeekFrom};

use memchr::{memchr, memchr_iter};

use crate::LONGEST_ENTRY;
use crate::entry::{Ahead, Step};
use crate::error::LogError;
use crate::execution::Execution;
use crate::format::{FormatReader, SAMPLE_BYTES};
use crate::interpret::{Each, Interpreter};
use crate::options::{End, LogOptions};
use crate::position::{Head, Position};
use crate::report::{LogReport, SkipReason};
use crate::source::{MAGIC_LENGTH, Source, beginning, is_compressed};
use crate::window::Window;

/// Reads the log `input`, compressed with gzip or zstd or not at all, and calls `each` for every execution in it, as soon as all of it is
/// known.
///
/// Memory is bounded, whatever the size of the log. With a position in `options`, the log is read up to there without being looked at;
/// [`read_from`] can jump there.
pub fn read(mut input: impl Read, options: &LogOptions, each: &mut dyn FnMut(&Execution<'_>)) -> Result<LogReport, LogError> {
    let first = beginning(&mut input, MAGIC_LENGTH).map_err(|source| LogError::Read { offset: 0, source })?;
    let mut window = Window::new(Source::new(first, input), 0);
    fill_to(&mut window, Head::LONGEST)?;
    let head = Head::of(window.data());
    let Some(wanted) = options.from.clone().filter(|position| position.offset > 0) else {
        return run(window, options, &Start::of_log(head, Restart::No), each);
    };
    if !wanted.head.begins(window.data()) {
        return run(window, options, &Start::of_log(head, Restart::Replaced), each);
    }
    while window.offset() < wanted.offset {
        let left = usize::try_from(wanted.offset - window.offset()).unwrap_or(usize::MAX);
        window.consume(left);
        if window.data().is_empty() {
            if window.is_ended() {
                break;
            }
            fill(&mut window)?;
        }
    }
    if window.offset() < wanted.offset {
        // It was read to its end on the way: only the next reading can begin again.
        let mut report = run(window, options, &Start::of_log(head, Restart::Shortened), each)?;
        report.position = Position::default();
        return Ok(report);
    }
    run(window, options, &Start { position: wanted, head, restart: Restart::No }, each)
}

/// Like [`read`], for a file: jumps to the position in `options` unless the file is compressed.
pub fn read_from(
    mut input: impl Read + Seek,
    options: &LogOptions,
    each: &mut dyn FnMut(&Execution<'_>),
) -> Result<LogReport, LogError> {
    let failed = |source| LogError::Read { offset: 0, source };
    let Some(wanted) = options.from.clone().filter(|position| position.offset > 0) else {
        return read(input, options, each);
    };
    let first = beginning(&mut input, Head::LONGEST).map_err(failed)?;
    if is_compressed(&first) {
        input.seek(SeekFrom::Start(0)).map_err(failed)?;
        return read(input, options, each);
    }
    let head = Head::of(&first);
    let length = input.seek(SeekFrom::End(0)).map_err(failed)?;
    let restart = if !wanted.head.begins(&first) {
        Restart::Replaced
    } else if length < wanted.offset {
        Restart::Shortened
    } else {
        Restart::No
    };
    let start = if restart == Restart::No { Start { position: wanted, head, restart } } else { Start::of_log(head, restart) };
    input.seek(SeekFrom::Start(start.position.offset)).map_err(failed)?;
    let window = Window::new(Source::new(Vec::new(), input), start.position.offset);
    run(window, options, &start, each)
}

/// Where a reading begins.
struct Start {
    position: Position,
    head: Head,
    restart: Restart,
}

/// Why a reading begins at the start although a position was given.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Restart {
    No,
    Replaced,
    Shortened,
}

impl Start {
    fn of_log(head: Head, restart: Restart) -> Self {
        Self { position: Position::default(), head, restart }
    }
}

fn run(mut window: Window<'_>, options: &LogOptions, start: &Start, each: Each<'_>) -> Result<LogReport, LogError> {
    let mut interpreter = Interpreter::new(options.database.as_deref(), &start.position);
    fill_to(&mut window, SAMPLE_BYTES)?;
    if memchr(b'\n', window.data()).is_none() {
        fill_to(&mut window, LONGEST_ENTRY)?;
    }
    let format = FormatReader::choose(window.data(), window.is_ended(), options, &start.position)?;
    let is_empty = window.is_ended() && window.data().is_empty() && window.offset() == 0;
    let mut lines = start.position.lines;
    let mut settled = (window.offset(), lines);
    let Some(mut format) = format else {
        let mut report = finish(interpreter, options.end, each, start, settled);
        if is_empty {
            report.notes.push("the log is empty".to_owned());
        } else if options.end == End::Final && !window.data().is_empty() {
            report.notes.push("the log has no whole line".to_owned());
        }
        return Ok(report);
    };
    // In the middle of a line of which the beginning was too long.
    let mut is_within_line = false;
    loop {
        let data = window.data();
        if is_within_line {
            let end = memchr(b'\n', data);
            let length = end.map_or(data.len(), |end| end + 1);
            is_within_line = end.is_none();
            lines += u64::from(end.is_some());
            window.consume(length);
            if is_within_line && window.is_ended() {
                break;
            }
            if is_within_line {
                fill(&mut window)?;
            }
            continue;
        }
        let ahead = if window.is_ended() { Ahead::Nothing(options.end) } else { Ahead::More };
        let length = match format.step(data, ahead) {
            Step::Entry(mut entry, length) => {
                entry.line = lines + 1;
                interpreter.take(&entry, each);
                length
            }
            Step::Skip(length, reason) => {
                if let Some(reason) = reason {
                    interpreter.tally.skip(reason, lines + 1);
                }
                length
            }
            Step::More if window.is_full() => {
                interpreter.tally.skip(SkipReason::TooLong, lines + 1);
                format.give_up();
                let end = memchr(b'\n', data);
                is_within_line = end.is_none();
                end.map_or(data.len(), |end| end + 1)
            }
            Step::More if window.is_ended() => break,
            Step::More => {
                fill(&mut window)?;
                continue;
            }
        };
        lines += count_lines(&data[..length]);
        window.consume(length);
        if !is_within_line {
            settled = (window.offset(), lines);
        }
    }
    if options.end == End::Final && !window.data().is_empty() {
        interpreter.tally.skip(SkipReason::CutOff, lines + 1);
    }
    if window.is_damaged() {
        let note = "the compressed log ends early or is damaged; everything before that was read";
        interpreter.tally.notes.push(note.to_owned());
    }
    let mut report = finish(interpreter, options.end, each, start, settled);
    report.format = Some(format.format());
    report.position.format = report.format;
    report.log_line_prefix = format.log_line_prefix().map(str::to_owned);
    report.position.log_line_prefix.clone_from(&report.log_line_prefix);
    Ok(report)
}

fn finish(mut interpreter: Interpreter<'_>, end: End, each: Each<'_>, start: &Start, settled: (u64, u64)) -> LogReport {
    interpreter.end(end, each);
    let (sessions, durations_apart) = (interpreter.sessions, interpreter.durations_apart);
    let mut report = interpreter.tally.report();
    report.position = Position {
        offset: settled.0,
        lines: settled.1,
        entries: start.position.entries + report.entries,
        executions: start.position.executions + report.executions,
        head: start.head,
        format: start.position.format,
        log_line_prefix: start.position.log_line_prefix.clone(),
        durations_apart,
        sessions,
    };
    report.restarted = start.restart != Restart::No;
    let restarted = match start.restart {
        Restart::No => None,
        Restart::Replaced => {
            Some("the log begins otherwise than at the last reading: it was replaced, and is read from its start")
        }
        Restart::Shortened => Some("the log is shorter than at the last reading: it was cut, and is read from its start"),
    };
    report.notes.splice(0..0, restarted.map(str::to_owned));
    report
}

fn count_lines(bytes: &[u8]) -> u64 {
    u64::try_from(memchr_iter(b'\n', bytes).count()).unwrap_or(u64::MAX)
}

fn fill(window: &mut Window<'_>) -> Result<(), LogError> {
    let offset = window.offset();
    window.fill().map_err(|source: io::Error| LogError::Read { offset, source })
}

fn fill_to(window: &mut Window<'_>, length: usize) -> Result<(), LogError> {
    let offset = window.offset();
    window.fill_to(length.min(LONGEST_ENTRY)).map_err(|source| LogError::Read { offset, source })
}
