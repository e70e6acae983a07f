//! Measured functions and their arguments.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryArray, Date32Array, Decimal128Array, Float64Array, Int64Array,
    ListArray, StringViewArray, UInt64Array,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::take;
use arrow::datatypes::{DataType, Field};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::ColumnarValue;
use fusebox::{EngineBuilder, Session};
use fusebox_benches::{import, session_of};
use fusebox_benches_data::{ArgumentColumn, DIMENSIONS, arguments, random};

/// A measured function.
pub(crate) struct Kernel {
    /// SQL name.
    pub(crate) name: &'static str,
    /// Rest of a query over the flights after `SELECT carrier, `. `@` stands for
    /// the prefix of the function name. Empty where no column suits the function.
    pub(crate) query: &'static str,
}

impl Kernel {
    /// Creates arguments of `rows` rows, with a percentage of nulls in the first.
    pub(crate) fn arguments(&self, rows: usize, null_percent: u64) -> Vec<ColumnarValue> {
        let arguments = arguments(self.name, rows).expect("every kernel has arguments");
        let mut columns: Vec<ArrayRef> = arguments.columns.into_iter().map(array).collect();
        if null_percent > 0 {
            columns[0] = with_nulls(&columns[0], null_percent);
        }
        let columns = columns.into_iter().map(ColumnarValue::Array);
        let constant =
            |text: &&str| ColumnarValue::Scalar(ScalarValue::Utf8View(Some((*text).into())));
        columns
            .chain(arguments.constants.iter().map(constant))
            .collect()
    }
}

/// Creates a session with all kernels and their native twins.
pub(crate) fn session(partitions: usize) -> Session {
    kernel_session(fusebox_benches::builder(), partitions)
}

/// Builds an engine and a session, and registers all kernels and their native twins.
pub(crate) fn kernel_session(builder: EngineBuilder, partitions: usize) -> Session {
    let session = session_of(builder, partitions);
    let context = session.context();
    // Other functions of these names are built into DataFusion.
    for built_in in ["gcd", "upper"] {
        context.deregister_udf(built_in);
    }
    import(&session, &["geo", "text", "math", "kernels"]);
    native::register(session.context());
    session
}

/// Replaces a percentage of the values by nulls, at random.
fn with_nulls(column: &ArrayRef, percent: u64) -> ArrayRef {
    let row = |row| (random(row, 90) % 100 >= percent).then_some(row as u64);
    let rows: UInt64Array = (0..column.len()).map(row).collect();
    take(column, &rows, None).expect("the indices are in bounds")
}

/// All kernels, ordered by the type of their arguments.
pub(crate) const KERNELS: [Kernel; 18] = [
    Kernel {
        name: "add",
        query: "sum(@add(distance, flight)) FROM flights",
    },
    Kernel {
        name: "gcd",
        query: "sum(@gcd(distance, flight)) FROM flights",
    },
    Kernel {
        name: "collatz_steps",
        query: "sum(@collatz_steps(distance)) FROM flights",
    },
    Kernel {
        name: "mod_pow",
        query: "sum(@mod_pow(flight, distance, 1000003)) FROM flights",
    },
    Kernel {
        name: "polynomial",
        query: "sum(@polynomial(arr_delay / 1000.0)) FROM flights",
    },
    Kernel {
        name: "haversine_km",
        query: "sum(@haversine_km(from_lat, from_lon, to_lat, to_lon)) FROM flights",
    },
    Kernel {
        name: "black_scholes",
        query: "",
    },
    Kernel {
        name: "fnv1a",
        query: "max(@fnv1a(to_name)) FROM flights",
    },
    Kernel {
        name: "luhn_ok",
        query: "",
    },
    Kernel {
        name: "jaro_winkler",
        query: "max(@jaro_winkler(from_name, to_name)) FROM flights",
    },
    Kernel {
        name: "is_us_registration",
        query: "count(*) FROM flights WHERE @is_us_registration(tailnum)",
    },
    Kernel {
        name: "slug",
        query: "max(@slug(to_name)) FROM flights",
    },
    Kernel {
        name: "upper",
        query: "max(@upper(to_name)) FROM flights",
    },
    Kernel {
        name: "json_get",
        query: "",
    },
    Kernel {
        name: "sha256_hex",
        query: "max(@sha256_hex(arrow_cast(to_name, 'Binary'))) FROM flights",
    },
    Kernel {
        name: "with_vat",
        query: "sum(@with_vat(price)) FROM flights",
    },
    Kernel {
        name: "iso_week",
        query: "max(@iso_week(day_of_flight)) FROM flights",
    },
    Kernel {
        name: "dot",
        query: "",
    },
];

/// Converts argument values to the array that DataFusion passes.
fn array(column: ArgumentColumn) -> ArrayRef {
    match column {
        ArgumentColumn::Int64(values) => Arc::new(Int64Array::from(values)),
        ArgumentColumn::Float64(values) => Arc::new(Float64Array::from(values)),
        ArgumentColumn::Utf8(values) => Arc::new(StringViewArray::from_iter_values(values)),
        ArgumentColumn::Binary(values) => Arc::new(BinaryArray::from_iter_values(values)),
        ArgumentColumn::Decimal128(values) => {
            let prices = Decimal128Array::from(values).with_precision_and_scale(12, 2);
            Arc::new(prices.expect("the values fit the precision"))
        }
        ArgumentColumn::Date32(values) => Arc::new(Date32Array::from(values)),
        ArgumentColumn::Float64List(values) => {
            let offsets = OffsetBuffer::from_repeated_length(DIMENSIONS, values.len() / DIMENSIONS);
            let field = Arc::new(Field::new_list_field(DataType::Float64, true));
            let items = Arc::new(Float64Array::from(values));
            Arc::new(ListArray::new(field, offsets, items, None))
        }
    }
}
