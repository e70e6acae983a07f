//! Statements and results that a session keeps, each under a random handle.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use tokio::sync::watch;

use super::parameters::values_bytes;
use super::running::Running;
use crate::report::{LIMIT_EXCEEDED, Report, UNDEFINED_PORTAL, UNDEFINED_STATEMENT};
use crate::scram::random;
use crate::statement_text::StatementText;

/// Bytes of a handle.
const HANDLE_BYTES: usize = 16;

/// Maximum number of prepared statements of a session.
const STATEMENTS_MAX: usize = 1_000;

/// Maximum number of results that wait to be fetched or are fetched.
const RESULTS_MAX: usize = 100;

/// Number by which a client names a statement or a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Handle([u8; HANDLE_BYTES]);

impl Handle {
    fn new() -> Self {
        Self(random())
    }

    /// Reads a handle; `None` for other bytes.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub(super) fn to_vec(self) -> Vec<u8> {
        self.0.to_vec()
    }
}

/// Statement that a client has prepared.
pub(super) struct Prepared {
    pub(super) statement: StatementText,
    /// Tag of its end.
    pub(super) tag: &'static str,
    /// Types of its parameters.
    pub(super) parameters: SchemaRef,
    /// Columns of its result; `None` for a statement without one.
    pub(super) columns: Option<SchemaRef>,
}

impl Prepared {
    fn bytes(&self) -> usize {
        let columns = self
            .columns
            .as_ref()
            .map_or(0, |columns| columns.fields().size());
        self.statement.bytes() + self.parameters.fields().size() + columns
    }
}

/// Prepared statement with values for its parameters.
#[derive(Clone)]
pub(super) struct Bound {
    pub(super) prepared: Arc<Prepared>,
    /// Rows of values.
    pub(super) values: Arc<[RecordBatch]>,
    bytes: usize,
}

impl Bound {
    /// Binds values, of which at most so many bytes are kept.
    pub(super) fn new(prepared: Arc<Prepared>, values: Vec<RecordBatch>, bytes_max: usize) -> Self {
        // Columns share the buffer of their message: each would count it.
        let bytes = values_bytes(&values, bytes_max).saturating_add(prepared.bytes());
        Self {
            prepared,
            values: values.into(),
            bytes,
        }
    }
}

/// Result whose rows wait to be fetched; without rows, of a statement that is done.
pub(super) struct Waiting {
    pub(super) schema: SchemaRef,
    pub(super) running: Option<Running>,
}

/// Statements and results of a session.
#[derive(Default)]
pub(super) struct Kept {
    statements: HashMap<Handle, (Bound, Instant)>,
    waiting: HashMap<Handle, (Waiting, Instant)>,
    /// Results whose rows are sent, with what cancels them.
    sent: HashMap<Handle, watch::Sender<bool>>,
}

impl Kept {
    /// Keeps a prepared statement.
    ///
    /// # Errors
    ///
    /// A report if there are too many, or too large ones.
    pub(super) fn prepare(
        &mut self,
        prepared: Prepared,
        bytes_max: usize,
    ) -> Result<Handle, Report> {
        let bound = Bound::new(Arc::new(prepared), Vec::new(), bytes_max);
        self.check(&bound, None, bytes_max)?;
        let handle = Handle::new();
        self.statements.insert(handle, (bound, Instant::now()));
        Ok(handle)
    }

    /// Returns a prepared statement with the values that were bound last.
    ///
    /// # Errors
    ///
    /// A report if there is none.
    pub(super) fn prepared(&mut self, handle: &[u8]) -> Result<(Handle, Bound), Report> {
        let found = Handle::parse(handle);
        let found = found.and_then(|handle| Some((handle, self.statements.get_mut(&handle)?)));
        let (handle, (bound, used)) = found.ok_or_else(|| {
            let message = "expected a handle of a prepared statement of this session, found \
                           another; prepare it again";
            Report::error(UNDEFINED_STATEMENT, message)
        })?;
        *used = Instant::now();
        Ok((handle, bound.clone()))
    }

    /// Binds values to a prepared statement.
    ///
    /// # Errors
    ///
    /// A report if they are too large.
    pub(super) fn bind(
        &mut self,
        handle: Handle,
        bound: Bound,
        bytes_max: usize,
    ) -> Result<(), Report> {
        self.check(&bound, Some(handle), bytes_max)?;
        self.statements.insert(handle, (bound, Instant::now()));
        Ok(())
    }

    /// Forgets a prepared statement.
    pub(super) fn deallocate(&mut self, handle: &[u8]) {
        if let Some(handle) = Handle::parse(handle) {
            self.statements.remove(&handle);
        }
    }

    /// Refuses another statement, in place of the one of a handle, beyond what a session keeps.
    fn check(
        &self,
        bound: &Bound,
        replaced: Option<Handle>,
        bytes_max: usize,
    ) -> Result<(), Report> {
        let others = self.statements.iter();
        let others = others.filter(|(handle, _)| Some(**handle) != replaced);
        let (mut count, mut bytes) = (1, bound.bytes);
        for (_, (other, _)) in others {
            count += 1;
            bytes = bytes.saturating_add(other.bytes);
        }
        if count <= STATEMENTS_MAX && bytes <= bytes_max {
            return Ok(());
        }
        let message = format!(
            "expected at most {STATEMENTS_MAX} prepared statements of {bytes_max} bytes, found \
             more; close those that are not needed"
        );
        Err(Report::error(LIMIT_EXCEEDED, message))
    }

    /// Refuses a statement before it is executed, if its result would be one too many.
    ///
    /// # Errors
    ///
    /// A report if there are too many.
    pub(super) fn check_results(&self) -> Result<(), Report> {
        if self.waiting.len() + self.sent.len() < RESULTS_MAX {
            return Ok(());
        }
        let message = format!(
            "expected at most {RESULTS_MAX} results that are not fetched, found more; fetch or \
             cancel them"
        );
        Err(Report::error(LIMIT_EXCEEDED, message))
    }

