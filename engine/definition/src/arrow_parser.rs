//! Arrow types from their text.
//!
//! Reads all that `arrow_printer.rs` prints, and the other spellings that arrow-schema 59 reads:
//! `us` for `µs`, names of units, `Timestamp(ns, None)` and `FixedSizeList(2, Int64)`.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;

use arrow_schema::{
    DECIMAL32_MAX_PRECISION, DECIMAL64_MAX_PRECISION, DECIMAL128_MAX_PRECISION,
    DECIMAL256_MAX_PRECISION, DataType, Field, FieldRef, Fields, IntervalUnit, TimeUnit,
    UnionFields, UnionMode,
};

use crate::arrow_printer::{ANY_DECIMAL, SIMPLE};

/// Maximum nesting depth that is read; bounds recursion on the native stack.
const DEPTH_MAX: usize = 64;

/// Parses a type; `None` if the text is not one.
pub(crate) fn parse_arrow_type(text: &str) -> Option<DataType> {
    let mut text = TypeText {
        rest: text,
        depth: 0,
    };
    let data_type = text.data_type()?;
    text.skip_spaces().is_empty().then_some(data_type)
}

/// Text of a type that is being read.
struct TypeText<'a> {
    rest: &'a str,
    depth: usize,
}

impl<'a> TypeText<'a> {
    fn skip_spaces(&mut self) -> &'a str {
        self.rest = self.rest.trim_start_matches(' ');
        self.rest
    }

    /// Consumes a symbol or a word if it comes next.
    fn takes(&mut self, expected: &str) -> bool {
        let rest = self.skip_spaces().strip_prefix(expected);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, expected: &str) -> Option<()> {
        self.takes(expected).then_some(())
    }

    /// Consumes text up to the first character that ends it.
    fn take_until(&mut self, ends: impl Fn(char) -> bool) -> &'a str {
        let rest = self.skip_spaces();
        let (word, rest) = rest.split_at(rest.find(ends).unwrap_or(rest.len()));
        self.rest = rest;
        word
    }

    fn data_type(&mut self) -> Option<DataType> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return None;
        }
        let name = self.take_until(|c| !c.is_ascii_alphanumeric());
        let data_type = match SIMPLE.iter().find(|(_, text)| *text == name) {
            Some((simple, _)) => simple.clone(),
            None => self.in_brackets(|text| text.with_parameters(name))?,
        };
        self.depth -= 1;
        Some(data_type)
    }

    /// Reads the parameters of the type of a name.
    fn with_parameters(&mut self, name: &str) -> Option<DataType> {
        Some(match name {
            "Decimal128" if self.takes("*") => ANY_DECIMAL,
            "Decimal32" => self.decimal(DataType::Decimal32, DECIMAL32_MAX_PRECISION)?,
            "Decimal64" => self.decimal(DataType::Decimal64, DECIMAL64_MAX_PRECISION)?,
            "Decimal128" => self.decimal(DataType::Decimal128, DECIMAL128_MAX_PRECISION)?,
            "Decimal256" => self.decimal(DataType::Decimal256, DECIMAL256_MAX_PRECISION)?,
            "Time32" => match self.unit()? {
                unit @ (TimeUnit::Second | TimeUnit::Millisecond) => DataType::Time32(unit),
                TimeUnit::Microsecond | TimeUnit::Nanosecond => return None,
            },
            "Time64" => match self.unit()? {
                unit @ (TimeUnit::Microsecond | TimeUnit::Nanosecond) => DataType::Time64(unit),
                TimeUnit::Second | TimeUnit::Millisecond => return None,
            },
            "Duration" => DataType::Duration(self.unit()?),
            "Timestamp" => self.timestamp()?,
            "Interval" => DataType::Interval(self.interval()?),
            "FixedSizeBinary" => DataType::FixedSizeBinary(self.size()?),
            "List" => DataType::List(self.list_field()?),
            "LargeList" => DataType::LargeList(self.list_field()?),
            "ListView" => DataType::ListView(self.list_field()?),
            "LargeListView" => DataType::LargeListView(self.list_field()?),
            "FixedSizeList" => self.fixed_size_list()?,
            "Struct" => self.structure()?,
            "Union" => self.union()?,
            "Map" => self.map()?,
            "RunEndEncoded" => {
                let ends = self.field()?;
                self.expect(",")?;
                DataType::RunEndEncoded(ends, self.field()?)
            }
            "Dictionary" => {
                let keys = Box::new(self.data_type()?);
                self.expect(",")?;
                DataType::Dictionary(keys, Box::new(self.data_type()?))
            }
            _ => return None,
        })
    }

    fn number<T: FromStr>(&mut self) -> Option<T> {
        let digits = self.take_until(|c| !(c.is_ascii_digit() || c == '-'));
        digits.parse().ok()
    }

    /// Reads the size of values of a fixed size, which is not negative.
    fn size(&mut self) -> Option<i32> {
        self.number().filter(|size| *size >= 0)
    }

    /// `10, 2`
    fn decimal(&mut self, of: fn(u8, i8) -> DataType, precision_max: u8) -> Option<DataType> {
        let precision: u8 = self.number()?;
        self.expect(",")?;
        let scale: i8 = self.number()?;
        let is_valid =
            (1..=precision_max).contains(&precision) && i16::from(scale) <= i16::from(precision);
        is_valid.then(|| of(precision, scale))
    }

    fn unit(&mut self) -> Option<TimeUnit> {
        match self.take_until(|c| !c.is_alphabetic()) {
            "s" | "Second" => Some(TimeUnit::Second),
            "ms" | "Millisecond" => Some(TimeUnit::Millisecond),
            "µs" | "us" | "Microsecond" => Some(TimeUnit::Microsecond),
            "ns" | "Nanosecond" => Some(TimeUnit::Nanosecond),
            _ => None,
        }
    }

    fn interval(&mut self) -> Option<IntervalUnit> {
        match self.take_until(|c| !c.is_ascii_alphabetic()) {
            "YearMonth" => Some(IntervalUnit::YearMonth),
            "DayTime" => Some(IntervalUnit::DayTime),
            "MonthDayNano" => Some(IntervalUnit::MonthDayNano),
            _ => None,
        }
    }

    /// `s, "Europe/Paris"`
    fn timestamp(&mut self) -> Option<DataType> {
        let unit = self.unit()?;
        let zone = match self.takes(",") {
            false => None,
            true if self.takes("None") => None,
            true if self.takes("Some") => Some(self.in_brackets(Self::quoted)?),
            true => Some(self.quoted()?),
        };
        Some(DataType::Timestamp(unit, zone.map(Into::into)))
    }

    fn in_brackets<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        self.expect("(")?;
        let inner = read(self)?;
        self.expect(")")?;
        Some(inner)
    }

    /// `non-null Int64, field: 'name', metadata: {…}`
    fn list_field(&mut self) -> Option<FieldRef> {
        let is_nullable = self.is_nullable();
        let data_type = self.data_type()?;
        let before = self.rest;
        let name = match self.takes(",") && self.takes("field") {
            true => {
                self.expect(":")?;
                self.expect("'")?;
                // Not escaped. Spaces are part of the name.
                let (name, rest) = self.rest.split_once('\'')?;
                self.rest = rest;
                name
            }
            false => {
                self.rest = before;
                Field::LIST_FIELD_DEFAULT_NAME
            }
        };
        self.with_metadata(Field::new(name, data_type, is_nullable))
    }

    /// `"name": non-null Int64, metadata: {…}`
    fn field(&mut self) -> Option<FieldRef> {
        let name = self.quoted()?;
        self.expect(":")?;
        let is_nullable = self.is_nullable();
        let data_type = self.data_type()?;
        self.with_metadata(Field::new(name, data_type, is_nullable))
    }

    fn is_nullable(&mut self) -> bool {
        match self.takes("non-null ") {
            true => false,
            false => {
                self.takes("nullable ");
                true
            }
        }
    }

    fn with_metadata(&mut self, field: Field) -> Option<FieldRef> {
        let before = self.rest;
        // Other fields follow a comma too.
        if !(self.takes(",") && self.takes("metadata")) {
            self.rest = before;
            return Some(Arc::new(field));
        }
        self.expect(":")?;
        self.expect("{")?;
        let mut metadata = HashMap::new();
        while !self.takes("}") {
            if !metadata.is_empty() {
                self.expect(",")?;
            }
            let key = self.quoted()?;
            self.expect(":")?;
            metadata.insert(key, self.quoted()?);
        }
        Some(Arc::new(field.with_metadata(metadata)))
    }

    fn fixed_size_list(&mut self) -> Option<DataType> {
        let size = self.size()?;
        let field = match self.takes("x") {
            true => self.list_field()?,
            false => {
                self.expect(",")?;
                Arc::new(Field::new_list_field(self.data_type()?, true))
            }
        };
        Some(DataType::FixedSizeList(field, size))
    }

    fn structure(&mut self) -> Option<DataType> {
        let mut fields = Vec::new();
        while !self.skip_spaces().starts_with(')') {
            if !fields.is_empty() {
                self.expect(",")?;
            }
            fields.push(self.field()?);
        }
        Some(DataType::Struct(Fields::from(fields)))
    }

    /// `Sparse, 0: ("name": Int32), 1: (…)`
    fn union(&mut self) -> Option<DataType> {
        let mode = match self.take_until(|c| !c.is_ascii_alphabetic()) {
            "Sparse" => UnionMode::Sparse,
            "Dense" => UnionMode::Dense,
            _ => return None,
        };
        let (mut ids, mut fields) = (Vec::new(), Vec::new());
        while self.takes(",") {
            ids.push(self.number()?);
            self.expect(":")?;
            fields.push(self.in_brackets(Self::field)?);
        }
        let fields = UnionFields::try_new(ids, fields).ok()?;
        Some(DataType::Union(fields, mode))
    }

    fn map(&mut self) -> Option<DataType> {
        let entries = self.field()?;
        self.expect(",")?;
        match self.take_until(|c| !c.is_ascii_alphabetic()) {
            "sorted" => Some(DataType::Map(entries, true)),
            "unsorted" => Some(DataType::Map(entries, false)),
            _ => None,
        }
    }

    /// Reads text in double quotes, with the escapes of Rust.
    fn quoted(&mut self) -> Option<String> {
        self.expect("\"")?;
        let mut text = String::new();
        let mut characters = self.rest.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return Some(text);
                }
                '\\' => text.push(match characters.next()?.1 {
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    '0' => '\0',
                    'u' => {
                        characters.next().filter(|(_, open)| *open == '{')?;
                        let digits = characters.by_ref().map(|(_, digit)| digit);
                        let digits: String = digits.take_while(|digit| *digit != '}').collect();
                        char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?
                    }
                    escaped @ ('"' | '\'' | '\\') => escaped,
                    _ => return None,
                }),
                other => text.push(other),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests;
