//! Every report in every text format, against committed snapshots, and the promises that hold for all of them.

mod fixture;
mod migrations;

use fixture::{advised, asked, observed, planned};
use pgtailor_model::advice::{Advice, Bound, Counsel};
use pgtailor_model::declared::CatalogPolicy;
use pgtailor_report::document::{Block, Fact, Text};
use pgtailor_report::{
    AdviceReport, AnalysisReport, CatalogReport, Colour, CounselReport, DemoReport, DoctorReport, HistoryReport, OutcomeReport,
    PlanCheckReport, Report, RolloutReport, Style, Together, TwinReport, TwinsReport, UnplannedCount, Values, Which, WhyReport,
    format, record, render, why, why_not,
};
use unicode_width::UnicodeWidthStr as _;

fn text(report: &dyn Report, format: &str) -> String {
    text_in(report, format, &Style::plain())
}

fn text_in(report: &dyn Report, format: &str, style: &Style) -> String {
    render(report, format::by_name(format).expect("a format"), style)
}

/// Hands every report to `check`: ordinary values first, then the ones that mean harm.
fn each(mut check: impl FnMut(&dyn Report, Harm)) {
    let (rollout, judged, outcomes) = (fixture::rollout(), fixture::judged(), fixture::outcomes());
    let (entries, measurement, diagnosis) = (fixture::entries(), fixture::measurement(), fixture::diagnosis());
    let (snapshot, findings, workload) = (observed::snapshot(), observed::findings(), observed::workload());
    let (tables, left) = (observed::performance(), observed::not_examined("public.audit_logs"));
    let foreseen = fixture::foreseen();
    let proposal = RolloutReport::new(&rollout).with_foresight(&foreseen);
    let catalog = CatalogReport::new(&judged, CatalogPolicy::Useful);
    check(&AnalysisReport::new(&snapshot, &tables, &findings, &left).with_workload(&workload), Harm::None);
    check(&proposal, Harm::None);
    check(&catalog, Harm::None);
    check(&OutcomeReport::new(&outcomes, &rollout.left_out), Harm::None);
    check(&HistoryReport::new(&entries), Harm::None);
    check(&DoctorReport::new(&diagnosis), Harm::None);
    check(&DemoReport::new(&measurement, &judged, CatalogPolicy::Useful, &outcomes), Harm::None);
    check(&Together::new("dry-run", vec![&catalog, &proposal]), Harm::None);
    let (workload, tables) = (asked::workload(), asked::catalog());
    check(&asked::report(&workload, &tables, Values::Hidden), Harm::None);
    let (plans, twins, now) = (planned::check(), [planned::twin()], twins_seen_at());
    check(&PlanCheckReport { check: &plans, unplanned: UnplannedCount::Listed }, Harm::None);
    check(&TwinReport { twin: &twins[0], fidelity: &plans.fidelity, inexact: &plans.inexact }, Harm::None);
    check(&TwinsReport { twins: &twins, which: Which::Running, now }, Harm::None);
    let advice = advised::advice();
    check(&AdviceReport { advice: &advice }, Harm::None);
    check(&why(&advice, "orders_latest_idx"), Harm::None);

    let (rollout, judged, outcomes) = (fixture::hostile_rollout(), fixture::hostile_judged(), fixture::hostile_outcomes());
    let (entries, measurement, diagnosis) =
        (fixture::hostile_entries(), fixture::hostile_measurement(), fixture::hostile_diagnosis());
    let (snapshot, findings) = (observed::hostile_snapshot(), observed::hostile_findings());
    let (tables, left) = (observed::hostile_performance(), observed::not_examined(fixture::HOSTILE));
    check(&AnalysisReport::new(&snapshot, &tables, &findings, &left), Harm::Names);
    let foreseen = fixture::hostile_foreseen();
    check(&RolloutReport::new(&rollout).with_foresight(&foreseen), Harm::Names);
    check(&CatalogReport::new(&judged, CatalogPolicy::All), Harm::Names);
    check(&OutcomeReport::new(&outcomes, &rollout.left_out), Harm::Names);
    check(&HistoryReport::new(&entries), Harm::Names);
    check(&DoctorReport::new(&diagnosis), Harm::Names);
    check(&DemoReport::new(&measurement, &judged, CatalogPolicy::All, &outcomes), Harm::Names);
    let (workload, tables) = (asked::hostile_workload(), asked::hostile_catalog());
    check(&asked::report(&workload, &tables, Values::Shown), Harm::Names);
    let (plans, twins) = (planned::hostile_check(), [planned::hostile_twin()]);
    check(&PlanCheckReport { check: &plans, unplanned: UnplannedCount::Failing }, Harm::Names);
    check(&TwinReport { twin: &twins[0], fidelity: &plans.fidelity, inexact: &plans.inexact }, Harm::Names);
    check(&TwinsReport { twins: &twins, which: Which::Stopped, now }, Harm::Names);
    let (advice, nothing) = (advised::hostile_advice(), advised::nothing());
    check(&AdviceReport { advice: &advice }, Harm::Names);
    check(&AdviceReport { advice: &nothing }, Harm::Names);
    let unavailable =
        Counsel::Unavailable { reason: format!("no {}", fixture::HOSTILE), remedy: format!("make {}", fixture::HOSTILE) };
    for counsel in [Counsel::Given(Box::new(advice.clone())), unavailable, Counsel::NotAsked] {
        check(&CounselReport { counsel: &counsel }, Harm::Names);
    }
    let name = format!("{}_latest_idx", fixture::HOSTILE);
    check(&why(&advice, &name), Harm::Names);
    check(&why(&advice, fixture::HOSTILE), Harm::Names);
    let table = pgtailor_model::name::quote_identifier(fixture::HOSTILE);
    check(&why_not(&advice, &format!("{table} (status, id)")).expect("a table and columns"), Harm::Names);
    check(&why_not(&advice, &format!("{table} (nothing)")).expect("a table and columns"), Harm::Names);
}