    /// Keeps a result until it is fetched.
    ///
    /// # Errors
    ///
    /// A report if there are too many. What is done is kept all the same: an error would say that
    /// it is not.
    pub(super) fn wait(&mut self, result: Waiting) -> Result<Handle, Report> {
        if result.running.is_some() {
            self.check_results()?;
        }
        let handle = Handle::new();
        self.waiting.insert(handle, (result, Instant::now()));
        Ok(handle)
    }

    /// Takes a result to fetch it, which can be done once.
    ///
    /// # Errors
    ///
    /// A report if there is none.
    pub(super) fn fetch(&mut self, handle: &[u8]) -> Result<(Handle, Waiting), Report> {
        let found = Handle::parse(handle);
        let found = found.and_then(|handle| Some((handle, self.waiting.remove(&handle)?)));
        let (handle, (result, _)) = found.ok_or_else(|| {
            let message = "expected a ticket of this session that was not used, found another; \
                           execute the statement again";
            Report::error(UNDEFINED_PORTAL, message)
        })?;
        Ok((handle, result))
    }

    /// Notes that a result is sent; what is returned is told if it is cancelled.
    pub(super) fn send(&mut self, handle: Handle) -> watch::Receiver<bool> {
        let (sender, receiver) = watch::channel(false);
        self.sent.insert(handle, sender);
        receiver
    }

    /// Notes that a result was sent.
    pub(super) fn sent(&mut self, handle: Handle) {
        self.sent.remove(&handle);
    }

    /// Cancels a result; returns it if it waited, to be dropped without the lock, and whether there
    /// was one.
    pub(super) fn cancel(&mut self, handle: &[u8]) -> (Option<Waiting>, bool) {
        let Some(handle) = Handle::parse(handle) else {
            return (None, false);
        };
        if let Some((result, _)) = self.waiting.remove(&handle) {
            return (Some(result), true);
        }
        match self.sent.get(&handle) {
            Some(sender) => {
                sender.send_replace(true);
                (None, true)
            }
            None => (None, false),
        }
    }

    /// Takes all results that wait.
    pub(super) fn take_waiting(&mut self) -> Vec<Waiting> {
        let waiting = std::mem::take(&mut self.waiting).into_values();
        waiting.map(|(result, _)| result).collect()
    }

    /// Forgets statements that were not used for a time; returns results that were not fetched in
    /// another, to be dropped without the lock.
    pub(super) fn expired(
        &mut self,
        result_timeout: Duration,
        statement_timeout: Duration,
    ) -> Vec<Waiting> {
        self.statements
            .retain(|_, (_, used)| used.elapsed() <= statement_timeout);
        let expired = self
            .waiting
            .extract_if(|_, (_, since)| since.elapsed() > result_timeout);
        expired.map(|(_, (result, _))| result).collect()
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::Schema;
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use proptest::prelude::*;

    use super::*;

    fn prepared() -> Prepared {
        let mut statements = StatementText::split("SELECT 1", &GenericDialect {});
        Prepared {
            statement: statements.remove(0),
            tag: "SELECT",
            parameters: Arc::new(Schema::empty()),
            columns: None,
        }
    }

    fn done() -> Waiting {
        Waiting {
            schema: Arc::new(Schema::empty()),
            running: None,
        }
    }

    #[test]
    fn handles_are_of_what_is_kept() {
        let mut kept = Kept::default();
        let statement = kept.prepare(prepared(), 10_000).unwrap();
        let result = kept.wait(done()).unwrap();
        assert!(kept.prepared(&result.to_vec()).is_err());
        assert!(kept.fetch(&statement.to_vec()).is_err());
        assert!(kept.prepared(&statement.to_vec()).is_ok());
        assert!(kept.fetch(&result.to_vec()).is_ok());
        assert!(kept.fetch(&result.to_vec()).is_err());
        kept.deallocate(&statement.to_vec());
        assert!(kept.prepared(&statement.to_vec()).is_err());
    }

    #[test]
    fn statements_and_results_are_bounded() {
        let mut kept = Kept::default();
        assert!(kept.prepare(prepared(), 10).is_err());
        for _ in 0..STATEMENTS_MAX {
            kept.prepare(prepared(), 1 << 30).unwrap();
        }
        assert!(kept.prepare(prepared(), 1 << 30).is_err());
        for _ in 0..RESULTS_MAX {
            kept.check_results().unwrap();
            kept.wait(done()).unwrap();
        }
        assert!(kept.check_results().is_err());
        let expired = kept.expired(Duration::ZERO, Duration::ZERO);
        assert_eq!(expired.len(), RESULTS_MAX);
        assert!(kept.statements.is_empty());
    }

    #[test]
    fn results_that_are_sent_can_be_cancelled() {
        let mut kept = Kept::default();
        let handle = kept.wait(done()).unwrap();
        let (handle, _) = kept.fetch(&handle.to_vec()).unwrap();
        let told = kept.send(handle);
        assert!(kept.cancel(&handle.to_vec()).1);
        assert!(*told.borrow());
        kept.sent(handle);
        assert!(!kept.cancel(&handle.to_vec()).1);
    }

    proptest! {
        #[test]
        fn other_bytes_are_no_handle(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut kept = Kept::default();
            kept.prepare(prepared(), 10_000).unwrap();
            kept.wait(done()).unwrap();
            prop_assert!(kept.prepared(&bytes).is_err());
            prop_assert!(kept.fetch(&bytes).is_err());
            prop_assert!(!kept.cancel(&bytes).1);
        }
    }
}
