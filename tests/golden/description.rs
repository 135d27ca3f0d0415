//! What generated code says to a runtime in another process is what derives say to the one that is linked in.

use std::collections::{BTreeMap, BTreeSet};

use angzarr_codegen::description::component_description::ComponentKind;
use angzarr_codegen::description::delivery_description::OnFailure as DescribedOnFailure;
use angzarr_codegen::description::handler_description::HandlerKind;
use angzarr_codegen::description::yield_description::Role;
use angzarr_codegen::description::{
    ComponentDescription, DeliveryDescription, Description, HandlerDescription, UpcastDescription,
};
use angzarr_runtime::component::{
    Component, Delivery, OnFailure, Registration, SnapshotSpec, Stateful, StoredNames, Subscription,
};
use angzarr_runtime::prost::Message;
use angzarr_runtime::prost::encoding::{DecodeContext, decode_key, encode_key, skip_field};
use angzarr_runtime::{Emission, Event, Payload};
use angzarr_tests::{
    AccountRules, BalanceView, BranchView, Faults, Impatience, LedgerBook, LostAndFound, NoticeBoard, OldAccounts,
    ReminderClerk, ShelfView, TransferSaga, WithdrawalCounter, bank,
};
use shop::components::{Board, Cashier, OldOrders, OrderBook, PriceList, StockClerk, Till, Warehouse};

/// What both say of a component.
#[derive(Debug, Default, PartialEq)]
struct Said {
    kind: ComponentKind,
    domain: String,
    state: String,
    /// How many records, version and shape.
    snapshot: Option<(u32, u32, String)>,
    view: String,
    delivery: Option<Delivery>,
    /// Types of inputs, in the order of handlers.
    inputs: BTreeMap<HandlerKind, Vec<String>>,
    /// Own events.
    events: BTreeSet<String>,
    /// Domain and type.
    subscriptions: BTreeSet<(String, String)>,
    starts: BTreeSet<String>,
    targets: BTreeSet<String>,
    /// From old types to those they lead to.
    steps: BTreeMap<String, Vec<String>>,
    /// Of own events and old types, those that have any.
    stored_as: BTreeMap<String, Vec<String>>,
}

/// What the runtime assumes where nothing is said.
fn delivery(described: Option<&DeliveryDescription>) -> Delivery {
    let Some(described) = described else { return Delivery::DEFAULT };
    Delivery {
        attempts: described.attempts.unwrap_or(Delivery::DEFAULT.attempts),
        timeout: described.timeout_ms.map_or(Delivery::DEFAULT.timeout, std::time::Duration::from_millis),
        on_failure: match described.on_failure() {
            DescribedOnFailure::Unspecified => Delivery::DEFAULT.on_failure,
            DescribedOnFailure::Park => OnFailure::Park,
            DescribedOnFailure::Skip => OnFailure::Skip,
            DescribedOnFailure::Stop => OnFailure::Stop,
        },
    }
}

