//! Which values are made canonical, and where.
//!
//! What is seen has to be exact: either because what it is made from is, or
//! because it is repaired where it lies on top of the stack. A value can be
//! repaired if each of its NaNs has to be canonical; not so where a result of
//! arithmetic meets a value that may be another NaN, so that there the former
//! has to be repaired before.

use super::values::{Adjacent, Graph, Id, Top};
use crate::Error;
use crate::floats::{Known, Width};

/// That a value is made canonical where it lies on top of the stack.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Repair {
    pub(crate) top: Top,
    pub(crate) vector: bool,
    pub(crate) width: Width,
    /// Whether the canonical NaN is the negative one.
    pub(crate) negative: bool,
}

/// The repairs after which whatever is seen is exact, in the order of their
/// places.
pub(crate) fn repairs(graph: &Graph) -> Result<Vec<Repair>, Error> {
    let mut placement = Placement::new(graph);
    if placement.is_enough() {
        return Ok(Vec::new());
    }
    placement.choose();
    placement.complete();
    placement.prune();
    if !placement.is_enough() {
        return Err(Error::Rewrite("a NaN would be seen".to_owned()));
    }
    let repaired = placement.repaired.iter().enumerate();
    let mut repairs: Vec<Repair> = repaired
        .filter(|(_, repaired)| repaired.is_some())
        .filter_map(|(n, _)| placement.repair(n))
        .collect();
    repairs.sort_by_key(|repair| repair.top.offset);
    Ok(repairs)
}

struct Placement<'a> {
    graph: &'a Graph,
    /// What is known of each value as it is made.
    known: Vec<Known>,
    /// Of those that are repaired, what is known then.
    repaired: Vec<Option<Known>>,
}

impl<'a> Placement<'a> {
    fn new(graph: &'a Graph) -> Self {
        let repaired = vec![None; graph.values.len()];
        Self {
            graph,
            known: graph.known(&repaired),
            repaired,
        }
    }

    /// What is known of a value where it is used.
    fn used(&self, n: usize) -> Known {
        self.repaired[n].unwrap_or(self.known[n])
    }

    /// Whether all is known that must be.
    fn is_enough(&self) -> bool {
        let mut needs = self.graph.needs.iter();
        needs.all(|(id, known)| self.used(id.index()).has(*known))
    }

    /// How a value would be repaired, if it can be.
    fn repair(&self, n: usize) -> Option<Repair> {
        let value = self.graph.values[n];
        let [f32, f64] = [Width::F32, Width::F64];
        let ways = [(f32, false), (f32, true), (f64, false), (f64, true)];
        let can_be = |&(width, negative): &(Width, bool)| {
            self.known[n].has(Known::repaired(width, negative))
        };
        let (width, negative) = ways.into_iter().find(can_be)?;
        Some(Repair {
            top: value.top?,
            vector: value.vector,
            width,
            negative,
        })
    }

    /// Repairs a value; false if it cannot be.
    fn apply(&mut self, n: usize) -> bool {
        let Some(repair) = self.repair(n) else {
            return false;
        };
        let after = Known::repaired(repair.width, repair.negative);
        self.repaired[n] = Some(Known::EXACT.with(after));
        true
    }

    /// Repairs what is used so often, or in such deep loops, that repairing each
    /// of the uses costs more. This is a guess, and need not be complete.
    fn choose(&mut self) {
        const NEVER: u64 = u64::MAX;
        let count = self.graph.values.len();
        let after = Adjacent::of(self.graph, |edge| edge.from);
        let mut is_seen = vec![false; count];
        for (id, known) in &self.graph.needs {
            is_seen[id.index()] |= !self.known[id.index()].has(*known);
        }
        // What repairs cost: of the value, and of all that is made from it.
        let mut here = vec![NEVER; count];
        for (n, here) in here.iter_mut().enumerate() {
            if let Some(repair) = self.repair(n) {
                *here = 1 << (3 * repair.top.loops.min(16));
            }
        }
        let mut below = vec![0_u64; count];
        // Backwards, and twice, since loops go around.
        for _ in 0..2 {
            for n in (0..count).rev() {
                below[n] = 0;
                for edge in after.edges(Id::EXACT.after(n)) {
                    let to = self.graph.edges[*edge as usize].to.index();
                    if !self.known[to].has(Known::EXACT) {
                        let cost = if is_seen[to] {
                            here[to]
                        } else {
                            here[to].min(below[to])
                        };
                        below[n] = below[n].saturating_add(cost);
                    }
                }
            }
        }
        for n in 0..count {
            if here[n] < below[n] && !self.known[n].has(Known::EXACT) {
                self.apply(n);
            }
        }
        self.known = self.graph.known(&self.repaired);
    }

    /// Repairs whatever is still seen, or else all that it is made from.
    fn complete(&mut self) {
        let before = Adjacent::of(self.graph, |edge| edge.to);
        let needs = self.graph.needs.iter();
        let mut queue: Vec<Id> = needs
            .filter(|(id, known)| !self.used(id.index()).has(*known))
            .map(|(id, _)| *id)
            .collect();
        let mut visited = vec![false; self.graph.values.len()];
        while let Some(id) = queue.pop() {
            let n = id.index();
            if self.used(n).has(Known::EXACT) || std::mem::replace(&mut visited[n], true) {
                continue;
            }
            if !self.apply(n) {
                let edges = before.edges(id).iter();
                queue.extend(edges.map(|edge| self.graph.edges[*edge as usize].from));
            }
        }
        self.known = self.graph.known(&self.repaired);
    }

    /// Leaves alone what is exact without. That holds of all at once: what is
    /// known does not contradict itself when those are not repaired either.
    fn prune(&mut self) {
        for (repaired, known) in self.repaired.iter_mut().zip(&self.known) {
            if known.has(Known::EXACT) {
                *repaired = None;
            }
        }
        self.known = self.graph.known(&self.repaired);
    }
}
