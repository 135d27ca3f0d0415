//! States, as they follow from events.

use angzarr_runtime::Payload;
use angzarr_runtime::proto::{self, stream_query::AsOf};
use angzarr_tests::tck::v1::{Counted, Refusal, Run, Script};

use crate::calls::{book, note, run};
use crate::place::Place;
use crate::reading::events;

/// A book of several commands for one root.
fn pages(commands: &[Run]) -> proto::CommandBook {
    let mut several = book(&commands[0]);
    several.pages = commands
        .iter()
        .map(|command| proto::CommandPage {
            command: Some(Payload::command(command).to_any()),
            ..proto::CommandPage::default()
        })
        .collect();
    several
}

pub(super) async fn events_are_folded_in_order(place: &mut Place) {
    let id = "folding/order";
    place.done(&run(id, vec![note("a"), note("b")])).await;
    place.done(&run(id, vec![note("c")])).await;
    assert_eq!(place.script(id).await.texts, ["a", "b", "c"]);
    assert_eq!(place.state::<Script>("scripts", id).await.texts, ["a", "b", "c"]);
}

pub(super) async fn a_root_begins_with_the_default_state(place: &mut Place) {
    assert_eq!(place.script("folding/nobody").await, Script::default());
    let id = "folding/new";
    let answer = place.done(&Run { count: true, ..run(id, vec![]) }).await;
    assert_eq!(events::<Counted>(&answer.events.unwrap().pages), [Counted { before: 0 }]);
}

pub(super) async fn later_commands_of_a_book_see_what_earlier_ones_decided(place: &mut Place) {
    let id = "folding/pages";
    place.done(&run(id, vec![note("stored")])).await;
    let counting = Run { count: true, ..run(id, vec![note("pending")]) };
    let answer = place.send(pages(&[counting.clone(), counting])).await.unwrap();
    let counted: Vec<u32> = events::<Counted>(&answer.events.unwrap().pages).iter().map(|one| one.before).collect();
    assert_eq!(counted, [1, 3]);
    assert_eq!(place.script(id).await.texts, ["stored", "pending", "pending"]);
}

pub(super) async fn a_book_that_is_refused_leaves_nothing_behind(place: &mut Place) {
    let id = "folding/refused";
    place.done(&run(id, vec![note("stored")])).await;
    let refused = Run { refuse: Some(Refusal::default()), ..run(id, vec![]) };
    place.send(pages(&[run(id, vec![note("pending")]), refused])).await.unwrap_err();
    let answer = place.done(&Run { count: true, ..run(id, vec![]) }).await;
    assert_eq!(events::<Counted>(&answer.events.unwrap().pages), [Counted { before: 1 }]);
    assert_eq!(place.script(id).await.texts, ["stored"]);
}

pub(super) async fn a_state_is_read_as_of_then(place: &mut Place) {
    let id = "folding/then";
    for text in ["a", "b", "c"] {
        place.done(&run(id, vec![note(text)])).await;
    }
    let then: Script = place.state_as_of("scripts", id, Some(AsOf::Sequence(1))).await;
    assert_eq!(then.texts, ["a", "b"]);
    assert_eq!(place.script(id).await.texts, ["a", "b", "c"]);
}

pub(super) async fn a_thousand_events_are_folded(place: &mut Place) {
    let id = "folding/large";
    for _ in 0..10 {
        place.done(&Run { times: 100, ..run(id, vec![note("x")]) }).await;
    }
    let script = place.script(id).await;
    assert_eq!((script.events, script.texts.len()), (1_000, 1_000));
    let answer = place.done(&Run { count: true, ..run(id, vec![]) }).await;
    assert_eq!(events::<Counted>(&answer.events.unwrap().pages), [Counted { before: 1_000 }]);
}
