//! Functions: a definition and a module become something DataFusion can call.
//!
//! [`Host`] binds the two; what it returns is DataFusion's own kind of object
//! over a pool of instances.

// Functions as DataFusion has them, one kind after the other.
mod aggregate;
mod scalar;
mod table;
mod window;

// Several functions of one name.
mod coercion;
mod overloads;

// A function, and how it is called.
mod arguments;
mod calls;
mod guest;
mod residents;
mod slices;
mod sparse;

// The query that calls.
mod query;

use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType};
use arrow::error::ArrowError;
use datafusion::common::DataFusionError;
use datafusion::execution::memory_pool::MemoryPool;
use fusebox_marshal::Layout;

use crate::definition::{
    ANY_DECIMAL, Argument, Definition, Kind, Limits, Reset, SqlType, check_type,
};
use crate::error::{Error, ModuleFault, Refusal, Result, Subject};
use crate::measure::{Measured, Parts, Profile, Watches};
use crate::module::{Inspection, Modules};
use crate::sandbox::{Cancellation, Machine, Pool, Stop};

pub(crate) use coercion::are_alike;
use guest::Guest;
pub(crate) use overloads::Overloads;
pub(crate) use query::{Current, QueryContext};

/// The most arguments a function may have.
const ARGUMENTS_MAX: usize = 255;

/// What functions are made with: the machine, the modules it has compiled, and
/// the limits that hold where a statement gives none.
pub(crate) struct Host {
    modules: Modules,
    options: HostOptions,
    current: Current,
    watches: Watches,
}

/// What an embedder may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HostOptions {
    pub(crate) limits: Limits,
    pub(crate) limits_max: Limits,
    pub(crate) aggregate_memory_bytes_max: u64,
    pub(crate) module_bytes_max: u64,
    pub(crate) cache: bool,
    pub(crate) measure: bool,
    pub(crate) left_out: Parts,
    pub(crate) profile: Option<Duration>,
}

impl Default for HostOptions {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            limits_max: Limits::WIDEST,
            aggregate_memory_bytes_max: Limits::AGGREGATE_MEMORY_BYTES_MAX,
            module_bytes_max: 16 << 20,
            cache: false,
            measure: false,
            left_out: Parts::default(),
            profile: None,
        }
    }
}

impl Host {
    /// A host of functions for the queries that `current` stops.
    pub(crate) fn new(options: HostOptions, current: Current) -> Result<Self> {
        let (limits, limits_max) = (options.limits, options.limits_max);
        if !limits.are_in_range() || !limits_max.are_in_range() {
            return Err(Error::Config("a limit is not what `Limits` says it may be"));
        }
        if limits.check(limits_max).is_err() {
            return Err(Error::Config("a limit exceeds the one in limits_max"));
        }
        let aggregate = Limits {
            memory_bytes_max: options.aggregate_memory_bytes_max,
            ..limits
        };
        if !aggregate.are_in_range() {
            return Err(Error::Config(
                "aggregate_memory_bytes_max is not what a memory may be",
            ));
        }
        if options.module_bytes_max == 0 {
            return Err(Error::Config("module_bytes_max is zero"));
        }
        if options.profile.is_some_and(|interval| interval.is_zero()) {
            return Err(Error::Config("the interval of the profile is zero"));
        }
        Ok(Self {
            modules: Modules::new(
                Machine::new(options.cache, options.profile)?,
                options.left_out,
            ),
            options,
            current,
            watches: Watches::new(options.measure),
        })
    }

    /// The limits of a function whose statement gives none.
    pub(crate) fn limits(&self, kind: Kind) -> Limits {
        let mut limits = self.options.limits;
        if kind == Kind::Aggregate {
            let bytes_max = self.options.aggregate_memory_bytes_max;
            let bytes_max = bytes_max.min(self.options.limits_max.memory_bytes_max);
            limits.memory_bytes_max = bytes_max.max(limits.memory_bytes_max);
        }
        limits
    }

    /// The limits that no function may exceed.
    pub(crate) fn limits_max(&self) -> Limits {
        self.options.limits_max
    }

    /// What each function has cost since this was last asked.
    pub(crate) fn take_measured(&self) -> Vec<Measured> {
        self.watches.take()
    }

    /// What guests were seen to do since this was last asked.
    pub(crate) fn take_profile(&self) -> Profile {
        self.modules.take_profile()
    }

    /// The largest module that is accepted, in bytes.
    pub(crate) fn module_bytes_max(&self) -> u64 {
        self.options.module_bytes_max
    }

    /// The binary of what a user gave for a module, binary or text.
    pub(crate) fn decode(&self, subject: &Subject, bytes: &[u8]) -> Result<Vec<u8>> {
        crate::module::decode(bytes, self.module_bytes_max())
            .map(|binary| binary.into_owned())
            .map_err(|fault| module_error(subject, fault))
    }

    /// Reads what a binary says of itself, without running it.
    pub(crate) fn inspect(&self, subject: &Subject, binary: &[u8]) -> Result<Inspection> {
        Inspection::of(binary).map_err(|fault| module_error(subject, fault))
    }

