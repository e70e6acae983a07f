//! Checks of SQL types at compile time.

use crate::const_text::{Text, text};
use crate::sql::Sql;

impl Sql {
    /// Returns the type; refuses decimals that the layout of `Decimal` does not
    /// have, at compile time.
    pub(crate) const fn checked(self) -> Self {
        self.check();
        self
    }

    const fn check(&self) {
        match self {
            Self::Name(_) => {}
            Self::Decimal(precision, scale) => check_decimal(*precision, *scale),
            Self::List(item) => item.check(),
            Self::Struct(fields) => check_fields(fields),
            Self::Map(key, value) => {
                key.check();
                value.check();
            }
        }
    }
}

/// Returns named types; refuses decimals that no column has, at compile time.
pub const fn checked_fields(
    fields: &'static [(&'static str, Sql)],
) -> &'static [(&'static str, Sql)] {
    check_fields(fields);
    fields
}

const fn check_fields(fields: &[(&str, Sql)]) {
    let mut index = 0;
    while index < fields.len() {
        fields[index].1.check();
        index += 1;
    }
}

/// Panics, with the type, if a `Decimal` of that precision and scale has no
/// numbers.
const fn check_decimal(precision: u8, scale: i8) {
    let is_precision = 1 <= precision && precision <= 38;
    if is_precision && -38 <= scale && scale <= precision as i8 {
        return;
    }
    let mut message: Text<128> = Text::new();
    message
        .push("expected a Decimal<P, S> with P from 1 to 38 and S from -38 to P, found Decimal<");
    message.push_number(precision as i16);
    message.push(", ");
    message.push_number(scale as i16);
    message.push(">");
    let (message, _) = message.bytes.split_at(message.length);
    panic!("{}", text(message));
}
