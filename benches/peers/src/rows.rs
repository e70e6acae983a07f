//! One Wasmtime call per row, as in ClickHouse's ROW_DIRECT and in ScyllaDB.
//!
//! Functions are looked up once as `TypedFunc`, the cheapest call of Wasmtime.
//! Numbers are passed as Wasm values. Texts are copied into a buffer of the guest, and
//! results out of its linear memory, without the guest allocations of ScyllaDB. Fuel,
//! which both systems use, is off in `rows`, and on in `rows-metered`, where each row gets some.

use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, BinaryType, ByteArrayType, Float64Type, Int64Type, Utf8Type,
};
use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, GenericByteArray, Int64Array, PrimitiveArray, RecordBatch,
};
use arrow_schema::DataType::{self, Binary, Boolean, Float64, Int64, Utf8};
use wasmtime::{Instance, Memory, Module, Store, TypedFunc, WasmParams, WasmResults, WasmTy};

use crate::peer::{Call, Peer, Result, engine, guest, metered_engine};

struct Rows {
    module: Module,
    /// Fuel of a row, if it is metered.
    fuel_per_row: Option<u64>,
}

/// Fuel of a metered row: that of Fusebox by default, and enough for every function.
const FUEL_PER_ROW: u64 = 1_000_000;

pub(crate) fn load(guests: &Path) -> Result<Box<dyn Peer>> {
    let module = Module::new(&engine()?, guest(guests, "rows.wasm")?)?;
    Ok(Box::new(Rows {
        module,
        fuel_per_row: None,
    }))
}

pub(crate) fn load_metered(guests: &Path) -> Result<Box<dyn Peer>> {
    let module = Module::new(&metered_engine()?, guest(guests, "rows.wasm")?)?;
    Ok(Box::new(Rows {
        module,
        fuel_per_row: Some(FUEL_PER_ROW),
    }))
}

impl Peer for Rows {
    fn call(&self, function: &str, batch: RecordBatch, returns: &DataType) -> Result<Call> {
        let columns = batch.columns();
        let types: Vec<_> = columns.iter().map(|column| column.data_type()).collect();
        let guest = Guest::new(&self.module, self.fuel_per_row)?;
        match (&types[..], returns) {
            ([Int64], Int64) => each::<Numbers<Int64Type, 1>, Vec<i64>>(guest, function, columns),
            ([Int64, Int64], Int64) => {
                each::<Numbers<Int64Type, 2>, Vec<i64>>(guest, function, columns)
            }
            ([Int64, Int64, Int64], Int64) => {
                each::<Numbers<Int64Type, 3>, Vec<i64>>(guest, function, columns)
            }
            ([Float64], Float64) => {
                each::<Numbers<Float64Type, 1>, Vec<f64>>(guest, function, columns)
            }
            ([Float64, Float64, Float64, Float64], Float64) => {
                each::<Numbers<Float64Type, 4>, Vec<f64>>(guest, function, columns)
            }
            ([Float64, Float64, Float64, Float64, Float64], Float64) => {
                each::<Numbers<Float64Type, 5>, Vec<f64>>(guest, function, columns)
            }
            ([Utf8], Int64) => each::<Texts<Utf8Type, 1>, Vec<i64>>(guest, function, columns),
            ([Utf8], Boolean) => each::<Texts<Utf8Type, 1>, Vec<bool>>(guest, function, columns),
            ([Utf8, Utf8], Float64) => {
                each::<Texts<Utf8Type, 2>, Vec<f64>>(guest, function, columns)
            }
            ([Utf8], Utf8) => each::<Texts<Utf8Type, 1>, StringBuilder>(guest, function, columns),
            ([Utf8, Utf8], Utf8) => {
                each::<Texts<Utf8Type, 2>, StringBuilder>(guest, function, columns)
            }
            ([Binary], Utf8) => {
                each::<Texts<BinaryType, 1>, StringBuilder>(guest, function, columns)
            }
            other => Err(format!("unsupported types: {other:?}").into()),
        }
    }
}

/// Prepares a call of the function for each row.
fn each<A, B>(mut guest: Guest, function: &str, columns: &[ArrayRef]) -> Result<Call>
where
    A: RowArguments + 'static,
    B: ResultBuilder + 'static,
{
    let function: TypedFunc<A::Wasm, B::Wasm> =
        guest.instance.get_typed_func(&mut guest.store, function)?;
    let rows = columns.first().ok_or("expected at least one column")?.len();
    let arguments = A::of(columns);
    Ok(Box::new(move || {
        let mut results = B::with_capacity(rows);
        for row in 0..rows {
            guest.refuel()?;
            let row = arguments.lower(row, &mut guest)?;
            let result = function.call(&mut guest.store, row)?;
            results.lift(result, &guest)?;
        }
        Ok(results.finish())
    }))
}

struct Guest {
    store: Store<()>,
    instance: Instance,
    memory: Memory,
    buffer: TypedFunc<u32, u32>,
    buffer_address: usize,
    buffer_bytes: usize,
    fuel_per_row: Option<u64>,
}

impl Guest {
    fn new(module: &Module, fuel_per_row: Option<u64>) -> Result<Self> {
        let mut store = Store::new(module.engine(), ());
        if let Some(fuel) = fuel_per_row {
            store.set_fuel(fuel)?;
        }
        let instance = Instance::new(&mut store, module, &[])?;
        let memory = instance.get_memory(&mut store, "memory");
        Ok(Self {
            memory: memory.ok_or("the guest does not export `memory`")?,
            buffer: instance.get_typed_func(&mut store, "buffer")?,
            buffer_address: 0,
            buffer_bytes: 0,
            fuel_per_row,
            instance,
            store,
        })
    }

