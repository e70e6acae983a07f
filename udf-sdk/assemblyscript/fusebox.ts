/**
 * ABI 1 of Fusebox for AssemblyScript: functions over columns.
 *
 * Plain functions over numbers and strings need nothing of this file. The rustdoc of
 * `udf-sdk/abi` is the specification. A module with column functions exports the functions of
 * this file again:
 *
 *   export { fusebox_abi_1, fusebox_alloc } from "./fusebox";
 */

/** Statuses of a call. */
export namespace status {
  export const OK: i32 = 0;
  export const FAILURE: i32 = 1;
}

/** Begins a row, which has the fuel of a row from here on. */
@external("fusebox", "row_begin")
export declare function row_begin(row: i32): void;

/** Ends a row with so many bytes of text. */
@external("fusebox", "row_end")
export declare function row_end(bytes: i32): void;

/** Returns the metering mode of the call: 0 if each row has to be begun. */
@external("fusebox", "metering_mode")
export declare function metering_mode(): i32;

/** Logs a message in UTF-8. */
@external("fusebox", "log")
export declare function log(message: usize, bytes: i32): void;

/** Marks a module of ABI 1; never called. */
export function fusebox_abi_1(): void {}

// The arena, and after it memory for the results of a call.
let arena: usize = 0;
let floor: usize = 0;
let next: usize = 0;
let end: usize = 0;

const ALIGNMENT: usize = 64;

/** Allocates the arena of the arguments, in place of the previous one. */
export function fusebox_alloc(bytes: i32): usize {
  const size = (<usize>bytes + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
  if (size > end - arena) {
    arena = (heap.alloc(size + ALIGNMENT) + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
    end = arena + size;
  }
  floor = next = arena + size;
  return arena;
}

/** Takes memory that lives until the next call. */
function take(bytes: usize): usize {
  const size = (bytes + 15) & ~15;
  if (size > end - next) return heap.alloc(size);
  next += size;
  return next - size;
}

// Offsets in an ArrowArray.
const LENGTH: usize = 0;
const N_BUFFERS: usize = 24;
const BUFFERS: usize = 40;
const ARRAY_BYTES: usize = 64;

/** An argument column. A constant has one row, which is the value of every row. */
@final
export class Column {
  private validity: usize;
  private values: usize;
  private data: usize;
  private mask: i32;

  /** The argument of a number, from 0. */
  constructor(args: usize, index: i32) {
    const array = args + <usize>index * ARRAY_BYTES;
    const buffers = load<usize>(array, BUFFERS);
    this.validity = load<usize>(buffers);
    this.values = load<usize>(buffers, 4);
    this.data = load<i64>(array, N_BUFFERS) == 3 ? load<usize>(buffers, 8) : 0;
    this.mask = load<i64>(array, LENGTH) == 1 ? 0 : -1;
  }

  isNull(row: i32): bool {
    row &= this.mask;
    const validity = this.validity;
    return validity != 0 && !((load<u8>(validity + (row >> 3)) >> (<u8>row & 7)) & 1);
  }

  i32(row: i32): i32 {
    return load<i32>(this.values + ((<usize>(row & this.mask)) << 2));
  }

  i64(row: i32): i64 {
    return load<i64>(this.values + ((<usize>(row & this.mask)) << 3));
  }

  f64(row: i32): f64 {
    return load<f64>(this.values + ((<usize>(row & this.mask)) << 3));
  }

  /** A text, copied. */
  text(row: i32): string {
    const offsets = this.values + ((<usize>(row & this.mask)) << 2);
    const start = load<i32>(offsets);
    return String.UTF8.decodeUnsafe(this.data + <usize>start, load<i32>(offsets, 4) - start);
  }
}

/** Begins a result of so many rows, none of which is null yet, and returns its buffers. */
function begin(result: usize, rows: i32, rowBytes: i32): usize {
  next = floor;
  const bitmapBytes = (<usize>rows + 7) >> 3;
  const buffers = take(8);
  const validity = take(bitmapBytes);
  memory.fill(validity, 0xff, bitmapBytes);
  store<usize>(buffers, validity);
  store<usize>(buffers, take(<usize>rows * <usize>rowBytes), 4);
  store<i64>(result, <i64>rows, LENGTH);
  store<i64>(result, 2, N_BUFFERS);
  store<usize>(result, buffers, BUFFERS);
  return buffers;
}

function setNull(buffers: usize, row: i32): void {
  const byte = load<usize>(buffers) + (<usize>row >> 3);
  store<u8>(byte, load<u8>(byte) & ~(1 << (<u8>row & 7)));
}

/** A result column of DOUBLE. */
@final
export class F64Result {
  private buffers: usize;

  constructor(result: usize, rows: i32) {
    this.buffers = begin(result, rows, 8);
  }

  put(row: i32, value: f64): void {
    store<f64>(load<usize>(this.buffers, 4) + (<usize>row << 3), value);
  }

  putNull(row: i32): void {
    setNull(this.buffers, row);
    this.put(row, 0);
  }
}

/** A result column of BIGINT. */
@final
export class I64Result {
  private buffers: usize;

  constructor(result: usize, rows: i32) {
    this.buffers = begin(result, rows, 8);
  }

  put(row: i32, value: i64): void {
    store<i64>(load<usize>(this.buffers, 4) + (<usize>row << 3), value);
  }

  putNull(row: i32): void {
    setNull(this.buffers, row);
    this.put(row, 0);
  }
}
