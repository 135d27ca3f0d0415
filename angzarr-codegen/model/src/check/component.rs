//! Rules that one component can be held to without knowing any other; derives and generators share them.

use std::collections::HashMap;

use crate::codes;
use crate::ir::{Component, ComponentKind, Handler, HandlerKind, Output, Role};
use crate::names::{fold_method, last_segment};
use crate::{Diagnostics, Span};

/// Checks one component.
pub fn component(component: &Component, found: &mut Diagnostics) {
    domain(component, found);
    if component.handlers.is_empty() {
        found.report(codes::NO_HANDLERS, component.span, format!("`{}` handles nothing", component.name));
    }
    for handler in &component.handlers {
        kind(component, handler, found);
        output(component, handler, found);
        if handler.starts && !matches!(component.kind, ComponentKind::ProcessManager(_)) {
            let message = format!("`{}` starts nothing: `{}` is no process manager", handler.method, component.name);
            found.report(codes::MISPLACED_OPTION, handler.span, message);
        }
        if !handler.key.is_empty() && handler.kind != HandlerKind::Event {
            let message = format!("`{}` cannot choose its key: `{}` is no consumer", handler.method, component.name);
            found.report(codes::MISPLACED_OPTION, handler.span, message);
        }
    }
    distinct(component, found);
    starts(component, found);
}

fn domain(component: &Component, found: &mut Diagnostics) {
    let domain = match &component.kind {
        ComponentKind::Upcaster { domain } => domain,
        _ => match component.own_domain() {
            Some(domain) => domain,
            None => return,
        },
    };
    let mut characters = domain.chars();
    let starts_well = characters.next().is_some_and(|first| first.is_ascii_lowercase());
    if !starts_well || !characters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-') {
        found.report(codes::BAD_DOMAIN, component.span, format!("`{}` has the domain \"{domain}\"", component.name));
    }
}

fn kind(component: &Component, handler: &Handler, found: &mut Diagnostics) {
    let fits = match component.kind {
        ComponentKind::Aggregate(_) => matches!(handler.kind, HandlerKind::Command | HandlerKind::Compensation),
        ComponentKind::Upcaster { .. } => handler.kind == HandlerKind::Upcast,
        ComponentKind::Saga | ComponentKind::Projector { .. } | ComponentKind::ProcessManager(_) => {
            handler.kind == HandlerKind::Event
        }
    };
    if !fits {
        let message = format!("`{}.{}` cannot be of this kind", component.name, handler.method);
        found.report(codes::WRONG_KIND, handler.span, message);
    }
}

fn output(component: &Component, handler: &Handler, found: &mut Diagnostics) {
    let name = format!("{}.{}", component.name, handler.method);
    let mut wrong = |reason: &str| found.report(codes::WRONG_OUTPUT, handler.span, format!("`{name}` {reason}"));
    let yields =
        |role| handler.output.payload().is_some_and(|payload| payload.members().iter().any(|m| m.role == role));
    match &component.kind {
        ComponentKind::Aggregate(_) if yields(Role::Command) => wrong("returns a command; an aggregate returns events"),
        ComponentKind::Aggregate(_) if handler.kind == HandlerKind::Command && handler.output == Output::Nothing => {
            wrong("returns nothing; a command yields one event, or a stream of them");
        }
        ComponentKind::Saga if handler.output == Output::Nothing => {
            wrong("returns nothing; a saga returns one command, or a stream of them");
        }
        ComponentKind::Saga if yields(Role::Event) => wrong("returns something that no aggregate takes as command"),
        ComponentKind::Projector { .. } if handler.output != Output::Nothing => {
            wrong("returns a message; a projector returns google.protobuf.Empty, its row is named by `view`");
        }
        ComponentKind::ProcessManager(_) if handler.starts && handler.output == Output::Nothing => {
            wrong("starts an instance, but stores nothing; return an event, so that there is something to go on with");
        }
        ComponentKind::Upcaster { .. } if handler.output == Output::Nothing => {
            wrong("returns nothing; to drop an event return a stream and leave it empty");
        }
        _ => {}
    }
}

/// Names of methods and folds share one trait, and dispatch goes by input type.
fn distinct(component: &Component, found: &mut Diagnostics) {
    let mut inputs: HashMap<_, &Handler> = HashMap::new();
    let mut methods: HashMap<String, String> = HashMap::new();
    for handler in &component.handlers {
        if let Some(first) = inputs.insert((&handler.input, handler.kind), handler) {
            let message = format!("`{}` and `{}` both take `{}`", first.method, handler.method, handler.input.0);
            found.report(codes::DUPLICATE_HANDLER, handler.span, message);
        }
        claim_method(
            &mut methods,
            handler.method.clone(),
            format!("handler of `{}`", handler.input.0),
            handler.span,
            found,
        );
    }
    for event in component.own_events() {
        let method = fold_method(last_segment(&event.0));
        claim_method(&mut methods, method, format!("fold of `{}`", event.0), component.span, found);
    }
}

fn claim_method(
    methods: &mut HashMap<String, String>,
    method: String,
    user: String,
    span: Span,
    found: &mut Diagnostics,
) {
    if let Some(first) = methods.get(&method) {
        found.report(codes::DUPLICATE_METHOD, span, format!("`{method}` would be the {first} and the {user}"));
    } else {
        methods.insert(method, user);
    }
}

fn starts(component: &Component, found: &mut Diagnostics) {
    let manager = matches!(component.kind, ComponentKind::ProcessManager(_));
    if manager && !component.handlers.is_empty() && !component.handlers.iter().any(|handler| handler.starts) {
        found.report(
            codes::NEVER_STARTED,
            component.span,
            format!("nothing starts an instance of `{}`", component.name),
        );
    }
}
