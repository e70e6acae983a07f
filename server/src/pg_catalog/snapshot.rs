//! Relations and functions of a session, as they are when a query begins.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::sql::sqlparser::ast::Statement;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;
use fusebox::{Definition, Kind, Session};

use super::oids::{oid, schema_oid};
use super::{Names, of_session};
use crate::encoding::types::{PgType, modifier};
use crate::report::Report;

/// Relations and functions of a session.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) names: Names,
    pub(super) schemas: Vec<String>,
    pub(super) relations: Vec<Relation>,
    pub(super) functions: Vec<Function>,
}

/// Table or view.
#[derive(Debug)]
pub(super) struct Relation {
    pub(super) oid: i64,
    pub(super) schema: String,
    pub(super) name: String,
    pub(super) is_view: bool,
    /// Text of a view's query.
    pub(super) query: Option<String>,
    pub(super) columns: Vec<RelationColumn>,
}

/// Column of a relation.
#[derive(Debug)]
pub(super) struct RelationColumn {
    pub(super) name: String,
    pub(super) pg_type: PgType,
    pub(super) modifier: i32,
    pub(super) is_nullable: bool,
    pub(super) default: Option<String>,
}

/// Function of the catalog or the session.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) oid: i64,
    pub(super) definition: Definition,
}

impl Function {
    /// Returns the arguments as they are written in SQL.
    pub(super) fn arguments(&self) -> String {
        let arguments = self.definition.signature.arguments.iter();
        let arguments = arguments.map(|argument| {
            let pg_type = PgType::of(&argument.data_type);
            match &argument.name {
                Some(name) => format!("{name} {pg_type}"),
                None => pg_type.to_string(),
            }
        });
        arguments.collect::<Vec<_>>().join(", ")
    }

    /// Returns the type of the result as it is written in SQL.
    pub(super) fn result(&self) -> String {
        match self.definition.kind {
            Kind::Table => self.definition.returns(),
            _ => self.result_type().to_string(),
        }
    }

    /// Returns the type of the result.
    pub(super) fn result_type(&self) -> PgType {
        PgType::of(&self.definition.signature.returns)
    }
}

const RELATIONS: &str = "SELECT table_schema, table_name, table_type FROM information_schema.tables \
     WHERE table_schema <> 'information_schema' ORDER BY 1, 2";

const VIEWS: &str = "SELECT table_schema, table_name, definition FROM information_schema.views \
     WHERE definition IS NOT NULL";

const COLUMNS: &str = "SELECT table_schema, table_name, column_name, data_type, is_nullable, \
     column_default FROM information_schema.columns \
     WHERE table_schema <> 'information_schema' ORDER BY 1, 2, ordinal_position";

impl Snapshot {
    /// Reads the information schema of a session.
    ///
    /// # Errors
    ///
    /// The report of its error.
    pub(super) async fn of(session: &Session, names: &Names) -> Result<Self, Report> {
        let mut columns: BTreeMap<(String, String), Vec<RelationColumn>> = BTreeMap::new();
        for row in rows(session, COLUMNS).await? {
            let [schema, table, name, data_type, is_nullable, default] = row;
            let data_type = data_type.and_then(|text| text.parse::<DataType>().ok());
            let data_type = data_type.unwrap_or(DataType::Utf8);
            let column = RelationColumn {
                name: name.unwrap_or_default(),
                pg_type: PgType::of(&data_type),
                modifier: modifier(&data_type),
                is_nullable: is_nullable.as_deref() != Some("NO"),
                default,
            };
            let table = (schema.unwrap_or_default(), table.unwrap_or_default());
            columns.entry(table).or_default().push(column);
        }
        let mut queries = BTreeMap::new();
        for [schema, name, definition] in rows(session, VIEWS).await? {
            let view = (schema.unwrap_or_default(), name.unwrap_or_default());
            queries.insert(view, query_of_view(&definition.unwrap_or_default()));
        }
        let mut relations = Vec::new();
        for [schema, name, kind] in rows(session, RELATIONS).await? {
            let (schema, name) = (schema.unwrap_or_default(), name.unwrap_or_default());
            relations.push(Relation {
                oid: oid("relation", &format!("{schema}.{name}")),
                is_view: kind.as_deref() == Some("VIEW"),
                query: queries.remove(&(schema.clone(), name.clone())).flatten(),
                columns: columns
                    .remove(&(schema.clone(), name.clone()))
                    .unwrap_or_default(),
                schema,
                name,
            });
        }
        Ok(Self {
            relations,
            ..Self::of_functions(session, names)?
        })
    }

