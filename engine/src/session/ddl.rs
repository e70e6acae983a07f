//! Statements that define: each is checked as a whole, and then done as a
//! whole.

use std::sync::{Arc, PoisonError};

use datafusion::dataframe::DataFrame;
use datafusion::logical_expr::{LogicalPlanBuilder, ScalarUDF};

use super::registry::is_registered;
use super::show::like;
use super::{Session, query};
use crate::catalog::{Change, Module};
use crate::definition::{Definition, Origin, sql_types};
use crate::error::{Error, Refusal, Result, Subject};
use crate::factory::check_digest;
use crate::statement::{
    CreateFunction, CreateModule, FunctionName, Options, Ours, Source, same_types,
};

impl Session {
    pub(super) fn execute_ours(&self, statement: Ours) -> Result<DataFrame> {
        let changing = self.definitions.changing.lock();
        let _changing = changing.unwrap_or_else(PoisonError::into_inner);
        match statement {
            Ours::CreateModule(create) => self.create_module(create)?,
            Ours::CreateFunction(create) => self.create_function(&create)?,
            Ours::ImportFunctions { module, like } => self.import(&module, like.as_deref())?,
            Ours::DropFunctions {
                if_exists,
                functions,
            } => self.drop_functions(if_exists, &functions)?,
            Ours::DropModules {
                if_exists,
                modules,
                cascade,
            } => self.drop_modules(if_exists, modules, cascade)?,
            Ours::AlterFunction { function, options } => {
                self.alter_function(&function, &options)?;
            }
            Ours::ShowFunctions { user, like } => {
                return self.show_functions(user, like.as_deref());
            }
            Ours::ShowModules { like } => return self.show_modules(like.as_deref()),
            Ours::ShowCreateFunction(function) => {
                return self.show_create_function(&self.function(&function)?);
            }
            Ours::DescribeModule(module) => return self.describe_module(&self.module(&module)?),
        }
        let nothing = LogicalPlanBuilder::empty(false).build().map_err(query)?;
        Ok(DataFrame::new(self.context.state(), nothing))
    }

    fn create_module(&self, create: CreateModule) -> Result<()> {
        let subject = Subject::Module(create.name.clone());
        if let Some(other) = create.language.filter(|language| language != "WASM") {
            return Err(Error::refused(subject, Refusal::Language(other)));
        }
        let catalog = &self.definitions.catalog;
        if catalog.module(&create.name).is_some() {
            if create.if_not_exists {
                return Ok(());
            }
            if !create.or_replace {
                return Err(Error::refused(subject, Refusal::Exists));
            }
        }
        let sha256 = create.sha256.as_deref();
        let binary = self.factory.module(&subject, &create.source, sha256)?;
        let module = Module::new(create.name, binary);
        // The functions of the module that is replaced go over to the new one:
        // all of them, or the statement fails.
        let dependents = catalog.functions_of(&module.name);
        let memory_pool = self.memory_pool();
        let rebound: Vec<_> = dependents
            .into_iter()
            .map(|definition| self.factory.rebind(definition, &module, &memory_pool))
            .collect::<Result<_>>()?;
        let mut changes = vec![Change::PutModule(module.clone())];
        for (definition, function) in rebound {
            changes.push(Change::PutFunction(definition, Arc::clone(&module.binary)));
            self.definitions.registry.put(&self.context, function);
        }
        catalog.apply(changes);
        Ok(())
    }

    fn create_function(&self, create: &CreateFunction) -> Result<()> {
        let subject = Subject::Function(create.name.clone());
        create
            .check()
            .map_err(|reason| Error::refused(subject.clone(), reason))?;
        if self.is_taken(&create.name) {
            if create.if_not_exists {
                return Ok(());
            }
            if !create.or_replace {
                return Err(Error::refused(subject, self.taken(&create.name)));
            }
        }
        let sha256 = create.sha256.as_deref();
        let binary = match &create.source {
            Some(Source::Module(name)) => {
                let module = self.module(name)?;
                check_digest(&subject, module.digest, sha256)?;
                module.binary
            }
            Some(source) => self.factory.module(&subject, source, sha256)?.into(),
            None => return Err(Error::refused(subject, Refusal::Clause("AS or FROM"))),
        };
        let (definition, function) = self
            .factory
            .function(create, &binary, &self.memory_pool())?;
        self.put(vec![(definition, function)], &binary);
        Ok(())
    }

