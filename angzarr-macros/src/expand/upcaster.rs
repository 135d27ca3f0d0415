//! Upcasters.

use angzarr_model::ir::{Handler, Payload};
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use super::handler::{docs, emit, event_name, method, returned, stored_names};
use crate::attribute::Definition;

pub(super) fn body(definition: &Definition, domain: &str) -> TokenStream {
    let (types, component) = (&definition.types, &definition.component.full_name);
    let handlers = &definition.component.handlers;
    let methods =
        handlers.iter().filter(|handler| handler.declared().is_none()).map(|handler| hook(definition, handler));
    let arms = handlers.iter().map(|handler| arm(definition, handler));
    let steps = handlers.iter().map(|handler| {
        let name = event_name(types, &handler.input);
        let members = handler.output.payload().map(Payload::members).unwrap_or_default();
        let successors = members.iter().map(|member| event_name(types, &member.ty));
        quote! { (#name, &[#(#successors),*]) }
    });
    let assertions = handlers.iter().filter_map(|handler| {
        let (old, new) = (types.path(&handler.input), types.path(handler.declared()?));
        let (at, method) = (types.at(handler.span), &handler.method);
        Some(quote_spanned! {at=>
            const _: () = ::angzarr_runtime::component::assert_upcast::<#old, #new>(#method);
        })
    });
    let declared = handlers.iter().filter_map(|handler| {
        let (old, new, method) = (types.path(&handler.input), types.path(handler.declared()?), &handler.method);
        Some(quote! { (#method, ::angzarr_runtime::component::unfilled::<#old, #new>) })
    });
    let stored_as = stored_names(types, handlers.iter().map(|handler| &handler.input));
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
            #(#assertions)*
            static SPEC: ::angzarr_runtime::component::UpcasterSpec = ::angzarr_runtime::component::UpcasterSpec {
                name: #component,
                domain: #domain,
                steps: &[#(#steps),*],
                stored_as: #stored_as,
                declared: &[#(#declared),*],
            };
            ::angzarr_runtime::component::upcaster(self, &SPEC, Self::__angzarr_upcast)
        }
    }
}

/// The method that the user writes.
fn hook(definition: &Definition, handler: &Handler) -> TokenStream {
    let types = &definition.types;
    let (docs, method, returned) =
        (docs(definition, handler), method(types, handler), returned(types, &handler.output));
    let input = types.path(&handler.input);
    quote_spanned! {types.at(handler.span)=>
        #docs
        ///
        /// # Errors
        /// The event cannot be understood. Whoever reads it stops there.
        fn #method(&self, event: #input) -> ::core::result::Result<#returned, ::angzarr_runtime::Failure>;
    }
}

fn arm(definition: &Definition, handler: &Handler) -> TokenStream {
    let types = &definition.types;
    let name = event_name(types, &handler.input);
    if let Some(new) = handler.declared() {
        let (old, new) = (types.path(&handler.input), types.path(new));
        return quote! {
            #name => {
                let current = ::angzarr_runtime::component::upcast::<#old, #new>(event)?;
                ::core::result::Result::Ok(::std::vec![::angzarr_runtime::Emission::Event(current)])
            }
        };
    }
    let (method, emit) = (method(types, handler), emit(types, &handler.output));
    quote! {
        #name => {
            let returned = self.#method(event.decode()?)?;
            #emit(returned)
        }
    }
}
