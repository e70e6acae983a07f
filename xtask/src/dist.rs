//! The tarball of a release.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::failure::Failure;
use crate::guests;
use crate::workspace::{Workspace, run};

/// Modules that are part of a release.
const MODULES: [&str; 5] = ["columns", "geo", "math", "stats", "text"];

/// Texts of the shell: arguments, and files below `share`.
const TEXTS: [(&[&str], &str); 4] = [
    (&["man"], "man/man1/fusebox.1"),
    (
        &["completions", "bash"],
        "bash-completion/completions/fusebox",
    ),
    (&["completions", "zsh"], "zsh/site-functions/_fusebox"),
    (
        &["completions", "fish"],
        "fish/vendor_completions.d/fusebox.fish",
    ),
];

/// Builds the shell in release and packs it with its texts and modules, into `target/dist`.
/// With `--dev` it packs the shell of the tests, to try the chore.
pub(crate) fn dist(workspace: &Workspace, rest: &[String]) -> Result<(), Failure> {
    let is_dev = match rest {
        [] => false,
        [option] if option == "--dev" => true,
        [.., unknown] => return Err(Failure::Usage(unknown.clone())),
    };
    guests::build(workspace)?;
    let (arguments, folder) = match is_dev {
        true => ("build --workspace --bin fusebox --test shell", "debug"),
        false => ("build --release --package fusebox-shell", "release"),
    };
    run("shell", workspace.cargo().args(arguments.split(' ')))?;
    let shell = workspace.executables.with_file_name(folder).join("fusebox");
    let name = format!(
        "fusebox-{}-{}-{}",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::ARCH,
        std::env::consts::OS
    );
    let dist = workspace.root.join("target/dist");
    let root = dist.join(&name);
    if root.exists() {
        let action = format!("remove {}", root.display());
        fs::remove_dir_all(&root).map_err(Failure::io(action))?;
    }
    copy(&shell, &root.join("bin/fusebox"))?;
    for file in ["LICENSE", "README.md", "CHANGELOG.md"] {
        copy(&workspace.root.join(file), &root.join(file))?;
    }
    for module in MODULES {
        let file = format!("{module}.wasm");
        let guest = workspace.root.join("target/guests").join(&file);
        copy(&guest, &root.join("share/fusebox").join(&file))?;
    }
    for (arguments, file) in TEXTS {
        let file = create(&root.join("share").join(file))?;
        let mut command = workspace.program(&shell);
        command.args(arguments).stdout(Stdio::from(file));
        run("texts", &mut command)?;
    }
    let archive = dist.join(format!("{name}.tar.gz"));
    let mut tar = Command::new("tar");
    tar.arg("-czf")
        .arg(&archive)
        .arg("-C")
        .arg(&dist)
        .arg(&name);
    run("archive", &mut tar)?;
    println!("{}", archive.display());
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    create_folder(to)?;
    let action = format!("copy {} to {}", from.display(), to.display());
    fs::copy(from, to).map(drop).map_err(Failure::io(action))
}

fn create(path: &Path) -> Result<File, Failure> {
    create_folder(path)?;
    File::create(path).map_err(Failure::io(format!("create {}", path.display())))
}

fn create_folder(file: &Path) -> Result<(), Failure> {
    let folder = file
        .parent()
        .expect("each file is in a folder of the release");
    fs::create_dir_all(folder).map_err(Failure::io(format!("create {}", folder.display())))
}
