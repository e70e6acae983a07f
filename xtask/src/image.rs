//! The image of a container: built of the archive that `dist` wrote, and tried with the manifests
//! of `deploy/kubernetes` by a script.

use std::process::Command;
use std::time::Duration;

use crate::failure::Failure;
use crate::steps::Outcome;
use crate::workspace::{Workspace, quietly, run};

/// The script, which installs nothing.
const SCRIPT: &str = "deploy/image/check.sh";

/// Programs without which the script cannot run, as packages of Debian. It names others that it
/// misses, and skips what needs them.
const INSTALL: &str = "apt-get install --no-install-recommends buildah curl jq openssl \
                       postgresql-client runc skopeo umoci util-linux, and run it as root";

/// Time to look for programs.
const LIMIT: Duration = Duration::from_secs(30);

/// Builds the image of an archive and tries it. `rest` may name the archive; without it, it is
/// the last one in `target/dist`.
///
/// # Errors
///
/// [`Failure::Usage`] for a second word, and the failure of the script.
pub(crate) fn image(workspace: &Workspace, rest: &[String]) -> Result<(), Failure> {
    if let [_, unknown, ..] = rest {
        return Err(Failure::Usage(unknown.clone()));
    }
    run("image", script(workspace).args(rest))
}

/// The same for the last archive, as a step that is skipped where programs are missing.
///
/// # Errors
///
/// The failure of the script.
pub(crate) fn test(workspace: &Workspace) -> Result<Outcome, Failure> {
    if let Err(reason) = quietly(script(workspace).arg("--needs"), LIMIT) {
        let install = INSTALL.to_owned();
        return Ok(Outcome::Skipped { reason, install });
    }
    image(workspace, &[]).map(|()| Outcome::Passed)
}

fn script(workspace: &Workspace) -> Command {
    let mut command = workspace.program("sh");
    command.arg(SCRIPT);
    command
}
