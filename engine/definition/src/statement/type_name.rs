//! Grammar of types: sqlparser's, with the types that it has in some dialects only.
//!
//! A definition may be written in one dialect and read in another, so
//! `STRUCT(a BIGINT)`, `MAP(VARCHAR, BIGINT)`, `BIGINT[]` and `ARROW('…')` are
//! types in all of them.

use sqlparser::ast::{
    ArrayElemTypeDef, DataType as Sql, Ident, ObjectName, StructBracketKind, StructField,
    TimezoneInfo,
};
use sqlparser::parser::ParserError;
use sqlparser::tokenizer::Token;

use super::words::{ARROW, DECIMAL, Reader};

/// True if the `>` of the enclosing type was consumed already, as the second half of
/// a `>>`.
type Closed = bool;

impl Reader<'_, '_> {
    /// Parses a type.
    pub(super) fn type_name(&mut self) -> Result<Sql, ParserError> {
        match self.inner_type()? {
            (data_type, false) => Ok(data_type),
            (_, true) => {
                let token = self.0.peek_token();
                self.0.expected("one > less before", token)
            }
        }
    }

    /// Parses `type`, or `name type` if the first word is not a complete type.
    pub(super) fn maybe_named(&mut self) -> Result<(Option<Ident>, Sql, Closed), ParserError> {
        let unnamed = self.0.maybe_parse(|parser| {
            let (data_type, closed) = Reader(parser).inner_type()?;
            let next = parser.peek_token();
            match next.token {
                Token::Comma | Token::RParen | Token::Gt | Token::ShiftRight | Token::Eq => {}
                // The default of an argument without a name.
                _ if Reader(parser).word_at(0) == "DEFAULT" => {}
                _ if closed => {}
                _ => return parser.expected("the end of an argument", next),
            }
            Ok((data_type, closed))
        })?;
        if let Some((data_type, closed)) = unnamed {
            return Ok((None, data_type, closed));
        }
        let token = self.0.peek_token();
        let name = self.0.parse_identifier()?;
        if name.value.chars().any(char::is_control) {
            self.0
                .expected("a name without control characters", token)?;
        }
        let (data_type, closed) = self.inner_type()?;
        Ok((Some(name), data_type, closed))
    }

    fn inner_type(&mut self) -> Result<(Sql, Closed), ParserError> {
        let opens = |reader: &Self, token: Token| reader.0.peek_nth_token_ref(1).token == token;
        let angle = opens(self, Token::Lt);
        let (mut data_type, closed) = match self.word_at(0).as_str() {
            "ARRAY" if angle => self.array()?,
            "STRUCT" if angle || opens(self, Token::LParen) => self.structure()?,
            "MAP" if angle || opens(self, Token::LParen) => self.map()?,
            ARROW if opens(self, Token::LParen) => (self.arrow()?, false),
            DECIMAL | "NUMERIC" if self.0.peek_nth_token_ref(2).token == Token::Mul => {
                (self.any_decimal()?, false)
            }
            "TIMESTAMP" => {
                let (precision, zone) = self.time()?;
                (Sql::Timestamp(precision, zone), false)
            }
            "TIME" => {
                let (precision, zone) = self.time()?;
                (Sql::Time(precision, zone), false)
            }
            _ => (self.0.parse_data_type()?, false),
        };
        // After a `>>`, brackets belong to the enclosing type.
        while !closed && self.0.consume_token(&Token::LBracket) {
            let size = match self.0.peek_token_ref().token {
                Token::RBracket => None,
                _ => Some(self.0.parse_literal_uint()?),
            };
            self.0.expect_token(&Token::RBracket)?;
            let item = Box::new(data_type);
            data_type = Sql::Array(ArrayElemTypeDef::SquareBracket(item, size));
        }
        Ok((data_type, closed))
    }

