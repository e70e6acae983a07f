//! Guest for the bench of canonical NaNs: functions over floats.
//!
//! The bench compiles this file to Wasm. Each function reads and writes all rows of
//! one table.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The number of rows of the table.
const ROWS: usize = 8_192;

struct Table {
    x: [f64; ROWS],
    y: [f64; ROWS],
    singles: [f32; ROWS],
    result: [f64; ROWS],
    single_result: [f32; ROWS],
}

static TABLE: Mutex<Table> = Mutex::new(Table {
    x: [0.0; ROWS],
    y: [0.0; ROWS],
    singles: [0.0; ROWS],
    result: [0.0; ROWS],
    single_result: [0.0; ROWS],
});

fn table() -> MutexGuard<'static, Table> {
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Fills the columns.
#[no_mangle]
pub extern "C" fn fill() {
    let table = &mut *table();
    for row in 0..ROWS {
        table.x[row] = (row as f64 * 0.618_033_988_749_895).fract();
        table.y[row] = (row as f64 * 0.754_877_666_246_693).fract();
        table.singles[row] = table.x[row] as f32;
    }
}

/// A digest of the results.
#[no_mangle]
pub extern "C" fn digest() -> u64 {
    let table = &*table();
    let bits = table.result.iter().map(|x| x.to_bits());
    let bits = bits.chain(table.single_result.iter().map(|x| x.to_bits().into()));
    bits.fold(0, |digest, bits| digest.rotate_left(5) ^ bits)
}

/// Prices of options: divisions, logarithms, roots, exponentials.
#[no_mangle]
pub extern "C" fn black_scholes() {
    let table = &mut *table();
    let columns = table.x.iter().zip(&table.y);
    for ((x, y), result) in columns.zip(&mut table.result) {
        let (spot, strike, years) = (50.0 + 100.0 * x, 50.0 + 100.0 * y, 0.1 + x * y);
        let (rate, volatility) = (0.03, 0.25);
        let spread = volatility * years.sqrt();
        let d1 = ((spot / strike).ln() + (rate + 0.5 * volatility * volatility) * years) / spread;
        let discount = (-rate * years).exp();
        *result = spot * normal(d1) - strike * discount * normal(d1 - spread);
    }
}

/// Cumulative normal distribution (Abramowitz and Stegun, 26.2.17).
fn normal(x: f64) -> f64 {
    const TERMS: [f64; 5] = [
        1.330_274_429,
        -1.821_255_978,
        1.781_477_937,
        -0.356_563_782,
        0.319_381_53,
    ];
    let t = 1.0 / (1.0 + 0.231_641_9 * x.abs());
    let sum = TERMS.iter().fold(0.0, |sum, term| (sum + term) * t);
    let tail = 0.398_942_280_401_432_7 * (-0.5 * x * x).exp() * sum;
    if x < 0.0 {
        tail
    } else {
        1.0 - tail
    }
}

/// Escape times of points from the Mandelbrot set: a loop with two floats as state.
#[no_mangle]
pub extern "C" fn mandelbrot() {
    let table = &mut *table();
    let columns = table.x.iter().zip(&table.y);
    for ((x, y), result) in columns.zip(&mut table.result) {
        let (cx, cy) = (3.0 * x - 2.0, 2.0 * y - 1.0);
        let (mut zx, mut zy, mut iterations) = (0.0, 0.0, 0);
        while iterations < 64 && zx * zx + zy * zy <= 4.0 {
            (zx, zy) = (zx * zx - zy * zy + cx, 2.0 * zx * zy + cy);
            iterations += 1;
        }
        *result = f64::from(iterations);
    }
}

/// A polynomial of degree 4 of every row, in four lanes.
#[no_mangle]
pub extern "C" fn lanes() {
    let table = &mut *table();
    for (x, result) in table.singles.iter().zip(&mut table.single_result) {
        *result = (((0.5 * x - 1.25) * x + 2.0) * x + 0.75) * x - 3.0;
    }
}

/// The exponentials of 16 rows, divided by their sum.
#[no_mangle]
pub extern "C" fn softmax() {
    let table = &mut *table();
    let singles = table.singles.as_chunks::<16>().0.iter();
    for (x, result) in singles.zip(table.single_result.as_chunks_mut::<16>().0) {
        let most = x.iter().fold(f32::NEG_INFINITY, |most, x| most.max(*x));
        *result = x.map(|x| (x - most).exp());
        let sum: f32 = result.iter().sum();
        result.iter_mut().for_each(|x| *x /= sum);
    }
}

/// Products of matrices of 16 rows and columns, in two lanes.
#[no_mangle]
pub extern "C" fn matrices() {
    let table = &mut *table();
    let a = table.x.as_chunks::<16>().0.as_chunks::<16>().0.iter();
    let b = table.y.as_chunks::<16>().0.as_chunks::<16>().0;
    let results = table.result.as_chunks_mut::<16>().0.as_chunks_mut::<16>().0;
    for ((a, b), result) in a.zip(b).zip(results) {
        for (a, result) in a.iter().zip(result) {
            let mut sums = [0.0; 16];
            for (a, b) in a.iter().zip(b) {
                for (b, sum) in b.iter().zip(&mut sums) {
                    *sum += a * b;
                }
            }
            *result = sums;
        }
    }
}
