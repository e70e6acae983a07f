//! Which function takes which arguments.

use crate::numbers::{below, doubles, places, random};
use crate::texts::{card, name, object, phrase, registration};
use crate::{Arguments, Column, DIMENSIONS};

/// The arguments of the function of that SQL name for `rows` rows, if it is one
/// that is measured.
pub fn arguments(function: &str, rows: usize) -> Option<Arguments> {
    let longs = |salts: &[u64]| {
        let column = |salt: &u64| Column::Longs(below(rows, *salt, 1_000_000));
        salts.iter().map(column).collect::<Vec<_>>()
    };
    let texts = |text: &dyn Fn(usize) -> String| Column::Texts((0..rows).map(text).collect());
    let columns = match function {
        "add" => longs(&[1, 2]),
        "gcd" => longs(&[3, 4]),
        "collatz_steps" => {
            let value = |row| row as i64 % 8_192 + 1;
            vec![Column::Longs((0..rows).map(value).collect())]
        }
        "mod_pow" => {
            let modulus = |row| random(row, 7) as i64 | 1;
            let mut columns = longs(&[5, 6]);
            columns.push(Column::Longs((0..rows).map(modulus).collect()));
            columns
        }
        "polynomial" => vec![Column::Doubles(doubles(rows, 8, -2.0, 4.0))],
        "haversine_km" => places(rows).map(Column::Doubles).into(),
        "black_scholes" => black_scholes(rows),
        "fnv1a" => vec![texts(&|row| phrase(row, 14))],
        "luhn_ok" => vec![texts(&card)],
        "jaro_winkler" => vec![texts(&|row| name(row, 15)), texts(&|row| name(row, 16))],
        "is_us_registration" => vec![texts(&registration)],
        "slug" => vec![texts(&|row| phrase(row, 17))],
        "upper" => vec![texts(&|row| phrase(row, 18))],
        "json_get" => vec![texts(&object)],
        "sha256_hex" => {
            let bytes = |row| vec![random(row, 19) as u8; 20 + random(row, 20) as usize % 80];
            vec![Column::Binaries((0..rows).map(bytes).collect())]
        }
        "with_vat" => {
            let cents = |row| i128::from(random(row, 21) % 10_000_000);
            vec![Column::Prices((0..rows).map(cents).collect())]
        }
        "iso_week" => {
            let day = |row| (random(row, 22) % 20_000) as i32;
            vec![Column::Dates((0..rows).map(day).collect())]
        }
        "dot" => {
            let vectors = |salt| Column::Vectors(doubles(rows * DIMENSIONS, salt, -1.0, 2.0));
            [23, 24].map(vectors).into()
        }
        _ => return None,
    };
    let constants: &[&str] = match function {
        "json_get" => &["city"],
        _ => &[],
    };
    Some(Arguments { columns, constants })
}

fn black_scholes(rows: usize) -> Vec<Column> {
    let [spot, strike] = [9, 10].map(|salt| doubles(rows, salt, 50.0, 100.0));
    let [years, volatility] = [11, 12].map(|salt| doubles(rows, salt, 0.1, 0.9));
    let rate = doubles(rows, 13, 0.0, 0.1);
    [spot, strike, years, rate, volatility]
        .map(Column::Doubles)
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_rows_are_the_first_of_more() {
        for function in ["add", "mod_pow", "haversine_km", "upper", "sha256_hex"] {
            let [few, many] = [7, 64].map(|rows| arguments(function, rows).unwrap().columns);
            for pair in few.iter().zip(&many) {
                match pair {
                    (Column::Longs(few), Column::Longs(many)) => assert!(many.starts_with(few)),
                    (Column::Doubles(few), Column::Doubles(many)) => assert!(many.starts_with(few)),
                    (Column::Texts(few), Column::Texts(many)) => assert!(many.starts_with(few)),
                    (Column::Binaries(few), Column::Binaries(many)) => {
                        assert!(many.starts_with(few));
                    }
                    pair => panic!("{function}: {pair:?}"),
                }
            }
        }
    }

    #[test]
    fn unknown_function_has_no_arguments() {
        assert_eq!(arguments("frobnicate", 1), None);
    }
}
