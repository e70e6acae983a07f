//! Parquet around DataFusion's format: the files of a table may differ in the Arrow types of their
//! texts and bytes.
//!
//! A file of Parquet has one type of text. Beside it, Arrow's writers keep the Arrow type that they
//! had in memory, by which DataFusion reads: `Utf8`, `LargeUtf8` or `Utf8View`. Files that differ
//! in nothing else make one table here, and files that are written have no types of views, which
//! other readers of a folder refuse beside their own files.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::{DataFusionError, GetExt, Result, Statistics};
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::file_format::write::get_writer_schema;
use datafusion::datasource::file_format::{FileFormat, FileFormatFactory, FileMeta};
use datafusion::datasource::physical_plan::{FileScanConfig, FileSinkConfig, FileSource};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::object_store::{ObjectMeta, ObjectStore};
use datafusion::physical_expr::{LexOrdering, LexRequirement};
use datafusion::physical_plan::ExecutionPlan;

/// Makes formats of Parquet with the options of a factory of DataFusion.
pub(super) struct ParquetFactory(pub(super) Arc<dyn FileFormatFactory>);

impl FileFormatFactory for ParquetFactory {
    fn create(
        &self,
        state: &dyn Session,
        options: &HashMap<String, String>,
    ) -> Result<Arc<dyn FileFormat>> {
        self.0.create(state, options).map(ParquetFiles::wrap)
    }

    fn default(&self) -> Arc<dyn FileFormat> {
        ParquetFiles::wrap(FileFormatFactory::default(self.0.as_ref()))
    }
}

impl GetExt for ParquetFactory {
    fn get_ext(&self) -> String {
        self.0.get_ext()
    }
}

impl fmt::Debug for ParquetFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ParquetFactory").field(&self.0).finish()
    }
}

/// Format of Parquet.
#[derive(Debug)]
struct ParquetFiles {
    inner: ParquetFormat,
}

impl ParquetFiles {
    /// Wraps a format of DataFusion, if it is Parquet.
    fn wrap(format: Arc<dyn FileFormat>) -> Arc<dyn FileFormat> {
        match format.downcast_ref::<ParquetFormat>() {
            Some(parquet) => Arc::new(Self {
                inner: ParquetFormat::default().with_options(parquet.options().clone()),
            }),
            None => format,
        }
    }

    /// Returns the format that writes a schema without the types of views.
    fn writer(&self, schema: &Schema) -> ParquetFormat {
        let mut options = self.inner.options().clone();
        if !options.global.skip_arrow_metadata {
            // DataFusion would state the types that are in memory.
            options.arrow_schema(&Arc::new(with_types(schema, without_view)));
            options.global.skip_arrow_metadata = true;
        }
        ParquetFormat::default().with_options(options)
    }
}

#[async_trait]
impl FileFormat for ParquetFiles {
    fn get_ext(&self) -> String {
        self.inner.get_ext()
    }

    fn get_ext_with_compression(&self, compression: &FileCompressionType) -> Result<String> {
        self.inner.get_ext_with_compression(compression)
    }

    fn compression_type(&self) -> Option<FileCompressionType> {
        self.inner.compression_type()
    }

    async fn infer_schema(
        &self,
        state: &dyn Session,
        store: &Arc<dyn ObjectStore>,
        objects: &[ObjectMeta],
    ) -> Result<SchemaRef> {
        match self.inner.infer_schema(state, store, objects).await {
            Err(error) if is_conflict(&error) => {}
            inferred => return inferred,
        }
        let mut objects: Vec<_> = objects.iter().collect();
        objects.sort_unstable_by(|left, right| left.location.cmp(&right.location));
        let mut schemas = Vec::with_capacity(objects.len());
        for object in objects {
            let object = std::slice::from_ref(object);
            let schema = self.inner.infer_schema(state, store, object).await?;
            schemas.push(with_types(&schema, as_view));
        }
        Ok(Arc::new(Schema::try_merge(schemas)?))
    }

    async fn infer_stats(
        &self,
        state: &dyn Session,
        store: &Arc<dyn ObjectStore>,
        table_schema: SchemaRef,
        object: &ObjectMeta,
    ) -> Result<Statistics> {
        let inner = &self.inner;
        inner.infer_stats(state, store, table_schema, object).await
    }

    async fn infer_ordering(
        &self,
        state: &dyn Session,
        store: &Arc<dyn ObjectStore>,
        table_schema: SchemaRef,
        object: &ObjectMeta,
    ) -> Result<Option<LexOrdering>> {
        let ordering = self
            .inner
            .infer_ordering(state, store, table_schema, object);
        ordering.await
    }

    async fn infer_stats_and_ordering(
        &self,
        state: &dyn Session,
        store: &Arc<dyn ObjectStore>,
        table_schema: SchemaRef,
        object: &ObjectMeta,
    ) -> Result<FileMeta> {
        let inner = &self.inner;
        let found = inner.infer_stats_and_ordering(state, store, table_schema, object);
        found.await
    }

