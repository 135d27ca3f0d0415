//! Who sends what to whom: components and messages as nodes, in the groups of their domains.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::document::{Component, Document, Handler, HandlerUse, Kind, Message, MessageUse};

/// Nodes and the edges between them. The same document gives the same graph, in the same order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Graph {
    /// Names of domains, and of packages whose components belong to none; sorted.
    pub groups: Vec<String>,
    /// Components and messages.
    pub nodes: Vec<Node>,
    /// From what to what, each once.
    pub edges: Vec<Edge>,
}

/// A component or message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Node {
    /// Full name.
    pub name: String,
    /// Last part of it.
    pub label: String,
    /// Whether it is a component; otherwise it is a message.
    pub component: bool,
    /// What it is, in words.
    pub what: &'static str,
    /// The same as one word that styles go by.
    pub style: &'static str,
    /// The enum of its rejection codes, by the last part of its name; empty if it rejects nothing.
    pub rejections: String,
    /// Index among the groups.
    pub group: usize,
}

/// A connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Edge {
    /// Index of the node that it leaves.
    pub from: usize,
    /// Index of the node that it leads to.
    pub to: usize,
    /// What it means.
    pub kind: EdgeKind,
}

/// What an edge means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EdgeKind {
    /// It is taken by, stored by, sent by.
    Flow,
    /// It becomes.
    Upcast,
    /// Its refusal is answered by.
    Refusal,
    /// It is set by, and comes back to.
    Deadline,
}

impl Graph {
    /// The graph of everything in a document but unions, states and answers.
    pub fn of(document: &Document) -> Self {
        let mut graph = Graph::default();
        let group_of = |domain: Option<&str>, package: &str| domain.unwrap_or(package).to_owned();
        let shown: Vec<(&Message, Shown)> =
            document.messages.iter().filter_map(|message| Some((message, shown(document, message)?))).collect();
        let of_component = |one: &Component| group_of(document.shown_with(one), &one.package);
        let of_message = |message: &Message| match (&message.domain, message.read_by.is_empty()) {
            // A view belongs to who makes it.
            (None, true) => {
                let maker = document.components.iter().find(|one| one.view.as_ref() == Some(&message.name));
                maker.map_or_else(|| message.package.clone(), of_component)
            }
            (domain, _) => group_of(domain.as_deref(), &message.package),
        };
        let groups: BTreeSet<String> = (document.components.iter().map(of_component))
            .chain(shown.iter().map(|(message, _)| of_message(message)))
            .collect();
        graph.groups = groups.into_iter().collect();
        let index = |name: &String| graph.groups.binary_search(name).unwrap_or_default();
        let components = document.components.iter().map(|one| Node {
            name: one.full_name.clone(),
            label: one.name.clone(),
            component: true,
            what: one.kind.words(),
            style: style(one.kind),
            rejections: one.rejections.as_deref().map(last).unwrap_or_default().to_owned(),
            group: index(&of_component(one)),
        });
        let messages = shown.iter().map(|(message, shown)| Node {
            name: message.name.clone(),
            label: last(&message.name).to_owned(),
            component: false,
            what: shown.what,
            style: shown.style,
            rejections: String::new(),
            group: index(&of_message(message)),
        });
        graph.nodes = components.chain(messages).collect();
        graph.edges = edges(document, &graph.nodes);
        graph
    }
}

/// What a message is shown as.
struct Shown {
    what: &'static str,
    style: &'static str,
}

/// Nothing for what is only part of others; a message of several uses is shown as the first of them.
fn shown(document: &Document, message: &Message) -> Option<Shown> {
    let sent = || {
        let handlers = document.components.iter().flat_map(|component| &component.handlers);
        handlers.flat_map(|handler| &handler.output).any(|member| member.message == message.name)
    };
    let uses = message.uses.iter().find_map(|one| {
        let style = match one {
            MessageUse::Command => "command",
            MessageUse::Event => "event",
            MessageUse::OldEvent => "old",
            MessageUse::Fact => "fact",
            MessageUse::Query => "query",
            MessageUse::Deadline => "deadline",
            MessageUse::View => "view",
            MessageUse::Answer | MessageUse::State | MessageUse::Union => return None,
        };
        Some(Shown { what: one.words(), style })
    });
    // A message that is yielded and has no use is taken by nobody in the run.
    uses.or_else(|| (message.uses.is_empty() && sent()).then_some(Shown { what: "message", style: "event" }))
}

fn style(kind: Kind) -> &'static str {
    match kind {
        Kind::Aggregate => "aggregate",
        Kind::Saga => "saga",
        Kind::Projector => "projector",
        Kind::ProcessManager => "manager",
        Kind::Upcaster => "upcaster",
    }
}

fn edges(document: &Document, nodes: &[Node]) -> Vec<Edge> {
    let indices: BTreeMap<&str, usize> = nodes.iter().enumerate().map(|(at, node)| (node.name.as_str(), at)).collect();
    let mut edges = BTreeSet::new();
    let mut add = |from: &str, to: &str, kind| {
        if let (Some(from), Some(to)) = (indices.get(from), indices.get(to)) {
            edges.insert(Edge { from: *from, to: *to, kind });
        }
    };
    for component in &document.components {
        let name = component.full_name.as_str();
        for Handler { kind, input, output, .. } in &component.handlers {
            let of_outputs = if component.kind == Kind::Upcaster { EdgeKind::Upcast } else { EdgeKind::Flow };
            match kind {
                HandlerUse::Compensation => add(input, name, EdgeKind::Refusal),
                HandlerUse::Deadline => add(name, input, EdgeKind::Deadline),
                _ => add(input, name, of_outputs),
            }
            output.iter().for_each(|member| add(name, &member.message, of_outputs));
        }
        if let Some(view) = &component.view {
            add(name, view, EdgeKind::Flow);
        }
    }
    edges.into_iter().collect()
}

/// The last part of a full name.
pub(super) fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}
