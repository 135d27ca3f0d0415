//! Places for the nodes and edges of a graph: columns in the direction of the flow, a lane a domain.
//!
//! Layered drawing in the usual steps: break cycles, give each node a column, order each column by its neighbours, spread.
//! Edges over several columns get a point in each, so that they run between nodes and not through them. It is ours because
//! the libraries that there are know no lanes, and lanes are what makes domains visible.

use super::graph::{Edge, EdgeKind, Graph};

/// Distances in pixels.
const COLUMN_GAP: f64 = 72.0;
const ROW_GAP: f64 = 14.0;
const LANE_PADDING: f64 = 22.0;
const LANE_GAP: f64 = 14.0;
/// Height that an edge takes where it passes a column.
const PASSING: f64 = 4.0;
/// Room at the left edge of a lane for its name.
const MARGIN: f64 = 24.0;
/// How often columns are ordered by their neighbours; more changes little.
const SWEEPS: usize = 8;

/// A rectangle; pixels, from the upper left corner.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Area {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// A graph with places.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Placed {
    /// Of each node.
    pub(super) nodes: Vec<Area>,
    /// Of each edge: the corners where it passes a column, in the direction of the edge, from side to side.
    pub(super) edges: Vec<Vec<(f64, f64)>>,
    /// Of each group, by its index.
    pub(super) lanes: Vec<Area>,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// A node, or the point where an edge passes a column.
#[derive(Clone, Debug)]
struct Item {
    column: usize,
    lane: usize,
    width: f64,
    height: f64,
    /// Upper edge.
    y: f64,
    before: Vec<usize>,
    after: Vec<usize>,
}

/// Places nodes of the given sizes.
pub(super) fn layout(graph: &Graph, sizes: &[(f64, f64)]) -> Placed {
    let forward = acyclic(graph);
    let columns = columns(graph.nodes.len(), &forward);
    let mut items: Vec<Item> = (graph.nodes.iter().zip(sizes).zip(&columns))
        .map(|((node, (width, height)), column)| Item {
            column: *column,
            lane: node.group,
            width: *width,
            height: *height,
            y: 0.0,
            before: Vec::new(),
            after: Vec::new(),
        })
        .collect();
    let paths: Vec<Vec<usize>> = forward.iter().map(|(from, to)| connect(&mut items, *from, *to)).collect();
    let lanes = arrange(&mut items, graph.groups.len());
    let (lefts, widths) = across(&items);
    let columns = Columns { nodes: graph.nodes.len(), items: &items, lefts: &lefts, widths: &widths };
    let width = lefts.iter().zip(&widths).map(|(left, width)| left + width).fold(0.0, f64::max) + MARGIN;
    let edges = graph.edges.iter().zip(&paths).map(|(edge, path)| columns.corners(edge, path));
    Placed {
        edges: edges.collect(),
        nodes: items.iter().take(graph.nodes.len()).map(|one| columns.area(one)).collect(),
        height: lanes.iter().map(|(_, bottom)| bottom + LANE_GAP).fold(0.0, f64::max),
        lanes: (lanes.iter())
            .map(|(top, bottom)| Area { x: MARGIN / 2.0, y: *top, width: width - MARGIN, height: bottom - top })
            .collect(),
        width,
    }
}

impl Item {
    fn middle(&self) -> f64 {
        self.y + self.height / 2.0
    }
}

/// Where everything lies.
struct Columns<'a> {
    /// How many of the items are nodes; they come first.
    nodes: usize,
    items: &'a [Item],
    lefts: &'a [f64],
    widths: &'a [f64],
}

