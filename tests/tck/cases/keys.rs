//! Natural ids and the roots that they lead to.

use angzarr_runtime::id::root_id;
use angzarr_runtime::proto::CommandResponse;
use angzarr_tests::tck::v1::{ContextShown, RunNumbered, ShowContext};
use tonic::Code;

use crate::calls::{book, note, run, told};
use crate::place::Place;
use crate::reading::events;

/// Domain, root and key of the books of an answer.
fn cover(answer: &CommandResponse) -> (String, Vec<u8>, String) {
    let cover = answer.events.as_ref().unwrap().cover.clone().unwrap();
    (cover.domain, cover.root.unwrap().value.to_vec(), cover.key)
}

async fn shown(place: &Place, id: &str) -> ContextShown {
    let answer = place.done(&ShowContext { script: id.into(), ids: 0 }).await;
    events::<ContextShown>(&answer.events.unwrap().pages).remove(0)
}

pub(super) async fn a_root_may_be_a_uuid(place: &mut Place) {
    let id = "0192A5B0-7E11-7C3A-9D5F-0123456789AB";
    let answer = place.done(&run(id, vec![note("a")])).await;
    let root = uuid::Uuid::parse_str(id).unwrap();
    assert_eq!(cover(&answer), ("scripts".into(), root.as_bytes().to_vec(), id.to_lowercase()));
    let shown = shown(place, &id.to_lowercase()).await;
    assert_eq!((shown.root, shown.key), (root.to_string(), id.to_lowercase()));
    assert_eq!(place.script(id).await.texts, ["a"]);
}

pub(super) async fn a_root_may_be_a_number(place: &mut Place) {
    for number in [0, -7, i64::MAX, i64::MIN] {
        let answer = place.done(&RunNumbered { number, emit: vec![note("a")] }).await;
        let (key, root) = (number.to_string(), root_id("scripts", &number.to_string()).unwrap());
        assert_eq!(cover(&answer), ("scripts".into(), root.as_bytes().to_vec(), key.clone()));
        assert_eq!(shown(place, &key).await.key, key);
    }
}

pub(super) async fn a_root_may_be_any_text(place: &mut Place) {
    for id in ["a/b\\c", " ", "漢字 🦀", "keys/\u{e9}", "keys/e\u{301}", &"long".repeat(256)] {
        let answer = place.done(&run(id, vec![note(id)])).await;
        let root = root_id("scripts", id).unwrap();
        assert_eq!(cover(&answer), ("scripts".into(), root.as_bytes().to_vec(), id.into()));
        let shown = shown(place, id).await;
        assert_eq!((shown.root, shown.key.as_str()), (root.to_string(), id));
        assert_eq!(place.script(id).await.texts, [id]);
    }
}

pub(super) async fn a_root_may_not_be_empty(place: &mut Place) {
    let status = place.send(book(&run("", vec![note("a")]))).await.unwrap_err();
    assert_eq!(told(&status).0, Code::InvalidArgument);
}
