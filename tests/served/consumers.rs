//! What consumers made of a book, by gRPC.

use std::time::Duration;

use angzarr_runtime::app::App;
use angzarr_runtime::proto;
use angzarr_runtime::store::Storage;
use angzarr_runtime::transport::services::business_coordinator_client::BusinessCoordinatorClient;
use angzarr_runtime::transport::services::process_manager_coordinator_client::ProcessManagerCoordinatorClient;
use angzarr_runtime::transport::services::projector_coordinator_client::ProjectorCoordinatorClient;
use angzarr_runtime::transport::services::saga_coordinator_client::SagaCoordinatorClient;
use angzarr_runtime::transport::{Api, Limits};
use angzarr_runtime::{Payload, prost_types};
use angzarr_tests::bank::v1::{Branch, OpenAccount};
use angzarr_tests::{AccountRules, BalanceView, BranchView, Fault, Faults, OldAccounts};
use shop::orders::v1::OrderRow;
use shop::orders::v1::order::Status;
use tonic::Code;
use tonic_types::StatusExt;

use crate::commands::{deliver, order};
use crate::place::{Place, book, events, front, place};

const BOARD: &str = "shop.orders.v1.app.OrderBoard";
const CHECKOUT: &str = "shop.checkout.v1.app.Checkout";
const FULFILMENT: &str = "shop.orders.v1.app.Fulfilment";

/// The book of an order that was placed.
async fn placed(place: &Place) -> proto::EventBook {
    deliver(place, 10).await;
    let mut client = BusinessCoordinatorClient::new(place.channel.clone());
    client.handle(order("1", 2)).await.unwrap().into_inner().events.unwrap()
}

fn of(book: &proto::EventBook) -> proto::HandleBookSyncRequest {
    proto::HandleBookSyncRequest { book: Some(book.clone()), ..proto::HandleBookSyncRequest::default() }
}

#[tokio::test]
async fn books_lead_to_commands_steps_and_rows() {
    let place = place().await;
    let order = placed(&place).await;
    let mut sagas = SagaCoordinatorClient::new(place.channel.clone());
    let sent = sagas.handle_sync(of(&order)).await.unwrap().into_inner();
    assert_eq!((sent.position, sent.waited_for), (order.position, vec![FULFILMENT.to_owned()]));
    assert_eq!(sent.caused.iter().map(events).collect::<Vec<_>>(), [["StockReserved"]], "its command's, nobody else's");
    assert_eq!((sent.failures, sent.awaited, sent.projections), (vec![], vec![], vec![]));

    let mut processes = ProcessManagerCoordinatorClient::new(place.channel.clone());
    let begun = processes.handle_sync(of(&order)).await.unwrap().into_inner();
    assert_eq!(begun.caused.iter().map(events).collect::<Vec<_>>(), [["CheckoutStarted"]]);
    let asked = processes.handle_sync(of(&sent.caused[0])).await.unwrap().into_inner();
    let steps: Vec<_> = asked.caused.iter().flat_map(events).collect();
    assert_eq!(steps, ["CommandsIssued", "DeadlineSet", "PaymentRequested"], "the step, and what its command led to");
    assert_eq!(asked.waited_for, [CHECKOUT]);

    let mut projectors = ProjectorCoordinatorClient::new(place.channel.clone());
    let shown = projectors.handle_sync(of(&order)).await.unwrap().into_inner();
    assert_eq!((shown.waited_for, shown.caused), (vec![BOARD.to_owned()], vec![]));
    let [projection] = &shown.projections[..] else { panic!("{:?}", shown.projections) };
    assert_eq!((projection.projector.as_str(), projection.position), (BOARD, order.position));
    let row: OrderRow = Payload::from_any(projection.row.clone().unwrap()).decode().unwrap();
    assert_eq!((row.order_id.as_str(), row.status()), ("1", Status::Placed));
    let told = projectors.handle(order.clone()).await.unwrap().into_inner();
    assert_eq!(told, proto::HandleBookResponse { position: order.position, components: vec![BOARD.to_owned()] });
    // The whole stream is a book, too; stock is nobody's row.
    let told = projectors.handle(sent.caused[0].clone()).await.unwrap().into_inner();
    assert_eq!(told.components, [""; 0]);
}

#[tokio::test]
async fn commands_that_are_waited_for_come_back_with_their_rows() {
    let place = place().await;
    deliver(&place, 10).await;
    let mut client = BusinessCoordinatorClient::new(place.channel.clone());
    for (id, mode) in [("1", proto::SyncMode::Simple), ("2", proto::SyncMode::Cascade), ("3", proto::SyncMode::None)] {
        let request = proto::HandleSyncRequest { command: Some(order(id, 1)), sync_mode: mode.into(), timeout: None };
        let answer = client.handle_sync(request).await.unwrap().into_inner();
        let rows = answer.projections.into_iter().map(|one| Payload::from_any(one.row.unwrap()).decode().unwrap());
        let orders: Vec<String> = rows.map(|row: OrderRow| row.order_id).collect();
        assert_eq!(orders, [id][usize::from(mode == proto::SyncMode::None)..]);
    }
}

