//! Time of a row by cause, for each kernel.
//!
//! Phases are taken from the engine's metrics, and the overheads of fuel and of
//! canonical NaNs from the ratios to an engine without them. The remainder of the
//! guest's time is `code`: the guest's own instructions, which are compared with
//! the native function.

use crate::calls::{Calls, ROWS};
use crate::paired::geometric_mean;
use crate::parts::{Overheads, Phases};

/// Nanoseconds of a row, in a call of 8,192 rows without nulls.
///
/// The parts of `fusebox` add up to it. A part that is the difference of two
/// programs may be negative.
struct Breakdown {
    native: f64,
    code: f64,
    fuel: f64,
    canonical_nans: f64,
    reset: f64,
    /// Lowering, lifting, and everything outside of the four phases.
    boundary: f64,
    fusebox: f64,
    /// Ratio of the call without fuel, canonical NaNs and reset to the native one.
    unprotected: f64,
}

/// Prints the breakdown of every kernel of which all parts were measured.
pub(crate) fn print(calls: &Calls, phases: &Phases, overheads: &Overheads) {
    let breakdowns: Vec<(&str, Breakdown)> = calls
        .whole_batches()
        .filter_map(|(name, times)| {
            let row = |nanos: f64| nanos / ROWS as f64;
            let fusebox = row(times.ns);
            let overhead = |part| Some(fusebox * (1.0 - 1.0 / overheads.ratio(name, part)?));
            let phase = |phase| phases.nanos(name, phase).map(row);
            let boundary = phase("lower")? + phase("lift")? + phase("other")?;
            let (fuel, canonical_nans) = (overhead("fuel")?, overhead("canonical NaNs")?);
            let reset = phase("reset")?;
            let breakdown = Breakdown {
                native: row(times.base_ns),
                code: fusebox - boundary - reset - fuel - canonical_nans,
                fuel,
                canonical_nans,
                reset,
                boundary,
                fusebox,
                unprotected: times.ratio / overheads.ratio(name, "all three")?,
            };
            Some((name, breakdown))
        })
        .collect();
    if breakdowns.is_empty() {
        return;
    }
    println!(
        "\n{:<19}{:>9}{:>9}{:>8}{:>8}{:>8}{:>10}{:>9}{:>13}{:>13}",
        "ns of a row",
        "native",
        "code",
        "fuel",
        "NaNs",
        "reset",
        "boundary",
        "fusebox",
        "code ratio",
        "unprotected"
    );
    for (name, breakdown) in &breakdowns {
        println!(
            "{name:<19}{:>9.2}{:>9.2}{:>8.2}{:>8.2}{:>8.2}{:>10.2}{:>9.2}{:>13.2}{:>13.2}",
            breakdown.native,
            breakdown.code,
            breakdown.fuel,
            breakdown.canonical_nans,
            breakdown.reset,
            breakdown.boundary,
            breakdown.fusebox,
            breakdown.code / breakdown.native,
            breakdown.unprotected,
        );
    }
    let mean = |ratio: fn(&Breakdown) -> f64| {
        let ratios = breakdowns.iter().map(|(_, breakdown)| ratio(breakdown));
        geometric_mean(ratios).map_or(String::new(), |mean| format!("{mean:.2}"))
    };
    println!(
        "{:<19}{:>74}{:>13}",
        "geometric mean",
        mean(|breakdown| breakdown.code / breakdown.native),
        mean(|breakdown| breakdown.unprotected)
    );
}
