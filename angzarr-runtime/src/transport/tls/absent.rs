//! Both sides of a program that encrypts nothing.

use std::io;

use super::{BadTls, ClientTls, ServerTls};

/// There is none.
#[derive(Debug)]
pub(in crate::transport) enum Acceptor {}

impl Acceptor {
    pub(in crate::transport) fn new(_: ServerTls) -> Result<Self, BadTls> {
        Err(BadTls::NotBuiltIn)
    }
}

pub(in crate::transport) fn secured<Connections>(_: Connections, acceptor: Acceptor) -> Connections {
    match acceptor {}
}

impl ClientTls {
    pub(in crate::transport) async fn connect<Io>(&self, _: &str, _: Io) -> io::Result<Io> {
        Err(io::Error::other(BadTls::NotBuiltIn))
    }

    pub(in crate::transport) fn read(&self, _: &str) -> Result<(), BadTls> {
        Err(BadTls::NotBuiltIn)
    }
}
