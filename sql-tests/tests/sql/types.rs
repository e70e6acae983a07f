//! The table of types in `TYPES.md`: that it lists all, and that the golden file
//! it names carries them there and back.

use sqllogictest::harness::{Failed, Trial};

const TABLE: &str = include_str!("../../../TYPES.md");
const BORDER: &str = include_str!("../../slt/border.slt");

/// What the names of Arrow's types begin with.
const ARROW: &str = "Null Boolean Int8 Int16 Int32 Int64 UInt8 UInt16 UInt32 UInt64 \
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
        Trial::test("table_lists_every_type", every_type_is_listed),
        Trial::test("listed_types_go_there_and_back", listed_types_are_tested),
    ]
}

/// The cells of each row, without their backticks.
fn rows() -> impl Iterator<Item = Vec<&'static str>> {
    let rows = TABLE.lines().filter(|line| line.starts_with("| `"));
    rows.map(|line| {
        let cells = line.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().trim_matches('`')).collect()
    })
}

fn every_type_is_listed() -> Result<(), Failed> {
    let names = ARROW.split_whitespace();
    let is_listed = |name: &str| rows().any(|cells| cells[0].starts_with(name));
    match names.into_iter().find(|name| !is_listed(name)) {
        Some(name) => Err(format!("{name} is not in the table").into()),
        None => Ok(()),
    }
}

fn listed_types_are_tested() -> Result<(), Failed> {
    let mut tested = 0;
    for cells in rows().filter(|cells| cells[3] == "border.slt") {
        let [arrow, sql] = [cells[0], cells[1]];
        let created = format!("FUNCTION same({sql}) RETURNS {sql} ");
        let came_back = BORDER
            .lines()
            .any(|line| line.ends_with(&format!(" {arrow}")));
        if !BORDER.contains(&created) || !came_back {
            return Err(format!("{sql} is not tested").into());
        }
        tested += 1;
    }
    match tested {
        50.. => Ok(()),
        _ => Err(format!("only {tested} types are tested").into()),
    }
}
