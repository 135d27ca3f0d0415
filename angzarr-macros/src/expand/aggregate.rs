//! Aggregates.

use angzarr_model::ir::{Aggregate, Handler, HandlerKind};
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use super::handler::{command_name, docs, emissions, event_name, folds, method, of_kind, returned, snapshot, written};
use crate::attribute::Definition;
use crate::types::generated_for;

pub(super) fn body(definition: &Definition, aggregate: &Aggregate) -> TokenStream {
    let types = &definition.types;
    let state = types.path(&aggregate.state);
    let methods = definition.component.handlers.iter().map(|handler| {
        let (docs, method, returned) =
            (docs(definition, handler), method(types, handler), returned(types, &handler.output));
        let input = types.path(&handler.input);
        let at = types.at(handler.span);
        match handler.kind {
            HandlerKind::Compensation => quote_spanned! {at=>
                #docs
                fn #method(
                    &self,
                    state: &#state,
                    refused: ::angzarr_runtime::Refused<#input>,
                    cx: &::angzarr_runtime::Context,
                ) -> #returned;
            },
            HandlerKind::Fact => quote_spanned! {at=>
                #docs
                fn #method(&self, state: &#state, fact: #input, cx: &::angzarr_runtime::Context) -> #returned;
            },
            _ => {
                let parameter = if handler.kind == HandlerKind::Query { quote!(query) } else { quote!(command) };
                quote_spanned! {at=>
                    #docs
                    ///
                    /// # Errors
                    /// The rejection, if the rules say no.
                    fn #method(
                        &self,
                        state: &#state,
                        #parameter: #input,
                        cx: &::angzarr_runtime::Context,
                    ) -> ::core::result::Result<#returned, ::angzarr_runtime::Rejection>;
                }
            }
        }
    });
    let (folds, decide) = (folds(definition, &aggregate.state), decide(definition, aggregate));
    let (query, register) = (query(definition, aggregate), register(definition, aggregate));
    quote! { #(#methods)* #folds #decide #query #register }
}

/// The type name of a query, as an expression and as a pattern.
fn query_name(definition: &Definition, handler: &Handler) -> TokenStream {
    let path = definition.types.path(&handler.input);
    quote_spanned! {generated_for(path)=> <#path as ::angzarr_runtime::Query>::TYPE_NAME }
}

fn decide(definition: &Definition, aggregate: &Aggregate) -> TokenStream {
    let (types, component) = (&definition.types, &definition.component.full_name);
    let state = types.path(&aggregate.state);
    let commands = of_kind(definition, HandlerKind::Command).map(|handler| {
        let (name, method) = (command_name(types, &handler.input), method(types, handler));
        let emissions = emissions(types, &handler.output);
        quote! {
            #name => {
                let returned = self.#method(state, payload.decode()?, cx)?;
                ::core::result::Result::Ok(#emissions)
            }
        }
    });
    let facts = of_kind(definition, HandlerKind::Fact).map(|handler| {
        let (name, method) = (event_name(types, &handler.input), method(types, handler));
        let emissions = emissions(types, &handler.output);
        quote! {
            #name => {
                let returned = self.#method(state, payload.decode()?, cx);
                ::core::result::Result::Ok(#emissions)
            }
        }
    });
    let compensations = of_kind(definition, HandlerKind::Compensation).map(|handler| {
        let (name, method) = (command_name(types, &handler.input), method(types, handler));
        let emissions = emissions(types, &handler.output);
        quote! {
            #name => {
                let refused = ::angzarr_runtime::component::decode_refused(payload, rejection)?;
                let returned = self.#method(state, refused, cx);
                ::core::result::Result::Ok(#emissions)
            }
        }
    });
    let unhandled = quote! {
        ::angzarr_runtime::component::Undecided::Failed(
            ::angzarr_runtime::component::unhandled(#component, payload),
        )
    };
    quote! {
        #[doc(hidden)]
        #[allow(unused_variables, reason = "there may be no compensations")]
        fn __angzarr_decide(
            &self,
            state: &#state,
            input: &::angzarr_runtime::component::Input,
            cx: &::angzarr_runtime::Context,
        ) -> ::core::result::Result<::std::vec::Vec<::angzarr_runtime::Emission>, ::angzarr_runtime::component::Undecided>
        where
            Self: ::core::marker::Sized,
        {
            match input {
                ::angzarr_runtime::component::Input::Command(payload) => match &*payload.type_name {
                    #(#commands)*
                    _ => ::core::result::Result::Err(#unhandled),
                },
                ::angzarr_runtime::component::Input::Fact(payload) => match &*payload.type_name {
                    #(#facts)*
                    _ => ::core::result::Result::Err(#unhandled),
                },
                ::angzarr_runtime::component::Input::Refusal { command: payload, rejection } => {
                    match &*payload.type_name {
                        #(#compensations)*
                        _ => ::core::result::Result::Err(#unhandled),
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
        let answer = quote_spanned! {generated_for(input)=>
            ::angzarr_runtime::component::emit::answer::<#input>(&answer)
        };
        quote! {
            #name => {
                let answer = self.#method(state, query.decode()?, cx)?;
                ::core::result::Result::Ok(#answer)
            }
        }
    });
    quote! {
        #[doc(hidden)]
        #[allow(unused_variables, reason = "there may be no queries")]
        fn __angzarr_query(
            &self,
            state: &#state,
            query: &::angzarr_runtime::Payload,
            cx: &::angzarr_runtime::Context,
        ) -> ::core::result::Result<::angzarr_runtime::Payload, ::angzarr_runtime::component::Undecided>
        where
            Self: ::core::marker::Sized,
        {
            match &*query.type_name {
                #(#queries)*
                _ => ::core::result::Result::Err(::angzarr_runtime::component::Undecided::Failed(
                    ::angzarr_runtime::component::unhandled(#component, query),
                )),
            }
        }
    }
}

fn register(definition: &Definition, aggregate: &Aggregate) -> TokenStream {
    let types = &definition.types;
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
            };
            ::angzarr_runtime::component::aggregate(
                self,
                &SPEC,
                Self::__angzarr_decide,
                Self::__angzarr_query,
                Self::__angzarr_fold,
            )
        }
    }
}
