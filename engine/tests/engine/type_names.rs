//! SQL names of types mean the same as in DataFusion.

use arrow::array::AsArray;
use datafusion::prelude::{SessionConfig, SessionContext};
use fusebox::statement::parse_type;

/// Zone of `TIMESTAMP WITH TIME ZONE` in definitions.
const ZONE: &str = "+00:00";

const NAMES: &str = "BOOLEAN; BOOL; TINYINT; SMALLINT; INT2; INT; INTEGER; INT4; BIGINT; INT8; \
    TINYINT UNSIGNED; SMALLINT UNSIGNED; INT UNSIGNED; INTEGER UNSIGNED; BIGINT UNSIGNED; \
    FLOAT; REAL; FLOAT4; DOUBLE; DOUBLE PRECISION; FLOAT8; VARCHAR; CHAR; TEXT; STRING; BYTEA; \
    DECIMAL; NUMERIC; DECIMAL(7); DECIMAL(12, 2); DECIMAL(38, 38); NUMERIC(39, 2); DECIMAL(76); \
    DECIMAL(5, -2); \
    DATE; TIME; TIME WITHOUT TIME ZONE; TIMESTAMP; TIMESTAMP WITHOUT TIME ZONE; TIMESTAMP(0); \
    TIMESTAMP(3); TIMESTAMP(6); TIMESTAMP(9); TIMESTAMP WITH TIME ZONE; TIMESTAMPTZ; \
    TIMESTAMP(6) WITH TIME ZONE; TIMESTAMPTZ(3); INTERVAL; \
    BIGINT[]; BIGINT[][]; ARRAY<BIGINT>; ARRAY<ARRAY<VARCHAR>>; BIGINT[3]; DATE[2][]; \
    STRUCT<a BIGINT, B VARCHAR>; STRUCT<BIGINT, \"B\" ARRAY<DATE>>; STRUCT<a STRUCT<b INT>[]>[]";

#[tokio::test]
async fn type_names_mean_the_same_as_in_datafusion() {
    // Definitions do not depend on the session's zone, DataFusion's types do.
    let mut config = SessionConfig::new();
    config.options_mut().execution.time_zone = Some(ZONE.to_owned());
    let context = SessionContext::new_with_config(config);
    for name in NAMES.split("; ") {
        let sql = format!("SELECT arrow_typeof(CAST(NULL AS {name}))");
        let batches = context.sql(&sql).await.unwrap().collect().await.unwrap();
        let expected = batches[0].column(0).as_string::<i32>().value(0);
        assert_eq!(
            parse_type(name, "generic", "f").unwrap().to_string(),
            expected,
            "{name}"
        );
    }
}
