//! Clauses of clients' queries that DataFusion lacks, in terms of those that it has.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::common::{ScalarValue, TableReference};
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, DataType, Expr, Function, FunctionArguments, GroupByExpr, Ident, ObjectName,
    Query, Select, SelectItem, SetExpr, TableFactor, UnaryOperator, Value, VisitMut, VisitorMut,
};

use super::clauses::{
    compared_name, escape_with_backslash, is_type_function, operator, plain_type, type_name,
    upper_bound, write_vectors,
};
use super::empty_tables::names_empty_tables;
use super::expressions::{array_expr, call, cast, is_aggregate, last_name, number};
use super::expressions::{text, value_expr};
use super::oids::{PG_CLASS, PG_PROC};
use super::snapshot::Snapshot;
use super::tables::is_table;
use crate::encoding::array_text::parse_items;
use crate::encoding::types::ScalarType;
use crate::report::{LIMIT_EXCEEDED, Report};

/// Maximum number of bytes of the values of all uses of parameters: names and identifiers, and
/// arrays of them, whose items are expressions.
const VALUE_BYTES_MAX: usize = 1 << 20;

/// Rewriter of one query.
pub(super) struct Rewriter<'a> {
    snapshot: &'a Snapshot,
    values: &'a [Option<ScalarValue>],
    /// Treatment of scalar subqueries.
    subqueries: Subqueries,
    /// Bytes of the values of all uses of parameters.
    value_bytes: usize,
    failed: Option<Report>,
}

/// Treatment of scalar subqueries, of which DataFusion plans few that refer to the outer query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subqueries {
    /// Their column becomes an aggregate.
    Aggregated,
    /// They become nulls.
    Null,
}

impl<'a> Rewriter<'a> {
    pub(super) fn new(
        snapshot: &'a Snapshot,
        values: &'a [Option<ScalarValue>],
        subqueries: Subqueries,
    ) -> Self {
        Self {
            snapshot,
            values,
            subqueries,
            value_bytes: 0,
            failed: None,
        }
    }

    /// Rewrites a query.
    ///
    /// # Errors
    ///
    /// A report for the name of a relation that does not exist.
    pub(super) fn rewrite(mut self, query: &mut Query) -> Result<(), Report> {
        // The rewriter never breaks.
        let _ = query.visit(&mut self);
        write_vectors(query);
        self.failed.map_or(Ok(()), Err)
    }

    /// Returns the identifier of an object by its name as a value of a type such as `regclass`.
    fn oid_of(&mut self, name: &str, type_name: &str) -> Expr {
        if name.parse::<i64>().is_ok() {
            return number(name);
        }
        // Drivers write names with quotes, and with spaces around the dot.
        let plain = match name.contains('"') {
            true => Cow::Owned(TableReference::parse_str(name).to_string()),
            false => Cow::Borrowed(name),
        };
        let name = &*plain;
        let base = name.rsplit('.').next().unwrap_or(name);
        let found = match type_name {
            "regclass" => match base {
                "pg_class" => Some(PG_CLASS),
                "pg_proc" => Some(PG_PROC),
                // Other tables of the catalog describe nothing here.
                _ if is_table(base) => Some(1),
                _ => self.snapshot.relation(name).map(|relation| relation.oid),
            },
            "regnamespace" => self.snapshot.schema(name),
            "regtype" => {
                let named = |scalar: &ScalarType| scalar.name() == base;
                let scalar = ScalarType::ALL.into_iter().find(named);
                Some(scalar.map_or(0, |scalar| scalar.oid().into()))
            }
            "regproc" | "regprocedure" => {
                let mut functions = self.snapshot.functions.iter();
                let found = functions.find(|function| function.definition.name == base);
                Some(found.map_or(0, |function| function.oid))
            }
            _ => Some(10),
        };
        if let Some(oid) = found {
            return number(&oid.to_string());
        }
        let kind = if type_name == "regclass" {
            "relation"
        } else {
            "schema"
        };
        let code = if type_name == "regclass" {
            "42P01"
        } else {
            "3F000"
        };
        let message = format!("{kind} \"{name}\" does not exist");
        self.failed.get_or_insert(Report::error(code, message));
        Expr::value(Value::Null)
    }

