//! Fuel, results and NaNs of fixed modules, the same on every machine.
//!
//! `golden/expected.txt` holds those of `golden/*.wat`, after the version of the weights;
//! `UPDATE_GOLDEN=1` regenerates it. A changed line means changed verdicts, which need a new
//! version.

use std::fmt::Write;
use std::path::Path;

use fusebox_instrument::{
    EXPORT_CALL_BEGIN, EXPORT_CALL_FUEL, EXPORT_FUEL, EXPORT_PREFIX, EXPORT_STACK, EXPORT_START,
    Options, WEIGHTS_VERSION, instrument,
};
use wasmtime::{Engine, Instance, Store, Trap, TypedFunc, Val};

use crate::oracle::Bits;

const FUEL: i64 = 1_000_000;
const STACK_BYTES: i64 = 64 << 10;
const FUEL_PER_ROW: i64 = 1_000;
const ROWS: i32 = 10;

/// The outcome of a call of an export, as one line.
fn line(engine: &Engine, module: &wasmtime::Module, name: &str) -> String {
    let mut store = Store::new(engine, ());
    let instance = Instance::new(&mut store, module, &[]).unwrap();
    let call_begin: TypedFunc<(i64, i64, i64, i32, i32), ()> = instance
        .get_typed_func(&mut store, EXPORT_CALL_BEGIN)
        .unwrap();
    let granted = (FUEL, STACK_BYTES, FUEL_PER_ROW, ROWS, 0);
    if let Some(start) = instance.get_func(&mut store, EXPORT_START) {
        call_begin.call(&mut store, granted).unwrap();
        start.call(&mut store, &[], &mut []).unwrap();
    }
    call_begin.call(&mut store, granted).unwrap();
    let function = instance.get_func(&mut store, name).unwrap();
    let mut results = vec![Val::I32(0); function.ty(&store).results().len()];
    let ended = function.call(&mut store, &[], &mut results);
    let mut counter = |name| {
        let global = instance.get_global(&mut store, name).unwrap();
        global.get(&mut store).unwrap_i64()
    };
    let [fuel, stack, call_fuel] = [EXPORT_FUEL, EXPORT_STACK, EXPORT_CALL_FUEL].map(&mut counter);
    let mut line = format!("  {name}:");
    match ended.map_err(|error| *error.downcast_ref::<Trap>().unwrap()) {
        Ok(()) => results.iter().for_each(|result| {
            let Bits(bits) = Bits::of(result);
            let _ = write!(line, " {bits:#x}");
        }),
        Err(_) if fuel < 0 || call_fuel < 0 => line += " out of fuel",
        Err(_) if stack < 0 => line += " out of stack",
        Err(trap) => {
            let _ = write!(line, " {trap:?}");
        }
    }
    let _ = match call_fuel {
        0 => write!(line, "; {} fuel", FUEL - fuel),
        call_fuel => write!(
            line,
            "; in a row, remaining fuel {fuel}, of the call {call_fuel}"
        ),
    };
    let memory = instance.get_memory(&mut store, "memory");
    if let Some(memory) = memory {
        let hash = memory
            .data(&store)
            .iter()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
            });
        let _ = write!(line, "; memory {hash:#x}");
    }
    line + "\n"
}

#[test]
fn fuel_and_results_of_fixed_modules_do_not_change() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let files = std::fs::read_dir(&root).unwrap();
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "wat"));
    files.sort();
    let engine = Engine::new(&crate::oracle::config()).unwrap();
    let mut actual = format!("weights {WEIGHTS_VERSION}\n");
    for file in files {
        let _ = writeln!(actual, "{}", file.file_name().unwrap().display());
        let module = wat::parse_file(&file).unwrap();
        let instrumented = instrument(&module, Options::default()).unwrap();
        let module = wasmtime::Module::new(&engine, instrumented.module).unwrap();
        for export in module.exports() {
            let is_original = !export.name().starts_with(EXPORT_PREFIX);
            if is_original && export.ty().func().is_some() {
                actual += &line(&engine, &module, export.name());
            }
        }
    }
    let expected = root.join("expected.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&expected, &actual).unwrap();
    }
    let expected = std::fs::read_to_string(&expected).unwrap_or_default();
    let mut lines = actual.lines().zip(expected.lines());
    let differing = lines.find(|(actual, expected)| actual != expected);
    assert!(
        actual == expected,
        "a line differs from golden/expected.txt (actual, expected): {differing:?}; changed \
         verdicts need a new WEIGHTS_VERSION"
    );
}