impl Columns<'_> {
    fn area(&self, one: &Item) -> Area {
        Area {
            x: at(self.lefts, one.column) + (at(self.widths, one.column) - one.width) / 2.0,
            y: one.y,
            width: one.width,
            height: one.height,
        }
    }

    /// The corners of an edge, whose path leads through items from left to right, in the direction of the edge.
    fn corners(&self, edge: &Edge, path: &[usize]) -> Vec<(f64, f64)> {
        let mut points = Vec::new();
        for (step, index) in path.iter().enumerate() {
            let Some(one) = self.items.get(*index) else { continue };
            let Area { x, width, .. } = self.area(one);
            // A passing edge crosses the whole column.
            let (left, right) = match *index < self.nodes {
                true => (x, x + width),
                false => (at(self.lefts, one.column), at(self.lefts, one.column) + at(self.widths, one.column)),
            };
            let height = self.meets(edge, path, step);
            if step > 0 {
                points.push((left, height));
            }
            if step + 1 < path.len() {
                points.push((right, height));
            }
        }
        if turned(edge, path) {
            points.reverse();
        }
        points
    }

    /// The height at which an edge meets the item at a step of its path: the middle. Where it has an arrowhead among edges
    /// that leave, or leaves among arrowheads, it keeps off the middle, on the side that it comes from.
    fn meets(&self, edge: &Edge, path: &[usize], step: usize) -> f64 {
        let item = |step: usize| path.get(step).and_then(|index| self.items.get(*index));
        let Some(one) = item(step) else { return 0.0 };
        let neighbour = match step {
            0 => item(1),
            last if last + 1 == path.len() => item(last - 1),
            _ => return one.middle(),
        };
        // A deadline has arrowheads at both ends.
        if turned(edge, path) || (edge.kind == EdgeKind::Deadline && step == 0) {
            let from_above = neighbour.is_some_and(|other| other.middle() < one.middle());
            return one.y + one.height * if from_above { 0.25 } else { 0.75 };
        }
        one.middle()
    }
}

/// Whether an edge leads back, from right to left.
fn turned(edge: &Edge, path: &[usize]) -> bool {
    path.first() != Some(&edge.from)
}

fn at(numbers: &[f64], index: usize) -> f64 {
    numbers.get(index).copied().unwrap_or_default()
}

/// The edges of the graph, those that close a cycle turned round.
fn acyclic(graph: &Graph) -> Vec<(usize, usize)> {
    let mut after: Vec<Vec<(usize, usize)>> = vec![Vec::new(); graph.nodes.len()];
    let mut incoming = vec![0_usize; graph.nodes.len()];
    for (index, Edge { from, to, .. }) in graph.edges.iter().enumerate() {
        if let (Some(after), Some(incoming)) = (after.get_mut(*from), incoming.get_mut(*to)) {
            after.push((index, *to));
            *incoming += 1;
        }
    }
    // What comes from outside comes first, so that cycles are cut where they come back.
    let mut starts: Vec<usize> = (0..graph.nodes.len()).collect();
    let rank = |node: usize| match graph.nodes.get(node).map(|node| node.style) {
        Some("command" | "fact") => 0,
        Some("query") => 1,
        _ => 2,
    };
    starts.sort_by_key(|node| (incoming.get(*node).copied().unwrap_or_default() > 0, rank(*node), *node));
    let mut state = vec![State::New; graph.nodes.len()];
    let mut turned = vec![false; graph.edges.len()];
    for start in starts {
        visit(start, &after, &mut state, &mut turned);
    }
    let edges = graph.edges.iter().zip(turned);
    edges.map(|(edge, turned)| if turned { (edge.to, edge.from) } else { (edge.from, edge.to) }).collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Open,
    Done,
}

/// Depth first, with a stack of our own: a chain may be longer than a thread's.
fn visit(start: usize, after: &[Vec<(usize, usize)>], state: &mut [State], turned: &mut [bool]) {
    let mut open = vec![(start, 0)];
    while let Some((node, next)) = open.pop() {
        let Some(own) = state.get_mut(node) else { continue };
        if next == 0 {
            if *own != State::New {
                continue;
            }
            *own = State::Open;
        }
        let Some((edge, to)) = after.get(node).and_then(|edges| edges.get(next)).copied() else {
            *own = State::Done;
            continue;
        };
        open.push((node, next + 1));
        match state.get(to) {
            Some(State::Open) => turned.iter_mut().skip(edge).take(1).for_each(|turned| *turned = true),
            Some(State::New) => open.push((to, 0)),
            _ => {}
        }
    }
}

