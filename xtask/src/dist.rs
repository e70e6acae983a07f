//! The archive of a release: the shell, its texts, modules, licences and sums, packed so that
//! the same commit gives the same bytes, and tried in an empty root.

// The session of the README, run from the archive.
mod empty_root;

// Licences of all dependencies.
mod licenses;

// The software bill of materials.
mod sbom;

// Dependencies that the archive is built of.
mod dependencies;

// The tar file.
mod archive;

// SHA-256 sums of files.
mod checksums;

// Files of a folder.
mod files;

use std::env;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use crate::failure::Failure;
use crate::guests;
use crate::workspace::{Workspace, quietly, run};

/// Modules that are part of a release. Each is built of the package `udfs-…`.
const MODULES: [&str; 5] = ["columns", "geo", "math", "stats", "text"];

/// Pages of the root and other files that are packed: paths in the checkout and in the archive.
const PAGES: [(&str, &str); 7] = [
    ("LICENSE", "LICENSE"),
    ("README.md", "README.md"),
    ("CHANGELOG.md", "CHANGELOG.md"),
    ("SECURITY.md", "SECURITY.md"),
    ("STABILITY.md", "STABILITY.md"),
    ("TYPES.md", "TYPES.md"),
    // A table of the session in README.md.
    (
        "data/nycflights13/airports.csv",
        "share/fusebox/airports.csv",
    ),
];

/// Texts of the shell: arguments, and files below `share`.
const TEXTS: [(&[&str], &str); 3] = [
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

/// Variable with the time of all files of the archive, in seconds since 1970.
const EPOCH: &str = "SOURCE_DATE_EPOCH";

/// Time for rustc and git to print something.
const LIMIT: Duration = Duration::from_secs(30);

/// Builds the shell in release and packs it with all that belongs to it into `target/dist`.
/// Then it runs the session of the README from the archive. With `--dev` it packs the shell
/// of the tests, to try the chore.
pub(crate) fn dist(workspace: &Workspace, rest: &[String]) -> Result<(), Failure> {
    let is_dev = match rest {
        [] => false,
        [option] if option == "--dev" => true,
        [.., unknown] => return Err(Failure::Usage(unknown.clone())),
    };
    guests::build(workspace)?;
    let host = rustc(workspace, &["-vV"])?;
    let host = host.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.unwrap_or(env::consts::ARCH);
    let epoch = epoch(workspace);
    let shell = build_shell(workspace, is_dev, epoch)?;

    let name = format!("fusebox-{}-{host}", env!("CARGO_PKG_VERSION"));
    let dist = workspace.root.join("target/dist");
    let root = dist.join(&name);
    files::remove_folder(&root)?;
    fill(workspace, &shell, &root)?;
    let dependencies = dependencies::of_release(workspace, host)?;
    let license = files::read_text(&root.join("LICENSE"))?;
    let licenses = licenses::document(&dependencies, &license)?;
    files::write(&root.join("LICENSES.txt"), &licenses)?;
    files::write(&root.join("sbom.cdx.json"), &sbom::document(&dependencies))?;
    eprintln!("== dependencies: {}", dependencies.len());
    checksums::write(&root)?;

    let archive = dist.join(format!("{name}.tar.gz"));
    archive::pack(&root, &name, epoch, &archive)?;
    let sum = checksums::of_file(&archive)?;
    let line = format!("{sum}  {name}.tar.gz\n");
    files::write(&dist.join(format!("{name}.tar.gz.sha256")), &line)?;
    empty_root::run_session(workspace, &archive, &dist.join("root"))?;
    print!("{}\n{line}", archive.display());
    Ok(())
}

/// Builds the shell, and returns the path of the executable.
fn build_shell(workspace: &Workspace, is_dev: bool, epoch: u64) -> Result<PathBuf, Failure> {
    let mut command = workspace.cargo();
    let folder = match is_dev {
        true => {
            command.args("build --workspace --bin fusebox --test shell".split(' '));
            "debug"
        }
        false => {
            let arguments = "build --release --locked --package fusebox-shell";
            command.args(arguments.split(' '));
            command.env("CARGO_ENCODED_RUSTFLAGS", flags(workspace));
            command.env(EPOCH, epoch.to_string());
            "release"
        }
    };
    run("shell", &mut command)?;
    Ok(workspace.executables.with_file_name(folder).join("fusebox"))
}

/// Flags of the environment, and those that keep the folders of this machine out of the
/// executable.
fn flags(workspace: &Workspace) -> String {
    let given = env::var("RUSTFLAGS").unwrap_or_default();
    let mut flags: Vec<String> = given.split_whitespace().map(str::to_owned).collect();
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| env::home_dir().map(|home| home.join(".cargo")));
    // The last prefix that matches is the one that is replaced.
    let folders = home.map(|home| (home, "/cargo")).into_iter();
    for (folder, name) in folders.chain([(workspace.root.clone(), "/fusebox")]) {
        flags.push(format!("--remap-path-prefix={}={name}", folder.display()));
    }
    flags.join("\u{1f}")
}

