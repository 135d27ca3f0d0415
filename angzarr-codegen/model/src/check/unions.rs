//! A union's type says once and for all what becomes of its members.

use std::collections::BTreeMap;

use crate::ir::{Component, Handler, Member, Model, Payload, TypeName};
use crate::relations::Relations;
use crate::{Diagnostic, Diagnostics, codes};

pub(super) fn unions(model: &Model, relations: &Relations<'_>, found: &mut Diagnostics) {
    let mut first: BTreeMap<&TypeName, (&Component, &Handler, &[Member])> = BTreeMap::new();
    for component in super::as_written(&model.components) {
        for handler in &component.handlers {
            let Some(Payload::Union { ty, members }) = handler.output.payload() else { continue };
            let (other, before, expected) = *first.entry(ty).or_insert((component, handler, members));
            let differ = members.iter().zip(expected).filter(|(member, expected)| member.role != expected.role);
            for (member, _) in differ.filter(|(member, _)| !relations.undecided(&member.ty)) {
                let message = format!(
                    "`{}` and `{}` both return the union `{}`, but only one of them sends `{}`",
                    super::name(other, before),
                    super::name(component, handler),
                    ty.0,
                    member.ty.0
                );
                let divided = Diagnostic::new(codes::BAD_UNION, handler.span, message);
                found.add(divided.with(before.span, "returned here, too"));
            }
        }
    }
}
