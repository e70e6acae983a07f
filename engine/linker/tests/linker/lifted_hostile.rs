//! Drivers of lifted functions whose guests return wrong blocks, addresses and lengths.

use crate::columns::{Stop, Value, i64, text, u32};
use crate::lifted::{BUMP, Fixture};

/// Calls a function whose `realloc` is wrong.
fn with_realloc(ty: &str, realloc: &str, column: &[Value]) -> Result<Vec<Value>, Stop> {
    let fixture = Fixture {
        signature: &format!("(param \"a\" {ty}) (param \"b\" string) (result s64)"),
        core: "(func $f (param i32 i32 i32 i32) (result i64) (i64.const 7))",
        realloc,
        returns: "i64",
        ..Fixture::default()
    };
    let columns = [column.to_vec(), vec![text("text")]];
    fixture.guest().call(&columns, column.len())
}

fn message(outcome: Result<Vec<Value>, Stop>) -> String {
    match outcome {
        Err(Stop::Failure(_, message)) => message,
        other => panic!("{other:?}"),
    }
}

fn list(values: impl IntoIterator<Item = Value>) -> Value {
    Value::List(values.into_iter().collect())
}

#[test]
fn block_outside_of_the_memory_fails_the_row() {
    for (address, found) in [
        ("-16", "0xfffffff0"),
        ("0x7fffff00", "0x7fffff00"),
        ("0x10000000", "0x10000000"),
    ] {
        let realloc = format!("(i32.const {address})");
        let found = format!(
            "expected a block of 3 bytes from realloc for argument `a`, found {found}, which is \
             not in the memory"
        );
        assert_eq!(
            message(with_realloc("string", &realloc, &[text("abc")])),
            found
        );
    }
    let found = message(with_realloc("string", "(i32.const 0)", &[text("abc")]));
    assert_eq!(
        found,
        "expected a block of 3 bytes from realloc for argument `a`, found the address 0: it has \
         no memory left"
    );
}

#[test]
fn block_may_end_with_the_memory() {
    // The driver grows the memory for its own blocks: the last page is the guest's first.
    let last = |back: u32| {
        format!(
            "(if (i32.ge_u (local.get 3) (i32.const 64)) (then (return (i32.const 0))))
             (select (i32.const 8192)
               (i32.sub (i32.shl (memory.size) (i32.const 16)) (i32.const {back}))
               (i32.eq (local.get 3) (i32.const 4)))"
        )
    };
    let call = |back| with_realloc("string", &last(back), &[text("abc")]);
    let outside = message(call(2));
    assert!(outside.ends_with("which is not in the memory"), "{outside}");
    // The end of the memory is that of the driver's own pages.
    let own = message(call(3));
    assert!(own.ends_with("which overlaps a block in use"), "{own}");
}

#[test]
fn misaligned_block_fails_the_row() {
    let realloc = "(select (i32.const 8194) (i32.const 12288)
        (i32.eq (local.get 2) (i32.const 4)))";
    let found = message(with_realloc("(list u32)", realloc, &[list([u32(1)])]));
    assert_eq!(
        found,
        "expected a block at a multiple of 4 from realloc for argument `a`, found 0x2002"
    );
    // The address of a list without elements is aligned too.
    let found = message(with_realloc("(list u32)", realloc, &[list([])]));
    assert!(found.ends_with("found 0x2002"), "{found}");
}

#[test]
fn blocks_that_overlap_fail_the_row() {
    let same = "(i32.const 8192)";
    let found = message(with_realloc("string", same, &[text("abc")]));
    assert!(found.contains("overlap"), "{found}");
    // Three blocks of 8, 4 and 4 bytes, the last in the first or behind it.
    let third = |address: u32| {
        format!(
            "(if (i32.ge_u (local.get 3) (i32.const 64)) (then (return (i32.const 0))))
             (global.set $next (i32.add (global.get $next) (i32.const 1)))
             (if (i32.eq (global.get $next) (i32.const 8193)) (then (return (i32.const 4096))))
             (if (i32.eq (global.get $next) (i32.const 8194)) (then (return (i32.const 4200))))
             (i32.const {address})"
        )
    };
    let call = |address| {
        let column = [list([text("abcd")])];
        with_realloc("(list string)", &third(address), &column)
    };
    for address in [4093, 4097, 4103, 4197, 4203] {
        let found = message(call(address));
        assert!(
            found.starts_with("expected blocks from realloc that do not overlap, found one"),
            "{found}"
        );
    }
    for address in [4092, 4104, 4196, 4204] {
        assert_eq!(call(address), Ok(vec![i64(7)]), "{address}");
    }
}

