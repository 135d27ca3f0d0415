//! Facts: recorded, never judged.

use angzarr_runtime::proto::event_page::Kind;
use angzarr_tests::tck::v1::Recorded;
use tonic::Code;

use crate::calls::{book, fact_book, note, run, told};
use crate::place::Place;
use crate::reading::names;

fn fact(script: &str, reference: &str) -> Recorded {
    Recorded { script: script.into(), reference: reference.into(), text: "told".into(), ..Recorded::default() }
}

pub(super) async fn a_fact_is_recorded_once(place: &mut Place) {
    let id = "facts/once";
    let first = place.send(fact_book(&fact(id, "bank-1"))).await.unwrap();
    let again = place.send(fact_book(&fact(id, "bank-1"))).await.unwrap();
    assert!(!first.duplicate && again.duplicate);
    assert_eq!(again.events, first.events);
    assert_eq!(first.events.unwrap().pages[0].kind(), Kind::Fact);
    assert_eq!(place.script(id).await.texts, ["told"]);
}

pub(super) async fn what_follows_from_a_fact_is_in_its_book(place: &mut Place) {
    let id = "facts/follow";
    let told = Recorded { follow: vec![note("so"), note("on")], ..fact(id, "bank-2") };
    let answer = place.send(fact_book(&told)).await.unwrap();
    assert_eq!(names(&answer.events.unwrap().pages), ["Recorded", "Noted", "Noted"]);
    assert_eq!(place.script(id).await.texts, ["told", "so", "on"]);
}

pub(super) async fn a_fact_whose_handler_panics_is_not_recorded(place: &mut Place) {
    let id = "facts/panic";
    let broken = Recorded { panic: "as it was told".into(), ..fact(id, "bank-3") };
    let failed = place.send(fact_book(&broken)).await.unwrap_err();
    assert_eq!(told(&failed), (Code::Internal, "HANDLER_PANICKED".into()));
    assert_eq!(place.script(id).await.events, 0);
    place.send(fact_book(&fact(id, "bank-3"))).await.unwrap();
    assert_eq!(place.script(id).await.texts, ["told"]);
}

pub(super) async fn an_external_id_is_not_that_of_a_command(place: &mut Place) {
    let id = "facts/taken";
    let mut command = book(&run(id, vec![note("a")]));
    command.idempotency_key = "bank-4".into();
    place.send(command).await.unwrap();
    let taken = place.send(fact_book(&fact(id, "bank-4"))).await.unwrap_err();
    assert_eq!(told(&taken), (Code::AlreadyExists, "EXTERNAL_ID_TAKEN".into()));
    assert_eq!(place.script(id).await.texts, ["a"]);
}

pub(super) async fn unknown_fields_of_a_fact_are_kept(place: &mut Place) {
    let id = "facts/newer";
    let mut newer = fact_book(&fact(id, "bank-5"));
    let value = &mut newer.pages[0].command.as_mut().unwrap().value;
    // Field 100, a text, that only a newer release knows.
    value.extend_from_slice(b"\xa2\x06\x05newer");
    let value = value.clone();
    place.send(newer).await.unwrap();
    let stream = place.stream("scripts", id).await;
    assert_eq!(stream[0].event.as_ref().unwrap().value, value);
    assert_eq!(place.script(id).await.texts, ["told"]);
}
