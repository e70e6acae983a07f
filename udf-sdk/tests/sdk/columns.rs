//! The declarations of functions over columns.

use std::convert::Infallible;

use arrow_array::{
    Array, ArrayRef, BooleanArray, Date32Array, Decimal128Array, Decimal256Array, Float64Array,
    Int64Array, ListArray, MapArray, NullArray, StringArray, StructArray, TimestampNanosecondArray,
};
use fusebox_sdk::{Column, udf};

use crate::declared::check;

type Texts = StringArray;
type Fallible<T> = Result<T, Infallible>;

#[udf(columns)]
fn typed(a: &Int64Array, b: Column<Texts>, c: Column<'_, Date32Array>) -> Fallible<BooleanArray> {
    let _ = (b.rows(), c.array());
    Ok(a.iter().map(|a| a.map(|a| a > 0)).collect())
}

#[test]
fn array_has_its_default_sql_type() {
    check(
        __fusebox_declaration_of_typed,
        "\"typed\"(\"a\" BIGINT, \"b\" VARCHAR, \"c\" DATE) \
         RETURNS BOOLEAN LANGUAGE WASM CALLED ON NULL INPUT",
    );
}

#[test]
fn function_over_columns_stays_callable_too() {
    let identity = spelled(
        &Int64Array::from(vec![1]),
        &NullArray::new(1),
        &(std::sync::Arc::new(Int64Array::from(vec![2])) as ArrayRef),
    );
    assert_eq!(identity.len(), 1);
}

#[udf(
    columns,
    strict,
    stable,
    name = "Spelled",
    returns = "TINYINT UNSIGNED[]"
)]
fn spelled(
    #[sql("bigint")] r#type: &dyn Array,
    #[sql("ARROW('Null')")] _b: &NullArray,
    #[sql("MAP(VARCHAR, STRUCT(Name VARCHAR, \"Of it\" DECIMAL(4, 1)))")] _c: &ArrayRef,
) -> ArrayRef {
    r#type.slice(0, r#type.len())
}

#[test]
fn declared_types_are_written_in_the_sql_grammar() {
    check(
        __fusebox_declaration_of_spelled,
        "\"Spelled\"(\"type\" BIGINT, \"_b\" ARROW('Null'), \
         \"_c\" MAP(VARCHAR, STRUCT(\"name\" VARCHAR, \"Of it\" DECIMAL(4, 1)))) \
         RETURNS TINYINT UNSIGNED[] LANGUAGE WASM STABLE STRICT EXPORT 'spelled'",
    );
}

#[udf(columns, volatile, returns = "DECIMAL(60, 2)")]
fn with_parameters(
    #[sql("DECIMAL(12, 2)")] _a: &Decimal128Array,
    #[sql("DOUBLE[][]")] _b: Column<ListArray>,
    #[sql("STRUCT(x DOUBLE)")] _c: &StructArray,
    #[sql("MAP(BIGINT, BYTEA)")] _d: &MapArray,
    #[sql("TIMESTAMP WITH TIME ZONE")] _e: &TimestampNanosecondArray,
    #[sql("ARROW('Timestamp(ns, \"Europe/Paris\")')")] _f: &TimestampNanosecondArray,
    // A declared parameter, named like an option.
    columns: &Float64Array,
) -> Decimal256Array {
    Decimal256Array::new_null(columns.len())
}

#[test]
fn array_of_several_types_needs_a_declared_type() {
    check(
        __fusebox_declaration_of_with_parameters,
        "\"with_parameters\"(\"_a\" DECIMAL(12, 2), \"_b\" DOUBLE[][], \
         \"_c\" STRUCT(\"x\" DOUBLE), \"_d\" MAP(BIGINT, BYTEA), \
         \"_e\" TIMESTAMP WITH TIME ZONE, \"_f\" ARROW('Timestamp(ns, \"Europe/Paris\")'), \
         \"columns\" DOUBLE) \
         RETURNS DECIMAL(60, 2) LANGUAGE WASM VOLATILE CALLED ON NULL INPUT",
    );
}
