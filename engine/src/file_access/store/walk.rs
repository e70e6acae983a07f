//! Files below a directory.

use std::io;
use std::path::Path;
use std::sync::Arc;

use datafusion::object_store::path::Path as ObjectPath;
use datafusion::object_store::{ObjectMeta, Result};

use super::super::root::is_escape;
use super::upload::is_staged;
use super::{FileStore, Located, generic, identity, object_meta};

/// Walk through a directory and those below it.
pub(super) struct Walk {
    store: FileStore,
    pending: Vec<Directory>,
}

struct Directory {
    path: ObjectPath,
    /// The directories above it, by which a link that leads back is recognised.
    above: Option<Arc<Ancestor>>,
}

struct Ancestor {
    identity: (u64, u64),
    above: Option<Arc<Ancestor>>,
}

impl Walk {
    /// Starts at a directory.
    pub(super) fn new(store: FileStore, path: ObjectPath) -> Self {
        Self {
            store,
            pending: vec![Directory { path, above: None }],
        }
    }

    /// Returns the files of the next directory; `None` at the end.
    pub(super) fn next_directory(&mut self) -> Result<Option<Vec<ObjectMeta>>> {
        let Some(Directory { path, above }) = self.pending.pop() else {
            return Ok(None);
        };
        let mut objects = Vec::new();
        for entry in entries(&self.store, &path)? {
            match entry {
                Entry::Object(object) => objects.push(object),
                Entry::Directory(path, identity) => {
                    if is_above(above.as_ref(), identity) {
                        let message = format!("the link '/{path}' leads to a directory above it");
                        return Err(generic(message.into()));
                    }
                    let above = above.clone();
                    let above = Some(Arc::new(Ancestor { identity, above }));
                    self.pending.push(Directory { path, above });
                }
            }
        }
        Ok(Some(objects))
    }
}

fn is_above(mut above: Option<&Arc<Ancestor>>, identity: (u64, u64)) -> bool {
    while let Some(ancestor) = above {
        if ancestor.identity == identity {
            return true;
        }
        above = ancestor.above.as_ref();
    }
    false
}

/// Entry of a directory.
pub(super) enum Entry {
    Object(ObjectMeta),
    Directory(ObjectPath, (u64, u64)),
}

/// Returns the directories and regular files in a directory; none if it does not exist.
///
/// A link that leads out of the session's directory is returned as a file: leaving it out
/// would make answers wrong where reading it is refused.
pub(super) fn entries(store: &FileStore, directory: &ObjectPath) -> Result<Vec<Entry>> {
    let located = store.readable(directory)?;
    let names = match store.root.names(&located.path) {
        Ok(names) => names,
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => return Ok(Vec::new()),
            _ => return Err(located.error(error)),
        },
    };
    let mut entries = Vec::with_capacity(names.len());
    for name in names {
        let not_unicode = || {
            let path = Path::new(&located.name).join(&name);
            generic(format!("the name {path:?} is not Unicode").into())
        };
        let name = name.to_str().ok_or_else(not_unicode)?;
        let path = ObjectPath::parse(format!("{directory}/{name}"))?;
        entries.extend(entry(store, path, name)?);
    }
    Ok(entries)
}

fn entry(store: &FileStore, path: ObjectPath, name: &str) -> Result<Option<Entry>> {
    let located: Located = store.readable(&path)?;
    match store.root.metadata(&located.path) {
        Ok(metadata) if metadata.is_dir() => Ok(Some(Entry::Directory(path, identity(&metadata)))),
        Ok(metadata) if metadata.is_file() && !is_staged(name) => {
            Ok(Some(Entry::Object(object_meta(path, &metadata))))
        }
        Ok(_) => Ok(None),
        // Removed meanwhile, or a link to nothing.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if is_escape(&error) => {
            let link = store.root.link_metadata(&located.path);
            let link = link.map_err(|cause| located.error(cause))?;
            Ok(Some(Entry::Object(object_meta(path, &link))))
        }
        Err(error) => Err(located.error(error)),
    }
}
