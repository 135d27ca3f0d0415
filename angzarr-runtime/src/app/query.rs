//! Questions to aggregates.

use std::future::IntoFuture;
use std::marker::PhantomData;

use futures_util::future::BoxFuture;

use super::App;
use crate::coordinator::business::{Request, Work};
use crate::error::{BadBook, Error};
use crate::message::{Payload, Query};
use crate::store::AsOf;

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
        let owner =
            self.app.inner.router.find(Q::DOMAIN).ok_or_else(|| BadBook::UnknownDomain(Q::DOMAIN.to_owned()))?;
        if !owner.logic.spec().queries.contains(&Q::TYPE_NAME) {
            let (domain, type_name) = (Q::DOMAIN.to_owned(), Q::TYPE_NAME.to_owned());
            return Err(BadBook::UnknownQuery { domain, type_name }.into());
        }
        let request = Request::passing(Q::DOMAIN, &self.key, Work::Query(self.query), owner.now())?;
        let answer = self.app.while_open(owner.query(request, self.as_of)).await?;
        Ok(answer.decode()?)
    }
}

impl<Q: Query> IntoFuture for AskQuery<Q> {
    type Output = Result<Q::Answer, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
