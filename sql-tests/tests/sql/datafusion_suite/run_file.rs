//! Runs a test file as DataFusion's runner does.

use std::path::Path;

use datafusion_sqllogictest::{
    TestContext, df_value_validator, setup_scratch_dir, value_normalizer,
};
use sqllogictest::harness::Failed;
use sqllogictest::{Record, RecordOutput, Runner, TestErrorKind, strict_column_validator};

use super::database::{Connection, Database};
use super::{replacements, test_files};

/// The engine that a file runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Engine {
    /// DataFusion alone.
    BuiltIn,
    /// A Fusebox session with replaced functions.
    Fusebox,
}

/// The outcome of a record.
pub(super) struct RecordOutcome {
    /// The file below `test_files/` and the line, and the same of the `include`s
    /// that lead to it.
    pub(super) at: String,
    /// The difference from the file, if there is one.
    pub(super) failure: Option<TestErrorKind>,
}

/// Runs a file to its end; returns the outcomes of the records that were executed.
pub(super) async fn run(file: &Path, engine: Engine) -> Result<Vec<RecordOutcome>, Failed> {
    // DataFusion's setup panics if the data of a file is missing; a task turns the
    // panic into an error.
    let path = file.to_owned();
    let context = tokio::spawn(async move { TestContext::try_new_for_test_file(&path).await });
    let Some(context) = context.await? else {
        return Ok(Vec::new());
    };
    setup_scratch_dir(file)?;
    if engine == Engine::Fusebox {
        test_files::create_target_directories(file)?;
    }
    let connection = match engine {
        Engine::BuiltIn => Connection::BuiltIn(context.session_ctx().clone()),
        Engine::Fusebox => Connection::Fusebox(Box::new(
            replacements::install(context.session_ctx().clone()).await?,
        )),
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
    for record in test_files::records(file)? {
        let at = match &record {
            Record::Halt { .. } => break,
            Record::Statement { loc, .. }
            | Record::Query { loc, .. }
            | Record::System { loc, .. }
            | Record::Let { loc, .. } => loc.to_string(),
            _ => String::new(),
        };
        let at = at.replace(test_files::TEST_FILES, "").replace('\n', " ");
        match runner.run_async(record).await {
            Ok(RecordOutput::Nothing) => {}
            Ok(_) => outcomes.push(RecordOutcome { at, failure: None }),
            Err(error) => {
                let failure = Some(error.kind());
                outcomes.push(RecordOutcome { at, failure });
            }
        }
    }
    // DataFusion's runner makes the same check.
    let is_changed = settings()
        .iter()
        .zip(&before)
        .any(|(now, before)| (&now.key, &now.value) != (&before.key, &before.value));
    if is_changed && outcomes.iter().all(|outcome| outcome.failure.is_none()) {
        return Err(format!("{} leaves settings changed", file.display()).into());
    }
    Ok(outcomes)
}
