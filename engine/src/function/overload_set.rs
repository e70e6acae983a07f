//! Overload resolution.
//!
//! A call resolves to the overload that accepts its argument types as they are; failing
//! that, to the only one that they coerce to, or of several to the one whose types coerce
//! to those of each other. If an argument is an untyped NULL and there is no such one, it
//! resolves to the one that the types of each other coerce to. So the order of creation
//! does not matter.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::{Signature, Volatility as DfVolatility};

use fusebox_definition::{
    SqlType, StatementError, Subject, Volatility, argument_lists, canonical_type,
};
use fusebox_runtime::{Error, WasmFunction, accepts, result_type};

use super::coercion::{coerced, loss};

/// Overloads of one name, at least one.
///
/// Two sets are equal if their definitions are. Digest and limits are part of those, so a
/// plan never confuses a function with its replacement.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct OverloadSet {
    overloads: Vec<Overload>,
    signature: Signature,
}

/// One overload.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Overload {
    types: Vec<DataType>,
    pub(super) function: Arc<WasmFunction>,
}

impl Overload {
    /// Returns the type of the result for arguments that it accepts.
    pub(super) fn returns(&self, given: &[DataType]) -> DataType {
        let declared = &self.function.definition().signature.returns;
        result_type(declared, &self.types, given)
    }
}

impl OverloadSet {
    pub(super) fn new(functions: Vec<Arc<WasmFunction>>) -> Self {
        // DataFusion has one volatility for a name.
        let volatility = |volatility| {
            let mut definitions = functions.iter().map(|function| function.definition());
            definitions.any(|definition| definition.volatility == volatility)
        };
        let volatility = if volatility(Volatility::Volatile) {
            DfVolatility::Volatile
        } else if volatility(Volatility::Stable) {
            DfVolatility::Stable
        } else {
            DfVolatility::Immutable
        };
        let overload = |function: Arc<WasmFunction>| Overload {
            types: function.definition().signature.types(),
            function,
        };
        Self {
            overloads: functions.into_iter().map(overload).collect(),
            // DataFusion would cast arguments in other layouts, which need no cast.
            signature: Signature::user_defined(volatility),
        }
    }

    /// Returns the overload that accepts these types as they are.
    fn exact(&self, given: &[DataType]) -> Option<&Overload> {
        let mut accepting = self.overloads.iter().filter(|o| accepts(&o.types, given));
        // An overload of this decimal precedes one of DECIMAL(*).
        let same = self.overloads.iter().find(|o| o.types == given);
        same.or_else(|| accepting.next())
    }

    /// Returns the types that the arguments of a call are coerced to.
    fn coerce(&self, given: &[DataType]) -> Result<Vec<DataType>, StatementError> {
        if self.exact(given).is_some() {
            return Ok(given.to_vec());
        }
        let declared = self.overloads.iter().map(|o| &o.types[..]);
        let mut candidates: Vec<_> = declared
            .filter_map(|declared| Some((declared, coerced(declared, given)?)))
            .collect();
        let least = candidates.iter().map(|c| loss(c.0, given)).min();
        candidates.retain(|c| Some(loss(c.0, given)) == least);
        let declared = || candidates.iter().map(|c| c.0);
        let leads = |from: &[DataType], to: &[DataType]| coerced(to, from).is_some();
        let closest = only(&candidates, |c| declared().all(|other| leads(c.0, other)));
        let widest = || only(&candidates, |c| declared().all(|other| leads(other, c.0)));
        let has_null = given.iter().any(DataType::is_null);
        match closest.or_else(|| widest().filter(|_| has_null)) {
            Some((_, types)) => Ok(types.clone()),
            None if candidates.is_empty() => Err(self.mismatch(given)),
            None => Err(StatementError::Ambiguous {
                given: argument_lists([given]),
                candidates: argument_lists(declared()),
            }),
        }
    }

    fn mismatch(&self, given: &[DataType]) -> StatementError {
        // Shown in canonical layouts: the layout is not the mismatch.
        let given: Vec<_> = given.iter().cloned().map(canonical_type).collect();
        StatementError::Call {
            declared: argument_lists(self.overloads.iter().map(|o| &o.types[..])),
            given: argument_lists([&given[..]]),
        }
    }

    fn refused(&self, reason: StatementError) -> DataFusionError {
        let subject = Subject::Function(self.name().to_owned());
        DataFusionError::External(Box::new(Error::refused(subject, reason)))
    }
}

/// Returns the only item that fits.
fn only<T>(items: &[T], fits: impl Fn(&T) -> bool) -> Option<&T> {
    let mut found = items.iter().filter(|item| fits(item));
    found.next().filter(|_| found.next().is_none())
}

/// Parts that DataFusion's traits have in common.
impl OverloadSet {
    pub(super) fn name(&self) -> &str {
        &self.overloads[0].function.definition().name
    }

    pub(super) fn signature(&self) -> &Signature {
        &self.signature
    }

    pub(super) fn overloads(&self) -> impl Iterator<Item = &Overload> {
        self.overloads.iter()
    }

    /// Resolves a call with types as [`coerced`](Self::coerced) returns them.
    pub(super) fn resolve(&self, given: &[DataType]) -> Result<&Overload> {
        self.exact(given).ok_or_else(|| {
            self.refused(match self.coerce(given) {
                Ok(_) => self.mismatch(given),
                Err(reason) => reason,
            })
        })
    }

    /// Refuses IGNORE NULLS: the treatment of nulls is part of the definition.
    pub(super) fn refuse_ignore_nulls(&self, ignores: bool) -> Result<()> {
        match ignores {
            true => Err(self.refused(StatementError::IgnoreNulls)),
            false => Ok(()),
        }
    }

    /// Returns the type of the result for types as [`coerced`](Self::coerced) returns them.
    pub(super) fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        Ok(self.resolve(given)?.returns(given))
    }

    /// Refuses a type that is another than when a view or statement was planned.
    pub(super) fn check_type(&self, before: &DataType, now: &DataType) -> Result<()> {
        if before == now {
            return Ok(());
        }
        Err(self.refused(StatementError::TypeChanged {
            before: SqlType(before).to_string(),
            now: SqlType(now).to_string(),
        }))
    }

    /// Returns the types that arguments are coerced to. Types that cannot be coerced are
    /// returned unchanged: `return_type` refuses them with our message, while an error of
    /// DataFusion's `coerce_types` would be replaced by its own.
    pub(super) fn coerced(&self, given: &[DataType]) -> Vec<DataType> {
        self.coerce(given).unwrap_or_else(|_| given.to_vec())
    }
}
