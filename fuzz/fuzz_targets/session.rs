//! Sessions of random statements.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    fusebox_sql_tests::fuzz_session(data);
});
