//! Report of bench results as a page and a table.
//!
//! `fusebox-benches-report RECORDS FOLDER` reads the records, one a line, writes
//! `report.html` and `report.txt` to the folder, and prints the latter. The page is
//! self-contained: its plots are inline SVG, and their colours follow the light or
//! dark theme of the browser.
#![forbid(unsafe_code)]

use std::env;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

// The page and the text, assembled from sections and lines.
mod page;

// Sections of the page, by kind of measurement.
mod sections;

// Figures with goals.
mod summary;

// Records, selected by bench.
mod records;

// Plots as SVG.
mod plot;

// Tables as text and as HTML.
mod table;

// Description of the machine.
mod machine;

// Numbers with units.
mod numbers;

use machine::Machine;
use records::Records;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let done = match &arguments[..] {
        [records, folder] => report(Path::new(records), Path::new(folder)),
        _ => Err("usage: fusebox-benches-report RECORDS FOLDER".to_owned()),
    };
    match done {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Writes both files; returns the text.
fn report(path: &Path, folder: &Path) -> Result<String, String> {
    let text = fs::read_to_string(path)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let records = Records::read(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    let machine = Machine::describe();
    let text = page::text(&records, &machine);
    for (name, content) in [
        ("report.html", page::html(&records, &machine)?),
        ("report.txt", text.clone()),
    ] {
        let path = folder.join(name);
        fs::write(&path, content)
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    Ok(text)
}
