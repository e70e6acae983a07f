//! Functions that are short enough to be called at several places.

use wasmparser::{
    BinaryReaderError, ExternalKind, FunctionBody, Operator, Parser, Payload, TypeRef,
};

use super::memory::invalid;
use crate::error::Error;

/// Maximum number of instructions of a short function, its `end` included.
const INSTRUCTIONS_MAX: usize = 24;

/// Returns true if the module defines the exported function `name`, and its body is a few
/// instructions without loops and calls: the compiler then inlines it wherever it is called.
///
/// # Errors
///
/// [`Error::Invalid`] if the module is not valid.
pub(crate) fn is_short(module: &[u8], name: &str) -> Result<bool, Error> {
    let body = body_of(module, name).map_err(|error| invalid(&error))?;
    let is_short = body.is_some_and(|body| has_few_instructions(&body).unwrap_or(false));
    Ok(is_short)
}

/// Finds the body of an exported function that the module defines.
fn body_of<'a>(
    module: &'a [u8],
    name: &str,
) -> Result<Option<FunctionBody<'a>>, BinaryReaderError> {
    let (mut imported, mut exported, mut bodies) = (0, None, 0);
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    let is_function =
                        matches!(import?.ty, TypeRef::Func(_) | TypeRef::FuncExact(_));
                    imported += u32::from(is_function);
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    let export = export?;
                    if export.name == name && export.kind == ExternalKind::Func {
                        exported = Some(export.index);
                    }
                }
            }
            Payload::CodeSectionEntry(body) => {
                if exported == Some(imported + bodies) {
                    return Ok(Some(body));
                }
                bodies += 1;
            }
            _ => {}
        }
    }
    Ok(None)
}

fn has_few_instructions(body: &FunctionBody<'_>) -> Result<bool, BinaryReaderError> {
    for (number, operator) in body.get_operators_reader()?.into_iter().enumerate() {
        let is_simple = !matches!(
            operator?,
            Operator::Loop { .. }
                | Operator::Call { .. }
                | Operator::CallIndirect { .. }
                | Operator::CallRef { .. }
                | Operator::ReturnCall { .. }
                | Operator::ReturnCallIndirect { .. }
                | Operator::ReturnCallRef { .. }
        );
        if !is_simple || number >= INSTRUCTIONS_MAX {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(body: &str) -> bool {
        let module = format!(
            r#"(module
              (import "m" "f" (func $imported (param i32) (result i32)))
              (memory 1)
              (export "imported" (func $imported))
              (func $other (param i32) (result i32) (loop) (local.get 0))
              (func (export "f") (param i32) (result i32) {body}))"#
        );
        let module = wat::parse_str(module).unwrap();
        assert!(!is_short(&module, "imported").unwrap());
        assert!(!is_short(&module, "absent").unwrap());
        is_short(&module, "f").unwrap()
    }

    #[test]
    fn functions_of_a_few_instructions_are_short() {
        assert!(of("(local.get 0)"));
        assert!(of("(i32.load (i32.add (local.get 0) (i32.const 4)))"));
        assert!(of(&format!("{} (local.get 0)", "(nop)".repeat(22))));
        assert!(!of(&format!("{} (local.get 0)", "(nop)".repeat(23))));
        assert!(!of("(loop) (local.get 0)"));
        assert!(!of("(call $other (local.get 0))"));
    }

    #[test]
    fn bytes_that_are_no_module_are_refused() {
        assert!(is_short(b"\0asm", "f").is_err());
    }
}
