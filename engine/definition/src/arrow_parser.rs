//! Arrow types from Arrow's own text.
//!
//! Arrow prints the metadata of fields and escapes in their names, and its parser reads
//! neither. This one reads all that is printed; types that are not nested are left to Arrow's.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, Fields, UnionFields, UnionMode};

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
        let start = self.skip_spaces();
        let data_type = match self.take_until(|c| !c.is_ascii_alphanumeric()) {
            "List" => DataType::List(self.in_brackets(Self::list_field)?),
            "LargeList" => DataType::LargeList(self.in_brackets(Self::list_field)?),
            "ListView" => DataType::ListView(self.in_brackets(Self::list_field)?),
            "LargeListView" => DataType::LargeListView(self.in_brackets(Self::list_field)?),
            "FixedSizeList" => self.in_brackets(Self::fixed_size_list)?,
            "Struct" => self.in_brackets(Self::structure)?,
            "Union" => self.in_brackets(Self::union)?,
            "Map" => self.in_brackets(Self::map)?,
            "RunEndEncoded" => self.in_brackets(|text| {
                let ends = text.field()?;
                text.expect(",")?;
                Some(DataType::RunEndEncoded(ends, text.field()?))
            })?,
            "Dictionary" => self.in_brackets(|text| {
                let keys = Box::new(text.data_type()?);
                text.expect(",")?;
                Some(DataType::Dictionary(keys, Box::new(text.data_type()?)))
            })?,
            _ => {
                // No type that is not nested has a bracket in its brackets, but in quotes.
                if self.takes("(") {
                    self.quoted_until_bracket()?;
                }
                let len = start.len() - self.rest.len();
                start[..len].parse().ok()?
            }
        };
        self.depth -= 1;
        Some(data_type)
    }

    /// Consumes the parameters of a type that is not nested, and the closing bracket.
    fn quoted_until_bracket(&mut self) -> Option<()> {
        loop {
            self.take_until(|c| matches!(c, '"' | ')'));
            if self.takes(")") {
                return Some(());
            }
            self.quoted()?;
        }
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
        let size = self.take_until(|c| !c.is_ascii_digit()).parse().ok()?;
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
            ids.push(self.take_until(|c| c == ':').trim_end().parse().ok()?);
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
mod tests {
    use super::*;

    fn field(name: &str, data_type: DataType, metadata: &[(&str, &str)]) -> FieldRef {
        let metadata = metadata.iter();
        let metadata = metadata.map(|(key, value)| (key.to_string(), value.to_string()));
        Arc::new(Field::new(name, data_type, true).with_metadata(metadata.collect()))
    }

    #[test]
    fn types_that_arrow_prints_are_read() {
        use DataType::*;
        let item = field("item", Int32, &[("PARQUET:field_id", "1"), ("b", "{,}")]);
        let named = field("an element", Utf8View, &[("k", "")]);
        let strange = field(
            "\"\\\n\u{7f}): é",
            Timestamp(arrow_schema::TimeUnit::Second, Some("+01:00".into())),
            &[],
        );
        let entries = Fields::from(vec![
            Field::new("key", Utf8, false),
            Field::clone(&field("value", List(Arc::clone(&item)), &[("x", "y")])),
        ]);
        let entries = Arc::new(Field::new("entries", Struct(entries), false));
        let union = UnionFields::try_new([3, 0], [Arc::clone(&item), Arc::clone(&strange)]);
        let union = Union(union.unwrap(), UnionMode::Dense);
        let ends = Arc::new(Field::new("run_ends", Int16, false));
        for data_type in [
            List(Arc::clone(&item)),
            LargeListView(Arc::clone(&named)),
            FixedSizeList(Arc::clone(&named), 3),
            Struct(vec![Arc::clone(&item), named, strange].into()),
            Struct(Fields::empty()),
            Map(Arc::clone(&entries), false),
            Dictionary(Box::new(Int8), Box::new(Map(entries, true))),
            RunEndEncoded(ends, field("values", union.clone(), &[("m", "n")])),
            union,
            Decimal128(10, -2),
            Null,
        ] {
            let text = data_type.to_string();
            assert_eq!(parse_arrow_type(&text), Some(data_type), "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "List",
            "List()",
            "List(Int32",
            "List(Int32))",
            "List(Int32, metadata: {\"a\"})",
            "List(Int32, metadata: {\"a\": \"b\" \"c\": \"d\"})",
            "Struct(a: Int32)",
            "Struct(\"a\\q\": Int32)",
            "Struct(\"a\\u{110000}\": Int32)",
            "Union(Sparse, 300: (\"a\": Int32))",
            "Map(\"entries\": Int32)",
            "Timestamp(s, \"",
            "Decimal128(10, (2))",
        ] {
            assert_eq!(parse_arrow_type(text), None, "{text}");
        }
        let deep = |depth| format!("{}Int8{}", "List(".repeat(depth), ")".repeat(depth));
        assert!(parse_arrow_type(&deep(DEPTH_MAX - 1)).is_some());
        assert!(parse_arrow_type(&deep(DEPTH_MAX)).is_none());
        assert!(parse_arrow_type(&deep(1_000_000)).is_none());
    }
}
