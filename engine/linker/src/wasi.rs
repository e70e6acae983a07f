//! Providers of this crate: deterministic WASI previews 1 and 2, and what compilers import beside
//! them.
//!
//! A guest is alone in the world: no files, no environment, no arguments, no network, but those
//! [granted](Grants), which are constants. What it writes to the descriptors 1 and 2 is its log.
//! Clock and random numbers begin again at each row.
//!
//! The linked module has these exports, as far as it needs them:
//!
//! | export | type | purpose |
//! |---|---|---|
//! | [`EXPORT_CLOCK`] | mutable `i64` | time at the beginning of a row, in nanoseconds since 1970 |
//! | [`EXPORT_SEED`] | mutable `i64` | seed of the random numbers of a row |
//! | [`EXPORT_EXIT_CODE`] | mutable `i64` | code of `proc_exit`, or -1 |
//! | [`EXPORT_ROW`] | `() -> ()` | begins a row: resets clock and random numbers |
//!
//! The host sets clock and seed after the initialization of an instance, not before: what the
//! initialization leaves behind is then the same for all statements. A function whose
//! [`AmbientInputs`](crate::AmbientInputs) are not empty is stable at best.
//!
//! Imports of `env` that are provided: `abort`, `seed` and `Date.now` of AssemblyScript, and those
//! of Emscripten that need no host, all of which are in `emscripten.wat`. Guests cannot import
//! names with a colon, by which the providers share their state.

// Constants that a function may read: environment, files and seed.
mod grants;

// The provider of preview 1 that serves them.
mod granted;

use std::sync::LazyLock;

pub use grants::{Grants, GrantsError};

/// Exported global: time at the beginning of a row, in nanoseconds since 1970. The host sets it
/// to the timestamp of the statement.
pub const EXPORT_CLOCK: &str = "fusebox:clock";

/// Export of a linked driver: the global [`EXPORT_CLOCK`] of the module that it drives.
pub const EXPORT_DRIVER_CLOCK: &str = "fusebox_clock";

/// Exported global: seed of the random numbers of a row.
pub const EXPORT_SEED: &str = "fusebox:seed";

/// Exported global: the code with which the guest called `proc_exit`, which then traps; or -1.
pub const EXPORT_EXIT_CODE: &str = "fusebox:exit_code";

/// Exported function `() -> ()`: sets the clock to [`EXPORT_CLOCK`], and the random numbers to
/// their beginning.
pub const EXPORT_ROW: &str = "fusebox:row";

/// Global that holds the time. Whatever depends on the clock refers to it.
pub(crate) const STATE_CLOCK: &str = "internal:now";

/// Global that holds the state of the generator of random numbers.
pub(crate) const STATE_RANDOM: &str = "internal:random";

/// Name of preview 1.
pub(crate) const PREVIEW1: &str = "wasi_snapshot_preview1";

/// Text of all providers of preview 1, up to environment and files.
const COMMON: &str = include_str!("wasi/preview1.wat");

/// Names and modules, in the text format.
const PROVIDERS: [(&str, &[&str]); 3] = [
    (PREVIEW1, &[COMMON, include_str!("wasi/alone.wat"), ")"]),
    ("env", &[include_str!("wasi/assemblyscript.wat")]),
    ("env", &[include_str!("wasi/emscripten.wat")]),
];

/// Returns the providers, translated once for a process: names and modules.
pub(crate) fn providers() -> &'static [(&'static str, Vec<u8>)] {
    static TRANSLATED: LazyLock<Vec<(&str, Vec<u8>)>> = LazyLock::new(|| {
        let translated = |(name, text): (_, &[&str])| (name, translated(&text.concat()));
        PROVIDERS.into_iter().map(translated).collect()
    });
    &TRANSLATED
}

/// Returns the provider of WASI preview 2 for components, translated once for a process. Its
/// exports are named `wasi/io/poll#poll`: by interface without a version, and function.
pub(crate) fn preview2() -> &'static [u8] {
    static TRANSLATED: LazyLock<Vec<u8>> =
        LazyLock::new(|| translated(include_str!("wasi/preview2.wat")));
    &TRANSLATED
}

fn translated(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("a provider is valid text")
}

/// Writes a driver's import and export of the clock of the module that it drives.
pub(crate) fn clock(module: &str) -> String {
    format!(
        "(import \"{module}\" \"{EXPORT_CLOCK}\" (global $clock (mut i64)))\n\
         (export \"{EXPORT_DRIVER_CLOCK}\" (global $clock))\n"
    )
}

#[cfg(test)]
mod tests {
    use wasmparser::{Parser, Payload};

    use super::*;

    /// Functions that a module may import, one on each line: module and name; those of preview 2
    /// by interface. A release keeps each: they are added to, and never removed.
    const PROVIDED: &str = include_str!("wasi/imports.txt");

    /// Returns the exports of a provider, apart from those for the host and other providers.
    fn exports(bytes: &[u8]) -> Vec<String> {
        let mut names = Vec::new();
        for payload in Parser::new(0).parse_all(bytes) {
            if let Payload::ExportSection(exports) = payload.unwrap() {
                names.extend(
                    exports
                        .into_iter()
                        .map(|export| export.unwrap().name.to_owned()),
                );
            }
        }
        names.retain(|name| !name.starts_with("fusebox:") && !name.starts_with("internal:"));
        names.sort();
        names
    }

    #[test]
    fn provided_functions_are_those_of_all_releases() {
        let mut provided = Vec::new();
        for (module, bytes) in providers() {
            let named = exports(bytes).into_iter();
            provided.extend(named.map(|name| format!("{module} {name}")));
        }
        provided.extend(exports(preview2()));
        assert_eq!(provided, PROVIDED.lines().collect::<Vec<_>>());
    }
}
