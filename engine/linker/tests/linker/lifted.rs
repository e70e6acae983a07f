//! Drivers of lifted functions: numbers, text, lists and records, row by row.

use fusebox_linker::lifted::{ColumnField, ColumnType, LiftedDriver, UnsupportedFunction};

use crate::columns::{ColumnGuest, Stop, Value, i64, text, u8, u32};
use crate::component::flatten;
use crate::guest::{surface, validate};

/// A component with one function `f`, whose core function is `$f`.
#[derive(Clone, Copy)]
pub(crate) struct Fixture<'a> {
    /// Definitions of types.
    pub(crate) types: &'a str,
    /// Parameters and result.
    pub(crate) signature: &'a str,
    /// Items of the core module, `$f` among them.
    pub(crate) core: &'a str,
    /// Body of `realloc`.
    pub(crate) realloc: &'a str,
    /// Options of `canon lift`.
    pub(crate) options: &'a str,
    /// Type of the core result.
    pub(crate) returns: &'a str,
}

/// Allocates upwards and grows the memory.
pub(crate) const BUMP: &str = r#"
    (local.set 4 (i32.and
      (i32.add (global.get $next) (i32.sub (local.get 2) (i32.const 1)))
      (i32.sub (i32.const 0) (local.get 2))))
    (global.set $next (i32.add (local.get 4) (local.get 3)))
    (if (i32.gt_u (global.get $next) (i32.shl (memory.size) (i32.const 16)))
      (then (drop (memory.grow (i32.add (i32.const 1)
        (i32.shr_u (i32.sub (global.get $next) (i32.shl (memory.size) (i32.const 16)))
          (i32.const 16)))))))
    (local.get 4)"#;

impl Default for Fixture<'_> {
    fn default() -> Self {
        Self {
            types: "",
            signature: "",
            core: "",
            realloc: BUMP,
            options: "",
            returns: "i32",
        }
    }
}

impl Fixture<'_> {
    fn text(&self) -> String {
        let Self {
            types,
            signature,
            core,
            realloc,
            options,
            returns,
        } = self;
        // Address 16 counts the calls of `post_return`.
        format!(
            r#"(component {types}
            (core module $m (memory (export "memory") 1)
              (global $next (mut i32) (i32.const 8192))
              (func $realloc (export "realloc") (param i32 i32 i32 i32) (result i32) (local i32)
                {realloc})
              (func (export "post") (param {returns})
                (i32.store (i32.const 16) (i32.add (i32.const 1) (i32.load (i32.const 16)))))
              {core} (export "f" (func $f)))
            (core instance $m (instantiate $m))
            (func $f {signature} (canon lift (core func $m "f") {options}
              (memory $m "memory") (realloc (func $m "realloc"))
              (post-return (func $m "post"))))
            (export "f" (func $f)))"#
        )
    }

    /// The driver, and the module of the component.
    pub(crate) fn driver(&self) -> (Result<LiftedDriver, UnsupportedFunction>, Vec<u8>) {
        let component = flatten(&self.text()).unwrap_or_else(|error| panic!("{error}"));
        (LiftedDriver::new(&component.functions[0]), component.module)
    }

    pub(crate) fn guest(&self) -> ColumnGuest {
        let (driver, module) = self.driver();
        let driver = driver.unwrap_or_else(|error| panic!("{error}"));
        let linked = driver
            .link("f", &module)
            .unwrap_or_else(|error| panic!("{error}"));
        validate(&linked);
        ColumnGuest::new(&linked, "f", driver.arguments(), driver.result())
    }
}

/// Number of calls of `post_return`.
pub(crate) fn posts(guest: &mut ColumnGuest) -> u8 {
    guest.memory()[16]
}

#[test]
fn numbers_are_passed_as_core_values() {
    let fixture = Fixture {
        signature: r#"(param "a" s64) (param "b" u8) (result s64)"#,
        core: "(func $f (param i64 i32) (result i64)
                 (i64.add (local.get 0) (i64.extend_i32_u (local.get 1))))",
        returns: "i64",
        ..Fixture::default()
    };
    let mut guest = fixture.guest();
    let a = vec![i64(-5), i64(1 << 40), Value::Null, i64(7)];
    let b = vec![u8(200), u8(0), u8(1), Value::Null];
    let result = guest.call(&[a, b], 4).unwrap();
    assert_eq!(result, [i64(195), i64(1 << 40), Value::Null, Value::Null]);
    // Rows with a null are left out, and `post_return` is called for the others.
    assert_eq!(guest.calls().rows, [0, 1]);
    assert_eq!(guest.calls().ended, 2);
    assert_eq!(posts(&mut guest), 2);
}

#[test]
fn constants_are_the_value_of_each_row() {
    let fixture = Fixture {
        signature: r#"(param "a" s64) (param "b" string) (result s64)"#,
        core: "(func $f (param i64 i32 i32) (result i64)
                 (i64.add (local.get 0) (i64.extend_i32_u (local.get 2))))",
        returns: "i64",
        ..Fixture::default()
    };
    let mut guest = fixture.guest();
    let a = vec![i64(1), i64(2), i64(3)];
    let result = guest.call(&[a.clone(), vec![text("four")]], 3).unwrap();
    assert_eq!(result, [i64(5), i64(6), i64(7)]);
    let result = guest.call(&[a, vec![Value::Null]], 3).unwrap();
    assert_eq!(result, [Value::Null, Value::Null, Value::Null]);
}

