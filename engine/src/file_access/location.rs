//! Paths and URLs in statements.

use std::path::{Component, Path, is_separator};

use fusebox_definition::FileAccessError;
use url::Url;

use super::root::{Root, is_escape};
use super::{FileAccess, FileUse, access_error};

impl FileAccess {
    /// Resolves a location that a statement states: a path, a path with a glob, or a URL.
    /// Returns one for DataFusion, absolute, and with a `/` at the end of a directory.
    /// `has_store` finds out whether a URL belongs to an object store of the embedder.
    pub(crate) fn resolve(
        &self,
        location: &str,
        file_use: FileUse,
        has_store: impl Fn(&Url) -> bool,
    ) -> Result<String, FileAccessError> {
        let (path, glob, is_directory) = match parse(location) {
            Parsed::Path(path) => {
                let (path, glob) = split_glob(path);
                let is_directory = path.ends_with(is_separator);
                (Path::new(path).to_owned(), glob, is_directory)
            }
            Parsed::FileUrl(url) => {
                let path = url.to_file_path();
                let path = path.map_err(|()| unknown_store(location))?;
                (path, None, url.path().ends_with('/'))
            }
            Parsed::OtherUrl(url) if has_store(&url) => return Ok(location.to_owned()),
            Parsed::OtherUrl(_) | Parsed::Invalid => return Err(unknown_store(location)),
        };
        let root = self.root.as_deref().ok_or(FileAccessError::Denied)?;
        if file_use == FileUse::Write && !self.is_writable {
            return Err(FileAccessError::ReadOnly);
        }
        let outside = || FileAccessError::Outside {
            path: location.to_owned(),
        };
        let absolute = root.absolute(&path);
        let absolute = absolute.map_err(|cause| access_error(location, cause))?;
        let inside = root.inside(&absolute).ok_or_else(outside)?;
        // Checked again by the store. DataFusion does not pass on its errors while it writes.
        let is_directory = match root.metadata(&inside) {
            Ok(found) if found.is_dir() => true,
            Ok(found) if !found.is_file() => {
                let path = location.to_owned();
                return Err(FileAccessError::NotAFile { path });
            }
            Err(cause) if is_escape(&cause) => return Err(outside()),
            _ => is_directory,
        };
        if let Root::Anywhere = root {
            return Ok(location.to_owned());
        }
        let absolute = root.outside(&inside);
        if let Some(glob) = glob {
            let mut parts = Path::new(glob).components();
            if parts.any(|part| part == Component::ParentDir) {
                return Err(outside());
            }
            let directory = absolute.to_str().ok_or_else(outside)?;
            return Ok(format!("{directory}/{glob}"));
        }
        let url = match is_directory {
            true => Url::from_directory_path(&absolute),
            false => Url::from_file_path(&absolute),
        };
        url.map(String::from).map_err(|()| outside())
    }
}

impl FileAccess {
    /// Checks that the directory exists in which a file, or a directory of files, is created.
    /// The object store would create it.
    pub(crate) fn check_directory(&self, location: &str) -> Result<(), FileAccessError> {
        let path = match parse(location) {
            Parsed::Path(path) => Path::new(path).to_owned(),
            Parsed::FileUrl(url) => match url.to_file_path() {
                Ok(path) => path,
                Err(()) => return Err(unknown_store(location)),
            },
            Parsed::OtherUrl(_) | Parsed::Invalid => return Ok(()),
        };
        let root = self.root.as_deref().ok_or(FileAccessError::Denied)?;
        let absolute = root.absolute(&path);
        let absolute = absolute.map_err(|cause| access_error(location, cause))?;
        let Some(inside) = absolute.parent().and_then(|parent| root.inside(parent)) else {
            return Ok(());
        };
        match root.metadata(&inside) {
            Ok(found) if found.is_dir() => Ok(()),
            _ if is_of_home(location) => Err(FileAccessError::Home {
                path: location.to_owned(),
            }),
            _ => Err(FileAccessError::NoDirectory {
                directory: root.outside(&inside).display().to_string(),
            }),
        }
    }
}

/// Location, told apart as DataFusion does.
enum Parsed<'a> {
    Path(&'a str),
    FileUrl(Url),
    OtherUrl(Url),
    Invalid,
}

fn parse(location: &str) -> Parsed<'_> {
    if Path::new(location).is_absolute() {
        return Parsed::Path(location);
    }
    match Url::parse(location) {
        Ok(url) if is_file_url(&url) => Parsed::FileUrl(url),
        Ok(url) => Parsed::OtherUrl(url),
        Err(url::ParseError::RelativeUrlWithoutBase) => Parsed::Path(location),
        Err(_) => Parsed::Invalid,
    }
}

/// Returns true for a URL of a file of this machine.
pub(super) fn is_file_url(url: &Url) -> bool {
    url.scheme() == "file" && url.host_str().is_none_or(str::is_empty)
}

