//! Arrangement of the arguments of a call in the order of the parameters.

use std::ops::Range;

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use fusebox_definition::{ANY_DECIMAL, Argument, Identifier, StatementError};

use super::coercion::{check_cost, coerced};
use super::named_argument::split_type;

/// Source of the value of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ArgumentSource {
    /// The given argument of this index.
    Given(usize),
    /// The default.
    Default,
    /// A list of the given arguments of these indices.
    Items(Range<usize>),
}

/// Sources of the values of all parameters, and types for the choice of an overload.
#[derive(Clone, Debug)]
pub(super) struct Arrangement {
    pub(super) sources: Vec<ArgumentSource>,
    /// Types of the values: of the given arguments, then of defaults for `DECIMAL(*)`.
    pub(super) values: Vec<DataType>,
    /// Declared types for these.
    pub(super) declared: Vec<DataType>,
}

/// Reason that arguments cannot be arranged.
pub(super) enum Misfit {
    /// Too many or too few.
    Count,
    /// A name or its place.
    Refused(StatementError),
}

impl Arrangement {
    /// Arranges arguments of the types `given`. `defaults` has an entry for each parameter.
    pub(super) fn new(
        parameters: &[Argument],
        defaults: &[Option<ScalarValue>],
        given: &[DataType],
    ) -> Result<Self, Misfit> {
        let mut sources = given_sources(parameters, given)?;
        let is_named = given.iter().any(|given| split_type(given).0.is_some());
        for (index, source) in sources.iter_mut().enumerate() {
            if source.is_some() {
                continue;
            }
            *source = Some(if defaults[index].is_some() {
                ArgumentSource::Default
            } else if parameters[index].variadic {
                ArgumentSource::Items(0..0)
            } else if is_named {
                let parameter = parameters[index].label(index);
                return Err(Misfit::Refused(StatementError::ArgumentMissing {
                    parameter,
                }));
            } else {
                return Err(Misfit::Count);
            });
        }
        let mut arranged = Self {
            sources: sources.into_iter().flatten().collect(),
            values: given
                .iter()
                .map(|given| split_type(given).1.clone())
                .collect(),
            declared: vec![DataType::Null; given.len()],
        };
        arranged.declare(parameters, defaults);
        Ok(arranged)
    }

    /// Sets the declared types.
    fn declare(&mut self, parameters: &[Argument], defaults: &[Option<ScalarValue>]) {
        let sources = self.sources.iter().zip(parameters).zip(defaults);
        for ((source, parameter), default) in sources {
            match (source, default) {
                (ArgumentSource::Given(index), _) => {
                    self.declared[*index] = parameter.data_type.clone();
                }
                (ArgumentSource::Items(indices), _) => {
                    let item = parameter.variadic_item().unwrap_or(&parameter.data_type);
                    self.declared[indices.clone()].fill(item.clone());
                }
                (ArgumentSource::Default, Some(default)) if parameter.data_type == ANY_DECIMAL => {
                    self.declared.push(ANY_DECIMAL);
                    self.values.push(default.data_type());
                }
                (ArgumentSource::Default, _) => {}
            }
        }
    }

    /// Returns the number of parameters without a given argument of their own.
    pub(super) fn omitted(&self) -> usize {
        let is_given = |source: &&ArgumentSource| !matches!(source, ArgumentSource::Given(_));
        self.sources.iter().filter(is_given).count()
    }

    /// Returns true if the arguments are given by position, one for each parameter.
    pub(super) fn is_positional(&self, given: &[DataType]) -> bool {
        let sources = self.sources.iter().enumerate();
        given.iter().all(|given| split_type(given).0.is_none())
            && sources
                .into_iter()
                .all(|(index, source)| *source == ArgumentSource::Given(index))
    }
}

/// Finds the parameters of given arguments.
fn given_sources(
    parameters: &[Argument],
    given: &[DataType],
) -> Result<Vec<Option<ArgumentSource>>, Misfit> {
    let refused = |reason| Err(Misfit::Refused(reason));
    let mut sources = vec![None; parameters.len()];
    let mut before = None;
    for (index, given) in given.iter().enumerate() {
        match (split_type(given).0, before) {
            (Some(name), _) => {
                let is_named = |parameter: &Argument| parameter.name.as_deref() == Some(name);
                let Some(position) = parameters.iter().position(is_named) else {
                    return refused(unknown(name, parameters));
                };
                if sources[position].is_some() {
                    let parameter = parameters[position].label(position);
                    return refused(StatementError::ArgumentTwice { parameter });
                }
                sources[position] = Some(ArgumentSource::Given(index));
                before = Some(name);
            }
            (None, Some(before)) => {
                return refused(StatementError::ArgumentOrder {
                    position: index + 1,
                    before: Identifier(before).to_string(),
                });
            }
            (None, None) => place(parameters, &mut sources, index)?,
        }
    }
    let positional = given
        .iter()
        .take_while(|given| split_type(given).0.is_none());
    if let Some(list) = whole_list(parameters, positional.count(), given) {
        sources[parameters.len() - 1] = Some(list);
    }
    Ok(sources)
}

/// Places a positional argument.
fn place(
    parameters: &[Argument],
    sources: &mut [Option<ArgumentSource>],
    index: usize,
) -> Result<(), Misfit> {
    let Some(last) = parameters.len().checked_sub(1) else {
        return Err(Misfit::Count);
    };
    if index >= last && parameters[last].variadic {
        sources[last] = Some(ArgumentSource::Items(last..index + 1));
        return Ok(());
    }
    if index > last {
        return Err(Misfit::Count);
    }
    sources[index] = Some(ArgumentSource::Given(index));
    Ok(())
}

/// Returns the source of a variadic parameter whose only argument is the list itself.
fn whole_list(
    parameters: &[Argument],
    positional: usize,
    given: &[DataType],
) -> Option<ArgumentSource> {
    let last = parameters.last().filter(|last| last.variadic)?;
    let given = given[..positional].last()?;
    let pair = (
        std::slice::from_ref(&last.data_type),
        std::slice::from_ref(given),
    );
    let is_list = coerced(pair.0, pair.1).is_some() || check_cost(pair.0, pair.1).is_some();
    (positional == parameters.len() && is_list).then_some(ArgumentSource::Given(positional - 1))
}

fn unknown(name: &str, parameters: &[Argument]) -> StatementError {
    let names = parameters.iter().filter_map(|p| p.name.as_ref());
    let names: Vec<_> = names.map(|name| Identifier(name).to_string()).collect();
    StatementError::UnknownParameter {
        found: Identifier(name).to_string(),
        expected: names.join(", "),
    }
}
