//! Reasons for not reading or writing a file.

/// Reason for not reading or writing a file that a statement names.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message names its fields")]
#[non_exhaustive]
pub enum FileAccessError {
    #[error(
        "expected a session that may read files, found one that may not; \
         the embedder can grant a directory by `FileAccess::under`"
    )]
    Denied,
    #[error(
        "expected a session that may write files, found one that may not; \
         the embedder can grant it by `FileAccess::writable`"
    )]
    ReadOnly,
    #[error(
        "'{path}' lies outside the directory that the session may read; \
         name a file below it by a relative path"
    )]
    Outside { path: String },
    #[error("'{path}' is not a regular file")]
    NotAFile { path: String },
    #[error("expected a file, found none of this name or pattern")]
    NotFound,
    #[error(
        "expected a file of a format that its ending tells ({expected}), found {found}; state the format by CREATE EXTERNAL TABLE … STORED AS"
    )]
    UnknownFormat { found: String, expected: String },
    #[error("expected a path, found the URL '{url}'; download the file, and name its path")]
    Url { url: String },
    #[error(
        "expected a path, found '{path}', whose ~ only a command shell replaces; write the path \
         of the home directory"
    )]
    Home { path: String },
    #[error(
        "expected a format that can be written ({expected}), found {found}; name a file with one \
         of these endings, or state the format by STORED AS"
    )]
    UnwritableFormat { found: String, expected: String },
    #[error(
        "expected a directory for the files of PARTITIONED BY, found a file by its ending; name a \
         directory with a slash at the end, and state the format by STORED AS"
    )]
    PartitionedFile,
    #[error(
        "expected {expected} columns, as many as COPY fills, found {found}; name those that the file \
         has, as in COPY t (a, b) FROM, or state another DELIMITER"
    )]
    ColumnCount { expected: usize, found: usize },
    #[error(
        "expected files that all begin with the names of columns, or with rows, found both; copy \
         them by two statements, with HEADER true and HEADER false"
    )]
    Headers,
    #[error(
        "expected a directory without files, found {files} in it; name another one, remove the \
         files, or add to them by the option APPEND"
    )]
    FolderNotEmpty { files: usize },
    #[error(
        "expected a directory for the option APPEND, found a file by its ending; name a directory \
         with a slash at the end, and state the format by STORED AS"
    )]
    AppendedFile,
    #[error(
        "expected a directory '{directory}' in which the file is created, found none; create it"
    )]
    NoDirectory { directory: String },
    #[error(
        "expected a path, or the URL of a registered object store, found '{url}'; \
         the embedder can register a store with the context"
    )]
    UnknownStore { url: String },
    #[error(
        "expected a table that is not UNBOUNDED, because such a file is opened around the \
         session's directory; the embedder can grant all files by `FileAccess::any`"
    )]
    Unbounded,
    #[error("'{path}': {cause}")]
    Io { path: String, cause: std::io::Error },
}
