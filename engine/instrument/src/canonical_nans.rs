//! Canonical NaNs, inserted before metering.
//!
//! The pass adds canonicalizations after some instructions, and locals for them.
//! Everything else is copied byte for byte.

// Values to canonicalize, and positions to do it.
mod placement;

// Dataflow through the body of a function.
mod dataflow;

// Open blocks, and the values that join at their ends.
mod control;

// Locals that hold floats or vectors.
mod tracked_locals;

// Values of a function, their dependencies and facts.
mod value_graph;

// Numbers of operands and results.
mod arity;

use wasm_encoder::{Function, Ieee32, Ieee64, ValType};
use wasmparser::FunctionBody;

use crate::code_section::rewrite_bodies;
use crate::error::Error;
use crate::module_info::ModuleInfo;
use crate::nan_facts::{CANONICAL_F32, CANONICAL_F64, Width};
use placement::{Canonicalization, canonicalizations};

/// Maximum work for tracking locals, summed over the functions of a module.
const WORK_BUDGET: usize = 1 << 23;

/// Makes NaNs canonical before their bits are observed. `None` if the module needs
/// no change.
pub(crate) fn canonicalize_nans(
    module: &[u8],
    info: &ModuleInfo,
) -> Result<Option<Vec<u8>>, Error> {
    if !info.bodies.iter().any(|body| body.has_arithmetic) {
        return Ok(None);
    }
    let mut budget = WORK_BUDGET;
    rewrite_bodies(module, |defined, body| {
        let places = function_canonicalizations(body, info, defined, &mut budget)?;
        match places.is_empty() {
            true => Ok(None),
            false => canonicalized(module, body, info, defined, &places)
                .map(|body| Some(body.into_raw_body())),
        }
    })
}

/// The canonicalizations of a function. `defined` is its index without imports.
fn function_canonicalizations(
    body: &FunctionBody<'_>,
    info: &ModuleInfo,
    defined: usize,
    budget: &mut usize,
) -> Result<Vec<Canonicalization>, Error> {
    if !info.bodies[defined].has_arithmetic {
        return Ok(Vec::new());
    }
    let function = (info.imports.len() + defined) as u32;
    let graph = dataflow::value_graph(info, function, body, budget)?;
    canonicalizations(&graph).ok_or_else(|| {
        let message = format!("the bits of a NaN of function {function} would be observable");
        Error::internal(message)
    })
}

/// Inserts the canonicalizations into a function.
fn canonicalized(
    module: &[u8],
    body: &FunctionBody<'_>,
    info: &ModuleInfo,
    defined: usize,
    places: &[Canonicalization],
) -> Result<Function, Error> {
    let function = (info.imports.len() + defined) as u32;
    let mut locals = Vec::new();
    let mut count = info.function_type(function).params().len() as u32;
    for group in body.get_locals_reader()? {
        let (number, val_type) = group?;
        let val_type =
            ValType::try_from(val_type).map_err(|error| Error::internal(error.to_string()))?;
        locals.push((number, val_type));
        count += number;
    }
    // One local for each type of value that is in no local already.
    let added = [ValType::F32, ValType::F64, ValType::V128].map(|val_type| {
        let needs_local =
            |place: &Canonicalization| place.top.local.is_none() && type_of(place) == val_type;
        let local = count;
        if places.iter().any(needs_local) {
            locals.push((1, val_type));
            count += 1;
        }
        (val_type, local)
    });
    let mut output = Function::new(locals);
    let mut copied = body.get_operators_reader()?.original_position();
    for place in places {
        output.raw(module[copied..place.top.offset].iter().copied());
        copied = place.top.offset;
        let temporary = added
            .iter()
            .find(|(val_type, _)| *val_type == type_of(place));
        push_canonicalization(&mut output, place, temporary.map_or(0, |(_, local)| *local));
    }
    output.raw(module[copied..body.range().end].iter().copied());
    Ok(output)
}

fn type_of(place: &Canonicalization) -> ValType {
    match (place.vector, place.width) {
        (true, _) => ValType::V128,
        (false, Width::F32) => ValType::F32,
        (false, Width::F64) => ValType::F64,
    }
}

/// Makes the value on top of the stack canonical. `temporary` is a local to keep it
/// in, if it is in none.
///
/// The test for a NaN is that the value is not greater than or equal to itself,
/// which takes a single flag of the machine.
fn push_canonicalization(output: &mut Function, place: &Canonicalization, temporary: u32) {
    let local = place.top.local.unwrap_or(temporary);
    let mut code = output.instructions();
    if place.top.local.is_none() {
        code.local_tee(local);
    }
    let sign = u32::from(place.negative) << 31;
    let (f32, f64) = (CANONICAL_F32 | sign, CANONICAL_F64 | u64::from(sign) << 32);
    match (place.vector, place.width) {
        (false, Width::F32) => code.f32_const(Ieee32::new(f32)),
        (false, Width::F64) => code.f64_const(Ieee64::new(f64)),
        (true, Width::F32) => code.v128_const(splat(f32.into(), 32)),
        (true, Width::F64) => code.v128_const(splat(f64, 64)),
    };
    code.local_get(local).local_get(local);
    match (place.vector, place.width) {
        (false, Width::F32) => code.f32_ge().select(),
        (false, Width::F64) => code.f64_ge().select(),
        (true, Width::F32) => code.f32x4_eq().v128_bitselect(),
        (true, Width::F64) => code.f64x2_eq().v128_bitselect(),
    };
}

/// A vector of equal lanes of this width in bits.
fn splat(lane: u64, bits: usize) -> i128 {
    let lanes = (0..128).step_by(bits).map(|at| u128::from(lane) << at);
    lanes.sum::<u128>() as i128
}