#[test]
fn many_blocks_in_any_order_are_compared() {
    // Texts alternate between both ends of a range of 200 blocks.
    let zigzag = |step: u32| {
        format!(
            "(if (result i32) (i32.ne (local.get 3) (i32.const 8))
              (then {BUMP})
              (else
                (i32.store (i32.const 48) (i32.add (i32.load (i32.const 48)) (i32.const 1)))
                (local.set 4 (i32.load (i32.const 48)))
                (i32.add (i32.const 1024) (i32.mul (i32.const {step})
                  (select (local.get 4) (i32.sub (i32.const 402) (local.get 4))
                    (i32.and (local.get 4) (i32.const 1)))))))"
        )
    };
    let call = |step| {
        let column = [list((0..200).map(|_| text("eight by")))];
        with_realloc("(list string)", &zigzag(step), &column)
    };
    assert_eq!(call(8), Ok(vec![i64(7)]));
    let found = message(call(3));
    assert!(found.contains("do not overlap, found one"), "{found}");
}

#[test]
fn block_of_the_driver_is_not_overwritten() {
    // The first block is the arena; the second is the same.
    let realloc = "(if (i32.ge_u (local.get 3) (i32.const 4096)) (then (return (i32.const 0))))
        (i32.const 65600)";
    let found = message(with_realloc("string", realloc, &[text("abc")]));
    assert_eq!(
        found,
        "expected a block of 3 bytes from realloc for argument `a`, found 0x10040, which overlaps \
         a block in use"
    );
}

#[test]
fn trap_of_realloc_ends_the_call() {
    let realloc = "(if (i32.lt_u (local.get 3) (i32.const 64)) (then unreachable)) (i32.const 0)";
    let outcome = with_realloc("string", realloc, &[text("abc")]);
    assert_eq!(outcome, Err(Stop::Trap));
}

/// Returns the result area at `at`, with these words in it.
fn with_area(result: &str, encoding: &str, at: &str, words: [u32; 2]) -> Result<Vec<Value>, Stop> {
    let fixture = Fixture {
        signature: &format!("(param \"a\" u32) (result {result})"),
        core: &format!(
            "(func $f (param i32) (result i32)
              (i32.store (i32.const 32) (i32.const {}))
              (i32.store (i32.const 36) (i32.const {})) (i32.const {at}))
             (data (i32.const 64) \"ab\\ff\\c3\\00\\d8\\00\\00\")",
            words[0], words[1]
        ),
        options: &format!("string-encoding={encoding}"),
        ..Fixture::default()
    };
    fixture.guest().call(&[vec![u32(0), u32(1)]], 2)
}

#[test]
fn return_area_is_checked() {
    let call = |at| message(with_area("string", "utf8", at, [64, 2]));
    assert_eq!(
        call("33"),
        "expected the return area at a multiple of 4, found 0x21"
    );
    for (at, found) in [("-4", "0xfffffffc"), ("0x7ffffff0", "0x7ffffff0")] {
        assert_eq!(
            call(at),
            format!(
                "expected the 8 bytes of the return area in the memory, found the address {found}"
            )
        );
    }
    assert_eq!(
        with_area("string", "utf8", "32", [64, 2]),
        Ok(vec![text("ab"), text("ab")])
    );
}

