//! Columns of a lifted function.

/// Column of a parameter, of the result, or of a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnField {
    /// Name in WIT: of the parameter, or of the field of a record; `f0`, `f1` … in a tuple, `item`
    /// in a list, and `result` for the result.
    pub name: String,
    /// Type of the values.
    pub ty: ColumnType,
    /// True if the function takes or returns nulls there: for an option.
    pub nullable: bool,
}

/// Type of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of Arrow")]
pub enum ColumnType {
    Boolean,
    Int8,
    Int16,
    Int32,
    Int64,
    UInt8,
    UInt16,
    UInt32,
    UInt64,
    Float32,
    Float64,
    Utf8,
    Binary,
    /// A list of its elements.
    List(Box<ColumnField>),
    /// A struct of its fields.
    Struct(Vec<ColumnField>),
}
