//! Plain functions: exports over numbers, text and bytes, which get a driver.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_schema::DataType;
use fusebox_definition::{
    Definition, Digest, Kind, ModuleError, PlainAbi, SqlType, Subject, Volatility,
};
use fusebox_linker::plain::{PlainFunction, PlainType, TextConvention};

use super::inspect::Inspection;
use super::linking::{Wasi, input, refused};
use super::loaded::LoadedModule;
use crate::error::Error;
use crate::sandbox::DriverTraits;

/// Returns the module of a plain function, or of a function of a component, with its driver; `None`
/// if the module exports a column function, or no function of that name.
///
/// # Errors
///
/// [`ModuleError::PlainType`] if the types of the export do not fit the signature and the option
/// `abi`, [`ModuleError::ColumnAbi`] if a column function has this option, and
/// [`ModuleError::Ambient`] if it reads clock or random numbers and is immutable.
pub(crate) fn with_driver(
    module: &LoadedModule,
    definition: &Definition,
) -> Result<Option<Arc<LoadedModule>>, ModuleError> {
    if let Some(component) = module.component() {
        let set = component.set(definition)?;
        return module.driven_set(component, set).map(Some);
    }
    let inspection = module.inspection();
    if definition.kind != Kind::Scalar {
        return Ok(None);
    }
    let Some(export) = inspection.plain_function(&definition.symbol) else {
        check_column_function(inspection, definition)?;
        return Ok(None);
    };
    let signature = &definition.signature;
    let arguments: Option<Vec<_>> = signature
        .arguments
        .iter()
        .map(|argument| plain_type(&argument.data_type))
        .collect();
    let fields: Vec<DataType> = match &signature.returns {
        DataType::Struct(fields) => fields
            .iter()
            .map(|field| field.data_type().clone())
            .collect(),
        other => vec![other.clone()],
    };
    let returns: Option<Vec<_>> = fields.iter().map(plain_type).collect();
    let names: Vec<_> = fields.iter().map(|ty| SqlType(ty).to_string()).collect();
    let mismatch = |expected: &str| ModuleError::PlainType {
        export: definition.symbol.clone(),
        mismatch: format!(
            "{export}, and does not fit ({}) RETURNS {}: {expected}",
            signature.argument_types(),
            SqlType(&signature.returns)
        ),
    };
    let (Some(arguments), Some(returns)) = (arguments, returns) else {
        return Err(mismatch(EXPECTED_TYPES));
    };
    let inputs = Inputs::of(module, definition)?;
    let function = PlainFunction {
        name: &definition.symbol,
        parameters: export.parameters(),
        results: export.results(),
        arguments: &arguments,
        returns: &returns,
        return_names: &names,
        convention: definition.abi.and_then(convention),
        exports: &inspection.function_types(),
        has_memory: inspection.has_memory(),
        has_initialize: inspection.exports(fusebox_abi::EXPORT_INITIALIZE),
        has_row: inputs.has_row,
        has_clock: inputs.has_clock,
    };
    if function.lacks_convention() {
        return Err(mismatch(&missing_convention(&function)));
    }
    if let Some(expected) = function.mismatch() {
        return Err(mismatch(&expected));
    }
    let linked = function.link(&inputs.code).map_err(refused)?;
    let traits = DriverTraits {
        has_clock: inputs.has_clock,
        is_free_of_memory: linked.is_free_of_memory,
    };
    LoadedModule::driven(&linked.module, traits).map(Some)
}

impl LoadedModule {
    /// Returns the digest of the module that is compiled for a function: with its driver, and with
    /// what it imports, linked into it. It is the same for the same version of the weights.
    ///
    /// # Errors
    ///
    /// [`Error::Module`] for a module that does not serve the definition.
    pub fn linked_digest(&self, definition: &Definition) -> Result<Digest, Error> {
        let subject = Subject::Function(definition.name.clone());
        let driven = with_driver(self, definition);
        let code = driven.and_then(|driven| {
            let code = driven.as_deref().unwrap_or(self).code()?;
            Ok(Digest::of(&code))
        });
        code.map_err(|fault| Error::module(&subject, fault))
    }
}

/// Types of the columns of plain functions.
const EXPECTED_TYPES: &str = "expected numbers, BOOLEAN, dates, times, VARCHAR and BYTEA";

/// Checks that a function that is not plain has no option for plain ones.
fn check_column_function(
    inspection: &Inspection,
    definition: &Definition,
) -> Result<(), ModuleError> {
    let export = format!(
        "{}{}",
        fusebox_abi::EXPORT_FUNCTION_PREFIX,
        definition.symbol
    );
    match definition.abi {
        Some(abi) if inspection.exports(&export) => Err(ModuleError::ColumnAbi { export, abi }),
        _ => Ok(()),
    }
}

