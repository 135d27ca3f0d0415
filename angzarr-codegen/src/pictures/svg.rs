//! A graph as SVG: sizes of labels, and shapes for what `layout` placed.

use std::fmt::Write;

use serde::Serialize;

use super::graph::{EdgeKind, Graph, Node};
use super::layout::{Area, Placed, layout};
use crate::Report;
use crate::render::Renderer;

/// Widths are those of the broadest common letters, so that no label is wider than its node in any font.
const LETTER: f64 = 7.6;
const SMALL_LETTER: f64 = 6.2;
const HEIGHT: f64 = 28.0;
/// A component has a line more, which says what it is.
const COMPONENT_HEIGHT: f64 = 44.0;
const REJECTIONS_HEIGHT: f64 = 58.0;
const NARROWEST: f64 = 64.0;
const SIDES: f64 = 24.0;

/// What the template prints; numbers have one digit after the point.
#[derive(Debug, Serialize)]
struct View<'a> {
    width: String,
    height: String,
    lanes: Vec<Lane<'a>>,
    edges: Vec<Line<'a>>,
    nodes: Vec<Shape<'a>>,
}

#[derive(Debug, Serialize)]
struct Rectangle {
    x: String,
    y: String,
    width: String,
    height: String,
}

#[derive(Debug, Serialize)]
struct Lane<'a> {
    name: &'a str,
    area: Rectangle,
}

#[derive(Debug, Serialize)]
struct Line<'a> {
    from: &'a str,
    to: &'a str,
    kind: EdgeKind,
    path: String,
}

#[derive(Debug, Serialize)]
struct Shape<'a> {
    node: &'a Node,
    area: Rectangle,
    /// Half of the height, for round ends.
    round: String,
    middle: String,
    /// Base lines of what it is, its name, and its rejections.
    lines: [String; 3],
}

pub(super) fn svg(renderer: &Renderer, graph: &Graph) -> Result<String, Vec<Report>> {
    let sizes: Vec<(f64, f64)> = graph.nodes.iter().map(size).collect();
    let placed = layout(graph, &sizes);
    let name = |index: usize| graph.nodes.get(index).map(|node| node.name.as_str()).unwrap_or_default();
    let view = View {
        width: number(placed.width),
        height: number(placed.height),
        lanes: lanes(graph, &placed),
        edges: (graph.edges.iter().zip(&placed.edges))
            .map(|(edge, points)| Line {
                from: name(edge.from),
                to: name(edge.to),
                kind: edge.kind,
                path: path(points),
            })
            .collect(),
        nodes: graph.nodes.iter().zip(&placed.nodes).map(|(node, area)| shape(node, *area)).collect(),
    };
    renderer.render("pictures/graph.svg", &view)
}

fn size(node: &Node) -> (f64, f64) {
    // No label is long enough for the conversion to matter.
    let letters = |text: &str| f64::from(u32::try_from(text.chars().count()).unwrap_or(u32::MAX));
    let name = letters(&node.label) * LETTER;
    let small =
        letters(node.what).max(letters(&node.rejections) + 8.0 * f64::from(u8::from(!node.rejections.is_empty())));
    let width = if node.component { name.max(small * SMALL_LETTER) } else { name };
    let height = match (node.component, node.rejections.is_empty()) {
        (false, _) => HEIGHT,
        (true, true) => COMPONENT_HEIGHT,
        (true, false) => REJECTIONS_HEIGHT,
    };
    ((width + SIDES).max(NARROWEST), height)
}

fn lanes<'a>(graph: &'a Graph, placed: &Placed) -> Vec<Lane<'a>> {
    let lanes = graph.groups.iter().zip(&placed.lanes);
    lanes.map(|(name, area)| Lane { name, area: rectangle(*area) }).collect()
}

fn shape(node: &Node, area: Area) -> Shape<'_> {
    let line = |offset: f64| number(area.y + offset);
    let lines = if node.component {
        [line(16.0), line(33.0), line(49.0)]
    } else {
        [String::new(), line(area.height / 2.0 + 4.5), String::new()]
    };
    Shape {
        node,
        round: number(area.height / 2.0),
        middle: number(area.x + area.width / 2.0),
        lines,
        area: rectangle(area),
    }
}

fn rectangle(area: Area) -> Rectangle {
    Rectangle { x: number(area.x), y: number(area.y), width: number(area.width), height: number(area.height) }
}

/// Curves between columns, straight lines across them.
fn path(points: &[(f64, f64)]) -> String {
    let mut text = String::new();
    let mut from = None;
    for (index, (x, y)) in points.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = match from {
            None => write!(text, "M{} {}", number(*x), number(*y)),
            Some((from_x, from_y)) if index % 2 == 1 => {
                let half = (from_x + x) / 2.0;
                let (half, before, x, y) = (number(half), number(from_y), number(*x), number(*y));
                write!(text, " C{half} {before} {half} {y} {x} {y}")
            }
            Some(_) => write!(text, " L{} {}", number(*x), number(*y)),
        };
        from = Some((*x, *y));
    }
    text
}

fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}
