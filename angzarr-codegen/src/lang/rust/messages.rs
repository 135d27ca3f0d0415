//! Message types: prost prints them, our derives are put on them afterwards.

use std::collections::BTreeMap;

use prost_build::Module;
use prost_reflect::FileDescriptor;
use syn::{Attribute, Item, ItemMod, parse_quote};

use super::paths::Paths;
use super::places;
use super::view::Attributes;
use crate::Report;
use crate::frontend::Protos;
use crate::render::{Renderer, internal};

/// Every generated package, parsed, by name; empty if it has no messages.
pub(super) fn packages(protos: &Protos, paths: &Paths<'_>) -> Result<BTreeMap<String, syn::File>, Vec<Report>> {
    // prost looks at everything a message refers to, so it gets all files; what was only imported goes to a module
    // that nobody reads.
    let unread = Module::from_parts([""]);
    let mut files: Vec<FileDescriptor> = protos.pool.files().collect();
    files.sort_by(|a, b| a.name().cmp(b.name()));
    let mut modules: BTreeMap<String, Module> = BTreeMap::new();
    let mut requests = Vec::new();
    for file in &files {
        let module = if protos.generate.contains(file.name()) {
            let module = Module::from_parts([file.package_name(), "rs"]);
            modules.insert(file.package_name().to_owned(), module.clone());
            module
        } else {
            unread.clone()
        };
        requests.push((module, places::completed(file.file_descriptor_proto().clone())));
    }
    let mut texts = config(paths).generate(requests).map_err(|error| internal(&error))?;
    let mut packages = BTreeMap::new();
    for (package, module) in modules {
        let mut file = super::parse(&texts.remove(&module).unwrap_or_default())?;
        plain_debug(&mut file.items);
        packages.insert(package, file);
    }
    Ok(packages)
}

fn config(paths: &Paths<'_>) -> prost_build::Config {
    let mut config = prost_build::Config::new();
    config
        .format(false)
        .prost_path("::angzarr_runtime::prost")
        .prost_types_path("::angzarr_runtime::prost_types")
        .extern_path(".angzarr.v1", "::angzarr_runtime::proto")
        // Sorted maps encode to the same bytes every time.
        .btree_map(["."])
        .enable_type_names()
        .type_name_domain(["."], "type.googleapis.com");
    for (package, path) in paths.mapped() {
        config.extern_path(format!(".{package}"), path);
    }
    config
}

/// Gives messages with maps an ordinary `Debug`: the one that prost derives names the crate `prost` whatever path it was
/// told, and a user's crate need not depend on that.
fn plain_debug(items: &mut [Item]) {
    for item in items {
        match item {
            Item::Mod(ItemMod { content: Some((_, inner)), .. }) => plain_debug(inner),
            Item::Struct(message) if message.fields.iter().any(is_map) => {
                message.attrs.push(parse_quote!(#[prost(skip_debug)]));
                message.attrs.push(parse_quote!(#[derive(Debug)]));
            }
            _ => {}
        }
    }
}

fn is_map(field: &syn::Field) -> bool {
    let lists = field.attrs.iter().filter_map(|attribute| attribute.meta.require_list().ok());
    lists.flat_map(|list| list.tokens.clone()).any(|token| token.to_string() == "btree_map")
}

/// Puts derives on the types that have a part to play.
///
/// prost's own option for this would put them on types nested in those, too.
pub(super) fn attach(file: &mut syn::File, attributes: &[Attributes], renderer: &Renderer) -> Result<(), Vec<Report>> {
    let mut by_path: BTreeMap<(Vec<String>, String), Vec<Attribute>> = BTreeMap::new();
    for view in attributes {
        let text = renderer.render("rust/attributes.rs", view)?;
        // Attributes alone are no file; the item that carries them is thrown away.
        let carrier = super::parse(&format!("{text}struct Carrier;"))?;
        for item in carrier.items {
            if let Item::Struct(carrier) = item {
                by_path.insert(view.path.clone(), carrier.attrs);
            }
        }
    }
    put(&mut file.items, &mut Vec::new(), &by_path);
    Ok(())
}

fn put(items: &mut [Item], modules: &mut Vec<String>, by_path: &BTreeMap<(Vec<String>, String), Vec<Attribute>>) {
    for item in items {
        let (attributes, name) = match item {
            Item::Struct(item) => (&mut item.attrs, item.ident.to_string()),
            Item::Enum(item) => (&mut item.attrs, item.ident.to_string()),
            Item::Mod(item) => {
                modules.push(item.ident.to_string());
                if let Some((_, inner)) = &mut item.content {
                    put(inner, modules, by_path);
                }
                modules.pop();
                continue;
            }
            _ => continue,
        };
        if let Some(found) = by_path.get(&(modules.clone(), name)) {
            attributes.extend(found.iter().cloned());
        }
    }
}
