//! Safepoints for sampling, inserted after instrumentation.
//!
//! Wasmtime checks its epoch at function entries and loop heads, and a sampling
//! profiler takes backtraces there. The time of a long piece of code without either
//! would be attributed to the function that runs next. An empty loop before each
//! call and each return is a safepoint, so that the code between two safepoints
//! belongs to one function.

use wasmparser::{FunctionBody, Operator};

use crate::code_section::rewrite_bodies;
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
    let rewritten = rewrite_bodies(module, |_, body| {
        body_with_safepoints(module, body).map(Some)
    })?;
    Ok(rewritten.unwrap_or_else(|| module.to_vec()))
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
