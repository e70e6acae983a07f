//! Names, layouts, options and types of a release, compared with those of this program.

use std::collections::BTreeMap;
use std::mem::offset_of;

use fusebox_abi::{ArrowArray, Failure, Panic};
use fusebox_runtime::definition::statement::parse_type;
use fusebox_runtime::definition::{ArrowText, DEFINITION_FORMAT, SqlType};
use fusebox_runtime::{ABI_VERSION, Argument, Definition, Digest, LoadedModule, Signature};
use serde_json::Value;

use crate::json_path::field;
use crate::manifest::{Manifest, StatedOption, shown};

/// Numbers of the ABI that later releases may raise.
const MINIMUMS: [&str; 5] = [
    "OVERHEAD_FUEL_PER_ROW",
    "BOUNDED_OVERHEAD_FUEL_PER_ROW",
    "OVERHEAD_FUEL_RESERVE",
    "FULL_FUEL_ARGUMENT_BYTES",
    "FAILURE_MESSAGE_BYTES_MAX",
];

/// Options, each with the least and the greatest value, the field that it sets, and the value of
/// the field.
const OPTIONS: [(&str, &str, u64); 14] = [
    ("fuel_per_row = 1", "limits.fuel_per_row", 1),
    (
        "fuel_per_row = 2305843009213693951",
        "limits.fuel_per_row",
        2_305_843_009_213_693_951,
    ),
    ("fuel_per_call = 10000", "limits.fuel_per_call", 10_000),
    (
        "fuel_per_call = 2305843009213693951",
        "limits.fuel_per_call",
        2_305_843_009_213_693_951,
    ),
    ("fuel_init = 100000", "limits.fuel_init", 100_000),
    ("fuel_init = 4000000000", "limits.fuel_init", 4_000_000_000),
    ("memory = '64kB'", "limits.memory", 64 << 10),
    ("memory = '4GB'", "limits.memory", 4 << 30),
    ("stack = '4kB'", "limits.stack", 4 << 10),
    ("stack = '512KiB'", "limits.stack", 512 << 10),
    ("result_bytes = '1024B'", "limits.result_bytes", 1 << 10),
    ("result_bytes = '2GiB'", "limits.result_bytes", 2 << 30),
    ("instances = 1", "limits.instances", 1),
    ("instances = 10000", "limits.instances", 10_000),
];

/// Options whose values are words.
const WORDS: [(&str, &str, &str); 9] = [
    ("reset = 'call'", "reset", "call"),
    ("reset = 'row'", "reset", "row"),
    ("on_error = 'fail'", "on_error", "fail"),
    ("on_error = 'null'", "on_error", "null"),
    ("abi = 'ptr_len'", "abi", "ptr_len"),
    ("abi = 'c_string'", "abi", "c_string"),
    ("abi = 'assemblyscript'", "abi", "assemblyscript"),
    ("abi = 'length_prefixed'", "abi", "length_prefixed"),
    ("abi = 'canonical'", "abi", "canonical"),
];

/// SQL names of types.
const TYPES: &str = include_str!("types.txt");

/// Returns the offsets of fields of structs.
macro_rules! offsets {
    ($($struct:ident: $($field:ident)*;)*) => {
        [$(
            (stringify!($struct).to_owned(), $struct::SIZE as u64),
            $((
                concat!(stringify!($struct), ".", stringify!($field)).to_owned(),
                offset_of!($struct, $field) as u64,
            ),)*
        )*]
    };
}

/// Returns constants of the ABI by their names.
macro_rules! constants {
    ($($name:ident)*) => {
        [$((stringify!($name).to_owned(), fusebox_abi::$name.into()),)*]
    };
}

/// Returns sizes, offsets and numbers of the ABI.
pub(crate) fn layout() -> BTreeMap<String, u64> {
    let mut layout = BTreeMap::from(offsets! {
        ArrowArray: length null_count offset n_buffers n_children buffers children dictionary
            release private_data;
        Failure: row message message_len;
        Panic: message message_len file file_len line column;
    });
    layout.extend::<[(String, u64); 12]>(constants! {
        STATUS_OK STATUS_FAILURE METERING_PER_ROW METERING_BOUNDED METERING_GROUPED
        METERING_SPECULATABLE ROW_GROUP_FUEL_SHARE OVERHEAD_FUEL_PER_ROW
        BOUNDED_OVERHEAD_FUEL_PER_ROW OVERHEAD_FUEL_RESERVE FULL_FUEL_ARGUMENT_BYTES
        FAILURE_MESSAGE_BYTES_MAX
    });
    layout.insert("ALIGNMENT".to_owned(), fusebox_abi::ALIGNMENT as u64);
    layout
}

