//! Decimals, dates and lists.

use fusebox_sdk::{Date, Decimal, List, udf};

/// Returns the price with a value added tax of 19 %, to the cent, half away
/// from zero; null if it has too many digits.
#[udf]
#[inline]
pub fn with_vat(net: Decimal<12, 2>) -> Option<Decimal<12, 2>> {
    // Twelve digits times 119 fit 64 bits, which divide faster than 128.
    let percents = net.unscaled() as i64 * 119;
    let half = if percents < 0 { -50 } else { 50 };
    Decimal::new(((percents + half) / 100).into())
}

/// Returns the week of the year by ISO 8601: week 1 is that of the year's first
/// Thursday, and weeks begin on Mondays.
#[udf]
#[inline]
pub fn iso_week(day: Date) -> i32 {
    // A week belongs to the year of its Thursday.
    let weekday = day.weekday() as i32;
    let thursday = Date::from_days(day.days().saturating_add(4 - weekday));
    let (_, month, day_of_month) = thursday.to_ymd();
    let (year, month) = (thursday.year(), month as usize);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    const DAYS_BEFORE: [i32; 13] = [0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let leap_day = i32::from(is_leap && month > 2);
    let days_before = DAYS_BEFORE[month] + leap_day + day_of_month as i32 - 1;
    days_before / 7 + 1
}

/// Returns the dot product of two vectors; null if they have different lengths,
/// or a null among their numbers.
#[udf]
#[inline]
pub fn dot(a: List<f64>, b: List<f64>) -> Option<f64> {
    dot_product(a.as_slice()?, b.as_slice()?)
}

/// Returns the dot product of two slices of the same length.
#[inline]
pub fn dot_product(a: &[f64], b: &[f64]) -> Option<f64> {
    let products = a.iter().zip(b).map(|(a, b)| a * b);
    (a.len() == b.len()).then(|| products.sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gross(cents: i128) -> Option<i128> {
        with_vat(Decimal::new(cents).unwrap()).map(Decimal::unscaled)
    }

    #[test]
    fn tax_is_rounded_to_the_nearest_cent_halves_away_from_zero() {
        assert_eq!(gross(10_000), Some(11_900));
        assert_eq!(gross(49), Some(58));
        assert_eq!(gross(50), Some(60));
        assert_eq!(gross(-50), Some(-60));
        assert_eq!(gross(0), Some(0));
    }

    #[test]
    fn gross_price_of_too_many_digits_is_null() {
        let largest_net = 840_336_134_453;
        assert_eq!(gross(largest_net), Some(999_999_999_999));
        assert_eq!(gross(largest_net + 1), None);
        assert_eq!(gross(-largest_net - 1), None);
    }

    // The examples of Wikipedia's article on the ISO week date.
    #[test]
    fn week_agrees_with_published_ones() {
        for (year, month, day, week) in [
            (1977, 1, 1, 53),
            (1977, 1, 2, 53),
            (1977, 12, 31, 52),
            (1978, 1, 1, 52),
            (1978, 1, 2, 1),
            (1979, 12, 30, 52),
            (1979, 12, 31, 1),
            (2008, 12, 28, 52),
            (2008, 12, 29, 1),
            (2010, 1, 3, 53),
            (2024, 3, 1, 9),
        ] {
            let date = Date::from_ymd(year, month, day).unwrap();
            assert_eq!(iso_week(date), week, "{date}");
        }
    }

    #[test]
    fn weeks_follow_each_other_through_four_centuries() {
        let first = Date::from_ymd(2001, 1, 1).unwrap().days();
        let mut before = iso_week(Date::from_days(first - 7));
        for monday in (first..first + 146_097).step_by(7) {
            let week = iso_week(Date::from_days(monday));
            assert!(week == before + 1 || (week == 1 && before >= 52), "{week}");
            for day in monday..monday + 7 {
                assert_eq!(iso_week(Date::from_days(day)), week);
            }
            before = week;
        }
    }

    #[test]
    fn dot_product_needs_two_vectors_of_one_length() {
        assert_eq!(dot_product(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0]), Some(32.0));
        assert_eq!(dot_product(&[1.0], &[]), None);
        assert_eq!(dot_product(&[], &[]).map(f64::abs), Some(0.0));
    }
}
