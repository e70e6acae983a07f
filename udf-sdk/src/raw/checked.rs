//! Constructors that check in tests what the host guarantees in a call.

#[cfg(all(feature = "arrow", test))]
use arrow_array::ffi::FFI_ArrowArray;

#[cfg(all(feature = "arrow", test))]
use crate::array::data_type;
#[cfg(all(feature = "arrow", test))]
use crate::sql::Parameter;

#[cfg(all(feature = "arrow", test))]
use super::borrowed::BorrowedArguments;
use super::strings::{ByteStrings, Strings, TextStrings};

impl<'c> TextStrings<'c> {
    /// Takes the byte strings of `length` rows for texts.
    ///
    /// # Panics
    ///
    /// If a row is not UTF-8.
    pub(crate) fn checked(strings: ByteStrings<'c>, length: usize) -> Self {
        assert!((0..length).all(|row| str::from_utf8(strings.get(row)).is_ok()));
        // SAFETY: the rows were checked, and there are no others.
        unsafe { Self::new_unchecked(strings) }
    }
}

#[cfg(all(feature = "arrow", test))]
impl<'c> BorrowedArguments<'c> {
    /// Takes columns that Arrow itself has exported.
    ///
    /// # Panics
    ///
    /// If they are not of the types of the parameters.
    pub(crate) fn checked(
        headers: &'c [FFI_ArrowArray],
        types: &[arrow_schema::DataType],
        parameters: &'c [Parameter],
    ) -> Self {
        let expected = parameters.iter().map(|parameter| data_type(&parameter.sql));
        assert!(headers.len() == types.len() && expected.eq(types.iter().cloned().map(Ok)));
        Self {
            headers,
            parameters,
        }
    }
}
