//! What sits on messages.

use angzarr_model::ir::Role;
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Data, DeriveInput, Ident, LitStr, Path, Token, parenthesized};

use super::event_fields::{self, Upcast};
use crate::attribute::{Mistakes, Words, bad, coded, member, only_attribute};
use crate::types::generated_at;

pub(crate) fn command(input: &DeriveInput) -> TokenStream {
    let mut options = Options::read(input, "command", &["name", "domain", "root"]);
    let (identity, root) = (options.identity(), options.root());
    let root = key_part(root);
    let ident = &input.ident;
    options.finish(&quote! {
        #[automatically_derived]
        impl ::angzarr_runtime::Command for #ident {
            #identity

            fn root_key(&self) -> ::std::string::String {
                #root
            }
        }
    })
}

const EVENT: &[&str] =
    &["name", "domain", "root", "idempotency_key", "retired", "stored_as", "renamed_from", "upcast_default"];

pub(crate) fn event(input: &DeriveInput) -> TokenStream {
    let mut options = Options::read(input, "event", EVENT);
    let identity = options.identity();
    let fact = (options.root.is_some() || options.idempotency_key.is_some()).then(|| fact(&mut options));
    let (retired, upcasting) = (options.retired, event_fields::items(input, &options.upcast));
    let stored_as = (!options.stored_as.is_empty()).then(|| {
        let names = &options.stored_as;
        quote! { const STORED_AS: &'static [&'static str] = &[#(#names),*]; }
    });
    let ident = &input.ident;
    options.finish(&quote! {
        #[automatically_derived]
        impl ::angzarr_runtime::Event for #ident {
            #identity
            const RETIRED: bool = #retired;
            #stored_as
            #upcasting
        }
        #fact
    })
}

fn fact(options: &mut Options<'_>) -> TokenStream {
    let (root, external_id) =
        (options.root(), options.needed(|options| &mut options.idempotency_key, "idempotency_key"));
    let (root, external_id) = (key_part(root), key_part(external_id));
    let ident = &options.input.ident;
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
}

pub(crate) fn query(input: &DeriveInput) -> TokenStream {
    let mut options = Options::read(input, "query", &["name", "domain", "root", "answer"]);
    let (identity, root) = (options.identity(), options.root());
    let answer = options.needed(|options| &mut options.answer, "answer");
    let answer = answer.map_or_else(|| quote!(::angzarr_runtime::prost_types::Any), |answer| quote!(#answer));
    let root = key_part(root);
    let ident = &input.ident;
    options.finish(&quote! {
        #[automatically_derived]
        impl ::angzarr_runtime::Query for #ident {
            #identity
            type Answer = #answer;

            fn root_key(&self) -> ::std::string::String {
                #root
            }
        }
    })
}

pub(crate) fn deadline(input: &DeriveInput) -> TokenStream {
    let mut options = Options::read(input, "deadline", &["name", "domain"]);
    let identity = options.identity();
    let ident = &input.ident;
    options.finish(&quote! {
        #[automatically_derived]
        impl ::angzarr_runtime::Deadline for #ident {
            #identity
        }
    })
}

