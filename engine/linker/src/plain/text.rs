//! Parts of a driver's text.

use std::fmt::Write as _;

use wasmparser::ValType;

use super::plain_type::PlainType;

/// Bytes of a bit for each row.
pub(super) const BITMAP_BYTES: &str =
    "(i32.shr_u (i32.add (local.get $rows) (i32.const 7)) (i32.const 3))";

/// Pushes the bit of a row of an argument.
pub(super) fn bit(bits: &str, k: usize) -> String {
    let row = format!("(i32.and (local.get $row) (local.get $m{k}))");
    format!(
        "(i32.and (i32.const 1) (i32.shr_u\n\
         (i32.load8_u (i32.add {bits} (i32.shr_u {row} (i32.const 3))))\n\
         (i32.and {row} (i32.const 7))))"
    )
}

/// Sets the bit of the row among those at the address in a local.
pub(super) fn set_bit(local: &str) -> String {
    format!(
        "(local.set $at (i32.add (local.get {local}) (i32.shr_u (local.get $row) (i32.const 3))))\n\
         (i32.store8 (local.get $at) (i32.or (i32.load8_u (local.get $at))\n\
         (i32.shl (i32.const 1) (i32.and (local.get $row) (i32.const 7)))))\n"
    )
}

/// Pushes the argument of a row.
pub(super) fn load(ty: PlainType, wasm: ValType, k: usize) -> String {
    load_after(ty, wasm, k, 0)
}

/// Pushes the argument of the row that is so many rows after the current one: none for bits.
pub(super) fn load_after(ty: PlainType, wasm: ValType, k: usize, rows: u32) -> String {
    let at = format!("{} (local.get $v{k})", offset(ty, rows));
    match (ty, wasm) {
        (PlainType::Boolean, ValType::I32) => bit(&at, k) + "\n",
        (PlainType::Boolean, _) => format!("(i64.extend_i32_u {})\n", bit(&at, k)),
        (PlainType::Float32, ValType::F64) => format!("(f64.promote_f32 (f32.load {at}))\n"),
        (PlainType::Float32 | PlainType::Float64, _) => format!("({wasm}.load {at})\n"),
        (ty, wasm) => {
            let bits = 8 << ty.size_log2();
            let sign = if ty.is_signed() { "s" } else { "u" };
            let width = match wasm {
                ValType::I32 => 32,
                _ => 64,
            };
            match bits == width {
                true => format!("({wasm}.load {at})\n"),
                false => format!("({wasm}.load{bits}_{sign} {at})\n"),
            }
        }
    }
}

/// Stores the result of a row, which is in its range.
pub(super) fn store(ty: PlainType, wasm: ValType, k: usize) -> String {
    store_after(ty, wasm, k, 0)
}

/// Stores the result of the row that is so many rows after the current one.
pub(super) fn store_after(ty: PlainType, wasm: ValType, k: usize, rows: u32) -> String {
    let at = format!("{} (local.get $p{k})", offset(ty, rows));
    let value = format!("(local.get $r{k})");
    match (ty, wasm) {
        (PlainType::Float64, ValType::F32) => {
            format!("(f64.store {at} (f64.promote_f32 {value}))\n")
        }
        (PlainType::Float32 | PlainType::Float64, _) => format!("({wasm}.store {at} {value})\n"),
        (ty, wasm) => {
            let bits = 8 << ty.size_log2();
            let is_whole = matches!((wasm, bits), (ValType::I32, 32) | (ValType::I64, 64));
            let width = if is_whole {
                String::new()
            } else {
                bits.to_string()
            };
            format!("({wasm}.store{width} {at} {value})\n")
        }
    }
}

/// Returns the offset of a row's value from that of the current row.
fn offset(ty: PlainType, rows: u32) -> String {
    match rows {
        0 => String::new(),
        rows => format!("offset={}", rows << ty.size_log2()),
    }
}

/// Returns the condition that a result is out of range, if it can be.
pub(super) fn range_check(ty: PlainType, wasm: ValType, k: usize) -> Option<String> {
    let width = match wasm {
        ValType::I32 => 32,
        ValType::I64 => 64,
        _ => return None,
    };
    let bits = 8_u32 << ty.size_log2();
    if ty == PlainType::Boolean || bits == width {
        return None;
    }
    let value = format!("(local.get $r{k})");
    Some(match ty.is_signed() {
        true => format!("({wasm}.ne {value} ({wasm}.extend{bits}_s {value}))"),
        false => {
            let max = (1_u64 << bits) - 1;
            format!("({wasm}.gt_u {value} ({wasm}.const {max}))")
        }
    })
}

/// Returns from the driver with a failure of the row.
pub(super) fn failure(message: &str) -> String {
    let length = message.len();
    let mut text = format!(
        "(local.set $at (call $take (i32.const {})))\n",
        length.next_multiple_of(8)
    );
    for (number, chunk) in message.as_bytes().chunks(8).enumerate() {
        let mut bytes = [0; 8];
        bytes[..chunk.len()].copy_from_slice(chunk);
        let _ = writeln!(
            text,
            "(i64.store offset={} (local.get $at) (i64.const {}))",
            number * 8,
            i64::from_le_bytes(bytes)
        );
    }
    let _ = write!(
        text,
        "(i64.store (local.get $result) (i64.extend_i32_u (local.get $row)))\n\
         (i32.store offset=8 (local.get $result) (local.get $at))\n\
         (i32.store offset=12 (local.get $result) (i32.const {length}))\n\
         (return (i32.const 1))"
    );
    text
}
