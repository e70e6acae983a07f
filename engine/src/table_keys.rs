//! Primary keys and unique columns of tables.
//!
//! The rows that a statement adds are kept as keys while it is checked: no two of them may be equal,
//! and none may equal a row that stays. So the memory of a check is that of the rows that are added,
//! whatever the size of the table. Nulls are as in PostgreSQL: those of a unique column are all
//! different, and a primary key has none.

// Nulls of rows that are inserted into a table of another sink.
mod not_null;

// The sink of rows that are inserted into a table in memory.
mod sink;

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::row::{RowConverter, SortField};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::{Constraint, Constraints, DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use fusebox_definition::{StatementError, Subject};
use fusebox_runtime::Error;

use crate::function::{canonical_floats, external};
pub(crate) use not_null::enforce_not_null;
pub(crate) use sink::{enforce_keys, nullable};

/// Name of keys in the errors of memory pools.
const CONSUMER: &str = "keys of a table";

/// Rows whose keys are made at once.
const ROWS_MAX: usize = 8_192;

/// Memory of a key besides its bytes: its slot in a set and its allocation.
const KEY_BYTES: usize = 64;

/// Length in characters up to which a value is printed.
const VALUE_MAX: usize = 100;

/// Keys of a table.
#[derive(Clone, Debug, Default)]
pub(crate) struct TableKeys {
    /// Name of the table, as in messages.
    table: String,
    keys: Vec<TableKey>,
}

/// Columns of which no two rows have the same values.
#[derive(Clone, Debug)]
struct TableKey {
    /// Indices of the columns.
    columns: Vec<usize>,
    is_primary: bool,
}

impl TableKeys {
    /// Returns the keys of constraints.
    pub(crate) fn new(table: String, constraints: Option<&Constraints>) -> Self {
        let constraints = constraints.into_iter().flat_map(|all| all.iter());
        let keys = constraints.map(|constraint| match constraint {
            Constraint::PrimaryKey(columns) => TableKey {
                columns: columns.clone(),
                is_primary: true,
            },
            Constraint::Unique(columns) => TableKey {
                columns: columns.clone(),
                is_primary: false,
            },
        });
        Self {
            table,
            keys: keys.collect(),
        }
    }

    /// Returns the constraints that they are of.
    pub(crate) fn constraints(&self) -> Constraints {
        let keys = self.keys.iter().map(|key| match key.is_primary {
            true => Constraint::PrimaryKey(key.columns.clone()),
            false => Constraint::Unique(key.columns.clone()),
        });
        Constraints::new_unverified(keys.collect())
    }

    /// Returns true if there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Returns the indices of the columns of all keys.
    pub(crate) fn columns(&self) -> BTreeSet<usize> {
        let columns = self.keys.iter().flat_map(|key| &key.columns);
        columns.copied().collect()
    }

    /// Checks that the values of all keys can be compared.
    ///
    /// # Errors
    ///
    /// A refusal with the first column whose values cannot.
    pub(crate) fn check_types(&self, schema: &Schema) -> Result<(), Error> {
        for key in &self.keys {
            for index in &key.columns {
                let field = schema.field(*index);
                let sorted = SortField::new(field.data_type().clone());
                if !RowConverter::supports_fields(&[sorted]) {
                    return Err(self.refused(StatementError::KeyType {
                        columns: key.names(schema),
                        column: field.name().clone(),
                        found: field.data_type().to_string(),
                    }));
                }
            }
        }
        Ok(())
    }

    /// Refuses nulls of columns that have none.
    ///
    /// # Errors
    ///
    /// A refusal with the first such column.
    pub(crate) fn check_nulls(&self, schema: &Schema, batch: &RecordBatch) -> Result<()> {
        for (field, column) in schema.fields().iter().zip(batch.columns()) {
            if !field.is_nullable() && column.logical_null_count() > 0 {
                return Err(external(self.null_in(field.name())));
            }
        }
        Ok(())
    }

    /// Keeps the keys of rows that are added, which are charged to a pool.
    ///
    /// # Errors
    ///
    /// A refusal if two of them are equal, or one is null that may not be; an exhausted pool.
    pub(crate) async fn of_added(
        &self,
        schema: &SchemaRef,
        added: &[RecordBatch],
        pool: &Arc<dyn MemoryPool>,
    ) -> Result<AddedKeys> {
        let (keys, schema, pool) = (self.clone(), Arc::clone(schema), Arc::clone(pool));
        let added = added.to_vec();
        in_background(move || {
            let mut kept = AddedKeys::new(keys, schema, &pool)?;
            for batch in &added {
                kept.add(batch)?;
            }
            Ok(kept)
        })
        .await
    }

    fn refused(&self, reason: StatementError) -> Error {
        Error::refused(Subject::Table(self.table.clone()), reason)
    }

    fn null_in(&self, column: &str) -> Error {
        self.refused(StatementError::NullValue(column.to_owned()))
    }
}

impl TableKey {
    /// Returns the names of the columns, as in a message.
    fn names(&self, schema: &Schema) -> String {
        let names = self.columns.iter().map(|index| schema.field(*index).name());
        let names: Vec<_> = names.map(String::as_str).collect();
        names.join(", ")
    }
}

/// Returns the refusal of a null of a column that has none.
pub(crate) fn null_error(table: &str, column: &str) -> DataFusionError {
    external(TableKeys::new(table.to_owned(), None).null_in(column))
}

/// Keys of rows that a statement adds to a table.
pub(crate) struct AddedKeys {
    keys: TableKeys,
    schema: SchemaRef,
    /// A converter for each key, and the keys of the rows.
    kept: Vec<(RowConverter, HashSet<Box<[u8]>>)>,
    reservation: MemoryReservation,
}

impl AddedKeys {
    fn new(keys: TableKeys, schema: SchemaRef, pool: &Arc<dyn MemoryPool>) -> Result<Self> {
        let converters = keys.keys.iter().map(|key| {
            let types = key.columns.iter();
            let types = types.map(|index| schema.field(*index).data_type().clone());
            let converter = RowConverter::new(types.map(SortField::new).collect())?;
            Ok((converter, HashSet::new()))
        });
        Ok(Self {
            kept: converters.collect::<Result<_, ArrowError>>()?,
            keys,
            schema,
            reservation: MemoryConsumer::new(CONSUMER).register(pool),
        })
    }

    /// Keeps the keys of rows.
    fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        for batch in pieces(batch) {
            let keys = self.keys.keys.iter().zip(&mut self.kept);
            for (key, (converter, kept)) in keys {
                let KeyRows { rows, nulls } = KeyRows::of(key, converter, &batch)?;
                if key.is_primary && nulls.is_some() {
                    return Err(external(self.keys.null_in(null_column(
                        key,
                        &self.schema,
                        &batch,
                    ))));
                }
                // Those of the piece, and those that stay.
                let bytes = 2 * rows.size() + batch.num_rows() * KEY_BYTES;
                self.reservation.try_grow(bytes)?;
                for (index, row) in rows.iter().enumerate() {
                    let is_null = nulls.as_ref().is_some_and(|nulls| nulls.is_null(index));
                    let row: &[u8] = row.as_ref();
                    if !is_null && !kept.insert(row.into()) {
                        let duplicate = duplicate(key, &self.schema, &batch, index)?;
                        return Err(external(self.keys.refused(duplicate)));
                    }
                }
                self.reservation.shrink(rows.size());
            }
        }
        Ok(())
    }

    /// Compares the rows that stay with those that are added.
    ///
    /// # Errors
    ///
    /// A refusal if one of each are equal; an exhausted pool.
    pub(crate) fn compare(&self, batch: &RecordBatch) -> Result<()> {
        for batch in pieces(batch) {
            for (key, (converter, kept)) in self.keys.keys.iter().zip(&self.kept) {
                if kept.is_empty() {
                    continue;
                }
                let KeyRows { rows, nulls } = KeyRows::of(key, converter, &batch)?;
                self.reservation.try_grow(rows.size())?;
                let is_kept = |row: &[u8], index| {
                    let is_null = nulls.as_ref().is_some_and(|nulls| nulls.is_null(index));
                    !is_null && kept.contains(row)
                };
                let mut found = rows.iter().enumerate();
                let found = found.find(|(index, row)| is_kept(row.as_ref(), *index));
                if let Some((index, _)) = found {
                    let duplicate = duplicate(key, &self.schema, &batch, index)?;
                    return Err(external(self.keys.refused(duplicate)));
                }
                self.reservation.shrink(rows.size());
            }
        }
        Ok(())
    }

    /// As [`compare`](Self::compare), on a thread for work that blocks.
    pub(crate) async fn compare_all(self: &Arc<Self>, batches: Vec<RecordBatch>) -> Result<()> {
        let added = Arc::clone(self);
        in_background(move || batches.iter().try_for_each(|batch| added.compare(batch))).await
    }
}

