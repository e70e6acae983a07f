//! What our functions cost beside the same Rust in a native function of
//! DataFusion's.
//!
//! Two levels, on which the two take turns, since machines are noisy:
//!
//! - `call/<kernel>/<rows>/<nulls>`: a call from Arrow arrays in to an Arrow
//!   array out, as DataFusion makes it, on one thread, fuel on: the copy of its
//!   arguments' description, lowering, the guest, lifting and the reset. Cost ≈
//!   fixed + rows × per row, so the sizes show both terms.
//! - `query/<kernel>/<threads>`: a query over 336,776 flights in memory, from
//!   its plan to its last batch.
//!
//! Not measured: parsing, planning, compiling, reading files. Before anything is
//! timed, both give the same. The ratios are of medians. `udfs/native` says how
//! the native functions are written.

// Which functions there are, and their arguments.
mod kernels;

// Calls.
mod calls;

// Queries.
mod queries;

// What takes turns, and what is made of the times.
mod turns;

use criterion::Criterion;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let calls = calls::measure(&mut criterion);
    let queries = queries::measure(&mut criterion);
    calls.print();
    queries.print();
    calls.conclude();
    queries.conclude();
    calls.conclude_with_worst();
}
