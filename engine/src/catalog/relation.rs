//! Views, tables and column defaults of a catalog.

use std::sync::Arc;

use super::TableRows;

/// Relation whose SQL may use functions.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Relation {
    /// Qualified name.
    pub name: String,
    /// Kind of the relation.
    pub kind: RelationKind,
    /// Statement that creates it; that of a table with rows has no query.
    pub sql: String,
    /// Rows of a table that the catalog keeps.
    pub rows: Option<TableRows>,
}

impl Relation {
    /// Creates a relation without rows.
    pub fn new(name: String, kind: RelationKind, sql: String) -> Self {
        Self {
            name,
            kind,
            sql,
            rows: None,
        }
    }

    /// Sets the rows of a table.
    #[must_use]
    pub fn with_rows(mut self, rows: TableRows) -> Self {
        self.rows = Some(rows);
        self
    }

    /// Returns the relation with the schema of its rows, and none of them.
    pub(crate) fn without_chunks(&self) -> Self {
        let rows = self.rows.as_ref();
        Self {
            rows: rows.map(|rows| TableRows::new(Arc::clone(rows.schema()), Vec::new())),
            name: self.name.clone(),
            kind: self.kind,
            sql: self.sql.clone(),
        }
    }

    /// Returns true if both are defined alike, whatever their rows.
    pub(crate) fn is_defined_as(&self, other: &Self) -> bool {
        let schema = |relation: &Self| Some(relation.rows.as_ref()?.schema().clone());
        (self.kind, &self.sql, schema(self)) == (other.kind, &other.sql, schema(other))
    }
}

/// Kind of a relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RelationKind {
    /// `CREATE VIEW`.
    View,
    /// `CREATE EXTERNAL TABLE`.
    ExternalTable,
    /// `CREATE TABLE` with column defaults, whose rows are the session's.
    ColumnDefaults,
    /// `CREATE TABLE` whose rows the catalog keeps.
    Table,
    /// A kind that this version does not know. The relation is listed, and can only be dropped.
    Unknown,
}

impl RelationKind {
    /// Returns the name of the kind, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::ExternalTable => "external table",
            Self::ColumnDefaults => "table with column defaults",
            Self::Table => "table",
            Self::Unknown => "relation of an unknown kind",
        }
    }
}
