//! What `auto_explain` logs: the text of the statement, its parameters, and the cost of the plan's root. The plan itself is not read.
//!
//! In text format the statement's text ends where the plan begins, which is the first line that is not indented and ends as a plan's
//! node does; a statement that contains such a line is misread. JSON has no such doubt.

use std::borrow::Cow;

use crate::escape::without_backslashes;
use crate::report::SkipReason;

/// One plan.
#[derive(Debug, PartialEq)]
pub(crate) struct Plan<'a> {
    pub(crate) text: Cow<'a, str>,
    /// `$1 = '…'`, as a list; empty when not logged (server 15 and earlier never do).
    pub(crate) parameters: Cow<'a, str>,
    /// Total cost of the root, in planner cost units.
    pub(crate) cost: Option<f64>,
}

/// Reads what follows `plan:`.
pub(crate) fn read(body: &str) -> Result<Plan<'_>, SkipReason> {
    let body = body.strip_prefix('\n').unwrap_or(body);
    let beginning = body.trim_start();
    if beginning.starts_with('{') {
        return of_json(beginning).ok_or(SkipReason::PlanUnreadable);
    }
    match body.strip_prefix("Query Text: ") {
        // No statement begins with a double quote: YAML quotes every text.
        Some(text) if !text.starts_with('"') => of_text(text).ok_or(SkipReason::PlanUnreadable),
        _ => Err(SkipReason::PlanFormat),
    }
}

fn of_text(body: &str) -> Option<Plan<'_>> {
    let mut line_start = body.find('\n')? + 1;
    loop {
        let line = body[line_start..].split('\n').next()?;
        if let Some(cost) = root_cost(line) {
            let (text, parameters) = split_parameters(&body[..line_start - 1]);
            return Some(Plan { text: Cow::Borrowed(text), parameters: Cow::Borrowed(parameters), cost: Some(cost) });
        }
        line_start += line.len() + 1;
        if line_start >= body.len() {
            return None;
        }
    }
}

/// The statement's text, and the parameters that server 16 and later print after it.
fn split_parameters(text: &str) -> (&str, &str) {
    text.split_once("\nQuery Parameters: ").unwrap_or((text, ""))
}

/// Total cost in `Seq Scan on t  (cost=0.00..35.50 rows=2550 width=4)`, not indented (`ExplainNode` in `explain.c`).
fn root_cost(line: &str) -> Option<f64> {
    if line.starts_with([' ', '\t']) {
        return None;
    }
    let (_, costs) = line.rsplit_once("  (cost=")?;
    let (startup, rest) = costs.split_once("..")?;
    let (total, rest) = rest.split_once(' ')?;
    startup.parse::<f64>().ok()?;
    (rest.starts_with("rows=") && rest.contains(" width=")).then(|| total.parse().ok())?
}

/// The root's properties come before those of its children (`ExplainNode`), and quotes inside strings are escaped, so the first
/// property of a name is the one.
fn of_json(body: &str) -> Option<Plan<'_>> {
    let text = string_property(body, "\"Query Text\": \"")?;
    let parameters = string_property(body, "\"Query Parameters\": \"").unwrap_or_default();
    let cost = body.split_once("\"Total Cost\": ").and_then(|(_, rest)| {
        let end = rest.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(rest.len());
        rest[..end].parse().ok()
    });
    Some(Plan { text, parameters, cost })
}

fn string_property<'a>(body: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let (_, rest) = body.split_once(name)?;
    let bytes = rest.as_bytes();
    let mut at = 0;
    let mut escaped = false;
    loop {
        at += memchr::memchr2(b'"', b'\\', &bytes[at..])?;
        if bytes[at] == b'"' {
            break;
        }
        escaped = true;
        // The backslash and what it escapes.
        at += 2;
        bytes.get(at)?;
    }
    if !escaped {
        return Some(Cow::Borrowed(&rest[..at]));
    }
    String::from_utf8(without_backslashes(&bytes[..at])).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, text: &str, parameters: &str, cost: f64) {
        let expected = Plan { text: Cow::Borrowed(text), parameters: Cow::Borrowed(parameters), cost: Some(cost) };
        assert_eq!(read(body), Ok(expected));
    }

    #[test]
    fn text_ends_where_the_plan_begins() {
        check("\nQuery Text: SELECT 1\nResult  (cost=0.00..0.01 rows=1 width=4)", "SELECT 1", "", 0.01);
        check(
            "\nQuery Text: SELECT *\n  FROM t -- (cost=1)\n\nSort  (cost=9.50..12.25 rows=3 width=8)\n  ->  Seq Scan on t  (cost=0.00..1.00 rows=3 width=8)",
            "SELECT *\n  FROM t -- (cost=1)\n",
            "",
            12.25,
        );
        check(
            "\nQuery Text: SELECT $1\nQuery Parameters: $1 = 'a\nb'\nResult  (cost=0.00..0.01 rows=1 width=4) (actual time=0.001..0.002 rows=1 loops=1)",
            "SELECT $1",
            "$1 = 'a\nb'",
            0.01,
        );
    }

    #[test]
    fn json_gives_the_costs_of_the_root() {
        check(
            r#"
{
  "Query Text": "SELECT \"Total Cost\": ''\n",
  "Query Parameters": "$1 = 'x'",
  "Plan": { "Node Type": "Sort", "Startup Cost": 1.00, "Total Cost": 12.25,
    "Plans": [ { "Total Cost": 1.00 } ] } }"#,
            "SELECT \"Total Cost\": ''\n",
            "$1 = 'x'",
            12.25,
        );
    }

    #[test]
    fn other_formats_and_broken_plans_are_refused() {
        assert_eq!(read("\n<explain xmlns=\"x\"><Query-Text>SELECT 1"), Err(SkipReason::PlanFormat));
        assert_eq!(read("\nQuery Text: \"SELECT 1\"\nPlan: \n  Node Type: \"Result\""), Err(SkipReason::PlanFormat));
        assert_eq!(read(""), Err(SkipReason::PlanFormat));
        for body in
            ["\nQuery Text: SELECT 1", "\nQuery Text: SELECT 1\n\n\n", "{\"Query Text\": \"SELECT", "{\"Query Text\": \"a\\", "{"]
        {
            assert_eq!(read(body), Err(SkipReason::PlanUnreadable), "{body}");
        }
    }
}
