//! Which functions pay for themselves, which can recurse, and which rows are
//! bounded.

use petgraph::algo::kosaraju_scc;
use petgraph::graph::NodeIndex;

use crate::frames::{frames, leads_to, lookers, unseen};
use crate::graph::{Graph, calls, is_circular};
use crate::imports::Import;
use crate::scan::{Body, Facts};
use crate::weights::IMPORT;
use crate::{Error, Options, Rows};

/// What each function of a module is to the pass.
pub(crate) struct Roles {
    /// Per function that is defined in the module.
    pub(crate) roles: Vec<Role>,
    /// Per function that is defined in the module.
    rows: Vec<Rows>,
    imports: Vec<Import>,
}

/// What a function is to the pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Role {
    pub(crate) counter: Counter,
    /// The bytes of stack that the function takes while it runs, where it can
    /// come to call itself.
    pub(crate) frame: Option<u64>,
    /// Whether the stack that is left is looked at when the function is entered.
    pub(crate) looks_at_stack: bool,
    /// Whether it can come to call a function that takes stack, itself
    /// included.
    pub(crate) leads_to_frames: bool,
    /// Whether the counter is looked at when the function is entered. Where
    /// little can happen until it is looked at anyway, it need not be.
    pub(crate) checks: bool,
}

impl Role {
    /// Whether the counter is a parameter and a result.
    pub(crate) fn is_passed(self) -> bool {
        matches!(self.counter, Counter::Passed(_))
    }
}

/// Where a function has the fuel from that is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counter {
    /// It needs none: whoever calls it pays this much.
    Caller(u64),
    /// From the global, where it puts it back.
    Fetched,
    /// From its caller, as its last parameter but for the stack, which gets it
    /// back as its last result, and has paid this much of it.
    Passed(u64),
}

/// The weight up to which a function, or what is charged at its entry, is paid for
/// by its callers. A caller pays for all of it, whatever part then runs.
pub(crate) const CALLER_PAYS_MAX: u64 = 64;

/// The most parameters and results of a function that gets two and one more. A
/// type may have 1,000.
const PASSING_MAX: usize = 64;

impl Roles {
    pub(crate) fn of(facts: &Facts, options: Options) -> Result<Self, Error> {
        let graph = calls(facts);
        // Whom a component calls comes before it.
        let components = kosaraju_scc(&graph);
        let mut frames = frames(facts, &graph, &components, options)?;
        let rows = rows(facts, &graph, &components);
        if !options.metered {
            frames.fill(None);
        }
        let leads_to_frames = leads_to(&graph, &components, &frames);
        let called = Called::of(facts);
        let mut roles: Vec<Role> = (facts.imports.len()..)
            .zip(&facts.bodies)
            .zip(frames.iter().zip(leads_to_frames))
            .map(|((function, body), (frame, leads_to_frames))| Role {
                counter: match options.metered {
                    true => counter(facts, &called, function as u32, body),
                    false => Counter::Caller(0),
                },
                frame: *frame,
                looks_at_stack: false,
                leads_to_frames,
                checks: true,
            })
            .collect();
        let is_passed = |n: usize| roles[n].is_passed();
        let looks = lookers(facts, &graph, &components, &frames, is_passed);
        for (role, looks) in roles.iter_mut().zip(&looks) {
            role.looks_at_stack = *looks;
        }
        check_seldom(facts, &unseen(&graph, &looks), &mut roles);
        Ok(Self {
            roles,
            rows,
            imports: facts.imports.clone(),
        })
    }

    /// Whether the caller of a function keeps the counter: nobody else touches
    /// it.
    pub(crate) fn caller_keeps(&self, function: u32) -> bool {
        let counter = self.role(function).map(|role| role.counter);
        matches!(counter, Some(Counter::Caller(_)))
    }

    /// The functions that are passed the counter, in order.
    pub(crate) fn passed(&self) -> impl Iterator<Item = (u32, Role)> {
        let imports = self.imports.len();
        let defined = (imports as u32..).zip(self.roles.iter().copied());
        defined.filter(|(_, role)| role.is_passed())
    }

    /// Has the callers of a function that is passed the counter pay for its entry.
    pub(crate) fn pay_entry(&mut self, function: u32, fuel: u64) {
        if let Some(n) = self.defined(function) {
            self.roles[n].counter = Counter::Passed(fuel);
        }
    }

    /// What a function is, unless it takes an import's place.
    pub(crate) fn role(&self, function: u32) -> Option<Role> {
        self.defined(function).map(|n| self.roles[n])
    }

    /// What the caller of a function pays for it.
    pub(crate) fn on_behalf(&self, function: u32) -> u64 {
        match self.role(function).map(|role| role.counter) {
            None => IMPORT,
            Some(Counter::Caller(fuel) | Counter::Passed(fuel)) => fuel,
            Some(Counter::Fetched) => 0,
        }
    }

    /// Whether whoever calls the function is sure that the counter is looked at.
    pub(crate) fn looks(&self, function: u32) -> bool {
        let role = self.role(function);
        role.is_some_and(|role| role.checks && !matches!(role.counter, Counter::Caller(_)))
    }

    /// The import that a function takes the place of.
    pub(crate) fn import(&self, function: u32) -> Option<Import> {
        self.imports.get(function as usize).copied()
    }

    /// Whether a call of the function changes the tank that pays.
    pub(crate) fn changes_tank(&self, function: u32) -> bool {
        self.import(function).is_some_and(Import::changes_tank)
    }

    /// How the fuel of the rows of a function is granted.
    pub(crate) fn rows(&self, function: u32) -> Rows {
        self.defined(function)
            .map_or(Rows::Shared, |n| self.rows[n])
    }

    fn defined(&self, function: u32) -> Option<usize> {
        (function as usize).checked_sub(self.imports.len())
    }
}

