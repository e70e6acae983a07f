//! Drivers of plain functions over numbers: each metering mode gives the same results.

use std::collections::BTreeMap;

use fusebox_abi::{
    METERING_BOUNDED, METERING_GROUPED, METERING_PER_ROW, METERING_SPECULATABLE,
    ROW_GROUP_FUEL_SHARE,
};
use fusebox_instrument::{
    EXPORT_CALL_BEGIN, EXPORT_CALL_FUEL, EXPORT_FUEL, Options, RowFuel, instrument,
};
use fusebox_linker::plain::{Exports, PlainFunction, PlainType};
use wasmparser::FuncType;
use wasmtime::{Engine, Instance, Module, Store, TypedFunc};

use crate::guest::validate;
use crate::plain_text::{Function, function_types};

/// A short function, one whose fuel depends on its argument, and one that may trap.
const MODULE: &str = r#"(module
  (func (export "add") (param i64 i64) (result i64) (i64.add (local.get 0) (local.get 1)))
  (func (export "add_32") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "count") (param $n i64) (param $more i64) (result i64) (local $left i64)
    (local.set $left (local.get $n))
    (block $done
      (loop $again
        (br_if $done (i64.le_s (local.get $left) (i64.const 0)))
        (local.set $left (i64.sub (local.get $left) (i64.const 1)))
        (br $again)))
    (i64.add (local.get $n) (local.get $more)))
  (func (export "divide") (param i64 i64) (result i64)
    (i64.div_s (local.get 0) (local.get 1))))"#;

const CALL_FUEL: i64 = 1 << 40;
const STACK_BYTES: i64 = 256 << 10;

/// Values of a column.
type Column = Vec<Option<i64>>;

struct Plain {
    instrumented: Module,
    row_fuel: RowFuel,
    name: String,
    /// Bytes of a value.
    size: usize,
}

/// End of a call.
#[derive(Clone, Debug, PartialEq)]
struct Ended {
    /// The column, or the row of a failure; `None` after a trap.
    result: Option<Result<Column, i64>>,
    burnt: i64,
}

impl Plain {
    fn new(name: &str, ty: PlainType) -> Self {
        Self::returning(name, ty, ty)
    }

    fn returning(name: &str, ty: PlainType, returns: PlainType) -> Self {
        let module = wat::parse_str(MODULE).unwrap();
        let types: BTreeMap<String, FuncType> = function_types(&module);
        let exports: Exports<'_> = types.iter().map(|(name, ty)| (name.as_str(), ty)).collect();
        let function = PlainFunction {
            name,
            parameters: types[name].params(),
            results: types[name].results(),
            arguments: &[ty, ty],
            returns: &[returns],
            return_names: &["SMALLINT".to_owned()],
            convention: None,
            exports: &exports,
            has_memory: false,
            has_initialize: false,
            has_row: false,
            has_clock: false,
        };
        assert_eq!(function.mismatch(), None);
        let linked = function.link(&module).unwrap().module;
        validate(&linked);
        let instrumented = instrument(&linked, Options::default()).unwrap();
        Self {
            instrumented: Module::new(&engine(), &instrumented.module).unwrap(),
            row_fuel: instrumented.row_fuel[&format!("fusebox_udf_{name}")],
            name: name.to_owned(),
            size: match returns {
                PlainType::Int16 => 2,
                PlainType::Int32 => 4,
                _ => 8,
            },
        }
    }

    /// Calls the function for `rows` rows, with two columns of as many values, or of one.
    fn call(&self, columns: [&Column; 2], rows: usize, fuel_per_row: i64, mode: u32) -> Ended {
        let mut store = Store::new(self.instrumented.engine(), ());
        let instance = Instance::new(&mut store, &self.instrumented, &[]).unwrap();
        let begin: TypedFunc<(i64, i64, i64, i32, u32), ()> = instance
            .get_typed_func(&mut store, EXPORT_CALL_BEGIN)
            .unwrap();
        let parameters = (CALL_FUEL, STACK_BYTES, 0, 0, METERING_PER_ROW);
        begin.call(&mut store, parameters).unwrap();
        let alloc: TypedFunc<i32, i32> = instance
            .get_typed_func(&mut store, "fusebox_alloc")
            .unwrap();
        let bytes = arena(columns, self.argument_size(), 0).len() as i32;
        let base = alloc.call(&mut store, bytes).unwrap() as u32;
        let arena = arena(columns, self.argument_size(), base);
        let memory = instance.get_memory(&mut store, "memory").unwrap();
        memory.write(&mut store, base as usize, &arena).unwrap();
        let parameters = (CALL_FUEL, STACK_BYTES, fuel_per_row, rows as i32, mode);
        begin.call(&mut store, parameters).unwrap();
        let name = format!("fusebox_udf_{}", self.name);
        let function: TypedFunc<(i32, i32, i32), i32> =
            instance.get_typed_func(&mut store, &name).unwrap();
        let result = base + 128;
        let status = function.call(&mut store, (base as i32, rows as i32, result as i32));
        let mut counter = |name| {
            let global = instance.get_global(&mut store, name).unwrap();
            global.get(&mut store).unwrap_i64()
        };
        let (left, other) = (counter(EXPORT_FUEL), counter(EXPORT_CALL_FUEL));
        let memory = memory.data(&store);
        // The arena is the host's, but for the result, also its padding.
        let after = &memory[base as usize..][..arena.len()];
        assert_eq!(
            (&after[..128], &after[192..]),
            (&arena[..128], &arena[192..])
        );
        let result = match status {
            Ok(0) if left >= 0 => Some(Ok(self.lifted(memory, result, rows))),
            Ok(1) if left >= 0 => Some(Err(word(memory, result, 8))),
            _ => None,
        };
        Ended {
            result,
            burnt: CALL_FUEL - left - other,
        }
    }

