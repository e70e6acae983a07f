//! Contents, read from the tables.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use fusebox::{
    BlobStore, CatalogChange, CatalogContents, CatalogFunction, CatalogModule, Definition, Digest,
    Relation, RelationKind, RowChunk, TableRows, UnreadableFunction,
};
use rusqlite::{Connection, Row};

use crate::access;

/// Returns the version of the contents.
pub(crate) fn version(connection: &Connection) -> rusqlite::Result<u64> {
    let sql = "SELECT value FROM meta WHERE key = 'version'";
    let version: i64 = connection.query_row(sql, [], |row| row.get(0))?;
    Ok(version.unsigned_abs())
}

/// Reads the contents. What has not changed since `before` stays the same object, so that
/// what sessions have bound of it is kept.
///
/// A function whose definition this version cannot read is kept as such, and so is a relation of an
/// unknown kind. A module whose bytes are gone stays, so that reading it fails.
pub(crate) fn read(
    connection: &Connection,
    before: &CatalogContents,
    store: &Arc<dyn BlobStore>,
) -> rusqlite::Result<CatalogContents> {
    let mut modules = Modules::new(before, store);
    let mut changes = Vec::new();
    let sql = "SELECT m.name, m.digest, coalesce(length(b.bytes), 0) \
               FROM module m LEFT JOIN blob b USING (digest)";
    each(connection, sql, |row| {
        let name: String = row.get(0)?;
        if let Some(module) = modules.of(&row.get::<_, String>(1)?, size(row.get(2)?)) {
            changes.push(CatalogChange::PutModule(name, module));
        }
        Ok(())
    })?;
    functions(connection, before, &mut modules, &mut changes)?;
    let mut tables = tables(connection, before, store)?;
    each(connection, "SELECT name, kind, sql FROM relation", |row| {
        let kind: String = row.get(1)?;
        // Its name has two parts, and those of relations have three.
        if kind == SCHEMA {
            changes.push(CatalogChange::PutSchema(row.get(0)?));
            return Ok(());
        }
        let mut relation = Relation::new(row.get(0)?, kind_of(&kind), row.get(2)?);
        relation.rows = tables.remove(&relation.name);
        changes.push(CatalogChange::PutRelation(relation));
        Ok(())
    })?;
    access::read(connection, &mut changes)?;
    Ok(CatalogContents::at(version(connection)?, changes))
}

/// Reads the functions.
fn functions(
    connection: &Connection,
    before: &CatalogContents,
    modules: &mut Modules<'_>,
    changes: &mut Vec<CatalogChange>,
) -> rusqlite::Result<()> {
    let sql = "SELECT f.name, f.types, f.definition, f.digest, coalesce(length(b.bytes), 0) \
               FROM function f LEFT JOIN blob b USING (digest)";
    each(connection, sql, |row| {
        let text: String = row.get(2)?;
        let module = modules.of(&row.get::<_, String>(3)?, size(row.get(4)?));
        let definition = Definition::from_json(&text);
        let reason = match (definition, module) {
            (Ok(definition), Some(module)) => {
                let old = before.function(&definition.key());
                let old = old.filter(|old| *old.definition() == definition).cloned();
                let new = || Arc::new(CatalogFunction::new(definition, module));
                changes.push(CatalogChange::PutFunction(old.unwrap_or_else(new)));
                return Ok(());
            }
            (Ok(_), None) => "its digest is none".to_owned(),
            (Err(error), _) => error.to_string(),
        };
        let (name, types): (String, String) = (row.get(0)?, row.get(1)?);
        tracing::error!(name, reason, "cannot read a function of the catalog");
        // Text that is no list is one of its own: no function has such a type.
        let types = serde_json::from_str(&types).unwrap_or_else(|_| vec![types]);
        let function = UnreadableFunction::new(name, types, reason);
        changes.push(CatalogChange::PutUnreadable(function));
        Ok(())
    })
}

