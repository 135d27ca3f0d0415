//! Abstract classes: one a component, with a method for each handler and each fold.

use std::collections::BTreeMap;

use angzarr_model::ir::{Component, ComponentKind, Handler, HandlerKind, Model, Output, Payload, TypeName};
use angzarr_model::names::{fold_method, last_segment};
use prost_reflect::FileDescriptor;
use serde::Serialize;

use super::modules::{Imports, Module};
use super::names::{docstring, identifier};
use super::stubs::local;
use crate::frontend::Protos;

/// The module for the components of one file.
#[derive(Serialize)]
pub(super) struct Components {
    imports: Vec<String>,
    components: Vec<Class>,
}

#[derive(Serialize)]
struct Class {
    name: String,
    doc: Vec<String>,
    methods: Vec<Method>,
    /// Of an aggregate with codes for its rejections.
    rejections: Option<Rejections>,
}

#[derive(Serialize)]
struct Rejections {
    /// Name of the exception.
    name: String,
    /// The enum.
    codes: String,
}

#[derive(Serialize)]
struct Method {
    name: String,
    /// Sees nothing but what it is given.
    is_static: bool,
    is_async: bool,
    /// Each with its type; they are told apart by place.
    parameters: Vec<String>,
    returns: String,
    doc: Vec<String>,
}

/// The classes for the components of a file; none if it has none to generate.
pub(super) fn module(file: &FileDescriptor, protos: &Protos, model: &Model) -> Option<Components> {
    let own: BTreeMap<&str, &Component> =
        model.components.iter().filter(|one| one.generate).map(|one| (one.full_name.as_str(), one)).collect();
    let services = file.services().map(|service| service.full_name().to_owned()).collect::<Vec<_>>();
    let components: Vec<&&Component> = services.iter().filter_map(|name| own.get(name.as_str())).collect();
    if components.is_empty() {
        return None;
    }
    let module = Module::components(file.name());
    let mut classes = Classes { protos, imports: Imports::new(&module) };
    let components = components.into_iter().map(|component| classes.class(component)).collect();
    let imports = [classes.imports.support()].into_iter().chain(classes.imports.statements()).collect();
    Some(Components { imports, components })
}

struct Classes<'a> {
    protos: &'a Protos,
    imports: Imports<'a>,
}

impl Classes<'_> {
    fn class(&mut self, component: &Component) -> Class {
        let mut methods: Vec<Method> = (component.handlers.iter().filter(|handler| handler.declared().is_none()))
            .map(|handler| self.handler(component, handler))
            .collect();
        let (state, rejections) = match &component.kind {
            ComponentKind::Aggregate(own) => (Some(&own.state), own.rejections.as_ref()),
            ComponentKind::ProcessManager(own) => (Some(&own.state), None),
            _ => (None, None),
        };
        if let Some(state) = state {
            methods.extend(component.own_events().into_iter().map(|event| self.fold(state, event)));
        }
        Class {
            name: identifier(&component.name),
            doc: docstring(&component.doc),
            methods,
            rejections: rejections
                .map(|codes| Rejections { name: format!("{}Rejection", component.name), codes: self.ty(codes) }),
        }
    }

    fn handler(&mut self, component: &Component, handler: &Handler) -> Method {
        let input = self.ty(&handler.input);
        let context = "cx: _angzarr.Context".to_owned();
        let mut parameters = vec!["self".to_owned()];
        let mut is_async = true;
        match &component.kind {
            ComponentKind::Aggregate(own) => {
                is_async = handler.io;
                parameters.extend([self.state(&own.state), self.input(handler, &input), context]);
            }
            ComponentKind::ProcessManager(own) => {
                let context = "cx: _angzarr.ProcessContext".to_owned();
                parameters.extend([self.state(&own.state), self.input(handler, &input), context]);
            }
            ComponentKind::Projector { view: Some(view) } => {
                parameters.extend([format!("row: {} | None", self.ty(view)), self.input(handler, &input), context]);
            }
            ComponentKind::Saga | ComponentKind::Projector { view: None } => {
                parameters.extend([self.input(handler, &input), context]);
            }
            ComponentKind::Upcaster { .. } => {
                is_async = false;
                parameters.push(self.input(handler, &input));
            }
        }
        let returns = match &component.kind {
            ComponentKind::Projector { view: Some(view) } => format!("{} | None", self.ty(view)),
            _ => self.returns(&handler.output),
        };
        let (name, doc) = (identifier(&handler.method), docstring(&handler.doc));
        Method { name, is_static: false, is_async, parameters, returns, doc }
    }

    fn state(&mut self, state: &TypeName) -> String {
        format!("state: {}", self.ty(state))
    }

    fn input(&self, handler: &Handler, ty: &str) -> String {
        match handler.kind {
            HandlerKind::Command => format!("command: {ty}"),
            HandlerKind::Fact => format!("fact: {ty}"),
            HandlerKind::Compensation => format!("refused: _angzarr.Refused[{ty}]"),
            HandlerKind::Query => format!("query: {ty}"),
            HandlerKind::Deadline => format!("deadline: {ty}"),
            HandlerKind::Event | HandlerKind::Upcast => format!("event: {ty}"),
        }
    }

    /// Members of unions are returned as they are.
    fn returns(&mut self, output: &Output) -> String {
        let mut types = |payload: &Payload| {
            payload.members().iter().map(|member| self.ty(&member.ty)).collect::<Vec<_>>().join(" | ")
        };
        match output {
            Output::Nothing => "None".to_owned(),
            Output::One(payload) => types(payload),
            Output::Many(payload) => format!("_collections.Iterable[{}]", types(payload)),
        }
    }

    fn fold(&mut self, state: &TypeName, event: &TypeName) -> Method {
        Method {
            name: fold_method(last_segment(&event.0)),
            is_static: true,
            is_async: false,
            parameters: vec![self.state(state), format!("event: {}", self.ty(event))],
            returns: "None".to_owned(),
            doc: Vec::new(),
        }
    }

    /// A message or enum type; one whose name is a word of the language can only be told to be some message.
    fn ty(&mut self, name: &TypeName) -> String {
        let pool = &self.protos.pool;
        let message = pool.get_message_by_name(&name.0).map(|ty| (ty.parent_file(), ty.package_name().to_owned()));
        let found = message
            .or_else(|| pool.get_enum_by_name(&name.0).map(|ty| (ty.parent_file(), ty.package_name().to_owned())));
        match found {
            Some((file, package)) if !local(&name.0, &package).split('.').any(super::names::is_keyword) => {
                format!("{}.{}", self.imports.messages(file.name()), local(&name.0, &package))
            }
            _ => "_message.Message".to_owned(),
        }
    }
}
