//! Rewriting of function bodies, with everything else copied byte for byte.

use wasm_encoder::{CodeSection, Module, RawSection};
use wasmparser::{FunctionBody, Parser, Payload};

use crate::error::Error;

/// Replaces bodies of a valid module by what `rewrite` makes of them: it takes the index of the
/// function without imports and its body, and returns the new body, without its size, or
/// `None` to keep it. Returns `None` if all are kept.
pub(crate) fn rewrite_bodies(
    module: &[u8],
    mut rewrite: impl FnMut(usize, &FunctionBody<'_>) -> Result<Option<Vec<u8>>, Error>,
) -> Result<Option<Vec<u8>>, Error> {
    let mut output = Module::new();
    let mut code = CodeSection::new();
    let mut functions = 0;
    let mut is_changed = false;
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        match &payload {
            Payload::CodeSectionStart { count, .. } => functions = *count,
            Payload::CodeSectionEntry(body) => {
                match rewrite(code.len() as usize, body)? {
                    Some(body) => {
                        code.raw(&body);
                        is_changed = true;
                    }
                    None => drop(code.raw(&module[body.range()])),
                }
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
    Ok(is_changed.then(|| output.finish()))
}
