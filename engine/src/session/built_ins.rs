//! Functions of DataFusion, with types and descriptions as in its information schema.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::types::NativeType;
use datafusion::logical_expr::function::WindowUDFFieldArgs;
use datafusion::logical_expr::{Documentation, ReturnFieldArgs, Signature, Volatility};
use fusebox_definition::Kind;

use super::Session;

/// Function of DataFusion, with one of its signatures.
pub(super) struct BuiltIn {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// Argument types, with the names of the documentation; `None` if DataFusion has no
    /// example of them.
    pub(super) arguments: Option<String>,
    pub(super) returns: Option<String>,
    pub(super) volatility: Option<String>,
    pub(super) description: Option<String>,
}

impl Session {
    /// Returns the functions that are registered with DataFusion but are not `ours`, each as
    /// often as there are examples of its argument types.
    pub(super) fn built_ins(&self, ours: impl Fn(&str, Kind) -> bool) -> Vec<BuiltIn> {
        let state = self.context.state_ref();
        let state = state.read();
        let mut all = Vec::new();
        for (name, function) in state.scalar_functions() {
            if !ours(name, Kind::Scalar) {
                let (signature, documentation) = (function.signature(), function.documentation());
                let returns = |arg_fields: &[FieldRef]| {
                    let scalar_arguments = vec![None; arg_fields.len()];
                    let returned = function.return_field_from_args(ReturnFieldArgs {
                        arg_fields,
                        scalar_arguments: &scalar_arguments,
                    });
                    returned.ok()
                };
                let examples = examples(signature, returns);
                all.extend(functions(
                    name,
                    Kind::Scalar,
                    signature,
                    documentation,
                    examples,
                ));
            }
        }
        for (name, function) in state.aggregate_functions() {
            if !ours(name, Kind::Aggregate) {
                let (signature, documentation) = (function.signature(), function.documentation());
                let examples = examples(signature, |fields| function.return_field(fields).ok());
                let kind = Kind::Aggregate;
                all.extend(functions(name, kind, signature, documentation, examples));
            }
        }
        for (name, function) in state.window_functions() {
            if !ours(name, Kind::Window) {
                let (signature, documentation) = (function.signature(), function.documentation());
                let returns = |fields: &[FieldRef]| {
                    let fields = WindowUDFFieldArgs::new(fields, function.name());
                    function.field(fields).ok()
                };
                let examples = examples(signature, returns);
                all.extend(functions(
                    name,
                    Kind::Window,
                    signature,
                    documentation,
                    examples,
                ));
            }
        }
        let tables = state.table_functions().keys();
        let tables = tables.filter(|name| !ours(name, Kind::Table));
        all.extend(tables.map(|name| BuiltIn {
            name: name.clone(),
            kind: Kind::Table,
            arguments: None,
            returns: None,
            volatility: None,
            description: None,
        }));
        all
    }
}

/// Names of argument types, and of the type of the result.
type Example = (Vec<String>, Option<String>);

/// Returns the examples that DataFusion has of the types of a function.
fn examples(
    signature: &Signature,
    returns: impl Fn(&[FieldRef]) -> Option<FieldRef>,
) -> BTreeSet<Example> {
    let type_name = |ty: &DataType| NativeType::from(ty.clone()).to_string();
    let examples = signature.type_signature.get_example_types().into_iter();
    let examples = examples.map(|types| {
        let fields = types.iter().enumerate();
        let field = |(index, ty): (usize, &DataType)| {
            let field = Field::new(format!("arg_{index}"), ty.clone(), true);
            Arc::new(field)
        };
        let fields: Vec<FieldRef> = fields.map(field).collect();
        let returned = returns(&fields).map(|field| type_name(field.data_type()));
        (types.iter().map(type_name).collect(), returned)
    });
    examples.collect()
}

/// Makes a function of each example, or one without types.
fn functions(
    name: &str,
    kind: Kind,
    signature: &Signature,
    documentation: Option<&Documentation>,
    examples: BTreeSet<Example>,
) -> Vec<BuiltIn> {
    let volatility = match signature.volatility {
        Volatility::Immutable => "IMMUTABLE",
        Volatility::Stable => "STABLE",
        Volatility::Volatile => "VOLATILE",
    };
    let names = documentation.and_then(|documentation| documentation.arguments.as_ref());
    let argument = |(index, ty): (usize, &String)| match names.and_then(|names| names.get(index)) {
        Some((name, _)) => format!("{name} {ty}"),
        None => ty.clone(),
    };
    let function = |arguments, returns| BuiltIn {
        name: name.to_owned(),
        kind,
        arguments,
        returns,
        volatility: Some(volatility.to_owned()),
        description: documentation.map(|documentation| documentation.description.clone()),
    };
    if examples.is_empty() {
        return vec![function(None, None)];
    }
    let examples = examples.into_iter();
    let functions = examples.map(|(types, returns)| {
        let arguments: Vec<_> = types.iter().enumerate().map(argument).collect();
        function(Some(arguments.join(", ")), returns)
    });
    functions.collect()
}
