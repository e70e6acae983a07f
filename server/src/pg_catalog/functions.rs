//! Functions of the catalog.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
    Volatility,
};

use super::oids::{OWNER, PG_PROC, schema_oid};
use super::snapshot::{Function, Snapshot};
use super::type_names::type_name;
use crate::encoding::types::{PgType, ScalarType};
use crate::settings::SERVER_VERSION;

/// Type of a result.
#[derive(Clone, Copy, Debug)]
enum Returns {
    Text,
    Number,
    Truth,
    Texts,
}

/// Result of a call for one row.
type Body = fn(&Snapshot, &[ScalarValue]) -> ScalarValue;

/// Results of functions that are the same for all arguments.
const NO_TEXT: Body = |_, _| NULL_TEXT;
const YES: Body = |_, _| truth(true);
const NO_NUMBER: Body = |_, _| ScalarValue::Int64(None);

/// Functions by their names.
const ALL: [(&str, Returns, Body); 73] = [
    ("version", Returns::Text, |_, _| {
        let version = env!("CARGO_PKG_VERSION");
        text(format!("PostgreSQL {SERVER_VERSION} (Fusebox {version})"))
    }),
    ("current_database", Returns::Text, |s, _| {
        text(&s.names.database)
    }),
    ("current_catalog", Returns::Text, |s, _| {
        text(&s.names.database)
    }),
    ("current_schema", Returns::Text, |_, _| text("public")),
    ("current_schemas", Returns::Texts, |_, arguments| {
        let is_implicit = matches!(arguments.first(), Some(ScalarValue::Boolean(Some(true))));
        let all = ["pg_catalog", "public"];
        texts(if is_implicit { &all } else { &all[1..] })
    }),
    ("current_user", Returns::Text, |s, _| text(&s.names.user)),
    ("current_role", Returns::Text, |s, _| text(&s.names.user)),
    ("session_user", Returns::Text, |s, _| text(&s.names.user)),
    ("current_setting", Returns::Text, |s, arguments| {
        let name = string(arguments, 0).unwrap_or_default().to_lowercase();
        s.names.settings.get(&name).map_or(NULL_TEXT, text)
    }),
    ("set_config", Returns::Text, |_, arguments| {
        string(arguments, 1).map_or(NULL_TEXT, text)
    }),
    ("pg_backend_pid", Returns::Number, |s, _| {
        number(s.names.process)
    }),
    ("pg_is_in_recovery", Returns::Truth, |_, _| truth(false)),
    ("pg_encoding_to_char", Returns::Text, |_, _| text("UTF8")),
    ("getdatabaseencoding", Returns::Text, |_, _| text("UTF8")),
    ("pg_get_userbyid", Returns::Text, |s, arguments| {
        let index = integer(arguments, 0).and_then(|oid| usize::try_from(oid - OWNER).ok());
        let user = index.and_then(|index| s.names.users.get(index));
        text(user.unwrap_or(&s.names.user))
    }),
    ("pg_table_is_visible", Returns::Truth, |s, arguments| {
        let oid = integer(arguments, 0);
        let mut relations = s.relations.iter();
        let found = relations.find(|relation| Some(relation.oid) == oid);
        truth(found.is_some_and(|relation| relation.schema == "public"))
    }),
    ("pg_function_is_visible", Returns::Truth, |_, _| truth(true)),
    ("pg_type_is_visible", Returns::Truth, |_, _| truth(true)),
    ("pg_operator_is_visible", Returns::Truth, |_, _| truth(true)),
    ("pg_collation_is_visible", Returns::Truth, YES),
    ("pg_opclass_is_visible", Returns::Truth, |_, _| truth(true)),
    ("pg_statistics_obj_is_visible", Returns::Truth, YES),
    ("pg_get_expr", Returns::Text, |_, arguments| {
        string(arguments, 0).map_or(NULL_TEXT, text)
    }),
    ("pg_get_viewdef", Returns::Text, |s, arguments| {
        let query = integer(arguments, 0).and_then(|oid| s.view(oid));
        query.map_or(NULL_TEXT, text)
    }),
    ("pg_get_constraintdef", Returns::Text, |_, _| NULL_TEXT),
    ("pg_get_indexdef", Returns::Text, |_, _| NULL_TEXT),
    ("pg_get_triggerdef", Returns::Text, |_, _| NULL_TEXT),
    ("pg_get_ruledef", Returns::Text, |_, _| NULL_TEXT),
    ("pg_get_partkeydef", Returns::Text, |_, _| NULL_TEXT),
    ("pg_get_serial_sequence", Returns::Text, |_, _| NULL_TEXT),
    ("pg_get_statisticsobjdef_columns", Returns::Text, NO_TEXT),
    ("pg_get_functiondef", Returns::Text, |_, _| NULL_TEXT),
    ("pg_get_function_sqlbody", Returns::Text, |_, _| NULL_TEXT),
    ("pg_get_function_result", Returns::Text, |s, arguments| {
        function(s, arguments).map_or(NULL_TEXT, |function| match function.definition.kind {
            fusebox::Kind::Table => text(format!("TABLE {}", function.result())),
            _ => text(function.result()),
        })
    }),
    (
        "pg_get_function_arguments",
        Returns::Text,
        |s, arguments| {
            function(s, arguments).map_or(NULL_TEXT, |function| text(function.arguments()))
        },
    ),
    (
        "pg_get_function_identity_arguments",
        Returns::Text,
        |s, arguments| {
            function(s, arguments).map_or(NULL_TEXT, |function| text(function.arguments()))
        },
    ),
    ("pg_relation_is_publishable", Returns::Truth, |_, _| {
        truth(false)
    }),
    ("pg_relation_size", Returns::Number, |_, _| number(0)),
    ("pg_total_relation_size", Returns::Number, |_, _| number(0)),
    ("pg_table_size", Returns::Number, |_, _| number(0)),
    ("pg_database_size", Returns::Number, |_, _| number(0)),
    ("pg_size_pretty", Returns::Text, |_, arguments| {
        let bytes = integer(arguments, 0).unwrap_or(0);
        text(format!("{bytes} bytes"))
    }),
    ("pg_tablespace_location", Returns::Text, |_, _| text("")),
    ("pg_my_temp_schema", Returns::Number, |_, _| number(0)),
    ("pg_is_other_temp_schema", Returns::Truth, |_, _| {
        truth(false)
    }),
    ("pg_char_to_encoding", Returns::Number, |_, _| number(6)),
    ("pg_has_role", Returns::Truth, |_, _| truth(true)),
    ("has_database_privilege", Returns::Truth, |_, _| truth(true)),
    ("has_schema_privilege", Returns::Truth, |_, _| truth(true)),
    ("has_table_privilege", Returns::Truth, |_, _| truth(true)),
    ("has_column_privilege", Returns::Truth, |_, _| truth(true)),
    ("has_any_column_privilege", Returns::Truth, YES),
    ("has_function_privilege", Returns::Truth, |_, _| truth(true)),
    ("has_sequence_privilege", Returns::Truth, |_, _| truth(true)),
    ("format_type", Returns::Text, |_, arguments| {
        integer(arguments, 0).map_or(NULL_TEXT, |oid| {
            text(type_name(oid, integer(arguments, 1).unwrap_or(-1)))
        })
    }),
    ("pg_typeof", Returns::Text, |_, arguments| {
        arguments.first().map_or(NULL_TEXT, |value| {
            let pg_type = PgType::of(&value.data_type());
            text(type_name(pg_type.oid().into(), -1))
        })
    }),
    ("obj_description", Returns::Text, |s, arguments| {
        let of_function = integer(arguments, 1).is_none_or(|class| class == PG_PROC)
            && string(arguments, 1).is_none_or(|class| class != "pg_class");
        let found = function(s, arguments).filter(|_| of_function);
        let comment = found.and_then(|function| function.definition.comment.as_ref());
        comment.map_or(NULL_TEXT, text)
    }),
    ("shobj_description", Returns::Text, |_, _| NULL_TEXT),
    ("col_description", Returns::Text, |_, _| NULL_TEXT),
    ("quote_ident", Returns::Text, |_, arguments| {
        string(arguments, 0).map_or(NULL_TEXT, |name| {
            text(fusebox::Identifier(&name).to_string())
        })
    }),
    ("to_regclass", Returns::Number, |s, arguments| {
        let name = string(arguments, 0).unwrap_or_default();
        match s.relation(&name) {
            Some(relation) => number(relation.oid),
            None => ScalarValue::Int64(None),
        }
    }),
    ("to_regtype", Returns::Number, |_, arguments| {
        let name = string(arguments, 0).unwrap_or_default();
        let mut types = ScalarType::ALL.into_iter();
        match types.find(|scalar| scalar.name() == name) {
            Some(scalar) => number(scalar.oid()),
            None => ScalarValue::Int64(None),
        }
    }),
    ("regclass_name", Returns::Text, |s, arguments| {
        let Some(oid) = integer(arguments, 0) else {
            return NULL_TEXT;
        };
        let mut relations = s.relations.iter();
        match relations.find(|relation| relation.oid == oid) {
            Some(relation) if relation.schema == "public" => text(&relation.name),
            Some(relation) => text(format!("{}.{}", relation.schema, relation.name)),
            None if oid == 0 => text("-"),
            None => text(oid.to_string()),
        }
    }),
    (
        "regproc_name",
        Returns::Text,
        |s, arguments| match function(s, arguments) {
            Some(function) => text(&function.definition.name),
            None => string(arguments, 0).map_or(NULL_TEXT, text),
        },
    ),
    ("regnamespace_name", Returns::Text, |s, arguments| {
        let oid = integer(arguments, 0);
        let mut schemas = s.schemas.iter();
        let found = schemas.find(|schema| Some(schema_oid(schema)) == oid);
        found.map_or(NULL_TEXT, text)
    }),
    ("regtype_name", Returns::Text, |_, arguments| {
        integer(arguments, 0).map_or(NULL_TEXT, |oid| text(type_name(oid, -1)))
    }),
    ("regrole_name", Returns::Text, |s, _| text(&s.names.user)),
    ("pg_postmaster_start_time", Returns::Text, |_, _| NULL_TEXT),
    ("pg_conf_load_time", Returns::Text, |_, _| NULL_TEXT),
    ("inet_server_port", Returns::Number, NO_NUMBER),
    ("txid_current", Returns::Number, |_, _| number(1)),
    ("pg_advisory_unlock_all", Returns::Text, NO_TEXT),
    ("pg_get_partition_ancestors", Returns::Number, NO_NUMBER),
];

