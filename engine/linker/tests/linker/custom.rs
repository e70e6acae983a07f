//! Names and other custom sections of linked modules.

use wasm_encoder::{CustomSection, Module, RawSection};
use wasmparser::{KnownCustom, Name, Parser, Payload};

use crate::link;

/// The names of functions, by index, and the names of the custom sections.
fn names(module: &[u8]) -> (Vec<(u32, String)>, Vec<String>) {
    let (mut functions, mut sections) = (Vec::new(), Vec::new());
    for payload in Parser::new(0).parse_all(module) {
        let Payload::CustomSection(section) = payload.unwrap() else {
            continue;
        };
        sections.push(section.name().to_owned());
        let KnownCustom::Name(names) = section.as_known() else {
            continue;
        };
        for name in names {
            if let Name::Function(map) = name.unwrap() {
                let map = map.into_iter().map(Result::unwrap);
                functions.extend(map.map(|naming| (naming.index, naming.name.to_owned())));
            }
        }
    }
    (functions, sections)
}

#[test]
fn functions_keep_their_names_and_those_of_providers_have_a_prefix() {
    let main = r#"(module (import "p" "g" (func $imported)) (func $unused)
        (func $main (export "f") (call $imported)) (start $main))"#;
    let provider = r#"(module (func $inner) (func (export "g") (call $inner))
        (func $begin) (start $begin))"#;
    let linked = link(main, &[("p", provider)]).unwrap();
    let expected = ["main", "p.inner", "p.g", "p.begin", "fusebox:start"];
    let expected = expected.iter().enumerate();
    let expected: Vec<_> = expected
        .map(|(index, name)| (index as u32, (*name).to_owned()))
        .collect();
    assert_eq!(names(&linked).0, expected);
}

#[test]
fn custom_sections_of_the_main_module_are_kept_if_they_stay_true() {
    let mut module = Module::new();
    for name in [
        "fusebox.functions",
        "producers",
        "target_features",
        ".debug_info",
        "reloc.CODE",
        "linking",
        "metadata.code.branch_hint",
    ] {
        module.section(&CustomSection {
            name: name.into(),
            data: b"\x00".into(),
        });
    }
    let module = module.finish();
    let linker = fusebox_linker::Linker::new("", &module).unwrap();
    let (_, sections) = names(&linker.link().unwrap());
    assert_eq!(
        sections,
        ["fusebox.functions", "producers", "target_features"]
    );
}

#[test]
fn names_that_do_not_parse_are_dropped() {
    let mut module = Module::new();
    module.section(&RawSection {
        id: 0,
        data: b"\x04name\x01\x05\x7f\xff\xff\xff\xff",
    });
    let module = module.finish();
    let linker = fusebox_linker::Linker::new("", &module).unwrap();
    assert_eq!(linker.link().unwrap().len(), 8);
}
