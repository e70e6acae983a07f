//! Statements that drop.

use fusebox_definition::statement::FunctionName;
use fusebox_definition::{StatementError, Subject};
use fusebox_runtime::{Error, Result};

use super::Session;
use super::contents::Changes;
use super::transaction::Applied;
use crate::catalog::CatalogChange;

impl Session {
    pub(super) async fn execute_drop_functions(
        &self,
        if_exists: bool,
        names: Vec<FunctionName>,
        cascade: bool,
    ) -> Result<()> {
        loop {
            self.synchronize()?;
            self.register_every_relation().await?;
            let contents = self.contents()?;
            let mut changes = Changes::default();
            let mut dependents = Vec::new();
            for name in &names {
                match self.find_function(&contents, name) {
                    Ok(function) => {
                        changes.drop(&function);
                        let subject = Subject::Function(name.name.clone());
                        dependents = self
                            .check_dependents(&contents, &mut changes, &subject, cascade)
                            .await?;
                    }
                    // It has overloads of a name, whose types need not be known.
                    Err(Error::Refused {
                        reason: StatementError::Unreadable(_),
                        ..
                    }) => {
                        let unreadable = contents.unreadable(&name.name).cloned();
                        let dropped = unreadable.map(CatalogChange::DropUnreadable);
                        changes.shared.extend(dropped);
                    }
                    Err(Error::Refused {
                        reason: StatementError::Missing | StatementError::OtherArguments { .. },
                        ..
                    }) if if_exists => {}
                    Err(error) => return Err(error),
                }
            }
            if let Applied::Done = self.apply(&contents, changes)? {
                return self.drop_dependents(dependents);
            }
        }
    }

    pub(super) async fn execute_drop_modules(
        &self,
        if_exists: bool,
        names: Vec<String>,
        cascade: bool,
    ) -> Result<()> {
        loop {
            self.synchronize()?;
            self.register_every_relation().await?;
            let contents = self.contents()?;
            let mut changes = Changes::default();
            let mut relations = Vec::new();
            for name in &names {
                let dependents = contents.functions_of(name);
                match contents.module(name) {
                    Err(_) if if_exists => continue,
                    found => drop(found?),
                }
                if !dependents.is_empty() && !cascade {
                    let names = dependents.iter().map(|f| f.definition().name.clone());
                    let mut by: Vec<_> = names.collect();
                    by.dedup();
                    let subject = Subject::Module(name.clone());
                    return Err(Error::refused(subject, StatementError::InUse { by }));
                }
                dependents
                    .iter()
                    .for_each(|function| changes.drop(function));
                let module = CatalogChange::DropModule(name.clone());
                changes.shared.push(module);
                let subject = Subject::Module(name.clone());
                relations = self
                    .check_dependents(&contents, &mut changes, &subject, cascade)
                    .await?;
            }
            if let Applied::Done = self.apply(&contents, changes)? {
                return self.drop_dependents(relations);
            }
        }
    }
}
