//! Compiles the providers from the text format.

use std::error::Error;
use std::path::Path;
use std::{env, fs};

/// Files of `src`, without their ending.
const PROVIDERS: [&str; 3] = ["wasi_preview1", "assemblyscript", "emscripten"];

fn main() -> Result<(), Box<dyn Error>> {
    let output = env::var("OUT_DIR")?;
    for name in PROVIDERS {
        let source = format!("src/{name}.wat");
        println!("cargo::rerun-if-changed={source}");
        let module = wat::parse_file(source)?;
        fs::write(Path::new(&output).join(format!("{name}.wasm")), module)?;
    }
    Ok(())
}
