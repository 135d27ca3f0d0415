//! What sits on messages.

use angzarr_model::ir::Role;
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Data, DeriveInput, Ident, LitStr, Path, Token, parenthesized};

use crate::attribute::{Mistakes, Words, bad, coded, member, only_attribute};
use crate::types::generated_at;

pub(crate) fn command(input: &DeriveInput) -> syn::Result<TokenStream> {
    let mut options = Options::read(input, "command", &["name", "domain", "root"])?;
    let (name, domain) = options.identity();
    let root = options.root();
    options.finish()?;
    let ident = &input.ident;
    let root = key_part(root.as_ref());
    Ok(quote! {
        #[automatically_derived]
        impl ::angzarr_runtime::Command for #ident {
            const TYPE_NAME: &'static str = #name;
            const DOMAIN: &'static str = #domain;

            fn root_key(&self) -> ::std::string::String {
                #root
            }
        }
    })
}

pub(crate) fn event(input: &DeriveInput) -> syn::Result<TokenStream> {
    let mut options = Options::read(input, "event", &["name", "domain", "root", "idempotency_key", "retired"])?;
    let (name, domain) = options.identity();
    let fact = options.root.is_some() || options.idempotency_key.is_some();
    let external_id =
        |options: &mut Options<'_>| options.needed(|options| &mut options.idempotency_key, "idempotency_key");
    let fields = fact.then(|| (options.root(), external_id(&mut options)));
    let retired = options.retired;
    options.finish()?;
    let ident = &input.ident;
    let fact = fields.map(|(root, external_id)| {
        let (root, external_id) = (key_part(root.as_ref()), key_part(external_id.as_ref()));
        quote! {
            #[automatically_derived]
            impl ::angzarr_runtime::Fact for #ident {
                fn root_key(&self) -> ::std::string::String {
                    #root
                }

                fn external_id(&self) -> ::std::string::String {
                    #external_id
                }
            }
        }
    });
    Ok(quote! {
        #[automatically_derived]
        impl ::angzarr_runtime::Event for #ident {
            const TYPE_NAME: &'static str = #name;
            const DOMAIN: &'static str = #domain;
            const RETIRED: bool = #retired;
        }
        #fact
    })
}

pub(crate) fn query(input: &DeriveInput) -> syn::Result<TokenStream> {
    let mut options = Options::read(input, "query", &["name", "domain", "root", "answer"])?;
    let (name, domain) = options.identity();
    let (root, answer) = (options.root(), options.needed(|options| &mut options.answer, "answer"));
    options.finish()?;
    let ident = &input.ident;
    let root = key_part(root.as_ref());
    Ok(quote! {
        #[automatically_derived]
        impl ::angzarr_runtime::Query for #ident {
            const TYPE_NAME: &'static str = #name;
            const DOMAIN: &'static str = #domain;
            type Answer = #answer;

            fn root_key(&self) -> ::std::string::String {
                #root
            }
        }
    })
}

pub(crate) fn deadline(input: &DeriveInput) -> syn::Result<TokenStream> {
    let mut options = Options::read(input, "deadline", &["name", "domain"])?;
    let (name, domain) = options.identity();
    options.finish()?;
    let ident = &input.ident;
    Ok(quote! {
        #[automatically_derived]
        impl ::angzarr_runtime::Deadline for #ident {
            const TYPE_NAME: &'static str = #name;
            const DOMAIN: &'static str = #domain;
        }
    })
}

/// The text of a field of `self`, with errors at the place where the attribute names it.
fn key_part(field: Option<&Ident>) -> TokenStream {
    let at = field.map_or_else(proc_macro2::Span::call_site, |field| generated_at(field.span()));
    quote_spanned! {at=> ::angzarr_runtime::KeyPart::key_part(&self.#field) }
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

/// What the attribute of a message says.
struct Options<'a> {
    input: &'a DeriveInput,
    attribute: &'a Attribute,
    mistakes: Mistakes,
    name: Option<LitStr>,
    domain: Option<LitStr>,
    root: Option<Ident>,
    idempotency_key: Option<Ident>,
    answer: Option<Path>,
    retired: bool,
}

impl<'a> Options<'a> {
    fn read(input: &'a DeriveInput, name: &str, known: &'static [&'static str]) -> syn::Result<Self> {
        let attribute = only_attribute(&input.attrs, name, input)?;
        let mut options = Self {
            input,
            attribute,
            mistakes: Mistakes::default(),
            name: None,
            domain: None,
            root: None,
            idempotency_key: None,
            answer: None,
            retired: false,
        };
        attribute.parse_args_with(|stream: ParseStream<'_>| options.words(known, stream)).map_err(coded)?;
        Ok(options)
    }

    fn words(&mut self, known: &'static [&'static str], stream: ParseStream<'_>) -> syn::Result<()> {
        let mut words = Words::new(known);
        while let Some(word) = words.next(stream, &mut self.mistakes)? {
            if word == "retired" {
                self.retired = true;
                continue;
            }
            stream.parse::<Token![=]>()?;
            match word.to_string().as_str() {
                "name" => self.name = Some(stream.parse()?),
                "domain" => self.domain = Some(stream.parse()?),
                "root" => self.root = Some(self.field(stream)?),
                "idempotency_key" => self.idempotency_key = Some(self.field(stream)?),
                _ => self.answer = Some(Path::parse_mod_style(stream)?),
            }
        }
        Ok(())
    }

    fn field(&mut self, stream: ParseStream<'_>) -> syn::Result<Ident> {
        let field = stream.parse()?;
        has_field(self.input, &field, &mut self.mistakes);
        Ok(field)
    }

    /// The value of a word, or notes that it is missing.
    fn needed<T>(&mut self, value: fn(&mut Self) -> &mut Option<T>, word: &str) -> Option<T> {
        let value = value(self).take();
        self.mistakes.needed(value, word, self.attribute)
    }

    /// What every message says.
    fn identity(&mut self) -> (Option<LitStr>, Option<LitStr>) {
        (self.needed(|options| &mut options.name, "name"), self.needed(|options| &mut options.domain, "domain"))
    }

    fn root(&mut self) -> Option<Ident> {
        self.needed(|options| &mut options.root, "root")
    }

    fn finish(self) -> syn::Result<()> {
        self.mistakes.into_error().map_or(Ok(()), Err)
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
            Role::Fact | Role::Answer => quote! { fact },
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