/// Types, encodings, words of the return area, and messages.
const WRONG_RESULTS: &[(&str, &str, [u32; 2], &str)] = &[
    (
        "string",
        "utf8",
        [u32::MAX, 1],
        "expected the result in the memory, found 1 bytes at 0xffffffff",
    ),
    (
        "string",
        "utf8",
        [64, u32::MAX],
        "expected the result in the memory, found 4294967295 bytes at 0x40",
    ),
    (
        "string",
        "utf8",
        [64, 3],
        "expected UTF-8 in the result, found another byte at position 2",
    ),
    (
        "string",
        "utf8",
        [67, 1],
        "expected UTF-8 in the result, found another byte at position 0",
    ),
    (
        "string",
        "utf16",
        [65, 0],
        "expected the result at a multiple of 2, found 0x41",
    ),
    (
        "string",
        "utf16",
        [64, 0x8000_0000],
        "expected the result in the memory, found 2147483648 code units at 0x40",
    ),
    (
        "string",
        "utf16",
        [68, 1],
        "expected UTF-16 in the result, found an unpaired surrogate at position 0",
    ),
    (
        "string",
        "latin1+utf16",
        [65, 1],
        "expected the result at a multiple of 2, found 0x41",
    ),
    (
        "string",
        "latin1+utf16",
        [64, 0x7fff_ffff],
        "expected the result in the memory, found 2147483647 bytes at 0x40",
    ),
    (
        "string",
        "latin1+utf16",
        [64, 0xffff_ffff],
        "expected the result in the memory, found 2147483647 code units at 0x40",
    ),
    (
        "string",
        "latin1+utf16",
        [68, 0x8000_0001],
        "expected UTF-16 in the result, found an unpaired surrogate at position 0",
    ),
    (
        "(list u8)",
        "utf8",
        [64, 0x7fff_ffff],
        "expected the result in the memory, found 2147483647 elements at 0x40",
    ),
    (
        "(list u64)",
        "utf8",
        [68, 1],
        "expected the result at a multiple of 8, found 0x44",
    ),
    (
        "(list u64)",
        "utf8",
        [68, 0],
        "expected the result at a multiple of 8, found 0x44",
    ),
    (
        "(list u64)",
        "utf8",
        [64, 0x2000_0001],
        "expected the result in the memory, found 536870913 elements at 0x40",
    ),
    (
        "(list (tuple u64 u64))",
        "utf8",
        [64, 0x1000_0000],
        "expected the result in the memory, found 268435456 elements at 0x40",
    ),
    (
        "(list string)",
        "utf8",
        [64, 1],
        "expected `result[]` in the memory, found 55296 bytes at 0xc3ff6261",
    ),
    (
        "(list char)",
        "utf8",
        [64, 1],
        "expected a Unicode scalar value in `result[]`, found 0xc3ff6261",
    ),
    (
        "(list (option u8))",
        "utf8",
        [64, 1],
        "expected 0 or 1 as the case of the option in `result[]`, found 97",
    ),
];

#[test]
fn addresses_and_lengths_of_results_are_checked() {
    for (ty, encoding, words, expected) in WRONG_RESULTS {
        let found = message(with_area(ty, encoding, "32", *words));
        assert_eq!(found, *expected, "{ty}");
    }
}

#[test]
fn text_at_the_edges_of_the_memory_is_read() {
    assert_eq!(
        with_area("string", "latin1+utf16", "32", [64, 3]),
        Ok(vec![text("abÿ"), text("abÿ")])
    );
    assert_eq!(
        with_area("string", "utf8", "32", [0x1_0000, 0]),
        Ok(vec![text(""), text("")])
    );
}

/// A list of lists that all are the same list is long.
#[test]
fn work_of_a_result_is_metered() {
    let fixture = Fixture {
        signature: r#"(param "a" u32) (result (list (list (list u8))))"#,
        core: "(func $f (param i32) (result i32) (local i32)
            (i32.store (i32.const 32) (i32.const 1024)) (i32.store (i32.const 36) (i32.const 1000))
            (loop $next
              (i32.store (i32.add (i32.const 1024) (local.get 1)) (i32.const 1024))
              (i32.store (i32.add (i32.const 1028) (local.get 1)) (i32.const 1000))
              (local.set 1 (i32.add (local.get 1) (i32.const 8)))
              (br_if $next (i32.lt_u (local.get 1) (i32.const 8000))))
            (i32.const 32))",
        ..Fixture::default()
    };
    let mut guest = fixture.guest();
    guest.set_fuel(2_000_000);
    assert_eq!(guest.call(&[vec![u32(0)]], 1), Err(Stop::Trap));
}

#[test]
fn block_of_an_allocator_that_uses_all_memory_is_not_its_own() {
    // The bump allocator of the fixture takes memory that others have grown, unless asked.
    let fixture = Fixture {
        signature: r#"(param "a" string) (result string)"#,
        core: "(func $f (param i32 i32) (result i32)
            (i32.store (i32.const 32) (local.get 0)) (i32.store (i32.const 36) (local.get 1))
            (i32.const 32))",
        ..Fixture::default()
    };
    let mut guest = fixture.guest();
    let column: Vec<_> = (0..3000).map(|n| text(&"x".repeat(n % 100))).collect();
    for _ in 0..3 {
        assert_eq!(
            guest.call(std::slice::from_ref(&column), 3000),
            Ok(column.clone())
        );
    }
}
