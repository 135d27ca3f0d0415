//! Views, typed.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::error::{BadColumn, Error};
use crate::nearest::distance;
use crate::store::StoreError;
use crate::view::{Column, Key, Row, Selection, Value, ViewStore};

/// The rows that a projector keeps.
///
/// ```
/// # use angzarr_runtime::{Aggregate, App, Command, Context, Event, Failure, Projector, Rejection, Row, SyncMode, prost};
/// # macro_rules! message {
/// #     ($name:ident, $derive:path, $(#[$attribute:meta])*) => {
/// #         #[derive(Clone, PartialEq, prost::Message, $derive)]
/// #         #[prost(prost_path = "::angzarr_runtime::prost")]
/// #         $(#[$attribute])*
/// #         struct $name {
/// #             #[prost(string, tag = "1")]
/// #             order_id: String,
/// #             #[prost(string, tag = "2")]
/// #             customer_id: String,
/// #         }
/// #         impl prost::Name for $name {
/// #             const NAME: &'static str = stringify!($name);
/// #             const PACKAGE: &'static str = "shop.v1";
/// #         }
/// #     };
/// # }
/// # message!(PlaceOrder, Command, #[command(name = "shop.v1.PlaceOrder", domain = "orders", root = order_id)]);
/// # message!(OrderPlaced, Event, #[event(name = "shop.v1.OrderPlaced", domain = "orders")]);
/// # message!(Order, Row,);
/// # message!(OrderRow, Row,);
/// # #[derive(Aggregate)]
/// # #[aggregate(define = Orders, name = "shop.v1.app.Orders", domain = "orders", state = Order,
/// #     command(place: PlaceOrder => OrderPlaced))]
/// # struct OrderBook;
/// # impl Orders for OrderBook {
/// #     fn place(&self, _: &Order, it: PlaceOrder, _: &Context) -> Result<OrderPlaced, Rejection> {
/// #         Ok(OrderPlaced { order_id: it.order_id, customer_id: it.customer_id })
/// #     }
/// #     fn apply_order_placed(_: &mut Order, _: OrderPlaced) {}
/// # }
/// # #[derive(Projector)]
/// # #[projector(define = Board, name = "shop.v1.app.Board", view = OrderRow, on(on_placed: OrderPlaced => ()))]
/// # struct OrderBoard;
/// # impl Board for OrderBoard {
/// #     async fn on_placed(
/// #         &self,
/// #         _: Option<OrderRow>,
/// #         it: OrderPlaced,
/// #         _: &Context,
/// #     ) -> Result<Option<OrderRow>, Failure> {
/// #         Ok(Some(OrderRow { order_id: it.order_id, customer_id: it.customer_id }))
/// #     }
/// # }
/// # #[tokio::main]
/// # async fn main() -> Result<(), angzarr_runtime::Error> {
/// # let app = App::builder("memory".parse()?).register(OrderBook).register(OrderBoard).start().await?;
/// # for (order, customer) in [("A-1", "c-1"), ("A-2", "c-2"), ("A-3", "c-1")] {
/// #     let order = PlaceOrder { order_id: order.into(), customer_id: customer.into() };
/// #     app.send(order).sync(SyncMode::Simple).await?;
/// # }
/// let orders = app.view::<OrderRow>()?;
/// let order = orders.get("A-1").await?;
/// assert_eq!(order.unwrap().customer_id, "c-1");
///
/// // All of them, page by page.
/// let (mut after, mut count) = (None, 0);
/// loop {
///     let page = orders.page(after.as_ref(), 2).await?;
///     let Some((last, _)) = page.last() else { break };
///     count += page.len();
///     after = Some(last.clone());
/// }
/// assert_eq!(count, 3);
///
/// // Those of one customer.
/// let first = orders.find("customer_id", "c-1").page(None, 100).await?;
/// assert_eq!(first.len(), 2);
/// # app.shutdown().await
/// # }
/// ```
///
/// Each call sees the rows of one moment. While another version is being built, those are the old version's: as they
/// follow the log, or, if the new one has other columns, as they were when the building began.
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
        self.select(Selection { equals: None, after, limit }).await
    }

    /// All rows, in the order of their keys' text, in memory: for small views.
    ///
    /// # Errors
    /// What the store can yield.
    pub async fn all(&self) -> Result<Vec<(Key, R)>, Error> {
        self.select(Selection::ALL).await
    }

    /// The rows whose column has a value, or is null: `view.find("customer_id", "c-1").page(None, 100)`.
    ///
    /// It is as fast as an index on that column, which is yours to make.
    pub fn find<'a>(&'a self, column: &'a str, value: impl Into<Value>) -> Find<'a, R> {
        Find { view: self, column, value: value.into() }
    }

    async fn select(&self, selection: Selection<'_>) -> Result<Vec<(Key, R)>, Error> {
        let rows = self.views.rows(self.name, selection).await?;
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
        self.view.select(Selection { equals: Some((self.column, &value)), after, limit }).await
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
}