/// Three hours after they were started.
fn twins_seen_at() -> jiff::Timestamp {
    fixture::time("2025-11-23T09:20:00Z")
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Harm {
    None,
    Names,
}

#[test]
fn every_report_reads_as_recorded() {
    each(|report, harm| {
        if harm == Harm::None {
            for format in ["human", "markdown", "json", "sql"] {
                insta::assert_snapshot!(format!("{}.{format}", report.kind()), text(report, format));
            }
        }
    });
}

#[test]
fn no_line_is_wider_than_asked_for() {
    for width in [60, 80, 120] {
        each(|report, _| {
            let text = text_in(report, "human", &Style { colour: Colour::Never, width });
            for line in text.lines() {
                // A name in a statement cannot be broken without becoming another name.
                let unbreakable = line.contains('"') || !line.trim().contains(' ');
                assert!(line.width() <= width || unbreakable, "{} at {width}: {line}", report.kind());
                assert!(line.width() <= width || width < 80 || line.contains('"'), "{} at {width}: {line}", report.kind());
                assert_eq!(line.trim_end(), line, "no trailing spaces");
            }
        });
    }
}

#[test]
fn colour_adds_nothing_but_colour() {
    each(|report, _| {
        let coloured = text_in(report, "human", &Style { colour: Colour::Always, width: 80 });
        assert!(coloured.contains("\u{1b}[1m"));
        let mut plain = String::new();
        for (number, part) in coloured.split('\u{1b}').enumerate() {
            plain.push_str(if number == 0 { part } else { part.split_once('m').expect("a colour").1 });
        }
        assert_eq!(plain, text(report, "human"));
    });
}

#[test]
fn no_name_reaches_a_terminal_unescaped() {
    each(|report, _| {
        for format in format::ALL {
            let text = render(report, *format, &Style::plain());
            let bad = text.chars().find(|c| (c.is_control() && *c != '\n') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2028}'));
            // JSON is escaped by its own rules, and bidirectional marks are ordinary characters there.
            assert!(bad.is_none() || (format.name() == "json" && !bad.is_some_and(char::is_control)), "{}", format.name());
        }
    });
}

#[test]
fn sql_is_comments_and_statements_of_one_line() {
    each(|report, _| {
        let known: Vec<String> =
            report.sql().iter().map(|statement| format!("{};", pgtailor_report::sql_text::one_line(&statement.sql))).collect();
        let statements: Vec<String> = text(report, "sql")
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with("-- ") && *line != "--")
            .map(str::to_owned)
            .collect();
        assert_eq!(statements, known, "{}", report.kind());
    });
}

