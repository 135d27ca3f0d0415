//! From the model to code. One file a kind of component; all code they write names the runtime by its full path.

mod aggregate;
mod event_fields;
mod handler;
pub(crate) mod message;
mod process_manager;
mod projector;
pub(crate) mod row;
mod saga;
#[cfg(test)]
mod tests;
mod upcaster;

use angzarr_model::ir::ComponentKind;
use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::{Data, DeriveInput, Path};

use crate::attribute::Definition;
use crate::types::generated_for;

/// Binds the user's type to the trait it implements, if that is of the kind: its name is part of the method's.
pub(crate) fn bind(input: &DeriveInput, kind: &str, bound: &Path) -> TokenStream {
    let ident = &input.ident;
    let register = format_ident!("__angzarr_{kind}");
    let registered = quote_spanned! {generated_for(bound)=> <Self as #bound>::#register(self) };
    let (impl_generics, ty_generics, where_clause) = input.generics.split_for_impl();
    quote! {
        #[automatically_derived]
        impl #impl_generics ::angzarr_runtime::component::Component for #ident #ty_generics #where_clause {
            fn register(self) -> ::angzarr_runtime::component::Registration {
                #registered
            }
        }
    }
}

/// Writes the trait and, unless the type is an empty enum, binds the type to it.
pub(crate) fn define(input: &DeriveInput, kind: &str, definition: &Definition) -> TokenStream {
    let body = match &definition.component.kind {
        ComponentKind::Aggregate(aggregate) => aggregate::body(definition, aggregate),
        ComponentKind::Saga => saga::body(definition),
        ComponentKind::Projector { view } => projector::body(definition, view.as_ref()),
        ComponentKind::ProcessManager(manager) => process_manager::body(definition, manager),
        ComponentKind::Upcaster { domain } => upcaster::body(definition, domain),
    };
    let findings = definition.findings.as_ref().map(syn::Error::to_compile_error);
    let (vis, name) = (&input.vis, &definition.trait_name);
    let docs = input.attrs.iter().filter(|attribute| attribute.path().is_ident("doc"));
    let full_name = format!("The component `{}`.", definition.component.full_name);
    let defined = quote! {
        #findings
        #(#docs)*
        #[doc = ""]
        #[doc = #full_name]
        #vis trait #name: ::core::marker::Send + ::core::marker::Sync + 'static {
            #body
        }
    };
    let marker = matches!(&input.data, Data::Enum(data) if data.variants.is_empty());
    if marker {
        return defined;
    }
    let bound = bind(input, kind, &name.clone().into());
    quote! { #defined #bound }
}
