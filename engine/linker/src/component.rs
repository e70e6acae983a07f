//! Components, flattened to one core module.
//!
//! A component is a tree of core modules with typed functions around them. [`Component::flatten`]
//! instantiates it without running it, links its core instances into one module, and returns that
//! with the types of the exported functions: what is left of the component is the canonical ABI of
//! these, which the caller of the module implements, or a [driver](crate::lifted).
//!
//! Imports of WASI 0.2 are served as those of preview 1 are ([`wasi`](crate::wasi)): no files, no
//! network, a log in place of the output, clock and random numbers that begin again at each row.
//! A core module that imports preview 1 itself, which an adapter in the component would serve, is
//! linked to preview 1 directly.
//!
//! As for [`Linker`](crate::Linker), all active segments are applied before the first start
//! function runs. Tables that `wit-component` fills after the instantiation are filled before.
//!
//! One rule of the canonical ABI is not enforced: a function may call imports while it allocates
//! memory for parameters, and after it has returned.
//!
//! Components are untrusted: they are validated, and all work is bounded by the limits below,
//! however often parts are instantiated.
//!
//! # Files
//!
//! A file imports only files below it in this list.

// The core instances, linked.
mod merge;

// Imports of core instances, and the modules that serve them.
mod connect;

// Trampolines of `wit-component`, replaced by the functions that they call.
mod shim;

// Imports, exports and functions of a core module.
mod surface;

// Instantiation without running.
mod instantiate;

// Imports of WASI preview 2.
mod imports;

// Functions of the canonical ABI.
mod canonical;

// Values of index spaces.
mod values;

// Definitions, in the order of the bytes.
mod definitions;

// Types of exported functions, as the validator knows them.
mod read_types;

// Reasons for not flattening.
mod error;

// Reasons for refusing a function.
mod unsupported;

// Types of WIT.
mod wit_type;

use std::fmt;

use crate::linker::{AmbientInputs, BYTES_MAX};
use definitions::Definitions;
pub use error::ComponentError;
use instantiate::instantiate;
pub use unsupported::Unsupported;
pub(crate) use wit_type::{FLAT_PARAMETERS_MAX, FLAT_RESULTS_MAX, case_size, core_type};
pub use wit_type::{Layout, WitType};

/// Maximum number of levels of components that are nested in, or instantiate, each other.
pub const DEPTH_MAX: usize = 64;

/// Maximum number of definitions, arguments and exports that are evaluated.
pub const DEFINITIONS_MAX: usize = 1_000_000;

/// Maximum number of instances of core modules.
pub const CORE_INSTANCES_MAX: usize = 900;

/// Maximum size of the names of all imports of core instances, and of all exported functions, in
/// bytes. Names are written out for each of them.
pub const NAME_BYTES_MAX: usize = 32 << 20;

/// Maximum number of types in the signatures of all exported functions, written out.
pub const TYPES_MAX: usize = 100_000;

/// Maximum number of levels of types in a parameter or a result.
pub const TYPE_DEPTH_MAX: usize = 64;

/// Encoding of the strings of a function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StringEncoding {
    /// UTF-8.
    #[default]
    Utf8,
    /// UTF-16, little endian. Lengths are in code units.
    Utf16,
    /// Latin-1 or UTF-16, chosen by the highest bit of the length.
    Latin1OrUtf16,
}

/// Name of an exported function.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LiftedName {
    /// Name of the exported instance that has the function: `fusebox:udf/functions@1.0.0`. `None`
    /// for a function that the component itself exports.
    pub interface: Option<String>,
    /// Name of the function, in kebab case: `word-count`.
    pub name: String,
}

/// The name as core modules have it: `fusebox:udf/functions@1.0.0#word-count`.
impl fmt::Display for LiftedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.interface {
            Some(interface) => write!(f, "{interface}#{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// An exported function, as the merged module has it.
///
/// The core function takes and returns values as the canonical ABI of the component model
/// passes them to a lifted function: up to 16 core parameters and one result directly
/// ([`WitType::flat`]), others in memory. The memory and the functions of that ABI are exports
/// of the merged module.
#[derive(Clone, Debug)]
pub struct LiftedFunction {
    /// The name in the component.
    pub name: LiftedName,
    /// Names, in kebab case, and types of the parameters.
    pub parameters: Vec<(String, WitType)>,
    /// Type of the result.
    pub result: Option<WitType>,
    /// Name of the export that is the function.
    pub core_export: String,
    /// Name of the export that is the memory, if the function needs one.
    pub memory: Option<String>,
    /// Name of the export that allocates memory: `(address, bytes, alignment, new bytes) ->
    /// address`. Parameters in memory are stored in blocks of it.
    pub realloc: Option<String>,
    /// Name of the export to call with the core results, once they have been read.
    pub post_return: Option<String>,
    /// Encoding of strings.
    pub encoding: StringEncoding,
    /// Inputs other than the parameters.
    pub ambient_inputs: AmbientInputs,
}

/// A component, flattened.
#[derive(Clone, Debug)]
pub struct Component {
    /// The merged core module. It imports nothing but the log of `fusebox`, and has the exports
    /// of [`wasi`](crate::wasi) as far as it needs them.
    pub module: Vec<u8>,
    /// The exported functions that can be called, in the order of the exports; those of an
    /// exported instance by name.
    pub functions: Vec<LiftedFunction>,
    /// The others, each with the reason.
    pub refused: Vec<(LiftedName, Unsupported)>,
}

impl Component {
    /// Returns true if bytes begin as a component does, and not as a core module.
    pub fn is_component(bytes: &[u8]) -> bool {
        wasmparser::Parser::is_component(bytes)
    }

    /// Flattens a component. The same component gives the same bytes.
    ///
    /// # Errors
    ///
    /// See [`ComponentError`]. A component of which some exported functions can be called, and
    /// others cannot, is not an error.
    pub fn flatten(bytes: &[u8]) -> Result<Self, ComponentError> {
        if bytes.len() > BYTES_MAX {
            return Err(ComponentError::TooLarge {
                bytes: bytes.len(),
                bytes_max: BYTES_MAX,
            });
        }
        let definitions = Definitions::of(bytes)?;
        let instantiated = instantiate(&definitions)?;
        merge::merge(&definitions, &instantiated)
    }
}
