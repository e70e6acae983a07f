//! Blocks of memory of a driver.

use super::companions::Companions;

/// Class of AssemblyScript's `ArrayBuffer`.
pub(super) const ARRAY_BUFFER: u32 = 1;

/// Class of AssemblyScript's `String`.
pub(super) const STRING: u32 = 2;

/// Globals and functions that do not depend on the module.
const ALLOCATOR: &str = include_str!("allocator.wat");

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
///
/// The guest's own allocator is asked if there is one: those of AssemblyScript, TinyGo and
/// Emscripten take all of the memory up to its end for theirs. One that returns no block, or one
/// that is not free, is not asked for anything but arguments, where the row fails.
pub(super) fn functions(companions: &Companions, has_scratch: bool) -> String {
    let mut text = ALLOCATOR.to_owned();
    text += match has_scratch {
        true => SCRATCH,
        false => "(func $alloc_scratch (result i32) (i32.const 1))\n",
    };
    let Some(allocator) = &companions.allocator else {
        text += "(func $obtain (param $bytes i32) (result i32) (call $grow (local.get $bytes)))\n";
        return text;
    };
    let allocate = allocator.allocate("(local.get $all)", ARRAY_BUFFER);
    let pin = match companions.pin {
        Some(_) => "(local.set $at (call $pin (local.get $at)))\n",
        None => "",
    };
    text += &format!(
        "(func $obtain (param $bytes i32) (result i32) (local $all i32) (local $at i32)
  (if (i32.gt_u (local.get $bytes) (i32.const 0x7fff0000)) (then (return (i32.const 0))))
  (local.set $all (i32.add (local.get $bytes) (i32.const 64)))
  (local.set $at {allocate})
  (if (i32.or (i32.eqz (local.get $at))
        (i32.or (i32.eqz (call $is_inside (local.get $at) (local.get $all)))
          (call $is_own (local.get $at) (local.get $all))))
    (then (return (call $grow (local.get $bytes)))))
  {pin}(local.set $at (i32.and (i32.add (local.get $at) (i32.const 63)) (i32.const -64)))
  (global.set $block_end (i32.add (local.get $at) (local.get $bytes)))
  (local.get $at))\n"
    );
    text
}
