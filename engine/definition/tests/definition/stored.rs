//! Round trips of definitions through JSON.

use arrow_schema::DataType;
use fusebox_definition::{
    ANY_DECIMAL, Argument, Definition, Digest, Kind, Limits, Signature, check_type,
};
use fusebox_testing::{TypeOptions, data_type};
use proptest::prelude::*;

/// Types of arguments and results that a signature accepts.
fn types() -> impl Strategy<Value = DataType> {
    let any = data_type(TypeOptions {
        has_arrays: false,
        ..TypeOptions::default()
    });
    let any = any.prop_filter("a signature accepts it", |any| check_type(any).is_ok());
    prop_oneof![9 => any, 1 => Just(ANY_DECIMAL)]
}

proptest! {
    #[test]
    fn definition_is_read_as_it_was_written(
        types in prop::collection::vec(types(), 0..4),
        returns in types(),
        (name, comment) in (any::<String>(), any::<Option<String>>()),
        kind in prop::sample::select(Kind::ALL.to_vec()),
        fuel_per_row in 1..=Limits::MAX.fuel_per_row,
        weights in any::<Option<u32>>(),
    ) {
        let arguments: Vec<_> = types.into_iter().map(|t| Argument::new(None, t)).collect();
        let state = arguments.clone();
        let signature = Signature { arguments, returns };
        let mut definition = Definition::new(name, signature, Digest::of(b"m"));
        definition.state = state;
        definition.kind = kind;
        definition.comment = comment;
        definition.limits.fuel_per_row = fuel_per_row;
        definition.weights = weights;
        prop_assert_eq!(Definition::from_json(&definition.to_json()), Ok(definition));
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>()) {
        let _ = Definition::from_json(&text);
    }
}
