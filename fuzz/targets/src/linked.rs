//! Modules and components, linked to what they import and to drivers.

use fusebox_instrument::FEATURES;
use fusebox_linker::component::Component;
use fusebox_linker::lifted::{DriverSet, LiftedDriver};
use fusebox_linker::wasi::Grants;
use fusebox_linker::{Error, Linker};
use wasmparser::Validator;

use crate::target::Outcome;

/// Components of more functions have drivers for these alone: each is linked to all of the code.
const DRIVERS_MAX: usize = 4;

/// Links a module to WASI, or flattens a component and links its functions to their drivers. What
/// is linked is valid, and the same bytes give the same module.
pub fn link(data: &[u8]) -> Outcome {
    let linked = match Component::is_component(data) {
        true => link_component(data),
        false => link_module(data).ok(),
    };
    match linked {
        Some(()) => Outcome::Accepted,
        None => Outcome::Refused,
    }
}

fn link_component(data: &[u8]) -> Option<()> {
    let component = Component::flatten(data).ok()?;
    check_valid(&component.module);
    let again = Component::flatten(data).expect("it was flattened before");
    assert_eq!(component.module, again.module);
    let functions = component.functions.iter().take(DRIVERS_MAX);
    let drivers = functions.filter_map(|function| {
        Some((function.name.to_string(), LiftedDriver::new(function).ok()?))
    });
    for set in DriverSet::divide(drivers) {
        for set in [set.clone(), set.for_single_rows()] {
            let linked = set.link(&component.module);
            check_valid(&linked.expect("functions with a driver are linked"));
        }
    }
    Some(())
}

fn link_module(data: &[u8]) -> Result<(), Error> {
    let granted = Grants::of(data).ok().flatten();
    let granted = granted.and_then(|grants| grants.provider().ok());
    let linker = || {
        let linker = Linker::new("main", data)?;
        match &granted {
            Some(granted) => linker.provide_granted_wasi(granted),
            None => linker.provide_wasi(),
        }
    };
    let linker_of_one = linker()?;
    linker_of_one.missing_imports()?;
    linker_of_one.served_imports()?;
    let linked = linker_of_one.link()?;
    check_valid(&linked);
    assert_eq!(linked, linker()?.link()?);
    linker()?.hide_reserved_exports().link().map(drop)
}

/// Checks that a linked module is valid. It may have more items of a kind than a validator accepts
/// of one module.
fn check_valid(module: &[u8]) {
    if let Err(error) = Validator::new_with_features(FEATURES).validate_all(module) {
        assert!(error.message().contains("out of bounds"), "{error}");
    }
}
