//! Either side may be killed at any time.

use std::time::{Duration, Instant};

use angzarr_tests::tck::v1::r#move::Move as Kind;
use angzarr_tests::tck::v1::{Asked, Began, Counted, Move, Process, Run, Schedule, Serve, Target};
use tonic::Code;

use crate::calls::{book, note, run, told};
use crate::place::Place;
use crate::processes::PATIENCE;
use crate::reading::events;

/// How many commands there are while somebody is killed, and how often that happens.
const COMMANDS: usize = 60;
const KILLS: usize = 3;

/// Texts of the streams and what handlers see of them must be these, and go on.
async fn goes_on(place: &Place, id: &str, texts: &[&str]) {
    assert_eq!(place.script(id).await.texts, texts);
    let counting = Run { count: true, ..run(id, vec![]) };
    let answer = place.send_patiently(book(&counting)).await;
    let before = u32::try_from(texts.len()).unwrap();
    assert_eq!(events::<Counted>(&answer.events.unwrap().pages), [Counted { before }]);
}

pub(super) async fn a_service_may_lose_its_states(place: &mut Place) {
    let id = "restarts/service";
    place.done(&run(id, vec![note("a"), note("b")])).await;
    place.kill_service().await;
    place.start_service().await;
    place.send_patiently(book(&run(id, vec![note("c")]))).await;
    goes_on(place, id, &["a", "b", "c"]).await;
}

pub(super) async fn a_sidecar_may_start_again(place: &mut Place) {
    let id = "restarts/sidecar";
    place.done(&run(id, vec![note("a"), note("b")])).await;
    place.kill_sidecar();
    place.start_sidecar().await;
    place.done(&run(id, vec![note("c")])).await;
    goes_on(place, id, &["a", "b", "c"]).await;
}

pub(super) async fn both_may_start_again(place: &mut Place) {
    let id = "restarts/both";
    place.done(&run(id, vec![note("a"), note("b")])).await;
    place.kill_sidecar();
    place.kill_service().await;
    place.start_both().await;
    place.done(&run(id, vec![note("c")])).await;
    goes_on(place, id, &["a", "b", "c"]).await;
}

/// Command number `n`: its saga asks one of four targets to remember it.
fn asking(n: usize) -> Run {
    let (id, target) = (format!("restarts/{}", n % 8), format!("target-{}", n % 4));
    let serve = Serve { target, text: n.to_string(), refuse: None };
    run(&id, vec![note(&n.to_string()), Asked { serve: Some(serve), trouble: None }.into()])
}

/// Each command was decided once, and so was what it led to.
async fn all_once(place: &Place) {
    place.drained().await;
    let (mut noted, mut served) = (Vec::new(), Vec::new());
    for root in 0..8 {
        noted.extend(place.script(&format!("restarts/{root}")).await.texts);
    }
    for root in 0..4 {
        served.extend(place.state::<Target>("targets", &format!("target-{root}")).await.texts);
    }
    for mut found in [noted, served] {
        found.sort_by_key(|text| text.parse::<usize>().unwrap());
        assert_eq!(found, (0..COMMANDS).map(|n| n.to_string()).collect::<Vec<_>>());
    }
}

/// Sends command number `n` under its key, whatever its first answers were.
async fn send(place: &Place, n: usize) {
    let mut keyed = book(&asking(n));
    keyed.idempotency_key = format!("command-{n}");
    place.send_patiently(keyed).await;
}

pub(super) async fn a_killed_service_loses_and_doubles_nothing(place: &mut Place) {
    for n in 0..COMMANDS {
        if n % (COMMANDS / KILLS) == COMMANDS / KILLS - 1 {
            place.kill_service().await;
            place.start_service().await;
        }
        send(place, n).await;
    }
    all_once(place).await;
}

pub(super) async fn a_killed_sidecar_loses_and_doubles_nothing(place: &mut Place) {
    for n in 0..COMMANDS {
        if n % (COMMANDS / KILLS) == COMMANDS / KILLS - 1 {
            place.kill_sidecar();
            place.start_sidecar().await;
        }
        send(place, n).await;
    }
    all_once(place).await;
}

pub(super) async fn deadlines_outlive_both(place: &mut Place) {
    let id = "restarts/due";
    let schedule = Schedule { name: "bell".into(), after: 500, text: "rings".into() };
    let moves = vec![Move { r#move: Some(Kind::Schedule(schedule)) }];
    place.cascade(&run(id, vec![Began { process: "due".into(), part: "1".into(), moves }.into()])).await;
    place.kill_sidecar();
    place.kill_service().await;
    // It is due while nobody is there.
    tokio::time::sleep(Duration::from_millis(600)).await;
    place.start_both().await;
    place.grows("processes", "due/1", 1).await;
    place.drained().await;
    assert_eq!(place.state::<Process>("processes", "due/1").await.texts, ["rings"]);
}

pub(super) async fn without_its_service_a_sidecar_says_so(place: &mut Place) {
    let id = "restarts/without";
    place.done(&run(id, vec![note("a")])).await;
    place.kill_service().await;
    // The first call may be what finds the connection to be lost.
    let began = Instant::now();
    loop {
        let (status, code) = told(&place.send(book(&run(id, vec![note("b")]))).await.unwrap_err());
        assert_eq!(status, Code::Unavailable);
        if code == "SERVICE_UNAVAILABLE" {
            break;
        }
        assert!(code == "SERVICE_LOST" && began.elapsed() < PATIENCE, "{code}");
    }
    // Streams are read all the same.
    assert_eq!(place.stream("scripts", id).await.len(), 1);
    place.start_service().await;
    place.send_patiently(book(&run(id, vec![note("c")]))).await;
    assert_eq!(place.script(id).await.texts, ["a", "c"]);
}
