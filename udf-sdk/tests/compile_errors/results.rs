// Types that are not types of SQL results.
use fusebox_sdk::udf;

struct Silent;

#[udf]
fn letters(text: &str) -> Vec<char> {
//                        ^ `Vec<char>` is not a SQL list
//                        ^ `char` is not a type of an item or a field in SQL
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

fn main() {}
