//! What templates print: final names, paths and literals.

use std::collections::{BTreeMap, BTreeSet};

use angzarr_model::ir::{
    Component, ComponentKind, Delivery, Field, Handler, HandlerKind, Literal, Member, Message, Model, Output, Payload,
    Role, Snapshot, TypeName,
};
use angzarr_model::names::{rust_field, rust_type};
use angzarr_model::relations::Relations;
use serde::Serialize;

use super::paths::{self, Paths};
use super::rows::Rows;

/// The derives of one message or enum type.
#[derive(Default, Serialize)]
pub(super) struct Attributes {
    /// Modules around the type, and its name, in the file of its package.
    #[serde(skip)]
    pub(super) path: (Vec<String>, String),
    command: Option<CommandView>,
    event: Option<EventView>,
    query: Option<QueryView>,
    deadline: Option<DeadlineView>,
    union: Option<UnionView>,
    row: Option<RowView>,
    rejections: bool,
}

#[derive(Serialize)]
struct RowView {
    /// Fields, or variants, that are left out.
    without: Vec<String>,
}

#[derive(Serialize)]
struct CommandView {
    name: String,
    domain: String,
    root: String,
}

#[derive(Serialize)]
struct EventView {
    name: String,
    domain: String,
    retired: bool,
    fact: Option<FactView>,
    stored_as: Vec<String>,
    /// Fields, each with the field of the older version.
    renamed: Vec<FieldView>,
    /// Fields, each with an expression.
    defaults: Vec<FieldView>,
}

/// A field, and what it takes.
#[derive(Serialize)]
struct FieldView {
    name: String,
    takes: String,
}

#[derive(Serialize)]
struct FactView {
    root: String,
    idempotency_key: String,
}

#[derive(Serialize)]
struct QueryView {
    name: String,
    domain: String,
    root: String,
    answer: String,
}

#[derive(Serialize)]
struct DeadlineView {
    name: String,
    domain: String,
}

#[derive(Serialize)]
struct UnionView {
    field: String,
    oneof: String,
    members: Vec<MemberView>,
}

#[derive(Serialize)]
struct MemberView {
    role: &'static str,
    variant: String,
    path: String,
}

/// The definition of one component.
#[derive(Serialize)]
pub(super) struct ComponentView {
    doc: Vec<String>,
    derive: &'static str,
    attribute: &'static str,
    define: String,
    name: String,
    domain: Option<String>,
    state: Option<String>,
    snapshot: Option<SnapshotView>,
    rejections: Option<String>,
    view: Option<String>,
    delivery: Option<String>,
    handlers: Vec<HandlerView>,
}

#[derive(Serialize)]
struct SnapshotView {
    every: u32,
    version: u32,
    shape: String,
}

#[derive(Serialize)]
struct HandlerView {
    kind: &'static str,
    method: String,
    input: String,
    output: String,
    key: Option<String>,
    starts: bool,
    io: bool,
    hook: bool,
    doc: Option<String>,
    at: String,
}

/// A Rust string literal.
pub(super) fn literal(text: &str) -> String {
    format!("{text:?}")
}

/// A line of a `///` comment, which must hold nothing that ends it.
fn comment(line: &str) -> String {
    format!("/// {}", line.replace(char::is_control, " ")).trim_end().to_owned()
}

/// Derives for the types of one package, for those that have any.
pub(super) fn attributes(
    package: &str,
    model: &Model,
    relations: &Relations<'_>,
    rows: &Rows,
    paths: &Paths<'_>,
) -> Vec<Attributes> {
    let unions: BTreeMap<&TypeName, &[Member]> = handlers(model)
        .filter_map(|handler| match handler.output.payload()? {
            Payload::Union { ty, members } => Some((ty, members.as_slice())),
            Payload::Message(_) => None,
        })
        .collect();
    let mut views: Vec<Attributes> = Vec::new();
    for message in model.messages.iter().filter(|message| message.generate && message.package == package) {
        let view = Attributes {
            path: paths::inside(package, &message.name),
            command: command(message, relations),
            event: event(message, relations),
            query: query(message, relations, paths),
            deadline: deadline(message, relations),
            union: unions.get(&message.name).and_then(|members| union(message, model, members, paths)),
            row: rows.messages.get(&message.name.0).map(|without| RowView { without: without.clone() }),
            rejections: false,
        };
        let derives = [
            view.command.is_some(),
            view.event.is_some(),
            view.query.is_some(),
            view.deadline.is_some(),
            view.union.is_some(),
            view.row.is_some(),
        ];
        if derives.contains(&true) {
            views.push(view);
        }
    }
    for oneof in rows.oneofs.get(package).into_iter().flatten() {
        let row = Some(RowView { without: oneof.without.clone() });
        views.push(Attributes { path: oneof.path.clone(), row, ..Attributes::default() });
    }
    let rejections: BTreeSet<&TypeName> = model
        .components
        .iter()
        .filter_map(|component| match &component.kind {
            ComponentKind::Aggregate(aggregate) => aggregate.rejections.as_ref(),
            _ => None,
        })
        .collect();
    for ty in model.enums.iter().filter(|ty| ty.package == package && rejections.contains(&ty.name)) {
        let path = paths::inside(package, &ty.name);
        views.push(Attributes { path, rejections: true, ..Attributes::default() });
    }
    views
}

