//! Codes of errors, as PostgreSQL's appendix A lists them.

use arrow::error::ArrowError;
use datafusion::common::{DataFusionError, SchemaError};
use fusebox::{Error, FileAccessError, LimitExceeded, StatementError, Subject};

use super::{CANCELLED, INTERNAL_ERROR, INVALID_AUTHORIZATION, INVALID_PARAMETER, IO_ERROR};
use super::{LIMIT_EXCEEDED, NOT_SUPPORTED, QUOTA_EXCEEDED};
use super::{SYNTAX_ERROR, UNDEFINED_OBJECT};

const INSUFFICIENT_PRIVILEGE: &str = "42501";
const OUT_OF_MEMORY: &str = "53200";
const STATEMENT_TOO_COMPLEX: &str = "54001";
const UNDEFINED_FILE: &str = "58P01";
const DUPLICATE_FILE: &str = "58P02";
const DEPENDENT_OBJECTS: &str = "2BP01";
const INVALID_FUNCTION_DEFINITION: &str = "42P13";
const UNDEFINED_FUNCTION: &str = "42883";
const AMBIGUOUS_FUNCTION: &str = "42725";
const UNDEFINED_TABLE: &str = "42P01";
const UNDEFINED_COLUMN: &str = "42703";
const OUT_OF_RANGE: &str = "22003";
const INVALID_TEXT: &str = "22P02";

/// Returns the code of an error.
pub(super) fn of_error(error: &Error) -> &'static str {
    match error {
        Error::Syntax(_) => SYNTAX_ERROR,
        Error::Refused { subject, reason } => of_refusal(subject, reason),
        Error::Module { .. } => INVALID_FUNCTION_DEFINITION,
        Error::Config(_) => INVALID_PARAMETER,
        Error::Catalog(_) => IO_ERROR,
        Error::Argument { .. } => OUT_OF_RANGE,
        // An external routine.
        Error::Failed { .. } => "38000",
        Error::Trap { .. } | Error::Abi { .. } => "39000",
        Error::Limit { limit, .. } => of_limit(limit),
        Error::Cancelled | Error::StatementTimeout { .. } => CANCELLED,
        Error::Query(cause) => match cause.downcast_ref::<DataFusionError>() {
            Some(error) => of_datafusion(error),
            None => INTERNAL_ERROR,
        },
        _ => INTERNAL_ERROR,
    }
}

fn of_refusal(subject: &Subject, reason: &StatementError) -> &'static str {
    match reason {
        StatementError::Exists | StatementError::ImportExists { .. } | StatementError::BuiltIn => {
            match subject {
                Subject::Function(_) => "42723",
                Subject::Table(_) | Subject::View(_) => "42P07",
                Subject::Schema(_) => "42P06",
                _ => "42710",
            }
        }
        StatementError::Missing | StatementError::Gone => match subject {
            Subject::Function(_) => UNDEFINED_FUNCTION,
            Subject::Table(_) | Subject::View(_) => UNDEFINED_TABLE,
            Subject::Schema(_) => "3F000",
            _ => UNDEFINED_OBJECT,
        },
        StatementError::Call { .. } | StatementError::NotUserDefined => UNDEFINED_FUNCTION,
        StatementError::NotUnique { .. } | StatementError::Ambiguous { .. } => AMBIGUOUS_FUNCTION,
        StatementError::TableGone => "40001",
        StatementError::InUse { .. }
        | StatementError::Needed { .. }
        | StatementError::SchemaNotEmpty { .. }
        | StatementError::SchemaNeeded { .. }
        | StatementError::DefaultSchema
        | StatementError::NotDroppable(_) => DEPENDENT_OBJECTS,
        StatementError::Privilege { .. }
        | StatementError::NotGranted { .. }
        | StatementError::Ceiling { .. }
        | StatementError::SettingCeiling { .. }
        | StatementError::SettingOfSession { .. }
        | StatementError::ReadOnly => INSUFFICIENT_PRIVILEGE,
        StatementError::SettingRange { .. }
        | StatementError::RoleSetting { .. }
        | StatementError::EmptyPassword
        | StatementError::PasswordVerifier { .. }
        | StatementError::Option { .. }
        | StatementError::OptionValue { .. } => INVALID_PARAMETER,
        StatementError::NameTaken if matches!(subject, Subject::Role(_)) => "42710",
        StatementError::ReservedRole => "42939",
        StatementError::RoleName { .. } => "42602",
        StatementError::RoleInUse => "55006",
        StatementError::RoleGone => INVALID_AUTHORIZATION,
        StatementError::CatalogFull { .. } | StatementError::FunctionQuota { .. } => QUOTA_EXCEEDED,
        StatementError::Path(error) | StatementError::Write(error) => of_file(error),
        StatementError::UnknownType(_) => UNDEFINED_OBJECT,
        StatementError::Base64(_) => INVALID_TEXT,
        _ => INVALID_FUNCTION_DEFINITION,
    }
}

