//! What becomes of the fields of a row.

use std::collections::BTreeMap;

use angzarr_runtime::Row as _;
use angzarr_runtime::prost_types::{self, Any, Duration, FieldMask, Struct, Timestamp};
use angzarr_runtime::proto::Cover;
use angzarr_runtime::view::{Kind, Value, json};
use angzarr_tests::rows::v1::Row;
use angzarr_tests::rows::v1::row::part::KindOneOf;
use angzarr_tests::rows::v1::row::{Choice, Color, Part};

fn row() -> Row {
    Row {
        text: "t".into(),
        small: i32::MIN,
        small_unsigned: u32::MAX,
        large: i64::MIN,
        large_unsigned: u64::MAX,
        single: 0.5,
        double: f64::NAN,
        flag: true,
        raw: vec![0, 255],
        color: Color::Red.into(),
        maybe_color: Some(7),
        texts: vec!["a".into(), String::new()],
        numbers: vec![i64::MAX, -1],
        colors: vec![1, 0, 9],
        parts: BTreeMap::from([("p".into(), Part { size: 0, kind: Some(KindOneOf::Word(String::new())) })]),
        color_by_number: BTreeMap::from([(-1, 1), (2, 5)]),
        raw_by_flag: BTreeMap::from([(true, vec![1])]),
        part: Some(Part { size: 3, kind: Some(KindOneOf::Code(vec![2])) }),
        rows: vec![Row { color: 1, maybe_text: Some(String::new()), ..Row::default() }],
        choice: Some(Choice::ChosenColor(1)),
        at: Some(Timestamp { seconds: 0, nanos: 0 }),
        took: Some(Duration { seconds: -1, nanos: -500_000_000 }),
        any: Some(Any { type_url: "type.googleapis.com/a.B".into(), value: vec![3] }),
        r#struct: Some(Struct {
            fields: BTreeMap::from([("n".into(), 1.5.into()), ("none".into(), prost_types::Value { kind: None })]),
        }),
        wrapped: Some(0),
        mask: Some(FieldMask { paths: vec!["a.b".into(), "c".into()] }),
        cover: Some(Cover::default()),
        ctid: "c".into(),
        r#type: "y".into(),
        ..Row::default()
    }
}

#[test]
fn scalars_are_columns() {
    let names: Vec<&str> = Row::COLUMNS.iter().map(|column| &*column.name).collect();
    let expected = [
        "text",
        "small",
        "small_unsigned",
        "large",
        "large_unsigned",
        "single",
        "double",
        "flag",
        "raw",
        "color",
        "maybe_text",
        "maybe_large",
        "maybe_color",
        "type",
        "select",
    ];
    assert_eq!(names, expected);
    assert_eq!((Row::COLUMNS[4].kind, Row::COLUMNS[4].number), (Kind::Unsigned, 5));
    let values = [
        "t".into(),
        i32::MIN.into(),
        u32::MAX.into(),
        i64::MIN.into(),
        u64::MAX.into(),
        0.5.into(),
        f64::NAN.into(),
        true.into(),
        vec![0, 255].into(),
        "COLOR_RED".into(),
        Value::Null,
        Value::Null,
        "7".into(),
        "y".into(),
        "".into(),
    ];
    assert_eq!(row().values(), values);
}

#[test]
fn everything_else_is_json() {
    let expected = concat!(
        r#"{"texts":["a",""],"numbers":["9223372036854775807","-1"],"colors":["COLOR_RED","COLOR_UNSPECIFIED",9],"#,
        r#""parts":{"p":{"word":""}},"color_by_number":{"-1":"COLOR_RED","2":5},"raw_by_flag":{"true":"AQ=="},"#,
        r#""part":{"size":3,"code":"Ag=="},"rows":[{"color":"COLOR_RED","maybe_text":""}],"#,
        r#""at":"1970-01-01T00:00:00Z","took":"-1.500s","#,
        r#""any":{"@type":"type.googleapis.com/a.B","value":"Aw=="},"struct":{"n":1.5,"none":null},"wrapped":"0","#,
        r#""mask":"a.b,c","ctid":"c","chosen_color":"COLOR_RED"}"#,
    );
    assert_eq!(json::rest(&row()), expected);
    assert_eq!(json::rest(&Row::default()), "{}");
    let foreign = Row { choice: Some(Choice::ChosenCover(Cover::default())), ..Row::default() };
    assert_eq!(json::rest(&foreign), "{}", "a message that is generated elsewhere is left out");
}