    fn argument_size(&self) -> usize {
        if self.size == 4 { 4 } else { 8 }
    }

    fn lifted(&self, memory: &[u8], result: u32, rows: usize) -> Column {
        assert_eq!(word(memory, result, 8), rows as i64);
        let buffers = word(memory, result + 40, 4) as u32;
        let [bits, values] = [0, 4].map(|at| word(memory, buffers + at, 4) as u32);
        let value = |row: usize| {
            let is_valid = bits == 0 || memory[bits as usize + row / 8] >> (row % 8) & 1 == 1;
            is_valid.then(|| word(memory, values + (row * self.size) as u32, self.size))
        };
        (0..rows).map(value).collect()
    }
}

fn engine() -> Engine {
    let mut config = wasmtime::Config::new();
    config.wasm_wide_arithmetic(true);
    Engine::new(&config).unwrap()
}

/// Reads a signed number of so many bytes.
fn word(memory: &[u8], at: u32, size: usize) -> i64 {
    let mut bytes = [0; 8];
    bytes[..size].copy_from_slice(&memory[at as usize..][..size]);
    let unused = 64 - 8 * size as u32;
    i64::from_le_bytes(bytes) << unused >> unused
}

/// Lowers two columns for the address `base`: three arrays, then buffers.
fn arena(columns: [&Column; 2], size: usize, base: u32) -> Vec<u8> {
    let mut bytes = vec![0_u8; 192];
    for (k, column) in columns.into_iter().enumerate() {
        let mut append = |buffer: &[u8]| {
            let at = bytes.len();
            bytes.extend(buffer);
            bytes.resize(bytes.len().next_multiple_of(64), 0);
            base + at as u32
        };
        let mut bits = vec![0; column.len().div_ceil(8)];
        for (row, value) in column.iter().enumerate() {
            bits[row / 8] |= u8::from(value.is_some()) << (row % 8);
        }
        let has_nulls = column.iter().any(Option::is_none);
        let bits = if has_nulls { append(&bits) } else { 0 };
        // What stands under a null is not specified.
        let values = column.iter().flat_map(|value| {
            let value = value.unwrap_or(-0x5555_5555_5555).to_le_bytes();
            value.into_iter().take(size)
        });
        let values = append(&values.collect::<Vec<_>>());
        let buffers = append(&[bits.to_le_bytes(), values.to_le_bytes()].concat());
        let array = &mut bytes[64 * k..64 * (k + 1)];
        array[..8].copy_from_slice(&(column.len() as u64).to_le_bytes());
        array[40..44].copy_from_slice(&buffers.to_le_bytes());
    }
    bytes
}

/// Generator of random columns.
struct Random(u64);

impl Random {
    fn below(&mut self, below: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % below
    }

    /// A column of values below `below`, of which some may be null.
    fn column(&mut self, rows: usize, below: u64) -> Column {
        let nulls = [0, 0, 10, 50, 95][self.below(5) as usize];
        let mut value = || {
            let value = self.below(below) as i64;
            (self.below(100) >= nulls).then_some(value)
        };
        (0..rows).map(|_| value()).collect()
    }

    /// Columns for `rows` rows, of which one may be constant.
    fn columns(&mut self, rows: usize, below: u64) -> [Column; 2] {
        let constant = self.below(6) as usize;
        [0, 1].map(|k| self.column(if k == constant { 1 } else { rows }, below))
    }
}

/// Returns the sum of each row of two columns.
fn sums([a, b]: &[Column; 2], rows: usize) -> Column {
    let at = |column: &Column, row: usize| column[if column.len() == 1 { 0 } else { row }];
    (0..rows)
        .map(|row| Some(at(a, row)? + at(b, row)?))
        .collect()
}

const MODES: [u32; 4] = [
    METERING_PER_ROW,
    METERING_BOUNDED,
    METERING_GROUPED,
    METERING_SPECULATABLE,
];

#[test]
fn every_mode_and_number_of_rows_gives_the_same_column() {
    let mut random = Random(1);
    for (name, ty) in [
        ("add", PlainType::Int64),
        ("add_32", PlainType::Int32),
        ("count", PlainType::Int64),
    ] {
        let plain = Plain::new(name, ty);
        for rows in (1..40).chain([63, 64, 65, 257]) {
            for mode in MODES {
                let columns = random.columns(rows, 100);
                let ended = plain.call(columns.each_ref(), rows, 100_000, mode);
                let expected = Some(Ok(sums(&columns, rows)));
                assert_eq!(ended.result, expected, "{name} {rows} {mode} {columns:?}");
            }
        }
    }
}

