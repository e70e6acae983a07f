//! The version of the weights, as instrumented modules carry it.

use fusebox_instrument::{
    Options, SECTION_INSTRUMENTED, WEIGHTS_VERSION, insert_safepoints, instrument,
};
use wasmparser::{Parser, Payload};

/// The contents of the sections that hold the version.
fn versions(module: &[u8]) -> Vec<Vec<u8>> {
    let payloads = Parser::new(0).parse_all(module);
    let sections = payloads.filter_map(|payload| match payload.unwrap() {
        Payload::CustomSection(section) if section.name() == SECTION_INSTRUMENTED => {
            Some(section.data().to_vec())
        }
        _ => None,
    });
    sections.collect()
}

#[test]
fn instrumented_module_carries_the_version_of_the_weights() {
    let expected = [WEIGHTS_VERSION.to_le_bytes().to_vec()];
    for text in [
        "(module)",
        r#"(module (func (export "f") (loop (br 0))))"#,
        r#"(module (@custom "fusebox.instrumented" (before first) "forged") (func))"#,
        r#"(module (func) (@custom "fusebox.instrumented" (after last) "\04\00\00\00"))"#,
    ] {
        let module = wat::parse_str(text).unwrap();
        for metered in [true, false] {
            let options = Options {
                metered,
                ..Options::default()
            };
            let module = instrument(&module, options).unwrap().module;
            wasmparser::validate(&module).unwrap();
            assert_eq!(versions(&module), expected, "{text}");
            let module = insert_safepoints(&module).unwrap();
            assert_eq!(versions(&module), expected, "{text}");
        }
    }
}
