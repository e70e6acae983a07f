//! Memory of a driver, from the guest's allocator or from new pages.

/// Globals and functions that do not depend on the module.
const ALLOCATOR: &str = include_str!("allocator.wat");

/// Returns the functions that allocate blocks of a driver. `allocator` is the call of the guest's
/// for `$all` bytes, and what keeps the block at `$at`.
///
/// The guest's own allocator is asked if there is one: those of AssemblyScript, TinyGo and
/// Emscripten take all of the memory up to its end for theirs. One that returns no block, or one
/// that is not free, is not asked for anything but arguments, where the row fails.
pub(crate) fn blocks(allocator: Option<(&str, &str)>) -> String {
    let mut text = ALLOCATOR.to_owned();
    let Some((allocate, keep)) = allocator else {
        text += "(func $obtain (param $bytes i32) (result i32) (call $grow (local.get $bytes)))\n";
        return text;
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
  {keep}(local.set $at (i32.and (i32.add (local.get $at) (i32.const 63)) (i32.const -64)))
  (global.set $block_end (i32.add (local.get $at) (local.get $bytes)))
  (local.get $at))\n"
    );
    text
}
