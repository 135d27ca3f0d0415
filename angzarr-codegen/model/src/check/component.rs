//! Rules that one component can be held to without knowing any other; derives and generators share them.

use std::collections::HashMap;

use crate::codes;
use crate::ir::{Component, ComponentKind, Handler, HandlerKind, Output, Payload, Role, TypeName};
use crate::names::{fold_method, last_segment};
use crate::{Diagnostic, Diagnostics, Span};

/// Checks one component.
pub fn component(component: &Component, found: &mut Diagnostics) {
    domain(component, found);
    delivery(component, found);
    if component.handlers.is_empty() {
        found.report(codes::NO_HANDLERS, component.span, format!("`{}` handles nothing", component.name));
    }
    for handler in &component.handlers {
        kind(component, handler, found);
        output(component, handler, found);
        misplaced(component, handler, found);
        if manager(component) && handler.kind == HandlerKind::Compensation {
            sent(component, handler, found);
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
        found.report(
            codes::BAD_DOMAIN,
            component.domain_span,
            format!("`{}` has the domain {domain:?}", component.name),
        );
    }
}

fn manager(component: &Component) -> bool {
    matches!(component.kind, ComponentKind::ProcessManager(_))
}

fn delivery(component: &Component, found: &mut Diagnostics) {
    let Some(delivery) = &component.delivery else { return };
    let name = &component.name;
    if matches!(component.kind, ComponentKind::Aggregate(_) | ComponentKind::Upcaster { .. }) {
        let message = format!("`{name}` has no say in delivery: it is no consumer");
        found.report(codes::MISPLACED_OPTION, component.span, message);
    }
    if delivery.attempts == Some(0) {
        found.report(codes::BAD_DELIVERY, component.span, format!("`{name}` is given no attempt"));
    }
    if delivery.timeout_ms == Some(0) {
        found.report(codes::BAD_DELIVERY, component.span, format!("`{name}` is given no time"));
    }
}

fn misplaced(component: &Component, handler: &Handler, found: &mut Diagnostics) {
    let (name, method) = (&component.name, &handler.method);
    let mut report = |message| found.report(codes::MISPLACED_OPTION, handler.span, message);
    if handler.starts && !manager(component) {
        report(format!("`{method}` starts nothing: `{name}` is no process manager"));
    } else if handler.starts && handler.kind != HandlerKind::Event {
        report(format!("`{method}` starts nothing: only events start an instance"));
    }
    if handler.io && !matches!(component.kind, ComponentKind::Aggregate(_)) {
        report(match component.kind {
            ComponentKind::Upcaster { .. } => {
                format!("`{method}` does no I/O: whoever reads an old event waits for it")
            }
            _ => format!("`{method}` need not say that it does I/O: handlers of `{name}` are async"),
        });
    }
    if handler.hook && handler.kind != HandlerKind::Upcast {
        report(format!("`{method}` is user code in any case: `{name}` is no upcaster"));
    } else if handler.hook && !matches!(handler.output, Output::One(Payload::Message(_))) {
        report(format!("`{method}` is user code in any case: it does not lead to one message"));
    }
    if !handler.key.is_empty() && handler.kind != HandlerKind::Event {
        report(if manager(component) {
            format!("`{method}` cannot choose its key: its instance exists already")
        } else {
            format!("`{method}` cannot choose its key: `{name}` is no consumer")
        });
    }
}

/// A process manager compensates what it sends itself.
fn sent(component: &Component, handler: &Handler, found: &mut Diagnostics) {
    let yields = |other: &Handler| {
        other.output.payload().is_some_and(|payload| payload.members().iter().any(|member| member.ty == handler.input))
    };
    if !component.handlers.iter().any(yields) {
        let (name, command) = (super::name(component, handler), &handler.input.0);
        let message = format!("`{name}`: `{}` does not send `{command}`", component.name);
        found.report(codes::IDLE_COMPENSATION, handler.span, message);
    }
}

fn kind(component: &Component, handler: &Handler, found: &mut Diagnostics) {
    let fits = match component.kind {
        ComponentKind::Aggregate(_) => matches!(
            handler.kind,
            HandlerKind::Command | HandlerKind::Fact | HandlerKind::Compensation | HandlerKind::Query
        ),
        ComponentKind::ProcessManager(_) => {
            matches!(handler.kind, HandlerKind::Event | HandlerKind::Compensation | HandlerKind::Deadline)
        }
        ComponentKind::Upcaster { .. } => handler.kind == HandlerKind::Upcast,
        ComponentKind::Saga | ComponentKind::Projector { .. } => handler.kind == HandlerKind::Event,
    };
    if !fits {
        let message = format!(
            "`{}.{}` has the kind {}, which handlers of {} cannot have",
            component.name,
            handler.method,
            spelt(handler.kind),
            article(&component.kind)
        );
        found.report(codes::WRONG_KIND, handler.span, message);
    }
}

/// A kind of handler as the option spells it; the last two have no name there.
fn spelt(kind: HandlerKind) -> &'static str {
    match kind {
        HandlerKind::Command => "COMMAND",
        HandlerKind::Fact => "FACT",
        HandlerKind::Compensation => "COMPENSATION",
        HandlerKind::Query => "QUERY",
        HandlerKind::Deadline => "DEADLINE",
        HandlerKind::Event => "event",
        HandlerKind::Upcast => "upcast",
    }
}

