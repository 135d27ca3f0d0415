//! Components of the model.

use angzarr_model::ir::{
    Aggregate, Component, ComponentKind, Delivery, FieldPath, Handler, HandlerKind, Member, OnFailure, Output, Payload,
    ProcessManager, Role, Snapshot, TypeName,
};
use angzarr_model::{Diagnostic, Span, codes};
use heck::ToSnakeCase;
use prost_reflect::{MessageDescriptor, MethodDescriptor, ServiceDescriptor};

use super::options::{self, EXTENSION, Options};
use super::scope::{self, Unresolved, Wanted};
use super::{Context, FOREIGN_PACKAGES, message};

/// `options` and `name` in `ServiceDescriptorProto`; `name`, `input_type` and so on in `MethodDescriptorProto`.
const SERVICE_OPTIONS: i32 = 3;
const METHOD_OPTIONS: i32 = 4;
pub(super) const NAME: i32 = 1;
const INPUT: i32 = 2;
const OUTPUT: i32 = 3;

/// The numbers of the kinds in `ComponentOptions`.
const KINDS: [(&str, i32); 5] =
    [("aggregate", 1), ("saga", 2), ("projector", 3), ("process_manager", 4), ("upcaster", 5)];

/// `domain` in the options of each kind that has one.
const DOMAIN: i32 = 1;

/// What a service is; nothing if it carries no annotation of ours or a broken one.
pub(super) fn component(context: &mut Context<'_>, service: &ServiceDescriptor) -> Option<Component> {
    let options = context.annotations.component(service)?;
    let file = service.parent_file();
    let span = context.spans.at(&file, &[service.path(), &[NAME]].concat());
    let kind = kind(context, service, &options, span);
    let domain_span = domain_span(context, service, &options).unwrap_or(span);
    let handlers = service.methods().map(|method| handler(context, &method, &options)).collect::<Vec<_>>();
    Some(Component {
        name: service.name().to_owned(),
        full_name: service.full_name().to_owned(),
        package: service.package_name().to_owned(),
        doc: context.spans.comment(&file, service.path()),
        span,
        domain_span,
        generate: context.protos.generate.contains(file.name()),
        kind: kind?,
        delivery: options.message("delivery").map(|delivery| self::delivery(&delivery)),
        handlers: handlers.into_iter().collect::<Option<_>>()?,
    })
}

fn kind(
    context: &mut Context<'_>,
    service: &ServiceDescriptor,
    options: &Options,
    span: Span,
) -> Option<ComponentKind> {
    let Some((name, number, inner)) =
        KINDS.iter().find_map(|(name, number)| Some((*name, *number, options.message(name)?)))
    else {
        context.found.report(codes::NO_KIND, span, format!("`{}` does not say what it is", service.full_name()));
        return None;
    };
    if several(context, service) {
        return None;
    }
    let mut names = Names { context, service, kind: number };
    Some(match name {
        "aggregate" => {
            let (state, snapshot) = names.state(&inner);
            let rejections = names.optional(&inner, "rejections", 4, Wanted::Enum);
            ComponentKind::Aggregate(Aggregate { domain: inner.string("domain"), state, snapshot, rejections })
        }
        "process_manager" => {
            let (state, snapshot) = names.state(&inner);
            ComponentKind::ProcessManager(ProcessManager { domain: inner.string("domain"), state, snapshot })
        }
        "projector" => ComponentKind::Projector { view: names.optional(&inner, "view", 1, Wanted::Message) },
        "upcaster" => ComponentKind::Upcaster { domain: inner.string("domain") },
        _ => ComponentKind::Saga,
    })
}

/// Where a service says its domain, if it says one.
fn domain_span(context: &mut Context<'_>, service: &ServiceDescriptor, options: &Options) -> Option<Span> {
    let set = |(name, number): &(&str, i32)| Some((*number, options.message(name)?));
    let (kind, inner) = KINDS.iter().find_map(set)?;
    let path = [service.path(), &[SERVICE_OPTIONS, EXTENSION, kind, DOMAIN]].concat();
    inner.has("domain").then(|| context.spans.inside(&service.parent_file(), &path, "domain", 0))
}

/// Reports a service that sets several kinds, one option after the other. Of these only the last is left in the decoded
/// option; that the others were set is known from where they stand.
fn several(context: &mut Context<'_>, service: &ServiceDescriptor) -> bool {
    let file = service.parent_file();
    let set = KINDS.iter().filter_map(|(name, number)| {
        let path = [service.path(), &[SERVICE_OPTIONS, EXTENSION, *number]].concat();
        context.spans.exactly(&file, &path).map(|span| (*name, span))
    });
    let mut set: Vec<(&str, Span)> = set.collect();
    set.sort_by_key(|(_, span)| context.spans.place(*span));
    let [(first, place), others @ ..] = set.as_slice() else { return false };
    for (other, span) in others {
        let message = format!("`{}` is said to be {first} and {other}", service.full_name());
        let several = Diagnostic::new(codes::SEVERAL_KINDS, *span, message);
        context.found.add(several.with(*place, "first said here"));
    }
    !others.is_empty()
}

