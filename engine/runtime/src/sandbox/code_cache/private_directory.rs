//! Private directory, emptied when nothing in it is used.

use std::fs::{self, DirBuilder, File, Metadata};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, Once, PoisonError, RwLock, RwLockReadGuard};
use std::thread;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

/// Uses after which one waits until the others have ended, to empty the directory.
const USES_MAX: usize = 32;

/// Attempts to remove the directory, while Wasmtime's thread may write into it.
const REMOVALS_MAX: usize = 20;

const PAUSE: Duration = Duration::from_millis(1);

/// Directory for temporary files that only this user reads and writes. Removed when dropped.
pub(super) struct PrivateDirectory {
    directory: TempDir,
    created: Mutex<Created>,
    uses: RwLock<()>,
    /// Uses since the directory was emptied.
    count: AtomicUsize,
}

/// The directory that this process has created.
struct Created {
    id: DirectoryId,
    /// Locked, so that cleaners of temporary files leave it.
    _lock: Option<File>,
}

impl Created {
    fn at(path: &Path) -> io::Result<Self> {
        let lock = File::open(path).ok();
        Ok(Self {
            id: DirectoryId::of(&fs::symlink_metadata(path)?),
            _lock: lock.filter(|file| file.try_lock_shared().is_ok()),
        })
    }
}

/// Code in the directory that is kept.
pub(in crate::sandbox) struct InUse<'a> {
    directory: &'a PrivateDirectory,
    guard: Option<RwLockReadGuard<'a, ()>>,
}

impl PrivateDirectory {
    pub(super) fn new() -> io::Result<Self> {
        static SWEPT: Once = Once::new();
        SWEPT.call_once(|| remove_abandoned(&std::env::temp_dir()));
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX);
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(MODE));
        let directory = builder.tempdir()?;
        Ok(Self {
            created: Mutex::new(Created::at(directory.path())?),
            directory,
            uses: RwLock::default(),
            count: AtomicUsize::default(),
        })
    }

    pub(super) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Keeps what is in the directory until the guard is dropped.
    ///
    /// # Errors
    ///
    /// A message if another directory has its name: its owner could have written code there.
    pub(super) fn in_use(&self) -> Result<InUse<'_>, String> {
        let guard = self.uses.read().unwrap_or_else(PoisonError::into_inner);
        self.check().map_err(|error| {
            let path = self.path().display();
            format!(
                "expected the directory {path} as this process has created it, found another \
                 ({error}): set TMPDIR to one that keeps its files, and start again"
            )
        })?;
        Ok(InUse {
            directory: self,
            guard: Some(guard),
        })
    }

    /// Checks that the directory is the one that was created. One that was removed is created
    /// again.
    fn check(&self) -> io::Result<()> {
        let mut created = self.created.lock().unwrap_or_else(PoisonError::into_inner);
        match fs::symlink_metadata(self.path()) {
            Ok(found) if DirectoryId::of(&found) == created.id => Ok(()),
            Ok(_) => Err(io::Error::other("it was replaced")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut builder = DirBuilder::new();
                #[cfg(unix)]
                std::os::unix::fs::DirBuilderExt::mode(&mut builder, MODE);
                builder.create(self.path())?;
                *created = Created::at(self.path())?;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Removes what is in the directory. What cannot be removed is tried again after the next
    /// use.
    fn empty(&self) {
        self.count.store(0, Ordering::Relaxed);
        let entries = fs::read_dir(self.path()).into_iter().flatten().flatten();
        for entry in entries {
            let path = entry.path();
            let _ = match entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                true => fs::remove_dir_all(path),
                false => fs::remove_file(path),
            };
        }
    }
}

impl Drop for InUse<'_> {
    fn drop(&mut self) {
        drop(self.guard.take());
        let directory = self.directory;
        let count = directory.count.fetch_add(1, Ordering::Relaxed);
        let alone = match count >= USES_MAX {
            true => directory.uses.write().ok(),
            false => directory.uses.try_write().ok(),
        };
        if alone.is_some() {
            directory.empty();
        }
    }
}

