//! Views, typed.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::error::Error;
use crate::store::StoreError;
use crate::view::{Key, ViewStore};

/// The rows that a projector keeps.
#[derive(Clone, Debug)]
pub struct View<R> {
    views: Arc<dyn ViewStore>,
    name: &'static str,
    row: PhantomData<fn() -> R>,
}

impl<R: prost::Message + Default> View<R> {
    pub(super) fn new(views: Arc<dyn ViewStore>, name: &'static str) -> Self {
        Self { views, name, row: PhantomData }
    }

    /// One row: `view.get("A-1")`, or `view.get(["EWR", "2013-01-16"])` if the key has two values.
    ///
    /// # Errors
    /// What the store can yield.
    pub async fn get(&self, key: impl Into<Key>) -> Result<Option<R>, Error> {
        let row = self.views.row(self.name, &key.into()).await?;
        row.map(|row| self.decode(row)).transpose()
    }

    /// All rows, in the order of their keys' text.
    ///
    /// # Errors
    /// What the store can yield.
    pub async fn all(&self) -> Result<Vec<(Key, R)>, Error> {
        let rows = self.views.rows(self.name).await?;
        rows.into_iter().map(|(key, row)| Ok((key, self.decode(row)?))).collect()
    }

    fn decode(&self, row: bytes::Bytes) -> Result<R, Error> {
        R::decode(row).map_err(|error| {
            StoreError::Damaged { reason: format!("a row of `{}` does not decode: {error}", self.name) }.into()
        })
    }
}
