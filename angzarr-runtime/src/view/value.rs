//! Values of columns, and what a row consists of.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use bytes::Bytes;

use super::json::{Named, Object};

/// What a column holds.
///
/// | kind | fields | SQLite | PostgreSQL |
/// |---|---|---|---|
/// | `Text` | `string`, enums by the names of their values | `TEXT` | `text` |
/// | `Integer` | integers of 32 bits, signed ones of 64 | `INTEGER` | `bigint` |
/// | `Unsigned` | unsigned integers of 64 bits | `ANY` | `numeric(20)` |
/// | `Real` | `float`, `double` | `REAL` | `double precision` |
/// | `Boolean` | `bool` | `INTEGER` | `boolean` |
/// | `Bytes` | `bytes` | `BLOB` | `bytea` |
///
/// SQLite has no integers above 2⁶³ − 1. Those are written there as texts of 20 digits, which SQLite puts after all
/// numbers: nothing loses its value or its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Characters.
    Text,
    /// A signed integer of 64 bits.
    Integer,
    /// An unsigned integer of 64 bits.
    Unsigned,
    /// A floating-point number.
    Real,
    /// True or false.
    Boolean,
    /// Bytes.
    Bytes,
}

impl Kind {
    const ALL: [(Kind, &'static str); 6] = [
        (Kind::Text, "text"),
        (Kind::Integer, "integer"),
        (Kind::Unsigned, "unsigned"),
        (Kind::Real, "real"),
        (Kind::Boolean, "boolean"),
        (Kind::Bytes, "bytes"),
    ];

    /// In lower case, like `text`.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind)
    }
}

/// More columns than this no database takes; the others lie in the JSON.
#[cfg(feature = "grpc")]
pub(crate) const COLUMNS: usize = 1_000;

/// Whether both databases take the name of a field for a column that is not theirs or ours.
#[cfg(feature = "grpc")]
pub(crate) fn is_column(name: &str) -> bool {
    /// PostgreSQL has columns of these names in every table.
    const SYSTEM_COLUMNS: [&str; 6] = ["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"];
    /// What PostgreSQL keeps of a name.
    const NAME_BYTES: usize = 63;
    !name.starts_with('_') && name.len() <= NAME_BYTES && !SYSTEM_COLUMNS.contains(&name)
}

/// A column that is made from a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Name of the column and of the field.
    pub name: Cow<'static, str>,
    /// What it holds.
    pub kind: Kind,
    /// The field's number.
    pub number: u32,
}

impl Column {
    /// A column, as derives write it.
    pub const fn new(name: &'static str, kind: Kind, number: u32) -> Self {
        Self { name: Cow::Borrowed(name), kind, number }
    }
}

/// A message whose scalar fields become columns. Derived beside `prost::Message`:
///
/// ```
/// use angzarr_runtime::{Row, prost, view};
///
/// #[derive(Clone, PartialEq, prost::Message, Row)]
/// #[prost(prost_path = "::angzarr_runtime::prost")]
/// struct OrderRow {
///     #[prost(string, tag = "1")]
///     customer_id: String,
///     #[prost(uint64, optional, tag = "2")]
///     total: Option<u64>,
///     #[prost(string, repeated, tag = "3")]
///     tags: Vec<String>,
/// }
///
/// use view::{Column, Kind, Value};
/// assert_eq!(OrderRow::COLUMNS, [Column::new("customer_id", Kind::Text, 1), Column::new("total", Kind::Unsigned, 2)]);
/// let row = OrderRow { customer_id: "c-1".into(), total: None, tags: vec!["gift".into()] };
/// assert_eq!(row.values(), [Value::Text("c-1".into()), Value::Null]);
/// assert_eq!(view::json::rest(&row), r#"{"tags":["gift"]}"#);
/// ```
///
/// Every singular scalar field is a column of its name; the others lie in one JSON object, `_rest`, in protobuf's
/// JSON with the names of the fields as they are declared. A field lies there too if databases do not take its name for
/// a column: if it begins with `_`, has more than 63 bytes, or is one of PostgreSQL's own (`ctid`, `xmin`, …).
///
/// Messages inside, and the enums of oneofs, derive it too. `#[row(without(field))]` leaves fields out of the JSON:
/// those whose types cannot derive it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the row of a view",
    note = "derive `angzarr_runtime::Row` for it; generated messages have it if the run sees their projector"
)]
pub trait Row {
    /// Its columns, in the order of declaration.
    const COLUMNS: &'static [Column];

    /// Their values, in the same order.
    fn values(&self) -> Vec<Value>;

