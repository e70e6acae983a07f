//! Values of columns as JSON.
//!
//! Numbers are text, so that no reader of JSON rounds them; floats are their bits. A value has no
//! type of its own: the signature of the function has it.

// JSON to columns.
mod decode;
mod scalar;

// Columns to JSON.
mod encode;

use arrow_schema::{DataType, IntervalUnit};

pub(crate) use decode::decode;
pub use encode::encode;

/// Meaning of the bytes of a value of fixed size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    /// Integer of so many bytes, as a decimal number.
    Signed(usize),
    /// The same without a sign.
    Unsigned(usize),
    /// Float of so many bytes, as its bits.
    Float(usize),
    /// Integers of so many bytes each, one after the other.
    Parts(&'static [usize]),
}

impl Number {
    /// Returns the number of a type; `None` for a type whose values have no fixed size.
    fn of(data_type: &DataType) -> Option<Self> {
        use DataType::*;
        Some(match data_type {
            UInt8 | UInt16 | UInt32 | UInt64 => Self::Unsigned(data_type.primitive_width()?),
            Float16 | Float32 | Float64 => Self::Float(data_type.primitive_width()?),
            Interval(IntervalUnit::DayTime) => Self::Parts(&[4, 4]),
            Interval(IntervalUnit::MonthDayNano) => Self::Parts(&[4, 4, 8]),
            _ => Self::Signed(data_type.primitive_width()?),
        })
    }

    fn bytes(self) -> usize {
        match self {
            Self::Signed(bytes) | Self::Unsigned(bytes) | Self::Float(bytes) => bytes,
            Self::Parts(parts) => parts.iter().sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Array, ArrayRef, Float64Array, RunArray, StringArray, types::Int32Type};
    use arrow_schema::{Field, UnionMode};
    use fusebox_testing::{TypeOptions, column, data_type, show_rows};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn floats_are_their_bits() {
        let column: ArrayRef = Arc::new(Float64Array::from(vec![
            Some(-0.0),
            None,
            Some(f64::from_bits(0x7ff8_0000_0000_0001)),
        ]));
        let values = encode(&column);
        let expected = json!(["0x8000000000000000", null, "0x7ff8000000000001"]);
        assert_eq!(Value::Array(values.clone()), expected);
        assert_eq!(
            encode(&decode(&DataType::Float64, &values).unwrap()),
            values
        );
    }

    #[test]
    fn encoded_values_are_decoded_values() {
        let texts: StringArray = ["a", "b"].into_iter().map(Some).collect();
        let ends = arrow_array::Int32Array::from(vec![2, 3]);
        let runs: ArrayRef = Arc::new(RunArray::<Int32Type>::try_new(&ends, &texts).unwrap());
        assert_eq!(encode(&runs), ["a", "a", "b"]);
        let again = decode(runs.data_type(), &encode(&runs)).unwrap();
        assert_eq!(again.data_type(), runs.data_type());
        assert_eq!(encode(&again), encode(&runs));
    }

    #[test]
    fn values_of_another_type_are_refused() {
        for (data_type, value) in [
            (DataType::Int8, json!("128")),
            (DataType::Int8, json!(1)),
            (DataType::UInt8, json!("-1")),
            (DataType::Float32, json!("0x3f8")),
            (DataType::Float32, json!("1.0")),
            (DataType::Boolean, json!("true")),
            (DataType::Utf8View, json!(true)),
            (DataType::Binary, json!("0")),
            (DataType::FixedSizeBinary(3), json!("0000")),
            (DataType::new_list(DataType::Int8, true), json!("1")),
            (
                DataType::new_fixed_size_list(DataType::Int8, 2, true),
                json!(["1"]),
            ),
            (DataType::Null, json!(1)),
            (
                DataType::Struct(vec![Field::new("a", DataType::Int8, true)].into()),
                json!([]),
            ),
        ] {
            assert!(
                decode(&data_type, std::slice::from_ref(&value)).is_err(),
                "{data_type} {value}"
            );
        }
    }

    #[test]
    fn types_whose_nulls_are_large_are_bounded() {
        for data_type in [
            DataType::FixedSizeBinary(i32::MAX),
            DataType::new_fixed_size_list(DataType::Int8, i32::MAX, true),
        ] {
            let refused = decode(&data_type, &[Value::Null]).unwrap_err();
            assert!(refused.contains("at most"), "{refused}");
        }
    }

    #[test]
    fn lists_of_sparse_unions_have_no_nulls_of_other_types() {
        let fields = [
            (1, Field::new("a", DataType::Boolean, true)),
            (6, Field::new("b", DataType::Utf8, true)),
            (7, Field::new("c", DataType::Int8, true)),
        ];
        let fields = fields.into_iter().map(|(id, field)| (id, Arc::new(field)));
        let union = DataType::Union(fields.collect(), UnionMode::Sparse);
        let list = DataType::new_list(union, false);
        let values = [json!([[1, true], [6, "x"]]), Value::Null, json!([[6, ""]])];
        let column = decode(&list, &values).unwrap();
        assert_eq!(encode(&column), values);
        // A null of the chosen type is one of the union.
        assert!(decode(&list, &[json!([[6, null]])]).is_err());
    }

    proptest! {
        #[test]
        fn columns_are_read_as_they_were_written(column in column()) {
            let values = encode(&column);
            prop_assert_eq!(values.len(), column.len());
            let again = decode(column.data_type(), &values).unwrap();
            prop_assert_eq!(again.data_type(), column.data_type());
            prop_assert_eq!(show_rows(&again), show_rows(&column));
            prop_assert_eq!(encode(&again), values);
        }

        #[test]
        fn no_value_makes_the_decoder_panic(
            data_type in data_type(TypeOptions::default()),
            values in prop::collection::vec(json_value(), 0..5),
        ) {
            if let Ok(column) = decode(&data_type, &values) {
                prop_assert_eq!(column.len(), values.len());
                column.to_data().validate_full().unwrap();
                encode(&column);
            }
        }
    }

    /// Returns values that some type has, or none.
    fn json_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i8>().prop_map(Value::from),
            any::<i8>().prop_map(|number| number.to_string().into()),
            prop::sample::select(vec![
                "0x3c00",
                "0x00000000",
                "00ff",
                "",
                "-",
                "9".repeat(90).leak()
            ])
            .prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop::collection::vec(inner, 0..4).prop_map(Value::Array)
        })
    }
}
