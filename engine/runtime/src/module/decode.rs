//! Modules in the binary or the text format.

use std::borrow::Cow;

use fusebox_definition::ModuleError;

/// Decodes a module in its binary or text format into the binary format, either of at most
/// `bytes_max` bytes.
pub(crate) fn decode(bytes: &[u8], bytes_max: u64) -> Result<Cow<'_, [u8]>, ModuleError> {
    let too_large = |bytes: usize| ModuleError::TooLarge {
        bytes: bytes as u64,
        bytes_max,
    };
    if bytes.len() as u64 > bytes_max {
        return Err(too_large(bytes.len()));
    }
    if bytes.starts_with(b"\0asm") {
        return Ok(Cow::Borrowed(bytes));
    }
    let not_wasm = || ModuleError::NotWasm {
        found: kind_of_file(bytes),
    };
    let text = std::str::from_utf8(bytes).map_err(|_| not_wasm())?;
    if !text.contains("(module") && !text.contains("(component") {
        return Err(not_wasm());
    }
    let binary = wat::parse_str(text).map_err(|error| ModuleError::Text(first_line(&error)))?;
    if binary.len() as u64 > bytes_max {
        return Err(too_large(binary.len()));
    }
    Ok(Cow::Owned(binary))
}

/// Returns the kind of a file that is no module, by its first bytes.
pub(super) fn kind_of_file(bytes: &[u8]) -> Option<&'static str> {
    let kinds: [(&[u8], &str); 9] = [
        (b"\x7fELF", "a native library or program (ELF)"),
        (b"MZ", "a native library or program (PE)"),
        (b"\xcf\xfa\xed\xfe", "a native library or program (Mach-O)"),
        (
            b"\xca\xfe\xba\xbe",
            "a native library (Mach-O) or a class of Java",
        ),
        (b"!<arch>", "a static library"),
        (b"BC\xc0\xde", "bitcode of LLVM"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"\x1f\x8b", "a file compressed by gzip"),
        (b"#!", "a script"),
    ];
    if bytes.is_empty() {
        return Some("an empty file");
    }
    let mut kinds = kinds.into_iter();
    let found = kinds.find(|(magic, _)| bytes.starts_with(magic));
    found.map(|(_, kind)| kind)
}

/// Returns the message of the error and its position, without the source excerpt.
fn first_line(error: &wat::Error) -> String {
    let text = error.to_string();
    let mut lines = text.lines();
    let message = lines.next().unwrap_or_default().to_owned();
    match lines
        .next()
        .map(|line| line.trim_start_matches([' ', '-', '>']))
    {
        Some(place) => format!("{message} at {}", place.trim_start_matches("<anon>:")),
        None => message,
    }
}