#[test]
fn groups_never_return_what_rows_alone_do_not() {
    let plain = Plain::new("count", PlainType::Int64);
    let mut random = Random(2);
    let (mut returned, mut repeated) = (0, 0);
    for _ in 0..400 {
        let rows = 1 + random.below(90) as usize;
        let below = [50, 400, 2_000][random.below(3) as usize];
        let columns = random.columns(rows, below);
        let fuel_per_row = 4 * (4_096 + random.below(60_000) as i64);
        let call = |fuel, mode| plain.call(columns.each_ref(), rows, fuel, mode);
        let grouped = call(fuel_per_row / ROW_GROUP_FUEL_SHARE as i64, METERING_GROUPED);
        let per_row = call(fuel_per_row, METERING_PER_ROW);
        match &grouped.result {
            // The host repeats the call with each row metered.
            None => repeated += 1,
            result => {
                returned += 1;
                assert_eq!(*result, per_row.result, "{fuel_per_row} {columns:?}");
                let has_nulls = columns.iter().flatten().any(Option::is_none);
                let burns_less = grouped.burnt < per_row.burnt;
                assert!(has_nulls || rows == 1 || burns_less, "{columns:?}");
            }
        }
    }
    println!("{returned} returned, {repeated} repeated");
    assert!(returned > 50 && repeated > 50, "{returned} {repeated}");
}

#[test]
fn failure_names_the_same_row_in_each_mode() {
    let plain = Plain::returning("count", PlainType::Int64, PlainType::Int16);
    let mut random = Random(3);
    for _ in 0..60 {
        let rows = 1 + random.below(70) as usize;
        let mut columns = [random.column(rows, 50), random.column(rows, 50)];
        for _ in 0..2 {
            let failing = random.below(rows as u64) as usize;
            columns[1][failing] = Some(40_000);
        }
        let is_failing = |sum: &Option<i64>| sum.is_some_and(|sum| sum >= 40_000);
        let expected = sums(&columns, rows).iter().position(is_failing);
        for mode in [METERING_PER_ROW, METERING_GROUPED] {
            let ended = plain.call(columns.each_ref(), rows, 100_000, mode);
            match (ended.result, expected) {
                (Some(Err(row)), Some(expected)) => assert_eq!(row, expected as i64),
                (Some(Ok(column)), None) => assert_eq!(column, sums(&columns, rows)),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn rows_are_grouped_unless_their_fuel_is_bounded() {
    let row_fuel = |name| Plain::new(name, PlainType::Int64).row_fuel;
    for name in ["add", "divide"] {
        let row_fuel = row_fuel(name);
        assert!(
            matches!(row_fuel, RowFuel::Bounded { fuel: 1..100, .. }),
            "{name}: {row_fuel:?}"
        );
    }
    assert_eq!(row_fuel("count"), RowFuel::PerRow { grouped: true });
}

/// Returns true if `f` of a module with these fields is free of memory.
fn is_free_of_memory(fields: &str, returns: PlainType) -> bool {
    let text = format!("(module (memory (export \"memory\") 1) {fields})");
    Function::new(&text, "f", &[PlainType::Int32], returns, None).is_free_of_memory()
}

#[test]
fn function_is_free_of_memory_if_nothing_that_it_reaches_uses_it() {
    const CALLING: &str = r#"(func (export "f") (param i32) (result i32) (call $g (local.get 0)))"#;
    const LOADING: &str = "(func $g (param i32) (result i32) (i32.load (local.get 0)))";
    const STORING: &str = "(func $g (param i32) (result i32)
        (i32.store (i32.const 8) (local.get 0)) (local.get 0))";
    const GROWING: &str = "(func $g (param i32) (result i32) (memory.grow (local.get 0)))";
    const SIMPLE: &str = "(func $g (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))";
    const OTHER: &str = r#"(func (export "other") (i32.store (i32.const 0) (i32.const 1)))
        (data (i32.const 8) "text")"#;
    let is_free = |fields: &str| is_free_of_memory(fields, PlainType::Int32);
    assert!(is_free(&[CALLING, SIMPLE].concat()));
    assert!(is_free(&[CALLING, SIMPLE, OTHER].concat()));
    for used in [LOADING, STORING, GROWING] {
        assert!(!is_free(&[CALLING, used].concat()), "{used}");
        let indirect = r#"(table 1 funcref) (elem (i32.const 0) $g)
            (func (export "f") (param i32) (result i32)
              (call_indirect (param i32) (result i32) (local.get 0) (i32.const 0)))"#;
        assert!(!is_free(&[indirect, used].concat()), "{used}");
    }
    let allocator = r#"(func (export "malloc") (param i32) (result i32) (i32.const 0))
        (func (export "free") (param i32))"#;
    assert!(!is_free(&[CALLING, SIMPLE, allocator].concat()));
    assert!(is_free_of_memory(
        &[CALLING, SIMPLE].concat(),
        PlainType::Boolean
    ));
}
