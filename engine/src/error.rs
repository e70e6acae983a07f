//! What can go wrong, sorted by who must act.
//!
//! A message is one line, in lower case, without a full stop, and names the
//! function or the module, because a SQL user sees nothing else. What a cause
//! has to say is printed in the message and not returned as a source too.

use std::error::Error as StdError;
use std::fmt;

use sqlparser::parser::ParserError;

/// The result of everything here that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, and whose fault it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The embedder asked for something that cannot work.
    #[error("bad configuration: {0}")]
    Config(&'static str),

    /// The statement is not SQL, or not SQL that Fusebox knows.
    #[error("{0}")]
    Syntax(ParserError),

    /// The statement is understood, and refused.
    #[error("{subject} {reason}")]
    Refused {
        /// What the statement is about.
        subject: Subject,
        /// Why it is refused.
        reason: Refusal,
    },

    /// The module cannot serve, whoever calls it: its author must act.
    #[error("{subject} cannot be used: {fault}")]
    Module {
        /// The module, or the function that would have been made of it.
        subject: Subject,
        /// What is wrong with it.
        fault: ModuleFault,
    },

    /// The function ran, and says that it has no result for a row.
    #[error("function `{function}` failed{}: {message}", AtRow(*row))]
    Failed {
        /// The SQL name.
        function: String,
        /// The row of the batch, from 0.
        row: Option<u64>,
        /// What the function says, as it says it.
        message: String,
    },

    /// The guest ran into a trap. Its instance is gone; the session is fine.
    #[error("function `{function}` trapped{}: {trap}", AtRow(*row))]
    Trap {
        /// The SQL name.
        function: String,
        /// The row of the batch, from 0, where the guest announces its rows.
        row: Option<u64>,
        /// The trap, and where in the guest it was.
        trap: String,
    },

    /// A limit stopped the function.
    #[error("function `{function}` {limit}")]
    Limit {
        /// The SQL name.
        function: String,
        /// Which limit.
        limit: Exhausted,
    },

    /// The guest broke the contract. Its instance is gone; the session is fine.
    #[error("function `{function}` broke the contract: {breach}")]
    Guest {
        /// The SQL name.
        function: String,
        /// Which rule it broke.
        breach: Breach,
    },

    /// The embedder cancelled the query.
    #[error("query cancelled")]
    Cancelled,

    /// The query engine refused or failed; a Fusebox error behind it speaks
    /// for itself.
    #[error("{}", Innermost(.0.as_ref()))]
    Query(Box<dyn StdError + Send + Sync>),

    /// Fusebox or Wasmtime is at fault.
    #[error("internal error, please report it: {0}")]
    Internal(String),
}

impl Error {
    /// Finds the Fusebox error behind whatever DataFusion and Arrow have
    /// wrapped around it.
    pub fn behind<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Error> {
        let mut next = Some(error);
        while let Some(error) = next {
            match error.downcast_ref::<Error>() {
                Some(Error::Query(inner)) => next = Some(inner.as_ref()),
                Some(found) => return Some(found),
                None => next = error.source(),
            }
        }
        None
    }

    pub(crate) fn refused(subject: Subject, reason: Refusal) -> Self {
        Self::Refused { subject, reason }
    }

    pub(crate) fn guest(function: &str, breach: Breach) -> Self {
        Self::Guest {
            function: function.to_owned(),
            breach,
        }
    }
}

impl From<ParserError> for Error {
    fn from(error: ParserError) -> Self {
        Self::Syntax(error)
    }
}

struct Innermost<'a>(&'a (dyn StdError + Send + Sync + 'static));

impl fmt::Display for Innermost<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Error::behind(self.0) {
            Some(error) => write!(f, "{error}"),
            None => write!(f, "{}", self.0),
        }
    }
}

struct AtRow(Option<u64>);

impl fmt::Display for AtRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(row) => write!(f, " at row {row}"),
            None => Ok(()),
        }
    }
}

