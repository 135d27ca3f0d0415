//! Descriptors in, model out: what annotations mean, what names in options refer to, and where everything stands.

mod component;
mod later;
mod layout;
mod literal;
mod message;
mod options;
mod scope;
mod shape;
mod spans;

use std::collections::BTreeSet;

use angzarr_model::ir::{Enum, EnumValue, Model, TypeName};
use angzarr_model::relations::Undecided;
use angzarr_model::{Diagnostics, codes};
use prost_reflect::{FileDescriptor, MessageDescriptor, ServiceDescriptor};

use crate::frontend::{FOREIGN_PACKAGES, Protos};
use layout::Layout;
use options::{Annotations, HandlerKind};
use shape::Shapes;
pub(crate) use spans::Spans;

/// A model and the places of everything in it.
pub(crate) struct Resolved {
    pub(crate) model: Model,
    pub(crate) spans: Spans,
    /// Annotations that are refused, names that resolve to nothing, unions that are none.
    pub(crate) found: Diagnostics,
    /// Components that could not be understood.
    pub(crate) undecided: Undecided,
}

/// What every part of this stage needs.
struct Context<'a> {
    protos: &'a Protos,
    annotations: Annotations,
    /// Messages that some aggregate takes as command, by full name.
    commands: BTreeSet<String>,
    /// Messages that some aggregate records as fact, by full name.
    facts: BTreeSet<String>,
    shapes: Shapes,
    spans: Spans,
    found: Diagnostics,
}

/// Makes a model of everything that was read.
pub(crate) fn resolve(protos: &Protos) -> Resolved {
    let annotations = Annotations::of(&protos.pool);
    let mut context = Context {
        commands: inputs(protos, &annotations, HandlerKind::Command),
        facts: inputs(protos, &annotations, HandlerKind::Fact),
        shapes: Shapes::of(&protos.pool),
        protos,
        annotations,
        spans: Spans::new(protos.sources.clone(), protos.columns),
        found: Diagnostics::new(),
    };
    let mut model = Model::default();
    let mut messages: Vec<MessageDescriptor> = protos.pool.all_messages().filter(|m| !m.is_map_entry()).collect();
    messages.sort_by(|a, b| a.full_name().cmp(b.full_name()));
    model.messages = messages.iter().map(|message| message::message(&mut context, message)).collect();
    model.enums = enums(&mut context);
    later::check(&mut context);
    let layout = Layout::of(&context);
    layout.cycles(&mut context);
    let mut undecided = Undecided::default();
    for service in protos.pool.services().filter(|s| protos.services.contains(s.parent_file().name())) {
        if context.annotations.component(&service).is_some() {
            layout.check(&mut context, &service);
            match component::component(&mut context, &service) {
                Some(component) => model.components.push(component),
                None => leave_undecided(&service, &mut undecided),
            }
        }
    }
    model.components.sort_by(|a, b| a.full_name.cmp(&b.full_name));
    let Context { spans, found, .. } = context;
    Resolved { model, spans, found, undecided }
}

/// Notes what a service names that could not be understood.
fn leave_undecided(service: &ServiceDescriptor, undecided: &mut Undecided) {
    undecided.services.insert(service.full_name().to_owned());
    let ends = service.methods().flat_map(|method| [method.input(), method.output()]);
    let members = |message: &MessageDescriptor| {
        message.fields().filter_map(|field| field.kind().as_message().cloned()).collect::<Vec<_>>()
    };
    let named = ends.flat_map(|message| [members(&message), vec![message]].concat());
    undecided.messages.extend(named.map(|message| TypeName(message.full_name().to_owned())));
}

/// What aggregates take in one way. Known before anything else is resolved, since it decides what becomes of the members
/// of unions.
fn inputs(protos: &Protos, annotations: &Annotations, kind: HandlerKind) -> BTreeSet<String> {
    let mut inputs = BTreeSet::new();
    for service in protos.pool.services().filter(|s| protos.services.contains(s.parent_file().name())) {
        if annotations.component(&service).is_none_or(|component| component.message("aggregate").is_none()) {
            continue;
        }
        let handlers = service.methods().filter(|m| annotations.handler_kind(m) == kind);
        inputs.extend(handlers.map(|method| method.input().full_name().to_owned()));
    }
    inputs
}

fn enums(context: &mut Context<'_>) -> Vec<Enum> {
    let mut enums: Vec<Enum> = context
        .protos
        .pool
        .all_enums()
        .map(|ty| Enum {
            name: TypeName(ty.full_name().to_owned()),
            doc: context.spans.comment(&ty.parent_file(), ty.path()),
            span: context.spans.at(&ty.parent_file(), &[ty.path(), &[component::NAME]].concat()),
            values: ty
                .values()
                .map(|value| EnumValue {
                    name: value.name().to_owned(),
                    number: value.number(),
                    doc: context.spans.comment(&ty.parent_file(), value.path()),
                })
                .collect(),
            package: ty.package_name().to_owned(),
            generate: context.protos.generate.contains(ty.parent_file().name()),
        })
        .collect();
    enums.sort_by(|a, b| a.name.cmp(&b.name));
    enums
}

impl Context<'_> {
    /// Refuses an option whose feature is not built; silence would let a user believe in it.
    fn not_built(&mut self, file: &FileDescriptor, path: &[i32], what: &str) {
        let word = what.trim_start_matches('`').split([':', '`']).next().unwrap_or_default();
        let span = self.spans.inside(file, path, word, 0);
        self.found.report(codes::NOT_BUILT_YET, span, format!("{what} is not built yet"));
    }
}
