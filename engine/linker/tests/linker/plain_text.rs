//! Drivers of plain functions over text and bytes.

use std::collections::BTreeMap;

use fusebox_linker::plain::{Exports, PlainFunction, PlainType, TextConvention};
use wasmparser::{ExternalKind, FuncType, Parser, Payload, Validator};

use crate::guest::{surface, validate};

/// Types of the functions that a module exports.
pub(crate) fn function_types(module: &[u8]) -> BTreeMap<String, FuncType> {
    let types = Validator::new().validate_all(module).unwrap();
    let types = types.as_ref();
    let mut found = BTreeMap::new();
    for payload in Parser::new(0).parse_all(module) {
        let Payload::ExportSection(section) = payload.unwrap() else {
            continue;
        };
        for export in section {
            let export = export.unwrap();
            if export.kind == ExternalKind::Func {
                let function = types.core_function_at(export.index);
                let ty = types[function].unwrap_func().clone();
                found.insert(export.name.to_owned(), ty);
            }
        }
    }
    found
}

/// Plain function of a module in the text format.
pub(crate) struct Function {
    module: Vec<u8>,
    types: BTreeMap<String, FuncType>,
    name: String,
    arguments: Vec<PlainType>,
    returns: Vec<PlainType>,
    convention: Option<TextConvention>,
}

impl Function {
    pub(crate) fn new(
        text: &str,
        name: &str,
        arguments: &[PlainType],
        returns: PlainType,
        convention: Option<TextConvention>,
    ) -> Self {
        let module = wat::parse_str(text).unwrap();
        Self {
            types: function_types(&module),
            module,
            name: name.to_owned(),
            arguments: arguments.to_vec(),
            returns: vec![returns],
            convention,
        }
    }

    /// Links the function, or returns what is expected instead.
    fn link(&self) -> Result<Vec<u8>, String> {
        self.with(|function| match function.mismatch() {
            Some(expected) => Err(expected),
            None => Ok(function.link(&self.module).unwrap().module),
        })
    }

    /// Returns true if the driver alone reads and writes memory.
    pub(crate) fn is_free_of_memory(&self) -> bool {
        let linked = self.with(|function| function.link(&self.module));
        linked.unwrap().is_free_of_memory
    }