fn handlers(model: &Model) -> impl Iterator<Item = &Handler> {
    model.components.iter().flat_map(|component| &component.handlers)
}

fn command(message: &Message, relations: &Relations<'_>) -> Option<CommandView> {
    let claim = relations.takers(&message.name).first()?;
    Some(CommandView { name: literal(&message.name.0), domain: literal(claim.domain), root: root(message)? })
}

fn root(message: &Message) -> Option<String> {
    message.fields.iter().find(|field| field.root).map(|field| rust_field(&field.name))
}

fn event(message: &Message, relations: &Relations<'_>) -> Option<EventView> {
    let domain = relations.event_domain(&message.name)?;
    let fact = if relations.recorders(&message.name).is_empty() { None } else { fact(message) };
    let view = |field: &Field, takes: String| FieldView { name: rust_field(&field.name), takes };
    let renamed = |field: &Field| Some(view(field, rust_field(&field.renamed_from.as_ref()?.text)));
    let default = |field: &Field| {
        let value = field.upcast_default.as_ref()?.value.as_ref().ok()?;
        Some(view(field, expression(value, &field.spelling)))
    };
    Some(EventView {
        name: literal(&message.name.0),
        domain: literal(domain),
        retired: message.retired,
        fact,
        stored_as: message.stored_as.iter().map(|stored| literal(&stored.text)).collect(),
        renamed: message.fields.iter().filter_map(renamed).collect(),
        defaults: message.fields.iter().filter_map(default).collect(),
    })
}

/// A value as Rust spells it, for a field of the type that a proto spells so.
fn expression(value: &Literal, spelling: &str) -> String {
    let float = if spelling == "float" { "f32" } else { "f64" };
    match value {
        Literal::Text(text) => literal(text),
        Literal::Bytes(bytes) => format!("b\"{}\"", bytes.escape_ascii()),
        Literal::Bool(value) => value.to_string(),
        Literal::Integer(value) => value.to_string(),
        Literal::Float(value) => match value.as_str() {
            "inf" => format!("::core::{float}::INFINITY"),
            "-inf" => format!("::core::{float}::NEG_INFINITY"),
            "NaN" => format!("::core::{float}::NAN"),
            number => number.to_owned(),
        },
        Literal::Enum(number) => number.to_string(),
        Literal::Message(bytes) => {
            format!("::angzarr_runtime::component::decoded(b\"{}\")", bytes.escape_ascii())
        }
        Literal::Empty => "::core::default::Default::default()".to_owned(),
    }
}

fn fact(message: &Message) -> Option<FactView> {
    let external_id = message.fields.iter().find(|field| field.idempotency_key)?;
    Some(FactView { root: root(message)?, idempotency_key: rust_field(&external_id.name) })
}

fn query(message: &Message, relations: &Relations<'_>, paths: &Paths<'_>) -> Option<QueryView> {
    let claim = relations.answerers(&message.name).first()?;
    let answer = claim.handler.yields(Role::Answer).next()?;
    Some(QueryView {
        name: literal(&message.name.0),
        domain: literal(claim.domain),
        root: root(message)?,
        answer: paths.relative(paths::scope(&message.name), answer),
    })
}

fn deadline(message: &Message, relations: &Relations<'_>) -> Option<DeadlineView> {
    let claim = relations.schedulers(&message.name).first()?;
    Some(DeadlineView { name: literal(&message.name.0), domain: literal(claim.domain) })
}

/// The enum of the oneof lies in the module of the union message, which prost names after the message.
fn union(message: &Message, model: &Model, members: &[Member], paths: &Paths<'_>) -> Option<UnionView> {
    let union = message.union.as_ref()?;
    let (_, own) = message.name.0.rsplit_once('.').unwrap_or(("", &message.name.0));
    let mut oneof = rust_type(&union.oneof);
    let nested = model.messages.iter().map(|m| &m.name).chain(model.enums.iter().map(|e| &e.name));
    let mut siblings = nested.filter(|name| paths::scope(name) == message.name.0);
    if siblings.any(|name| rust_type(angzarr_model::names::last_segment(&name.0)) == oneof) {
        oneof.push_str("OneOf");
    }
    let member = |((field, ty), member): (&(String, TypeName), &Member)| MemberView {
        role: role(member.role),
        variant: rust_type(field),
        path: paths.relative(paths::scope(&message.name), ty),
    };
    Some(UnionView {
        field: rust_field(&union.oneof),
        oneof: format!("{}::{oneof}", rust_field(own)),
        members: union.members.iter().zip(members).map(member).collect(),
    })
}

