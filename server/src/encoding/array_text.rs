//! Arrays as text: `{1,2,NULL,"a b"}`.

use bytes::{BufMut, BytesMut};

/// Writes an item, in quotes where it would be read in another way.
pub(crate) fn put_item(out: &mut BytesMut, item: &[u8]) {
    let is_special = |byte: &u8| b"{}\",\\\x0b".contains(byte) || byte.is_ascii_whitespace();
    let needs_quotes =
        item.is_empty() || item.iter().any(is_special) || item.eq_ignore_ascii_case(b"null");
    if !needs_quotes {
        return out.put_slice(item);
    }
    out.put_u8(b'"');
    for byte in item {
        if b"\"\\".contains(byte) {
            out.put_u8(b'\\');
        }
        out.put_u8(*byte);
    }
    out.put_u8(b'"');
}

/// Maximum number of items of an array that a client sends.
pub(crate) const ITEMS_MAX: usize = 1_000_000;

/// Parses an array of one dimension; `None` if the text is none.
pub(crate) fn parse_items(text: &str) -> Option<Vec<Option<String>>> {
    let inner = text.trim_ascii().strip_prefix('{')?.strip_suffix('}')?;
    let mut items = Vec::new();
    if inner.trim_ascii().is_empty() {
        return Some(items);
    }
    let mut rest = inner.chars().peekable();
    loop {
        while rest.next_if(char::is_ascii_whitespace).is_some() {}
        let is_quoted = rest.next_if_eq(&'"').is_some();
        let mut item = String::new();
        loop {
            if !is_quoted && rest.peek().is_none_or(|c| *c == ',') {
                break;
            }
            match rest.next()? {
                '\\' => item.push(rest.next()?),
                '"' if is_quoted => break,
                '"' | '{' | '}' if !is_quoted => return None,
                character => item.push(character),
            }
        }
        if items.len() == ITEMS_MAX {
            return None;
        }
        let unquoted = item.trim_ascii_end();
        items.push(match is_quoted {
            true => Some(item),
            false if unquoted.eq_ignore_ascii_case("null") => None,
            false if unquoted.is_empty() => return None,
            false => Some(unquoted.to_owned()),
        });
        while rest.next_if(char::is_ascii_whitespace).is_some() {}
        match rest.next() {
            None => return Some(items),
            Some(',') => {}
            Some(_) => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn arrays_are_those_of_postgresql() {
        let item = |text: &str| Some(text.to_owned());
        for (text, expected) in [
            ("{}", vec![]),
            ("{ }", vec![]),
            ("{1}", vec![item("1")]),
            ("{ 1 , NULL,\"NULL\"}", vec![item("1"), None, item("NULL")]),
            (r#"{"a \"b\" \\",""}"#, vec![item(r#"a "b" \"#), item("")]),
        ] {
            assert_eq!(parse_items(text), Some(expected), "{text}");
        }
        for text in [
            "",
            "1",
            "{1",
            "{1,}",
            "{,1}",
            "{{1},{2}}",
            "{\"a}",
            "{a\"b}",
            "{\"a\"b}",
        ] {
            assert_eq!(parse_items(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn items_are_read_as_they_are_written(items: Vec<String>) {
            let mut out = BytesMut::from(&b"{"[..]);
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.put_u8(b',');
                }
                put_item(&mut out, item.as_bytes());
            }
            out.put_u8(b'}');
            let text = String::from_utf8(out.to_vec()).unwrap();
            let read = parse_items(&text).unwrap();
            prop_assert_eq!(read, items.into_iter().map(Some).collect::<Vec<_>>());
        }
    }
}
