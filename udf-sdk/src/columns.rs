//! Functions over whole columns, and the call of the author's function.

use std::cell::OnceCell;
use std::fmt::Display;

use arrow_array::{Array, ArrayRef, Datum, make_array};
use arrow_data::ArrayData;

use crate::array::{Arrow, ArrowType, data_type, expand, is_result};
use crate::fuel;
use crate::raw::{BorrowedArguments, Call, release_array};
use crate::sql::{Declaration, Parameter, Sql};

/// An argument column of a function over whole columns, as the host lowered it:
/// an argument that is constant for the batch is one row.
///
/// Kernels accept it, since it is a [`Datum`]:
///
/// ```
/// use arrow_array::{Array, BooleanArray, Datum, StringArray};
/// use fusebox_sdk::{Column, udf};
///
/// /// Tells for each text whether it begins with a prefix.
/// #[udf(columns)]
/// fn begins(texts: &StringArray, prefix: Column<StringArray>) -> BooleanArray {
///     let begins = |row: usize, text: &str| {
///         let row = if prefix.is_constant() { 0 } else { row };
///         let prefix = prefix.array();
///         prefix.is_valid(row).then(|| text.starts_with(prefix.value(row)))
///     };
///     let rows = texts.iter().enumerate();
///     rows.map(|(row, text)| begins(row, text?)).collect()
/// }
/// # fn main() {}
/// ```
#[derive(Debug)]
pub struct Column<'a, A: ?Sized = dyn Array> {
    array: &'a A,
    rows: usize,
    is_constant: bool,
}

impl<A: ?Sized> Clone for Column<'_, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A: ?Sized> Copy for Column<'_, A> {}

impl<'a, A: ?Sized> Column<'a, A> {
    /// Returns the array: of one row if the argument is constant, else of all
    /// rows.
    pub fn array(&self) -> &'a A {
        self.array
    }

    /// Returns true if one row is the value of all rows. In a batch of one row
    /// it returns false.
    pub fn is_constant(&self) -> bool {
        self.is_constant
    }

    /// Returns the number of rows of the batch.
    pub fn rows(&self) -> usize {
        self.rows
    }
}

impl<A: Array> Datum for Column<'_, A> {
    fn get(&self) -> (&dyn Array, bool) {
        (self.array, self.is_constant)
    }
}

impl Datum for Column<'_, dyn Array> {
    fn get(&self) -> (&dyn Array, bool) {
        (self.array, self.is_constant)
    }
}

/// A type of an argument of a function over whole columns.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a type of a column argument",
    label = "not a type of a column argument",
    note = "use a reference to an array of arrow-array 59, such as `&Int64Array`, `&StringArray` or `&dyn Array`, or `Column<Int64Array>` to receive a constant as one row"
)]
pub trait ColumnArgument<'a>: Sized {
    /// The type of its array.
    type Array: Arrow + ?Sized;

    /// Makes the argument.
    fn of(column: &'a ArgumentColumn, rows: usize) -> Result<Self, String>;
}

impl<'a, A: Arrow + ?Sized> ColumnArgument<'a> for &'a A {
    type Array = A;

    fn of(column: &'a ArgumentColumn, rows: usize) -> Result<Self, String> {
        column.downcast(column.expand(rows)?)
    }
}

impl<'a, A: Arrow + ?Sized> ColumnArgument<'a> for Column<'a, A> {
    type Array = A;

    fn of(column: &'a ArgumentColumn, rows: usize) -> Result<Self, String> {
        Ok(Self {
            array: column.downcast(&column.array)?,
            rows,
            is_constant: column.array.len() != rows,
        })
    }
}

/// A type of the result of a function over whole columns.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a type of a column result",
    label = "not a type of a column result",
    note = "use ArrayRef or an array of arrow-array 59, such as Int64Array, StringArray or StructArray, or a Result of one whose error implements Display"
)]
pub trait ColumnResult {
    /// The type of its array.
    type Array: Arrow;

    /// Returns the column, or the message of the failure.
    fn into_column(self) -> Result<ArrayData, String>;
}

impl<A: Arrow> ColumnResult for A {
    type Array = A;

    fn into_column(self) -> Result<ArrayData, String> {
        Ok(self.into_data())
    }
}

impl<A: Arrow, E: Display> ColumnResult for Result<A, E> {
    type Array = A;

    fn into_column(self) -> Result<ArrayData, String> {
        self.map(A::into_data).map_err(|error| error.to_string())
    }
}

