//! Attacks on the conventions of plain functions over text and bytes.

use std::sync::Arc;

use fusebox_runtime::IdleLimits;

use crate::plain_text::{bind, call_text, column, message, numbers};
use crate::runtime;

/// Attacks, with what the error says.
const ATTACKS: [(&str, &str, &str, &str); 12] = [
    (
        "allocator_returns_zero",
        "allocator_returns_zero(VARCHAR, VARCHAR)",
        "canonical",
        "found the address 0: it has no memory left",
    ),
    (
        "allocator_returns_outside",
        "allocator_returns_outside(VARCHAR, VARCHAR)",
        "canonical",
        "from `cabi_realloc` for argument 1, found 0xfffffff0, which is not in the memory",
    ),
    (
        "allocator_returns_twice",
        "allocator_returns_twice(VARCHAR, VARCHAR)",
        "canonical",
        "for argument 1, found 0x400, which overlaps a block in use",
    ),
    (
        "allocator_misaligns",
        "allocator_misaligns(VARCHAR)",
        "assemblyscript",
        "from `__new` for argument 1, found 0x408, which is not a multiple of 16 behind a header",
    ),
    (
        "text_without_end",
        "text_without_end(VARCHAR)",
        "c_string",
        "expected a NUL byte at the end of the result, found none behind 0x",
    ),
    (
        "text_outside",
        "packed_outside(INT)",
        "ptr_len",
        "found 2147483647 bytes at 0x10",
    ),
    (
        "text_outside",
        "pair_outside(INT)",
        "ptr_len",
        "found 1 bytes at 0xffffffff",
    ),
    (
        "text_outside",
        "area_outside(INT)",
        "ptr_len",
        "found 4294967295 bytes at 0xffffffff",
    ),
    (
        "text_outside",
        "length_outside(INT)",
        "length_prefixed",
        "found the address 0xfffffffd",
    ),
    (
        "text_outside",
        "prefixed_outside(INT)",
        "length_prefixed",
        "2147483647 bytes at 0x44",
    ),
    (
        "text_outside",
        "string_outside(INT)",
        "c_string",
        "found none behind 0xffffffff",
    ),
    (
        "text_not_utf16",
        "text_not_utf16(INT)",
        "assemblyscript",
        "even number of bytes, found 3",
    ),
];

#[test]
fn results_and_blocks_are_checked_within_the_row() {
    let runtime = runtime(IdleLimits::default());
    for (file, signature, abi, expected) in ATTACKS {
        let function = format!("{signature} RETURNS VARCHAR LANGUAGE WASM WITH (abi = '{abi}')");
        let function = bind(&runtime, &format!("hostile/{file}"), &function).unwrap();
        let text = column(&[Some("a".to_owned())]);
        let columns = match function.definition().signature.arguments.len() {
            2 => vec![Arc::clone(&text), text],
            _ if signature.contains("INT") => vec![numbers(&[1])],
            _ => vec![text],
        };
        let error = message(&function, &columns);
        assert!(error.contains("failed at row 0: expected"), "{error}");
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn headers_and_return_areas_are_checked() {
    let runtime = runtime(IdleLimits::default());
    let bind = |file: &str, abi: &str| {
        let function = format!("{file}(INT) RETURNS VARCHAR LANGUAGE WASM WITH (abi = '{abi}')");
        bind(&runtime, &format!("hostile/{file}"), &function).unwrap()
    };
    let header = bind("text_header", "assemblyscript");
    for (at, expected) in [
        (
            64,
            "expected the result to be of class String (2), found one of class 5",
        ),
        (96, "found 4294967280 bytes at 0x60"),
        (16, "at a multiple of 16, found 0x10"),
        (72, "at a multiple of 16, found 0x48"),
        (-16, "at a multiple of 16, found 0xfffffff0"),
    ] {
        let error = message(&header, &[numbers(&[at])]);
        assert!(error.contains(expected), "{error}");
    }
    assert_eq!(call_text(&header, &[numbers(&[0])]), [None]);
    let area = bind("return_area_outside", "canonical");
    for (at, expected) in [
        (
            -4,
            "expected the 8 bytes of the return area in the memory, found the address 0xfffffffc",
        ),
        (6, "expected the return area at a multiple of 4, found 0x6"),
    ] {
        let error = message(&area, &[numbers(&[at])]);
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn function_that_overwrites_its_arguments_spoils_no_other_row() {
    let runtime = runtime(IdleLimits::default());
    let function = "text_overwrites(VARCHAR) RETURNS VARCHAR LANGUAGE WASM \
                    WITH (abi = 'ptr_len')";
    let function = bind(&runtime, "hostile/text_overwrites", function).unwrap();
    let texts = ["abc", "a", "abcdef", "", "q"].map(|text| Some(text.to_owned()));
    let expected = ["xxx", "x", "xxxxxx", "", "x"].map(|text| Some(text.to_owned()));
    assert_eq!(call_text(&function, &[column(&texts)]), expected);
}
