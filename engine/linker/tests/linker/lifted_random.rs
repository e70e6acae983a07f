//! Random values of random types, through the identity of a component.

use std::fmt::Write as _;

use fusebox_linker::component::WitType;
use fusebox_linker::lifted::ColumnType;

use crate::columns::{Value, text};
use crate::lifted::Fixture;
use crate::random::Random;

/// Types of one test.
struct Types {
    random: Random,
    /// Definitions of records and enums, which have names.
    definitions: String,
    count: usize,
}

impl Types {
    /// Returns a type, as it is and in the text format.
    fn any(&mut self, depth: usize) -> (WitType, String) {
        let simple = [
            (WitType::Bool, "bool"),
            (WitType::S8, "s8"),
            (WitType::U8, "u8"),
            (WitType::S16, "s16"),
            (WitType::U16, "u16"),
            (WitType::S32, "s32"),
            (WitType::U32, "u32"),
            (WitType::S64, "s64"),
            (WitType::U64, "u64"),
            (WitType::F32, "f32"),
            (WitType::F64, "f64"),
            (WitType::Char, "char"),
            (WitType::String, "string"),
            (WitType::String, "string"),
        ];
        let kinds = if depth == 0 { 1 } else { 6 };
        match self.random.below(kinds) {
            0 => {
                let (ty, name) = simple[self.random.below(simple.len())].clone();
                (ty, name.to_owned())
            }
            1 => {
                let (ty, name) = self.any(depth - 1);
                (WitType::List(Box::new(ty)), format!("(list {name})"))
            }
            2 => match self.any(depth - 1) {
                (ty @ WitType::Option(_), name) => (ty, name),
                (ty, name) => (WitType::Option(Box::new(ty)), format!("(option {name})")),
            },
            3 => {
                let names: Vec<_> = (0..=self.random.below(5))
                    .map(|n| format!("c{n}"))
                    .collect();
                let list: String = names.iter().map(|name| format!(" \"{name}\"")).collect();
                let name = self.define(&format!("(enum{list})"));
                (WitType::Enum(names), name)
            }
            4 => {
                let types: Vec<_> = (0..=self.random.below(4))
                    .map(|_| self.any(depth - 1))
                    .collect();
                let names: String = types.iter().map(|(_, name)| format!(" {name}")).collect();
                let types = types.into_iter().map(|(ty, _)| ty).collect();
                (WitType::Tuple(types), format!("(tuple{names})"))
            }
            _ => {
                let mut fields = Vec::new();
                let mut list = String::new();
                for n in 0..=self.random.below(4) {
                    let (ty, name) = self.any(depth - 1);
                    let _ = write!(list, " (field \"f{n}\" {name})");
                    fields.push((format!("f{n}"), ty));
                }
                let name = self.define(&format!("(record{list})"));
                (WitType::Record(fields), name)
            }
        }
    }

    fn define(&mut self, definition: &str) -> String {
        self.count += 1;
        let n = self.count;
        let _ = writeln!(
            self.definitions,
            "(type $t{n}' {definition}) (export $t{n} \"t{n}\" (type $t{n}'))"
        );
        format!("$t{n}")
    }

    /// Returns a value. Those under an option may be null.
    fn value(&mut self, ty: &WitType) -> Value {
        let random = &mut self.random;
        match ty {
            WitType::Bool => Value::Bool(random.below(2) == 1),
            WitType::Char => text(&character(random).to_string()),
            WitType::String => {
                let length = random.below(20);
                Value::Text((0..length).map(|_| character(random)).collect())
            }
            WitType::Enum(names) => text(&names[random.below(names.len())]),
            WitType::List(element) => {
                let length = match random.below(10) {
                    0 => 0,
                    9 => random.below(100),
                    _ => random.below(5),
                };
                if **element == WitType::U8 {
                    return Value::Bytes((0..length).map(|_| random.next() as u8).collect());
                }
                Value::List((0..length).map(|_| self.value(element)).collect())
            }
            WitType::Option(value) => match random.below(3) {
                0 => Value::Null,
                _ => self.value(value),
            },
            WitType::Tuple(types) => Value::Struct(types.iter().map(|ty| self.value(ty)).collect()),
            WitType::Record(fields) => {
                Value::Struct(fields.iter().map(|(_, ty)| self.value(ty)).collect())
            }
            number => {
                let size = number.layout().size as usize;
                Value::Number(random.next().to_le_bytes()[..size].to_vec())
            }
        }
    }
}

fn character(random: &mut Random) -> char {
    let bound = [0x80, 0x80, 0x100, 0x800, 0x1_0000, 0x11_0000][random.below(6)];
    char::from_u32(random.below(bound) as u32).unwrap_or('x')
}

