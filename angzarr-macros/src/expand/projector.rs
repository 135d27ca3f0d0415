//! Projectors.

use angzarr_model::ir::TypeName;
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use super::handler::{Dispatch, delivery, docs, event_name, keys, method, subscriptions};
use crate::attribute::Definition;

pub(super) fn body(definition: &Definition, view: Option<&TypeName>) -> TokenStream {
    let types = &definition.types;
    let row = view.map(|view| types.path(view));
    let (mut methods, mut arms) = (Vec::new(), Vec::new());
    for handler in &definition.component.handlers {
        let (docs, method) = (docs(definition, handler), method(types, handler));
        let (input, name) = (types.path(&handler.input), event_name(types, &handler.input));
        let (parameter, returned, call) = match row {
            Some(row) => (
                quote! { row: ::core::option::Option<#row>, },
                quote! { ::core::option::Option<#row> },
                quote! {
                    let row = ::angzarr_runtime::component::row_decoded(row)?;
                    let row = self.#method(row, event.into_event()?, cx).await?;
                    ::core::result::Result::Ok(row.map(returned))
                },
            ),
            None => (
                TokenStream::new(),
                quote! { () },
                quote! {
                    self.#method(event.into_event()?, cx).await?;
                    ::core::result::Result::Ok(::core::option::Option::None)
                },
            ),
        };
        let at = types.at(handler.span);
        methods.push(quote_spanned! {at=>
            #docs
            ///
            /// # Errors
            /// Technical failures; the event is then handled again.
            fn #method(
                &self,
                #parameter
                event: #input,
                cx: &::angzarr_runtime::Context,
            ) -> impl ::core::future::Future<
                Output = ::core::result::Result<#returned, ::angzarr_runtime::Failure>,
            > + ::core::marker::Send;
        });
        arms.push(quote! { #name => { #call } });
    }
    let returned = quote! { ::angzarr_runtime::component::ReturnedRow };
    let parameters = row.map(|row| {
        quote! {
            row: ::core::option::Option<&'a [u8]>,
            returned: fn(#row) -> #returned,
        }
    });
    let (parameters, yields) = (parameters.unwrap_or_default(), quote! { ::core::option::Option<#returned> });
    let react = Dispatch { definition, parameters, yields, arms }.method();
    let register = match row {
        Some(row) => quote! { ::angzarr_runtime::component::view::<Self, #row> },
        None => quote! { ::angzarr_runtime::component::effects },
    };
    let (keys, subscriptions, name) = (keys(definition), subscriptions(definition), &definition.component.full_name);
    let delivery = delivery(definition);
    quote! {
        #(#methods)*
        #react
        #keys

        #[doc(hidden)]
        fn __angzarr_projector(self) -> ::angzarr_runtime::component::Registration
        where
            Self: ::core::marker::Sized,
        {
            static SPEC: ::angzarr_runtime::component::ProjectorSpec = ::angzarr_runtime::component::ProjectorSpec {
                name: #name,
                subscriptions: #subscriptions,
                delivery: #delivery,
            };
            #register(self, &SPEC, Self::__angzarr_react, Self::__angzarr_key)
        }
    }
}
