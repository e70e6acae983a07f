//! Folders of strangers: files that are cut, garbled, too large or elsewhere, and functions without
//! bounds.

use fusebox_testing::SplitMix64;
use proptest::prelude::*;

use crate::Copy;

const MANIFEST: &str = "manifest.json";
const CLAMP: &str = "functions/clamp.jsonl";
const MODULE: &str = "modules/clamp.wasm";

#[test]
fn files_that_were_cut_are_named() {
    for file in [MANIFEST, CLAMP, MODULE] {
        let copy = Copy::new();
        let bytes = std::fs::read(copy.path(file)).unwrap();
        for parts in 0..8 {
            copy.write(file, &bytes[..bytes.len() * parts / 8]);
            let refused = copy.refused("clamp");
            let named = format!("fixtures: `{file}`");
            assert!(
                refused.starts_with(&named) && refused.contains("expected "),
                "{refused}"
            );
        }
    }
    // At the end of a line, and of a function.
    let copy = Copy::new();
    let text = copy.text(CLAMP);
    let lines: Vec<&str> = text.lines().collect();
    copy.write(CLAMP, lines[..lines.len() - 1].join("\n"));
    let refused = copy.refused("clamp");
    assert!(refused.contains("line 1: expected "), "{refused}");
    assert!(refused.contains(" cases behind it, found "), "{refused}");
    copy.write(CLAMP, "");
    let refused = copy.refused("clamp");
    assert!(
        refused.contains("expected 1 functions as in manifest.json, found 0"),
        "{refused}"
    );
}

#[test]
fn compressed_module_that_was_cut_or_is_large_is_named() {
    let copy = Copy::new();
    let file = "modules/go.wasm.gz";
    let bytes = std::fs::read(copy.path(file)).unwrap();
    copy.write(file, &bytes[..bytes.len() / 2]);
    let refused = copy.refused("go");
    assert!(
        refused.starts_with("fixtures: `modules/go.wasm.gz`: expected"),
        "{refused}"
    );
    copy.write(file, "\x1f\u{8b}");
    assert!(
        copy.refused("go")
            .starts_with("fixtures: `modules/go.wasm.gz`: expected")
    );
}

#[test]
fn missing_file_is_named() {
    for file in [MANIFEST, CLAMP, MODULE] {
        let copy = Copy::new();
        std::fs::remove_file(copy.path(file)).unwrap();
        let refused = copy.refused("clamp");
        let named = format!("fixtures: expected the file `{file}`, found an error: ");
        assert!(refused.starts_with(&named), "{refused}");
    }
}

#[test]
fn large_files_are_refused() {
    let copy = Copy::new();
    copy.write(CLAMP, vec![b' '; (8 << 20) + 1]);
    assert_eq!(
        copy.refused("clamp"),
        "fixtures: expected `functions/clamp.jsonl` to have at most 8388608 bytes, found 8388609"
    );
}

#[test]
fn names_that_leave_the_folder_are_refused() {
    for name in ["../clamp", "a/b", "", "clamp.wasm"] {
        let copy = Copy::new();
        copy.replace(
            MANIFEST,
            "\"name\": \"clamp\"",
            &format!("\"name\": \"{name}\""),
        );
        let refused = copy.refused("clamp");
        assert!(
            refused.contains("expected a name of lower-case letters"),
            "{refused}"
        );
    }
}

#[test]
fn unknown_module_is_refused_with_the_others() {
    let refused = Copy::new().refused("clampp");
    assert!(
        refused.contains("expected one of the modules geo, math, "),
        "{refused}"
    );
    assert!(refused.ends_with("found `clampp`"), "{refused}");
}

#[test]
fn functions_without_bounds_are_refused() {
    let copy = Copy::new();
    let (from, to) = ("\"fuel_per_row\":1000000,", "\"fuel_per_row\":1000000001,");
    copy.replace(CLAMP, from, to);
    let refused = copy.refused("clamp");
    assert!(
        refused.contains("line 1: expected limits of fixtures"),
        "{refused}"
    );
    assert!(refused.contains("fuel_per_row"), "{refused}");
}

#[test]
fn groups_and_peers_are_those_of_the_rows() {
    for (from, to) in [
        ("\"groups\":[0,1,2", "\"groups\":[4000000000,1,2"),
        ("\"groups\":[0,1,2", "\"groups\":[0,0,1,2"),
        ("\"peers\":[[0,1]", "\"peers\":[[0,999999999]"),
        ("\"peers\":[[0,1]", "\"peers\":[[1,0]"),
    ] {
        let copy = Copy::new();
        copy.replace("functions/kinds.jsonl", from, to);
        let refused = copy.refused("kinds");
        assert!(refused.contains(": expected "), "{refused}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_bytes_make_the_check_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        file in prop::sample::select(vec![MANIFEST, CLAMP, MODULE]),
    ) {
        let copy = Copy::new();
        copy.write(file, bytes);
        let refused = copy.refused("clamp");
        prop_assert!(refused.contains(file), "{}", refused);
    }

    /// Texts with a few other bytes are refused, or differ, or say the same.
    #[test]
    fn no_changed_text_makes_the_check_panic(seed in any::<u64>(), is_manifest in any::<bool>()) {
        let copy = Copy::new();
        let file = if is_manifest { MANIFEST } else { CLAMP };
        let mut bytes = copy.text(file).into_bytes();
        let mut random = SplitMix64(seed);
        for _ in 0..=random.below(3) {
            let at = random.below(bytes.len());
            bytes[at] = b"0123456789\",:[]{}nullax-"[random.below(24)];
        }
        copy.write(file, bytes);
        if let Err(error) = copy.check("clamp") {
            prop_assert!(error.to_string().contains("fixtures: "), "{}", error);
        }
    }
}
