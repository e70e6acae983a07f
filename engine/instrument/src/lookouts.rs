//! Places from which a running guest can be looked at: a stage behind all others,
//! for who wants a profile.
//!
//! Wasmtime lets a guest be looked at where functions begin and where loops turn.
//! A long stretch of code without either would count for what comes after it, in
//! whatever function that is. So before each call and each return stands a loop
//! that never turns: what runs between two such places is of one function.

use wasm_encoder::{CodeSection, Module, RawSection};
use wasmparser::{FunctionBody, Operator, Parser, Payload};

use crate::Error;

/// A loop without anything in it: `loop end`.
const LOOKOUT: [u8; 3] = [0x03, 0x40, 0x0b];

/// The module with places to look at it, which does what it did. Nothing in it
/// is counted anew: it must have been rewritten before.
///
/// # Errors
///
/// [`Error::Invalid`] if the module is not valid.
pub fn lookouts(module: &[u8]) -> Result<Vec<u8>, Error> {
    let mut output = Module::new();
    let mut code = CodeSection::new();
    let mut functions = 0;
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        match &payload {
            Payload::CodeSectionStart { count, .. } => functions = *count,
            Payload::CodeSectionEntry(body) => {
                code.raw(&with_lookouts(module, body)?);
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

fn with_lookouts(module: &[u8], body: &FunctionBody<'_>) -> Result<Vec<u8>, Error> {
    let mut copied = body.range().start;
    let mut bytes = Vec::with_capacity(body.range().len());
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        let (operator, offset) = operators.read_with_offset()?;
        let leaves = match operator {
            Operator::Call { .. }
            | Operator::CallIndirect { .. }
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::Return => true,
            // That of the function is the last.
            Operator::End => operators.eof(),
            _ => false,
        };
        if leaves {
            bytes.extend_from_slice(&module[copied..offset]);
            bytes.extend_from_slice(&LOOKOUT);
            copied = offset;
        }
    }
    bytes.extend_from_slice(&module[copied..body.range().end]);
    Ok(bytes)
}
