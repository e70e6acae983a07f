//! Statements that define: each is checked as a whole, and then done as a
//! whole.

use std::sync::{Arc, PoisonError};

use arrow::datatypes::DataType;
use datafusion::dataframe::DataFrame;
use datafusion::logical_expr::LogicalPlanBuilder;

use super::registry::registered;
use super::show::like;
use super::{Session, query};
use crate::catalog::{Change, Module};
use crate::definition::{Definition, FunctionKey, Kind, Origin, argument_lists, sql_types};
use crate::error::{Error, Refusal, Result, Subject};
use crate::factory::check_digest;
use crate::function::{Function, are_alike};
use crate::statement::{CreateFunction, CreateModule, FunctionName, Options, Ours, Source};

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
        let binary = Arc::clone(&module.binary);
        self.put(vec![Change::PutModule(module)], rebound, &binary);
        Ok(())
    }

    fn create_function(&self, create: &CreateFunction) -> Result<()> {
        let subject = Subject::Function(create.name.clone());
        create
            .check()
            .map_err(|reason| Error::refused(subject.clone(), reason))?;
        let named = self.definitions.catalog.functions_named(&create.name);
        let alike = |types: &[DataType]| {
            let mut keys: Vec<_> = named.iter().map(Definition::key).collect();
            keys.retain(|key| are_alike(&key.types, types));
            keys
        };
        let hidden = match named.is_empty() {
            true => registered(&self.context, &create.name),
            false => None,
        };
        let exists = match create.types() {
            Some(types) => !alike(&types).is_empty(),
            None => !named.is_empty(),
        };
        if create.if_not_exists && (hidden.is_some() || exists) {
            return Ok(());
        }
        if hidden.is_some() && !create.or_replace {
            return Err(Error::refused(subject, Refusal::BuiltIn));
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
        let definition = self.factory.definition(create, &binary)?;
        let others = named.first().map(|other| other.kind);
        check_kind(&definition, others.or(hidden))?;
        check_name(&definition)?;
        let replaced = alike(&definition.signature.types());
        if !replaced.is_empty() && !create.or_replace {
            return Err(Error::refused(subject, Refusal::Exists));
        }
        let function = self
            .factory
            .bind(definition, &binary, &self.memory_pool())?;
        // One that differs in layout does not go by being replaced.
        let key = function.definition().key();
        let others: Vec<_> = replaced.into_iter().filter(|old| *old != key).collect();
        let dropped = others.iter().cloned().map(Change::DropFunction).collect();
        self.put(dropped, vec![function], &binary);
        for old in &others {
            self.definitions.registry.remove(&self.context, old);
        }
        Ok(())
    }

    fn import(&self, module: &str, pattern: Option<&str>) -> Result<()> {
        let module = self.module(module)?;
        let subject = Subject::Module(module.name.clone());
        let declarations = self.factory.declarations(&subject, &module.binary)?;
        if declarations.iter().next().is_none() {
            return Err(Error::refused(subject, Refusal::NothingDeclared));
        }
        let mut definitions: Vec<Definition> = Vec::new();
        for declared in declarations.iter() {
            if !like(&declared.name, pattern)? {
                continue;
            }
            let subject = Subject::Function(declared.name.clone());
            let refused = |reason| Error::refused(subject.clone(), reason);
            let create = CreateFunction {
                name: declared.name.clone(),
                kind: declared.kind,
                language: Some("WASM".to_owned()),
                symbol: Some(declared.symbol().to_owned()),
                source: Some(Source::Module(module.name.clone())),
                ..CreateFunction::default()
            };
            create.check().map_err(refused)?;
            let named = self.definitions.catalog.functions_named(&create.name);
            if named.is_empty() && registered(&self.context, &create.name).is_some() {
                return Err(refused(Refusal::BuiltIn));
            }
            let definition = self.factory.definition(&create, &module.binary)?;
            let mut others = named.iter().chain(&definitions);
            let other = others.find(|other| other.name == definition.name);
            check_kind(&definition, other.map(|other| other.kind))?;
            check_name(&definition)?;
            let types = definition.signature.types();
            let exists = |other: &Definition| {
                other.name == definition.name && are_alike(&other.signature.types(), &types)
            };
            if named.iter().any(exists) || definitions.iter().any(exists) {
                return Err(refused(Refusal::Exists));
            }
            definitions.push(definition);
        }
        let memory_pool = self.memory_pool();
        let bind = |definition| self.factory.bind(definition, &module.binary, &memory_pool);
        let functions = definitions.into_iter().map(bind).collect::<Result<_>>()?;
        self.put(vec![], functions, &module.binary);
        Ok(())
    }

    fn drop_functions(&self, if_exists: bool, names: &[FunctionName]) -> Result<()> {
        let mut dropped = Vec::new();
        for name in names {
            match self.function(name) {
                Ok(definition) => dropped.push(definition.key()),
                Err(Error::Refused {
                    reason: Refusal::Missing | Refusal::OtherArguments { .. },
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
            match self.module(&name) {
                Err(_) if if_exists => continue,
                found => drop(found?),
            }
            if !used_by.is_empty() && !cascade {
                let mut by: Vec<_> = used_by.into_iter().map(|f| f.name).collect();
                by.dedup();
                return Err(Error::refused(Subject::Module(name), Refusal::InUse { by }));
            }
            functions.extend(used_by.iter().map(Definition::key));
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
        self.put(vec![], vec![bound], &binary);
        Ok(())
    }

    /// Makes `changes`, and enters functions that were made of `binary`.
    fn put(&self, mut changes: Vec<Change>, functions: Vec<Function>, binary: &Arc<[u8]>) {
        for function in functions {
            let definition = function.definition().clone();
            changes.push(Change::PutFunction(definition, Arc::clone(binary)));
            self.definitions.registry.put(&self.context, function);
        }
        self.definitions.catalog.apply(changes);
    }

    fn remove(&self, functions: Vec<FunctionKey>, modules: Vec<String>) {
        for key in &functions {
            self.definitions.registry.remove(&self.context, key);
        }
        let functions = functions.into_iter().map(Change::DropFunction);
        let modules = modules.into_iter().map(Change::DropModule);
        let changes = functions.chain(modules).collect();
        self.definitions.catalog.apply(changes);
    }

    fn module(&self, name: &str) -> Result<Module> {
        let found = self.definitions.catalog.module(name);
        found.ok_or_else(|| Error::refused(Subject::Module(name.to_owned()), Refusal::Missing))
    }

    /// The function that a statement names.
    fn function(&self, function: &FunctionName) -> Result<Definition> {
        let mut named = self.definitions.catalog.functions_named(&function.name);
        let keys: Vec<_> = named.iter().map(Definition::key).collect();
        let found = || argument_lists(keys.iter().map(|key| &key.types[..]));
        let is_registered = || registered(&self.context, &function.name).is_some();
        let refusal = match &function.arguments {
            _ if named.is_empty() && is_registered() => Refusal::NotOurs,
            _ if named.is_empty() => Refusal::Missing,
            None if named.len() > 1 => Refusal::NotUnique { found: found() },
            None => return Ok(named.remove(0)),
            Some(types) => match keys.iter().position(|key| key.types == *types) {
                Some(position) => return Ok(named.remove(position)),
                None => Refusal::OtherArguments {
                    found: found(),
                    stated: sql_types(types),
                },
            },
        };
        let subject = Subject::Function(function.name.clone());
        Err(Error::refused(subject, refusal))
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

/// Refuses a function whose name others have that are of another kind: a call
/// would not find it.
fn check_kind(definition: &Definition, other: Option<Kind>) -> Result<()> {
    let stated = definition.kind;
    match other.filter(|found| *found != stated) {
        None => Ok(()),
        Some(found) => Err(Error::refused(
            Subject::Function(definition.name.clone()),
            Refusal::Kind {
                found: found.name(),
                stated: stated.name(),
            },
        )),
    }
}

/// Aggregates that DataFusion's planner and optimizer look for by their names:
/// `sum` of a group is taken apart into sums of parts of it, and `DISTINCT ON`
/// means `first_value`.
const KNOWN: [&str; 6] = ["count", "first_value", "last_value", "max", "min", "sum"];

/// Refuses a function under a name by which it would be taken for another, or
/// not be found.
fn check_name(definition: &Definition) -> Result<()> {
    let name = &definition.name;
    let reason = match definition.kind {
        Kind::Aggregate if KNOWN.contains(&name.as_str()) => Refusal::Known,
        Kind::Table if *name != name.to_ascii_lowercase() => Refusal::TableName,
        _ => return Ok(()),
    };
    Err(Error::refused(Subject::Function(name.clone()), reason))
}
