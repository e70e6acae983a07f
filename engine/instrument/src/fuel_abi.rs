//! Fuel and stack as parameters and results of functions.
//!
//! A function that is called directly takes the remaining fuel as its last
//! parameter and returns it as its last result, so that the counter stays in a
//! register on most paths. If it is recursive, the remaining stack below its frame
//! is one more parameter.
//!
//! The host and calls through tables use the function's *trampoline* instead: a
//! function of the original type, which loads the counters from the globals and
//! stores the fuel.

use std::collections::HashMap;

use wasm_encoder::reencode::{Error as ReencodeError, Reencode};
use wasm_encoder::{Function, ValType};
use wasmparser::FuncType;

use crate::error::Error;
use crate::imports::MeteringGlobals;
use crate::metering_plan::{FuelSource, MeteringPlan};
use crate::module_info::ModuleInfo;

/// Types and trampolines that are added to a module.
pub(crate) struct FuelAbi<'a> {
    info: &'a ModuleInfo,
    plan: &'a MeteringPlan,
    /// Type indices of the functions with counters as parameters, by the original
    /// type index and whether the stack is one of them.
    types: HashMap<(u32, bool), u32>,
    /// The functions with trampolines, sorted.
    trampolines: Vec<u32>,
    /// The function index of the first trampoline.
    first_trampoline: u32,
}

impl<'a> FuelAbi<'a> {
    /// The added types have indices from `first_type`, the trampolines from
    /// `first_trampoline`.
    pub(crate) fn new(
        info: &'a ModuleInfo,
        plan: &'a MeteringPlan,
        first_type: u32,
        first_trampoline: u32,
    ) -> Self {
        let mut types = HashMap::new();
        let mut trampolines = Vec::new();
        for (function, function_plan) in plan.with_fuel_parameter() {
            let index = info.function_types[function as usize];
            let next = first_type + types.len() as u32;
            types
                .entry((index, function_plan.frame.is_some()))
                .or_insert(next);
            if info.is_entry(function) {
                trampolines.push(function);
            }
        }
        Self {
            info,
            plan,
            types,
            trampolines,
            first_trampoline,
        }
    }

    /// The added types, in order of their index.
    pub(crate) fn types(&self) -> Result<Vec<Signature>, ReencodeError<Error>> {
        let mut types: Vec<_> = self.types.iter().collect();
        types.sort_by_key(|(_, added)| **added);
        types
            .into_iter()
            .map(|((index, takes_stack), _)| {
                let mut signature = Signature::of(&self.info.types[*index as usize])?;
                signature.parameters.push(ValType::I64);
                signature.results.push(ValType::I64);
                if *takes_stack {
                    signature.parameters.push(ValType::I64);
                }
                Ok(signature)
            })
            .collect()
    }

    /// The new type index of a function that the module defines.
    pub(crate) fn type_of(&self, function: u32) -> u32 {
        let index = self.info.function_types[function as usize];
        match self.plan.function(function) {
            Some(function_plan) if function_plan.has_fuel_parameter() => {
                self.types[&(index, function_plan.frame.is_some())]
            }
            _ => index,
        }
    }

    /// The function to use in place of `function`, except for direct calls.
    pub(crate) fn trampoline(&self, function: u32) -> u32 {
        match self.trampolines.binary_search(&function) {
            Ok(n) => self.first_trampoline + n as u32,
            Err(_) => function,
        }
    }

    /// The type indices of the trampolines, in order.
    pub(crate) fn trampoline_types(&self) -> impl Iterator<Item = u32> {
        let types = &self.info.function_types;
        self.trampolines
            .iter()
            .map(|function| types[*function as usize])
    }

    /// The trampolines, in order.
    pub(crate) fn trampoline_bodies(
        &self,
        globals: MeteringGlobals,
    ) -> impl Iterator<Item = Function> {
        let functions = self.plan.with_fuel_parameter();
        let trampolines = functions.filter(|(function, _)| self.info.is_entry(*function));
        trampolines.map(move |(function, function_plan)| {
            let parameters = self.info.function_type(function).params().len();
            let mut body = Function::new([]);
            let mut code = body.instructions();
            for parameter in 0..parameters {
                code.local_get(parameter as u32);
            }
            code.global_get(globals.fuel());
            if let FuelSource::Parameter {
                prepaid: prepaid @ 1..,
            } = function_plan.fuel_source
            {
                code.i64_const(prepaid as i64).i64_sub();
            }
            if let Some(frame) = function_plan.frame {
                code.global_get(globals.stack());
                code.i64_const(frame as i64).i64_sub();
            }
            code.call(function).global_set(globals.fuel()).end();
            body
        })
    }
}

/// A function type in `wasm-encoder`'s representation.
pub(crate) struct Signature {
    pub(crate) parameters: Vec<ValType>,
    pub(crate) results: Vec<ValType>,
}

impl Signature {
    fn of(ty: &FuncType) -> Result<Self, ReencodeError<Error>> {
        let encoded = |types: &[wasmparser::ValType]| {
            types
                .iter()
                .map(|ty| IdentityReencoder.val_type(*ty))
                .collect::<Result<_, _>>()
        };
        Ok(Self {
            parameters: encoded(ty.params())?,
            results: encoded(ty.results())?,
        })
    }
}

/// Re-encodes without changes.
pub(crate) struct IdentityReencoder;

impl Reencode for IdentityReencoder {
    type Error = Error;
}
