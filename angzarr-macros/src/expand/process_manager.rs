//! Process managers.

use angzarr_model::ir::{Handler, HandlerKind, ProcessManager};
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use super::handler::{
    command_name, delivery, docs, emit, event_name, folds, keys, method, of_kind, returned, snapshot, stored_names,
    subscriptions, targets, written,
};
use crate::attribute::Definition;
use crate::types::generated_for;

pub(super) fn body(definition: &Definition, manager: &ProcessManager) -> TokenStream {
    let types = &definition.types;
    let state = types.path(&manager.state);
    let methods = definition.component.handlers.iter().map(|handler| {
        let (docs, method) = (docs(definition, handler), method(types, handler));
        let (input, returned) = (types.path(&handler.input), returned(types, &handler.output));
        let (parameter, again) = match handler.kind {
            HandlerKind::Compensation => (quote! { refused: ::angzarr_runtime::Refused<#input> }, "refusal"),
            HandlerKind::Deadline => (quote! { deadline: #input }, "deadline"),
            _ => (quote! { event: #input }, "event"),
        };
        let errors = format!(" Technical failures; the {again} is then handled again.");
        quote_spanned! {types.at(handler.span)=>
            #docs
            ///
            /// # Errors
            #[doc = #errors]
            fn #method(
                &self,
                state: &#state,
                #parameter,
                cx: &::angzarr_runtime::Context,
            ) -> impl ::core::future::Future<
                Output = ::core::result::Result<#returned, ::angzarr_runtime::Failure>,
            > + ::core::marker::Send;
        }
    });
    let (folds, react) = (folds(definition, &manager.state), react(definition, manager));
    let (keys, register) = (keys(definition), register(definition, manager));
    quote! { #(#methods)* #folds #react #keys #register }
}

/// The type name of a deadline, as an expression and as a pattern.
fn deadline_name(definition: &Definition, handler: &Handler) -> TokenStream {
    let path = definition.types.path(&handler.input);
    quote_spanned! {generated_for(path)=> <#path as ::angzarr_runtime::Deadline>::TYPE_NAME }
}

fn react(definition: &Definition, manager: &ProcessManager) -> TokenStream {
    let (types, component) = (&definition.types, &definition.component.full_name);
    let state = types.path(&manager.state);
    let arm = |handler: &Handler, name: TokenStream, input: TokenStream| {
        let (method, emit) = (method(types, handler), emit(types, &handler.output));
        quote! {
            #name => {
                let returned = self.#method(state, #input, cx).await?;
                #emit(returned)
            }
        }
    };
    let events = of_kind(definition, HandlerKind::Event)
        .map(|handler| arm(handler, event_name(types, &handler.input), quote! { payload.decode()? }));
    let deadlines = of_kind(definition, HandlerKind::Deadline)
        .map(|handler| arm(handler, deadline_name(definition, handler), quote! { payload.decode()? }));
    let compensations = of_kind(definition, HandlerKind::Compensation).map(|handler| {
        let refused = quote! { ::angzarr_runtime::component::decode_refused(payload, rejection)? };
        arm(handler, command_name(types, &handler.input), refused)
    });
    let unhandled = quote! {
        _ => ::core::result::Result::Err(::angzarr_runtime::component::unhandled(#component, payload)),
    };
    quote! {
        #[doc(hidden)]
        #[allow(unused_variables, reason = "there may be no compensations")]
        fn __angzarr_react<'a>(
            &'a self,
            state: &'a #state,
            input: ::angzarr_runtime::component::ProcessInput<'a>,
            cx: &'a ::angzarr_runtime::Context,
        ) -> ::angzarr_runtime::component::Handling<'a, ::std::vec::Vec<::angzarr_runtime::Emission>>
        where
            Self: ::core::marker::Sized,
        {
            ::std::boxed::Box::pin(async move {
                match input {
                    ::angzarr_runtime::component::ProcessInput::Event(payload) => match &*payload.type_name {
                        #(#events)*
                        #unhandled
                    },
                    ::angzarr_runtime::component::ProcessInput::Deadline(payload) => match &*payload.type_name {
                        #(#deadlines)*
                        #unhandled
                    },
                    ::angzarr_runtime::component::ProcessInput::Refusal { command: payload, rejection } => {
                        match &*payload.type_name {
                            #(#compensations)*
                            #unhandled
                        }
                    }
                }
            })
        }
    }
}

fn register(definition: &Definition, manager: &ProcessManager) -> TokenStream {
    let types = &definition.types;
    // Named here, so that an error over it stands where it is written.
    let state = types.path(&manager.state);
    let (name, domain, snapshot) = (&definition.component.full_name, &manager.domain, snapshot(&manager.snapshot));
    let (subscriptions, targets) = (subscriptions(definition), targets(definition));
    let starting = of_kind(definition, HandlerKind::Event).filter(|handler| handler.starts);
    let starts = starting.map(|handler| event_name(types, &handler.input));
    let deadlines = of_kind(definition, HandlerKind::Deadline).map(|handler| deadline_name(definition, handler));
    let compensations =
        of_kind(definition, HandlerKind::Compensation).map(|handler| command_name(types, &handler.input));
    let (events, delivery) = (written(definition), delivery(definition));
    let stored_as = stored_names(&definition.types, definition.component.own_events().into_iter());
    quote! {
        #[doc(hidden)]
        fn __angzarr_process_manager(self) -> ::angzarr_runtime::component::Registration
        where
            Self: ::core::marker::Sized,
        {
            static SPEC: ::angzarr_runtime::component::ProcessManagerSpec =
                ::angzarr_runtime::component::ProcessManagerSpec {
                    name: #name,
                    domain: #domain,
                    snapshot: #snapshot,
                    subscriptions: #subscriptions,
                    targets: #targets,
                    delivery: #delivery,
                    starts: &[#(#starts),*],
                    deadlines: &[#(#deadlines),*],
                    compensations: &[#(#compensations),*],
                    events: #events,
                stored_as: #stored_as,
                };
            ::angzarr_runtime::component::process_manager::<Self, #state>(
                self,
                &SPEC,
                Self::__angzarr_react,
                Self::__angzarr_key,
                Self::__angzarr_fold,
            )
        }
    }
}
