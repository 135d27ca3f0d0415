//! What is given and expected.

use crate::component::emit::Union;
use crate::message::{Command, Emission, Event, Payload};

/// Messages in order, of one type or of several: a message, the union that holds it, an array, a `Vec`, or a tuple of up
/// to six of these. `()` stands for none.
///
/// `Kind` is found by the compiler.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/app/example.rs"));
/// use angzarr_runtime::testing::Messages;
///
/// # fn main() {
/// fn count<K>(messages: impl Messages<K>) -> usize {
///     messages.payloads().len()
/// }
/// assert_eq!(count(()), 0);
/// assert_eq!(count(Opened {}), 1);
/// assert_eq!(count([Deposited { amount: 1 }, Deposited { amount: 2 }]), 2);
/// assert_eq!(count((Opened {}, vec![Deposited { amount: 1 }], Closed {})), 3);
/// # }
/// ```
pub trait Messages<Kind> {
    /// Each in encoded form.
    fn payloads(self) -> Vec<Payload>;
}

/// The kind of events and facts.
#[derive(Debug)]
pub struct AsEvent;

/// The kind of commands.
#[derive(Debug)]
pub struct AsCommand;

/// The kind of unions.
#[derive(Debug)]
pub struct AsUnion;

impl<E: Event> Messages<AsEvent> for E {
    fn payloads(self) -> Vec<Payload> {
        vec![Payload::event(&self)]
    }
}

impl<C: Command> Messages<AsCommand> for C {
    fn payloads(self) -> Vec<Payload> {
        vec![Payload::command(&self)]
    }
}

impl<U: Union> Messages<AsUnion> for U {
    #[track_caller]
    fn payloads(self) -> Vec<Payload> {
        match self.into_emission() {
            Ok(Emission::Event(payload)) => vec![payload],
            Ok(Emission::Command(outgoing)) => vec![outgoing.payload],
            Err(failure) => panic!("{failure}"),
        }
    }
}

impl<K, M: Messages<K>> Messages<Vec<K>> for Vec<M> {
    fn payloads(self) -> Vec<Payload> {
        self.into_iter().flat_map(Messages::payloads).collect()
    }
}

impl<K, M: Messages<K>, const N: usize> Messages<[K; N]> for [M; N] {
    fn payloads(self) -> Vec<Payload> {
        self.into_iter().flat_map(Messages::payloads).collect()
    }
}

macro_rules! tuples {
    ($($message:ident $kind:ident),*) => {
        impl<$($kind, $message: Messages<$kind>),*> Messages<($($kind,)*)> for ($($message,)*) {
            #[allow(non_snake_case, reason = "a message is named like its type")]
            fn payloads(self) -> Vec<Payload> {
                let ($($message,)*) = self;
                let payloads: Vec<Vec<Payload>> = vec![$($message.payloads()),*];
                payloads.concat()
            }
        }
    };
}

tuples!();
tuples!(A J);
tuples!(A J, B K);
tuples!(A J, B K, C L);
tuples!(A J, B K, C L, D M);
tuples!(A J, B K, C L, D M, E N);
tuples!(A J, B K, C L, D M, E N, F O);
