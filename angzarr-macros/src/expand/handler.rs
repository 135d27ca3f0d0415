//! What all kinds of components need for their handlers.

use angzarr_model::ir::{ComponentKind, Delivery, Handler, HandlerKind, Output, Payload, Role, Snapshot, TypeName};
use angzarr_model::names::{fold_method, last_segment};
use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::Ident;

use crate::attribute::Definition;
use crate::types::{Types, generated_at, generated_for};

/// The method's name, where it was written, so that a compiler that misses the method points there.
pub(super) fn method(types: &Types, handler: &Handler) -> Ident {
    let span = types.span(handler.span);
    match handler.method.strip_prefix("r#") {
        Some(raw) => Ident::new_raw(raw, span),
        None => Ident::new(&handler.method, span),
    }
}

/// Its documentation: the comment above it, what it takes, and where it was declared.
pub(super) fn docs(definition: &Definition, handler: &Handler) -> TokenStream {
    let manages = matches!(definition.component.kind, ComponentKind::ProcessManager(_));
    let mut text = handler.doc.trim().to_owned();
    if !text.is_empty() {
        text.push_str("\n\n");
    }
    let input = last_segment(&handler.input.0);
    text.push_str(&match handler.kind {
        HandlerKind::Command => format!("Decides on `{input}`."),
        HandlerKind::Fact => {
            format!("Takes note of `{input}`, which is stored before what is returned; `state` is that before it.")
        }
        HandlerKind::Compensation if manages => format!("Answers the refusal of a `{input}` that it sent."),
        HandlerKind::Compensation => {
            format!("Answers the refusal of a `{input}` that one of this aggregate's events led to.")
        }
        HandlerKind::Query => format!("Answers `{input}`. Nothing is stored."),
        HandlerKind::Event => format!("Handles `{input}`."),
        HandlerKind::Deadline => format!("Handles the deadline `{input}`."),
        HandlerKind::Upcast => format!("Turns an old `{input}` into what it is today."),
    });
    if !handler.at.is_empty() {
        text.push_str(&format!(" Declared at {}.", handler.at));
    }
    quote! { #[doc = #text] }
}

/// What the method returns when all goes well.
pub(super) fn returned(types: &Types, output: &Output) -> TokenStream {
    let ty = |payload: &Payload| {
        let (Payload::Message(angzarr_model::ir::Member { ty, .. }) | Payload::Union { ty, .. }) = payload;
        types.path(ty).clone()
    };
    match output {
        Output::Nothing => quote! { () },
        Output::One(payload) => {
            let ty = ty(payload);
            quote! { #ty }
        }
        Output::Many(payload) => {
            let ty = ty(payload);
            quote! { ::std::vec::Vec<#ty> }
        }
    }
}

/// The function that turns what the method returned into emissions, or a failure.
pub(super) fn emit(types: &Types, output: &Output) -> TokenStream {
    let (at, word) = match output.payload() {
        None => (proc_macro2::Span::call_site(), "nothing"),
        Some(Payload::Union { ty, .. }) => (generated_for(types.path(ty)), "union"),
        Some(Payload::Message(member)) => {
            let word = match member.role {
                Role::Event => "event",
                Role::Command => "command",
                Role::Fact | Role::Answer => "fact",
            };
            (generated_for(types.path(&member.ty)), word)
        }
    };
    let many = if matches!(output, Output::Many(_)) { "s" } else { "" };
    let name = Ident::new(&format!("{word}{many}"), at);
    quote_spanned! {at=> ::angzarr_runtime::component::emit::#name }
}

/// The type name of an event, as an expression and as a pattern.
pub(super) fn event_name(types: &Types, ty: &TypeName) -> TokenStream {
    let path = types.path(ty);
    quote_spanned! {generated_for(path)=> <#path as ::angzarr_runtime::Event>::TYPE_NAME }
}

/// The domains that a component sends commands and facts to.
pub(super) fn targets(definition: &Definition) -> TokenStream {
    let outputs = definition.component.handlers.iter().filter_map(|handler| handler.output.payload());
    let domains = outputs.flat_map(Payload::members).filter_map(|member| {
        let path = definition.types.path(&member.ty);
        match member.role {
            Role::Command => {
                Some(quote_spanned! {generated_for(path)=> <#path as ::angzarr_runtime::Command>::DOMAIN })
            }
            Role::Fact => Some(quote_spanned! {generated_for(path)=> <#path as ::angzarr_runtime::Event>::DOMAIN }),
            Role::Event | Role::Answer => None,
        }
    });
    quote! { &[#(#domains),*] }
}

/// The type names of the events that a component stores; the compiler refuses those that are retired.
pub(super) fn written(definition: &Definition) -> TokenStream {
    let names = definition.component.own_events().into_iter().map(|event| {
        let path = definition.types.path(event);
        quote_spanned! {generated_for(path)=> ::angzarr_runtime::component::written::<#path>() }
    });
    quote! { &[#(#names),*] }
}

/// The stored names of event types.
pub(super) fn stored_names<'a>(types: &Types, events: impl Iterator<Item = &'a TypeName>) -> TokenStream {
    let names = events.map(|event| {
        let path = types.path(event);
        quote_spanned! {generated_for(path)=> ::angzarr_runtime::component::StoredNames::of::<#path>() }
    });
    quote! { &[#(#names),*] }
}

/// The type name of a command, as an expression and as a pattern.
pub(super) fn command_name(types: &Types, ty: &TypeName) -> TokenStream {
    let path = types.path(ty);
    quote_spanned! {generated_for(path)=> <#path as ::angzarr_runtime::Command>::TYPE_NAME }
}

pub(super) fn snapshot(snapshot: &Snapshot) -> TokenStream {
    let Snapshot { every, version, shape } = snapshot;
    quote! { ::angzarr_runtime::component::SnapshotSpec { every: #every, version: #version, shape: #shape } }
}

/// Attempts and time, with the runtime's defaults for what the component does not say.
pub(super) fn delivery(definition: &Definition) -> TokenStream {
    let delivery = definition.component.delivery.clone().unwrap_or_default();
    let path = quote! { ::angzarr_runtime::component::Delivery };
    if delivery == Delivery::default() {
        return quote! { #path::DEFAULT };
    }
    let attempts = delivery.attempts.map_or_else(|| quote! { #path::DEFAULT.attempts }, |given| quote! { #given });
    let timeout = delivery.timeout_ms.map(|given| quote! { ::core::time::Duration::from_millis(#given) });
    let timeout = timeout.unwrap_or_else(|| quote! { #path::DEFAULT.timeout });
    let on_failure = delivery.on_failure.map(|given| {
        let given = format_ident!("{given:?}");
        quote! { ::angzarr_runtime::component::OnFailure::#given }
    });
    let on_failure = on_failure.unwrap_or_else(|| quote! { #path::DEFAULT.on_failure });
    quote! { #path { attempts: #attempts, timeout: #timeout, on_failure: #on_failure } }
}

/// The handlers of a kind.
pub(super) fn of_kind(definition: &Definition, kind: HandlerKind) -> impl Iterator<Item = &Handler> {
    definition.component.handlers.iter().filter(move |handler| handler.kind == kind)
}

/// What a consumer listens to.
pub(super) fn subscriptions(definition: &Definition) -> TokenStream {
    let subscriptions = of_kind(definition, HandlerKind::Event).map(|handler| {
        let input = definition.types.path(&handler.input);
        quote_spanned! {generated_for(input)=>
            ::angzarr_runtime::component::Subscription {
                domain: <#input as ::angzarr_runtime::Event>::DOMAIN,
                type_name: <#input as ::angzarr_runtime::Event>::TYPE_NAME,
            }
        }
    });
    quote! { &[#(#subscriptions),*] }
}

/// One fold an event, and the dispatch to them.
pub(super) fn folds(definition: &Definition, state: &TypeName) -> TokenStream {
    let (types, component) = (&definition.types, &definition.component.full_name);
    let state = types.path(state);
    let (mut methods, mut arms) = (Vec::new(), Vec::new());
    for event in definition.component.own_events() {
        let (path, name) = (types.path(event), event_name(types, event));
        let at = generated_for(path);
        let method = format_ident!("{}", fold_method(last_segment(&event.0)), span = at);
        let doc = format!("Applies `{}` to the state.", last_segment(&event.0));
        methods.push(quote_spanned! {at=> #[doc = #doc] fn #method(state: &mut #state, event: #path); });
        arms.push(quote! {
            #name => ::angzarr_runtime::component::fold(state, event, Self::#method),
        });
    }
    quote! {
        #(#methods)*

        #[doc(hidden)]
        #[allow(unused_variables, reason = "there may be no events")]
        fn __angzarr_fold(
            state: &mut #state,
            event: &::angzarr_runtime::Payload,
        ) -> ::core::result::Result<(), ::angzarr_runtime::Failure>
        where
            Self: ::core::marker::Sized,
        {
            match &*event.type_name {
                #(#arms)*
                _ => ::core::result::Result::Err(::angzarr_runtime::component::unhandled(#component, event)),
            }
        }
    }
}

/// Finds the key that an event's fields name.
pub(super) fn keys(definition: &Definition) -> TokenStream {
    let keyed = of_kind(definition, HandlerKind::Event).filter(|handler| !handler.key.is_empty());
    let arms = keyed.map(|handler| {
        let (path, name) = (definition.types.path(&handler.input), event_name(&definition.types, &handler.input));
        let parts = definition.types.key(handler.span).iter().map(|path| key_part(path));
        quote! {
            #name => {
                let event: #path = event.decode()?;
                ::core::result::Result::Ok(::core::option::Option::Some(::angzarr_runtime::component::Keyed {
                    key: ::core::convert::From::from([#(#parts),*]),
                    event: ::angzarr_runtime::component::Decoded::new(event),
                }))
            }
        }
    });
    quote! {
        #[doc(hidden)]
        fn __angzarr_key(
            event: &::angzarr_runtime::Payload,
        ) -> ::core::result::Result<
            ::core::option::Option<::angzarr_runtime::component::Keyed>,
            ::angzarr_runtime::Failure,
        >
        where
            Self: ::core::marker::Sized,
        {
            match &*event.type_name {
                #(#arms)*
                _ => ::core::result::Result::Ok(::core::option::Option::None),
            }
        }
    }
}

/// The text at the end of a path of fields; all but the last are messages, which prost wraps in options.
fn key_part(path: &[Ident]) -> TokenStream {
    let at = path.last().map_or_else(proc_macro2::Span::call_site, |field| generated_at(field.span()));
    let mut fields = path.iter();
    let first = fields.next();
    let mut found = quote_spanned! {at=> ::core::option::Option::Some(&event.#first) };
    for field in fields {
        found = quote_spanned! {at=>
            #found.and_then(::core::option::Option::as_ref).map(|message| &message.#field)
        };
    }
    quote_spanned! {at=> #found.map(::angzarr_runtime::KeyPart::key_part).unwrap_or_default() }
}

/// The dispatch of a consumer: a future that calls the handler of the event's type.
///
/// `parameters` stand before the event, each with a comma; every arm ends in a `Result` of what it `yields`.
pub(super) struct Dispatch<'a> {
    pub(super) definition: &'a Definition,
    pub(super) parameters: TokenStream,
    pub(super) yields: TokenStream,
    pub(super) arms: Vec<TokenStream>,
}

impl Dispatch<'_> {
    pub(super) fn method(&self) -> TokenStream {
        let Self { definition, parameters, yields, arms } = self;
        let component = &definition.component.full_name;
        quote! {
            #[doc(hidden)]
            fn __angzarr_react<'a>(
                &'a self,
                #parameters
                event: ::angzarr_runtime::component::Arrival<'a>,
                cx: &'a ::angzarr_runtime::Context,
            ) -> ::angzarr_runtime::component::Handling<'a, #yields>
            where
                Self: ::core::marker::Sized,
            {
                ::std::boxed::Box::pin(async move {
                    match &*event.payload.type_name {
                        #(#arms)*
                        _ => {
                            ::core::result::Result::Err(
                                ::angzarr_runtime::component::unhandled(#component, event.payload),
                            )
                        }
                    }
                })
            }
        }
    }
}
