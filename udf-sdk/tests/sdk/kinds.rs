//! The declarations of aggregate, window and table functions.

use fusebox_sdk::{Partition, Peers, Row, udaf, udtf, udwf};

#[derive(Clone, Debug, Default, PartialEq, Row)]
struct GeoMean {
    ln_sum: f64,
    r#type: Option<Vec<String>>,
    inner: Inner,
}

#[derive(Clone, Debug, Default, PartialEq, Row)]
struct Inner {
    count: i64,
}

#[udaf(volatile)]
impl GeoMean {
    const START: i64 = 1;

    fn update(&mut self, value: f64, r#type: &str) {
        self.ln_sum += value.ln();
        self.inner.count += Self::START;
        let types = self.r#type.get_or_insert_default();
        types.push(r#type.to_owned());
    }

    fn merge(&mut self, other: Self) -> Result<(), &'static str> {
        self.ln_sum += other.ln_sum;
        self.inner.count = other.inner.count;
        Ok(())
    }

    fn finish(&self) -> Result<Option<Self>, String> {
        self.helper().map(Some)
    }

    fn helper(&self) -> Result<Self, String> {
        Ok(self.clone())
    }
}

#[test]
fn aggregate_declares_its_state() {
    assert_eq!(
        __fusebox_declaration_of_geo_mean,
        "CREATE AGGREGATE FUNCTION \"geo_mean\"(\"value\" DOUBLE, \"type\" VARCHAR) \
         RETURNS STRUCT(\"ln_sum\" DOUBLE, \"type\" VARCHAR[], \"inner\" STRUCT(\"count\" BIGINT)) \
         STATE (\"ln_sum\" DOUBLE, \"type\" VARCHAR[], \"inner\" STRUCT(\"count\" BIGINT)) \
         LANGUAGE WASM VOLATILE STRICT;\n"
    );
}

#[test]
fn methods_stay_callable() {
    let mut state = GeoMean::default();
    state.update(1.0, "a");
    state.merge(state.clone()).unwrap();
    assert_eq!(state.finish(), Ok(Some(state.clone())));
    assert_eq!((state.ln_sum, state.inner.count), (0.0, 1));
}

/// An aggregate with another name, without arguments, and with a compiler
/// attribute.
#[derive(Default, Row)]
struct Rows {
    rows: i64,
}

#[udaf(name = "count rows", stable)]
impl Rows {
    #[inline]
    pub(crate) fn update(&mut self) {
        self.rows += 1;
    }

    fn retract(&mut self) {
        self.rows -= 1;
    }

    fn merge(&mut self, other: Rows) {
        self.rows += other.rows;
    }

    fn finish(&self) -> i64 {
        self.rows
    }
}

#[udaf]
#[cfg(any())]
impl NoSuchType {}

#[test]
fn aggregate_may_have_another_name() {
    assert_eq!(
        __fusebox_declaration_of_rows,
        "CREATE AGGREGATE FUNCTION \"count rows\"() RETURNS BIGINT \
         STATE (\"rows\" BIGINT) LANGUAGE WASM STABLE STRICT EXPORT 'rows';\n"
    );
}

#[derive(Default)]
struct Ema(Option<f64>);

#[udwf]
impl Ema {
    fn next<'a>(&mut self, value: Option<f64>, name: &'a str) -> Option<&'a str> {
        self.0 = self.0.or(value);
        value.map(|_| name)
    }
}

#[udwf]
fn ahead<'a>(
    value: Partition<'a, &'a str>,
    at: Partition<'a, Vec<Option<i64>>>,
) -> Result<Vec<Option<&'a str>>, String> {
    let rows = (1..=value.len()).zip(at);
    rows.map(|(row, _)| Ok(value.get(row))).collect()
}

#[udwf(immutable, rank, name = "share")]
fn quantile(peers: Peers) -> f64 {
    peers.end() as f64 / peers.partition_rows() as f64
}

// Names that the macro uses do not collide with the author's.
#[udwf(rank)]
fn call(call: Peers) -> u64 {
    call.start()
}

#[test]
fn window_functions_of_every_shape_are_declared() {
    assert_eq!(
        __fusebox_declaration_of_ema,
        "CREATE WINDOW FUNCTION \"ema\"(\"value\" DOUBLE, \"name\" VARCHAR) \
         RETURNS VARCHAR LANGUAGE WASM CALLED ON NULL INPUT;\n"
    );
    assert_eq!(
        __fusebox_declaration_of_ahead,
        "CREATE WINDOW FUNCTION \"ahead\"(\"value\" VARCHAR, \"at\" BIGINT[]) \
         RETURNS VARCHAR LANGUAGE WASM CALLED ON NULL INPUT;\n"
    );
    assert_eq!(
        __fusebox_declaration_of_quantile,
        "CREATE WINDOW FUNCTION \"share\"() RETURNS DOUBLE \
         LANGUAGE WASM IMMUTABLE STRICT EXPORT 'quantile';\n"
    );
    assert_eq!(
        __fusebox_declaration_of_call,
        "CREATE WINDOW FUNCTION \"call\"() RETURNS BIGINT UNSIGNED LANGUAGE WASM STRICT;\n"
    );
    assert_eq!(quantile(Peers::new(1, 2, 4)), 0.5);
    assert_eq!(call(Peers::new(1, 2, 4)), 1);
    let mut ema = Ema::default();
    assert_eq!(
        (ema.next(None, "a"), ema.next(Some(1.0), "b")),
        (None, Some("b"))
    );
}

#[derive(Debug, PartialEq, Row)]
struct Number {
    value: i64,
    name: Option<String>,
}

fn number(value: i64) -> Number {
    Number { value, name: None }
}

#[udtf]
fn series(start: i64, stop: Option<i64>) -> impl Iterator<Item = Number> {
    (start..=stop.unwrap_or(i64::MAX)).map(number)
}

#[udtf(name = "maybe")]
fn fallible(names: Vec<String>) -> Result<impl Iterator<Item = Result<Number, String>>, String> {
    Ok(names.into_iter().map(|name| {
        Ok(Number {
            value: 1,
            name: Some(name),
        })
    }))
}

#[udtf]
fn named() -> std::iter::Once<Number> {
    std::iter::once(number(7))
}

#[udtf]
fn boxed(end: i64) -> Result<Box<dyn Iterator<Item = Number>>, String> {
    Ok(Box::new((0..end).map(number)))
}

#[test]
fn table_functions_declare_their_columns() {
    const TABLE: &str = "RETURNS TABLE (\"value\" BIGINT, \"name\" VARCHAR) LANGUAGE WASM";
    let statements = [
        (
            __fusebox_declaration_of_series,
            "\"series\"(\"start\" BIGINT, \"stop\" BIGINT)",
        ),
        (
            __fusebox_declaration_of_fallible,
            "\"maybe\"(\"names\" VARCHAR[])",
        ),
        (__fusebox_declaration_of_named, "\"named\"()"),
        (__fusebox_declaration_of_boxed, "\"boxed\"(\"end\" BIGINT)"),
    ];
    let rest = [
        " CALLED ON NULL INPUT",
        " STRICT EXPORT 'fallible'",
        " STRICT",
        " STRICT",
    ];
    for ((statement, head), rest) in statements.iter().zip(rest) {
        assert_eq!(
            *statement,
            format!("CREATE FUNCTION {head} {TABLE}{rest};\n")
        );
    }
    assert!(series(1, Some(2)).eq([number(1), number(2)]));
    assert!(named().chain(boxed(0).unwrap()).eq([number(7)]));
    assert_eq!(fallible(vec!["a".to_owned()]).unwrap().count(), 1);
}