    fn import(&self, module: &str, pattern: Option<&str>) -> Result<()> {
        let module = self.module(module)?;
        let subject = Subject::Module(module.name.clone());
        let declarations = self.factory.declarations(&subject, &module.binary)?;
        if declarations.iter().next().is_none() {
            return Err(Error::refused(subject, Refusal::NothingDeclared));
        }
        let mut functions = Vec::new();
        for declared in declarations.iter() {
            if !like(&declared.name, pattern)? {
                continue;
            }
            if self.is_taken(&declared.name) {
                let subject = Subject::Function(declared.name.clone());
                return Err(Error::refused(subject, self.taken(&declared.name)));
            }
            let create = CreateFunction {
                name: declared.name.clone(),
                kind: declared.kind,
                language: Some("WASM".to_owned()),
                symbol: declared.symbol.clone(),
                source: Some(Source::Module(module.name.clone())),
                ..CreateFunction::default()
            };
            let checked = create.check();
            let subject = Subject::Function(create.name.clone());
            checked.map_err(|reason| Error::refused(subject, reason))?;
            let memory_pool = self.memory_pool();
            functions.push(
                self.factory
                    .function(&create, &module.binary, &memory_pool)?,
            );
        }
        self.put(functions, &module.binary);
        Ok(())
    }

    fn drop_functions(&self, if_exists: bool, names: &[FunctionName]) -> Result<()> {
        let mut dropped = Vec::new();
        for name in names {
            match self.function(name) {
                Ok(definition) => dropped.push(definition.name),
                Err(Error::Refused {
                    reason: Refusal::Missing,
                    ..
                }) if if_exists => {}
                Err(error) => return Err(error),
            }
        }
        self.remove(dropped, vec![]);
        Ok(())
    }

    fn drop_modules(&self, if_exists: bool, names: Vec<String>, cascade: bool) -> Result<()> {
        let mut functions = Vec::new();
        let mut modules = Vec::new();
        for name in names {
            let used_by = self.definitions.catalog.functions_of(&name);
            let by: Vec<_> = used_by.into_iter().map(|function| function.name).collect();
            match self.module(&name) {
                Err(_) if if_exists => continue,
                found => drop(found?),
            }
            if !by.is_empty() && !cascade {
                return Err(Error::refused(Subject::Module(name), Refusal::InUse { by }));
            }
            functions.extend(by);
            modules.push(name);
        }
        self.remove(functions, modules);
        Ok(())
    }

    fn alter_function(&self, name: &FunctionName, options: &Options) -> Result<()> {
        let mut definition = self.function(name)?;
        let subject = Subject::Function(definition.name.clone());
        let refused = |reason| Error::refused(subject.clone(), reason);
        definition.limits = options.set(definition.limits).map_err(refused)?;
        if let Some(reset) = options.reset().map_err(refused)? {
            definition.reset = reset;
        }
        let binary = self.binary(&definition)?;
        let bound = self
            .factory
            .bind(definition, &binary, &self.memory_pool())?;
        self.put(vec![bound], &binary);
        Ok(())
    }

    /// Enters functions that were made of `binary`.
    fn put(&self, functions: Vec<(Definition, Arc<ScalarUDF>)>, binary: &Arc<[u8]>) {
        let mut changes = Vec::new();
        for (definition, function) in functions {
            changes.push(Change::PutFunction(definition, Arc::clone(binary)));
            self.definitions.registry.put(&self.context, function);
        }
        self.definitions.catalog.apply(changes);
    }

    fn remove(&self, functions: Vec<String>, modules: Vec<String>) {
        for name in &functions {
            self.definitions.registry.remove(&self.context, name);
        }
        let functions = functions.into_iter().map(Change::DropFunction);
        let modules = modules.into_iter().map(Change::DropModule);
        let changes = functions.chain(modules).collect();
        self.definitions.catalog.apply(changes);
    }

    /// Whether there is a function of that name, ours or DataFusion's.
    fn is_taken(&self, name: &str) -> bool {
        is_registered(&self.context, name)
    }

    fn taken(&self, name: &str) -> Refusal {
        match self.definitions.catalog.function(name) {
            Some(_) => Refusal::Exists,
            None => Refusal::BuiltIn,
        }
    }

    fn module(&self, name: &str) -> Result<Module> {
        let found = self.definitions.catalog.module(name);
        found.ok_or_else(|| Error::refused(Subject::Module(name.to_owned()), Refusal::Missing))
    }

    fn function(&self, function: &FunctionName) -> Result<Definition> {
        let refused = |reason| Error::refused(Subject::Function(function.name.clone()), reason);
        let Some(definition) = self.definitions.catalog.function(&function.name) else {
            return Err(refused(match self.is_taken(&function.name) {
                true => Refusal::NotOurs,
                false => Refusal::Missing,
            }));
        };
        match &function.arguments {
            Some(types) if !same_types(&definition.signature.arguments, types) => {
                Err(refused(Refusal::OtherArguments {
                    found: definition.signature.argument_types(),
                    stated: sql_types(types),
                }))
            }
            _ => Ok(definition),
        }
    }

    /// The bytes of a function's module.
    pub(super) fn binary(&self, definition: &Definition) -> Result<Arc<[u8]>> {
        let named = match &definition.origin {
            Origin::Module(name) => self.definitions.catalog.module(name),
            _ => None,
        };
        named
            .map(|module| module.binary)
            .or_else(|| self.definitions.catalog.binary(&definition.digest))
            .ok_or_else(|| Error::Internal(format!("the bytes of {} are gone", definition.digest)))
    }
}