    /// Reads the functions and schemas of a session alone.
    ///
    /// # Errors
    ///
    /// The report of its error.
    pub(super) fn of_functions(session: &Session, names: &Names) -> Result<Self, Report> {
        let own = session.context().catalog("datafusion");
        let schemas = own
            .map(|catalog| catalog.schema_names())
            .unwrap_or_default();
        let fixed = ["pg_catalog", "public", "information_schema"].map(str::to_owned);
        let schemas: BTreeSet<_> = schemas.into_iter().chain(fixed).collect();
        let functions = session.functions().map_err(of_session)?.into_iter();
        let functions = functions.map(|definition| Function {
            oid: oid(
                "function",
                &format!("{}{}", definition.name, definition.signature),
            ),
            definition,
        });
        Ok(Self {
            names: names.clone(),
            schemas: schemas.into_iter().collect(),
            relations: Vec::new(),
            functions: functions.collect(),
        })
    }

    /// Returns the query of the view of an OID.
    pub(super) fn view(&self, oid: i64) -> Option<&String> {
        let mut relations = self.relations.iter();
        relations
            .find(|relation| relation.oid == oid)?
            .query
            .as_ref()
    }

    /// Finds a relation by its name, with or without its schema.
    pub(super) fn relation(&self, name: &str) -> Option<&Relation> {
        let name = name.replace('"', "");
        let (schema, name) = match name.split_once('.') {
            Some((schema, name)) => (Some(schema), name),
            None => (None, name.as_str()),
        };
        let mut found = self.relations.iter();
        found
            .find(|relation| relation.name == name && schema.unwrap_or("public") == relation.schema)
    }

    /// Returns the OID of a schema, if there is one of this name.
    pub(super) fn schema(&self, name: &str) -> Option<i64> {
        let name = name.trim_matches('"');
        let is_known = self.schemas.iter().any(|schema| schema == name);
        is_known.then(|| schema_oid(name))
    }
}

/// Returns the query of a statement that creates a view, as PostgreSQL writes it.
fn query_of_view(statement: &str) -> Option<String> {
    let parsed = Parser::parse_sql(&GenericDialect {}, statement).ok()?;
    match parsed.into_iter().next()? {
        Statement::CreateView(view) => Some(format!(" {};", view.query)),
        _ => None,
    }
}

/// Returns the rows of a query of texts.
async fn rows<const N: usize>(
    session: &Session,
    sql: &str,
) -> Result<Vec<[Option<String>; N]>, Report> {
    let frame = session.sql(sql).await.map_err(of_session)?;
    let batches: Vec<RecordBatch> = frame.collect().await?;
    let mut rows = Vec::new();
    for batch in batches {
        let texts = batch.columns().iter();
        let texts = texts.map(|column| cast(column, &DataType::Utf8));
        let texts = texts
            .collect::<Result<Vec<_>, _>>()
            .map_err(datafusion::common::DataFusionError::from)?;
        for row in 0..batch.num_rows() {
            rows.push(std::array::from_fn(|column| {
                let texts = texts.get(column)?.as_string::<i32>();
                texts.is_valid(row).then(|| texts.value(row).to_owned())
            }));
        }
    }
    Ok(rows)
}
