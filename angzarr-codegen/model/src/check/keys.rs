//! Keys of consumers: they exist, and they agree.

use crate::ir::{Component, FieldPath, FieldType, Handler, HandlerKind, Message, TypeName};
use crate::names::nearest;
use crate::relations::Relations;
use crate::{Diagnostic, Diagnostics, Span, codes};

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
                let mismatch = Diagnostic::new(codes::KEY_MISMATCH, place(handler), message);
                found.add(mismatch.with(place(other), "the first key of the component"));
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
    let about = |reason: String| {
        let message = format!("key `{path}` of `{}`: {reason}", super::name(component, handler));
        Diagnostic::new(codes::BAD_KEY, path.span, message)
    };
    let unknown = |message: &Message, name: &str| {
        let known = message.fields.iter().map(|field| field.name.as_str());
        about(format!("`{}` has no field `{name}`", message.name.0)).suggest(nearest(name, known))
    };
    let mut message = relations.message(&handler.input)?;
    let (last, before) = path.segments.split_last()?;
    for segment in before {
        let Some(field) = message.fields.iter().find(|field| &field.name == segment) else {
            found.add(unknown(message, segment));
            return None;
        };
        let inner = match &field.ty {
            FieldType::Message(inner) if field.singular => relations.message(inner),
            _ => None,
        };
        let Some(inner) = inner else {
            let reason = format!("`{segment}` of `{}` is not a singular message", message.name.0);
            found.add(about(reason).with(field.span, "the field"));
            return None;
        };
        message = inner;
    }
    let Some(field) = message.fields.iter().find(|field| &field.name == last) else {
        found.add(unknown(message, last));
        return None;
    };
    if !field.singular || matches!(field.ty, FieldType::Message(_) | FieldType::Other) {
        let reason = format!("`{last}` of `{}` is not a plain string, integer, bool or enum", message.name.0);
        found.add(about(reason).with(field.span, "the field"));
        return None;
    }
    Some(field.ty.clone())
}

/// Where a handler's key is written, or the handler if it has the default one.
fn place(handler: &Handler) -> Span {
    handler.key.first().map_or(handler.span, |path| path.span)
}
