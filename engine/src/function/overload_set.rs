//! Overload resolution.
//!
//! A call resolves to the overload that accepts its argument types as they are; failing
//! that, to the only one that they coerce to without loss, or of several to the one whose
//! types coerce to those of each other: the narrowest. If an argument is an untyped NULL and
//! there is no such one, it resolves to the one that the types of each other coerce to.
//! Failing that, to one whose types hold some of the values, which are checked when they are
//! known; of several, to the one that holds the most. At last, to one that takes values as
//! text. So the order of creation does not matter.
//!
//! Named arguments are arranged in the order of each overload's parameters before, and defaults
//! fill in for those that are omitted. Of overloads that are equal in the given arguments, the
//! one with the fewest others is chosen.

use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::{Signature, Volatility as DfVolatility};

use fusebox_definition::{SqlType, StatementError, Subject, Volatility};
use fusebox_runtime::{Error, accepts};

use super::arrangement::Misfit;
use super::coercion::coerced;
use super::lazy::{FindFunction, LazyFunction};
use super::named_argument::split_type;
use super::overload::{
    Candidate, Overload, ResolvedCall, given_list, parameter_lists, parameter_names,
};
use super::{DataFusionFunction, datafusion_function};
use crate::scope::FunctionScope;

/// Overloads of one name, at least one.
///
/// Two sets are equal if their definitions are. Digest and limits are part of those, so a
/// plan never confuses a function with its replacement.
#[derive(Debug)]
pub(super) struct OverloadSet {
    overloads: Vec<Overload>,
    signature: Signature,
    /// The function of kept plans, once one calls it.
    kept: OnceLock<DataFusionFunction>,
}

impl PartialEq for OverloadSet {
    fn eq(&self, other: &Self) -> bool {
        self.overloads == other.overloads
    }
}

impl Eq for OverloadSet {}

impl Hash for OverloadSet {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.overloads.hash(state);
    }
}

impl OverloadSet {
    pub(super) fn new(functions: Vec<Arc<LazyFunction>>) -> Self {
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
        let overloads: Vec<_> = functions.into_iter().map(Overload::new).collect();
        // DataFusion would cast arguments in other layouts, which need no cast.
        let signature = Signature::user_defined(volatility);
        let named = match parameter_names(&overloads) {
            Some(names) => signature.clone().with_parameter_names(names),
            None => Ok(signature.clone()),
        };
        Self {
            overloads,
            signature: named.unwrap_or(signature),
            kept: OnceLock::new(),
        }
    }

    /// Returns the function of the same overloads without code, which all kept plans share.
    pub(super) fn kept(
        &self,
        scope: &FunctionScope,
        find: &Arc<FindFunction>,
    ) -> &DataFusionFunction {
        self.kept.get_or_init(|| {
            let definitions = self.overloads().map(|o| o.function.definition());
            let functions = definitions.map(|defined| LazyFunction::of_session(defined, find));
            datafusion_function(functions.map(Arc::new).collect(), scope.clone())
        })
    }

    /// Returns true if the functions are those of a kept plan.
    pub(super) fn is_kept(&self) -> bool {
        self.overloads().all(|o| o.function.is_of_session())
    }

    /// Returns the overload that accepts these types as they are.
    fn exact(&self, given: &[DataType]) -> Option<&Overload> {
        let mut accepting = self.overloads.iter().filter(|o| accepts(o.types(), given));
        // An overload of this decimal precedes one of DECIMAL(*).
        let same = self.overloads.iter().find(|o| o.types() == given);
        same.or_else(|| accepting.next())
    }

