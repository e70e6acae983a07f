//! Modules that are costly to compile: refused before the compiler sees them, or compiled
//! within the budget.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use fusebox::{CompileBudget, Engine, Error, ModuleError, Session};
use fusebox_testing::CostlyKind::{self, *};
use fusebox_testing::{TWO_ARENAS, passes_in_own_process, peak_resident_bytes, resident_bytes};

use crate::{number, run, session};

async fn create(session: &Session, module: &[u8]) -> Result<(), Error> {
    let base64 = BASE64_STANDARD.encode(module);
    let create = format!(
        "CREATE OR REPLACE FUNCTION f(BIGINT) RETURNS BIGINT LANGUAGE WASM AS BASE64 '{base64}'"
    );
    run(session, &create).await.map(drop)
}

/// Modules that the default budget refuses: kind, count, width, and estimated cost,
/// maximum and largest part of the message.
const REFUSED: &[(CostlyKind, u32, u32, &str, &str, &str)] = &[
    (
        FunctionLocals,
        2_000,
        30_000,
        "12460 milliseconds",
        "1174",
        "it has 60001016 locals",
    ),
    (
        Blocks,
        300,
        1000,
        "1818 milliseconds",
        "1098",
        "function 2 has 300002 values passed to blocks",
    ),
    (
        Ifs,
        300,
        1000,
        "4401 milliseconds",
        "1101",
        "function 2 has 183001808 values of blocks times blocks",
    ),
    (
        Loops,
        300,
        1000,
        "7602 milliseconds",
        "1098",
        "function 2 has 363602407 values of blocks times blocks",
    ),
    (
        Branches,
        30000,
        10,
        "22112 milliseconds",
        "1601",
        "function 2 has 9000276 thousands of branches and calls, squared",
    ),
    (
        TableTargets,
        300,
        1000,
        "4381 milliseconds",
        "1101",
        "function 2 has 181201510 values of blocks times blocks",
    ),
    (
        Tables,
        10000,
        100,
        "151060 milliseconds",
        "6408",
        "function 2 has 63408490 thousands of branches and calls, squared",
    ),
    (
        WideCalls,
        500,
        1000,
        "10267 milliseconds",
        "1113",
        "function 2 has 998988 parameters and results of calls",
    ),
    (
        Calls,
        200000,
        0,
        "11924 milliseconds",
        "3000",
        "function 2 has 3600360 thousands of branches and calls, squared",
    ),
    (
        BranchCalls,
        30000,
        0,
        "12648 milliseconds",
        "2050",
        "function 2 has 4761684 thousands of branches and calls, squared",
    ),
    (
        IndirectCalls,
        30000,
        0,
        "43668 milliseconds",
        "1750",
        "function 2 has 18225810 thousands of branches and calls, squared",
    ),
    (
        UnusedLocals,
        30000,
        1000,
        "9699 milliseconds",
        "2894",
        "function 2 has 3600630 thousands of branches and calls, squared",
    ),
    (
        ReadLocals,
        10000,
        1000,
        "5874 milliseconds",
        "1483",
        "function 2 has 20043005 locals times blocks",
    ),
    (
        WrittenLocals,
        30000,
        1000,
        "10593 milliseconds",
        "2168",
        "function 2 has 3600630 thousands of branches and calls, squared",
    ),
    (
        JoinedLocals,
        300,
        1000,
        "195986 milliseconds",
        "1210",
        "function 2 has 325650300 locals joined in blocks, squared",
    ),
    (
        LoopLocals,
        300,
        1000,
        "190815 milliseconds",
        "1187",
        "function 2 has 317195505 locals joined in blocks, squared",
    ),
    (
        FloatLocals,
        20000,
        1000,
        "14038 milliseconds",
        "2460",
        "function 2 has 40123007 locals times blocks",
    ),
    (
        Operands,
        10000,
        1000,
        "5506 milliseconds",
        "1444",
        "function 2 has 30010004 operands times blocks",
    ),
    (
        Functions,
        29000,
        0,
        "2711 milliseconds",
        "1580",
        "it has 29007 functions",
    ),
    (
        Types,
        10000,
        16,
        "4164 milliseconds",
        "1952",
        "it has 10007 types",
    ),
    (
        TableGets,
        30000,
        0,
        "62297 milliseconds",
        "2200",
        "function 2 has 26244972 thousands of branches and calls, squared",
    ),
    (
        Bulk,
        30000,
        0,
        "49001 milliseconds",
        "2500",
        "function 2 has 19882116 thousands of branches and calls, squared",
    ),
    (
        Returns,
        30000,
        10,
        "22111 milliseconds",
        "1601",
        "function 5 has 9000180 thousands of branches and calls, squared",
    ),
    (
        EmptyLoops,
        20000,
        0,
        "20079 milliseconds",
        "1300",
        "function 2 has 8100720 thousands of branches and calls, squared",
    ),
];