/// What cannot be a time becomes none at all, which a check refuses.
fn delivery(options: &Options) -> Delivery {
    let milliseconds = |timeout: Options| {
        let (seconds, nanos) = (timeout.signed("seconds"), timeout.signed("nanos"));
        u64::try_from(seconds.saturating_mul(1000).saturating_add(nanos / 1_000_000)).unwrap_or_default()
    };
    Delivery {
        attempts: options.has("attempts").then(|| options.number("attempts")),
        timeout_ms: options.message("timeout").map(milliseconds),
        on_failure: match options.enumeration("on_failure") {
            1 => Some(OnFailure::Park),
            2 => Some(OnFailure::Skip),
            3 => Some(OnFailure::Stop),
            _ => None,
        },
    }
}

/// Resolves the names in one component's option.
struct Names<'a, 'b> {
    context: &'a mut Context<'b>,
    service: &'a ServiceDescriptor,
    kind: i32,
}

impl Names<'_, '_> {
    /// State and snapshots. A name that resolves to nothing is reported, and then kept as it is, so that the checks of
    /// everything else still run.
    fn state(&mut self, options: &Options) -> (TypeName, Snapshot) {
        let given = options.string("state");
        let full = self.resolve(&given, "state", 2, Wanted::Message);
        let state = full.as_ref().and_then(|full| self.context.protos.pool.get_message_by_name(full));
        let policy = options.message("snapshot");
        let number = |field| policy.as_ref().map_or(0, |policy| policy.number(field));
        let shape = state.map(|state| self.context.shapes.fingerprint(&state)).unwrap_or_default();
        let snapshot = Snapshot { every: number("every"), version: number("version"), shape };
        (TypeName(full.unwrap_or(given)), snapshot)
    }

    /// Nothing if there is no name, or none that resolves, which is reported.
    fn optional(&mut self, options: &Options, option: &str, number: i32, wanted: Wanted) -> Option<TypeName> {
        if !options.has(option) {
            return None;
        }
        self.resolve(&options.string(option), option, number, wanted).map(TypeName)
    }

    fn resolve(&mut self, name: &str, option: &str, number: i32, wanted: Wanted) -> Option<String> {
        let file = self.service.parent_file();
        let resolved = match name {
            "" => Err(Unresolved::because("it names nothing".to_owned())),
            _ => scope::resolve(&file, self.service.full_name(), name, wanted),
        };
        resolved
            .map_err(|unresolved| {
                let path = [self.service.path(), &[SERVICE_OPTIONS, EXTENSION, self.kind, number]].concat();
                let span = self.context.spans.inside(&file, &path, option, 0);
                let message = format!("`{option}` of `{}`: {}", self.service.full_name(), unresolved.reason);
                let unknown = Diagnostic::new(codes::UNKNOWN_TYPE, span, message);
                self.context.found.add(unknown.suggest(unresolved.suggestion));
            })
            .ok()
    }
}

fn handler(context: &mut Context<'_>, method: &MethodDescriptor, component: &Options) -> Option<Handler> {
    let file = method.parent_service().parent_file();
    let span = context.spans.at(&file, &[method.path(), &[NAME]].concat());
    let at = context.spans.place(span).map(|place| place.to_string()).unwrap_or_default();
    if method.is_client_streaming() {
        let message = format!("`{}` streams its input", method.full_name());
        context.found.report(codes::STREAMING_INPUT, span, message);
    }
    shadowed(context, method);
    let options = context.annotations.handler(method);
    foreign(context, method, &method.input(), INPUT);
    let kind = handler_kind(context, method, component);
    let output = output(context, method, component, kind);
    let key = options.as_ref().map(|options| key(context, method, options)).unwrap_or_default();
    let flag = |option| options.as_ref().is_some_and(|options| options.flag(option));
    Some(Handler {
        method: method.name().to_snake_case(),
        kind,
        input: TypeName(method.input().full_name().to_owned()),
        output: output?,
        key,
        starts: flag("starts"),
        io: flag("io"),
        hook: flag("hook"),
        at,
        doc: context.spans.comment(&file, method.path()),
        span,
    })
}

