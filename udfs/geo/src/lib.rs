//! Bundled functions: places on the Earth.
//!
//! One source, compiled to Wasm and natively. Sine, cosine and arctangent are
//! those of `libm` in both, so that both return the same bits; those of
//! platforms differ in the last bit.
#![forbid(unsafe_code)]

use fusebox_sdk::udf;
use libm::{atan2, cos, sin};

/// Mean radius R₁ of the Earth, in kilometres: (2a + b) / 3 of the GRS 80
/// ellipsoid, as in H. Moritz, "Geodetic Reference System 1980", Journal of
/// Geodesy 74 (2000).
const EARTH_RADIUS_KM: f64 = 6371.0088;

/// Digits of a geohash: no `a`, `i`, `l`, `o`.
const GEOHASH_DIGITS: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";

/// Returns the great-circle distance between two places, in kilometres.
///
/// Latitudes and longitudes are in degrees; any finite number is valid, since
/// angles repeat. The Earth is a sphere of its mean radius, an error of up to
/// 0.5 %. The result for NaN or infinity is NaN.
///
/// The haversine formula is that of R. W. Sinnott, "Virtues of the Haversine",
/// Sky and Telescope 68 (1984).
#[udf]
pub fn haversine_km(lat1: f64, lon1: f64, lat2: f64, lon2: f64) -> f64 {
    let half_lat = sin((lat2 - lat1).to_radians() / 2.0);
    let half_lon = sin((lon2 - lon1).to_radians() / 2.0);
    let scale = cos(lat1.to_radians()) * cos(lat2.to_radians());
    let haversine = half_lat * half_lat + scale * half_lon * half_lon;
    // Rounding can push antipodes past 1. The arcsine of the root is less exact
    // there, and `libm` has a square root of its own.
    let rest = (1.0 - haversine).max(0.0);
    2.0 * EARTH_RADIUS_KM * atan2(haversine.sqrt(), rest.sqrt())
}

/// Returns the geohash of a place, with `length` digits.
///
/// `lat` and `lon` are in degrees. Each digit is five bits, which halve the
/// longitude and the latitude alternately, the longitude first; a place on a
/// boundary is in the northern or eastern half. The digits are those of G.
/// Niemeyer's geohash.org (2008).
///
/// # Errors
///
/// If `lat` is not between -90 and 90, `lon` not between -180 and 180, or
/// `length` not between 1 and 12.
#[udf]
pub fn geohash(lat: f64, lon: f64, length: i64) -> Result<String, &'static str> {
    if !(-90.0..=90.0).contains(&lat) {
        return Err("the latitude is not between -90 and 90 degrees");
    }
    if !(-180.0..=180.0).contains(&lon) {
        return Err("the longitude is not between -180 and 180 degrees");
    }
    if !(1..=12).contains(&length) {
        return Err("the length is not between 1 and 12 digits");
    }
    let mut cell = [Halving::new(lon, 180.0), Halving::new(lat, 90.0)];
    let mut is_lat = false;
    let digits = (0..length).map(|_| {
        let digit = (0..5).fold(0, |digit, _| {
            let bit = cell[usize::from(is_lat)].next_bit();
            is_lat = !is_lat;
            digit << 1 | bit
        });
        char::from(GEOHASH_DIGITS[digit])
    });
    Ok(digits.collect())
}

/// A coordinate, and the interval that the bits so far determine.
struct Halving {
    degrees: f64,
    low: f64,
    high: f64,
}

impl Halving {
    fn new(degrees: f64, limit: f64) -> Self {
        Self {
            degrees,
            low: -limit,
            high: limit,
        }
    }

    /// Returns 1 if the coordinate is in the upper half of the interval, else
    /// 0, and halves the interval.
    fn next_bit(&mut self) -> usize {
        let middle = f64::midpoint(self.low, self.high);
        let is_upper = self.degrees >= middle;
        *(if is_upper {
            &mut self.low
        } else {
            &mut self.high
        }) = middle;
        usize::from(is_upper)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::f64::consts::PI;

    const HALF_EARTH_KM: f64 = PI * EARTH_RADIUS_KM;

    // To the metre, the rounding error of antipodes.
    #[track_caller]
    fn check_km(from: (f64, f64), to: (f64, f64), expected: f64) {
        for (from, to) in [(from, to), (to, from)] {
            let actual = haversine_km(from.0, from.1, to.0, to.1);
            assert!((actual - expected).abs() < 1e-3, "{actual} km");
        }
    }

    #[test]
    fn distance_is_zero_to_itself() {
        check_km((52.52, 13.405), (52.52, 13.405), 0.0);
    }

    #[test]
    fn degree_on_the_equator_is_a_360th_of_the_way_round() {
        check_km((0.0, 0.0), (0.0, 1.0), HALF_EARTH_KM / 180.0);
        check_km((0.0, 179.5), (0.0, -179.5), HALF_EARTH_KM / 180.0);
    }

    #[test]
    fn antipodes_are_half_the_earth_apart() {
        check_km((90.0, 0.0), (-90.0, 0.0), HALF_EARTH_KM);
        for lat in -89..=89 {
            let lat = f64::from(lat);
            check_km((lat, 12.3), (-lat, -167.7), HALF_EARTH_KM);
        }
    }

    // Nashville to Los Angeles, the example of Rosetta Code, which rounds the
    // radius to 6372.8 km and gets 2887.25995060711 km.
    #[test]
    fn distance_agrees_with_a_published_one() {
        let published = 2_887.259_950_607_11 * EARTH_RADIUS_KM / 6372.8;
        check_km((36.12, -86.67), (33.94, -118.4), published);
    }

    #[test]
    fn distance_of_nan_or_infinity_is_nan() {
        assert!(haversine_km(f64::NAN, 0.0, 0.0, 0.0).is_nan());
        assert!(haversine_km(0.0, 0.0, 0.0, f64::INFINITY).is_nan());
    }

    #[track_caller]
    fn check_geohash(lat: f64, lon: f64, expected: &str) {
        assert_eq!(geohash(lat, lon, expected.len() as i64).unwrap(), expected);
    }

    // The first two are the examples of Wikipedia's article on geohash.
    #[test]
    fn geohash_agrees_with_published_ones() {
        check_geohash(57.64911, 10.40744, "u4pruydqqvj");
        check_geohash(42.605, -5.603, "ezs42");
        check_geohash(0.0, 0.0, "s00000000000");
    }

    #[test]
    fn geohash_reaches_every_corner() {
        check_geohash(90.0, 180.0, "zzzzzzzzzzzz");
        check_geohash(-90.0, -180.0, "000000000000");
        check_geohash(90.0, -180.0, "bpbpbpbpbpbp");
        check_geohash(-90.0, 180.0, "pbpbpbpbpbpb");
    }

    #[test]
    fn geohash_of_an_invalid_place_is_an_error() {
        for (lat, lon, length) in [
            (90.000_001, 0.0, 5),
            (f64::NAN, 0.0, 5),
            (0.0, -180.000_001, 5),
            (0.0, f64::NAN, 5),
            (0.0, 0.0, 0),
            (0.0, 0.0, 13),
        ] {
            assert!(geohash(lat, lon, length).is_err(), "{lat} {lon} {length}");
        }
    }
}
