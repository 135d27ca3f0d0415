//! One page to click through: the picture, and everything that is known of what is in it. It needs no network.

use serde::Serialize;

use super::document::Document;
use super::graph::Graph;
use super::svg;
use crate::Report;
use crate::render::{Renderer, internal};

#[derive(Debug, Serialize)]
struct View {
    title: String,
    svg: String,
    /// Both for scripts: no text in them can end the element that they stand in.
    json: String,
    groups: String,
}

pub(super) fn page(renderer: &Renderer, document: &Document) -> Result<String, Vec<Report>> {
    let graph = Graph::of(document);
    let names = |group: usize| {
        let nodes = graph.nodes.iter().filter(|node| node.group == group);
        nodes.map(|node| node.name.as_str()).collect::<Vec<_>>()
    };
    let groups: Vec<(&String, Vec<&str>)> =
        graph.groups.iter().enumerate().map(|(index, group)| (group, names(index))).collect();
    let view = View {
        title: graph.groups.join(", "),
        svg: svg::svg(renderer, &graph)?,
        json: script(document)?,
        groups: script(&groups)?,
    };
    renderer.render("pictures/page.html", &view)
}

fn script(value: &impl Serialize) -> Result<String, Vec<Report>> {
    Ok(serde_json::to_string(value).map_err(|error| internal(&error))?.replace('<', "\\u003c"))
}
