//! Serde representation of Arrow types: their text.

use arrow_schema::DataType;
use serde::{Deserialize, Deserializer, Serializer, de::Error};

use crate::arrow_parser::parse_arrow_type;
use crate::arrow_printer::ArrowText;

pub(crate) fn serialize<S: Serializer>(
    data_type: &DataType,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&ArrowText(data_type))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<DataType, D::Error> {
    let text = String::deserialize(deserializer)?;
    let unknown = || D::Error::custom(format!("expected a type of Arrow, found `{text}`"));
    parse_arrow_type(&text).ok_or_else(unknown)
}
