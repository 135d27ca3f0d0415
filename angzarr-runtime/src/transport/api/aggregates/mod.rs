//! Aggregates under their own names: the services that users declare, as callers without any of ours know them.
//!
//! `/shop.orders.v1.app.Orders/Place` takes the command and returns what the rpc declares: an event, a stream of them, the
//! answer of a query, or nothing. By gRPC, and as `POST` with JSON. What else a call may say travels as metadata.

mod call;
mod grpc;
mod json;

use std::collections::HashSet;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::post;
use tonic::Status;

use super::access::{Gate, Token, check};
use crate::app::App;
use crate::failure::Failure;
use crate::proto;
use crate::proto::component_description::ComponentKind;
use crate::proto::handler_description::HandlerKind;
use crate::transport::described::{Described, invalid};
use crate::transport::status::BadCall;
use call::Rpc;

/// The routes of all aggregates of a service: those for callers, and those for whoever may record facts. Compensations have
/// none; facts have some if there is a token for them.
pub(super) fn routes(
    app: &App,
    described: &Described,
    facts: Option<&Token>,
    largest: usize,
) -> Result<(Router, Router), Failure> {
    let (mut callers, mut recorders, mut paths) = (Router::new(), Router::new(), HashSet::new());
    // Facts are taken without being judged, so not from everybody.
    let recording: Gate = facts.cloned().into_iter().collect();
    for component in described.components.iter().filter(|component| component.kind() == ComponentKind::Aggregate) {
        for handler in component.handlers.iter().filter(|handler| is_served(handler, facts)) {
            let rpc = Arc::new(Rpc::new(app.clone(), described, component, handler, largest)?);
            let path = format!("/{}/{}", component.name, handler.rpc);
            if !paths.insert(path.clone()) {
                return Err(invalid(format!("it describes `{path}` twice")));
            }
            let route = post(move |request: Request| serve(rpc, request));
            if handler.kind() == HandlerKind::Fact {
                let guarded = route.layer(from_fn_with_state(recording.clone(), check));
                recorders = recorders.route(&path, guarded);
            } else {
                callers = callers.route(&path, route);
            }
        }
    }
    Ok((callers, recorders))
}

fn is_served(handler: &proto::HandlerDescription, facts: Option<&Token>) -> bool {
    match handler.kind() {
        HandlerKind::Command | HandlerKind::Query => true,
        HandlerKind::Fact => facts.is_some(),
        _ => false,
    }
}

pub(super) fn is_grpc(content_type: Option<&HeaderValue>) -> bool {
    content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

/// Answers a call of this type by an error.
pub(super) fn refused(content_type: Option<&HeaderValue>, status: Status) -> Response {
    if is_grpc(content_type) { status.into_http() } else { json::failed(status, None) }
}

/// Answers a call that HTTP itself has a word for, to whoever speaks no gRPC.
fn http(status: StatusCode, bad: BadCall) -> Response {
    let mut response = json::failed(bad.into(), None);
    *response.status_mut() = status;
    response
}

/// Answers a call of another type than what is called can be asked in.
pub(super) fn of_unknown_type(bad: BadCall) -> Response {
    http(StatusCode::UNSUPPORTED_MEDIA_TYPE, bad)
}

/// Answers a call of an rpc that nobody serves.
pub(super) async fn unserved(request: Request) -> Response {
    let bad = BadCall::Unserved(request.uri().path().to_owned());
    if is_grpc(request.headers().get(CONTENT_TYPE)) {
        Status::from(bad).into_http()
    } else {
        http(StatusCode::NOT_FOUND, bad)
    }
}

/// Answers a call of an rpc by another method than `POST`.
pub(super) async fn not_posted() -> Response {
    http(StatusCode::METHOD_NOT_ALLOWED, BadCall::NotPosted)
}

async fn serve(rpc: Arc<Rpc>, request: Request) -> Response {
    if is_grpc(request.headers().get(CONTENT_TYPE)) {
        grpc::serve(rpc, request).await
    } else {
        json::serve(&rpc, request).await
    }
}

/// Browsers send other types anywhere without asking: no page of somebody else's may get a command in here.
pub(super) fn is_json(content_type: Option<&HeaderValue>) -> bool {
    content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/json"))
}
