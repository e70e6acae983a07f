//! Files of new projects.

use std::path::Path;

use crate::failure::Failure;
use crate::language::Language;

/// Path of a file in its project, and its text.
type File = (&'static str, String);

/// Returns the files of a project.
pub(super) fn files(
    language: Language,
    name: &str,
    sdk: Option<&Path>,
) -> Result<Vec<File>, Failure> {
    let own: Vec<(&'static str, &str)> = match language {
        Language::Rust => vec![
            (
                ".cargo/config.toml",
                include_str!("../../templates/rust/config.toml"),
            ),
            ("src/lib.rs", include_str!("../../templates/rust/lib.rs")),
        ],
        Language::C => vec![
            ("functions.c", include_str!("../../templates/c/functions.c")),
            ("fusebox.h", include_str!("../../templates/c/fusebox.h")),
        ],
        Language::Zig => vec![
            (
                "functions.zig",
                include_str!("../../templates/zig/functions.zig"),
            ),
            (
                "fusebox.zig",
                include_str!("../../templates/zig/fusebox.zig"),
            ),
        ],
        Language::Go => vec![
            (
                "fusebox/fusebox.go",
                include_str!("../../templates/go/fusebox.go"),
            ),
            (
                "functions.sql",
                include_str!("../../templates/go/functions.sql"),
            ),
        ],
        Language::AssemblyScript => vec![
            (
                "functions.ts",
                include_str!("../../templates/assemblyscript/functions.ts"),
            ),
            (
                "functions.sql",
                include_str!("../../templates/assemblyscript/functions.sql"),
            ),
        ],
    };
    let own = own.into_iter().map(|(path, text)| (path, text.to_owned()));
    let common = (".gitignore", "*.wasm\nnode_modules/\ntarget/\n".to_owned());
    let named = named_files(language, name, sdk)?;
    Ok(own.chain([common]).chain(named).collect())
}

/// Returns the files that have the name of the project in them.
fn named_files(language: Language, name: &str, sdk: Option<&Path>) -> Result<Vec<File>, Failure> {
    let with_name = |text: &str| text.replace("NAME", name);
    let mut files = vec![(
        "README.md",
        with_name(include_str!("../../templates/README.md")),
    )];
    match language {
        Language::Rust => files.push(("Cargo.toml", cargo(name, sdk)?)),
        Language::Go => {
            let functions = include_str!("../../templates/go/functions.go");
            files.push(("functions.go", with_name(functions)));
            files.push(("go.mod", format!("module {name}\n\ngo 1.24\n")));
        }
        Language::AssemblyScript => {
            let package = include_str!("../../templates/assemblyscript/package.json");
            files.push(("package.json", with_name(package)));
        }
        Language::C | Language::Zig => {}
    }
    Ok(files)
}

/// Returns the manifest of a crate, with the SDK of a release or of a folder.
fn cargo(name: &str, sdk: Option<&Path>) -> Result<String, Failure> {
    let sdk = match sdk {
        None => format!("\"{}\"", env!("CARGO_PKG_VERSION")),
        Some(path) => {
            let path = std::path::absolute(path).map_err(Failure::System)?;
            // A string of TOML escapes as one of JSON does.
            let path = serde_json::Value::from(path.to_string_lossy());
            format!("{{ path = {path} }}")
        }
    };
    let manifest = include_str!("../../templates/rust/Cargo.toml.in");
    Ok(manifest.replace("NAME", name).replace("SDK", &sdk))
}
