//! What the grammar accepts, production by production, and that reading undoes writing.

use angzarr_model::ir::{
    Aggregate, Component, ComponentKind, Delivery, FieldPath, Handler, HandlerKind, Member, OnFailure, Output, Payload,
    ProcessManager, Role, Snapshot, TypeName,
};
use angzarr_model::{Span, codes};
use proptest::prelude::*;

use super::{Parsed, Vocabulary, parse};

const KINDS: [Vocabulary; 5] =
    [Vocabulary::AGGREGATE, Vocabulary::SAGA, Vocabulary::PROJECTOR, Vocabulary::PROCESS_MANAGER, Vocabulary::UPCASTER];

fn parsed(vocabulary: Vocabulary, text: &str) -> syn::Result<Parsed> {
    let input = syn::parse_str(&format!("#[{}({text})] enum Definition {{}}", vocabulary.attribute))?;
    parse(&input, vocabulary)
}

/// The component, without places and with findings as errors.
fn component(vocabulary: Vocabulary, text: &str) -> Result<Component, String> {
    match parsed(vocabulary, text).map_err(|error| error.to_string())? {
        Parsed::Bind(_) => Err("a binding".to_owned()),
        Parsed::Define(definition) => match definition.findings {
            Some(findings) => Err(findings.to_string()),
            None => Ok(unplaced(definition.component)),
        },
    }
}

fn unplaced(mut component: Component) -> Component {
    component.span = Span::default();
    component.domain_span = Span::default();
    for handler in &mut component.handlers {
        handler.span = Span::default();
        for path in &mut handler.key {
            path.span = Span::default();
        }
    }
    component
}

fn errors(vocabulary: Vocabulary, text: &str) -> Vec<String> {
    let first_line = |error: syn::Error| error.to_string().lines().next().unwrap_or_default().to_owned();
    match parsed(vocabulary, text) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.into_iter().map(first_line).collect(),
    }
}

fn handler(kind: HandlerKind, method: &str, input: &str, output: Output) -> Handler {
    Handler {
        method: method.to_owned(),
        kind,
        input: TypeName(input.to_owned()),
        output,
        key: Vec::new(),
        starts: false,
        io: false,
        hook: false,
        at: String::new(),
        doc: String::new(),
        span: Span::default(),
    }
}

fn message(ty: &str, role: Role) -> Payload {
    Payload::Message(member(ty, role))
}

fn member(ty: &str, role: Role) -> Member {
    Member { ty: TypeName(ty.to_owned()), role }
}

/// The output of the one handler of a component of a kind.
fn output(vocabulary: Vocabulary, text: &str) -> Result<Output, String> {
    let word = vocabulary.handlers[0].0;
    let needed = vocabulary.keys.iter().filter_map(|key| match *key {
        "domain" => Some("domain = \"d\", "),
        "state" => Some("state = S, "),
        _ => None,
    });
    let starts = if vocabulary.attribute == "process_manager" { ", starts" } else { "" };
    let needed: String = needed.collect();
    let text = format!("define = X, name = \"p.X\", {needed} {word}(m: I => {text}{starts})");
    component(vocabulary, &text).map(|component| component.handlers[0].output.clone())
}

#[test]
fn a_path_binds_and_nothing_else_does() {
    for vocabulary in KINDS {
        for path in ["Orders", "crate::app::Orders", "::shop::Orders", "super::r#type::Orders"] {
            assert!(matches!(parsed(vocabulary, path), Ok(Parsed::Bind(_))), "{path}");
        }
        for text in ["", "Orders, name = \"x\"", "Orders<u32>", "\"Orders\""] {
            assert!(parsed(vocabulary, text).is_err(), "{text}");
        }
    }
}