/// Prints bytes as the option of a limit states them: `64MB`.
pub(crate) struct Size(pub(crate) u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [("GB", 30), ("MB", 20), ("kB", 10)];
        let unit = units
            .iter()
            .find(|(_, shift)| self.0.is_multiple_of(1 << shift));
        let (unit, shift) = unit.unwrap_or(&("B", 0));
        write!(f, "{}{unit}", self.0 >> shift)
    }
}

/// What a statement or a fault is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A function, by its SQL name.
    Function(String),
    /// A module, by its SQL name.
    Module(String),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function(name) => write!(f, "function `{name}`"),
            Self::Module(name) => write!(f, "module `{name}`"),
        }
    }
}

/// Why a statement is refused. Reads on from the [`Subject`].
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message names its fields")]
#[non_exhaustive]
pub enum Refusal {
    #[error("already exists; CREATE OR REPLACE would replace it")]
    Exists,
    #[error("is built in; CREATE OR REPLACE would hide it")]
    BuiltIn,
    #[error("does not exist")]
    Missing,
    #[error("is built in, and no CREATE FUNCTION made it")]
    NotOurs,
    #[error("exists with the arguments ({found}), not ({stated})")]
    OtherArguments { found: String, stated: String },
    #[error("is used by {}; DROP … CASCADE would drop them too", list(by))]
    InUse { by: Vec<String> },
    #[error("is declared as {declared}, which contradicts {stated}")]
    Contradiction { declared: String, stated: String },
    #[error("has no {0}, and its module declares none")]
    Undeclared(&'static str),
    #[error("needs a clause {0}")]
    Clause(&'static str),
    #[error("declares no functions in a section `fusebox.functions`")]
    NothingDeclared,
    #[error("has the type {0}, which cannot cross into a guest yet")]
    Type(String),
    #[error("has the type {0}, which is unknown")]
    UnknownType(String),
    #[error("takes ({declared}), not ({given})")]
    Call { declared: String, given: String },
    #[error("has too many arguments: {found}, of {max} at most")]
    Arity { found: usize, max: usize },
    #[error("has an unknown option {name}; the options are {known}")]
    Option { name: String, known: String },
    #[error("has a bad value for {name}: {expected}, not {found}")]
    OptionValue {
        name: String,
        expected: String,
        found: String,
    },
    #[error("may not have {option} = {value}: this session allows {ceiling} at most")]
    Ceiling {
        option: &'static str,
        value: String,
        ceiling: String,
    },
    #[error("cannot be read: {0}")]
    Path(PathRefusal),
    #[error("has the SHA-256 digest {found}, not {stated}")]
    Digest { stated: String, found: String },
    #[error("cannot be read: the text is not base64: {0}")]
    Base64(String),
    #[error("is written in {0}; Fusebox runs LANGUAGE WASM")]
    Language(String),
    #[error("cannot be declared {0} yet; scalar functions can")]
    Kind(&'static str),
}

/// Why a path in SQL is not read.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message names its fields")]
#[non_exhaustive]
pub enum PathRefusal {
    #[error("this session reads no files; the embedder can allow a directory")]
    Denied,
    #[error("'{path}' lies outside the directory that the session may read")]
    Outside { path: String },
    #[error("'{path}' is not a regular file")]
    NotAFile { path: String },
    #[error("'{path}': {cause}")]
    Io { path: String, cause: std::io::Error },
}

/// What makes a module unusable.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message names its fields")]
#[non_exhaustive]
pub enum ModuleFault {
    #[error("it is neither a Wasm module nor its text")]
    NotWasm,
    #[error("it is a Wasm component, not a core module")]
    Component,
    #[error("its text does not parse: {0}")]
    Text(String),
    #[error("it has {bytes} bytes, of {bytes_max} at most")]
    TooLarge { bytes: u64, bytes_max: u64 },
    #[error("it is not valid: {0}")]
    Invalid(String),
    #[error("it imports `{module}`.`{name}`, which nobody grants")]
    Import { module: String, name: String },
    #[error("it speaks {found}; this version of Fusebox speaks fusebox_abi_1")]
    Abi { found: String },
    #[error("it does not export `{export}`{}", has(available))]
    NoExport {
        export: String,
        available: Vec<String>,
    },
    #[error("its export `{export}` is {found}, not {expected}")]
    ExportType {
        export: String,
        expected: &'static str,
        found: String,
    },
    #[error("its memory starts at {bytes} bytes, of {bytes_max} at most")]
    Memory { bytes: u64, bytes_max: u64 },
    #[error("its section `fusebox.functions` is wrong: {0}")]
    Declaration(String),
    #[error("{0}")]
    Metering(fusebox_instrument::Error),
    #[error("it cannot be compiled: {0}")]
    Compile(String),
    #[error("it cannot be instantiated: {0}")]
    Instantiate(String),
}

/// The limit that stopped a function. Reads on from the function's name.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message names its fields")]
#[non_exhaustive]
pub enum Exhausted {
    #[error("ran out of fuel at row {row} (fuel_per_row = {fuel_per_row})")]
    Fuel { row: u64, fuel_per_row: u64 },
    #[error("ran out of fuel outside its rows (fuel_per_call = {fuel_per_call})")]
    FuelOfCall { fuel_per_call: u64 },
    #[error(
        "ran out of fuel in a batch of {rows} rows (fuel_per_row = {fuel_per_row}, fuel_per_call = {fuel_per_call})"
    )]
    FuelOfBatch {
        rows: u64,
        fuel_per_row: u64,
        fuel_per_call: u64,
    },
    #[error("ran out of memory{} (memory = {})", AtRow(*row), Size(*memory_bytes_max))]
    Memory {
        row: Option<u64>,
        memory_bytes_max: u64,
    },
    #[error(
        "ran out of memory: row {row} needs {bytes} bytes for its arguments (memory = {})",
        Size(*memory_bytes_max)
    )]
    Arguments {
        row: u64,
        bytes: u64,
        memory_bytes_max: u64,
    },
    #[error("overflowed its stack{} (stack = {})", AtRow(*row), Size(*stack_bytes_max))]
    Stack {
        row: Option<u64>,
        stack_bytes_max: u64,
    },
    #[error(
        "returned a result of {bytes} bytes at row {row} (result_bytes = {})",
        Size(*result_bytes_max)
    )]
    Result {
        row: u64,
        bytes: u64,
        result_bytes_max: u64,
    },
    #[error("has {instances_max} instances at work already (instances = {instances_max})")]
    Instances { instances_max: u64 },
    #[error("cannot start: the process has {instances_max} instances at work, which is its limit")]
    ProcessInstances { instances_max: u64 },
    #[error("needs {bytes} bytes of memory more than the query's memory pool gives")]
    MemoryPool { bytes: u64 },
    #[error("was refused memory by the machine: {cause}")]
    Machine { cause: String },
}