/// A column for each node: right of all that lead to it, and no farther left of what it leads to than needed.
fn columns(nodes: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); nodes];
    let mut missing = vec![0_usize; nodes];
    for (from, to) in edges {
        if let (Some(after), Some(missing)) = (after.get_mut(*from), missing.get_mut(*to)) {
            after.push(*to);
            *missing += 1;
        }
    }
    let mut columns = vec![0_usize; nodes];
    let sources: Vec<usize> = (0..nodes).filter(|node| missing.get(*node) == Some(&0)).collect();
    let mut order = sources.clone();
    let mut next = 0;
    while let Some(node) = order.get(next).copied() {
        let column = columns.get(node).copied().unwrap_or_default() + 1;
        for to in after.get(node).into_iter().flatten() {
            if let (Some(own), Some(missing)) = (columns.get_mut(*to), missing.get_mut(*to)) {
                *own = (*own).max(column);
                *missing -= 1;
                if *missing == 0 {
                    order.push(*to);
                }
            }
        }
        next += 1;
    }
    for source in sources {
        let nearest = after.get(source).into_iter().flatten().filter_map(|to| columns.get(*to)).min().copied();
        if let (Some(own), Some(nearest)) = (columns.get_mut(source), nearest) {
            *own = nearest.saturating_sub(1);
        }
    }
    columns
}

/// Connects two items by way of one in each column between them; their indices from the first to the last.
fn connect(items: &mut Vec<Item>, from: usize, to: usize) -> Vec<usize> {
    let (Some(first), Some(last)) = (items.get(from), items.get(to)) else { return Vec::new() };
    let (columns, lane) = (first.column + 1..last.column, last.lane);
    let mut path = vec![from];
    for column in columns {
        path.push(items.len());
        items.push(Item { column, lane, width: 0.0, height: PASSING, y: 0.0, before: Vec::new(), after: Vec::new() });
    }
    path.push(to);
    for (from, to) in path.iter().zip(path.iter().skip(1)) {
        items.iter_mut().skip(*from).take(1).for_each(|one| one.after.push(*to));
        items.iter_mut().skip(*to).take(1).for_each(|one| one.before.push(*from));
    }
    path
}

/// Gives each item its height in the picture, and returns top and bottom of each lane.
fn arrange(items: &mut [Item], lanes: usize) -> Vec<(f64, f64)> {
    let last = items.iter().map(|one| one.column).max().unwrap_or_default();
    // By column and lane: the items there, from top to bottom.
    let mut cells: Vec<Vec<usize>> = vec![Vec::new(); (last + 1) * lanes];
    for (index, one) in items.iter().enumerate() {
        cells.iter_mut().skip(one.column * lanes + one.lane).take(1).for_each(|cell| cell.push(index));
    }
    let tall = |cell: &Vec<usize>| -> f64 {
        cell.iter().filter_map(|index| items.get(*index)).map(|one| one.height + ROW_GAP).sum()
    };
    let mut extents = vec![(0.0, 0.0); lanes];
    let mut top = LANE_GAP;
    for lane in order(items, lanes) {
        let needed = cells.iter().skip(lane).step_by(lanes.max(1)).map(tall).fold(0.0, f64::max);
        let bottom = top + needed + 2.0 * LANE_PADDING;
        extents.iter_mut().skip(lane).take(1).for_each(|extent| *extent = (top, bottom));
        top = bottom + LANE_GAP;
    }
    for cell in &cells {
        spread(items, cell, &extents, |_, _| None);
    }
    for sweep in 0..SWEEPS {
        let backwards = sweep % 2 == 1;
        for step in 0..cells.len() {
            let index = if backwards { cells.len() - 1 - step } else { step };
            let Some(cell) = cells.get_mut(index) else { continue };
            let wanted = |items: &[Item], one: &Item| {
                let neighbours = if backwards { &one.after } else { &one.before };
                let other = if backwards { &one.before } else { &one.after };
                middle(items, if neighbours.is_empty() { other } else { neighbours })
            };
            let key = |index: &usize| {
                let one = items.get(*index);
                one.map_or(0.0, |one| wanted(items, one).unwrap_or(one.y + one.height / 2.0))
            };
            let mut keyed: Vec<(f64, usize)> = cell.iter().map(|index| (key(index), *index)).collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            *cell = keyed.into_iter().map(|(_, index)| index).collect();
            spread(items, cell, &extents, wanted);
        }
    }
    extents
}

