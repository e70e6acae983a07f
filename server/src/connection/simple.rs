//! Queries as text, of any number of statements.

use super::running::Framing;
use super::{Connection, Failure};
use crate::copy_format::CopyFormat;
use crate::execution::Output;
use crate::protocol::{TransactionStatus, backend};
use crate::report::{Report, SYNTAX_ERROR};
use crate::statement_text::{Command, CopySource, StatementText};

impl Connection {
    /// Executes the statements of a query until one fails.
    pub(super) async fn query(&mut self, query: String) -> Result<(), Failure> {
        let statements = self.split(query).await?;
        if statements.is_empty() {
            backend::empty_query_response(self.wire.out());
        }
        for statement in &statements {
            let executed = self.statement(statement).await;
            executed.map_err(|failure| placed(failure, statement))?;
        }
        self.sync().await
    }

    async fn statement(&mut self, statement: &StatementText) -> Result<(), Failure> {
        let command = Command::of(statement);
        self.check_transaction(&command)?;
        if self.execute_command(&command, Framing::Described).await? {
            return Ok(());
        }
        match &command {
            Command::CopyOut { source, options } => {
                self.copy_out(source, CopyFormat::parse(options)?).await
            }
            Command::CopyIn { source, options } => {
                self.copy_in(source, CopyFormat::parse(options)?).await
            }
            other => {
                let tag = session_tag(other);
                let names = match tag {
                    "SELECT" => self.column_names(statement).await?,
                    _ => Vec::new(),
                };
                let output = Output::Messages {
                    described: None,
                    formats: Vec::new(),
                    names,
                };
                let planning = self.planning(statement, Vec::new());
                let run = self.start(planning, output, tag).await?;
                self.run_to_end(run, Framing::Described).await?;
                self.note_effect(statement, tag);
                Ok(())
            }
        }
    }

    /// Sends the rows of a query or a table as lines or tuples.
    pub(super) async fn copy_out(
        &mut self,
        source: &CopySource,
        format: CopyFormat,
    ) -> Result<(), Failure> {
        let sql = match source {
            CopySource::Query(query) => query.clone(),
            CopySource::Table { name, columns } if columns.is_empty() => {
                format!("SELECT * FROM {name}")
            }
            CopySource::Table { name, columns } => {
                format!("SELECT {} FROM {name}", columns.join(", "))
            }
        };
        let statements = self.split(sql).await?;
        let [statement] = &statements[..] else {
            let message = "expected one query in COPY, found none or several";
            return Err(Report::error(SYNTAX_ERROR, message).into());
        };
        let planning = self.planning(statement, Vec::new());
        let run = self.start(planning, Output::Copy(format), "SELECT").await?;
        self.run_to_end(run, Framing::Copy).await
    }

    /// Notes that a statement has changed something.
    pub(super) fn note_effect(&mut self, statement: &StatementText, tag: &'static str) {
        if ["SELECT", "SHOW", "EXPLAIN", "SET", "RESET", "PREPARE"].contains(&tag) {
            return;
        }
        self.has_changed |= self.status == TransactionStatus::Open;
        let text = statement.logged();
        tracing::info!(target: "fusebox_server::audit", user = self.user, tag, statement = text);
    }
}

/// Returns the tag of a statement of the session.
pub(super) fn session_tag(command: &Command) -> &'static str {
    match command {
        Command::Session(tag) => tag,
        Command::Set { .. } => "SET",
        Command::Reset(_) => "RESET",
        Command::Show(_) => "SHOW",
        Command::Deallocate(_) => "DEALLOCATE",
        _ => "SELECT",
    }
}

/// Adds the position of an error in the whole text of a query.
pub(super) fn placed(failure: Failure, statement: &StatementText) -> Failure {
    match failure {
        Failure::Report(report) => Failure::Report(report.placed(&statement.sql, statement.begin)),
        Failure::Closed => Failure::Closed,
    }
}
