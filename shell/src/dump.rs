//! Statements that make the same catalog.

// Rows of tables.
mod rows;

use std::collections::BTreeSet;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use datafusion::common::TableReference;
use fusebox::{Identifier, ModuleSource, Relation, Session};

use crate::failure::Failure;

/// Returns the statements that create the modules, functions, views and tables of a session's
/// catalog, each after those that it needs, with the rows of tables.
pub(crate) fn dump(session: &Session) -> Result<Vec<String>, Failure> {
    let contents = session.engine().catalog().contents();
    let contents = contents.map_err(Failure::Catalog)?;
    let mut statements = Vec::new();
    for (name, module) in contents.modules() {
        let bytes = BASE64_STANDARD.encode(module.load()?.bytes());
        let name = Identifier(name);
        statements.push(format!(
            "CREATE MODULE {name} LANGUAGE WASM AS BASE64 '{bytes}';"
        ));
    }
    for function in contents.functions() {
        let mut definition = function.definition().clone();
        let mut base64 = String::new();
        // A path may have another file now.
        if !matches!(definition.source, ModuleSource::Module(_)) {
            definition.source = ModuleSource::Base64;
            base64 = BASE64_STANDARD.encode(function.module().load()?.bytes());
        }
        statements.push(definition.create_statement(|| base64) + ";");
    }
    let relations = ordered(contents.relations().collect());
    for schema in schemas(&relations) {
        statements.push(format!("CREATE SCHEMA IF NOT EXISTS {schema};"));
    }
    for relation in relations {
        match &relation.rows {
            Some(rows) => rows::dump(relation, rows, &mut statements)?,
            None => statements.push(format!("{};", relation.sql)),
        }
    }
    Ok(statements)
}

/// Returns the schemas of relations but the default one, as SQL names them.
fn schemas(relations: &[&Relation]) -> BTreeSet<String> {
    let names = relations
        .iter()
        .map(|relation| TableReference::parse_str(&relation.name));
    let schemas = names.filter_map(|name| match name {
        TableReference::Full {
            catalog, schema, ..
        } if *schema != *"public" => {
            Some(format!("{}.{}", Identifier(&catalog), Identifier(&schema)))
        }
        _ => None,
    });
    schemas.collect()
}

/// Orders relations so that each comes after those that its text mentions.
fn ordered(mut left: Vec<&Relation>) -> Vec<&Relation> {
    let mut ordered = Vec::new();
    while !left.is_empty() {
        let names: BTreeSet<&str> = left.iter().map(|relation| last_name(relation)).collect();
        let is_ready = |relation: &&Relation| {
            let own = last_name(relation);
            let words = relation
                .sql
                .split(|c: char| !c.is_alphanumeric() && c != '_');
            let mut others = words.filter(|word| *word != own);
            !others.any(|word| names.contains(word))
        };
        let (ready, rest): (Vec<_>, Vec<_>) = left.iter().copied().partition(|r| is_ready(r));
        // A circle of words is none of views: the order of names has to do.
        let (ready, rest) = match ready.is_empty() {
            true => (rest, Vec::new()),
            false => (ready, rest),
        };
        ordered.extend(ready);
        left = rest;
    }
    ordered
}

/// Returns the name without catalog and schema.
fn last_name(relation: &Relation) -> &str {
    let name = relation.name.rsplit('.').next().unwrap_or(&relation.name);
    name.trim_matches('"')
}

#[cfg(test)]
mod tests {
    use fusebox::RelationKind;

    use super::*;

    #[test]
    fn views_come_after_those_that_they_mention() {
        let view = |name: &str, sql: &str| {
            Relation::new(
                format!("datafusion.public.{name}"),
                RelationKind::View,
                sql.to_owned(),
            )
        };
        let relations = [
            view("a", "CREATE VIEW a AS SELECT * FROM c JOIN b USING (x)"),
            view("b", "CREATE VIEW b AS SELECT x FROM c"),
            view("c", "CREATE VIEW c AS SELECT 1 AS x"),
        ];
        let names: Vec<_> = ordered(relations.iter().collect())
            .into_iter()
            .map(last_name)
            .collect();
        assert_eq!(names, ["c", "b", "a"]);
    }
}