/// Returns its two parameters.
const SAME_PAIR: &str = "(func $f (param i32 i32) (result i32)
    (i32.store (i32.const 32) (local.get 0)) (i32.store (i32.const 36) (local.get 1))
    (i32.const 32))";

#[test]
fn text_is_passed_in_each_encoding() {
    for encoding in ["utf8", "utf16", "latin1+utf16"] {
        let fixture = Fixture {
            signature: r#"(param "a" string) (result string)"#,
            core: SAME_PAIR,
            options: &format!("string-encoding={encoding}"),
            ..Fixture::default()
        };
        let mut guest = fixture.guest();
        let long = "Größe naïve ".repeat(500) + "€𝄞";
        let rows: Vec<_> = [
            "",
            "a",
            "abcdefghij",
            "äöü",
            "€uro",
            "𝄞 clef",
            "ÿ",
            "Ā",
            &long,
        ]
        .map(text)
        .into_iter()
        .chain([Value::Null])
        .collect();
        let result = guest.call(std::slice::from_ref(&rows), rows.len());
        assert_eq!(result.as_ref(), Ok(&rows), "{encoding}");
        // Buffers of an earlier call are used again.
        assert_eq!(guest.call(std::slice::from_ref(&rows), rows.len()), result);
    }
}

#[test]
fn lists_of_numbers_and_bytes_are_copied() {
    let u32s = |values: &[u32]| Value::List(values.iter().map(|value| u32(*value)).collect());
    let fixture = Fixture {
        signature: r#"(param "a" (list u32)) (result (list u32))"#,
        core: SAME_PAIR,
        ..Fixture::default()
    };
    let many: Vec<_> = (0..10_000).collect();
    let rows = vec![u32s(&[1, 2, 3]), u32s(&[]), Value::Null, u32s(&many)];
    assert_eq!(
        fixture.guest().call(std::slice::from_ref(&rows), 4),
        Ok(rows)
    );

    let fixture = Fixture {
        signature: r#"(param "a" (list u8)) (result (list u8))"#,
        ..fixture
    };
    let bytes = |bytes: &[u8]| Value::Bytes(bytes.to_vec());
    let rows = vec![bytes(&[0xff, 0]), bytes(&[]), bytes(&[0x80; 3000])];
    assert_eq!(
        fixture.guest().call(std::slice::from_ref(&rows), 3),
        Ok(rows)
    );
}

#[test]
fn list_of_records_has_options_and_text() {
    let fixture = Fixture {
        types: r#"(type $r' (record (field "a" (option u32)) (field "b-text" string)))
            (export $r "r" (type $r'))"#,
        signature: r#"(param "a" (list $r)) (result (list $r))"#,
        core: SAME_PAIR,
        ..Fixture::default()
    };
    let mut guest = fixture.guest();
    let record = |a: Option<u32>, b: &str| Value::Struct(vec![a.map_or(Value::Null, u32), text(b)]);
    let rows = vec![
        Value::List(vec![record(Some(7), "seven"), record(None, "")]),
        Value::List(vec![]),
        Value::List(
            (0..300)
                .map(|n| record(Some(n), &"x".repeat(n as usize)))
                .collect(),
        ),
    ];
    assert_eq!(guest.call(std::slice::from_ref(&rows), 3), Ok(rows));
    assert_eq!(posts(&mut guest), 3);
    let (driver, _) = fixture.driver();
    let field = |name: &str, ty, nullable| ColumnField {
        name: name.to_owned(),
        ty,
        nullable,
    };
    let record = ColumnType::Struct(vec![
        field("a", ColumnType::UInt32, true),
        field("b-text", ColumnType::Utf8, false),
    ]);
    let list = ColumnType::List(Box::new(field("item", record, false)));
    assert_eq!(driver.unwrap().arguments(), [field("a", list, false)]);
}

#[test]
fn batches_have_no_row_or_many() {
    let fixture = Fixture {
        signature: r#"(param "a" string) (result string)"#,
        core: SAME_PAIR,
        ..Fixture::default()
    };
    let mut guest = fixture.guest();
    for rows in [0, 1, 7, 8, 9, 64, 65, 1000, 5000] {
        let column: Vec<_> = (0..rows)
            .map(|n| match n % 5 {
                4 => Value::Null,
                _ => text(&format!("row {n}")),
            })
            .collect();
        assert_eq!(
            guest.call(std::slice::from_ref(&column), rows),
            Ok(column),
            "{rows}"
        );
    }
}

#[test]
fn module_has_the_exports_of_abi_1_and_imports_rows_alone() {
    let fixture = Fixture {
        signature: r#"(param "a" string) (result string)"#,
        core: SAME_PAIR,
        ..Fixture::default()
    };
    let (driver, module) = fixture.driver();
    let linked = driver.unwrap().link("other name", &module).unwrap();
    let (mut exports, imports) = surface(&linked);
    exports.sort();
    assert_eq!(
        exports,
        [
            "fusebox_abi_1",
            "fusebox_alloc",
            "fusebox_udf_other name",
            "memory"
        ]
    );
    assert_eq!(
        imports,
        [
            "fusebox.row_begin",
            "fusebox.row_end",
            "fusebox.row_pause",
            "fusebox.row_resume"
        ]
    );
}

#[test]
fn trap_of_the_function_ends_the_call() {
    let fixture = Fixture {
        signature: r#"(param "a" u32) (result u32)"#,
        core: "(func $f (param i32) (result i32) unreachable)",
        ..Fixture::default()
    };
    let mut guest = fixture.guest();
    assert_eq!(guest.call(&[vec![u32(1)]], 1), Err(Stop::Trap));
}
