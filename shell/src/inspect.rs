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
    let module = load(path, &read(path)?)?;
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
        trial.create(declared)?;
    }
    let target = output.unwrap_or(path);
    let written = write_at_once(target, &bytes);
    written.map_err(|source| Failure::Write {
        name: format!("`{}`", target.display()),
        source,
    })
}

/// Writes a file so that it has all of its bytes, or is as before.
fn write_at_once(target: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = target.parent().filter(|f| !f.as_os_str().is_empty());
    let mut file = tempfile::Builder::new()
        .prefix(".fusebox-")
        .tempfile_in(folder.unwrap_or(Path::new(".")))?;
    file.write_all(bytes)?;
    // A new file of this kind is its user's alone.
    let permissions = fs::metadata(target).map(|found| found.permissions());
    if let Ok(permissions) = permissions {
        file.as_file().set_permissions(permissions)?;
    }
    file.persist(target).map_err(|error| error.error)?;
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

    /// Creates a declared function.
    fn create(&self, declared: &CreateFunction) -> Result<(), Error> {
        let kind = match declared.kind {
            Kind::Aggregate => "AGGREGATE ",
            Kind::Window => "WINDOW ",
            _ => "",
        };
        let statement = format!(
            "CREATE OR REPLACE {kind}FUNCTION {} LANGUAGE WASM FROM MODULE {MODULE} EXPORT {}",
            Identifier(&declared.name),
            Literal(declared.symbol())
        );
        let created = self.runtime.block_on(self.session.sql(&statement));
        created.map(drop)
    }
}

fn describe(path: &Path, module: &LoadedModule) -> Result<String, Failure> {
    let report = module.report();
    let mut text = heading(path, &report);
    let file = path.display().to_string();
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let name = Identifier(&stem);
    let _ = writeln!(
        text,
        "CREATE MODULE {name} LANGUAGE WASM FROM {};",
        Literal(&file)
    );
    let declarations: Vec<_> = module.declarations().iter().collect();
    if !declarations.is_empty() {
        let _ = writeln!(text, "IMPORT FUNCTIONS FROM MODULE {name};");
        text += "-- creates:\n";
        let trial = Trial::of(module)?;
        for declared in declarations {
            let _ = writeln!(text, "--   {}", escape_control(&declared.to_string()));
            if let Err(error) = trial.create(declared) {
                let _ = writeln!(
                    text,
                    "--     refused: {}",
                    escape_control(&error.to_string())
                );
            }
        }
    }
    if !report.plain_functions.is_empty() {
        text += "-- exports that are plain functions, as numbers; text and bytes need an option \
                 `abi`:\n";
    }
    for export in &report.plain_functions {
        let (name, types) = (Identifier(&export.name), &export.types);
        let _ = match &export.signature {
            // One may have the name of a built-in function.
            Some(signature) => writeln!(
                text,
                "CREATE OR REPLACE FUNCTION {name}{signature} LANGUAGE WASM FROM MODULE {} EXPORT {}; -- \
                 {types}",
                Identifier(&stem),
                Literal(&export.name),
            ),
            None => writeln!(text, "--   {name}: {types}"),
        };
    }
    if !report.refused.is_empty() {
        text += "-- exports that cannot be called:\n";
    }
    for (name, reason) in &report.refused {
        let _ = writeln!(
            text,
            "--   {} {}",
            escape_control(name),
            escape_control(reason)
        );
    }
    Ok(text)
}

fn heading(path: &Path, report: &ModuleReport) -> String {
    let kind = match report.is_component {
        true => "component",
        false => "core module",
    };
    let mut text = format!(
        "-- {}: a {kind} of {} bytes, SHA-256 {}\n",
        escape_control(&path.display().to_string()),
        report.bytes,
        report.digest
    );
    if !report.imports.is_empty() {
        let imports = report.imports.join(", ");
        let _ = writeln!(text, "-- imports: {}", escape_control(&imports));
    }
    text
}
