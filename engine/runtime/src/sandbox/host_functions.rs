//! Functions of the host that instances call: refills of fuel, and messages.

use fusebox_abi::EXPORT_MEMORY;
use fusebox_instrument::{EXPORT_CALL_FUEL, EXPORT_HOST, EXPORT_NEXT_ROW, HOST_LOG, HOST_REFILL};
use fusebox_marshal::GuestAddr;
use fusebox_marshal::lift::lift_message;

use super::store_limiter::StoreLimiter;

type Store = wasmtime::Store<StoreLimiter>;

/// Returns the table of the functions.
fn functions(instance: wasmtime::Instance, store: &mut Store) -> wasmtime::Table {
    let functions = instance.get_table(store, EXPORT_HOST);
    functions.expect("the instrumentation exports the table of host functions")
}

/// Installs the host function that refills the fuel of an instance's calls.
pub(super) fn install_refill(
    instance: wasmtime::Instance,
    store: &mut Store,
) -> wasmtime::Result<()> {
    let functions = functions(instance, store);
    let refill =
        |mut caller: wasmtime::Caller<'_, StoreLimiter>, rows: u32| caller.data_mut().refill(rows);
    let refill = wasmtime::Func::wrap(&mut *store, refill);
    functions.set(store, HOST_REFILL, refill.into())
}

/// Installs the host function that takes the messages of an instance that logs.
pub(super) fn install_log(instance: wasmtime::Instance, store: &mut Store) -> wasmtime::Result<()> {
    let functions = functions(instance, store);
    if functions.size(&*store) <= HOST_LOG {
        return Ok(());
    }
    let memory = instance.get_memory(&mut *store, EXPORT_MEMORY);
    let memory = memory.expect("the inspection found a memory of that name");
    let [next_row, call_fuel] = [EXPORT_NEXT_ROW, EXPORT_CALL_FUEL].map(|name| {
        let counter = instance.get_global(&mut *store, name);
        counter.expect("the instrumentation exports its counters")
    });
    let log = move |mut caller: wasmtime::Caller<'_, StoreLimiter>, address: u32, length: u32| {
        if caller.data().log.is_full() {
            caller.data_mut().log.push(None, None);
            return;
        }
        let is_in_row = matches!(call_fuel.get(&mut caller), wasmtime::Val::I64(1..));
        let next_row = next_row.get(&mut caller).i32().unwrap_or_default();
        let row = u64::try_from(next_row)
            .ok()
            .and_then(|next| next.checked_sub(1));
        let (bytes, limiter) = memory.data_and_store_mut(&mut caller);
        let text = lift_message(GuestAddr(address), length, bytes);
        limiter.log.push(row.filter(|_| is_in_row), text);
    };
    let log = wasmtime::Func::wrap(&mut *store, log);
    functions.set(store, HOST_LOG, log.into())
}