#[test]
fn markdown_tables_keep_their_columns() {
    each(|report, _| {
        let text = text(report, "markdown");
        let mut expected = None;
        for line in text.lines() {
            if !line.starts_with('|') {
                expected = None;
                continue;
            }
            let bars = line.replace("\\\\", "").replace("\\|", "").matches('|').count();
            assert_eq!(*expected.get_or_insert(bars), bars, "{line}");
        }
        let words = without_code(&text);
        assert!(
            !words.contains("<script") && !words.replace("\\]", "").contains("](http") && !words.contains("://evil"),
            "{words}"
        );
    });
}

/// Markdown without its fenced and its inline code (`CommonMark` 4.5 and 6.1).
fn without_code(markdown: &str) -> String {
    let mut words = String::new();
    let mut fence: Option<&str> = None;
    for line in markdown.lines() {
        let ticks = &line[..line.len() - line.trim_start_matches('`').len()];
        match fence {
            Some(open) if line == open => fence = None,
            Some(_) => {}
            None if ticks.len() >= 3 => fence = Some(ticks),
            None => {
                words.push_str(line);
                words.push('\n');
            }
        }
    }
    assert_eq!(fence, None, "every fence is closed");
    let mut prose = String::new();
    let mut rest = words.replace("\\`", "");
    while let Some(start) = rest.find('`') {
        let run = rest[start..].chars().take_while(|character| *character == '`').count();
        let after = &rest[start + run..];
        let ends = after
            .match_indices(&"`".repeat(run))
            .find(|(at, _)| !after[..*at].ends_with('`') && !after[at + run..].starts_with('`'));
        let (end, _) = ends.expect("every inline code is closed");
        prose.push_str(&rest[..start]);
        rest = after[end + run..].to_owned();
    }
    prose + &rest
}

#[test]
fn html_is_well_formed_and_loads_nothing() {
    each(|report, _| {
        let page = text(report, "html");
        assert!(page.starts_with("<!DOCTYPE html>"));
        assert!(page.contains("default-src 'none'"));
        let markup = tags(&page);
        for tag in &markup {
            for reference in ["src=", "href=", "url(", "@import", "style=\"", " on"] {
                assert!(!tag.attributes_outside_values.contains(reference), "{}", tag.attributes_outside_values);
            }
            assert!(!matches!(tag.name.as_str(), "script" | "link" | "img" | "iframe" | "object"), "<{}>", tag.name);
        }
        assert!(!include_str!("../src/page.css").contains("url(") && !include_str!("../src/page.css").contains("http"));
        let mut open: Vec<&str> = Vec::new();
        for tag in &markup {
            if tag.closes {
                assert_eq!(open.pop(), Some(tag.name.as_str()));
            } else if tag.name != "meta" {
                open.push(&tag.name);
            }
        }
        assert!(open.is_empty(), "not closed: {open:?}");
        assert_eq!(markup.iter().filter(|tag| tag.name == "main" && !tag.closes).count(), 1);
    });
}

#[test]
fn every_drawing_says_in_words_what_it_shows() {
    let (measurement, judged, outcomes) = (fixture::measurement(), fixture::judged(), fixture::outcomes());
    let page = text(&DemoReport::new(&measurement, &judged, CatalogPolicy::Useful, &outcomes), "html");
    assert_eq!(page.matches("<svg").count(), 1 + measurement.categories.len());
    assert_eq!(page.matches("role=\"img\"").count(), page.matches("<svg").count());
    assert!(page.contains("User lookups: before 4.20 ms, after 0.0810 ms, 98.0 % less."));
    let bars = page.matches("<rect class=\"fill-").count() - 2 * page.matches("<svg").count();
    assert_eq!(bars, 2 * measurement.categories.len(), "legends aside, two bars a category");
    assert_eq!(page.matches("<title>").count(), 1 + bars + 4 * measurement.categories.len(), "page, bars, curves and their dots");
}

