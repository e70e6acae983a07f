//! The declarations of functions, which stay callable from Rust.

use fusebox_sdk::{
    AnyDecimal, Date, Decimal, Duration, F16, Interval, List, Map, Microsecond, Millisecond,
    Nanosecond, Row, Second, Time, Timestamp, TimestampTz, udf,
};

/// Checks a declaration, without the beginning and the end that all share.
#[track_caller]
pub(crate) fn check(declaration: &str, expected: &str) {
    let middle = declaration
        .strip_prefix("CREATE FUNCTION ")
        .and_then(|rest| rest.strip_suffix(";\n"));
    assert_eq!(middle, Some(expected), "{declaration}");
}

#[udf]
#[expect(clippy::too_many_arguments, reason = "one of each type")]
fn every_type(
    a: bool,
    b: i8,
    c: u8,
    d: i16,
    e: u16,
    f: i32,
    g: u32,
    h: i64,
    i: u64,
    j: f32,
    k: f64,
    l: &str,
    m: String,
    n: &[u8],
    o: Vec<u8>,
) -> aside::Count {
    let numbers = [
        i64::from(a),
        b.into(),
        c.into(),
        d.into(),
        e.into(),
        f.into(),
        g.into(),
        h,
        i as i64,
        j as i64,
        k as i64,
    ];
    let lengths = [l.len(), m.len(), n.len(), o.len()];
    numbers.into_iter().sum::<i64>() + lengths.into_iter().sum::<usize>() as i64
}

mod aside {
    pub(crate) type Count = i64;
}

#[test]
fn every_type_has_its_sql_name() {
    check(
        __fusebox_declaration_of_every_type,
        "\"every_type\"(\"a\" BOOLEAN, \"b\" TINYINT, \"c\" TINYINT UNSIGNED, \
         \"d\" SMALLINT, \"e\" SMALLINT UNSIGNED, \"f\" INT, \"g\" INT UNSIGNED, \
         \"h\" BIGINT, \"i\" BIGINT UNSIGNED, \"j\" FLOAT, \"k\" DOUBLE, \
         \"l\" VARCHAR, \"m\" VARCHAR, \"n\" BYTEA, \"o\" BYTEA) \
         RETURNS BIGINT LANGUAGE WASM STRICT",
    );
}

#[test]
fn function_stays_callable() {
    let (text, bytes) = (String::from("13"), vec![15; 2]);
    let one_each = every_type(
        true, 2, 3, 4, 5, 6, 7, 8, 9, 10.0, 11.0, "12", text, &[14; 2], bytes,
    );
    assert_eq!(one_each, (1..=11).sum::<i64>() + 8);
}

type Maybe<T> = Option<T>;
type Fallible<T> = Result<T, std::fmt::Error>;

#[udf]
fn aliases(present: f64, maybe: Maybe<f64>) -> Fallible<Maybe<Vec<u8>>> {
    Ok(maybe.map(|value| vec![(present + value) as u8]))
}

#[test]
fn alias_of_a_type_has_its_sql_type() {
    check(
        __fusebox_declaration_of_aliases,
        "\"aliases\"(\"present\" DOUBLE, \"maybe\" DOUBLE) \
         RETURNS BYTEA LANGUAGE WASM CALLED ON NULL INPUT",
    );
}

#[udf(defaults(r#in = "10", note = "'it''s'"))]
fn bounded(x: i64, r#in: i64, note: &str) -> i64 {
    x.min(r#in).max(note.len() as i64)
}

#[test]
fn defaults_are_declared_as_constants_of_sql() {
    check(
        __fusebox_declaration_of_bounded,
        "\"bounded\"(\"x\" BIGINT, \"in\" BIGINT DEFAULT 10, \"note\" VARCHAR DEFAULT 'it''s') \
         RETURNS BIGINT LANGUAGE WASM STRICT",
    );
}

#[udf(name = "say \"hi\"", stable)]
fn greeting<'a>(r#type: &'a str, mut _times: Option<&str>) -> &'a str {
    _times = None;
    r#type
}

#[test]
fn names_are_quoted_and_another_symbol_is_declared() {
    check(
        __fusebox_declaration_of_greeting,
        "\"say \"\"hi\"\"\"(\"type\" VARCHAR, \"_times\" VARCHAR) \
         RETURNS VARCHAR LANGUAGE WASM STABLE CALLED ON NULL INPUT EXPORT 'greeting'",
    );
}

#[udf(immutable)]
fn r#move() -> bool {
    true
}

#[test]
fn raw_identifier_is_a_plain_name() {
    check(
        __fusebox_declaration_of_move,
        "\"move\"() RETURNS BOOLEAN LANGUAGE WASM IMMUTABLE STRICT",
    );
}

#[udf(volatile)]
#[cfg(any())]
fn left_out() -> NoSuchType {
    NoSuchType
}

// Names that the macro uses do not collide with the author's.
#[udf]
fn argument_0(argument_0: i64, __fusebox_export: i64) -> i64 {
    argument_0 - __fusebox_export
}

