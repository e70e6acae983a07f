//! Random modules behave the same, linked from parts.

use std::path::Path;
use std::process::Command;

use fusebox_linker::Linker;
use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{EntityType, ExportKind, ExportSection, ImportSection, Module, TypeSection};
use wasmtime::Engine;

use crate::guest::{surface, validate};
use crate::random::{Outcome, Random, Run, engine, modules, run};
use crate::split::{MAIN, OTHER, split};

/// Counts what was compared, so that a test that compares next to nothing fails.
#[derive(Debug, Default)]
struct Compared {
    modules: usize,
    results: usize,
    traps: usize,
}

impl Compared {
    /// Compares two modules that are expected to behave the same, and to burn the same fuel.
    fn compare(&mut self, engine: &Engine, original: &[u8], linked: &[u8], names: &[String]) {
        let runs = [original, linked].map(|module| run(engine, module, names));
        assert_eq!(runs[0], runs[1]);
        if let [Some(run), _] = runs {
            self.count(&run);
        }
    }

    fn count(&mut self, run: &Run) {
        self.modules += 1;
        for outcome in &run.outcomes {
            match outcome {
                Outcome::Results(_) => self.results += 1,
                Outcome::Trap(_) => self.traps += 1,
            }
        }
    }
}

#[test]
fn a_split_module_behaves_the_same_when_it_is_linked() {
    let engine = engine();
    let mut random = Random(1);
    let mut compared = Compared::default();
    for module in modules(300) {
        let (main, other) = split(&module, &mut random);
        let linker = Linker::new(MAIN, &main).and_then(|linker| linker.provide(OTHER, &other));
        let linked = linker.and_then(|linker| linker.link()).unwrap();
        validate(&linked);
        let (names, _) = surface(&module);
        compared.compare(&engine, &module, &linked, &names);
    }
    println!("{compared:?}");
    assert!(compared.modules > 100, "{compared:?}");
    assert!(compared.results > 200, "{compared:?}");
    assert!(compared.traps > 200, "{compared:?}");
}

/// A module that imports some exports of another, and exports them again.
fn reexport(module: &[u8], random: &mut Random) -> (Vec<u8>, Vec<String>) {
    let mut validator = wasmparser::Validator::new_with_features(fusebox_instrument::FEATURES);
    let known = validator.validate_all(module).unwrap();
    let known = known.as_ref();
    let (mut types, mut imports) = (TypeSection::new(), ImportSection::new());
    let (mut exports, mut names) = (ExportSection::new(), Vec::new());
    let mut counts = [0; 4];
    let round = &mut RoundtripReencoder;
    for payload in wasmparser::Parser::new(0).parse_all(module) {
        let wasmparser::Payload::ExportSection(section) = payload.unwrap() else {
            continue;
        };
        for export in section {
            let export = export.unwrap();
            if random.below(2) == 0 {
                continue;
            }
            let (kind, ty): (_, EntityType) = match known.entity_type_from_export(&export) {
                Some(wasmparser::types::EntityType::Func(id)) => {
                    let ty = round.func_type(known[id].unwrap_func().clone()).unwrap();
                    types.ty().func_type(&ty);
                    (ExportKind::Func, EntityType::Function(types.len() - 1))
                }
                Some(wasmparser::types::EntityType::Table(ty)) => {
                    (ExportKind::Table, round.table_type(ty).unwrap().into())
                }
                Some(wasmparser::types::EntityType::Memory(ty)) => {
                    (ExportKind::Memory, round.memory_type(ty).unwrap().into())
                }
                Some(wasmparser::types::EntityType::Global(ty)) => {
                    (ExportKind::Global, round.global_type(ty).unwrap().into())
                }
                other => panic!("{other:?}"),
            };
            imports.import(OTHER, export.name, ty);
            let count = &mut counts[kind as usize];
            exports.export(export.name, kind, *count);
            *count += 1;
            names.push(export.name.to_owned());
        }
    }
    let mut output = Module::new();
    output.section(&types).section(&imports).section(&exports);
    (output.finish(), names)
}

#[test]
fn the_used_half_of_a_provider_behaves_the_same() {
    let engine = engine();
    let mut random = Random(2);
    let mut compared = Compared::default();
    let (mut bytes, mut linked_bytes) = (0, 0);
    for module in modules(300) {
        let (main, names) = reexport(&module, &mut random);
        if names.is_empty() {
            continue;
        }
        let linker = Linker::new(MAIN, &main).and_then(|linker| linker.provide(OTHER, &module));
        let linked = linker.and_then(|linker| linker.link()).unwrap();
        validate(&linked);
        compared.compare(&engine, &module, &linked, &names);
        bytes += module.len();
        linked_bytes += linked.len();
    }
    println!("{compared:?}, {bytes} bytes, linked {linked_bytes}");
    assert!(compared.modules > 100, "{compared:?}");
    assert!(compared.results > 100, "{compared:?}");
    assert!(linked_bytes < bytes);
}

