//! Which functions there are, and their arguments.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryArray, Date32Array, Decimal128Array, Float64Array, Int64Array,
    StringViewArray, UInt64Array,
};
use arrow::compute::take;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::ColumnarValue;
use fusebox::{Session, SessionBuilder};
use fusebox_benches::{builder, import, places};

use crate::turns::random;

/// A function that is measured.
pub(crate) struct Kernel {
    /// Its SQL name.
    pub(crate) name: &'static str,
    /// Makes its arguments, without nulls.
    columns: fn(usize) -> Vec<ArrayRef>,
    /// Arguments behind those, the same for every row.
    constants: &'static [&'static str],
    /// What follows `SELECT carrier, ` in a query over the flights, with `@`
    /// before the function; empty where their columns make no sense to it.
    pub(crate) query: &'static str,
}

impl Kernel {
    /// The arguments for `rows` rows, of which so many percent are null.
    pub(crate) fn arguments(&self, rows: usize, null_percent: u64) -> Vec<ColumnarValue> {
        let mut columns = (self.columns)(rows);
        if null_percent > 0 {
            columns[0] = with_nulls(&columns[0], null_percent);
        }
        let columns = columns.into_iter().map(ColumnarValue::Array);
        let constant =
            |text: &&str| ColumnarValue::Scalar(ScalarValue::Utf8View(Some((*text).into())));
        columns.chain(self.constants.iter().map(constant)).collect()
    }
}

/// A session over so many partitions that knows all functions and their twins.
pub(crate) fn session(partitions: usize) -> Session {
    session_of(builder(partitions))
}

/// The session that a builder makes, with all functions and their twins.
pub(crate) fn session_of(builder: SessionBuilder) -> Session {
    let session = builder.build().expect("the options can be had");
    let context = session.context();
    // DataFusion has functions of these names, which are other functions.
    for built_in in ["gcd", "upper"] {
        context.deregister_udf(built_in);
    }
    import(&session, &["geo", "text", "math", "kernels"]);
    native::register(session.context());
    session
}

/// Puts nulls in place of some values, in no order.
fn with_nulls(column: &ArrayRef, percent: u64) -> ArrayRef {
    let row = |row| (random(row, 90) % 100 >= percent).then_some(row as u64);
    let rows: UInt64Array = (0..column.len()).map(row).collect();
    take(column, &rows, None).expect("the rows are there")
}

/// All of them, in the order of what they work on.
pub(crate) const KERNELS: [Kernel; 18] = [
    Kernel {
        name: "add",
        columns: |rows| vec![below(rows, 1, 1_000_000), below(rows, 2, 1_000_000)],
        constants: &[],
        query: "sum(@add(distance, flight)) FROM flights",
    },
    Kernel {
        name: "gcd",
        columns: |rows| vec![below(rows, 3, 1_000_000), below(rows, 4, 1_000_000)],
        constants: &[],
        query: "sum(@gcd(distance, flight)) FROM flights",
    },
    Kernel {
        name: "collatz_steps",
        columns: |rows| vec![longs(rows, |row| row as i64 % 8_192 + 1)],
        constants: &[],
        query: "sum(@collatz_steps(distance)) FROM flights",
    },
    Kernel {
        name: "mod_pow",
        columns: |rows| {
            let modulus = longs(rows, |row| random(row, 7) as i64 | 1);
            vec![
                below(rows, 5, 1_000_000),
                below(rows, 6, 1_000_000),
                modulus,
            ]
        },
        constants: &[],
        query: "sum(@mod_pow(flight, distance, 1000003)) FROM flights",
    },
    Kernel {
        name: "polynomial",
        columns: |rows| vec![doubles(rows, 8, -2.0, 4.0)],
        constants: &[],
        query: "sum(@polynomial(arr_delay / 1000.0)) FROM flights",
    },
    Kernel {
        name: "haversine_km",
        columns: |rows| {
            let columns =
                places(rows).map(|column| Arc::new(Float64Array::from(column)) as ArrayRef);
            columns.into()
        },
        constants: &[],
        query: "sum(@haversine_km(from_lat, from_lon, to_lat, to_lon)) FROM flights",
    },
    Kernel {
        name: "black_scholes",
        columns: |rows| {
            let [spot, strike] = [9, 10].map(|salt| doubles(rows, salt, 50.0, 100.0));
            let [years, volatility] = [11, 12].map(|salt| doubles(rows, salt, 0.1, 0.9));
            vec![spot, strike, years, doubles(rows, 13, 0.0, 0.1), volatility]
        },
        constants: &[],
        query: "",
    },
    Kernel {
        name: "fnv1a",
        columns: |rows| vec![texts(rows, |row| phrase(row, 14))],
        constants: &[],
        query: "max(@fnv1a(to_name)) FROM flights",
    },
    Kernel {
        name: "luhn_ok",
        columns: |rows| vec![texts(rows, card)],
        constants: &[],
        query: "",
    },
    Kernel {
        name: "jaro_winkler",
        columns: |rows| {
            vec![
                texts(rows, |row| name(row, 15)),
                texts(rows, |row| name(row, 16)),
            ]
        },
        constants: &[],
        query: "max(@jaro_winkler(from_name, to_name)) FROM flights",
    },
    Kernel {
        name: "is_us_registration",
        columns: |rows| vec![texts(rows, registration)],
        constants: &[],
        query: "count(*) FROM flights WHERE @is_us_registration(tailnum)",
    },
    Kernel {
        name: "slug",
        columns: |rows| vec![texts(rows, |row| phrase(row, 17))],
        constants: &[],
        query: "max(@slug(to_name)) FROM flights",
    },
    Kernel {
        name: "upper",
        columns: |rows| vec![texts(rows, |row| phrase(row, 18))],
        constants: &[],
        query: "max(@upper(to_name)) FROM flights",
    },
    Kernel {
        name: "json_get",
        columns: |rows| vec![texts(rows, object)],
        constants: &["city"],
        query: "",
    },
    Kernel {
        name: "sha256_hex",
        columns: |rows| {
            let bytes = |row| vec![random(row, 19) as u8; 20 + random(row, 20) as usize % 80];
            vec![Arc::new(BinaryArray::from_iter_values(
                (0..rows).map(bytes),
            ))]
        },
        constants: &[],
        query: "max(@sha256_hex(arrow_cast(to_name, 'Binary'))) FROM flights",
    },
    Kernel {
        name: "with_vat",
        columns: |rows| {
            let cents = |row| i128::from(random(row, 21) % 10_000_000);
            let prices: Decimal128Array = (0..rows).map(|row| Some(cents(row))).collect();
            let prices = prices.with_precision_and_scale(12, 2);
            vec![Arc::new(prices.expect("the numbers fit"))]
        },
        constants: &[],
        query: "sum(@with_vat(price)) FROM flights",
    },
    Kernel {
        name: "iso_week",
        columns: |rows| {
            let day = |row| (random(row, 22) % 20_000) as i32;
            vec![Arc::new(Date32Array::from_iter_values((0..rows).map(day)))]
        },
        constants: &[],
        query: "max(@iso_week(day_of_flight)) FROM flights",
    },
    Kernel {
        name: "dot",
        columns: |rows| vec![vectors(rows, 23), vectors(rows, 24)],
        constants: &[],
        query: "",
    },
];

