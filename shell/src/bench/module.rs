//! The measured module and its functions.

use std::fs;
use std::io;
use std::path::Path;

use datafusion::execution::context::{SessionContext, SessionState};
use datafusion::execution::session_state::SessionStateBuilder;
use fusebox::{Definition, Engine, EngineBuilder, Identifier, Literal, Privileges, Session};
use tokio::runtime::Runtime;

use crate::failure::Failure;

/// The measured module.
pub(super) struct BenchModule {
    /// SQL name: the file name without extension.
    pub(super) name: String,
    path: String,
    /// Options of the functions, as in `ALTER FUNCTION … SET (…)`.
    options: Option<String>,
}

impl BenchModule {
    pub(super) fn new(path: &Path, options: Option<&str>) -> Result<Self, Failure> {
        // The session's error for a missing file has the name of the module instead of
        // the path.
        let read = |source| Failure::Read {
            name: format!("`{}`", path.display()),
            source,
        };
        fs::metadata(path).map_err(read)?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let path = path.to_str().ok_or_else(|| {
            let reason = "the path is not UTF-8";
            read(io::Error::new(io::ErrorKind::InvalidInput, reason))
        })?;
        Ok(Self {
            name: name.into_owned(),
            path: path.to_owned(),
            options: options.map(str::to_owned),
        })
    }

    /// Creates a session with the functions of the module only, since one of them can
    /// have the name of a built-in function.
    pub(super) fn session(
        &self,
        runtime: &Runtime,
        configure: impl Fn(EngineBuilder) -> EngineBuilder,
    ) -> Result<Session, Failure> {
        let build = |cache| {
            let context = SessionContext::new_with_state(state_without_functions());
            let builder = Engine::builder().privileges(Privileges::all()).cache(cache);
            let engine = configure(builder).build()?;
            engine.session().context(context).build()
        };
        let session = build(true).or_else(|_| build(false))?;
        let (name, path) = (Identifier(&self.name), Literal(&self.path));
        let statements = [
            format!("CREATE MODULE {name} LANGUAGE WASM FROM {path}"),
            format!("IMPORT FUNCTIONS FROM MODULE {name}"),
        ];
        for statement in statements {
            runtime.block_on(session.sql(&statement))?;
        }
        if let Some(options) = &self.options {
            for definition in session.functions()? {
                let name = Identifier(&definition.name);
                let types = definition.signature.argument_types();
                let alter = format!("ALTER FUNCTION {name}({types}) SET ({options})");
                runtime.block_on(session.sql(&alter))?;
            }
            // The functions of before are forgotten.
            session.engine().take_metrics();
        }
        Ok(session)
    }
}

fn state_without_functions() -> SessionState {
    SessionStateBuilder::new().build()
}

/// Returns the functions with these names, or all, in alphabetical order.
pub(super) fn select(
    session: &Session,
    names: &[String],
    module: &BenchModule,
) -> Result<Vec<Definition>, Failure> {
    let measured = session.engine().take_metrics().into_iter();
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

/// Returns the declared name that is most similar to a name, if any is.
fn similar(name: &str, definitions: &[Definition]) -> Option<String> {
    const SIMILARITY_MIN: f64 = 0.75;
    let name = name.to_lowercase();
    let similarity = |other: &str| strsim::jaro_winkler(&name, &other.to_lowercase());
    let best = definitions
        .iter()
        .map(|definition| (similarity(&definition.name), &definition.name))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let best = best.filter(|(similarity, _)| *similarity >= SIMILARITY_MIN);
    best.map(|(_, name)| name.clone())
}

/// Returns the name of a function, with its argument types if it is overloaded.
pub(super) fn display_name(definition: &Definition, all: &[Definition]) -> String {
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
