//! Process managers.

use angzarr_model::ir::ProcessManager;
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use super::handler::{
    Dispatch, docs, emissions, event_name, folds, keys, method, returned, snapshot, subscriptions, targets, written,
};
use crate::attribute::Definition;

pub(super) fn body(definition: &Definition, manager: &ProcessManager) -> TokenStream {
    let types = &definition.types;
    let state = types.path(&manager.state);
    let (mut methods, mut arms) = (Vec::new(), Vec::new());
    for handler in &definition.component.handlers {
        let (docs, method, returned) = (docs(handler), method(types, handler), returned(types, &handler.output));
        let (input, name) = (types.path(&handler.input), event_name(types, &handler.input));
        let emissions = emissions(types, &handler.output);
        let at = types.at(handler.span);
        methods.push(quote_spanned! {at=>
            #docs
            ///
            /// # Errors
            /// Technical failures; the event is then handled again.
            fn #method(
                &self,
                state: &#state,
                event: #input,
                cx: &::angzarr_runtime::Context,
            ) -> impl ::core::future::Future<
                Output = ::core::result::Result<#returned, ::angzarr_runtime::Failure>,
            > + ::core::marker::Send;
        });
        arms.push(quote! {
            #name => {
                let returned = self.#method(state, event.decode()?, cx).await?;
                ::core::result::Result::Ok(#emissions)
            }
        });
    }
    let react = Dispatch {
        definition,
        parameters: quote! { state: &'a #state, },
        yields: quote! { ::std::vec::Vec<::angzarr_runtime::Emission> },
        arms,
    }
    .method();
    let (folds, keys, register) = (folds(definition, &manager.state), keys(definition), register(definition, manager));
    quote! { #(#methods)* #folds #react #keys #register }
}

fn register(definition: &Definition, manager: &ProcessManager) -> TokenStream {
    let types = &definition.types;
    let (name, domain, snapshot) = (&definition.component.full_name, &manager.domain, snapshot(&manager.snapshot));
    let (subscriptions, targets) = (subscriptions(definition), targets(definition));
    let starting = definition.component.handlers.iter().filter(|handler| handler.starts);
    let starts = starting.map(|handler| event_name(types, &handler.input));
    let events = written(definition);
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
                    starts: &[#(#starts),*],
                    events: #events,
                };
            ::angzarr_runtime::component::process_manager(
                self,
                &SPEC,
                Self::__angzarr_react,
                Self::__angzarr_key,
                Self::__angzarr_fold,
            )
        }
    }
}
