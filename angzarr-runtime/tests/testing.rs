//! The test kit itself: what it lets pass, what it does not, and in which words.
#![expect(clippy::unwrap_used, clippy::panic, reason = "in a helper of a test, a panic is how the test fails")]

use std::panic::{UnwindSafe, catch_unwind};
use std::time::Duration;

use angzarr_runtime::prost_types::Timestamp;
use angzarr_runtime::testing::{self, Clock, ProcessManagerTest};
use angzarr_runtime::{
    Aggregate, App, Command, Context, Deadline, Event, Failure, ProcessManager, Projector, Query, Refused, Rejection,
    RejectionCode, Row, Saga, Storage, Upcaster, ensure,
};

macro_rules! messages {
    ($($(#[$attribute:meta])* $name:ident { $($field:ident: $ty:ty = $kind:ident $tag:literal),* })*) => {$(
        #[derive(Clone, PartialEq, prost::Message)]
        $(#[$attribute])*
        struct $name {
            $(#[prost($kind, tag = $tag)] $field: $ty,)*
        }

        impl prost::Name for $name {
            const NAME: &'static str = stringify!($name);
            const PACKAGE: &'static str = "kit.v1";
        }
    )*};
}

messages! {
    #[derive(Command)] #[command(name = "kit.v1.Lend", domain = "books", root = book)]
    Lend { book: String = string "1", reader: String = string "2" }
    #[derive(Command)] #[command(name = "kit.v1.Stamp", domain = "books", root = book)]
    Stamp { book: String = string "1" }
    #[derive(Event)] #[event(name = "kit.v1.LentOld", domain = "books", retired)]
    LentOld { reader: String = string "1" }
    #[derive(Event)] #[event(name = "kit.v1.Lent", domain = "books")]
    Lent { book: String = string "1", reader: String = string "2" }
    #[derive(Event)] #[event(name = "kit.v1.Stamped", domain = "books")]
    Stamped { at: i64 = int64 "1" }
    #[derive(Event)] #[event(name = "kit.v1.Returned", domain = "books", root = book, idempotency_key = slip)]
    Returned { book: String = string "1", slip: String = string "2" }
    #[derive(Query)] #[query(name = "kit.v1.WhoHas", domain = "books", root = book, answer = Reader)]
    WhoHas { book: String = string "1" }
    #[derive(Row)]
    Reader { name: String = string "1" }
    Book { reader: String = string "1", stamps: u32 = uint32 "2" }
    #[derive(Event)] #[event(name = "kit.v1.Reminded", domain = "loans")]
    Reminded { times: u32 = uint32 "1" }
    #[derive(Event)] #[event(name = "kit.v1.Begun", domain = "loans")]
    Begun {}
    #[derive(Deadline)] #[deadline(name = "kit.v1.Overdue", domain = "loans")]
    Overdue { book: String = string "1" }
    #[derive(Deadline)] #[deadline(name = "kit.v1.Round", domain = "rounds")]
    Round { book: String = string "1" }
    Loan { reminders: u32 = uint32 "1" }
}

enum Refuse {
    Lent,
    Broken,
}

impl RejectionCode for Refuse {
    fn code(&self) -> &'static str {
        match self {
            Refuse::Lent => "LENT",
            Refuse::Broken => "BROKEN",
        }
    }
}

const BROKEN: &str = "broken";

#[derive(Aggregate)]
#[aggregate(
    define = Books,
    name = "kit.v1.app.Books",
    domain = "books",
    state = Book,
    rejections = Refuse,
    command(lend: Lend => Lent),
    command(stamp: Stamp => Stamped),
    fact(take_back: Returned => stream Stamped),
    compensation(note: Stamp => Stamped),
    query(who_has: WhoHas => Reader)
)]
struct Library;

impl Books for Library {
    fn lend(&self, book: &Book, command: Lend, _: &Context) -> Result<Lent, Rejection> {
        ensure!(book.reader.is_empty(), Refuse::Lent, "{} is with {}", command.book, book.reader);
        Ok(Lent { book: command.book, reader: command.reader })
    }

    fn stamp(&self, _: &Book, _: Stamp, cx: &Context) -> Result<Stamped, Rejection> {
        Ok(Stamped { at: cx.now().seconds })
    }

    fn take_back(&self, book: &Book, _: Returned, _: &Context) -> Vec<Stamped> {
        vec![Stamped { at: 0 }; usize::from(!book.reader.is_empty())]
    }

