//! Law 12: what comes from outside and cannot be used.

use angzarr_runtime::prost::Message;
use angzarr_runtime::prost_types::{Any, Timestamp};
use angzarr_runtime::proto::{CommandBook, CommandPage, Cover, Origin, Uuid};
use angzarr_runtime::store::{NewBook, NewRecord, RecordKind, Trace};
use angzarr_runtime::{App, Payload};
use angzarr_tests::Faults;
use angzarr_tests::bank::v1::{Deposit, OpenAccount, PaymentReceived, Withdraw};

use super::{BALANCES, beneath, code, log, names, open, start, start_accounts, stream};
use crate::backend::Backend;

fn page(name: &str, message: &impl Message) -> CommandPage {
    let type_url = format!("type.googleapis.com/bank.v1.{name}");
    CommandPage { command: Some(Any { type_url, value: message.encode_to_vec() }), ..CommandPage::default() }
}

fn deposit(amount: u64) -> CommandPage {
    page("Deposit", &Deposit { account: "a".into(), amount })
}

/// A book that is fine.
fn book(pages: Vec<CommandPage>) -> CommandBook {
    let cover = Cover { domain: "accounts".into(), key: "a".into(), ..Cover::default() };
    CommandBook { cover: Some(cover), pages, ..CommandBook::default() }
}

/// A book whose cover is changed.
fn covered(change: impl FnOnce(&mut Cover)) -> CommandBook {
    let mut cover = Cover { domain: "accounts".into(), key: "a".into(), ..Cover::default() };
    change(&mut cover);
    CommandBook { cover: Some(cover), ..book(vec![deposit(1)]) }
}

fn root(bytes: usize) -> Option<Uuid> {
    Some(Uuid { value: vec![1; bytes].into() })
}

pub(super) async fn bad_books_get_their_codes(backend: impl Backend) {
    let app = start_accounts(&backend).await;
    open(&app, "a", 1).await;
    let no_command = CommandPage::default();
    let payment = page("PaymentReceived", &PaymentReceived { account: "a".into(), ..Default::default() });
    let other = page("PaymentReceived", &PaymentReceived { account: "b".into(), ..Default::default() });
    let known = |pages| CommandBook { idempotency_key: "k".into(), ..book(pages) };
    let at = Some(Timestamp::default());
    let unknown = page("Nonsense", &Deposit::default());
    let cases = [
        (CommandBook { cover: None, ..book(vec![deposit(1)]) }, "COVER_MISSING"),
        (book(Vec::new()), "BOOK_EMPTY"),
        (book(vec![no_command.clone()]), "COMMAND_MISSING"),
        (book(vec![deposit(1), no_command]), "COMMAND_MISSING"),
        (book(vec![deposit(1), unknown]), "COMMAND_UNKNOWN"),
        (book(vec![CommandPage { command: Some(Any::default()), ..CommandPage::default() }]), "COMMAND_UNKNOWN"),
        (known(vec![payment.clone(), deposit(1)]), "FACT_NOT_ALONE"),
        (known(vec![deposit(1), payment.clone()]), "FACT_NOT_ALONE"),
        (book(vec![payment.clone()]), "EXTERNAL_ID_EMPTY"),
        (known(vec![CommandPage { sequence: Some(2), ..payment.clone() }]), "FIELD_RESERVED"),
        (book(vec![CommandPage { occurred_at: at, ..deposit(1) }]), "FIELD_RESERVED"),
        (covered(|cover| cover.domain = "nowhere".into()), "DOMAIN_UNKNOWN"),
        (covered(|cover| cover.domain.clear()), "DOMAIN_UNKNOWN"),
        (covered(|cover| cover.key.clear()), "ROOT_EMPTY"),
        (covered(|cover| cover.root = root(15)), "ROOT_INVALID"),
        (covered(|cover| cover.root = root(0)), "ROOT_INVALID"),
        (covered(|cover| cover.root = root(16)), "ROOT_MISMATCH"),
        (covered(|cover| cover.key = "b".into()), "ROOT_MISMATCH"),
        (covered(|cover| (cover.root, cover.key) = (root(16), String::new())), "ROOT_MISMATCH"),
        (book(vec![deposit(1), page("Deposit", &Deposit { account: "b".into(), amount: 1 })]), "ROOT_MISMATCH"),
        (book(vec![page("Deposit", &Deposit { account: String::new(), amount: 1 })]), "ROOT_MISMATCH"),
        (known(vec![other]), "ROOT_MISMATCH"),
        (known(vec![payment.clone()]), "EXTERNAL_ID_MISMATCH"),
        (covered(|cover| cover.key = "a".repeat(1025)), "FIELD_TOO_LONG"),
        (covered(|cover| cover.correlation_id = "a".repeat(1025)), "FIELD_TOO_LONG"),
        (CommandBook { idempotency_key: "a".repeat(1025), ..book(vec![deposit(1)]) }, "FIELD_TOO_LONG"),
        (book(vec![deposit(1), CommandPage { sequence: Some(2), ..deposit(1) }]), "FIELD_RESERVED"),
        (covered(|cover| cover.tenant = "t".into()), "FIELD_RESERVED"),
        (CommandBook { origin: Some(Origin::default()), ..book(vec![deposit(1)]) }, "FIELD_RESERVED"),
        (
            CommandBook { deadline: Some(Timestamp { seconds: 1, nanos: 0 }), ..book(vec![deposit(1)]) },
            "DEADLINE_EXCEEDED",
        ),
    ];
    for (book, expected) in cases {
        let shown = format!("{book:?}");
        assert_eq!(code(app.execute(book).await), expected, "{shown}");
    }
    assert_eq!(code(app.send(Deposit { account: String::new(), amount: 1 }).await), "ROOT_EMPTY");
    assert_eq!(log(&app).await.len(), 2, "nothing was stored");
    // The same book without a fault, with its root spelt out.
    app.execute(covered(|cover| {
        let root = stream("accounts", "a").root.as_bytes().to_vec();
        cover.root = Some(Uuid { value: root.into() });
    }))
    .await
    .unwrap();
}

