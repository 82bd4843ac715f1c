//! What holds for the bindings of any statement.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use pgtailor_model::binding::Role;

const TABLE: Oid = Oid(7);

fn parameter(number: u32, role: Role) -> Parameter {
    Parameter { number, role, cast: None }
}

fn compared(number: u32, column: &str, operator: &str) -> Parameter {
    let role =
        Role::Compared { table: TABLE, column: column.to_owned(), operator: operator.to_owned(), array: false, expression: None };
    parameter(number, role)
}

fn columns(name: &str, values: ColumnValues) -> Columns {
    BTreeMap::from([((TABLE, name.to_owned()), values)])
}

fn status() -> ColumnValues {
    let most_common = [("done", 0.9), ("failed", 0.08), ("running", 0.02)].map(|(value, share)| (Literal::new(value), share));
    ColumnValues { most_common: most_common.to_vec(), distinct: 3.0, ..ColumnValues::default() }
}

fn check(parameters: &[Parameter], types: &[ValueType], columns: &Columns, observed: &[Binding]) -> Vec<Binding> {
    let request = Request {
        fingerprint: "f",
        parameters,
        types,
        columns,
        rows_per_call: None,
        now: "2026-11-27T12:00:00Z".parse().expect("a time"),
        observed,
    };
    let bindings = draw(&request, DrawOptions::default()).expect("values");
    let weight: f64 = bindings.iter().map(|binding| binding.weight).sum();
    assert!((weight - 1.0).abs() < 1e-9, "{weight}");
    assert!(bindings.iter().all(|binding| binding.values.len() == parameters.len() && binding.weight > 0.0));
    assert_eq!(draw(&request, DrawOptions::default()).as_ref(), Ok(&bindings));
    bindings
}

fn text(binding: &Binding) -> Vec<&str> {
    binding.values.iter().map(|value| value.as_ref().map_or("NULL", Literal::expose)).collect()
}

fn text_type() -> ValueType {
    ValueType::plain("text")
}

#[test]
fn a_statement_without_parameters_has_one_binding() {
    let bindings = check(&[], &[], &Columns::new(), &[]);
    assert_eq!((bindings.len(), bindings[0].origin), (1, BindingOrigin::Constant));
}

#[test]
fn frequent_values_get_the_larger_weight() {
    let bindings = check(&[compared(1, "status", "=")], &[text_type()], &columns("status", status()), &[]);
    assert_eq!((text(&bindings[0]), bindings[0].origin), (vec!["done"], BindingOrigin::Drawn));
    assert!((0.5..0.8).contains(&bindings[0].weight), "{bindings:?}");
    // The rarest is drawn as well, and merged with the binding that stands for what is rare.
    assert!(bindings.iter().any(|binding| binding.weight >= RARE && text(binding) == ["running"]), "{bindings:?}");
}

#[test]
fn the_ends_of_a_range_are_drawn_together() {
    let bounds = (0..=100).map(|n| Literal::new(n.to_string())).collect();
    let prices = columns("price", ColumnValues { histogram: bounds, distinct: 5000.0, ..ColumnValues::default() });
    let parameters = [compared(1, "price", "<="), compared(2, "price", ">")];
    let types = [ValueType::plain("int4"), ValueType::plain("int4")];
    for binding in check(&parameters, &types, &prices, &[]) {
        let ends: Vec<i64> = text(&binding).iter().map(|text| text.parse().expect("a number")).collect();
        assert!(ends[0] >= ends[1] || binding.origin == BindingOrigin::OutOfRange, "{ends:?}");
    }
}

#[test]
fn what_was_executed_keeps_most_of_the_weight() {
    let seen =
        |value: &str, weight: f64| Binding { values: vec![Some(Literal::new(value))], weight, origin: BindingOrigin::Observed };
    let wrong = Binding { values: vec![None, None], weight: 1.0, origin: BindingOrigin::Observed };
    let observed = [seen("running", 0.75), seen("failed", 0.25), wrong];
    let bindings = check(&[compared(1, "status", "=")], &[text_type()], &columns("status", status()), &observed);
    assert_eq!((text(&bindings[0]), text(&bindings[1])), (vec!["running"], vec!["failed"]));
    let share: f64 = bindings.iter().filter(|binding| binding.origin == BindingOrigin::Observed).map(|b| b.weight).sum();
    assert!(share >= 0.75, "{share}");
    assert!(bindings[0].weight > 2.0 * bindings[1].weight);
}

