//! Modules and components, linked to what they import and to drivers.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    fusebox_fuzz_targets::link(data);
});
