//! Facts about this repository that the checks compare the tree with.
//!
//! Everything that changes when a crate is added, a folder moves or an exemption
//! ends is a constant of this file.

use crate::tidy::finding::Rule;

/// Rules whose findings fail `cargo xtask test`. Findings of the others are
/// counted there, and listed by `cargo xtask tidy`.
pub(crate) const ENFORCED: &[Rule] = &Rule::ALL;

/// Lines of one file.
pub(crate) const FILE_LINES_MAX: usize = 400;

/// Lines of one function, from `fn` to the closing brace.
pub(crate) const FUNCTION_LINES_MAX: usize = 70;

/// Share of doc summaries that may begin with one of
/// [`SUMMARY_OPENINGS`](super::words::SUMMARY_OPENINGS), in percent.
pub(crate) const SUMMARY_PERCENT_MAX: f64 = 2.0;

/// Files longer than [`FILE_LINES_MAX`], by path prefix, and the reason.
pub(crate) const LONG_FILES: &[(&str, &str)] = &[
    ("udf-sdk/abi/src/lib.rs", "the ABI is specified on one page"),
    ("data/", "data"),
    ("benches/RESULTS.md", "recorded output"),
];

/// Folders of a crate whose code is not part of its library or program.
pub(crate) const DEVELOPMENT_FOLDERS: &[&str] = &["tests", "benches", "examples"];

/// Places where `unsafe` is written, by path prefix, and the reason.
pub(crate) const UNSAFE_PLACES: &[(&str, &str)] = &[
    ("udf-sdk/src/raw/", "the unsafe code of the SDK"),
    ("udf-sdk/macros/src/expansion.rs", "the quoted export shim"),
    ("udf-sdk/macros/src/signature.rs", "names the keyword"),
    (
        "udf-sdk/tests/compile_errors/",
        "input that the macros refuse",
    ),
    ("benches/peers/guests/", "ABIs of other sandboxes"),
];

/// Crates without `#![forbid(unsafe_code)]`, by name.
pub(crate) const UNSAFE_CRATES: &[&str] = &["fusebox-sdk"];

/// One identifier, followed by `::`, and the folders whose code may name it.
pub(crate) struct Name {
    pub(crate) name: &'static str,
    pub(crate) folders: &'static [&'static str],
}

/// Libraries and types that are named in few places.
pub(crate) const NAMES: &[Name] = &[
    Name {
        name: "wasmtime",
        folders: &[
            "engine/runtime/src/module/",
            "engine/runtime/src/sandbox/",
            "fuzz/targets/",
        ],
    },
    Name {
        name: "datafusion",
        folders: &[
            "engine/src/",
            "server/",
            "shell/",
            "sql-tests/src/",
            "benches/",
            "udfs/native/",
        ],
    },
    Name {
        name: "GuestAddr",
        folders: &["engine/marshal/", "engine/runtime/", "fuzz/targets/"],
    },
];

/// Crates of this workspace, and those that each may depend on. A trailing `*`
/// stands for any ending. Development dependencies are not looked at.
pub(crate) const DEPENDENCIES: &[(&str, &[&str])] = &[
    // The host, bottom up.
    ("fusebox-abi", &[]),
    ("fusebox-definition", &["fusebox-abi"]),
    ("fusebox-instrument", &["fusebox-abi", "fusebox-definition"]),
    ("fusebox-linker", &["fusebox-abi", "fusebox-instrument"]),
    ("fusebox-marshal", &["fusebox-abi", "fusebox-definition"]),
    ("fusebox-runtime", BELOW_RUNTIME),
    ("fusebox-conformance", BELOW_CONFORMANCE),
    ("datafusion-fusebox", BELOW_ENGINE),
    ("fusebox-testing", &[]),
    ("fusebox-catalog", ENGINE),
    ("fusebox-server", ENGINE),
    ("fusebox-shell", SHELL),
    // The guests.
    ("fusebox-macros", &["fusebox-abi"]),
    ("fusebox-sdk", &["fusebox-abi", "fusebox-macros"]),
    ("fusebox-sql-twins", &["fusebox-sdk"]),
    ("udfs-native", &["fusebox-sdk", "udfs-*"]),
    ("udfs-*", &["fusebox-sdk"]),
    // Tests, benches and tools.
    ("fusebox-sql-tests", ENGINE),
    (
        "fusebox-benches",
        &["datafusion-fusebox", "fusebox-*", "udfs-*"],
    ),
    (
        "fusebox-benches-*",
        &["fusebox-benches-*", "fusebox-paired"],
    ),
    ("fusebox-paired", &[]),
    ("fusebox-fuzz-targets", FUZZ_TARGETS),
    ("xtask", &[]),
];

/// Crates on crates.io. A crate comes after those that it depends on.
pub(crate) const PUBLISHED: &[&str] = &[
    "fusebox-abi",
    "fusebox-definition",
    "fusebox-macros",
    "fusebox-instrument",
    "fusebox-marshal",
    "fusebox-sdk",
    "fusebox-linker",
    "fusebox-runtime",
    "fusebox-conformance",
    "datafusion-fusebox",
    "fusebox-catalog",
    "fusebox-server",
    "fusebox-shell",
];

/// Files that published code includes from outside of its package, by the file that
/// includes them, and the reason.
pub(crate) const INCLUDED_FROM_OUTSIDE: &[(&str, &str)] =
    &[("engine/src/lib.rs", "a page that is compiled as a test")];

/// Files that are in two packages, and equal: a package holds all that it is built of.
pub(crate) const COPIES: &[(&str, &str)] = &[
    ("udf-sdk/c/fusebox.h", "shell/templates/c/fusebox.h"),
    ("udf-sdk/zig/fusebox.zig", "shell/templates/zig/fusebox.zig"),
    ("udf-sdk/go/fusebox.go", "shell/templates/go/fusebox.go"),
];

const BELOW_RUNTIME: &[&str] = &[
    "fusebox-abi",
    "fusebox-definition",
    "fusebox-instrument",
    "fusebox-linker",
    "fusebox-marshal",
];

const BELOW_CONFORMANCE: &[&str] = &["fusebox-abi", "fusebox-runtime"];

const BELOW_ENGINE: &[&str] = &[
    "fusebox-abi",
    "fusebox-definition",
    "fusebox-instrument",
    "fusebox-linker",
    "fusebox-marshal",
    "fusebox-runtime",
];

const ENGINE: &[&str] = &["datafusion-fusebox"];

const SHELL: &[&str] = &[
    "datafusion-fusebox",
    "fusebox-catalog",
    "fusebox-conformance",
    "fusebox-server",
];

const FUZZ_TARGETS: &[&str] = &[
    "fusebox-abi",
    "fusebox-definition",
    "fusebox-instrument",
    "fusebox-linker",
    "fusebox-marshal",
    "fusebox-runtime",
    "fusebox-testing",
];

/// Libraries of others that few crates depend on, and those crates.
pub(crate) const LIBRARIES: &[(&str, &[&str])] = &[
    (
        "datafusion*",
        &[
            "datafusion-fusebox",
            "fusebox-server",
            "fusebox-shell",
            "fusebox-sql-tests",
            "fusebox-benches",
            "udfs-native",
        ],
    ),
    ("sqlparser", &["datafusion-fusebox", "fusebox-definition"]),
    ("wasmtime", &["fusebox-runtime", "fusebox-fuzz-targets"]),
];