/// The rule that a guest broke. Reads on from "broke the contract".
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each message names its fields")]
#[non_exhaustive]
pub enum Breach {
    #[error("{len} bytes at {address:#x} lie outside a memory of {memory_len} bytes")]
    OutOfBounds {
        address: u32,
        len: u64,
        memory_len: u64,
    },
    #[error("its arena at {address:#x} is not aligned to 64")]
    Unaligned { address: u32 },
    #[error("it returned the status {0}, which means nothing")]
    Status(u32),
    #[error("it returned {found} rows for {expected}")]
    Rows { found: i64, expected: u64 },
    #[error("its result has a negative offset, {0}")]
    Offset(i64),
    #[error("its result has {found} buffers, not {expected}")]
    Buffers { found: i64, expected: i64 },
    #[error("its result has children or a dictionary, which its type has not")]
    Children,
    #[error("its result's offsets fall at row {row}")]
    Offsets { row: u64 },
    #[error("its result is not UTF-8 at row {row}")]
    Utf8 { row: u64 },
    #[error("it announced a row that was not to come")]
    Row,
    #[error("it failed at row {row} of a batch of {rows}")]
    FailedRow { row: i64, rows: u64 },
}

fn list(names: &[String]) -> String {
    names
        .iter()
        .map(|name| format!("`{}`", name.escape_debug()))
        .collect::<Vec<_>>()
        .join(", ")
}

fn has(available: &[String]) -> String {
    match available {
        [] => String::new(),
        names => format!("; it exports {}", list(names)),
    }
}
