//! What recursion takes of the stack, and what the longest chain of other calls
//! does.

use petgraph::graph::NodeIndex;

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

/// Which functions can come to call one that has a frame, themselves included.
pub(crate) fn leads_to(
    graph: &Graph,
    components: &[Vec<NodeIndex>],
    frames: &[Option<u64>],
) -> Vec<bool> {
    let mut leads = vec![false; graph.node_count()];
    for component in components {
        let has_frame = |node: &NodeIndex| matches!(frames.get(node.index()), Some(Some(_)));
        let leads_on =
            |node: &NodeIndex| graph.neighbors(*node).any(|callee| leads[callee.index()]);
        let leads_there = component
            .iter()
            .any(|node| has_frame(node) || leads_on(node));
        for node in component {
            leads[node.index()] = leads_there;
        }
    }
    leads
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
