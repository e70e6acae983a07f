//! IMPORT FUNCTIONS.

use std::collections::HashMap;

use fusebox_definition::statement::{CreateFunction, ImportFunctions, SourceClause};
use fusebox_definition::{Definition, Kind, StatementError, Subject};
use fusebox_runtime::{Error, LoadedModule, Result};

use super::Session;
use super::contents::{Changes, Contents};
use super::create::{alike, drop_replaced};
use super::show::is_like;
use super::transaction::{Applied, catalog_functions};
use crate::function::are_alike;
use crate::loader::{check_kind, check_name, check_parameter_names};

impl Session {
    pub(super) async fn execute_import(&self, import: &ImportFunctions) -> Result<()> {
        let mut bound = Vec::new();
        loop {
            self.synchronize()?;
            let contents = self.contents()?;
            let module = contents.module(&import.module)?;
            self.check_use(&import.module)?;
            let named = Subject::Module(import.module.clone());
            let loaded = self.loader.loaded_for(named, &module).await?;
            let imported = self.imported(&contents, &loaded, import)?;
            let mut changes = Changes::default();
            if import.or_replace {
                for definition in &imported {
                    let others = contents.functions_named(&definition.name);
                    let replaced = alike(&others, &definition.signature.types());
                    drop_replaced(&mut changes, &replaced, definition);
                }
            }
            self.bind_once(&mut bound, imported, &module).await?;
            catalog_functions(&bound, &module).for_each(|function| changes.put(function));
            if let Applied::Done = self.apply(&contents, changes)? {
                return Ok(());
            }
        }
    }

    /// Defines the functions that a statement imports, all that the module declares or those
    /// that it chooses.
    fn imported(
        &self,
        contents: &Contents,
        module: &LoadedModule,
        import: &ImportFunctions,
    ) -> Result<Vec<Definition>> {
        let declarations = chosen(module, import)?;
        if let Some(options) = &import.options {
            let subject = || Subject::Module(import.module.clone());
            let checked = options.refuse_grants();
            checked.map_err(|reason| Error::refused(subject(), reason))?;
        }
        let mut taken = Names::new(contents, import.or_replace);
        let mut imported = Vec::new();
        for declared in declarations {
            let prefix = import.prefix.as_deref().unwrap_or_default();
            let create = CreateFunction {
                name: format!("{prefix}{}", declared.name),
                kind: declared.kind,
                language: Some("WASM".to_owned()),
                symbol: Some(declared.symbol().to_owned()),
                source: Some(SourceClause::Module(import.module.clone())),
                options: import.options.clone(),
                ..CreateFunction::default()
            };
            let subject = Subject::Function(create.name.clone());
            let refused = |reason| Error::refused(subject.clone(), reason);
            create.check().map_err(refused)?;
            if !import.or_replace {
                self.refuse_built_in(contents, &create.name)?;
            } else if self.is_built_in(contents, &create.name) {
                let privileges = self.loader.options.current_privileges();
                privileges.check_replacement(&subject)?;
            }
            let definition = self.loader.define(&create, module)?;
            check_kind(&definition, taken.kind(&definition.name))?;
            check_name(&definition)?;
            check_parameter_names(&definition, taken.kept(&definition))?;
            if !taken.insert(&definition) {
                let name = declared.name.clone();
                return Err(refused(StatementError::ImportExists { name }));
            }
            imported.push(definition);
        }
        Ok(imported)
    }
}

/// Returns the declarations that a statement chooses, at least one.
fn chosen<'a>(
    module: &'a LoadedModule,
    import: &ImportFunctions,
) -> Result<Vec<&'a CreateFunction>> {
    let refused = |reason| {
        let subject = Subject::Module(import.module.clone());
        Err(Error::refused(subject, reason))
    };
    let declarations: Vec<_> = module.declarations().iter().collect();
    if declarations.is_empty() {
        return refused(StatementError::NothingDeclared);
    }
    let is_declared = |name: &&String| declarations.iter().any(|d| d.name == **name);
    if let Some(name) = import.except.iter().find(|name| !is_declared(name)) {
        return refused(StatementError::NotDeclared(name.clone()));
    }
    let mut chosen = Vec::new();
    for declared in declarations {
        let is_excepted = import.except.contains(&declared.name);
        if !is_excepted && is_like(&declared.name, import.like.as_deref())? {
            chosen.push(declared);
        }
    }
    match (chosen.is_empty(), &import.like) {
        (false, _) => Ok(chosen),
        (true, Some(pattern)) => refused(StatementError::NothingLike(pattern.clone())),
        (true, None) => refused(StatementError::NothingLeft),
    }
}

/// Function that has a name.
struct Taken {
    definition: Definition,
    /// True if a function of the same argument types may replace it.
    is_replaceable: bool,
}

impl Taken {
    fn is_alike(&self, definition: &Definition) -> bool {
        let types = |definition: &Definition| definition.signature.types();
        are_alike(&types(&self.definition), &types(definition))
    }
}

/// Functions that have names, by name.
struct Names(HashMap<String, Vec<Taken>>);

impl Names {
    /// Names of functions, which others of the same argument types may replace or not.
    fn new(contents: &Contents, is_replaceable: bool) -> Self {
        let mut names = Self(HashMap::new());
        for function in contents.functions() {
            names.push(function.definition(), is_replaceable);
        }
        names
    }

    fn kind(&self, name: &str) -> Option<Kind> {
        let taken = self.0.get(name)?.first()?;
        Some(taken.definition.kind)
    }

    /// Returns the overloads that stay beside a definition.
    fn kept(&self, definition: &Definition) -> impl Iterator<Item = &Definition> {
        let named = self.0.get(&definition.name).into_iter().flatten();
        let kept = named.filter(|taken| !taken.is_replaceable || !taken.is_alike(definition));
        kept.map(|taken| &taken.definition)
    }

    /// Takes the name for the definition; false if an alike overload has it.
    fn insert(&mut self, definition: &Definition) -> bool {
        let named = self.0.get(&definition.name).into_iter().flatten();
        let mut taken = named.filter(|taken| !taken.is_replaceable);
        let is_free = !taken.any(|taken| taken.is_alike(definition));
        if is_free {
            self.push(definition, false);
        }
        is_free
    }

    fn push(&mut self, definition: &Definition, is_replaceable: bool) {
        let named = self.0.entry(definition.name.clone()).or_default();
        named.push(Taken {
            definition: definition.clone(),
            is_replaceable,
        });
    }
}
