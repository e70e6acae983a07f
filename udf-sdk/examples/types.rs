//! Functions of every type and feature of a signature.
//!
//! A golden file of SQL calls them all.
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;

use fusebox_sdk::{
    Date, Decimal, Duration, F16, Interval, List, Map, Microsecond, Millisecond, ParseDecimalError,
    Row, Second, Time, Timestamp, TimestampTz, udf,
};

/// Adds numbers of every type, as DOUBLE.
#[udf]
#[expect(clippy::too_many_arguments, reason = "there are ten types of numbers")]
pub fn sum_of_all(
    a: i8,
    b: i16,
    c: i32,
    d: i64,
    e: u8,
    f: u16,
    g: u32,
    h: u64,
    i: f32,
    j: f64,
) -> f64 {
    let signed = f64::from(a) + f64::from(b) + f64::from(c) + d as f64;
    let unsigned = f64::from(e) + f64::from(f) + f64::from(g) + h as f64;
    signed + unsigned + f64::from(i) + j
}

/// Truncates a number to narrower types.
#[udf]
pub fn low_byte(n: i64) -> u8 {
    n as u8
}

/// Converts an unsigned number to a signed one, if that is exact.
#[udf]
pub fn narrow(n: i64) -> Option<i8> {
    n.try_into().ok()
}

/// Exclusive or, with bitmaps as argument and result.
#[udf]
pub fn differ(a: bool, b: bool) -> bool {
    a != b
}

/// Sees nulls: counts the arguments that are not null.
#[udf]
pub fn nulls(a: Option<&str>, b: Option<i64>) -> i32 {
    i32::from(a.is_none()) + i32::from(b.is_none())
}

/// Sees nulls in one argument; a null in the other makes the result null.
#[udf]
pub fn or_else(text: Option<&str>, other: String) -> String {
    text.map_or(other, str::to_owned)
}

/// Borrows its result from its argument.
#[udf]
pub fn first_word(text: &str) -> Option<&str> {
    text.split_whitespace().next()
}

/// Bytes in and out, under a name that is quoted in SQL.
#[udf(name = "Reversed")]
pub fn reversed(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().rev().copied().collect()
}

/// Returns a failure, a null, or a value.
#[udf]
pub fn root(n: f64) -> Result<Option<f64>, String> {
    if n < 0.0 {
        return Err(format!("{n} is negative"));
    }
    Ok((n != 0.0).then(|| n.sqrt()))
}

/// Has no arguments, and is called for every row.
#[udf(volatile)]
pub fn one() -> i64 {
    1
}

/// An alias of a type.
type Meters = f32;

/// Takes an alias.
#[udf(stable)]
pub fn double_meters(length: Meters) -> Meters {
    2.0 * length
}

/// Traps.
#[udf]
pub fn panics(n: i64) -> i64 {
    assert!(n < 0, "{n} is not below zero");
    n
}

/// Loops for a given number of steps.
#[udf]
pub fn busy(steps: i64) -> i64 {
    (0..steps).fold(1, |state, step| (state ^ step).rotate_left(7))
}

/// Repeats a text, in memory that grows step by step.
#[udf]
pub fn repeated(text: &str, times: i64) -> String {
    let mut all = String::new();
    for _ in 0..times {
        all.push_str(text);
    }
    all
}

/// The words of a text without duplicates, in their order.
#[udf]
pub fn words(text: Option<String>) -> Option<String> {
    let words: BTreeSet<String> = text?.split_whitespace().map(str::to_owned).collect();
    Some(Vec::from_iter(words).join(" "))
}

/// Allocates temporary memory of a given size, and returns that size.
#[udf]
pub fn spacious(bytes: i64) -> i64 {
    let zeros = vec![0_u8; usize::try_from(bytes).unwrap_or(0)];
    black_box(zeros).len() as i64
}

/// A text of zeros, with temporary memory of the same size; if that is not
/// available, a long computation without a result.
#[udf]
pub fn roundabout(bytes: i64, zeros: i64) -> Option<Vec<u8>> {
    let size = |number| usize::try_from(number).unwrap_or(0);
    let mut moment: Vec<u8> = Vec::new();
    if moment.try_reserve_exact(size(bytes)).is_err() {
        black_box(busy(1_000_000));
        return None;
    }
    black_box(moment);
    Some(vec![0; size(zeros)])
}

