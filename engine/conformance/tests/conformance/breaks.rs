//! Fixtures that differ as if the program had been changed: each failure says what was broken.

use fusebox_conformance::Fixtures;
use fusebox_runtime::WEIGHTS_VERSION;

use crate::{Copy, RELEASE};

const MANIFEST: &str = "manifest.json";
const CLAMP: &str = "functions/clamp.jsonl";

#[test]
fn changed_weight_is_named() {
    let copy = Copy::new();
    let file = "functions/geo.jsonl";
    let text = copy.text(file);
    // The first case that burnt any.
    let line = text
        .lines()
        .find(|line| line.contains("\"fuel\":") && !line.ends_with(":0}"));
    let line = line.unwrap();
    let fuel = line.rsplit(':').next().unwrap().trim_end_matches('}');
    let (begin, one_more) = (
        line.rsplit_once(':').unwrap().0,
        fuel.parse::<u64>().unwrap() + 1,
    );
    copy.replace(file, line, &format!("{begin}:{one_more}}}"));
    let (found, count) = copy.difference("geo");
    assert!(
        found.starts_with("fuel of geo.geohash row ")
            && found.ends_with(&format!(
                ": expected {one_more}, found {fuel}; weights version {WEIGHTS_VERSION} of the \
                 fixtures and of this program are the same: a weight was changed without a new \
                 version"
            )),
        "{found}"
    );
    assert_eq!(count, 1);
}

#[test]
fn other_weights_are_refused_with_both_versions() {
    let copy = Copy::new();
    let weights = format!("\"weights\": {WEIGHTS_VERSION}");
    copy.replace(MANIFEST, &weights, "\"weights\": 100");
    let version = format!("\"fusebox\": \"{RELEASE}\"");
    copy.replace(MANIFEST, &version, "\"fusebox\": \"9.8.7\"");
    assert_eq!(
        copy.refused("clamp"),
        format!(
            "fixtures: expected weights {WEIGHTS_VERSION}, found weights 100 in fixtures of Fusebox \
             9.8.7; this is Fusebox {}: run `fusebox conform` of a release with weights 100",
            env!("CARGO_PKG_VERSION")
        )
    );
}

#[test]
fn later_formats_are_refused_with_both_versions() {
    for (from, to, expected) in [
        ("\"abi\": 1", "\"abi\": 2", "expected ABI 1, found ABI 2 in"),
        (
            "\"definitions\": 1",
            "\"definitions\": 2",
            "expected definition format 1, found definition format 2 in",
        ),
        (
            "\"catalog\": 4",
            "\"catalog\": 5",
            "expected catalog version 1 to 4, found catalog version 5 in",
        ),
        (
            "\"fixtures\": 1",
            "\"fixtures\": 2",
            "expected format 1, found format 2 in",
        ),
    ] {
        let copy = Copy::new();
        copy.replace(MANIFEST, from, to);
        let refused = copy.refused("clamp");
        assert!(refused.contains(expected), "{refused}");
        assert!(
            refused.contains(&format!("of Fusebox {RELEASE}; this is Fusebox ")),
            "{refused}"
        );
    }
}

#[test]
fn earlier_catalogs_are_accepted() {
    let copy = Copy::new();
    Fixtures::open(copy.folder.path(), 5).unwrap();
}

#[test]
fn changed_offset_and_name_of_the_abi_are_named() {
    let copy = Copy::new();
    let from = "\"ArrowArray.children\": 44";
    copy.replace(MANIFEST, from, "\"ArrowArray.children\": 48");
    let from = "\"EXPORT_ALLOC\": \"fusebox_alloc\"";
    copy.replace(MANIFEST, from, "\"EXPORT_ALLOC\": \"fusebox_new\"");
    let found = copy.check("clamp").unwrap();
    assert_eq!(
        found,
        [
            "layout of ABI 1: expected ArrowArray.children = 48, found 44; the fixtures have ABI 1 \
             and this program supports ABI 1: an offset, a size or a number was changed without a \
             new version of the ABI",
            "name of ABI 1: expected EXPORT_ALLOC = `fusebox_new`, found `fusebox_alloc`; the \
             fixtures have ABI 1 and this program supports ABI 1: an export, an import or a \
             section was renamed without a new version of the ABI",
        ]
    );
}