    fn with<R>(&self, call: impl FnOnce(&PlainFunction<'_>) -> R) -> R {
        let ty = &self.types[&self.name];
        let names = vec!["VARCHAR".to_owned(); self.returns.len()];
        let types = self.types.iter();
        let exports: Exports<'_> = types.map(|(name, ty)| (name.as_str(), ty)).collect();
        let function = PlainFunction {
            name: &self.name,
            parameters: ty.params(),
            results: ty.results(),
            arguments: &self.arguments,
            returns: &self.returns,
            return_names: &names,
            convention: self.convention,
            exports: &exports,
            has_memory: true,
            has_initialize: false,
            has_row: false,
            has_clock: false,
        };
        call(&function)
    }
}

const CONVENTIONS: [(TextConvention, &str); 5] = [
    (TextConvention::PtrLen, "ptr_len"),
    (TextConvention::CString, "c_string"),
    (TextConvention::AssemblyScript, "assemblyscript"),
    (TextConvention::LengthPrefixed, "length_prefixed"),
    (TextConvention::Canonical, "canonical"),
];

fn text_of(convention: TextConvention) -> String {
    let mut names = CONVENTIONS.iter();
    let (_, name) = names.find(|(one, _)| *one == convention).unwrap();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../udfs/wat");
    std::fs::read_to_string(format!("{folder}/text_{name}.wat")).unwrap()
}

fn expected(
    text: &str,
    name: &str,
    arguments: &[PlainType],
    returns: PlainType,
    convention: Option<TextConvention>,
) -> String {
    let function = Function::new(text, name, arguments, returns, convention);
    function.link().unwrap_err()
}

#[test]
fn functions_of_each_convention_are_linked_to_their_driver() {
    use PlainType::{Bytes, Int32, Int64, Text};
    for (convention, _) in CONVENTIONS {
        let text = text_of(convention);
        for (name, arguments, returns) in [
            ("upper", vec![Text], Text),
            ("join", vec![Text, Text], Text),
            ("reversed", vec![Bytes], Bytes),
            ("length", vec![Text], Int32),
            ("number", vec![Text], Int64),
        ] {
            let function = Function::new(&text, name, &arguments, returns, Some(convention));
            let linked = function.link().unwrap();
            validate(&linked);
            let (exports, imports) = surface(&linked);
            assert!(exports.contains(&format!("fusebox_udf_{name}")));
            assert!(exports.contains(&"fusebox_alloc".to_owned()));
            // Rows are metered one by one, and nothing else is asked of the host.
            assert!(
                imports
                    .iter()
                    .all(|import| import.starts_with("fusebox.row_"))
            );
        }
    }
}

#[test]
fn types_that_do_not_fit_are_shown_with_each_way_of_returning_text() {
    use PlainType::{Float64, Int32, Text};
    let text = text_of(TextConvention::PtrLen);
    let of = |name, arguments: &[PlainType], returns, convention| {
        expected(&text, name, arguments, returns, Some(convention))
    };
    assert_eq!(
        of("upper", &[Text, Int32], Text, TextConvention::PtrLen),
        "expected (i32, i32, i32) -> i64 or (i32, i32, i32) -> (i32, i32) or \
         (i32, i32, i32, i32) -> ()"
    );
    assert_eq!(
        of("upper", &[Text], Text, TextConvention::CString),
        "expected (i32) -> i32"
    );
    assert_eq!(
        of("upper", &[Text], Float64, TextConvention::PtrLen),
        "expected (i32, i32) -> f64"
    );
}

#[test]
fn convention_is_asked_for_and_the_likely_one_is_found() {
    for (convention, _) in CONVENTIONS {
        let text = text_of(convention);
        let function = Function::new(&text, "upper", &[PlainType::Text], PlainType::Text, None);
        let expected = function.link().unwrap_err();
        assert_eq!(expected, "expected a convention for text and bytes");
        let (lacks, likely) = function.with(|function| {
            let likely = function.likely_convention();
            (function.lacks_convention(), likely)
        });
        assert!(lacks, "{convention:?}");
        // The others look like functions over numbers.
        let is_known = !matches!(
            convention,
            TextConvention::CString | TextConvention::LengthPrefixed
        );
        assert_eq!(likely, is_known.then_some(convention));
    }
}

#[test]
fn missing_allocator_is_named_where_arguments_are_objects() {
    use PlainType::{Int32, Text};
    let text = r#"(module (memory (export "memory") 1)
        (func (export "malloc") (param i32) (result i32) (local.get 0))
        (func (export "f") (param i32) (result i32) (local.get 0))
        (func (export "g") (param i32 i32) (result i32) (local.get 0)))"#;
    let found = expected(
        text,
        "f",
        &[Text],
        Text,
        Some(TextConvention::AssemblyScript),
    );
    assert_eq!(
        found,
        "expected the export `__new` of type (i32, i32) -> i32, found none: compile with \
         --exportRuntime"
    );
    let found = expected(text, "g", &[Text], Int32, Some(TextConvention::Canonical));
    assert_eq!(
        found,
        "expected the export `cabi_realloc` of type (i32, i32, i32, i32) -> i32, found none: \
         compile with wit-bindgen, or take text by 'ptr_len'"
    );
    // Others get their arguments in a block of the driver.
    let function = Function::new(text, "f", &[Text], Text, Some(TextConvention::CString));
    validate(&function.link().unwrap());
}

#[test]
fn parameters_of_a_component_are_limited() {
    use PlainType::{Int32, Text};
    let of = |texts: usize| {
        let parameters = " i32".repeat(2 * texts);
        let text = format!(
            r#"(module (memory (export "memory") 1)
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 8))
                (func (export "f") (param{parameters}) (result i32) (i32.const 0)))"#
        );
        let canonical = Some(TextConvention::Canonical);
        Function::new(&text, "f", &vec![Text; texts], Int32, canonical).link()
    };
    assert!(of(8).is_ok());
    assert_eq!(
        of(9).unwrap_err(),
        "expected at most 16 parameters of a component's function, of which text has two"
    );
}

/// A driver without text has no functions for it, whatever the module exports.
#[test]
fn driver_of_numbers_takes_memory_of_a_known_allocator() {
    use PlainType::Int64;
    let text = |exports: &str| {
        format!(
            r#"(module (memory (export "memory") 1) {exports}
                (func (export "f") (param i64) (result i64) (local.get 0)))"#
        )
    };
    let link = |exports: &str| {
        let function = Function::new(&text(exports), "f", &[Int64], Int64, None);
        let linked = function.link().unwrap();
        validate(&linked);
        linked.len()
    };
    let malloc = r#"(func (export "malloc") (param i32) (result i32) (i32.const 0))"#;
    let free = r#"(func (export "free") (param i32))"#;
    // One of the two may be a function of that name by chance.
    assert_eq!(link(""), link(malloc));
    assert!(link(&format!("{malloc}{free}")) > link(malloc));
}