    fn note(&self, _: &Book, refused: Refused<Stamp>, cx: &Context) -> Stamped {
        assert_eq!((cx.key(), &*refused.rejection.message), ("b", "no ink"));
        Stamped { at: -1 }
    }

    fn who_has(&self, book: &Book, _: WhoHas, _: &Context) -> Result<Reader, Rejection> {
        Ok(Reader { name: book.reader.clone() })
    }

    fn apply_lent(book: &mut Book, event: Lent) {
        book.reader = event.reader;
    }

    fn apply_stamped(book: &mut Book, _: Stamped) {
        book.stamps += 1;
    }

    fn apply_returned(book: &mut Book, _: Returned) {
        book.reader.clear();
    }
}

#[derive(Saga)]
#[saga(define = Stamping, name = "kit.v1.app.Stamping", on(on_returned: Returned => Stamp))]
struct Clerk;

impl Stamping for Clerk {
    async fn on_returned(&self, event: Returned, _: &Context) -> Result<Stamp, Failure> {
        // Handlers may wait for what needs a runtime.
        tokio::time::sleep(Duration::from_millis(1)).await;
        failing(&event.book)?;
        Ok(Stamp { book: event.book })
    }
}

fn failing(book: &str) -> Result<(), Failure> {
    if book == BROKEN { Err(Failure::new("BROKEN", "it is broken")) } else { Ok(()) }
}

/// Reminds twice, an hour apart; gives up then.
#[derive(ProcessManager)]
#[process_manager(
    define = Loans,
    name = "kit.v1.app.Loans",
    domain = "loans",
    state = Loan,
    on(on_lent: Lent => Begun, key(book), starts),
    on(on_returned: Returned => stream command Stamp, key(book)),
    deadline(on_overdue: Overdue => stream Reminded),
    compensation(on_refused: Stamp => Begun)
)]
struct Reminder;

const HOUR: Duration = Duration::from_secs(3600);

impl Loans for Reminder {
    async fn on_lent(&self, _: &Loan, event: Lent, cx: &Context) -> Result<Begun, Failure> {
        cx.schedule("remind", HOUR, &Overdue { book: event.book })?;
        Ok(Begun {})
    }

    async fn on_returned(&self, _: &Loan, _: Returned, cx: &Context) -> Result<Vec<Stamp>, Failure> {
        cx.cancel("remind")?;
        Ok(Vec::new())
    }

    async fn on_overdue(&self, loan: &Loan, deadline: Overdue, cx: &Context) -> Result<Vec<Reminded>, Failure> {
        failing(&deadline.book)?;
        if loan.reminders == 2 {
            cx.complete()?;
            return Ok(Vec::new());
        }
        cx.schedule("remind", HOUR, &deadline)?;
        Ok(vec![Reminded { times: loan.reminders + 1 }])
    }

    async fn on_refused(&self, _: &Loan, refused: Refused<Stamp>, _: &Context) -> Result<Begun, Failure> {
        failing(&refused.command.book)?;
        Ok(Begun {})
    }

    fn apply_begun(_: &mut Loan, _: Begun) {}

    fn apply_reminded(loan: &mut Loan, event: Reminded) {
        loan.reminders = event.times;
    }
}

#[derive(Projector)]
#[projector(
    define = Shelf,
    name = "kit.v1.app.Shelf",
    view = Reader,
    on(on_lent: Lent => (), key(book)),
    on(on_returned: Returned => (), key(book))
)]
struct Board;

impl Shelf for Board {
    async fn on_lent(&self, _: Option<Reader>, event: Lent, _: &Context) -> Result<Option<Reader>, Failure> {
        failing(&event.book)?;
        Ok(Some(Reader { name: event.reader }))
    }

    async fn on_returned(&self, _: Option<Reader>, _: Returned, _: &Context) -> Result<Option<Reader>, Failure> {
        Ok(None)
    }
}

/// Keeps a table of its own.
#[derive(Projector)]
#[projector(define = Counts, name = "kit.v1.app.Counts", on(on_lent: Lent => ()))]
struct Counter;

impl Counts for Counter {
    async fn on_lent(&self, event: Lent, cx: &Context) -> Result<(), Failure> {
        let reader = [event.reader.into()];
        cx.tx().execute("INSERT INTO lent (reader) VALUES ($1)", &reader).await?;
        failing(&event.book)
    }
}

#[derive(Upcaster)]
#[upcaster(define = History, name = "kit.v1.app.History", domain = "books", upcast(to_lent: LentOld => Lent, hook))]
struct Past;

