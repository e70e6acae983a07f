//! A SQL type as text, and the tree that stands for it in a declaration.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, LitStr};

/// The types that have a name and nothing else.
const NAMES: [&str; 10] = [
    "BOOLEAN", "TINYINT", "SMALLINT", "INT", "BIGINT", "FLOAT", "DOUBLE", "VARCHAR", "BYTEA",
    "DATE",
];

const EXPECTED: &str = "write BOOLEAN, TINYINT, SMALLINT, INT, BIGINT, one of the last four with \
     UNSIGNED, FLOAT, DOUBLE, DECIMAL(p, s), VARCHAR, BYTEA, DATE, TIME, TIMESTAMP, INTERVAL, \
     STRUCT(name type, …), MAP(key, value), type[] or ARROW('…')";

/// Reads a type.
pub(crate) fn parse(text: &LitStr) -> syn::Result<TokenStream> {
    let value = text.value();
    let mut reader = Reader { rest: &value };
    let parsed = reader.sql_type();
    let message = match parsed {
        Ok(sql) if reader.next().is_none() => return Ok(sql),
        Ok(_) => format!("what is `{}`, after the type?", reader.rest.trim()),
        Err(message) => message,
    };
    Err(Error::new(text.span(), message))
}

/// What is left to read.
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
            "" => return Err(format!("a SQL type is missing: {EXPECTED}")),
            name => {
                return Err(format!(
                    "`{name}` is no SQL type that #[udf] knows: {EXPECTED}"
                ));
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
                "DECIMAL({digits}, {scale}): a decimal has 1 to 76 digits, and a scale of no more"
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
                _ => return Err("a timestamp has 0, 3, 6 or 9 digits of a second".to_owned()),
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

    /// A type in Arrow's own spelling, which is Arrow's to read.
    fn arrow(&mut self) -> Result<TokenStream, String> {
        self.expect('(')?;
        let text = self.quoted('\'')?;
        self.expect(')')?;
        Ok(named(&format!("ARROW('{}')", text.replace('\'', "''"))))
    }

    /// A name, in lower case unless it is quoted, as in SQL.
    fn name(&mut self) -> Result<String, String> {
        match self.next() {
            Some('"') => self.quoted('"'),
            _ => match self.word() {
                "" => Err("a field of a STRUCT has a name and a type".to_owned()),
                name => Ok(name.to_lowercase()),
            },
        }
    }

    /// What stands between quotes, with those inside written twice.
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
        Err(format!("a {quote} is missing"))
    }

    fn number<N: std::str::FromStr>(&mut self) -> Result<N, String> {
        let minus = if self.eat('-') { "-" } else { "" };
        let number = format!("{minus}{}", self.word());
        number
            .parse()
            .map_err(|_| format!("`{number}` is not such a number"))
    }

    fn expect(&mut self, mark: char) -> Result<(), String> {
        match self.eat(mark) {
            true => Ok(()),
            false => Err(format!("a {mark} is missing")),
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

    /// The letters, digits and underscores that come next.
    fn word(&mut self) -> &'a str {
        let rest = self.rest.trim_start();
        let end = rest.find(|character: char| !(character.is_alphanumeric() || character == '_'));
        let (word, rest) = rest.split_at(end.unwrap_or(rest.len()));
        self.rest = rest;
        word
    }

    /// The first mark of what comes next.
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

    /// Reads a type, and leaves the path of the tree out.
    fn read(text: &str) -> Result<String, String> {
        let parsed = parse(&LitStr::new(text, Span::call_site()));
        let tree = parsed.map_err(|error| error.to_string())?.to_string();
        Ok(tree
            .replace(":: fusebox_sdk :: __private :: Sql :: ", "")
            .replace(' ', ""))
    }

    #[test]
    fn type_becomes_the_tree_that_it_stands_for() {
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
    fn what_is_no_type_is_refused_and_says_why() {
        for (text, message) in [
            ("", "a SQL type is missing"),
            ("TEXT", "`TEXT` is no SQL type that #[udf] knows"),
            ("BIGINT NOT NULL", "what is `NOT NULL`, after the type?"),
            ("DECIMAL", "a ( is missing"),
            ("DECIMAL(77, 0)", "a decimal has 1 to 76 digits"),
            ("DECIMAL(*)", "`` is not such a number"),
            ("STRUCT()", "a field of a STRUCT has a name and a type"),
            ("STRUCT(a)", "a SQL type is missing"),
            ("INT[3]", "a ] is missing"),
            ("TIMESTAMP(4)", "0, 3, 6 or 9 digits"),
            ("ARROW('Int8)", "a ' is missing"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(message), "{text}: {error}");
        }
    }
}
