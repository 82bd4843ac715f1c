//! Standard input: SQL, each statement executed once, or a server log when it begins like one.

use std::io::{BufRead as _, BufReader, Read as _};

use pgtailor_model::workload::SourceReport;

use super::{Answer, Reading, Source, log};
use crate::error::Error;
use crate::workload::split;

/// What comes through the pipe.
pub(super) struct StandardInput;

impl Source for StandardInput {
    fn name(&self) -> &'static str {
        "- (standard input)"
    }

    fn takes(&self, argument: &str) -> bool {
        argument == "-"
    }

    fn read<'a>(&'a self, _: &'a str, reading: &'a mut Reading<'_>) -> Answer<'a> {
        Box::pin(async move {
            const PLACE: &str = "standard input";
            let failed = |source| Error::ReadFile { path: PLACE.into(), source };
            let mut input = BufReader::with_capacity(1 << 16, std::io::stdin());
            let named = reading.options.log_format.is_some() || reading.options.log_line_prefix.is_some();
            if named || begins_like_a_log(input.fill_buf().map_err(failed)?) {
                return log::read_stream(PLACE, input, reading).await;
            }
            let mut bytes = Vec::new();
            input.read_to_end(&mut bytes).map_err(failed)?;
            let mut report = SourceReport { name: PLACE.to_owned(), ..SourceReport::default() };
            let sql = split::text(bytes, PLACE, &mut report.notes);
            let added = split::add(&mut reading.collector, &sql, PLACE, 1);
            report.calls = added.statements;
            report.notes.extend(added.notes);
            if added.statements == 0 {
                report.notes.push("standard input holds no statement".to_owned());
            }
            Ok(report)
        })
    }
}

/// Whether `bytes` begin as no SQL does: compressed, as an object of JSON, or with a line that has the severity of a log's entry.
fn begins_like_a_log(bytes: &[u8]) -> bool {
    const COMPRESSED: [&[u8]; 2] = [&[0x1f, 0x8b], &[0x28, 0xb5, 0x2f, 0xfd]];
    const SEVERITIES: [&[u8]; 4] = [b"LOG:  ", b",LOG,", b"FATAL:  ", b"ERROR:  "];
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    COMPRESSED.iter().any(|magic| bytes.starts_with(magic))
        || bytes.starts_with(b"{\"timestamp\"")
        || SEVERITIES.iter().any(|severity| line.windows(severity.len()).any(|window| window == *severity))
}

#[cfg(test)]
mod tests {
    use super::begins_like_a_log;

    #[test]
    fn logs_and_sql_are_told_apart() {
        assert!(begins_like_a_log(b"2026-11-27 01:09:44.683 UTC [1] LOG:  starting PostgreSQL\n"));
        assert!(begins_like_a_log(
            b"2026-11-27 01:09:44.683 UTC,,,1,,6b08d858.42c6,1,,2026-11-27 01:09:44 UTC,,0,LOG,00000,\"x\"\n"
        ));
        assert!(begins_like_a_log(b"{\"timestamp\":\"2026\"}"));
        assert!(begins_like_a_log(b"\x1f\x8b\x08"));
        assert!(!begins_like_a_log(b"SELECT 'LOG' FROM t;\n-- LOG:  no\n"));
        assert!(!begins_like_a_log(b""));
    }
}