impl History for Past {
    fn to_lent(&self, old: LentOld) -> Result<Lent, Failure> {
        failing(&old.reader)?;
        Ok(Lent { book: "?".into(), reader: old.reader })
    }
}

fn lend(reader: &str) -> Lend {
    Lend { book: "b".into(), reader: reader.into() }
}

fn lent(reader: &str) -> Lent {
    Lent { book: "b".into(), reader: reader.into() }
}

fn returned() -> Returned {
    Returned { book: "b".into(), slip: "7".into() }
}

fn stamp(book: &str) -> Stamp {
    Stamp { book: book.into() }
}

fn overdue() -> Overdue {
    Overdue { book: "b".into() }
}

/// What a test says that fails.
fn text<T>(test: impl FnOnce() -> T + UnwindSafe) -> String {
    let Err(panic) = catch_unwind(test) else { panic!("it passes") };
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap()
}

#[test]
fn an_aggregate_decides_on_what_it_stored_before() {
    testing::aggregate(Library)
        .when(lend("ann"))
        .then_events(lent("ann"))
        .when(lend("bob"))
        .then_rejected(Refuse::Lent)
        .when_asked(WhoHas { book: "b".into() })
        .then_answer::<WhoHas>(Reader { name: "ann".into() })
        .when_recorded(returned())
        .then_events((returned(), Stamped { at: 0 }))
        .when_refused(stamp("c"), Rejection::new(Refuse::Broken, "no ink"))
        .then_events(Stamped { at: -1 })
        .then_state(|book: &Book| assert_eq!(*book, Book { reader: String::new(), stamps: 2 }));
}

#[test]
fn an_aggregate_is_told_the_time() {
    let then = Timestamp { seconds: 100, nanos: 0 };
    testing::aggregate(Library)
        .at(then)
        .when(stamp("b"))
        .then_events(Stamped { at: 100 })
        .advance(HOUR)
        .when(stamp("b"))
        .then_events([Stamped { at: 3700 }]);
}

#[test]
fn other_events_fail_with_a_diff() {
    let said = text(|| testing::aggregate(Library).when(lend("ann")).then_events((lent("bob"), Stamped { at: 1 })));
    let expected = r#"events of `kit.v1.app.Books` are not as expected (- expected, + actual)
  kit.v1.Lent {
      book: "b",
-     reader: "bob",
+     reader: "ann",
  }
- kit.v1.Stamped {
-     at: 1,
- }
"#;
    assert_eq!(said, expected);
    let said = text(|| testing::aggregate(Library).when(lend("ann")).then_nothing());
    let expected = r#"events of `kit.v1.app.Books` are not as expected (- expected, + actual)
+ kit.v1.Lent {
+     book: "b",
+     reader: "ann",
+ }
"#;
    assert_eq!(said, expected);
}

#[test]
fn events_instead_of_a_rejection_fail_and_the_other_way_round() {
    let said = text(|| testing::aggregate(Library).when(lend("ann")).then_rejected(Refuse::Lent));
    let expected = r#"expected a rejection with LENT, but `kit.v1.app.Books` stored
  kit.v1.Lent {
      book: "b",
      reader: "ann",
  }
"#;
    assert_eq!(said, expected);
    let refused = || testing::aggregate(Library).given(lent("ann")).when(lend("bob"));
    let said = text(|| refused().then_events(lent("bob")));
    let expected = r#"expected
  kit.v1.Lent {
      book: "b",
      reader: "bob",
  }
but `kit.v1.app.Books` rejected with LENT: b is with ann"#;
    assert_eq!(said, expected);
    let said = text(|| refused().then_rejected(Refuse::Broken));
    assert_eq!(said, "expected a rejection with BROKEN, but `kit.v1.app.Books` rejected with LENT: b is with ann");
}

#[test]
fn other_answers_and_states_fail() {
    let asked = || testing::aggregate(Library).given(lent("ann")).when_asked(WhoHas { book: "b".into() });
    let said = text(|| asked().then_answer::<WhoHas>(Reader { name: "bob".into() }));
    let expected = r#"answers of `kit.v1.app.Books` are not as expected (- expected, + actual)
  Reader {
-     name: "bob",
+     name: "ann",
  }
"#;
    assert_eq!(said, expected);
    let said = text(|| asked().then_state(|_: &Loan| ()));
    assert_eq!(said, "the state of `kit.v1.app.Books` is not `kit.v1.Loan`");
}

