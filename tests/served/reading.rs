//! Streams, states and the log by gRPC.

use angzarr_runtime::Payload;
use angzarr_runtime::proto::{self, stream_query::AsOf};
use angzarr_runtime::transport::services::admin_client::AdminClient;
use angzarr_runtime::transport::services::business_coordinator_client::BusinessCoordinatorClient;
use angzarr_runtime::transport::services::event_query_client::EventQueryClient;
use shop::stock::v1::Article;

use crate::commands::{deliver, order};
use crate::place::{events, place, place_with};

fn query(domain: &str, key: &str, as_of: Option<AsOf>) -> proto::StreamQuery {
    let cover = proto::Cover { domain: domain.into(), key: key.into(), ..proto::Cover::default() };
    proto::StreamQuery { cover: Some(cover), first_sequence: 0, as_of }
}

#[tokio::test]
async fn streams_and_states_are_read_as_of_any_time() {
    let place = place().await;
    deliver(&place, 3).await;
    deliver(&place, 4).await;
    let mut client = EventQueryClient::new(place.channel.clone());
    let book = client.get_event_book(query("stock", "kettle", None)).await.unwrap().into_inner();
    assert_eq!(events(&book), ["StockReceived", "StockReceived"]);
    assert_eq!((book.first_sequence, book.next_sequence), (0, 2));
    let mut tail = query("stock", "kettle", None);
    tail.first_sequence = 1;
    assert_eq!(client.get_event_book(tail).await.unwrap().into_inner().pages.len(), 1);

    let mut states = Vec::new();
    for as_of in [None, Some(AsOf::Sequence(0))] {
        let answer = client.get_state(query("stock", "kettle", as_of)).await.unwrap().into_inner();
        let state: Article = Payload::from_any(answer.state.unwrap()).decode().unwrap();
        states.push(state.available);
    }
    assert_eq!(states, [7, 3]);
    assert_eq!(client.get_state(query("stock", "samovar", None)).await.unwrap().into_inner().state, None);
}

#[tokio::test]
async fn a_subscription_catches_up_and_goes_on() {
    let place = place().await;
    deliver(&place, 3).await;
    let mut client = EventQueryClient::new(place.channel.clone());
    let wanted = proto::SubscribeRequest { domains: vec!["stock".into()], ..proto::SubscribeRequest::default() };
    let mut stream = client.subscribe(wanted).await.unwrap().into_inner();
    assert_eq!(events(&stream.message().await.unwrap().unwrap()), ["StockReceived"]);
    let mut commands = BusinessCoordinatorClient::new(place.channel.clone());
    commands.handle(order("1", 1)).await.unwrap();
    assert_eq!(events(&stream.message().await.unwrap().unwrap()), ["StockReserved"]);
}

#[tokio::test]
async fn operators_see_consumers_views_deadlines_and_warm_states() {
    let place = place().await;
    deliver(&place, 3).await;
    let mut commands = BusinessCoordinatorClient::new(place.channel.clone());
    commands.handle(order("1", 1)).await.unwrap();
    place.app.drained().await.unwrap();

    let mut admin = AdminClient::new(place.channel.clone());
    let status = admin.list_consumers(proto::ListConsumersRequest {}).await.unwrap().into_inner();
    assert!(status.consumers.iter().all(|consumer| consumer.lag == 0), "{status:?}");
    assert_eq!(status.consumers.len(), 3);
    let views = admin.list_views(proto::ListViewsRequest {}).await.unwrap().into_inner().views;
    assert_eq!(views[0].name, "shop.orders.v1.app.OrderBoard");
    let pending = admin.list_deadlines(proto::ListDeadlinesRequest::default()).await.unwrap().into_inner().deadlines;
    assert_eq!(pending[0].process_manager, "shop.checkout.v1.app.Checkout");
    let warm = admin.list_warm_states(proto::ListWarmStatesRequest {}).await.unwrap().into_inner().aggregates;
    assert_eq!(warm.iter().map(|warm| &*warm.domain).collect::<Vec<_>>(), ["orders", "payments", "stock"]);
    let unknown = proto::PauseConsumerRequest { consumer: "nobody".into() };
    assert_eq!(admin.pause_consumer(unknown).await.unwrap_err().code(), tonic::Code::NotFound);
}

#[tokio::test]
async fn no_more_is_kept_than_there_is_room_for() {
    // A quarter each, for three aggregates and a view: enough for one small state.
    let place = place_with(|builder| builder.keep(4 * 400)).await;
    let mut commands = BusinessCoordinatorClient::new(place.channel.clone());
    for id in ["1", "2", "3"] {
        commands.handle(order(id, 1)).await.unwrap();
    }
    let mut admin = AdminClient::new(place.channel.clone());
    let warm = admin.list_warm_states(proto::ListWarmStatesRequest {}).await.unwrap().into_inner().aggregates;
    let orders = warm.iter().find(|warm| warm.domain == "orders").unwrap();
    assert_eq!(orders.states, 1, "{orders:?}");
    // What has gone is loaded again.
    let again = commands.handle(order("1", 1)).await.unwrap_err();
    assert_eq!(again.code(), tonic::Code::FailedPrecondition);
}