/// Describes an argument whose SQL type follows from its array.
pub const fn column_parameter<'a, T: ColumnArgument<'a>>(
    name: &'static str,
    sees_nulls: bool,
) -> Parameter
where
    T::Array: ArrowType,
{
    Parameter {
        name,
        sql: <T::Array as ArrowType>::SQL,
        sees_nulls,
    }
}

/// Describes an argument whose SQL type is declared.
pub const fn declared_parameter<'a, T: ColumnArgument<'a>>(
    name: &'static str,
    sql: Sql,
    sees_nulls: bool,
) -> Parameter {
    assert!(
        <T::Array as Arrow>::TYPES.admit(&sql),
        "the array of this argument has another SQL type"
    );
    Parameter {
        name,
        sql,
        sees_nulls,
    }
}

/// Returns the SQL type of a result, which follows from its array.
pub const fn column_returns<R: ColumnResult>() -> Sql
where
    R::Array: ArrowType,
{
    <R::Array as ArrowType>::SQL
}

/// Returns the SQL type of a result that is declared.
pub const fn declared_returns<R: ColumnResult>(sql: Sql) -> Sql {
    assert!(
        <R::Array as Arrow>::TYPES.admit(&sql),
        "the array of this result has another SQL type"
    );
    sql
}

/// The arguments of a call.
#[derive(Debug)]
pub struct ColumnArguments {
    columns: Vec<ArgumentColumn>,
    rows: usize,
}

/// One argument of a call.
#[derive(Debug)]
pub struct ArgumentColumn {
    name: &'static str,
    array: ArrayRef,
    expanded: OnceCell<ArrayRef>,
}

impl ArgumentColumn {
    /// Returns the array with a row for each row of the batch.
    fn expand(&self, rows: usize) -> Result<&ArrayRef, String> {
        if self.array.len() == rows {
            return Ok(&self.array);
        }
        if let Some(expanded) = self.expanded.get() {
            return Ok(expanded);
        }
        let expanded = make_array(expand(&self.array.to_data(), rows)?);
        Ok(self.expanded.get_or_init(|| expanded))
    }

    /// Returns an array as the type that the function takes.
    fn downcast<'a, A: Arrow + ?Sized>(&self, array: &'a ArrayRef) -> Result<&'a A, String> {
        A::downcast(array).ok_or_else(|| {
            let (name, actual) = (self.name, array.data_type());
            format!("argument `{name}` is of type {actual}, not of the function's array type")
        })
    }
}

impl ColumnArguments {
    /// Returns an argument by its position in the signature.
    pub fn get<'a, T: ColumnArgument<'a>>(&'a self, index: usize) -> Result<T, String> {
        T::of(&self.columns[index], self.rows)
    }

    /// Returns true if the function has received only constants, unexpanded.
    fn are_constant(&self) -> bool {
        let mut columns = self.columns.iter();
        columns.all(|column| column.array.len() != self.rows && column.expanded.get().is_none())
    }
}

/// Runs a function on the columns of a call, and returns its result.
pub fn run_columns<R: ColumnResult>(
    call: &Call,
    declaration: &Declaration<'_>,
    function: impl FnOnce(&ColumnArguments) -> Result<R, String>,
) -> u32 {
    fuel::report_panics();
    release_array();
    let headers = BorrowedArguments::new(call, declaration.parameters);
    match call_function(headers, call.rows(), declaration, function) {
        Ok(array) => call.return_arrow(&array),
        Err(message) => call.fail(None, &message),
    }
}

/// Calls the function, and checks its result against the declaration.
pub(crate) fn call_function<R: ColumnResult>(
    headers: BorrowedArguments<'_>,
    rows: usize,
    declaration: &Declaration<'_>,
    function: impl FnOnce(&ColumnArguments) -> Result<R, String>,
) -> Result<ArrayData, String> {
    let declared = data_type(&declaration.returns)?;
    headers.with_arrays(declaration.name, |arrays| {
        let columns = declaration.parameters.iter().zip(arrays);
        let columns = columns.map(|(parameter, array)| ArgumentColumn {
            name: parameter.name,
            array: make_array(array),
            expanded: OnceCell::new(),
        });
        let columns = ColumnArguments {
            columns: columns.collect(),
            rows,
        };
        let mut result = function(&columns)?.into_column()?;
        let actual = result.data_type();
        if !is_result(actual, &declared) {
            return Err(format!("the result is {actual}, not {declared}: cast it"));
        }
        if result.len() == 1 && columns.are_constant() {
            result = expand(&result, rows)?;
        }
        match result.len() {
            length if length == rows => Ok(result),
            length => Err(format!("the result has {length} rows, not {rows}")),
        }
    })
}
