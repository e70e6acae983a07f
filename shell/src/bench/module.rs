//! The module that is measured, and which of its functions.

use std::fs;
use std::io;
use std::path::Path;

use datafusion::execution::context::{SessionContext, SessionState};
use datafusion::execution::session_state::SessionStateBuilder;
use fusebox::{Definition, Paths, Session, SessionBuilder};
use tokio::runtime::Runtime;

use crate::failure::Failure;

/// The module that was asked for.
pub(super) struct Module {
    /// Its SQL name: that of the file.
    pub(super) name: String,
    path: String,
}

impl Module {
    pub(super) fn new(path: &Path) -> Result<Self, Failure> {
        // What the session says of a file that is not there has the module's
        // name, and not all of the path.
        let read = |source| Failure::Read {
            name: format!("`{}`", path.display()),
            source,
        };
        fs::metadata(path).map_err(read)?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let path = path.to_str().ok_or_else(|| {
            let reason = "its name is not UTF-8";
            read(io::Error::new(io::ErrorKind::InvalidInput, reason))
        })?;
        Ok(Self {
            name: name.into_owned(),
            path: path.to_owned(),
        })
    }

    /// A session with the module's functions and no others: one may have the
    /// name of a built-in function.
    pub(super) fn session(
        &self,
        runtime: &Runtime,
        set_up: impl Fn(SessionBuilder) -> SessionBuilder,
    ) -> Result<Session, Failure> {
        let build = |cache| {
            let context = SessionContext::new_with_state(bare_state());
            let builder = Session::builder().context(context).paths(Paths::Any);
            set_up(builder.cache(cache)).build()
        };
        let session = build(true).or_else(|_| build(false))?;
        let name = self.name.replace('"', "\"\"");
        let path = self.path.replace('\'', "''");
        let statements = [
            format!("CREATE MODULE \"{name}\" LANGUAGE WASM FROM '{path}'"),
            format!("IMPORT FUNCTIONS FROM MODULE \"{name}\""),
        ];
        for statement in statements {
            runtime.block_on(session.sql(&statement))?;
        }
        Ok(session)
    }
}

fn bare_state() -> SessionState {
    SessionStateBuilder::new().build()
}

/// The functions that are to be measured, in the order of their names.
pub(super) fn chosen(
    session: &Session,
    names: &[String],
    module: &Module,
) -> Result<Vec<Definition>, Failure> {
    let measured = session.take_measured().into_iter();
    let mut all: Vec<Definition> = measured.map(|measured| measured.definition).collect();
    all.sort_by_key(|definition| {
        let types = definition.signature.argument_types();
        (definition.name.clone(), types)
    });
    for wanted in names {
        if !all.iter().any(|definition| definition.name == *wanted) {
            return Err(Failure::NoFunction {
                module: module.name.clone(),
                name: wanted.clone(),
                similar: similar(wanted, &all),
            });
        }
    }
    if !names.is_empty() {
        all.retain(|definition| names.contains(&definition.name));
    }
    Ok(all)
}

/// What may have been meant by a name.
fn similar(name: &str, definitions: &[Definition]) -> Option<String> {
    const ALIKE_MIN: f64 = 0.75;
    let name = name.to_lowercase();
    let alike = |other: &str| strsim::jaro_winkler(&name, &other.to_lowercase());
    let best = definitions
        .iter()
        .map(|definition| (alike(&definition.name), &definition.name))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let best = best.filter(|(alike, _)| *alike >= ALIKE_MIN);
    best.map(|(_, name)| name.clone())
}

/// The name of a function, with its arguments if others have the same.
pub(super) fn displayed(definition: &Definition, all: &[Definition]) -> String {
    let named = all.iter().filter(|other| other.name == definition.name);
    match named.count() {
        1 => definition.name.clone(),
        _ => format!(
            "{}({})",
            definition.name,
            definition.signature.argument_types()
        ),
    }
}
