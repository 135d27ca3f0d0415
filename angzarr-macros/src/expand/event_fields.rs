//! What upcasts without user code need to know of an event's fields.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Expr, Field, GenericArgument, Ident, Lit, Meta, PathArguments, Token, Type};

use crate::types::generated_at;

/// What the attribute says about fields.
#[derive(Default)]
pub(super) struct Upcast {
    /// Fields, each with the field of the older version that it takes its value from.
    pub(super) renamed: Vec<(Ident, Ident)>,
    /// Fields, each with its value for older versions that lack it.
    pub(super) defaults: Vec<(Ident, Expr)>,
}

/// The table of fields, and the method that sets defaults.
pub(super) fn items(input: &DeriveInput, upcast: &Upcast) -> TokenStream {
    let Data::Struct(data) = &input.data else { return TokenStream::new() };
    let mut next = 1;
    let (mut table, mut setters) = (Vec::new(), Vec::new());
    for field in &data.fields {
        let (Some(name), Some(prost)) = (&field.ident, Prost::of(field, next)) else { continue };
        next = prost.numbers.iter().max().map_or(next, |last| last + 1);
        let renamed = upcast.renamed.iter().find(|(renamed, _)| renamed == name);
        let renamed = match renamed.map(|(_, old)| spelled(old)) {
            Some(old) => quote! { ::core::option::Option::Some(#old) },
            None => quote! { ::core::option::Option::None },
        };
        let default = upcast.defaults.iter().find(|(defaulted, _)| defaulted == name);
        setters.extend(default.map(|(_, value)| prost.setter(name, value)));
        let (text, ty, numbers) = (spelled(name), &prost.ty, &prost.numbers);
        let held = prost.held.as_ref().map(|held| {
            quote! {
                {
                    use ::angzarr_runtime::component::Unnamed as _;
                    ::angzarr_runtime::component::HeldType::<#held>::HELD
                }
            }
        });
        let held = match held {
            Some(held) => quote! { ::core::option::Option::Some(#held) },
            None => quote! { ::core::option::Option::None },
        };
        let (defaulted, optional) = (default.is_some(), prost.optional && !prost.message);
        table.push(quote! {
            ::angzarr_runtime::component::EventField {
                name: #text,
                numbers: &[#(#numbers),*],
                ty: #ty,
                held: #held,
                renamed_from: #renamed,
                defaulted: #defaulted,
                optional: #optional,
            }
        });
    }
    let setter = (!setters.is_empty()).then(|| quote! { fn set_upcast_defaults(&mut self) { #(#setters)* } });
    quote! {
        const FIELDS: &'static [::angzarr_runtime::component::EventField] = &[#(#table),*];
        #setter
    }
}

fn spelled(name: &Ident) -> String {
    let text = name.to_string();
    text.strip_prefix("r#").map_or(text.clone(), str::to_owned)
}

/// What prost's attribute says about a field.
struct Prost {
    numbers: Vec<u32>,
    ty: String,
    /// The message or enum.
    held: Option<Type>,
    text: bool,
    message: bool,
    optional: bool,
    boxed: bool,
    list: bool,
}

impl Prost {
    /// None of a field that is not encoded. Without a number it has the one after the field before it.
    fn of(field: &Field, next: u32) -> Option<Self> {
        let mut found = Self {
            numbers: Vec::new(),
            ty: String::new(),
            held: None,
            text: false,
            message: false,
            optional: false,
            boxed: false,
            list: false,
        };
        let attributes = field.attrs.iter().filter(|attribute| attribute.path().is_ident("prost"));
        let lists = attributes
            .filter_map(|attribute| attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated).ok());
        for meta in lists.flatten() {
            let word = meta.path().to_token_stream().to_string();
            match word.as_str() {
                "skip" => return None,
                "tag" | "tags" => {
                    found.numbers.extend(value(&meta).split(',').filter_map(|n| n.trim().parse::<u32>().ok()));
                }
                "packed" | "default" => {}
                "boxed" => found.boxed = true,
                _ => found.word(&word, &value(&meta)),
            }
        }
        if found.message {
            let held = held(&field.ty);
            found.ty.push_str(&last_names(&held.to_token_stream().to_string()));
            found.held = Some(held.clone());
        }
        found.ty = found.ty.split_whitespace().collect::<Vec<_>>().join(" ");
        if found.numbers.is_empty() {
            found.numbers.push(next);
        }
        Some(found)
    }

    fn word(&mut self, word: &str, value: &str) {
        match word {
            "enumeration" => self.held = syn::parse_str(value).ok(),
            "string" | "bytes" => self.text = true,
            "message" | "group" => self.message = true,
            "optional" => self.optional = true,
            "repeated" => self.list = true,
            "map" | "btree_map" | "hash_map" => {
                self.list = true;
                self.message = value.contains("message");
                let path = value.split_once("enumeration").map(|(_, path)| path.trim());
                let path = path.and_then(|path| path.strip_prefix('(')?.strip_suffix(')'));
                self.held = path.and_then(|path| syn::parse_str(path).ok());
            }
            _ => {}
        }
        let word = if self.list && word.ends_with("map") { "map" } else { word };
        // How bytes are held in memory is nobody's business.
        let value = if word == "bytes" { String::new() } else { last_names(value) };
        self.ty.push_str(&format!("{word} {value} "));
    }

    /// Sets the field; strings and bytes are written as literals, which have other types.
    fn setter(&self, name: &Ident, value: &Expr) -> TokenStream {
        let at = generated_at(value.span());
        let mut value = if self.text && !self.list {
            quote_spanned! {at=> ::core::convert::Into::into(#value) }
        } else {
            value.to_token_stream()
        };
        if self.boxed {
            value = quote_spanned! {at=> ::std::boxed::Box::new(#value) };
        }
        if self.optional {
            value = quote_spanned! {at=> ::core::option::Option::Some(#value) };
        }
        quote_spanned! {at=> self.#name = #value; }
    }
}

/// What a field holds in the end: how many, and where in memory, is nobody's business.
fn held(ty: &Type) -> &Type {
    const AROUND: [&str; 5] = ["Option", "Box", "Vec", "BTreeMap", "HashMap"];
    let mut inside = ty;
    while let Type::Path(path) = inside
        && let Some(last) = path.path.segments.last()
        && AROUND.iter().any(|around| last.ident == around)
        && let PathArguments::AngleBracketed(arguments) = &last.arguments
        && let Some(GenericArgument::Type(argument)) = arguments.args.last()
    {
        inside = argument;
    }
    inside
}

fn value(meta: &Meta) -> String {
    match meta {
        Meta::NameValue(pair) => match &pair.value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => text.value(),
                other => other.to_token_stream().to_string(),
            },
            _ => String::new(),
        },
        Meta::List(list) => list.tokens.to_string(),
        Meta::Path(_) => String::new(),
    }
}

/// A type as it is written, without what leads to each name in it: one type is reached by different paths.
fn last_names(written: &str) -> String {
    let mut found = String::new();
    let mut name = String::new();
    let mut characters = written.chars().filter(|character| !character.is_whitespace()).peekable();
    while let Some(character) = characters.next() {
        if character.is_alphanumeric() || character == '_' || character == '#' {
            name.push(character);
        } else if character == ':' && characters.peek() == Some(&':') {
            characters.next();
            name.clear();
        } else {
            found.push_str(&name);
            name.clear();
            found.push(character);
        }
    }
    found.push_str(&name);
    found
}