/// Returns true for a path of a home directory, as command shells write it.
pub(super) fn is_of_home(location: &str) -> bool {
    location.starts_with('~')
}

/// Returns the reason why a file of this path does not exist.
pub(super) fn missing(location: &str, cause: std::io::Error) -> FileAccessError {
    let owned = location.to_owned();
    match parse(location) {
        Parsed::Path(_) if is_of_home(location) => FileAccessError::Home { path: owned },
        Parsed::Path(_) => FileAccessError::Io { path: owned, cause },
        Parsed::FileUrl(_) | Parsed::OtherUrl(_) | Parsed::Invalid => {
            FileAccessError::Url { url: owned }
        }
    }
}

/// Splits a path before its first part with a glob, as DataFusion does.
fn split_glob(path: &str) -> (&str, Option<&str>) {
    let Some(glob) = path.find(['?', '*', '[']) else {
        return (path, None);
    };
    match path[..glob].rfind(is_separator) {
        Some(separator) => {
            let (path, glob) = path.split_at(separator + 1);
            (path, Some(glob))
        }
        None => (".", Some(path)),
    }
}

fn unknown_store(url: &str) -> FileAccessError {
    FileAccessError::UnknownStore {
        url: url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(files: &FileAccess, location: &str) -> Result<String, FileAccessError> {
        files.resolve(location, FileUse::Read, |url| url.scheme() == "s3")
    }

    #[test]
    fn paths_and_urls_below_the_directory_become_absolute() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("part s")).unwrap();
        let files = FileAccess::under(&root).unwrap();
        let root = root.display();
        for (location, resolved) in [
            ("a.csv".to_owned(), format!("file://{root}/a.csv")),
            ("./x/a.csv".to_owned(), format!("file://{root}/x/a.csv")),
            ("new/".to_owned(), format!("file://{root}/new/")),
            ("part s".to_owned(), format!("file://{root}/part%20s/")),
            ("x/../a.csv".to_owned(), format!("file://{root}/a.csv")),
            (".".to_owned(), format!("file://{root}/")),
            (format!("{root}/a.csv"), format!("file://{root}/a.csv")),
            (
                format!("file://{root}/a.csv"),
                format!("file://{root}/a.csv"),
            ),
            (
                format!("FILE://localhost{root}/a.csv"),
                format!("file://{root}/a.csv"),
            ),
            (
                format!("file://{root}/x/%2e%2e/a.csv"),
                format!("file://{root}/a.csv"),
            ),
            ("a%2eb.csv".to_owned(), format!("file://{root}/a%252eb.csv")),
            ("*.csv".to_owned(), format!("{root}/*.csv")),
            ("x/y[12]/*.csv".to_owned(), format!("{root}/x/y[12]/*.csv")),
            ("s3://bucket/a".to_owned(), "s3://bucket/a".to_owned()),
        ] {
            assert_eq!(resolve(&files, &location).unwrap(), resolved, "{location}");
        }
    }

    #[test]
    fn locations_outside_are_refused_by_their_names_alone() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let files = FileAccess::under(&root).unwrap();
        let root = root.display().to_string();
        for location in [
            "../a.csv",
            "x/../../a.csv",
            "/etc/passwd",
            "/",
            "file:///etc/passwd",
            "file:/etc/passwd",
            "file:x.csv",
            &format!("file://{root}/../x.csv"),
            &format!("file://{root}/%2e%2e/x.csv"),
            &format!("file://{root}/x%2f..%2f..%2fy.csv"),
            &format!("{root}x/a.csv"),
            "../*.csv",
            "/etc/pass*",
            "*/../../etc/passwd",
        ] {
            let refused = resolve(&files, location);
            assert!(
                matches!(refused, Err(FileAccessError::Outside { .. })),
                "{location}: {refused:?}"
            );
        }
        for location in [
            "http://x/a.csv",
            "file://host/a.csv",
            "c:/x",
            "data:,x",
            "s3:\\x",
        ] {
            let refused = resolve(&files, location);
            let is_accepted = location.starts_with("s3") && refused.is_ok();
            assert!(
                is_accepted || matches!(refused, Err(FileAccessError::UnknownStore { .. })),
                "{location}: {refused:?}"
            );
        }
    }

    #[test]
    fn writing_needs_a_grant_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let reads = FileAccess::under(folder.path()).unwrap();
        let write = |files: &FileAccess| files.resolve("a.csv", FileUse::Write, |_| false);
        assert!(matches!(write(&reads), Err(FileAccessError::ReadOnly)));
        assert!(write(&reads.writable()).is_ok());
        let denied = FileAccess::denied().writable();
        assert!(matches!(write(&denied), Err(FileAccessError::Denied)));
    }
}
