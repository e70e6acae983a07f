//! One overload, and the arguments of a call arranged for it.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use fusebox_definition::{
    ANY_DECIMAL, Argument, Arguments, Identifier, SqlType, argument_lists, canonical_type,
};
use fusebox_runtime::{accepts, result_type};

use super::arrangement::{ArgumentSource, Arrangement, Misfit};
use super::coercion::{accepted, check_cost, coerced, loss};
use super::defaults::default_values;
use super::lazy::LazyFunction;
use super::named_argument::{split_type, unnamed_value};

/// One overload.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Overload {
    types: Vec<DataType>,
    /// Values of the defaults; `None` for parameters without one.
    defaults: Vec<Option<ScalarValue>>,
    pub(super) function: Arc<LazyFunction>,
}

/// Overload of a call.
pub(super) struct ResolvedCall<'a> {
    pub(super) overload: &'a Overload,
    /// Types of the values of all parameters, after coercion.
    pub(super) types: Vec<DataType>,
    /// Arrangement of the arguments; `None` if they are given by position, one for each
    /// parameter.
    pub(super) candidate: Option<Candidate<'a>>,
}

/// Overload whose parameters the given arguments can be arranged for.
#[derive(Clone)]
pub(super) struct Candidate<'a> {
    pub(super) overload: &'a Overload,
    pub(super) arrangement: Arrangement,
    /// Types that the arrangement's values are coerced to.
    coerced: Vec<DataType>,
}

impl Overload {
    pub(super) fn new(function: Arc<LazyFunction>) -> Self {
        let definition = function.definition();
        let types = definition.signature.types();
        Self {
            // They were evaluated when the function was created.
            defaults: default_values(definition).unwrap_or_else(|_| vec![None; types.len()]),
            types,
            function,
        }
    }

    fn arguments(&self) -> &[Argument] {
        &self.function.definition().signature.arguments
    }

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

    /// Formats the types of the parameters, with names and defaults where calls may omit some.
    fn parameters(&self) -> String {
        let signature = &self.function.definition().signature;
        match signature.is_flexible() {
            true => {
                let parameters = Arguments(&signature.arguments).to_string();
                parameters[1..parameters.len() - 1].to_owned()
            }
            false => argument_lists([&self.types[..]]),
        }
    }

    /// Returns the declared types.
    pub(super) fn types(&self) -> &[DataType] {
        &self.types
    }

    /// Returns the default of the parameter at `index`.
    pub(super) fn default(&self, index: usize) -> Option<&ScalarValue> {
        self.defaults.get(index)?.as_ref()
    }

    /// Returns the type of the items of the variadic parameter.
    pub(super) fn item(&self) -> Option<&DataType> {
        self.arguments().last()?.variadic_item()
    }

    /// Arranges arguments of the types `given` for the parameters.
    pub(super) fn arrange(&self, given: &[DataType]) -> Result<Candidate<'_>, Misfit> {
        let arrangement = Arrangement::new(self.arguments(), &self.defaults, given)?;
        Ok(Candidate {
            overload: self,
            coerced: arrangement.values.clone(),
            arrangement,
        })
    }
}

impl<'a> Candidate<'a> {
    /// Coerces the arguments without checks; `None` if that is not possible.
    pub(super) fn coerced(mut self) -> Option<Self> {
        self.coerced = coerced(&self.arrangement.declared, &self.arrangement.values)?;
        Some(self)
    }

    pub(super) fn loss(&self) -> (usize, usize) {
        loss(&self.arrangement.declared, &self.arrangement.values)
    }

    pub(super) fn is_text(&self) -> bool {
        self.loss().0 > 0
    }

    pub(super) fn check_cost(&self) -> Option<[usize; 3]> {
        let cost = check_cost(&self.arrangement.declared, &self.arrangement.values);
        cost.filter(|_| !self.is_text())
    }

    /// Returns the type that the given argument at `index` is cast to without checks, if it
    /// is of another.
    pub(super) fn cast_of(&self, index: usize) -> Option<&DataType> {
        let to = &self.coerced[index];
        (*to != self.arrangement.values[index]).then_some(to)
    }

    /// Returns the values of all parameters of a call with constant arguments.
    pub(super) fn constants(&self, given: &[ScalarValue]) -> Result<Vec<ScalarValue>> {
        let sources = self.arrangement.sources.iter().enumerate();
        let value = |(index, source): (usize, &ArgumentSource)| match source {
            ArgumentSource::Given(given_index) => unnamed_value(&given[*given_index]),
            ArgumentSource::Default => {
                let default = self.overload.default(index).cloned();
                Ok(default.unwrap_or(ScalarValue::Null))
            }
            ArgumentSource::Items(indices) => {
                let item = self.overload.item().unwrap_or(&DataType::Null);
                let items = given[indices.clone()]
                    .iter()
                    .map(|given| given.cast_to(item));
                let items = items.collect::<Result<Vec<_>>>()?;
                Ok(ScalarValue::List(ScalarValue::new_list(&items, item, true)))
            }
        };
        sources.map(value).collect()
    }

    pub(super) fn resolved(self, given: &[DataType]) -> ResolvedCall<'a> {
        let overload = self.overload;
        if self.arrangement.is_positional(given) {
            return ResolvedCall {
                overload,
                types: self.coerced,
                candidate: None,
            };
        }
        let sources = self.arrangement.sources.iter().enumerate();
        let types = sources.map(|(index, source)| match source {
            ArgumentSource::Given(given) => self.coerced[*given].clone(),
            ArgumentSource::Default if overload.types[index] == ANY_DECIMAL => {
                let default = overload.default(index);
                default.map_or(ANY_DECIMAL, ScalarValue::data_type)
            }
            ArgumentSource::Default | ArgumentSource::Items(_) => overload.types[index].clone(),
        });
        ResolvedCall {
            overload,
            types: types.collect(),
            candidate: Some(self),
        }
    }
}

/// Returns the names of the parameters, if all have one.
pub(super) fn parameter_names(overloads: &[Overload]) -> Option<Vec<String>> {
    let parameters = overloads.iter().map(Overload::arguments);
    let longest = parameters.max_by_key(|parameters| parameters.len())?;
    let names = longest.iter().map(|parameter| parameter.name.clone());
    names.collect()
}

/// Formats the parameters of several overloads, as a list in parentheses that the caller opens
/// and closes.
pub(super) fn parameter_lists<'a>(overloads: impl IntoIterator<Item = &'a Overload>) -> String {
    let lists: Vec<_> = overloads.into_iter().map(Overload::parameters).collect();
    lists.join(") or (")
}

/// Formats the types of given arguments, with their names.
pub(super) fn given_list(given: &[DataType]) -> String {
    let given = given.iter().map(|given| {
        let (name, data_type) = split_type(given);
        // Shown in the canonical layout: the layout is not the mismatch.
        let data_type = canonical_type(data_type.clone());
        match name {
            Some(name) => format!("{} => {}", Identifier(name), SqlType(&data_type)),
            None => SqlType(&data_type).to_string(),
        }
    });
    given.collect::<Vec<_>>().join(", ")
}
