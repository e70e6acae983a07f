//! `fusebox new`, `fusebox build` and `fusebox try`: functions from nothing to an answer.
//!
//! A project is a folder with the sources of one module. Its language is told by its files, and
//! there is no file of settings: the flags are those that suit the sandbox, and whoever needs
//! others calls the compiler, then `fusebox annotate` and `fusebox inspect`.

// Files of new projects.
mod templates;

// Compilers, as they are installed.
mod compilers;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, SystemTime};

use clap::ValueEnum;

use crate::failure::Failure;
use crate::inspect;
use crate::language::Language;
use crate::runner::Runner;
use compilers::command;

/// Name of the module that a project builds.
const MODULE: &str = "functions.wasm";

/// File of declarations that are written into the module, if there is one.
const DECLARATIONS: &str = "functions.sql";

/// Time between two looks at the sources.
const WATCH_PAUSE: Duration = Duration::from_millis(300);

/// Finds the language of a project.
fn language_of(folder: &Path) -> Result<Language, Failure> {
    let languages = Language::value_variants().iter().copied();
    let mut found = languages.filter(|language| folder.join(language.source()).is_file());
    found.next().ok_or_else(|| {
        let sources: Vec<_> = Language::value_variants()
            .iter()
            .map(|language| language.source())
            .collect();
        Failure::Refused(format!(
            "expected a project with one of {} in `{}`, found none: `fusebox new NAME` makes one",
            sources.join(", "),
            folder.display()
        ))
    })
}

/// Creates a project in a new folder.
///
/// # Errors
///
/// [`Failure`] if the folder exists, or cannot be written.
pub(crate) fn create(folder: &Path, language: Language, sdk: Option<&Path>) -> Result<(), Failure> {
    let name = folder.file_name().map(|name| name.to_string_lossy());
    let name = name.filter(|name| is_name(name)).ok_or_else(|| {
        Failure::Refused(format!(
            "expected a name of lower-case letters, digits and `_`, found `{}`",
            folder.display()
        ))
    })?;
    // A link that leads nowhere exists, too.
    if fs::symlink_metadata(folder).is_ok() {
        let message = format!("`{}` exists: name a new folder", folder.display());
        return Err(Failure::Refused(message));
    }
    for (file, text) in templates::files(language, &name, sdk)? {
        let path = folder.join(file);
        let written = fs::create_dir_all(path.parent().unwrap_or(folder))
            .and_then(|()| fs::write(&path, text));
        written.map_err(|source| Failure::Write {
            name: format!("`{}`", path.display()),
            source,
        })?;
    }
    eprintln!(
        "created {}; next: cd {} && fusebox try 'SELECT squared(7)'",
        folder.display(),
        folder.display()
    );
    Ok(())
}

/// Returns true for a name that every language takes for a package.
fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// Builds a project, checks its module, and prints the SQL that creates its functions. With
/// `watches`, it does so again whenever a source changes, until the process ends.
///
/// # Errors
///
/// [`Failure`] if the compiler is missing or fails, or the module is refused.
pub(crate) fn build(folder: &Path, watches: bool) -> Result<(), Failure> {
    loop {
        let seen = sources(folder);
        match compile(folder).and_then(|module| inspect::inspect(&module)) {
            Err(failure) if watches => failure.report(),
            result if !watches => return result,
            _ => {}
        }
        while sources(folder) == seen {
            thread::sleep(WATCH_PAUSE);
        }
    }
}

/// Builds a project, and executes SQL with its functions.
///
/// # Errors
///
/// [`Failure`] as of [`build`], and that of the statement.
pub(crate) fn try_out(folder: &Path, sql: &str, runner: &mut Runner) -> Result<(), Failure> {
    let module = compile(folder)?;
    let statements = inspect::statements(&module)?;
    runner.run(&statements, |_| ())?;
    runner.run(sql, |_| ())
}

/// Compiles a project, and writes its declarations into the module.
fn compile(folder: &Path) -> Result<PathBuf, Failure> {
    let language = language_of(folder)?;
    // Compilers write it in the folder of the project, whatever the current one is.
    let folder = std::path::absolute(folder).map_err(Failure::System)?;
    let module = folder.join(MODULE);
    let mut command = command(language, &folder)?;
    command.current_dir(&folder).stdin(Stdio::null());
    // The output is for SQL.
    let output = command.output().map_err(Failure::System)?;
    if !output.status.success() {
        let advice = compilers::advice(language, &output.stderr);
        let text = String::from_utf8_lossy(&output.stderr);
        let text = text.trim_end();
        return Err(Failure::Refused(format!(
            "the compiler failed: {}\n{text}{advice}",
            compilers::shown(&command)
        )));
    }
    if language == Language::Rust {
        compilers::copy_of_cargo(&folder, &module)?;
    }
    let declarations = folder.join(DECLARATIONS);
    if declarations.is_file() {
        inspect::annotate(&module, &declarations, None)?;
    }
    Ok(module)
}

/// Sources with the times of their last changes and their sizes. What compilers write does not
/// count.
fn sources(folder: &Path) -> BTreeMap<PathBuf, (Option<SystemTime>, u64)> {
    let mut sources = BTreeMap::new();
    let mut folders = vec![(folder.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let is_built = name.starts_with('.')
                || name.ends_with(".wasm")
                || ["target", "node_modules"].contains(&&*name);
            let path = entry.path();
            // Of the file that a link names.
            let Ok(metadata) = fs::metadata(&path) else {
                continue;
            };
            match metadata.is_dir() {
                _ if is_built => {}
                // A link may lead back.
                true if depth < DEPTH_MAX => folders.push((path, depth + 1)),
                true => {}
                false => drop(sources.insert(path, (metadata.modified().ok(), metadata.len()))),
            }
        }
    }
    sources
}

/// Maximum depth of folders that are watched.
const DEPTH_MAX: usize = 8;
