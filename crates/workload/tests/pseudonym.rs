//! What holds for pseudonyms of every database.

use std::collections::BTreeMap;

use pgtailor_model::name::{Oid, QualifiedName};
use pgtailor_model::planner::{
    ColumnStatistic, ExtendedStatistic, Extreme, Extremes, Inexact, Locale, PlannerInputs, Relation, SchemaObject,
    SchemaObjectKind, SourcePlan, StatisticColumn, StatisticNumbers, StatisticSlot, StatisticValues, StatisticsLevel, slot_kind,
};
use pgtailor_workload::anonymize;
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

const TABLE: Oid = Oid(7001);

fn inputs() -> PlannerInputs {
    let relation = Relation {
        oid: TABLE,
        name: QualifiedName::new("public", "people"),
        table: TABLE,
        pages: 10,
        tuples: 1000.0,
        all_visible: 0,
        blocks: Some(10),
        head: None,
    };
    PlannerInputs {
        level: StatisticsLevel::Exact,
        locale: Locale { provider: "libc".to_owned(), collate: "C".to_owned(), ..Locale::default() },
        settings: BTreeMap::new(),
        search_path: Vec::new(),
        schema: Vec::new(),
        relations: vec![relation],
        statistics: Vec::new(),
        extended: Vec::new(),
        extremes: vec![Extremes { table: TABLE, columns: Vec::new() }],
        types: BTreeMap::new(),
        labels: BTreeMap::new(),
        plans: Vec::new(),
        inexact: Vec::new(),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn array_of<T: AsRef<str>>(texts: &[T]) -> String {
    format!("{{{}}}", texts.iter().map(|text| quoted(text.as_ref())).collect::<Vec<_>>().join(","))
}

fn slot(kind: i16, element_type: &str, values: &[String]) -> StatisticSlot {
    let values = Some(StatisticValues { element_type: element_type.to_owned(), text: array_of(values) });
    StatisticSlot { kind, operator: None, collation: None, numbers: None, values }
}

fn statistic(column: &str, slots: Vec<StatisticSlot>) -> ColumnStatistic {
    let numbers = StatisticNumbers { null_fraction: 0.0, width: 8, distinct: -1.0, slots };
    ColumnStatistic { relation: TABLE, column: StatisticColumn::Name(column.to_owned()), inherited: false, numbers }
}

fn plan(text: &str, values: &[(&str, &str)]) -> SourcePlan {
    SourcePlan {
        fingerprint: format!("{:x}", text.len()),
        text: text.to_owned(),
        types: values.iter().map(|(type_name, _)| (*type_name).to_owned()).collect(),
        values: Some(values.iter().map(|(_, value)| Some((*value).to_owned())).collect()),
        weight: 1.0,
        nodes: Vec::new(),
    }
}

fn object(kind: SchemaObjectKind, sql: &str) -> SchemaObject {
    SchemaObject { table: Some(TABLE), ..SchemaObject::new(kind, sql, sql) }
}

/// Elements of an array of one dimension without nulls, by the simplest of readers.
fn elements(text: &str) -> Vec<String> {
    let (mut elements, mut element, mut quotes, mut any) = (Vec::new(), String::new(), false, false);
    let mut characters = text[1..text.len() - 1].chars();
    while let Some(c) = characters.next() {
        any = true;
        match c {
            '"' => quotes = !quotes,
            '\\' => element.extend(characters.next()),
            ',' if !quotes => elements.push(std::mem::take(&mut element)),
            other => element.push(other),
        }
    }
    if any {
        elements.push(element);
    }
    elements
}

fn values_of(inputs: &PlannerInputs, column: &str, kind: i16) -> Option<Vec<String>> {
    let is_column = |statistic: &&ColumnStatistic| statistic.column == StatisticColumn::Name(column.to_owned());
    let statistic = inputs.statistics.iter().find(is_column).expect("statistics of a column are never left out as a whole");
    let slot = statistic.numbers.slots.iter().find(|slot| slot.kind == kind)?;
    slot.values.as_ref().map(|values| elements(&values.text))
}

fn reasons(inputs: &PlannerInputs) -> Vec<String> {
    inputs.inexact.iter().map(|Inexact { object, reason, .. }| format!("{object}: {reason}")).collect()
}

/// Columns of several types as they stand in `pg_statistic`, each with values in their order.
fn column() -> impl Strategy<Value = (&'static str, Vec<String>)> {
    let words = btree_set("[A-Z][a-z]{2,6}[@ ,\"\\\\][A-Za-z]{2,6}", 2..20).prop_map(|words| ("text", Vec::from_iter(words)));
    let numbers = btree_set(10_000..900_000_000_i64, 2..20)
        .prop_map(|numbers| ("integer", numbers.into_iter().map(|number| number.to_string()).collect()));
    let amounts = btree_set(1_000_000..90_000_000_000_i64, 2..20).prop_map(|cents| {
        ("numeric", cents.into_iter().map(|cents| format!("{}.{:02}", cents / 100, cents % 100)).collect::<Vec<_>>())
    });
    let times = btree_set((1950..2020_u32, 2..13_u32, 2..28_u32, 1..23_u32, 1..59_u32), 2..20).prop_map(|times| {
        let text = |(year, month, day, hour, minute)| format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02}:07+00");
        ("timestamp with time zone", times.into_iter().map(text).collect::<Vec<_>>())
    });
    let identifiers = btree_set(any::<[u16; 8]>(), 2..20).prop_map(|identifiers| {
        let text = |[a, b, c, d, e, f, g, h]: [u16; 8]| format!("{a:04x}{b:04x}-{c:04x}-{d:04x}-{e:04x}-{f:04x}{g:04x}{h:04x}");
        ("uuid", identifiers.into_iter().map(text).collect::<Vec<_>>())
    });
    let documents = btree_set("[A-Z]{5,9}", 2..9)
        .prop_map(|words| ("jsonb", words.into_iter().map(|word| format!("{{\"name\": \"{word}\"}}")).collect::<Vec<_>>()));
    prop_oneof![words, numbers, amounts, times, identifiers, documents]
}

fn inputs_of(columns: &[(&'static str, Vec<String>)]) -> PlannerInputs {
    let mut inputs = inputs();
    for (position, (type_name, values)) in columns.iter().enumerate() {
        let name = format!("c{position}");
        let (common, bounds) = values.split_at(values.len() / 2);
        let slots = vec![
            slot(slot_kind::MOST_COMMON, type_name, common),
            slot(slot_kind::HISTOGRAM, type_name, bounds),
            StatisticSlot { values: None, ..slot(slot_kind::CORRELATION, type_name, &[]) },
        ];
        inputs.statistics.push(statistic(&name, slots));
        inputs.extremes[0].columns.push(Extreme {
            column: name,
            least: values[0].clone(),
            greatest: values[values.len() - 1].clone(),
        });
        inputs
            .plans
            .push(plan("SELECT 1 FROM people WHERE a = $1 OR a > $2", &[(type_name, &values[0]), (type_name, &values[1])]));
    }
    inputs
}

/// Whether `values` are in the order in which columns are generated.
fn rise(type_name: &str, values: &[String]) -> bool {
    match type_name {
        "integer" | "numeric" => {
            let numbers: Vec<f64> = values.iter().map(|text| text.parse().expect("a number")).collect();
            numbers.windows(2).all(|pair| pair[0] < pair[1])
        }
        _ => values.windows(2).all(|pair| pair[0] < pair[1]),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_value_survives(columns in vec(column(), 1..6), secret in any::<u64>()) {
        let json = serde_json::to_string(&anonymize(inputs_of(&columns), secret)).expect("it serializes");
        for (type_name, values) in &columns {
            for value in values {
                let found = match *type_name {
                    // A number may be a part of another one: only a whole one is looked for.
                    "integer" | "numeric" => json.split(|c: char| !c.is_ascii_digit() && c != '.').any(|word| word == value),
                    "jsonb" => json.contains(&value[10..value.len() - 2]),
                    _ => json.contains(value.as_str()) || json.contains(&value[..=value.len() / 2]) && *type_name == "text",
                };
                prop_assert!(!found, "{value} in {json}");
            }
        }
    }

    #[test]
    fn order_and_number_of_values_are_kept_or_the_loss_is_said(columns in vec(column(), 1..6), secret in any::<u64>()) {
        let anonymous = anonymize(inputs_of(&columns), secret);
        for (position, (type_name, values)) in columns.iter().enumerate() {
            let name = format!("c{position}");
            let (common, bounds) = (values_of(&anonymous, &name, slot_kind::MOST_COMMON), values_of(&anonymous, &name, slot_kind::HISTOGRAM));
            match (common, bounds) {
                (Some(common), Some(bounds)) => {
                    let mapped = [common, bounds].concat();
                    prop_assert!(rise(type_name, values) && rise(type_name, &mapped), "{values:?} became {mapped:?}");
                    prop_assert_eq!(values.len(), mapped.len());
                }
                (None, None) => {
                    prop_assert_eq!(*type_name, "jsonb");
                    let what = format!("column {name} of people");
                    prop_assert!(reasons(&anonymous).iter().any(|reason| reason.contains(&what) && reason.contains("jsonb")));
                }
                _ => prop_assert!(false, "a histogram without its most common values"),
            }
        }
    }

    #[test]
    fn a_value_has_the_same_pseudonym_wherever_it_stands(columns in vec(column(), 1..6), secret in any::<u64>()) {
        let anonymous = anonymize(inputs_of(&columns), secret);
        let extremes = &anonymous.extremes[0].columns;
        for (position, (_, values)) in columns.iter().enumerate().filter(|(_, (type_name, _))| *type_name != "jsonb") {
            let name = format!("c{position}");
            let common = values_of(&anonymous, &name, slot_kind::MOST_COMMON).expect("mapped");
            let bounds = values_of(&anonymous, &name, slot_kind::HISTOGRAM).expect("mapped");
            let all = [common, bounds].concat();
            let extreme = extremes.iter().find(|extreme| extreme.column == name).expect("mapped");
            // Texts are cut to the length of the value.
            prop_assert!(all[0].starts_with(&extreme.least) && all[all.len() - 1].starts_with(&extreme.greatest));
            let wanted = Some(vec![Some(all[0].clone()), Some(all[1].clone())]);
            prop_assert!(anonymous.plans.iter().any(|plan| plan.values == wanted), "{} for {}", all[0], values[0]);
        }
    }

    #[test]
    fn a_secret_gives_always_the_same_and_another_something_else(columns in vec(column(), 3..6), secret in any::<u64>()) {
        prop_assume!(columns.iter().any(|(type_name, _)| *type_name != "jsonb"));
        let once = anonymize(inputs_of(&columns), secret);
        prop_assert_eq!(&once, &anonymize(inputs_of(&columns), secret));
        prop_assert_ne!(&once, &anonymize(inputs_of(&columns), secret ^ 1));
        prop_assert_eq!(&once, &anonymize(once.clone(), secret ^ 1), "pseudonyms are not replaced again");
    }
}

fn texts(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

#[test]
fn what_the_schema_and_enums_name_stays() {
    let mut inputs = inputs();
    inputs.schema = vec![
        object(SchemaObjectKind::Type, "CREATE TYPE public.mood AS ENUM ('happy', 'sad')"),
        object(SchemaObjectKind::Index, "CREATE INDEX i ON people (a) WHERE state = 'waiting'::text AND n > 70000"),
    ];
    inputs.statistics = vec![
        statistic("mood", vec![slot(slot_kind::MOST_COMMON, "public.mood", &texts(&["sad", "happy"]))]),
        statistic("state", vec![slot(slot_kind::MOST_COMMON, "text", &texts(&["waiting", "secretly done"]))]),
        statistic("n", vec![slot(slot_kind::HISTOGRAM, "integer", &texts(&["69999", "70000", "80000"]))]),
    ];
    let anonymous = anonymize(inputs, 1);
    assert_eq!(values_of(&anonymous, "mood", slot_kind::MOST_COMMON), Some(texts(&["sad", "happy"])));
    let states = values_of(&anonymous, "state", slot_kind::MOST_COMMON).expect("mapped");
    assert!(states[0] == "waiting" && states[1] != "secretly done", "{states:?}");
    let numbers = values_of(&anonymous, "n", slot_kind::HISTOGRAM).expect("mapped");
    assert!(numbers[1] == "70000" && numbers[2] != "80000", "{numbers:?}");
    assert!(reasons(&anonymous).iter().any(|reason| reason.contains("column state of people") && reason.contains("names 1 of")));
}

#[test]
fn elements_of_arrays_keep_their_frequencies_and_the_order_in_which_they_are_searched() {
    let mut inputs = inputs();
    let numbered = |numbers: &str, slot: StatisticSlot| StatisticSlot { numbers: Some(numbers.to_owned()), ..slot };
    let words = texts(&["be", "ok", "apple", "Zürich"]);
    inputs.statistics = vec![
        statistic(
            "tags",
            vec![
                slot(slot_kind::MOST_COMMON, "text[]", &texts(&["{be,ok}", "{apple}"])),
                numbered("{0.4,0.3,0.2,0.1,0.1,0.4,0}", slot(slot_kind::MOST_COMMON_ELEMENTS, "text", &words)),
            ],
        ),
        statistic("lexemes", vec![numbered("{0.4,0.3,0.2,0.1,0.1,0.4}", slot(slot_kind::MOST_COMMON_ELEMENTS, "text", &words))]),
    ];
    let anonymous = anonymize(inputs, 1);
    let numbers = |column: usize| {
        let slot = anonymous.statistics[column].numbers.slots.last().expect("a slot is left");
        elements(slot.numbers.as_deref().expect("it has numbers"))
    };
    let of = |column, numbers: &[String]| {
        let values = values_of(&anonymous, column, slot_kind::MOST_COMMON_ELEMENTS).expect("mapped");
        numbers.iter().cloned().zip(values).collect::<BTreeMap<String, String>>()
    };
    let (tags, lexemes) = (numbers(0), numbers(1));
    assert_eq!(
        (tags.len(), &tags[4..], lexemes.len(), &lexemes[4..]),
        (7, &texts(&["0.1", "0.4", "0"])[..], 6, &texts(&["0.1", "0.4"])[..])
    );
    assert_eq!(of("tags", &tags), of("lexemes", &lexemes), "a word has one pseudonym and one frequency");
    assert!(values_of(&anonymous, "tags", slot_kind::MOST_COMMON_ELEMENTS).expect("mapped").is_sorted());
    let by_length = values_of(&anonymous, "lexemes", slot_kind::MOST_COMMON_ELEMENTS).expect("mapped");
    assert!(by_length.is_sorted_by_key(|word| (word.len(), word.clone())), "{by_length:?}");
    let arrays = values_of(&anonymous, "tags", slot_kind::MOST_COMMON).expect("mapped");
    let (be, ok) = (&of("tags", &tags)["0.4"], &of("tags", &tags)["0.3"]);
    assert_eq!(arrays[0], format!("{{{be},{ok}}}"));
}

#[test]
fn a_histogram_of_texts_is_sorted_whatever_the_server_sorts_by() {
    let mut inputs = inputs();
    inputs.statistics =
        vec![statistic("a", vec![slot(slot_kind::HISTOGRAM, "text", &texts(&["anna", "Berta", "carl", "Dora"]))])];
    let anonymous = anonymize(inputs, 1);
    assert!(values_of(&anonymous, "a", slot_kind::HISTOGRAM).expect("mapped").is_sorted());
    assert!(reasons(&anonymous).iter().any(|reason| reason.contains("column a") && reason.contains("roughly")));
}

#[test]
fn values_of_statements_are_mapped_only_where_they_are_compared() {
    let mut inputs = inputs();
    let names = texts(&["Ada Lovelace", "Grace Hopper"]);
    inputs.statistics = vec![
        statistic("name", vec![slot(slot_kind::MOST_COMMON, "text", &names)]),
        statistic("n", vec![slot(slot_kind::HISTOGRAM, "integer", &texts(&["1", "1000", "2000"]))]),
    ];
    inputs.plans = vec![
        plan("SELECT 1 FROM people WHERE n = $1 LIMIT $2", &[("integer", "1000"), ("bigint", "1000")]),
        plan("SELECT date_trunc($1, at) FROM people WHERE at > now() - $2", &[("text", "month"), ("interval", "7 days")]),
        plan("SELECT 1 FROM people WHERE lower(name) = lower($1)", &[("text", "Grace Hopper")]),
        plan("SELECT 1 FROM people WHERE name LIKE $1", &[("text", "Ada%")]),
        plan("SELECT 1 FROM people WHERE name = upper($1)", &[("text", "nobody known")]),
        plan("SELECT 1 FROM people WHERE document @> $1", &[("jsonb", "{}")]),
        SourcePlan { values: None, ..plan("SELECT 1 FROM people WHERE name LIKE $1 AND $2", &[]) },
    ];
    let anonymous = anonymize(inputs, 1);
    let values: Vec<_> = anonymous.plans.iter().map(|plan| plan.values.clone()).collect();
    let mapped = values_of(&anonymous, "n", slot_kind::HISTOGRAM).expect("mapped");
    assert_ne!(mapped[1], "1000");
    assert_eq!(values[0], Some(vec![Some(mapped[1].clone()), Some("1000".to_owned())]));
    assert_eq!(values[1], Some(vec![Some("month".to_owned()), Some("7 days".to_owned())]));
    let known = values_of(&anonymous, "name", slot_kind::MOST_COMMON).expect("mapped");
    assert_eq!(values[2], Some(vec![Some(known[1].clone())]));
    assert_eq!((values.len(), &values[3]), (4, &None));
    assert_eq!(reasons(&anonymous).iter().filter(|reason| reason.starts_with("statement ")).count(), 3);
}

#[test]
fn what_has_no_pseudonyms_is_left_out_and_said() {
    let mut inputs = inputs();
    let custom = StatisticSlot { kind: 103, values: None, numbers: Some("{4711.5}".to_owned()), ..slot(1, "x", &[]) };
    inputs.statistics = vec![
        statistic("place", vec![custom]),
        statistic("span", vec![slot(slot_kind::HISTOGRAM, "interval", &texts(&["1 day"]))]),
    ];
    inputs.extremes[0].columns =
        vec![Extreme { column: "place".to_owned(), least: "(4711,1)".to_owned(), greatest: "(4711,2)".to_owned() }];
    inputs.extended = vec![ExtendedStatistic {
        name: QualifiedName::new("public", "pair"),
        table: TABLE,
        inherited: false,
        columns: BTreeMap::new(),
        distinct: Some("00".to_owned()),
        dependencies: None,
        most_common: Some("4711".to_owned()),
        expressions: vec![statistic("e", vec![slot(slot_kind::MOST_COMMON, "text", &texts(&["4711 x"]))]).numbers],
    }];
    let anonymous = anonymize(inputs, 1);
    assert!(!serde_json::to_string(&anonymous).expect("it serializes").contains("4711"));
    assert_eq!(anonymous.extended[0].distinct.as_deref(), Some("00"));
    let reasons = reasons(&anonymous);
    for what in ["column place of people", "column span of people", "extended statistics pair", "smallest and largest place"] {
        assert!(reasons.iter().any(|reason| reason.contains(what)), "{what}: {reasons:?}");
    }
    assert!(anonymous.inexact.iter().filter(|inexact| inexact.table == Some(TABLE)).count() >= 4);
}

#[test]
fn without_values_there_is_nothing_to_do() {
    let nothing = PlannerInputs { level: StatisticsLevel::None, ..inputs() };
    assert_eq!(anonymize(nothing.clone(), 1), nothing);
}
