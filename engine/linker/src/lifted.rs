//! Drivers of lifted functions: the loop over the columns of a batch, around the canonical ABI.
//!
//! The driver of a [`LiftedFunction`] exports a scalar function of ABI 1. Linked to the module of
//! the flattened component, both are one module; a [`DriverSet`] is the driver of several functions,
//! which are then compiled together.
//!
//! ```text
//! for each row without a null that is not allowed:
//!     row_begin(row)  lower the arguments  call  lift and check the result  post_return  row_end(0)
//! ```
//!
//! # Columns
//!
//! | WIT | column | |
//! |---|---|---|
//! | `bool` | Boolean | |
//! | `s8` … `u64`, `f32`, `f64` | Int8 … UInt64, Float32, Float64 | NaNs keep their bits |
//! | `char` | Utf8 | an argument has exactly one character, or its row fails |
//! | `string` | Utf8 | in UTF-8, UTF-16 or Latin-1 on the side of the guest |
//! | `enum` | Utf8 | the name of the case; an argument that is none fails its row |
//! | `list<u8>` | Binary | |
//! | `list<T>` | List | |
//! | `record` | Struct | fields have the names of WIT |
//! | `tuple` | Struct | fields are `f0`, `f1` … |
//! | `option<T>` | that of `T` | null is `none`; an option of an option is refused |
//! | `result<T, E>` | that of `T` | as the whole result alone: an error fails the row |
//! | `result<_, E>` | Boolean | true, as there is nothing else to return |
//! | `flags`, `variant` | | refused |
//!
//! The result of a row with a null argument is null if the parameter is no option; the function
//! is not called. A null inside of an argument that is no option fails the row.
//!
//! An error fails the row with a message: its text for a `string`, the name of the case for an
//! `enum` and for a `variant`, with the text if its value is a `string`, and the number for
//! unsigned integers of up to 32 bits.
//!
//! # Checks
//!
//! All that comes from the guest is checked within its row, so that the error names the row:
//! blocks of `realloc` are aligned, inside the memory, and overlap neither each other nor memory
//! of the driver; addresses of results are aligned and inside the memory with all that they
//! refer to; characters, text and numbers of cases are valid. As the canonical ABI has it, any
//! `bool` but 0 is true, and integers of less than 32 bits are the low bits of a core value.
//!
//! `post_return` is called once for each row that has not failed.
//!
//! The columns of a batch lie in blocks of the guest's own allocator, as one that takes all of the
//! memory up to its end would overwrite others. A guest that frees them all the same, since its
//! `post_return` frees whatever there is, is found out by a block that is asked for after the first
//! row, and fails unless each call has [one row](LiftedDriver::for_single_rows).

// Drivers of several functions, in one module.
mod set;

// The loop over rows.
mod rows;

// Argument columns.
mod arguments;

// The result of a row.
mod result;

// Lifting of results.
mod lift;

// Text of results.
mod text;

// Lowering of arguments.
mod lower;

// Blocks of the guest for arguments.
mod allocate;

// Result columns.
mod builders;

// Text of a driver.
mod writer;

// Columns and their parts.
mod node;

// Columns as the caller sees them.
mod column;

// Reasons for refusing a function.
mod unsupported;

use crate::component::{FLAT_PARAMETERS_MAX, LiftedFunction, WitType};
use crate::error::Error;
pub use column::{ColumnField, ColumnType};
use node::{Node, Nodes};
pub use set::DriverSet;
pub use unsupported::UnsupportedFunction;

/// Maximum number of types in the parameters and the result of a function.
pub const TYPES_MAX: usize = 1_024;

/// Maximum number of levels of types in a parameter or the result.
pub const DEPTH_MAX: usize = 32;

/// Name by which a driver imports from the module of the component.
const COMPONENT_MODULE: &str = "component";

/// Name by which flattened components export their first allocator.
const REALLOC: &str = "cabi_realloc";

/// Driver of a lifted function.
#[derive(Clone, Debug)]
pub struct LiftedDriver {
    function: LiftedFunction,
    arguments: Vec<Node>,
    result: Node,
    /// Number of nodes of arguments and result.
    nodes: usize,
    /// Number of groups of the result.
    groups: usize,
    /// True if each call has one row, after which the guest is reset.
    has_single_rows: bool,
}

impl LiftedDriver {
    /// Chooses the columns of a function.
    ///
    /// # Errors
    ///
    /// The reason for which the function has no driver.
    pub fn new(function: &LiftedFunction) -> Result<Self, UnsupportedFunction> {
        let Some(result) = &function.result else {
            return Err(UnsupportedFunction::NoResult);
        };
        let mut nodes = Nodes::default();
        let arguments = function
            .parameters
            .iter()
            .map(|(name, ty)| nodes.argument(name, ty))
            .collect::<Result<Vec<_>, _>>()?;
        let result = nodes.result(result)?;
        let driver = Self {
            function: function.clone(),
            arguments,
            result,
            nodes: nodes.count(),
            groups: nodes.groups(),
            has_single_rows: false,
        };
        driver.check_options()?;
        Ok(driver)
    }

    /// The argument columns.
    pub fn arguments(&self) -> Vec<ColumnField> {
        self.arguments.iter().map(Node::field).collect()
    }

    /// The result column. It is null for a null argument, nullable or not.
    pub fn result(&self) -> ColumnField {
        self.result.field()
    }

    /// Expects calls of one row, after each of which the guest is reset: its `post_return` may free
    /// all of its memory.
    #[must_use]
    pub fn for_single_rows(mut self) -> Self {
        self.has_single_rows = true;
        self
    }

    /// Links the driver to the module of the component, as [`DriverSet::link`] does.
    ///
    /// # Errors
    ///
    /// Those of [`Linker::link`](crate::Linker::link).
    pub fn link(&self, symbol: &str, module: &[u8]) -> Result<Vec<u8>, Error> {
        DriverSet::of_one(symbol, self).link(module)
    }

    /// Checks that the options of the canonical ABI are there that the types need.
    fn check_options(&self) -> Result<(), UnsupportedFunction> {
        let (parameters, result) = (&self.function.parameters, &self.function.result);
        let needs_realloc = flat_parameters(parameters).is_none()
            || parameters.iter().any(|(_, ty)| has_blocks(ty));
        let is_in_memory = result.as_ref().is_some_and(|ty| ty.flat(1).is_none());
        let missing = |option| Err(UnsupportedFunction::MissingOption { option });
        if (needs_realloc || is_in_memory) && self.function.memory.is_none() {
            return missing("memory");
        }
        if needs_realloc && self.function.realloc.is_none() {
            return missing("realloc");
        }
        Ok(())
    }
}

/// Returns the number of core parameters; `None` if parameters are passed in memory.
fn flat_parameters(parameters: &[(String, WitType)]) -> Option<usize> {
    let counts = parameters
        .iter()
        .map(|(_, ty)| Some(ty.flat(FLAT_PARAMETERS_MAX)?.len()));
    let count = counts.sum::<Option<usize>>()?;
    (count <= FLAT_PARAMETERS_MAX).then_some(count)
}

/// Returns true if values of a type have blocks of their own in memory.
fn has_blocks(ty: &WitType) -> bool {
    match ty {
        WitType::String | WitType::List(_) => true,
        WitType::Record(fields) => fields.iter().any(|(_, ty)| has_blocks(ty)),
        WitType::Tuple(types) => types.iter().any(has_blocks),
        WitType::Option(ty) => has_blocks(ty),
        _ => false,
    }
}