#[test]
fn aggregates_have_everything_that_the_grammar_says() {
    let text = r#"
        define = Orders, name = "shop.v1.app.Orders", domain = "orders", state = super::Order,
        snapshot(every = 100, version = 1, shape = "abc"), rejections = codes::Refusal,
        command(place: PlaceOrder => OrderPlaced, doc = "Says\nsomething.", at = "a.proto:1:2"),
        fact(record_payment: PaymentReceived => stream OrderPaid),
        compensation(hold: ReserveStock => ()),
        query(get: GetOrder => OrderSummary),
    "#;
    let place = Handler {
        doc: "Says\nsomething.".to_owned(),
        at: "a.proto:1:2".to_owned(),
        ..handler(HandlerKind::Command, "place", "PlaceOrder", Output::One(message("OrderPlaced", Role::Event)))
    };
    let expected = Component {
        name: "Orders".to_owned(),
        full_name: "shop.v1.app.Orders".to_owned(),
        package: "shop.v1.app".to_owned(),
        doc: String::new(),
        span: Span::default(),
        domain_span: Span::default(),
        generate: true,
        kind: ComponentKind::Aggregate(Aggregate {
            domain: "orders".to_owned(),
            state: TypeName("super::Order".to_owned()),
            snapshot: Snapshot { every: 100, version: 1, shape: "abc".to_owned() },
            rejections: Some(TypeName("codes::Refusal".to_owned())),
        }),
        delivery: None,
        handlers: vec![
            place,
            handler(
                HandlerKind::Fact,
                "record_payment",
                "PaymentReceived",
                Output::Many(message("OrderPaid", Role::Event)),
            ),
            handler(HandlerKind::Compensation, "hold", "ReserveStock", Output::Nothing),
            handler(HandlerKind::Query, "get", "GetOrder", Output::One(message("OrderSummary", Role::Answer))),
        ],
    };
    assert_eq!(component(Vocabulary::AGGREGATE, text), Ok(expected));
}

#[test]
fn process_managers_have_deadlines_compensations_and_a_delivery() {
    let text = r#"
        define = Flow, name = "shop.v1.app.Flow", domain = "flow", state = State,
        delivery(attempts = 3, timeout_ms = 5000, on_failure = Skip),
        on(on_placed: OrderPlaced => command Reserve, starts),
        compensation(hold: Reserve => ()),
        deadline(on_overdue: PaymentOverdue => fact ::billing::Overdue),
    "#;
    let flow = component(Vocabulary::PROCESS_MANAGER, text).unwrap();
    let delivery = Delivery { attempts: Some(3), timeout_ms: Some(5000), on_failure: Some(OnFailure::Skip) };
    assert_eq!(flow.delivery, Some(delivery));
    let overdue = Output::One(message("::billing::Overdue", Role::Fact));
    assert_eq!(
        flow.handlers[1..],
        [
            handler(HandlerKind::Compensation, "hold", "Reserve", Output::Nothing),
            handler(HandlerKind::Deadline, "on_overdue", "PaymentOverdue", overdue),
        ]
    );
}

#[test]
fn deliveries_that_make_no_sense_are_refused() {
    let flow = |delivery: &str| {
        let text = format!("define = X, name = \"p.X\", delivery({delivery}), on(m: I => E)");
        component(Vocabulary::SAGA, &text)
            .map(|saga| saga.delivery)
            .map_err(|error| error.lines().next().unwrap().to_owned())
    };
    assert_eq!(flow(""), Ok(Some(Delivery::default())));
    assert_eq!(flow("attempts = 0"), Err("AZ0106: `X` is given no attempt".to_owned()));
    assert_eq!(flow("timeout_ms = 0"), Err("AZ0106: `X` is given no time".to_owned()));
    assert_eq!(
        flow("on_failure = Forget"),
        Err("AZ0004: `Forget` is not known here; known are Park, Skip, Stop".to_owned())
    );
    assert_eq!(
        flow("retries = 1"),
        Err("AZ0004: `retries` is not known here; known are attempts, timeout_ms, on_failure".to_owned())
    );
}

#[test]
fn the_order_of_words_is_free() {
    let one =
        r#"define = X, name = "p.X", domain = "d", state = S, on(m: I => E, key(a, b.c), starts, doc = "D", at = "A")"#;
    let other = r#"on(m: I => E, at = "A", doc = "D", starts, key(a, b.c,),), state = S, domain = "d", name = "p.X", define = X,"#;
    let one = component(Vocabulary::PROCESS_MANAGER, one);
    assert!(one.is_ok(), "{one:?}");
    assert_eq!(one, component(Vocabulary::PROCESS_MANAGER, other));
}

