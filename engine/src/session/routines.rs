//! Analyzer rule that completes `information_schema.routines` and `parameters`.
//!
//! DataFusion reads types and names of arguments from the signatures of its own functions. Those
//! of Wasm functions are in their definitions, one for each overload.

use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, StringArray, UInt8Array, UInt64Array};
use arrow::datatypes::DataType;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, Result, TableReference};
use datafusion::datasource::{MemTable, provider_as_source, source_as_provider};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, TableScan, lit};
use datafusion::optimizer::AnalyzerRule;
use fusebox_definition::{Definition, Identifier, Kind, SqlType, Volatility};

use super::registry::Registry;

/// Adds rows of the session's Wasm functions to the tables, in place of DataFusion's.
pub(super) struct Routines {
    pub(super) registry: Arc<Registry>,
}

impl AnalyzerRule for Routines {
    fn analyze(&self, plan: LogicalPlan, config: &ConfigOptions) -> Result<LogicalPlan> {
        let complete = |node| match &node {
            LogicalPlan::TableScan(scan) => match self.completed(scan, config)? {
                Some(completed) => Ok(Transformed::yes(completed)),
                None => Ok(Transformed::no(node)),
            },
            _ => Ok(Transformed::no(node)),
        };
        Ok(plan.transform_up_with_subqueries(complete)?.data)
    }

    fn name(&self) -> &str {
        "wasm_routines"
    }
}

impl Routines {
    /// Returns a plan with the rows of a scan of one of the tables; `None` of another table.
    ///
    /// A plan that is analyzed again is not changed: our rows are removed and added.
    fn completed(&self, scan: &TableScan, config: &ConfigOptions) -> Result<Option<LogicalPlan>> {
        let columns = match table(&scan.table_name) {
            Some("routines") => routines,
            Some("parameters") => parameters,
            _ => return Ok(None),
        };
        let source = source_as_provider(&scan.source)?;
        if source.downcast_ref::<StreamingTable>().is_none() {
            return Ok(None);
        }
        let definitions = self.registry.definitions();
        if definitions.is_empty() {
            return Ok(None);
        }
        let schema = scan.source.schema();
        let columns = columns(&definitions, config);
        let ours = RecordBatch::try_new(Arc::clone(&schema), columns)?;
        let ours = MemTable::try_new(schema, vec![vec![ours]])?;
        let ours = LogicalPlanBuilder::scan(
            scan.table_name.clone(),
            provider_as_source(Arc::new(ours)),
            None,
        )?;
        let column = |name: &str| Expr::Column(Column::new(Some(scan.table_name.clone()), name));
        let names = definitions.iter().map(|definition| lit(&*definition.name));
        let is_ours = column("specific_name").in_list(names.collect(), true);
        let all =
            LogicalPlanBuilder::scan(scan.table_name.clone(), Arc::clone(&scan.source), None)?
                .filter(is_ours)?
                .union(ours.build()?)?
                .alias(scan.table_name.clone())?;
        let all = scan
            .filters
            .iter()
            .cloned()
            .try_fold(all, |all, filter| all.filter(filter))?;
        let projected = scan.projected_schema.fields().iter();
        let projected = projected.map(|field| column(field.name()));
        Ok(Some(all.project(projected)?.build()?))
    }
}

/// Returns the name of a table of the information schema.
fn table(name: &TableReference) -> Option<&str> {
    (name.schema() == Some("information_schema")).then(|| name.table())
}