/// Lanes from top to bottom: what comes earlier in the flow lies higher.
fn order(items: &[Item], lanes: usize) -> Vec<usize> {
    let mut sums = vec![(0.0_f64, 0.0_f64); lanes];
    for one in items.iter().filter(|one| one.width > 0.0) {
        // Columns are few; the conversion is exact.
        let column = f64::from(u32::try_from(one.column).unwrap_or(u32::MAX));
        sums.iter_mut().skip(one.lane).take(1).for_each(|(sum, count)| (*sum, *count) = (*sum + column, *count + 1.0));
    }
    let mean = |lane: &usize| sums.get(*lane).map_or(0.0, |(sum, count)| sum / count.max(1.0));
    let mut order: Vec<usize> = (0..lanes).collect();
    order.sort_by(|a, b| mean(a).total_cmp(&mean(b)).then(a.cmp(b)));
    order
}

/// The mean of the middles of some items.
fn middle(items: &[Item], indices: &[usize]) -> Option<f64> {
    let middles = indices.iter().filter_map(|index| items.get(*index)).map(|one| one.y + one.height / 2.0);
    let (sum, count) = middles.fold((0.0, 0.0), |(sum, count), middle| (sum + middle, count + 1.0));
    (count > 0.0).then(|| sum / count)
}

/// Puts the items of a cell where they want to be, one below the other, within their lane.
fn spread(items: &mut [Item], cell: &[usize], extents: &[(f64, f64)], wanted: impl Fn(&[Item], &Item) -> Option<f64>) {
    let Some((lane_top, lane_bottom)) =
        cell.first().and_then(|first| items.get(*first)).and_then(|one| extents.get(one.lane)).copied()
    else {
        return;
    };
    let (top, bottom) = (lane_top + LANE_PADDING, lane_bottom - LANE_PADDING);
    let mut free = top;
    for index in cell {
        let Some(one) = items.get(*index) else { continue };
        let y = wanted(items, one).map_or(free, |middle| (middle - one.height / 2.0).max(free));
        free = y + one.height + ROW_GAP;
        items.iter_mut().skip(*index).take(1).for_each(|one| one.y = y);
    }
    let mut limit = bottom;
    for index in cell.iter().rev() {
        for one in items.iter_mut().skip(*index).take(1) {
            one.y = one.y.min(limit - one.height);
            limit = one.y - ROW_GAP;
        }
    }
}