    /// Makes a function of a definition and the module it names.
    ///
    /// Everything that does not depend on rows is tried here, so that a
    /// function that exists can be called. `memory_pool` pays for the memory of
    /// calls of which the query is not known.
    pub(crate) fn bind(
        &self,
        definition: Definition,
        binary: &[u8],
        memory_pool: &Arc<dyn MemoryPool>,
    ) -> Result<Function> {
        let subject = Subject::Function(definition.name.clone());
        let limits = definition.limits;
        check_signature(&definition)
            .and_then(|()| limits.check(self.options.limits_max))
            .map_err(|reason| Error::refused(subject.clone(), reason))?;
        let bound = || {
            let compiled = self.modules.compile(binary)?;
            let operations = compiled.inspection.operations(
                definition.kind,
                &definition.symbol,
                limits.memory_bytes_max,
            )?;
            Ok((compiled, operations))
        };
        let (compiled, operations) = bound().map_err(|fault| module_error(&subject, fault))?;
        let (operations, exports): (Vec<_>, Vec<_>) = operations.into_iter().unzip();
        let remembers = definition.kind == Kind::Scalar
            && (self.options.left_out.reset || !guest::is_repeatable(&definition));
        let exports = compiled.exports(exports);
        let watch = self.watches.watch(&definition);
        let pool = Pool::new(
            Arc::clone(&compiled.code),
            exports,
            limits,
            remembers,
            watch,
        );
        pool.warm(limits.into())
            .map_err(|stop| instantiating(&subject, stop))?;
        let outside = QueryContext::new(Cancellation::default(), Arc::clone(memory_pool));
        let queries = (self.current.clone(), outside);
        let pool = Arc::new(pool);
        let function = Guest::new(definition, compiled, operations, pool, queries);
        Ok(Function(Arc::new(function)))
    }
}

/// A function that can be called, alone or among others of its name.
#[derive(Clone)]
pub(crate) struct Function(Arc<Guest>);

impl Function {
    pub(crate) fn definition(&self) -> &Definition {
        &self.0.definition
    }

    /// All functions of one name, at least one and all of one kind.
    pub(crate) fn overloaded(functions: impl IntoIterator<Item = Self>) -> Overloads {
        let functions = functions.into_iter().map(|function| function.0);
        Overloads::new(functions.collect())
    }
}

fn check_signature(definition: &Definition) -> Result<(), Refusal> {
    let signature = &definition.signature;
    if signature.arguments.len() > ARGUMENTS_MAX {
        return Err(Refusal::Arity {
            found: signature.arguments.len(),
            max: ARGUMENTS_MAX,
        });
    }
    let crosses = |data_type: &DataType| {
        // Ours have been checked; DataFusion's parser lets more through.
        check_type(data_type)?;
        // Decimals of any digits cross alike.
        let crossing = match *data_type == ANY_DECIMAL {
            true => &DataType::Decimal128(DECIMAL128_MAX_PRECISION, 0),
            false => data_type,
        };
        match Layout::of(crossing) {
            Some(_) => Ok(()),
            None => Err(Refusal::Type(SqlType(data_type).to_string())),
        }
    };
    for argument in &signature.arguments {
        crosses(&argument.data_type)?;
    }
    for column in &definition.state {
        if column.data_type == ANY_DECIMAL {
            return Err(Refusal::TypeRule(
                "is DECIMAL(*) in a state, which has one type",
            ));
        }
        crosses(&column.data_type)?;
    }
    if definition.kind == Kind::Aggregate && signature.arguments.is_empty() {
        return Err(Refusal::NoArguments);
    }
    if definition.reset == Reset::Row && definition.kind != Kind::Scalar {
        return Err(Refusal::Reset(definition.kind.name()));
    }
    let any = |argument: &Argument| argument.data_type == ANY_DECIMAL;
    if signature.returns == ANY_DECIMAL && !signature.arguments.iter().any(any) {
        return Err(Refusal::TypeRule(
            "is DECIMAL(*) and follows from no argument",
        ));
    }
    crosses(&signature.returns)
}

fn module_error(subject: &Subject, fault: ModuleFault) -> Error {
    Error::Module {
        subject: subject.clone(),
        fault,
    }
}

/// What stopped an instance that nobody has called yet.
fn instantiating(subject: &Subject, stop: Stop) -> Error {
    let cause = match stop {
        Stop::Instantiate(cause) | Stop::Trap { trap: cause, .. } => cause,
        Stop::Fuel { .. } => "its start runs out of fuel (fuel_per_call)".to_owned(),
        Stop::Stack { .. } => "its start overflows the stack (stack)".to_owned(),
        Stop::Memory { .. } => "its start runs out of memory (memory)".to_owned(),
        other => format!("{other:?}"),
    };
    module_error(subject, ModuleFault::Instantiate(cause))
}

fn arrow(error: ArrowError) -> Error {
    Error::Query(Box::new(error))
}

fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