#[test]
fn what_a_component_does_not_take_fails() {
    let said = text(|| testing::aggregate(Library).given(Begun {}));
    let expected = "a given event cannot be folded: TYPE_UNKNOWN: `kit.v1.app.Books` has no handler for `kit.v1.Begun`";
    assert_eq!(said, expected);
    testing::saga(Clerk).when(Begun {}).then_failed("TYPE_UNKNOWN");
    assert_eq!(text(|| testing::saga(Library)), "Aggregate(\"kit.v1.app.Books\") is no saga: use the kit for its kind");
}

#[test]
fn a_saga_sends_commands() {
    testing::saga(Clerk).when(returned()).then_commands(stamp("b"));
    let said = text(|| testing::saga(Clerk).when(returned()).then_commands([stamp("b"), stamp("c")]));
    let expected = r#"commands of `kit.v1.app.Stamping` are not as expected (- expected, + actual)
  kit.v1.Stamp {
      book: "b",
  }
- kit.v1.Stamp {
-     book: "c",
- }
"#;
    assert_eq!(said, expected);
    let broken = || testing::saga(Clerk).when(Returned { book: BROKEN.into(), slip: "7".into() });
    broken().then_failed("BROKEN");
    assert_eq!(
        text(|| broken().then_nothing()),
        "expected nothing, but `kit.v1.app.Stamping` failed with BROKEN: it is broken"
    );
}

#[tokio::test]
async fn kits_work_inside_of_a_runtime_too() {
    testing::saga(Clerk).when(returned()).then_commands(stamp("b"));
}

fn begun() -> ProcessManagerTest {
    testing::process_manager(Reminder).when(lent("ann")).then_events(Begun {})
}

#[test]
fn deadlines_fire_in_order_each_at_its_time() {
    begun()
        .then_deadline("remind", HOUR, overdue())
        .advance(HOUR - Duration::from_micros(1))
        .then_nothing()
        .advance(Duration::from_micros(1))
        .then_events(Reminded { times: 1 })
        .then_deadline("remind", HOUR, overdue())
        .advance(HOUR + HOUR / 2)
        .then_events(Reminded { times: 2 })
        .then_deadline("remind", HOUR / 2, overdue())
        .advance(HOUR)
        .then_nothing()
        .then_no_deadline("remind")
        .then_completed();
    begun().advance(10 * HOUR).then_events([Reminded { times: 1 }, Reminded { times: 2 }]).then_completed();
}

#[test]
fn a_process_manager_keeps_to_its_instance() {
    testing::process_manager(Reminder).when(returned()).then_nothing().when_deadline(overdue()).then_nothing();
    begun().when(returned()).then_nothing().then_no_deadline("remind").advance(10 * HOUR).then_nothing();
    testing::process_manager(Reminder)
        .given((Begun {}, Reminded { times: 2 }))
        .given_deadline("remind", HOUR, overdue())
        .then_state(|loan: &Loan| assert_eq!(loan.reminders, 2))
        .advance(HOUR)
        .then_nothing()
        .then_completed();
    let refused = || Rejection::new(Refuse::Broken, "no ink");
    begun().when_refused(stamp("b"), refused()).then_events(Begun {});
    begun().advance(10 * HOUR).then_completed().when_refused(stamp("b"), refused()).then_events(Begun {});
    let said = text(|| begun().when(Lent { book: "c".into(), reader: "ann".into() }));
    assert_eq!(said, "`kit.v1.Lent` is for the instance \"c\"; this is the test of \"b\"");
}

