//! Bundled functions, compared with and without metering.

#[path = "../../benches/kernels.rs"]
mod kernels;

use std::collections::{BTreeSet, HashMap};

use fusebox_abi::EXPORT_FUNCTION_PREFIX;
use fusebox_instrument::{EXPORT_CALL_FUEL, EXPORT_FUEL, Options, RowFuel};
use wasmtime::{Engine, Trap};

use kernels::{Column, Grant, Guest, Kernel, Loaded, random};

const MODULES: [&str; 4] = ["geo", "kernels", "math", "text"];

/// Functions over lists, decimals and dates, which only the bench `suite` calls and
/// compares with native code.
const SUITE_ONLY: [&str; 4] = ["black_scholes", "dot", "iso_week", "with_vat"];

/// Kernels that are not measured.
fn unmeasured_kernels(range: std::ops::Range<usize>) -> [Kernel; 2] {
    let rows = range.len();
    let kernel = Kernel::of(rows);
    [
        kernel(
            "geo",
            "geohash",
            vec![
                Column::doubles(&range, 0.5, -90.0, 180.0),
                Column::doubles(&range, 0.6, -180.0, 360.0),
                Column::longs(&range, |row| row as i64 % 12 + 1),
            ],
            rows * 4,
        ),
        // One row divides by zero.
        kernel(
            "math",
            "checked_div",
            vec![
                Column::longs(&range, |row| random(row, 9) as i64),
                Column::longs(&range, |row| row as i64 - 650),
            ],
            rows * 8,
        ),
    ]
}

/// Every function, with three consecutive batches.
fn functions() -> Vec<[Kernel; 3]> {
    let [mut long, short, last] = [0..500, 500..507, 507..900].map(|range| {
        let kernels = kernels::kernels(range.clone());
        kernels.into_iter().chain(unmeasured_kernels(range))
    });
    let rest = short.zip(last);
    rest.map_while(|(short, last)| Some([long.next()?, short, last]))
        .collect()
}

/// The bundled modules, by name.
fn guests(engine: &Engine, metered: bool) -> HashMap<&'static str, Guest> {
    let options = Options {
        metered,
        ..Options::default()
    };
    let guest = |name| (name, Guest::new(engine, name, options));
    MODULES.map(guest).into()
}

/// Result and memory after a call.
#[derive(PartialEq)]
struct Trace {
    status: u32,
    result: Vec<u8>,
    memory: Vec<u8>,
}

impl Trace {
    fn of(loaded: &Loaded, kernel: &Kernel, status: u32) -> Self {
        let result = match status {
            0 => loaded.result(kernel.result_bytes).to_vec(),
            _ => Vec::new(),
        };
        Self {
            status,
            result,
            memory: loaded.memory.data(&loaded.store).to_vec(),
        }
    }
}

/// The traces of consecutive batches, and the fuel that each burns.
fn with_plenty(guest: &Guest, batches: &[Kernel; 3]) -> [(Trace, i64); 3] {
    let mut loaded = Loaded::new(guest, &batches[0]);
    batches.each_ref().map(|kernel| {
        loaded.write_arguments(kernel);
        let status = loaded.call(Grant::PLENTY).expect("no kernel traps");
        let burnt = Grant::PLENTY.fuel - loaded.counter(EXPORT_FUEL);
        (Trace::of(&loaded, kernel, status), burnt)
    })
}

#[track_caller]
fn check_same(ours: &Trace, theirs: &Trace, kernel: &Kernel) {
    assert_eq!(ours.status, theirs.status, "{}", kernel.name);
    assert!(ours.result == theirs.result, "{}", kernel.name);
    assert!(ours.memory == theirs.memory, "{}", kernel.name);
}

#[test]
fn every_function_of_the_bundled_modules_is_compared() {
    let guests = guests(&crate::oracle::engine(false), true);
    let exported = guests.iter().flat_map(|(module, guest)| {
        let names = guest.row_fuel.keys();
        names.filter_map(|name| Some((*module, name.strip_prefix(EXPORT_FUNCTION_PREFIX)?)))
    });
    let exported = exported.filter(|(_, name)| !SUITE_ONLY.contains(name));
    let functions = functions();
    let compared = functions
        .iter()
        .map(|batches| (batches[0].module, batches[0].name));
    assert_eq!(
        compared.collect::<BTreeSet<_>>(),
        exported.collect::<BTreeSet<_>>()
    );
}

