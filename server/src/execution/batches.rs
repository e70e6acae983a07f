//! Results in batches of Arrow.

use std::sync::Arc;

use datafusion::arrow::datatypes::Schema;
use datafusion::common::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;

use super::{Event, Failure, Runner, Stopped, counted};
use crate::encoding::arrow_messages::ArrowColumns;

impl Runner {
    /// Sends the batches of a query whose plan has a schema; returns its tag.
    pub(super) async fn batches(
        &mut self,
        mut stream: SendableRecordBatchStream,
        schema: &Schema,
        tag: &str,
    ) -> Result<String, Failure> {
        let mut columns = ArrowColumns::new(schema);
        let announced = Event::Schema(Arc::clone(columns.schema()));
        self.announce(announced).await?;
        self.fetched().await?;
        let mut sent = 0;
        while let Some(batch) = self.next_batch(&mut stream).await? {
            for rows in ArrowColumns::parts(&batch)? {
                sent += rows.len();
                let messages = columns.messages(&batch, rows);
                for message in messages.map_err(DataFusionError::from)? {
                    self.announce(Event::Batch(message)).await?;
                }
            }
        }
        Ok(counted(tag, sent))
    }

    async fn announce(&mut self, event: Event) -> Result<(), Failure> {
        let sent = self.send(event).await;
        sent.map_err(|Stopped| Failure::Stopped)
    }
}