impl Drop for PrivateDirectory {
    fn drop(&mut self) {
        for _ in 0..REMOVALS_MAX {
            match fs::remove_dir_all(self.path()) {
                Ok(()) => return,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return,
                Err(_) => thread::sleep(PAUSE),
            }
        }
    }
}

/// Beginning of the names of such directories.
const PREFIX: &str = "fusebox-code-";

/// Time in which a process locks the directory that it has created.
const LOCKED_WITHIN: Duration = Duration::from_mins(1);

/// Removes directories of processes that were killed: they are not locked.
fn remove_abandoned(parent: &Path) {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    for entry in entries {
        if !entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(PREFIX.as_bytes())
        {
            continue;
        }
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        let age = modified.map(|modified| SystemTime::now().duration_since(modified));
        let is_old = matches!(age, Ok(Ok(age)) if age > LOCKED_WITHIN);
        let path = entry.path();
        // Of another user, it can be neither opened nor removed.
        if is_old && File::open(&path).is_ok_and(|file| file.try_lock().is_ok()) {
            let _ = fs::remove_dir_all(path);
        }
    }
}

/// Rights of the user alone.
#[cfg(unix)]
const MODE: u32 = 0o700;

/// Identity of a directory: its device, its number and its owner.
#[derive(Debug, PartialEq, Eq)]
struct DirectoryId(Option<(u64, u64, u32)>);

impl DirectoryId {
    #[cfg(unix)]
    fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self(Some((metadata.dev(), metadata.ino(), metadata.uid())))
    }

    #[cfg(not(unix))]
    fn of(_: &Metadata) -> Self {
        Self(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directory_is_emptied_after_use_and_removed_at_the_end() {
        let directory = PrivateDirectory::new().unwrap();
        let path = directory.path().to_owned();
        let [one, other] = [(); 2].map(|()| directory.in_use().unwrap());
        fs::create_dir_all(path.join("modules/x")).unwrap();
        fs::write(path.join("modules/x/code"), "code").unwrap();
        drop(one);
        assert!(path.join("modules/x/code").exists());
        drop(other);
        assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
        fs::write(path.join("left"), "").unwrap();
        drop(directory);
        assert!(!path.exists());
    }

    #[test]
    fn directory_in_use_by_many_is_emptied_too() {
        let directory = PrivateDirectory::new().unwrap();
        let file = directory.path().join("code");
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        let _in_use = directory.in_use().unwrap();
                        fs::write(&file, "code").unwrap();
                        assert!(file.exists());
                    }
                });
            }
        });
        assert!(!file.exists());
    }

    #[cfg(unix)]
    #[test]
    fn directories_of_killed_processes_are_removed() {
        let parent = tempfile::tempdir().unwrap();
        let [live, killed, young, other] = [
            "fusebox-code-a",
            "fusebox-code-b",
            "fusebox-code-c",
            "fusebox-d",
        ]
        .map(|name| parent.path().join(name));
        let old = SystemTime::now() - Duration::from_mins(5);
        for path in [&live, &killed, &young, &other] {
            fs::create_dir(path).unwrap();
            fs::write(path.join("code"), "code").unwrap();
            if *path != young {
                File::open(path).unwrap().set_modified(old).unwrap();
            }
        }
        let _lock = Created::at(&live).unwrap();
        remove_abandoned(parent.path());
        let exist = [live, killed, young, other].map(|path| path.exists());
        assert_eq!(exist, [true, false, true, true]);
    }

    #[cfg(unix)]
    #[test]
    fn directory_is_the_users_alone() {
        use std::os::unix::fs::PermissionsExt;
        let directory = PrivateDirectory::new().unwrap();
        let mode = || fs::metadata(directory.path()).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(), 0o700);
        // One that was removed is created again, and another one is refused.
        fs::remove_dir(directory.path()).unwrap();
        drop(directory.in_use().unwrap());
        assert_eq!(mode(), 0o700);
        fs::remove_dir(directory.path()).unwrap();
        fs::write(directory.path().with_extension("keep"), "").unwrap();
        fs::create_dir(directory.path()).unwrap();
        let refused = directory.in_use().err();
        fs::remove_file(directory.path().with_extension("keep")).unwrap();
        assert!(refused.is_some_and(|error| error.contains("TMPDIR")));
    }
}
