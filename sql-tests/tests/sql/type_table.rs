//! TYPES.md against the golden files: it must list every Arrow type, and a golden
//! file must lower and lift each type that it says is tested in SQL.

use sqllogictest::harness::{Failed, Trial};

const TYPES_MD: &str = include_str!("../../../TYPES.md");
const ROUND_TRIPS: &str = include_str!("../../slt/types/round_trip.slt");

/// Prefixes of the names of all Arrow types.
const ARROW_TYPES: &str = "Null Boolean Int8 Int16 Int32 Int64 UInt8 UInt16 UInt32 UInt64 \
    Float16 Float32 Float64 Decimal32 Decimal64 Decimal128 Decimal256 Date32 Date64 \
    Time32(s) Time32(ms) Time64(µs) Time64(ns) \
    Timestamp(s) Timestamp(ms) Timestamp(µs) Timestamp(ns) Timestamp(ns, \
    Duration(s) Duration(ms) Duration(µs) Duration(ns) \
    Interval(YearMonth) Interval(DayTime) Interval(MonthDayNano) \
    Utf8 LargeUtf8 Utf8View Binary LargeBinary BinaryView FixedSizeBinary \
    List LargeList ListView LargeListView FixedSizeList Struct Map Union \
    Dictionary RunEndEncoded";

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("types_md_lists_every_arrow_type", every_type_is_listed),
        Trial::test(
            "every_type_that_types_md_calls_tested_has_a_round_trip",
            listed_types_have_round_trips,
        ),
    ]
}

/// Returns the cells of each row of the table, without backticks.
fn table_rows() -> impl Iterator<Item = Vec<&'static str>> {
    let rows = TYPES_MD.lines().filter(|line| line.starts_with("| `"));
    rows.map(|line| {
        let cells = line.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().trim_matches('`')).collect()
    })
}

fn every_type_is_listed() -> Result<(), Failed> {
    let names = ARROW_TYPES.split_whitespace();
    let is_listed = |name: &str| table_rows().any(|cells| cells[0].starts_with(name));
    match names.into_iter().find(|name| !is_listed(name)) {
        Some(name) => Err(format!("TYPES.md does not list {name}").into()),
        None => Ok(()),
    }
}

fn listed_types_have_round_trips() -> Result<(), Failed> {
    let mut tested = 0;
    for cells in table_rows().filter(|cells| cells[3].ends_with(".slt")) {
        let [arrow, sql] = [cells[0], cells[1]];
        let signature = format!("({sql}) RETURNS {sql} ");
        let mut sections = ROUND_TRIPS.split("CREATE OR REPLACE FUNCTION same");
        let section = sections.find(|section| section.starts_with(&signature));
        let results = section.into_iter().flat_map(str::lines);
        // The query after it returns three values and a null, each with its type.
        match results
            .filter(|line| line.ends_with(&format!(" {arrow}")))
            .count()
        {
            4 => tested += 1,
            _ => return Err(format!("round_trip.slt does not test {sql}").into()),
        }
    }
    match tested {
        50.. => Ok(()),
        _ => Err(format!("expected at least 50 types, found {tested}").into()),
    }
}