impl fmt::Debug for AddedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AddedKeys")
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}

/// Keys of some rows.
struct KeyRows {
    rows: arrow::row::Rows,
    /// Rows of which a column is null, if there are any.
    nulls: Option<NullBuffer>,
}

impl KeyRows {
    fn of(key: &TableKey, converter: &RowConverter, batch: &RecordBatch) -> Result<Self> {
        let columns = key.columns.iter().map(|index| batch.column(*index));
        let columns: Vec<&ArrayRef> = columns.collect();
        let nulls = columns.iter().fold(None::<NullBuffer>, |nulls, column| {
            NullBuffer::union(nulls.as_ref(), column.logical_nulls().as_ref())
        });
        // Values that SQL takes for equal have equal bytes.
        let columns = columns.into_iter().map(canonical_floats);
        let columns = columns.collect::<Result<Vec<_>, ArrowError>>()?;
        Ok(Self {
            rows: converter.convert_columns(&columns)?,
            nulls: nulls.filter(|nulls| nulls.null_count() > 0),
        })
    }
}

/// Divides rows into pieces whose keys are made at once.
fn pieces(batch: &RecordBatch) -> impl Iterator<Item = RecordBatch> + '_ {
    let begins = (0..batch.num_rows()).step_by(ROWS_MAX);
    begins.map(|begin| batch.slice(begin, ROWS_MAX.min(batch.num_rows() - begin)))
}

