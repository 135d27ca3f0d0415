//! What sits on messages.

use angzarr_model::ir::Role;
use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::{DeriveInput, Ident, LitStr, Path, Token, parenthesized};

use crate::attribute::{bad, only_attribute, role};

pub(crate) fn command(input: &DeriveInput) -> syn::Result<TokenStream> {
    let attribute = only_attribute(&input.attrs, "command", input)?;
    let options: Options = attribute.parse_args()?;
    let missing = |what: &str| bad(attribute, format!("`{what}` is missing"));
    let name = options.name.ok_or_else(|| missing("name"))?;
    let domain = options.domain.ok_or_else(|| missing("domain"))?;
    let root = options.root.ok_or_else(|| missing("root"))?;
    if let Some(retired) = options.retired {
        return Err(bad(retired, "only events retire"));
    }
    let ident = &input.ident;
    Ok(quote! {
        #[automatically_derived]
        impl ::angzarr_runtime::Command for #ident {
            const TYPE_NAME: &'static str = #name;
            const DOMAIN: &'static str = #domain;

            fn root_key(&self) -> ::std::string::String {
                ::angzarr_runtime::KeyPart::key_part(&self.#root)
            }
        }
    })
}

pub(crate) fn event(input: &DeriveInput) -> syn::Result<TokenStream> {
    let attribute = only_attribute(&input.attrs, "event", input)?;
    let options: Options = attribute.parse_args()?;
    let missing = |what: &str| bad(attribute, format!("`{what}` is missing"));
    let name = options.name.ok_or_else(|| missing("name"))?;
    let domain = options.domain.ok_or_else(|| missing("domain"))?;
    if let Some(root) = options.root {
        return Err(bad(root, "only commands have a root"));
    }
    let retired = options.retired.is_some();
    let ident = &input.ident;
    Ok(quote! {
        #[automatically_derived]
        impl ::angzarr_runtime::Event for #ident {
            const TYPE_NAME: &'static str = #name;
            const DOMAIN: &'static str = #domain;
            const RETIRED: bool = #retired;
        }
    })
}

#[derive(Default)]
struct Options {
    name: Option<LitStr>,
    domain: Option<LitStr>,
    root: Option<Ident>,
    retired: Option<Ident>,
}

impl Parse for Options {
    fn parse(stream: ParseStream<'_>) -> syn::Result<Self> {
        let mut options = Self::default();
        while !stream.is_empty() {
            let word: Ident = stream.parse()?;
            if word == "retired" {
                options.retired = Some(word);
            } else {
                stream.parse::<Token![=]>()?;
                match word.to_string().as_str() {
                    "name" => options.name = Some(stream.parse()?),
                    "domain" => options.domain = Some(stream.parse()?),
                    "root" => options.root = Some(stream.parse()?),
                    other => {
                        let message = format!("`{other}` is not known here; known are name, domain, root, retired");
                        return Err(bad(&word, message));
                    }
                }
            }
            if !stream.is_empty() {
                stream.parse::<Token![,]>()?;
            }
        }
        Ok(options)
    }
}

pub(crate) fn union(input: &DeriveInput) -> syn::Result<TokenStream> {
    let Members { field, oneof, members } = only_attribute(&input.attrs, "union", input)?.parse_args()?;
    let ident = &input.ident;
    let name = ident.to_string();
    let conversions = members.iter().map(|Variant { variant, ty, .. }| {
        quote! {
            #[automatically_derived]
            impl ::core::convert::From<#ty> for #ident {
                fn from(member: #ty) -> Self {
                    Self { #field: ::core::option::Option::Some(#oneof::#variant(member)) }
                }
            }
        }
    });
    let arms = members.iter().map(|Variant { variant, role, .. }| {
        let emission = match role {
            Role::Event => quote! { event },
            Role::Command => quote! { command },
        };
        quote! {
            ::core::option::Option::Some(#oneof::#variant(member)) => {
                ::core::result::Result::Ok(::angzarr_runtime::Emission::#emission(&member))
            }
        }
    });
    Ok(quote! {
        #(#conversions)*

        #[automatically_derived]
        impl ::angzarr_runtime::component::emit::Union for #ident {
            fn into_emission(self) -> ::core::result::Result<::angzarr_runtime::Emission, ::angzarr_runtime::Failure> {
                match self.#field {
                    #(#arms)*
                    ::core::option::Option::None => {
                        ::core::result::Result::Err(::angzarr_runtime::component::emit::unset(#name))
                    }
                }
            }
        }
    })
}

struct Members {
    field: Ident,
    oneof: Path,
    members: Vec<Variant>,
}

struct Variant {
    role: Role,
    variant: Ident,
    ty: Path,
}

impl Parse for Members {
    fn parse(stream: ParseStream<'_>) -> syn::Result<Self> {
        let field = stream.parse()?;
        stream.parse::<Token![=]>()?;
        let oneof = Path::parse_mod_style(stream)?;
        let mut members = Vec::new();
        while !stream.is_empty() {
            stream.parse::<Token![,]>()?;
            if stream.is_empty() {
                break;
            }
            let role = role(stream)?.unwrap_or(Role::Event);
            let variant = stream.parse()?;
            let content;
            parenthesized!(content in stream);
            members.push(Variant { role, variant, ty: Path::parse_mod_style(&content)? });
        }
        Ok(Self { field, oneof, members })
    }
}

pub(crate) fn rejection_code(input: &DeriveInput) -> TokenStream {
    let ident = &input.ident;
    quote! {
        #[automatically_derived]
        impl ::angzarr_runtime::RejectionCode for #ident {
            fn code(&self) -> &'static str {
                self.as_str_name()
            }
        }
    }
}
