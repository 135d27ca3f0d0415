//! Sagas, and what becomes of what they send.

use angzarr_runtime::Command;
use angzarr_tests::tck::v1::trouble::Trouble as Kind;
use angzarr_tests::tck::v1::{
    Approach, Asked, AskedMany, Compensated, Delivered, Received, Refusal, Serve, Slept, Stranger, Target, Trouble,
};

use super::rejections::refusal;
use crate::calls::{book, run};
use crate::place::Place;
use crate::reading::{events, names};

const ERRANDS: &str = "tck.v1.app.Errands";

fn serve(target: &str, text: &str) -> Serve {
    Serve { target: target.into(), text: text.into(), refuse: None }
}

fn asked(serve: Serve) -> Asked {
    Asked { serve: Some(serve), trouble: None }
}

pub(super) async fn an_event_leads_to_a_command(place: &mut Place) {
    let id = "sagas/unary";
    let answer = place.cascade(&run(id, vec![asked(serve(id, "please")).into()])).await;
    let caused: Vec<_> = answer.caused.iter().flat_map(|book| names(&book.pages)).collect();
    assert_eq!(caused, ["Served"]);
    assert!(answer.waited_for.contains(&ERRANDS.to_owned()), "{:?}", answer.waited_for);
    let stream = place.stream("targets", id).await;
    let cause = stream[0].cause.as_ref().unwrap();
    assert_eq!((cause.domain.as_str(), cause.component.as_str(), cause.sequence), ("scripts", ERRANDS, 0));
    assert_eq!(place.state::<Target>("targets", id).await.texts, ["please"]);
}

pub(super) async fn an_event_leads_to_commands_and_facts(place: &mut Place) {
    let id = "sagas/stream";
    let delivered = Delivered { target: id.into(), reference: "bank-1".into(), text: "delivered".into() };
    let errands = vec![
        serve(id, "first").into(),
        serve(id, "second").into(),
        delivered.into(),
        Approach { stranger: -7, refuse: None }.into(),
    ];
    place.cascade(&run(id, vec![AskedMany { errands }.into()])).await;
    assert_eq!(place.state::<Target>("targets", id).await.texts, ["first", "second", "delivered"]);
    assert_eq!(place.state::<Stranger>("strangers", "-7").await.times, 1);
    // None at all is as good.
    place.cascade(&run(id, vec![AskedMany::default().into()])).await;
}

pub(super) async fn a_refusal_is_compensated(place: &mut Place) {
    let id = "sagas/refused";
    let refused = Serve { refuse: Some(refusal()), ..serve(id, "please") };
    place.cascade_book(book(&run(id, vec![asked(refused).into()]))).await;
    let stream = place.grows("scripts", id, 2).await;
    assert_eq!(names(&stream), ["Asked", "Compensated"]);
    let Refusal { message, metadata, detail, .. } = refusal();
    let rejection = Some(Received { code: "REASON_LATE".into(), message, metadata, detail });
    assert_eq!(events::<Compensated>(&stream), [Compensated { target: id.into(), rejection }]);
    assert_eq!(place.script(id).await.texts, [id]);
    assert_eq!(place.state::<Target>("targets", id).await, Target::default());
}

pub(super) async fn a_refusal_that_nobody_compensates_is_a_dead_letter(place: &mut Place) {
    let id = "sagas/uncompensated";
    let errands = vec![Approach { stranger: 8, refuse: Some(refusal()) }.into()];
    place.cascade_book(book(&run(id, vec![AskedMany { errands }.into()]))).await;
    let letter = place.dead_letter(ERRANDS, id).await;
    let codes: Vec<_> = letter.attempts.iter().map(|attempt| attempt.code.as_str()).collect();
    assert_eq!(codes, ["REJECTED_UNCOMPENSATED"]);
    assert!(letter.attempts[0].reason.contains("REASON_LATE"), "{letter:?}");
    // The lane goes on.
    place.cascade(&run(id, vec![asked(serve(id, "behind")).into()])).await;
    assert_eq!(place.state::<Target>("targets", id).await.texts, ["behind"]);
}

/// Has a saga be in trouble; the codes of its attempts, and what it said.
async fn troubled(place: &Place, id: &str, consumer: &str, command: &impl Command) -> (Vec<String>, String) {
    let answer = place.cascade_book(book(command)).await;
    assert!(answer.failures.iter().any(|failure| failure.component == consumer), "{:?}", answer.failures);
    let letter = place.dead_letter(consumer, id).await;
    let reasons = letter.attempts.iter().map(|attempt| attempt.reason.clone()).collect::<Vec<_>>().join("\n");
    (letter.attempts.into_iter().map(|attempt| attempt.code).collect(), reasons)
}

pub(super) async fn a_saga_that_fails_is_tried_again(place: &mut Place) {
    let id = "sagas/fails";
    let trouble = Some(Trouble { trouble: Some(Kind::Fail("no connection".into())) });
    let failing = run(id, vec![Asked { trouble, ..asked(serve(id, "never")) }.into()]);
    let (codes, reasons) = troubled(place, id, ERRANDS, &failing).await;
    // A language that does not tell failing from panicking has one code for both.
    assert!(codes == ["HANDLER_FAILED"; 4] || codes == ["HANDLER_PANICKED"; 4], "{codes:?}");
    assert!(reasons.contains("no connection"), "{reasons}");
    assert_eq!(place.state::<Target>("targets", id).await, Target::default());
}

pub(super) async fn a_saga_that_panics_is_tried_again(place: &mut Place) {
    let id = "sagas/panics";
    let trouble = Some(Trouble { trouble: Some(Kind::Panic("as it was told".into())) });
    let failing = run(id, vec![Asked { trouble, ..asked(serve(id, "never")) }.into()]);
    let (codes, reasons) = troubled(place, id, ERRANDS, &failing).await;
    assert_eq!(codes, ["HANDLER_PANICKED"; 4]);
    assert!(reasons.contains("as it was told"), "{reasons}");
    // Other lanes flow.
    place.cascade(&run("sagas/beside", vec![asked(serve("sagas/beside", "please")).into()])).await;
}

pub(super) async fn a_saga_that_takes_too_long_is_given_up(place: &mut Place) {
    let id = "sagas/sleeps";
    let (codes, _) = troubled(place, id, "tck.v1.app.Sleeper", &run(id, vec![Slept {}.into()])).await;
    assert_eq!(codes, ["HANDLER_TIMED_OUT"; 2]);
}
