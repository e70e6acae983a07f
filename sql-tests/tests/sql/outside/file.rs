//! A test file, run as DataFusion's runner runs it.

use std::path::Path;

use datafusion_sqllogictest::{
    TestContext, df_value_validator, setup_scratch_dir, value_normalizer,
};
use sqllogictest::harness::Failed;
use sqllogictest::{Record, RecordOutput, Runner, TestErrorKind, strict_column_validator};

use super::database::{Connection, Database};
use super::{suite, twins};

/// What a file runs against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Engine {
    /// DataFusion alone.
    BuiltIn,
    /// A session of ours, with the twins.
    Fusebox,
}

/// How a record ended.
pub(super) struct Outcome {
    /// The file and the line, below `test_files/`; in a file that is included,
    /// where that is too.
    pub(super) at: String,
    /// Why it is not as the file says.
    pub(super) failure: Option<TestErrorKind>,
}

/// Runs a file to its end, and gives how each record ended that does something
/// and was not to be skipped.
pub(super) async fn run(file: &Path, engine: Engine) -> Result<Vec<Outcome>, Failed> {
    // For some files it makes tables, and panics where their data is missing.
    let path = file.to_owned();
    let made = tokio::spawn(async move { TestContext::try_new_for_test_file(&path).await });
    let Some(context) = made.await? else {
        return Ok(Vec::new());
    };
    setup_scratch_dir(file)?;
    let connection = match engine {
        Engine::BuiltIn => Connection::BuiltIn(context.session_ctx().clone()),
        Engine::Fusebox => {
            Connection::Fusebox(twins::install(context.session_ctx().clone()).await?)
        }
    };
    let mut runner = Runner::new(|| async {
        Ok(Database {
            connection: connection.clone(),
            file: file.to_owned(),
        })
    });
    runner.add_label("Datafusion");
    runner.with_column_validator(strict_column_validator);
    runner.with_normalizer(value_normalizer);
    runner.with_validator(df_value_validator);
    let settings = || context.session_ctx().state().config().options().entries();
    let before = settings();
    let mut outcomes = Vec::new();
    for record in suite::records(file)? {
        let at = match &record {
            Record::Halt { .. } => break,
            Record::Statement { loc, .. }
            | Record::Query { loc, .. }
            | Record::System { loc, .. }
            | Record::Let { loc, .. } => loc.to_string(),
            _ => String::new(),
        };
        let at = at.replace(suite::TEST_FILES, "").replace('\n', " ");
        match runner.run_async(record).await {
            Ok(RecordOutput::Nothing) => {}
            Ok(_) => outcomes.push(Outcome { at, failure: None }),
            Err(error) => {
                let failure = Some(error.kind());
                outcomes.push(Outcome { at, failure });
            }
        }
    }
    // Its runner asks for that too.
    let is_changed = settings()
        .iter()
        .zip(&before)
        .any(|(now, before)| (&now.key, &now.value) != (&before.key, &before.value));
    if is_changed && outcomes.iter().all(|outcome| outcome.failure.is_none()) {
        return Err(format!("{} leaves settings changed", file.display()).into());
    }
    Ok(outcomes)
}