pub(super) async fn bad_payloads_change_nothing(backend: impl Backend) {
    let app = start_accounts(&backend).await;
    open(&app, "a", 1).await;
    let whole = Deposit { account: "a".into(), amount: 300 }.encode_to_vec();
    for length in [1, 2, whole.len() - 1] {
        let mut cut = deposit(300);
        cut.command.iter_mut().for_each(|command| command.value.truncate(length));
        assert_eq!(code(app.execute(book(vec![deposit(1), cut])).await), "PAYLOAD_MALFORMED", "{length}");
    }
    assert_eq!(log(&app).await.len(), 2);
}

pub(super) async fn pages_are_decided_in_order_and_stored_as_one_book(backend: impl Backend) {
    let app = start_accounts(&backend).await;
    let opening = || page("OpenAccount", &OpenAccount { account: "a".into(), branch: None });
    let withdraw = |amount| page("Withdraw", &Withdraw { account: "a".into(), amount });
    let too_much = app.execute(book(vec![opening(), deposit(5), withdraw(6)])).await;
    assert_eq!(code(too_much), "ACCOUNT_REJECTION_INSUFFICIENT");
    assert_eq!(log(&app).await, [], "the earlier pages are not stored either");
    let mut pages = vec![opening(), deposit(5), withdraw(5)];
    pages[0].sequence = Some(0);
    let outcome = app.execute(book(pages)).await.unwrap();
    assert_eq!(names(&outcome.events), ["AccountOpenedV2", "Deposited", "Withdrawn"]);
    assert_eq!(outcome.position, 3);
}

/// Appends a record as it is at position 3, after an account was opened.
pub(super) async fn smuggle(backend: &impl Backend, type_name: &'static str, value: &'static [u8]) {
    let app = start_accounts(backend).await;
    open(&app, "a", 1).await;
    app.shutdown().await.unwrap();
    let payload = Payload { type_name: type_name.into(), value: value.into() };
    let record = NewRecord { kind: RecordKind::Event, payload, occurred_at: None, due: None };
    let book = NewBook {
        stream: stream("accounts", "a"),
        key: "a".into(),
        expected: None,
        idempotency_key: None,
        records: vec![record],
        cleared: Vec::new(),
        created_at: Timestamp::default(),
        trace: Trace { correlation_id: "talk".into(), cause: None, traceparent: None },
    };
    beneath(backend, async |opened| opened.store.append(book).await.unwrap()).await;
}

async fn deposit_fails(app: &App, expected: &str) {
    let error = app.send(Deposit { account: "a".into(), amount: 1 }).await.unwrap_err();
    assert_eq!(error.code(), expected);
    let message = error.to_string();
    assert!(message.contains("sequence 2") && message.contains("position 3"), "it says where: {message}");
    assert_eq!(log(app).await.len(), 3);
    open(app, "another", 1).await;
}

pub(super) async fn stored_events_that_nobody_knows_are_told(backend: impl Backend) {
    smuggle(&backend, "bank.v1.Nonsense", b"").await;
    let app = start(&backend, &Faults::default()).await;
    deposit_fails(&app, "TYPE_UNKNOWN").await;
    // Nobody listens to it, so consumers pass it.
    app.drained().await.unwrap();
    app.shutdown().await.unwrap();
}

pub(super) async fn stored_events_that_do_not_decode_are_told(backend: impl Backend) {
    smuggle(&backend, "bank.v1.Deposited", b"\xff\xff").await;
    let app = start(&backend, &Faults::default()).await;
    deposit_fails(&app, "PAYLOAD_MALFORMED").await;
    app.drained().await.unwrap();
    let letters = app.consumer(BALANCES).unwrap().dead_letters(None, 10).await.unwrap();
    assert_eq!((letters.len(), letters[0].event.position), (1, 3));
    assert_eq!(letters[0].attempts[0].code, "PAYLOAD_MALFORMED");
}