#[test]
fn changed_name_of_a_type_is_named() {
    let copy = Copy::new();
    copy.replace(
        CLAMP,
        "\"data_type\":\"Int64\"",
        "\"data_type\":\"Integer64\"",
    );
    let (found, _) = copy.difference("clamp");
    assert!(
        found.starts_with(
            "definition of clamp.clamp_to: expected that it is read, found: expected a type of \
             Arrow, found `Integer64`"
        ),
        "{found}"
    );
    assert!(
        found.ends_with(
            "definitions have format 1 in the fixtures and 1 in this program: the name of a field, \
             a value or a type was changed without a new format"
        ),
        "{found}"
    );
    let copy = Copy::new();
    copy.replace(MANIFEST, "\"BIGINT\"", "\"LONG\"");
    let (found, _) = copy.difference("clamp");
    assert!(
        found.starts_with("type `LONG`: expected that SQL has it"),
        "{found}"
    );
}

#[test]
fn changed_field_of_definitions_is_named() {
    let copy = Copy::new();
    copy.replace(CLAMP, "\"fuel_per_row\":", "\"row_fuel\":");
    let (found, _) = copy.difference("clamp");
    assert!(
        found.contains("expected that it is read, found: unknown field `row_fuel`"),
        "{found}"
    );
    let copy = Copy::new();
    copy.replace(CLAMP, "\"nulls\":\"strict\"", "\"nulls\":\"called\"");
    let (found, _) = copy.difference("clamp");
    assert!(
        found.starts_with(
            "statement of clamp.clamp_to: expected that it defines nulls = \"called\", found \
             \"strict\""
        ),
        "{found}"
    );
}

#[test]
fn changed_option_is_named() {
    let copy = Copy::new();
    copy.replace(MANIFEST, "\"fuel_init = 100000\"", "\"init_fuel = 100000\"");
    let (found, count) = copy.difference("clamp");
    assert!(
        found.starts_with("option `init_fuel = 100000`: expected that it is accepted, found: ")
            && found.ends_with("keep the old one as a synonym"),
        "{found}"
    );
    assert_eq!(count, 1);
    let copy = Copy::new();
    copy.replace(
        "functions/halve.jsonl",
        "WITH (fuel_per_row",
        "WITH (row_fuel",
    );
    let (found, _) = copy.difference("halve");
    assert!(
        found.starts_with("statement of halve.halve: expected that it is accepted, found: "),
        "{found}"
    );
}

#[test]
fn changed_code_that_is_linked_is_named() {
    for module in ["plain", "component_by_hand", "wasi"] {
        let copy = Copy::new();
        let file = format!("functions/{module}.jsonl");
        let text = copy.text(&file);
        let digest = text.split_once("\"linked\":\"").unwrap().1;
        copy.replace(&file, &digest[..64], &"0".repeat(64));
        let (found, count) = copy.difference(module);
        assert!(
            found.starts_with(&format!("linked module of {module}."))
                && found.contains(&format!("found {}", &digest[..64]))
                && found.ends_with("the code that is linked was changed without a new version"),
            "{found}"
        );
        assert_eq!(count, 1);
    }
}

#[test]
fn changed_answer_and_failure_are_named() {
    let copy = Copy::new();
    let text = copy.text(CLAMP);
    let answer = text.split_once("\"answer\":\"").unwrap().1;
    let answer = answer.split_once('"').unwrap().0;
    let from = format!("\"answer\":\"{answer}\"");
    copy.replace(CLAMP, &from, "\"answer\":\"123456\"");
    let (found, count) = copy.difference("clamp");
    assert!(
        found.starts_with("answer of clamp.clamp_to row ")
            && found.contains(&format!(
                " in batches of 1: expected \"123456\", found \"{answer}\"; "
            )),
        "{found}"
    );
    // In batches of one, three and all.
    assert_eq!(count, 3);

    let copy = Copy::new();
    let from = "\"limit\":\"fuel_per_row\"";
    copy.replace("functions/halve.jsonl", from, "\"limit\":\"stack\"");
    let (found, _) = copy.difference("halve");
    assert!(
        found.starts_with("verdict of halve.halve row ")
            && found.contains("\"limit\":\"stack\"")
            && found.contains("found the failure {\"kind\":\"limit\",\"limit\":\"fuel_per_row\""),
        "{found}"
    );
}

#[test]
fn changed_state_of_an_aggregate_is_named() {
    let copy = Copy::new();
    let file = "functions/kinds.jsonl";
    copy.replace(file, "\"states\":[", "\"states\":[[\"1\"],");
    let (found, _) = copy.difference("kinds");
    assert!(found.starts_with("state 0 of kinds."), "{found}");
}
