// A function over columns, without the feature `arrow`.
use fusebox_sdk::udf;

mod inner {
    use fusebox_sdk::udf;

    #[udf(columns)]
//  ^ needs the feature `arrow` of fusebox-sdk
    pub fn same(numbers: Vec<i64>) -> Vec<i64> {
        numbers
    }
}

#[udf]
fn lowest(number: i64) -> i64 {
    inner::same(vec![number])[0]
}

fn main() {}
