//! Fixtures of each release are reproduced, or refused with both versions.

use std::fs;

use fusebox_conformance::{FixtureError, Fixtures};

use crate::{CATALOG, EMULATED, RELEASES};

/// Modules that an emulator takes minutes to compile.
const LARGE: [&str; 3] = ["go", "kinds", "types"];

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
        let mut found = Vec::new();
        let mut cases = 0;
        let checked = fixtures.check(&modules, &mut |report| {
            cases += report.cases;
            found.extend(report.differences);
        });
        checked.unwrap();
        assert_eq!(found, [""; 0], "{release}");
        assert!(cases > 500, "{release}: {cases} cases");
    }
    assert!(releases > 0, "no fixtures in {RELEASES}");
}
