// Types that become no SQL result.
use fusebox_sdk::udf;

struct Silent;

#[udf]
fn letters(text: &str) -> Vec<char> {
//                        ^ `Vec<char>` is no list of a SQL type
//                        ^ `char` is not a type that can be inside of a list, a struct or a map
    text.chars().collect()
}

#[udf]
fn nothing(_text: &str) -> () {}
//                         ^ `()` is not a type that can become a SQL result

#[udf]
fn half_known(value: i64) -> Option<Option<i64>> {
//                           ^ `Option<Option<i64>>` is not a type that can become a SQL result
    Some(Some(value))
}

#[udf]
fn twice_fallible(value: i64) -> Result<Result<i64, String>, String> {
//                               ^ `Result<Result<i64, String>, String>` is not a type that can become a SQL result
    Ok(Ok(value))
}

#[udf]
fn fails_without_a_word(value: i64) -> Result<i64, Silent> {
//                                     ^ `Result<i64, Silent>` is not a type that can become a SQL result
    Ok(value)
}

fn main() {}
