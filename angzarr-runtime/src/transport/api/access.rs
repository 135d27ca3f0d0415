//! Who may call.

use std::fmt;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::middleware::Next;
use axum::response::Response;
use subtle::ConstantTimeEq;

use super::aggregates::refused;
use crate::transport::status::BadCall;

/// A secret that callers send as `authorization: Bearer …`. It is never shown.
#[derive(Clone)]
pub struct Token(Arc<str>);

impl Token {
    /// Takes the secret.
    pub fn new(secret: impl Into<Arc<str>>) -> Self {
        Self(secret.into())
    }

    /// Takes as long however much of it is right.
    pub(super) fn is(&self, given: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(given).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Who may call. Each token opens its own part, and no other.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// For everything but what has a token of its own; without this one, everybody may.
    pub token: Option<Token>,
    /// For the service `Admin`; without it, everybody may where nobody reaches it from another machine, and else nobody.
    pub admin_token: Option<Token>,
}

impl Access {
    pub(super) fn callers(&self) -> Gate {
        self.token.iter().cloned().collect()
    }

    /// Those who may call something may ask what there is.
    pub(super) fn readers(&self) -> Gate {
        if self.token.is_none() { Gate::Open } else { self.token.iter().chain(&self.admin_token).cloned().collect() }
    }

    /// Where it is served, nobody may come from another machine, or somebody may.
    pub(super) fn operators(&self, is_local: bool) -> Gate {
        match &self.admin_token {
            None if !is_local => Gate::Closed,
            token => token.iter().cloned().collect(),
        }
    }
}

/// Whom a part lets in.
#[derive(Clone, Debug)]
pub(super) enum Gate {
    Open,
    /// Whoever sends one of them.
    Tokens(Arc<[Token]>),
    Closed,
}

impl FromIterator<Token> for Gate {
    fn from_iter<T: IntoIterator<Item = Token>>(tokens: T) -> Self {
        let tokens: Arc<[Token]> = tokens.into_iter().collect();
        if tokens.is_empty() { Self::Open } else { Self::Tokens(tokens) }
    }
}

impl Gate {
    fn admits(&self, headers: &HeaderMap) -> Result<(), BadCall> {
        let tokens = match self {
            Self::Open => return Ok(()),
            Self::Closed => return Err(BadCall::AdminClosed),
            Self::Tokens(tokens) => tokens,
        };
        let given = bearer(headers).ok_or(BadCall::NoToken)?;
        // All of them are compared: how long it takes says nothing.
        let known = tokens.iter().fold(false, |known, token| token.is(given) | known);
        if known { Ok(()) } else { Err(BadCall::WrongToken) }
    }
}

pub(super) fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.as_bytes().split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)
}

/// Lets a call in if it may come.
pub(super) async fn check(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    match gate.admits(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(bad) => refused(request.headers().get(CONTENT_TYPE), bad.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::status::reason;

    fn sent(header: &str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, header.parse().unwrap())])
    }

    /// What is said to somebody with these headers.
    fn said(gate: &Gate, headers: &HeaderMap) -> String {
        gate.admits(headers).err().map_or("welcome".into(), |bad| reason(&bad.into()))
    }

    #[test]
    fn each_part_has_its_own_token() {
        let access = Access { token: Some(Token::new("for callers")), admin_token: Some(Token::new("for operators")) };
        let parts = [access.callers(), access.operators(true), access.operators(false), access.readers()];
        let all = |headers: &HeaderMap| parts.each_ref().map(|gate| said(gate, headers));
        assert_eq!(all(&HeaderMap::new()), ["TOKEN_MISSING"; 4]);
        assert_eq!(all(&sent("Basic for callers")), ["TOKEN_MISSING"; 4]);
        for wrong in
            ["Bearer", "Bearer ", "Bearer for caller", "Bearer for callers ", "Bearer for callersfor operators"]
        {
            let reason = if wrong.len() < 7 { "TOKEN_MISSING" } else { "TOKEN_WRONG" };
            assert_eq!(all(&sent(wrong)), [reason; 4], "{wrong}");
        }
        assert_eq!(all(&sent("Bearer for callers")), ["welcome", "TOKEN_WRONG", "TOKEN_WRONG", "welcome"]);
        assert_eq!(all(&sent("bearer for operators")), ["TOKEN_WRONG", "welcome", "welcome", "welcome"]);
        assert!(!format!("{access:?}{parts:?}").contains("for"), "{access:?} {parts:?}");
    }

    #[test]
    fn without_tokens_only_operators_on_other_machines_are_kept_out() {
        let access = Access::default();
        let parts = [access.callers(), access.operators(true), access.readers(), access.operators(false)];
        let nobody = HeaderMap::new();
        assert_eq!(parts.each_ref().map(|gate| said(gate, &nobody)), ["welcome", "welcome", "welcome", "ADMIN_CLOSED"]);
        let access = Access { token: None, admin_token: Some(Token::new("for operators")) };
        assert_eq!(said(&access.callers(), &nobody), "welcome");
        assert_eq!(said(&access.readers(), &nobody), "welcome");
        assert_eq!(said(&access.operators(true), &nobody), "TOKEN_MISSING");
    }
}
