//! Results in guest memory.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    fusebox_fuzz_targets::lift(data);
});