/// Copies all files but the lists of dependencies and the sums.
fn fill(workspace: &Workspace, shell: &Path, root: &Path) -> Result<(), Failure> {
    files::copy(shell, &root.join("bin/fusebox"))?;
    for (file, place) in PAGES {
        files::copy(&workspace.root.join(file), &root.join(place))?;
    }
    let docs = workspace.root.join("docs");
    for page in files::list(&docs)?
        .iter()
        .filter(|page| page.ends_with(".md"))
    {
        files::copy(&docs.join(page), &root.join("docs").join(page))?;
    }
    for module in MODULES {
        let file = format!("{module}.wasm");
        let guest = workspace.root.join("target/guests").join(&file);
        files::copy(&guest, &root.join("share/fusebox").join(&file))?;
    }
    for (arguments, file) in TEXTS {
        let file = files::create(&root.join("share").join(file))?;
        let mut command = workspace.program(shell);
        command.args(arguments).stdout(Stdio::from(file));
        run("texts", &mut command)?;
    }
    let manuals = root.join("share/man/man1");
    files::create_all(&manuals)?;
    let mut command = workspace.program(shell);
    run("manuals", command.arg("man").arg("--output").arg(manuals))?;
    // The standard library is part of the executable and of each module.
    let sysroot = rustc(workspace, &["--print", "sysroot"])?;
    let standard = Path::new(sysroot.trim()).join("share/doc/rust/COPYRIGHT-library.html");
    files::copy(&standard, &root.join("LICENSES-rust-std.html"))
}

/// The output of the compiler.
fn rustc(workspace: &Workspace, arguments: &[&str]) -> Result<String, Failure> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut command = workspace.program(rustc);
    quietly(command.args(arguments), LIMIT).map_err(Failure::unexpected("compiler"))
}

/// The time of the archive: that of the environment, or of the commit, or 0.
fn epoch(workspace: &Workspace) -> u64 {
    let given = env::var(EPOCH).ok();
    let commit = || {
        let mut git = workspace.program("git");
        quietly(git.args(["log", "-1", "--format=%ct"]), LIMIT).ok()
    };
    let text = given.or_else(commit).unwrap_or_default();
    text.trim().parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_that_docs_link_to_are_packed() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut linked = 0;
        for page in files::list(&root.join("docs")).unwrap() {
            if !page.ends_with(".md") {
                continue;
            }
            let text = files::read_text(&root.join("docs").join(&page)).unwrap();
            for link in text.split("](../").skip(1) {
                let target = link.split([')', '#']).next().unwrap_or_default();
                let is_page = !target.contains('/') && target.ends_with(".md");
                let is_packed = PAGES.iter().any(|(_, place)| *place == target);
                assert!(!is_page || is_packed, "{page} links to {target}");
                linked += u32::from(is_page);
            }
        }
        assert!(linked > 0);
    }
}
