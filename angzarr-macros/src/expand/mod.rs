//! From the model to code. One file a kind of component; all code they write names the runtime by its full path.

mod aggregate;
mod handler;
pub(crate) mod message;
mod process_manager;
mod projector;
mod saga;
mod upcaster;

use angzarr_model::ir::ComponentKind;
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Path};

use crate::attribute::Definition;

/// Binds the user's type to the trait it implements.
pub(crate) fn bind(input: &DeriveInput, bound: &Path) -> TokenStream {
    let ident = &input.ident;
    let (impl_generics, ty_generics, where_clause) = input.generics.split_for_impl();
    quote! {
        #[automatically_derived]
        impl #impl_generics ::angzarr_runtime::component::Component for #ident #ty_generics #where_clause {
            fn register(self) -> ::angzarr_runtime::component::Registration {
                <Self as #bound>::__angzarr_register(self)
            }
        }
    }
}

/// Writes the trait and, unless the type is an empty enum, binds the type to it.
pub(crate) fn define(input: &DeriveInput, definition: &Definition) -> TokenStream {
    let body = match &definition.component.kind {
        ComponentKind::Aggregate(aggregate) => aggregate::body(definition, aggregate),
        ComponentKind::Saga => saga::body(definition),
        ComponentKind::Projector { view } => projector::body(definition, view.as_ref()),
        ComponentKind::ProcessManager(manager) => process_manager::body(definition, manager),
        ComponentKind::Upcaster { domain } => upcaster::body(definition, domain),
    };
    let (vis, name) = (&input.vis, &definition.trait_name);
    let docs = input.attrs.iter().filter(|attribute| attribute.path().is_ident("doc"));
    let full_name = format!("The component `{}`.", definition.component.full_name);
    let defined = quote! {
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
    let bound = bind(input, &name.clone().into());
    quote! { #defined #bound }
}
