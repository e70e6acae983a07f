//! Views, external tables and column defaults of a catalog.

/// Relation whose SQL may use functions.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Relation {
    /// Qualified name.
    pub name: String,
    /// Kind of the relation.
    pub kind: RelationKind,
    /// Statement that creates it.
    pub sql: String,
}

impl Relation {
    /// Creates a relation.
    pub fn new(name: String, kind: RelationKind, sql: String) -> Self {
        Self { name, kind, sql }
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
    /// `CREATE TABLE` with column defaults.
    ColumnDefaults,
}

impl RelationKind {
    /// Returns the name of the kind, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::ExternalTable => "external table",
            Self::ColumnDefaults => "table with column defaults",
        }
    }
}
