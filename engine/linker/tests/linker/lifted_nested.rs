//! Drivers of lifted functions: nested types, parameters in memory, and refused types.

use crate::columns::{Stop, Value, i64, text, u8, u32};
use crate::lifted::Fixture;

/// Returns the address and the length of its parameters.
const SAME_PAIR: &str = "(func $f (param i32 i32) (result i32)
    (i32.store (i32.const 32) (local.get 0)) (i32.store (i32.const 36) (local.get 1))
    (i32.const 32))";

/// Passes a column through the identity over a list.
fn same_list(types: &str, ty: &str, encoding: &str, column: &[Value]) -> Result<Vec<Value>, Stop> {
    let fixture = Fixture {
        types,
        signature: &format!("(param \"a\" {ty}) (result {ty})"),
        core: SAME_PAIR,
        options: &format!("string-encoding={encoding}"),
        ..Fixture::default()
    };
    fixture.guest().call(&[column.to_vec()], column.len())
}

fn list(values: impl IntoIterator<Item = Value>) -> Value {
    Value::List(values.into_iter().collect())
}

#[test]
fn lists_of_lists_of_text() {
    let column = vec![
        list([
            list(["a", "bc", ""].map(text)),
            list([]),
            list([text("Ünïcode €")]),
        ]),
        list([]),
        Value::Null,
        list((0..50).map(|n| list((0..n).map(|m| text(&format!("{n}/{m}")))))),
    ];
    for encoding in ["utf8", "utf16", "latin1+utf16"] {
        let result = same_list("", "(list (list string))", encoding, &column);
        assert_eq!(result, Ok(column.clone()), "{encoding}");
    }
}

#[test]
fn lists_of_each_kind() {
    for (ty, values) in [
        ("bool", [true, false, true].map(Value::Bool).to_vec()),
        ("char", ["a", "€", "𝄞"].map(text).to_vec()),
        ("s8", [u8(1), u8(255)].to_vec()),
        ("f64", [i64(1), i64(-1)].to_vec()),
        ("(option u8)", vec![u8(1), Value::Null, u8(3)]),
        (
            "(option bool)",
            vec![Value::Null, Value::Bool(true), Value::Bool(false)],
        ),
        ("(option string)", vec![text(""), Value::Null, text("x")]),
        (
            "(list u8)",
            vec![Value::Bytes(vec![1, 2]), Value::Bytes(vec![])],
        ),
        (
            "(option (list u32))",
            vec![Value::Null, list([u32(1), u32(2)]), list([])],
        ),
        (
            "(tuple bool u64 string)",
            vec![Value::Struct(vec![Value::Bool(true), i64(5), text("y")])],
        ),
        (
            "(option (tuple u8 (list string)))",
            vec![
                Value::Null,
                Value::Struct(vec![u8(5), list([text("y")])]),
                Value::Null,
            ],
        ),
    ] {
        let many = list(values.iter().cloned().cycle().take(200));
        let column = vec![
            list(values.clone()),
            list([]),
            Value::Null,
            many,
            list(values),
        ];
        let result = same_list("", &format!("(list {ty})"), "utf8", &column);
        assert_eq!(result, Ok(column), "{ty}");
    }
}