fn of_file(error: &FileAccessError) -> &'static str {
    match error {
        FileAccessError::Denied | FileAccessError::ReadOnly | FileAccessError::Outside { .. } => {
            INSUFFICIENT_PRIVILEGE
        }
        FileAccessError::NotFound => UNDEFINED_FILE,
        FileAccessError::FolderNotEmpty { .. } => DUPLICATE_FILE,
        _ => IO_ERROR,
    }
}

fn of_limit(limit: &LimitExceeded) -> &'static str {
    match limit {
        LimitExceeded::Stack { .. } => STATEMENT_TOO_COMPLEX,
        LimitExceeded::MemoryPool { .. }
        | LimitExceeded::System { .. }
        | LimitExceeded::AddressSpace { .. } => OUT_OF_MEMORY,
        LimitExceeded::Instances { .. } | LimitExceeded::ProcessInstances { .. } => QUOTA_EXCEEDED,
        _ => LIMIT_EXCEEDED,
    }
}

/// Returns the code of an error of DataFusion.
pub(super) fn of_datafusion(error: &DataFusionError) -> &'static str {
    match error.find_root() {
        DataFusionError::SQL(..) => SYNTAX_ERROR,
        DataFusionError::NotImplemented(_) => NOT_SUPPORTED,
        DataFusionError::Configuration(_) => INVALID_PARAMETER,
        DataFusionError::ResourcesExhausted(_) => OUT_OF_MEMORY,
        DataFusionError::ObjectStore(_) | DataFusionError::IoError(_) => IO_ERROR,
        DataFusionError::SchemaError(error, _) => match error.as_ref() {
            SchemaError::AmbiguousReference { .. } => "42702",
            SchemaError::FieldNotFound { .. } => UNDEFINED_COLUMN,
            _ => "42701",
        },
        DataFusionError::Plan(message) => of_plan(message),
        DataFusionError::ArrowError(error, _) => of_arrow(error),
        DataFusionError::Execution(message) => of_execution(message),
        _ => INTERNAL_ERROR,
    }
}

/// Returns the code of an error of planning, which has nothing but its message.
fn of_plan(message: &str) -> &'static str {
    let has = |words: &[&str]| words.iter().all(|word| message.contains(word));
    match message {
        _ if has(&["table '", "' not found"]) => UNDEFINED_TABLE,
        _ if has(&["Invalid function"]) || has(&["function '", "does not exist"]) => {
            UNDEFINED_FUNCTION
        }
        _ if has(&["No function matches"]) || has(&["Failed to coerce arguments"]) => {
            UNDEFINED_FUNCTION
        }
        _ if has(&["GROUP BY"]) => "42803",
        _ if has(&["placeholder"]) || has(&["Placeholder"]) => "42P18",
        _ if has(&["Cannot coerce"]) || has(&["types"]) => "42804",
        // A syntax error or an access rule violation.
        _ => "42000",
    }
}

fn of_execution(message: &str) -> &'static str {
    match message {
        _ if message.contains("already exists") => "42P07",
        _ if message.contains("doesn't exist") => UNDEFINED_TABLE,
        _ if message.contains("does not exist") => UNDEFINED_OBJECT,
        _ if message.contains("expected at most one row of a subquery") => "21000",
        _ => "XX000",
    }
}

fn of_arrow(error: &ArrowError) -> &'static str {
    match error {
        ArrowError::DivideByZero => "22012",
        ArrowError::CastError(_) | ArrowError::ParseError(_) => INVALID_TEXT,
        ArrowError::ArithmeticOverflow(_) => OUT_OF_RANGE,
        ArrowError::ComputeError(message) if message.contains("verflow") => OUT_OF_RANGE,
        ArrowError::InvalidArgumentError(_) => INVALID_PARAMETER,
        ArrowError::CsvError(_) | ArrowError::JsonError(_) => "22P04",
        ArrowError::IoError(..) => IO_ERROR,
        ArrowError::MemoryError(_) => OUT_OF_MEMORY,
        ArrowError::NotYetImplemented(_) => NOT_SUPPORTED,
        _ => INTERNAL_ERROR,
    }
}