fn key(context: &mut Context<'_>, method: &MethodDescriptor, options: &Options) -> Vec<FieldPath> {
    let (file, path) =
        (method.parent_service().parent_file(), [method.path(), &[METHOD_OPTIONS, EXTENSION, 2]].concat());
    let paths = options.strings("key").into_iter().enumerate();
    let paths = paths.map(|(index, text)| FieldPath {
        segments: text.split('.').map(str::to_owned).collect(),
        span: context.spans.inside(&file, &path, "key", index),
    });
    paths.collect()
}

fn handler_kind(context: &Context<'_>, method: &MethodDescriptor, component: &Options) -> HandlerKind {
    match context.annotations.handler_kind(method) {
        options::HandlerKind::Command if component.has("aggregate") => HandlerKind::Command,
        options::HandlerKind::Command if component.has("upcaster") => HandlerKind::Upcast,
        options::HandlerKind::Command => HandlerKind::Event,
        options::HandlerKind::Fact => HandlerKind::Fact,
        options::HandlerKind::Compensation => HandlerKind::Compensation,
        options::HandlerKind::Query => HandlerKind::Query,
        options::HandlerKind::Deadline => HandlerKind::Deadline,
    }
}

fn output(
    context: &mut Context<'_>,
    method: &MethodDescriptor,
    component: &Options,
    kind: HandlerKind,
) -> Option<Output> {
    let ty = method.output();
    let many = method.is_server_streaming();
    if ty.full_name() == "google.protobuf.Empty" && !many {
        return Some(Output::Nothing);
    }
    if foreign(context, method, &ty, OUTPUT) {
        return None;
    }
    let member = |context: &Context<'_>, name: &str| Member {
        ty: TypeName(name.to_owned()),
        role: role(context, component, name),
    };
    let payload = match message::union(&context.shapes, &ty) {
        // Whatever its shape, an answer is handed over as it is.
        _ if kind == HandlerKind::Query => {
            Payload::Message(Member { ty: TypeName(ty.full_name().to_owned()), role: Role::Answer })
        }
        Ok(union) => Payload::Union {
            ty: TypeName(ty.full_name().to_owned()),
            members: union.members.iter().map(|(_, name)| member(context, &name.0)).collect(),
        },
        Err(None) => Payload::Message(member(context, ty.full_name())),
        Err(Some(reason)) => {
            let span = context.spans.at(&method.parent_service().parent_file(), &[method.path(), &[OUTPUT]].concat());
            let message = format!("`{}` is returned as a union, but {reason}", ty.full_name());
            context.found.report(codes::BAD_UNION, span, message);
            return None;
        }
    };
    Some(if many { Output::Many(payload) } else { Output::One(payload) })
}

/// What becomes of a message that a component yields.
fn role(context: &Context<'_>, component: &Options, name: &str) -> Role {
    let saga = component.has("saga");
    if !saga && !component.has("process_manager") {
        Role::Event
    } else if context.facts.contains(name) {
        Role::Fact
    } else if saga || context.commands.contains(name) {
        Role::Command
    } else {
        Role::Event
    }
}

/// Reports a message that cannot be anybody's command or event, and says whether it is one.
fn foreign(context: &mut Context<'_>, method: &MethodDescriptor, ty: &MessageDescriptor, number: i32) -> bool {
    let foreign = FOREIGN_PACKAGES.contains(&ty.package_name());
    if foreign {
        let span = context.spans.at(&method.parent_service().parent_file(), &[method.path(), &[number]].concat());
        let role = if number == INPUT { "takes" } else { "returns" };
        let message = format!("`{}` {role} `{}`, which belongs to no domain", method.full_name(), ty.full_name());
        context.found.report(codes::FOREIGN_MESSAGE, span, message);
    }
    foreign
}

/// Inside a service an rpc hides a message of the same name, for this rpc and all others; other compilers refuse it.
fn shadowed(context: &mut Context<'_>, method: &MethodDescriptor) {
    let service = method.parent_service();
    let package = service.package_name();
    for (ty, number) in service.methods().flat_map(|other| [(other.input(), INPUT), (other.output(), OUTPUT)]) {
        let scope = ty.full_name().strip_suffix(method.name()).and_then(|scope| scope.strip_suffix('.'));
        let unqualified = scope.is_some_and(|scope| {
            package.strip_prefix(scope).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        });
        if unqualified {
            let path = [method.path(), &[NAME]].concat();
            let span = context.spans.at(&service.parent_file(), &path);
            let role = if number == INPUT { "takes" } else { "returns" };
            let message =
                format!("rpc `{}` hides the message `{}` that its service {role}", method.name(), ty.full_name());
            let declared = context.spans.at(&ty.parent_file(), &[ty.path(), &[NAME]].concat());
            let shadowed = Diagnostic::new(codes::SHADOWED_NAME, span, message);
            context.found.add(shadowed.with(declared, "the message"));
            return;
        }
    }
}
