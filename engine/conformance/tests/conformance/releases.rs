//! Fixtures of each release are reproduced, or refused with both versions.

use std::fs;

use fusebox_conformance::{FixtureError, Fixtures};

use crate::{CATALOG, EMULATED, PART, RELEASES};

/// Modules that an emulator takes minutes to compile.
const LARGE: [&str; 3] = ["go", "kinds", "types"];

/// Returns the index of the part of the modules that this process checks, and the number of parts.
/// An emulator keeps an account of each page that was ever reserved, and each instance reserves
/// gigabytes: all modules in one process take more memory than a machine has.
fn part() -> Option<(usize, usize)> {
    let part = std::env::var(PART).ok()?;
    let (part, parts) = part.split_once('/').unwrap();
    Some((part.parse().unwrap(), parts.parse().unwrap()))
}

#[test]
fn releases_are_reproduced_bit_by_bit() {
    let is_emulated = std::env::var_os(EMULATED).is_some();
    let mut releases = 0;
    for entry in fs::read_dir(RELEASES).unwrap() {
        let entry = entry.unwrap();
        if !entry.file_type().unwrap().is_dir() {
            continue;
        }
        releases += 1;
        let release = entry.file_name().into_string().unwrap();
        let fixtures = match Fixtures::open(&entry.path(), CATALOG) {
            Ok(fixtures) => fixtures,
            // Those of other weights cannot be reproduced, and the message has both versions.
            Err(error @ FixtureError::Version { .. }) => {
                let message = error.to_string();
                for version in [release.as_str(), env!("CARGO_PKG_VERSION")] {
                    assert!(message.contains(version), "{message}");
                }
                assert_ne!(release, env!("CARGO_PKG_VERSION"), "{message}");
                continue;
            }
            Err(error) => panic!("{release}: {error}"),
        };
        let modules = fixtures
            .modules()
            .filter(|name| !is_emulated || !LARGE.contains(name));
        let modules: Vec<String> = modules.map(str::to_owned).collect();
        let (modules, cases_min) = match part() {
            None => (modules, 500),
            Some((part, parts)) => {
                let modules = modules.into_iter().skip(part).step_by(parts);
                (modules.collect(), 1)
            }
        };
        if part().is_some() && modules.is_empty() {
            // No module chosen means all.
            continue;
        }
        let mut found = Vec::new();
        let mut cases = 0;
        let checked = fixtures.check(&modules, &mut |report| {
            cases += report.cases;
            found.extend(report.differences);
        });
        checked.unwrap();
        assert_eq!(found, [""; 0], "{release}");
        assert!(cases > cases_min, "{release}: {cases} cases");
    }
    assert!(releases > 0, "no fixtures in {RELEASES}");
}
