//! Any bytes at all, as a log of each format: they are read to their end or refused; nothing panics, and what was executed can be asked
//! for everything.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pgtailor_log::{End, Format, LogOptions, read};

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, bytes)) = bytes.split_first() else { return };
    let options = LogOptions {
        format: [None, Some(Format::Stderr), Some(Format::Csv), Some(Format::Json)][usize::from(choice & 3)],
        log_line_prefix: [None, Some("%m [%p] "), Some("%t %u@%d/%a %r [%p-%l] %q%c %v %x %e %i "), Some("")]
            [usize::from(choice >> 2 & 3)]
        .map(str::to_owned),
        database: (choice & 16 != 0).then(|| "shop".to_owned()),
        end: if choice & 32 == 0 { End::Final } else { End::Growing },
        ..LogOptions::default()
    };
    let mut executions = 0_u64;
    let report = read(bytes, &options, &mut |execution| {
        executions += 1;
        let _ = (execution.at(), execution.parameters.values(), format!("{execution:?}"));
    });
    if let Ok(report) = report {
        assert_eq!(report.executions + report.fetches, executions);
    }
});
