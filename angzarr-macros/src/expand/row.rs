//! Rows of views, the messages inside them, and their oneofs.

use std::collections::HashSet;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Attribute, Data, DataEnum, DeriveInput, Fields, Ident, LitInt, LitStr, Path, Token, parenthesized};

use crate::attribute::{Mistakes, bad, coded};
use crate::types::generated_at;

/// PostgreSQL has columns of these names in every table.
const SYSTEM_COLUMNS: [&str; 6] = ["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"];

/// What PostgreSQL keeps of a name.
const NAME_BYTES: usize = 63;

/// More columns than this no database takes; the others lie in the JSON.
const COLUMNS: usize = 1_000;

pub(crate) fn row(input: &DeriveInput) -> syn::Result<TokenStream> {
    match &input.data {
        Data::Struct(data) if !matches!(data.fields, Fields::Unnamed(_)) => message(input, &data.fields),
        Data::Enum(data) => oneof(input, data),
        Data::Struct(_) | Data::Union(_) => Err(bad(&input.ident, "a row is a struct with named fields")),
    }
}

fn message(input: &DeriveInput, fields: &Fields) -> syn::Result<TokenStream> {
    let mut mistakes = Mistakes::default();
    let mut without = without(input, &mut mistakes);
    let (mut columns, mut values, mut rest) = (Vec::new(), Vec::new(), Vec::new());
    let (mut scalars, mut names) = (Vec::new(), HashSet::new());
    for field in fields {
        let (Some(ident), Some(read)) = (&field.ident, read(&field.attrs, &mut mistakes)) else { continue };
        if let Some(index) = without.iter().position(|left_out| left_out == ident) {
            without.remove(index);
            continue;
        }
        let name = ident.unraw().to_string();
        let at = generated_at(ident.span());
        let json = read.json(&name, &quote_spanned! {at=> self.#ident });
        match read.column() {
            Some(kind) if is_column(&name) && columns.len() < COLUMNS => {
                if !names.insert(name.to_ascii_lowercase()) {
                    mistakes.note(bad(ident, format!("databases take `{name}` and another field for one column")));
                }
                let (number, value) = (&read.number, read.value(&quote! { self.#ident }));
                columns.push(quote! {
                    ::angzarr_runtime::view::Column::new(#name, ::angzarr_runtime::view::Kind::#kind, #number)
                });
                values.push(quote! { ::angzarr_runtime::view::Value::from(#value) });
                scalars.push(json);
            }
            _ => rest.push(json),
        }
    }
    for unknown in without {
        mistakes.note(bad(&unknown, format!("`{}` has no field `{unknown}`", input.ident)));
    }
    if let Some(mistakes) = mistakes.into_error() {
        return Err(mistakes);
    }
    let ident = &input.ident;
    let json = if rest.is_empty() {
        quote! { _json }
    } else {
        quote! { json }
    };
    Ok(quote! {
        #[automatically_derived]
        impl ::angzarr_runtime::view::Row for #ident {
            const COLUMNS: &'static [::angzarr_runtime::view::Column] = &[#(#columns),*];

            fn values(&self) -> ::std::vec::Vec<::angzarr_runtime::view::Value> {
                ::std::vec![#(#values),*]
            }

            fn rest(&self, #json: &mut ::angzarr_runtime::view::json::Object<'_>) {
                #(#rest)*
            }
        }

        #[automatically_derived]
        impl ::angzarr_runtime::view::json::Json for #ident {
            fn write(&self, out: &mut ::std::string::String) {
                ::angzarr_runtime::view::json::message(out, |json| {
                    #(#scalars)*
                    ::angzarr_runtime::view::Row::rest(self, json);
                });
            }
        }
    })
}

/// Whether both databases take the name of a field for a column that is not theirs or ours.
fn is_column(name: &str) -> bool {
    !name.starts_with('_') && name.len() <= NAME_BYTES && !SYSTEM_COLUMNS.contains(&name)
}

fn oneof(input: &DeriveInput, data: &DataEnum) -> syn::Result<TokenStream> {
    let mut mistakes = Mistakes::default();
    let mut without = without(input, &mut mistakes);
    let mut arms = Vec::new();
    for variant in &data.variants {
        let Some(read) = read(&variant.attrs, &mut mistakes) else { continue };
        let ident = &variant.ident;
        if let Some(index) = without.iter().position(|left_out| left_out == ident) {
            without.remove(index);
            arms.push(quote! { Self::#ident(_) => {} });
            continue;
        }
        // Its value tells which member is set, so a default counts too.
        let value = read.plain(&quote! { *member });
        let name = snake(&ident.unraw().to_string());
        arms.push(quote! { Self::#ident(member) => json.present(#name, #value), });
    }
    for unknown in without {
        mistakes.note(bad(&unknown, format!("`{}` has no variant `{unknown}`", input.ident)));
    }
    if let Some(mistakes) = mistakes.into_error() {
        return Err(mistakes);
    }
    let ident = &input.ident;
    Ok(quote! {
        #[automatically_derived]
        impl ::angzarr_runtime::view::json::Oneof for #ident {
            fn member(&self, json: &mut ::angzarr_runtime::view::json::Object<'_>) {
                match self { #(#arms)* }
            }
        }
    })
}

/// `OrderPlacedV2` → `order_placed_v2`: the way back from the name that prost gives a variant.
fn snake(variant: &str) -> String {
    let mut name = String::new();
    for character in variant.chars() {
        if character.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.extend(character.to_lowercase());
    }
    name
}

/// The fields of `#[row(without(…))]`.
fn without(input: &DeriveInput, mistakes: &mut Mistakes) -> Vec<Ident> {
    let mut left_out = Vec::new();
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("row")) {
        let read = attribute.parse_args_with(|stream: ParseStream<'_>| {
            let word = stream.call(Ident::parse_any)?;
            if word != "without" {
                return Err(bad(&word, format!("`{word}` is not known here; known are without")));
            }
            let fields;
            parenthesized!(fields in stream);
            fields.call(Punctuated::<Ident, Token![,]>::parse_terminated)
        });
        match read {
            Ok(fields) => left_out.extend(fields),
            Err(error) => mistakes.note(coded(error)),
        }
    }
    left_out
}

/// What `#[prost(…)]` says of a field or of a oneof's member.
struct Read {
    ty: Ty,
    number: LitInt,
    optional: bool,
    repeated: bool,
}

enum Ty {
    /// The variant of `Kind`.
    Scalar(&'static str),
    Enumeration(Path),
    /// Messages, and maps of anything but enums.
    Other,
    /// A map whose values are of this enum.
    MapOf(Path),
    Oneof,
}

/// None if the field is none of prost's, or cannot be read, which is noted.
fn read(attributes: &[Attribute], mistakes: &mut Mistakes) -> Option<Read> {
    let (mut ty, mut number) = (None, LitInt::new("0", proc_macro2::Span::call_site()));
    let (mut optional, mut repeated) = (false, false);
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("prost")) {
        let words = match attribute.parse_args_with(Punctuated::<Word, Token![,]>::parse_terminated) {
            Ok(words) => words,
            Err(error) => {
                mistakes.note(coded(error));
                return None;
            }
        };
        for Word { word, value } in words {
            match (word.to_string().as_str(), value) {
                ("optional", _) => optional = true,
                ("repeated", _) => repeated = true,
                ("tag", Some(Given::Text(tag))) => match tag.parse() {
                    Ok(tag) => number = tag,
                    Err(error) => mistakes.note(coded(error)),
                },
                ("oneof", _) => ty = Some(Ty::Oneof),
                ("message" | "group", _) => ty = Some(Ty::Other),
                ("enumeration", Some(Given::Path(path))) => ty = Some(Ty::Enumeration(path)),
                ("enumeration", Some(Given::Text(path))) => match path.parse() {
                    Ok(path) => ty = Some(Ty::Enumeration(path)),
                    Err(error) => mistakes.note(coded(error)),
                },
                ("map" | "btree_map" | "hash_map", Some(Given::Text(types))) => match types.parse_with(map) {
                    Ok(map) => ty = Some(map),
                    Err(error) => mistakes.note(coded(error)),
                },
                (word, _) => ty = scalar(word).map(Ty::Scalar).or(ty),
            }
        }
    }
    Some(Read { ty: ty?, number, optional, repeated })
}

fn scalar(word: &str) -> Option<&'static str> {
    Some(match word {
        "string" => "Text",
        "bytes" => "Bytes",
        "bool" => "Boolean",
        "float" | "double" => "Real",
        "uint64" | "fixed64" => "Unsigned",
        "int32" | "int64" | "sint32" | "sint64" | "uint32" | "fixed32" | "sfixed32" | "sfixed64" => "Integer",
        _ => return None,
    })
}

/// `string, enumeration(Color)`.
fn map(stream: ParseStream<'_>) -> syn::Result<Ty> {
    stream.call(Ident::parse_any)?;
    stream.parse::<Token![,]>()?;
    let value = stream.call(Ident::parse_any)?;
    if value != "enumeration" {
        return Ok(Ty::Other);
    }
    let path;
    parenthesized!(path in stream);
    Ok(Ty::MapOf(path.parse()?))
}

/// `optional`, `tag = "1"`, or `enumeration(Color)`.
struct Word {
    word: Ident,
    value: Option<Given>,
}

enum Given {
    Text(LitStr),
    Path(Path),
}

impl Parse for Word {
    fn parse(stream: ParseStream<'_>) -> syn::Result<Self> {
        let word = stream.call(Ident::parse_any)?;
        let mut value = None;
        if stream.parse::<Option<Token![=]>>()?.is_some() {
            // `default = 5` is no string, and does not matter here.
            let literal: syn::Lit = stream.parse()?;
            value = if let syn::Lit::Str(text) = literal { Some(Given::Text(text)) } else { None };
        } else if stream.peek(syn::token::Paren) {
            let inner;
            parenthesized!(inner in stream);
            value = Some(if inner.peek(LitStr) { Given::Text(inner.parse()?) } else { Given::Path(inner.parse()?) });
        }
        Ok(Self { word, value })
    }
}

impl Read {
    /// The variant of `Kind` if it can be a column.
    fn column(&self) -> Option<Ident> {
        let kind = match &self.ty {
            Ty::Scalar(kind) => kind,
            Ty::Enumeration(_) => "Text",
            Ty::Other | Ty::MapOf(_) | Ty::Oneof => return None,
        };
        (!self.repeated).then(|| Ident::new(kind, proc_macro2::Span::call_site()))
    }

    /// What the value of the column is made from.
    fn value(&self, field: &TokenStream) -> TokenStream {
        match &self.ty {
            Ty::Enumeration(path) => self.enumeration(path, field),
            _ => quote! { ::core::clone::Clone::clone(&#field) },
        }
    }

    fn enumeration(&self, path: &Path, field: &TokenStream) -> TokenStream {
        let named = named(path);
        if self.optional {
            quote! { #field.map(#named) }
        } else if self.repeated {
            quote! { #field.iter().copied().map(#named).collect::<::std::vec::Vec<_>>() }
        } else {
            quote! { (#named)(#field) }
        }
    }

    /// A reference to what is written as JSON.
    fn plain(&self, field: &TokenStream) -> TokenStream {
        match &self.ty {
            Ty::Enumeration(path) => {
                let names = self.enumeration(path, field);
                quote! { &#names }
            }
            Ty::MapOf(path) => {
                let named = named(path);
                quote! {
                    &#field
                        .iter()
                        .map(|(key, value)| (key, (#named)(*value)))
                        .collect::<::std::collections::BTreeMap<_, _>>()
                }
            }
            _ => quote! { &#field },
        }
    }

    fn json(&self, name: &str, field: &TokenStream) -> TokenStream {
        if let Ty::Oneof = self.ty {
            return quote! { json.oneof(#field.as_ref()); };
        }
        let value = self.plain(field);
        quote! { json.field(#name, #value); }
    }
}

/// From a number to what knows its name.
fn named(path: &impl ToTokens) -> TokenStream {
    quote! {
        |number: i32| ::angzarr_runtime::view::json::Named(number, |number| {
            <#path as ::core::convert::TryFrom<i32>>::try_from(number).ok().map(|known| known.as_str_name())
        })
    }
}
