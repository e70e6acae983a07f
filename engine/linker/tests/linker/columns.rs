//! Batches of columns, passed to a linked module as a host passes them.

use fusebox_abi::{ArrowArray, Failure};
use fusebox_linker::lifted::{ColumnField, ColumnType};
use wasmtime::{Caller, Engine, Instance, Module, Store, TypedFunc};

/// A value of a column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    /// The bytes of a number.
    Number(Vec<u8>),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Value>),
    Struct(Vec<Value>),
}

pub(crate) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

pub(crate) fn u8(value: u8) -> Value {
    Value::Number(value.to_le_bytes().to_vec())
}

pub(crate) fn u32(value: u32) -> Value {
    Value::Number(value.to_le_bytes().to_vec())
}

pub(crate) fn i64(value: i64) -> Value {
    Value::Number(value.to_le_bytes().to_vec())
}

/// Bytes of a number.
fn size(ty: &ColumnType) -> usize {
    match ty {
        ColumnType::Int8 | ColumnType::UInt8 => 1,
        ColumnType::Int16 | ColumnType::UInt16 => 2,
        ColumnType::Int64 | ColumnType::UInt64 | ColumnType::Float64 => 8,
        _ => 4,
    }
}

/// Calls of the host.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Calls {
    pub(crate) rows: Vec<i32>,
    pub(crate) ended: usize,
    /// Fuel of each row, without that of pauses.
    pub(crate) fuel: Vec<u64>,
    /// Fuel of the call when the row was begun or resumed.
    had: u64,
    paused: bool,
    in_row: bool,
}

impl Calls {
    fn begin(&mut self, row: i32, fuel: u64) {
        assert!(!self.in_row && !self.paused);
        self.in_row = true;
        self.rows.push(row);
        self.fuel.push(0);
        self.had = fuel;
    }

    /// Charges the row for the fuel that it has used.
    fn charge(&mut self, fuel: u64) {
        assert!(self.in_row && !self.paused);
        *self.fuel.last_mut().unwrap() += self.had - fuel;
    }
}

/// An instance of a module with a driver.
pub(crate) struct ColumnGuest {
    store: Store<Calls>,
    instance: Instance,
    symbol: String,
    arguments: Vec<ColumnField>,
    result: ColumnField,
}

/// End of a call without a result.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Stop {
    Failure(i64, String),
    Trap,
}

impl ColumnGuest {
    pub(crate) fn new(
        module: &[u8],
        symbol: &str,
        arguments: Vec<ColumnField>,
        result: ColumnField,
    ) -> Self {
        let mut config = wasmtime::Config::new();
        config.consume_fuel(true);
        let engine = Engine::new(&config).unwrap();
        let module = Module::new(&engine, module).unwrap();
        let mut linker = wasmtime::Linker::new(&engine);
        define(&mut linker);
        let mut store = Store::new(&engine, Calls::default());
        store.set_fuel(1 << 40).unwrap();
        let instance = linker.instantiate(&mut store, &module).unwrap();
        Self {
            store,
            instance,
            symbol: symbol.to_owned(),
            arguments,
            result,
        }
    }

    pub(crate) fn calls(&self) -> &Calls {
        self.store.data()
    }

    pub(crate) fn set_fuel(&mut self, fuel: u64) {
        self.store.set_fuel(fuel).unwrap();
    }

    pub(crate) fn memory(&mut self) -> &mut [u8] {
        let memory = self.instance.get_memory(&mut self.store, "memory");
        memory.expect("it has a memory").data_mut(&mut self.store)
    }

    /// Calls the function with a column of one value, or of `rows` values, for each parameter.
    pub(crate) fn call(&mut self, columns: &[Vec<Value>], rows: usize) -> Result<Vec<Value>, Stop> {
        let (store, instance) = (&mut self.store, &self.instance);
        let alloc: TypedFunc<i32, i32> = instance
            .get_typed_func(&mut *store, "fusebox_alloc")
            .unwrap();
        let mut arena = Arena::new(columns.len() + 1);
        // The size does not depend on the address.
        arena.lower(&self.arguments, columns, 0);
        let bytes = arena.bytes.len() as i32;
        *store.data_mut() = Calls::default();
        let base = alloc.call(&mut *store, bytes).unwrap() as u32;
        assert!(base != 0 && base.is_multiple_of(64));
        let mut arena = Arena::new(columns.len() + 1);
        arena.lower(&self.arguments, columns, base);
        let at = base as usize;
        self.memory()[at..at + arena.bytes.len()].copy_from_slice(&arena.bytes);
        let name = format!("fusebox_udf_{}", self.symbol);
        let function: TypedFunc<(i32, i32, i32), i32> = self
            .instance
            .get_typed_func(&mut self.store, &name)
            .unwrap();
        let result = base + 64 * columns.len() as u32;
        let parameters = (base as i32, rows as i32, result as i32);
        let status = function.call(&mut self.store, parameters);
        let memory = self.memory().to_vec();
        match status {
            Err(_) => Err(Stop::Trap),
            Ok(0) => Ok(lifted(&memory, result, &self.result, rows)),
            Ok(status) => {
                assert_eq!(status, 1);
                let at = result as usize;
                let failure = Failure::from_bytes(memory[at..at + 16].try_into().unwrap());
                let message = &memory[failure.message as usize..][..failure.message_len as usize];
                let message = String::from_utf8(message.to_vec()).unwrap();
                Err(Stop::Failure(failure.row, message))
            }
        }
    }
}