/// Options of definitions, and the conventions of drivers that they stand for.
const CONVENTIONS: [(PlainAbi, TextConvention); PlainAbi::ALL.len()] = [
    (PlainAbi::PtrLen, TextConvention::PtrLen),
    (PlainAbi::CString, TextConvention::CString),
    (PlainAbi::AssemblyScript, TextConvention::AssemblyScript),
    (PlainAbi::LengthPrefixed, TextConvention::LengthPrefixed),
    (PlainAbi::Canonical, TextConvention::Canonical),
];

/// Converts the option of a definition.
fn convention(abi: PlainAbi) -> Option<TextConvention> {
    let found = CONVENTIONS.iter().find(|(option, _)| *option == abi);
    found.map(|(_, convention)| *convention)
}

/// Asks for the option, and names the value that the module suggests.
fn missing_convention(function: &PlainFunction<'_>) -> String {
    let likely = function.likely_convention();
    let mut options = CONVENTIONS.iter();
    let likely = options.find(|(_, convention)| Some(*convention) == likely);
    let likely = likely.map_or_else(String::new, |(option, _)| {
        format!("; its exports suggest '{option}'")
    });
    format!(
        "expected WITH ({} = …) for text and bytes, {}, found none{likely}",
        PlainAbi::OPTION,
        PlainAbi::expected()
    )
}

/// Code of a plain function's module, with what it reads beside its arguments.
struct Inputs<'a> {
    code: Cow<'a, [u8]>,
    has_row: bool,
    has_clock: bool,
}

impl<'a> Inputs<'a> {
    fn of(module: &'a LoadedModule, definition: &Definition) -> Result<Self, ModuleError> {
        let plain = Self {
            code: module.code()?,
            has_row: false,
            has_clock: false,
        };
        if !module.is_linked() {
            return Ok(plain);
        }
        let wasi = Wasi::of(module.bytes())?;
        let linker = wasi.linker(module.bytes())?;
        let ambient = linker.ambient_inputs(&definition.symbol).map_err(refused)?;
        let Some(input) = input(ambient) else {
            return Ok(plain);
        };
        if definition.volatility == Volatility::Immutable {
            return Err(ModuleError::Ambient {
                export: definition.symbol.clone(),
                input,
            });
        }
        Ok(Self {
            code: Cow::Owned(linker.link().map_err(refused)?),
            has_row: true,
            has_clock: ambient.clock,
        })
    }
}

/// Refuses column functions that may read clock or random numbers: those begin again at each
/// row, and only a driver tells where that is.
pub(crate) fn check_inputs<'a>(
    module: &LoadedModule,
    exports: impl IntoIterator<Item = &'a str>,
) -> Result<(), ModuleError> {
    if !module.is_linked() {
        return Ok(());
    }
    let wasi = Wasi::of(module.bytes())?;
    let linker = wasi.linker(module.bytes())?;
    for export in exports {
        if let Some(input) = input(linker.ambient_inputs(export).map_err(refused)?) {
            return Err(ModuleError::ColumnInput {
                export: export.to_owned(),
                input,
            });
        }
    }
    Ok(())
}

/// Returns the type of a column's values, if a plain function takes them.
fn plain_type(data_type: &DataType) -> Option<PlainType> {
    Some(match data_type {
        DataType::Boolean => PlainType::Boolean,
        DataType::Int8 => PlainType::Int8,
        DataType::Int16 => PlainType::Int16,
        DataType::Int32 | DataType::Date32 | DataType::Time32(_) => PlainType::Int32,
        DataType::Int64
        | DataType::Date64
        | DataType::Time64(_)
        | DataType::Timestamp(..)
        | DataType::Duration(_) => PlainType::Int64,
        DataType::UInt8 => PlainType::UInt8,
        DataType::UInt16 => PlainType::UInt16,
        DataType::UInt32 => PlainType::UInt32,
        DataType::UInt64 => PlainType::UInt64,
        DataType::Float32 => PlainType::Float32,
        DataType::Float64 => PlainType::Float64,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => PlainType::Text,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => PlainType::Bytes,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_option_stands_for_one_convention() {
        for (abi, (option, convention_of)) in PlainAbi::ALL.into_iter().zip(CONVENTIONS) {
            assert_eq!(abi, option);
            assert_eq!(convention(abi), Some(convention_of));
            let same = CONVENTIONS.iter().filter(|(_, one)| *one == convention_of);
            assert_eq!(same.count(), 1, "{abi}");
        }
    }
}