/// Left edge and width of each column.
fn across(items: &[Item]) -> (Vec<f64>, Vec<f64>) {
    let last = items.iter().map(|one| one.column).max().unwrap_or_default();
    let mut widths = vec![0.0; last + 1];
    for one in items {
        widths.iter_mut().skip(one.column).take(1).for_each(|width| *width = one.width.max(*width));
    }
    let mut left = 2.0 * MARGIN;
    let lefts = widths.iter().map(|width| {
        let own = left;
        left += width + COLUMN_GAP;
        own
    });
    (lefts.collect(), widths)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::graph::{EdgeKind, Node};
    use super::*;

    fn graph(groups: usize, nodes: &[usize], edges: &[(usize, usize)]) -> Graph {
        let node = |(index, group): (usize, &usize)| Node {
            name: format!("n{index}"),
            label: String::new(),
            component: false,
            what: "event",
            style: "event",
            rejections: String::new(),
            group: *group,
        };
        let edge = |(from, to): &(usize, usize)| Edge { from: *from, to: *to, kind: EdgeKind::Flow };
        Graph {
            groups: (0..groups).map(|group| format!("g{group}")).collect(),
            nodes: nodes.iter().enumerate().map(node).collect(),
            edges: edges.iter().map(edge).collect(),
        }
    }

    fn apart(a: &Area, b: &Area) -> bool {
        a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y
    }

    fn graphs() -> impl Strategy<Value = Graph> {
        (1..5_usize, 1..30_usize).prop_flat_map(|(groups, nodes)| {
            let edges = prop::collection::vec((0..nodes, 0..nodes), 0..60);
            (prop::collection::vec(0..groups, nodes), edges).prop_map(move |(nodes, mut edges)| {
                edges.retain(|(from, to)| from != to);
                graph(groups, &nodes, &edges)
            })
        })
    }

    proptest! {
        #[test]
        fn nothing_overlaps(graph in graphs()) {
            let sizes: Vec<(f64, f64)> = (0..graph.nodes.len()).map(|n| (60.0 + 17.0 * (n % 5) as f64, 28.0)).collect();
            let placed = layout(&graph, &sizes);
            for (index, one) in placed.nodes.iter().enumerate() {
                for other in placed.nodes.iter().skip(index + 1) {
                    prop_assert!(apart(one, other), "{:?} {:?}", one, other);
                }
                let lane = &placed.lanes[graph.nodes[index].group];
                let inside = one.y >= lane.y && one.y + one.height <= lane.y + lane.height;
                prop_assert!(inside && one.x >= lane.x && one.x + one.width <= lane.x + lane.width);
                prop_assert!(lane.y + lane.height <= placed.height && lane.x + lane.width <= placed.width);
            }
        }

        #[test]
        fn edges_lead_from_side_to_side(graph in graphs()) {
            let sizes = vec![(80.0, 28.0); graph.nodes.len()];
            let placed = layout(&graph, &sizes);
            for (edge, points) in graph.edges.iter().zip(&placed.edges) {
                let (from, to) = (&placed.nodes[edge.from], &placed.nodes[edge.to]);
                let (start, end) = (points[0], points[points.len() - 1]);
                let middle = |area: &Area| area.y + area.height / 2.0;
                if from.x < to.x {
                    prop_assert_eq!(start, (from.x + from.width, middle(from)));
                    prop_assert_eq!(end, (to.x, middle(to)));
                } else {
                    // It leads back, and meets neither where others leave nor where others arrive.
                    let off = |area: &Area, y: f64| ((y - middle(area)).abs() - area.height / 4.0).abs() < 1e-9;
                    prop_assert!(start.0 == from.x && off(from, start.1), "{:?} {:?}", from, start);
                    prop_assert!(end.0 == to.x + to.width && off(to, end.1), "{:?} {:?}", to, end);
                }
                // Straight lines lie where an edge passes a column; no node is in their way.
                for line in points[1..points.len() - 1].chunks(2) {
                    let passing = Area { x: line[0].0.min(line[1].0), y: line[0].1 - 1.0, width: 1.0, height: 2.0 };
                    prop_assert!(placed.nodes.iter().all(|node| apart(node, &passing)));
                }
            }
        }
    }

    /// Both ends have an arrowhead; that on the right side is off the middle, where what the node leads to begins.
    #[test]
    fn a_deadline_has_its_arrowheads_where_they_are_seen() {
        let mut graph = graph(1, &[0, 0], &[(0, 1)]);
        graph.edges[0].kind = EdgeKind::Deadline;
        let placed = layout(&graph, &[(80.0, 28.0), (80.0, 28.0)]);
        let (from, to) = (placed.nodes[0], placed.nodes[1]);
        let expected = [(from.x + from.width, from.y + 21.0), (to.x, to.y + 14.0)];
        assert_eq!(placed.edges, [expected.to_vec()]);
    }

    #[test]
    fn of_nothing() {
        assert_eq!(layout(&Graph::default(), &[]).nodes, []);
    }

    /// A chain that is longer than a stack would be deep.
    #[test]
    fn a_long_chain() {
        let edges: Vec<(usize, usize)> = (0..3000).map(|n| (n, n + 1)).collect();
        let graph = graph(1, &vec![0; 3001], &edges);
        let placed = layout(&graph, &vec![(10.0, 10.0); 3001]);
        assert!(placed.nodes.windows(2).all(|pair| pair[0].x < pair[1].x));
    }
}
