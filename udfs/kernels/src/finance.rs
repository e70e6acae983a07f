//! The price of a call option.

use fusebox_sdk::udf;
use libm::{erfc, exp, log};

/// Returns the price of a European call option that expires in `years` years:
/// F. Black and M. Scholes, "The Pricing of Options and Corporate Liabilities"
/// (1973).
///
/// `rate` and `volatility` are per year, 0.05 for 5 %. The functions are those
/// of `libm` natively too, so that both return the same bits, except the square
/// root, which is exact everywhere.
#[udf]
pub fn black_scholes(spot: f64, strike: f64, years: f64, rate: f64, volatility: f64) -> f64 {
    let spread = volatility * years.sqrt();
    let drift = (rate + volatility * volatility / 2.0) * years;
    let d1 = (log(spot / strike) + drift) / spread;
    spot * normal(d1) - strike * exp(-rate * years) * normal(d1 - spread)
}

/// Returns the distribution function of the standard normal distribution.
fn normal(x: f64) -> f64 {
    0.5 * erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    // The example of J. C. Hull, "Options, Futures, and Other Derivatives".
    #[test]
    fn price_agrees_with_a_published_one() {
        let price = black_scholes(42.0, 40.0, 0.5, 0.1, 0.2);
        assert!((price - 4.76).abs() < 0.005, "{price}");
    }

    #[test]
    fn option_far_in_the_money_has_its_intrinsic_value() {
        let price = black_scholes(100.0, 1.0, 1.0, 0.05, 0.1);
        assert!((price - (100.0 - exp(-0.05))).abs() < 1e-9, "{price}");
    }
}