    /// All other fields.
    fn rest(&self, json: &mut Object<'_>);
}

/// The value of a column.
///
/// Equality is that of columns: NaN equals NaN, `-0.0` equals `0.0`.
#[derive(Clone, Debug)]
pub enum Value {
    /// Nothing: the field is optional and not set.
    Null,
    /// Of a column of kind [`Kind::Text`].
    Text(String),
    /// Of a column of kind [`Kind::Integer`].
    Integer(i64),
    /// Of a column of kind [`Kind::Unsigned`].
    Unsigned(u64),
    /// Of a column of kind [`Kind::Real`].
    Real(f64),
    /// Of a column of kind [`Kind::Boolean`].
    Boolean(bool),
    /// Of a column of kind [`Kind::Bytes`].
    Bytes(Bytes),
}

impl Value {
    /// Its kind; `Null` has none.
    pub fn kind(&self) -> Option<Kind> {
        match self {
            Value::Null => None,
            Value::Text(_) => Some(Kind::Text),
            Value::Integer(_) => Some(Kind::Integer),
            Value::Unsigned(_) => Some(Kind::Unsigned),
            Value::Real(_) => Some(Kind::Real),
            Value::Boolean(_) => Some(Kind::Boolean),
            Value::Bytes(_) => Some(Kind::Bytes),
        }
    }

    /// The same value as one of `kind`; integers of one kind are taken for the other if they fit.
    pub(crate) fn fitted(self, kind: Kind) -> Option<Value> {
        match (self, kind) {
            (Value::Null, _) => Some(Value::Null),
            (Value::Integer(number), Kind::Unsigned) => u64::try_from(number).ok().map(Value::Unsigned),
            (Value::Unsigned(number), Kind::Integer) => i64::try_from(number).ok().map(Value::Integer),
            (value, kind) => (value.kind() == Some(kind)).then_some(value),
        }
    }
}

/// As people read it: a text as it is, bytes as `\x` and digits, null as nothing.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => Ok(()),
            Value::Text(text) => f.write_str(text),
            Value::Integer(number) => write!(f, "{number}"),
            Value::Unsigned(number) => write!(f, "{number}"),
            Value::Real(number) => write!(f, "{number}"),
            Value::Boolean(is) => write!(f, "{is}"),
            Value::Bytes(bytes) => {
                f.write_str("\\x")?;
                bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Text(one), Value::Text(other)) => one == other,
            (Value::Integer(one), Value::Integer(other)) => one == other,
            (Value::Unsigned(one), Value::Unsigned(other)) => one == other,
            (Value::Real(one), Value::Real(other)) => {
                one.partial_cmp(other).map_or(one.is_nan() && other.is_nan(), Ordering::is_eq)
            }
            (Value::Boolean(one), Value::Boolean(other)) => one == other,
            (Value::Bytes(one), Value::Bytes(other)) => one == other,
            _ => false,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.to_owned())
    }
}

macro_rules! values {
    ($($ty:ty => $variant:ident),*) => {$(
        impl From<$ty> for Value {
            fn from(value: $ty) -> Self {
                Value::$variant(value.into())
            }
        }
    )*};
}
values!(String => Text, i32 => Integer, u32 => Integer, i64 => Integer, u64 => Unsigned, f32 => Real, f64 => Real,
    bool => Boolean, Vec<u8> => Bytes, Bytes => Bytes);

/// Its name, or its number if this release does not know it.
impl From<Named> for Value {
    fn from(Named(number, name): Named) -> Self {
        Value::Text(name(number).map_or_else(|| number.to_string(), ToOwned::to_owned))
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

/// What the rows of a view are: their type and its columns. Its text is kept beside the rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Full name of the rows' type.
    pub row_type: String,
    /// Its columns.
    pub columns: Vec<Column>,
}

impl Shape {
    /// The shape of rows of type `R`.
    pub fn of<R: Row + prost::Name>() -> Self {
        Self { row_type: R::full_name(), columns: R::COLUMNS.to_vec() }
    }

    /// Reads the text of a shape; none if it is no such text.
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let row_type = lines.next()?.to_owned();
        let column = |line: &str| {
            let mut words = line.split(' ');
            let (number, kind, name) = (words.next()?, words.next()?, words.next()?);
            Some(Column { name: name.to_owned().into(), kind: Kind::named(kind)?, number: number.parse().ok()? })
        };
        Some(Self { row_type, columns: lines.map(column).collect::<Option<_>>()? })
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.row_type)?;
        for Column { name, kind, number } in &self.columns {
            write!(f, "\n{number} {} {name}", kind.name())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_shape_says_all_of_it() {
        let columns =
            Kind::ALL.iter().zip(1..).map(|((kind, name), number)| Column::new(name, *kind, number)).collect();
        let shape = Shape { row_type: "a.v1.Row".into(), columns };
        assert_eq!(Shape::parse(&shape.to_string()), Some(shape));
        assert_eq!(Shape::parse("a.v1.Row\n1 money total"), None);
    }

    #[test]
    fn numbers_fit_where_they_keep_their_value() {
        assert_eq!(Value::from(5_u64).fitted(Kind::Integer), Some(Value::Integer(5)));
        assert_eq!(Value::from(u64::MAX).fitted(Kind::Integer), None);
        assert_eq!(Value::from(-1).fitted(Kind::Unsigned), None);
        assert_eq!(Value::from("5").fitted(Kind::Integer), None);
        assert_eq!(Value::from(f64::NAN), Value::from(f32::NAN));
        assert_ne!(Value::from(f64::NAN), Value::from(1.0));
    }
}