fn define(linker: &mut wasmtime::Linker<Calls>) {
    let log = |_: i32, _: i32| {};
    linker.func_wrap("fusebox", "log", log).unwrap();
    let begin = |mut caller: Caller<'_, Calls>, row: i32| {
        let fuel = caller.get_fuel().unwrap();
        caller.data_mut().begin(row, fuel);
    };
    linker.func_wrap("fusebox", "row_begin", begin).unwrap();
    let end = |mut caller: Caller<'_, Calls>, _: i32| {
        let fuel = caller.get_fuel().unwrap();
        let calls = caller.data_mut();
        calls.charge(fuel);
        calls.in_row = false;
        calls.ended += 1;
    };
    linker.func_wrap("fusebox", "row_end", end).unwrap();
    let pause = |mut caller: Caller<'_, Calls>, _: i32| {
        let fuel = caller.get_fuel().unwrap();
        let calls = caller.data_mut();
        calls.charge(fuel);
        calls.paused = true;
    };
    linker.func_wrap("fusebox", "row_pause", pause).unwrap();
    let resume = |mut caller: Caller<'_, Calls>| {
        let fuel = caller.get_fuel().unwrap();
        let calls = caller.data_mut();
        assert!(calls.paused);
        calls.paused = false;
        calls.had = fuel;
    };
    linker.func_wrap("fusebox", "row_resume", resume).unwrap();
}

/// Bytes of the arguments: their arrays, then the result, then buffers.
struct Arena {
    bytes: Vec<u8>,
}

impl Arena {
    fn new(arrays: usize) -> Self {
        Self {
            bytes: vec![0; 64 * arrays],
        }
    }

    fn lower(&mut self, fields: &[ColumnField], columns: &[Vec<Value>], base: u32) {
        for (n, (field, column)) in fields.iter().zip(columns).enumerate() {
            let array = self.array(&field.ty, &column.iter().collect::<Vec<_>>(), base);
            self.bytes[64 * n..64 * (n + 1)].copy_from_slice(&array.to_bytes());
        }
    }

    /// Appends a buffer, and returns its address.
    fn buffer(&mut self, bytes: &[u8], base: u32) -> u32 {
        let at = self.bytes.len();
        assert!(at.is_multiple_of(64));
        self.bytes.extend(bytes);
        let end = self.bytes.len().next_multiple_of(64);
        self.bytes.resize(end, 0);
        base + at as u32
    }

    fn array(&mut self, ty: &ColumnType, values: &[&Value], base: u32) -> ArrowArray {
        let mut array = ArrowArray {
            length: values.len() as i64,
            ..ArrowArray::default()
        };
        let bits: Vec<_> = values.iter().map(|value| **value != Value::Null).collect();
        array.null_count = bits.iter().filter(|bit| !**bit).count() as i64;
        let mut buffers = vec![match array.null_count {
            0 => 0,
            _ => self.buffer(&bitmap(&bits), base),
        }];
        let mut children = Vec::new();
        match ty {
            ColumnType::Struct(fields) => {
                for (n, field) in fields.iter().enumerate() {
                    let values = values.iter().map(|value| match value {
                        Value::Struct(fields) => &fields[n],
                        _ => &Value::Null,
                    });
                    children.push(self.array(&field.ty, &values.collect::<Vec<_>>(), base));
                }
            }
            ColumnType::List(element) => {
                let lists = values.iter().map(|value| match value {
                    Value::List(values) => &values[..],
                    _ => &[],
                });
                let lists: Vec<&[Value]> = lists.collect();
                buffers.push(self.buffer(&offsets(lists.iter().map(|list| list.len())), base));
                let elements: Vec<_> = lists.into_iter().flatten().collect();
                children.push(self.array(&element.ty, &elements, base));
            }
            ColumnType::Boolean => {
                let bits: Vec<_> = values.iter().map(|v| **v == Value::Bool(true)).collect();
                buffers.push(self.buffer(&bitmap(&bits), base));
            }
            ColumnType::Utf8 | ColumnType::Binary => {
                let bytes: Vec<&[u8]> = values.iter().map(|value| bytes(value)).collect();
                buffers.push(self.buffer(&offsets(bytes.iter().map(|bytes| bytes.len())), base));
                buffers.push(self.buffer(&bytes.concat(), base));
            }
            number => {
                let bytes = values.iter().flat_map(|value| match value {
                    Value::Number(bytes) => bytes.clone(),
                    // What stands under a null is not specified.
                    _ => vec![0xaa; size(number)],
                });
                buffers.push(self.buffer(&bytes.collect::<Vec<_>>(), base));
            }
        }
        array.n_buffers = buffers.len() as i64;
        array.n_children = children.len() as i64;
        let buffers: Vec<u8> = buffers.into_iter().flat_map(u32::to_le_bytes).collect();
        array.buffers = self.buffer(&buffers, base);
        if !children.is_empty() {
            let arrays = children
                .iter()
                .map(|child| self.buffer(&child.to_bytes(), base));
            let arrays: Vec<u8> = arrays.flat_map(u32::to_le_bytes).collect();
            array.children = self.buffer(&arrays, base);
        }
        array
    }
}

