//! Functions of the catalog that a session borrows for one statement.
//!
//! A statement that calls them beside functions and tables of its session is planned there. The
//! session has them only meanwhile: it lists none, and a function that a user creates later is not
//! in their way. The plan keeps those that it calls.

use std::sync::Arc;

use datafusion::execution::FunctionRegistry;
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::ScalarUDF;
use fusebox::Session;

use super::functions::{catalog_function, replaced_by};
use super::snapshot::Snapshot;
use super::usage::CalledFunctions;
use super::{Names, SCHEMA};
use crate::report::Report;

/// Functions that a session has until this is dropped.
pub(crate) struct LentFunctions {
    context: SessionContext,
    lent: Vec<Arc<ScalarUDF>>,
    sql: String,
    /// Characters of the text before each pair of brackets that was added.
    brackets: Vec<usize>,
}

impl LentFunctions {
    /// Lends the functions that a text calls. A function that a user has created under a name is
    /// not replaced, unless the name is a word of the language.
    ///
    /// # Errors
    ///
    /// The report of what the session cannot read.
    pub(crate) async fn lend(
        session: &Session,
        names: &Names,
        called: &CalledFunctions,
        sql: &str,
    ) -> Result<Self, Report> {
        let snapshot = match called.reads_relations() {
            true => Snapshot::of(session, names).await?,
            false => Snapshot::of_functions(session, names)?,
        };
        let snapshot = Arc::new(snapshot);
        let config = session.context().copied_config();
        let dialect = config.options().sql_parser.dialect.to_string();
        let (sql, brackets) = called.bracketed(sql, &dialect);
        let mut lent = Self {
            context: session.context().clone(),
            lent: Vec::new(),
            sql,
            brackets,
        };
        for (name, is_word) in &called.names {
            let mut functions = snapshot.functions.iter();
            let is_users = functions.any(|function| function.definition.name == *name);
            if *is_word || !is_users {
                lent.add(name, (*name).to_owned(), &snapshot)?;
            }
            lent.add(name, format!("{SCHEMA}.{name}"), &snapshot)?;
        }
        Ok(lent)
    }

    /// Adds the function of a name to the session, under another name.
    fn add(
        &mut self,
        name: &str,
        registered: String,
        snapshot: &Arc<Snapshot>,
    ) -> Result<(), Report> {
        let before = registered_function(&self.context, &registered);
        // A statement that was cancelled may have it still: what it replaced is to return.
        let replaced = before.and_then(|function| match replaced_by(&function) {
            Some(replaced) => replaced,
            None => Some(function),
        });
        if let Some(function) = catalog_function(name, registered, snapshot, replaced) {
            let function = Arc::new(function);
            FunctionRegistry::register_udf(&mut self.context, Arc::clone(&function))?;
            self.lent.push(function);
        }
        Ok(())
    }

    /// Returns the text that the session plans: calls have their brackets.
    pub(crate) fn sql(&self) -> &str {
        &self.sql
    }

    /// Adds the position of an error in the whole text of a query, in which the statement begins
    /// after some characters.
    pub(crate) fn placed(&self, report: Report, begin: usize) -> Report {
        if self.brackets.is_empty() {
            return report;
        }
        let mut report = report.placed(&self.sql, begin);
        report.position = report.position.map(|position| {
            let before = self.brackets.iter().enumerate();
            let is_before =
                |(count, place): &(usize, &usize)| position > begin + **place + 2 * count + 1;
            position - 2 * before.filter(is_before).count()
        });
        report
    }
}

impl Drop for LentFunctions {
    fn drop(&mut self) {
        for function in std::mem::take(&mut self.lent) {
            // Another statement, or a user, may have replaced it.
            let current = registered_function(&self.context, function.name());
            if !current.is_some_and(|current| Arc::ptr_eq(&current, &function)) {
                continue;
            }
            match replaced_by(&function).flatten() {
                // It never fails.
                Some(replaced) => {
                    drop(FunctionRegistry::register_udf(&mut self.context, replaced));
                }
                None => self.context.deregister_udf(function.name()),
            }
        }
    }
}

fn registered_function(context: &SessionContext, name: &str) -> Option<Arc<ScalarUDF>> {
    let state = context.state_ref();
    let state = state.read();
    state.scalar_functions().get(name).cloned()
}
