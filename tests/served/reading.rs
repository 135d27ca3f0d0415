//! Streams, states and the log by gRPC.

use angzarr_runtime::Payload;
use angzarr_runtime::prost::Message;
use angzarr_runtime::prost_types::{DescriptorProto, FileDescriptorProto, FileDescriptorSet};
use angzarr_runtime::proto::{self, stream_query::AsOf};
use angzarr_runtime::transport::services::admin_client::AdminClient;
use angzarr_runtime::transport::services::business_coordinator_client::BusinessCoordinatorClient;
use angzarr_runtime::transport::services::event_query_client::EventQueryClient;
use shop::orders::v1::OrderCancelled;
use shop::stock::v1::Article;

use crate::commands::{deliver, order};
use crate::place::{events, place, place_with};

fn query(domain: &str, key: &str, as_of: Option<AsOf>) -> proto::StreamQuery {
    let cover = proto::Cover { domain: domain.into(), key: key.into(), ..proto::Cover::default() };
    proto::StreamQuery { cover: Some(cover), as_of, ..proto::StreamQuery::default() }
}

#[tokio::test]
async fn a_book_tells_where_its_stream_stands() {
    let place = place().await;
    let mut client = EventQueryClient::new(place.channel.clone());
    let nothing = client.get_event_book(query("stock", "kettle", None)).await.unwrap().into_inner();
    let cover = nothing.cover.unwrap();
    assert_eq!((&*cover.domain, &*cover.key, nothing.next_sequence), ("stock", "kettle", 0));
    assert_eq!(cover.root.unwrap().value.len(), 16);

    // The saga's command is refused, which is recorded: the stream goes on, and holds no event.
    let mut commands = BusinessCoordinatorClient::new(place.channel.clone());
    commands.handle(order("1", 1)).await.unwrap();
    place.app.drained().await.unwrap();
    let refused = client.get_event_book(query("stock", "kettle", None)).await.unwrap().into_inner();
    assert_eq!((refused.pages.len(), refused.next_sequence), (0, 1));

    for _ in 0..3 {
        deliver(&place, 1).await;
    }
    let mut part = query("stock", "kettle", None);
    (part.first_sequence, part.limit) = (1, 2);
    let book = client.get_event_book(part.clone()).await.unwrap().into_inner();
    let sequences: Vec<u32> = book.pages.iter().map(|page| page.sequence).collect();
    assert_eq!((sequences, book.first_sequence, book.next_sequence), (vec![1, 2], 1, 4));
    assert_eq!(book.position, book.pages[1].position);
    part.as_of = Some(AsOf::Sequence(1));
    let then = client.get_event_book(part).await.unwrap().into_inner();
    assert_eq!((then.pages.len(), then.next_sequence), (1, 2));
}

#[tokio::test]
async fn a_stream_of_large_events_comes_in_answers_that_callers_take() {
    let place = place().await;
    let mut sizes = vec![1 << 20; 7];
    // More than an answer has: it comes alone.
    sizes.insert(4, 5 << 20);
    for size in sizes {
        let large = OrderCancelled { order_id: "1".into(), reason: "x".repeat(size) };
        place.app.import("orders", "1").event(&large, None).await.unwrap();
    }
    let mut client = EventQueryClient::new(place.channel.clone()).max_decoding_message_size(usize::MAX);
    let (mut wanted, mut found) = (query("orders", "1", None), Vec::new());
    loop {
        let book = client.get_event_book(wanted.clone()).await.unwrap().into_inner();
        assert!(book.encoded_len() <= 4 << 20 || book.pages.len() == 1);
        let sequences: Vec<u32> = book.pages.iter().map(|page| page.sequence).collect();
        wanted.first_sequence = sequences.last().unwrap() + 1;
        assert_eq!(book.position, book.pages.last().unwrap().position);
        found.push(sequences);
        if wanted.first_sequence >= book.next_sequence {
            break;
        }
    }
    assert_eq!(found, [vec![0, 1, 2], vec![3], vec![4], vec![5, 6, 7]]);
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

async fn books(mut stream: tonic::Streaming<proto::EventBook>) -> Vec<proto::EventBook> {
    let mut books = Vec::new();
    while let Some(book) = stream.message().await.unwrap() {
        books.push(book);
    }
    books
}

#[tokio::test]
async fn parts_of_streams_are_read_and_sets_of_them() {
    let place = place().await;
    for quantity in 1..=4 {
        deliver(&place, quantity).await;
    }
    let mut client = EventQueryClient::new(place.channel.clone());
    let range = proto::StreamQuery { first_sequence: 1, ..query("stock", "kettle", Some(AsOf::Sequence(2))) };
    let book = client.get_event_book(range.clone()).await.unwrap().into_inner();
    assert_eq!((book.first_sequence, book.next_sequence, book.pages.len()), (1, 3, 2));
    let some = proto::StreamQuery { sequences: vec![3, 0, 9], ..query("stock", "kettle", None) };
    let nothing = query("stock", "samovar", None);
    let streams = vec![some, nothing, range];
    let found = client.get_event_books(proto::GetEventBooksRequest { streams }).await.unwrap().into_inner();
    let found = books(found).await;
    let sequences = |book: &proto::EventBook| book.pages.iter().map(|page| page.sequence).collect::<Vec<_>>();
    assert_eq!(found.iter().map(sequences).collect::<Vec<_>>(), [vec![0, 3], vec![], vec![1, 2]]);
    assert_eq!(found[1].cover.as_ref().unwrap().key, "samovar");

    let streams = vec![query("stock", "kettle", None), query("stock", "", None)];
    let refused = client.get_event_books(proto::GetEventBooksRequest { streams }).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::InvalidArgument);
}

