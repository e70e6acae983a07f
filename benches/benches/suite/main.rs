//! Cost of sandboxed functions, beside the same Rust in native DataFusion functions.
//!
//! - `call/<kernel>/<rows>/<nulls>`: one call as DataFusion makes it, from Arrow
//!   arrays to an Arrow array, on one thread, metered. It includes the copy of the
//!   description of its arguments, lowering, the guest, lifting and the reset.
//!   Cost ≈ fixed + rows × per row, and the sizes show both terms.
//! - `phases/<kernel>/<rows>`: the phases of such a call, as the engine's metrics
//!   report them.
//! - `overhead/<kernel>`: a call of 8,192 rows, beside a call without fuel, without
//!   canonical NaNs, without the reset, and without all three.
//! - `query/<table>/<kernel>/<threads>`: execution of a physical plan over 336,776
//!   flights, or over the line items of TPC-H at scale factor 1, in memory. Each row is
//!   asked; on one thread, `reused` is the ratio where answers are used again as functions
//!   say by default. `<kernel>:<column>` are queries of columns whose values come again, and
//!   of columns whose values do not.
//! - `peers/<sandbox>/<kernel>/<rows>`: a call, beside the same call in another
//!   sandbox.
//! - `plain/<kernel>/8192`: a call of a plain function, beside native code, the SDK, and a
//!   call of Wasmtime for each row.
//!
//! Subject and baseline are sampled alternately in this process; ratios are medians
//! of the ratios within rounds. Results are compared for equality before they are
//! timed. Not measured: parsing, planning, compiling, reading files. The native
//! functions are documented in `udfs/native`. Words on the command line select
//! measurements by name.

// Measured functions and their arguments.
mod kernels;

// Calls.
mod calls;

// Phases of a call, and overhead of each protection.
mod parts;

// Time of a row by cause, from the three above.
mod breakdown;

// Queries.
mod queries;

// The same calls in other sandboxes.
mod peers;

// Plain functions.
mod plain;

// Client of the process that runs the other sandboxes.
mod sandboxes;

// Queried tables.
mod tables;

// Paired measurements.
mod paired;

use fusebox::with_scope;
use paired::Filter;

fn main() {
    let filter = Filter::from_arguments();
    // An operator of a plan would make it. Calls adapt to earlier ones of their scope.
    // Each row is asked: the arguments of calls come again and again.
    let session = kernels::session(1);
    let set = session.sql("SET fusebox.reuse = 'off'");
    let set = fusebox_benches::starts::runtime().block_on(set);
    set.expect("there is such a setting");
    let scope = session.execution_scope();
    let (calls, phases, overheads) = with_scope(&scope, || {
        (
            calls::measure(&filter),
            parts::measure_phases(&filter),
            parts::measure_overheads(&filter),
        )
    });
    let queries = queries::measure(&filter);
    let (peers, plain) = with_scope(&scope, || {
        (peers::measure(&filter), plain::measure(&filter))
    });
    calls.print();
    phases.print();
    overheads.print();
    breakdown::print(&calls, &phases, &overheads);
    queries.print();
    peers.print();
    plain.print();
    calls.print_means();
    queries.print_means();
    peers.print_means();
    calls.print_worst();
}
