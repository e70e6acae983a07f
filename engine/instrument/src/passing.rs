//! How the counters get from one function into the next.
//!
//! A function that others call by name takes the fuel that is left as its last
//! parameter and hands back what it leaves as its last result, so that on most
//! ways the counter never leaves the machine's registers. One that can come to
//! call itself takes the stack that is left below its frame as a parameter
//! behind it.
//!
//! Whoever knows no names, the host and who calls through a table, calls a
//! *doorway*: a function of the type that the function had, which takes the
//! counters from the globals and puts the fuel back.

use std::collections::HashMap;

use wasm_encoder::reencode::{Error as ReencodeError, Reencode};
use wasm_encoder::{Function, ValType};
use wasmparser::FuncType;

use crate::Error;
use crate::imports::State;
use crate::roles::{Counter, Roles};
use crate::scan::Facts;

/// The types and doorways that a module needs besides its own.
pub(crate) struct Passing<'a> {
    facts: &'a Facts,
    roles: &'a Roles,
    /// The types of the functions that take counters, by their type and whether
    /// they take the stack too.
    types: HashMap<(u32, bool), u32>,
    /// The functions that have doorways.
    doorways: Vec<u32>,
    /// The first doorway.
    first: u32,
}

impl<'a> Passing<'a> {
    /// Types are added from `first_type` on, functions from `first`.
    pub(crate) fn new(facts: &'a Facts, roles: &'a Roles, first_type: u32, first: u32) -> Self {
        let mut types = HashMap::new();
        let mut doorways = Vec::new();
        for (function, role) in roles.passed() {
            let index = facts.function_types[function as usize];
            let next = first_type + types.len() as u32;
            types.entry((index, role.frame.is_some())).or_insert(next);
            if facts.is_entry(function) {
                doorways.push(function);
            }
        }
        Self {
            facts,
            roles,
            types,
            doorways,
            first,
        }
    }

    /// The types that are added, in their order.
    pub(crate) fn types(&self) -> Result<Vec<Signature>, ReencodeError<Error>> {
        let mut types: Vec<_> = self.types.iter().collect();
        types.sort_by_key(|(_, added)| **added);
        types
            .into_iter()
            .map(|((index, takes_stack), _)| {
                let mut signature = Signature::of(&self.facts.types[*index as usize])?;
                signature.parameters.push(ValType::I64);
                signature.results.push(ValType::I64);
                if *takes_stack {
                    signature.parameters.push(ValType::I64);
                }
                Ok(signature)
            })
            .collect()
    }

    /// The type of a function that is defined in the module.
    pub(crate) fn type_of(&self, function: u32) -> u32 {
        let index = self.facts.function_types[function as usize];
        match self.roles.role(function) {
            Some(role) if role.is_passed() => self.types[&(index, role.frame.is_some())],
            _ => index,
        }
    }

    /// What stands for a function where it is not called by name.
    pub(crate) fn doorway(&self, function: u32) -> u32 {
        match self.doorways.binary_search(&function) {
            Ok(n) => self.first + n as u32,
            Err(_) => function,
        }
    }

    /// The types of the doorways, in their order.
    pub(crate) fn doorway_types(&self) -> impl Iterator<Item = u32> {
        let types = &self.facts.function_types;
        self.doorways
            .iter()
            .map(|function| types[*function as usize])
    }

    /// The doorways, in their order.
    pub(crate) fn doorway_bodies(&self, state: State) -> impl Iterator<Item = Function> {
        let passed = self.roles.passed();
        let doorways = passed.filter(|(function, _)| self.facts.is_entry(*function));
        doorways.map(move |(function, role)| {
            let parameters = self.facts.function_type(function).params().len();
            let mut body = Function::new([]);
            let mut code = body.instructions();
            for parameter in 0..parameters {
                code.local_get(parameter as u32);
            }
            code.global_get(state.fuel());
            if let Counter::Passed(fuel @ 1..) = role.counter {
                code.i64_const(fuel as i64).i64_sub();
            }
            if let Some(frame) = role.frame {
                code.global_get(state.stack());
                code.i64_const(frame as i64).i64_sub();
            }
            code.call(function).global_set(state.fuel()).end();
            body
        })
    }
}

/// A function's type, as it is written.
pub(crate) struct Signature {
    pub(crate) parameters: Vec<ValType>,
    pub(crate) results: Vec<ValType>,
}

impl Signature {
    fn of(ty: &FuncType) -> Result<Self, ReencodeError<Error>> {
        let written = |types: &[wasmparser::ValType]| {
            types
                .iter()
                .map(|ty| SameIndices.val_type(*ty))
                .collect::<Result<_, _>>()
        };
        Ok(Self {
            parameters: written(ty.params())?,
            results: written(ty.results())?,
        })
    }
}

/// A re-encoder that changes nothing.
pub(crate) struct SameIndices;

impl Reencode for SameIndices {
    type Error = Error;
}
