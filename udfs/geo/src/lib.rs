//! Bundled functions: geography.
#![forbid(unsafe_code)]

use fusebox_sdk::udf;
use libm::{asin, cos, sin};

/// The mean radius of the Earth, R₁ = (2a + b) / 3 of WGS 84, in kilometres.
const EARTH_RADIUS_KM: f64 = 6371.0088;

/// Great-circle distance.
#[udf]
pub fn haversine_km(lat1: f64, lon1: f64, lat2: f64, lon2: f64) -> f64 {
    let lat = sin((lat2 - lat1).to_radians() / 2.0);
    let lon = sin((lon2 - lon1).to_radians() / 2.0);
    let chord = lat * lat + cos(lat1.to_radians()) * cos(lat2.to_radians()) * lon * lon;
    2.0 * EARTH_RADIUS_KM * asin(chord.sqrt().min(1.0))
}
