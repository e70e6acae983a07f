//! `fusebox inspect` and `fusebox annotate`: modules for their authors.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use fusebox::statement::CreateFunction;
use fusebox::{Error, Identifier, Kind, Literal, LoadedModule, ModuleReport, Session, Subject};
use tokio::runtime::{Builder, Runtime};

use crate::arguments::Confinement;
use crate::failure::Failure;
use crate::session::session;
use crate::text::escape_control;

/// Prints a description of a module as SQL with comments.
///
/// # Errors
///
/// [`Failure`] if the file cannot be read, or is no usable module.
pub(crate) fn inspect(path: &Path) -> Result<(), Failure> {
    let text = statements(path)?;
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes());
    written.map_err(Failure::of_standard_output)
}

/// Returns the statements that create the functions of a module.
///
/// # Errors
///
/// As of [`inspect`].
pub(crate) fn statements(path: &Path) -> Result<String, Failure> {
    let module = load(path, &read(path)?)?;
    describe(path, &module)
}

/// Writes a module with declarations of its functions to `output`, or in its place.
///
/// # Errors
///
/// [`Failure`] if a file cannot be read or written, or a declaration does not fit the module;
/// nothing is written then.
pub(crate) fn annotate(
    path: &Path,
    functions: &Path,
    output: Option<&Path>,
) -> Result<(), Failure> {
    let source = read(path)?;
    if output.is_none() && !source.starts_with(b"\0asm") {
        return Err(Failure::Refused(format!(
            "expected --output for the text of a module, found none: `{}` would be overwritten \
             by its binary",
            path.display()
        )));
    }
    let module = load(path, &source)?;
    let text = String::from_utf8(read(functions)?);
    let text = text.map_err(|_| Failure::Read {
        name: format!("`{}`", functions.display()),
        source: io::Error::new(io::ErrorKind::InvalidData, "expected UTF-8"),
    })?;
    let refused = |fault| {
        let subject = Subject::Module(path.display().to_string());
        Failure::from(Error::Module { subject, fault })
    };
    let bytes = module.annotate(&text).map_err(refused)?;
    let annotated = LoadedModule::new(&bytes, u64::MAX).map_err(refused)?;
    let trial = Trial::of(&annotated)?;
    for declared in annotated.declarations().iter() {
        trial.create(declared, "OR REPLACE ")?;
    }
    let target = output.unwrap_or(path);
    let written = write_at_once(target, &bytes);
    written.map_err(|source| Failure::Write {
        name: format!("`{}`", target.display()),
        source,
    })
}

/// Writes a file so that it has all of its bytes, or is as before. A link stays one; what is no
/// file, such as a pipe, is written to.
fn write_at_once(target: &Path, bytes: &[u8]) -> io::Result<()> {
    let target = match fs::canonicalize(target) {
        Ok(found) => found,
        // A new file.
        Err(_) => return fs::write(target, bytes),
    };
    let before = fs::metadata(&target)?;
    if !before.is_file() {
        return fs::write(&target, bytes);
    }
    let folder = target.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".fusebox-")
        .tempfile_in(folder)?;
    file.write_all(bytes)?;
    // A new file of this kind is its user's alone.
    file.as_file().set_permissions(before.permissions())?;
    file.persist(&target).map_err(|error| error.error)?;
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|source| Failure::Read {
        name: format!("`{}`", path.display()),
        source,
    })
}

fn load(path: &Path, bytes: &[u8]) -> Result<Arc<LoadedModule>, Failure> {
    let loaded = LoadedModule::new(bytes, u64::MAX);
    loaded.map_err(|fault| {
        let subject = Subject::Module(path.display().to_string());
        Failure::from(Error::Module { subject, fault })
    })
}

/// Session that creates functions of one module, to know which it refuses.
struct Trial {
    session: Session,
    runtime: Runtime,
}

/// Name of the module in the trial.
const MODULE: &str = "module";