#[tokio::test]
async fn module_that_is_costly_to_compile_is_refused() {
    let session = session();
    let mut mismatches = Vec::new();
    for (kind, count, width, found, max, largest) in REFUSED {
        let module = kind.module(*count, *width);
        let error = create(&session, &module).await.unwrap_err();
        let Error::Module {
            fault: ModuleError::Instrument(fault),
            ..
        } = error
        else {
            panic!("{kind:?}: {error}");
        };
        let expected = format!(
            "its compilation is estimated to take {found}, expected at most {max}; the largest \
             part is that {largest}; divide it, or have the embedder raise `compile_budget`"
        );
        if fault != expected {
            mismatches.push(format!("{kind:?} {count} {width}: {fault}"));
        }
        assert_eq!(number(&run(&session, "SELECT 1").await.unwrap()), 1);
    }
    assert!(mismatches.is_empty(), "{}", mismatches.join("\n"));
    // The engine still compiles.
    create(&session, &Blocks.module(1, 1)).await.unwrap();
}

/// Modules near the default budget, of kinds that took gigabytes.
const ACCEPTED: &[(CostlyKind, u32, u32)] = &[
    (Blocks, 1_200, 30),
    (Ifs, 600, 30),
    (Loops, 420, 30),
    (Types, 2_400, 30),
    (Calls, 46_000, 1),
    (FunctionLocals, 200, 20_000),
];

#[test]
fn accepted_module_compiles_within_its_memory() {
    let name = "compilation::accepted_module_compiles_within_its_memory";
    if passes_in_own_process(name, &[]) {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        for (kind, count, width) in ACCEPTED {
            let module = kind.module(*count, *width);
            let session = session();
            let before = resident_bytes();
            create(&session, &module).await.unwrap();
            let peak = peak_resident_bytes().saturating_sub(before);
            let peak_max = 256_000_000 + 200 * module.len() as u64;
            assert!(peak <= peak_max, "{kind:?} {count} {width}: {peak} bytes");
            // A module of twice that cost is refused.
            let twice = kind.module(2 * count, *width);
            assert!(create(&session, &twice).await.is_err(), "{kind:?}");
        }
    });
}

/// Wasmtime keeps a context for each function of the largest module that an engine compiled,
/// and each context grows to what the largest function needs.
#[test]
fn memory_of_compilations_is_returned() {
    let name = "compilation::memory_of_compilations_is_returned";
    if passes_in_own_process(name, &[TWO_ARENAS]) {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let session = session();
        create(&session, &FunctionLocals.module(1, 1))
            .await
            .unwrap();
        let before = resident_bytes();
        let kinds = [
            (FunctionLocals, 200, 20_000),
            (FunctionLocals, 600, 5_000),
            (FunctionLocals, 900, 1_000),
            (Loops, 420, 30),
            (Calls, 40_000, 1),
        ];
        let mut kept = Vec::new();
        for (kind, count, width) in kinds {
            create(&session, &kind.module(count, width)).await.unwrap();
            kept.push(resident_bytes().saturating_sub(before) >> 20);
        }
        // The allocator keeps what one compilation needed, some 220 MiB, and the next one uses
        // it. With the contexts, it would be 360 MiB.
        assert!(
            *kept.last().unwrap() < 300,
            "MiB after each module: {kept:?}"
        );
    });
}

#[tokio::test]
async fn embedder_raises_the_budget() {
    let module = Operands.module(3_000, 1_000);
    let error = create(&session(), &module).await.unwrap_err();
    assert!(error.to_string().contains("estimated to take"), "{error}");
    let budget = CompileBudget {
        milliseconds: 10_000,
        ..CompileBudget::DEFAULT
    };
    let engine = Engine::builder().compile_budget(budget).build().unwrap();
    create(&engine.session().build().unwrap(), &module)
        .await
        .unwrap();
}