/// Returns the name of the first column of a key that has a null.
fn null_column<'a>(key: &TableKey, schema: &'a Schema, batch: &RecordBatch) -> &'a str {
    let mut columns = key.columns.iter();
    let has_null = |index: &&usize| batch.column(**index).logical_null_count() > 0;
    let index = columns.find(has_null).copied().unwrap_or_default();
    schema.field(index).name()
}

/// Describes the key of a row that another row has, too.
fn duplicate(
    key: &TableKey,
    schema: &Schema,
    batch: &RecordBatch,
    row: usize,
) -> Result<StatementError> {
    let options = FormatOptions::new().with_null("NULL");
    let values = key.columns.iter().map(|index| {
        let column = batch.column(*index);
        let formatter = ArrayFormatter::try_new(column, &options)?;
        let value = formatter.value(row).try_to_string()?;
        Ok(match value.char_indices().nth(VALUE_MAX) {
            Some((end, _)) => format!("{}…", value[..end].escape_debug()),
            None => value.escape_debug().to_string(),
        })
    });
    let values = values.collect::<Result<Vec<_>, ArrowError>>()?;
    Ok(StatementError::DuplicateKey {
        columns: key.names(schema),
        values: values.join(", "),
    })
}

/// Runs work that blocks on a thread of its own.
async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = SpawnedTask::spawn_blocking(work).join_unwind().await;
    done.map_err(|error| DataFusionError::ExecutionJoin(Box::new(error)))?
}

#[cfg(test)]
mod tests;
