//! Which functions pay for themselves, and which can recurse.

use std::collections::HashMap;

use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use wasmparser::FuncType;

use crate::scan::Facts;
use crate::{Error, Options};

/// What each function of a module is to the pass.
pub(crate) struct Roles {
    /// Per function that is defined in the module.
    pub(crate) roles: Vec<Role>,
    imported: usize,
}

/// What a function is to the pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Role {
    pub(crate) counter: Counter,
    /// The bytes of stack that the function takes while it runs, where it can
    /// come to call itself.
    pub(crate) frame: Option<u64>,
}

/// Where a function keeps the fuel that is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counter {
    /// Nowhere: whoever calls it pays this much.
    Caller(u64),
    /// In the global.
    Global,
    /// In a local, for the sake of its loops.
    Local,
}

/// The weight up to which a function may be paid for by its callers. A caller
/// pays for all of it, whatever part then runs.
const CALLER_PAYS_MAX: u64 = 64;

impl Roles {
    pub(crate) fn of(facts: &Facts, options: Options) -> Result<Self, Error> {
        let frames = frames(facts, options)?;
        let counters = facts.bodies.iter().enumerate().map(|(n, body)| {
            let function = (facts.imported_functions + n) as u32;
            let calls = !body.calls.is_empty() || !body.indirect_calls.is_empty();
            // Through a table, nobody knows whom to pay for.
            let entry = facts.entries.binary_search(&function).is_ok();
            if body.loops > 0 {
                Counter::Local
            } else if calls || body.has_bulk || entry || body.weight > CALLER_PAYS_MAX {
                Counter::Global
            } else {
                Counter::Caller(body.weight)
            }
        });
        let roles = counters.zip(frames);
        let roles = roles.map(|(counter, frame)| Role { counter, frame });
        Ok(Self {
            roles: roles.collect(),
            imported: facts.imported_functions,
        })
    }

    /// What the caller of a function pays for it; nothing for one that pays
    /// itself.
    pub(crate) fn caller_pays(&self, function: u32) -> Option<u64> {
        let defined = (function as usize).checked_sub(self.imported)?;
        match self.roles[defined].counter {
            Counter::Caller(weight) => Some(weight),
            Counter::Global | Counter::Local => None,
        }
    }
}

/// The frames of the functions that stand in a circle of calls. The longest
/// chain of the others is added up and checked.
fn frames(facts: &Facts, options: Options) -> Result<Vec<Option<u64>>, Error> {
    let graph = calls(facts);
    let mut frames = vec![None; facts.bodies.len()];
    // What the longest chain from each node on takes.
    let mut chains = vec![0_u64; graph.node_count()];
    let mut longest = 0;
    // Whom a component calls comes before it.
    for component in kosaraju_scc(&graph) {
        let circular = match component[..] {
            [one] => graph.contains_edge(one, one),
            _ => true,
        };
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
            chains[node.index()] = if circular {
                frames[node.index()] = Some(body.frame_bytes);
                below
            } else {
                below.saturating_add(body.frame_bytes)
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

/// The graph of calls: a node for each function that is defined, then one for
/// each type that is called through a table, from which an edge goes to every
/// function that a table can hold.
fn calls(facts: &Facts) -> DiGraph<(), ()> {
    let mut graph = DiGraph::new();
    for _ in &facts.bodies {
        graph.add_node(());
    }
    let mut types: HashMap<&FuncType, NodeIndex> = HashMap::new();
    let defined = |function: u32| (function as usize).checked_sub(facts.imported_functions);
    for (n, body) in facts.bodies.iter().enumerate() {
        let caller = NodeIndex::new(n);
        for callee in body.calls.iter().filter_map(|callee| defined(*callee)) {
            graph.add_edge(caller, NodeIndex::new(callee), ());
        }
        for index in &body.indirect_calls {
            let signature = &facts.types[*index as usize];
            let node = *types.entry(signature).or_insert_with(|| graph.add_node(()));
            graph.add_edge(caller, node, ());
        }
    }
    // What is exported can be referred to as well, since a body may say
    // `ref.func` of it.
    for function in &facts.entries {
        let node = types.get(facts.function_type(*function));
        if let (Some(node), Some(callee)) = (node, defined(*function)) {
            graph.add_edge(*node, NodeIndex::new(callee), ());
        }
    }
    graph
}
