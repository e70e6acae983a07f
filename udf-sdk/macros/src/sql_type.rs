//! SQL types as text, and their constants in a declaration.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, LitStr};

/// Types without parameters.
const NAMES: [&str; 10] = [
    "BOOLEAN", "TINYINT", "SMALLINT", "INT", "BIGINT", "FLOAT", "DOUBLE", "VARCHAR", "BYTEA",
    "DATE",
];

const EXPECTED: &str = "write BOOLEAN, TINYINT, SMALLINT, INT, BIGINT, one of the last four with \
     UNSIGNED, FLOAT, DOUBLE, DECIMAL(p, s), VARCHAR, BYTEA, DATE, TIME, TIMESTAMP, INTERVAL, \
     STRUCT(name type, …), MAP(key, value), type[] or ARROW('…')";

/// Parses a type.
pub(crate) fn parse(text: &LitStr) -> syn::Result<TokenStream> {
    let value = text.value();
    let mut reader = Reader { rest: &value };
    let parsed = reader.sql_type();
    let message = match parsed {
        Ok(sql) if reader.next().is_none() => return Ok(sql),
        Ok(_) => format!("unexpected `{}` after the type", reader.rest.trim()),
        Err(message) => message,
    };
    Err(Error::new(text.span(), message))
}

/// A parser of the rest of a text.
struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn sql_type(&mut self) -> Result<TokenStream, String> {
        let mut sql = match self.word().to_uppercase().as_str() {
            "DECIMAL" => self.decimal()?,
            "STRUCT" => self.structure()?,
            "MAP" => self.map()?,
            "TIMESTAMP" => self.timestamp()?,
            "ARROW" => self.arrow()?,
            name @ ("TIME" | "INTERVAL") => named(name),
            name @ ("TINYINT" | "SMALLINT" | "INT" | "BIGINT") if self.eat_word("UNSIGNED") => {
                named(&format!("{name} UNSIGNED"))
            }
            name if NAMES.contains(&name) => named(name),
            "" => return Err(format!("expected a SQL type: {EXPECTED}")),
            name => {
                return Err(format!("unknown SQL type `{name}`: {EXPECTED}"));
            }
        };
        while self.eat('[') {
            self.expect(']')?;
            sql = quote!(::fusebox_sdk::__private::Sql::List(&#sql));
        }
        Ok(sql)
    }

    fn decimal(&mut self) -> Result<TokenStream, String> {
        self.expect('(')?;
        let digits: u8 = self.number()?;
        let scale: i8 = if self.eat(',') { self.number()? } else { 0 };
        self.expect(')')?;
        if digits == 0 || digits > 76 || scale.unsigned_abs() > digits {
            return Err(format!(
                "DECIMAL({digits}, {scale}): expected 1 to 76 digits, and a scale of at most as many"
            ));
        }
        Ok(quote!(::fusebox_sdk::__private::Sql::Decimal(#digits, #scale)))
    }

    fn structure(&mut self) -> Result<TokenStream, String> {
        self.expect('(')?;
        let mut fields = Vec::new();
        loop {
            let name = self.name()?;
            let sql = self.sql_type()?;
            fields.push(quote!((#name, #sql)));
            if !self.eat(',') {
                break;
            }
        }
        self.expect(')')?;
        Ok(quote!(::fusebox_sdk::__private::Sql::Struct(&[#(#fields),*])))
    }

    fn map(&mut self) -> Result<TokenStream, String> {
        self.expect('(')?;
        let key = self.sql_type()?;
        self.expect(',')?;
        let value = self.sql_type()?;
        self.expect(')')?;
        Ok(quote!(::fusebox_sdk::__private::Sql::Map(&#key, &#value)))
    }

    fn timestamp(&mut self) -> Result<TokenStream, String> {
        let mut name = "TIMESTAMP".to_owned();
        if self.eat('(') {
            match self.number::<u8>()? {
                9 => {}
                precision @ (0 | 3 | 6) => name += &format!("({precision})"),
                _ => return Err("the precision of a TIMESTAMP must be 0, 3, 6 or 9".to_owned()),
            }
            self.expect(')')?;
        }
        if self.eat_word("WITH") {
            if !(self.eat_word("TIME") && self.eat_word("ZONE")) {
                return Err("write TIMESTAMP WITH TIME ZONE".to_owned());
            }
            name += " WITH TIME ZONE";
        }
        Ok(named(&name))
    }

    /// Parses a type in Arrow's own spelling, whose text is not checked.
    fn arrow(&mut self) -> Result<TokenStream, String> {
        self.expect('(')?;
        let text = self.quoted('\'')?;
        self.expect(')')?;
        Ok(named(&format!("ARROW('{}')", text.replace('\'', "''"))))
    }

    /// Parses a name, in lower case unless it is quoted, as in SQL.
    fn name(&mut self) -> Result<String, String> {
        match self.next() {
            Some('"') => self.quoted('"'),
            _ => match self.word() {
                "" => Err("expected a field of a STRUCT: a name and a type".to_owned()),
                name => Ok(name.to_lowercase()),
            },
        }
    }

    /// Parses a quoted text, in which quotes are doubled.
    fn quoted(&mut self, quote: char) -> Result<String, String> {
        self.expect(quote)?;
        let mut text = String::new();
        let mut characters = self.rest.char_indices();
        while let Some((index, character)) = characters.next() {
            if character != quote {
                text.push(character);
                continue;
            }
            let rest = &self.rest[index + 1..];
            if !rest.starts_with(quote) {
                self.rest = rest;
                return Ok(text);
            }
            text.push(quote);
            characters.next();
        }
        Err(format!("missing `{quote}`"))
    }

    fn number<N: std::str::FromStr>(&mut self) -> Result<N, String> {
        let minus = if self.eat('-') { "-" } else { "" };
        let number = format!("{minus}{}", self.word());
        number
            .parse()
            .map_err(|_| format!("expected a number, found `{number}`"))
    }

    fn expect(&mut self, mark: char) -> Result<(), String> {
        match self.eat(mark) {
            true => Ok(()),
            false => Err(format!("missing `{mark}`")),
        }
    }

    fn eat(&mut self, mark: char) -> bool {
        let found = self.next() == Some(mark);
        if found {
            self.rest = &self.rest.trim_start()[mark.len_utf8()..];
        }
        found
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let before = self.rest;
        let found = self.word().eq_ignore_ascii_case(word);
        if !found {
            self.rest = before;
        }
        found
    }

    /// Consumes the next letters, digits and underscores.
    fn word(&mut self) -> &'a str {
        let rest = self.rest.trim_start();
        let end = rest.find(|character: char| !(character.is_alphanumeric() || character == '_'));
        let (word, rest) = rest.split_at(end.unwrap_or(rest.len()));
        self.rest = rest;
        word
    }

    /// Returns the next character after whitespace.
    fn next(&self) -> Option<char> {
        self.rest.trim_start().chars().next()
    }
}

fn named(name: &str) -> TokenStream {
    quote!(::fusebox_sdk::__private::Sql::Name(#name))
}

#[cfg(test)]
mod tests {
    use super::*;

    use proc_macro2::Span;

    /// Parses a type, and shortens the path of its constant.
    fn read(text: &str) -> Result<String, String> {
        let parsed = parse(&LitStr::new(text, Span::call_site()));
        let tree = parsed.map_err(|error| error.to_string())?.to_string();
        Ok(tree
            .replace(":: fusebox_sdk :: __private :: Sql :: ", "")
            .replace(' ', ""))
    }

    #[test]
    fn sql_type_parses_to_its_constant() {
        let list =
            "Struct(&[(\"x\",Name(\"DOUBLE\")),(\"Ä\\\"b\",List(&List(&Decimal(12u8,-2i8))))])";
        for (text, tree) in [
            ("bigint", "Name(\"BIGINT\")"),
            (" TinyInt  unsigned ", "Name(\"TINYINTUNSIGNED\")"),
            ("STRUCT(X DOUBLE, \"Ä\"\"b\" DECIMAL(12, -2)[][])", list),
            (
                "MAP(VARCHAR, INTERVAL)",
                "Map(&Name(\"VARCHAR\"),&Name(\"INTERVAL\"))",
            ),
            (
                "TIMESTAMP(3) WITH TIME ZONE",
                "Name(\"TIMESTAMP(3)WITHTIMEZONE\")",
            ),
            ("TIMESTAMP(9)", "Name(\"TIMESTAMP\")"),
            ("DECIMAL(60)", "Decimal(60u8,0i8)"),
            (
                "ARROW('Struct(\"it''s\": Int8)')",
                "Name(\"ARROW('Struct(\\\"it''s\\\":Int8)')\")",
            ),
        ] {
            assert_eq!(read(text).as_deref(), Ok(tree), "{text}");
        }
    }

    #[test]
    fn invalid_sql_type_is_an_error() {
        for (text, message) in [
            ("", "expected a SQL type"),
            ("TEXT", "unknown SQL type `TEXT`"),
            ("BIGINT NOT NULL", "unexpected `NOT NULL` after the type"),
            ("DECIMAL", "missing `(`"),
            ("DECIMAL(77, 0)", "expected 1 to 76 digits"),
            ("DECIMAL(*)", "expected a number, found ``"),
            (
                "STRUCT()",
                "expected a field of a STRUCT: a name and a type",
            ),
            ("STRUCT(a)", "expected a SQL type"),
            ("INT[3]", "missing `]`"),
            ("TIMESTAMP(4)", "must be 0, 3, 6 or 9"),
            ("ARROW('Int8)", "missing `'`"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(message), "{text}: {error}");
        }
    }
}
