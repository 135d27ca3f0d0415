//! What sits on messages.

use angzarr_model::ir::Role;
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::{Data, DeriveInput, Ident, LitStr, Path, Token, parenthesized};

use crate::attribute::{Mistakes, Words, bad, coded, member, only_attribute};
use crate::types::generated_at;

pub(crate) fn command(input: &DeriveInput) -> syn::Result<TokenStream> {
    let attribute = only_attribute(&input.attrs, "command", input)?;
    let mut options: Options = attribute.parse_args().map_err(coded)?;
    let mistakes = &mut options.mistakes;
    let name = mistakes.needed(options.name, "name", attribute);
    let domain = mistakes.needed(options.domain, "domain", attribute);
    let root = mistakes.needed(options.root, "root", attribute);
    if let Some(retired) = options.retired {
        mistakes.note(bad(retired, "only events retire"));
    }
    if let Some(root) = &root {
        has_field(input, root, mistakes);
    }
    if let Some(mistakes) = options.mistakes.into_error() {
        return Err(mistakes);
    }
    let ident = &input.ident;
    let at = root.as_ref().map_or_else(proc_macro2::Span::call_site, |root| generated_at(root.span()));
    let key = quote_spanned! {at=> ::angzarr_runtime::KeyPart::key_part(&self.#root) };
    Ok(quote! {
        #[automatically_derived]
        impl ::angzarr_runtime::Command for #ident {
            const TYPE_NAME: &'static str = #name;
            const DOMAIN: &'static str = #domain;

            fn root_key(&self) -> ::std::string::String {
                #key
            }
        }
    })
}

pub(crate) fn event(input: &DeriveInput) -> syn::Result<TokenStream> {
    let attribute = only_attribute(&input.attrs, "event", input)?;
    let mut options: Options = attribute.parse_args().map_err(coded)?;
    let name = options.mistakes.needed(options.name, "name", attribute);
    let domain = options.mistakes.needed(options.domain, "domain", attribute);
    if let Some(root) = options.root {
        options.mistakes.note(bad(root, "only commands have a root"));
    }
    if let Some(mistakes) = options.mistakes.into_error() {
        return Err(mistakes);
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

/// Notes a field that the message does not have: rustc would complain once for every use of it.
fn has_field(input: &DeriveInput, field: &Ident, mistakes: &mut Mistakes) {
    let found = match &input.data {
        Data::Struct(data) => data.fields.iter().any(|one| one.ident.as_ref() == Some(field)),
        Data::Enum(_) | Data::Union(_) => false,
    };
    if !found {
        mistakes.note(bad(field, format!("`{}` has no field `{field}`", input.ident)));
    }
}

#[derive(Default)]
struct Options {
    mistakes: Mistakes,
    name: Option<LitStr>,
    domain: Option<LitStr>,
    root: Option<Ident>,
    retired: Option<Ident>,
}

impl Parse for Options {
    fn parse(stream: ParseStream<'_>) -> syn::Result<Self> {
        let mut options = Self::default();
        let mut words = Words::new(&["name", "domain", "root", "retired"]);
        while let Some(word) = words.next(stream, &mut options.mistakes)? {
            if word == "retired" {
                options.retired = Some(word);
                continue;
            }
            stream.parse::<Token![=]>()?;
            match word.to_string().as_str() {
                "name" => options.name = Some(stream.parse()?),
                "domain" => options.domain = Some(stream.parse()?),
                _ => options.root = Some(stream.parse()?),
            }
        }
        Ok(options)
    }
}

pub(crate) fn union(input: &DeriveInput) -> syn::Result<TokenStream> {
    let attribute = only_attribute(&input.attrs, "union", input)?;
    let Members { field, oneof, members } = attribute.parse_args().map_err(coded)?;
    let mut mistakes = Mistakes::default();
    has_field(input, &field, &mut mistakes);
    if let Some(mistakes) = mistakes.into_error() {
        return Err(mistakes);
    }
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
    variant: Path,
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
            let (role, variant) = member(stream)?;
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
