//! Many sources, one workload.

mod common;

use common::catalog;
use pgtailor_model::binding::{BindingOrigin, Literal};
use pgtailor_model::unit::Milliseconds;
use pgtailor_model::workload::Workload;
use pgtailor_sql::{Collector, Kind, Observation, Values};

/// Adds executions of `text` with the values of its parameters, each of `milliseconds`.
fn seen(collector: &mut Collector, kind: Kind, text: &str, parameters: &[&str], calls: u64, milliseconds: f64) {
    let values = || Some(parameters.iter().map(|value| Some(Literal::new(*value))).collect());
    let place = || "line 7".to_owned();
    collector.fill(|filling| {
        filling.add(
            kind,
            &Observation {
                text,
                values: Values::Known(&values),
                calls,
                total_time: Milliseconds(milliseconds * pgtailor_model::unit::count_as_f64(calls)),
                spread: None,
                rows: None,
                planning_time: None,
                wal: None,
                blocks_read: None,
                temp_written: None,
                tags: None,
                place: &place,
            },
        );
    });
}

fn understood(collector: Collector) -> Workload {
    collector.understand(&catalog(), &["public".to_owned()])
}

#[test]
fn files_of_one_kind_add_up_and_kinds_do_not() {
    let mut collector = Collector::default();
    seen(&mut collector, Kind::Log, "SELECT * FROM orders WHERE id = 1", &[], 2, 5.0);
    seen(&mut collector, Kind::Log, "SELECT * FROM orders WHERE id = $1", &["7"], 1, 5.0);
    seen(&mut collector, Kind::Counters, "SELECT * FROM orders WHERE id = $1", &["7"], 10, 4.0);
    let workload = understood(collector);
    assert_eq!(workload.queries.len(), 1);
    assert_eq!((workload.queries[0].calls, workload.queries[0].total_time), (10, Milliseconds(40.0)));
}

#[test]
fn weights_without_times_get_the_time_of_another_source() {
    let mut collector = Collector::default();
    seen(&mut collector, Kind::File, "SELECT * FROM orders WHERE id = 1", &[], 100, 0.0);
    seen(&mut collector, Kind::Sampling, "SELECT * FROM orders WHERE id = 2", &[], 2, 3.0);
    let workload = understood(collector);
    assert_eq!((workload.queries[0].calls, workload.queries[0].total_time), (100, Milliseconds(300.0)));
}

#[test]
fn executions_are_sampled_and_their_values_stay_hidden() {
    let mut collector = Collector::default();
    for id in 0..1000 {
        let text = format!("SELECT * FROM customers WHERE email = 'c{id}@example.org' AND region = $1");
        seen(&mut collector, Kind::Log, &text, &["north"], 1, 1.0);
    }
    assert!(!format!("{collector:?}").contains("example.org"));
    let workload = understood(collector);
    let query = &workload.queries[0];
    assert_eq!(query.text, "SELECT * FROM customers WHERE email = $2 AND region = $1");
    assert_eq!(query.bindings.len(), 10);
    assert!((query.bindings.iter().map(|binding| binding.weight).sum::<f64>() - 1.0).abs() < 1e-9);
    let emails: Vec<&str> = query.bindings.iter().filter_map(|binding| Some(binding.values[1].as_ref()?.expose())).collect();
    assert!(emails.iter().any(|email| email.len() > "c10@example.org".len()), "later executions are kept, too: {emails:?}");
    assert!(query.bindings.iter().all(|binding| binding.origin == BindingOrigin::Observed));
    assert!(query.bindings.iter().all(|binding| binding.values[0].as_ref().map(Literal::expose) == Some("north")));
    assert!(!format!("{workload:?}").contains("example.org"));
}

#[test]
fn what_cannot_be_read_is_counted_once_for_each_text() {
    let mut collector = Collector::default();
    for password in ["'S3cret!'", "'0ther'"] {
        seen(&mut collector, Kind::Log, &format!("CREATE ROLE r PASSWORD {password}"), &[], 1, 1.0);
    }
    seen(&mut collector, Kind::Log, "selec 1", &[], 1, 9.0);
    let workload = understood(collector);
    assert!(!format!("{workload:?}").contains("S3cret"));
    let shown: Vec<(&str, u64, &str)> =
        workload.skipped.iter().map(|skipped| (skipped.statement.as_str(), skipped.calls, skipped.reason.as_str())).collect();
    assert_eq!(shown, [("line 7", 1, "it cannot be parsed as SQL"), ("line 7", 2, "it is a utility statement")]);
}

#[test]
fn comments_say_who_asks() {
    let mut collector = Collector::default();
    let routes = ["'%2Forders%2F17'", "'%2Forders%2F18'", "'%2Fcart'"];
    for route in routes {
        seen(&mut collector, Kind::Log, &format!("SELECT * FROM orders WHERE id = 1 /*route={route}*/"), &[], 1, 1.0);
    }
    let workload = understood(collector);
    assert_eq!(workload.queries.len(), 1);
    let routes: Vec<(&str, u64)> =
        workload.queries[0].tags["route"].iter().map(|(route, calls)| (route.as_str(), *calls)).collect();
    assert_eq!(routes, [("/cart", 1), ("/orders/*", 2)]);
}

#[test]
fn lists_of_any_length_are_one_statement() {
    let mut collector = Collector::default();
    for list in ["1", "1, 2", "1, 2, 3", "1, 2, 3"] {
        seen(&mut collector, Kind::Log, &format!("SELECT * FROM orders WHERE id IN ({list})"), &[], 1, 1.0);
    }
    let workload = understood(collector);
    assert_eq!((workload.queries.len(), workload.queries[0].calls), (1, 4));
}
