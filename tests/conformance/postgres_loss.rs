//! Connections to PostgreSQL that are lost in the middle of every operation: its effect is there once, and the caller is
//! told the truth.

use std::time::{Duration, Instant};

use angzarr_runtime::Payload;
use angzarr_runtime::Storage;
use angzarr_runtime::prost_types::Timestamp;
use angzarr_runtime::store::{
    Acquired, Appended, AsOf, Attempt, Due, EventRef, Lease, Load, NewBook, NewDeadLetter, NewParked, Opened, Snapshot,
    StoreError, StreamId,
};
use angzarr_runtime::view::{Key, Owner, Selection, Writer};
use angzarr_servers::postgres::shared;
use bytes::Bytes;
use futures_util::future::join_all;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::postgres_proxy::{Cut, Proxy};
use crate::postgres_publication::{POSITIONS, lock};
use crate::store::{book, lease, remove_dead_letter, stream, unpark};
use crate::view::{change, plain, shape};

/// A log, opened through a proxy and, to see what came of it, directly.
struct World {
    proxy: Proxy,
    through: Opened,
    direct: Opened,
}

impl World {
    async fn new() -> Self {
        let url = shared().create_database().unwrap();
        let (user, place) = url.rsplit_once('@').unwrap();
        let (host, database) = place.split_once('/').unwrap();
        let proxy = Proxy::start(host.rsplit_once(':').unwrap().1.parse().unwrap()).await;
        let through = format!("{user}@127.0.0.1:{}/{database}", proxy.port());
        let (through, direct) = (open(&through).await, open(&url).await);
        Self { proxy, through, direct }
    }

    async fn close(self) {
        close(self.through).await;
        close(self.direct).await;
    }

    /// Does something with each number, and cuts the connection in all places; `operation` says what must come of it.
    async fn cut_everywhere(&self, what: &str, operation: impl AsyncFn(u32)) {
        // The names of statements are as long on every new connection.
        self.proxy.cut(Cut::Request(0));
        operation(0).await;
        self.proxy.count();
        operation(1).await;
        let (asked, answered) = self.proxy.counted();
        assert!(asked > 0 && answered > 5, "{what} goes through the proxy");
        let cuts = [
            Cut::Request(0),
            Cut::Request(asked / 2),
            Cut::Request(asked - 1),
            Cut::Answer(0),
            Cut::Answer(1),
            Cut::Answer(answered / 2),
            // In the last message, even if the answer is a little shorter than the one before.
            Cut::Answer(answered - 5),
        ];
        for (number, cut) in (2..).step_by(2).zip(cuts) {
            // A new connection prepares its statement first.
            operation(number).await;
            self.proxy.cut(cut);
            operation(number + 1).await;
            assert!(self.proxy.was_cut(), "{what}: {cut:?} of {asked} and {answered}");
        }
    }

    async fn texts(&self, stream: &StreamId) -> Vec<Bytes> {
        let records = self.direct.store.load(Load::of(stream.clone())).await.unwrap().records;
        records.into_iter().map(|record| record.payload.value).collect()
    }
}

async fn open(url: &str) -> Opened {
    url.parse::<Storage>().unwrap().open().await.unwrap()
}

async fn close(opened: Opened) {
    opened.views.close().await.unwrap();
    opened.store.close().await.unwrap();
}

/// A root for each number, so that all are as long.
fn numbered(domain: &str, number: u32) -> StreamId {
    StreamId::new(domain, Uuid::from_u128(number.into()))
}

fn keyed(key: String, book: NewBook) -> NewBook {
    NewBook { idempotency_key: Some(key), ..book }
}