#[test]
fn other_deadlines_fail() {
    let said = text(|| begun().then_deadline("remind", 2 * HOUR, overdue()));
    let expected = r#"deadlines of `kit.v1.app.Loans` named "remind" are not as expected (- expected, + actual)
- "remind" at 2030-01-01T02:00:00Z: kit.v1.Overdue {
+ "remind" at 2030-01-01T01:00:00Z: kit.v1.Overdue {
      book: "b",
  }
"#;
    assert_eq!(said, expected);
    let said = text(|| begun().then_no_deadline("remind"));
    let expected = r#"deadlines of `kit.v1.app.Loans` named "remind" are not as expected (- expected, + actual)
+ "remind" at 2030-01-01T01:00:00Z: kit.v1.Overdue {
+     book: "b",
+ }
"#;
    assert_eq!(said, expected);
    assert_eq!(text(|| begun().then_completed()), "the instance of `kit.v1.app.Loans` has not come to its end");
    let broken = || begun().when_deadline(Overdue { book: BROKEN.into() });
    broken().then_failed("BROKEN");
    assert_eq!(text(|| broken().then_nothing()), "`kit.v1.app.Loans` failed with BROKEN: it is broken");
    assert_eq!(
        text(|| begun().then_failed("BROKEN")),
        "expected a failure with BROKEN, but `kit.v1.app.Loans` succeeded"
    );
}

#[test]
fn a_projector_keeps_rows_under_their_keys() {
    let ann = || Reader { name: "ann".into() };
    testing::projector(Board)
        .given("c", ann())
        .when(lent("ann"))
        .then_row("b", ann())
        .then_row("c", ann())
        .when(returned())
        .then_no_row("b");
    let said = text(|| testing::projector(Board).when(lent("bob")).then_row("b", ann()));
    let expected = r#"fields of row "b" of `kit.v1.app.Shelf` are not as expected (- expected, + actual)
  Reader {
-     name: "ann",
+     name: "bob",
  }
"#;
    assert_eq!(said, expected);
    let said = text(|| testing::projector(Board).then_row("b", ann()));
    assert_eq!(said, "expected\nReader {\n    name: \"ann\",\n}\nbut `kit.v1.app.Shelf` has no row \"b\"");
    let said = text(|| testing::projector(Board).when(lent("bob")).then_no_row("b"));
    assert_eq!(said, "`kit.v1.app.Shelf` has a row \"b\"");
    let broken = || testing::projector(Board).when(Lent { book: BROKEN.into(), reader: "ann".into() });
    broken().then_failed("BROKEN");
    assert_eq!(text(|| broken().then_no_row("b")), "`kit.v1.app.Shelf` failed with BROKEN: it is broken");
}

#[test]
fn a_projector_writes_tables_of_its_own() {
    let made = || testing::projector(Counter).given_tables("CREATE TABLE lent (reader text, unknown text)");
    let all = "SELECT reader, unknown, 7 FROM lent";
    made().when(lent("ann")).then_done().when(lent("bob")).then_query(all, "ann||7\nbob||7");
    let broken = Lent { book: BROKEN.into(), reader: "ann".into() };
    made().when(broken).then_failed("BROKEN").when(lent("bob")).then_query(all, "bob||7");
    testing::projector(Counter).when(lent("ann")).then_failed("SQL_FAILED");
    let said = text(|| made().when(lent("ann")).then_query(all, "bob||7"));
    let expected = "rows of `SELECT reader, unknown, 7 FROM lent` are not as expected (- expected, + actual)
- bob||7
+ ann||7
";
    assert_eq!(said, expected);
    let said = text(|| testing::projector(Counter).given_tables("CREATE TABLE"));
    assert!(said.starts_with("the tables of `kit.v1.app.Counts` cannot be made: SQL_FAILED: "), "{said}");
}

#[test]
fn an_upcaster_is_followed() {
    let old = |reader: &str| LentOld { reader: reader.into() };
    testing::upcaster(Past).when(old("ann")).then_events(Lent { book: "?".into(), reader: "ann".into() });
    testing::upcaster(Past).when(lent("ann")).then_events(lent("ann"));
    testing::upcaster(Past).when(old(BROKEN)).then_failed("BROKEN");
    let said = text(|| testing::upcaster(Past).when(old("ann")).then_events(lent("ann")));
    let expected = r#"events of `kit.v1.app.History` are not as expected (- expected, + actual)
  kit.v1.Lent {
-     book: "b",
+     book: "?",
      reader: "ann",
  }
"#;
    assert_eq!(said, expected);
}

async fn library() -> testing::AppTest {
    let builder = App::builder(Storage::Memory).register(Library).register(Past).register(Clerk);
    testing::start(builder.register(Reminder).register(Board)).await
}

#[tokio::test]
async fn an_application_goes_by_the_clock() {
    let app = library().await;
    app.when(lend("ann")).await.then_events(lent("ann"));
    assert_eq!(app.row("b").await, Some(Reader { name: "ann".into() }));
    app.advance(HOUR / 2).await;
    app.stream("loans", "b").await.then_events(Begun {});
    app.advance(2 * HOUR).await;
    app.stream("loans", "b").await.then_events((Begun {}, [Reminded { times: 1 }, Reminded { times: 2 }]));
    let start = Clock::new().now().seconds;
    let recorded = app.events("loans", "b").await.unwrap();
    let times: Vec<_> = recorded.iter().map(|record| record.created_at.seconds - start).collect();
    assert_eq!(times, [0, 3600, 7200], "each was recorded when its deadline was due");
    assert_eq!(app.clock().now().seconds - start, 9000);

    // The stamp is a command of the saga: its time is that of the fact.
    app.when_recorded(returned()).await.then_events((returned(), Stamped { at: 0 }));
    let stamped = [Stamped { at: 0 }, Stamped { at: start + 9000 }];
    app.stream("books", "b").await.then_events((lent("ann"), returned(), stamped));
    assert_eq!(app.row::<Reader>("b").await, None);
    assert_eq!(app.when_asked(WhoHas { book: "b".into() }).await, Ok(Reader::default()));
    assert_eq!(app.dead_letters().await, []);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_fails_becomes_a_dead_letter_and_holds_up_nothing() {
    let app = library().await;
    // The view fails, too: its lane is parked as well.
    app.when(Lend { book: BROKEN.into(), reader: "ann".into() }).await;
    app.advance(HOUR).await;
    let letters = app.dead_letters().await;
    let found: Vec<_> = letters.iter().map(|(consumer, letter)| (*consumer, &*letter.attempts[0].code)).collect();
    assert_eq!(found, [("kit.v1.app.Loans", "BROKEN"), ("kit.v1.app.Shelf", "BROKEN")]);
    app.when(lend("ann")).await.then_events(lent("ann"));
    app.advance(HOUR).await;
    app.stream("loans", "b").await.then_events((Begun {}, Reminded { times: 1 }));
}

/// Asks again every hour, for ever.
#[derive(ProcessManager)]
#[process_manager(
    define = Rounds,
    name = "kit.v1.app.Rounds",
    domain = "rounds",
    state = Loan,
    on(on_lent: Lent => stream command Stamp, key(book), starts),
    deadline(on_round: Round => stream command Stamp)
)]
struct Watchman;

