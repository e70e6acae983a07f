//! Formats of text around those of DataFusion: errors name the file, which is one of many in a
//! table, and the line and column of a value, texts may stand for null, and JSON arrays are read as
//! wholes.
//!
//! DataFusion divides a large file among its threads by ranges of bytes, which its reader of
//! arrays refuses.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics};
use datafusion::config::CsvOptions;
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::csv::CsvFormat;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::file_format::json::JsonFormat;
use datafusion::datasource::physical_plan::{
    CsvSource, FileOpener, FileScanConfig, FileScanConfigBuilder, FileSinkConfig, FileSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::object_store::{ObjectMeta, ObjectStore};
use datafusion::physical_expr::LexRequirement;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::{DisplayFormatType, ExecutionPlan, PhysicalExpr};

use super::csv_cells::CsvCells;
use super::csv_nulls::{CsvNulls, null_regex};
use super::csv_sink::quote_empty_texts;
use super::json_arrays::infer_array_schema;
use super::naming_opener::{NamingOpener, Values, named};

/// Format of text.
#[derive(Debug)]
pub(super) enum TextFormat {
    Csv(Box<CsvFormat>),
    JsonLines(JsonFormat),
    JsonArray(JsonFormat),
}

impl TextFormat {
    /// Wraps a format of DataFusion, if it is one of text.
    pub(super) fn wrap(format: Arc<dyn FileFormat>) -> Result<Arc<dyn FileFormat>> {
        if let Some(csv) = format.downcast_ref::<CsvFormat>() {
            return Ok(Arc::new(Self::csv(csv.options().clone())?));
        }
        let Some(json) = format.downcast_ref::<JsonFormat>() else {
            return Ok(format);
        };
        let is_lines = json.is_newline_delimited();
        let json = JsonFormat::default().with_options(json.options().clone());
        Ok(Arc::new(match is_lines {
            true => Self::JsonLines(json),
            false => Self::JsonArray(json),
        }))
    }

    /// Makes the format of separated values. The text that is written for nulls is read as null,
    /// unless a regular expression is stated.
    pub(super) fn csv(mut options: CsvOptions) -> Result<Self> {
        // DataFusion, which infers types by it, would panic.
        CsvNulls::of(&options)?;
        options.null_regex = null_regex(&options);
        let csv = CsvFormat::default().with_options(options);
        Ok(Self::Csv(Box::new(csv)))
    }

    /// Makes the format of arrays with the other options of `lines`.
    pub(super) fn array(lines: &JsonFormat) -> Self {
        let json = JsonFormat::default().with_options(lines.options().clone());
        Self::JsonArray(json.with_newline_delimited(false))
    }

    fn inner(&self) -> &dyn FileFormat {
        match self {
            Self::Csv(csv) => &**csv,
            Self::JsonLines(json) | Self::JsonArray(json) => json,
        }
    }

    async fn infer_one(
        &self,
        state: &dyn Session,
        store: &Arc<dyn ObjectStore>,
        file: &ObjectMeta,
    ) -> Result<SchemaRef> {
        match self {
            Self::JsonArray(json) => infer_array_schema(json, file, store).await.map(Arc::new),
            _ => {
                let file = std::slice::from_ref(file);
                self.inner().infer_schema(state, store, file).await
            }
        }
    }
}

#[async_trait]
impl FileFormat for TextFormat {
    fn get_ext(&self) -> String {
        self.inner().get_ext()
    }

    fn get_ext_with_compression(&self, compression: &FileCompressionType) -> Result<String> {
        self.inner().get_ext_with_compression(compression)
    }

    fn compression_type(&self) -> Option<FileCompressionType> {
        self.inner().compression_type()
    }

    async fn infer_schema(
        &self,
        state: &dyn Session,
        store: &Arc<dyn ObjectStore>,
        objects: &[ObjectMeta],
    ) -> Result<SchemaRef> {
        let named =
            |file: &ObjectMeta, error| named(file.location.filename().unwrap_or_default(), error);
        if let Self::JsonArray(_) = self {
            let mut schemas = Vec::new();
            for file in objects {
                let schema = self.infer_one(state, store, file).await;
                let schema = schema.map_err(|error| named(file, error))?;
                schemas.push(Schema::clone(&schema));
            }
            return Ok(Arc::new(Schema::try_merge(schemas)?));
        }
        let inferred = self.inner().infer_schema(state, store, objects).await;
        let Err(error) = inferred else {
            return inferred;
        };
        // The file at fault is looked for only now: DataFusion stops at the rows that suffice.
        for file in objects {
            if let Err(error) = self.infer_one(state, store, file).await {
                return Err(named(file, error));
            }
        }
        Err(error)
    }

    async fn infer_stats(
        &self,
        state: &dyn Session,
        store: &Arc<dyn ObjectStore>,
        table_schema: SchemaRef,
        object: &ObjectMeta,
    ) -> Result<Statistics> {
        let inner = self.inner();
        inner.infer_stats(state, store, table_schema, object).await
    }

    async fn create_physical_plan(
        &self,
        state: &dyn Session,
        conf: FileScanConfig,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = self.inner().create_physical_plan(state, conf).await?;
        let scan = plan.downcast_ref::<DataSourceExec>();
        let Some(scan) = scan.and_then(|scan| scan.data_source().downcast_ref::<FileScanConfig>())
        else {
            return Ok(plan);
        };
        let nulls = match self {
            Self::Csv(csv) => CsvNulls::of(csv.options())?,
            Self::JsonLines(_) | Self::JsonArray(_) => None,
        };
        let source = TextSource {
            inner: Arc::clone(&scan.file_source),
            is_whole: nulls.is_some() || matches!(self, Self::JsonArray(_)),
            nulls,
            batch_rows: None,
        };
        let scan = FileScanConfigBuilder::from(scan.clone());
        let scan = scan.with_source(Arc::new(source)).build();
        Ok(DataSourceExec::from_data_source(scan))
    }

    async fn create_writer_physical_plan(
        &self,
        input: Arc<dyn ExecutionPlan>,
        state: &dyn Session,
        conf: FileSinkConfig,
        order_requirements: Option<LexRequirement>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let inner = self.inner();
        let plan = inner.create_writer_physical_plan(input, state, conf, order_requirements);
        Ok(quote_empty_texts(plan.await?))
    }

    fn file_source(&self, table_schema: TableSchema) -> Arc<dyn FileSource> {
        self.inner().file_source(table_schema)
    }
}

/// Source of files of text.
pub(super) struct TextSource {
    inner: Arc<dyn FileSource>,
    /// True if files are read as wholes.
    is_whole: bool,
    /// Texts that DataFusion does not read as null.
    nulls: Option<CsvNulls>,
    batch_rows: Option<usize>,
}

impl TextSource {
    fn with(&self, inner: Arc<dyn FileSource>, batch_rows: Option<usize>) -> Arc<dyn FileSource> {
        Arc::new(Self {
            inner,
            is_whole: self.is_whole,
            nulls: self.nulls.clone(),
            batch_rows,
        })
    }
}

impl TextSource {
    /// Returns the values of its files as a query takes them, with the projection `above` the scan;
    /// `None` if they are not separated.
    ///
    /// # Errors
    ///
    /// Those of projections that do not fit together.
    pub(super) fn cells(
        &self,
        scan: &FileScanConfig,
        above: Option<&ProjectionExprs>,
    ) -> Result<Option<CsvCells>> {
        let Some(csv) = self.inner.downcast_ref::<CsvSource>() else {
            return Ok(None);
        };
        let projection = match (csv.projection(), above) {
            (Some(own), Some(above)) => own.try_merge(above)?,
            (Some(own), None) => own.clone(),
            (None, _) => return Ok(None),
        };
        let format = CsvNulls::format_of(self.nulls.as_ref(), csv);
        Ok(Some(CsvCells::new(
            csv,
            &format,
            scan.file_compression_type,
            csv.table_schema(),
            projection,
        )))
    }
}

impl FileSource for TextSource {
    fn create_file_opener(
        &self,
        object_store: Arc<dyn ObjectStore>,
        base_config: &FileScanConfig,
        partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        let csv = self.inner.downcast_ref::<CsvSource>();
        let opener = match self.nulls.as_ref().zip(csv) {
            Some((nulls, csv)) => {
                nulls.create_opener(csv, Arc::clone(&object_store), base_config, self.batch_rows)?
            }
            None => {
                self.inner
                    .create_file_opener(Arc::clone(&object_store), base_config, partition)?
            }
        };
        let store = base_config.object_store_url.as_str().to_owned();
        let cells = self.cells(base_config, None)?;
        let values = cells.map(|cells| Values::new(cells, object_store));
        Ok(Arc::new(NamingOpener::new(opener, store, values)))
    }

    fn table_schema(&self) -> &TableSchema {
        self.inner.table_schema()
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        self.with(self.inner.with_batch_size(batch_size), Some(batch_size))
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        self.inner.projection()
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        self.inner.metrics()
    }

    fn file_type(&self) -> &str {
        self.inner.file_type()
    }

    fn fmt_extra(&self, t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt_extra(t, f)
    }

    fn supports_repartitioning(&self) -> bool {
        !self.is_whole && self.inner.supports_repartitioning()
    }

    fn try_pushdown_projection(
        &self,
        projection: &ProjectionExprs,
    ) -> Result<Option<Arc<dyn FileSource>>> {
        let pushed = self.inner.try_pushdown_projection(projection)?;
        Ok(pushed.map(|source| self.with(source, self.batch_rows)))
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.inner.apply_expressions(f)
    }
}
