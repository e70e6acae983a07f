//! Values to canonicalize, and positions to do it.
//!
//! An observed value must be exact: either because its sources are, or because it
//! is canonicalized while it is on top of the stack. A value can be canonicalized
//! if all of its NaNs have to be canonical. This does not hold at a join of a
//! result of arithmetic and a value that may be another NaN; the former must be
//! canonicalized before the join.

use super::value_graph::{Adjacency, StackTop, ValueGraph, ValueId};
use crate::nan_facts::{NanFacts, Width};

/// Canonicalization of a value on top of the stack.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Canonicalization {
    pub(crate) top: StackTop,
    pub(crate) vector: bool,
    pub(crate) width: Width,
    /// True if the NaN to insert is the negated canonical one.
    pub(crate) negative: bool,
}

/// Canonicalizations that make every observed value exact, in order of their
/// position. `None` if the placement is wrong, which is a bug.
pub(crate) fn canonicalizations(graph: &ValueGraph) -> Option<Vec<Canonicalization>> {
    let mut placement = Placement::new(graph);
    if placement.is_sufficient() {
        return Some(Vec::new());
    }
    placement.choose();
    placement.complete();
    placement.prune();
    if !placement.is_sufficient() {
        return None;
    }
    let canonicalized = placement.canonicalized.iter().enumerate();
    let mut places: Vec<Canonicalization> = canonicalized
        .filter(|(_, canonicalized)| canonicalized.is_some())
        .filter_map(|(n, _)| placement.canonicalization(n))
        .collect();
    places.sort_by_key(|place| place.top.offset);
    Some(places)
}

struct Placement<'a> {
    graph: &'a ValueGraph,
    /// Facts about each value where it is defined.
    defined: Vec<NanFacts>,
    /// Facts about each value that is canonicalized, afterwards.
    canonicalized: Vec<Option<NanFacts>>,
}

impl<'a> Placement<'a> {
    fn new(graph: &'a ValueGraph) -> Self {
        let canonicalized = vec![None; graph.values.len()];
        Self {
            graph,
            defined: graph.solve(&canonicalized),
            canonicalized,
        }
    }

    /// Facts about a value where it is used.
    fn used(&self, n: usize) -> NanFacts {
        self.canonicalized[n].unwrap_or(self.defined[n])
    }

    /// Returns true if all required facts hold.
    fn is_sufficient(&self) -> bool {
        let mut needs = self.graph.needs.iter();
        needs.all(|(id, required)| self.used(id.index()).contains(*required))
    }

    /// The canonicalization of a value, if it is possible.
    fn canonicalization(&self, n: usize) -> Option<Canonicalization> {
        let value = self.graph.values[n];
        let [f32, f64] = [Width::F32, Width::F64];
        let variants = [(f32, false), (f32, true), (f64, false), (f64, true)];
        let is_possible = |&(width, negative): &(Width, bool)| {
            self.defined[n].contains(NanFacts::canonical_if_nan(width, negative))
        };
        let (width, negative) = variants.into_iter().find(is_possible)?;
        Some(Canonicalization {
            top: value.top?,
            vector: value.vector,
            width,
            negative,
        })
    }

    /// Canonicalizes a value. Returns false if that is not possible.
    fn apply(&mut self, n: usize) -> bool {
        let Some(canonicalization) = self.canonicalization(n) else {
            return false;
        };
        let after = NanFacts::canonical_if_nan(canonicalization.width, canonicalization.negative);
        self.canonicalized[n] = Some(NanFacts::EXACT.union(after));
        true
    }

    /// Canonicalizes values for which that is estimated to cost less than
    /// canonicalizing at their uses. The result need not be sufficient.
    fn choose(&mut self) {
        const NEVER: u64 = u64::MAX;
        let count = self.graph.values.len();
        let after = Adjacency::of(self.graph, |edge| edge.from);
        let mut is_observed = vec![false; count];
        for (id, required) in &self.graph.needs {
            is_observed[id.index()] |= !self.defined[id.index()].contains(*required);
        }
        // Cost of canonicalizing each value, or else all values that derive from it.
        let mut here = vec![NEVER; count];
        for (n, here) in here.iter_mut().enumerate() {
            if let Some(canonicalization) = self.canonicalization(n) {
                *here = 1 << (3 * canonicalization.top.loops.min(16));
            }
        }
        let mut below = vec![0_u64; count];
        // Backwards, and twice because of loops.
        for _ in 0..2 {
            for n in (0..count).rev() {
                below[n] = 0;
                for edge in after.edges(ValueId::EXACT.after(n)) {
                    let to = self.graph.edges[*edge as usize].to.index();
                    if !self.defined[to].contains(NanFacts::EXACT) {
                        let cost = if is_observed[to] {
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
            if here[n] < below[n] && !self.defined[n].contains(NanFacts::EXACT) {
                self.apply(n);
            }
        }
        self.defined = self.graph.solve(&self.canonicalized);
    }

    /// Canonicalizes the values that still have to be, or else their sources.
    fn complete(&mut self) {
        let before = Adjacency::of(self.graph, |edge| edge.to);
        let needs = self.graph.needs.iter();
        let mut queue: Vec<ValueId> = needs
            .filter(|(id, required)| !self.used(id.index()).contains(*required))
            .map(|(id, _)| *id)
            .collect();
        let mut visited = vec![false; self.graph.values.len()];
        while let Some(id) = queue.pop() {
            let n = id.index();
            if self.used(n).contains(NanFacts::EXACT) || std::mem::replace(&mut visited[n], true) {
                continue;
            }
            if !self.apply(n) {
                let edges = before.edges(id).iter();
                queue.extend(edges.map(|edge| self.graph.edges[*edge as usize].from));
            }
        }
        self.defined = self.graph.solve(&self.canonicalized);
    }

    /// Removes the canonicalizations of values that are exact without. Removing all
    /// of them at once is sound: the facts are a fixed point, which stays one.
    fn prune(&mut self) {
        for (canonicalized, defined) in self.canonicalized.iter_mut().zip(&self.defined) {
            if defined.contains(NanFacts::EXACT) {
                *canonicalized = None;
            }
        }
        self.defined = self.graph.solve(&self.canonicalized);
    }
}
