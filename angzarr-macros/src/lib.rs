//! The derives behind Angzarr components.
//!
//! # Defining and binding
//! An attribute that says `define = Orders` describes a component in full; its derive writes a trait `Orders` with
//! one method a handler and one fold an event, and hidden dispatch. Generated code puts it on an empty enum,
//! which has no value and is therefore bound to nothing. `#[aggregate(Orders)]` on a type of the user binds that
//! type to the trait it implements. A `define` on a type with values does both.
//!
//! # Grammar
//! ```text
//! aggregate        = define, name, domain, state, snapshot?, rejections?, (command | fact | compensation | query)*
//! saga             = define, name, delivery?, on*
//! projector        = define, name, view?, delivery?, on*
//! process_manager  = define, name, domain, state, snapshot?, delivery?, (on | compensation | deadline)*
//! upcaster         = define, name, domain, upcast*
//!
//! define    = `define = Trait`           name    = `name = "full.Name"`      domain = `domain = "orders"`
//! state     = `state = Type`             view    = `view = Type`             rejections = `rejections = Type`
//! snapshot  = `snapshot(every = 100, version = 1, shape = "…")`
//! delivery  = `delivery(attempts = 6, timeout_ms = 30000, on_failure = Park)`, or `Skip`, or `Stop`
//! handler   = `command(method: Input => output, key(a, b.c), starts, io, hook, doc = "…", at = "file:line:column")`
//!             likewise fact(…), compensation(…), query(…), on(…), deadline(…), upcast(…)
//! output    = `()` | `stream`? payload
//! payload   = role? Type | Union `(` (role Type),* `)`      role = `event` | `command` | `fact`
//! ```
//! All lists are separated by commas, may end in one, and have no fixed order. Of a snapshot, of the delivery and of
//! what follows a handler's output everything may be left out; nothing may stand twice. Without a role, a saga yields
//! commands, a query its answer, and everything else events. Types are paths without type arguments.
//!
//! `stream ::stock::Reserve` and `stream::stock::Reserve` are the same tokens: before `::`, `stream` is always the
//! word, so is `command` where events are the default, and so is `fact` except in queries; `event` is a module.
//! `self::stream::…` always names a module.

mod attribute;
mod expand;
mod types;

use attribute::{Parsed, Vocabulary};
use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Defines an aggregate, or binds a type to one.
#[proc_macro_derive(Aggregate, attributes(aggregate))]
pub fn derive_aggregate(input: TokenStream) -> TokenStream {
    component(parse_macro_input!(input), Vocabulary::AGGREGATE)
}

/// Defines a saga, or binds a type to one.
#[proc_macro_derive(Saga, attributes(saga))]
pub fn derive_saga(input: TokenStream) -> TokenStream {
    component(parse_macro_input!(input), Vocabulary::SAGA)
}

/// Defines a projector, or binds a type to one.
#[proc_macro_derive(Projector, attributes(projector))]
pub fn derive_projector(input: TokenStream) -> TokenStream {
    component(parse_macro_input!(input), Vocabulary::PROJECTOR)
}

/// Defines a process manager, or binds a type to one.
#[proc_macro_derive(ProcessManager, attributes(process_manager))]
pub fn derive_process_manager(input: TokenStream) -> TokenStream {
    component(parse_macro_input!(input), Vocabulary::PROCESS_MANAGER)
}

/// Defines an upcaster, or binds a type to one.
#[proc_macro_derive(Upcaster, attributes(upcaster))]
pub fn derive_upcaster(input: TokenStream) -> TokenStream {
    component(parse_macro_input!(input), Vocabulary::UPCASTER)
}

/// Makes a message a command: `#[command(name = "full.Name", domain = "orders", root = order_id)]`.
#[proc_macro_derive(Command, attributes(command))]
pub fn derive_command(input: TokenStream) -> TokenStream {
    expand::message::command(&parse_macro_input!(input)).into()
}

/// Makes a message an event: `#[event(name = "full.Name", domain = "orders")]`, with `retired` if it is no longer
/// written. With `root = order_id, idempotency_key = payment_id` it is a fact, too: these fields hold the natural id of
/// the aggregate that records it, and what its source knows it by.
///
/// `stored_as("old.full.Name")` lists the names under which earlier releases stored this very shape. For upcasts without
/// user code that lead to it, `renamed_from(total = amount)` names the older version's field that a field takes its value
/// from, and `upcast_default(currency = "USD")` what a field holds that the older version lacks: an expression of its
/// type; for strings and bytes a literal.
#[proc_macro_derive(Event, attributes(event))]
pub fn derive_event(input: TokenStream) -> TokenStream {
    expand::message::event(&parse_macro_input!(input)).into()
}

/// Makes a message a query: `#[query(name = "full.Name", domain = "orders", root = order_id, answer = OrderSummary)]`.
#[proc_macro_derive(Query, attributes(query))]
pub fn derive_query(input: TokenStream) -> TokenStream {
    expand::message::query(&parse_macro_input!(input)).into()
}

/// Makes a message what a process manager gets when a deadline passes:
/// `#[deadline(name = "full.Name", domain = "checkout")]`, with the process manager's domain.
#[proc_macro_derive(Deadline, attributes(deadline))]
pub fn derive_deadline(input: TokenStream) -> TokenStream {
    expand::message::deadline(&parse_macro_input!(input)).into()
}

/// Makes a message with one oneof a union:
/// `#[union(step = step_module::Step, event Variant(Type), command Other(OtherType))]`; also `fact …`.
#[proc_macro_derive(Union, attributes(union))]
pub fn derive_union(input: TokenStream) -> TokenStream {
    finish(expand::message::union(&parse_macro_input!(input)))
}

/// Makes a message the row of a view, or a part of one; also for the enum of a oneof in it. What becomes of each field
/// is said at the trait, `angzarr_runtime::view::Row`.
#[proc_macro_derive(Row, attributes(row))]
pub fn derive_row(input: TokenStream) -> TokenStream {
    finish(expand::row::row(&parse_macro_input!(input)))
}

/// Makes an enum that prost generated the codes of rejections.
#[proc_macro_derive(RejectionCode)]
pub fn derive_rejection_code(input: TokenStream) -> TokenStream {
    expand::message::rejection_code(&parse_macro_input!(input)).into()
}

fn component(input: DeriveInput, vocabulary: Vocabulary) -> TokenStream {
    finish(attribute::parse(&input, vocabulary).map(|parsed| match parsed {
        Parsed::Bind(path) => expand::bind(&input, vocabulary.attribute, &path),
        Parsed::Define(definition) => expand::define(&input, vocabulary.attribute, &definition),
    }))
}

fn finish(expanded: syn::Result<proc_macro2::TokenStream>) -> TokenStream {
    expanded.unwrap_or_else(syn::Error::into_compile_error).into()
}
