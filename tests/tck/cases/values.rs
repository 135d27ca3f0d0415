//! Values of every kind, from a client through the service to the log and back.

use angzarr_runtime::prost::Message;
use angzarr_tests::tck::v1::{Detail, Kept, Reason, Values};

use crate::calls::{note, run};
use crate::place::Place;
use crate::reading::events;

/// Keeps values; they come back as they were, from the log and from the state.
async fn round(place: &Place, id: &str, values: Values) -> Values {
    let values = Values { key: id.into(), ..values };
    let answer = place.done(&run(id, vec![Kept { values: Some(values.clone()) }.into()])).await;
    let stored = events::<Kept>(&answer.events.unwrap().pages).remove(0).values.unwrap();
    let folded = place.script(id).await.kept.unwrap();
    // By their bytes, since no NaN equals another one.
    assert_eq!(stored.encode_to_vec(), values.encode_to_vec());
    assert_eq!(folded.encode_to_vec(), values.encode_to_vec());
    folded
}

pub(super) async fn the_largest_values_arrive(place: &mut Place) {
    let values = Values {
        double_value: f64::MAX,
        float_value: f32::MAX,
        int32_value: i32::MAX,
        int64_value: i64::MAX,
        uint32_value: u32::MAX,
        uint64_value: u64::MAX,
        sint32_value: i32::MAX,
        sint64_value: i64::MAX,
        fixed32_value: u32::MAX,
        fixed64_value: u64::MAX,
        sfixed32_value: i32::MAX,
        sfixed64_value: i64::MAX,
        bool_value: true,
        bytes_value: (0..=255).collect(),
        enum_value: Reason::Late.into(),
        optional_value: Some("said".into()),
        repeated_value: vec!["a".into(), String::new(), "b".into()],
        map_value: [(i32::MAX, "large".to_owned())].into(),
        message_value: Some(Detail { text: "inside".into() }),
        ..Values::default()
    };
    round(place, "values/largest", values).await;
}

pub(super) async fn the_smallest_values_arrive(place: &mut Place) {
    let values = Values {
        double_value: f64::MIN_POSITIVE,
        float_value: f32::MIN,
        int32_value: i32::MIN,
        int64_value: i64::MIN,
        sint32_value: i32::MIN,
        sint64_value: i64::MIN,
        sfixed32_value: i32::MIN,
        sfixed64_value: i64::MIN,
        map_value: [(i32::MIN, "small".to_owned())].into(),
        ..Values::default()
    };
    round(place, "values/smallest", values).await;
}

pub(super) async fn values_that_are_no_numbers_arrive(place: &mut Place) {
    let values = Values { double_value: f64::NAN, float_value: f32::NEG_INFINITY, ..Values::default() };
    let folded = round(place, "values/nan", values).await;
    assert!(folded.double_value.is_nan());
    let values = Values { double_value: f64::INFINITY, float_value: f32::NAN, ..Values::default() };
    let folded = round(place, "values/infinite", values).await;
    assert!(folded.float_value.is_nan());
}

/// What is set to its default is told from what is not set only where the field says so. An enum's value may be one that
/// only a newer release knows.
pub(super) async fn values_that_are_not_set_arrive(place: &mut Place) {
    assert_eq!(round(place, "values/none", Values::default()).await.optional_value, None);
    let values = Values {
        optional_value: Some(String::new()),
        message_value: Some(Detail::default()),
        enum_value: 77,
        ..Values::default()
    };
    let folded = round(place, "values/set", values).await;
    assert_eq!((folded.optional_value.as_deref(), folded.message_value), (Some(""), Some(Detail::default())));
    assert_eq!(folded.enum_value, 77);
}

pub(super) async fn text_of_any_script_arrives(place: &mut Place) {
    let (id, text) = ("values/text", "naïve Ωμέγα 漢字 🦀 e\u{301} \u{202e}right\u{202c} \0 \u{10ffff} \"'\\\r\n");
    place.done(&run(id, vec![note(text), note("")])).await;
    assert_eq!(place.script(id).await.texts, [text, ""]);
    round(place, "values/scripts", Values { string_value: text.into(), ..Values::default() }).await;
}

pub(super) async fn a_megabyte_of_text_arrives(place: &mut Place) {
    let (id, text) = ("values/megabyte", "ä".repeat(1 << 19));
    place.done(&run(id, vec![note(&text)])).await;
    place.done(&run(id, vec![note(&text)])).await;
    assert!(place.script(id).await.texts == [text.clone(), text]);
}