    async fn create_physical_plan(
        &self,
        state: &dyn Session,
        conf: FileScanConfig,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.inner.create_physical_plan(state, conf).await
    }

    async fn create_writer_physical_plan(
        &self,
        input: Arc<dyn ExecutionPlan>,
        state: &dyn Session,
        conf: FileSinkConfig,
        order_requirements: Option<LexRequirement>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let writer = self.writer(&get_writer_schema(&conf));
        let plan = writer.create_writer_physical_plan(input, state, conf, order_requirements);
        plan.await
    }

    fn file_source(&self, table_schema: TableSchema) -> Arc<dyn FileSource> {
        self.inner.file_source(table_schema)
    }
}

/// Returns true for an error of schemas that cannot be merged.
fn is_conflict(error: &DataFusionError) -> bool {
    match error {
        DataFusionError::ArrowError(cause, _) => matches!(**cause, ArrowError::SchemaError(_)),
        _ => false,
    }
}

/// Returns the type of views of a type of texts or bytes, which holds the values of all others.
fn as_view(data_type: &DataType) -> Option<DataType> {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 => Some(DataType::Utf8View),
        DataType::Binary | DataType::LargeBinary => Some(DataType::BinaryView),
        DataType::Dictionary(_, values) => match **values {
            DataType::Utf8View => Some(DataType::Utf8View),
            DataType::BinaryView => Some(DataType::BinaryView),
            ref values => as_view(values),
        },
        _ => None,
    }
}

/// Returns the type that a reader of Parquet assumes in place of a type of views.
fn without_view(data_type: &DataType) -> Option<DataType> {
    match data_type {
        DataType::Utf8View => Some(DataType::Utf8),
        DataType::BinaryView => Some(DataType::Binary),
        _ => None,
    }
}

/// Replaces the types of fields, also of those within other types.
fn with_types(schema: &Schema, replace: fn(&DataType) -> Option<DataType>) -> Schema {
    let fields = schema.fields().iter();
    let fields = fields.map(|field| with_type(field, replace));
    Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone())
}

fn with_type(field: &FieldRef, replace: fn(&DataType) -> Option<DataType>) -> FieldRef {
    let inner = |field: &FieldRef| with_type(field, replace);
    let data_type = match field.data_type() {
        DataType::List(item) => DataType::List(inner(item)),
        DataType::LargeList(item) => DataType::LargeList(inner(item)),
        DataType::ListView(item) => DataType::ListView(inner(item)),
        DataType::LargeListView(item) => DataType::LargeListView(inner(item)),
        DataType::FixedSizeList(item, length) => DataType::FixedSizeList(inner(item), *length),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(inner).collect()),
        DataType::Map(entries, is_sorted) => DataType::Map(inner(entries), *is_sorted),
        other => match replace(other) {
            Some(replaced) => replaced,
            None => return Arc::clone(field),
        },
    };
    Arc::new(field.as_ref().clone().with_data_type(data_type))
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::Field;

    use super::*;

    fn list(item: DataType) -> DataType {
        DataType::List(Arc::new(Field::new("item", item, true)))
    }

    fn replaced(data_type: DataType, replace: fn(&DataType) -> Option<DataType>) -> DataType {
        let schema = Schema::new(vec![Field::new("a", data_type, false)]);
        let replaced = with_types(&schema, replace);
        assert_eq!(replaced.field(0).name(), "a");
        assert!(!replaced.field(0).is_nullable());
        replaced.field(0).data_type().clone()
    }

    #[test]
    fn texts_and_bytes_are_replaced_at_any_depth_and_nothing_else() {
        let within = |text: DataType| {
            let field = Field::new("t", list(text), true);
            list(DataType::Struct(vec![field].into()))
        };
        for text in [DataType::Utf8, DataType::LargeUtf8, DataType::Utf8View] {
            let expected = within(DataType::Utf8View);
            assert_eq!(replaced(within(text), as_view), expected);
        }
        for bytes in [
            DataType::Binary,
            DataType::LargeBinary,
            DataType::BinaryView,
        ] {
            assert_eq!(replaced(bytes, as_view), DataType::BinaryView);
        }
        let key = Box::new(DataType::Int32);
        for text in [DataType::Utf8, DataType::Utf8View] {
            let dictionary = DataType::Dictionary(key.clone(), Box::new(text));
            assert_eq!(replaced(dictionary, as_view), DataType::Utf8View);
        }
        assert_eq!(
            replaced(within(DataType::Utf8View), without_view),
            within(DataType::Utf8)
        );
        assert_eq!(
            replaced(DataType::BinaryView, without_view),
            DataType::Binary
        );
        for other in [
            DataType::Int64,
            DataType::FixedSizeBinary(3),
            DataType::Dictionary(key.clone(), Box::new(DataType::Int64)),
            list(DataType::Boolean),
        ] {
            assert_eq!(replaced(other.clone(), as_view), other);
            assert_eq!(replaced(other.clone(), without_view), other);
        }
        let large = list(DataType::LargeUtf8);
        assert_eq!(replaced(large.clone(), without_view), large);
    }
}
