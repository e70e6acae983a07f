//! What recursion takes of the stack, who looks at what is left of it, and what
//! the longest chain of other calls takes.

use petgraph::algo::kosaraju_scc;
use petgraph::graph::NodeIndex;
use petgraph::visit::{EdgeFiltered, EdgeRef};

use crate::graph::{Graph, is_circular};
use crate::scan::Facts;
use crate::{Error, Options};

/// The frames of the functions that stand in a circle of calls. The longest
/// chain of the others is added up and checked.
pub(crate) fn frames(
    facts: &Facts,
    graph: &Graph,
    components: &[Vec<NodeIndex>],
    options: Options,
) -> Result<Vec<Option<u64>>, Error> {
    let mut frames = vec![None; facts.bodies.len()];
    // What the longest chain from each node on takes.
    let mut chains = vec![0_u64; graph.node_count()];
    let mut longest = 0;
    for component in components {
        let circular = is_circular(graph, component);
        let below = component
            .iter()
            .flat_map(|node| graph.neighbors(*node))
            .map(|callee| chains[callee.index()])
            .max()
            .unwrap_or(0);
        for node in component {
            let Some(body) = facts.bodies.get(node.index()) else {
                // A type, which takes no stack itself.
                chains[node.index()] = below;
                continue;
            };
            let function = (facts.imports.len() + node.index()) as u32;
            let frame_bytes = body.frame_bytes + doorway_bytes(facts, function);
            chains[node.index()] = if circular {
                frames[node.index()] = Some(frame_bytes);
                below
            } else {
                below.saturating_add(frame_bytes)
            };
            longest = longest.max(chains[node.index()]);
        }
    }
    if longest > options.chain_bytes_max {
        return Err(Error::Chain {
            bytes: longest,
            bytes_max: options.chain_bytes_max,
        });
    }
    Ok(frames)
}

/// The most bytes of stack that functions take, one from another, before one of
/// them looks at what is left.
const UNSEEN_BYTES_MAX: u64 = 16 << 10;

/// Which functions look at the stack that is left: at least one in each circle of
/// calls.
///
/// Almost all that can panic can come to call almost all else, through the table
/// or by name, and allocators can panic. So those look that never return, and
/// those by which a circle is entered through the table; and then those in circles
/// that are left. What the others take is seen by the next one that looks.
pub(crate) fn lookers(
    facts: &Facts,
    graph: &Graph,
    components: &[Vec<NodeIndex>],
    frames: &[Option<u64>],
    is_passed: impl Fn(usize) -> bool,
) -> Vec<bool> {
    let mut circles = vec![0; graph.node_count()];
    for (number, component) in components.iter().enumerate() {
        for node in component {
            circles[node.index()] = number;
        }
    }
    let mut returns = vec![false; frames.len()];
    let awaited = facts.bodies.iter().flat_map(|body| &body.awaited);
    for function in awaited {
        if let Some(n) = (*function as usize).checked_sub(facts.imports.len()) {
            returns[n] = true;
        }
    }
    // Types stand behind the functions, and do not look.
    let mut looks = vec![false; graph.node_count()];
    for edge in graph.edge_references() {
        let [from, to] = [edge.source().index(), edge.target().index()];
        looks[to] |= from >= frames.len() && circles[from] == circles[to];
    }
    for (n, frame) in frames.iter().enumerate() {
        looks[n] = frame.is_some() && (looks[n] || !is_passed(n) || !returns[n]);
    }
    let unseen = unseen(graph, &looks);
    for node in unseen
        .iter()
        .filter(|circle| is_circular(graph, circle))
        .flatten()
    {
        looks[node.index()] |= has_frame(frames, *node);
    }
    // Whom a function calls comes before it, now that no circle is left.
    let mut taken = vec![0_u64; graph.node_count()];
    for node in unseen.iter().flatten() {
        let callees = graph.neighbors(*node);
        let unseen = callees.filter(|callee| !looks[callee.index()]);
        let below = unseen.map(|callee| taken[callee.index()]).max();
        let own = frames.get(node.index()).copied().flatten().unwrap_or(0);
        let n = node.index();
        taken[n] = own.saturating_add(below.unwrap_or(0));
        looks[n] |= own > 0 && taken[n] > UNSEEN_BYTES_MAX;
    }
    looks.truncate(frames.len());
    looks
}

/// The circles of calls in which nobody looks, each function that is in none being
/// one of its own. Whom a circle calls without looking comes before it.
pub(crate) fn unseen(graph: &Graph, looks: &[bool]) -> Vec<Vec<NodeIndex>> {
    let is_unseen = |target: NodeIndex| !looks.get(target.index()).copied().unwrap_or(false);
    let filtered = EdgeFiltered::from_fn(graph, |edge| is_unseen(edge.target()));
    kosaraju_scc(&filtered)
}

/// Which functions can come to call one that has a frame, themselves included.
pub(crate) fn leads_to(
    graph: &Graph,
    components: &[Vec<NodeIndex>],
    frames: &[Option<u64>],
) -> Vec<bool> {
    let mut leads = vec![false; graph.node_count()];
    for component in components {
        let leads_on =
            |node: &NodeIndex| graph.neighbors(*node).any(|callee| leads[callee.index()]);
        let leads_there = component
            .iter()
            .any(|node| has_frame(frames, *node) || leads_on(node));
        for node in component {
            leads[node.index()] = leads_there;
        }
    }
    leads
}

fn has_frame(frames: &[Option<u64>], node: NodeIndex) -> bool {
    matches!(frames.get(node.index()), Some(Some(_)))
}

/// What the doorway of a function takes of the stack: return address, saved
/// registers, and the parameters once more.
fn doorway_bytes(facts: &Facts, function: u32) -> u64 {
    const BYTES: u64 = 64;
    let parameters = facts.function_type(function).params();
    match facts.is_entry(function) {
        true => BYTES + 16 * parameters.len() as u64,
        false => 0,
    }
}
