//! Statements that make the same catalog.

// Relations of a session.
mod relations;

// Rows of tables.
mod rows;

use std::collections::BTreeSet;
use std::fmt;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use datafusion::common::TableReference;
use fusebox::{CatalogContents, CatalogModule, Identifier, ModuleSource, Session};

use crate::failure::Failure;
use crate::runner::Runner;
use relations::{Described, of_catalog, of_session, ordered};

/// Returns the statements that create the modules, functions, users, tables and views of a
/// session's catalog, each after those that it needs, with the rows of tables. Of a session that
/// forgets its relations, those are among them. What cannot be created is a comment.
///
/// Users have the verifiers of their passwords, as in the output of `pg_dumpall`: a copy
/// without them would let no user in. Whoever may dump them may read the file that has them.
///
/// # Errors
///
/// If the catalog or rows cannot be read.
pub(crate) fn dump(runner: &Runner) -> Result<Vec<String>, Failure> {
    runner.clear_interrupt();
    let catalog = runner.session().engine().catalog();
    let contents = catalog.contents().map_err(Failure::Catalog)?;
    let mut statements = definitions(&contents);
    statements.extend(users(runner.session()));
    let mut relations = of_catalog(runner.session(), &contents);
    if !catalog.keeps_relations() {
        relations.extend(of_session(runner, &contents)?);
    }
    let relations = ordered(relations);
    statements.extend(schemas(&relations));
    let mut last = Vec::new();
    for relation in &relations {
        match relation.check(runner)? {
            None => relation.dump(runner, &mut statements)?,
            Some(error) => last.push(left_out(
                &format!("{} {}", relation.kind(), relation.name),
                &error,
                &relation.create(),
            )),
        }
    }
    statements.extend(last);
    Ok(statements)
}

/// Returns the statements that create modules and functions.
fn definitions(contents: &CatalogContents) -> Vec<String> {
    let mut statements = Vec::new();
    let mut unreadable = BTreeSet::new();
    for (name, module) in contents.modules() {
        let quoted = Identifier(name);
        statements.push(match base64(module) {
            Ok(bytes) => format!("CREATE MODULE {quoted} LANGUAGE WASM AS BASE64 '{bytes}';"),
            Err(error) => {
                unreadable.insert(name);
                left_out(&format!("module {quoted}"), &error, "")
            }
        });
    }
    for function in contents.functions() {
        let mut definition = function.definition().clone();
        let is_unreadable = match &definition.source {
            ModuleSource::Module(name) => unreadable.contains(name.as_str()),
            _ => false,
        };
        let mut bytes = Ok(String::new());
        // A path may have another file now.
        if is_unreadable || !matches!(definition.source, ModuleSource::Module(_)) {
            bytes = base64(function.module());
        }
        if !matches!(definition.source, ModuleSource::Module(_)) {
            definition.source = ModuleSource::Base64;
        }
        statements.push(match bytes {
            Ok(bytes) => definition.create_statement(|| bytes) + ";",
            Err(error) => {
                let name = Identifier(&definition.name);
                left_out(&format!("function {name}"), &error, "")
            }
        });
    }
    statements
}

/// Returns the statements that create users, roles and grants.
fn users(session: &Session) -> Vec<String> {
    match session.role_statements() {
        Ok(statements) => {
            let texts = statements.iter().map(|statement| statement.to_sql() + ";");
            texts.collect()
        }
        Err(error) => vec![left_out("table of users", &error, "")],
    }
}

/// Returns the statements that create the relations of a session, or the one of a name, without
/// rows.
///
/// # Errors
///
/// If the catalog cannot be read.
pub(crate) fn schema(runner: &Runner, name: Option<&str>) -> Result<Vec<String>, Failure> {
    runner.clear_interrupt();
    let session = runner.session();
    let contents = session.engine().catalog().contents();
    let contents = contents.map_err(Failure::Catalog)?;
    let mut relations = of_catalog(session, &contents);
    relations.extend(of_session(runner, &contents)?);
    let relations = ordered(relations);
    let Some(name) = name else {
        let schemas = schemas(&relations).into_iter();
        return Ok(schemas
            .chain(relations.iter().map(Described::create))
            .collect());
    };
    let options = session.context().copied_config().options().catalog.clone();
    let name = TableReference::parse_str(name);
    let name = name.resolve(&options.default_catalog, &options.default_schema);
    let name = TableReference::from(name).to_quoted_string();
    let named = relations.iter().filter(|relation| relation.name == name);
    Ok(named.map(Described::create).collect())
}

/// Returns the bytes of a module.
fn base64(module: &CatalogModule) -> Result<String, fusebox::Error> {
    Ok(BASE64_STANDARD.encode(module.load()?.bytes()))
}

/// Returns a comment with a statement that cannot be executed.
fn left_out(subject: &str, error: &dyn fmt::Display, sql: &str) -> String {
    let text = format!("The {subject} is left out: {error}\n{sql}");
    let lines = text.trim_end().lines().map(|line| format!("-- {line}"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns the statements that create the schemas of relations, but the default one.
fn schemas(relations: &[Described]) -> BTreeSet<String> {
    let names = relations
        .iter()
        .map(|relation| TableReference::parse_str(&relation.name));
    let schemas = names.filter_map(|name| match name {
        TableReference::Full {
            catalog, schema, ..
        } if *schema != *"public" => {
            let (catalog, schema) = (Identifier(&catalog), Identifier(&schema));
            Some(format!("CREATE SCHEMA IF NOT EXISTS {catalog}.{schema};"))
        }
        _ => None,
    });
    schemas.collect()
}
