//! Values as JSON: maps with keys of any type, and floats that JSON has no numbers for.

use std::sync::{Arc, LazyLock};

use arrow::array::{AnyDictionaryArray, Array, AsArray, MapArray, UnionArray};
use arrow::datatypes::{DataType, FieldRef};
use arrow::error::ArrowError;
use arrow::json::writer::{NullableEncoder, make_encoder};
use arrow::json::{Encoder, EncoderFactory, EncoderOptions, WriterBuilder};
use arrow::util::display::{ArrayFormatter, FormatOptions};

/// Options of values within others: objects have a key for every field, nulls included.
static NESTED: LazyLock<EncoderOptions> = LazyLock::new(|| {
    EncoderOptions::default()
        .with_explicit_nulls(true)
        .with_encoder_factory(Arc::new(ValueEncoders))
});

/// Options of arrow, for what needs no others.
static PLAIN: LazyLock<EncoderOptions> = LazyLock::new(EncoderOptions::default);

/// Returns the options of a writer of rows as objects.
pub(crate) fn writer_options() -> WriterBuilder {
    WriterBuilder::new()
        .with_explicit_nulls(true)
        .with_encoder_factory(Arc::new(ValueEncoders))
}

/// Creates an encoder of the values of a column.
pub(crate) fn value_encoder<'a>(
    field: &'a FieldRef,
    array: &'a dyn Array,
) -> Result<NullableEncoder<'a>, ArrowError> {
    make_encoder(field, array, &NESTED)
}

/// Appends a text as a JSON string.
fn push_string(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, text).expect("a string is JSON, and a vector takes all bytes");
}

/// Encoders of the types that arrow refuses, or encodes as null.
#[derive(Debug)]
struct ValueEncoders;

impl EncoderFactory for ValueEncoders {
    fn make_default_encoder<'a>(
        &self,
        field: &'a FieldRef,
        array: &'a dyn Array,
        options: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        let encoder: Box<dyn Encoder + 'a> = match array.data_type() {
            DataType::Float16 | DataType::Float32 | DataType::Float64 => Box::new(FloatEncoder {
                numbers: make_encoder(field, array, &PLAIN)?,
                texts: ArrayFormatter::try_new(array, &FormatOptions::new())?,
            }),
            DataType::Decimal32(_, ..0)
            | DataType::Decimal64(_, ..0)
            | DataType::Decimal128(_, ..0)
            | DataType::Decimal256(_, ..0) => Box::new(WholeDecimalEncoder(
                ArrayFormatter::try_new(array, &FormatOptions::new())?,
            )),
            DataType::Dictionary(..) => Box::new(DictionaryEncoder::try_new(
                field,
                array.as_any_dictionary(),
                options,
            )?),
            DataType::Map(..) => Box::new(MapEncoder::try_new(array.as_map(), options)?),
            DataType::Union(..) => Box::new(UnionEncoder::try_new(array.as_union(), options)?),
            _ => return Ok(None),
        };
        Ok(Some(NullableEncoder::new(encoder, array.logical_nulls())))
    }
}

/// Numbers, and the strings `"NaN"`, `"inf"` and `"-inf"`.
struct FloatEncoder<'a> {
    numbers: NullableEncoder<'a>,
    texts: ArrayFormatter<'a>,
}

impl Encoder for FloatEncoder<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        let start = out.len();
        self.numbers.encode(row, out);
        if &out[start..] == b"null" {
            out.truncate(start);
            push_string(&self.texts.value(row).to_string(), out);
        }
    }
}

/// Decimals of a negative scale, of which arrow prints zero as `000`.
struct WholeDecimalEncoder<'a>(ArrayFormatter<'a>);

impl Encoder for WholeDecimalEncoder<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        let text = self.0.value(row).to_string();
        let number = match text.trim_start_matches('0') {
            "" => "0",
            number => number,
        };
        out.extend_from_slice(number.as_bytes());
    }
}

/// Values of a dictionary, which can be null too.
struct DictionaryEncoder<'a> {
    keys: Vec<usize>,
    values: NullableEncoder<'a>,
}

impl<'a> DictionaryEncoder<'a> {
    fn try_new(
        field: &'a FieldRef,
        array: &'a dyn AnyDictionaryArray,
        options: &'a EncoderOptions,
    ) -> Result<Self, ArrowError> {
        let values = array.values();
        Ok(Self {
            keys: match values.is_empty() {
                true => Vec::new(),
                false => array.normalized_keys(),
            },
            values: make_encoder(field, values, options)?,
        })
    }
}

impl Encoder for DictionaryEncoder<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        encode_or_null(&mut self.values, self.keys[row], out);
    }
}

/// Objects whose keys are texts, or the JSON of other keys in a string.
struct MapEncoder<'a> {
    map: &'a MapArray,
    keys: NullableEncoder<'a>,
    values: NullableEncoder<'a>,
    key: Vec<u8>,
}

impl<'a> MapEncoder<'a> {
    fn try_new(map: &'a MapArray, options: &'a EncoderOptions) -> Result<Self, ArrowError> {
        let fields = match map.entries().data_type() {
            DataType::Struct(fields) => fields,
            other => unreachable!("the entries of a map are a struct, not {other}"),
        };
        Ok(Self {
            map,
            keys: make_encoder(&fields[0], map.keys(), options)?,
            values: make_encoder(&fields[1], map.values(), options)?,
            key: Vec::new(),
        })
    }
}

impl Encoder for MapEncoder<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        let offsets = self.map.value_offsets();
        let entries = offsets[row] as usize..offsets[row + 1] as usize;
        out.push(b'{');
        for (index, entry) in entries.enumerate() {
            if index > 0 {
                out.push(b',');
            }
            self.key.clear();
            encode_or_null(&mut self.keys, entry, &mut self.key);
            match self.key.first() {
                Some(b'"') => out.extend_from_slice(&self.key),
                _ => push_string(&String::from_utf8_lossy(&self.key), out),
            }
            out.push(b':');
            encode_or_null(&mut self.values, entry, out);
        }
        out.push(b'}');
    }
}

/// Objects with one key: the name of the field that a value is of.
struct UnionEncoder<'a> {
    union: &'a UnionArray,
    /// Names as JSON, and encoders, by type id.
    fields: Vec<(i8, Vec<u8>, NullableEncoder<'a>)>,
}

impl<'a> UnionEncoder<'a> {
    fn try_new(union: &'a UnionArray, options: &'a EncoderOptions) -> Result<Self, ArrowError> {
        let DataType::Union(fields, _) = union.data_type() else {
            unreachable!("a union has the type of a union");
        };
        let encoder = |(id, field): (i8, &'a FieldRef)| {
            let mut name = Vec::new();
            push_string(field.name(), &mut name);
            Ok((id, name, make_encoder(field, union.child(id), options)?))
        };
        Ok(Self {
            union,
            fields: fields
                .iter()
                .map(encoder)
                .collect::<Result<_, ArrowError>>()?,
        })
    }
}

impl Encoder for UnionEncoder<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        let id = self.union.type_id(row);
        let value = self.union.value_offset(row);
        let field = self.fields.iter_mut().find(|(of, ..)| *of == id);
        let (_, name, encoder) = field.expect("arrow checks the type ids of unions");
        out.push(b'{');
        out.extend_from_slice(name);
        out.push(b':');
        encode_or_null(encoder, value, out);
        out.push(b'}');
    }
}

fn encode_or_null(encoder: &mut NullableEncoder<'_>, row: usize, out: &mut Vec<u8>) {
    match encoder.is_null(row) {
        true => out.extend_from_slice(b"null"),
        false => encoder.encode(row, out),
    }
}
