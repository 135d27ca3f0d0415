//! Views, typed.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::error::{BadColumn, Error};
use crate::store::StoreError;
use crate::view::{Column, Key, Query, Row, Value, ViewStore};

/// The rows that a projector keeps.
///
/// ```
/// # use angzarr_runtime::{Error, Row, app::View, prost};
/// # #[derive(Clone, PartialEq, prost::Message, Row)]
/// # #[prost(prost_path = "::angzarr_runtime::prost")]
/// # struct OrderRow {
/// #     #[prost(string, tag = "1")]
/// #     customer_id: String,
/// # }
/// # async fn example(orders: View<OrderRow>) -> Result<(), Error> {
/// let order: Option<OrderRow> = orders.get("A-1").await?;
///
/// // All of them, page by page.
/// let mut page = orders.page(None, 100).await?;
/// while let Some((last, _)) = page.last() {
///     let after = last.clone();
///     page = orders.page(Some(&after), 100).await?;
/// }
///
/// // Those of one customer.
/// let first = orders.find("customer_id", "c-1").page(None, 100).await?;
/// # Ok(())
/// # }
/// ```
///
/// Each call sees the rows of one moment. While a version with other columns is being built, that is the old version,
/// as it was when the building began.
#[derive(Clone, Debug)]
pub struct View<R> {
    views: Arc<dyn ViewStore>,
    name: &'static str,
    row: PhantomData<fn() -> R>,
}

impl<R: Row + prost::Message + Default> View<R> {
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

    /// So many rows behind a key, or from the beginning, in the order of their keys' text. The next page begins behind
    /// the last key of this one.
    ///
    /// # Errors
    /// What the store can yield.
    pub async fn page(&self, after: Option<&Key>, limit: usize) -> Result<Vec<(Key, R)>, Error> {
        self.query(Query { equals: None, after, limit }).await
    }

    /// All rows, in the order of their keys' text, in memory: for small views.
    ///
    /// # Errors
    /// What the store can yield.
    pub async fn all(&self) -> Result<Vec<(Key, R)>, Error> {
        self.query(Query::ALL).await
    }

    /// The rows whose column has a value, or is null: `view.find("customer_id", "c-1").page(None, 100)`.
    ///
    /// It is as fast as an index on that column, which is yours to make.
    pub fn find<'a>(&'a self, column: &'a str, value: impl Into<Value>) -> Find<'a, R> {
        Find { view: self, column, value: value.into() }
    }

    async fn query(&self, query: Query<'_>) -> Result<Vec<(Key, R)>, Error> {
        let rows = self.views.rows(self.name, query).await?;
        rows.into_iter().map(|(key, row)| Ok((key, self.decode(row)?))).collect()
    }

    fn decode(&self, row: bytes::Bytes) -> Result<R, Error> {
        R::decode(row).map_err(|error| {
            StoreError::Damaged { reason: format!("a row of `{}` does not decode: {error}", self.name) }.into()
        })
    }
}

/// The rows of a view whose column has a value. See [`View::find`].
#[derive(Debug)]
#[must_use = "nothing is read before `page`"]
pub struct Find<'a, R> {
    view: &'a View<R>,
    column: &'a str,
    value: Value,
}

impl<R: Row + prost::Message + Default> Find<'_, R> {
    /// So many of them behind a key, or from the beginning, in the order of their keys' text.
    ///
    /// # Errors
    /// [`Error::BadColumn`] if rows have no such column or it holds other values, and what the store can yield.
    pub async fn page(self, after: Option<&Key>, limit: usize) -> Result<Vec<(Key, R)>, Error> {
        let value = checked(R::COLUMNS, self.column, self.value)?;
        self.view.query(Query { equals: Some((self.column, &value)), after, limit }).await
    }
}

/// The value as the column holds it.
fn checked(columns: &[Column], name: &str, value: Value) -> Result<Value, BadColumn> {
    let Some(column) = columns.iter().find(|column| column.name == name) else {
        let nearest = columns.iter().map(|column| &*column.name).min_by_key(|known| distance(known, name));
        return Err(BadColumn::Unknown { name: name.to_owned(), nearest: nearest.map(ToOwned::to_owned) });
    };
    let kind = column.kind;
    let wrong = BadColumn::OtherKind { name: name.to_owned(), kind: kind.name(), given: value.clone() };
    value.fitted(kind).ok_or(wrong)
}

/// How many characters have to be put in, left out or replaced to make one of the other.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (above, left) in one.chars().enumerate() {
        let mut corner = above;
        row[0] = above + 1;
        for (index, top) in other.chars().enumerate() {
            let replaced = corner + usize::from(left != top);
            corner = row[index + 1];
            row[index + 1] = replaced.min(corner + 1).min(row[index] + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::Kind;

    #[test]
    fn columns_are_checked() {
        let columns = [Column::new("customer_id", Kind::Text, 1), Column::new("total", Kind::Unsigned, 2)];
        assert_eq!(checked(&columns, "total", 5.into()).unwrap(), Value::Unsigned(5));
        assert_eq!(checked(&columns, "total", Value::Null).unwrap(), Value::Null);
        let error = |name, value| Error::from(checked(&columns, name, value).unwrap_err());
        let unknown = error("custmer", "c".into());
        assert_eq!(unknown.code(), "COLUMN_UNKNOWN");
        assert_eq!(unknown.to_string(), "rows have no column `custmer`; the nearest is `customer_id`");
        let other = error("total", "5".into());
        assert_eq!(other.code(), "COLUMN_OTHER_KIND");
        assert_eq!(other.to_string(), "the column `total` is unsigned and never has the value Text(\"5\")");
        assert_eq!(error("total", (-1).into()).code(), "COLUMN_OTHER_KIND");
        assert_eq!(Error::from(checked(&[], "a", Value::Null).unwrap_err()).to_string(), "rows have no column `a`");
    }

    #[test]
    fn distances() {
        assert_eq!([distance("", "abc"), distance("abc", "abd"), distance("kitten", "sitting")], [3, 1, 3]);
    }
}