/// Columns of `routines`, with one row for each function.
fn routines(definitions: &[Definition], config: &ConfigOptions) -> Vec<ArrayRef> {
    let text = |cell: &dyn Fn(&Definition) -> Option<String>| -> ArrayRef {
        Arc::new(definitions.iter().map(cell).collect::<StringArray>())
    };
    let catalog = text(&|_| Some(config.catalog.default_catalog.clone()));
    let schema = text(&|_| Some(config.catalog.default_schema.clone()));
    let name = text(&|definition| Some(definition.name.clone()));
    let is_deterministic = definitions
        .iter()
        .map(|definition| Some(definition.volatility == Volatility::Immutable));
    vec![
        Arc::clone(&catalog),
        Arc::clone(&schema),
        Arc::clone(&name),
        catalog,
        schema,
        name,
        text(&|_| Some("FUNCTION".to_owned())),
        Arc::new(is_deterministic.collect::<BooleanArray>()),
        text(&|definition| {
            Some(match definition.kind {
                Kind::Table => "TABLE".to_owned(),
                _ => definition.returns(),
            })
        }),
        text(&|definition| Some(definition.kind.to_string().to_uppercase())),
        text(&|definition| definition.comment.clone()),
        text(&|definition| Some(example(definition))),
    ]
}

/// Returns a call of a function with the names of its parameters.
fn example(definition: &Definition) -> String {
    let arguments = definition.signature.arguments.iter().enumerate();
    let names = arguments.map(|(index, argument)| match &argument.name {
        Some(name) => Identifier(name).to_string(),
        None => format!("arg_{index}"),
    });
    let names = names.collect::<Vec<_>>().join(", ");
    format!("{}({names})", Identifier(&definition.name))
}

/// Row of `parameters`.
struct Parameter {
    function: String,
    /// Position, from 1.
    position: u64,
    mode: &'static str,
    name: Option<String>,
    data_type: String,
    default: Option<String>,
    is_variadic: bool,
    /// Number of the overload among those of its name, from 0; the last stands for all
    /// that follow.
    overload: u8,
}

/// Columns of `parameters`, with the arguments of each function and its results.
fn parameters(definitions: &[Definition], config: &ConfigOptions) -> Vec<ArrayRef> {
    let mut rows: Vec<Parameter> = Vec::new();
    let mut overload = 0_u8;
    let mut previous: Option<&Definition> = None;
    for definition in definitions {
        let is_next = previous.is_some_and(|previous| previous.name == definition.name);
        overload = if is_next {
            overload.saturating_add(1)
        } else {
            0
        };
        previous = Some(definition);
        let row = |position: usize, mode, name: Option<&String>, data_type: &DataType| Parameter {
            function: definition.name.clone(),
            position: position as u64 + 1,
            mode,
            name: name.cloned(),
            data_type: SqlType(data_type).to_string(),
            default: None,
            is_variadic: false,
            overload,
        };
        let arguments = definition.signature.arguments.iter().enumerate();
        rows.extend(arguments.map(|(position, argument)| Parameter {
            default: argument.default.clone(),
            is_variadic: argument.variadic,
            ..row(position, "IN", argument.name.as_ref(), &argument.data_type)
        }));
        match (definition.kind, &definition.signature.returns) {
            (Kind::Table, DataType::Struct(columns)) => {
                let columns = columns.iter().enumerate();
                rows.extend(columns.map(|(position, column)| {
                    row(position, "OUT", Some(column.name()), column.data_type())
                }));
            }
            (_, returns) => rows.push(row(0, "OUT", None, returns)),
        }
    }
    let text = |cell: &dyn Fn(&Parameter) -> Option<String>| -> ArrayRef {
        Arc::new(rows.iter().map(cell).collect::<StringArray>())
    };
    let positions = rows.iter().map(|row| Some(row.position));
    let variadic = rows.iter().map(|row| Some(row.is_variadic));
    let overloads = rows.iter().map(|row| Some(row.overload));
    vec![
        text(&|_| Some(config.catalog.default_catalog.clone())),
        text(&|_| Some(config.catalog.default_schema.clone())),
        text(&|row| Some(row.function.clone())),
        Arc::new(positions.collect::<UInt64Array>()),
        text(&|row| Some(row.mode.to_owned())),
        text(&|row| row.name.clone()),
        text(&|row| Some(row.data_type.clone())),
        text(&|row| row.default.clone()),
        Arc::new(variadic.collect::<BooleanArray>()),
        Arc::new(overloads.collect::<UInt8Array>()),
    ]
}

impl fmt::Debug for Routines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Routines").finish_non_exhaustive()
    }
}
