//! Validation of a module.

use fusebox_definition::ModuleError;
use fusebox_instrument::{Error as InstrumentError, FEATURES, check_arities};
use wasmparser::types::Types;
use wasmparser::{Encoding, Parser, Payload, ValidPayload, Validator};

use super::decode::kind_of_file;

/// Time at which the bodies of functions are validated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bodies {
    /// With everything else.
    Now,
    /// By the instrumentation, before they are compiled: they were validated when the module was
    /// created, or are parts of modules that were. Of a module whose compiled code is cached, that
    /// is most of the work.
    Later,
}

/// Validates a module in the binary format.
pub(super) fn validate(binary: &[u8], bodies: Bodies) -> Result<Types, ModuleError> {
    match Parser::new(0).parse_all(binary).next() {
        Some(Ok(Payload::Version {
            encoding: Encoding::Component,
            ..
        })) => return Err(ModuleError::Invalid("it is a component".to_owned())),
        Some(Ok(_)) => {}
        _ => {
            return Err(ModuleError::NotWasm {
                found: kind_of_file(binary),
            });
        }
    }
    let mut validator = Validator::new_with_features(FEATURES);
    if bodies == Bodies::Later {
        let mut types = None;
        for payload in Parser::new(0).parse_all(binary) {
            let payload = payload.map_err(invalid)?;
            if let ValidPayload::End(found) = validator.payload(&payload).map_err(invalid)? {
                types = Some(found);
            }
        }
        let unfinished = || ModuleError::Invalid("it has no end".to_owned());
        return types.ok_or_else(unfinished);
    }
    match check_arities(binary) {
        // The validator's message is about what is wrong, not only where.
        Ok(()) | Err(InstrumentError::Invalid { .. }) => {}
        Err(error) => return Err(ModuleError::Instrument(error.to_string())),
    }
    validator.validate_all(binary).map_err(invalid)
}

/// Converts an error of the parser.
pub(super) fn invalid(error: wasmparser::BinaryReaderError) -> ModuleError {
    ModuleError::Invalid(format!(
        "{} at offset {:#x}",
        error.message(),
        error.offset()
    ))
}