#[tokio::test]
async fn books_that_the_log_does_not_hold_are_refused() {
    let place = place().await;
    let order = placed(&place).await;
    let elsewhere = proto::Cover { domain: "stock".into(), key: "kettle".into(), ..proto::Cover::default() };
    let unknown = [
        proto::EventBook { position: 0, ..order.clone() },
        proto::EventBook { position: order.position + 100, ..order.clone() },
        proto::EventBook { cover: Some(elsewhere), ..order.clone() },
        proto::EventBook { next_sequence: order.next_sequence + 1, ..order.clone() },
        proto::EventBook { first_sequence: order.next_sequence, ..order.clone() },
    ];
    let mut client = SagaCoordinatorClient::new(place.channel.clone());
    let told = |status: tonic::Status| (status.code(), status.get_details_error_info().unwrap().reason);
    for book in unknown {
        let refused = client.handle(book.clone()).await.unwrap_err();
        assert_eq!(told(refused), (Code::NotFound, "BOOK_UNKNOWN".into()), "{book:?}");
        let refused = client.handle_sync(of(&book)).await.unwrap_err();
        assert_eq!(told(refused), (Code::NotFound, "BOOK_UNKNOWN".into()));
    }
    let nowhere = proto::EventBook { cover: None, ..order.clone() };
    let refused = client.handle(nowhere).await.unwrap_err();
    assert_eq!(told(refused), (Code::InvalidArgument, "COVER_MISSING".into()));
    // Without sequences it is the last record.
    let last = proto::EventBook { first_sequence: 0, next_sequence: 0, pages: vec![], ..order.clone() };
    assert_eq!(client.handle(last).await.unwrap().into_inner().components, [FULFILMENT]);
    let stranger = proto::HandleBookSyncRequest { component: BOARD.into(), ..of(&order) };
    let refused = client.handle_sync(stranger).await.unwrap_err();
    assert_eq!(told(refused), (Code::NotFound, "CONSUMER_UNKNOWN".into()), "it is no saga");
}

#[tokio::test]
async fn books_that_nobody_will_handle_are_told() {
    let place = place().await;
    place.app.consumer(BOARD).unwrap().pause().await.unwrap();
    let order = placed(&place).await;
    let mut client = ProjectorCoordinatorClient::new(place.channel.clone());
    let request = proto::HandleBookSyncRequest { component: BOARD.into(), ..of(&order) };
    let answer = client.handle_sync(request).await.unwrap().into_inner();
    assert_eq!((answer.waited_for, answer.awaited), (vec![], vec![BOARD.to_owned()]));
    assert_eq!(answer.failures[0].code, "CONSUMER_PAUSED");
    assert_eq!(answer.projections, []);
}

#[tokio::test]
async fn books_that_take_too_long_are_awaited() {
    let faults = Faults::default();
    faults.set("Balances", Fault::Takes(Duration::from_secs(3_600)));
    let app = App::builder(Storage::Memory)
        .register(AccountRules { faults: faults.clone() })
        .register(OldAccounts)
        .register(BalanceView { faults: faults.clone() })
        .register(BranchView);
    let (_, channel) = front(Api::new(app.start().await.unwrap(), Limits::default())).await;
    let branch = Some(Branch { country: "NL".into(), city: "Gent".into() });
    let open = OpenAccount { account: "a".into(), branch };
    let mut commands = BusinessCoordinatorClient::new(channel.clone());
    let opened = commands.handle(book("accounts", "a", &open)).await.unwrap().into_inner().events.unwrap();

    let mut client = ProjectorCoordinatorClient::new(channel);
    let timeout = Some(prost_types::Duration { seconds: 0, nanos: 50_000_000 });
    let (balances, branches) = ("bank.v1.app.Balances", "bank.v1.app.Branches");
    let late = proto::HandleBookSyncRequest { component: balances.into(), timeout, ..of(&opened) };
    let late = client.handle_sync(late).await.unwrap().into_inner();
    assert_eq!((late.awaited, late.waited_for, late.projections), (vec![balances.to_owned()], vec![], vec![]));
    assert_eq!(late.failures[0].code, "NOT_PASSED");
    let other = proto::HandleBookSyncRequest { component: branches.into(), ..of(&opened) };
    let other = client.handle_sync(other).await.unwrap().into_inner();
    assert_eq!((other.waited_for, other.awaited), (vec![branches.to_owned()], vec![]), "nobody waits for the slow one");
    assert_eq!(other.projections.len(), 1);
}
