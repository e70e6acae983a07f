//! Values of each type, as text.

use crate::connected;

#[test]
fn values_are_written_as_in_postgresql() {
    let (_server, mut client) = connected();
    for (sql, oid, expected) in [
        ("true", 16, "t"),
        ("CAST(1 AS SMALLINT)", 21, "1"),
        ("CAST(-1 AS INT)", 23, "-1"),
        ("CAST(250 AS TINYINT UNSIGNED)", 21, "250"),
        (
            "CAST(18446744073709551615 AS BIGINT UNSIGNED)",
            1700,
            "18446744073709551615",
        ),
        ("CAST(0.1 AS REAL)", 700, "0.1"),
        ("CAST(1e20 AS DOUBLE)", 701, "1e+20"),
        ("CAST('NaN' AS DOUBLE)", 701, "NaN"),
        ("CAST(-12.50 AS DECIMAL(10, 2))", 1700, "-12.50"),
        ("X'00ff'", 17, "\\x00ff"),
        ("DATE '2024-02-29'", 1082, "2024-02-29"),
        ("TIME '12:34:56.5'", 1083, "12:34:56.5"),
        (
            "TIMESTAMP '2024-02-29 12:34:56.123456'",
            1114,
            "2024-02-29 12:34:56.123456",
        ),
        (
            "INTERVAL '1 month 2 days 3 hours'",
            1186,
            "1 mon 2 days 03:00:00",
        ),
        ("[1, NULL, 3]", 1016, "{1,NULL,3}"),
        ("['a b', 'c', '']", 1009, "{\"a b\",c,\"\"}"),
        ("[[1], [2, 3]]", 114, "[[1],[2,3]]"),
        ("struct(1, 'x')", 114, "{\"c0\":1,\"c1\":\"x\"}"),
        ("arrow_cast('x', 'Dictionary(Int32, Utf8)')", 25, "x"),
        ("arrow_cast(5, 'Duration(s)')", 1186, "00:00:05"),
        ("NULL", 25, "NULL"),
    ] {
        let answer = client.query(&format!("SELECT {sql}"));
        assert!(answer.error.is_none(), "{sql}: {:?}", answer.error);
        assert_eq!(answer.types, [oid], "{sql}");
        assert_eq!(answer.texts(), [expected], "{sql}");
    }
}
