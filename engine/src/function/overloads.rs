//! The functions of one name as one function of DataFusion's.
//!
//! A call is to the function that takes exactly the arguments given. If there
//! is none, it is to the one that they can be coerced to; of several, to the
//! one whose arguments could all be coerced to those of each other. Where an
//! argument is a NULL of no type and there is none such, it is to the one that
//! the arguments of each other could be coerced to. So the order in which
//! functions were created has no part in it.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::{Signature, Volatility as DfVolatility};

use super::coercion::{accepts, coerced, loss, returned};
use super::guest::Guest;
use crate::definition::{Volatility, argument_lists, canonical};
use crate::error::{Error, Refusal, Subject};

/// Functions of one name, at least one.
///
/// Two are equal when all their definitions are: digest and limits are part of
/// those, so a plan never mixes up a function and its replacement.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Overloads {
    functions: Vec<Overload>,
    signature: Signature,
}

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Overload {
    takes: Vec<DataType>,
    pub(super) function: Arc<Guest>,
}

impl Overload {
    /// The type of what it returns for such arguments.
    pub(super) fn returns(&self, given: &[DataType]) -> DataType {
        let declared = &self.function.definition.signature.returns;
        returned(declared, &self.takes, given)
    }
}

impl Overloads {
    pub(super) fn new(functions: Vec<Arc<Guest>>) -> Self {
        // DataFusion knows one volatility for a name.
        let volatility = |volatility| {
            let mut definitions = functions.iter().map(|function| &function.definition);
            definitions.any(|definition| definition.volatility == volatility)
        };
        let volatility = if volatility(Volatility::Volatile) {
            DfVolatility::Volatile
        } else if volatility(Volatility::Stable) {
            DfVolatility::Stable
        } else {
            DfVolatility::Immutable
        };
        let overload = |function: Arc<Guest>| Overload {
            takes: function.definition.signature.types(),
            function,
        };
        Self {
            functions: functions.into_iter().map(overload).collect(),
            // Ours to coerce: an argument in another layout needs no cast.
            signature: Signature::user_defined(volatility),
        }
    }

    /// The function that takes these arguments as they are.
    fn exact(&self, given: &[DataType]) -> Option<&Overload> {
        let mut accepting = self.functions.iter().filter(|f| accepts(&f.takes, given));
        // By some decimal, and by any.
        let same = self.functions.iter().find(|f| f.takes == given);
        same.or_else(|| accepting.next())
    }

    /// What the arguments of a call become.
    fn coerce(&self, given: &[DataType]) -> Result<Vec<DataType>, Refusal> {
        if self.exact(given).is_some() {
            return Ok(given.to_vec());
        }
        let takes = self.functions.iter().map(|f| &f.takes[..]);
        let mut candidates: Vec<_> = takes
            .filter_map(|takes| Some((takes, coerced(takes, given)?)))
            .collect();
        let least = candidates.iter().map(|c| loss(c.0, given)).min();
        candidates.retain(|c| Some(loss(c.0, given)) == least);
        let takes = || candidates.iter().map(|c| c.0);
        let leads = |from: &[DataType], to: &[DataType]| coerced(to, from).is_some();
        let closest = only(&candidates, |c| takes().all(|other| leads(c.0, other)));
        let widest = || only(&candidates, |c| takes().all(|other| leads(other, c.0)));
        let has_null = given.iter().any(DataType::is_null);
        match closest.or_else(|| widest().filter(|_| has_null)) {
            Some((_, types)) => Ok(types.clone()),
            None if candidates.is_empty() => Err(self.mismatch(given)),
            None => Err(Refusal::Ambiguous {
                given: argument_lists([given]),
                candidates: argument_lists(takes()),
            }),
        }
    }

    fn mismatch(&self, given: &[DataType]) -> Refusal {
        // In the usual layouts: that of a text is not what is wrong with it.
        let given: Vec<_> = given.iter().cloned().map(canonical).collect();
        Refusal::Call {
            declared: argument_lists(self.functions.iter().map(|f| &f.takes[..])),
            given: argument_lists([&given[..]]),
        }
    }

    fn refused(&self, reason: Refusal) -> DataFusionError {
        let subject = Subject::Function(self.name().to_owned());
        DataFusionError::External(Box::new(Error::refused(subject, reason)))
    }
}

/// The item that is so, if it is the only one.
fn only<T>(items: &[T], is_so: impl Fn(&T) -> bool) -> Option<&T> {
    let mut found = items.iter().filter(|item| is_so(item));
    found.next().filter(|_| found.next().is_none())
}

/// What DataFusion asks of a function of any kind.
impl Overloads {
    pub(crate) fn name(&self) -> &str {
        &self.functions[0].function.definition.name
    }

    pub(super) fn signature(&self) -> &Signature {
        &self.signature
    }

    pub(super) fn overloads(&self) -> impl Iterator<Item = &Overload> {
        self.functions.iter()
    }

    pub(super) fn functions(&self) -> impl Iterator<Item = &Guest> {
        self.functions.iter().map(|overload| &*overload.function)
    }

    /// The function that takes arguments of these types, as
    /// [`coerced`](Self::coerced) leaves them.
    pub(super) fn of(&self, given: &[DataType]) -> Result<&Overload> {
        self.exact(given).ok_or_else(|| {
            self.refused(match self.coerce(given) {
                Ok(_) => self.mismatch(given),
                Err(reason) => reason,
            })
        })
    }

    /// Refuses IGNORE NULLS: what a null does, each function says itself.
    pub(super) fn sees_nulls(&self, ignores: bool) -> Result<()> {
        match ignores {
            true => Err(self.refused(Refusal::IgnoreNulls)),
            false => Ok(()),
        }
    }

    /// The declared type, for arguments as [`coerced`](Self::coerced) leaves
    /// them.
    pub(super) fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        Ok(self.of(given)?.returns(given))
    }

    /// What the arguments become. What cannot be coerced stays as it is:
    /// `return_type` refuses it in our words, while an error from DataFusion's
    /// `coerce_types` would be lost among its own.
    pub(super) fn coerced(&self, given: &[DataType]) -> Vec<DataType> {
        self.coerce(given).unwrap_or_else(|_| given.to_vec())
    }
}