/// Returns names of exports, imports and sections of the ABI.
pub(crate) fn names() -> BTreeMap<String, String> {
    let names: [(String, String); 26] = constants! {
        EXPORT_VERSION EXPORT_ALLOC EXPORT_FUNCTION_PREFIX EXPORT_UPDATE_PREFIX
        EXPORT_MERGE_PREFIX EXPORT_RETRACT_PREFIX EXPORT_STATE_PREFIX EXPORT_FINISH_PREFIX
        EXPORT_RELEASE_GROUPS_PREFIX EXPORT_NEXT_PREFIX EXPORT_PARTITION_PREFIX EXPORT_RANK_PREFIX
        EXPORT_TABLE_PREFIX EXPORT_INITIALIZE EXPORT_MEMORY EXPORT_PANIC SECTION_FUNCTIONS
        IMPORT_MODULE IMPORT_ROW_BEGIN IMPORT_ROW_END IMPORT_ROW_PAUSE IMPORT_ROW_RESUME
        IMPORT_ROW_GROUP_BEGIN IMPORT_METERING_MODE IMPORT_HAS_FUEL IMPORT_LOG
    };
    BTreeMap::from(names)
}

/// Returns the options of this release.
pub(crate) fn options() -> Vec<StatedOption> {
    let option = |sql: &str, field: &str, value: Value| StatedOption {
        sql: sql.to_owned(),
        field: field.to_owned(),
        value,
    };
    let numbers = OPTIONS.map(|(sql, field, value)| option(sql, field, value.into()));
    let words = WORDS.map(|(sql, field, value)| option(sql, field, value.into()));
    numbers.into_iter().chain(words).collect()
}

/// Returns the types of this release: the text that is stored, and the SQL name.
pub(crate) fn types() -> Vec<(String, String)> {
    let pairs = TYPES.lines().filter_map(|sql| {
        let data_type = parse_type(sql, "generic", "f").ok()?;
        Some((ArrowText(&data_type).to_string(), sql.to_owned()))
    });
    pairs.collect()
}

/// Returns one line for each name, offset, number, option and type of the fixtures that this
/// program has otherwise.
pub(crate) fn differences(manifest: &Manifest) -> Vec<String> {
    let mut found = layout_differences(manifest, &layout());
    found.extend(name_differences(manifest, &names()));
    found.extend(manifest.options.iter().filter_map(option_difference));
    found.extend(manifest.types.iter().filter_map(type_difference));
    found
}

fn layout_differences(manifest: &Manifest, own: &BTreeMap<String, u64>) -> Vec<String> {
    let difference = |(name, expected): (&String, &u64)| {
        let found = own.get(name);
        let may_be_higher = MINIMUMS.contains(&name.as_str());
        let is_same = found == Some(expected);
        let is_higher = may_be_higher && found.is_some_and(|found| found > expected);
        let found = found.map_or("none".to_owned(), u64::to_string);
        (!is_same && !is_higher).then(|| {
            format!(
                "layout of ABI {}: expected {} = {expected}, found {found}; {}",
                manifest.abi,
                shown(name),
                same_abi(manifest, "an offset, a size or a number was changed")
            )
        })
    };
    manifest.layout.iter().filter_map(difference).collect()
}

fn name_differences(manifest: &Manifest, own: &BTreeMap<String, String>) -> Vec<String> {
    let difference = |(name, expected): (&String, &String)| {
        let found = own.get(name).map_or("none", String::as_str);
        (found != expected).then(|| {
            format!(
                "name of ABI {}: expected {} = `{}`, found `{found}`; {}",
                manifest.abi,
                shown(name),
                shown(expected),
                same_abi(manifest, "an export, an import or a section was renamed")
            )
        })
    };
    manifest.names.iter().filter_map(difference).collect()
}

fn same_abi(manifest: &Manifest, change: &str) -> String {
    format!(
        "the fixtures have ABI {} and this program supports ABI {ABI_VERSION}: {change} without a \
         new version of the ABI",
        manifest.abi
    )
}

/// Bytes of a module without contents.
const EMPTY_MODULE: &[u8] = b"\0asm\x01\0\0\0";

fn option_difference(option: &StatedOption) -> Option<String> {
    let StatedOption {
        sql,
        field: path,
        value,
    } = option;
    let statement =
        format!("CREATE FUNCTION f(x BIGINT) RETURNS BIGINT LANGUAGE WASM EXPORT 'f' WITH ({sql})");
    let defined = LoadedModule::new(EMPTY_MODULE, 1 << 10)
        .map_err(|error| error.to_string())
        .and_then(|module| module.define(&statement).map_err(|error| error.to_string()));
    let definition = match defined {
        Ok(definition) => definition,
        Err(error) => {
            return Some(format!(
                "option `{}`: expected that it is accepted, found: {error}; the name or the range \
                 of an option was changed: keep the old one as a synonym",
                shown(sql)
            ));
        }
    };
    let stored = serde_json::from_str(&definition.to_json()).unwrap_or_default();
    let found = field(&stored, path);
    (found != Some(value)).then(|| {
        let found = found.map_or("none".to_owned(), Value::to_string);
        format!(
            "option `{}`: expected that it sets {} to {value}, found {found}; definitions have \
             format {DEFINITION_FORMAT}: the meaning of an option or the name of a field was \
             changed",
            shown(sql),
            shown(path)
        )
    })
}

