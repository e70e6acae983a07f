//! Expressions of clients' queries, and what stands for them here.

use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, BinaryOperator, DataType, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArguments, Ident, Query, SelectItem, SetExpr, Value, ValueWithSpan,
};

use super::expressions::{call, last_name, number, text};

/// Columns that PostgreSQL stores as the identifiers of functions, and writes as their names.
const FUNCTIONS: [&str; 8] = [
    "typinput",
    "typoutput",
    "typreceive",
    "typsend",
    "typmodin",
    "typmodout",
    "typanalyze",
    "typsubscript",
];

/// Columns that PostgreSQL writes as numbers with blanks between them.
const VECTORS: [&str; 5] = [
    "proargtypes",
    "indkey",
    "indcollation",
    "indclass",
    "indoption",
];

/// Writes a pattern of `LIKE` with the backslash in place of another escape character: DataFusion
/// knows it alone.
pub(super) fn escape_with_backslash(pattern: &mut Expr, escape: &mut Option<ValueWithSpan>) {
    let Some(Value::SingleQuotedString(character)) = escape.as_ref().map(|escape| &escape.value)
    else {
        return;
    };
    if character.chars().count() != 1 || character == "\\" {
        return;
    }
    let doubled = call("replace", vec![pattern.clone(), text("\\"), text("\\\\")]);
    *pattern = call("replace", vec![doubled, text(character), text("\\")]);
    *escape = None;
}

/// Returns a comparison of a function's name with its identifier as one with a name: that of 0 is
/// `-`.
pub(super) fn compared_name(left: &Expr, op: &BinaryOperator, right: &Expr) -> Option<Expr> {
    let is_comparison = matches!(op, BinaryOperator::Eq | BinaryOperator::NotEq);
    let is_function = column(left).is_some_and(|name| FUNCTIONS.contains(&name.as_str()));
    let Expr::Value(value) = right else {
        return None;
    };
    let Value::Number(oid, _) = &value.value else {
        return None;
    };
    let name = if oid == "0" { "-" } else { oid.as_str() };
    (is_comparison && is_function).then(|| Expr::BinaryOp {
        left: Box::new(left.clone()),
        op: op.clone(),
        right: Box::new(text(name)),
    })
}

/// Returns true for the name of a function that reads or writes the values of a type.
pub(super) fn is_type_function(name: &str) -> bool {
    ["in", "out", "recv", "send"]
        .iter()
        .any(|suffix| name.ends_with(suffix))
}

/// Returns the upper bound of an array, which is its length here. That of the constant array of
/// schemas is a number, for functions that take constants alone.
pub(super) fn upper_bound(function: &Function) -> Option<Expr> {
    if last_name(&function.name)? != "array_upper" {
        return None;
    }
    let arguments = arguments(function)?;
    if let Some(Expr::Function(inner)) = arguments.first()
        && last_name(&inner.name) == Some("current_schemas")
        && let [Expr::Value(value)] = &self::arguments(inner)?[..]
        && let Value::Boolean(is_implicit) = value.value
    {
        return Some(number(if is_implicit { "2" } else { "1" }));
    }
    Some(call("array_length", arguments))
}

/// Writes vectors of numbers in the list of a query as PostgreSQL does.
pub(super) fn write_vectors(query: &mut Query) {
    let SetExpr::Select(select) = query.body.as_mut() else {
        return;
    };
    for item in &mut select.projection {
        let (expr, alias) = match item {
            SelectItem::UnnamedExpr(expr) => (expr, None),
            SelectItem::ExprWithAlias { expr, alias } => (expr, Some(alias.clone())),
            _ => continue,
        };
        let Some(name) = column(expr).filter(|name| VECTORS.contains(&name.as_str())) else {
            continue;
        };
        let joined = call("array_to_string", vec![expr.clone(), text(" ")]);
        *item = SelectItem::ExprWithAlias {
            // An empty vector is an empty text.
            expr: call("coalesce", vec![joined, text("")]),
            alias: alias.unwrap_or_else(|| Ident::with_quote('"', name)),
        };
    }
}

/// Returns the operator of a name in PostgreSQL.
pub(super) fn operator(name: &str) -> Option<BinaryOperator> {
    Some(match name {
        "~" => BinaryOperator::PGRegexMatch,
        "~*" => BinaryOperator::PGRegexIMatch,
        "!~" => BinaryOperator::PGRegexNotMatch,
        "!~*" => BinaryOperator::PGRegexNotIMatch,
        "=" => BinaryOperator::Eq,
        "<>" => BinaryOperator::NotEq,
        "~~" => BinaryOperator::PGLikeMatch,
        _ => return None,
    })
}

/// Returns the name of a type in lower case, without its schema.
pub(super) fn type_name(data_type: &DataType) -> Option<String> {
    match data_type {
        DataType::Custom(name, _) => Some(last_name(name)?.to_lowercase()),
        DataType::Regclass => Some("regclass".to_owned()),
        DataType::Char(_) | DataType::Character(_) => Some("char".to_owned()),
        _ => None,
    }
}

/// Returns the type that stands for one of PostgreSQL by its name, and for an array of it.
pub(super) fn plain_type(data_type: &DataType) -> Option<DataType> {
    if let DataType::Array(ArrayElemTypeDef::SquareBracket(item, _)) = data_type {
        let item = Box::new(plain_type(item)?);
        let items = ArrayElemTypeDef::SquareBracket(item, None);
        return Some(DataType::Array(items));
    }
    Some(match type_name(data_type)?.as_str() {
        "char" | "name" | "text" | "varchar" | "bpchar" | "information_schema" => DataType::Text,
        "oid" | "xid" | "int8" => DataType::BigInt(None),
        "int4" => DataType::Int(None),
        "int2" => DataType::SmallInt(None),
        "bool" => DataType::Boolean,
        _ => return None,
    })
}

/// Returns the name of a column in lower case.
fn column(expr: &Expr) -> Option<String> {
    let name = match expr {
        Expr::Identifier(name) => name,
        Expr::CompoundIdentifier(parts) => parts.last()?,
        _ => return None,
    };
    Some(name.value.to_lowercase())
}

fn arguments(function: &Function) -> Option<Vec<Expr>> {
    let FunctionArguments::List(list) = &function.args else {
        return None;
    };
    let arguments = list.args.iter().map(|argument| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
        _ => None,
    });
    arguments.collect()
}