#[test]
fn a_measured_or_estimated_number_says_which() {
    let has_unit = |text: &str| {
        [" ms", " MB", " GB", " kB", "/s", " % less"].iter().any(|unit| text.contains(unit))
            && text.starts_with(|first: char| first.is_ascii_digit() || first == '+')
    };
    let says_which = |text: &str| ["measured", "estimated", "what-if"].iter().any(|word| text.contains(word));
    let check_fact = |fact: &Fact| {
        if let Text::Prose(value) = &fact.value {
            // Limits are settings, not observations.
            assert!(!has_unit(value) || fact.label == "limits" || says_which(&fact.source), "{}: {value}", fact.label);
        }
    };
    each(|report, harm| {
        if harm == Harm::Names {
            return;
        }
        for block in report.document().blocks {
            match block {
                Block::Facts(facts) => facts.iter().for_each(check_fact),
                Block::Item(item) => item.facts.iter().for_each(check_fact),
                Block::Figures(figures) => assert!(figures.iter().all(|figure| says_which(&figure.source))),
                Block::Table(table) => {
                    let numbers = table.rows.iter().flatten().any(|cell| has_unit(&cell.text))
                        || table.columns.iter().any(|column| column.title.contains("(ms)"));
                    assert!(!numbers || says_which(&table.caption.to_lowercase()), "{}", table.caption);
                }
                _ => {}
            }
        }
    });
}

#[test]
fn only_what_the_catalog_confirmed_is_called_built() {
    let outcomes = fixture::outcomes();
    let undone: Vec<_> = outcomes.iter().filter(|step| !step.result.is_success()).cloned().collect();
    let text = text(&OutcomeReport::new(&undone, &[]), "human");
    for word in ["built;", "created", "dropped;", "gathered", "applied"] {
        assert!(!text.split_whitespace().any(|said| said == word), "{word}");
    }
    assert!(text.starts_with("Apply: 0 of 4 steps done"));
}

#[test]
fn nothing_to_do_is_said_plainly() {
    let empty = pgtailor_model::rollout::Rollout::default();
    assert!(text(&RolloutReport::new(&empty), "human").starts_with("Rollout: nothing to do"));
    assert!(text(&OutcomeReport::new(&[], &[]), "human").starts_with("Apply: nothing to do"));
    assert!(text(&OutcomeReport::undo(&[], &[]), "human").starts_with("Undo: nothing to do"));
    assert!(text(&HistoryReport::new(&[]), "human").starts_with("History: nothing was changed"));
    each(|report, _| {
        let text = text(report, "human");
        assert_eq!(text.lines().filter(|line| line.starts_with("next: ")).count(), 1, "one advice, the last: {text}");
    });
}

#[test]
fn together_shows_each_statement_once() {
    let (rollout, judged) = (fixture::rollout(), fixture::judged());
    let (proposal, catalog) = (RolloutReport::new(&rollout), CatalogReport::new(&judged, CatalogPolicy::All));
    let statements = |report: &dyn Report| report.sql().into_iter().map(|statement| statement.sql).collect::<Vec<_>>();
    assert_eq!(statements(&Together::new("dry-run", vec![&catalog, &proposal])), statements(&proposal));
    let twice = Together::new("catalog", vec![&catalog, &catalog]);
    assert_eq!(statements(&twice), statements(&catalog));
    // What a rollout has carried out is not proposed again by the catalog beside it.
    let done = OutcomeReport::new(&[], &[]);
    assert!(statements(&Together::new("optimize", vec![&catalog, &done])).is_empty());
}

#[test]
fn every_key_of_the_json_is_documented() {
    let manual = include_str!("../../../docs/json.md");
    each(|report, _| {
        assert!(manual.contains(&format!("## `{}`", report.kind())), "kind {}", report.kind());
        let mut undocumented = Vec::new();
        collect_keys(&report.json(), &mut |key| {
            if !manual.contains(&format!("`{key}`")) {
                undocumented.push(key.to_owned());
            }
        });
        assert!(undocumented.is_empty(), "{}: {undocumented:?}", report.kind());
    });
}

