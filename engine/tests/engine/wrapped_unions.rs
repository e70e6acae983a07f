//! A native function that wraps values in a union: SQL has no constructor of one.

use std::sync::Arc;

use arrow::array::{Array, UnionArray};
use arrow::datatypes::{DataType, Field, UnionFields, UnionMode};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// Wraps each value as field 0, `a`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Wrap {
    name: String,
    signature: Signature,
    mode: UnionMode,
}

/// Returns the functions `sparse_union(value)` and `dense_union(value)`.
pub(crate) fn functions() -> [ScalarUDF; 2] {
    let modes = [
        ("sparse_union", UnionMode::Sparse),
        ("dense_union", UnionMode::Dense),
    ];
    modes.map(|(name, mode)| {
        ScalarUDF::from(Wrap {
            name: name.to_owned(),
            signature: Signature::any(1, Volatility::Immutable),
            mode,
        })
    })
}

fn fields(value: &DataType) -> UnionFields {
    [(0, Arc::new(Field::new("a", value.clone(), true)))]
        .into_iter()
        .collect()
}

impl ScalarUDFImpl for Wrap {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Union(fields(&arguments[0]), self.mode))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let values = arguments.args[0].to_array(arguments.number_rows)?;
        let rows = values.len();
        let offsets = (self.mode == UnionMode::Dense).then(|| (0..rows as i32).collect());
        let ids = vec![0_i8; rows].into();
        let union = UnionArray::try_new(fields(values.data_type()), ids, offsets, vec![values]);
        Ok(ColumnarValue::Array(Arc::new(union?)))
    }
}