#[test]
fn metering_does_not_change_results_of_bundled_functions() {
    let engine = crate::oracle::engine(false);
    let [metered, unmetered] = [true, false].map(|metered| guests(&engine, metered));
    let mut statuses = [0; 2];
    for batches in functions() {
        let module = batches[0].module;
        let ours = with_plenty(&metered[module], &batches);
        let theirs = with_plenty(&unmetered[module], &batches);
        for ((ours, theirs), kernel) in ours.iter().zip(&theirs).zip(&batches) {
            check_same(&ours.0, &theirs.0, kernel);
            assert!(ours.1 > 0 && theirs.1 == 0, "{}", kernel.name);
            statuses[ours.0.status as usize] += 1;
        }
    }
    // One call fails.
    assert_eq!(statuses, [56, 1]);
}

/// Fuel near that of the batch and near that of a row.
fn tight(need: i64, rows: usize, salt: u64) -> Grant {
    let eighths = |salt, most| 1 + (random(salt as usize, 10) % most) as i64;
    let mean = need / rows as i64 + 1;
    Grant {
        fuel: need / 8 * eighths(salt, 24),
        fuel_per_row: mean / 8 * (4 + eighths(salt + 1, 60)),
    }
}

#[test]
fn bundled_functions_with_little_fuel_return_the_same_or_run_out() {
    let (plain, fuelled) = (crate::oracle::engine(false), crate::oracle::engine(true));
    let [metered, unmetered] = [true, false].map(|metered| guests(&plain, metered));
    let theirs = guests(&fuelled, false);
    let mut all = [0; 3];
    let mut salts = (0..).step_by(2);
    for batches in functions() {
        let module = batches[0].module;
        let expected = with_plenty(&unmetered[module], &batches);
        let needs = with_plenty(&metered[module], &batches).map(|(_, need)| need);
        let (mut same, mut exhausted, mut both_exhausted) = (0, 0, 0);
        for _ in 0..24 {
            let mut ours = Loaded::new(&metered[module], &batches[0]);
            let mut theirs = Loaded::new(&theirs[module], &batches[0]);
            for ((kernel, expected), need) in batches.iter().zip(&expected).zip(needs) {
                let salt = salts.next().expect("the range is unbounded");
                let grant = tight(need, kernel.rows, salt);
                ours.write_arguments(kernel);
                theirs.write_arguments(kernel);
                let oracle = theirs.call(grant).map_err(|error| error.downcast().ok());
                let status = ours.call(grant).ok();
                let is_exhausted =
                    ours.counter(EXPORT_FUEL) < 0 || ours.counter(EXPORT_CALL_FUEL) < 0;
                match oracle {
                    Ok(status) => assert_eq!(status, expected.0.status),
                    Err(trap) => {
                        assert_eq!(trap, Some(Trap::OutOfFuel), "{}", kernel.name);
                        assert!(is_exhausted, "{} with {grant:?}", kernel.name);
                        both_exhausted += 1;
                    }
                }
                if is_exhausted {
                    exhausted += 1;
                    break;
                }
                let status = status.expect("only lack of fuel traps");
                check_same(&Trace::of(&ours, kernel, status), &expected.0, kernel);
                same += 1;
            }
        }
        let name = batches[0].name;
        assert!(same > 5 && exhausted > 5, "{name}: {same} and {exhausted}");
        all = [all[0] + same, all[1] + exhausted, all[2] + both_exhausted];
    }
    println!("{all:?} returned the same, ran out of our fuel, ran out of both");
    assert!(all.iter().all(|count| *count > 50), "{all:?}");
}

/// Benchmarks compare these with native code, in the metering mode for bounded rows.
#[test]
fn rows_of_means_are_bounded() {
    let stats = Guest::new(&crate::oracle::engine(false), "stats", Options::default());
    for name in [
        "fusebox_udaf_update_geomean",
        "fusebox_udaf_retract_geomean",
        "fusebox_udaf_merge_geomean",
        "fusebox_udaf_update_weighted_avg",
        "fusebox_udaf_retract_weighted_avg",
        "fusebox_udaf_merge_weighted_avg",
        "fusebox_udaf_finish_weighted_avg",
        "fusebox_udwf_next_ema",
    ] {
        let row_fuel = stats.row_fuel[name];
        assert!(
            matches!(
                row_fuel,
                RowFuel::Bounded {
                    fuel: 1..10_000,
                    ..
                }
            ),
            "{name}: {row_fuel:?}"
        );
    }
}
