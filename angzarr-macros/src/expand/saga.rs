//! Sagas.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use super::handler::{Dispatch, delivery, docs, emit, event_name, keys, method, returned, subscriptions, targets};
use crate::attribute::Definition;

pub(super) fn body(definition: &Definition) -> TokenStream {
    let types = &definition.types;
    let (mut methods, mut arms) = (Vec::new(), Vec::new());
    for handler in &definition.component.handlers {
        let (docs, method, returned) =
            (docs(definition, handler), method(types, handler), returned(types, &handler.output));
        let (input, name) = (types.path(&handler.input), event_name(types, &handler.input));
        let emit = emit(types, &handler.output);
        let at = types.at(handler.span);
        methods.push(quote_spanned! {at=>
            #docs
            ///
            /// # Errors
            /// Technical failures; the event is then handled again.
            fn #method(
                &self,
                event: #input,
                cx: &::angzarr_runtime::Context,
            ) -> impl ::core::future::Future<
                Output = ::core::result::Result<#returned, ::angzarr_runtime::Failure>,
            > + ::core::marker::Send;
        });
        arms.push(quote! {
            #name => {
                let returned = self.#method(event.into_event()?, cx).await?;
                #emit(returned)
            }
        });
    }
    let react = Dispatch {
        definition,
        parameters: TokenStream::new(),
        yields: quote! { ::std::vec::Vec<::angzarr_runtime::Emission> },
        arms,
    }
    .method();
    let (keys, subscriptions, name) = (keys(definition), subscriptions(definition), &definition.component.full_name);
    let (targets, delivery) = (targets(definition), delivery(definition));
    quote! {
        #(#methods)*
        #react
        #keys

        #[doc(hidden)]
        fn __angzarr_saga(self) -> ::angzarr_runtime::component::Registration
        where
            Self: ::core::marker::Sized,
        {
            static SPEC: ::angzarr_runtime::component::SagaSpec = ::angzarr_runtime::component::SagaSpec {
                name: #name,
                subscriptions: #subscriptions,
                targets: #targets,
                delivery: #delivery,
            };
            ::angzarr_runtime::component::saga(self, &SPEC, Self::__angzarr_react, Self::__angzarr_key)
        }
    }
}
