//! Fingerprints of shapes: they tell whether bytes of a state were written by a program with the same idea of it.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;

use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use prost_reflect::{Cardinality, DescriptorPool, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use uuid::Uuid;

use super::message::default;

/// What is made of by what, for all messages of a run.
pub(super) struct Shapes(HashMap<String, Shape>);

struct Shape {
    fingerprint: String,
    /// The same number for types that reach each other.
    circle: usize,
}

/// A message or an enum by itself.
struct Declared {
    name: String,
    /// What it declares, with nothing but the names of other types.
    text: String,
}

impl Shapes {
    pub(super) fn of(pool: &DescriptorPool) -> Self {
        let namespace = Uuid::new_v5(&Uuid::nil(), b"angzarr.v1");
        let graph = graph(pool);
        let mut shapes = HashMap::new();
        let mut digests: HashMap<NodeIndex, Uuid> = HashMap::new();
        // Types that reach each other have one digest together. Those that they reach beyond have theirs before them.
        for (circle, nodes) in kosaraju_scc(&graph).into_iter().enumerate() {
            let mut members: Vec<&Declared> = nodes.iter().map(|node| &graph[*node]).collect();
            members.sort_by(|a, b| a.name.cmp(&b.name));
            let mut body: String = members.iter().map(|Declared { name, text }| format!("{name}\n{text}\n")).collect();
            let reached = nodes.iter().flat_map(|node| graph.neighbors(*node));
            let beyond: BTreeSet<&Uuid> = reached.filter_map(|node| digests.get(&node)).collect();
            body.extend(beyond.into_iter().map(|digest| format!("{digest}\n")));
            let digest = Uuid::new_v5(&namespace, body.as_bytes());
            for Declared { name, .. } in members {
                let own = Uuid::new_v5(&namespace, format!("shape\n{name}\n{digest}").as_bytes());
                let mut fingerprint = own.simple().to_string();
                fingerprint.truncate(16);
                shapes.insert(name.clone(), Shape { fingerprint, circle });
            }
            digests.extend(nodes.into_iter().map(|node| (node, digest)));
        }
        Shapes(shapes)
    }

    /// 16 hexadecimal digits that change with number, name, type, label, oneof or default of any field that can be
    /// reached, and with the values of the enums among their types. Order of declaration, comments and other options do
    /// not count.
    pub(super) fn fingerprint(&self, message: &MessageDescriptor) -> String {
        self.shape(message).map(|shape| shape.fingerprint.clone()).unwrap_or_default()
    }

    /// Whether a value of each message can hold one of the other, or both are the same.
    pub(super) fn reach_each_other(&self, one: &MessageDescriptor, other: &MessageDescriptor) -> bool {
        let circle = |message| self.shape(message).map(|shape| shape.circle);
        circle(one) == circle(other)
    }

    fn shape(&self, message: &MessageDescriptor) -> Option<&Shape> {
        self.0.get(message.full_name())
    }
}

/// Which type names which.
fn graph(pool: &DescriptorPool) -> DiGraph<Declared, ()> {
    let mut graph = DiGraph::new();
    let mut nodes: HashMap<String, NodeIndex> = HashMap::new();
    let mut add = |name: &str, text: String| {
        nodes.insert(name.to_owned(), graph.add_node(Declared { name: name.to_owned(), text }));
    };
    pool.all_messages().for_each(|message| add(message.full_name(), fields(&message)));
    pool.all_enums().for_each(|ty| add(ty.full_name(), values(&ty)));
    for message in pool.all_messages() {
        let types = message.fields().filter_map(|field| type_name(&field));
        for (from, to) in types.filter_map(|ty| Some((nodes.get(message.full_name())?, nodes.get(&ty)?))) {
            graph.add_edge(*from, *to, ());
        }
    }
    graph
}

/// The full name of a field's type, unless that is a scalar.
fn type_name(field: &FieldDescriptor) -> Option<String> {
    match field.kind() {
        Kind::Message(ty) => Some(ty.full_name().to_owned()),
        Kind::Enum(ty) => Some(ty.full_name().to_owned()),
        _ => None,
    }
}

fn fields(message: &MessageDescriptor) -> String {
    let mut fields: Vec<FieldDescriptor> = message.fields().collect();
    fields.sort_by_key(FieldDescriptor::number);
    let mut text = String::new();
    for field in fields {
        let label = match field.cardinality() {
            Cardinality::Repeated => "repeated",
            Cardinality::Required => "required",
            Cardinality::Optional if field.supports_presence() => "optional",
            Cardinality::Optional => "plain",
        };
        let scalar = || field.field_descriptor_proto().r#type().as_str_name().to_owned();
        let ty = type_name(&field).unwrap_or_else(scalar);
        let group = if field.is_group() { " group" } else { "" };
        let default = default(&field).map(|default| format!(" {default:?}")).unwrap_or_default();
        let oneof = field.containing_oneof().map(|oneof| oneof.name().to_owned()).unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{} {} {ty} {label} {oneof}{group}{default}", field.number(), field.name());
    }
    text
}

fn values(ty: &EnumDescriptor) -> String {
    let mut values: Vec<(i32, String)> = ty.values().map(|value| (value.number(), value.name().to_owned())).collect();
    values.sort();
    values.iter().map(|(number, name)| format!("{number} {name}\n")).collect()
}
