//! Overload resolution.
//!
//! A call resolves to the overload that accepts its argument types as they are; failing
//! that, to the only one that they coerce to without loss, or of several to the one whose
//! types coerce to those of each other: the narrowest. If an argument is an untyped NULL and
//! there is no such one, it resolves to the one that the types of each other coerce to.
//! Failing that, to one whose types hold some of the values, which are checked when they are
//! known; of several, to the one that holds the most. At last, to one that takes values as
//! text. So the order of creation does not matter.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::{Signature, Volatility as DfVolatility};

use fusebox_definition::{
    SqlType, StatementError, Subject, Volatility, argument_lists, canonical_type,
};
use fusebox_runtime::{Error, WasmFunction, accepts, result_type};

use super::coercion::{accepted, check_cost, coerced, loss};

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
    /// Returns the type of the result for arguments of a call that resolves to it.
    pub(super) fn returns(&self, given: &[DataType]) -> DataType {
        let declared = &self.function.definition().signature.returns;
        result_type(declared, &self.types, &self.accepted(given))
    }

    /// Returns the types of arguments that the function gets: those that it accepts as they
    /// are, and those that the others are cast to.
    pub(super) fn accepted(&self, given: &[DataType]) -> Vec<DataType> {
        match accepts(&self.types, given) {
            true => given.to_vec(),
            false => accepted(&self.types, given),
        }
    }

    /// Returns the declared types.
    pub(super) fn types(&self) -> &[DataType] {
        &self.types
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

    /// Chooses the overload of a call, with the types that DataFusion casts the arguments to.
    fn choose(&self, given: &[DataType]) -> Result<(&Overload, Vec<DataType>), StatementError> {
        if let Some(exact) = self.exact(given) {
            return Ok((exact, given.to_vec()));
        }
        let coercible = |o| Some((o, coerced(Overload::types(o), given)?));
        let (textual, lossless): (Vec<_>, Vec<_>) = (self.overloads.iter())
            .filter_map(coercible)
            .partition(|c| loss(&c.0.types, given).0 > 0);
        if !lossless.is_empty() {
            return self.closest(lossless, given);
        }
        let is_text = |o: &Overload| loss(&o.types, given).0 > 0;
        let cost = |o: &Overload| check_cost(&o.types, given).filter(|_| !is_text(o));
        let least = self.overloads.iter().filter_map(cost).min();
        let checked = self.overloads.iter().filter(|o| cost(o) == least);
        let checked: Vec<_> = checked.map(|o| (o, given.to_vec())).collect();
        match least {
            Some(_) => only_or_ambiguous(checked, given, |o, other| leads(&other.types, &o.types)),
            None => self.closest(textual, given),
        }
    }

    /// Chooses of overloads that the arguments coerce to.
    fn closest<'a>(
        &self,
        mut candidates: Vec<(&'a Overload, Vec<DataType>)>,
        given: &[DataType],
    ) -> Result<(&'a Overload, Vec<DataType>), StatementError> {
        if candidates.is_empty() {
            return Err(self.mismatch(given));
        }
        let least = candidates.iter().map(|c| loss(&c.0.types, given)).min();
        candidates.retain(|c| Some(loss(&c.0.types, given)) == least);
        let has_null = given.iter().any(DataType::is_null);
        let widest = candidates.clone();
        let closest =
            only_or_ambiguous(candidates, given, |o, other| leads(&o.types, &other.types));
        match closest {
            Err(_) if has_null => {
                only_or_ambiguous(widest, given, |o, other| leads(&other.types, &o.types))
            }
            closest => closest,
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

/// Returns true if values of the types `from` coerce to the types `to`.
fn leads(from: &[DataType], to: &[DataType]) -> bool {
    coerced(to, from).is_some()
}

/// Returns the only candidate that precedes all.
fn only_or_ambiguous<'a>(
    candidates: Vec<(&'a Overload, Vec<DataType>)>,
    given: &[DataType],
    precedes: impl Fn(&Overload, &Overload) -> bool,
) -> Result<(&'a Overload, Vec<DataType>), StatementError> {
    let is_first = |c: &&(&'a Overload, _)| candidates.iter().all(|other| precedes(c.0, other.0));
    let mut first = candidates.iter().filter(is_first);
    match (first.next(), first.next()) {
        (Some(only), None) => Ok(only.clone()),
        _ => Err(StatementError::Ambiguous {
            given: argument_lists([given]),
            candidates: argument_lists(candidates.iter().map(|c| &c.0.types[..])),
        }),
    }
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
        match self.choose(given) {
            Ok((overload, types)) if types == given => Ok(overload),
            Ok(_) => Err(self.refused(self.mismatch(given))),
            Err(reason) => Err(self.refused(reason)),
        }
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
        let chosen = self.choose(given);
        chosen.map_or_else(|_| given.to_vec(), |(_, types)| types)
    }
}
