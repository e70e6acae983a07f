//! Rows of tables as statements.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use fusebox::{Identifier, Literal};

use crate::failure::Failure;

/// Maximum number of rows of an INSERT.
const ROWS_MAX: usize = 1_000;

/// Adds the statements that insert the rows of a table. A column whose values SQL cannot write
/// makes a comment of the rows.
pub(super) fn dump(
    name: &str,
    schema: &SchemaRef,
    batches: &[RecordBatch],
    statements: &mut Vec<String>,
) -> Result<(), Failure> {
    let fields = schema.fields();
    if let Some(field) = fields.iter().find(|field| !is_written(field.data_type())) {
        statements.push(format!(
            "-- The rows of {name} are left out: SQL cannot write {}, the type of {}. Write them \
             with COPY … TO 'rows.parquet'.",
            field.data_type(),
            Identifier(field.name()),
        ));
        return Ok(());
    }
    for batch in batches {
        let columns = batch.columns();
        for first in (0..batch.num_rows()).step_by(ROWS_MAX) {
            let last = batch.num_rows().min(first + ROWS_MAX);
            let tuples = (first..last).map(|row| {
                let values = columns.iter().map(|column| literal(column, row));
                let values = values.collect::<Result<Vec<_>, _>>()?;
                Ok(format!("({})", values.join(", ")))
            });
            let tuples = tuples.collect::<Result<Vec<_>, _>>();
            let tuples = tuples.map_err(Failure::Print)?.join(",\n");
            statements.push(format!("INSERT INTO {name} VALUES\n{tuples};"));
        }
    }
    Ok(())
}

/// Returns true if SQL can write the values of a type.
fn is_written(data_type: &DataType) -> bool {
    use DataType as T;
    match data_type {
        T::List(item) | T::LargeList(item) | T::FixedSizeList(item, _) | T::Map(item, _) => {
            is_written(item.data_type())
        }
        T::Struct(fields) => fields.iter().all(|field| is_written(field.data_type())),
        T::Dictionary(_, values) => is_written(values),
        T::ListView(_) | T::LargeListView(_) | T::RunEndEncoded(..) | T::Union(..) => false,
        _ => true,
    }
}

/// Writes a value.
fn literal(column: &ArrayRef, row: usize) -> Result<String, ArrowError> {
    use DataType as T;
    // A column of type Null has no bitmap.
    if column.is_null(row) || *column.data_type() == T::Null {
        return Ok("NULL".to_owned());
    }
    let items = |items: &ArrayRef| {
        let items = (0..items.len()).map(|item| literal(items, item));
        let items: Vec<_> = items.collect::<Result<_, ArrowError>>()?;
        Ok(format!("make_array({})", items.join(", ")))
    };
    let formatter = ArrayFormatter::try_new(column, &FormatOptions::new())?;
    let text = || formatter.value(row).try_to_string();
    Ok(match column.data_type() {
        T::List(_) => return items(&column.as_list::<i32>().value(row)),
        T::LargeList(_) => return items(&column.as_list::<i64>().value(row)),
        T::FixedSizeList(..) => return items(&column.as_fixed_size_list().value(row)),
        T::Map(..) => {
            let entries = column.as_map().value(row);
            let (keys, values) = (items(entries.column(0))?, items(entries.column(1))?);
            format!("map({keys}, {values})")
        }
        // A number of its unit.
        T::Duration(_) => literal(&cast(column, &T::Int64)?, row)?,
        T::Struct(fields) => {
            let columns = column.as_struct().columns();
            let fields = fields.iter().zip(columns).map(|(field, column)| {
                let (name, value) = (Literal(field.name()), literal(column, row)?);
                Ok(format!("{name}, {value}"))
            });
            let fields: Vec<_> = fields.collect::<Result<_, ArrowError>>()?;
            format!("named_struct({})", fields.join(", "))
        }
        T::Binary | T::LargeBinary | T::BinaryView | T::FixedSizeBinary(_) => {
            format!("X'{}'", text()?)
        }
        T::Boolean | T::Decimal32(..) | T::Decimal64(..) | T::Decimal128(..) => text()?,
        T::Decimal256(..) => text()?,
        data_type if data_type.is_integer() => text()?,
        // NaN and the infinities have no other spelling.
        _ => Literal(&text()?).to_string(),
    })
}