fn described(description: &Description, component: &ComponentDescription) -> Said {
    let consumer =
        matches!(component.kind(), ComponentKind::Saga | ComponentKind::Projector | ComponentKind::ProcessManager);
    let mut said = Said {
        kind: component.kind(),
        domain: component.domain.clone(),
        state: component.state.clone(),
        snapshot: component.snapshot.as_ref().map(|one| (one.every, one.version, one.shape.clone())),
        view: component.view.clone(),
        delivery: consumer.then(|| delivery(component.delivery.as_ref())),
        ..Said::default()
    };
    let mut stored: BTreeSet<String> = BTreeSet::new();
    for handler in &component.handlers {
        let yields = |role: Role| handler.yields.iter().filter(move |one| one.role() == role);
        match handler.kind() {
            HandlerKind::Event => {
                said.subscriptions.insert((handler.domain.clone(), handler.input.clone()));
            }
            HandlerKind::Upcast => {
                let to = yields(Role::Event).map(|one| one.r#type.clone()).collect();
                said.steps.insert(handler.input.clone(), to);
                stored.insert(handler.input.clone());
                continue;
            }
            kind => said.inputs.entry(kind).or_default().push(handler.input.clone()),
        }
        if handler.kind() == HandlerKind::Fact {
            said.events.insert(handler.input.clone());
        }
        if handler.starts {
            said.starts.insert(handler.input.clone());
        }
        said.events.extend(yields(Role::Event).map(|one| one.r#type.clone()));
        let sent = yields(Role::Command).chain(yields(Role::Fact));
        said.targets.extend(sent.map(|one| one.domain.clone()));
    }
    stored.extend(said.events.iter().cloned());
    let messages = description.messages.iter().filter(|message| stored.contains(&message.name));
    let renamed = messages.filter(|message| !message.stored_as.is_empty());
    said.stored_as = renamed.map(|message| (message.name.clone(), message.stored_as.clone())).collect();
    said
}

fn owned<C: FromIterator<String>>(names: &[&str]) -> C {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn inputs(kinds: &[(HandlerKind, &[&str])]) -> BTreeMap<HandlerKind, Vec<String>> {
    kinds.iter().filter(|(_, names)| !names.is_empty()).map(|(kind, names)| (*kind, owned(names))).collect()
}

fn subscriptions(all: &[Subscription]) -> BTreeSet<(String, String)> {
    all.iter().map(|one| (one.domain.to_owned(), one.type_name.to_owned())).collect()
}

fn stored_as(all: &[StoredNames]) -> BTreeMap<String, Vec<String>> {
    let renamed = all.iter().filter(|names| !names.stored_as.is_empty());
    renamed.map(|names| (names.type_name.to_owned(), owned(names.stored_as))).collect()
}

fn snapshot(spec: &SnapshotSpec) -> Option<(u32, u32, String)> {
    Some((spec.every, spec.version, spec.shape.to_owned()))
}

fn state(stateful: &dyn Stateful) -> String {
    stateful.state_type()
}

/// Full name, and what a derive says.
fn registered(registration: &Registration) -> (String, Said) {
    match registration {
        Registration::Aggregate(logic) => {
            let spec = logic.spec();
            let said = Said {
                kind: ComponentKind::Aggregate,
                domain: spec.domain.to_owned(),
                state: state(logic.stateful()),
                snapshot: snapshot(&spec.snapshot),
                inputs: inputs(&[
                    (HandlerKind::Command, spec.commands),
                    (HandlerKind::Fact, spec.facts),
                    (HandlerKind::Compensation, spec.compensations),
                    (HandlerKind::Query, spec.queries),
                ]),
                events: owned(spec.events),
                stored_as: stored_as(spec.stored_as),
                ..Said::default()
            };
            (spec.name.to_owned(), said)
        }
        Registration::Saga(logic) => {
            let spec = logic.spec();
            let said = Said {
                kind: ComponentKind::Saga,
                delivery: Some(spec.delivery),
                subscriptions: subscriptions(spec.subscriptions),
                targets: owned(spec.targets),
                ..Said::default()
            };
            (spec.name.to_owned(), said)
        }
        Registration::Projector(logic) => {
            let spec = logic.spec();
            let said = Said {
                kind: ComponentKind::Projector,
                view: logic.shape().map(|shape| shape.row_type.clone()).unwrap_or_default(),
                delivery: Some(spec.delivery),
                subscriptions: subscriptions(spec.subscriptions),
                ..Said::default()
            };
            (spec.name.to_owned(), said)
        }
        Registration::ProcessManager(logic) => {
            let spec = logic.spec();
            let said = Said {
                kind: ComponentKind::ProcessManager,
                domain: spec.domain.to_owned(),
                state: state(logic.stateful()),
                snapshot: snapshot(&spec.snapshot),
                delivery: Some(spec.delivery),
                inputs: inputs(&[
                    (HandlerKind::Deadline, spec.deadlines),
                    (HandlerKind::Compensation, spec.compensations),
                ]),
                events: owned(spec.events),
                subscriptions: subscriptions(spec.subscriptions),
                starts: owned(spec.starts),
                targets: owned(spec.targets),
                stored_as: stored_as(spec.stored_as),
                ..Said::default()
            };
            (spec.name.to_owned(), said)
        }
        Registration::Upcaster(logic) => {
            let spec = logic.spec();
            let said = Said {
                kind: ComponentKind::Upcaster,
                domain: spec.domain.to_owned(),
                steps: spec.steps.iter().map(|(old, new)| ((*old).to_owned(), owned(new))).collect(),
                stored_as: stored_as(spec.stored_as),
                ..Said::default()
            };
            (spec.name.to_owned(), said)
        }
    }
}

/// Compares all components but those whose names begin in one of these ways, which nothing here is bound to.
fn agree(description: &[u8], registrations: &[Registration], unbound: &[&str]) {
    let description = Description::decode(description).unwrap();
    let says = description.components.iter().map(|one| (one.name.clone(), described(&description, one)));
    let mut says: BTreeMap<String, Said> = says.collect();
    says.retain(|name, _| !unbound.iter().any(|begin| name.starts_with(begin)));
    let derived: BTreeMap<String, Said> = registrations.iter().map(registered).collect();
    assert_eq!(says.keys().collect::<Vec<_>>(), derived.keys().collect::<Vec<_>>());
    for (name, said) in says {
        assert_eq!(said, derived[&name], "{name}");
    }
}

#[test]
fn derives_say_the_same_of_the_shop() {
    let registrations = [
        OrderBook { prices: PriceList::from([]), voucher_from_cents: 1 }.register(),
        OldOrders.register(),
        Warehouse.register(),
        Till { limit_cents: 1 }.register(),
        StockClerk.register(),
        Cashier.register(),
        Board.register(),
    ];
    agree(shop::DESCRIPTION, &registrations, &[]);
}

#[test]
fn derives_say_the_same_of_the_suites_domains() {
    let faults = Faults::default();
    let registrations = [
        AccountRules { faults: faults.clone() }.register(),
        OldAccounts.register(),
        TransferSaga { faults: faults.clone() }.register(),
        LostAndFound.register(),
        WithdrawalCounter { faults: faults.clone() }.register(),
        BalanceView { faults: faults.clone() }.register(),
        BranchView.register(),
        NoticeBoard { faults: faults.clone() }.register(),
        LedgerBook { faults: faults.clone() }.register(),
        ReminderClerk { faults }.register(),
        ShelfView.register(),
        Impatience.register(),
        angzarr_tests::Till { mended: "nowhere".into() }.register(),
    ];
    // The generator's own tests of rows and names, and the compatibility kit, whose components are in a program of their own.
    agree(angzarr_tests::DESCRIPTION, &registrations, &["Report", "Runs", "odd.", "rows.", "tck."]);
}

/// One upcast as a program does it that knows nothing but the description.
fn applied(upcast: &UpcastDescription, mut old: &[u8]) -> Vec<u8> {
    let mut new = Vec::new();
    while !old.is_empty() {
        let (number, wire_type) = decode_key(&mut old).unwrap();
        let before = old;
        skip_field(wire_type, number, &mut old, DecodeContext::default()).unwrap();
        for copy in upcast.copies.iter().filter(|copy| copy.from == number) {
            encode_key(copy.to, wire_type, &mut new);
            new.extend_from_slice(&before[..before.len() - old.len()]);
        }
    }
    new.extend_from_slice(&upcast.defaults);
    new
}

/// Compares what the derived upcaster makes of an event with what its description does.
fn upcasts_alike<New: Event + PartialEq>(description: &[u8], upcaster: impl Component, old: &Payload) {
    let Registration::Upcaster(logic) = upcaster.register() else { panic!("no upcaster") };
    let description = Description::decode(description).unwrap();
    let component = description.components.iter().find(|one| one.name == logic.spec().name).unwrap();
    let takes = |handler: &&HandlerDescription| handler.input == *old.type_name;
    let upcast = component.handlers.iter().find(takes).unwrap().upcast.as_ref().unwrap();
    let [Emission::Event(new)] = &logic.upcast(old).unwrap()[..] else { panic!("it leads to one event") };
    let applied = New::decode(applied(upcast, &old.value).as_slice()).unwrap();
    assert_eq!(applied, New::decode(new.value.clone()).unwrap());
}

#[test]
fn upcasts_do_the_same_by_description() {
    let at = Some(angzarr_runtime::prost_types::Timestamp { seconds: 1, nanos: 2 });
    let counted = bank::v1::CashCounted { account: "a".to_owned(), teller: "t".to_owned(), sum: 7, at };
    upcasts_alike::<bank::v1::Deposited>(angzarr_tests::DESCRIPTION, OldAccounts, &Payload::event(&counted));
    let (order_id, sku) = ("o".to_owned(), "kettle".to_owned());
    let placed = shop::orders::v1::OrderPlaced { order_id, sku, quantity: 2, total_cents: 9_000 };
    upcasts_alike::<shop::orders::v1::OrderPlacedV2>(shop::DESCRIPTION, OldOrders, &Payload::event(&placed));
    upcasts_alike::<angzarr_tests::odd::std::core::prost::v1::Vec>(
        angzarr_tests::DESCRIPTION,
        super::odd::Past,
        &Payload::event(&super::odd::old()),
    );
}
