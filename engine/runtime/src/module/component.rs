//! Components: flattened to one core module, whose functions get a driver each.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Fields};
use fusebox_definition::{
    Definition, Identifier, Kind, Literal, ModuleError, Reset, SqlType, Volatility, sql_types,
};
use fusebox_linker::component::{Component, LiftedFunction};
use fusebox_linker::lifted::{ColumnField, ColumnType, DriverSet, LiftedDriver};

use super::linking::{input, refused};

/// Functions of a component.
#[derive(Debug)]
pub(super) struct ComponentFunctions {
    /// Those that can be called, by symbol: their name in the component.
    functions: BTreeMap<String, Lifted>,
    /// The others, each with the reason.
    refused: BTreeMap<String, String>,
    /// Functions that are linked and compiled together.
    sets: Vec<DriverSet>,
}

/// Functions of a component that are linked and compiled together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SetKey {
    number: usize,
    /// True if each call has one row, after which the guest is reset.
    has_single_rows: bool,
}

#[derive(Debug)]
struct Lifted {
    /// Number of its set.
    set: usize,
    arguments: Vec<(String, DataType)>,
    returns: DataType,
    /// Input beside the arguments.
    input: Option<&'static str>,
}

/// Component as a core module.
pub(super) struct Flattened {
    pub(super) code: Vec<u8>,
    pub(super) functions: ComponentFunctions,
}

/// Flattens a component.
///
/// # Errors
///
/// [`ModuleError::Component`] if it cannot be flattened, or has no function that can be called.
pub(super) fn flatten(bytes: &[u8]) -> Result<Flattened, ModuleError> {
    let component = Component::flatten(bytes);
    let component = component.map_err(|error| ModuleError::Component(error.to_string()))?;
    let refused = component.refused.iter();
    let mut functions = ComponentFunctions {
        functions: BTreeMap::new(),
        refused: refused
            .map(|(name, reason)| (name.to_string(), reason.to_string()))
            .collect(),
        sets: Vec::new(),
    };
    let mut drivers = BTreeMap::new();
    for function in &component.functions {
        if let Some(driver) = functions.add(function) {
            drivers.insert(function.name.to_string(), driver);
        }
    }
    functions.divide(drivers);
    if functions.functions.is_empty() {
        let reasons = functions.refused.iter();
        let reasons: Vec<_> = reasons
            .map(|(name, reason)| format!("`{name}` {reason}"))
            .collect();
        let reasons = match reasons.is_empty() {
            true => "it exports none",
            false => &reasons.join("; "),
        };
        return Err(ModuleError::Component(format!(
            "it exports no function that can be called: {reasons}"
        )));
    }
    Ok(Flattened {
        code: component.module,
        functions,
    })
}

impl ComponentFunctions {
    /// Adds a function, and returns its driver if it can be called.
    fn add(&mut self, function: &LiftedFunction) -> Option<LiftedDriver> {
        let symbol = function.name.to_string();
        match LiftedDriver::new(function) {
            Ok(driver) => {
                let arguments = driver.arguments().into_iter().map(|field| {
                    let data_type = data_type(&field.ty);
                    (field.name, data_type)
                });
                let lifted = Lifted {
                    arguments: arguments.collect(),
                    returns: data_type(&driver.result().ty),
                    set: 0,
                    input: input(function.ambient_inputs),
                };
                self.functions.insert(symbol, lifted);
                Some(driver)
            }
            Err(reason) => {
                self.refused.insert(symbol, reason.to_string());
                None
            }
        }
    }

    /// Divides the functions into sets.
    fn divide(&mut self, drivers: BTreeMap<String, LiftedDriver>) {
        self.sets = DriverSet::divide(drivers);
        for (number, set) in self.sets.iter().enumerate() {
            for symbol in set.symbols() {
                if let Some(lifted) = self.functions.get_mut(symbol) {
                    lifted.set = number;
                }
            }
        }
    }

    /// Returns the symbols of the functions that can be called, sorted.
    pub(super) fn symbols(&self) -> Vec<String> {
        self.functions.keys().cloned().collect()
    }

    /// Returns the functions that cannot be called, each with the reason, sorted.
    pub(super) fn refused(&self) -> Vec<(String, String)> {
        let refused = self.refused.iter();
        refused
            .map(|(name, reason)| (name.clone(), reason.clone()))
            .collect()
    }

    /// Declares the functions, as the section `fusebox.functions` of a core module does.
    pub(super) fn declarations(&self) -> String {
        let mut text = String::new();
        let names = sql_names(self.functions.keys());
        for ((symbol, lifted), name) in self.functions.iter().zip(names) {
            let mut names = BTreeSet::new();
            let arguments = lifted.arguments.iter().map(|(name, data_type)| {
                let name = sql_name(name);
                // One that another has already is left out.
                match names.insert(name.clone()) {
                    true => format!("{} {}", Identifier(&name), SqlType(data_type)),
                    false => SqlType(data_type).to_string(),
                }
            });
            let arguments: Vec<_> = arguments.collect();
            let volatility = match lifted.input {
                Some(_) => "STABLE",
                None => "IMMUTABLE",
            };
            let _ = writeln!(
                text,
                "CREATE FUNCTION {}({}) RETURNS {} {volatility} LANGUAGE WASM EXPORT {};",
                Identifier(&name),
                arguments.join(", "),
                SqlType(&lifted.returns),
                Literal(symbol),
            );
        }
        text
    }