/// Names of the functions.
pub(super) const FUNCTIONS: [&str; ALL.len()] = {
    let mut names = [""; ALL.len()];
    let mut index = 0;
    while index < names.len() {
        names[index] = ALL[index].0;
        index += 1;
    }
    names
};

const NULL_TEXT: ScalarValue = ScalarValue::Utf8(None);

fn text(value: impl Into<String>) -> ScalarValue {
    ScalarValue::Utf8(Some(value.into()))
}

fn number(value: impl Into<i64>) -> ScalarValue {
    ScalarValue::Int64(Some(value.into()))
}

fn truth(value: bool) -> ScalarValue {
    ScalarValue::Boolean(Some(value))
}

fn texts(values: &[&str]) -> ScalarValue {
    let values: Vec<_> = values.iter().map(|value| text(*value)).collect();
    ScalarValue::List(ScalarValue::new_list_nullable(&values, &DataType::Utf8))
}

fn integer(arguments: &[ScalarValue], index: usize) -> Option<i64> {
    let value = arguments.get(index)?.cast_to(&DataType::Int64).ok()?;
    match value {
        ScalarValue::Int64(value) => value,
        _ => None,
    }
}

fn string(arguments: &[ScalarValue], index: usize) -> Option<String> {
    let value = arguments.get(index)?.cast_to(&DataType::Utf8).ok()?;
    match value {
        ScalarValue::Utf8(value) => value,
        _ => None,
    }
}

