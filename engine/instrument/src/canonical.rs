//! Canonical NaNs: a stage from a module to a module.
//!
//! Nothing is added but the repairs, after some of the instructions, and locals
//! for them. All the rest is copied byte by byte.

// Which values are made canonical, and where.
mod placement;

// Where the values of a function come from and go to.
mod dataflow;

// Where ways meet.
mod joins;

// The locals that are floats or vectors.
mod locals;

// The values of a function, and what is known of them.
mod values;

// How many operands and results there are.
mod arity;

use wasm_encoder::{CodeSection, Function, Ieee32, Ieee64, Module, RawSection, ValType};
use wasmparser::{FunctionBody, Parser, Payload};

use crate::Error;
use crate::floats::{CANONICAL_F32, CANONICAL_F64, Width};
use crate::scan::Facts;
use placement::{Repair, repairs};

/// How much work the locals of a module's functions may be together, for them to
/// be followed.
const BUDGET: usize = 1 << 23;

/// The module, of which `facts` are known, with NaNs made canonical before they
/// are seen; nothing if there is nothing to be done.
pub(crate) fn canonical(module: &[u8], facts: &Facts) -> Result<Option<Vec<u8>>, Error> {
    if !facts.bodies.iter().any(|body| body.has_arithmetic) {
        return Ok(None);
    }
    let mut output = Module::new();
    let mut code = CodeSection::new();
    let mut budget = BUDGET;
    let mut is_changed = false;
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        match &payload {
            Payload::CodeSectionStart { .. } => {}
            Payload::CodeSectionEntry(body) => {
                let defined = code.len() as usize;
                let repairs = repairs_of(body, facts, defined, &mut budget)?;
                if repairs.is_empty() {
                    code.raw(&module[body.range()]);
                } else {
                    code.function(&repaired(module, body, facts, defined, &repairs)?);
                    is_changed = true;
                }
                if code.len() as usize == facts.bodies.len() {
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

/// The repairs of the function that is defined as `defined`th.
fn repairs_of(
    body: &FunctionBody<'_>,
    facts: &Facts,
    defined: usize,
    budget: &mut usize,
) -> Result<Vec<Repair>, Error> {
    if !facts.bodies[defined].has_arithmetic {
        return Ok(Vec::new());
    }
    let function = (facts.imports.len() + defined) as u32;
    repairs(&dataflow::graph(facts, function, body, budget)?)
}

/// The function with its repairs.
fn repaired(
    module: &[u8],
    body: &FunctionBody<'_>,
    facts: &Facts,
    defined: usize,
    repairs: &[Repair],
) -> Result<Function, Error> {
    let function = (facts.imports.len() + defined) as u32;
    let mut locals = Vec::new();
    let mut count = facts.function_type(function).params().len() as u32;
    for group in body.get_locals_reader()? {
        let (number, val_type) = group?;
        let val_type =
            ValType::try_from(val_type).map_err(|error| Error::Rewrite(error.to_string()))?;
        locals.push((number, val_type));
        count += number;
    }
    // Behind its own locals: one for each type of what is repaired.
    let added = [ValType::F32, ValType::F64, ValType::V128].map(|val_type| {
        let needs_one = |repair: &Repair| repair.top.local.is_none() && type_of(repair) == val_type;
        let local = count;
        if repairs.iter().any(needs_one) {
            locals.push((1, val_type));
            count += 1;
        }
        (val_type, local)
    });
    let mut output = Function::new(locals);
    let mut copied = body.get_operators_reader()?.original_position();
    for repair in repairs {
        output.raw(module[copied..repair.top.offset].iter().copied());
        copied = repair.top.offset;
        let own = added
            .iter()
            .find(|(val_type, _)| *val_type == type_of(repair));
        push_repair(&mut output, repair, own.map_or(0, |(_, local)| *local));
    }
    output.raw(module[copied..body.range().end].iter().copied());
    Ok(output)
}

fn type_of(repair: &Repair) -> ValType {
    match (repair.vector, repair.width) {
        (true, _) => ValType::V128,
        (false, Width::F32) => ValType::F32,
        (false, Width::F64) => ValType::F64,
    }
}

/// Makes the value on top of the stack canonical, with a local to put it into if
/// it is in none.
///
/// A float is taken if it is at least itself: so NaNs are told from all else by
/// one flag of the machine.
fn push_repair(output: &mut Function, repair: &Repair, own: u32) {
    let local = repair.top.local.unwrap_or(own);
    let mut code = output.instructions();
    if repair.top.local.is_none() {
        code.local_tee(local);
    }
    let sign = u32::from(repair.negative) << 31;
    let (f32, f64) = (CANONICAL_F32 | sign, CANONICAL_F64 | u64::from(sign) << 32);
    match (repair.vector, repair.width) {
        (false, Width::F32) => code.f32_const(Ieee32::new(f32)),
        (false, Width::F64) => code.f64_const(Ieee64::new(f64)),
        (true, Width::F32) => code.v128_const(lanes(f32.into(), 32)),
        (true, Width::F64) => code.v128_const(lanes(f64, 64)),
    };
    code.local_get(local).local_get(local);
    match (repair.vector, repair.width) {
        (false, Width::F32) => code.f32_ge().select(),
        (false, Width::F64) => code.f64_ge().select(),
        (true, Width::F32) => code.f32x4_eq().v128_bitselect(),
        (true, Width::F64) => code.f64x2_eq().v128_bitselect(),
    };
}

/// A vector of equal lanes of so many bits.
fn lanes(lane: u64, bits: usize) -> i128 {
    let lanes = (0..128).step_by(bits).map(|at| u128::from(lane) << at);
    lanes.sum::<u128>() as i128
}