#[test]
fn what_is_yielded_has_the_role_of_its_component_unless_it_says_otherwise() {
    let event = Output::One(message("E", Role::Event));
    let command = Output::One(message("E", Role::Command));
    assert_eq!(output(Vocabulary::AGGREGATE, "E"), Ok(event.clone()));
    assert_eq!(output(Vocabulary::AGGREGATE, "event E"), Ok(event.clone()));
    assert_eq!(output(Vocabulary::UPCASTER, "E"), Ok(event.clone()));
    assert_eq!(output(Vocabulary::SAGA, "E"), Ok(command.clone()));
    assert_eq!(output(Vocabulary::SAGA, "command E"), Ok(command.clone()));
    assert_eq!(output(Vocabulary::PROCESS_MANAGER, "E"), Ok(event));
    assert_eq!(output(Vocabulary::PROCESS_MANAGER, "command E"), Ok(command));
    assert_eq!(output(Vocabulary::PROJECTOR, "()"), Ok(Output::Nothing));
}

#[test]
fn unions_and_streams() {
    let union = Payload::Union {
        ty: TypeName("steps::Step".to_owned()),
        members: vec![member("a::Begun", Role::Event), member("::stock::Reserve", Role::Command)],
    };
    let text = "steps::Step(event a::Begun, command ::stock::Reserve,)";
    assert_eq!(output(Vocabulary::PROCESS_MANAGER, text), Ok(Output::One(union.clone())));
    assert_eq!(output(Vocabulary::PROCESS_MANAGER, &format!("stream {text}")), Ok(Output::Many(union)));
    let many = |ty, role| Ok(Output::Many(message(ty, role)));
    assert_eq!(output(Vocabulary::SAGA, "stream E"), many("E", Role::Command));
    assert_eq!(output(Vocabulary::PROCESS_MANAGER, "stream command E"), many("E", Role::Command));
}

#[test]
fn words_before_two_colons() {
    let one = |ty, role| Ok(Output::One(message(ty, role)));
    let many = |ty, role| Ok(Output::Many(message(ty, role)));
    // Absolute paths, which is how packages of other crates are written.
    assert_eq!(output(Vocabulary::SAGA, "::stock::Reserve"), one("::stock::Reserve", Role::Command));
    assert_eq!(output(Vocabulary::SAGA, "stream ::stock::Reserve"), many("::stock::Reserve", Role::Command));
    assert_eq!(output(Vocabulary::PROCESS_MANAGER, "command ::stock::Reserve"), one("::stock::Reserve", Role::Command));
    assert_eq!(output(Vocabulary::PROCESS_MANAGER, "fact ::stock::Counted"), one("::stock::Counted", Role::Fact));
    assert_eq!(output(Vocabulary::SAGA, "fact ::stock::Counted"), one("::stock::Counted", Role::Fact));
    // Modules, which is how messages inside of a message `Event` or `Command` are written.
    assert_eq!(output(Vocabulary::AGGREGATE, "event::Placed"), one("event::Placed", Role::Event));
    assert_eq!(output(Vocabulary::SAGA, "command::Place"), one("command::Place", Role::Command));
    assert_eq!(output(Vocabulary::AGGREGATE, "self::stream::Placed"), one("self::stream::Placed", Role::Event));
    // Types of these names.
    assert_eq!(output(Vocabulary::AGGREGATE, "event"), one("event", Role::Event));
    assert_eq!(output(Vocabulary::AGGREGATE, "stream"), one("stream", Role::Event));
}

#[test]
fn every_kind_knows_its_words_only() {
    for vocabulary in KINDS {
        let handlers = vocabulary.handlers.iter().map(|(word, _)| *word);
        let known: Vec<_> = vocabulary.keys.iter().copied().chain(handlers).collect();
        let expected = format!("AZ0004: `nonsense` is not known here; known are {}", known.join(", "));
        assert_eq!(
            errors(vocabulary, "nonsense = 1, define = X, name = \"p.X\", domain = \"d\", state = S")[0],
            expected
        );
    }
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let text = "name = \"p.X\", name = \"p.Y\", view = V, snapshot(every = 1, often = 2), command(m: I => E, lane)";
    let expected = [
        "AZ0004: `name` stands here twice",
        "AZ0004: `view` is not known here; known are define, name, domain, state, snapshot, rejections, command, \
         fact, compensation, query",
        "AZ0004: `often` is not known here; known are every, version, shape",
        "AZ0004: `lane` is not known here; known are key, starts, io, hook, doc, at",
        "AZ0004: `define` is missing",
        "AZ0004: `domain` is missing",
        "AZ0004: `state` is missing",
    ];
    assert_eq!(errors(Vocabulary::AGGREGATE, text), expected);
}