    /// Returns the set of a function, whose signature must fit.
    ///
    /// # Errors
    ///
    /// [`ModuleError::ComponentFunction`] if the component has no such function, or it does not
    /// fit the signature, and [`ModuleError::Ambient`] if it reads clock or random numbers and is
    /// immutable.
    pub(super) fn set(&self, definition: &Definition) -> Result<SetKey, ModuleError> {
        let symbol = &definition.symbol;
        let Some(lifted) = self.functions.get(symbol) else {
            return Err(self.missing(symbol));
        };
        let signature = &definition.signature;
        let problem = |problem: String| {
            Err(ModuleError::ComponentFunction {
                export: symbol.clone(),
                problem,
            })
        };
        if let Some(abi) = definition.abi {
            return problem(format!(
                "is a function of a component, expected none for abi = '{abi}': leave the option out"
            ));
        }
        let types = sql_types(lifted.arguments.iter().map(|(_, data_type)| data_type));
        let returns = SqlType(&lifted.returns).to_string();
        let stated = (
            signature.argument_types(),
            SqlType(&signature.returns).to_string(),
        );
        if definition.kind != Kind::Scalar || stated != (types.clone(), returns.clone()) {
            let (stated, stated_returns) = stated;
            return problem(format!(
                "is of ({types}) RETURNS {returns}, and does not fit ({stated}) RETURNS \
                 {stated_returns}"
            ));
        }
        if let Some(input) = lifted.input
            && definition.volatility == Volatility::Immutable
        {
            return Err(ModuleError::Ambient {
                export: symbol.clone(),
                input,
            });
        }
        Ok(SetKey {
            number: lifted.set,
            has_single_rows: definition.reset == Reset::Row,
        })
    }

    /// Links the functions of a set to the module `code`, and tells whether one of them may read
    /// the clock.
    ///
    /// # Errors
    ///
    /// [`ModuleError::Link`] if the linked module would be too large.
    pub(super) fn link(&self, code: &[u8], key: SetKey) -> Result<(Vec<u8>, bool), ModuleError> {
        let set = &self.sets[key.number];
        let linked = match key.has_single_rows {
            true => set.clone().for_single_rows().link(code),
            false => set.link(code),
        };
        Ok((linked.map_err(refused)?, set.ambient_inputs().clock))
    }

    fn missing(&self, symbol: &str) -> ModuleError {
        match self.refused.get(symbol) {
            Some(problem) => ModuleError::ComponentFunction {
                export: symbol.to_owned(),
                problem: problem.clone(),
            },
            None => ModuleError::NoExport {
                export: symbol.to_owned(),
                available: self.symbols(),
                kind: None,
            },
        }
    }
}

/// Chooses different names for functions. One of the component itself keeps its name; one of an
/// interface that shares its name with another has that of the interface before it, and if that is
/// taken too, a number behind it.
fn sql_names<'a>(symbols: impl Iterator<Item = &'a String> + Clone) -> Vec<String> {
    let mut uses: BTreeMap<String, usize> = BTreeMap::new();
    for symbol in symbols.clone() {
        *uses.entry(sql_name(function_name(symbol))).or_default() += 1;
    }
    let own = |symbol: &&String| !symbol.contains('#');
    let own = symbols.clone().filter(own);
    let mut taken: BTreeSet<String> = own.map(|symbol| sql_name(symbol)).collect();
    let name = |symbol: &String| {
        if !symbol.contains('#') {
            return sql_name(symbol);
        }
        let short = sql_name(function_name(symbol));
        let long = match uses[&short] {
            1 => short,
            _ => format!("{}_{short}", sql_name(interface_name(symbol))),
        };
        let numbers = std::iter::once(String::new());
        let mut endings = numbers.chain((2_u32..).map(|number| format!("_{number}")));
        let free = endings.find_map(|ending| {
            let name = format!("{long}{ending}");
            taken.insert(name.clone()).then_some(name)
        });
        free.unwrap_or(long)
    };
    symbols.map(name).collect()
}

/// Returns the name of the function in a symbol.
fn function_name(symbol: &str) -> &str {
    symbol.rsplit_once('#').map_or(symbol, |(_, name)| name)
}

/// Returns the name of the interface in a symbol, without package and version.
fn interface_name(symbol: &str) -> &str {
    let interface = symbol.rsplit_once('#').map_or("", |(name, _)| name);
    let interface = interface
        .rsplit_once('/')
        .map_or(interface, |(_, name)| name);
    interface
        .split_once('@')
        .map_or(interface, |(name, _)| name)
}

/// Converts a name in kebab case, whose words are of one case each.
fn sql_name(name: &str) -> String {
    name.replace('-', "_").to_ascii_lowercase()
}

/// Converts the type of a column.
fn data_type(ty: &ColumnType) -> DataType {
    match ty {
        ColumnType::Boolean => DataType::Boolean,
        ColumnType::Int8 => DataType::Int8,
        ColumnType::Int16 => DataType::Int16,
        ColumnType::Int32 => DataType::Int32,
        ColumnType::Int64 => DataType::Int64,
        ColumnType::UInt8 => DataType::UInt8,
        ColumnType::UInt16 => DataType::UInt16,
        ColumnType::UInt32 => DataType::UInt32,
        ColumnType::UInt64 => DataType::UInt64,
        ColumnType::Float32 => DataType::Float32,
        ColumnType::Float64 => DataType::Float64,
        ColumnType::Utf8 => DataType::Utf8View,
        ColumnType::Binary => DataType::Binary,
        ColumnType::List(item) => DataType::List(Arc::new(field(item))),
        ColumnType::Struct(fields) => {
            DataType::Struct(fields.iter().map(field).collect::<Fields>())
        }
    }
}

/// Converts a part of a column. SQL has no types of columns without nulls.
fn field(part: &ColumnField) -> Field {
    Field::new(sql_name(&part.name), data_type(&part.ty), true)
}