fn function<'a>(snapshot: &'a Snapshot, arguments: &[ScalarValue]) -> Option<&'a Function> {
    let oid = integer(arguments, 0)?;
    let mut functions = snapshot.functions.iter();
    functions.find(|function| function.oid == oid)
}

/// Registers the functions in a context.
pub(super) fn register_functions(context: &SessionContext, snapshot: &Arc<Snapshot>) {
    for name in FUNCTIONS {
        let function = catalog_function(name, name.to_owned(), snapshot, None);
        function
            .into_iter()
            .for_each(|function| context.register_udf(function));
    }
}

/// Makes the function of a name, to be registered under another name in place of a function that
/// was there before; `None` if there is none of the name.
pub(super) fn catalog_function(
    name: &str,
    registered: String,
    snapshot: &Arc<Snapshot>,
    replaced: Option<Arc<ScalarUDF>>,
) -> Option<ScalarUDF> {
    let (_, returns, body) = ALL.into_iter().find(|(own, ..)| *own == name)?;
    Some(ScalarUDF::from(CatalogFunction {
        name: registered,
        returns,
        body,
        snapshot: Arc::clone(snapshot),
        replaced,
        signature: Signature::one_of(
            vec![TypeSignature::Nullary, TypeSignature::VariadicAny],
            Volatility::Stable,
        ),
    }))
}