#[udf]
fn call() -> i64 {
    7
}

#[test]
fn argument_may_be_named_like_its_function() {
    check(
        __fusebox_declaration_of_call,
        "\"call\"() RETURNS BIGINT LANGUAGE WASM STRICT",
    );
    check(
        __fusebox_declaration_of_argument_0,
        "\"argument_0\"(\"argument_0\" BIGINT, \"__fusebox_export\" BIGINT) \
         RETURNS BIGINT LANGUAGE WASM STRICT",
    );
}

#[udf]
#[expect(clippy::too_many_arguments, reason = "one of each type")]
fn every_width(
    a: F16,
    b: Decimal<38, 0>,
    c: Decimal<5, -2>,
    d: Date,
    e: Time,
    f: Timestamp,
    g: Timestamp<Second>,
    h: Timestamp<Millisecond>,
    i: Timestamp<Microsecond>,
    j: Timestamp<Nanosecond>,
    k: TimestampTz,
    l: Option<Duration>,
    m: Interval,
    n: AnyDecimal,
) -> Option<Decimal<10, 2>> {
    let _ = (a, b, c, d, e, f, g, h, i, j, k, l, m, n);
    None
}

#[test]
fn numbers_of_every_width_have_their_sql_names() {
    check(
        __fusebox_declaration_of_every_width,
        "\"every_width\"(\"a\" ARROW('Float16'), \"b\" DECIMAL(38, 0), \
         \"c\" DECIMAL(5, -2), \"d\" DATE, \"e\" TIME, \"f\" TIMESTAMP, \
         \"g\" TIMESTAMP(0), \"h\" TIMESTAMP(3), \"i\" TIMESTAMP(6), \
         \"j\" TIMESTAMP, \"k\" TIMESTAMP WITH TIME ZONE, \
         \"l\" ARROW('Duration(ns)'), \"m\" INTERVAL, \"n\" DECIMAL(*)) \
         RETURNS DECIMAL(10, 2) LANGUAGE WASM CALLED ON NULL INPUT",
    );
}

/// An owned struct with a raw identifier.
#[derive(Clone, Copy, Debug, PartialEq, Row)]
struct Point {
    x: f64,
    r#type: Option<u8>,
}

#[derive(Row)]
struct Trip<'a> {
    name: &'a str,
    stops: List<'a, Point>,
    tags: Map<'a, &'a str, List<'a, u8>>,
}

#[udf]
fn trips(
    trips: List<Trip>,
    _matrix: Option<List<List<Cents>>>,
    _counts: Map<&str, i64>,
    _blobs: Vec<Vec<u8>>,
) -> Vec<(String, Vec<Option<Point>>)> {
    let trips = trips.iter().flatten();
    let stops = trips.map(|trip| (trip.name.to_owned(), trip.stops.iter().collect()));
    stops.collect()
}

type Cents = Decimal<4, 2>;

#[test]
fn lists_structs_and_maps_are_declared_with_their_items() {
    check(
        __fusebox_declaration_of_trips,
        "\"trips\"(\"trips\" STRUCT(\"name\" VARCHAR, \
         \"stops\" STRUCT(\"x\" DOUBLE, \"type\" TINYINT UNSIGNED)[], \
         \"tags\" MAP(VARCHAR, TINYINT UNSIGNED[]))[], \
         \"_matrix\" DECIMAL(4, 2)[][], \"_counts\" MAP(VARCHAR, BIGINT), \
         \"_blobs\" BYTEA[]) \
         RETURNS MAP(VARCHAR, STRUCT(\"x\" DOUBLE, \"type\" TINYINT UNSIGNED)[]) \
         LANGUAGE WASM CALLED ON NULL INPUT",
    );
}

/// A public struct with a field of a private type.
pub(crate) mod shop {
    use fusebox_sdk::{List, Row};

    #[derive(Row)]
    pub(crate) struct Order<'order> {
        number: i64,
        lines: List<'order, Line<'order>>,
        first: Option<Line<'order>>,
    }

    #[derive(Row)]
    struct Line<'line> {
        article: &'line str,
    }

    impl Order<'_> {
        /// Reads all fields.
        pub(crate) fn letters(&self) -> i64 {
            let lines = self
                .lines
                .iter()
                .chain([self.first.as_ref().map(|line| Line {
                    article: line.article,
                })]);
            let letters = lines.flatten().map(|line| line.article.len() as i64);
            self.number + letters.sum::<i64>()
        }
    }
}

#[udf]
fn letters(order: shop::Order) -> i64 {
    order.letters()
}

#[test]
fn struct_may_have_private_fields() {
    check(
        __fusebox_declaration_of_letters,
        "\"letters\"(\"order\" STRUCT(\"number\" BIGINT, \
         \"lines\" STRUCT(\"article\" VARCHAR)[], \"first\" STRUCT(\"article\" VARCHAR))) \
         RETURNS BIGINT LANGUAGE WASM STRICT",
    );
}
