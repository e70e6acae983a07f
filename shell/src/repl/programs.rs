//! Programs that the prompt runs, commands of the system and the editor, and their folder.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;

/// Runs a command of the system; returns what to report.
pub(super) fn run(command: &str) -> Option<String> {
    match Command::new("sh").args(["-c", command]).status() {
        Ok(status) if status.success() => None,
        Ok(status) => Some(status.to_string()),
        Err(error) => Some(Failure::System(error).to_string()),
    }
}

/// Changes to a folder, or to the home of the user; returns what to report.
pub(super) fn enter(folder: Option<PathBuf>) -> Option<String> {
    let Some(folder) = folder.or_else(env::home_dir) else {
        return Some("expected a folder after \\cd, since there is no home".to_owned());
    };
    let error = env::set_current_dir(&folder).err()?;
    Some(format!(
        "expected a folder that can be entered, found '{}': {error}",
        folder.display()
    ))
}

/// Edits a file, or a text in a file of its own; returns what was saved, and `None` if nothing
/// was changed.
///
/// # Errors
///
/// If the file cannot be written or read, or the editor fails.
pub(super) fn edit(file: Option<&Path>, text: &str) -> Result<Option<String>, Failure> {
    match file {
        Some(path) => edit_file(path).map(Some),
        None => {
            let mut builder = tempfile::Builder::new();
            let own = builder.prefix("fusebox-").suffix(".sql").tempfile();
            let own = own.map_err(Failure::System)?;
            fs::write(own.path(), format!("{text}\n")).map_err(Failure::System)?;
            let edited = edit_file(own.path())?;
            Ok((edited.trim() != text.trim()).then_some(edited))
        }
    }
}

fn edit_file(path: &Path) -> Result<String, Failure> {
    let named = ["VISUAL", "EDITOR"]
        .iter()
        .find_map(|name| env::var(name).ok());
    let editor = named.unwrap_or_else(|| "vi".to_owned());
    // The variable can have arguments.
    let status = Command::new("sh")
        .args(["-c", &format!("{editor} \"$1\""), "sh"])
        .arg(path)
        .status()
        .map_err(Failure::System)?;
    if !status.success() {
        return Err(Failure::System(io::Error::other(format!(
            "{editor}: {status}"
        ))));
    }
    fs::read_to_string(path).map_err(|source| Failure::Read {
        name: format!("`{}`", path.display()),
        source,
    })
}