fn bytes(value: &Value) -> &[u8] {
    match value {
        Value::Text(text) => text.as_bytes(),
        Value::Bytes(bytes) => bytes,
        _ => &[],
    }
}

fn bitmap(bits: &[bool]) -> Vec<u8> {
    let mut bytes = vec![0; bits.len().div_ceil(8)];
    for (n, bit) in bits.iter().enumerate() {
        bytes[n / 8] |= u8::from(*bit) << (n % 8);
    }
    bytes
}

fn offsets(lengths: impl Iterator<Item = usize>) -> Vec<u8> {
    let mut bytes = 0_u32.to_le_bytes().to_vec();
    let mut end = 0;
    for length in lengths {
        end += length as u32;
        bytes.extend(end.to_le_bytes());
    }
    bytes
}

fn word(memory: &[u8], at: u32) -> u32 {
    let at = at as usize;
    u32::from_le_bytes(memory[at..at + 4].try_into().unwrap())
}

fn bit(memory: &[u8], bits: u32, row: usize) -> bool {
    memory[bits as usize + row / 8] >> (row % 8) & 1 == 1
}

/// Reads a result column, as strictly as the host.
fn lifted(memory: &[u8], at: u32, field: &ColumnField, rows: usize) -> Vec<Value> {
    let array = ArrowArray::from_bytes(memory[at as usize..][..64].try_into().unwrap());
    let (buffer, child) = (
        |n: u32| word(memory, array.buffers + 4 * n),
        |n: u32| word(memory, array.children + 4 * n),
    );
    assert_eq!((array.length, array.offset), (rows as i64, 0));
    assert_eq!(array.dictionary, 0);
    let (buffers, children) = match &field.ty {
        ColumnType::Struct(fields) => (1, fields.len()),
        ColumnType::List(_) => (2, 1),
        ColumnType::Utf8 | ColumnType::Binary => (3, 0),
        _ => (2, 0),
    };
    assert_eq!(array.n_buffers, buffers);
    assert_eq!(array.n_children, children as i64);
    let is_valid = |row| buffer(0) == 0 || bit(memory, buffer(0), row);
    let range = |row: usize| {
        let at = buffer(1) + 4 * row as u32;
        let (from, to) = (word(memory, at) as usize, word(memory, at + 4) as usize);
        assert!(from <= to);
        from..to
    };
    let children: Vec<_> = match &field.ty {
        ColumnType::Struct(fields) => (0..)
            .zip(fields)
            .map(|(n, field)| lifted(memory, child(n), field, rows))
            .collect(),
        ColumnType::List(element) => {
            let rows = if rows == 0 { 0 } else { range(rows - 1).end };
            vec![lifted(memory, child(0), element, rows)]
        }
        _ => Vec::new(),
    };
    let value = |row: usize| match &field.ty {
        _ if !is_valid(row) => Value::Null,
        ColumnType::Struct(_) => {
            Value::Struct(children.iter().map(|child| child[row].clone()).collect())
        }
        ColumnType::List(_) => Value::List(children[0][range(row)].to_vec()),
        ColumnType::Boolean => Value::Bool(bit(memory, buffer(1), row)),
        ColumnType::Utf8 => {
            let bytes = memory[buffer(2) as usize..][range(row)].to_vec();
            Value::Text(String::from_utf8(bytes).unwrap())
        }
        ColumnType::Binary => Value::Bytes(memory[buffer(2) as usize..][range(row)].to_vec()),
        number => {
            let at = buffer(1) as usize + row * size(number);
            Value::Number(memory[at..at + size(number)].to_vec())
        }
    };
    (0..rows).map(value).collect()
}
