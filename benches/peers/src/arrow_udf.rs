//! arrow-udf 0.10: functions with its SDK in its Wasm runtime, on Wasmtime 36.
//!
//! Used as documented in its README: guests for `wasm32-wasip1`, a `Runtime` with a
//! pool of instances, and `call` with a batch. arrow-udf encodes the batch as an
//! Arrow IPC file and copies it into the guest, which decodes it; the result is
//! returned in the same way.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;
use arrow_udf_runtime::wasm::Runtime;

use crate::peer::{Call, Peer, Result, guest};

struct ArrowUdf {
    runtime: Arc<Runtime>,
}

pub(crate) fn load(guests: &Path) -> Result<Box<dyn Peer>> {
    let runtime = Runtime::new(&guest(guests, "arrow_udf_functions.wasm")?)?;
    Ok(Box::new(ArrowUdf {
        runtime: Arc::new(runtime),
    }))
}

impl Peer for ArrowUdf {
    fn call(&self, function: &str, batch: RecordBatch, returns: &DataType) -> Result<Call> {
        let types = batch.columns().iter().map(|column| column.data_type());
        let types = types.cloned().collect();
        let function = self
            .runtime
            .find_function(function, types, returns.clone())?;
        let runtime = Arc::clone(&self.runtime);
        Ok(Box::new(move || {
            // The second column has the errors of rows, which are null in the first.
            let result = runtime.call(&function, &batch)?;
            Ok(ArrayRef::clone(result.column(0)))
        }))
    }
}
