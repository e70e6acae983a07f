//! Blocks of memory of a driver.

use super::companions::Companions;
use crate::driver::blocks;

/// Class of AssemblyScript's `ArrayBuffer`.
pub(super) const ARRAY_BUFFER: u32 = 1;

/// Class of AssemblyScript's `String`.
pub(super) const STRING: u32 = 2;

/// Blocks for results.
const REGION: &str = include_str!("region.wat");

/// Block for the arguments of a row.
const SCRATCH: &str = "
(func $alloc_scratch (result i32)
  (if (global.get $scratch) (then (return (i32.const 1))))
  (global.set $scratch (call $obtain (i32.const 4096)))
  (if (i32.eqz (global.get $scratch)) (then (return (i32.const 0))))
  (memory.fill (global.get $scratch) (i32.const 0) (i32.const 4096))
  (i32.const 1))
";

/// Returns the functions that allocate blocks.
pub(super) fn functions(companions: &Companions, has_scratch: bool) -> String {
    let allocator = companions.allocator.as_ref().map(|allocator| {
        let block = allocator.allocate("(local.get $all)", ARRAY_BUFFER);
        match companions.pin {
            Some(_) => (block, "(local.set $at (call $pin (local.get $at)))\n"),
            None => (block, ""),
        }
    });
    let allocator = allocator
        .as_ref()
        .map(|(block, pin)| (block.as_str(), *pin));
    let mut text = blocks(allocator);
    text += REGION;
    text += match has_scratch {
        true => SCRATCH,
        false => "(func $alloc_scratch (result i32) (i32.const 1))\n",
    };
    text
}
