//! What our functions cost beside the same Rust in a native function of
//! DataFusion's.
//!
//! - `call/<kernel>/<rows>/<nulls>`: a call from Arrow arrays in to an Arrow
//!   array out, as DataFusion makes it, on one thread, fuel on: the copy of its
//!   arguments' description, lowering, the guest, lifting and the reset. Cost ≈
//!   fixed + rows × per row, so the sizes show both terms.
//! - `query/<table>/<kernel>/<threads>`: a query over 336,776 flights, or over
//!   the line items of TPC-H at scale factor 1, in memory, from its plan to its
//!   last batch.
//! - `split/<kernel>/<rows>`: what such a call is made of, as the engine writes it
//!   down.
//! - `price/<kernel>`: what a call of 8,192 rows costs beside one without fuel,
//!   without canonical NaNs, without the reset and without all three.
//! - `peers/<sandbox>/<kernel>/<rows>`: a call, beside one in another sandbox.
//!
//! The two take turns in this process, since machines are noisy. Not measured:
//! parsing, planning, compiling, reading files. Before anything is timed, both
//! give the same. The ratios are of medians. `udfs/native` says how the native
//! functions are written. Words on the command line are looked for in the names.

// Which functions there are, and their arguments.
mod kernels;

// Calls.
mod calls;

// What a call is made of, and what parts of the sandbox cost.
mod parts;

// Where the time of a row goes.
mod account;

// Queries.
mod queries;

// The same calls in other sandboxes.
mod peers;

// The program that has them.
mod sandboxes;

// What is queried.
mod tables;

// What takes turns, and what is made of the times.
mod turns;

use turns::Asked;

fn main() {
    let asked = Asked::from_arguments();
    let calls = calls::measure(&asked);
    let splits = parts::split(&asked);
    let prices = parts::price(&asked);
    let queries = queries::measure(&asked);
    let peers = peers::measure(&asked);
    calls.print();
    splits.print();
    prices.print();
    account::print(&calls, &splits, &prices);
    queries.print();
    peers.print();
    calls.conclude();
    queries.conclude();
    peers.conclude();
    calls.conclude_with_worst();
}
