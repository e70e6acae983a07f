//! Functions over whole columns: the one place where the author's function is
//! called.

use std::cell::OnceCell;
use std::fmt::Display;

use arrow_array::{Array, ArrayRef, Datum, make_array};
use arrow_data::ArrayData;

use crate::answer::forget_array;
use crate::array::{Arrow, ArrowType, data_type, is_result, spread};
use crate::entry::{Call, Headers};
use crate::fuel;
use crate::sql::{Declaration, Parameter, Sql};

/// An argument column of a function over whole columns, as the engine left it:
/// an argument that is constant for the batch is one row, which stands for all.
///
/// Kernels take it as it is, since it is a [`Datum`]:
///
/// ```
/// use arrow_array::{Array, BooleanArray, Datum, StringArray};
/// use fusebox_sdk::{Column, udf};
///
/// /// Which texts begin with a prefix.
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
    /// The array: of one row if the argument is constant, else of all rows.
    pub fn array(&self) -> &'a A {
        self.array
    }

    /// Whether one row stands for all. In a batch of one row, none does.
    pub fn is_constant(&self) -> bool {
        self.is_constant
    }

    /// The rows of the batch.
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

/// A type that an argument of a function over whole columns arrives as.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a type that a column can arrive as",
    label = "no column arrives as this",
    note = "use a reference to an array of arrow-array 59, such as `&Int64Array`, `&StringArray` or `&dyn Array`, or `Column<Int64Array>` to see which argument is constant"
)]
pub trait ColumnArgument<'a>: Sized {
    /// The array behind it.
    type Array: Arrow + ?Sized;

    /// Makes the argument.
    fn of(column: &'a Lent, rows: usize) -> Result<Self, String>;
}

impl<'a, A: Arrow + ?Sized> ColumnArgument<'a> for &'a A {
    type Array = A;

    fn of(column: &'a Lent, rows: usize) -> Result<Self, String> {
        column.downcast(column.spread(rows)?)
    }
}

impl<'a, A: Arrow + ?Sized> ColumnArgument<'a> for Column<'a, A> {
    type Array = A;

    fn of(column: &'a Lent, rows: usize) -> Result<Self, String> {
        Ok(Self {
            array: column.downcast(&column.array)?,
            rows,
            is_constant: column.array.len() != rows,
        })
    }
}

/// A type that becomes the result of a function over whole columns.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a type that can become a column of results",
    label = "no column is made of this",
    note = "use ArrayRef or an array of arrow-array 59, such as Int64Array, StringArray or StructArray, or a Result of one whose error implements Display"
)]
pub trait ColumnResult {
    /// The array that it becomes.
    type Array: Arrow;

    /// The column, or the message of its failure.
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

/// Describes an argument whose array stands for a SQL type.
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

/// Describes an argument whose SQL type is written down.
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

/// The SQL type of a result whose array stands for one.
pub const fn column_returns<R: ColumnResult>() -> Sql
where
    R::Array: ArrowType,
{
    <R::Array as ArrowType>::SQL
}

/// The SQL type of a result that is written down.
pub const fn declared_returns<R: ColumnResult>(sql: Sql) -> Sql {
    assert!(
        <R::Array as Arrow>::TYPES.admit(&sql),
        "the array of this result has another SQL type"
    );
    sql
}

/// The arguments of a call.
#[derive(Debug)]
pub struct Columns {
    columns: Vec<Lent>,
    rows: usize,
}

/// One of them.
#[derive(Debug)]
pub struct Lent {
    name: &'static str,
    array: ArrayRef,
    spread: OnceCell<ArrayRef>,
}

impl Lent {
    /// All rows, each on its own.
    fn spread(&self, rows: usize) -> Result<&ArrayRef, String> {
        if self.array.len() == rows {
            return Ok(&self.array);
        }
        if let Some(spread) = self.spread.get() {
            return Ok(spread);
        }
        let spread = make_array(spread(&self.array.to_data(), rows)?);
        Ok(self.spread.get_or_init(|| spread))
    }

    /// The column as the array that the function takes.
    fn downcast<'a, A: Arrow + ?Sized>(&self, array: &'a ArrayRef) -> Result<&'a A, String> {
        A::downcast(array).ok_or_else(|| {
            let (name, actual) = (self.name, array.data_type());
            format!("argument `{name}` is declared as {actual}, which is another array")
        })
    }
}

impl Columns {
    /// An argument, by its place in the signature.
    pub fn get<'a, T: ColumnArgument<'a>>(&'a self, index: usize) -> Result<T, String> {
        T::of(&self.columns[index], self.rows)
    }

    /// Whether the function has seen nothing but constants, as such.
    fn are_constant(&self) -> bool {
        let mut columns = self.columns.iter();
        columns.all(|column| column.array.len() != self.rows && column.spread.get().is_none())
    }
}

/// Runs a function on the columns of a call, and answers it.
pub fn run_columns<R: ColumnResult>(
    call: &Call,
    declaration: &Declaration<'_>,
    function: impl FnOnce(&Columns) -> Result<R, String>,
) -> u32 {
    fuel::report_panics();
    forget_array();
    let headers = Headers::new(call, declaration.parameters);
    match answer(headers, call.rows(), declaration, function) {
        Ok(array) => call.answer_array(&array),
        Err(message) => call.fail(None, &message),
    }
}

/// Calls the function, and sees to it that its result is what was declared.
pub(crate) fn answer<R: ColumnResult>(
    headers: Headers<'_>,
    rows: usize,
    declaration: &Declaration<'_>,
    function: impl FnOnce(&Columns) -> Result<R, String>,
) -> Result<ArrayData, String> {
    let declared = data_type(&declaration.returns)?;
    headers.lend(declaration.name, |arrays| {
        let columns = declaration.parameters.iter().zip(arrays);
        let columns = columns.map(|(parameter, array)| Lent {
            name: parameter.name,
            array: make_array(array),
            spread: OnceCell::new(),
        });
        let columns = Columns {
            columns: columns.collect(),
            rows,
        };
        let mut result = function(&columns)?.into_column()?;
        let actual = result.data_type();
        if !is_result(actual, &declared) {
            return Err(format!("the result is {actual}, not {declared}: cast it"));
        }
        if result.len() == 1 && columns.are_constant() {
            result = spread(&result, rows)?;
        }
        match result.len() {
            length if length == rows => Ok(result),
            length => Err(format!("the result has {length} rows, not {rows}")),
        }
    })
}
