//! Values of rows, and columns of them.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, ListBuilder, StringBuilder,
};

/// Value of a row.
#[derive(Clone, Debug)]
pub(super) enum Cell {
    Number(i64),
    Truth(bool),
    Text(String),
    Texts(Vec<String>),
    Numbers(Vec<i64>),
}

/// Values of a row by their columns.
pub(super) type Row = Vec<(&'static str, Cell)>;

/// Makes a number.
pub(super) fn number(value: impl Into<i64>) -> Cell {
    Cell::Number(value.into())
}

/// Makes a text.
pub(super) fn text(value: impl Into<String>) -> Cell {
    Cell::Text(value.into())
}

/// Makes a column of a type, given by its letter.
pub(super) fn array<'a>(letter: &str, cells: impl Iterator<Item = Option<&'a Cell>>) -> ArrayRef {
    match letter {
        "b" => {
            let mut column = BooleanBuilder::new();
            cells.for_each(|cell| column.append_value(matches!(cell, Some(Cell::Truth(true)))));
            Arc::new(column.finish())
        }
        "f" => {
            let mut column = Float64Builder::new();
            cells.for_each(|cell| match cell {
                Some(Cell::Number(value)) => column.append_value(*value as f64),
                _ => column.append_value(0.0),
            });
            Arc::new(column.finish())
        }
        "o" | "i" => {
            let mut column = Int64Builder::new();
            cells.for_each(|cell| match cell {
                Some(Cell::Number(value)) => column.append_value(*value),
                _ => column.append_value(0),
            });
            Arc::new(column.finish())
        }
        "T" => {
            let mut column = ListBuilder::new(StringBuilder::new());
            cells.for_each(|cell| match cell {
                Some(Cell::Texts(items)) => column.append_value(items.iter().map(Some)),
                _ => column.append_null(),
            });
            Arc::new(column.finish())
        }
        "I" => {
            let mut column = ListBuilder::new(Int64Builder::new());
            cells.for_each(|cell| match cell {
                Some(Cell::Numbers(items)) => column.append_value(items.iter().copied().map(Some)),
                _ => column.append_null(),
            });
            Arc::new(column.finish())
        }
        _ => {
            let mut column = StringBuilder::new();
            cells.for_each(|cell| match cell {
                Some(Cell::Text(value)) => column.append_value(value),
                _ if letter == "c" => column.append_value(""),
                _ => column.append_null(),
            });
            Arc::new(column.finish())
        }
    }
}