/// Fails with the whole of a text that is too long.
#[udf]
pub fn at_most(text: String, bytes: i64) -> Result<String, String> {
    if text.len() as i64 > bytes {
        return Err(text);
    }
    Ok(text)
}

/// Doubles a 16-bit number.
#[udf]
pub fn twice_half(n: F16) -> F16 {
    F16::from_f32(n.to_f32() * 2.0)
}

/// The price of a number of pieces.
#[udf]
pub fn price(piece: Decimal<10, 2>, pieces: i64) -> Result<Decimal<10, 2>, &'static str> {
    piece.checked_mul(pieces).ok_or("too expensive")
}

/// Parses a number from a text, with all of its digits.
#[udf]
pub fn to_decimal(text: &str) -> Result<Decimal<38, 10>, ParseDecimalError> {
    text.parse()
}

/// The last day of a date's month.
#[udf]
pub fn month_end(date: Date) -> Option<Date> {
    let (year, month, _) = date.to_ymd();
    let next = match month {
        12 => Date::from_ymd(year + 1, 1, 1),
        _ => Date::from_ymd(year, month + 1, 1),
    };
    Some(Date::from_days(next?.days().checked_sub(1)?))
}

/// The time of day some seconds later, modulo a day.
#[udf]
pub fn later(time: Time, seconds: i32) -> Option<Time> {
    let nanoseconds = time.nanoseconds() + i64::from(seconds) * 1_000_000_000;
    Time::from_nanoseconds(nanoseconds.rem_euclid(86_400_000_000_000))
}

/// A timestamp in nanoseconds as text.
#[udf]
pub fn show_timestamp(timestamp: Timestamp) -> String {
    timestamp.to_string()
}

/// The same in seconds; null out of the range of nanoseconds.
#[udf]
pub fn in_seconds(timestamp: Timestamp<Second>) -> Option<Timestamp> {
    timestamp.to_unit()
}

/// The same in milliseconds.
#[udf]
pub fn to_milliseconds(timestamp: Timestamp<Microsecond>) -> Option<Timestamp<Millisecond>> {
    timestamp.to_unit()
}

/// The day in UTC.
#[udf]
pub fn utc_date(timestamp: TimestampTz) -> Option<Date> {
    timestamp.utc().date()
}

/// Adds a duration to a point in time.
#[udf]
pub fn after(timestamp: TimestampTz, span: Duration) -> Option<TimestampTz> {
    let nanoseconds = timestamp.nanoseconds().checked_add(span.nanoseconds());
    nanoseconds.map(TimestampTz::from_nanoseconds)
}

/// An interval with each part negated.
#[udf]
pub fn backwards(span: Interval) -> Interval {
    Interval {
        months: span.months.wrapping_neg(),
        days: span.days.wrapping_neg(),
        nanoseconds: span.nanoseconds.wrapping_neg(),
    }
}

/// The duration between two points in time.
#[udf]
pub fn between(from: TimestampTz, to: TimestampTz) -> Option<Duration> {
    let nanoseconds = to.nanoseconds().checked_sub(from.nanoseconds());
    nanoseconds.map(Duration::from_nanoseconds)
}

/// The sum of a list, in a loop without tests if no item is null.
#[udf]
pub fn sum_list(numbers: List<f64>) -> f64 {
    // The sum of no numbers is -0 in the standard library.
    match numbers.as_slice() {
        Some(numbers) => numbers.iter().fold(0.0, |sum, number| sum + number),
        None => numbers
            .iter()
            .flatten()
            .fold(0.0, |sum, number| sum + number),
    }
}

/// The numbers from 1 on, with nulls in place of multiples of 5.
#[udf]
pub fn count_to(last: i32) -> Vec<Option<i32>> {
    let without_fives = (1..=last).map(|n| (n % 5 != 0).then_some(n));
    without_fives.collect()
}

/// A list with every item repeated twice.
#[udf]
pub fn twice_each(numbers: Vec<i64>) -> Vec<i64> {
    numbers.into_iter().flat_map(|n| [n, n]).collect()
}

