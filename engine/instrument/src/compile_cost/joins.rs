//! Locals that join at the ends of blocks and at the heads of loops.
//!
//! A local that is written in a block and read after it becomes a parameter of the
//! block's end, and one that is written in a loop a parameter of its head.

/// Events of a function, in order.
#[derive(Default)]
pub(super) struct Joins {
    events: Vec<Event>,
    /// The event of the last read of each local.
    last_read: Vec<u32>,
    /// The open blocks: events of their beginnings.
    open: Vec<usize>,
}

enum Event {
    Begin {
        end: u32,
        branches: u64,
        is_loop: bool,
    },
    Write {
        local: u32,
    },
    End,
}

/// Sums over all joins.
#[derive(Default)]
pub(super) struct Squares {
    /// Squared locals, and locals times a fifth of the outer loops, either more for
    /// each branch.
    pub(super) locals: u64,
    /// Squared branches.
    pub(super) branches: u64,
}

impl Joins {
    pub(super) fn new(locals: usize) -> Self {
        Self {
            events: Vec::new(),
            last_read: vec![0; locals],
            open: Vec::new(),
        }
    }

    pub(super) fn begin(&mut self, is_loop: bool) {
        self.open.push(self.events.len());
        self.events.push(Event::Begin {
            end: u32::MAX,
            branches: 0,
            is_loop,
        });
    }

    /// A branch to a label.
    pub(super) fn branch(&mut self, depth: u32) {
        let open = self.open.len().checked_sub(depth as usize + 1);
        if let Some(Event::Begin { branches, .. }) =
            open.map(|open| &mut self.events[self.open[open]])
        {
            *branches += 1;
        }
    }

    pub(super) fn read(&mut self, local: u32) {
        self.last_read[local as usize] = self.events.len() as u32;
    }

    pub(super) fn write(&mut self, local: u32) {
        self.events.push(Event::Write { local });
    }

    pub(super) fn end(&mut self) {
        let now = self.events.len() as u32;
        self.events.push(Event::End);
        let open = self.open.pop().map(|open| &mut self.events[open]);
        if let Some(Event::Begin { end, .. }) = open {
            *end = now;
        }
    }

    /// The sums over all joins.
    ///
    /// Of the open blocks, those that begin after the last write of a local are the
    /// innermost, and so are those that end before its last read: a write therefore
    /// counts in a run of blocks up to the innermost, of which only the ends are noted.
    pub(super) fn squares(&self) -> Squares {
        let mut frames: Vec<Frame> = Vec::new();
        let mut last_write = vec![0_u32; self.last_read.len()];
        let mut sums = Squares::default();
        let mut loops = 0_u64;
        for (now, event) in self.events.iter().enumerate() {
            match event {
                Event::Begin {
                    end,
                    branches,
                    is_loop,
                } => {
                    loops += u64::from(*is_loop);
                    frames.push(Frame {
                        begin: now as u32,
                        end: *end,
                        branches: *branches,
                        is_loop: *is_loop,
                        ..Frame::default()
                    });
                }
                Event::Write { local } => {
                    let previous = std::mem::replace(&mut last_write[*local as usize], now as u32);
                    let read = self.last_read[*local as usize];
                    let new = frames.partition_point(|frame| frame.begin < previous);
                    let read_after = frames.partition_point(|frame| frame.end >= read);
                    for (kind, first) in [(0, new), (1, new.max(read_after))] {
                        if let Some(frame) = frames.get_mut(first) {
                            frame.first[kind] += 1;
                            if let Some(top) = frames.last_mut() {
                                top.written[kind] += 1;
                            }
                        }
                    }
                }
                Event::End => {
                    let Some(frame) = frames.pop() else { continue };
                    loops -= u64::from(frame.is_loop);
                    if frame.branches > 0 {
                        let joined = frame.written[usize::from(!frame.is_loop)];
                        let outer = if frame.is_loop { loops / 5 } else { 0 };
                        let square = joined.saturating_mul(joined + outer);
                        let square = square.saturating_mul(40 + frame.branches) / 40;
                        sums.locals = sums.locals.saturating_add(square);
                        let square = frame.branches.saturating_mul(frame.branches);
                        sums.branches = sums.branches.saturating_add(square);
                    }
                    if let Some(parent) = frames.last_mut() {
                        for kind in [0, 1] {
                            parent.written[kind] += frame.written[kind] - frame.first[kind];
                        }
                    }
                }
            }
        }
        sums
    }
}

/// An open block. The arrays count all locals, and those that are read after it.
#[derive(Default)]
struct Frame {
    begin: u32,
    end: u32,
    branches: u64,
    is_loop: bool,
    /// Locals written up to now, in it and in the closed blocks in it.
    written: [u64; 2],
    /// Those of which it is the outermost block to count.
    first: [u64; 2],
}
