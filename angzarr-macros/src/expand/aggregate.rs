//! Aggregates.

use angzarr_model::ir::{Aggregate, Handler, HandlerKind};
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Ident, Path};

use super::handler::{
    command_name, docs, emit, event_name, folds, method, of_kind, returned, snapshot, stored_names, written,
};
use crate::attribute::Definition;
use crate::types::generated_for;

pub(super) fn body(definition: &Definition, aggregate: &Aggregate) -> TokenStream {
    let types = &definition.types;
    let state = types.path(&aggregate.state);
    let methods = definition.component.handlers.iter().map(|handler| declaration(definition, handler, state));
    let (folds, decide) = (folds(definition, &aggregate.state), decide(definition, aggregate));
    let (query, register) = (query(definition, aggregate), register(definition, aggregate));
    quote! { #(#methods)* #folds #decide #query #register }
}

/// The method that the user writes.
fn declaration(definition: &Definition, handler: &Handler, state: &Path) -> TokenStream {
    let types = &definition.types;
    let (docs, method, returned) =
        (docs(definition, handler), method(types, handler), returned(types, &handler.output));
    let input = types.path(&handler.input);
    let at = types.at(handler.span);
    let parameter = match handler.kind {
        HandlerKind::Compensation => quote! { refused: ::angzarr_runtime::Refused<#input> },
        HandlerKind::Fact => quote! { fact: #input },
        HandlerKind::Query => quote! { query: #input },
        _ => quote! { command: #input },
    };
    let refuses = matches!(handler.kind, HandlerKind::Command | HandlerKind::Query);
    let errors = refuses.then(|| {
        quote! {
            ///
            /// # Errors
            /// The rejection, if the rules say no.
        }
    });
    let mut yields = quote_spanned! {at=> #returned };
    if refuses {
        yields = quote_spanned! {at=> ::core::result::Result<#yields, ::angzarr_runtime::Rejection> };
    }
    if handler.io {
        yields = quote_spanned! {at=>
            impl ::core::future::Future<Output = #yields> + ::core::marker::Send
        };
    }
    quote_spanned! {at=>
        #docs
        #errors
        fn #method(&self, state: &#state, #parameter, cx: &::angzarr_runtime::Context) -> #yields;
    }
}

/// Has a method called that does I/O, by whoever waits for it.
fn deciding(handler: &Handler, method: &Ident, input: &TokenStream, result: &TokenStream) -> TokenStream {
    let refuse = matches!(handler.kind, HandlerKind::Command | HandlerKind::Query).then(|| quote! { ? });
    quote! {
        ::angzarr_runtime::component::deciding(async move {
            let returned = self.#method(state, #input, cx).await #refuse;
            ::core::result::Result::Ok(#result)
        })
    }
}

/// The type name of a query, as an expression and as a pattern.
fn query_name(definition: &Definition, handler: &Handler) -> TokenStream {
    let path = definition.types.path(&handler.input);
    quote_spanned! {generated_for(path)=> <#path as ::angzarr_runtime::Query>::TYPE_NAME }
}

fn decide(definition: &Definition, aggregate: &Aggregate) -> TokenStream {
    let (types, component) = (&definition.types, &definition.component.full_name);
    let state = types.path(&aggregate.state);
    let arm = |name: TokenStream, handler: &Handler| {
        let (method, emit) = (method(types, handler), emit(types, &handler.output));
        let call = if handler.io {
            let input = match handler.kind {
                HandlerKind::Compensation => {
                    quote! { ::angzarr_runtime::component::decode_refused(payload, rejection)? }
                }
                HandlerKind::Fact => quote! { ::angzarr_runtime::component::handle::decode_fact(payload, cx)? },
                _ => quote! { ::angzarr_runtime::component::handle::decode_command(payload, cx)? },
            };
            deciding(handler, &method, &input, &quote! { #emit(returned)? })
        } else {
            let (kind, input) = match handler.kind {
                HandlerKind::Compensation => (quote! { compensation }, quote! { (payload, rejection) }),
                HandlerKind::Fact => (quote! { fact }, quote! { payload }),
                _ => (quote! { command }, quote! { payload }),
            };
            quote! { ::angzarr_runtime::component::handle::#kind(self, state, #input, cx, Self::#method, #emit) }
        };
        quote! { #name => #call, }
    };
    let commands =
        of_kind(definition, HandlerKind::Command).map(|handler| arm(command_name(types, &handler.input), handler));
    let facts = of_kind(definition, HandlerKind::Fact).map(|handler| arm(event_name(types, &handler.input), handler));
    let compensations =
        of_kind(definition, HandlerKind::Compensation).map(|handler| arm(command_name(types, &handler.input), handler));
    let unhandled = quote! { _ => ::angzarr_runtime::component::handle::unhandled(#component, payload) };
    quote! {
        #[doc(hidden)]
        #[allow(unused_variables, reason = "there may be no compensations")]
        fn __angzarr_decide<'a>(
            &'a self,
            state: &'a #state,
            input: &'a ::angzarr_runtime::component::Input,
            cx: &'a ::angzarr_runtime::Context,
        ) -> ::angzarr_runtime::component::Deciding<'a, ::std::vec::Vec<::angzarr_runtime::Emission>>
        where
            Self: ::core::marker::Sized,
        {
            match input {
                ::angzarr_runtime::component::Input::Command(payload) => match &*payload.type_name {
                    #(#commands)*
                    #unhandled
                },
                ::angzarr_runtime::component::Input::Fact(payload) => match &*payload.type_name {
                    #(#facts)*
                    #unhandled
                },
                ::angzarr_runtime::component::Input::Refusal { command: payload, rejection } => {
                    match &*payload.type_name {
                        #(#compensations)*
                        #unhandled
                    }
                }
            }
        }
    }
}

fn query(definition: &Definition, aggregate: &Aggregate) -> TokenStream {
    let (types, component) = (&definition.types, &definition.component.full_name);
    let state = types.path(&aggregate.state);
    let queries = of_kind(definition, HandlerKind::Query).map(|handler| {
        let (name, method) = (query_name(definition, handler), method(types, handler));
        let input = types.path(&handler.input);
        let call = if handler.io {
            let answer = quote_spanned! {generated_for(input)=>
                ::angzarr_runtime::component::emit::answer::<#input>(&returned)
            };
            deciding(handler, &method, &quote! { query.decode()? }, &answer)
        } else {
            quote_spanned! {generated_for(input)=>
                ::angzarr_runtime::component::handle::query(self, state, query, cx, Self::#method)
            }
        };
        quote! { #name => #call, }
    });
    quote! {
        #[doc(hidden)]
        #[allow(unused_variables, reason = "there may be no queries")]
        fn __angzarr_query<'a>(
            &'a self,
            state: &'a #state,
            query: &'a ::angzarr_runtime::Payload,
            cx: &'a ::angzarr_runtime::Context,
        ) -> ::angzarr_runtime::component::Deciding<'a, ::angzarr_runtime::Payload>
        where
            Self: ::core::marker::Sized,
        {
            match &*query.type_name {
                #(#queries)*
                _ => ::angzarr_runtime::component::handle::unhandled(#component, query),
            }
        }
    }
}

fn register(definition: &Definition, aggregate: &Aggregate) -> TokenStream {
    let types = &definition.types;
    // Named here, so that an error over it stands where it is written.
    let state = types.path(&aggregate.state);
    let (name, domain, snapshot) = (&definition.component.full_name, &aggregate.domain, snapshot(&aggregate.snapshot));
    let commands = of_kind(definition, HandlerKind::Command).map(|handler| command_name(types, &handler.input));
    let compensations =
        of_kind(definition, HandlerKind::Compensation).map(|handler| command_name(types, &handler.input));
    let facts = of_kind(definition, HandlerKind::Fact).map(|handler| {
        let path = types.path(&handler.input);
        quote_spanned! {generated_for(path)=> ::angzarr_runtime::component::recorded::<#path>() }
    });
    let queries = of_kind(definition, HandlerKind::Query).map(|handler| query_name(definition, handler));
    let events = written(definition);
    let stored_as = stored_names(types, definition.component.own_events().into_iter());
    // Handlers make rejections of any code; this is where the declared type has to be one.
    let rejections = aggregate.rejections.iter().map(|rejections| {
        let rejections = types.path(rejections);
        quote_spanned! {generated_for(rejections)=> <#rejections as ::angzarr_runtime::RejectionCode>::code }
    });
    quote! {
        #[doc(hidden)]
        fn __angzarr_aggregate(self) -> ::angzarr_runtime::component::Registration
        where
            Self: ::core::marker::Sized,
        {
            #(let _ = #rejections;)*
            static SPEC: ::angzarr_runtime::component::AggregateSpec = ::angzarr_runtime::component::AggregateSpec {
                name: #name,
                domain: #domain,
                snapshot: #snapshot,
                commands: &[#(#commands),*],
                facts: &[#(#facts),*],
                compensations: &[#(#compensations),*],
                queries: &[#(#queries),*],
                events: #events,
                stored_as: #stored_as,
            };
            ::angzarr_runtime::component::aggregate::<Self, #state>(
                self,
                &SPEC,
                Self::__angzarr_decide,
                Self::__angzarr_query,
                Self::__angzarr_fold,
            )
        }
    }
}