/// The definition of a component, as seen from the module of its package.
pub(super) fn component(component: &Component, paths: &Paths<'_>) -> ComponentView {
    let path = |name: &TypeName| paths.relative(&component.package, name);
    let mut view = ComponentView {
        doc: component.doc.lines().map(comment).collect(),
        derive: "Saga",
        attribute: "saga",
        define: rust_type(&component.name),
        name: literal(&component.full_name),
        domain: component.own_domain().map(literal),
        state: None,
        snapshot: None,
        rejections: None,
        view: None,
        delivery: component.delivery.as_ref().map(delivery),
        handlers: component.handlers.iter().map(|handler| self::handler(component, handler, paths)).collect(),
    };
    match &component.kind {
        ComponentKind::Aggregate(aggregate) => {
            (view.derive, view.attribute) = ("Aggregate", "aggregate");
            view.state = Some(path(&aggregate.state));
            view.snapshot = Some(snapshot(&aggregate.snapshot));
            view.rejections = aggregate.rejections.as_ref().map(path);
        }
        ComponentKind::ProcessManager(manager) => {
            (view.derive, view.attribute) = ("ProcessManager", "process_manager");
            view.state = Some(path(&manager.state));
            view.snapshot = Some(snapshot(&manager.snapshot));
        }
        ComponentKind::Projector { view: row } => {
            (view.derive, view.attribute) = ("Projector", "projector");
            view.view = row.as_ref().map(path);
        }
        ComponentKind::Upcaster { domain } => {
            (view.derive, view.attribute) = ("Upcaster", "upcaster");
            view.domain = Some(literal(domain));
        }
        ComponentKind::Saga => {}
    }
    view
}

fn snapshot(snapshot: &Snapshot) -> SnapshotView {
    SnapshotView { every: snapshot.every, version: snapshot.version, shape: literal(&snapshot.shape) }
}

fn delivery(delivery: &Delivery) -> String {
    let attempts = delivery.attempts.map(|attempts| format!("attempts = {attempts}"));
    let timeout = delivery.timeout_ms.map(|timeout| format!("timeout_ms = {timeout}"));
    let on_failure = delivery.on_failure.map(|then| format!("on_failure = {then:?}"));
    attempts.into_iter().chain(timeout).chain(on_failure).collect::<Vec<_>>().join(", ")
}

fn handler(component: &Component, handler: &Handler, paths: &Paths<'_>) -> HandlerView {
    let package = &component.package;
    let key: Vec<String> = handler
        .key
        .iter()
        .map(|path| path.segments.iter().map(|segment| rust_field(segment)).collect::<Vec<_>>().join("."))
        .collect();
    HandlerView {
        kind: match handler.kind {
            HandlerKind::Command => "command",
            HandlerKind::Fact => "fact",
            HandlerKind::Compensation => "compensation",
            HandlerKind::Query => "query",
            HandlerKind::Event => "on",
            HandlerKind::Deadline => "deadline",
            HandlerKind::Upcast => "upcast",
        },
        method: rust_field(&handler.method),
        input: paths.relative(package, &handler.input),
        output: output(component, &handler.output, paths),
        key: (!key.is_empty()).then(|| key.join(", ")),
        starts: handler.starts,
        io: handler.io,
        hook: handler.hook,
        doc: (!handler.doc.is_empty()).then(|| literal(&handler.doc)),
        at: literal(&handler.at),
    }
}

/// The word for what becomes of a message; there is none for the answer to a query, which nothing else yields.
fn role(role: Role) -> &'static str {
    match role {
        Role::Event => "event",
        Role::Command => "command",
        Role::Fact => "fact",
        Role::Answer => "",
    }
}

fn output(component: &Component, output: &Output, paths: &Paths<'_>) -> String {
    let package = &component.package;
    let (stream, payload) = match output {
        Output::Nothing => return "()".to_owned(),
        Output::One(payload) => ("", payload),
        Output::Many(payload) => ("stream ", payload),
    };
    let member = |member: &Member| format!("{} {}", role(member.role), paths.relative(package, &member.ty));
    // What a plain message is if nothing is said.
    let default = if matches!(component.kind, ComponentKind::Saga) { Role::Command } else { Role::Event };
    match payload {
        Payload::Message(only) if only.role != default && only.role != Role::Answer => {
            format!("{stream}{}", member(only))
        }
        Payload::Message(only) => format!("{stream}{}", paths.relative(package, &only.ty)),
        Payload::Union { ty, members } => {
            let members: Vec<String> = members.iter().map(member).collect();
            format!("{stream}{}({})", paths.relative(package, ty), members.join(", "))
        }
    }
}