fn fresh(appended: Result<Appended, StoreError>) -> Appended {
    let appended = appended.unwrap();
    assert!(!appended.duplicate);
    appended
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appends_are_stored_once() {
    let world = World::new().await;
    let store = &world.through.store;
    world
        .cut_everywhere("append", async |number| {
            let stream = numbered("plain", number);
            let appended = fresh(store.append(book(&stream, &["a", "b"])).await);
            assert_eq!(world.texts(&stream).await, ["a", "b"]);
            assert_eq!(world.direct.store.read(appended.records[0].position - 1, 2).await.unwrap(), appended.records);
        })
        .await;
    world
        .cut_everywhere("append under a key", async |number| {
            let stream = numbered("keyed", number);
            fresh(store.append(keyed(format!("{number:04}"), book(&stream, &["a"]))).await);
            assert_eq!(world.texts(&stream).await, ["a"]);
        })
        .await;
    world
        .cut_everywhere("append in order", async |number| {
            let stream = numbered("ordered", number);
            let books = ["a", "b", "c"].map(|text| book(&stream, &[text])).to_vec();
            let results = store.append_in_order(books).await;
            assert_eq!(results.into_iter().map(fresh).count(), 3);
            assert_eq!(world.texts(&stream).await, ["a", "b", "c"]);
        })
        .await;
    let there = stream();
    let first = world.direct.store.append(keyed("key".into(), book(&there, &["a"]))).await.unwrap();
    world
        .cut_everywhere("append of a duplicate", async |_| {
            let again = store.append(keyed("key".into(), book(&there, &["b"]))).await.unwrap();
            assert_eq!((again.records, again.duplicate), (first.records.clone(), true));
        })
        .await;
    world
        .cut_everywhere("append of a conflict", async |number| {
            let book = NewBook { expected: Some(9), ..book(&numbered("conflicts", number), &["a"]) };
            assert_eq!(store.append(book).await, Err(StoreError::Conflict { expected: 9, actual: 0 }));
        })
        .await;
    let records = world.direct.store.read(0, usize::MAX).await.unwrap();
    assert!(records.iter().map(|record| record.position).eq(1..=records.len() as u64), "positions have no holes");
    world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_are_read_as_they_are() {
    let world = World::new().await;
    let (store, direct) = (&world.through.store, &world.direct.store);
    let stream = stream();
    let mut due = book(&stream, &["a", "b"]);
    due.records[1].due = Some(Due { name: "later".into(), at: Timestamp { seconds: 5, nanos: 0 } });
    direct.append(due).await.unwrap();
    let all = direct.read(0, 10).await.unwrap();
    let state = Payload { type_name: "test.State".into(), value: Bytes::from_static(b"folded") };
    let load = Load { fingerprint: Some(vec![1]), as_of: AsOf::Now, ..Load::of(stream.clone()) };
    world
        .cut_everywhere("load", async |_| {
            let loaded = store.load(Load::of(stream.clone())).await.unwrap();
            assert_eq!((loaded.records, loaded.next_sequence), (all.clone(), 2));
        })
        .await;
    world.cut_everywhere("read", async |_| assert_eq!(store.read(0, 10).await.unwrap(), all)).await;
    world
        .cut_everywhere("read_correlated", async |_| {
            assert_eq!(store.read_correlated("talk", 0, 10).await.unwrap(), all);
        })
        .await;
    world
        .cut_everywhere("roots", async |_| {
            let roots = store.roots("things", None, 10).await.unwrap();
            assert_eq!(
                roots.iter().map(|root| (root.root, root.next_sequence)).collect::<Vec<_>>(),
                [(stream.root, 2)]
            );
        })
        .await;
    world.cut_everywhere("head", async |_| assert_eq!(store.head().await.unwrap(), 2)).await;
    world
        .cut_everywhere("save_snapshot", async |number| {
            let snapshot = Snapshot { sequence: number % 2, fingerprint: vec![1], state: state.clone() };
            store.save_snapshot(stream.clone(), snapshot.clone()).await.unwrap();
            assert_eq!(direct.load(load.clone()).await.unwrap().snapshot, Some(snapshot));
        })
        .await;
    world
        .cut_everywhere("deadlines", async |_| {
            let due = store.deadlines("things", Timestamp { seconds: 9, nanos: 0 }, 10).await.unwrap();
            assert_eq!(due.iter().map(|deadline| &deadline.record).collect::<Vec<_>>(), [&all[1]]);
        })
        .await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leases_and_checkpoints_are_written_once() {
    let world = World::new().await;
    let (store, direct) = (&world.through.store, &world.direct.store);
    let name = |number: u32| format!("consumer{number:04}");
    world
        .cut_everywhere("acquire", async |number| {
            let taken = lease(store, &name(number)).await;
            assert_eq!(taken.token, 1, "it was taken once");
            let Acquired::Held(beat) = direct.acquire(&name(number), None).await.unwrap() else { panic!("it is free") };
            assert_eq!(beat.token, 1);
        })
        .await;
    let mine = lease(store, "mine").await;
    world
        .cut_everywhere("acquire of what is held", async |number| {
            lease(direct, &format!("others{number:04}")).await;
            let Acquired::Held(_) = store.acquire(&format!("others{number:04}"), None).await.unwrap() else {
                panic!("it is free")
            };
        })
        .await;
    world
        .cut_everywhere("renew", async |_| {
            let Acquired::Held(before) = direct.acquire("mine", None).await.unwrap() else { panic!("it is free") };
            store.renew(&mine).await.unwrap();
            let Acquired::Held(after) = direct.acquire("mine", None).await.unwrap() else { panic!("it is free") };
            assert!(after.count > before.count && after.token == before.token);
        })
        .await;
    world
        .cut_everywhere("save_checkpoint", async |number| {
            store.save_checkpoint(&mine, number.into()).await.unwrap();
            assert_eq!(direct.checkpoint("mine").await.unwrap(), u64::from(number));
        })
        .await;
    world
        .cut_everywhere("checkpoint", async |number| {
            direct.save_checkpoint(&mine, number.into()).await.unwrap();
            assert_eq!(store.checkpoint("mine").await.unwrap(), u64::from(number));
        })
        .await;
    let old = Lease { token: 0, ..mine.clone() };
    let lost = StoreError::LeaseLost { consumer: "mine".into() };
    world
        .cut_everywhere("save_checkpoint under a lost lease", async |_| {
            assert_eq!(store.save_checkpoint(&old, 1).await, Err(lost.clone()));
        })
        .await;
    world
        .cut_everywhere("release", async |number| {
            let held = lease(direct, &format!("released{number:04}")).await;
            store.release(&held).await.unwrap();
            assert_eq!(lease(direct, &held.consumer).await.token, held.token + 1, "it is free");
        })
        .await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parks_and_dead_letters_are_written_once() {
    let world = World::new().await;
    let (store, direct) = (&world.through.store, &world.direct.store);
    let records = direct.append(book(&stream(), &["a", "b"])).await.unwrap().records;
    let held = lease(store, "mine").await;
    let events: Vec<EventRef> = records.iter().map(|record| EventRef { position: record.position, part: 0 }).collect();
    let parked = |number: u32, event: EventRef| NewParked { lane: format!("lane{number:04}"), event };
    let there = async |number: u32| {
        let parked = direct.parked("mine", &format!("lane{number:04}"), 10).await.unwrap();
        parked.into_iter().map(|parked| parked.event).collect::<Vec<_>>()
    };
    world
        .cut_everywhere("park", async |number| {
            let both = events.iter().map(|event| parked(number, *event)).collect();
            store.park(&held, both).await.unwrap();
            assert_eq!(there(number).await, events);
        })
        .await;
    world
        .cut_everywhere("unpark", async |number| {
            unpark(store, &held, parked(number, events[0])).await.unwrap();
            assert_eq!(there(number).await, events[1..]);
        })
        .await;
    world
        .cut_everywhere("parks", async |_| {
            assert_eq!(store.parks("mine").await.unwrap(), direct.parks("mine").await.unwrap());
        })
        .await;
    world
        .cut_everywhere("parked", async |_| {
            let parked = store.parked("mine", "lane0000", 10).await.unwrap();
            assert_eq!((parked.len(), &parked[0].record), (1, &records[1]));
        })
        .await;
    let letter = |number: u32| NewDeadLetter {
        event: EventRef { position: records[0].position, part: number },
        lane: "lane".into(),
        attempts: vec![Attempt { at: Timestamp::default(), code: "C".into(), reason: format!("{number:04}") }],
    };
    let letters = async || direct.dead_letters("mine", None, 100).await.unwrap();
    world
        .cut_everywhere("save_dead_letter", async |number| {
            store.save_dead_letter(&held, letter(number)).await.unwrap();
            let letters = letters().await;
            assert_eq!(letters.len(), number as usize + 1);
            assert_eq!(letters[number as usize].attempts, letter(number).attempts);
        })
        .await;
    world
        .cut_everywhere("dead_letters", async |_| {
            assert_eq!(store.dead_letters("mine", None, 100).await.unwrap(), letters().await);
        })
        .await;
    world
        .cut_everywhere("remove_dead_letter", async |number| {
            remove_dead_letter(store, &held, letter(number).event).await.unwrap();
            assert!(letters().await.iter().all(|kept| kept.event != letter(number).event));
        })
        .await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn views_are_written_once() {
    let world = World::new().await;
    let (views, direct) = (&world.through.views, &world.direct.views);
    let shape = shape("a.Row");
    let owner = Owner { log: world.through.store.log_id(), shape: &shape };
    let by = Writer { token: 1, version: 1 };
    let name = |number: u32| format!("view{number:04}");
    world
        .cut_everywhere("take", async |number| {
            assert_eq!(views.take(&name(number), owner, 9, 1).await.unwrap().version, 1);
            direct.commit(&name(number), by, Vec::new(), 3).await.unwrap();
            assert_eq!(direct.checkpoint(&name(number), owner).await.unwrap(), 3);
        })
        .await;
    let row = |number: u32| format!("row{number:04}");
    let changes = |number: u32| {
        let at = u64::from(number) + 4;
        vec![change("key", at, Some(plain(row(number).as_bytes()))), change("no", at, None)]
    };
    world
        .cut_everywhere("commit", async |number| {
            views.commit("view0000", by, changes(number), u64::from(number) + 4).await.unwrap();
            assert_eq!(direct.row("view0000", &Key::from("key")).await.unwrap(), Some(row(number).into()));
            assert_eq!(direct.checkpoint("view0000", owner).await.unwrap(), u64::from(number) + 4);
        })
        .await;
    let kept = direct.row("view0000", &Key::from("key")).await.unwrap();
    world
        .cut_everywhere("row", async |_| assert_eq!(views.row("view0000", &Key::from("key")).await.unwrap(), kept))
        .await;
    world
        .cut_everywhere("rows", async |_| {
            assert_eq!(
                views.rows("view0000", Selection::ALL).await.unwrap(),
                [(Key::from("key"), kept.clone().unwrap())]
            );
        })
        .await;
    world
        .cut_everywhere("commit under an older token", async |_| {
            let lost = StoreError::LeaseLost { consumer: "view0000".into() };
            assert_eq!(views.commit("view0000", Writer { token: 0, ..by }, Vec::new(), 99).await, Err(lost));
        })
        .await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_notices_a_server_that_is_away_for_a_moment() {
    let world = World::new().await;
    let (store, views) = (&world.through.store, &world.through.views);
    let held = lease(store, "mine").await;
    let streams: Vec<StreamId> = (0..20).map(|number| numbered("moments", number)).collect();
    world.proxy.refuse();
    world.proxy.cut_all();
    let appends = join_all(streams.iter().map(|stream| store.append(book(stream, &["a"]))));
    let others = async {
        store.save_checkpoint(&held, 7).await.unwrap();
        views.take("view", Owner { log: store.log_id(), shape: &shape("a.Row") }, 9, 1).await.unwrap();
        store.read(0, 10).await.unwrap();
    };
    let back = async {
        sleep(Duration::from_millis(400)).await;
        world.proxy.admit();
    };
    let (appended, (), ()) = tokio::join!(appends, others, back);
    appended.into_iter().for_each(|appended| drop(fresh(appended)));
    for stream in &streams {
        assert_eq!(world.texts(stream).await, ["a"]);
    }
    assert_eq!(world.direct.store.checkpoint("mine").await.unwrap(), 7);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appends_of_others_are_heard_of_again() {
    let world = World::new().await;
    let mut head = world.through.store.watch();
    for round in 0..3 {
        world.proxy.refuse();
        world.proxy.cut_all();
        let missed = world.direct.store.append(book(&stream(), &["a"])).await.unwrap().records[0].position;
        sleep(Duration::from_millis(50)).await;
        assert!(*head.borrow() < missed, "nobody told of it");
        world.proxy.admit();
        let heard = timeout(Duration::from_secs(5), head.wait_for(|head| *head >= missed)).await;
        assert_eq!(*heard.unwrap_or_else(|_| panic!("round {round}")).unwrap(), missed);
        let told = world.direct.store.append(book(&stream(), &["a"])).await.unwrap().records[0].position;
        timeout(Duration::from_secs(5), head.wait_for(|head| *head >= told)).await.unwrap().unwrap();
    }
    world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leases_of_a_store_without_sessions_are_taken_over_at_once() {
    let world = World::new().await;
    let (store, direct) = (&world.through.store, &world.direct.store);
    let old = lease(store, "mine").await;
    assert!(matches!(direct.acquire("mine", None).await.unwrap(), Acquired::Held(_)), "its holder lives");
    world.proxy.refuse();
    world.proxy.cut_all();
    let began = Instant::now();
    let new = loop {
        match direct.acquire("mine", None).await.unwrap() {
            Acquired::Taken(lease) => break lease,
            Acquired::Held(_) => assert!(began.elapsed() < Duration::from_secs(5), "its holder is gone"),
        }
        sleep(Duration::from_millis(10)).await;
    };
    world.proxy.admit();
    assert_eq!(store.save_checkpoint(&old, 9).await, Err(StoreError::LeaseLost { consumer: "mine".into() }));
    direct.save_checkpoint(&new, 5).await.unwrap();
    assert_eq!(store.checkpoint("mine").await.unwrap(), 5);
    world.close().await;
}

/// Longer than anybody is patient.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stays_away_is_told_of_and_may_come_back() {
    let world = World::new().await;
    let (store, views) = (&world.through.store, &world.through.views);
    let keyed_book = |text: &str| keyed(text.into(), book(&numbered("away", 1), &[text]));
    fresh(store.append(keyed_book("before")).await);
    // The answer to this one never comes.
    world.proxy.cut(Cut::Answer(0));
    world.proxy.refuse();
    let began = Instant::now();
    let (sent, waiting, read, row) = tokio::join!(
        store.append(keyed_book("sent")),
        async {
            sleep(Duration::from_millis(500)).await;
            store.append(book(&numbered("away", 2), &["waiting"])).await
        },
        async {
            world.proxy.cut_all();
            store.read(0, 10).await
        },
        views.rows("view", Selection::ALL),
    );
    assert_eq!(sent.as_ref().unwrap_err().code(), "STORE_OUTCOME_UNKNOWN", "{sent:?}");
    for error in [waiting.unwrap_err(), read.unwrap_err(), row.unwrap_err()] {
        assert_eq!(error.code(), "STORE_UNAVAILABLE", "{error}");
        assert!(error.retryable());
    }
    let patience = began.elapsed();
    assert!(patience > Duration::from_secs(8) && patience < Duration::from_secs(16), "{patience:?}");
    world.proxy.admit();
    let again = store.append(keyed_book("sent")).await.unwrap();
    assert_eq!(world.texts(&numbered("away", 1)).await, ["before", "sent"]);
    assert_eq!(world.texts(&numbered("away", 2)).await, Vec::<Bytes>::new(), "what could not be begun is not stored");
    assert_eq!(store.read(0, 10).await.unwrap().last(), again.records.last());
    let mut head = store.watch();
    let told = world.direct.store.append(book(&stream(), &["a"])).await.unwrap().records[0].position;
    timeout(Duration::from_secs(5), head.wait_for(|head| *head >= told)).await.unwrap().unwrap();
    world.close().await;
}

/// Nobody waits until everybody before him has found out by himself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_goes_away_while_calls_are_made_one_by_one_is_told_of_once() {
    let url = shared().create_database().unwrap();
    let opened = open(&url).await;
    // The first refuses a group; the others end every connection that tries to write them by themselves.
    let trigger = "CREATE FUNCTION public.judge() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF NEW.payload = 'bad' THEN RAISE EXCEPTION 'no'; END IF;
            IF NEW.payload = 'end' THEN PERFORM pg_terminate_backend(pg_backend_pid()), pg_sleep(60); END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER judge BEFORE INSERT ON angzarr.records FOR EACH ROW EXECUTE FUNCTION public.judge()";
    shared().sql_in(&url, trigger).unwrap();
    let held = lock(&url, POSITIONS).await;
    let waiting = "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
                   WHERE d.datname = current_database() AND NOT l.granted";
    let store = &opened.store;
    let append = |text: &'static str| async move { store.append(book(&stream(), &[text])).await };
    let group = async {
        // These gather while the first is held up.
        while shared().sql_in(&url, waiting).unwrap() == "0" {
            sleep(Duration::from_millis(10)).await;
        }
        let group = join_all(["bad", "end", "end", "end"].map(append));
        tokio::join!(group, async { drop(held) }).0
    };
    let (first, group) = tokio::join!(append("first"), group);
    fresh(first);
    let codes: Vec<_> = group.into_iter().map(|result| result.unwrap_err().code()).collect();
    assert_eq!(codes, ["STORE_ALTERED", "STORE_OUTCOME_UNKNOWN", "STORE_UNAVAILABLE", "STORE_UNAVAILABLE"]);
    fresh(append("last").await);
    assert_eq!(store.read(0, 10).await.unwrap().len(), 2);
    close(opened).await;
}