#[tokio::test]
async fn the_roots_of_a_domain_are_listed() {
    let place = place().await;
    let mut commands = BusinessCoordinatorClient::new(place.channel.clone());
    for id in ["1", "2", "3"] {
        commands.handle(order(id, 1)).await.unwrap();
    }
    let mut client = EventQueryClient::new(place.channel.clone());
    let mut keys = Vec::new();
    let mut after = None;
    loop {
        let request = proto::ListRootsRequest { domain: "orders".into(), after, limit: 2 };
        let page = client.list_roots(request).await.unwrap().into_inner().roots;
        let Some(last) = page.last() else { break };
        after = last.cover.as_ref().unwrap().root.clone();
        keys.extend(page.into_iter().map(|root| root.cover.unwrap().key));
    }
    keys.sort();
    assert_eq!(keys, ["1", "2", "3"]);
    let refused = client.list_roots(proto::ListRootsRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::InvalidArgument);
}

#[tokio::test]
async fn a_conversation_is_told_with_everything_in_it() {
    let place = place().await;
    deliver(&place, 3).await;
    let mut commands = BusinessCoordinatorClient::new(place.channel.clone());
    let mut placed = order("1", 1);
    placed.cover.as_mut().unwrap().correlation_id = "talk".into();
    commands.handle(placed).await.unwrap();
    place.app.drained().await.unwrap();
    let mut client = EventQueryClient::new(place.channel.clone());
    let told = client.get_conversation(proto::GetConversationRequest { correlation_id: "talk".into() }).await.unwrap();
    let told = books(told.into_inner()).await;
    assert_eq!(events(&told[0]), ["OrderPlacedV2"]);
    let all: Vec<String> = told.iter().flat_map(events).collect();
    for expected in ["StockReserved", "CheckoutStarted", "CommandsIssued", "DeadlineSet", "PaymentRequested"] {
        assert!(all.contains(&expected.to_owned()), "{expected}: {all:?}");
    }
    // What belongs together comes together.
    let step = told.iter().find(|book| events(book).contains(&"DeadlineSet".to_owned())).unwrap();
    assert_eq!(events(step), ["CommandsIssued", "DeadlineSet"]);
    let refused = client.get_conversation(proto::GetConversationRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::InvalidArgument);
}

#[tokio::test]
async fn a_subscription_to_a_stream_is_about_nothing_else() {
    let place = place().await;
    let mut commands = BusinessCoordinatorClient::new(place.channel.clone());
    commands.handle(order("1", 1)).await.unwrap();
    commands.handle(order("2", 1)).await.unwrap();
    let stream = query("orders", "2", None).cover;
    let wanted = proto::SubscribeRequest { stream, ..proto::SubscribeRequest::default() };
    let mut client = EventQueryClient::new(place.channel.clone());
    let mut told = client.subscribe(wanted).await.unwrap().into_inner();
    assert_eq!(told.message().await.unwrap().unwrap().cover.unwrap().key, "2");
    let nowhere = proto::SubscribeRequest { stream: Some(proto::Cover::default()), ..Default::default() };
    assert_eq!(client.subscribe(nowhere).await.unwrap_err().code(), tonic::Code::InvalidArgument);
}

#[tokio::test]
async fn messages_are_described_to_whoever_shows_them() {
    let place = place().await;
    let mut client = EventQueryClient::new(place.channel.clone());
    let described = client.get_descriptors(proto::GetDescriptorsRequest {}).await.unwrap().into_inner();
    let [set] = &*described.file_descriptor_sets else { panic!("one service") };
    let set = FileDescriptorSet::decode(set.clone()).unwrap();
    let name = |file: &FileDescriptorProto, message: &DescriptorProto| format!("{}.{}", file.package(), message.name());
    let names: Vec<_> =
        set.file.iter().flat_map(|file| file.message_type.iter().map(|message| name(file, message))).collect();
    for expected in ["shop.orders.v1.OrderPlacedV2", "shop.stock.v1.Article", "shop.checkout.v1.PaymentOverdue"] {
        assert!(names.contains(&expected.to_owned()), "{expected}: {names:?}");
    }
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
    for (domain, expected) in [("checkout", 1), ("orders", 0)] {
        let request = proto::ListDeadlinesRequest { domain: domain.into(), ..proto::ListDeadlinesRequest::default() };
        let pending = admin.list_deadlines(request).await.unwrap().into_inner().deadlines;
        assert_eq!(pending.len(), expected, "{domain}");
    }
    let warm = admin.list_warm_states(proto::ListWarmStatesRequest {}).await.unwrap().into_inner().aggregates;
    assert_eq!(warm.iter().map(|warm| &*warm.domain).collect::<Vec<_>>(), ["orders", "payments", "stock"]);
    let parks = proto::ListParksRequest { consumer: "nobody".into(), ..proto::ListParksRequest::default() };
    assert_eq!(admin.list_parks(parks).await.unwrap_err().code(), tonic::Code::NotFound);
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
