//! Calls of the functions of fixtures, in batches of a given size.

// Aggregate, window and table functions.
mod stateful;

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_schema::DataType;
use fusebox_runtime::{
    ArgumentColumn, Definition, Error, LoadedModule, Runtime, Scope, Volatility, WasmFunction,
    accepts, result_type,
};
use serde_json::Value;

use crate::failure::Failure;
use crate::values::{decode, encode};

/// Bytes of the results of one batch: values as JSON take some dozens of times as many.
const BATCH_BYTES_MAX: u64 = 1 << 20;

/// Rows of a table that are read.
pub(crate) const TABLE_ROWS_MAX: usize = 20;

/// Function that is called.
pub(crate) struct Callable {
    function: Arc<WasmFunction>,
    /// Types of the arguments.
    types: Vec<DataType>,
    returns: DataType,
}

/// Answers of calls, and what they burnt.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) answers: Vec<Value>,
    /// States of groups, and answers of groups that they were merged into.
    pub(crate) states: Option<[Vec<Value>; 2]>,
    pub(crate) failure: Option<Failure>,
    pub(crate) fuel: u64,
}

impl Callable {
    /// Binds a definition to its module, for arguments of the types `given`, or of those of the
    /// signature.
    ///
    /// # Errors
    ///
    /// Those of [`Runtime::bind`], and [`Error::Internal`] for types that it does not take.
    pub(crate) fn new(
        runtime: &Runtime,
        definition: Definition,
        module: &LoadedModule,
        given: Option<Vec<DataType>>,
    ) -> Result<Self, Error> {
        let declared = definition.signature.types();
        let types = given.unwrap_or_else(|| declared.clone());
        if !accepts(&declared, &types) {
            let reason = "expected types of arguments that fit the signature, found others";
            return Err(Error::Internal(reason.to_owned()));
        }
        let returns = result_type(&definition.signature.returns, &declared, &types);
        Ok(Self {
            function: runtime.bind(definition, module)?,
            types,
            returns,
        })
    }

    /// Returns true for a scalar function that remembers earlier rows.
    pub(crate) fn keeps_state(&self) -> bool {
        self.function.definition().volatility == Volatility::Volatile
    }

    /// Makes the columns of rows of arguments.
    ///
    /// # Errors
    ///
    /// One line with what was expected and what was found.
    pub(crate) fn columns(&self, rows: &[&[Value]]) -> Result<Vec<ArrayRef>, String> {
        let count = self.types.len();
        if let Some(other) = rows.iter().find(|row| row.len() != count) {
            let found = other.len();
            return Err(format!("expected {count} arguments, found {found}"));
        }
        let columns = self.types.iter().enumerate().map(|(index, data_type)| {
            let values: Vec<Value> = rows.iter().map(|row| row[index].clone()).collect();
            let column = decode(data_type, &values);
            column.map_err(|problem| format!("argument {}: {problem}", index + 1))
        });
        columns.collect()
    }

    /// Begins calls that see each other's state if the function keeps some.
    pub(crate) fn scope() -> Scope {
        Scope::default().with_batch_bytes_max(BATCH_BYTES_MAX)
    }

    /// Calls a scalar function for a range of rows, in one batch.
    pub(crate) fn call(
        &self,
        columns: &[ArrayRef],
        (first, rows): (usize, usize),
        scope: &Scope,
    ) -> Outcome {
        let columns = columns.iter().map(|column| column.slice(first, rows));
        let columns = columns.map(ArgumentColumn::Array).collect();
        // What one batch learns about sizes does not hold for the next.
        let scope = scope.sibling();
        let result = self.function.call(columns, rows, &self.returns, &scope);
        let fuel = fuel(&scope);
        match result {
            Ok(column) => Outcome {
                answers: encode(&column),
                fuel,
                ..Outcome::default()
            },
            Err(error) => Outcome {
                failure: Some(Failure::of(&error)),
                fuel,
                ..Outcome::default()
            },
        }
    }
}

/// Returns the fuel that the calls of a scope burnt.
fn fuel(scope: &Scope) -> u64 {
    let statistics = scope.statistics();
    statistics.values().map(|function| function.fuel).sum()
}
