//! Names that statements may mean, for completion and for suggestions.

use datafusion::prelude::SessionContext;
use fusebox::{Kind, Session};
use futures::FutureExt;

/// Keywords that are offered: those that statements begin with, and others that are long.
pub(crate) const KEYWORDS: [&str; 71] = [
    "AGGREGATE",
    "ALTER",
    "ANALYZE",
    "AS",
    "BETWEEN",
    "CASCADE",
    "CASE",
    "COMMENT",
    "COPY",
    "CREATE",
    "DEALLOCATE",
    "DEFAULT",
    "DELETE",
    "DESCRIBE",
    "DISTINCT",
    "DROP",
    "EXCEPT",
    "EXECUTE",
    "EXISTS",
    "EXPLAIN",
    "EXPORT",
    "EXTERNAL",
    "FILTER",
    "FROM",
    "FUNCTION",
    "FUNCTIONS",
    "GROUP",
    "HAVING",
    "IMMUTABLE",
    "IMPORT",
    "INSERT",
    "INTERSECT",
    "INTO",
    "JOIN",
    "LANGUAGE",
    "LATERAL",
    "LIMIT",
    "LOCATION",
    "MODULE",
    "MODULES",
    "OFFSET",
    "ORDER",
    "OVER",
    "PARTITION",
    "PREFIX",
    "PREPARE",
    "REPLACE",
    "RESET",
    "RETURNS",
    "SELECT",
    "SET",
    "SHOW",
    "STABLE",
    "STATE",
    "STORED",
    "STRICT",
    "TABLE",
    "TABLES",
    "TEMPORARY",
    "UNION",
    "UPDATE",
    "USER",
    "USING",
    "VALUES",
    "VIEW",
    "VOLATILE",
    "WASM",
    "WHERE",
    "WINDOW",
    "WITH",
    "ILIKE",
];

/// Names that a session knows.
#[derive(Default)]
pub(crate) struct Names {
    pub(crate) tables: Vec<String>,
    /// Columns of tables that are there without waiting.
    pub(crate) columns: Vec<String>,
    /// Wasm functions.
    pub(crate) functions: Vec<String>,
    /// Functions of DataFusion.
    pub(crate) built_in: Vec<String>,
    pub(crate) modules: Vec<String>,
    pub(crate) settings: Vec<String>,
    /// Functions with their kinds, in lower case.
    pub(crate) kinds: Vec<(String, Kind)>,
}

impl Names {
    /// Returns the names of the functions of a kind.
    pub(crate) fn of_kind(&self, kind: Kind) -> Vec<String> {
        let named = self.kinds.iter().filter(|(_, other)| *other == kind);
        named.map(|(name, _)| name.clone()).collect()
    }

    /// Collects the names of a session.
    pub(crate) fn of(session: &Session) -> Self {
        let context = session.context();
        let mut names = Self::default();
        let catalogs = context.catalog_names().into_iter();
        for catalog in catalogs.filter_map(|name| context.catalog(&name)) {
            let schemas = catalog.schema_names().into_iter();
            for schema in schemas.filter_map(|name| catalog.schema(&name)) {
                if schema.owner_name() == Some("fusebox") {
                    let tables = schema.table_names().into_iter();
                    names
                        .tables
                        .extend(tables.map(|table| format!("fusebox.{table}")));
                    continue;
                }
                for table in schema.table_names() {
                    if let Some(Ok(Some(found))) = schema.table(&table).now_or_never() {
                        let columns = found.schema();
                        let columns = columns.fields().iter();
                        let columns = columns.map(|column| column.name().clone());
                        names.columns.extend(columns);
                    }
                    names.tables.push(table);
                }
            }
        }
        if let Ok(contents) = session.engine().catalog().contents() {
            // Columns of those that no statement has used yet.
            let rows = contents
                .relations()
                .filter_map(|relation| relation.rows.as_ref());
            let fields = rows.flat_map(|rows| rows.schema().fields().iter());
            names
                .columns
                .extend(fields.map(|field| field.name().clone()));
            let relations = contents.relations();
            let last = |name: &str| name.rsplit('.').next().unwrap_or(name).to_owned();
            names
                .tables
                .extend(relations.map(|relation| last(&relation.name)));
            names.modules = contents
                .modules()
                .map(|(name, _)| name.to_owned())
                .collect();
        }
        for function in session.functions().unwrap_or_default() {
            names
                .kinds
                .push((function.name.to_lowercase(), function.kind));
            names.functions.push(function.name);
        }
        names.add_built_in(context);
        names
    }

    /// Adds the functions and settings of DataFusion.
    fn add_built_in(&mut self, context: &SessionContext) {
        let state = context.state_ref();
        let state = state.read();
        let built_in = [
            (
                state.scalar_functions().keys().collect::<Vec<_>>(),
                Kind::Scalar,
            ),
            (
                state.aggregate_functions().keys().collect(),
                Kind::Aggregate,
            ),
            (state.window_functions().keys().collect(), Kind::Window),
            (state.table_functions().keys().collect(), Kind::Table),
        ];
        for (functions, kind) in built_in {
            let kinds = functions.iter().map(|name| (name.to_lowercase(), kind));
            self.kinds.extend(kinds);
            self.built_in.extend(functions.into_iter().cloned());
        }
        let settings = state.config_options().entries().into_iter();
        self.settings = settings.map(|entry| entry.key).collect();
    }
}