#[test]
fn nothing_known_is_assumed_and_said_so() {
    let bindings = check(&[compared(1, "status", "=")], &[ValueType::plain("uuid")], &Columns::new(), &[]);
    assert_eq!((bindings.len(), bindings[0].origin), (1, BindingOrigin::Assumed));
    let parameters = [compared(1, "status", "=")];
    let request = Request {
        fingerprint: "f",
        parameters: &parameters,
        types: &[ValueType::plain("vector")],
        columns: &Columns::new(),
        rows_per_call: None,
        now: Timestamp::UNIX_EPOCH,
        observed: &[],
    };
    let nothing = draw(&request, DrawOptions::default()).expect_err("no value of this type is known");
    assert_eq!(nothing, NoValue { parameter: 1, type_name: "vector".to_owned() });
}

#[test]
fn every_role_has_its_values() {
    let (table, column) = (TABLE, "email".to_owned());
    let emails: Vec<Literal> = (0..=100).map(|n| Literal::new(format!("User{n:03}@Example.org"))).collect();
    let known = columns("email", ColumnValues { histogram: emails, distinct: 5000.0, ..ColumnValues::default() });
    let lower = Role::Compared {
        table,
        column: column.clone(),
        operator: "=".to_owned(),
        array: false,
        expression: Some("lower(email)".to_owned()),
    };
    let any = Role::Compared { table, column: column.clone(), operator: "=".to_owned(), array: true, expression: None };
    let like = |operator: &str| Role::Pattern { table, column: column.clone(), operator: operator.to_owned() };
    let of = |role: Role, value_type: ValueType| {
        let binding = check(&[parameter(1, role)], &[value_type], &known, &[]).swap_remove(0);
        (text(&binding)[0].to_owned(), binding.origin)
    };
    let (value, origin) = of(lower, text_type());
    assert!(value.starts_with("user") && value.ends_with("@example.org"), "{value}");
    assert_eq!(origin, BindingOrigin::Drawn);
    assert!(of(any, ValueType::array(text_type())).0.starts_with("{\"User"));
    assert_eq!(of(like("~~"), text_type()).0, "User%");
    assert!(of(like("~~*"), text_type()).0.starts_with("%User"));
    assert_eq!(of(Role::RowLimit, ValueType::plain("int8")).0, "20");
    assert_eq!(of(Role::RowOffset, ValueType::plain("int8")).0, "0");
    assert_eq!(of(Role::Interval, ValueType::plain("interval")).0, "7 days");
    assert_eq!(of(Role::FullText, text_type()).0, "data");
    assert_eq!(of(Role::DocumentKey { table, column: column.clone() }, text_type()).0, "id");
    assert_eq!(of(Role::DocumentKey { table, column: column.clone() }, ValueType::array(text_type())).0, "{\"id\"}");
    assert!(of(Role::Assigned { table, column: column.clone() }, text_type()).0.starts_with("User"));
    let mood = ValueType { name: "mood".to_owned(), kind: TypeKind::Enum(vec!["sad".to_owned(), "happy".to_owned()]) };
    let moods = check(&[parameter(1, Role::Free)], &[mood], &known, &[]);
    assert_eq!(moods.len(), 2);
}

proptest! {
    #[test]
    fn any_distribution_gives_weights_that_add_up_to_one(
        shares in prop::collection::vec(0.0001_f64..1.0, 0..20),
        bounds in 0_usize..50,
        distinct in 0.0_f64..1e6,
        operators in prop::collection::vec(prop::sample::select(vec!["=", "<", ">=", "<>", "@>"]), 1..5),
    ) {
        let whole: f64 = shares.iter().sum::<f64>() * 1.2;
        let values = ColumnValues {
            most_common: shares.iter().enumerate().map(|(n, share)| (Literal::new(n.to_string()), share / whole)).collect(),
            histogram: (0..bounds).map(|n| Literal::new(n.to_string())).collect(),
            distinct,
            ..ColumnValues::default()
        };
        let parameters: Vec<Parameter> = (1..).zip(&operators).map(|(number, operator)| compared(number, "n", operator)).collect();
        let types = vec![ValueType::plain("int8"); parameters.len()];
        check(&parameters, &types, &columns("n", values), &[]);
    }
}
