//! User-defined functions compiled to WebAssembly inside Apache DataFusion.
//!
//! A [`Session`] is a DataFusion `SessionContext` that also knows modules and
//! functions of Wasm:
//!
//! ```
//! use fusebox::Session;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let session = Session::builder().build()?;
//! session
//!     .sql("CREATE FUNCTION one() RETURNS BIGINT LANGUAGE WASM AS $$(module
//!              (memory (export \"memory\") 1)
//!              (data (i32.const 8) \"\\01\")             ;; the value
//!              (data (i32.const 20) \"\\08\")            ;; the buffers' addresses
//!              (func (export \"fusebox_abi_1\"))
//!              (func (export \"fusebox_alloc\") (param i32) (result i32) (i32.const 1024))
//!              (func (export \"fusebox_udf_one\") (param i32 i32 i32) (result i32)
//!                (i64.store (local.get 2) (i64.const 1))            ;; length
//!                (i64.store offset=24 (local.get 2) (i64.const 2))  ;; n_buffers
//!                (i32.store offset=40 (local.get 2) (i32.const 16)) ;; buffers
//!                (i32.const 0)))$$")
//!     .await?;
//! session.sql("SELECT one() + 1").await?.show().await?;
//! # Ok(())
//! # }
//! ```
//!
//! A program that has a `SessionContext` of its own installs a [`Factory`]
//! there instead. How functions are written is the subject of the crate
//! `fusebox-sdk`, and what crosses into a guest is specified in `fusebox-abi`.
//!
//! # The map
//!
//! A file may import only files below it in this list, so the list is the
//! architecture: read it top to bottom and you have followed one query.
#![forbid(unsafe_code)]

// SQL text in, record batches out.
mod session;

// `CREATE FUNCTION` becomes a function, here and in a plain `SessionContext`.
mod factory;

// Our own statements, parsed; what is not ours goes to DataFusion.
mod statement;

// Which modules and functions there are.
mod catalog;

// DataFusion's traits over a guest function.
mod function;

// Modules: inspect, instrument, compile.
mod module;

// Instances, limits, and the pool that lends them.
mod sandbox;

// Arrow into guest memory, and back: a crate of its own, `fusebox-marshal`, in
// `engine/marshal`.

// What calls cost, for who measures.
mod measure;

// What a function is: plain data.
mod definition;

// What can go wrong, sorted by who must act.
mod error;

pub use definition::{
    Argument, Definition, Digest, Kind, Limits, NotADigest, NullHandling, Origin, Reset, Signature,
    Volatility,
};
pub use error::{Breach, Error, Exhausted, ModuleFault, PathRefusal, Refusal, Result, Subject};
pub use factory::{Factory, Paths};
pub use measure::{Hot, Measured, Parts, Profile, Sample};
pub use sandbox::ProcessLimits;
pub use session::{Session, SessionBuilder};
pub use statement::{Statement, Statements};

/// The README's example of embedding compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

#[cfg(test)]
mod tests {
    use std::fs::{read_dir, read_to_string};
    use std::path::PathBuf;

    const SRC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src");

    /// The files of a room: `name.rs` and all of `name/`, with the files of
    /// each of those.
    fn room(name: &str) -> Vec<PathBuf> {
        let mut files = vec![PathBuf::from(format!("{SRC}/{name}.rs"))];
        if let Ok(folder) = read_dir(format!("{SRC}/{name}")) {
            let paths = folder.map(|entry| entry.unwrap().path());
            for path in paths.filter(|path| path.is_file()) {
                let stem = path.file_stem().unwrap().to_str().unwrap();
                files.extend(room(&format!("{name}/{stem}")));
            }
        }
        files
    }

    fn rooms() -> Vec<String> {
        read_to_string(format!("{SRC}/lib.rs"))
            .unwrap()
            .lines()
            .filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'))
            .map(str::to_owned)
            .collect()
    }

    /// The code of a file: no comments, no tests.
    fn code(file: &PathBuf) -> String {
        let text = read_to_string(file).unwrap();
        text.lines()
            .take_while(|line| !line.starts_with("#[cfg(test)]"))
            .filter(|line| !line.trim_start().starts_with("//"))
            .fold(String::new(), |code, line| code + line + "\n")
    }

    #[test]
    fn files_import_only_files_below_them() {
        let rooms = rooms();
        assert!(rooms.len() >= 9);
        for (position, name) in rooms.iter().enumerate() {
            for file in room(name) {
                for import in code(&file).split("crate::").skip(1) {
                    let end = import.find(|c: char| c != '_' && !c.is_alphanumeric());
                    let imported = &import[..end.unwrap_or(import.len())];
                    let itself = imported == name;
                    assert!(
                        itself || rooms[position + 1..].iter().any(|room| room == imported),
                        "{} imports crate::{imported}",
                        file.display()
                    );
                }
            }
        }
    }

    #[test]
    fn datafusion_and_wasmtime_are_named_only_where_they_belong() {
        for name in rooms() {
            for file in room(&name) {
                let code = code(&file);
                let names = |library: &str| code.contains(&format!("{library}::"));
                let below = ["module", "sandbox", "measure", "definition", "error"];
                if below.contains(&name.as_str()) {
                    assert!(!names("datafusion"), "{}", file.display());
                }
                if !["module", "sandbox"].contains(&name.as_str()) {
                    assert!(!names("wasmtime"), "{}", file.display());
                }
            }
        }
    }
}
