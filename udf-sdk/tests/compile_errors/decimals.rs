// Decimals with a precision or a scale that no column has.
use fusebox_sdk::{Decimal, List, Map, Partition, Row, udaf, udf, udtf, udwf};

#[udf]
fn wide(a: Decimal<40, 2>) -> i64 {
//         ^ found Decimal<40, 2>
    a.unscaled() as i64
}

type Nothing = Decimal<0, 0>;

#[udf]
fn hidden(a: i64, b: Option<Nothing>) -> i64 {
//                   ^ found Decimal<0, 0>
    a + b.map_or(0, |b| b.unscaled() as i64)
}

#[udf]
fn fraction(a: i64) -> Result<Option<Decimal<5, 6>>, String> {
//                     ^ found Decimal<5, 6>
    Err(a.to_string())
}

#[udf]
fn listed(a: List<Decimal<38, -39>>) -> i64 {
//           ^ found Decimal<38, -39>
    a.len() as i64
}

#[udf]
fn nested(a: Map<&str, Vec<Option<Decimal<255, 127>>>>) -> i64 {
//           ^ found Decimal<255, 127>
    a.len() as i64
}

#[derive(Default, Row)]
struct Price {
    amount: Decimal<39, 0>,
}

#[udf]
fn priced(a: i64) -> Vec<Price> {
//                   ^ found Decimal<39, 0>
    vec![Price::default(); a as usize]
}

impl Clone for Price {
    fn clone(&self) -> Self {
        Self::default()
    }
}

#[udaf]
impl Price {
//   ^ found Decimal<39, 0>
    fn update(&mut self, x: i64) {
        let _ = x;
    }

    fn merge(&mut self, other: Self) {
        self.amount = other.amount;
    }

    fn finish(&self) -> i64 {
        0
    }
}

#[derive(Default, Row)]
struct Sum {
    amount: Decimal<38, 0>,
}

#[udaf]
impl Sum {
    fn update(&mut self, x: Decimal<128, 0>) {
//                          ^ found Decimal<128, 0>
        let _ = x;
    }

    fn merge(&mut self, other: Self) {
        self.amount = other.amount;
    }

    fn finish(&self) -> Decimal<38, 0> {
        self.amount
    }
}

#[derive(Default, Row)]
struct Mean {
    amount: i64,
}

#[udaf]
impl Mean {
    fn update(&mut self, x: Decimal<38, 0>) {
        let _ = x;
    }

    fn merge(&mut self, other: Self) {
        self.amount = other.amount;
    }

    fn finish(&self) -> Decimal<39, 39> {
//                      ^ found Decimal<39, 39>
        Decimal::default()
    }
}

#[udwf]
fn shares(values: Partition<Decimal<2, 3>>) -> Vec<f64> {
//                ^ found Decimal<2, 3>
    values.iter().map(|_| 0.0).collect()
}

#[udtf]
fn prices(count: i64) -> impl Iterator<Item = Price> {
//                    ^ found Decimal<39, 0>
    (0..count).map(|_| Price::default())
}

#[udf]
fn edges(a: Decimal<38, -38>, b: Decimal<1, 1>, c: Decimal<38, 38>) -> Decimal<1, -38> {
    let _ = (a, b, c);
    Decimal::default()
}

fn main() {}
