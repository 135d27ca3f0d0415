//! Snapshots: a cache that a service folds for.

use angzarr_runtime::Payload;
use angzarr_runtime::id::root_id;
use angzarr_runtime::prost::Message;
use angzarr_runtime::store::{Snapshot, Storage, StreamId};
use angzarr_tests::tck::v1::{Run, Script};
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use crate::calls::{note, run};
use crate::place::Place;

/// The snapshot of a script, as the log has it.
fn stored(place: &Place, id: &str) -> Option<Snapshot> {
    let log = Connection::open_with_flags(place.database(), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let sql = "SELECT n.sequence, n.fingerprint, n.type, n.state FROM snapshots n JOIN streams s ON s.id = n.stream \
               WHERE s.domain = 'scripts' AND s.root = ?1";
    let root = root_id("scripts", id).unwrap();
    let found = log.query_row(sql, [root.as_bytes().as_slice()], |row| {
        let (name, state): (String, Vec<u8>) = (row.get(2)?, row.get(3)?);
        let state = Payload { type_name: name.into(), value: state.into() };
        Ok(Snapshot { sequence: row.get(0)?, fingerprint: row.get(1)?, state })
    });
    found.optional().unwrap()
}

/// Puts another snapshot in the place of the one that was stored. Its state tells whether it was used.
async fn replace(place: &Place, id: &str, change: impl FnOnce(&mut Snapshot)) {
    let mut snapshot = stored(place, id).unwrap();
    let mut state = Script::decode(&*snapshot.state.value).unwrap();
    state.texts = vec!["from the snapshot".into()];
    snapshot.state.value = state.encode_to_vec().into();
    change(&mut snapshot);
    let opened = Storage::Sqlite(place.database()).open().await.unwrap();
    let stream = StreamId::new("scripts", root_id("scripts", id).unwrap());
    opened.store.save_snapshot(stream, snapshot).await.unwrap();
    opened.store.close().await.unwrap();
}

pub(super) async fn snapshots_are_written_when_they_are_due(place: &mut Place) {
    let id = "snapshots/due";
    place.done(&Run { times: 4, ..run(id, vec![note("x")]) }).await;
    assert_eq!(stored(place, id), None);
    place.done(&run(id, vec![note("y")])).await;
    // It is written behind the answer, and before the next one.
    place.done(&run(id, vec![note("z")])).await;
    let snapshot = stored(place, id).unwrap();
    assert_eq!((snapshot.sequence, &*snapshot.state.type_name), (4, "tck.v1.Script"));
    let state = Script::decode(&*snapshot.state.value).unwrap();
    assert_eq!(state.texts, ["x", "x", "x", "x", "y"]);
}

pub(super) async fn a_snapshot_is_used_after_a_restart(place: &mut Place) {
    let id = "snapshots/used";
    place.done(&Run { times: 5, ..run(id, vec![note("x")]) }).await;
    place.done(&run(id, vec![note("behind it")])).await;
    place.kill_sidecar();
    place.kill_service().await;
    replace(place, id, |_| {}).await;
    place.start_both().await;
    place.done(&run(id, vec![note("new")])).await;
    let script = place.script(id).await;
    assert_eq!((script.texts, script.events), (["from the snapshot", "behind it", "new"].map(String::from).into(), 7));
}

pub(super) async fn a_snapshot_of_another_shape_is_ignored(place: &mut Place) {
    let id = "snapshots/foreign";
    place.done(&Run { times: 5, ..run(id, vec![note("x")]) }).await;
    place.done(&run(id, vec![note("behind it")])).await;
    place.kill_sidecar();
    place.kill_service().await;
    replace(place, id, |snapshot| snapshot.fingerprint.reverse()).await;
    place.start_both().await;
    assert_eq!(place.script(id).await.texts, ["x", "x", "x", "x", "x", "behind it"]);
}