fn longs(rows: usize, value: impl Fn(usize) -> i64) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values((0..rows).map(value)))
}

fn below(rows: usize, salt: u64, limit: u64) -> ArrayRef {
    longs(rows, |row| (random(row, salt) % limit) as i64)
}

fn doubles(rows: usize, salt: u64, least: f64, range: f64) -> ArrayRef {
    let value = |row| least + (random(row, salt) % 1_000_003) as f64 / 1_000_003.0 * range;
    Arc::new(Float64Array::from_iter_values((0..rows).map(value)))
}

fn texts(rows: usize, value: impl Fn(usize) -> String) -> ArrayRef {
    Arc::new(StringViewArray::from_iter_values((0..rows).map(value)))
}

/// Vectors of 16 numbers.
fn vectors(rows: usize, salt: u64) -> ArrayRef {
    use arrow::array::ListArray;
    use arrow::buffer::OffsetBuffer;
    use arrow::datatypes::{DataType, Field};

    let items = doubles(rows * 16, salt, -1.0, 2.0);
    let field = Arc::new(Field::new_list_field(DataType::Float64, true));
    let offsets = OffsetBuffer::from_repeated_length(16, rows);
    Arc::new(ListArray::new(field, offsets, items, None))
}

/// Two to seven words, of which some have accents.
fn phrase(row: usize, salt: u64) -> String {
    const WORDS: [&str; 8] = [
        "Crème", "brûlée", "at", "the", "Gare", "du", "Nord", "since",
    ];
    let words = 2 + random(row, salt) as usize % 6;
    let words = (0..words as u64).map(|n| WORDS[random(row, salt + 100 + n) as usize % 8]);
    words.collect::<Vec<_>>().join(" ")
}

/// A person's name.
fn name(row: usize, salt: u64) -> String {
    const FIRST: [&str; 8] = [
        "Maria", "Martha", "Marhta", "John", "Jon", "Dwayne", "Duane", "Ana",
    ];
    const LAST: [&str; 8] = [
        "Dixon", "Dicksonx", "Smith", "Smythe", "Garcia", "Nguyen", "Müller", "Mueller",
    ];
    let pick = |n| random(row, salt + n) as usize % 8;
    format!("{} {}", FIRST[pick(200)], LAST[pick(300)])
}

/// The number of a payment card, which in one case of ten fits.
fn card(row: usize) -> String {
    let groups = [25, 26, 27, 28].map(|salt| format!("{:04}", random(row, salt) % 10_000));
    groups.join(" ")
}

/// What looks like the registration of an aircraft, and mostly is.
fn registration(row: usize) -> String {
    let number = 1 + random(row, 29) % 999;
    let letters = ["", "A", "AA", "UA", "JB", "MQ", "IO", "1X"];
    format!("N{number}{}", letters[random(row, 30) as usize % 8])
}

fn object(row: usize) -> String {
    let (user, amount) = (random(row, 31) % 100_000, random(row, 32) % 100_000);
    let city = ["Köln", "New York", "San José", "Ulaanbaatar"][random(row, 33) as usize % 4];
    format!(
        r#"{{"user": {user}, "city": "{city}", "tags": ["a", "b"], "amount": {}.{:02}}}"#,
        amount / 100,
        amount % 100
    )
}