fn type_difference((stored, sql): &(String, String)) -> Option<String> {
    let change = "the text of a type was changed, which definitions and catalogs have";
    let wrong = |expected: &str, found: &str| {
        format!("type `{}`: {expected}, found {found}; {change}", shown(sql))
    };
    let data_type = match parse_type(sql, "generic", "f") {
        Ok(data_type) => data_type,
        Err(error) => return Some(wrong("expected that SQL has it", &error.to_string())),
    };
    let text = ArrowText(&data_type).to_string();
    if text != *stored {
        let expected = format!("expected that it is stored as `{}`", shown(stored));
        return Some(wrong(&expected, &format!("`{text}`")));
    }
    let printed = SqlType(&data_type).to_string();
    if printed != *sql {
        return Some(wrong(
            "expected that it is printed so",
            &format!("`{printed}`"),
        ));
    }
    let signature = Signature {
        arguments: vec![Argument::new(None, data_type.clone())],
        returns: data_type,
    };
    let definition = Definition::new("f".to_owned(), signature, Digest::of(b""));
    match Definition::from_json(&definition.to_json()) {
        Ok(read) if read == definition => None,
        Ok(_) => Some(wrong(
            "expected that it is read as it was stored",
            "another type",
        )),
        Err(error) => Some(wrong(
            "expected that it is read as it was stored",
            &error.to_string(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        Manifest {
            fixtures: 1,
            fusebox: "0.1.0".to_owned(),
            abi: 1,
            weights: 9,
            definitions: 1,
            catalog: 3,
            layout: layout(),
            names: names(),
            options: options(),
            types: types(),
            modules: Vec::new(),
        }
    }

    /// Returns the only difference.
    fn difference(change: impl FnOnce(&mut Manifest)) -> String {
        let mut manifest = manifest();
        change(&mut manifest);
        let mut found = differences(&manifest);
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }

    #[test]
    fn a_program_has_its_own_formats() {
        assert_eq!(differences(&manifest()), [""; 0]);
        assert_eq!(types().len(), TYPES.lines().count());
    }

    #[test]
    fn changed_offset_is_named() {
        let found = difference(|manifest| {
            manifest.layout.insert("ArrowArray.children".to_owned(), 48);
        });
        assert_eq!(
            found,
            "layout of ABI 1: expected ArrowArray.children = 48, found 44; the fixtures have ABI 1 \
             and this program supports ABI 1: an offset, a size or a number was changed without a \
             new version of the ABI"
        );
    }

    #[test]
    fn minimum_may_be_raised_and_not_lowered() {
        let mut manifest = manifest();
        let name = "OVERHEAD_FUEL_RESERVE".to_owned();
        manifest.layout.insert(name.clone(), 1_000);
        assert_eq!(differences(&manifest), [""; 0]);
        let found = difference(|manifest| {
            manifest.layout.insert(name, 1 << 20);
        });
        assert!(
            found.contains("OVERHEAD_FUEL_RESERVE = 1048576, found 65536"),
            "{found}"
        );
    }

    #[test]
    fn changed_names_are_named() {
        let found = difference(|manifest| {
            let name = "EXPORT_ALLOC".to_owned();
            manifest.names.insert(name, "fusebox_allocate".to_owned());
        });
        assert!(
            found.contains("expected EXPORT_ALLOC = `fusebox_allocate`, found `fusebox_alloc`"),
            "{found}"
        );
        let found = difference(|manifest| {
            let option = &mut manifest.options[0];
            option.sql = option.sql.replace("fuel_per_row", "row_fuel");
        });
        assert!(
            found.starts_with("option `row_fuel = 1`: expected that it is accepted, found: "),
            "{found}"
        );
        let found = difference(|manifest| manifest.options[0].field = "limits.row_fuel".to_owned());
        assert!(
            found.contains("sets limits.row_fuel to 1, found none"),
            "{found}"
        );
        let found = difference(|manifest| manifest.types[4].0 = "Int64s".to_owned());
        assert!(
            found.contains("expected that it is stored as `Int64s`, found `Int64`"),
            "{found}"
        );
        let found = difference(|manifest| manifest.types[4].1 = "BIGGER".to_owned());
        assert!(
            found.starts_with("type `BIGGER`: expected that SQL has it"),
            "{found}"
        );
    }
}
