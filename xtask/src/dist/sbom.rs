//! The software bill of materials of a release, in the format [CycloneDX] 1.5.
//!
//! It holds no time and no random number, so that the same commit gives the same bytes.
//!
//! [CycloneDX]: https://cyclonedx.org/docs/1.5/json/

use serde_json::{Value, json};

use crate::dist::dependencies::{Dependency, SHELL};

/// Returns the list of all dependencies, with the executable as its subject.
pub(crate) fn document(dependencies: &[Dependency]) -> String {
    let (shell, others): (Vec<_>, Vec<_>) = dependencies.iter().partition(|one| one.name == SHELL);
    let components: Vec<Value> = others.into_iter().map(component).collect();
    let edges: Vec<Value> = dependencies.iter().map(edges).collect();
    let mut metadata = json!({});
    if let Some(shell) = shell.first() {
        let mut subject = component(shell);
        subject["type"] = "application".into();
        metadata["component"] = subject;
    }
    let document = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": metadata,
        "components": components,
        "dependencies": edges,
    });
    format!("{document:#}\n")
}

fn component(dependency: &Dependency) -> Value {
    let url = dependency.url();
    let mut component = json!({
        "type": "library",
        "bom-ref": url,
        "name": dependency.name,
        "version": dependency.version,
        "licenses": [{ "expression": dependency.license }],
        "purl": url,
    });
    if let Some(checksum) = &dependency.checksum {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
    }
    if let Some(repository) = &dependency.repository {
        component["externalReferences"] = json!([{ "type": "vcs", "url": repository }]);
    }
    component
}

fn edges(dependency: &Dependency) -> Value {
    json!({ "ref": dependency.url(), "dependsOn": dependency.dependencies })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn packages_are_listed_with_their_dependencies() {
        let log = Dependency {
            name: "log".to_owned(),
            version: "0.4.1".to_owned(),
            license: "MIT OR Apache-2.0".to_owned(),
            repository: Some("https://github.com/rust-lang/log".to_owned()),
            checksum: Some("ab".to_owned()),
            folder: PathBuf::new(),
            dependencies: BTreeSet::new(),
        };
        let shell = Dependency {
            name: SHELL.to_owned(),
            checksum: None,
            repository: None,
            dependencies: BTreeSet::from([log.url()]),
            ..log.clone()
        };
        let text = document(&[shell, log]);
        let found: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(found["specVersion"], "1.5");
        let subject = &found["metadata"]["component"];
        assert_eq!(subject["bom-ref"], "pkg:cargo/fusebox-shell@0.4.1");
        assert_eq!(subject["type"], "application");
        let [component] = &found["components"].as_array().unwrap()[..] else {
            panic!("expected one component: {text}");
        };
        assert_eq!(component["purl"], "pkg:cargo/log@0.4.1");
        assert_eq!(component["hashes"][0]["content"], "ab");
        assert_eq!(component["licenses"][0]["expression"], "MIT OR Apache-2.0");
        let edges = &found["dependencies"];
        assert_eq!(edges[0]["dependsOn"], json!(["pkg:cargo/log@0.4.1"]));
        assert_eq!(edges[1]["dependsOn"], json!([]));
    }
}
