//! Plain functions: exports over numbers, which get a driver.

use std::sync::Arc;

use arrow_schema::DataType;
use fusebox_definition::{Definition, Kind, ModuleError, SqlType, Volatility};
use fusebox_linker::plain::{PlainFunction, PlainType};

use super::linking::{input, refused, wasi};
use super::loaded::LoadedModule;

/// Returns the module of a plain function with its driver; `None` if the module exports a column
/// function, or no function of that name.
///
/// # Errors
///
/// [`ModuleError::PlainType`] if the types of the export do not fit the signature, and
/// [`ModuleError::Ambient`] if it reads clock or random numbers and is immutable.
pub(crate) fn with_driver(
    module: &LoadedModule,
    definition: &Definition,
) -> Result<Option<Arc<LoadedModule>>, ModuleError> {
    let inspection = module.inspection();
    let Some(export) = inspection.plain_function(&definition.symbol) else {
        return Ok(None);
    };
    if definition.kind != Kind::Scalar {
        return Ok(None);
    }
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
    let types = |arguments: &[PlainType], returns: &[PlainType]| {
        let list = |types: &[PlainType]| {
            let types: Vec<_> = types.iter().map(|ty| ty.wasm().to_string()).collect();
            types.join(", ")
        };
        match returns {
            [one] => format!("({}) -> {}", list(arguments), one.wasm()),
            _ => format!("({}) -> ({})", list(arguments), list(returns)),
        }
    };
    let mismatch = |expected: &str| ModuleError::PlainType {
        export: definition.symbol.clone(),
        mismatch: format!(
            "{export}, and does not fit ({}) RETURNS {}: expected {expected}",
            signature.argument_types(),
            SqlType(&signature.returns)
        ),
    };
    let (Some(arguments), Some(returns)) = (arguments, returns) else {
        return Err(mismatch("numbers, BOOLEAN, dates and times"));
    };
    let inputs = Inputs::of(module, definition)?;
    let function = PlainFunction {
        name: &definition.symbol,
        parameters: export.parameters(),
        results: export.results(),
        arguments: &arguments,
        returns: &returns,
        return_names: &names,
        has_memory: inspection.has_memory(),
        has_initialize: inspection.exports(fusebox_abi::EXPORT_INITIALIZE),
        has_row: inputs.has_row,
    };
    if !function.fits() {
        return Err(mismatch(&types(&arguments, &returns)));
    }
    let linked = function.link(&inputs.code).map_err(refused)?;
    // Its size is bounded by that of the module, which was checked.
    LoadedModule::new(&linked, u64::MAX).map(Some)
}

/// Code of a plain function's module, with what it reads beside its arguments.
struct Inputs {
    code: Arc<[u8]>,
    has_row: bool,
}

impl Inputs {
    fn of(module: &LoadedModule, definition: &Definition) -> Result<Self, ModuleError> {
        let plain = Self {
            code: Arc::clone(module.code()),
            has_row: false,
        };
        if !module.is_linked() {
            return Ok(plain);
        }
        let linker = wasi(module.bytes())?;
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
            code: Arc::from(linker.link().map_err(refused)?),
            has_row: true,
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
    let linker = wasi(module.bytes())?;
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

/// Returns the type of a column's values, if they are numbers to a plain function.
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
        _ => return None,
    })
}
