//! Abstract classes: one a component, with a method for each handler and each fold.

use std::collections::BTreeMap;

use angzarr_model::ir::{Component, ComponentKind, Handler, HandlerKind, Model, Output, Payload, TypeName};
use angzarr_model::names::{fold_method, last_segment};
use prost_reflect::FileDescriptor;
use serde::Serialize;

use super::modules::{Importer, Module};
use super::names::{docstring, identifier};
use super::types::Types;
use crate::frontend::Protos;

/// The module for the components of one file.
#[derive(Serialize)]
pub(super) struct Components {
    imports: Vec<String>,
    components: Vec<Class>,
}

#[derive(Serialize)]
pub(super) struct Class {
    pub(super) name: String,
    pub(super) full_name: String,
    doc: Vec<String>,
    methods: Vec<Method>,
    /// What the server calls its kind.
    kind: &'static str,
    /// The class of its state.
    state: Option<String>,
    tables: Vec<Table>,
    /// Of an aggregate with codes for its rejections.
    rejections: Option<Rejections>,
}

/// Handlers of one kind, or folds, for the server.
#[derive(Serialize)]
struct Table {
    name: &'static str,
    entries: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    /// Full name of what is taken.
    message: String,
    /// The function that hides the types.
    how: &'static str,
    /// What that takes: classes, then the method.
    arguments: Vec<String>,
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
    /// What whoever implements it has to do.
    task: String,
    /// Whether its signature is too long for one line.
    is_long: bool,
}

impl Method {
    /// Where lines end, by what most of Python's formatters are set to.
    const WIDTH: usize = 100;

    fn broken(self) -> Self {
        let parameters: usize = self.parameters.iter().map(|one| one.len() + 2).sum();
        let is_long = "    async def () -> :".len() + self.name.len() + parameters + self.returns.len() > Self::WIDTH;
        Method { is_long, ..self }
    }
}

impl Class {
    /// Whether a method's signature has this text in it.
    fn mentions(&self, text: &str) -> bool {
        let signature =
            |method: &Method| method.parameters.iter().any(|one| one.contains(text)) || method.returns.contains(text);
        self.methods.iter().any(signature)
    }
}

/// The components of a file that are to be generated, as they stand there.
pub(super) fn of_file<'a>(file: &FileDescriptor, model: &'a Model) -> Vec<&'a Component> {
    let own: BTreeMap<&str, &Component> =
        model.components.iter().filter(|one| one.generate).map(|one| (one.full_name.as_str(), one)).collect();
    file.services().filter_map(|service| own.get(service.full_name()).copied()).collect()
}

/// The classes for the components of a file; none if it has none to generate.
pub(super) fn module(file: &FileDescriptor, protos: &Protos, model: &Model) -> Option<Components> {
    let components = of_file(file, model);
    if components.is_empty() {
        return None;
    }
    let module = Module::components(file.name());
    let mut classes = Classes { types: Types::new(protos, Importer::Inside(&module)) };
    let components = components.into_iter().map(|component| classes.class(component)).collect();
    let imports = &classes.types.imports;
    let imports = imports.component_support().into_iter().chain(imports.statements()).collect();
    Some(Components { imports, components })
}

/// The class of a component as its implementation needs it, which stands outside of the package.
#[derive(Serialize)]
pub(super) struct Skeleton {
    uses_collections: bool,
    imports: Vec<String>,
    /// Name of the module of the abstract class.
    base: String,
    pub(super) component: Class,
}

/// The same for one component of a file, in a program that knows the package under this path.
pub(super) fn skeleton(component: &Component, file: &FileDescriptor, protos: &Protos, package: &str) -> Skeleton {
    let mut classes = Classes { types: Types::new(protos, Importer::Outside(package)) };
    let component = classes.class(component);
    let mut imports = classes.types.imports;
    let base = imports.module(Module::components(file.name()));
    let support = component.mentions("angzarr.").then(|| imports.support());
    let message = component.mentions("message.Message").then(|| "from google.protobuf import message".to_owned());
    let imports = message.into_iter().chain(support).chain(imports.statements()).collect();
    Skeleton { uses_collections: component.mentions("collections.abc."), imports, base, component }
}

