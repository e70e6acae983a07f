//! Arrow IPC through the linear memory of a core module.
//!
//! A batch is encoded as a stream into a reused vector, copied into linear memory
//! and decoded there. The result is a stream too, decoded in place.

use std::path::Path;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::DataType;
use peers_ipc::{decode, encode};
use wasmtime::{Instance, Memory, Module, Store, TypedFunc};

use crate::peer::{Call, Peer, Result, engine, guest};

struct IpcModule {
    module: Module,
}

struct Guest {
    store: Store<()>,
    memory: Memory,
    buffer: TypedFunc<u32, u32>,
    call: TypedFunc<u32, i64>,
}

pub(crate) fn load(guests: &Path) -> Result<Box<dyn Peer>> {
    let module = Module::new(&engine()?, guest(guests, "ipc_module.wasm")?)?;
    Ok(Box::new(IpcModule { module }))
}

impl Peer for IpcModule {
    fn call(&self, function: &str, batch: RecordBatch, _returns: &DataType) -> Result<Call> {
        let mut guest = Guest::new(&self.module)?;
        let function = function.to_owned();
        let mut stream = Vec::new();
        Ok(Box::new(move || {
            encode(&batch, &mut stream)?;
            guest.call(&function, &stream)
        }))
    }
}

impl Guest {
    fn new(module: &Module) -> Result<Self> {
        let mut store = Store::new(module.engine(), ());
        let instance = Instance::new(&mut store, module, &[])?;
        Ok(Self {
            memory: instance
                .get_memory(&mut store, "memory")
                .ok_or("the guest does not export `memory`")?,
            buffer: instance.get_typed_func(&mut store, "buffer")?,
            call: instance.get_typed_func(&mut store, "call")?,
            store,
        })
    }

    fn call(&mut self, function: &str, stream: &[u8]) -> Result<ArrayRef> {
        let bytes = u32::try_from(stream.len() + function.len())?;
        let buffer = self.buffer.call(&mut self.store, bytes)? as usize;
        self.memory.write(&mut self.store, buffer, stream)?;
        let name = buffer + stream.len();
        self.memory
            .write(&mut self.store, name, function.as_bytes())?;
        let place = self.call.call(&mut self.store, stream.len() as u32)?;
        let [address, length] = [place.abs() >> 32, place.abs() & 0xffff_ffff];
        let memory = self.memory.data(&self.store);
        let result = memory
            .get(address as usize..)
            .and_then(|bytes| bytes.get(..length as usize))
            .ok_or("the result is outside of the linear memory")?;
        if place < 0 {
            return Err(String::from_utf8_lossy(result).into());
        }
        Ok(ArrayRef::clone(decode(result)?.column(0)))
    }
}
