//! Values of a function, their dependencies and facts.

use crate::nan_facts::{NanFacts, Transfer, Width};

/// A value in a [`ValueGraph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ValueId(u32);

impl ValueId {
    /// Represents all exact values.
    pub(crate) const EXACT: Self = Self(0);
    /// Represents all values that are zero.
    pub(crate) const ZERO: Self = Self(1);

    /// The index in [`ValueGraph::values`].
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }

    /// The value that was added `count` values after this one.
    pub(crate) fn after(self, count: usize) -> Self {
        Self(self.0 + count as u32)
    }
}

/// A value: the result of an instruction, or the value of a local at a join.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value {
    /// Facts that hold whatever its sources are.
    pub(crate) facts: NanFacts,
    /// True if it is a vector. Only meaningful if it can be a NaN that is not canonical.
    pub(crate) vector: bool,
    /// The position at which it is on top of the stack, if there is one.
    pub(crate) top: Option<StackTop>,
}

/// A position at which a value is on top of the stack.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StackTop {
    /// The offset of the next instruction, in bytes.
    pub(crate) offset: usize,
    /// A local with the same value.
    pub(crate) local: Option<u32>,
    /// The number of enclosing loops.
    pub(crate) loops: u32,
}

/// Derivation of one value from another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edge {
    pub(crate) from: ValueId,
    pub(crate) to: ValueId,
    pub(crate) transfer: Transfer,
}

/// Values, their derivations, and the facts that their uses require.
pub(crate) struct ValueGraph {
    pub(crate) values: Vec<Value>,
    pub(crate) edges: Vec<Edge>,
    /// Facts that uses of values require.
    pub(crate) needs: Vec<(ValueId, NanFacts)>,
}

impl ValueGraph {
    pub(crate) fn new() -> Self {
        let value = |facts| Value {
            facts,
            vector: false,
            top: None,
        };
        Self {
            values: vec![value(NanFacts::EXACT), value(NanFacts::ALL)],
            edges: Vec::new(),
            needs: Vec::new(),
        }
    }

    /// The value that will be added next.
    pub(crate) fn next(&self) -> ValueId {
        ValueId(self.values.len() as u32)
    }

    /// Adds a value.
    pub(crate) fn add(&mut self, value: Value) -> ValueId {
        let id = self.next();
        self.values.push(value);
        id
    }

    /// Records that one value derives from another.
    pub(crate) fn flow_through(&mut self, from: ValueId, to: ValueId, transfer: Transfer) {
        self.edges.push(Edge { from, to, transfer });
    }

    /// Records that one value may be the other.
    pub(crate) fn flow(&mut self, from: ValueId, to: ValueId) {
        self.flow_through(from, to, Transfer::Keep(NanFacts::ALL));
        self.values[to.index()].vector |= self.values[from.index()].vector;
    }

    /// Records that an instruction observes every bit.
    pub(crate) fn observe(&mut self, id: ValueId) {
        self.need(id, NanFacts::EXACT);
    }

    /// Records that an instruction reads floats of this width.
    pub(crate) fn read(&mut self, id: ValueId, width: Width) {
        self.need(id, NanFacts::equal_but_nans(width));
    }

    fn need(&mut self, id: ValueId, facts: NanFacts) {
        if id > ValueId::ZERO {
            self.needs.push((id, facts));
        }
    }

    /// Solves for the facts about each value where it is defined, given those about
    /// values that are canonicalized, afterwards.
    ///
    /// The solution is the greatest fixed point: a value that circulates in a loop
    /// has the facts of the value that enters the loop.
    pub(crate) fn solve(&self, canonicalized: &[Option<NanFacts>]) -> Vec<NanFacts> {
        let mut facts: Vec<NanFacts> = self.values.iter().map(|value| value.facts).collect();
        let after = Adjacency::of(self, |edge| edge.from);
        let mut queue: Vec<u32> = (0..facts.len() as u32).rev().collect();
        let mut queued = vec![true; facts.len()];
        while let Some(from) = queue.pop() {
            queued[from as usize] = false;
            let used = canonicalized[from as usize].unwrap_or(facts[from as usize]);
            for edge in after.edges(ValueId(from)) {
                let Edge { to, transfer, .. } = self.edges[*edge as usize];
                let fewer = facts[to.index()].intersection(transfer.apply(used));
                if fewer != facts[to.index()] {
                    facts[to.index()] = fewer;
                    if !std::mem::replace(&mut queued[to.index()], true) {
                        queue.push(to.0);
                    }
                }
            }
        }
        facts
    }
}

/// The incoming, or the outgoing, edges of each value.
pub(crate) struct Adjacency {
    starts: Vec<u32>,
    edges: Vec<u32>,
}

impl Adjacency {
    /// Groups the edges by one of their ends.
    pub(crate) fn of(graph: &ValueGraph, end: impl Fn(&Edge) -> ValueId) -> Self {
        let mut starts = vec![0; graph.values.len() + 1];
        for edge in &graph.edges {
            starts[end(edge).index() + 1] += 1;
        }
        for n in 1..starts.len() {
            starts[n] += starts[n - 1];
        }
        let mut next = starts.clone();
        let mut edges = vec![0; graph.edges.len()];
        for (number, edge) in graph.edges.iter().enumerate() {
            let next = &mut next[end(edge).index()];
            edges[*next as usize] = number as u32;
            *next += 1;
        }
        Self { starts, edges }
    }

    /// The indices of the edges of a value.
    pub(crate) fn edges(&self, id: ValueId) -> &[u32] {
        let [start, end] = [id.index(), id.index() + 1].map(|n| self.starts[n] as usize);
        &self.edges[start..end]
    }
}
