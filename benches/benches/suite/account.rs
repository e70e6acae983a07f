//! Where the time of a row goes, kernel by kernel.
//!
//! What a call takes is taken apart by what was measured of it: the steps that
//! the engine writes down, and the prices of what can be left out. What is left
//! of the guest's time is its code alone, as it would run with no sandbox around
//! it, and is put beside the native function's.

use crate::calls::{Calls, ROWS};
use crate::parts::{Prices, Splits};
use crate::turns::geometric_mean;

/// Nanoseconds of a row without nulls, in a call of a whole batch. The parts of
/// `fusebox` add up to it; one that is the difference of two programs may be
/// less than nothing.
struct Account {
    native: f64,
    code: f64,
    fuel: f64,
    canonical_nans: f64,
    reset: f64,
    /// Lowering, lifting, and what is around the call.
    border: f64,
    fusebox: f64,
    /// The call without fuel, canonical NaNs and the reset, to the native one.
    unguarded: f64,
}

/// Prints where the time goes of the kernels of which all is known.
pub(crate) fn print(calls: &Calls, splits: &Splits, prices: &Prices) {
    let accounts: Vec<(&str, Account)> = calls
        .whole_batches()
        .filter_map(|(name, pair)| {
            let row = |nanos: f64| nanos / ROWS as f64;
            let fusebox = row(pair.fusebox);
            let price = |part| Some(fusebox * (1.0 - 1.0 / prices.ratio(name, part)?));
            let step = |step| splits.nanos(name, step).map(row);
            let border = step("lower")? + step("lift")? + step("around")?;
            let (fuel, canonical_nans) = (price("fuel")?, price("canonical NaNs")?);
            let reset = step("reset")?;
            let account = Account {
                native: row(pair.native),
                code: fusebox - border - reset - fuel - canonical_nans,
                fuel,
                canonical_nans,
                reset,
                border,
                fusebox,
                unguarded: pair.ratio / prices.ratio(name, "all three")?,
            };
            Some((name, account))
        })
        .collect();
    if accounts.is_empty() {
        return;
    }
    println!(
        "\n{:<19}{:>9}{:>9}{:>8}{:>8}{:>8}{:>8}{:>9}{:>10}{:>11}",
        "ns of a row",
        "native",
        "code",
        "fuel",
        "NaNs",
        "reset",
        "border",
        "fusebox",
        "code to",
        "unguarded"
    );
    for (name, account) in &accounts {
        println!(
            "{name:<19}{:>9.2}{:>9.2}{:>8.2}{:>8.2}{:>8.2}{:>8.2}{:>9.2}{:>10.2}{:>11.2}",
            account.native,
            account.code,
            account.fuel,
            account.canonical_nans,
            account.reset,
            account.border,
            account.fusebox,
            account.code / account.native,
            account.unguarded,
        );
    }
    let mean = |ratio: fn(&Account) -> f64| {
        let ratios = accounts.iter().map(|(_, account)| ratio(account));
        geometric_mean(ratios).map_or(String::new(), |mean| format!("{mean:.2}"))
    };
    println!(
        "{:<19}{:>78}{:>11}",
        "geometric mean",
        mean(|account| account.code / account.native),
        mean(|account| account.unguarded)
    );
}
