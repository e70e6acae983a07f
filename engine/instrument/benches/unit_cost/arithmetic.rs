//! Arithmetic of high latency.

use super::{Guest, TURNS, count, guest, run};

/// Chains an operation with a constant operand, 16 times in an iteration.
fn chain(name: &'static str, ty: &str, first: &str, operation: &str, second: &str) -> Guest {
    let body =
        format!("({operation} ").repeat(16) + "(local.get $v)" + &format!(" {second})").repeat(16);
    let body = format!(
        "(local.set $v {first}) {}",
        count(16, TURNS, &format!("(local.set $v {body})"))
    );
    guest(name, false, 1, &run(&format!("(local $v {ty})"), &body))
}

/// Chains a division by a divisor that is loaded, so that the compiler does not know it.
fn divide(name: &'static str, ty: &str, first: &str, operation: &str) -> Guest {
    let divided =
        format!("({operation} ").repeat(16) + "(local.get $v)" + &" (local.get $d))".repeat(16);
    let again = format!("(local.set $v ({ty}.or {divided} {first}))");
    let body = format!(
        "(local.set $v {first})
         (local.set $d ({ty}.or ({ty}.load (i32.const 0)) ({ty}.const 1))) {}",
        count(16, TURNS, &again)
    );
    guest(
        name,
        false,
        1,
        &run(&format!("(local $v {ty}) (local $d {ty})"), &body),
    )
}

pub(super) fn guests() -> Vec<Guest> {
    let mut guests = scalars();
    guests.extend(lanes());
    guests
}

fn scalars() -> Vec<Guest> {
    let (tiny, large) = ("(f64.const 0x1p-1060)", "(f64.const 0x1.8p900)");
    let almost = "(f64.const 0.999)";
    vec![
        divide(
            "i64_div_s",
            "i64",
            "(i64.const -9223372036854775807)",
            "i64.div_s",
        ),
        divide("i64_rem_u", "i64", "(i64.const -1)", "i64.rem_u"),
        divide("i32_div_u", "i32", "(i32.const -1)", "i32.div_u"),
        chain("f64_div", "f64", large, "f64.div", "(f64.const 1.1)"),
        chain("f64_sqrt", "f64", large, "f64.sqrt", ""),
        chain("f64_nearest", "f64", "(f64.const 1.5)", "f64.nearest", ""),
        chain("f64_mul_denormal", "f64", tiny, "f64.mul", almost),
        chain(
            "f64_add_denormal",
            "f64",
            tiny,
            "f64.add",
            "(f64.const 0x1p-1062)",
        ),
        chain(
            "f64_min",
            "f64",
            "(f64.const 1.5)",
            "f64.min",
            "(f64.const 1.25)",
        ),
        chain("i64_popcnt", "i64", "(i64.const -1)", "i64.popcnt", ""),
    ]
}

fn lanes() -> Vec<Guest> {
    let both = |value: &str| format!("(v128.const f64x2 {value} {value})");
    let (tiny, large) = (both("0x1p-1060"), both("0x1.8p900"));
    let (more, almost) = (both("1.1"), both("0.999"));
    vec![
        chain("f64x2_div", "v128", &large, "f64x2.div", &more),
        chain("f64x2_sqrt", "v128", &large, "f64x2.sqrt", ""),
        chain("f64x2_mul_denormal", "v128", &tiny, "f64x2.mul", &almost),
        chain("i64x2_mul", "v128", &large, "i64x2.mul", &more),
        chain("i8x16_popcnt", "v128", &large, "i8x16.popcnt", ""),
        chain("i8x16_swizzle", "v128", &large, "i8x16.swizzle", &more),
    ]
}
