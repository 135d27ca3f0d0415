//! By gRPC.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::Response;
use futures_util::stream::{BoxStream, StreamExt, iter};
use prost::bytes::{Buf, BufMut};
use prost_reflect::{DynamicMessage, MessageDescriptor};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::{Grpc, ServerStreamingService, UnaryService};
use tonic::{Status, body::Body};

use super::call::{Answer, Rpc};
use crate::transport::status::BadCall;

pub(super) async fn serve(rpc: Arc<Rpc>, request: Request) -> Response {
    let mut grpc = Grpc::new(Dynamic(rpc.input.clone())).max_decoding_message_size(rpc.largest);
    let answer = if rpc.streams {
        grpc.server_streaming(Streaming(rpc), request).await
    } else {
        grpc.unary(Unary(rpc), request).await
    };
    answer.map(Body::new).map(axum::body::Body::new)
}

/// Messages by their descriptors.
#[derive(Clone)]
struct Dynamic(MessageDescriptor);

impl Codec for Dynamic {
    type Encode = DynamicMessage;
    type Decode = DynamicMessage;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        self.clone()
    }

    fn decoder(&mut self) -> Self {
        self.clone()
    }
}

impl Encoder for Dynamic {
    type Item = DynamicMessage;
    type Error = Status;

    fn encode(&mut self, message: DynamicMessage, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put(prost::Message::encode_to_vec(&message).as_slice());
        Ok(())
    }
}

impl Decoder for Dynamic {
    type Item = DynamicMessage;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<DynamicMessage>, Status> {
        let bytes = from.copy_to_bytes(from.remaining());
        let bad = |error| BadCall::Malformed(format!("it is no `{}`: {error}", self.0.full_name()));
        Ok(Some(DynamicMessage::decode(self.0.clone(), bytes).map_err(bad)?))
    }
}

type Calling<T> = futures_util::future::BoxFuture<'static, Result<tonic::Response<T>, Status>>;

struct Unary(Arc<Rpc>);

impl UnaryService<DynamicMessage> for Unary {
    type Response = DynamicMessage;
    type Future = Calling<DynamicMessage>;

    fn call(&mut self, request: tonic::Request<DynamicMessage>) -> Self::Future {
        let rpc = self.0.clone();
        Box::pin(async move {
            let (metadata, _, input) = request.into_parts();
            let Answer { messages, metadata } = rpc.call(input, &metadata).await?;
            let message = messages.into_iter().next();
            let message = message.unwrap_or_else(|| DynamicMessage::new(rpc.output.clone()));
            Ok(tonic::Response::from_parts(metadata, message, tonic::Extensions::default()))
        })
    }
}

struct Streaming(Arc<Rpc>);

impl ServerStreamingService<DynamicMessage> for Streaming {
    type Response = DynamicMessage;
    type ResponseStream = BoxStream<'static, Result<DynamicMessage, Status>>;
    type Future = Calling<Self::ResponseStream>;

    fn call(&mut self, request: tonic::Request<DynamicMessage>) -> Self::Future {
        let rpc = self.0.clone();
        Box::pin(async move {
            let (metadata, _, input) = request.into_parts();
            let Answer { messages, metadata } = rpc.call(input, &metadata).await?;
            let messages = iter(messages).map(Ok).boxed();
            Ok(tonic::Response::from_parts(metadata, messages, tonic::Extensions::default()))
        })
    }
}