fn collect_keys(value: &serde_json::Value, visit: &mut impl FnMut(&str)) {
    match value {
        serde_json::Value::Object(map) => map.iter().for_each(|(key, value)| {
            visit(key);
            collect_keys(value, visit);
        }),
        serde_json::Value::Array(values) => values.iter().for_each(|value| collect_keys(value, visit)),
        _ => {}
    }
}

struct Tag {
    name: String,
    closes: bool,
    attributes_outside_values: String,
}

/// The tags of a page written by maud: attribute values always in double quotes, `<` nowhere else but in the style.
fn tags(page: &str) -> Vec<Tag> {
    let (head, rest) = page.split_once("<style>").expect("a style");
    let (_, body) = rest.split_once("</style>").expect("its end");
    let html = format!("{head}{body}");
    html.split('<')
        .skip(2)
        .map(|piece| {
            let mut inside = String::new();
            let mut quoted = false;
            for character in piece.chars() {
                match character {
                    '"' => quoted = !quoted,
                    '>' if !quoted => break,
                    _ if !quoted => inside.push(character),
                    _ => {}
                }
            }
            let (name, attributes) = inside.split_once(' ').unwrap_or((&inside, ""));
            let name_only = name.trim_start_matches('/');
            assert!(name_only.chars().all(|c| c.is_ascii_alphanumeric()) && !name_only.is_empty(), "a tag: {name}");
            Tag { name: name_only.to_owned(), closes: name.starts_with('/'), attributes_outside_values: format!(" {attributes}") }
        })
        .collect()
}

#[test]
fn values_are_shown_only_where_they_are_asked_for() {
    let (workload, catalog) = (asked::workload(), asked::catalog());
    let report = |values| asked::report(&workload, &catalog, values);
    for format in format::ALL {
        let hidden = text(&report(Values::Hidden), format.name());
        assert!(!hidden.contains(asked::SECRET), "{}", format.name());
    }
    for format in ["human", "json", "markdown", "html"] {
        // Markdown writes the sign in the middle in another way.
        assert!(text(&report(Values::Shown), format).contains("example.org"), "{format}");
    }
}

#[test]
fn a_twin_that_deviates_is_called_approximate_wherever_it_is_shown() {
    let (close, far) = (planned::check(), planned::hostile_check());
    let twin = planned::twin();
    let shown = |plans: &pgtailor_model::plan_check::PlanCheck, format| {
        let check = PlanCheckReport { check: plans, unplanned: UnplannedCount::Listed };
        let started = TwinReport { twin: &twin, fidelity: &plans.fidelity, inexact: &[] };
        [text(&check, format), text(&started, format)]
    };
    for format in ["human", "markdown", "html"] {
        assert!(shown(&close, format).iter().all(|text| !text.contains("approximate") && text.contains("40 of 42")), "{format}");
        assert!(shown(&far, format).iter().all(|text| text.contains("plans are approximate")), "{format}");
    }
}

#[test]
fn a_check_fails_by_what_it_found_and_by_what_it_could_not_plan_when_asked_to() {
    let mut plans = planned::check();
    let fails = |plans: &_, unplanned| PlanCheckReport { check: plans, unplanned }.fails();
    assert!(fails(&plans, UnplannedCount::Listed));
    plans.statements.retain(|statement| statement.problems.is_empty());
    assert!(!fails(&plans, UnplannedCount::Listed) && fails(&plans, UnplannedCount::Failing));
    plans.unplanned.clear();
    assert!(!fails(&plans, UnplannedCount::Failing));
}

#[test]
fn a_decision_record_comes_back_as_it_was() {
    for advice in [advised::advice(), advised::nothing(), advised::hostile_advice()] {
        assert_eq!(record::read(&record::write(&advice)).ok(), Some(advice));
    }
}

#[test]
fn what_is_no_record_is_said_to_be_none() {
    let written = record::write(&advised::advice());
    let error = |text: &str| record::read(text).expect_err("no record").to_string();
    for foreign in ["", "[]", "{}", "no JSON", &text(&AdviceReport { advice: &advised::advice() }, "json")] {
        assert!(error(foreign).contains("this is no decision record"), "{foreign:.40}");
    }
    assert!(error(&written.replacen("\"schema_version\": 1", "\"schema_version\": 2", 1)).contains("version 2"));
    assert!(error(&written[..written.len() / 2]).contains("damaged"));
    assert!(error(&written.replacen("\"cost_before\"", "\"cost_behind\"", 1)).contains("damaged"));
}