    /// Gives a row its fuel, if it is metered.
    fn refuel(&mut self) -> Result<()> {
        if let Some(fuel) = self.fuel_per_row {
            self.store.set_fuel(fuel)?;
        }
        Ok(())
    }

    /// Copies texts into the buffer of the guest, concatenated.
    fn write<const N: usize>(&mut self, texts: [&[u8]; N]) -> Result<()> {
        let bytes = texts.iter().map(|text| text.len()).sum();
        if bytes > self.buffer_bytes {
            let address = self.buffer.call(&mut self.store, u32::try_from(bytes)?)?;
            (self.buffer_address, self.buffer_bytes) = (address as usize, bytes);
        }
        let mut address = self.buffer_address;
        for text in texts {
            self.memory.write(&mut self.store, address, text)?;
            address += text.len();
        }
        Ok(())
    }

    /// Returns the bytes that a result points to: the address in its upper half, the
    /// length in its lower half.
    fn read(&self, result: i64) -> Result<&[u8]> {
        let [address, length] = [result >> 32, result & 0xffff_ffff].map(|half| half as usize);
        let bytes = self.memory.data(&self.store).get(address..);
        let bytes = bytes.and_then(|bytes| bytes.get(..length));
        Ok(bytes.ok_or("the result is outside of the linear memory")?)
    }
}

/// Columns whose rows are lowered one by one.
trait RowArguments {
    type Wasm: WasmParams;

    /// Downcasts the columns.
    fn of(columns: &[ArrayRef]) -> Self;

    fn lower(&self, row: usize, guest: &mut Guest) -> Result<Self::Wasm>;
}

struct Numbers<T: ArrowPrimitiveType, const N: usize>([PrimitiveArray<T>; N]);

struct Texts<T: ByteArrayType, const N: usize>([GenericByteArray<T>; N]);

/// Implements calls with a number of numeric arguments.
macro_rules! numbers {
    ($($count:literal: $($index:literal $native:ident)+;)*) => {$(
        impl<T: ArrowPrimitiveType<Native: WasmTy>> RowArguments for Numbers<T, $count> {
            type Wasm = ($(T::$native,)+);

            fn of(columns: &[ArrayRef]) -> Self {
                Self(std::array::from_fn(|index| columns[index].as_primitive().clone()))
            }

            fn lower(&self, row: usize, _: &mut Guest) -> Result<Self::Wasm> {
                Ok(($(self.0[$index].value(row),)+))
            }
        }
    )*};
}

numbers! {
    1: 0 Native;
    2: 0 Native 1 Native;
    3: 0 Native 1 Native 2 Native;
    4: 0 Native 1 Native 2 Native 3 Native;
    5: 0 Native 1 Native 2 Native 3 Native 4 Native;
}

impl<T: ByteArrayType<Offset = i32>, const N: usize> Texts<T, N> {
    fn columns(columns: &[ArrayRef]) -> Self {
        Self(std::array::from_fn(|index| {
            columns[index].as_bytes().clone()
        }))
    }

    /// Copies the texts of a row into the guest; returns their lengths.
    fn copy(&self, row: usize, guest: &mut Guest) -> Result<[u32; N]> {
        let texts = self.0.each_ref().map(|texts| texts.value(row).as_ref());
        guest.write(texts)?;
        Ok(texts.map(|text| text.len() as u32))
    }
}

impl<T: ByteArrayType<Offset = i32>> RowArguments for Texts<T, 1> {
    type Wasm = u32;

    fn of(columns: &[ArrayRef]) -> Self {
        Self::columns(columns)
    }

    fn lower(&self, row: usize, guest: &mut Guest) -> Result<u32> {
        let [length] = self.copy(row, guest)?;
        Ok(length)
    }
}

impl<T: ByteArrayType<Offset = i32>> RowArguments for Texts<T, 2> {
    type Wasm = (u32, u32);

    fn of(columns: &[ArrayRef]) -> Self {
        Self::columns(columns)
    }

    fn lower(&self, row: usize, guest: &mut Guest) -> Result<(u32, u32)> {
        Ok(self.copy(row, guest)?.into())
    }
}

/// Builder of a result column.
trait ResultBuilder {
    type Wasm: WasmResults;

    fn with_capacity(rows: usize) -> Self;

    fn lift(&mut self, result: Self::Wasm, guest: &Guest) -> Result<()>;

    fn finish(self) -> ArrayRef;
}

/// Implements vectors of Wasm values, or of values converted from them.
macro_rules! vectors {
    ($($ty:ident $array:ident $wasm:ident, $from:expr;)*) => {$(
        impl ResultBuilder for Vec<$ty> {
            type Wasm = $wasm;

            fn with_capacity(rows: usize) -> Self {
                Self::with_capacity(rows)
            }

            fn lift(&mut self, result: $wasm, _: &Guest) -> Result<()> {
                self.push($from(result));
                Ok(())
            }

            fn finish(self) -> ArrayRef {
                Arc::new($array::from(self))
            }
        }
    )*};
}

vectors! {
    i64 Int64Array i64, |number| number;
    f64 Float64Array f64, |number| number;
    bool BooleanArray i32, |bit| bit != 0;
}

impl ResultBuilder for StringBuilder {
    type Wasm = i64;

    fn with_capacity(rows: usize) -> Self {
        Self::with_capacity(rows, rows * 32)
    }

    fn lift(&mut self, result: i64, guest: &Guest) -> Result<()> {
        self.append_option(match result {
            -1 => None,
            result => Some(str::from_utf8(guest.read(result)?)?),
        });
        Ok(())
    }

    fn finish(mut self) -> ArrayRef {
        Arc::new(Self::finish(&mut self))
    }
}
