/**
 * Bundled example in AssemblyScript: plain functions over numbers and text, and a function
 * over columns.
 *
 * The guests in C, Zig and Go have functions of the same names, which give the same answers.
 * The statements are in sql-tests/slt/languages.slt.
 */
import { Column, F64Result, status } from "../../udf-sdk/assemblyscript/fusebox";
export { fusebox_abi_1, fusebox_alloc } from "../../udf-sdk/assemblyscript/fusebox";

/** The greatest common divisor, by Euclid's algorithm. */
export function gcd(a: i64, b: i64): i64 {
  let x = <u64>(a < 0 ? -a : a);
  let y = <u64>(b < 0 ? -b : b);
  while (y != 0) {
    const rest = x % y;
    x = y;
    y = rest;
  }
  return <i64>x;
}

/** The number of steps of the Collatz sequence from n until it is at most 1. */
export function collatz_steps(n: i64): i32 {
  let steps = 0;
  for (; n > 1; steps++) n = n % 2 != 0 ? n * 3 + 1 : n / 2;
  return steps;
}

/**
 * The first letters of the words of a text, in upper case; other first characters than ASCII
 * letters are left out.
 */
export function initials(text: string): string {
  let letters = "";
  for (let i = 0; i < text.length; i++) {
    const upper = text.charCodeAt(i) & ~0x20;
    const isFirst = i == 0 || text.charCodeAt(i - 1) == 0x20;
    if (isFirst && upper >= 0x41 && upper <= 0x5a) letters += String.fromCharCode(upper);
  }
  return letters;
}

/**
 * The mean distance between two of the numbers that are not null; null if fewer than two are.
 * The rows share the fuel of the call.
 */
export function fusebox_udf_mean_distance(args: usize, rows: i32, result: usize): i32 {
  const a = new Column(args, 0);
  const b = new Column(args, 1);
  const c = new Column(args, 2);
  const out = new F64Result(result, rows);
  for (let row = 0; row < rows; row++) {
    let sum = 0.0;
    let pairs = 0;
    if (!a.isNull(row) && !b.isNull(row)) {
      sum += abs(a.f64(row) - b.f64(row));
      pairs++;
    }
    if (!b.isNull(row) && !c.isNull(row)) {
      sum += abs(b.f64(row) - c.f64(row));
      pairs++;
    }
    if (!c.isNull(row) && !a.isNull(row)) {
      sum += abs(c.f64(row) - a.f64(row));
      pairs++;
    }
    if (pairs > 0) out.put(row, sum / <f64>pairs);
    else out.putNull(row);
  }
  return status.OK;
}