/// The longer of two lists, borrowed.
#[udf]
pub fn longer<'a>(a: List<'a, &'a str>, b: List<'a, &'a str>) -> List<'a, &'a str> {
    if b.len() > a.len() { b } else { a }
}

/// The items, concatenated, with a question mark for each null.
#[udf]
pub fn join(words: List<&str>, separator: &str) -> String {
    let words: Vec<&str> = words.iter().map(|word| word.unwrap_or("?")).collect();
    words.join(separator)
}

/// The words of each line of a text.
#[udf]
pub fn lines(text: &str) -> Vec<Vec<String>> {
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect();
    text.lines().map(words).collect()
}

/// Sees nulls: counts the items that are true, false and null.
#[udf]
pub fn votes(votes: Option<List<bool>>) -> Option<Vec<u32>> {
    let votes = votes?;
    let count = |vote| votes.iter().filter(|one| *one == vote).count() as u32;
    Some([Some(true), Some(false), None].map(count).into())
}

/// Transposes a matrix, up to the length of its shortest row.
#[udf]
pub fn transposed(matrix: List<List<f64>>) -> Vec<Vec<Option<f64>>> {
    let rows: Vec<List<f64>> = matrix.iter().flatten().collect();
    let columns = rows.iter().map(List::len).min().unwrap_or(0);
    let column = |index| rows.iter().map(|row| row.get(index)).collect();
    (0..columns).map(column).collect()
}

/// A list of bytes, which is not a BYTEA.
#[udf]
pub fn small_numbers(bytes: &[u8]) -> Vec<Option<u8>> {
    bytes
        .iter()
        .map(|byte| (*byte != 0).then_some(*byte))
        .collect()
}

/// A place on a map.
#[derive(Row)]
pub struct Place<'a> {
    /// The name of the place.
    pub name: Option<&'a str>,
    /// The location of the place.
    pub at: Point,
}

/// A point of the plane.
#[derive(Clone, Copy, Row)]
pub struct Point {
    /// Increases from left to right.
    pub x: f64,
    /// Increases from bottom to top.
    pub y: f64,
}

/// A point of two numbers.
#[udf]
pub fn point(x: f64, y: f64) -> Point {
    Point { x, y }
}

/// The distance of a point to another.
#[udf]
pub fn distance(a: Point, b: Point) -> f64 {
    (a.x - b.x).hypot(a.y - b.y)
}

/// A place with or without a name.
#[udf]
pub fn place<'a>(name: Option<&'a str>, x: f64, y: f64) -> Place<'a> {
    let at = Point { x, y };
    Place { name, at }
}

/// The name of a place.
#[udf]
pub fn place_name<'a>(place: Place<'a>) -> Option<&'a str> {
    place.name
}

/// The place nearest to a point, borrowed from the list.
#[udf]
pub fn nearest<'a>(places: List<'a, Place<'a>>, to: Point) -> Option<Place<'a>> {
    let places = places.iter().flatten();
    places.min_by(|a, b| distance(a.at, to).total_cmp(&distance(b.at, to)))
}

/// The corners of a square around a point.
#[udf]
pub fn square(center: Point, side: f64) -> Vec<Point> {
    let half = side / 2.0;
    let corners = [(-half, -half), (half, -half), (half, half), (-half, half)];
    let corner = |(x, y)| Point {
        x: center.x + x,
        y: center.y + y,
    };
    corners.map(corner).into()
}

/// The value of a key.
#[udf]
pub fn look_up<'a>(map: Map<'a, &'a str, i64>, key: &'a str) -> Option<i64> {
    map.get(key)
}

/// Counts each word of a text.
#[udf]
pub fn word_counts(text: &str) -> Vec<(String, i64)> {
    let mut counts = BTreeMap::new();
    for word in text.split_whitespace() {
        *counts.entry(word.to_owned()).or_default() += 1;
    }
    counts.into_iter().collect()
}

/// A map with keys and values exchanged, without null values.
#[udf]
pub fn inverted(map: Map<i64, &str>) -> Vec<(String, Option<i64>)> {
    let inverted = |(key, value): (i64, Option<&str>)| Some((value?.to_owned(), Some(key)));
    map.iter().filter_map(inverted).collect()
}
