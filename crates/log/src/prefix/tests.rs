//! Prefixes against lines as servers write them.

use super::*;

/// What is taken from a line: session, time, user, database, application, query id, and the text.
fn taken<'a>(prefix: &str, line: &'a str) -> Option<[&'a str; 7]> {
    let head = Prefix::compile(prefix).head(line.as_bytes())?;
    let fields = head.fields;
    let span = |(start, end): Span| &line[start..end];
    let [session, at, user] = [fields.session, fields.at, fields.user].map(span);
    let [database, application, query_id] = [fields.database, fields.application, fields.query_id].map(span);
    Some([session, at, user, database, application, query_id, &line[head.body..]])
}

#[track_caller]
fn check(prefix: &str, line: &str, expected: [&str; 7]) {
    assert_eq!(taken(prefix, line), Some(expected));
}

const AT: &str = "2026-11-27 10:00:00.123 UTC";

#[test]
fn every_escape_is_taken_or_passed_over() {
    check("%m [%p] ", &format!("{AT} [42] LOG:  x"), ["42", AT, "", "", "", "", "x"]);
    check("%t [%p] ", "2026-11-27 10:00:00 +03 [42] LOG:  x", ["42", "2026-11-27 10:00:00 +03", "", "", "", "", "x"]);
    check("%n %c %l ", "1795773600.123 6a1f00.1b 7 LOG:  x", ["6a1f00.1b", "1795773600.123", "", "", "", "", "x"]);
    check(
        "%a|%u|%d|%r|%h|%L|%b|%p|%P|%m|%i|%e|%c|%l|%s|%v|%x|%Q|%%|",
        &format!(
            "psql|eve|shop|[local]|[local]|[local]|client backend|42||{AT}|SELECT|00000|6a1f00.2a|7|{AT}|3/17|0|-9|%|LOG:  x"
        ),
        ["6a1f00.2a", AT, "eve", "shop", "psql", "-9", "x"],
    );
    check("", "LOG:  x", ["", "", "", "", "", "", "x"]);
}

#[test]
fn the_session_id_wins_over_the_process() {
    check("%c %p ", "6a.1b 42 LOG:  x", ["6a.1b", "", "", "", "", "", "x"]);
    check("%p %c ", "42 6a.1b LOG:  x", ["6a.1b", "", "", "", "", "", "x"]);
}

#[test]
fn widths_are_filled_with_spaces_on_either_side() {
    check("[%10p] %-8u|", "[        42] eve     |LOG:  x", ["42", "", "eve", "", "", "", "x"]);
    check("[%-10p] %8u|", "[42        ]      eve|LOG:  x", ["42", "", "eve", "", "", "", "x"]);
    check("%-3p %u ", "12345 eve LOG:  x", ["12345", "", "eve", "", "", "", "x"]);
    check("%-5p [%u] ", "42    [] LOG:  x", ["42", "", "", "", "", "", "x"]);
}

#[test]
fn processes_without_a_session_stop_at_q() {
    let prefix = "%m [%p] %q%u@%d ";
    check(prefix, &format!("{AT} [42] LOG:  x"), ["42", AT, "", "", "", "", "x"]);
    check(prefix, &format!("{AT} [42] eve@shop LOG:  x"), ["42", AT, "eve", "shop", "", "", "x"]);
}

#[test]
fn names_may_hold_what_separates_them() {
    check("%u@%d ", "eve@home@shop LOG:  x", ["", "", "eve", "home@shop", "", "", "x"]);
    check("%a [%p] ", "my app [1] v2 [42] LOG:  x", ["42", "", "", "", "my app [1] v2", "", "x"]);
    check("app=%a,db=%d ", "app=a,db=b,db=shop LOG:  x", ["", "", "", "b,db=shop", "a", "", "x"]);
    check("%a%u ", "psqleve LOG:  x", ["", "", "psqleve", "", "", "", "x"]);
    check("%a", "my app: LOG:  x", ["", "", "", "", "my app:", "", "x"]);
}

#[test]
fn lines_that_begin_otherwise_do_not_match() {
    for line in ["", "\tLOG:  x", "LOG:  x", "2026-11-27 10:00:00.123 UTC [42] LOG: x", "2026-11-27 [42] LOG:  x", "x"] {
        assert_eq!(taken("%m [%p] ", line), None, "{line}");
    }
}

#[test]
fn all_kinds_of_lines_are_told_apart() {
    let kind = |line: &str| Prefix::compile("").head(line.as_bytes()).map(|head| (head.kind, head.body));
    assert_eq!(kind("LOG:  00000: duration"), Some((LineKind::Message(Severity::Log), 13)));
    assert_eq!(kind("ERROR:  x"), Some((LineKind::Message(Severity::Error), 8)));
    assert_eq!(kind("DETAIL:  x"), Some((LineKind::Detail, 9)));
    assert_eq!(kind("STATEMENT:  x"), Some((LineKind::Part, 12)));
    assert_eq!(kind("DEBUG:  x"), Some((LineKind::Message(Severity::Other), 8)));
    assert_eq!(kind("FEHLER:  x"), None);
    let unknown = |line: &str| Prefix::compile("[%p] ").begins_unknown(line.as_bytes());
    assert!(unknown("[42] FEHLER:  x") && unknown("[42] СООБЩЕНИЕ:  x") && unknown("[42] DÉTAIL :  x"));
    assert!(!unknown("[42] a: x") && !unknown("42 FEHLER:  x"));
}

#[test]
fn a_hostile_line_is_given_up_on_soon() {
    let line = "a ".repeat(100_000);
    assert_eq!(taken("%a %u %d %h %r %b ", &line), None);
}

#[track_caller]
fn detected(lines: &str, expected: &str) {
    assert_eq!(detect(lines.as_bytes(), None).map(|prefix| prefix.text).as_deref(), Some(expected));
}

#[test]
fn usual_prefixes_are_found_out() {
    detected(&format!("{AT} [42] LOG:  x\n\tmore\n{AT} [43] ERROR:  y\n"), "%m [%p] ");
    detected(&format!("{AT} [42] LOG:  x\n{AT} [43] eve@shop ERROR:  y\n"), "%m [%p] %q%u@%d ");
    detected("LOG:  x\nDETAIL:  y\n", "");
    detected("2026-11-27 10:00:00 UTC:10.0.0.1(4711):eve@shop:[42]:LOG:  x\n", "%t:%r:%u@%d:[%p]:");
    detected(
        "2026-11-27 10:00:00 UTC [42]: [1-1] user=eve,db=shop,app=x,client=::1 LOG:  x\n",
        "%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ",
    );
}

#[test]
fn other_prefixes_are_derived_from_the_lines() {
    detected(
        "1795773600.123 <42> (db=shop|user=eve) LOG:  x\n1795773600.123 <43> (db=a|user=b) LOG:  y\n",
        "%n <%p> (db=%d|user=%u) ",
    );
    detected(&format!("{AT} 6a1f00.2a {AT} a% eve@shop LOG:  x\n"), "%m %c %s a%% %u@%d ");
}

#[test]
fn what_is_no_log_has_no_prefix() {
    for text in ["", "hello\nworld\n", "{\"a\": 1}\n", "\t\n", "SELECT 'LOG:  x'\n"] {
        assert_eq!(detect(text.as_bytes(), None), None, "{text}");
    }
}
