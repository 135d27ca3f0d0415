//! What of a stream travels to its service.

use std::sync::{Arc, Mutex};

use angzarr_runtime::proto::history::Base;
use angzarr_runtime::proto::{self, FoldRequest};
use angzarr_runtime::transport::services::business_logic_client::BusinessLogicClient;
use angzarr_runtime::{Payload, store::AsOf};
use shop::orders::v1::{Order, OrderPlacedV2};

use crate::commands::order;
use crate::scripted::{ORDERS, Script, Service};

/// A service that keeps nothing is sent all of a stream, but for what a snapshot has.
#[tokio::test]
async fn a_history_does_not_outgrow_its_snapshots() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new();
    for component in &mut script.description.lock().unwrap().components {
        if let Some(snapshot) = &mut component.snapshot {
            snapshot.every = 5;
        }
    }
    let (decide, sent) = (script.decide.clone(), Arc::new(Mutex::new(Vec::new())));
    let noted = sent.clone();
    let script = script.decide(move |request| {
        let history = request.history.clone().unwrap();
        noted.lock().unwrap().push((history.events.len(), matches!(history.base, Some(Base::State(_)))));
        decide(request)
    });
    let service = Service::start(folder.path(), script);
    let app = service.app(|app| app).await;
    for _ in 0..20 {
        app.execute(order("a", 1)).await.unwrap();
    }
    let sent = sent.lock().unwrap().clone();
    assert!(sent.iter().all(|(events, _)| *events <= 5), "{sent:?}");
    assert!(sent[10..].iter().all(|(_, from_snapshot)| *from_snapshot), "{sent:?}");
    // As many as there are: none is folded twice, and none left out.
    let state: Order = app.state("orders", "a", AsOf::Now).await.unwrap().unwrap();
    assert_eq!(state.total_cents, 20);
    app.shutdown().await.unwrap();
}

/// What is decided and not stored is part of the state that is asked for, and of none that is kept.
#[tokio::test]
async fn a_rust_service_folds_what_is_not_stored() {
    let folder = tempfile::tempdir().unwrap();
    let channel = crate::place::serve(folder.path()).await;
    let mut client = BusinessLogicClient::new(channel);
    let placed = |id: &str| {
        let placed = OrderPlacedV2 { order_id: id.into(), total_cents: 7, ..OrderPlacedV2::default() };
        Payload::event(&placed).to_any()
    };
    let mut request = FoldRequest {
        component: ORDERS.into(),
        runtime_epoch: vec![0; 16].into(),
        root: Some(proto::Uuid { value: vec![1; 16].into() }),
        history: Some(proto::History { pending: vec![placed("a")], next: 1, ..proto::History::default() }),
    };
    let mut state = async |request: &FoldRequest| {
        let answer = client.fold(request.clone()).await.unwrap().into_inner();
        assert_eq!(answer.holds, 1);
        match answer.outcome {
            Some(proto::fold_response::Outcome::State(state)) => {
                (Payload::from_any(state).decode::<Order>().unwrap().total_cents, answer.service_epoch)
            }
            other => panic!("{other:?}"),
        }
    };
    let (total, service_epoch) = state(&request).await;
    assert_eq!(total, 7);
    request.history = Some(proto::History { base: Some(Base::Held(1)), next: 1, service_epoch, ..Default::default() });
    assert_eq!(state(&request).await.0, 0);
}