/// Returns the function in whose place one of the catalog is; `None` if it is none of the catalog.
pub(super) fn replaced_by(function: &ScalarUDF) -> Option<Option<Arc<ScalarUDF>>> {
    let function = function.inner().downcast_ref::<CatalogFunction>()?;
    Some(function.replaced.clone())
}

/// Function of the catalog.
struct CatalogFunction {
    name: String,
    returns: Returns,
    body: Body,
    snapshot: Arc<Snapshot>,
    replaced: Option<Arc<ScalarUDF>>,
    signature: Signature,
}

impl ScalarUDFImpl for CatalogFunction {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> DfResult<DataType> {
        Ok(match self.returns {
            Returns::Text => DataType::Utf8,
            Returns::Number => DataType::Int64,
            Returns::Truth => DataType::Boolean,
            Returns::Texts => DataType::new_list(DataType::Utf8, true),
        })
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let rows = call.number_rows;
        let is_constant = |argument: &ColumnarValue| matches!(argument, ColumnarValue::Scalar(_));
        if call.args.iter().all(is_constant) {
            let arguments = call.args.iter().map(|argument| match argument {
                ColumnarValue::Scalar(value) => Ok(value.clone()),
                ColumnarValue::Array(array) => ScalarValue::try_from_array(array, 0),
            });
            let arguments: Vec<_> = arguments.collect::<DfResult<_>>()?;
            let result = (self.body)(&self.snapshot, &arguments);
            return Ok(ColumnarValue::Scalar(result));
        }
        let columns = ColumnarValue::values_to_arrays(&call.args)?;
        let mut results = Vec::with_capacity(rows);
        for row in 0..columns.first().map_or(rows, |column| column.len()) {
            let arguments = columns
                .iter()
                .map(|column| ScalarValue::try_from_array(column, row));
            let arguments: Vec<_> = arguments.collect::<DfResult<_>>()?;
            results.push((self.body)(&self.snapshot, &arguments));
        }
        match results.is_empty() {
            true => {
                let empty = datafusion::arrow::array::new_empty_array(&self.return_type(&[])?);
                Ok(ColumnarValue::Array(empty))
            }
            false => Ok(ColumnarValue::Array(ScalarValue::iter_to_array(results)?)),
        }
    }
}

impl PartialEq for CatalogFunction {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && Arc::ptr_eq(&self.snapshot, &other.snapshot)
    }
}

impl Eq for CatalogFunction {}

impl Hash for CatalogFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl fmt::Debug for CatalogFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CatalogFunction")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
