//! The same as the statements, without SQL.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use datafusion::execution::memory_pool::MemoryPool;
use fusebox_definition::statement::{CreateFunction, FunctionName, ImportFunctions};
use fusebox_definition::{Definition, FunctionKey, ModuleSource, Subject};
use fusebox_runtime::{
    Error, FunctionStatistics, LoadedModule, Notices, Result, WEIGHTS_VERSION, WasmFunction,
};

use super::Session;
use super::transaction::{Applied, definitions};
use crate::catalog::CatalogModule;
use crate::scope::{QueryScope, SessionCancellation};
use crate::settings::Settings;

/// Function of a session, called without SQL.
#[derive(Clone, Debug)]
pub struct Function {
    function: Arc<WasmFunction>,
    cancellation: SessionCancellation,
    memory_pool: Arc<dyn MemoryPool>,
    settings: Settings,
    notices: Arc<Notices>,
}

impl Function {
    /// Returns the definition.
    pub fn definition(&self) -> &Definition {
        self.function.definition()
    }

    /// Calls a scalar function with the columns of `batch`, in the order of its arguments;
    /// returns one value per row. Nothing is coerced: the types must be the declared ones, in
    /// any layout. Charged to the session's memory pool, and cancelled by
    /// [`Session::cancel`]; calls that begin later run.
    ///
    /// Blocks while the guest runs.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the types differ, and any error of a call.
    pub fn call(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        // Each call is an execution of its own: it must not see what earlier ones did.
        let (token, pool) = (self.cancellation.query(), Arc::clone(&self.memory_pool));
        let scope = QueryScope::new(token, pool, self.settings, &self.notices);
        self.function.call_batch(batch, &scope.into_scope())
    }
}

impl Session {
    /// Returns true if the catalog keeps views and tables with their rows, so that other sessions
    /// have them too. Otherwise they end with the session.
    pub fn keeps_relations(&self) -> bool {
        self.catalog.keeps_relations()
    }

    /// Creates a module, as `CREATE MODULE name LANGUAGE WASM`. `bytes` are in the binary or
    /// the text format.
    ///
    /// # Errors
    ///
    /// [`Error::Module`] if the module is unusable, [`Error::Refused`] if the name is taken.
    pub async fn create_module(&self, name: &str, bytes: impl Into<Vec<u8>>) -> Result<()> {
        let subject = Subject::Module(name.to_owned());
        self.check_define(&subject)?;
        let module = self.loader.load_bytes(&subject, bytes.into()).await?;
        self.put_module(name, module, false, false).await
    }

    /// Replaces or creates a module, as `CREATE OR REPLACE MODULE`: its functions move to it.
    ///
    /// # Errors
    ///
    /// As [`create_module`](Self::create_module), and [`Error::Refused`] if the module
    /// contradicts a function of the one that it replaces.
    pub async fn replace_module(&self, name: &str, bytes: impl Into<Vec<u8>>) -> Result<()> {
        let subject = Subject::Module(name.to_owned());
        self.check_define(&subject)?;
        let module = self.loader.load_bytes(&subject, bytes.into()).await?;
        self.put_module(name, module, true, false).await
    }

    /// Imports functions that a module declares, as `IMPORT FUNCTIONS FROM MODULE`: all of
    /// them if given its name, or those that an [`ImportFunctions`] chooses.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the module does not exist or declares none of them, or if a name
    /// is taken and not replaced; nothing is imported then.
    pub async fn import(&self, import: impl Into<ImportFunctions>) -> Result<()> {
        let import = import.into();
        self.check_import(&import.module)?;
        self.execute_import(&import).await
    }

    /// Creates a function from its definition and the bytes of its module. The definition's
    /// digest is replaced by that of the bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Module`] if the module does not serve the definition, [`Error::Refused`] if the
    /// definition is refused or the name is taken.
    pub async fn create_function(
        &self,
        definition: Definition,
        bytes: impl Into<Vec<u8>>,
    ) -> Result<()> {
        let subject = Subject::Function(definition.name.clone());
        self.check_define(&subject)?;
        let module = self.loader.load_bytes(&subject, bytes.into()).await?;
        let mut definition = self.loader.move_to(definition, &module)?;
        definition.source = ModuleSource::Base64;
        // Stated here, unless the definition was stored before.
        definition.weights = definition.weights.or(Some(WEIGHTS_VERSION));
        let module = Arc::new(CatalogModule::from(module));
        let mut bound = Vec::new();
        loop {
            self.synchronize()?;
            let contents = self.contents()?;
            self.refuse_built_in(&contents, &definition.name)?;
            let applied = self
                .put_function(&contents, definition.clone(), &module, false, &mut bound)
                .await?;
            if let Applied::Done = applied {
                return Ok(());
            }
        }
    }

