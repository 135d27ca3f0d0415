//! Rows of queries, and what their values are in Rust.

use std::sync::Arc;

use super::refused;
use crate::failure::Failure;
use crate::view::Value;

/// A row that a query gave.
#[derive(Clone, Debug, PartialEq)]
pub struct SqlRow {
    columns: Arc<[String]>,
    values: Vec<Value>,
}

impl SqlRow {
    /// A row with a value for each column.
    pub fn new(columns: Arc<[String]>, values: Vec<Value>) -> Self {
        Self { columns, values }
    }

    /// The value of a column, by name: `row.get::<i64>("total")?`. Null is `None` of an `Option`.
    ///
    /// # Errors
    /// `SQL_FAILED` if there is no such column, or it holds something else.
    pub fn get<T: FromValue>(&self, column: &str) -> Result<T, Failure> {
        let index = self.columns.iter().position(|name| name == column);
        let Some(value) = index.and_then(|index| self.values.get(index)) else {
            return Err(refused(format!("the rows have no column `{column}`, but {}", self.columns.join(", "))));
        };
        T::from_value(value).ok_or_else(|| {
            let wanted = std::any::type_name::<T>();
            refused(format!("the column `{column}` holds {value:?}, which is no {wanted}"))
        })
    }

    /// All values, in the order of the columns.
    pub fn values(&self) -> &[Value] {
        &self.values
    }
}

/// What a value of a column can be read as.
pub trait FromValue: Sized {
    /// None if the value is something else.
    fn from_value(value: &Value) -> Option<Self>;
}

impl FromValue for Value {
    fn from_value(value: &Value) -> Option<Self> {
        Some(value.clone())
    }
}

impl FromValue for i64 {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Integer(number) => Some(*number),
            _ => None,
        }
    }
}

/// Also from a text of digits: SQLite keeps those beyond 2⁶³ − 1 so.
impl FromValue for u64 {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Integer(number) => (*number).try_into().ok(),
            Value::Unsigned(number) => Some(*number),
            Value::Text(digits) => digits.parse().ok(),
            _ => None,
        }
    }
}

impl FromValue for f64 {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Real(number) => Some(*number),
            _ => None,
        }
    }
}

/// Also from 0 and 1: SQLite knows no others.
impl FromValue for bool {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Boolean(is) => Some(*is),
            Value::Integer(number @ (0 | 1)) => Some(*number == 1),
            _ => None,
        }
    }
}

impl FromValue for String {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        }
    }
}

impl FromValue for Vec<u8> {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Bytes(bytes) => Some(bytes.to_vec()),
            _ => None,
        }
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::from_value(value).map(Some),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_what_they_are() {
        let columns: Arc<[String]> = ["total", "name", "open"].map(ToOwned::to_owned).into();
        let row = SqlRow::new(columns, vec![Value::Integer(1), Value::Null, Value::Integer(1)]);
        assert_eq!((row.get::<i64>("total").unwrap(), row.get::<u64>("total").unwrap()), (1, 1));
        assert_eq!(row.get::<Option<String>>("name").unwrap(), None);
        assert!(row.get::<bool>("open").unwrap());
        let failed = |failure: Failure| failure.to_string();
        assert_eq!(
            failed(row.get::<i64>("sum").unwrap_err()),
            "SQL_FAILED: the rows have no column `sum`, but total, name, open"
        );
        assert_eq!(
            failed(row.get::<i64>("name").unwrap_err()),
            "SQL_FAILED: the column `name` holds Null, which is no i64"
        );
        assert_eq!(u64::from_value(&Value::Text("18446744073709551615".into())), Some(u64::MAX));
        assert_eq!(u64::from_value(&Value::Integer(-1)), None);
    }
}
