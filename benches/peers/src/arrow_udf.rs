//! arrow-udf 0.10: functions with its SDK in its Wasm runtime, on Wasmtime 36.
//!
//! Used as its README says: guests for `wasm32-wasip1`, a `Runtime`, which keeps
//! instances in a pool, and `call` with a batch. Below that it encodes the batch
//! as a file of Arrow IPC, copies it into the guest, which decodes it, and the
//! same on the way back.

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
            // Errors of rows are a second column, and nulls in the first.
            let answer = runtime.call(&function, &batch)?;
            Ok(ArrayRef::clone(answer.column(0)))
        }))
    }
}
