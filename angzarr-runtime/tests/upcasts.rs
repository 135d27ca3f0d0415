//! Upcasts without user code, where packages have messages and enums whose names end alike.

use angzarr_runtime::component::upcast;
use angzarr_runtime::{App, Event, Payload, Storage, Upcaster};

/// A package with a message and an enum, the message known to prost by its full name.
macro_rules! package {
    ($module:ident, $package:literal) => {
        mod $module {
            #[derive(Clone, PartialEq, prost::Message)]
            pub(crate) struct Price {
                #[prost(uint64, tag = "1")]
                pub(crate) cents: u64,
            }

            impl prost::Name for Price {
                const NAME: &'static str = "Price";
                const PACKAGE: &'static str = $package;
            }

            /// A message without prost's `Name`.
            #[derive(Clone, PartialEq, prost::Message)]
            pub(crate) struct Size {
                #[prost(uint64, tag = "1")]
                pub(crate) grams: u64,
            }

            #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
            #[repr(i32)]
            pub(crate) enum Colour {
                None = 0,
                Red = 1,
            }
        }
    };
}

package!(a, "a");
package!(b, "b");

/// As if another crate had generated the first package, too.
mod again {
    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct Price {
        #[prost(uint64, tag = "1")]
        pub(crate) cents: u64,
    }

    impl prost::Name for Price {
        const NAME: &'static str = "Price";
        const PACKAGE: &'static str = "a";
    }
}

#[derive(Clone, PartialEq, prost::Message, Event)]
#[event(name = "a.Put", domain = "shelf")]
struct Put {
    #[prost(message, optional, tag = "1")]
    price: Option<a::Price>,
    #[prost(message, optional, tag = "2")]
    size: Option<a::Size>,
    #[prost(enumeration = "a::Colour", tag = "3")]
    colour: i32,
    #[prost(btree_map = "string, enumeration(a::Colour)", tag = "4")]
    parts: std::collections::BTreeMap<String, i32>,
}

#[derive(Clone, PartialEq, prost::Message, Event)]
#[event(
    name = "b.Put",
    domain = "shelf",
    upcast_default(price = b::Price { cents: 7 }, size = b::Size { grams: 8 }, colour = 0, parts = Default::default())
)]
struct PutOfOtherTypes {
    #[prost(message, optional, tag = "1")]
    price: Option<b::Price>,
    #[prost(message, optional, tag = "2")]
    size: Option<b::Size>,
    #[prost(enumeration = "b::Colour", tag = "3")]
    colour: i32,
    #[prost(btree_map = "string, enumeration(b::Colour)", tag = "4")]
    parts: std::collections::BTreeMap<String, i32>,
}

#[derive(Clone, PartialEq, prost::Message, Event)]
#[event(name = "a.PutV2", domain = "shelf")]
struct PutOfTheSameTypes {
    #[prost(message, optional, boxed, tag = "11")]
    price: Option<Box<again::Price>>,
    #[prost(message, optional, tag = "12")]
    size: Option<a::Size>,
    #[prost(enumeration = "a::Colour", tag = "13")]
    colour: i32,
    #[prost(btree_map = "string, enumeration(a::Colour)", tag = "14")]
    parts: std::collections::BTreeMap<String, i32>,
}

fn put() -> Payload {
    Payload::event(&Put {
        price: Some(a::Price { cents: 5 }),
        size: Some(a::Size { grams: 6 }),
        colour: a::Colour::Red.into(),
        parts: [("lid".to_owned(), a::Colour::Red.into())].into(),
    })
}

#[test]
fn what_is_of_another_type_gets_the_default() {
    let current = upcast::<Put, PutOfOtherTypes>(&put()).unwrap().decode::<PutOfOtherTypes>().unwrap();
    let expected = PutOfOtherTypes {
        price: Some(b::Price { cents: 7 }),
        size: Some(b::Size { grams: 8 }),
        colour: b::Colour::None.into(),
        parts: Default::default(),
    };
    assert_eq!(current, expected);
}

#[test]
fn what_is_of_the_same_type_is_copied() {
    let current = upcast::<Put, PutOfTheSameTypes>(&put()).unwrap().decode::<PutOfTheSameTypes>().unwrap();
    let expected = PutOfTheSameTypes {
        price: Some(Box::new(again::Price { cents: 5 })),
        size: Some(a::Size { grams: 6 }),
        colour: a::Colour::Red.into(),
        parts: [("lid".to_owned(), a::Colour::Red.into())].into(),
    };
    assert_eq!(current, expected);
}

#[derive(Clone, PartialEq, prost::Message, Event)]
#[event(name = "b.Unfilled", domain = "shelf")]
struct Unfilled {
    #[prost(message, optional, tag = "1")]
    price: Option<b::Price>,
}

#[derive(Clone, PartialEq, prost::Message, Event)]
#[event(name = "b.Renamed", domain = "shelf", renamed_from(paint = colour))]
struct Renamed {
    #[prost(enumeration = "b::Colour", tag = "1")]
    paint: i32,
}

#[derive(Upcaster)]
#[upcaster(define = Filling, name = "b.Filling", domain = "shelf", upcast(to_unfilled: Put => Unfilled))]
struct Fill {}

impl Filling for Fill {}

#[derive(Upcaster)]
#[upcaster(define = Renaming, name = "b.Renaming", domain = "shelf", upcast(to_renamed: Put => Renamed))]
struct Rename {}

impl Renaming for Rename {}

#[tokio::test]
async fn what_gets_no_value_is_refused_at_the_start() {
    let started = App::builder(Storage::Memory).register(Fill {}).register(Rename {}).start().await;
    let refused = started.map(drop).unwrap_err().to_string();
    for wrong in [
        "AZ0505: `to_unfilled`: `price` is not in `a.Put`, or with another type, and has no default",
        "AZ0507: `to_renamed`: `paint` is renamed from `colour`, which `a.Put` has not, or with another type",
    ] {
        assert!(refused.contains(wrong), "{refused}");
    }
}
