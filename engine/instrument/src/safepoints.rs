//! Safepoints for sampling, inserted after instrumentation.
//!
//! Wasmtime checks its epoch at function entries and loop heads, and a sampling
//! profiler takes backtraces there. The time of a long piece of code without either
//! would be attributed to the function that runs next. An empty loop before each
//! call and each return is a safepoint, so that the code between two safepoints
//! belongs to one function.

use wasm_encoder::{CodeSection, Module, RawSection};
use wasmparser::{FunctionBody, Operator, Parser, Payload};

use crate::error::Error;

/// An empty loop: `loop end`.
const SAFEPOINT: [u8; 3] = [0x03, 0x40, 0x0b];

/// Inserts safepoints into an instrumented module, without changing its behaviour
/// or its fuel.
///
/// # Errors
///
/// [`Error::Invalid`] if the module is not valid.
pub fn insert_safepoints(module: &[u8]) -> Result<Vec<u8>, Error> {
    let mut output = Module::new();
    let mut code = CodeSection::new();
    let mut functions = 0;
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        match &payload {
            Payload::CodeSectionStart { count, .. } => functions = *count,
            Payload::CodeSectionEntry(body) => {
                code.raw(&body_with_safepoints(module, body)?);
                if code.len() == functions {
                    output.section(&code);
                }
            }
            other => {
                if let Some((id, range)) = other.as_section() {
                    let data = &module[range];
                    output.section(&RawSection { id, data });
                }
            }
        }
    }
    Ok(output.finish())
}

fn body_with_safepoints(module: &[u8], body: &FunctionBody<'_>) -> Result<Vec<u8>, Error> {
    let mut copied = body.range().start;
    let mut bytes = Vec::with_capacity(body.range().len());
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        let (operator, offset) = operators.read_with_offset()?;
        let leaves_function = match operator {
            Operator::Call { .. }
            | Operator::CallIndirect { .. }
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::Return => true,
            // The last `end` is that of the function.
            Operator::End => operators.eof(),
            _ => false,
        };
        if leaves_function {
            bytes.extend_from_slice(&module[copied..offset]);
            bytes.extend_from_slice(&SAFEPOINT);
            copied = offset;
        }
    }
    bytes.extend_from_slice(&module[copied..body.range().end]);
    Ok(bytes)
}
