//! Upcasters.

use angzarr_model::ir::Payload;
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use super::handler::{docs, emissions, event_name, method, returned};
use crate::attribute::Definition;

pub(super) fn body(definition: &Definition, domain: &str) -> TokenStream {
    let (types, component) = (&definition.types, &definition.component.full_name);
    let (mut methods, mut arms, mut steps) = (Vec::new(), Vec::new(), Vec::new());
    for handler in &definition.component.handlers {
        let (docs, method, returned) =
            (docs(definition, handler), method(types, handler), returned(types, &handler.output));
        let (input, name) = (types.path(&handler.input), event_name(types, &handler.input));
        let emissions = emissions(types, &handler.output);
        let members = handler.output.payload().map(Payload::members).unwrap_or_default();
        let successors = members.iter().map(|member| event_name(types, &member.ty));
        let at = types.at(handler.span);
        methods.push(quote_spanned! {at=>
            #docs
            ///
            /// # Errors
            /// The event cannot be understood. Whoever reads it stops there.
            fn #method(&self, event: #input) -> ::core::result::Result<#returned, ::angzarr_runtime::Failure>;
        });
        arms.push(quote! {
            #name => {
                let returned = self.#method(event.decode()?)?;
                ::core::result::Result::Ok(#emissions)
            }
        });
        steps.push(quote! { (#name, &[#(#successors),*]) });
    }
    quote! {
        #(#methods)*

        #[doc(hidden)]
        fn __angzarr_upcast(
            &self,
            event: &::angzarr_runtime::Payload,
        ) -> ::core::result::Result<::std::vec::Vec<::angzarr_runtime::Emission>, ::angzarr_runtime::Failure>
        where
            Self: ::core::marker::Sized,
        {
            match &*event.type_name {
                #(#arms)*
                _ => ::core::result::Result::Err(::angzarr_runtime::component::unhandled(#component, event)),
            }
        }

        #[doc(hidden)]
        fn __angzarr_upcaster(self) -> ::angzarr_runtime::component::Registration
        where
            Self: ::core::marker::Sized,
        {
            static SPEC: ::angzarr_runtime::component::UpcasterSpec = ::angzarr_runtime::component::UpcasterSpec {
                name: #component,
                domain: #domain,
                steps: &[#(#steps),*],
            };
            ::angzarr_runtime::component::upcaster(self, &SPEC, Self::__angzarr_upcast)
        }
    }
}
