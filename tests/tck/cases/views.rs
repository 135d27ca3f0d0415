//! Views: rows that a service returns.

use angzarr_runtime::proto::{self, clear_park_request::Way};
use angzarr_tests::tck::v1::trouble::Trouble as Kind;
use angzarr_tests::tck::v1::{Changed, Detail, Dropped, Kept, Pair, Paired, Reason, Trouble, Values};
use rusqlite::types::Value;

use crate::calls::{book, run};
use crate::place::Place;

/// Tables of the views.
const SHELF: &str = "tck_v1_app_shelf";
const PAIRS: &str = "tck_v1_app_pairs";

const CONSUMER: &str = "tck.v1.app.Shelf";

fn kept(key: &str) -> Values {
    Values { key: key.into(), string_value: "kept".into(), ..Values::default() }
}

fn changed(key: &str, text: &str) -> Changed {
    Changed { key: key.into(), text: text.into(), trouble: None }
}

async fn text(place: &Place, key: &str) -> Option<String> {
    place.row::<Values>(SHELF, key).map(|row| row.string_value)
}

pub(super) async fn a_row_comes_changes_and_goes(place: &mut Place) {
    let id = "views";
    place.cascade(&run(id, vec![changed("row", "nobody").into()])).await;
    assert_eq!(place.row::<Values>(SHELF, "row"), None);
    place.cascade(&run(id, vec![Kept { values: Some(kept("row")) }.into()])).await;
    assert_eq!(place.row(SHELF, "row"), Some(kept("row")));
    place.cascade(&run(id, vec![changed("row", "a").into(), changed("row", "b").into()])).await;
    assert_eq!(text(place, "row").await.as_deref(), Some("b"));
    place.cascade(&run(id, vec![Dropped { key: "row".into() }.into()])).await;
    assert_eq!(place.row::<Values>(SHELF, "row"), None);
    place.cascade(&run(id, vec![Kept { values: Some(kept("row")) }.into()])).await;
    assert_eq!(text(place, "row").await.as_deref(), Some("kept"));
}

pub(super) async fn a_row_has_a_column_for_every_kind(place: &mut Place) {
    let values = Values {
        key: "kinds".into(),
        double_value: 0.5,
        float_value: -0.25,
        int32_value: i32::MIN,
        int64_value: i64::MIN,
        uint32_value: u32::MAX,
        uint64_value: u64::MAX,
        sint32_value: -1,
        sint64_value: i64::MAX,
        fixed32_value: 1,
        fixed64_value: 2,
        sfixed32_value: -3,
        sfixed64_value: -4,
        bool_value: true,
        string_value: "漢字".into(),
        bytes_value: vec![0, 255],
        enum_value: Reason::Late.into(),
        optional_value: None,
        repeated_value: vec!["a".into()],
        map_value: [(-1, "b".to_owned())].into(),
        message_value: Some(Detail { text: "c".into() }),
    };
    place.cascade(&run("views/kinds", vec![Kept { values: Some(values.clone()) }.into()])).await;
    assert_eq!(place.row(SHELF, "kinds"), Some(values));
    let columns = [
        ("double_value", Value::Real(0.5)),
        ("float_value", Value::Real(-0.25)),
        ("int32_value", Value::Integer(i32::MIN.into())),
        ("int64_value", Value::Integer(i64::MIN)),
        ("uint32_value", Value::Integer(u32::MAX.into())),
        ("uint64_value", Value::Text(u64::MAX.to_string())),
        ("sint32_value", Value::Integer(-1)),
        ("sint64_value", Value::Integer(i64::MAX)),
        ("fixed32_value", Value::Integer(1)),
        ("fixed64_value", Value::Integer(2)),
        ("sfixed32_value", Value::Integer(-3)),
        ("sfixed64_value", Value::Integer(-4)),
        ("bool_value", Value::Integer(1)),
        ("string_value", Value::Text("漢字".into())),
        ("bytes_value", Value::Blob(vec![0, 255])),
        ("enum_value", Value::Text("REASON_LATE".into())),
        ("optional_value", Value::Null),
        ("_rest -> 'repeated_value' ->> 0", Value::Text("a".into())),
        ("_rest -> 'map_value' ->> '-1'", Value::Text("b".into())),
        ("_rest -> 'message_value' ->> 'text'", Value::Text("c".into())),
    ];
    for (column, value) in columns {
        assert_eq!(place.column(SHELF, "kinds", column), Some(value), "{column}");
    }
}

pub(super) async fn a_key_may_have_several_fields(place: &mut Place) {
    let pair = |left: &str, right| Paired { left: left.into(), right }.into();
    let several = vec![pair("a/b", -1), pair("a", 1), pair("a/b", -1)];
    place.cascade(&run("views/pairs", several)).await;
    let row = |left: &str, right, times| Some(Pair { left: left.into(), right, times });
    assert_eq!(place.row(PAIRS, "a\\/b/-1"), row("a/b", -1, 2));
    assert_eq!(place.row(PAIRS, "a/1"), row("a", 1, 1));
}

pub(super) async fn a_projector_that_fails_is_parked(place: &mut Place) {
    let id = "views/parked";
    place.cascade(&run(id, vec![Kept { values: Some(kept("parked")) }.into()])).await;
    let trouble = Some(Trouble { trouble: Some(Kind::Fail("as it was told".into())) });
    let broken = Changed { trouble, ..changed("parked", "never") };
    place.cascade_book(book(&run(id, vec![broken.into(), changed("parked", "behind").into()]))).await;
    let letter = place.dead_letter(CONSUMER, id).await;
    assert_eq!(letter.attempts.len(), 2);
    assert_eq!(text(place, "parked").await.as_deref(), Some("kept"));
    for way in [Way::Skip, Way::Replay] {
        let request = proto::ClearParkRequest { consumer: CONSUMER.into(), lane: letter.lane.clone(), way: way.into() };
        assert_eq!(place.admin().clear_park(request).await.unwrap().into_inner().events, 1);
    }
    assert_eq!(text(place, "parked").await.as_deref(), Some("behind"));
}