/// Stores the core values of a parameter at an address, as the canonical ABI stores it.
fn store(ty: &WitType, at: u32, local: &mut usize, text: &mut String) {
    let mut put = |instruction: &str, at: u32| {
        let _ = write!(text, "({instruction} (i32.const {at}) (local.get {local}))");
        *local += 1;
    };
    match ty {
        WitType::Bool | WitType::S8 | WitType::U8 | WitType::Enum(_) => put("i32.store8", at),
        WitType::S16 | WitType::U16 => put("i32.store16", at),
        WitType::S64 | WitType::U64 => put("i64.store", at),
        WitType::F32 => put("f32.store", at),
        WitType::F64 => put("f64.store", at),
        WitType::String | WitType::List(_) => {
            put("i32.store", at);
            put("i32.store", at + 4);
        }
        WitType::Option(value) => {
            put("i32.store8", at);
            store(value, at + value.layout().alignment, local, text);
        }
        WitType::Tuple(types) => fields(types.iter(), at, local, text),
        WitType::Record(types) => fields(types.iter().map(|(_, ty)| ty), at, local, text),
        _ => put("i32.store", at),
    }
}

fn fields<'t>(
    types: impl Iterator<Item = &'t WitType>,
    mut at: u32,
    local: &mut usize,
    text: &mut String,
) {
    for ty in types {
        let layout = ty.layout();
        at = at.next_multiple_of(layout.alignment);
        store(ty, at, local, text);
        at += layout.size;
    }
}

/// The identity over a type: its core function, and the type of the core result.
fn identity(ty: &WitType) -> (String, String) {
    let Some(flat) = ty.flat(16) else {
        // The parameter in memory is the return area.
        return (
            "(func $f (param i32) (result i32) (local.get 0))".to_owned(),
            "i32".to_owned(),
        );
    };
    let list: String = flat.iter().map(|ty| format!(" {ty}")).collect();
    match &flat[..] {
        [one] => (
            format!("(func $f (param {one}) (result {one}) (local.get 0))"),
            one.to_string(),
        ),
        _ => {
            let mut body = String::new();
            store(ty, 64, &mut 0, &mut body);
            (
                format!("(func $f (param{list}) (result i32) {body} (i32.const 64))"),
                "i32".to_owned(),
            )
        }
    }
}

#[test]
fn random_values_of_random_types_pass_unchanged() {
    let mut structs = 0;
    for seed in 1..=60 {
        let mut types = Types {
            random: Random(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed)),
            definitions: String::new(),
            count: 0,
        };
        let (ty, name) = types.any(1 + seed as usize % 4);
        let encoding = ["utf8", "utf16", "latin1+utf16"][seed as usize % 3];
        let (core, returns) = identity(&ty);
        let fixture = Fixture {
            types: &types.definitions.clone(),
            signature: &format!("(param \"a\" {name}) (result {name})"),
            core: &core,
            options: &format!("string-encoding={encoding}"),
            returns: &returns,
            ..Fixture::default()
        };
        let (driver, _) = fixture.driver();
        let driver = driver.unwrap_or_else(|error| panic!("{name}: {error}"));
        structs += usize::from(matches!(driver.result().ty, ColumnType::Struct(_)));
        let mut guest = fixture.guest();
        for rows in [1, 9, 200] {
            let column: Vec<_> = (0..rows)
                .map(|_| match types.random.below(10) {
                    0 => Value::Null,
                    _ => types.value(&ty),
                })
                .collect();
            let result = guest.call(std::slice::from_ref(&column), rows);
            assert_eq!(result, Ok(column), "{seed}: {name}");
        }
    }
    assert!(structs > 5, "{structs} types were structs");
}

/// Allocates upwards, at the same cost each time; the driver has to grow the memory for itself.
const STEADY: &str = "(if (i32.ge_u (local.get 3) (i32.const 2048)) (then (return (i32.const 0))))
    (global.set $next (i32.add (global.get $next) (i32.const 8)))
    (global.set $next (i32.and (global.get $next) (i32.const -8)))
    (global.get $next)
    (global.set $next (i32.add (global.get $next) (local.get 3)))";

/// Rows are the same, and cost the same, whatever rows they are with.
#[test]
fn results_and_fuel_of_rows_do_not_depend_on_others() {
    let part = WitType::Tuple(vec![
        WitType::Option(Box::new(WitType::String)),
        WitType::List(Box::new(WitType::U32)),
        WitType::Char,
    ]);
    let ty = WitType::List(Box::new(part));
    let name = "(list (tuple (option string) (list u32) char))";
    for encoding in ["utf8", "utf16", "latin1+utf16"] {
        let mut types = Types {
            random: Random(7),
            definitions: String::new(),
            count: 0,
        };
        let (core, returns) = identity(&ty);
        let fixture = Fixture {
            signature: &format!("(param \"a\" {name}) (result {name})"),
            core: &core,
            returns: &returns,
            realloc: STEADY,
            options: &format!("string-encoding={encoding}"),
            ..Fixture::default()
        };
        let column: Vec<_> = (0..40).map(|_| types.value(&ty)).collect();
        let mut guest = fixture.guest();
        assert_eq!(
            guest.call(std::slice::from_ref(&column), 40),
            Ok(column.clone())
        );
        let fuel = guest.calls().fuel.clone();
        assert_eq!(fuel.len(), 40);
        for (value, fuel) in column.iter().zip(fuel) {
            let mut guest = fixture.guest();
            let alone = guest.call(&[vec![value.clone()]], 1);
            assert_eq!(alone.as_ref(), Ok(&vec![value.clone()]));
            assert_eq!(guest.calls().fuel, [fuel], "{encoding}: {value:?}");
        }
    }
}
