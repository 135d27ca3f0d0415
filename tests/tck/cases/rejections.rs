//! Refusals.

use angzarr_runtime::prost::Message;
use angzarr_tests::tck::v1::{Detail, GetScript, Reason, Refusal, Run};
use tonic::Code;
use tonic_types::{StatusExt, pb};

use crate::calls::{book, note, run, told};
use crate::place::Place;

/// With everything that one may have.
pub(super) fn refusal() -> Refusal {
    Refusal {
        reason: Reason::Late.into(),
        message: "it is too late: 5 % »left«".into(),
        metadata: [("left".to_owned(), "5".to_owned()), ("unit".to_owned(), "%".to_owned())].into(),
        detail: "more".into(),
    }
}

pub(super) async fn a_rejection_arrives_whole(place: &mut Place) {
    let refused = Run { refuse: Some(refusal()), ..run("rejections/whole", vec![]) };
    let status = place.send(book(&refused)).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert!(status.message().contains("it is too late: 5 % »left«"), "{status:?}");
    let info = status.get_details_error_info().unwrap();
    assert_eq!(info.reason, "REASON_LATE");
    assert_eq!((info.metadata["left"].as_str(), info.metadata["unit"].as_str()), ("5", "%"));
    let told = pb::Status::decode(status.details()).unwrap();
    let detail = told.details.iter().find(|any| any.type_url.ends_with("/tck.v1.Detail")).unwrap();
    assert_eq!(Detail::decode(&*detail.value).unwrap(), Detail { text: "more".into() });
}

pub(super) async fn a_rejection_changes_nothing(place: &mut Place) {
    let id = "rejections/nothing";
    place.done(&run(id, vec![note("a")])).await;
    let refused = Run { refuse: Some(refusal()), ..run(id, vec![note("b")]) };
    place.send(book(&refused)).await.unwrap_err();
    assert_eq!(place.script(id).await.texts, ["a"]);
    place.done(&run(id, vec![note("c")])).await;
    assert_eq!(place.script(id).await.texts, ["a", "c"]);
}

pub(super) async fn a_query_may_be_refused(place: &mut Place) {
    let query = GetScript { script: "rejections/query".into(), refuse: Some(refusal()) };
    let status = place.ask(query).await.unwrap_err();
    assert_eq!(told(&status), (Code::FailedPrecondition, "REASON_LATE".into()));
}
