//! Questions to aggregates.

use std::future::IntoFuture;
use std::marker::PhantomData;

use futures_util::future::BoxFuture;

use super::App;
use crate::coordinator::business::{Request, Work};
use crate::error::{BadBook, Error};
use crate::message::{Payload, Query};
use crate::store::AsOf;
use crate::telemetry::Traceparent;

/// A query that is answered when this is awaited.
#[derive(Debug)]
#[must_use = "a query is answered when this is awaited"]
pub struct AskQuery<Q> {
    app: App,
    key: String,
    query: Payload,
    as_of: AsOf,
    ty: PhantomData<fn() -> Q>,
}

impl<Q: Query> AskQuery<Q> {
    pub(super) fn new(app: App, query: &Q) -> Self {
        Self { app, key: query.root_key(), query: Payload::query(query), as_of: AsOf::Now, ty: PhantomData }
    }

    /// Answers from the state of then.
    pub fn as_of(mut self, then: AsOf) -> Self {
        self.as_of = then;
        self
    }

    async fn run(self) -> Result<Q::Answer, Error> {
        Ok(self.app.ask(Q::DOMAIN, &self.key, self.query, self.as_of, None).await?.decode()?)
    }
}

impl App {
    /// Has a query answered by the aggregate of `domain` about the root of `key`.
    pub(crate) async fn ask(
        &self,
        domain: &str,
        key: &str,
        query: Payload,
        as_of: AsOf,
        traceparent: Option<Traceparent>,
    ) -> Result<Payload, Error> {
        let owner = self.inner.router.find(domain).ok_or_else(|| self.inner.router.unknown(domain))?;
        let spec = owner.logic.spec();
        if !spec.queries.contains(&&*query.type_name) {
            let (domain, type_name) = (domain.to_owned(), query.type_name.to_string());
            return Err(BadBook::UnknownQuery { domain, type_name }.into());
        }
        let mut request = Request::passing(spec.domain, key, Work::Query(query), owner.now())?;
        request.trace.traceparent = traceparent;
        let _open = self.open().await?;
        owner.query(request, as_of).await
    }
}

impl<Q: Query> IntoFuture for AskQuery<Q> {
    type Output = Result<Q::Answer, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
