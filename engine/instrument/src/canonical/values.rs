//! The values of a function that may be NaNs, and what becomes of them.

use crate::floats::{Known, Step, Width};

/// A value in a [`Graph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Id(u32);

impl Id {
    /// Any value of which every bit is determined.
    pub(crate) const EXACT: Self = Self(0);
    /// Any value that is zero.
    pub(crate) const ZERO: Self = Self(1);

    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }

    /// The value that was added so many after this one.
    pub(crate) fn after(self, count: usize) -> Self {
        Self(self.0 + count as u32)
    }
}

/// A value: what an instruction has pushed, or what a local holds where ways
/// meet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value {
    /// What is known of it, whatever it is made from.
    pub(crate) known: Known,
    /// Whether it is a vector, if it can be a NaN that is not canonical.
    pub(crate) vector: bool,
    /// Where it lies on top of the stack, if it ever does.
    pub(crate) top: Option<Top>,
}

/// A place where a value lies on top of the stack.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Top {
    /// The offset of the next instruction, in bytes.
    pub(crate) offset: usize,
    /// A local that holds the same.
    pub(crate) local: Option<u32>,
    /// How many loops stand around.
    pub(crate) loops: u32,
}

/// That one value is made from another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edge {
    pub(crate) from: Id,
    pub(crate) to: Id,
    pub(crate) step: Step,
}

/// What is made from what, and what must be known of it.
pub(crate) struct Graph {
    pub(crate) values: Vec<Value>,
    pub(crate) edges: Vec<Edge>,
    /// What must be known of a value where it is used.
    pub(crate) needs: Vec<(Id, Known)>,
}

impl Graph {
    pub(crate) fn new() -> Self {
        let value = |known| Value {
            known,
            vector: false,
            top: None,
        };
        Self {
            values: vec![value(Known::EXACT), value(Known::ALL)],
            edges: Vec::new(),
            needs: Vec::new(),
        }
    }

    /// The value that would be added now.
    pub(crate) fn next(&self) -> Id {
        Id(self.values.len() as u32)
    }

    pub(crate) fn add(&mut self, value: Value) -> Id {
        let id = self.next();
        self.values.push(value);
        id
    }

    pub(crate) fn make(&mut self, from: Id, to: Id, step: Step) {
        self.edges.push(Edge { from, to, step });
    }

    /// Notes that one value may be the other.
    pub(crate) fn pass(&mut self, from: Id, to: Id) {
        self.make(from, to, Step::Keep(Known::ALL));
        self.values[to.index()].vector |= self.values[from.index()].vector;
    }

    /// Notes that an instruction looks at every bit.
    pub(crate) fn see(&mut self, id: Id) {
        self.need(id, Known::EXACT);
    }

    /// Notes that an instruction reads floats of that width.
    pub(crate) fn read(&mut self, id: Id, width: Width) {
        self.need(id, Known::same(width));
    }

    fn need(&mut self, id: Id, known: Known) {
        if id > Id::ZERO {
            self.needs.push((id, known));
        }
    }

    /// What is known of each value, if those that are given as repaired are.
    /// It is the most that does not contradict itself, so that a value which
    /// goes around in a loop is as good as what comes into the loop.
    pub(crate) fn known(&self, repaired: &[Option<Known>]) -> Vec<Known> {
        let mut known: Vec<Known> = self.values.iter().map(|value| value.known).collect();
        let after = Adjacent::of(self, |edge| edge.from);
        let mut queue: Vec<u32> = (0..known.len() as u32).rev().collect();
        let mut queued = vec![true; known.len()];
        while let Some(from) = queue.pop() {
            queued[from as usize] = false;
            let passed = repaired[from as usize].unwrap_or(known[from as usize]);
            for edge in after.edges(Id(from)) {
                let Edge { to, step, .. } = self.edges[*edge as usize];
                let less = known[to.index()].and(step.apply(passed));
                if less != known[to.index()] {
                    known[to.index()] = less;
                    if !std::mem::replace(&mut queued[to.index()], true) {
                        queue.push(to.0);
                    }
                }
            }
        }
        known
    }
}

/// The edges of each value: those that lead to it, or away from it.
pub(crate) struct Adjacent {
    starts: Vec<u32>,
    edges: Vec<u32>,
}

impl Adjacent {
    pub(crate) fn of(graph: &Graph, end: impl Fn(&Edge) -> Id) -> Self {
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

    /// The numbers of the edges.
    pub(crate) fn edges(&self, id: Id) -> &[u32] {
        let [start, end] = [id.index(), id.index() + 1].map(|n| self.starts[n] as usize);
        &self.edges[start..end]
    }
}
