//! Signatures that can be called.

use arrow_schema::{DECIMAL128_MAX_PRECISION, DataType};
use fusebox_definition::{
    ANY_DECIMAL, Argument, Definition, Kind, OnError, Reset, Reuse, SqlType, StatementError,
    Volatility, check_parameters, check_type,
};
use fusebox_marshal::Layout;

/// Maximum number of arguments.
const ARGUMENTS_MAX: usize = 255;

/// Checks that every column of a function has a layout in linear memory, and the rules
/// of its kind.
pub(crate) fn check_signature(definition: &Definition) -> Result<(), StatementError> {
    let signature = &definition.signature;
    if signature.arguments.len() > ARGUMENTS_MAX {
        return Err(StatementError::Arity {
            found: signature.arguments.len(),
            max: ARGUMENTS_MAX,
        });
    }
    check_parameters(&signature.arguments)?;
    for argument in &signature.arguments {
        check_layout(&argument.data_type)?;
    }
    for column in &definition.state {
        if column.data_type == ANY_DECIMAL {
            let rule = "is DECIMAL(*) in a state, which has one type";
            return Err(StatementError::TypeRule(rule));
        }
        check_layout(&column.data_type)?;
    }
    if definition.kind == Kind::Aggregate && signature.arguments.is_empty() {
        return Err(StatementError::NoArguments);
    }
    if definition.reset == Reset::Row && definition.kind != Kind::Scalar {
        return Err(StatementError::Reset(definition.kind.name()));
    }
    if definition.on_error == OnError::Null && definition.kind != Kind::Scalar {
        return Err(StatementError::OnError(definition.kind.name()));
    }
    check_reuse(definition)?;
    if definition.abi.is_some() && definition.kind != Kind::Scalar {
        return Err(StatementError::Abi(definition.kind.name()));
    }
    if definition.kind != Kind::Aggregate && !definition.state.is_empty() {
        return Err(StatementError::UnexpectedState);
    }
    if definition.kind == Kind::Table && !matches!(signature.returns, DataType::Struct(_)) {
        return Err(StatementError::Undeclared("columns of RETURNS TABLE"));
    }
    let any = |argument: &Argument| argument.data_type == ANY_DECIMAL;
    if signature.returns == ANY_DECIMAL && !signature.arguments.iter().any(any) {
        let rule = "is DECIMAL(*) and follows from no argument";
        return Err(StatementError::TypeRule(rule));
    }
    check_layout(&signature.returns)
}

/// Checks the use of earlier answers, but for the rule that the guest begins rows.
fn check_reuse(definition: &Definition) -> Result<(), StatementError> {
    if definition.reuse != Reuse::Auto && definition.kind != Kind::Scalar {
        return Err(StatementError::ReuseKind(definition.kind.name()));
    }
    let reason = match (definition.volatility, definition.on_error) {
        _ if definition.reuse != Reuse::Always => return Ok(()),
        (Volatility::Immutable, OnError::Fail) => return Ok(()),
        (Volatility::Immutable, _) => "has on_error = 'null' too, which counts each row that fails",
        (Volatility::Stable, _) => "is STABLE",
        _ => "is VOLATILE",
    };
    Err(StatementError::Reuse { reason })
}

fn check_layout(data_type: &DataType) -> Result<(), StatementError> {
    // Our parser has checked the type; DataFusion's accepts more.
    check_type(data_type)?;
    // All decimals of 128 bits have one layout.
    let concrete = match *data_type == ANY_DECIMAL {
        true => &DataType::Decimal128(DECIMAL128_MAX_PRECISION, 0),
        false => data_type,
    };
    match Layout::of(concrete) {
        Some(_) => Ok(()),
        None => Err(StatementError::Type(SqlType(data_type).to_string())),
    }
}
