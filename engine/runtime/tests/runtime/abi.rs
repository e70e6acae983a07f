//! Markers of versions of the ABI.

use fusebox_runtime::{IdleLimits, Scope};

use crate::{bind, call, guest, runtime};

const ABI_2: &str = r#"(func (export "fusebox_abi_2"))"#;

#[test]
fn module_of_two_versions_runs_as_the_one_that_is_supported() {
    let runtime = runtime(IdleLimits::default());
    let function = bind(&runtime, &guest(1, ABI_2), "").unwrap();
    assert_eq!(call(&function, &Scope::default()), 1);
}

#[test]
fn module_of_another_version_is_refused_with_both() {
    let runtime = runtime(IdleLimits::default());
    let later = guest(1, ABI_2).replace(r#"(func (export "fusebox_abi_1"))"#, "");
    let refused = bind(&runtime, &later, "").unwrap_err().to_string();
    let expected = concat!(
        "it exports fusebox_abi_2; Fusebox ",
        env!("CARGO_PKG_VERSION"),
        " supports fusebox_abi_1"
    );
    assert!(refused.ends_with(expected), "{refused}");
}