#[test]
fn why_and_why_not_find_what_was_decided() {
    let advice = advised::advice();
    let title = |report: WhyReport<'_>| (report.document().title, report.is_known());
    let known = |text: &str| (text.to_owned(), true);
    assert_eq!(title(why(&advice, "customers_email_idx")), known("Why: create index customers_email_idx is recommended"));
    assert_eq!(title(why(&advice, "public.orders_customer_idx")), known("Why: drop index orders_customer_idx is recommended"));
    let not = |definition: &str| title(why_not(&advice, definition).expect("a table and columns"));
    assert_eq!(not("orders(status, id)"), known("Why not: orders(status, id) is not recommended"));
    assert!(not("public.Orders (customer_id, created_at desc) include (total)").1);
    assert!(not("orders (customer_id, created_at desc) include (total)").0.contains("orders_latest_idx is recommended"));
    assert!(why_not(&advice, "orders").is_none());
}

#[test]
fn an_index_that_a_recommendation_replaces_without_a_drop_has_its_reason() {
    let mut advice = advised::advice();
    advice.recommendations.retain(|one| one.sql.starts_with("CREATE"));
    let text = text(&why(&advice, "orders_customer_idx"), "human");
    assert!(text.starts_with("Why: orders_customer_idx is made superfluous") && text.contains("orders_latest_idx"), "{text}");
    assert!(text.contains("with --drops its drop is weighed, too"), "{text}");
}

#[test]
fn what_was_never_considered_is_said_to_be_that_with_the_nearest() {
    let advice = advised::advice();
    let near = |report: WhyReport<'_>| {
        assert!(!report.is_known() && report.sql().is_empty());
        report.json()["nearest"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|one| one.as_str().map(str::to_owned))
            .collect::<Vec<_>>()
    };
    assert_eq!(near(why(&advice, "orders_lastest_idx"))[0], "orders_latest_idx");
    let candidates = near(why_not(&advice, "orders (status, total)").expect("a table and columns"));
    assert_eq!(candidates[0], "orders (status, id)");
    assert!(candidates.iter().all(|one| one.starts_with("orders ")), "{candidates:?}");
    let elsewhere = near(why_not(&advice, "order (status)").expect("a table and columns"));
    assert_eq!(elsewhere[0], "orders (status)");
}

#[test]
fn an_index_is_dropped_after_what_replaces_it() {
    let statements: Vec<String> = AdviceReport { advice: &advised::advice() }.sql().into_iter().map(|one| one.sql).collect();
    let place = |part: &str| statements.iter().position(|sql| sql.contains(part)).expect("a statement");
    assert!(place("CREATE INDEX CONCURRENTLY orders_latest_idx") < place("DROP INDEX CONCURRENTLY public.orders_customer_idx"));
    assert_eq!(place("DROP INDEX"), statements.len() - 1);
    assert!(place("customers_email_idx") < place("ANALYZE public.customers"));
}

#[test]
fn no_cost_is_shown_as_a_time_and_every_gain_is_called_what_if() {
    let advice = advised::advice();
    for format in ["human", "markdown", "html"] {
        let text = text(&AdviceReport { advice: &advice }, format);
        assert!(text.contains("what-if") && !text.contains("faster") && !text.contains("optimal"), "{format}");
    }
}

#[test]
fn nothing_to_recommend_has_its_reason() {
    let advice = advised::nothing();
    let shown = text(&AdviceReport { advice: &advice }, "human");
    assert!(shown.starts_with("Advice: nothing to recommend for shop"), "{shown}");
    let words = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("6 candidates tried, none worth it (1 that no plan uses, 1 that gain less"), "{words}");
    let no_candidate = Advice { rejected: Vec::new(), bound: Bound::default(), ..advice.clone() };
    assert!(text(&AdviceReport { advice: &no_candidate }, "human").contains("No candidate fits any of the 4 statements"));
    let no_statement = Advice { statements: Vec::new(), ..advice };
    assert!(text(&AdviceReport { advice: &no_statement }, "human").contains("No statement could be considered"));
}
