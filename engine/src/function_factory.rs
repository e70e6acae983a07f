//! DataFusion's `FunctionFactory`, for contexts that are not sessions.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::execution::context::{FunctionFactory, RegisterFunction, SessionState};
use datafusion::logical_expr::{
    CreateFunction as DfCreateFunction, Expr, OperateFunctionArg, Volatility as DfVolatility,
};
use datafusion::sql::unparser::expr_to_sql;
use fusebox_definition::statement::{CreateFunction, SourceClause};
use fusebox_definition::{Argument, StatementError, Subject, Volatility, canonical_type};
use fusebox_runtime::{Error, Result, WasmFunction};

use crate::function::{LazyFunction, datafusion_function, external, is_built_in};
use crate::loader::Loader;
use crate::scope::FunctionScope;

/// Gives DataFusion's own `CREATE FUNCTION` the language WASM.
///
/// Made by [`Engine::function_factory`](crate::Engine::function_factory), and installed by
/// [`Engine::install`](crate::Engine::install) together with cancellation and the charging of
/// memory to queries:
///
/// ```no_run
/// use datafusion::prelude::SessionContext;
/// use fusebox::{Engine, FileAccess};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let engine = Engine::builder().files(FileAccess::under("udfs")?).build()?;
/// let context = SessionContext::new();
/// engine.install(&context);
/// context
///     .sql("CREATE FUNCTION haversine_km(DOUBLE, DOUBLE, DOUBLE, DOUBLE) RETURNS DOUBLE
///           LANGUAGE WASM AS 'geo.wasm#haversine_km'")
///     .await?;
/// # Ok(())
/// # }
/// ```
///
/// The body is a path, and after a `#` the symbol, which defaults to the function's name.
/// DataFusion's planner knows neither modules nor `AGGREGATE`, `WINDOW`, `RETURNS TABLE`,
/// `STRICT`, `WITH` or `IF NOT EXISTS`: kind and clauses come from the module's declaration, or
/// are the defaults. It always replaces all overloads of the name, those of DataFusion only
/// with the privilege `replace_built_ins`, and it looks functions up in lower case, so they
/// are registered in lower case. Types are those of its planner: `TIMESTAMP WITH TIME ZONE`
/// has the session's zone.
///
/// In a context with the factory alone, functions have fuel and limits but no cancellation: a
/// query ends between two batches after its stream was dropped.
#[derive(Clone, Debug)]
pub struct WasmFunctionFactory {
    loader: Loader,
}

impl WasmFunctionFactory {
    pub(crate) fn new(loader: Loader) -> Self {
        Self { loader }
    }

    async fn bind(
        &self,
        state: &SessionState,
        statement: DfCreateFunction,
    ) -> Result<Arc<WasmFunction>> {
        let mut create = from_datafusion(statement)?;
        let subject = Subject::Function(create.name.clone());
        let privileges = &self.loader.options.privileges;
        privileges.check_create(&subject)?;
        if is_built_in(state, &create.name) {
            privileges.check_replacement(&subject)?;
        }
        let refused = |reason| Error::refused(subject.clone(), reason);
        create.check().map_err(refused)?;
        let source = create.source.as_ref();
        let source = source.expect("from_datafusion sets the source");
        let module = self.loader.load(&subject, source, None).await?;
        create.adopt_kind(module.declarations()).map_err(refused)?;
        let definition = self.loader.define(&create, &module)?;
        let mut bound = self.loader.bind_new(vec![definition], &module).await?;
        Ok(bound.pop().expect("one definition gives one function"))
    }
}

#[async_trait]
impl FunctionFactory for WasmFunctionFactory {
    async fn create(
        &self,
        state: &SessionState,
        statement: DfCreateFunction,
    ) -> DfResult<RegisterFunction> {
        let function = self.bind(state, statement).await.map_err(external)?;
        let scope = FunctionScope::new(Arc::clone(&state.runtime_env().memory_pool));
        let function = Arc::new(LazyFunction::bound(function));
        Ok(datafusion_function(vec![function], scope).into())
    }
}

/// Converts a statement of DataFusion's planner.
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
            let reason = StatementError::Clause("AS 'path.wasm#symbol'");
            return Err(Error::refused(Subject::Function(name), reason));
        }
    };
    let (path, symbol) = match body.rsplit_once('#') {
        Some((path, symbol)) => (path.to_owned(), Some(symbol.to_owned())),
        None => (body, None),
    };
    let arguments = statement.args.map(|arguments| {
        let argument = |argument: OperateFunctionArg| {
            let default = argument.default_expr.as_ref();
            let default = default.map(|default| match expr_to_sql(default) {
                Ok(sql) => sql.to_string(),
                Err(_) => default.to_string(),
            });
            let name = argument.name.map(|name| name.value);
            Argument {
                default,
                ..Argument::new(name, canonical_type(argument.data_type))
            }
        };
        arguments.into_iter().map(argument).collect()
    });
    let language = statement.params.language;
    let volatility = statement.params.behavior.map(|behavior| match behavior {
        DfVolatility::Immutable => Volatility::Immutable,
        DfVolatility::Stable => Volatility::Stable,
        DfVolatility::Volatile => Volatility::Volatile,
    });
    Ok(CreateFunction {
        or_replace: statement.or_replace,
        temporary: statement.temporary,
        name,
        arguments,
        returns: statement.return_type.map(canonical_type),
        language: language.map(|language| language.value.to_ascii_uppercase()),
        volatility,
        source: Some(SourceClause::Path(path)),
        symbol,
        ..CreateFunction::default()
    })
}