impl Rounds for Watchman {
    async fn on_lent(&self, _: &Loan, event: Lent, cx: &Context) -> Result<Vec<Stamp>, Failure> {
        cx.schedule("round", HOUR, &Round { book: event.book })?;
        Ok(Vec::new())
    }

    async fn on_round(&self, _: &Loan, deadline: Round, cx: &Context) -> Result<Vec<Stamp>, Failure> {
        cx.schedule("round", HOUR, &deadline)?;
        Ok(vec![stamp(&deadline.book)])
    }
}

#[tokio::test]
async fn deadlines_recur_for_ever() {
    let rounds = testing::process_manager(Watchman).when(lent("ann")).then_nothing();
    rounds.advance(HOUR * 150).then_commands(vec![stamp("b"); 150]);

    let builder = App::builder(Storage::Memory).register(Library).register(Past).register(Watchman);
    let app = testing::start(builder).await;
    app.when(lend("ann")).await.then_events(lent("ann"));
    app.advance(HOUR * 150).await;
    assert_eq!(app.dead_letters().await, []);
    assert_eq!(app.events("books", "b").await.unwrap().len(), 151);
}

#[tokio::test]
async fn an_application_fails_with_a_diff() {
    let app = library().await;
    let came = app.when(lend("ann")).await;
    let stream = app.stream("books", "b").await;
    let said = text(std::panic::AssertUnwindSafe(|| came.then_rejected(Refuse::Lent)));
    let expected = r#"expected a rejection with LENT, but it stored
  kit.v1.Lent {
      book: "b",
      reader: "ann",
  }
"#;
    assert_eq!(said, expected);
    let said = text(std::panic::AssertUnwindSafe(|| stream.then_events(lent("bob"))));
    let expected = r#"events of "b" in "books" are not as expected (- expected, + actual)
  kit.v1.Lent {
      book: "b",
-     reader: "bob",
+     reader: "ann",
  }
"#;
    assert_eq!(said, expected);
    let refused = app.when(lend("bob")).await.then_rejected(Refuse::Lent);
    let said = text(std::panic::AssertUnwindSafe(|| refused.then_events(())));
    assert_eq!(said, "expected nothing, but it was rejected with LENT: b is with ann");
    let stream = app.stream("books", "b").await;
    let said = text(std::panic::AssertUnwindSafe(|| stream.then_refused(Refuse::Lent)));
    assert_eq!(said, "\"b\" in \"books\" refused no command with LENT, but these: []");
}