#[test]
fn linking_a_linked_module_again_changes_nothing() {
    let mut random = Random(3);
    for module in modules(100) {
        let (main, other) = split(&module, &mut random);
        let linker = Linker::new(MAIN, &main).and_then(|linker| linker.provide(OTHER, &other));
        let linked = linker.and_then(|linker| linker.link()).unwrap();
        let again = Linker::new(MAIN, &linked).and_then(|linker| linker.link());
        assert_eq!(again.unwrap(), linked);
    }
}

#[test]
fn damaged_modules_are_linked_or_refused() {
    let mut random = Random(4);
    let (mut linked, mut refused) = (0, 0);
    for module in modules(100) {
        let (main, other) = split(&module, &mut random);
        for _ in 0..20 {
            let mut parts = [main.clone(), other.clone()];
            let part = &mut parts[random.below(2)];
            for _ in 0..=random.below(3) {
                let at = random.below(part.len());
                part[at] = match random.below(2) {
                    0 => part[at].wrapping_add(1),
                    _ => random.next() as u8,
                };
            }
            let [main, other] = &parts;
            let linker = Linker::new(MAIN, main).and_then(|linker| linker.provide(OTHER, other));
            match linker.and_then(|linker| linker.link()) {
                Ok(module) => {
                    validate(&module);
                    linked += 1;
                }
                Err(error) => {
                    assert!(!error.to_string().contains("bug"), "{error}");
                    refused += 1;
                }
            }
        }
    }
    println!("{linked} linked, {refused} refused");
    assert!(linked > 200 && refused > 200, "{linked} and {refused}");
}

#[test]
fn random_bytes_are_refused() {
    let mut random = Random(5);
    for _ in 0..10_000 {
        let length = random.below(64);
        let mut bytes = b"\0asm\x01\0\0\0".to_vec();
        bytes.extend((0..length).map(|_| random.next() as u8));
        let start = random.below(2) * 8;
        if let Ok(linker) = Linker::new(MAIN, &bytes[start..]) {
            let _ = linker.link();
        }
    }
}

/// Features of Binaryen: with all of them, it uses types of the garbage collector.
const FEATURES: [&str; 10] = [
    "bulk-memory",
    "extended-const",
    "multivalue",
    "mutable-globals",
    "nontrapping-float-to-int",
    "reference-types",
    "sign-ext",
    "simd",
    "tail-call",
    "wide-arithmetic",
];

/// Merges two modules with Binaryen. `None` if it does not accept them.
fn wasm_merge(main: &[u8], other: &[u8]) -> Option<Vec<u8>> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("binaryen");
    std::fs::create_dir_all(&folder).unwrap();
    let paths = ["main.wasm", "other.wasm", "merged.wasm"].map(|name| folder.join(name));
    std::fs::write(&paths[0], main).unwrap();
    std::fs::write(&paths[1], other).unwrap();
    let status = Command::new("wasm-merge")
        .arg(&paths[0])
        .arg(MAIN)
        .arg(&paths[1])
        .arg(OTHER)
        .arg("-o")
        .arg(&paths[2])
        .arg("-sec")
        .args(FEATURES.map(|feature| format!("--enable-{feature}")))
        .output();
    let is_merged = status.is_ok_and(|output| output.status.success());
    is_merged.then(|| std::fs::read(&paths[2]).unwrap())
}

#[test]
fn modules_behave_as_those_of_binaryen() {
    if Command::new("wasm-merge")
        .arg("--version")
        .output()
        .is_err()
    {
        println!("skipped: there is no wasm-merge, install it by `npm install binaryen`");
        return;
    }
    let engine = engine();
    let mut random = Random(6);
    let mut compared = Compared::default();
    let mut refused = 0;
    for module in modules(30) {
        let (main, other) = split(&module, &mut random);
        let linker = Linker::new(MAIN, &main).and_then(|linker| linker.provide(OTHER, &other));
        let linked = linker.and_then(|linker| linker.link()).unwrap();
        // Binaryen leaves an import of the start function, and refuses some unreachable code.
        let merged = wasm_merge(&main, &other).filter(|merged| surface(merged).1.is_empty());
        let valid = merged.filter(|merged| wasmtime::Module::validate(&engine, merged).is_ok());
        let Some(merged) = valid else {
            refused += 1;
            continue;
        };
        let (names, _) = surface(&module);
        let runs = [&merged, &linked].map(|module| run(&engine, module, &names));
        let [Some(theirs), Some(ours)] = runs else {
            continue;
        };
        // Its code is not the same, and burns other fuel.
        let calls = theirs.calls_with_fuel().min(ours.calls_with_fuel());
        assert_eq!(theirs.outcomes[..calls], ours.outcomes[..calls]);
        if calls == ours.outcomes.len() && calls == theirs.outcomes.len() {
            assert_eq!(theirs, ours);
        }
        if calls > 0 {
            compared.count(&ours);
        }
    }
    println!("{compared:?}, {refused} refused by Binaryen");
    assert!(compared.modules > 5, "{compared:?}");
    assert!(compared.results > 5, "{compared:?}");
}
