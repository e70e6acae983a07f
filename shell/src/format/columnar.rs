//! Parquet and Arrow files, each of one result.
//!
//! A file is written under another name in the same folder, and gets its name when it is
//! complete: a query that fails or is cancelled leaves what was there before.

use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::writer::FileWriter;
use datafusion::parquet::arrow::ArrowWriter;
use tempfile::NamedTempFile;

use super::Format;

/// File that is being written.
pub(crate) struct ColumnarFile {
    writer: Writer,
    schema: SchemaRef,
    file: NamedTempFile,
    path: PathBuf,
}

enum Writer {
    Parquet(Box<ArrowWriter<File>>),
    Arrow(Box<FileWriter<BufWriter<File>>>),
}

impl ColumnarFile {
    /// Creates a file that is going to be `path`.
    ///
    /// # Errors
    ///
    /// If the folder cannot be written, `path` is no regular file, or the format lacks a type.
    pub(crate) fn create(
        format: Format,
        schema: &SchemaRef,
        path: &Path,
    ) -> Result<Self, ArrowError> {
        // The file that a link names is replaced, not the link.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if fs::metadata(&path).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(io::Error::other(format!("{} is no regular file", path.display())).into());
        }
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        let mut builder = tempfile::Builder::new();
        builder.prefix(".fusebox-").suffix(".partial");
        if let Some(permissions) = new_file_permissions() {
            builder.permissions(permissions);
        }
        let file = builder.tempfile_in(folder)?;
        let schema = plain_schema(schema);
        let is_refused_field = |field: &FieldRef| is_refused(field.data_type());
        if schema.fields().iter().any(is_refused_field) {
            let text = "files have no unions, and no binary values of no bytes".to_owned();
            return Err(ArrowError::NotYetImplemented(text));
        }
        let target = file.as_file().try_clone()?;
        let writer = match format {
            Format::Parquet => {
                let writer = ArrowWriter::try_new(target, schema.clone(), None);
                Writer::Parquet(Box::new(writer?))
            }
            _ => Writer::Arrow(Box::new(FileWriter::try_new_buffered(target, &schema)?)),
        };
        Ok(Self {
            writer,
            schema,
            file,
            path,
        })
    }

    /// Writes the rows of a batch.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let columns = self.schema.fields().iter().zip(batch.columns());
        let columns = columns.map(|(field, column)| cast(column, field.data_type()));
        let columns = columns.collect::<Result<_, _>>()?;
        let batch = RecordBatch::try_new(self.schema.clone(), columns)?;
        match &mut self.writer {
            Writer::Parquet(writer) => Ok(writer.write(&batch)?),
            Writer::Arrow(writer) => writer.write(&batch),
        }
    }

    /// Completes the file, and gives it its name.
    pub(crate) fn finish(self) -> Result<(), ArrowError> {
        match self.writer {
            Writer::Parquet(writer) => drop(writer.close()?),
            Writer::Arrow(mut writer) => writer.finish()?,
        }
        self.file.as_file().sync_all()?;
        let kept = self.file.persist(&self.path);
        kept.map(drop).map_err(|failed| failed.error.into())
    }
}

/// Permissions of a file that a program creates, less those that the user masks.
fn new_file_permissions() -> Option<Permissions> {
    #[cfg(unix)]
    return Some(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    #[cfg(not(unix))]
    None
}

/// Replaces dictionaries and runs by their values: a file of Arrow has one dictionary for a column, and
/// the batches of a result have one each. A result has no null where none is declared.
fn plain_schema(schema: &SchemaRef) -> SchemaRef {
    let fields = schema.fields().iter();
    let fields = fields.map(|field| Field::clone(&plain_field(field)).with_nullable(true));
    let fields: Vec<Field> = fields.collect();
    Schema::new_with_metadata(fields, schema.metadata().clone()).into()
}

fn plain_field(field: &FieldRef) -> FieldRef {
    let data_type = plain_type(field.data_type());
    Field::clone(field).with_data_type(data_type).into()
}

/// Returns true for types with which the writer of Parquet panics, and that of Arrow makes files
/// that cannot be read.
fn is_refused(data_type: &DataType) -> bool {
    let within = |field: &FieldRef| is_refused(field.data_type());
    match data_type {
        DataType::Union(..) | DataType::FixedSizeBinary(0) => true,
        DataType::Dictionary(_, values) => is_refused(values),
        DataType::RunEndEncoded(_, field)
        | DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _)
        | DataType::Map(field, _) => within(field),
        DataType::Struct(fields) => fields.iter().any(within),
        _ => false,
    }
}

fn plain_type(data_type: &DataType) -> DataType {
    use DataType::{
        Dictionary, FixedSizeList, LargeList, LargeListView, List, ListView, Map, RunEndEncoded,
        Struct,
    };
    match data_type {
        Dictionary(_, values) => plain_type(values),
        RunEndEncoded(_, values) => plain_type(values.data_type()),
        List(item) => List(plain_field(item)),
        LargeList(item) => LargeList(plain_field(item)),
        ListView(item) => ListView(plain_field(item)),
        LargeListView(item) => LargeListView(plain_field(item)),
        FixedSizeList(item, length) => FixedSizeList(plain_field(item), *length),
        Struct(fields) => Struct(fields.iter().map(plain_field).collect()),
        Map(entries, is_sorted) => Map(plain_field(entries), *is_sorted),
        other => other.clone(),
    }
}
