//! Columns of arguments.

/// Arguments of a function, without nulls.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionArguments {
    /// Columns, in order.
    pub columns: Vec<ArgumentColumn>,
    /// Constant texts, passed after the columns.
    pub constants: &'static [&'static str],
}

/// Values of one argument, named by their Arrow type.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names are those of Arrow types")]
pub enum ArgumentColumn {
    Int64(Vec<i64>),
    Float64(Vec<f64>),
    Utf8(Vec<String>),
    Binary(Vec<Vec<u8>>),
    /// Hundredths of `DECIMAL(12, 2)`.
    Decimal128(Vec<i128>),
    /// Days since 1970-01-01.
    Date32(Vec<i32>),
    /// Lists of [`DIMENSIONS`] items, concatenated.
    Float64List(Vec<f64>),
}

/// Items of a list.
pub const DIMENSIONS: usize = 16;
