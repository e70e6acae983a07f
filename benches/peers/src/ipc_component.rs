//! Arrow IPC through the `list<u8>` of a component, as datafusion-udf-wasm does.
//!
//! As there, every argument and the result are separate streams, and Wasmtime copies
//! the lists. Unlike there, epochs and asynchronous calls are not used.

use std::path::Path;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::DataType;
use peers_ipc::{batch_of, decode, encode};
use wasmtime::Store;
use wasmtime::component::{Component, Linker};
use wit_component::ComponentEncoder;

use crate::peer::{Call, Peer, Result, engine, guest};

struct IpcComponent {
    component: Component,
}

pub(crate) fn load(guests: &Path) -> Result<Box<dyn Peer>> {
    let module = guest(guests, "ipc_component.wasm")?;
    let component = ComponentEncoder::default().module(&module)?.encode()?;
    let component = Component::new(&engine()?, component)?;
    Ok(Box::new(IpcComponent { component }))
}

impl Peer for IpcComponent {
    fn call(&self, function: &str, batch: RecordBatch, _returns: &DataType) -> Result<Call> {
        let engine = self.component.engine();
        let mut store = Store::new(engine, ());
        let instance = Linker::new(engine).instantiate(&mut store, &self.component)?;
        type Results = (std::result::Result<Vec<u8>, String>,);
        let call = instance.get_typed_func::<(&str, &[Vec<u8>]), Results>(&mut store, "call")?;
        let columns = batch.columns().iter().cloned();
        let columns = columns.map(|column| Ok(batch_of(column)?));
        let columns: Vec<RecordBatch> = columns.collect::<Result<_>>()?;
        let mut streams = vec![Vec::new(); columns.len()];
        let function = function.to_owned();
        Ok(Box::new(move || {
            for (column, stream) in columns.iter().zip(&mut streams) {
                encode(column, stream)?;
            }
            let (result,) = call.call(&mut store, (&function, &streams))?;
            Ok(ArrayRef::clone(decode(&result?)?.column(0)))
        }))
    }
}
