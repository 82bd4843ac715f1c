//! Whatever the bytes are, the reader ends, does not panic, and counts no more than is there.

use pgtailor_log::{End, Format, LogOptions, read};
use proptest::prelude::*;

/// Bytes that are likely to matter to some format.
fn nearly_a_log() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        Just(&b"2026-11-27 10:00:00.123 UTC [1] LOG:  "[..]),
        Just(&b"2026-11-27 10:00:00.123 UTC,\"eve\",\"shop\",42,\"[local]\",6a.2a,1,\"SELECT\",2026-11-27 10:00:00 UTC,3/7,0,LOG,00000,\""[..]),
        Just(&b"\",,,,,,,,,\"psql\",\"client backend\",,0\n"[..]),
        Just(&b"{\"timestamp\":\"2026-11-27 10:00:00.123 UTC\",\"session_id\":\"6a.2a\",\"error_severity\":\"LOG\",\"message\":\""[..]),
        Just(&b"\"}\n"[..]),
        Just(&b"duration: 1.234 ms"[..]),
        Just(&b"  statement: SELECT 1"[..]),
        Just(&b"  execute s: SELECT $1"[..]),
        Just(&b"  plan:\n\tQuery Text: SELECT 1\n\tResult  (cost=0.00..0.01 rows=1 width=4)"[..]),
        Just(&b"statement: SELECT 1"[..]),
        Just(&b"DETAIL:  parameters: $1 = 'a''b', $2 = NULL"[..]),
        Just(&b"ERROR:  "[..]),
        Just(&b"\n"[..]),
        Just(&b"\r\n\t"[..]),
        Just(&b"\\u12"[..]),
        Just(&b"\0\xff\""[..]),
        Just(&b"\x1f\x8b\x08\0"[..]),
        Just(&b"\x28\xb5\x2f\xfd"[..]),
    ];
    let piece = prop_oneof![4 => word.prop_map(<[u8]>::to_vec), 1 => proptest::collection::vec(any::<u8>(), 0..8)];
    proptest::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

fn options() -> impl Strategy<Value = LogOptions> {
    let format = prop_oneof![Just(None), Just(Some(Format::Stderr)), Just(Some(Format::Csv)), Just(Some(Format::Json))];
    let prefix = prop_oneof![Just(None), Just(Some("%m [%p] ".to_owned())), "[%a-zA-Z0-9 -]{0,12}".prop_map(Some)];
    (format, prefix, any::<bool>()).prop_map(|(format, log_line_prefix, grows)| LogOptions {
        format,
        log_line_prefix,
        end: if grows { End::Growing } else { End::Final },
        database: grows.then(|| "shop".to_owned()),
        from: None,
        likely_prefix: None,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_it_panic(bytes in prop_oneof![nearly_a_log(), proptest::collection::vec(any::<u8>(), 0..200)], options in options()) {
        let mut executions = 0;
        let mut each = |execution: &pgtailor_log::Execution<'_>| {
            executions += 1;
            let _ = (execution.at(), execution.parameters.values());
        };
        if let Ok(report) = read(&bytes[..], &options, &mut each) {
            prop_assert_eq!(report.executions + report.fetches, executions);
            prop_assert!(report.position.offset <= 100_000_000);
        }
    }
}
