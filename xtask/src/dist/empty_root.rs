//! The session of the README, run from the archive in an empty root.
//!
//! The root holds what the archive holds, a folder for temporary files, and the libraries
//! that the executable is linked to. So the shell finds no file of this machine.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::dist::{archive, checksums, files};
use crate::failure::Failure;
use crate::workspace::{Workspace, quietly};

/// Section of the README with the session.
const SECTION: &str = "\n## A session\n";

/// Prompt before each statement of the session.
const PROMPT: &str = "fusebox> ";

/// The script of the session in the root.
const SCRIPT: &str = "tmp/session.sql";

/// Time for the session.
const LIMIT: Duration = Duration::from_secs(120);

/// Programs that run another one with a root of its own: the first that this user may run is
/// used. The root follows.
const ISOLATIONS: [&[&str]; 3] = [
    &["unshare", "--user", "--map-root-user", "--root"],
    &["chroot"],
    &["sudo", "-n", "chroot"],
];

/// Statements of a session, and the table that the last one prints.
#[derive(Debug, PartialEq, Eq)]
struct Session {
    statements: String,
    answer: String,
}

/// Unpacks the archive into `root`, which is emptied, verifies its sums, and compares the
/// answer of its README's session with the one that the shell gives there.
pub(crate) fn run_session(
    workspace: &Workspace,
    archive: &Path,
    root: &Path,
) -> Result<(), Failure> {
    files::remove_folder(root)?;
    let create = |folder: &Path| {
        fs::create_dir_all(folder).map_err(Failure::io(format!("create {}", folder.display())))
    };
    create(root)?;
    archive::unpack(archive, root)?;
    let count = checksums::verify(root)?;
    eprintln!("== sums: {count} files");
    let libraries = copy_libraries(workspace, root)?;
    create(&root.join("tmp"))?;
    let readme = files::read_text(&root.join("README.md"))?;
    let failure = || Failure::unexpected("session");
    let session = session(&readme).map_err(failure())?;
    files::write(&root.join(SCRIPT), &session.statements)?;

    let isolation = isolation(workspace, root).map_err(failure())?;
    let way = isolation.first().map_or("no isolation", |word| *word);
    eprintln!("== session: {way}, an empty root with {libraries} libraries of the system");
    let mut shell = isolated(workspace, root, isolation);
    let output = quietly(shell.args(["-f", SCRIPT]), LIMIT).map_err(failure())?;
    match output == session.answer {
        true => Ok(()),
        false => Err(failure()(format!(
            "expected the answer\n{}found\n{output}",
            session.answer
        ))),
    }
}

/// Copies the libraries of the system that the executable is linked to, and returns their
/// number. They are the parts of the C library and of the compiler that every system has.
fn copy_libraries(workspace: &Workspace, root: &Path) -> Result<usize, Failure> {
    if !cfg!(target_os = "linux") {
        return Ok(0);
    }
    let mut ldd = workspace.program("ldd");
    // One that is linked statically is an error of ldd.
    let printed = quietly(ldd.arg(root.join("bin/fusebox")), LIMIT).unwrap_or_default();
    let libraries = libraries(&printed);
    for library in &libraries {
        files::copy(
            Path::new(library),
            &root.join(library.trim_start_matches('/')),
        )?;
    }
    Ok(libraries.len())
}

/// Reads the paths that ldd prints.
fn libraries(printed: &str) -> Vec<&str> {
    let words = printed.split_whitespace();
    words.filter(|word| word.starts_with('/')).collect()
}

/// Finds a way to run the shell in `root` alone. On other systems than Linux there is none:
/// the shell runs in that folder, with an empty environment.
///
/// # Errors
///
/// The errors of all attempts.
fn isolation(workspace: &Workspace, root: &Path) -> Result<&'static [&'static str], String> {
    if !cfg!(target_os = "linux") {
        return Ok(&[]);
    }
    let mut errors = String::new();
    for isolation in ISOLATIONS {
        let mut shell = isolated(workspace, root, isolation);
        match quietly(shell.arg("--version"), LIMIT) {
            Ok(_) => return Ok(isolation),
            Err(error) => errors += &format!("\n  {}: {error}", isolation.join(" ")),
        }
    }
    Err(format!(
        "expected the shell to start in an empty root, found{errors}"
    ))
}

/// The shell in `root`, with no variable of this process.
fn isolated(workspace: &Workspace, root: &Path, isolation: &[&str]) -> Command {
    let inside: OsString = "/bin/fusebox".into();
    let (words, home): (Vec<OsString>, &Path) = match isolation.is_empty() {
        true => (vec![root.join("bin/fusebox").into()], root),
        false => {
            let words = isolation.iter().map(OsString::from);
            let rest = [root.as_os_str().to_owned(), inside];
            (words.chain(rest).collect(), Path::new("/"))
        }
    };
    let mut command = workspace.program(&words[0]);
    command.args(&words[1..]).current_dir(root).env_clear();
    // For the program that isolates: the root has no such folder but `bin`.
    command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command.env("HOME", home).arg("--memory");
    command
}

/// Reads the session of a README.
///
/// # Errors
///
/// One line, if there is none.
fn session(readme: &str) -> Result<Session, String> {
    let block = readme.split_once(SECTION).map(|(_, section)| section);
    let block = block.and_then(|section| section.split("```").nth(1));
    let mut session = Session {
        statements: String::new(),
        answer: String::new(),
    };
    for line in block.unwrap_or_default().lines() {
        if line.starts_with(['+', '|']) {
            session.answer += &format!("{line}\n");
        } else if line.starts_with(' ') {
            session.statements += &format!("{line}\n");
        } else if let Some(statement) = line.strip_prefix(PROMPT) {
            session.statements += &format!("{statement}\n");
        }
    }
    match session.statements.is_empty() || session.answer.is_empty() {
        true => Err("expected a session in README.md, found none".to_owned()),
        false => Ok(session),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_is_read_from_a_readme() {
        let readme = "# Fusebox\n\n## A session\n\n```text\nfusebox> SELECT 1\n         AS a;\n\
                      +---+\n| a |\n+---+\n1 row in 0.01 s\n```\n\n## A function\n\n```\n|\n```\n";
        let expected = Session {
            statements: "SELECT 1\n         AS a;\n".to_owned(),
            answer: "+---+\n| a |\n+---+\n".to_owned(),
        };
        assert_eq!(session(readme), Ok(expected));
        assert!(session("# Fusebox\n\n## A session\n\nNone.\n").is_err());
    }

    #[test]
    fn the_readme_has_a_session() {
        let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
        let readme = fs::read_to_string(readme).unwrap();
        let session = session(&readme).unwrap();
        assert!(session.statements.contains("'share/fusebox/geo.wasm'"));
        assert!(session.answer.contains("| Honolulu Intl "));
    }

    #[test]
    fn libraries_are_the_paths_that_ldd_prints() {
        let printed = "\tlinux-vdso.so.1 (0x00007ffc)\n\
            \tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)\n\
            \t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n";
        let expected = [
            "/lib/x86_64-linux-gnu/libc.so.6",
            "/lib64/ld-linux-x86-64.so.2",
        ];
        assert_eq!(libraries(printed), expected);
        assert!(libraries("\tnot a dynamic executable\n").is_empty());
    }
}
