//! Catalogs, schemas, tables and keys, as batches with the columns that Flight SQL prescribes.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_flight::error::FlightError;
use arrow_flight::sql::metadata::{GetCatalogsBuilder, GetDbSchemasBuilder, GetTablesBuilder};
use arrow_flight::sql::{
    Command, CommandGetCatalogs, CommandGetDbSchemas, CommandGetPrimaryKeys, CommandGetSqlInfo,
    CommandGetTables,
};
use datafusion::arrow::array::{ArrayRef, AsArray, Int32Array, RecordBatch, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::common::{Constraint, DataFusionError};
use fusebox::Session;

use super::{Caller, sql_info};
use crate::encoding::arrow_messages::ArrowColumns;
use crate::report::Report;

/// Types of tables: those of DataFusion's information schema, by the names that clients know.
const TABLE_TYPES: [&str; 3] = ["LOCAL TEMPORARY", "TABLE", "VIEW"];

/// Maximum size of a pattern of names in bytes.
const PATTERN_BYTES_MAX: usize = 1_000;

const SCHEMAS: &str = "SELECT DISTINCT catalog_name, schema_name FROM information_schema.schemata";

const TABLES: &str = "SELECT table_catalog, table_schema, table_name, table_type \
     FROM information_schema.tables";

/// Question about what there is.
pub(super) enum Listing {
    Catalogs(CommandGetCatalogs),
    Schemas(CommandGetDbSchemas),
    Tables(CommandGetTables),
    TableTypes,
    SqlInfo(CommandGetSqlInfo),
    PrimaryKeys(CommandGetPrimaryKeys),
    /// Keys of other tables: there are none.
    ForeignKeys,
}

impl Listing {
    /// Returns the question of a command; the command if it is another.
    ///
    /// # Errors
    ///
    /// The command.
    pub(super) fn of(command: Command) -> Result<Self, Box<Command>> {
        Ok(match command {
            Command::CommandGetCatalogs(command) => Self::Catalogs(command),
            Command::CommandGetDbSchemas(command) => Self::Schemas(command),
            Command::CommandGetTables(command) => Self::Tables(command),
            Command::CommandGetTableTypes(_) => Self::TableTypes,
            Command::CommandGetSqlInfo(command) => Self::SqlInfo(command),
            Command::CommandGetPrimaryKeys(command) => Self::PrimaryKeys(command),
            Command::CommandGetExportedKeys(_)
            | Command::CommandGetImportedKeys(_)
            | Command::CommandGetCrossReference(_) => Self::ForeignKeys,
            other => return Err(Box::new(other)),
        })
    }

    /// Returns the columns of the answer.
    pub(super) fn schema(&self, caller: &Caller) -> SchemaRef {
        match self {
            Self::Catalogs(_) => GetCatalogsBuilder::new().schema(),
            Self::Schemas(_) => GetDbSchemasBuilder::new(None::<String>, None::<String>).schema(),
            Self::Tables(command) => {
                let (none, types) = (None::<String>, Vec::<String>::new());
                let (one, two, three) = (none.clone(), none.clone(), none);
                GetTablesBuilder::new(one, two, three, types, command.include_schema).schema()
            }
            Self::TableTypes => columns(&[("table_type", DataType::Utf8, false)]),
            Self::SqlInfo(_) => caller.connection.door.sql_info.schema(),
            Self::PrimaryKeys(_) => primary_key_columns(),
            Self::ForeignKeys => foreign_key_columns(),
        }
    }
}

impl Caller {
    /// Answers a question.
    ///
    /// # Errors
    ///
    /// A report of the catalog, and for a pattern that is too long.
    pub(super) async fn listed(&self, listing: Listing) -> Result<RecordBatch, Report> {
        let schema = listing.schema(self);
        let admission = Arc::clone(&self.session.admission);
        let session = self.session.session.clone();
        let door = Arc::clone(&self.connection.door);
        let listing = async move {
            // It is a query, though a short one.
            let _place = admission.enter(&session)?;
            match listing {
                Listing::Catalogs(command) => catalogs(&session, command).await,
                Listing::Schemas(command) => schemas(&session, command).await,
                Listing::Tables(command) => tables(&session, command).await,
                Listing::TableTypes => {
                    let types = StringArray::from_iter_values(TABLE_TYPES);
                    Ok(RecordBatch::try_new(schema, vec![Arc::new(types)])
                        .map_err(DataFusionError::from)?)
                }
                Listing::SqlInfo(command) => sql_info::batch(&door.sql_info, command),
                Listing::PrimaryKeys(command) => primary_keys(&session, &command).await,
                Listing::ForeignKeys => Ok(RecordBatch::new_empty(schema)),
            }
        };
        let listed = self.on_threads(listing).await?;
        listed.inspect_err(|report| self.session.admission.stopped(report))
    }
}

async fn catalogs(session: &Session, command: CommandGetCatalogs) -> Result<RecordBatch, Report> {
    let mut builder = command.into_builder();
    let schemas: Vec<[String; 2]> = rows(session, SCHEMAS).await?;
    let names: BTreeSet<_> = schemas.into_iter().map(|[catalog, _]| catalog).collect();
    for name in names {
        builder.append(name);
    }
    builder.build().map_err(failed)
}

async fn schemas(session: &Session, command: CommandGetDbSchemas) -> Result<RecordBatch, Report> {
    check_pattern(command.db_schema_filter_pattern.as_ref())?;
    let mut builder = command.into_builder();
    let schemas: Vec<[String; 2]> = rows(session, SCHEMAS).await?;
    for [catalog, schema] in schemas {
        builder.append(catalog, schema);
    }
    builder.build().map_err(failed)
}

async fn tables(session: &Session, mut command: CommandGetTables) -> Result<RecordBatch, Report> {
    check_pattern(command.db_schema_filter_pattern.as_ref())?;
    check_pattern(command.table_name_filter_pattern.as_ref())?;
    // The filter takes time for each type: of those that are unknown, one is as good as all.
    let asks_for_all = command.table_types.is_empty();
    let known = TABLE_TYPES.iter().filter(|known| {
        let mut stated = command.table_types.iter();
        stated.any(|stated| stated == **known)
    });
    let mut types: Vec<_> = known.map(|known| (*known).to_owned()).collect();
    if types.is_empty() && !asks_for_all {
        types.push(String::new());
    }
    command.table_types = types;
    let has_schema = command.include_schema;
    let mut builder = command.into_builder();
    let tables: Vec<[String; 4]> = rows(session, TABLES).await?;
    for [catalog, schema, table, kind] in tables {
        let columns = match has_schema {
            true => table_schema(session, &catalog, &schema, &table).await,
            false => Arc::new(Schema::empty()),
        };
        let kind = match kind.as_str() {
            "BASE TABLE" => "TABLE",
            other => other,
        };
        builder
            .append(catalog, schema, table, kind, &columns)
            .map_err(failed)?;
    }
    builder.build().map_err(failed)
}

/// Returns the columns of a table as results have them; none if it cannot be opened.
async fn table_schema(session: &Session, catalog: &str, schema: &str, table: &str) -> SchemaRef {
    match provider(session, catalog, schema, table).await {
        Some(provider) => {
            let own = provider.schema();
            let known = ArrowColumns::new(&own);
            // Unlike those of results, these say what may be null.
            let fields = known.schema().fields().iter().zip(own.fields());
            let fields = fields.map(|(known, own)| {
                let field = known.as_ref().clone();
                field.with_nullable(own.is_nullable())
            });
            Arc::new(Schema::new(fields.collect::<Vec<_>>()))
        }
        None => Arc::new(Schema::empty()),
    }
}

async fn provider(
    session: &Session,
    catalog: &str,
    schema: &str,
    table: &str,
) -> Option<Arc<dyn TableProvider>> {
    let schema = session.context().catalog(catalog)?.schema(schema)?;
    schema.table(table).await.ok().flatten()
}

async fn primary_keys(
    session: &Session,
    command: &CommandGetPrimaryKeys,
) -> Result<RecordBatch, Report> {
    let is_stated = |stated: &Option<String>, found: &String| {
        stated.as_ref().is_none_or(|stated| stated == found)
    };
    let tables: Vec<[String; 4]> = rows(session, TABLES).await?;
    let mut keys: Vec<([String; 4], i32)> = Vec::new();
    for [catalog, schema, table, _] in tables {
        let is_wanted = command.table == table
            && is_stated(&command.catalog, &catalog)
            && is_stated(&command.db_schema, &schema);
        if !is_wanted {
            continue;
        }
        let Some(provider) = provider(session, &catalog, &schema, &table).await else {
            continue;
        };
        for (number, column) in (1..).zip(key_columns(provider.as_ref())) {
            let key = [catalog.clone(), schema.clone(), table.clone(), column];
            keys.push((key, number));
        }
    }
    let texts = |index: usize| -> ArrayRef {
        let texts = keys.iter().map(|(key, _)| key[index].as_str());
        Arc::new(StringArray::from_iter_values(texts))
    };
    let numbers = Int32Array::from_iter_values(keys.iter().map(|(_, number)| *number));
    let columns: Vec<ArrayRef> = vec![
        texts(0),
        texts(1),
        texts(2),
        texts(3),
        Arc::new(numbers),
        Arc::new(StringArray::new_null(keys.len())),
    ];
    let batch = RecordBatch::try_new(primary_key_columns(), columns);
    Ok(batch.map_err(DataFusionError::from)?)
}

/// Returns the names of the columns of a table's primary key.
fn key_columns(provider: &dyn TableProvider) -> Vec<String> {
    let schema = provider.schema();
    let constraints = provider.constraints().into_iter();
    let constraints = constraints.flat_map(|constraints| constraints.iter());
    let keys = constraints.filter_map(|constraint| match constraint {
        Constraint::PrimaryKey(columns) => Some(columns),
        _ => None,
    });
    let fields = keys
        .flatten()
        .filter_map(|index| schema.fields().get(*index));
    fields.map(|field| field.name().clone()).collect()
}

/// Refuses a pattern that takes long to read.
fn check_pattern(pattern: Option<&String>) -> Result<(), Report> {
    if pattern.is_none_or(|pattern| pattern.len() <= PATTERN_BYTES_MAX) {
        return Ok(());
    }
    let message =
        format!("expected a pattern of at most {PATTERN_BYTES_MAX} bytes, found a longer one");
    Err(Report::error("22023", message))
}

/// Returns the rows of a query of texts without nulls.
async fn rows<const N: usize>(session: &Session, sql: &str) -> Result<Vec<[String; N]>, Report> {
    let batches = session.sql(sql).await?.collect().await?;
    let mut rows = Vec::new();
    for batch in batches {
        let texts = batch.columns().iter();
        let texts = texts.map(|column| cast(column, &DataType::Utf8));
        let texts = texts.collect::<Result<Vec<_>, _>>();
        let texts = texts.map_err(DataFusionError::from)?;
        for row in 0..batch.num_rows() {
            rows.push(std::array::from_fn(|column| {
                let text = texts.get(column).map(|texts| texts.as_string::<i32>());
                text.map_or_else(String::new, |text| text.value(row).to_owned())
            }));
        }
    }
    Ok(rows)
}

fn columns(columns: &[(&str, DataType, bool)]) -> SchemaRef {
    let fields = columns.iter();
    let fields = fields
        .map(|(name, data_type, is_nullable)| Field::new(*name, data_type.clone(), *is_nullable));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn primary_key_columns() -> SchemaRef {
    columns(&[
        ("catalog_name", DataType::Utf8, true),
        ("db_schema_name", DataType::Utf8, true),
        ("table_name", DataType::Utf8, false),
        ("column_name", DataType::Utf8, false),
        ("key_sequence", DataType::Int32, false),
        ("key_name", DataType::Utf8, true),
    ])
}

fn foreign_key_columns() -> SchemaRef {
    columns(&[
        ("pk_catalog_name", DataType::Utf8, true),
        ("pk_db_schema_name", DataType::Utf8, true),
        ("pk_table_name", DataType::Utf8, false),
        ("pk_column_name", DataType::Utf8, false),
        ("fk_catalog_name", DataType::Utf8, true),
        ("fk_db_schema_name", DataType::Utf8, true),
        ("fk_table_name", DataType::Utf8, false),
        ("fk_column_name", DataType::Utf8, false),
        ("key_sequence", DataType::Int32, false),
        ("fk_key_name", DataType::Utf8, true),
        ("pk_key_name", DataType::Utf8, true),
        ("update_rule", DataType::UInt8, false),
        ("delete_rule", DataType::UInt8, false),
    ])
}

fn failed(error: FlightError) -> Report {
    match error {
        FlightError::Arrow(error) => DataFusionError::from(error).into(),
        other => Report::error("XX000", other.to_string()),
    }
}
