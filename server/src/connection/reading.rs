//! Texts and values of a client, read on the threads of queries if they are large.
//!
//! The threads of connections are few: what takes long for one client delays the others.

use bytes::Bytes;
use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::dialect::{Dialect, GenericDialect, dialect_from_str};
use tokio::sync::oneshot;

use super::{Connection, Failure};
use crate::encoding::EncodingError;
use crate::encoding::parameters::ParameterType;
use crate::execution::{Leftover, SHORT_BYTES_MAX};
use crate::protocol::Format;
use crate::report::Report;
use crate::statement_text::{NAMED_TOKENS_MAX, StatementText, column_names};

impl Connection {
    /// Splits a text into its statements.
    pub(super) async fn split(&mut self, text: String) -> Result<Vec<StatementText>, Failure> {
        let (bytes, dialect) = (text.len(), self.dialect());
        let split = move || StatementText::split(&text, dialect_of(&dialect).as_ref());
        self.read(bytes, split).await
    }

    /// Returns the names of the columns of a query, as PostgreSQL gives them.
    pub(super) async fn column_names(
        &mut self,
        statement: &StatementText,
    ) -> Result<Vec<Option<String>>, Failure> {
        if statement.is_deep(NAMED_TOKENS_MAX) {
            return Ok(Vec::new());
        }
        let (sql, dialect) = (statement.sql.clone(), self.dialect());
        let bytes = sql.len();
        let names = move || column_names(&sql, dialect_of(&dialect).as_ref());
        self.read(bytes, names).await
    }

    /// Decodes the values of parameters.
    pub(super) async fn decode(
        &mut self,
        parameters: Vec<ParameterType>,
        values: Vec<Option<Bytes>>,
        formats: Vec<Format>,
    ) -> Result<Vec<Option<ScalarValue>>, Failure> {
        let bytes: usize = values.iter().flatten().map(Bytes::len).sum();
        let decode = move || decoded(&parameters, &values, &formats);
        Ok(self.read(bytes, decode).await??)
    }

    /// Reads some bytes of the client, apart if they are many.
    async fn read<T: Send + 'static>(
        &mut self,
        bytes: usize,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Failure> {
        match bytes > SHORT_BYTES_MAX {
            true => self.apart(work).await,
            false => Ok(work()),
        }
    }

    /// Does what takes long on the threads of queries, one such work of a connection at a time.
    pub(super) async fn apart<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Failure> {
        self.wait_for_leftover().await?;
        let (sender, receiver) = oneshot::channel();
        let task = self.shared.threads.spawn_blocking(move || {
            // After a cancel, the receiver is gone.
            let _ = sender.send(work());
        });
        match self.attended(receiver).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(_)) => Err(Report::panicked().into()),
            Err(failure) => {
                // It goes on to its end, and the next work or statement waits for it.
                self.keep(Some(task));
                Err(failure)
            }
        }
    }

    /// Keeps what has not ended, together with what was kept before.
    pub(super) fn keep(&mut self, leftover: Option<Leftover>) {
        self.leftover = match (self.leftover.take(), leftover) {
            (Some(one), Some(other)) => Some(tokio::spawn(async move {
                let _ = one.await;
                let _ = other.await;
            })),
            (one, other) => one.or(other),
        };
    }

    /// Returns the name of the dialect in which statements are split.
    pub(super) fn dialect(&self) -> String {
        let config = self.session.context().copied_config();
        config.options().sql_parser.dialect.to_string()
    }
}

/// Returns the dialect of a name; the generic one if there is none.
fn dialect_of(name: &str) -> Box<dyn Dialect> {
    dialect_from_str(name).unwrap_or_else(|| Box::new(GenericDialect {}))
}

/// Decodes the values of parameters.
fn decoded(
    parameters: &[ParameterType],
    values: &[Option<Bytes>],
    formats: &[Format],
) -> Result<Vec<Option<ScalarValue>>, EncodingError> {
    let format = |index| match formats {
        [] => Format::Text,
        [one] => *one,
        all => all.get(index).copied().unwrap_or_default(),
    };
    let typed = parameters.iter().zip(values).enumerate();
    let decoded = typed.map(|(index, (parameter, value))| {
        let value = parameter.decode(index + 1, value.as_ref(), format(index));
        value.map(Some)
    });
    decoded.collect()
}
