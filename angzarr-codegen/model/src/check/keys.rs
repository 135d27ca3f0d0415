//! Keys of consumers: they exist, and they agree.

use crate::ir::{Component, FieldPath, FieldType, Handler, HandlerKind, TypeName};
use crate::relations::Relations;
use crate::{Diagnostics, codes};

pub(super) fn keys(component: &Component, relations: &Relations<'_>, found: &mut Diagnostics) {
    let mut first: Option<(&Handler, Vec<FieldType>)> = None;
    // What else a process manager handles belongs to an instance already.
    for handler in
        component.handlers.iter().filter(|handler| handler.kind == HandlerKind::Event || !handler.key.is_empty())
    {
        let types: Vec<Option<FieldType>> =
            handler.key.iter().map(|path| end(component, handler, path, relations, found)).collect();
        // A path that was reported already says nothing about types.
        let Some(types) = types.into_iter().collect::<Option<Vec<FieldType>>>() else { continue };
        match &first {
            None => first = Some((handler, types)),
            Some((other, expected)) if *expected != types => {
                let message = format!(
                    "`{}` has the key ({}), `{}` the key ({})",
                    super::name(component, other),
                    describe(expected),
                    super::name(component, handler),
                    describe(&types)
                );
                found.report(codes::KEY_MISMATCH, handler.span, message);
            }
            Some(_) => {}
        }
    }
}

fn describe(types: &[FieldType]) -> String {
    if types.is_empty() {
        return "default".to_owned();
    }
    let names: Vec<&str> = types
        .iter()
        .map(|ty| match ty {
            FieldType::String => "string",
            FieldType::Integer => "integer",
            FieldType::Bool => "bool",
            FieldType::Enum(TypeName(name)) | FieldType::Message(TypeName(name)) => name,
            FieldType::Other => "other",
        })
        .collect();
    names.join(", ")
}

/// The type that a path ends in.
fn end(
    component: &Component,
    handler: &Handler,
    path: &FieldPath,
    relations: &Relations<'_>,
    found: &mut Diagnostics,
) -> Option<FieldType> {
    let mut bad = |reason: String| {
        let message = format!("key `{path}` of `{}`: {reason}", super::name(component, handler));
        found.report(codes::BAD_KEY, handler.span, message);
    };
    let mut message = relations.message(&handler.input)?;
    let (last, before) = path.0.split_last()?;
    for segment in before {
        let Some(field) = message.fields.iter().find(|field| &field.name == segment) else {
            bad(format!("`{}` has no field `{segment}`", message.name.0));
            return None;
        };
        let inner = match &field.ty {
            FieldType::Message(inner) if field.singular => relations.message(inner),
            _ => None,
        };
        let Some(inner) = inner else {
            bad(format!("`{segment}` of `{}` is not a singular message", message.name.0));
            return None;
        };
        message = inner;
    }
    let Some(field) = message.fields.iter().find(|field| &field.name == last) else {
        bad(format!("`{}` has no field `{last}`", message.name.0));
        return None;
    };
    if !field.singular || matches!(field.ty, FieldType::Message(_) | FieldType::Other) {
        bad(format!("`{last}` of `{}` is not a plain string, integer, bool or enum", message.name.0));
        return None;
    }
    Some(field.ty.clone())
}
