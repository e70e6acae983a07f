//! `CREATE FUNCTION` becomes a function: in a session of ours, and in a plain
//! `SessionContext` through DataFusion's `FunctionFactory`.

mod paths;

use std::sync::Arc;

use async_trait::async_trait;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use datafusion::common::{DataFusionError, Result as DfResult, ScalarValue};
use datafusion::execution::context::{FunctionFactory, RegisterFunction, SessionState};
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::logical_expr::{
    AggregateUDF, CreateFunction as DfCreateFunction, Expr, ScalarUDF, Volatility as DfVolatility,
    WindowUDF,
};

use crate::catalog::Module;
use crate::definition::{Argument, Definition, Digest, Kind, Origin, Volatility, canonical};
use crate::error::{Error, Refusal, Result, Subject};
use crate::function::{Current, Function, Host, HostOptions};
use crate::measure::{Measured, Profile};
use crate::statement::{CreateFunction, Declarations, Source};

pub use paths::Paths;

/// Makes functions of statements.
///
/// Installed in a plain `SessionContext`, it gives DataFusion's own
/// `CREATE FUNCTION` the language WASM:
///
/// ```no_run
/// use std::sync::Arc;
/// use datafusion::prelude::SessionContext;
/// use fusebox::{Paths, Session};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let factory = Session::builder().paths(Paths::under("udfs")?).factory()?;
/// let context = SessionContext::new().with_function_factory(Arc::new(factory));
/// context
///     .sql("CREATE FUNCTION haversine_km(DOUBLE, DOUBLE, DOUBLE, DOUBLE) RETURNS DOUBLE
///           LANGUAGE WASM AS 'geo.wasm#haversine_km'")
///     .await?;
/// # Ok(())
/// # }
/// ```
///
/// The body is a path, and behind a `#` the symbol, which is the function's
/// name where it is left out. DataFusion's planner knows neither modules nor
/// `AGGREGATE`, `WINDOW`, `RETURNS TABLE`, `STRICT`, `WITH` or `IF NOT EXISTS`:
/// what kind of function it is, and those clauses, come from the module's
/// declaration, or are the default. It always replaces, whatever the function
/// of that name took, and since it looks
/// functions up in lower case, they are registered so. And types are what its
/// planner makes of their names: `TIMESTAMP WITH TIME ZONE` has the session's
/// zone there.
///
/// Who runs a query there cancels it by dropping its stream, which acts between
/// two batches.
#[derive(Clone)]
pub struct Factory {
    host: Arc<Host>,
    paths: Paths,
}

impl Factory {
    pub(crate) fn new(options: HostOptions, paths: Paths, current: Current) -> Result<Self> {
        Ok(Self {
            host: Arc::new(Host::new(options, current)?),
            paths,
        })
    }

    /// What each function has cost since this was last asked, as
    /// [`Session::take_measured`](crate::Session::take_measured).
    pub fn take_measured(&self) -> Vec<Measured> {
        self.host.take_measured()
    }

    /// What guests were seen to do since this was last asked, as
    /// [`Session::take_profile`](crate::Session::take_profile).
    pub fn take_profile(&self) -> Profile {
        self.host.take_profile()
    }

    /// Reads a module that a statement names or brings, checks its digest, and
    /// validates it.
    pub(crate) fn module(
        &self,
        subject: &Subject,
        source: &Source,
        sha256: Option<&str>,
    ) -> Result<Vec<u8>> {
        let refused = |reason| Error::refused(subject.clone(), reason);
        let bytes_max = self.host.module_bytes_max();
        let given = match source {
            Source::Path(path) => {
                let bytes = self.paths.read(path, bytes_max);
                bytes.map_err(|reason| refused(Refusal::Path(reason)))?
            }
            Source::Text(text) => text.clone().into_bytes(),
            Source::Base64(text) => {
                let digits: String = text.split_whitespace().collect();
                let bytes = BASE64_STANDARD.decode(digits);
                bytes.map_err(|error| refused(Refusal::Base64(error.to_string())))?
            }
            Source::Module(name) => {
                let missing = Subject::Module(name.clone());
                return Err(Error::refused(missing, Refusal::Missing));
            }
        };
        let binary = self.host.decode(subject, &given)?;
        check_digest(subject, Digest::of(&binary), sha256)?;
        self.declarations(subject, &binary)?;
        Ok(binary)
    }

    /// What a module declares.
    pub(crate) fn declarations(&self, subject: &Subject, binary: &[u8]) -> Result<Declarations> {
        let inspection = self.host.inspect(subject, binary)?;
        Declarations::parse(inspection.declarations()).map_err(|fault| Error::Module {
            subject: subject.clone(),
            fault,
        })
    }

    /// The symbols of the functions that a module exports.
    pub(crate) fn symbols(&self, subject: &Subject, binary: &[u8]) -> Result<Vec<String>> {
        Ok(self.host.inspect(subject, binary)?.symbols())
    }