    /// Returns true for the name of a function of a type, which its columns have as a text.
    fn is_of_type(&self, name: &str) -> bool {
        let mut functions = self.snapshot.functions.iter();
        is_type_function(name) && !functions.any(|function| function.definition.name == name)
    }

    fn rewrite_cast(&mut self, expr: &Expr, data_type: &DataType) -> Option<Expr> {
        if let Some(target) = plain_type(data_type) {
            return Some(cast(expr.clone(), target));
        }
        let name = type_name(data_type)?;
        if name.starts_with("reg") {
            if let Expr::Value(value) = expr
                && let Value::SingleQuotedString(named) | Value::Number(named, _) = &value.value
            {
                let base = named.rsplit('.').next().unwrap_or(named);
                return Some(match name == "regproc" && self.is_of_type(base) {
                    true => text(base),
                    false => self.oid_of(named, &name),
                });
            }
            let function = match name.as_str() {
                "regclass" => "regclass_name",
                "regtype" => "regtype_name",
                "regnamespace" => "regnamespace_name",
                "regrole" => "regrole_name",
                _ => "regproc_name",
            };
            return Some(call(function, vec![expr.clone()]));
        }
        None
    }

    fn rewrite_expr(&mut self, expr: &mut Expr) {
        let rewritten = match expr {
            Expr::Value(value) => match &value.value {
                Value::Placeholder(name) => self.parameter(name),
                _ => None,
            },
            Expr::Collate { expr, .. } => Some(expr.as_ref().clone()),
            Expr::Cast {
                expr, data_type, ..
            } => self.rewrite_cast(expr, data_type),
            Expr::BinaryOp { left, op, right } => {
                if let BinaryOperator::PGCustomBinaryOperator(parts) = op
                    && let Some(builtin) = parts.last().and_then(|name| operator(name))
                {
                    *op = builtin;
                }
                compared_name(left, op, right)
            }
            Expr::Like {
                pattern,
                escape_char,
                ..
            }
            | Expr::ILike {
                pattern,
                escape_char,
                ..
            } => {
                escape_with_backslash(pattern, escape_char);
                None
            }
            Expr::AnyOp {
                left,
                compare_op: BinaryOperator::Eq,
                right,
                ..
            } => member(left, right),
            Expr::AllOp {
                left,
                compare_op: BinaryOperator::NotEq,
                right,
            } => member(left, right).map(|member| Expr::UnaryOp {
                op: UnaryOperator::Not,
                expr: Box::new(member),
            }),
            Expr::Function(function) => match upper_bound(function) {
                Some(bound) => Some(bound),
                None => rewrite_call(function),
            },
            Expr::Identifier(name) if name.quote_style.is_none() => {
                let word = name.value.to_lowercase();
                let is_word = ["current_schema", "current_catalog"].contains(&word.as_str());
                is_word.then(|| call(&word, Vec::new()))
            }
            Expr::Subquery(query) => match self.subqueries {
                Subqueries::Null => Some(Expr::value(Value::Null)),
                Subqueries::Aggregated if names_empty_tables(query).is_some() => {
                    Some(Expr::value(Value::Null))
                }
                Subqueries::Aggregated => {
                    aggregate(query);
                    None
                }
            },
            _ => None,
        };
        if let Some(rewritten) = rewritten {
            *expr = rewritten;
        }
    }

    fn parameter(&mut self, name: &str) -> Option<Expr> {
        let index = name
            .strip_prefix('$')?
            .parse::<usize>()
            .ok()?
            .checked_sub(1)?;
        let value = self.values.get(index)?.as_ref()?;
        self.value_bytes = self.value_bytes.saturating_add(value.size());
        if self.value_bytes > VALUE_BYTES_MAX {
            let message = format!(
                "expected parameters of at most {VALUE_BYTES_MAX} bytes in a query of pg_catalog, \
                 those of each use counted, found more; send smaller ones"
            );
            self.failed
                .get_or_insert_with(|| Report::error(LIMIT_EXCEEDED, message));
            return None;
        }
        Some(value_expr(value))
    }
}

