//! Bodies of the fuzz targets: each takes bytes, and panics where a property fails.
//!
//! The executables in `fuzz/fuzz_targets` pass them what libFuzzer chooses. The
//! test `fuzz` of this crate runs the same functions on the stable toolchain, over
//! the corpus and over [`Inputs`] mutated from it.
//!
//! # Files
//!
//! A file imports only files below it in this list.
#![forbid(unsafe_code)]

// Seconds and bytes that a module costs until it is compiled.
mod cost;

// Modules that cost much for their size.
mod bomb;

// Peak memory and CPU time of this process.
mod usage;

// Random modules, instrumented and not.
mod instrumented;

// Exports of a module, called one by one.
mod execution;

// Modules and components, linked.
mod linked;

// Statements and declarations as text.
mod text;

// Results in guest memory.
mod result;

// Inputs mutated from a corpus.
mod inputs;

// A target, and the outcome of one input.
mod target;

pub use bomb::{Bomb, SHAPES, Shape};
pub use cost::{Ceiling, Cost, cost, measure};
pub use inputs::{Inputs, corpus, fuzz_folder, replay};
pub use instrumented::instrument;
pub use linked::link;
pub use result::lift;
pub use target::{Outcome, Target};
pub use text::{declarations, statements};

/// The targets of this crate.
pub const TARGETS: [Target; 6] = [
    Target {
        name: "lift",
        run: lift,
    },
    Target {
        name: "instrument",
        run: instrument,
    },
    Target {
        name: "link",
        run: link,
    },
    Target {
        name: "declarations",
        run: declarations,
    },
    Target {
        name: "statements",
        run: statements,
    },
    Target {
        name: "cost",
        run: cost,
    },
];
