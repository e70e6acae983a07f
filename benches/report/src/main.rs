//! A page and a table of what the benches measured.
//!
//! `fusebox-benches-report RECORDS FOLDER` reads the records, one a line, writes
//! `report.html` and `report.txt` into the folder, and prints the latter. The
//! page needs nothing but itself: plots are SVG inside of it, whose colours are
//! those of the reader's light or dark theme.
#![forbid(unsafe_code)]

use std::env;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

// Sections and lines make a page, or a text.
mod page;

// What is told of each kind of measurement.
mod sections;

// The few figures that have goals.
mod summary;

// Records by what they are about.
mod records;

// Rows and columns, as text and as HTML.
mod table;

// Bars and lines, as SVG.
mod plot;

// What all of it ran on.
mod machine;

// Numbers as people read them.
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

/// Writes both files and returns the text.
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
