//! Processes without addresses for one more instance, which reserves 4 GiB of them.

use fusebox_runtime::{Error, IdleLimits, LimitExceeded, Scope};
use fusebox_testing::{TWO_ARENAS, mapped_bytes, passes_in_own_process};
use rlimit::Resource;

use crate::{bind, call, guest, runtime, try_call};

/// Does `work` while this process may map no more than some bytes in addition.
fn within<T>(bytes: u64, work: impl FnOnce() -> T) -> T {
    let (soft, hard) = Resource::AS.get().unwrap();
    Resource::AS.set(mapped_bytes() + bytes, hard).unwrap();
    let done = work();
    Resource::AS.set(soft, hard).unwrap();
    done
}

#[track_caller]
fn assert_refused(error: &Error) {
    let Error::Limit {
        limit: LimitExceeded::AddressSpace { cause },
        ..
    } = error
    else {
        panic!("{error}");
    };
    assert!(cause.contains("os error 12"), "{cause}");
    let expected = format!(
        "function `f` cannot be called: the process has no addresses or memory mappings left for \
         an instance ({cause}); raise `ulimit -v` or `vm.max_map_count`, or lower the number of \
         instances (instances)"
    );
    assert_eq!(error.to_string(), expected);
}

#[test]
fn call_without_addresses_for_an_instance_is_refused() {
    let name = "address_space::call_without_addresses_for_an_instance_is_refused";
    if passes_in_own_process(name, &[TWO_ARENAS]) {
        return;
    }
    let runtime = runtime(IdleLimits::default());
    let function = bind(&runtime, &guest(1, ""), "VOLATILE").unwrap();
    let called = within(1 << 30, || try_call(&function, &Scope::default()));
    assert_refused(&called.unwrap_err());
    assert_eq!(call(&function, &Scope::default()), 1);
    // The instance is there, whatever else may be mapped.
    let called = within(1 << 30, || try_call(&function, &Scope::default()));
    assert_eq!(called.unwrap(), 2);
}

#[test]
fn thread_without_addresses_for_a_stack_is_refused() {
    let name = "address_space::thread_without_addresses_for_a_stack_is_refused";
    if passes_in_own_process(name, &[TWO_ARENAS]) {
        return;
    }
    let runtime = runtime(IdleLimits::default());
    let function = bind(&runtime, &guest(1, ""), "VOLATILE").unwrap();
    assert_eq!(call(&function, &Scope::default()), 1);
    // Each thread has a stack for its guests.
    let called = std::thread::scope(|scope| {
        let thread = scope.spawn(|| within(16 << 20, || try_call(&function, &Scope::default())));
        thread.join().unwrap()
    });
    assert_refused(&called.unwrap_err());
    assert!(try_call(&function, &Scope::default()).is_ok());
}

#[test]
fn function_without_addresses_is_no_fault_of_its_module() {
    let name = "address_space::function_without_addresses_is_no_fault_of_its_module";
    if passes_in_own_process(name, &[TWO_ARENAS]) {
        return;
    }
    let runtime = runtime(IdleLimits::default());
    // The threads of the compiler are there then.
    bind(&runtime, &guest(2, ""), "").unwrap();
    for clauses in ["", "VOLATILE"] {
        let bound = within(1 << 30, || bind(&runtime, &guest(1, ""), clauses));
        assert_refused(&bound.unwrap_err());
        let function = bind(&runtime, &guest(1, ""), clauses).unwrap();
        assert_eq!(call(&function, &Scope::default()), 1);
    }
}