#[test]
fn the_documented_grammar_has_the_words_that_are_accepted() {
    let source = include_str!("../lib.rs");
    for vocabulary in KINDS {
        let start = format!("//! {:<17}= ", vocabulary.attribute);
        let line = source.lines().find_map(|line| line.strip_prefix(&start));
        let line = line.unwrap_or_else(|| panic!("no production for {}", vocabulary.attribute));
        let documented: Vec<_> =
            line.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).map(str::to_owned).collect();
        let handlers = vocabulary.handlers.iter().map(|(word, _)| *word);
        let accepted: Vec<_> = vocabulary.keys.iter().copied().chain(handlers).collect();
        assert_eq!(documented, accepted);
    }
}

/// An attribute's text, as the generator would write it.
fn printed(component: &Component) -> String {
    let (name, full_name) = (&component.name, &component.full_name);
    let mut text = format!("define = {name}, name = {full_name:?}");
    let owner = |domain: &str, state: &TypeName, snapshot: &Snapshot| {
        let Snapshot { every, version, shape } = snapshot;
        let snapshot = format!("snapshot(every = {every}, version = {version}, shape = {shape:?})");
        format!(", domain = {domain:?}, state = {}, {snapshot}", state.0)
    };
    let default = match &component.kind {
        ComponentKind::Aggregate(Aggregate { domain, state, snapshot, rejections }) => {
            text += &owner(domain, state, snapshot);
            text.extend(rejections.iter().map(|rejections| format!(", rejections = {}", rejections.0)));
            Role::Event
        }
        ComponentKind::ProcessManager(ProcessManager { domain, state, snapshot }) => {
            text += &owner(domain, state, snapshot);
            Role::Event
        }
        ComponentKind::Projector { view } => {
            text.extend(view.iter().map(|view| format!(", view = {}", view.0)));
            Role::Event
        }
        ComponentKind::Upcaster { domain } => {
            text += &format!(", domain = {domain:?}");
            Role::Event
        }
        ComponentKind::Saga => Role::Command,
    };
    if let Some(delivery) = &component.delivery {
        let attempts = delivery.attempts.map(|given| format!("attempts = {given}"));
        let timeout = delivery.timeout_ms.map(|given| format!("timeout_ms = {given}"));
        let on_failure = delivery.on_failure.map(|given| format!("on_failure = {given:?}"));
        let words: Vec<_> = attempts.into_iter().chain(timeout).chain(on_failure).collect();
        text += &format!(", delivery({})", words.join(", "));
    }
    for handler in &component.handlers {
        text += &printed_handler(handler, default);
    }
    text
}

fn printed_handler(handler: &Handler, default: Role) -> String {
    let word = match handler.kind {
        HandlerKind::Command => "command",
        HandlerKind::Fact => "fact",
        HandlerKind::Compensation => "compensation",
        HandlerKind::Query => "query",
        HandlerKind::Event => "on",
        HandlerKind::Deadline => "deadline",
        HandlerKind::Upcast => "upcast",
    };
    let output = match &handler.output {
        Output::Nothing => "()".to_owned(),
        Output::One(payload) => printed_payload(payload, default),
        Output::Many(payload) => format!("stream {}", printed_payload(payload, default)),
    };
    let mut text = format!(", {word}({}: {} => {output}", handler.method, handler.input.0);
    if !handler.key.is_empty() {
        let key: Vec<_> = handler.key.iter().map(ToString::to_string).collect();
        text += &format!(", key({})", key.join(", "));
    }
    if handler.io {
        text += ", io";
    }
    if handler.hook {
        text += ", hook";
    }
    if handler.starts {
        text += ", starts";
    }
    for (word, value) in [("doc", &handler.doc), ("at", &handler.at)] {
        if !value.is_empty() {
            text += &format!(", {word} = {value:?}");
        }
    }
    text + ")"
}

