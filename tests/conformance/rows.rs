//! What becomes of the fields of a row.

use std::collections::BTreeMap;

use angzarr_runtime::app::AppBuilder;
use angzarr_runtime::prost::Message;
use angzarr_runtime::prost_types::{self, Any, Duration, FieldMask, Struct, Timestamp};
use angzarr_runtime::proto::Cover;
use angzarr_runtime::view::{Kind, Value, json};
use angzarr_runtime::{Aggregate, App, Context, Failure, Projector, Rejection, Row as _, Storage};
use angzarr_tests::placed;
use angzarr_tests::rows::v1::row::part::KindOneOf;
use angzarr_tests::rows::v1::row::{Choice, Color, Part};
use angzarr_tests::rows::v1::{ChangeRow, Changed, Row, State, app};
use rusqlite::Connection;

/// Of every kind of field.
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

#[derive(Aggregate)]
#[aggregate(app::Rows)]
struct Rules;

impl app::Rows for Rules {
    fn change(&self, _: &State, command: ChangeRow, _: &Context) -> Result<Changed, Rejection> {
        Ok(Changed { id: command.id, row: command.row })
    }

    fn apply_changed(_: &mut State, _: Changed) {}
}

#[derive(Projector)]
#[projector(app::RowBoard)]
struct Board;

impl app::RowBoard for Board {
    async fn on_changed(&self, _: Option<Row>, event: Changed, _: &Context) -> Result<Option<Row>, Failure> {
        Ok(Some(Row::decode(&*event.row)?))
    }
}

/// What the table of the board holds, by column.
async fn stored(make: impl FnOnce(AppBuilder) -> AppBuilder) -> Vec<(String, rusqlite::types::Value)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.db");
    let app = make(App::builder(Storage::Sqlite(path.clone()))).start().await.unwrap();
    // What a program does not derive, it leaves out, and no descriptor tells.
    let row = Row { cover: None, ..row() };
    app.send(ChangeRow { id: "a".into(), row: row.encode_to_vec() }).await.unwrap();
    app.drained().await.unwrap();
    let table = app.view_status().await.unwrap().remove(0).table;
    app.shutdown().await.unwrap();
    let database = Connection::open(folder.path().join("log.db.views")).unwrap();
    let mut all = database.prepare(&format!("SELECT * FROM \"{table}\"")).unwrap();
    let names: Vec<String> = all.column_names().into_iter().map(ToOwned::to_owned).collect();
    let read = |found: &rusqlite::Row<'_>| names.iter().map(|name| Ok((name.clone(), found.get(&**name)?))).collect();
    all.query_row([], read).unwrap()
}

#[tokio::test]
async fn rows_of_services_are_those_of_linked_programs() {
    let linked = stored(|app| app.register(Rules).register(Board)).await;
    angzarr_tests::serve_components();
    let served = stored(|app| app.register(placed(Rules)).register(placed(Board))).await;
    assert_eq!(served, linked);
    assert!(linked.iter().any(|(name, _)| name == "_rest"), "{linked:?}");
}
