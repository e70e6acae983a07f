//! Serde representation of Arrow types: Arrow's own text, which parses back.

use arrow_schema::DataType;
use serde::{Deserialize, Deserializer, Serializer, de::Error};

use crate::arrow_parser::parse_arrow_type;
use crate::type_display::ANY_DECIMAL;

const ANY: &str = "Decimal128(*)";

pub(crate) fn serialize<S: Serializer>(
    data_type: &DataType,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match *data_type == ANY_DECIMAL {
        true => serializer.serialize_str(ANY),
        false => serializer.collect_str(data_type),
    }
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<DataType, D::Error> {
    let text = String::deserialize(deserializer)?;
    match text == ANY {
        true => Ok(ANY_DECIMAL),
        false => parse_arrow_type(&text)
            .ok_or_else(|| D::Error::custom(format!("expected a type of Arrow, found `{text}`"))),
    }
}
