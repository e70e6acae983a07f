//! The bundled component, compiled by wit-bindgen and encoded.

use crate::failure::Failure;
use crate::guests::{RUSTFLAGS, copy_if_changed};
use crate::steps::{Outcome, Steps};
use crate::toolchain::{TARGET, Toolchain};
use crate::workspace::{Workspace, run};

/// A crate that is not of the workspace, as an author's own crate is not.
pub(crate) const COMPONENT: &str = "udfs/component/Cargo.toml";

/// Compiles the component to `target/guests/component.wasm`.
///
/// # Errors
///
/// [`Failure::Step`] if it does not compile.
pub(crate) fn build(workspace: &Workspace, steps: &mut Steps) -> Result<(), Failure> {
    let name = "guest as a component";
    steps.attempt(name, compile(workspace, name))
}

fn compile(workspace: &Workspace, name: &'static str) -> Result<Outcome, Failure> {
    let built = workspace.executables.with_file_name("guests-build");
    let mut command = Toolchain::find(workspace)?.cargo_build(workspace);
    command
        .args([
            "--release",
            "--lib",
            "--manifest-path",
            COMPONENT,
            "--target-dir",
        ])
        .arg(&built)
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", RUSTFLAGS);
    run(name, &mut command)?;
    let module = built.join(TARGET).join("release/component.wasm");
    let component = built.join("component.wasm");
    let mut command = workspace.cargo();
    command
        .args([
            "run",
            "--quiet",
            "--manifest-path",
            COMPONENT,
            "--target-dir",
        ])
        .arg(&built)
        .args(["--features", "encode", "--bin", "encode", "--"])
        .arg(&module)
        .arg(&component);
    run(name, &mut command)?;
    let copy = workspace.root.join("target/guests/component.wasm");
    copy_if_changed(&component, &copy)?;
    Ok(Outcome::Passed)
}
