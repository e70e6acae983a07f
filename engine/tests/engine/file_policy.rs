//! Files of DataFusion's statements: tables, `COPY`, names of tables that are paths.

use datafusion::prelude::{SessionConfig, SessionContext};
use fusebox::{Error, FileAccess, FileAccessError, Session, StatementError};

use crate::{number, run};

/// Asserts that a statement is refused for a reason.
macro_rules! assert_refused {
    ($session:expr, $sql:expr, $reason:pat) => {{
        let error = error_of($session, &$sql).await;
        match Error::find_in(&error) {
            Some(Error::Refused {
                reason: $reason, ..
            }) => {}
            _ => panic!("{}: {error}", $sql),
        }
    }};
}

mod copied_folders;
mod parquet_folders;
mod reads;
mod sharing;
mod writes;

/// A directory that a session may use, next to files that it may not.
struct Folders {
    both: tempfile::TempDir,
}

impl Folders {
    fn new() -> Self {
        let both = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(both.path().join("in/deep")).unwrap();
        std::fs::create_dir(both.path().join("out")).unwrap();
        for (file, text) in [
            ("in/a.csv", "n\n1\n2\n"),
            ("in/b.csv", "n\n10\n"),
            ("in/deep/c.csv", "n\n100\n"),
            ("in/j.json", "{\"n\": 5}\n"),
            ("out/secret.csv", "n\n666\n"),
        ] {
            std::fs::write(both.path().join(file), text).unwrap();
        }
        Self { both }
    }

    fn path(&self, path: &str) -> String {
        self.both.path().join(path).display().to_string()
    }

    fn inside(&self) -> FileAccess {
        FileAccess::under(self.both.path().join("in")).unwrap()
    }
}

/// Opens a session whose tables can be named by paths.
fn session_with(files: FileAccess) -> Session {
    let config = SessionConfig::new().with_information_schema(true);
    let context = SessionContext::new_with_config(config).enable_url_table();
    let builder = Session::builder().context(context);
    builder.files(files).build().unwrap()
}

/// Returns the error of a statement, of its plan or of its execution.
async fn error_of(session: &Session, sql: &str) -> Error {
    match run(session, sql).await {
        Err(error) => error,
        Ok(batches) => panic!("{sql} is not refused: {batches:?}"),
    }
}

/// Asserts that a statement is refused because of a path outside of the directory.
async fn assert_outside(session: &Session, sql: &str) {
    assert_refused!(
        session,
        sql,
        StatementError::Path(FileAccessError::Outside { .. })
            | StatementError::Write(FileAccessError::Outside { .. })
    );
}

async fn assert_number(session: &Session, sql: &str, expected: i64) {
    let batches = run(session, sql).await;
    let batches = batches.unwrap_or_else(|error| panic!("{sql}: {error}"));
    assert_eq!(number(&batches), expected, "{sql}");
}
