//! Features of the server: `GetSqlInfo`.

use arrow::array::AsArray;
use arrow::datatypes::UInt32Type;
use arrow_flight::error::FlightError;
use arrow_flight::sql::metadata::{SqlInfoData, SqlInfoDataBuilder};
use arrow_flight::sql::{
    CommandGetSqlInfo, SqlInfo, SqlNullOrdering, SqlSupportedCaseSensitivity,
    SqlSupportedTransaction,
};
use datafusion::arrow::array::RecordBatch;

use crate::report::Report;

/// Number that no information has.
const UNKNOWN: u32 = u32::MAX;

/// Makes the information.
///
/// # Panics
///
/// If the builder, whose input is constant, refuses it.
pub(super) fn data() -> SqlInfoData {
    let mut info = SqlInfoDataBuilder::new();
    info.append(SqlInfo::FlightSqlServerName, "Fusebox");
    info.append(SqlInfo::FlightSqlServerVersion, env!("CARGO_PKG_VERSION"));
    info.append(SqlInfo::FlightSqlServerArrowVersion, arrow::ARROW_VERSION);
    info.append(SqlInfo::FlightSqlServerReadOnly, false);
    info.append(SqlInfo::FlightSqlServerSql, true);
    info.append(SqlInfo::FlightSqlServerSubstrait, false);
    info.append(
        SqlInfo::FlightSqlServerTransaction,
        SqlSupportedTransaction::None as i32,
    );
    info.append(SqlInfo::FlightSqlServerCancel, true);
    info.append(SqlInfo::FlightSqlServerBulkIngestion, false);
    info.append(SqlInfo::FlightSqlServerStatementTimeout, 0_i32);
    info.append(SqlInfo::FlightSqlServerTransactionTimeout, 0_i32);
    info.append(SqlInfo::SqlDdlCatalog, false);
    info.append(SqlInfo::SqlDdlSchema, true);
    info.append(SqlInfo::SqlDdlTable, true);
    info.append(
        SqlInfo::SqlIdentifierCase,
        SqlSupportedCaseSensitivity::SqlCaseSensitivityLowercase as i32,
    );
    info.append(SqlInfo::SqlIdentifierQuoteChar, "\"");
    info.append(SqlInfo::SqlAllTablesAreSelectable, true);
    info.append(
        SqlInfo::SqlNullOrdering,
        SqlNullOrdering::SqlNullsSortedHigh as i32,
    );
    info.append(SqlInfo::SqlSupportsColumnAliasing, true);
    info.append(SqlInfo::SqlTransactionsSupported, false);
    info.append(SqlInfo::SqlSavepointsSupported, false);
    info.append(SqlInfo::SqlNamedParametersSupported, false);
    info.build().expect("constants are information")
}

/// Returns the information that a client asks for; all if it names none.
///
/// # Errors
///
/// A report if it cannot be filtered.
pub(super) fn batch(data: &SqlInfoData, command: CommandGetSqlInfo) -> Result<RecordBatch, Report> {
    let failed = |error: FlightError| Report::error("XX000", error.to_string());
    let all = data.record_batch([]).map_err(failed)?;
    if command.info.is_empty() {
        return Ok(all);
    }
    // The filter takes time for each number: of those that are unknown, one is as good as all.
    let known = all.column(0).as_primitive::<UInt32Type>().values();
    let wanted = known.iter().copied();
    let wanted = wanted.filter(|name| command.info.contains(name));
    let mut wanted: Vec<_> = wanted.collect();
    wanted.push(UNKNOWN);
    data.record_batch(wanted).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn information_is_that_which_is_asked_for() {
        let data = data();
        let rows = |info: Vec<u32>| {
            let batch = batch(&data, CommandGetSqlInfo { info }).unwrap();
            assert_eq!(batch.schema(), data.schema());
            batch.num_rows()
        };
        assert!(rows(vec![]) > 10);
        assert_eq!(rows(vec![0, 8, 8, 123_456]), 2);
        assert_eq!(rows(vec![123_456; 100_000]), 0);
    }
}