/// The text of a field of `self`, with errors at the place where the attribute names it; of no field, if that was noted.
fn key_part(named: Option<Named>) -> TokenStream {
    let Some(Named::Field(field)) = named else { return quote! { ::std::string::String::new() } };
    quote_spanned! {generated_at(field.span())=> ::angzarr_runtime::KeyPart::key_part(&self.#field) }
}

/// Whether the message has the field; notes it if not: rustc would complain once for every use of it.
fn has_field(input: &DeriveInput, field: &Ident, mistakes: &mut Mistakes) -> bool {
    let found = match &input.data {
        Data::Struct(data) => data.fields.iter().any(|one| one.ident.as_ref() == Some(field)),
        Data::Enum(_) | Data::Union(_) => false,
    };
    if !found {
        mistakes.note(bad(field, format!("`{}` has no field `{field}`", input.ident)));
    }
    found
}

/// What an attribute names as a field.
enum Named {
    Field(Ident),
    /// Not there, which was noted.
    Nothing,
}

impl Named {
    fn existing(self) -> Option<Ident> {
        match self {
            Named::Field(field) => Some(field),
            Named::Nothing => None,
        }
    }
}

/// What the attribute of a message says. Whatever it is, the trait is implemented: that it is not would be an error
/// wherever the message is used, and would bury the one that counts.
struct Options<'a> {
    input: &'a DeriveInput,
    /// None if there is no readable one, which was noted.
    attribute: Option<&'a Attribute>,
    mistakes: Mistakes,
    name: Option<LitStr>,
    domain: Option<LitStr>,
    root: Option<Named>,
    idempotency_key: Option<Named>,
    answer: Option<Path>,
    retired: bool,
    stored_as: Vec<LitStr>,
    upcast: Upcast,
}

impl<'a> Options<'a> {
    fn read(input: &'a DeriveInput, name: &str, known: &'static [&'static str]) -> Self {
        let mut options = Self {
            input,
            attribute: None,
            mistakes: Mistakes::default(),
            name: None,
            domain: None,
            root: None,
            idempotency_key: None,
            answer: None,
            retired: false,
            stored_as: Vec::new(),
            upcast: Upcast::default(),
        };
        let attribute = only_attribute(&input.attrs, name, input);
        let read = attribute.and_then(|attribute| {
            attribute.parse_args_with(|stream: ParseStream<'_>| options.words(known, stream)).map_err(coded)?;
            Ok(attribute)
        });
        match read {
            Ok(attribute) => options.attribute = Some(attribute),
            Err(error) => options.mistakes.note(error),
        }
        options
    }

    fn words(&mut self, known: &'static [&'static str], stream: ParseStream<'_>) -> syn::Result<()> {
        let mut words = Words::new(known);
        while let Some(word) = words.next(stream, &mut self.mistakes)? {
            if self.event_word(&word, stream)? {
                continue;
            }
            stream.parse::<Token![=]>()?;
            match word.to_string().as_str() {
                "name" => self.name = Some(stream.parse()?),
                "domain" => self.domain = Some(stream.parse()?),
                // Given twice, which was noted, the first one holds.
                "root" => {
                    let field = self.field(stream)?;
                    self.root.get_or_insert(field);
                }
                "idempotency_key" => {
                    let field = self.field(stream)?;
                    self.idempotency_key.get_or_insert(field);
                }
                _ => self.answer = Some(Path::parse_mod_style(stream)?),
            }
        }
        Ok(())
    }

    /// Reads what only events have, unless the word is another one. That a word stands twice was noted.
    fn event_word(&mut self, word: &Ident, stream: ParseStream<'_>) -> syn::Result<bool> {
        if word == "retired" {
            self.retired = true;
            return Ok(true);
        }
        if word != "stored_as" && word != "renamed_from" && word != "upcast_default" {
            return Ok(false);
        }
        let content;
        parenthesized!(content in stream);
        if word == "stored_as" {
            self.stored_as.extend(content.parse_terminated(<LitStr as Parse>::parse, Token![,])?);
            return Ok(true);
        }
        while !content.is_empty() {
            let field = self.field(&content)?;
            content.parse::<Token![=]>()?;
            if word == "renamed_from" {
                let old = content.parse()?;
                self.upcast.renamed.extend(field.existing().map(|field| (field, old)));
            } else {
                let value = content.parse()?;
                self.upcast.defaults.extend(field.existing().map(|field| (field, value)));
            }
            if !content.is_empty() {
                content.parse::<Token![,]>()?;
            }
        }
        Ok(true)
    }

    fn field(&mut self, stream: ParseStream<'_>) -> syn::Result<Named> {
        let field = stream.parse()?;
        Ok(if has_field(self.input, &field, &mut self.mistakes) { Named::Field(field) } else { Named::Nothing })
    }

    /// The value of a word, or notes that it is missing.
    fn needed<T>(&mut self, value: fn(&mut Self) -> &mut Option<T>, word: &str) -> Option<T> {
        let value = value(self).take();
        match self.attribute {
            Some(attribute) => self.mistakes.needed(value, word, attribute),
            None => value,
        }
    }

    /// What every message says.
    fn identity(&mut self) -> TokenStream {
        let name = self.needed(|options| &mut options.name, "name").map_or_else(String::new, |name| name.value());
        let domain = self.needed(|options| &mut options.domain, "domain");
        let domain = domain.map_or_else(String::new, |domain| domain.value());
        quote! {
            const TYPE_NAME: &'static str = #name;
            const DOMAIN: &'static str = #domain;
        }
    }

    fn root(&mut self) -> Option<Named> {
        self.needed(|options| &mut options.root, "root")
    }

    /// The code, behind the errors if there are any.
    fn finish(self, code: &TokenStream) -> TokenStream {
        let mistakes = self.mistakes.into_error().map(syn::Error::into_compile_error);
        quote! { #mistakes #code }
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
