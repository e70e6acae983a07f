//! Arguments by function.

use crate::columns::{ArgumentColumn, DIMENSIONS, FunctionArguments};
use crate::numbers::{below, coordinates, doubles, random};
use crate::texts::{card, name, object, phrase, registration};

/// Returns `rows` rows of arguments of the function with this SQL name, or `None` if
/// it is not measured.
pub fn arguments(function: &str, rows: usize) -> Option<FunctionArguments> {
    let longs = |salts: &[u64]| {
        let column = |salt: &u64| ArgumentColumn::Int64(below(rows, *salt, 1_000_000));
        salts.iter().map(column).collect::<Vec<_>>()
    };
    let texts =
        |text: &dyn Fn(usize) -> String| ArgumentColumn::Utf8((0..rows).map(text).collect());
    let columns = match function {
        "add" => longs(&[1, 2]),
        "gcd" => longs(&[3, 4]),
        "collatz_steps" => {
            let value = |row| row as i64 % 8_192 + 1;
            vec![ArgumentColumn::Int64((0..rows).map(value).collect())]
        }
        "mod_pow" => {
            let modulus = |row| random(row, 7) as i64 | 1;
            let mut columns = longs(&[5, 6]);
            columns.push(ArgumentColumn::Int64((0..rows).map(modulus).collect()));
            columns
        }
        "polynomial" => vec![ArgumentColumn::Float64(doubles(rows, 8, -2.0, 4.0))],
        "haversine_km" => coordinates(rows).map(ArgumentColumn::Float64).into(),
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
            vec![ArgumentColumn::Binary((0..rows).map(bytes).collect())]
        }
        "with_vat" => {
            let cents = |row| i128::from(random(row, 21) % 10_000_000);
            vec![ArgumentColumn::Decimal128((0..rows).map(cents).collect())]
        }
        "iso_week" => {
            let day = |row| (random(row, 22) % 20_000) as i32;
            vec![ArgumentColumn::Date32((0..rows).map(day).collect())]
        }
        "dot" => {
            let vectors =
                |salt| ArgumentColumn::Float64List(doubles(rows * DIMENSIONS, salt, -1.0, 2.0));
            [23, 24].map(vectors).into()
        }
        _ => return None,
    };
    let constants: &[&str] = match function {
        "json_get" => &["city"],
        _ => &[],
    };
    Some(FunctionArguments { columns, constants })
}

fn black_scholes(rows: usize) -> Vec<ArgumentColumn> {
    let [spot, strike] = [9, 10].map(|salt| doubles(rows, salt, 50.0, 100.0));
    let [years, volatility] = [11, 12].map(|salt| doubles(rows, salt, 0.1, 0.9));
    let rate = doubles(rows, 13, 0.0, 0.1);
    [spot, strike, years, rate, volatility]
        .map(ArgumentColumn::Float64)
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_rows_are_a_prefix_of_more_rows() {
        for function in ["add", "mod_pow", "haversine_km", "upper", "sha256_hex"] {
            let [few, many] = [7, 64].map(|rows| arguments(function, rows).unwrap().columns);
            for pair in few.iter().zip(&many) {
                match pair {
                    (ArgumentColumn::Int64(few), ArgumentColumn::Int64(many)) => {
                        assert!(many.starts_with(few))
                    }
                    (ArgumentColumn::Float64(few), ArgumentColumn::Float64(many)) => {
                        assert!(many.starts_with(few))
                    }
                    (ArgumentColumn::Utf8(few), ArgumentColumn::Utf8(many)) => {
                        assert!(many.starts_with(few))
                    }
                    (ArgumentColumn::Binary(few), ArgumentColumn::Binary(many)) => {
                        assert!(many.starts_with(few));
                    }
                    pair => panic!("{function}: {pair:?}"),
                }
            }
        }
    }

    #[test]
    fn an_unknown_function_has_no_arguments() {
        assert_eq!(arguments("frobnicate", 1), None);
    }
}