    /// Defines a function of a module by a statement `CREATE FUNCTION` without a source,
    /// completed by the module's declaration and this session's limits.
    ///
    /// # Errors
    ///
    /// [`Error::Syntax`] and [`Error::Refused`] as for the statement.
    pub fn define(&self, module: &LoadedModule, create: &CreateFunction) -> Result<Definition> {
        if let Some(options) = &create.options {
            let checked = options.refuse_grants();
            let subject = || Subject::Function(create.name.clone());
            checked.map_err(|reason| Error::refused(subject(), reason))?;
        }
        self.loader.define(create, module)
    }

    /// Drops a function, as `DROP FUNCTION name(types)`, and with `cascade` the views and
    /// column defaults of the session that call it.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if it does not exist, or is needed.
    pub async fn drop_function(&self, key: FunctionKey, cascade: bool) -> Result<()> {
        let subject = Subject::Function(key.name.clone());
        self.check_define(&subject)?;
        let name = FunctionName {
            name: key.name,
            arguments: Some(key.types),
        };
        self.execute_drop_functions(false, vec![name], cascade)
            .await
    }

    /// Drops a module, and with `cascade` its functions, and the views and column defaults of
    /// the session that call them.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if it does not exist, or is in use.
    pub async fn drop_module(&self, name: &str, cascade: bool) -> Result<()> {
        let subject = Subject::Module(name.to_owned());
        self.check_define(&subject)?;
        self.execute_drop_modules(false, vec![name.to_owned()], cascade)
            .await
    }

    /// Returns the definitions of all functions, sorted by name and argument types.
    ///
    /// # Errors
    ///
    /// [`Error::Catalog`] if the catalog cannot be read.
    pub fn functions(&self) -> Result<Vec<Definition>, Error> {
        Ok(definitions(&self.contents()?.functions()))
    }

    /// Returns the sums over the calls of each function since it was created or the engine was
    /// built, as the table `fusebox.stats`: of all sessions that share the catalog, and of this
    /// one for temporary functions. Calls of queries that run are added after some guest time.
    ///
    /// # Errors
    ///
    /// [`Error::Catalog`] if the catalog cannot be read.
    pub fn statistics(&self) -> Result<Vec<(Definition, FunctionStatistics)>> {
        let sums = |definition: &Definition| match self.notices.statistics() {
            Some(statistics) => statistics.get(definition),
            None => FunctionStatistics::default(),
        };
        let functions = self.functions()?.into_iter();
        Ok(functions.map(|d| (d.clone(), sums(&d))).collect())
    }

    /// Returns all modules with their names, sorted.
    ///
    /// # Errors
    ///
    /// [`Error::Catalog`] if the catalog cannot be read.
    pub fn modules(&self) -> Result<Vec<(String, Arc<CatalogModule>)>> {
        let contents = self.contents()?;
        let modules = contents.shared.modules();
        let owned =
            |(name, module): (&str, &Arc<CatalogModule>)| (name.to_owned(), Arc::clone(module));
        Ok(modules.map(owned).collect())
    }

    /// Returns the only function of a name, to be called without SQL.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if there is none, or several.
    pub async fn function(&self, name: &str) -> Result<Function> {
        self.synchronize()?;
        let name = FunctionName {
            name: name.to_owned(),
            arguments: None,
        };
        let found = self.find_function(&self.contents()?, &name)?;
        let settings = self.settings();
        let function = Arc::new(self.loader.lazy(&found));
        let function = self.registry.function(&found).unwrap_or(function);
        self.loader.bind_lazy(vec![Arc::clone(&function)]).await?;
        Ok(Function {
            function: function.get_or_bind(&self.cancellation.query())?,
            cancellation: self.cancellation.clone(),
            memory_pool: self.memory_pool(),
            settings,
            notices: Arc::clone(&self.notices),
        })
    }
}