fn printed_payload(payload: &Payload, default: Role) -> String {
    let member = |Member { ty, role }: &Member| match role {
        Role::Event => format!("event {}", ty.0),
        Role::Command => format!("command {}", ty.0),
        Role::Fact => format!("fact {}", ty.0),
        Role::Answer => ty.0.clone(),
    };
    match payload {
        Payload::Message(only) if only.role == default => only.ty.0.clone(),
        Payload::Message(only) => member(only),
        Payload::Union { ty, members } => {
            let members: Vec<_> = members.iter().map(member).collect();
            format!("{}({})", ty.0, members.join(", "))
        }
    }
}

fn field() -> impl Strategy<Value = String> {
    prop_oneof![4 => "f_[a-z0-9_]{0,6}", 1 => Just("r#type".to_owned()), 1 => Just("stream".to_owned())]
}

/// A path whose last segment is its own, so that folds never share a name.
fn path(segment: String) -> impl Strategy<Value = TypeName> {
    let before = ["", "super::super::", "crate::a::", "::stock::v1::", "r#mod::", "self::event::"];
    prop::sample::select(before.to_vec()).prop_map(move |before| TypeName(format!("{before}{segment}")))
}

fn payload(index: usize, roles: &'static [Role]) -> impl Strategy<Value = Payload> {
    let role = || prop::sample::select(roles);
    let yielded = move |part: usize| (path(format!("Out{index}x{part}")), role());
    let message = yielded(0).prop_map(|(ty, role)| Payload::Message(Member { ty, role }));
    let members = (yielded(1), yielded(2));
    let union = (path(format!("Union{index}")), members).prop_map(|(ty, (one, two))| Payload::Union {
        ty,
        members: [one, two].map(|(ty, role)| Member { ty, role }).to_vec(),
    });
    prop_oneof![message, union]
}

fn one_handler(index: usize, kinds: &'static [HandlerKind], roles: &'static [Role]) -> impl Strategy<Value = Handler> {
    let output = match roles {
        [] => Just(Output::Nothing).boxed(),
        _ => (payload(index, roles), any::<bool>())
            .prop_map(|(payload, many)| if many { Output::Many(payload) } else { Output::One(payload) })
            .boxed(),
    };
    let key = prop::collection::vec(
        prop::collection::vec(field(), 1..3).prop_map(|segments| FieldPath { segments, span: Span::default() }),
        0..3,
    );
    let input = path(format!("In{index}"));
    let kind = prop::sample::select(kinds);
    let parts = (kind, input, output, key, any::<bool>(), ".{0,9}", "[a-z./:0-9]{0,9}");
    parts.prop_map(move |(kind, input, output, key, flag, doc, at)| {
        let key = if kind == HandlerKind::Event { key } else { Vec::new() };
        // One answer, whatever others of the component yield.
        let answer = Output::One(message(&format!("Answer{index}"), Role::Answer));
        let output = if kind == HandlerKind::Query { answer } else { output };
        let decides =
            matches!(kind, HandlerKind::Command | HandlerKind::Fact | HandlerKind::Query | HandlerKind::Compensation);
        // Only aggregates answer no role but events.
        let io = flag && decides && roles == [Role::Event];
        let hook = flag && kind == HandlerKind::Upcast && matches!(output, Output::One(Payload::Message(_)));
        Handler { key, io, hook, doc, at, ..handler(kind, &format!("m{index}"), &input.0, output) }
    })
}

fn handlers(kinds: &'static [HandlerKind], roles: &'static [Role]) -> impl Strategy<Value = Vec<Handler>> {
    let all = (one_handler(0, kinds, roles), one_handler(1, kinds, roles), one_handler(2, kinds, roles));
    (all, 1..4usize)
        .prop_map(|((first, second, third), count)| [first, second, third].into_iter().take(count).collect())
}