struct Classes<'a> {
    types: Types<'a>,
}

impl Classes<'_> {
    fn class(&mut self, component: &Component) -> Class {
        let mut methods: Vec<Method> = (component.handlers.iter().filter(|handler| handler.declared().is_none()))
            .map(|handler| self.handler(component, handler))
            .collect();
        let (kind, state, rejections) = match &component.kind {
            ComponentKind::Aggregate(own) => ("Aggregate", Some(&own.state), own.rejections.as_ref()),
            ComponentKind::ProcessManager(own) => ("ProcessManager", Some(&own.state), None),
            ComponentKind::Saga => ("Saga", None, None),
            ComponentKind::Projector { .. } => ("Projector", None, None),
            ComponentKind::Upcaster { .. } => ("Upcaster", None, None),
        };
        if let Some(state) = state {
            methods.extend(component.own_events().into_iter().map(|event| self.fold(state, event)));
        }
        Class {
            name: identifier(&component.name),
            full_name: component.full_name.clone(),
            doc: docstring(&component.doc),
            methods,
            kind,
            state: state.map(|state| self.types.class_of(state)),
            tables: self.tables(component),
            rejections: rejections.map(|codes| Rejections { name: rejection(component), codes: self.types.ty(codes) }),
        }
    }

    fn tables(&mut self, component: &Component) -> Vec<Table> {
        let kinds: &[(&'static str, HandlerKind)] = match &component.kind {
            ComponentKind::Aggregate(_) => &[
                ("commands", HandlerKind::Command),
                ("facts", HandlerKind::Fact),
                ("compensations", HandlerKind::Compensation),
                ("queries", HandlerKind::Query),
            ],
            ComponentKind::ProcessManager(_) => &[
                ("events", HandlerKind::Event),
                ("deadlines", HandlerKind::Deadline),
                ("compensations", HandlerKind::Compensation),
            ],
            ComponentKind::Saga | ComponentKind::Projector { .. } => &[("events", HandlerKind::Event)],
            ComponentKind::Upcaster { .. } => &[("events", HandlerKind::Upcast)],
        };
        let mut tables = Vec::new();
        for (name, kind) in kinds {
            let handlers = component.handlers.iter().filter(|one| one.kind == *kind && one.declared().is_none());
            tables.push(Table { name, entries: handlers.map(|handler| self.entry(component, handler)).collect() });
        }
        if component.own_domain().is_some() {
            let fold = |event: &TypeName| Entry {
                message: event.0.clone(),
                how: "fold",
                arguments: vec![self.types.class_of(event), format!("self.{}", fold_method(last_segment(&event.0)))],
            };
            tables.push(Table { name: "folds", entries: component.own_events().into_iter().map(fold).collect() });
        }
        tables
    }

    fn entry(&mut self, component: &Component, handler: &Handler) -> Entry {
        let mut arguments = vec![self.types.class_of(&handler.input), format!("self.{}", identifier(&handler.method))];
        let how = match (&component.kind, handler.kind) {
            (_, HandlerKind::Compensation) => "refused",
            (ComponentKind::Saga, _) => "stateless",
            (ComponentKind::Projector { view: None }, _) => "effect",
            (ComponentKind::Projector { view: Some(view) }, _) => {
                arguments.insert(0, self.types.class_of(view));
                "row"
            }
            (ComponentKind::Upcaster { .. }, _) => "upcast",
            (ComponentKind::Aggregate(_) | ComponentKind::ProcessManager(_), _) => "stateful",
        };
        Entry { message: handler.input.0.clone(), how, arguments }
    }

    fn handler(&mut self, component: &Component, handler: &Handler) -> Method {
        let input = self.types.ty(&handler.input);
        let context = format!("cx: {}", self.types.support("Context"));
        let mut parameters = vec!["self".to_owned()];
        let mut is_async = true;
        match &component.kind {
            ComponentKind::Aggregate(own) => {
                is_async = handler.io;
                parameters.extend([self.state(&own.state), self.input(handler, &input), context]);
            }
            ComponentKind::ProcessManager(own) => {
                let context = format!("cx: {}", self.types.support("ProcessContext"));
                parameters.extend([self.state(&own.state), self.input(handler, &input), context]);
            }
            ComponentKind::Projector { view: Some(view) } => {
                parameters.extend([
                    format!("row: {} | None", self.types.ty(view)),
                    self.input(handler, &input),
                    context,
                ]);
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
            ComponentKind::Projector { view: Some(view) } => format!("{} | None", self.types.ty(view)),
            _ => self.returns(&handler.output),
        };
        let method = Method {
            name: identifier(&handler.method),
            is_static: false,
            is_async,
            parameters,
            returns,
            doc: docstring(&handler.doc),
            task: task(component, handler),
            is_long: false,
        };
        method.broken()
    }

    fn state(&mut self, state: &TypeName) -> String {
        format!("state: {}", self.types.ty(state))
    }

    fn input(&self, handler: &Handler, ty: &str) -> String {
        match handler.kind {
            HandlerKind::Command => format!("command: {ty}"),
            HandlerKind::Fact => format!("fact: {ty}"),
            HandlerKind::Compensation => format!("refused: {}[{ty}]", self.types.support("Refused")),
            HandlerKind::Query => format!("query: {ty}"),
            HandlerKind::Deadline => format!("deadline: {ty}"),
            HandlerKind::Event | HandlerKind::Upcast => format!("event: {ty}"),
        }
    }

    /// Members of unions are returned as they are.
    fn returns(&mut self, output: &Output) -> String {
        let mut types = |payload: &Payload| {
            payload.members().iter().map(|member| self.types.ty(&member.ty)).collect::<Vec<_>>().join(" | ")
        };
        match output {
            Output::Nothing => "None".to_owned(),
            Output::One(payload) => types(payload),
            Output::Many(payload) => {
                let types = types(payload);
                self.types.iterable(&types)
            }
        }
    }

    fn fold(&mut self, state: &TypeName, event: &TypeName) -> Method {
        let method = Method {
            name: fold_method(last_segment(&event.0)),
            is_static: true,
            is_async: false,
            parameters: vec![self.state(state), format!("event: {}", self.types.ty(event))],
            returns: "None".to_owned(),
            doc: Vec::new(),
            task: format!("change the state as {} says", last_segment(&event.0)),
            is_long: false,
        };
        method.broken()
    }
}

/// The exception for the rejections of a component.
pub(super) fn rejection(component: &Component) -> String {
    format!("{}Rejection", component.name)
}

/// What a handler has to do, for whoever is about to write it.
fn task(component: &Component, handler: &Handler) -> String {
    let input = last_segment(&handler.input.0);
    let rejection = match &component.kind {
        ComponentKind::Aggregate(own) if own.rejections.is_some() => {
            format!(", or raise {}", rejection(component))
        }
        _ => String::new(),
    };
    match handler.kind {
        HandlerKind::Command => format!("return what {input} leads to{rejection}"),
        HandlerKind::Fact => format!("return what follows from {input}"),
        HandlerKind::Compensation => format!("return what follows from the refusal of {input}"),
        HandlerKind::Query => format!("return the answer to {input}"),
        HandlerKind::Deadline => format!("return what follows from the deadline {input}"),
        HandlerKind::Upcast => format!("return what becomes of {input}"),
        HandlerKind::Event => match &component.kind {
            ComponentKind::Projector { view: Some(_) } => format!("return the row as it is after {input}"),
            ComponentKind::Projector { view: None } => format!("do what {input} asks for"),
            _ => format!("return what follows from {input}"),
        },
    }
}