#[test]
fn null_in_a_part_that_is_no_option_fails_the_row() {
    let types = r#"(type $r' (record (field "x" u32) (field "y" string)))
        (export $r "r" (type $r'))"#;
    for (ty, value, place) in [
        ("(list u32)", list([u32(1), Value::Null]), "a[]"),
        ("(list string)", list([text("x"), Value::Null]), "a[]"),
        ("(list (list u8))", list([Value::Null]), "a[]"),
        ("(list $r)", list([Value::Null]), "a[]"),
        (
            "(list $r)",
            list([Value::Struct(vec![u32(1), Value::Null])]),
            "a[].y",
        ),
        (
            "(list (tuple u32 u32))",
            list([Value::Struct(vec![u32(1), Value::Null])]),
            "a[].1",
        ),
    ] {
        let first = list([]);
        let Err(Stop::Failure(row, message)) = same_list(types, ty, "utf8", &[first, value]) else {
            panic!("{ty}");
        };
        assert_eq!(row, 1);
        assert_eq!(
            message,
            format!(
                "expected no null in argument `{place}`, found one; pass a value, or declare an \
                 option"
            )
        );
    }
}

#[test]
fn more_than_16_core_parameters_are_in_memory() {
    let parameters: String = (0..15).map(|n| format!("(param \"p{n}\" u8) ")).collect();
    // Returns the sum of the first parameters, and the text.
    let core = "(func $f (param i32) (result i32) (local i32 i32)
        (loop $next
          (local.set 2 (i32.add (local.get 2)
            (i32.load8_u (i32.add (local.get 0) (local.get 1)))))
          (local.set 1 (i32.add (local.get 1) (i32.const 1)))
          (br_if $next (i32.lt_u (local.get 1) (i32.const 15))))
        (i64.store (i32.const 36) (i64.load offset=16 (local.get 0)))
        (i32.store (i32.const 32) (local.get 2)) (i32.const 32))";
    let fixture = Fixture {
        signature: &format!("{parameters} (param \"t\" string) (result (tuple u32 string))"),
        core,
        ..Fixture::default()
    };
    let mut columns: Vec<_> = (0..15).map(|n| vec![u8(n), u8(100 + n), u8(1)]).collect();
    columns.push(vec![text("one"), text("two"), Value::Null]);
    // A constant is the same in each row.
    columns[3] = vec![u8(3)];
    let result = fixture.guest().call(&columns, 3).unwrap();
    let row = |sum, t: &str| Value::Struct(vec![u32(sum), text(t)]);
    assert_eq!(result, [row(105, "one"), row(1505, "two"), Value::Null]);
}

#[test]
fn options_of_structs_and_text_in_memory() {
    let types = r#"(type $r' (record (field "n" u64) (field "t" (option string))))
        (export $r "r" (type $r'))"#;
    let many = "(param \"o\" (tuple u8 u8 u8 u8 u8 u8 u8 u8 u8 u8 u8 u8 u8 u8 u8 u8))";
    let fixture = Fixture {
        types,
        signature: &format!("(param \"a\" (option $r)) {many} (result (option $r))"),
        core: "(func $f (param i32) (result i32) (local.get 0))",
        ..Fixture::default()
    };
    let column = vec![
        Value::Null,
        Value::Struct(vec![i64(1), text("x")]),
        Value::Struct(vec![i64(-1), Value::Null]),
    ];
    let many = Value::Struct((0..16).map(u8).collect());
    let result = fixture.guest().call(&[column.clone(), vec![many]], 3);
    assert_eq!(result, Ok(column));
}

#[test]
fn text_and_result_of_a_list() {
    // Splits a text into its bytes.
    let core = "(func $f (param i32 i32) (result i32) (local i32 i32)
        (if (i32.eqz (local.get 1)) (then
          (i32.store (i32.const 32) (i32.const 1))
          (i32.store (i32.const 36) (i32.const 64)) (i32.store (i32.const 40) (i32.const 5))
          (return (i32.const 32))))
        (local.set 2 (call $realloc (i32.const 0) (i32.const 0) (i32.const 4)
          (i32.mul (local.get 1) (i32.const 8))))
        (i32.store (i32.const 32) (i32.const 0)) (i32.store (i32.const 36) (local.get 2))
        (i32.store (i32.const 40) (local.get 1))
        (loop $next
          (i32.store (i32.add (local.get 2) (i32.mul (local.get 3) (i32.const 8)))
            (i32.add (local.get 0) (local.get 3)))
          (i32.store offset=4 (i32.add (local.get 2) (i32.mul (local.get 3) (i32.const 8)))
            (i32.const 1))
          (local.set 3 (i32.add (local.get 3) (i32.const 1)))
          (br_if $next (i32.lt_u (local.get 3) (local.get 1))))
        (i32.const 32))
        (data (i32.const 64) \"empty\")";
    let fixture = Fixture {
        signature: r#"(param "a" string) (result (result (list string) (error string)))"#,
        core,
        ..Fixture::default()
    };
    let mut guest = fixture.guest();
    let result = guest.call(&[vec![text("abc"), Value::Null, text("d")]], 3);
    let expected = [
        list(["a", "b", "c"].map(text)),
        Value::Null,
        list([text("d")]),
    ];
    assert_eq!(result, Ok(expected.to_vec()));
    let result = guest.call(&[vec![text("abc"), text("")]], 2);
    assert_eq!(result, Err(Stop::Failure(1, "empty".to_owned())));
    // Characters are cut.
    let Err(Stop::Failure(1, message)) = guest.call(&[vec![text("abc"), text("xé")]], 2) else {
        panic!("it fails");
    };
    assert_eq!(
        message,
        "expected UTF-8 in `result[]`, found another byte at position 0"
    );
}

/// Returns the reason for refusing a function.
fn refused(types: &str, signature: &str, core: &str) -> String {
    let fixture = Fixture {
        types,
        signature,
        core,
        ..Fixture::default()
    };
    let (driver, _) = fixture.driver();
    driver.unwrap_err().to_string()
}

#[test]
fn types_without_a_column_are_refused_by_name() {
    let message = |ty: &str, place: &str, hint: &str| {
        format!("passes {ty} in argument `{place}`, expected a type that has a column; {hint}")
    };
    for (types, ty, expected) in [
        (
            "",
            "(option (option u8))",
            message("an option of an option", "a[]", "use one option"),
        ),
        (
            "",
            "(tuple u8 (result u8))",
            message("a result", "a[].1", "return a result of the whole"),
        ),
        (
            r#"(type $t' (flags "x" "y")) (export $t "t" (type $t'))"#,
            "$t",
            message("flags", "a[]", "use a record of bools"),
        ),
        (
            r#"(type $t' (variant (case "x" u8) (case "y"))) (export $t "t" (type $t'))"#,
            "$t",
            message("a variant", "a[]", "use a record of options"),
        ),
    ] {
        let signature = format!("(param \"a\" (list {ty})) (result u8)");
        let core = "(func $f (param i32 i32) (result i32) unreachable)";
        assert_eq!(refused(types, &signature, core), expected);
    }
}

#[test]
fn types_are_limited() {
    let core = "(func $f (param i32 i32) (result i32) unreachable)";
    let nested = |levels: usize| {
        let (open, close) = ("(list ".repeat(levels), ")".repeat(levels));
        format!("(param \"a\" {open}bool{close}) (result bool)")
    };
    let fixture = |signature: &str| {
        Fixture {
            signature,
            core,
            ..Fixture::default()
        }
        .driver()
        .0
        .is_ok()
    };
    assert!(fixture(&nested(31)));
    assert_eq!(
        refused("", &nested(32), core),
        format!(
            "passes a type of more than 32 levels in argument `a{}`; flatten it",
            "[]".repeat(32)
        )
    );
    let wide = |fields: usize| {
        let fields = " bool".repeat(fields);
        format!("(param \"a\" (list (tuple{fields}))) (result bool)")
    };
    // With the list, the tuple and the result.
    assert!(fixture(&wide(1_021)));
    assert_eq!(
        refused("", &wide(1_022), core),
        "has more than 1024 types in its parameters and its result; pass less"
    );
}
