//! Statements that the server executes itself: transaction blocks, and settings.

use std::sync::Arc;

use bytes::BufMut;
use datafusion::arrow::datatypes::{DataType, Field, Schema};

use super::running::Framing;
use super::{Connection, Failure};
use crate::encoding::rows::ResultColumns;
use crate::protocol::{TransactionStatus, backend};
use crate::report::Report;
use crate::settings::Change;
use crate::statement_text::{Command, SetValue, Transaction};

/// Warning of a rollback after changes.
const NOT_UNDONE: &str = "ROLLBACK undid nothing: each statement took effect when it ended";

/// Returns the columns of `SHOW` of a setting; `None` for one of the session.
pub(super) fn shown_columns(connection: &Connection, name: &str) -> Option<Arc<ResultColumns>> {
    let (name, _) = connection.settings.get(name)?;
    let field = Field::new(name, DataType::Utf8, true);
    Some(Arc::new(ResultColumns::new(&Schema::new(vec![field]))))
}

impl Connection {
    /// Executes a statement of the server; returns false for one of the session.
    pub(super) async fn execute_command(
        &mut self,
        command: &Command,
        framing: Framing,
    ) -> Result<bool, Failure> {
        let tag = match command {
            Command::Transaction(change) => self.change_transaction(*change)?,
            Command::Ignored(tag) => tag,
            Command::Set { name, value } => {
                let value = match value {
                    SetValue::Default => None,
                    SetValue::Text(text) => Some(text.as_str()),
                };
                match self.settings.change(name, value)? {
                    Some(change) => self.change_setting(change).await?,
                    None => return Ok(false),
                }
                "SET"
            }
            Command::Reset(name) => {
                match self.settings.change(name, None)? {
                    Some(change) => self.change_setting(change).await?,
                    None => return Ok(false),
                }
                "RESET"
            }
            Command::Show(name) => {
                let Some(columns) = shown_columns(self, name) else {
                    return Ok(false);
                };
                let value = self
                    .settings
                    .get(name)
                    .map_or("", |(_, value)| value)
                    .to_owned();
                let out = self.wire.out();
                if framing == Framing::Described {
                    backend::row_description(out, &columns.fields, &[]);
                }
                backend::data_row(out, 1, |out| {
                    backend::value(out, |out| out.put_slice(value.as_bytes()));
                });
                "SHOW"
            }
            Command::ResetAll => {
                self.reset_settings().await?;
                "RESET"
            }
            Command::DiscardAll => {
                self.reset_settings().await?;
                self.close_portals().await;
                self.statements.clear();
                "DISCARD ALL"
            }
            Command::DeallocateAll => {
                self.statements.clear();
                "DEALLOCATE ALL"
            }
            // One of the session has been prepared by a statement, not by a message.
            Command::Deallocate(name) => match self.statements.remove(name) {
                Some(_) => "DEALLOCATE",
                None => return Ok(false),
            },
            Command::CopyOut { .. } | Command::CopyIn { .. } | Command::Session(_) => {
                return Ok(false);
            }
        };
        backend::command_complete(self.wire.out(), tag);
        Ok(true)
    }

    /// Changes the state of the transaction block. Statements take effect at once: a block only
    /// decides which statements are refused after one that has failed.
    fn change_transaction(&mut self, change: Transaction) -> Result<&'static str, Failure> {
        let is_open = self.status != TransactionStatus::Idle;
        let has_failed = self.status == TransactionStatus::Failed;
        let mut warn = |text: &str| Report::warning(text).write(self.wire.out());
        let tag = match change {
            Transaction::Begin => {
                if is_open {
                    warn("there is already a transaction in progress");
                } else {
                    self.has_changed = false;
                }
                self.status = TransactionStatus::Open;
                return Ok("BEGIN");
            }
            Transaction::Savepoint(_) | Transaction::RollbackTo if !is_open => {
                let message = "SAVEPOINT can only be used in transaction blocks";
                return Err(Report::error("25P01", message).into());
            }
            Transaction::Savepoint(tag) => return Ok(tag),
            Transaction::RollbackTo => {
                if self.has_changed {
                    warn(NOT_UNDONE);
                }
                self.status = TransactionStatus::Open;
                return Ok("ROLLBACK");
            }
            Transaction::Commit if !has_failed => "COMMIT",
            Transaction::Commit | Transaction::Rollback => "ROLLBACK",
        };
        if !is_open {
            warn("there is no transaction in progress");
        }
        if tag == "ROLLBACK" && self.has_changed {
            warn(NOT_UNDONE);
        }
        self.status = TransactionStatus::Idle;
        self.has_changed = false;
        Ok(tag)
    }

    /// Makes a change of a setting, in the session first.
    async fn change_setting(&mut self, change: Change) -> Result<(), Failure> {
        if let Some(sql) = change.sql.clone() {
            let session = self.session.clone();
            let executed = self.on_threads(async move { session.sql(&sql).await.map(drop) });
            executed.await??;
        }
        let is_reported = change.is_reported;
        let name = self.settings.apply(change);
        if is_reported && let Some((name, value)) = self.settings.get(name) {
            backend::parameter_status(self.wire.out(), name, value);
        }
        Ok(())
    }

    async fn reset_settings(&mut self) -> Result<(), Failure> {
        let names: Vec<_> = self.settings.changed().collect();
        for name in names {
            if let Ok(Some(change)) = self.settings.change(name, None) {
                self.change_setting(change).await?;
            }
        }
        Ok(())
    }
}