/// The first one starts instances; the last one compensates what the first one sends.
fn managers_handlers() -> impl Strategy<Value = Vec<Handler>> {
    const ROLES: &[Role] = &[Role::Event, Role::Command, Role::Fact];
    let first = one_handler(0, &[HandlerKind::Event], ROLES);
    let second = one_handler(1, &[HandlerKind::Event, HandlerKind::Deadline], ROLES);
    let third = one_handler(2, &[HandlerKind::Compensation], ROLES);
    ((first, second, third), 1..4usize).prop_map(|((mut first, second, mut third), count)| {
        first.starts = true;
        third.input = first.output.payload().unwrap().members()[0].ty.clone();
        [first, second, third].into_iter().take(count).collect()
    })
}

fn any_component() -> impl Strategy<Value = (usize, Component)> {
    use HandlerKind::{Command, Compensation, Event, Fact, Query, Upcast};
    let owner = || {
        let snapshot = (any::<u32>(), any::<u32>(), ".{0,5}");
        let snapshot = snapshot.prop_map(|(every, version, shape)| Snapshot { every, version, shape });
        ("[a-z][a-z0-9_-]{0,6}", path("State".to_owned()), snapshot)
    };
    let rejections = prop::option::of(path("Refusal".to_owned()));
    let aggregate = (owner(), rejections).prop_map(|((domain, state, snapshot), rejections)| {
        ComponentKind::Aggregate(Aggregate { domain, state, snapshot, rejections })
    });
    let manager = owner().prop_map(|(domain, state, snapshot)| {
        ComponentKind::ProcessManager(ProcessManager { domain, state, snapshot })
    });
    let projector = prop::option::of(path("Row".to_owned())).prop_map(|view| ComponentKind::Projector { view });
    let upcaster = "[a-z][a-z0-9_-]{0,6}".prop_map(|domain| ComponentKind::Upcaster { domain });
    // In the order of `KINDS`.
    let body = prop_oneof![
        (Just(0), aggregate, handlers(&[Command, Fact, Compensation, Query], &[Role::Event])),
        (Just(1), Just(ComponentKind::Saga), handlers(&[Event], &[Role::Command, Role::Fact])),
        (Just(2), projector, handlers(&[Event], &[])),
        (Just(3), manager, managers_handlers()),
        (Just(4), upcaster, handlers(&[Upcast], &[Role::Event])),
    ];
    let delivery = (
        prop::option::of(1..u32::MAX),
        prop::option::of(1..u64::MAX),
        prop::option::of(prop::sample::select(vec![OnFailure::Park, OnFailure::Skip, OnFailure::Stop])),
    );
    let delivery = prop::option::of(delivery.prop_map(|(attempts, timeout_ms, on_failure)| Delivery {
        attempts,
        timeout_ms,
        on_failure,
    }));
    let parts = ("[A-Z][A-Za-z0-9]{0,8}", "(p\\.){0,3}", body, delivery);
    parts.prop_map(|(name, package, (index, kind, handlers), delivery)| {
        let component = Component {
            full_name: format!("{package}{name}"),
            package: package.trim_end_matches('.').to_owned(),
            doc: String::new(),
            span: Span::default(),
            domain_span: Span::default(),
            generate: true,
            name,
            kind,
            delivery: delivery.filter(|_| [1, 2, 3].contains(&index)),
            handlers,
        };
        (index, component)
    })
}

proptest! {
    #[test]
    fn reading_undoes_writing((index, written) in any_component()) {
        let text = printed(&written);
        prop_assert_eq!(component(KINDS[index], &text), Ok(written), "{}", text);
    }
}

/// The examples of the page that `angzarr explain` prints.
#[test]
fn the_page_about_attributes_shows_what_is_so() {
    let page = angzarr_codegen::explain::explain(codes::BAD_ATTRIBUTE.id).unwrap().page;
    let example = |heading: &str| {
        let (_, section) = page.split_once(&format!("\n## {heading}\n")).unwrap();
        let (_, block) = section.split_once("```rust\n").unwrap();
        syn::parse_str::<syn::DeriveInput>(block.split_once("```").unwrap().0).unwrap()
    };
    let wrong = parse(&example("Wrong"), Vocabulary::AGGREGATE).err().unwrap();
    assert!(wrong.into_iter().all(|one| one.to_string().starts_with("AZ0004: ")));
    let right = parse(&example("Right"), Vocabulary::AGGREGATE).unwrap();
    assert!(matches!(right, Parsed::Define(definition) if definition.findings.is_none()));
}
