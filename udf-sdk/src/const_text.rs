//! Texts that are built at compile time.

/// Returns the bytes of a declaration as text.
pub const fn text(bytes: &[u8]) -> &str {
    match str::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) => panic!("a declaration is UTF-8"),
    }
}

/// Builds a text of at most `N` bytes, and counts the bytes that it needs.
pub(crate) struct Text<const N: usize> {
    pub(crate) bytes: [u8; N],
    pub(crate) length: usize,
}

impl<const N: usize> Text<N> {
    pub(crate) const fn new() -> Self {
        Self {
            bytes: [0; N],
            length: 0,
        }
    }

    pub(crate) const fn push(&mut self, text: &str) {
        let mut index = 0;
        while index < text.len() {
            self.push_byte(text.as_bytes()[index]);
            index += 1;
        }
    }

    /// Pushes a number of at most three digits.
    pub(crate) const fn push_number(&mut self, number: i16) {
        let digits = number.unsigned_abs();
        if number < 0 {
            self.push_byte(b'-');
        }
        if digits >= 100 {
            self.push_byte(b'0' + (digits / 100) as u8);
        }
        if digits >= 10 {
            self.push_byte(b'0' + (digits / 10 % 10) as u8);
        }
        self.push_byte(b'0' + (digits % 10) as u8);
    }

    /// Pushes `text` between quotes, with quotes inside doubled.
    pub(crate) const fn push_quoted(&mut self, text: &str, quote: u8) {
        self.push_byte(quote);
        let mut index = 0;
        while index < text.len() {
            let byte = text.as_bytes()[index];
            if byte == quote {
                self.push_byte(quote);
            }
            self.push_byte(byte);
            index += 1;
        }
        self.push_byte(quote);
    }

    pub(crate) const fn push_byte(&mut self, byte: u8) {
        if self.length < N {
            self.bytes[self.length] = byte;
        }
        self.length += 1;
    }
}