impl VisitorMut for Rewriter<'_> {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        self.rewrite_expr(expr);
        ControlFlow::Continue(())
    }

    fn post_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table {
            name,
            args: args @ Some(_),
            ..
        } = factor
        {
            unqualify(name);
            // A table here.
            if last_name(name).is_some_and(is_table) {
                *args = None;
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        unique_names(&mut select.projection);
        ControlFlow::Continue(())
    }
}

/// Gives the columns of a query different names.
fn unique_names(items: &mut [SelectItem]) {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for item in items {
        let name = match item {
            SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => {
                parts.last().map(|part| part.value.clone())
            }
            SelectItem::UnnamedExpr(expr) => Some(expr.to_string()),
            SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.clone()),
            _ => None,
        };
        let Some(name) = name else {
            continue;
        };
        let count = counts.entry(name.clone()).or_default();
        *count += 1;
        if *count > 1
            && let SelectItem::UnnamedExpr(expr) = item
        {
            *item = SelectItem::ExprWithAlias {
                expr: expr.clone(),
                alias: Ident::with_quote('"', format!("{name} {count}")),
            };
        }
    }
}

/// Leaves the last part of a name.
fn unqualify(name: &mut ObjectName) {
    if name.0.len() > 1
        && let Some(last) = name.0.pop()
    {
        name.0 = vec![last];
    }
}

/// Removes the schema of a function. An array of a query has no counterpart, and is null.
fn rewrite_call(function: &mut Function) -> Option<Expr> {
    unqualify(&mut function.name);
    match &function.args {
        FunctionArguments::Subquery(_) => Some(Expr::value(Value::Null)),
        // Words such as current_user, which are calls with brackets here.
        FunctionArguments::None => {
            let name = last_name(&function.name)?.to_lowercase();
            match name.as_str() {
                "user" => Some(call("current_user", Vec::new())),
                "current_user" | "session_user" | "current_role" | "current_catalog"
                | "current_schema" => Some(call(&name, Vec::new())),
                _ => None,
            }
        }
        FunctionArguments::List(_) => None,
    }
}

/// Makes the column of a scalar subquery an aggregate, since DataFusion knows no other that refers
/// to the outer query.
fn aggregate(query: &mut Query) {
    let SetExpr::Select(select) = query.body.as_mut() else {
        return;
    };
    if !matches!(
        &select.group_by,
        GroupByExpr::Expressions(keys, _) if keys.is_empty()
    ) {
        return;
    }
    if let [SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }] =
        &mut select.projection[..]
    {
        let is_aggregate = match expr {
            Expr::Function(function) => is_aggregate(function),
            _ => false,
        };
        if !is_aggregate {
            *expr = call("max", vec![expr.clone()]);
            query.order_by = None;
            query.limit_clause = None;
        }
    }
}

fn member(item: &Expr, array: &Expr) -> Option<Expr> {
    let array = match array {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => {
                let items = parse_items(text)?.into_iter().map(|item| match item {
                    Some(item) => Expr::value(Value::SingleQuotedString(item)),
                    None => Expr::value(Value::Null),
                });
                array_expr(items.collect())
            }
            _ => return None,
        },
        Expr::Nested(inner) => return member(item, inner),
        Expr::Cast {
            expr,
            data_type: DataType::Array(_),
            ..
        } if is_text(expr) => return member(item, expr),
        other => other.clone(),
    };
    Some(call("array_has", vec![array, item.clone()]))
}

fn is_text(expr: &Expr) -> bool {
    match expr {
        Expr::Value(value) => matches!(value.value, Value::SingleQuotedString(_)),
        _ => false,
    }
}
