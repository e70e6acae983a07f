//! Tests in a process of their own: other tests allocate memory, and change limits, too.

use std::env;
use std::process::Command;

/// Set in the process that runs one test.
const OWN_PROCESS: &str = "FUSEBOX_TEST_OWN_PROCESS";

/// Variable of the environment with which memory that one thread has freed serves the others.
/// Otherwise each thread's own arena keeps it, which looks like a leak, or hides one.
pub const TWO_ARENAS: (&str, &str) = ("MALLOC_ARENA_MAX", "2");

/// Returns true in a process that was started for one test.
pub fn is_own_process() -> bool {
    env::var_os(OWN_PROCESS).is_some()
}

/// Runs the test `name` of this program in a process of its own, with variables added to its
/// environment. Returns false in that process, where the caller does the test's work.
///
/// ```no_run
/// use fusebox_testing::{TWO_ARENAS, passes_in_own_process, resident_bytes};
///
/// if !passes_in_own_process("sessions::sessions_are_small", &[TWO_ARENAS]) {
///     assert!(resident_bytes() < 100 << 20);
/// }
/// ```
///
/// # Panics
///
/// If the test fails there, or if there is no test of that name. What it printed is printed here.
pub fn passes_in_own_process(name: &str, environment: &[(&str, &str)]) -> bool {
    let program = env::current_exe().expect("the path of the test program is known");
    passes(Command::new(program), name, environment)
}

/// Does the same as [`passes_in_own_process`], below a limit that the shell's `ulimit` sets:
/// `-d 1048576` for 1 GiB of data, `-v 1048576` for 1 GiB of addresses.
///
/// # Panics
///
/// As [`passes_in_own_process`] does.
pub fn passes_below_ulimit(name: &str, limit: &str, environment: &[(&str, &str)]) -> bool {
    let program = env::current_exe().expect("the path of the test program is known");
    let limited = format!("ulimit {limit} && exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &limited]).arg(program);
    passes(command, name, environment)
}

/// Runs the test with a command to which the arguments of a test program are added.
fn passes(mut command: Command, name: &str, environment: &[(&str, &str)]) -> bool {
    if is_own_process() {
        return false;
    }
    let output = command
        .args([name, "--exact", "--nocapture"])
        .env(OWN_PROCESS, "1")
        .envs(environment.iter().copied())
        .output()
        .expect("the test program can be started");
    let printed = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    print!("{}", printed.concat());
    // A name that no test has would succeed as well.
    let is_passed = output.status.success() && printed[0].contains("test result: ok. 1 passed");
    assert!(
        is_passed,
        "`{name}` fails in its own process: {}",
        output.status
    );
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_runs_once_with_its_environment() {
        let name = "own_process::tests::test_runs_once_with_its_environment";
        if passes_in_own_process(name, &[TWO_ARENAS]) {
            assert!(!is_own_process());
            return;
        }
        assert_eq!(env::var(TWO_ARENAS.0).as_deref(), Ok(TWO_ARENAS.1));
    }

    #[test]
    #[should_panic(expected = "fails in its own process")]
    fn test_without_that_name_does_not_pass() {
        passes_in_own_process("own_process::tests::no_such_test", &[]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn limit_holds_in_the_process() {
        let name = "own_process::tests::limit_holds_in_the_process";
        if passes_below_ulimit(name, "-n 77", &[]) {
            return;
        }
        let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
        let files = limits
            .lines()
            .find(|line| line.starts_with("Max open files"));
        assert_eq!(files.unwrap().split_whitespace().nth(3), Some("77"));
    }
}
