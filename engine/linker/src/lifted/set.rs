//! Drivers of several functions of a component, in one module.

use std::borrow::Cow;

use fusebox_abi::{
    EXPORT_ALLOC, EXPORT_FUNCTION_PREFIX, EXPORT_VERSION, IMPORT_MODULE, IMPORT_ROW_BEGIN,
    IMPORT_ROW_END, IMPORT_ROW_PAUSE, IMPORT_ROW_RESUME,
};

use super::writer::{Current, Writer};
use super::{COMPONENT_MODULE, LiftedDriver, REALLOC};
use crate::driver::{Parts, with_open_memory};
use crate::error::Error;
use crate::linker::{AmbientInputs, Linker};

/// Number of types from which on the next function begins another set: it bounds the text of a
/// driver.
const SET_TYPES: usize = 256;

/// Functions of a component whose drivers are linked to its module together, so that the module is
/// compiled once for all of them.
#[derive(Clone, Debug)]
pub struct DriverSet {
    /// Symbols and drivers; at least one.
    functions: Vec<(String, LiftedDriver)>,
    /// Numbers of nodes and of groups so far.
    nodes: usize,
    groups: usize,
}

impl DriverSet {
    /// Divides functions of one component into sets. Those of a set have the same encoding of text,
    /// the same allocator if they name one, and 256 types in all, unless one function alone has
    /// more.
    pub fn divide(functions: impl IntoIterator<Item = (String, LiftedDriver)>) -> Vec<Self> {
        let mut sets: Vec<Self> = Vec::new();
        for (symbol, driver) in functions {
            match sets.iter_mut().find(|set| set.has_room_for(&driver)) {
                Some(set) => set.add(symbol, driver),
                None => sets.push(Self::of_one(&symbol, &driver)),
            }
        }
        sets
    }

    pub(super) fn of_one(symbol: &str, driver: &LiftedDriver) -> Self {
        let mut set = Self {
            functions: Vec::new(),
            nodes: 0,
            groups: 0,
        };
        set.add(symbol.to_owned(), driver.clone());
        set
    }

    /// The symbols of the functions.
    pub fn symbols(&self) -> impl Iterator<Item = &str> {
        self.functions.iter().map(|(symbol, _)| symbol.as_str())
    }

    /// Returns what the functions may read beside their arguments.
    pub fn ambient_inputs(&self) -> AmbientInputs {
        let mut all = AmbientInputs::default();
        for (_, driver) in &self.functions {
            all.clock |= driver.function.ambient_inputs.clock;
            all.random |= driver.function.ambient_inputs.random;
        }
        all
    }

    /// Expects calls of one row, as [`LiftedDriver::for_single_rows`] does.
    #[must_use]
    pub fn for_single_rows(mut self) -> Self {
        for (_, driver) in &mut self.functions {
            driver.has_single_rows = true;
        }
        self
    }

    fn has_room_for(&self, driver: &LiftedDriver) -> bool {
        let realloc = self.realloc().zip(driver.function.realloc.as_deref());
        self.nodes + driver.nodes <= SET_TYPES
            && realloc.is_none_or(|(one, other)| one == other)
            && self.functions.iter().all(|(_, other)| {
                other.function.encoding == driver.function.encoding
                    && other.has_single_rows == driver.has_single_rows
            })
    }

    /// Returns the allocator of the functions that name one.
    fn realloc(&self) -> Option<&str> {
        let mut functions = self.functions.iter();
        functions.find_map(|(_, driver)| driver.function.realloc.as_deref())
    }

    fn add(&mut self, symbol: String, mut driver: LiftedDriver) {
        for node in driver.arguments.iter_mut().chain([&mut driver.result]) {
            node.renumber(self.nodes, self.groups);
        }
        self.nodes += driver.nodes;
        self.groups += driver.groups;
        self.functions.push((symbol, driver));
    }

    /// Links the drivers to the module of the component. The result exports a scalar function of
    /// ABI 1 for each symbol. Clock and random numbers begin again at each row; the exports by
    /// which a host sets their beginning are left out.
    ///
    /// # Errors
    ///
    /// Those of [`Linker::link`].
    pub fn link(&self, module: &[u8]) -> Result<Vec<u8>, Error> {
        let parts = Parts::of(module, REALLOC)?;
        let driver = wat::parse_str(self.text(parts)).map_err(|error| Error::Invalid {
            place: "the driver".to_owned(),
            message: error.to_string(),
            offset: 0,
        })?;
        let opened = match parts.memory {
            true => Cow::Owned(with_open_memory(module)?),
            false => Cow::Borrowed(module),
        };
        let place = "the component".to_owned();
        Linker::new("driver", &driver)?
            .with_host_main()
            .provide_part(COMPONENT_MODULE, place, &opened, true)?
            .hide_reserved_exports()
            .link()
    }

    /// Returns the driver in the text format.
    fn text(&self, parts: Parts) -> String {
        let Some((_, first)) = self.functions.first() else {
            return String::new();
        };
        // The allocator of another function of the component knows of the memory, too.
        let realloc = self.realloc().or(parts.function.then_some(REALLOC));
        let mut writer = Writer::new(first, realloc);
        let functions = self.functions.iter().enumerate();
        let functions: Vec<_> = functions
            .map(|(number, (symbol, driver))| (symbol, Current::new(number, driver)))
            .collect();
        writer.line("(module");
        writer.line(format!(
            "(import \"{IMPORT_MODULE}\" \"{IMPORT_ROW_BEGIN}\" (func $row_begin (param i32)))\n\
             (import \"{IMPORT_MODULE}\" \"{IMPORT_ROW_END}\" (func $row_end (param i32)))\n\
             (import \"{IMPORT_MODULE}\" \"{IMPORT_ROW_PAUSE}\" (func $row_pause (param i32)))\n\
             (import \"{IMPORT_MODULE}\" \"{IMPORT_ROW_RESUME}\" (func $row_resume))"
        ));
        writer.shared_imports(self.ambient_inputs());
        for (_, current) in &functions {
            writer.current = *current;
            writer.function_imports();
        }
        writer.line(match parts.memory {
            true => format!("(import \"{COMPONENT_MODULE}\" \"memory\" (memory 0))"),
            false => "(memory 0)".to_owned(),
        });
        writer.line(format!(
            "(func (export \"{EXPORT_VERSION}\"))\n\
             (export \"{EXPORT_ALLOC}\" (func $alloc)) (export \"memory\" (memory 0))"
        ));
        writer.common();
        for (symbol, current) in functions {
            writer.current = current;
            writer.read_arguments();
            writer.lowering();
            writer.builders();
            writer.lifting();
            writer.finish();
            writer.exported_function(&format!("{EXPORT_FUNCTION_PREFIX}{symbol}"));
        }
        writer.cases();
        let items = writer.messages.items();
        writer.line(items);
        writer.line(")");
        writer.text
    }
}