impl Trial {
    fn of(module: &LoadedModule) -> Result<Self, Failure> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let trial = Self {
            session: session(&Confinement::default(), None)?,
            runtime: runtime.map_err(Failure::System)?,
        };
        let created = trial.session.create_module(MODULE, module.bytes().to_vec());
        trial.runtime.block_on(created)?;
        Ok(trial)
    }

    /// Creates a declared function; `replace` is `OR REPLACE ` or nothing.
    fn create(&self, declared: &CreateFunction, replace: &str) -> Result<(), Error> {
        let kind = match declared.kind {
            Kind::Aggregate => "AGGREGATE ",
            Kind::Window => "WINDOW ",
            _ => "",
        };
        let statement = format!(
            "CREATE {replace}{kind}FUNCTION {} LANGUAGE WASM FROM MODULE {MODULE} EXPORT {}",
            Identifier(&declared.name),
            Literal(declared.symbol())
        );
        let created = self.runtime.block_on(self.session.sql(&statement));
        created.map(drop)
    }
}

fn describe(path: &Path, module: &LoadedModule) -> Result<String, Failure> {
    let report = module.report();
    let mut text = Text::default();
    text.heading(path, &report);
    let file = path.display().to_string();
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let name = Identifier(&stem).to_string();
    text.statement(
        &format!(
            "CREATE MODULE {name} LANGUAGE WASM FROM {};",
            Literal(&file)
        ),
        "",
    );
    let declarations: Vec<_> = module.declarations().iter().collect();
    if !declarations.is_empty() {
        text.statement(&format!("IMPORT FUNCTIONS FROM MODULE {name};"), "");
        text.comment("creates:");
        let trial = Trial::of(module)?;
        for declared in declarations {
            text.comment(&format!("  {declared}"));
            if let Err(error) = trial.create(declared, "") {
                text.comment(&format!("    refused: {error}"));
            }
        }
    }
    if !report.plain_functions.is_empty() {
        text.comment(
            "exports that are plain functions, as numbers; text and bytes need an option `abi`:",
        );
    }
    for export in &report.plain_functions {
        let (function, types) = (Identifier(&export.name), &export.types);
        match &export.signature {
            // One may have the name of a built-in function.
            Some(signature) => {
                let source = format!("FROM MODULE {name} EXPORT {}", Literal(&export.name));
                let statement = format!(
                    "CREATE OR REPLACE FUNCTION {function}{signature} LANGUAGE WASM {source};"
                );
                text.statement(&statement, types);
            }
            None => text.comment(&format!("  {function}: {types}")),
        }
    }
    if !report.refused.is_empty() {
        text.comment("exports that cannot be called:");
    }
    for (name, reason) in &report.refused {
        text.comment(&format!("  {name} {reason}"));
    }
    Ok(text.0)
}

/// SQL with comments. Names in it are those of whoever made the module: no line of theirs becomes
/// a statement.
#[derive(Default)]
struct Text(String);

impl Text {
    /// Adds a comment of one line.
    fn comment(&mut self, line: &str) {
        let _ = writeln!(self.0, "-- {}", one_line(line));
    }

    /// Adds a statement, with a comment behind it. A name that SQL cannot write makes a comment of
    /// the statement.
    fn statement(&mut self, statement: &str, comment: &str) {
        let has_controls = statement.contains(char::is_control);
        let statement = one_line(statement);
        let _ = match (has_controls, comment) {
            (true, _) => writeln!(self.0, "-- with a name that SQL cannot write: {statement}"),
            (false, "") => writeln!(self.0, "{statement}"),
            (false, comment) => writeln!(self.0, "{statement} -- {}", one_line(comment)),
        };
    }

    fn heading(&mut self, path: &Path, report: &ModuleReport) {
        let kind = match report.is_component {
            true => "component",
            false => "core module",
        };
        let (path, bytes, digest) = (path.display(), report.bytes, report.digest);
        self.comment(&format!(
            "{path}: a {kind} of {bytes} bytes, SHA-256 {digest}"
        ));
        if !report.imports.is_empty() {
            self.comment(&format!("imports: {}", report.imports.join(", ")));
        }
    }
}

/// Escapes control characters, line breaks too.
fn one_line(text: &str) -> String {
    let text = escape_control(text);
    text.replace('\n', "\\n").replace('\t', "\\t")
}
