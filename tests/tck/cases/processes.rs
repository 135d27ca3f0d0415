//! Process managers: instances, commands, deadlines.

use angzarr_runtime::proto;
use angzarr_tests::tck::v1::r#move::Move as Kind;
use angzarr_tests::tck::v1::trouble::Trouble as TroubleKind;
use angzarr_tests::tck::v1::{
    Began, Complete, Happened, Happening, Move, Process, Received, Refusal, Refused, Schedule, Serve, Target, Told,
    Trouble,
};

use super::rejections::refusal;
use crate::calls::{book, run};
use crate::place::Place;
use crate::reading::{events, names};

const PROCESSES: &str = "tck.v1.app.Processes";

/// Milliseconds that no case waits for.
const NEVER: u64 = 3_600_000;

fn moves(kinds: Vec<Kind>) -> Vec<Move> {
    kinds.into_iter().map(|kind| Move { r#move: Some(kind) }).collect()
}

fn began(process: &str, kinds: Vec<Kind>) -> Happening {
    Began { process: process.into(), part: "1".into(), moves: moves(kinds) }.into()
}

fn tells(process: &str, kinds: Vec<Kind>) -> Happening {
    Told { process: process.into(), part: "1".into(), moves: moves(kinds), trouble: None }.into()
}

fn record(text: &str) -> Kind {
    Kind::Record(text.into())
}

fn schedule(name: &str, after: u64, text: &str) -> Kind {
    Kind::Schedule(Schedule { name: name.into(), after, text: text.into() })
}

/// The natural id of the instance: both fields of the key.
fn instance(process: &str) -> String {
    format!("{}/1", process.replace('/', "\\/"))
}

async fn texts(place: &Place, process: &str) -> Vec<String> {
    place.state::<Process>("processes", &instance(process)).await.texts
}

pub(super) async fn an_event_starts_a_process(place: &mut Place) {
    let id = "processes/starts";
    place.cascade(&run(id, vec![began(id, vec![record("a"), record("b")])])).await;
    place.cascade(&run(id, vec![tells(id, vec![record("c")])])).await;
    assert_eq!(texts(place, id).await, ["a", "b", "c"]);
}

pub(super) async fn an_event_without_a_process_is_ignored(place: &mut Place) {
    let id = "processes/ignored";
    let ignored = |consumers: Vec<proto::ConsumerStatus>| {
        consumers.into_iter().find(|consumer| consumer.name == PROCESSES).unwrap().ignored
    };
    let list = || async { place.admin().list_consumers(proto::ListConsumersRequest {}).await.unwrap().into_inner() };
    let before = ignored(list().await.consumers);
    place.cascade(&run(id, vec![tells(id, vec![record("nobody hears that")])])).await;
    assert_eq!(ignored(list().await.consumers), before + 1);
    place.cascade(&run(id, vec![began(id, vec![record("a")])])).await;
    assert_eq!(texts(place, id).await, ["a"]);
}

pub(super) async fn a_process_sends_commands(place: &mut Place) {
    let id = "processes/sends";
    let serve = |text: &str| Kind::Serve(Serve { target: id.into(), text: text.into(), refuse: None });
    let step = began(id, vec![serve("first"), record("own"), serve("second"), schedule("later", NEVER, "never")]);
    place.cascade(&run(id, vec![step])).await;
    assert_eq!(place.state::<Target>("targets", id).await.texts, ["first", "second"]);
    assert_eq!(texts(place, id).await, ["own"]);
    assert!(pending(place, id).await);
    let cause = place.stream("targets", id).await[0].cause.clone().unwrap();
    assert_eq!((cause.domain.as_str(), cause.component.as_str()), ("scripts", PROCESSES));
}

pub(super) async fn a_process_is_told_of_refusals(place: &mut Place) {
    let id = "processes/refused";
    let serve = Serve { target: id.into(), text: "please".into(), refuse: Some(refusal()) };
    place.cascade_book(book(&run(id, vec![began(id, vec![Kind::Serve(serve)])]))).await;
    let stream = place.grows("processes", &instance(id), 1).await;
    let Refusal { message, metadata, detail, .. } = refusal();
    let rejection = Some(Received { code: "REASON_LATE".into(), message, metadata, detail });
    assert_eq!(events::<Refused>(&stream), [Refused { target: id.into(), rejection }]);
    assert_eq!(texts(place, id).await, [id]);
}

pub(super) async fn a_process_ends(place: &mut Place) {
    let id = "processes/ends";
    place.cascade(&run(id, vec![began(id, vec![record("first")])])).await;
    let last = vec![record("last"), schedule("late", 1, "late"), Kind::Complete(Complete {})];
    place.cascade(&run(id, vec![tells(id, last)])).await;
    place.cascade(&run(id, vec![tells(id, vec![record("too late")])])).await;
    // Another one's deadline, which is due behind that of this one.
    let other = "processes/goes-on";
    place.cascade(&run(other, vec![began(other, vec![schedule("later", 1, "due")])])).await;
    place.grows("processes", &instance(other), 1).await;
    assert_eq!(texts(place, id).await, ["first", "last"]);
}

pub(super) async fn a_process_that_fails_is_parked(place: &mut Place) {
    let id = "processes/fails";
    place.cascade(&run(id, vec![began(id, vec![record("a")])])).await;
    let trouble = Some(Trouble { trouble: Some(TroubleKind::Panic("as it was told".into())) });
    let broken = Told { process: id.into(), part: "1".into(), moves: moves(vec![record("b")]), trouble }.into();
    place.cascade_book(book(&run(id, vec![broken]))).await;
    let letter = place.dead_letter(PROCESSES, id).await;
    let codes: Vec<_> = letter.attempts.iter().map(|attempt| attempt.code.as_str()).collect();
    assert_eq!(codes, ["HANDLER_PANICKED"; 2]);
    // What comes behind joins the park, and goes on from there once the broken one is taken out.
    place.cascade_book(book(&run(id, vec![tells(id, vec![record("c")])]))).await;
    assert_eq!(texts(place, id).await, ["a"]);
    for way in [proto::clear_park_request::Way::Skip, proto::clear_park_request::Way::Replay] {
        let request =
            proto::ClearParkRequest { consumer: PROCESSES.into(), lane: letter.lane.clone(), way: way.into() };
        assert_eq!(place.admin().clear_park(request).await.unwrap().into_inner().events, 1);
    }
    assert_eq!(texts(place, id).await, ["a", "c"]);
}

pub(super) async fn a_deadline_passes(place: &mut Place) {
    let id = "processes/due";
    place.cascade(&run(id, vec![began(id, vec![schedule("bell", 50, "rings")])])).await;
    let stream = place.grows("processes", &instance(id), 1).await;
    assert_eq!(names(&stream), ["Happened"]);
    assert_eq!(events::<Happened>(&stream), [Happened { text: "rings".into() }]);
}

pub(super) async fn a_deadline_is_moved(place: &mut Place) {
    let id = "processes/moved";
    place.cascade(&run(id, vec![began(id, vec![schedule("bell", NEVER, "at first")])])).await;
    place.cascade(&run(id, vec![tells(id, vec![schedule("bell", 50, "moved")])])).await;
    let stream = place.grows("processes", &instance(id), 1).await;
    assert_eq!(events::<Happened>(&stream), [Happened { text: "moved".into() }]);
    assert!(!pending(place, id).await, "the one of before is still there");
}

pub(super) async fn a_deadline_is_cancelled(place: &mut Place) {
    let id = "processes/cancelled";
    place.cascade(&run(id, vec![began(id, vec![schedule("bell", NEVER, "never"), record("a")])])).await;
    assert!(pending(place, id).await);
    place.cascade(&run(id, vec![tells(id, vec![Kind::Cancel("bell".into()), record("b")])])).await;
    assert!(!pending(place, id).await);
    // In one step, the last word counts.
    let last = vec![schedule("bell", 1, "never"), Kind::Cancel("bell".into()), record("c")];
    place.cascade(&run(id, vec![tells(id, last)])).await;
    assert!(!pending(place, id).await);
    assert_eq!(texts(place, id).await, ["a", "b", "c"]);
}

/// Whether a process has a deadline.
async fn pending(place: &Place, process: &str) -> bool {
    let answer = place.admin().list_deadlines(proto::ListDeadlinesRequest::default()).await.unwrap();
    let key = instance(process);
    answer.into_inner().deadlines.iter().any(|one| one.cover.as_ref().is_some_and(|cover| cover.key == key))
}
