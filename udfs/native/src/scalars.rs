//! The scalar functions.

use datafusion::logical_expr::ScalarUDF;
use fusebox_sdk::Decimal;

use crate::columns::{Binaries, Dates, Doubles, Longs, Prices, Texts};
use crate::lists::Vectors;
use crate::scalar::{RowOf, Scalar, twin};

/// Twins with their names, arguments and results, and `IS_CHEAP`.
macro_rules! scalars {
    ($(
        $name:literal $twin:ident($($argument:ident: $column:ident),+) -> $answer:ty,
        $is_cheap:literal, $call:expr;
    )*) => {
        $(
            struct $twin;

            impl Scalar for $twin {
                const NAME: &'static str = concat!("native_", $name);
                const IS_CHEAP: bool = $is_cheap;

                type Columns<'a> = ($($column<'a>,)+);
                type Answer = $answer;

                #[inline]
                fn call<'a>(($($argument,)+): RowOf<'a, Self>) -> $answer {
                    $call
                }
            }
        )*

        /// Returns all scalar functions.
        pub(crate) fn twins() -> Vec<ScalarUDF> {
            vec![$(twin::<$twin>()),*]
        }
    };
}

scalars! {
    "add" Add(a: Longs, b: Longs) -> i64, true, kernels::add(a, b);
    "gcd" Gcd(a: Longs, b: Longs) -> i64, false, kernels::gcd(a, b);
    "collatz_steps" CollatzSteps(n: Longs) -> Result<i64, &'static str>, false,
        math::collatz_steps(n);
    "mod_pow" ModPow(base: Longs, exponent: Longs, modulus: Longs) -> Result<i64, &'static str>,
        false, math::mod_pow(base, exponent, modulus);
    "polynomial" Polynomial(x: Doubles) -> f64, true, kernels::polynomial(x);
    "haversine_km" Haversine(lat1: Doubles, lon1: Doubles, lat2: Doubles, lon2: Doubles) -> f64,
        false, geo::haversine_km(lat1, lon1, lat2, lon2);
    "black_scholes" BlackScholes(
        spot: Doubles, strike: Doubles, years: Doubles, rate: Doubles, volatility: Doubles
    ) -> f64, false, kernels::black_scholes(spot, strike, years, rate, volatility);
    "fnv1a" Fnv1a(text: Texts) -> i64, false, kernels::fnv1a(text);
    "luhn_ok" LuhnOk(text: Texts) -> bool, false, text::luhn_ok(text);
    "jaro_winkler" JaroWinkler(a: Texts, b: Texts) -> f64, false, text::jaro_winkler(a, b);
    "is_us_registration" IsUsRegistration(text: Texts) -> bool, false,
        kernels::is_us_registration(text);
    "slug" Slug(text: Texts) -> String, false, text::slug(text);
    "upper" Upper(text: Texts) -> String, false, kernels::upper(text);
    "json_get" JsonGet(json: Texts, key: Texts) -> Option<String>, false,
        kernels::json_get(json, key);
    "sha256_hex" Sha256Hex(bytes: Binaries) -> String, false, kernels::sha256_hex(bytes);
    "with_vat" WithVat(net: Prices) -> Option<Decimal<12, 2>>, true, kernels::with_vat(net);
    "iso_week" IsoWeek(day: Dates) -> i32, false, kernels::iso_week(day);
    "dot" Dot(a: Vectors, b: Vectors) -> Option<f64>, false, kernels::dot_product(a?, b?);
}
