//! Who may record facts.

use std::sync::Arc;

use subtle::ConstantTimeEq;
use tonic::metadata::MetadataMap;

use crate::app::App;
use crate::message::Payload;
use crate::proto;
use crate::transport::status::BadCall;

/// Who may record facts.
#[derive(Clone)]
pub struct FactToken(Arc<str>);

impl FactToken {
    /// Whoever sends this as `authorization: Bearer …`.
    pub fn new(token: impl Into<Arc<str>>) -> Self {
        Self(token.into())
    }

    /// Fails unless a call brings it. Facts are taken without being judged, so not from everybody.
    pub(super) fn authorize(&self, metadata: &MetadataMap) -> Result<(), BadCall> {
        let given = metadata.get("authorization").map(|value| value.as_bytes());
        let given = given.and_then(|value| value.strip_prefix(b"Bearer ")).unwrap_or_default();
        if bool::from(self.0.as_bytes().ct_eq(given)) { Ok(()) } else { Err(BadCall::NoFactToken) }
    }
}

impl std::fmt::Debug for FactToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FactToken(…)")
    }
}

/// Whose facts are taken as command books: everybody's, unless there is a token for them.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts(pub(super) Option<FactToken>);

impl Facts {
    /// Fails if a book holds a fact and its caller may not record any.
    pub(super) fn authorize(
        &self,
        app: &App,
        book: &proto::CommandBook,
        metadata: &MetadataMap,
    ) -> Result<(), BadCall> {
        let (Some(token), Some(cover)) = (&self.0, &book.cover) else { return Ok(()) };
        let name = |page: &proto::CommandPage| page.command.clone().map(|command| Payload::from_any(command).type_name);
        let mut names = book.pages.iter().filter_map(name);
        if names.any(|name| app.takes_fact(&cover.domain, &name)) { token.authorize(metadata) } else { Ok(()) }
    }
}
