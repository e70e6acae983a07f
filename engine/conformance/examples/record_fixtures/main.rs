//! Records the fixtures of this release: `record_fixtures FOLDER CATALOG_VERSION`, started in the
//! root of the checkout by `cargo xtask fixtures`.

// Modules with answers, and functions that they do not declare.
mod plan;

// Modules that fail.
mod failing;

// Modules.
mod module;

// Rows of arguments.
mod rows;

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use fusebox_conformance::{RecordedFunction, Recording, record};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(folder), Some(version)) = (arguments.next(), arguments.next()) else {
        return Err("expected a folder and the version of the catalog".into());
    };
    let mut read = Vec::new();
    for module in plan::MODULES.iter().chain(failing::MODULES) {
        let bytes = fs::read(module.path).map_err(|error| format!("{}: {error}", module.path))?;
        let functions = module.functions.iter().map(|(statement, types)| {
            let types = types.iter().map(|sql| (*sql).to_owned());
            let types: Vec<String> = types.collect();
            RecordedFunction {
                statement: (*statement).to_owned(),
                types: (!types.is_empty()).then_some(types),
            }
        });
        let mut functions: Vec<_> = functions.collect();
        if module.name == plan::ALL_TYPES {
            functions.extend(plan::functions_of_all_types()?);
        }
        read.push((module, bytes, functions));
    }
    let recordings = read.iter().map(|(module, bytes, functions)| Recording {
        name: module.name,
        made_of: module.made_of,
        bytes,
        functions,
    });
    let recordings: Vec<_> = recordings.collect();
    let folder = PathBuf::from(folder);
    record(&folder, version.parse()?, &recordings, &rows::rows)?;
    Ok(())
}
