//! Commands, and what they are answered with.

use std::time::{Duration, SystemTime};

use angzarr_runtime::id::root_id;
use angzarr_tests::tck::v1::{ContextShown, Counted, Run, RunLater, ShowContext};
use futures_util::future::join_all;
use tonic::Code;
use tonic_types::StatusExt;
use uuid::Uuid;

use crate::calls::{book, note, run, told};
use crate::place::Place;
use crate::reading::events;

pub(super) async fn many_events_are_one_book(place: &mut Place) {
    let id = "commands/many";
    let answer = place.done(&Run { times: 1_000, ..run(id, vec![note("x")]) }).await;
    let book = answer.events.unwrap();
    assert_eq!((book.pages.len(), book.first_sequence, book.next_sequence), (1_000, 0, 1_000));
    let positions: Vec<u64> = book.pages.iter().map(|page| page.position).collect();
    assert!(positions.windows(2).all(|two| two[1] == two[0] + 1), "{positions:?}");
}

pub(super) async fn a_key_gets_its_first_answer_again(place: &mut Place) {
    let mut keyed = book(&run("commands/keyed", vec![note("a")]));
    keyed.idempotency_key = "web-1".into();
    let first = place.send(keyed.clone()).await.unwrap();
    let again = place.send(keyed).await.unwrap();
    assert!(!first.duplicate && again.duplicate);
    assert_eq!(again.events, first.events);
    assert_eq!(place.script("commands/keyed").await.texts, ["a"]);
}

pub(super) async fn a_stale_sequence_is_refused(place: &mut Place) {
    let id = "commands/stale";
    place.done(&run(id, vec![note("a")])).await;
    let mut stale = book(&run(id, vec![note("b")]));
    stale.pages[0].sequence = Some(0);
    let status = place.send(stale.clone()).await.unwrap_err();
    assert_eq!(told(&status), (Code::Aborted, "SEQUENCE_CONFLICT".into()));
    assert_eq!(status.get_details_error_info().unwrap().metadata["actual"], "1");
    stale.pages[0].sequence = Some(1);
    place.send(stale).await.unwrap();
    assert_eq!(place.script(id).await.texts, ["a", "b"]);
}

pub(super) async fn handlers_know_their_circumstances(place: &mut Place) {
    let id = "commands/context";
    let mut asking = book(&ShowContext { script: id.into(), ids: 2 });
    asking.idempotency_key = "web-2".into();
    asking.cover.as_mut().unwrap().correlation_id = "a talk".into();
    let before = SystemTime::now();
    let answer = place.send(asking).await.unwrap();
    let [shown] = &events::<ContextShown>(&answer.events.unwrap().pages)[..] else { panic!("not shown") };
    let root = root_id("scripts", id).unwrap();
    assert_eq!((shown.domain.as_str(), shown.key.as_str()), ("scripts", id));
    assert_eq!((shown.correlation_id.as_str(), &shown.root), ("a talk", &root.to_string()));
    let now = SystemTime::try_from(shown.now.unwrap()).unwrap();
    // Times are kept in whole microseconds.
    assert!(now + Duration::from_micros(1) >= before && now <= SystemTime::now(), "{now:?}");
    // The recipe of docs/semantics.md.
    let seed = Uuid::new_v5(&root, b"client/scripts/web-2");
    let ids = [0, 1].map(|n| Uuid::new_v5(&seed, format!("id/{n}").as_bytes()).to_string());
    assert_eq!(shown.ids, ids);
}

pub(super) async fn ids_differ_between_decisions(place: &mut Place) {
    let mut ids = Vec::new();
    for _ in 0..2 {
        let answer = place.done(&ShowContext { script: "commands/ids".into(), ids: 2 }).await;
        ids.extend(events::<ContextShown>(&answer.events.unwrap().pages).remove(0).ids);
    }
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((all, ids.len()), (4, 4), "{ids:?}");
}

pub(super) async fn a_panic_is_a_failure_and_spoils_nothing(place: &mut Place) {
    let id = "commands/panic";
    place.done(&run(id, vec![note("a")])).await;
    let broken = Run { panic: "as it was told".into(), ..run(id, vec![note("b")]) };
    let status = place.send(book(&broken)).await.unwrap_err();
    assert_eq!(told(&status), (Code::Internal, "HANDLER_PANICKED".into()));
    assert!(status.message().contains("as it was told"), "{status:?}");
    let answer = place.done(&Run { count: true, ..run(id, vec![note("c")]) }).await;
    assert_eq!(events::<Counted>(&answer.events.unwrap().pages), [Counted { before: 1 }]);
    assert_eq!(place.script(id).await.texts, ["a", "c"]);
}

pub(super) async fn a_handler_that_takes_too_long_is_given_up(place: &mut Place) {
    let id = "commands/slow";
    place.done(&run(id, vec![note("a")])).await;
    let mut slow = book(&RunLater { script: id.into(), emit: vec![note("late")], after: 3_600_000 });
    slow.deadline = Some((SystemTime::now() + Duration::from_millis(300)).into());
    let status = place.send(slow).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
    place.done(&run(id, vec![note("b")])).await;
    let later = RunLater { script: id.into(), emit: vec![note("c")], after: 1 };
    place.done(&later).await;
    assert_eq!(place.script(id).await.texts, ["a", "b", "c"]);
}

pub(super) async fn an_unknown_command_is_refused(place: &mut Place) {
    let id = "commands/unknown";
    let mut unknown = book(&run(id, vec![]));
    unknown.pages[0].command.as_mut().unwrap().type_url = "type.googleapis.com/tck.v1.Nothing".into();
    let status = place.send(unknown).await.unwrap_err();
    assert_eq!(told(&status), (Code::InvalidArgument, "COMMAND_UNKNOWN".into()));
    assert_eq!(place.stream("scripts", id).await, []);
}

pub(super) async fn a_command_that_does_not_decode_is_refused(place: &mut Place) {
    let id = "commands/garbage";
    let mut garbage = book(&run(id, vec![]));
    garbage.pages[0].command.as_mut().unwrap().value = b"\xff\xff".to_vec();
    let status = place.send(garbage).await.unwrap_err();
    assert_eq!(told(&status).1, "PAYLOAD_MALFORMED");
    place.done(&run(id, vec![note("a")])).await;
    assert_eq!(place.script(id).await.texts, ["a"]);
}

pub(super) async fn callers_of_one_root_take_turns(place: &mut Place) {
    let id = "commands/turns";
    let counting = Run { count: true, ..run(id, vec![]) };
    let answers = join_all((0..64).map(|_| place.done(&counting))).await;
    let mut before: Vec<u32> = answers
        .into_iter()
        .flat_map(|answer| events::<Counted>(&answer.events.unwrap().pages))
        .map(|one| one.before)
        .collect();
    before.sort_unstable();
    assert_eq!(before, (0..64).collect::<Vec<_>>());
    assert_eq!(place.script(id).await.events, 64);
}