    /// What a statement makes of a module that was read.
    pub(crate) fn definition(&self, create: &CreateFunction, binary: &[u8]) -> Result<Definition> {
        let subject = Subject::Function(create.name.clone());
        let refused = |reason| Error::refused(subject.clone(), reason);
        let origin = match &create.source {
            Some(Source::Module(name)) => Origin::Module(name.clone()),
            Some(Source::Path(path)) => Origin::Path(path.clone()),
            Some(Source::Text(text)) => Origin::Text(text.clone()),
            Some(Source::Base64(_)) => Origin::Base64,
            None => return Err(refused(Refusal::Clause("AS or FROM"))),
        };
        let declarations = self.declarations(&subject, binary)?;
        create
            .complete(
                &declarations,
                |kind| self.host.limits(kind),
                self.host.limits_max(),
                Digest::of(binary),
                origin,
            )
            .map_err(refused)
    }

    /// Makes the function of a definition.
    pub(crate) fn bind(
        &self,
        definition: Definition,
        binary: &[u8],
        memory_pool: &Arc<dyn MemoryPool>,
    ) -> Result<Function> {
        self.host.bind(definition, binary, memory_pool)
    }

    /// Makes the function of a definition of another module's.
    pub(crate) fn rebind(
        &self,
        definition: Definition,
        module: &Module,
        memory_pool: &Arc<dyn MemoryPool>,
    ) -> Result<Function> {
        let subject = Subject::Function(definition.name.clone());
        let declarations = self.declarations(&subject, &module.binary)?;
        let checked = definition.stated().check_against(&declarations);
        checked.map_err(|reason| Error::refused(subject, reason))?;
        let definition = Definition {
            digest: module.digest,
            ..definition
        };
        self.bind(definition, &module.binary, memory_pool)
    }
}

/// Refuses a module that is not the one that the statement pins.
pub(crate) fn check_digest(subject: &Subject, found: Digest, stated: Option<&str>) -> Result<()> {
    match stated {
        Some(stated) if stated.parse() != Ok(found) => Err(Error::refused(
            subject.clone(),
            Refusal::Digest {
                stated: stated.to_owned(),
                found: found.to_string(),
            },
        )),
        _ => Ok(()),
    }
}

impl std::fmt::Debug for Factory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Factory")
            .field("paths", &self.paths)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl FunctionFactory for Factory {
    async fn create(
        &self,
        state: &SessionState,
        statement: DfCreateFunction,
    ) -> DfResult<RegisterFunction> {
        let made = from_datafusion(statement).and_then(|mut create| {
            let subject = Subject::Function(create.name.clone());
            let refused = |reason| Error::refused(subject.clone(), reason);
            create.check().map_err(refused)?;
            let source = create.source.as_ref().expect("from_datafusion sets it");
            let binary = self.module(&subject, source, None)?;
            let declarations = self.declarations(&subject, &binary)?;
            create.adopt_kind(&declarations).map_err(refused)?;
            let definition = self.definition(&create, &binary)?;
            self.bind(definition, &binary, &state.runtime_env().memory_pool)
        });
        match made {
            Ok(function) => {
                let kind = function.definition().kind;
                let alone = Function::overloaded([function]);
                Ok(match kind {
                    Kind::Scalar => {
                        RegisterFunction::Scalar(Arc::new(ScalarUDF::new_from_impl(alone)))
                    }
                    Kind::Aggregate => {
                        RegisterFunction::Aggregate(Arc::new(AggregateUDF::new_from_impl(alone)))
                    }
                    Kind::Window => {
                        RegisterFunction::Window(Arc::new(WindowUDF::new_from_impl(alone)))
                    }
                    Kind::Table => {
                        let name = alone.name().to_owned();
                        RegisterFunction::Table(name, Arc::new(alone))
                    }
                })
            }
            Err(error) => Err(DataFusionError::External(Box::new(error))),
        }
    }
}

/// DataFusion's statement as ours, as far as its planner lets it through.
fn from_datafusion(statement: DfCreateFunction) -> Result<CreateFunction> {
    let name = statement.name.to_ascii_lowercase();
    let body = match statement.params.function_body {
        Some(Expr::Literal(
            ScalarValue::Utf8(Some(body))
            | ScalarValue::Utf8View(Some(body))
            | ScalarValue::LargeUtf8(Some(body)),
            _,
        )) => body,
        _ => {
            let reason = Refusal::Clause("AS 'path.wasm#symbol'");
            return Err(Error::refused(Subject::Function(name), reason));
        }
    };
    let (path, symbol) = match body.rsplit_once('#') {
        Some((path, symbol)) => (path.to_owned(), Some(symbol.to_owned())),
        None => (body, None),
    };
    let arguments = statement.args.map(|arguments| {
        let ours = |argument: datafusion::logical_expr::OperateFunctionArg| Argument {
            name: argument.name.map(|name| name.value),
            data_type: canonical(argument.data_type),
        };
        arguments.into_iter().map(ours).collect()
    });
    Ok(CreateFunction {
        or_replace: statement.or_replace,
        temporary: statement.temporary,
        name,
        arguments,
        returns: statement.return_type.map(canonical),
        language: statement
            .params
            .language
            .map(|language| language.value.to_ascii_uppercase()),
        volatility: statement
            .params
            .behavior
            .map(|volatility| match volatility {
                DfVolatility::Immutable => Volatility::Immutable,
                DfVolatility::Stable => Volatility::Stable,
                DfVolatility::Volatile => Volatility::Volatile,
            }),
        source: Some(Source::Path(path)),
        symbol,
        ..CreateFunction::default()
    })
}