fn article(kind: &ComponentKind) -> &'static str {
    match kind {
        ComponentKind::Aggregate(_) => "an aggregate",
        ComponentKind::Saga => "a saga",
        ComponentKind::Projector { .. } => "a projector",
        ComponentKind::ProcessManager(_) => "a process manager",
        ComponentKind::Upcaster { .. } => "an upcaster",
    }
}

fn output(component: &Component, handler: &Handler, found: &mut Diagnostics) {
    let name = format!("{}.{}", component.name, handler.method);
    let mut wrong = |reason: &str| found.report(codes::WRONG_OUTPUT, handler.span, format!("`{name}` {reason}"));
    let yields = |role| handler.yields(role).next().is_some();
    match &component.kind {
        ComponentKind::Aggregate(_) if handler.kind == HandlerKind::Query => {
            let answer = matches!(&handler.output, Output::One(Payload::Message(one)) if one.role == Role::Answer);
            if !answer {
                wrong("does not return one message; a query has exactly one answer");
            }
        }
        ComponentKind::Aggregate(_) if yields(Role::Command) => wrong("returns a command; an aggregate returns events"),
        ComponentKind::Aggregate(_) if yields(Role::Fact) => wrong("sends a fact; an aggregate returns events"),
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
    let mut inputs: HashMap<(&TypeName, HandlerKind), &Handler> = HashMap::new();
    let mut methods: HashMap<String, (String, Span)> = HashMap::new();
    for handler in &component.handlers {
        if let Some(first) = inputs.insert((&handler.input, dispatched_as(handler.kind)), handler) {
            let message = format!("`{}` and `{}` both take `{}`", first.method, handler.method, handler.input.0);
            let duplicate = Diagnostic::new(codes::DUPLICATE_HANDLER, handler.span, message);
            found.add(duplicate.with(first.span, "first taken here"));
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

/// What comes to an aggregate from outside is told apart by its type only.
fn dispatched_as(kind: HandlerKind) -> HandlerKind {
    match kind {
        HandlerKind::Fact | HandlerKind::Query => HandlerKind::Command,
        other => other,
    }
}

fn claim_method(
    methods: &mut HashMap<String, (String, Span)>,
    method: String,
    user: String,
    span: Span,
    found: &mut Diagnostics,
) {
    if let Some((first, place)) = methods.get(&method) {
        let message = format!("`{method}` would be the {first} and the {user}");
        found.add(Diagnostic::new(codes::DUPLICATE_METHOD, span, message).with(*place, format!("the {first}")));
    } else {
        methods.insert(method, (user, span));
    }
}

fn starts(component: &Component, found: &mut Diagnostics) {
    if manager(component) && !component.handlers.is_empty() && !component.handlers.iter().any(|handler| handler.starts)
    {
        found.report(
            codes::NEVER_STARTED,
            component.span,
            format!("nothing starts an instance of `{}`", component.name),
        );
    }
}
