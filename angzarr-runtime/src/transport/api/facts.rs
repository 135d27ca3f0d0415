//! Who may record facts by command books.

use tonic::metadata::MetadataMap;

use super::access::{Token, bearer};
use crate::app::App;
use crate::message::Payload;
use crate::proto;
use crate::transport::status::BadCall;

/// The metadata of the token for facts, beside that of callers.
const FACT_TOKEN: &str = "angzarr-fact-token";

/// Whose facts are taken as command books: everybody's, unless there is a token for them.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts(pub(super) Option<Token>);

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
        if !names.any(|name| app.takes_fact(&cover.domain, &name)) {
            return Ok(());
        }
        // Facts are taken without being judged, so not from everybody. Where callers have a token, too, it takes the usual place.
        let given = metadata.get(FACT_TOKEN).map(|given| given.as_bytes());
        match given.or_else(|| bearer(metadata.as_ref())) {
            Some(given) if token.is(given) => Ok(()),
            _ => Err(BadCall::NoFactToken),
        }
    }
}