/// How functions are called.
struct Called {
    /// Per function that is defined, whether it is called by name.
    by_name: Vec<bool>,
    /// Per function that is defined, whether it is called in the place of its
    /// caller, or calls another in its own: the two must hand back the same.
    by_tail: Vec<bool>,
}

impl Called {
    fn of(facts: &Facts) -> Self {
        let mut by_name = vec![false; facts.bodies.len()];
        let mut by_tail = vec![false; facts.bodies.len()];
        let defined = |function: &u32| (*function as usize).checked_sub(facts.imports.len());
        for (n, body) in facts.bodies.iter().enumerate() {
            for callee in body.calls.iter().filter_map(defined) {
                by_name[callee] = true;
            }
            for callee in body.tail_calls.iter().filter_map(defined) {
                by_tail[callee] = true;
            }
            by_tail[n] |= body.has_tail_calls;
        }
        Self { by_name, by_tail }
    }
}

/// Where a function of a module that is metered has the fuel from.
fn counter(facts: &Facts, called: &Called, function: u32, body: &Body) -> Counter {
    let imports = facts.imports.len();
    let n = function as usize - imports;
    let ty = facts.function_type(function);
    let calls = !body.indirect_calls.is_empty()
        || body.calls.iter().any(|callee| *callee as usize >= imports);
    let pays = calls || body.imports || body.loops > 0 || body.has_bulk;
    // Through a table, nobody knows whom to pay for.
    if !pays && !facts.is_entry(function) && body.weight <= CALLER_PAYS_MAX {
        Counter::Caller(body.weight)
    } else if called.by_name[n]
        && !called.by_tail[n]
        && ty.params().len().max(ty.results().len()) <= PASSING_MAX
    {
        Counter::Passed(0)
    } else {
        Counter::Fetched
    }
}

/// The most weight that runs without a look at the counter, apart from what
/// stands in a single function.
const UNCHECKED_MAX: u64 = 1_024;

/// Frees small functions of looking at the counter, if they are called by name
/// and not in circles in which nobody looks: their callers soon look at what they
/// hand back.
fn check_seldom(facts: &Facts, unseen: &[Vec<NodeIndex>], roles: &mut [Role]) {
    // What runs in each function, and the unchecked ones it calls, at most,
    // until the counter is looked at.
    let mut weights = vec![0_u64; facts.bodies.len()];
    for node in unseen.iter().flatten() {
        let Some(body) = facts.bodies.get(node.index()) else {
            continue;
        };
        let unchecked = body.calls.iter().filter_map(|callee| {
            let defined = (*callee as usize).checked_sub(facts.imports.len())?;
            (!roles[defined].checks).then(|| weights[defined])
        });
        let weight = unchecked.fold(body.weight, u64::saturating_add);
        let role = &mut roles[node.index()];
        role.checks = !role.is_passed() || role.looks_at_stack || weight > UNCHECKED_MAX;
        weights[node.index()] = weight;
    }
}

/// How the rows of each function are granted: by what the functions that it can
/// come to call announce.
fn rows(facts: &Facts, graph: &Graph, components: &[Vec<NodeIndex>]) -> Vec<Rows> {
    // What a call of each node can burn at most, where that is bounded.
    let mut bounds = vec![None; graph.node_count()];
    let mut rows = vec![Rows::Shared; graph.node_count()];
    // Whether it can come to announce several rows at once.
    let mut shares = vec![false; graph.node_count()];
    for component in components {
        let callees = component.iter().flat_map(|node| graph.neighbors(*node));
        let (mut granted, mut together) = (Rows::Shared, false);
        for callee in callees {
            granted = granted.and(rows[callee.index()]);
            together |= shares[callee.index()];
        }
        for node in component {
            let Some(body) = facts.bodies.get(node.index()) else {
                continue;
            };
            together |= body.announces_together;
            if !is_circular(graph, component) {
                bounds[node.index()] = bound(body, facts, &bounds);
            }
            if let Some(row) = &body.row {
                let called = |callee| bound_of(callee, facts, &bounds);
                let own = match row.bound(called) {
                    None => Rows::Announced { together: false },
                    Some(fuel) => Rows::Bounded {
                        fuel,
                        is_harmless: row.is_harmless(),
                    },
                };
                granted = granted.and(own);
            }
        }
        if let Rows::Announced { .. } = granted {
            granted = Rows::Announced { together };
        }
        for node in component {
            rows[node.index()] = granted;
            shares[node.index()] = together;
        }
    }
    rows.truncate(facts.bodies.len());
    rows
}

/// What a call of a function with that body can burn at most, if that is
/// bounded.
fn bound(body: &Body, facts: &Facts, bounds: &[Option<u64>]) -> Option<u64> {
    let goes_on = body.loops > 0 || body.has_bulk || body.imports;
    if goes_on || !body.indirect_calls.is_empty() {
        return None;
    }
    let mut calls = body.calls.iter();
    calls.try_fold(body.weight, |sum, callee| {
        sum.checked_add(bound_of(*callee, facts, bounds)?)
    })
}

fn bound_of(function: u32, facts: &Facts, bounds: &[Option<u64>]) -> Option<u64> {
    let defined = (function as usize).checked_sub(facts.imports.len())?;
    bounds[defined]
}

impl Rows {
    /// What holds for a function that calls one with `self` and one with
    /// `other`.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Shared, rows) | (rows, Self::Shared) => rows,
            (
                Self::Bounded { fuel, is_harmless },
                Self::Bounded {
                    fuel: other,
                    is_harmless: is_other,
                },
            ) => Self::Bounded {
                fuel: fuel.max(other),
                is_harmless: is_harmless && is_other,
            },
            _ => Self::Announced { together: false },
        }
    }
}
