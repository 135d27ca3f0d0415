//! Messages that are one of several.

use angzarr_tests::tck::v1::{
    Asked, AskedMany, Changed, Choose, Counted, Dropped, Happening, Noted, Paired, Told, Values,
};
use tonic::Code;

use crate::calls::{book, note, run, told};
use crate::place::Place;
use crate::reading::names;

/// One of each that leads to nothing else.
fn members() -> Vec<Happening> {
    vec![
        Noted::default().into(),
        Counted::default().into(),
        angzarr_tests::tck::v1::Kept { values: Some(Values { key: "unions".into(), ..Values::default() }) }.into(),
        Changed { key: "unions".into(), ..Changed::default() }.into(),
        Dropped { key: "unions".into() }.into(),
        Paired { left: "unions".into(), right: 0 }.into(),
        AskedMany::default().into(),
        Told { process: "unions".into(), part: "1".into(), ..Told::default() }.into(),
    ]
}

const NAMES: [&str; 8] = ["Noted", "Counted", "Kept", "Changed", "Dropped", "Paired", "AskedMany", "Told"];

pub(super) async fn each_member_is_stored_as_itself(place: &mut Place) {
    let id = "unions/members";
    let answer = place.done(&run(id, members())).await;
    assert_eq!(names(&answer.events.unwrap().pages), NAMES);
    assert_eq!(place.script(id).await.events, 8);
}

pub(super) async fn a_unary_union_is_its_member(place: &mut Place) {
    let id = "unions/unary";
    for (member, name) in members().into_iter().zip(NAMES) {
        let answer = place.done(&Choose { script: id.into(), happening: Some(member) }).await;
        assert_eq!(names(&answer.events.unwrap().pages), [name]);
    }
}

pub(super) async fn a_union_without_a_member_is_a_failure(place: &mut Place) {
    let id = "unions/unset";
    let unset = book(&Choose { script: id.into(), happening: Some(Happening::default()) });
    let in_a_stream = book(&run(id, vec![note("a"), Happening::default()]));
    for book in [unset, in_a_stream] {
        let (status, code) = told(&place.send(book).await.unwrap_err());
        assert_eq!(status, Code::Internal);
        // Where handlers return the member itself, they have nothing to return: they break, or their answer is none.
        assert!(["UNION_UNSET", "HANDLER_PANICKED", "SERVICE_ANSWER_INVALID"].contains(&code.as_str()), "{code}");
    }
    assert_eq!(place.script(id).await.events, 0);
}

pub(super) async fn an_empty_stream_stores_nothing(place: &mut Place) {
    let id = "unions/empty";
    let answer = place.done(&run(id, vec![])).await;
    assert!(answer.events.is_none_or(|book| book.pages.is_empty()));
    // Not even what a member says that holds nothing itself.
    let answer = place.done(&run(id, vec![Asked::default().into()])).await;
    assert_eq!(names(&answer.events.unwrap().pages), ["Asked"]);
    assert_eq!(place.stream("scripts", id).await.len(), 1);
}