    /// Chooses the overload of a call.
    fn choose(&self, given: &[DataType]) -> Result<ResolvedCall<'_>, StatementError> {
        if let Some(overload) = self.exact(given) {
            return Ok(ResolvedCall {
                overload,
                types: given.to_vec(),
                candidate: None,
            });
        }
        let (mut arranged, mut misfits) = (Vec::new(), Vec::new());
        for overload in &self.overloads {
            match overload.arrange(given) {
                Ok(candidate) => arranged.push(candidate),
                Err(misfit) => misfits.push(misfit),
            }
        }
        if arranged.is_empty() {
            return Err(self.misfit(misfits, given));
        }
        let coercible = arranged.iter().cloned().filter_map(Candidate::coerced);
        let (textual, lossless): (Vec<_>, Vec<_>) = coercible.partition(Candidate::is_text);
        let chosen = if !lossless.is_empty() {
            self.closest(lossless, given)
        } else if let Some(least) = arranged.iter().filter_map(Candidate::check_cost).min() {
            arranged.retain(|candidate| candidate.check_cost() == Some(least));
            only_or_ambiguous(arranged, given, |types, others| leads(others, types))
        } else {
            self.closest(textual, given)
        };
        Ok(chosen?.resolved(given))
    }

    /// Chooses of overloads that the arguments coerce to.
    fn closest<'a>(
        &self,
        mut candidates: Vec<Candidate<'a>>,
        given: &[DataType],
    ) -> Result<Candidate<'a>, StatementError> {
        if candidates.is_empty() {
            return Err(self.mismatch(given));
        }
        let least = candidates.iter().map(Candidate::loss).min();
        candidates.retain(|candidate| Some(candidate.loss()) == least);
        let has_null = given.iter().any(|given| split_type(given).1.is_null());
        let widest = candidates.clone();
        let closest = only_or_ambiguous(candidates, given, leads);
        match closest {
            Err(_) if has_null => {
                only_or_ambiguous(widest, given, |types, others| leads(others, types))
            }
            closest => closest,
        }
    }

    /// Returns the reason for arguments that fit no overload by number or names.
    fn misfit(&self, misfits: Vec<Misfit>, given: &[DataType]) -> StatementError {
        let mut reasons = misfits.into_iter().map(|misfit| match misfit {
            Misfit::Refused(reason) => Some(reason),
            Misfit::Count => None,
        });
        let mismatch = || self.mismatch(given);
        let Some(first) = reasons.next().flatten() else {
            return mismatch();
        };
        let text = first.to_string();
        let is_same =
            |other: Option<StatementError>| other.is_some_and(|other| other.to_string() == text);
        match reasons.all(is_same) {
            true => first,
            false => mismatch(),
        }
    }

    fn mismatch(&self, given: &[DataType]) -> StatementError {
        StatementError::Call {
            declared: parameter_lists(&self.overloads),
            given: given_list(given),
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

/// Returns the only candidate that precedes all; of several, the only one with the fewest
/// omitted arguments.
fn only_or_ambiguous<'a>(
    candidates: Vec<Candidate<'a>>,
    given: &[DataType],
    precedes: impl Fn(&[DataType], &[DataType]) -> bool,
) -> Result<Candidate<'a>, StatementError> {
    // Without those of defaults, which follow.
    let types = |candidate: &Candidate<'_>| candidate.arrangement.declared[..given.len()].to_vec();
    let is_first = |candidate: &&Candidate<'_>| {
        let mut others = candidates.iter();
        others.all(|other| precedes(&types(candidate), &types(other)))
    };
    let omitted = |candidate: &Candidate<'_>| candidate.arrangement.omitted();
    let first: Vec<_> = candidates.iter().filter(is_first).collect();
    let least = first.iter().copied().map(omitted).min();
    let mut fewest = first.into_iter().filter(|c| Some(omitted(c)) == least);
    match (fewest.next(), fewest.next()) {
        (Some(only), None) => Ok(only.clone()),
        _ => Err(StatementError::Ambiguous {
            given: given_list(given),
            candidates: parameter_lists(candidates.iter().map(|c| c.overload)),
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
    pub(super) fn resolved(&self, given: &[DataType]) -> Result<ResolvedCall<'_>> {
        match self.choose(given) {
            Ok(call) if call.candidate.is_some() || call.types == given => Ok(call),
            Ok(_) => Err(self.refused(self.mismatch(given))),
            Err(reason) => Err(self.refused(reason)),
        }
    }

    /// Resolves a call with one argument for each parameter, as
    /// [`resolved`](Self::resolved).
    pub(super) fn resolve(&self, given: &[DataType]) -> Result<&Overload> {
        match self.resolved(given)? {
            call if call.candidate.is_none() => Ok(call.overload),
            _ => Err(self.refused(self.mismatch(given))),
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
        let call = self.resolved(given)?;
        Ok(call.overload.returns(&call.types))
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
    /// DataFusion's `coerce_types` would be replaced by its own. So are those of arguments
    /// that are to be expanded before.
    pub(super) fn coerced(&self, given: &[DataType]) -> Vec<DataType> {
        match self.choose(given) {
            Ok(call) if call.candidate.is_none() => call.types,
            _ => given.to_vec(),
        }
    }
}