/// Returns the rows of tables by name, without those of damaged ones. Chunks that were there before
/// stay the same objects, so that scans of two versions share what they read.
fn tables(
    connection: &Connection,
    before: &CatalogContents,
    store: &Arc<dyn BlobStore>,
) -> rusqlite::Result<HashMap<String, TableRows>> {
    let relations = before
        .relations()
        .filter_map(|relation| relation.rows.as_ref());
    let chunks = relations.flat_map(TableRows::chunks);
    let mut known: HashMap<Digest, Arc<RowChunk>> = chunks
        .map(|chunk| (chunk.digest(), Arc::clone(chunk)))
        .collect();
    let mut chunks: HashMap<String, Vec<Arc<RowChunk>>> = HashMap::new();
    let mut damaged = HashSet::new();
    // A chunk without a blob stays, so that reading it fails.
    let sql = "SELECT c.table_name, c.digest, c.row_count, coalesce(length(b.bytes), 0) \
               FROM chunk c LEFT JOIN blob b USING (digest) ORDER BY c.table_name, c.position";
    each(connection, sql, |row| {
        let digest: String = row.get(1)?;
        let Ok(digest) = digest.parse::<Digest>() else {
            damaged.insert(row.get::<_, String>(0)?);
            return Ok(());
        };
        let (rows, bytes) = (size(row.get(2)?), size(row.get(3)?));
        let new = || Arc::new(RowChunk::stored(digest, rows, bytes, Arc::clone(store)));
        let chunk = Arc::clone(known.entry(digest).or_insert_with(new));
        chunks.entry(row.get(0)?).or_default().push(chunk);
        Ok(())
    })?;
    let mut tables = HashMap::new();
    each(connection, "SELECT name, schema FROM stored_table", |row| {
        let name: String = row.get(0)?;
        match TableRows::decode_schema(&row.get::<_, Vec<u8>>(1)?) {
            Ok(_) if damaged.contains(&name) => {
                tracing::error!(name, "cannot read a digest of the catalog");
            }
            Ok(schema) => {
                let chunks = chunks.remove(&name).unwrap_or_default();
                tables.insert(name, TableRows::new(schema, chunks));
            }
            Err(error) => tracing::error!(%error, name, "cannot read a table of the catalog"),
        }
        Ok(())
    })?;
    Ok(tables)
}

/// Converts a length, which SQLite has as a signed number.
fn size(length: i64) -> u64 {
    length.unsigned_abs()
}

/// Calls `work` for each row of a query.
fn each(
    connection: &Connection,
    sql: &str,
    mut work: impl FnMut(&Row<'_>) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        work(row)?;
    }
    Ok(())
}

/// Modules by digest, one object for each.
struct Modules<'a> {
    known: HashMap<Digest, Arc<CatalogModule>>,
    store: &'a Arc<dyn BlobStore>,
}

impl<'a> Modules<'a> {
    fn new(before: &CatalogContents, store: &'a Arc<dyn BlobStore>) -> Self {
        let named = before.modules().map(|(_, module)| module);
        let of_functions = before.functions().map(|function| function.module());
        let all = named.chain(of_functions);
        Self {
            known: all
                .map(|module| (module.digest(), Arc::clone(module)))
                .collect(),
            store,
        }
    }

    /// Returns the module of a digest; `None` if that is none.
    fn of(&mut self, digest: &str, bytes: u64) -> Option<Arc<CatalogModule>> {
        let Ok(digest) = digest.parse::<Digest>() else {
            tracing::error!(digest, "cannot read a digest of the catalog");
            return None;
        };
        let store = self.store;
        let new = || Arc::new(CatalogModule::stored(digest, bytes, Arc::clone(store)));
        Some(Arc::clone(self.known.entry(digest).or_insert_with(new)))
    }
}

/// Kind of a schema, which is among the relations in the file.
pub(crate) const SCHEMA: &str = "schema";

/// Text of each kind of relations that is kept.
const KINDS: [(RelationKind, &str); 3] = [
    (RelationKind::View, "view"),
    (RelationKind::Table, "table"),
    (RelationKind::ExternalTable, "external table"),
];

fn kind_of(text: &str) -> RelationKind {
    let found = KINDS.iter().find(|(_, name)| *name == text);
    found.map_or(RelationKind::Unknown, |(kind, _)| *kind)
}

/// Returns the text of a kind; `None` for one that is not kept.
pub(crate) fn kind_text(kind: RelationKind) -> Option<&'static str> {
    let found = KINDS.iter().find(|(other, _)| *other == kind);
    found.map(|(_, name)| *name)
}
