// Types that are not types of SQL results.
use std::collections::BTreeMap;

use fusebox_sdk::udf;

struct Silent;

#[udf]
fn letters(text: &str) -> Vec<char> {
//                        ^ `Vec<char>` is not a type of a SQL result
    text.chars().collect()
}

#[udf]
fn nothing(_text: &str) -> () {}
//                         ^ `()` is not a type of a SQL result

#[udf]
fn half_known(value: i64) -> Option<Option<i64>> {
//                           ^ `Option<Option<i64>>` is not a type of a SQL result
    Some(Some(value))
}

#[udf]
fn twice_fallible(value: i64) -> Result<Result<i64, String>, String> {
//                               ^ `Result<Result<i64, String>, String>` is not a type of a SQL result
    Ok(Ok(value))
}

#[udf]
fn fails_without_a_word(value: i64) -> Result<i64, Silent> {
//                                     ^ `Result<i64, Silent>` is not a type of a SQL result
    Ok(value)
}

#[udf]
fn now(_zone: &str) -> std::time::SystemTime {
//                     ^ `SystemTime` is not a type of a SQL result
    std::time::SystemTime::now()
}

#[udf]
fn counted(text: &str) -> Result<Option<(i64, usize)>, String> {
//                        ^ `Result<Option<(i64, usize)>, String>` is not a type of a SQL result
    Ok(Some((0, text.len())))
}

#[udf]
fn keyed(text: &str) -> BTreeMap<char, i64> {
//                      ^ `BTreeMap<char, i64>` is not a type of a SQL result
    text.chars().map(|letter| (letter, 1)).collect()
}

fn main() {}