    fn array(&mut self) -> Result<(Sql, Closed), ParserError> {
        self.skip(2);
        let (item, closed) = self.inner_type()?;
        let item = Box::new(item);
        let closed = self.close_angle(closed)?;
        Ok((Sql::Array(ArrayElemTypeDef::AngleBracket(item)), closed))
    }

    fn structure(&mut self) -> Result<(Sql, Closed), ParserError> {
        self.skip(1);
        let angle = self.open()?;
        let mut fields = Vec::new();
        let closed = loop {
            let (field_name, field_type, closed) = self.maybe_named()?;
            fields.push(StructField {
                field_name,
                field_type,
                options: None,
            });
            if closed || !self.0.consume_token(&Token::Comma) {
                break closed;
            }
        };
        let closed = self.close(angle, closed)?;
        let brackets = StructBracketKind::Parentheses;
        Ok((Sql::Struct(fields, brackets), closed))
    }

    fn map(&mut self) -> Result<(Sql, Closed), ParserError> {
        self.skip(1);
        let angle = self.open()?;
        let key = Box::new(self.type_name()?);
        self.0.expect_token(&Token::Comma)?;
        let (value, closed) = self.inner_type()?;
        let closed = self.close(angle, closed)?;
        Ok((Sql::Map(key, Box::new(value)), closed))
    }

    fn arrow(&mut self) -> Result<Sql, ParserError> {
        self.skip(2);
        let token = self.0.next_token();
        let Token::SingleQuotedString(text) = token.token else {
            return self
                .0
                .expected("a type in Arrow's spelling, in quotes", token);
        };
        self.0.expect_token(&Token::RParen)?;
        let name = ObjectName::from(vec![Ident::new(ARROW)]);
        Ok(Sql::Custom(name, vec![text]))
    }

    /// `DECIMAL(*)`.
    fn any_decimal(&mut self) -> Result<Sql, ParserError> {
        self.skip(1);
        self.0.expect_token(&Token::LParen)?;
        self.0.expect_token(&Token::Mul)?;
        self.0.expect_token(&Token::RParen)?;
        let name = ObjectName::from(vec![Ident::new(DECIMAL)]);
        Ok(Sql::Custom(name, vec!["*".to_owned()]))
    }

    /// Parses the parameters of `TIME` or `TIMESTAMP`. sqlparser takes any following
    /// `WITH` for the zone's, while here it may begin the clause of options.
    fn time(&mut self) -> Result<(Option<u64>, TimezoneInfo), ParserError> {
        self.skip(1);
        let precision = self.0.parse_optional_precision()?;
        let zone = if self.eat_all(&["WITH", "TIME", "ZONE"]) {
            TimezoneInfo::WithTimeZone
        } else if self.eat_all(&["WITHOUT", "TIME", "ZONE"]) {
            TimezoneInfo::WithoutTimeZone
        } else {
            TimezoneInfo::None
        };
        Ok((precision, zone))
    }

    /// Parses the bracket that opens type parameters; true for an angle bracket.
    fn open(&mut self) -> Result<bool, ParserError> {
        let angle = self.0.consume_token(&Token::Lt);
        if !angle {
            self.0.expect_token(&Token::LParen)?;
        }
        Ok(angle)
    }

    fn close(&mut self, angle: bool, closed: Closed) -> Result<Closed, ParserError> {
        match (angle, closed) {
            (true, _) => self.close_angle(closed),
            (false, false) => {
                self.0.expect_token(&Token::RParen)?;
                Ok(false)
            }
            (false, true) => {
                let token = self.0.peek_token();
                self.0.expected("one > less before", token)
            }
        }
    }

    fn close_angle(&mut self, closed: Closed) -> Result<Closed, ParserError> {
        if closed {
            return Ok(false);
        }
        if self.0.consume_token(&Token::ShiftRight) {
            return Ok(true);
        }
        self.0.expect_token(&Token::Gt)?;
        Ok(false)
    }
}
